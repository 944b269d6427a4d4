package slacksim

import "strings"

// everywhere are the errors that Slack documents for all methods.
const everywhere = "not_authed invalid_auth not_allowed_token_type missing_scope invalid_arguments invalid_arg_name invalid_array_arg " +
	"invalid_charset invalid_form_data invalid_post_type missing_post_type invalid_json request_timeout ratelimited fatal_error internal_error service_unavailable"

// takes returns the optional arguments of each method.
func takes() map[string]string {
	const content = "text blocks markdown_text attachments metadata "
	return map[string]string{
		"chat.postMessage": content + "thread_ts reply_broadcast unfurl_links unfurl_media parse link_names", "chat.update": content + "parse link_names",
		"chat.postEphemeral": content + "thread_ts", "chat.startStream": "thread_ts markdown_text chunks recipient_user_id recipient_team_id recipient_user_id recipient_team_id task_display_mode",
		"chat.appendStream": "markdown_text chunks", "chat.stopStream": "markdown_text chunks blocks metadata session_status",
		"conversations.list": "types cursor limit", "users.conversations": "types cursor limit", "conversations.members": "cursor limit",
		"conversations.replies": "cursor limit oldest latest inclusive include_all_metadata", "conversations.history": "cursor limit oldest latest inclusive include_all_metadata",
		"conversations.open": "users channel", "bots.info": "bot", "views.publish": "hash", "agents.sessions.setStatus": "channel_id channel_id thread_ts thread_ts title",
		"agents.sessions.rename": "channel_id channel_id thread_ts thread_ts", "assistant.threads.setStatus": "loading_messages", "assistant.threads.setSuggestedPrompts": "thread_ts title",
		"views.open": "trigger_id trigger_id trigger_id", "views.push": "trigger_id trigger_id trigger_id", "views.update": "view_id external_id hash",
		"files.completeUploadExternal": "channel_id thread_ts initial_comment", "users.list": "cursor limit",
	}
}

// answers returns the keys that the answer of each method has when it is ok, as Slack's examples
// show them.
func answers() map[string]string {
	return map[string]string{
		"auth.test": "url team team_id user user_id bot_id", "apps.connections.open": "url", "chat.postMessage": "channel ts message",
		"chat.update": "channel ts text message", "chat.delete": "channel ts", "chat.startStream": "channel ts", "chat.appendStream": "channel ts",
		"chat.stopStream": "channel ts message", "chat.postEphemeral": "message_ts", "chat.getPermalink": "channel permalink",
		"conversations.info": "channel", "conversations.list": "channels response_metadata", "users.conversations": "channels response_metadata",
		"conversations.members": "members response_metadata", "conversations.replies": "messages has_more", "conversations.history": "messages has_more",
		"conversations.open": "channel", "conversations.join": "channel", "users.info": "user", "users.list": "members", "files.info": "file", "bots.info": "bot",
		"team.info": "team", "views.publish": "view", "views.open": "view", "views.push": "view", "views.update": "view", "reactions.get": "message",
		"agents.sessions.rename": "title", "agents.sessions.setStatus": "status", "files.getUploadURLExternal": "upload_url file_id", "files.completeUploadExternal": "files",
	}
}

// invented returns values for arguments, good ones and bad ones. Those under the empty key are
// tried for every argument.
func invented() map[string][]string {
	const deep = 400
	blocks := []string{
		`[{"type":"section","text":{"type":"mrkdwn","text":"*x* <@U0ALICE001> <!here>"}}]`, `[{"type":"markdown","text":"# x\n\n|a|b|\n|-|-|\n|1|2|"}]`, `[]`, `[null]`, `[[]]`, `[1]`, `[{"type":7}]`,
		`[{"type":"section"}]`, `[{"type":"actions","elements":[{"type":"button","text":null}]}]`, `[{"type":"actions","elements":{}}]`, `[{"type":"context","elements":[null,1]}]`,
		`[{"type":"table","rows":[[{"type":"raw_text","text":"x"}],null,[1]]}]`, `[{"type":"data_table","rows":[[]]}]`, `[{"type":"data_visualization","chart":{"type":"pie","segments":[{}]}}]`,
		`[{"type":"data_visualization","title":"t","chart":{"type":"bar","axis_config":{"categories":["a"]},"series":[{"name":"s","data":[{"label":"a","value":1}]}]}}]`,
		`[{"type":"plan","title":"p","tasks":[{"task_id":"1"},{"task_id":"1"}]},{"type":"task_card"}]`, `[{"type":"layout","label":"l","rows":[{"items":[{"block":{"type":"divider"}}]}]}]`,
		`[{"type":"layout","label":1,"rows":[{"items":[{"block":{"type":"layout"}}]}],"fallback":[null]}]`, `[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"x"}]}]}]`,
		`[{"type":"header","level":2.5,"text":{"type":"plain_text","text":"x"}}]`, `[{"type":"image"}]`, `[{"type":"context_actions","elements":[{"type":"feedback_buttons"}]}]`,
		strings.Repeat("[", deep) + strings.Repeat("]", deep), `[{"type":"input","element":{"type":"plain_text_input"}}]`, `{"type":"section"}`,
	}
	view := `{"type":"modal","title":{"type":"plain_text","text":"T"},"submit":{"type":"plain_text","text":"S"},"external_id":"e","blocks":` + blocks[0] + `}`
	views := []string{view, strings.Replace(view, `"external_id":"e",`, "", 1), `{"type":"home","blocks":` + blocks[0] + `}`, `{"type":"home","blocks":[]}`, `{"type":"modal"}`, `{"type":"home","blocks":{}}`, `[]`, `null`}
	for _, b := range blocks {
		views = append(views, strings.Replace(view, blocks[0], b, 1), `{"type":"home","blocks":`+b+`}`)
	}
	return map[string][]string{
		"": {
			"", " ", "null", "true", "0", "-1", "1e999", "[]", "{}", `""`, "\x00", "\xff\xfe", "𝔘𝔫𝔦", strings.Repeat("x", 13_000), strings.Repeat("ä", 4_001), "C404", "U404", "<!channel>", "1.5", "999999999999999999999",
			"1700000000.000001", ".", "a.b", "-5.-5", "{", `"`, `\u0000`, "../..", "%zz", strings.Repeat("# h\n", 60), strings.Repeat("<", 3_000), strings.Repeat("- ", 2_000) + "x", strings.Repeat("> ", 900) + "x", "```\n" + strings.Repeat("|a|b|\n", 200),
		},
		"blocks": blocks, "view": views, "text": {"hello", "<@U0ALICE001> & <!here>", "https://example.com"}, "markdown_text": {"**hello**", "# h\n\n- a\n- b"},
		"attachments": {`[{"text":"x"}]`, `[]`, `{}`}, "metadata": {`{"event_type":"e","event_payload":{}}`, `{}`, `[]`, `{"event_type":1}`},
		"chunks": {
			`[{"type":"markdown_text","text":"x"}]`, `[]`, `[null]`, `[{"type":"task_update","id":"1","title":"t","status":"complete"}]`, `[{"type":"plan_update","title":"p"}]`,
			`[{"type":"blocks","blocks":[{"type":"divider"}]}]`, `[{"type":"blocks","blocks":null}]`, `[{"type":"markdown_text"}]`, `[{"type":"task_update","id":1}]`, `{}`,
		},
		"user": {"U0ALICE001", "U0GINA0001", "U0DEPLOY01", "U0LLMBOT01"}, "user_id": {"U0ALICE001", "U0ERIK0001", "U0DEPLOY01"}, "users": {"U0ALICE001", "U0BOB00001,U0ALICE001"}, "recipient_user_id": {"U0ALICE001", "U0ERIK0001"},
		"bot": {"B0LLMBOT01", "B0DEPLOY01"}, "name": {"eyes", "thumbsup", ":wave:", "Not One"}, "status": {"processing", "active", "closed", "thinks"}, "title": {"a title"}, "session_status": {"active", "gone"},
		"filename": {"a.txt"}, "length": {"4", "0", "99999999999"}, "limit": {"1", "2", "1000", "100000"}, "cursor": {"bmV4dF90czox", "bmV4dF90czoxNzAwMDAwMDAwMDAwMDAw"}, "types": {"public_channel,im", "private_channel"},
		"oldest": {"1700000000.000001", "0"}, "latest": {"99999999999.000001", "now"}, "inclusive": {"true", "1", "false"}, "include_all_metadata": {"true"}, "reply_broadcast": {"true"}, "unfurl_links": {"false"},
		"unfurl_media": {"false"}, "parse": {"full", "none"}, "link_names": {"true"}, "task_display_mode": {"plan", "dense", "list"}, "hash": {"1.2"}, "view_id": {"V0000000001", "V404"}, "external_id": {"e", "f"},
		"prompts": {`[{"title":"a","message":"b"}]`, `[{}]`, `[1,2,3,4,5]`}, "loading_messages": {`["a","b"]`, "a,b"}, "initial_comment": {"here"},
	}
}

// documented returns the errors that Slack documents for each method beside those of everywhere, as
// far as this workspace has a use for them. Source: slack-ruby/slack-api-ref, a machine copy of
// docs.slack.dev/reference/methods, and facts/slack.md §2.2 and §3.3; and those of guessed.
func documented() map[string]string {
	const post = "channel_not_found not_in_channel is_archived msg_too_long no_text invalid_blocks invalid_blocks_format msg_blocks_too_long markdown_text_conflict " +
		"invalid_attachments too_many_attachments invalid_metadata_format invalid_metadata_schema metadata_too_large rate_limited restricted_action message_limit_exceeded "
	const stream = "channel_not_found not_in_channel invalid_chunks invalid_blocks msg_blocks_too_long msg_blocks_too_many no_text message_not_found message_not_owned_by_app " +
		"message_not_in_streaming_state channel_type_not_supported messages_tab_disabled rate_limited user_not_found missing_recipient_user_id missing_recipient_team_id "
	const view = "duplicate_external_id view_too_large "
	const trigger = view + "exchanged_trigger_id expired_trigger_id invalid_trigger_id "
	const reaction = "bad_timestamp channel_not_found message_not_found no_item_specified invalid_name "
	const page = "invalid_cursor invalid_ts_latest invalid_ts_oldest channel_not_found "
	m := map[string]string{
		"auth.test": "", "team.info": "", "apps.connections.open": "", "users.list": "invalid_cursor",
		"chat.postMessage": post, "chat.update": post + "message_not_found cant_update_message edit_window_closed block_mismatch streaming_state_conflict is_inactive update_failed",
		"chat.postEphemeral": post + "user_not_in_channel", "chat.delete": "channel_not_found message_not_found cant_delete_message", "chat.getPermalink": "channel_not_found message_not_found",
		"chat.startStream": stream, "chat.appendStream": stream + "stopped_by_user", "chat.stopStream": stream + "invalid_blocks_format invalid_metadata_format invalid_metadata_schema",
		"conversations.info": "channel_not_found", "conversations.list": "invalid_cursor invalid_limit", "users.conversations": "invalid_cursor invalid_limit",
		"conversations.members": "channel_not_found invalid_cursor invalid_limit fetch_members_failed", "conversations.replies": page + "thread_not_found", "conversations.history": page + "not_in_channel",
		"conversations.open": "channel_not_found user_not_found users_list_not_supplied method_not_supported_for_channel_type", "conversations.join": "channel_not_found is_archived method_not_supported_for_channel_type",
		"users.info": "user_not_found", "bots.info": "bot_not_found", "files.info": "file_not_found file_deleted",
		"files.delete":               "file_not_found file_deleted cant_delete_file delete_not_allowed file_deleting_disabled access_denied",
		"files.getUploadURLExternal": "missing_argument file_upload_size_restricted", "files.completeUploadExternal": "file_not_found channel_not_found not_in_channel access_denied invalid_channel",
		"views.open": trigger, "views.push": trigger + "not_found push_limit_reached", "views.update": view + "not_found hash_conflict", "views.publish": view + "hash_conflict not_enabled",
		"reactions.add": reaction + "already_reacted too_many_emoji too_many_reactions", "reactions.remove": reaction + "no_reaction", "reactions.get": reaction,
		"agents.sessions.setStatus": "channel_not_found not_authorized invalid_status thread_ts_required feature_disabled", "agents.sessions.rename": "channel_not_found not_authorized session_not_found thread_ts_required feature_disabled",
		"assistant.threads.setStatus": "channel_not_found invalid_thread_ts", "assistant.threads.setTitle": "channel_not_found invalid_thread_ts", "assistant.threads.setSuggestedPrompts": "channel_not_found invalid_thread_ts",
	}
	for method, names := range guessed() {
		m[method] += " " + names
	}
	return m
}

// guessed returns the errors that the pages of these methods do not list, and that we answer all
// the same: others saw the first four lines of them on a live Slack (facts/slack.md §2.2, §3.2);
// the rest is what other methods say in the same case.
func guessed() map[string]string {
	return map[string]string{
		"chat.startStream":  "invalid_thread_ts msg_too_long markdown_text_conflict",
		"chat.appendStream": "streaming_mode_mismatch msg_too_long markdown_text_conflict",
		"chat.stopStream":   "streaming_mode_mismatch msg_too_long markdown_text_conflict",
		"chat.delete":       "", // cant_delete_message of a live stream

		"conversations.history": "invalid_limit", "conversations.replies": "invalid_limit not_in_channel",
		"agents.sessions.setStatus": "invalid_thread_ts not_agent_app", "assistant.threads.setStatus": "not_in_channel",
	}
}
