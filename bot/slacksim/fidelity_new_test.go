package slacksim_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"llmbot/bot/slacksim"
)

// newPoints are §10: the state of 2026-11-30.
func newPoints() []point {
	const chart = `{"type":"data_visualization","title":"t","chart":{"type":"pie","segments":[{"label":"a","value":1}]}}`
	agent := slacksim.Config{Agent: true, Events: append(slacksim.DefaultEvents(), "agent_session_stopped")}
	session := func(s *space, args ...string) reply {
		asked := s.Say("alice", "general", "", "x")
		return s.call("agents.sessions.setStatus", append([]string{"channel_id", s.ChannelID("general"), "thread_ts", asked}, args...)...)
	}
	card := func(title, body string) string {
		return `{"type":"card","title":{"type":"mrkdwn","text":"` + title + `"},"body":{"type":"mrkdwn","text":"` + body + `"}}`
	}
	cards := func(n int) string {
		return `{"type":"carousel","elements":[` + card("c", "b") + strings.Repeat(","+card("c", "b"), n-1) + `]}`
	}
	container := func(n int) string {
		return `{"type":"container","title":{"type":"plain_text","text":"c"},"child_blocks":[{"type":"divider"}` + strings.Repeat(`,{"type":"divider"}`, n-1) + `]}`
	}
	return []point{
		{id: "10.1 blocks of messages", source: "slack-go v0.35, its blocks; docs.slack.dev, blocks", try: func(t *testing.T, s *space) {
			for _, b := range []string{
				`{"type":"context_actions","elements":[{"type":"icon_button","icon":"trash","text":{"type":"plain_text","text":"x"}}]}`, `{"type":"markdown","text":"x"}`,
				`{"type":"table","rows":[[{"type":"raw_text","text":"x"}]]}`, `{"type":"data_table","caption":"c","rows":[[{"type":"raw_text","text":"x"}]]}`, chart,
				`{"type":"task_card","task_id":"1","title":"t"}`, `{"type":"plan","title":"p"}`, card("c", "b"), cards(10), container(10),
				`{"type":"layout","label":"l","rows":[{"items":[{"block":{"type":"divider"}}]}]}`,
			} {
				want(t, b, s.blocks(b), "")
			}
			for what, b := range map[string]string{
				"a title of 151": card(strings.Repeat("x", 151), "b"), "a body of 201": card("c", strings.Repeat("x", 201)), "no card": `{"type":"card"}`, "a title without type": `{"type":"card","title":"c"}`,
				"11 cards": cards(11), "0 cards": `{"type":"carousel","elements":[]}`, "11 children": container(11), "no children": `{"type":"container","title":{"type":"plain_text","text":"c"}}`,
			} {
				want(t, what, s.blocks(b), "invalid_blocks")
			}
			want(t, "an alert", s.blocks(`{"type":"alert","text":{"type":"plain_text","text":"x"}}`), "invalid_blocks")
		}},
		{id: "10.1 chunks of streams", source: "docs.slack.dev, chat.startStream; slack-go v0.35, its chunks (facts §2.1)", try: func(t *testing.T, s *space) {
			ts, call := s.streaming("general", "chunks", `[{"type":"markdown_text","text":"a"},{"type":"task_update","id":"1","title":"t","status":"pending"},{"type":"plan_update","title":"p"},{"type":"blocks","blocks":[{"type":"divider"}]}]`)
			want(t, "another", call("chat.appendStream", "chunks", `[{"type":"poem"}]`), "invalid_chunks")
			m, _ := s.Message("general", ts)
			want(t, "blocks", len(m.Blocks), 4)
		}},
		{id: "10.1 no markdown block in views", source: "docs.slack.dev, markdown block (facts §3.1)", try: func(t *testing.T, s *space) {
			want(t, "error", s.call("views.publish", "user_id", s.UserID("alice"), "view", `{"type":"home","blocks":`+md("x")+`}`).err(), "invalid_arguments")
		}},
		{id: "10.2 session_status and dense", source: "docs.slack.dev of May and August 2026 (facts §2.1)", cfg: agent, try: func(t *testing.T, s *space) {
			ts, call := s.streaming("general", "task_display_mode", "dense")
			m, _ := s.Message("general", ts)
			want(t, "an unknown one", call("chat.stopStream", "session_status", "gone"), "invalid_arguments")
			want(t, "stop", call("chat.stopStream", "session_status", "suspended"), "")
			want(t, "session", s.Session("general", m.ThreadTS), "suspended")
		}},
		{id: "10.2 loading_messages", source: "docs.slack.dev, assistant.threads.setStatus (facts §4); a comma splits what is no JSON: slack-go v0.35; the error for too many: a guess", guess: true, try: func(t *testing.T, s *space) {
			asked := s.Say("alice", "@alice", "", "x")
			set := func(m string) string {
				return s.call("assistant.threads.setStatus", "channel_id", s.ChannelID("@alice"), "thread_ts", asked, "status", "x", "loading_messages", m).err()
			}
			want(t, "JSON", set(`["a, b"]`), "")
			want(t, "10", set(strings.Repeat("x,", 9)+"x"), "")
			want(t, "11", set(strings.Repeat("x,", 10)+"x"), "invalid_arguments")
			want(t, "51 characters", set(strings.Repeat("x", 51)), "invalid_arguments")
		}},
		{id: "10.3.1 visible_to_user_ids", source: "docs.slack.dev, icon button; slack-go v0.35", try: func(t *testing.T, s *space) {
			s.link(ackAll)
			ts, _ := s.post("text", "x", "blocks", `[{"type":"actions","elements":[{"type":"button","action_id":"a","visible_to_user_ids":["U0ALICE001"],"text":{"type":"plain_text","text":"x"}}]}]`)
			want(t, "Alice", s.Click(t.Context(), "alice", "general", ts, "a"), nil)
			want(t, "Bob", errors.Is(s.Click(t.Context(), "bob", "general", ts, "a"), slacksim.ErrButtonNotFound), true)
		}},
		{id: "10.3.2 six series, two charts", source: "slack-go v0.35 (six); slack-morphism 2.30, OpenClaw (two); OpenClaw has twelve series", guess: true, try: func(t *testing.T, s *space) {
			want(t, "two charts", s.blocks(chart, chart), "")
			want(t, "three charts", s.blocks(chart, chart, chart), "invalid_blocks")
			segment := `{"label":"a","value":1}`
			want(t, "7 segments", s.blocks(strings.Replace(chart, segment, segment+strings.Repeat(","+segment, 6), 1)), "invalid_blocks")
		}},
		{id: "10.3.3 data_table", source: "OpenClaw: 100 rows, 10,000 characters; Slack's skill has twice that", guess: true, try: func(t *testing.T, s *space) {
			table := func(rows int, text string) string {
				row := `[{"type":"raw_text","text":"` + text + `"}]`
				return `{"type":"data_table","caption":"c","rows":[` + row + strings.Repeat(","+row, rows-1) + `]}`
			}
			want(t, "100 rows", s.blocks(table(100, "x")), "")
			want(t, "101 rows", s.blocks(table(101, "x")), "invalid_blocks")
			want(t, "10,001 characters", s.blocks(table(1, strings.Repeat("x", 10_001))), "invalid_blocks")
			want(t, "no caption", s.blocks(strings.Replace(table(1, "x"), `"caption":"c",`, "", 1)), "invalid_blocks")
		}},
		{id: "10.3.4 plans", source: "GitLab's use of them; the error: a guess", guess: true, try: func(t *testing.T, s *space) {
			plan := func(n int, id string) string {
				var tasks []string
				for i := range n {
					tasks = append(tasks, fmt.Sprintf(`{"task_id":"%s","title":"t"}`, strings.ReplaceAll(id, "N", fmt.Sprint(i))))
				}
				return `{"type":"plan","title":"p","tasks":[` + strings.Join(tasks, ",") + `]}`
			}
			want(t, "50 tasks", s.blocks(plan(50, "N")), "")
			want(t, "51 tasks", s.blocks(plan(51, "N")), "invalid_blocks")
			want(t, "one id twice", s.blocks(plan(2, "1")), "invalid_blocks")
			want(t, "with a task_card", s.blocks(plan(1, "1"), `{"type":"task_card","task_id":"2","title":"t"}`), "invalid_blocks")
		}},
		{id: "10.3.5 a stream needs a thread", source: "measured (facts §2.4); slack-web-api 0.2.1 has it optional in channels", guess: true, try: func(t *testing.T, s *space) {
			want(t, "error", s.call("chat.startStream", "channel", s.ChannelID("general"), "recipient_user_id", s.UserID("alice"), "recipient_team_id", "T0ACME0001").err(), "invalid_thread_ts")
		}},
		{id: "10.3.6 agent sessions", source: "slack-ruby/slack-api-ref, agents.sessions.setStatus", cfg: agent, try: func(t *testing.T, s *space) {
			want(t, "a free text", session(s, "status", "thinks").err(), "invalid_status")
			want(t, "no thread", s.call("agents.sessions.setStatus", "channel_id", s.ChannelID("general"), "status", "active").err(), "thread_ts_required")
			want(t, "not a member", s.call("agents.sessions.setStatus", "channel_id", s.ChannelID("no-bot"), "status", "active", "thread_ts", "1.0").err(), "not_authorized")
			r := session(s, "status", "processing", "title", "T")
			want(t, "answer", fmt.Sprintf("%v %v %v %v", r["status"], r["agent_status"], r["title"], r["warning"]), "processing processing T <nil>")
		}},
		{id: "10.3.6 a warning without the subscription", source: "docs.slack.dev, agents.sessions.setStatus", cfg: slacksim.Config{Agent: true}, try: func(t *testing.T, s *space) {
			want(t, "warning", fmt.Sprint(session(s, "status", "processing")["warning"]), "missing_agent_session_stopped_event_subscription")
		}},
		{id: "10.3.6 not an agent", source: "facts §4: not_agent_app", try: func(t *testing.T, s *space) {
			want(t, "error", session(s, "status", "active").err(), "not_agent_app")
		}},
		{id: "10.3.8 needed and provided", source: "slack-go v0.32, SlackErrorResponse", cfg: slacksim.Config{Scopes: []string{"chat:write"}}, try: func(t *testing.T, s *space) {
			r := s.call("users.info", "user", s.UserID("alice"))
			want(t, "answer", fmt.Sprintf("%v %v %v", r.err(), r["needed"], r["provided"]), "missing_scope users:read chat:write")
		}},
		{id: "10.3.9 the level of a header", source: "slack-go v0.26: 1 to 4", try: func(t *testing.T, s *space) {
			for level, e := range map[string]string{"1": "", "4": "", "0": "invalid_blocks", "5": "invalid_blocks", `"2"`: "invalid_blocks"} {
				want(t, level, s.blocks(`{"type":"header","level":`+level+`,"text":{"type":"plain_text","text":"x"}}`), e)
			}
		}},
		{id: "10.3.14 suggested prompts", source: "slack-ruby/slack-api-ref, assistant.threads.setSuggestedPrompts; at most four: facts §4; the error: a guess", guess: true, cfg: slacksim.Config{Scopes: []string{"assistant:write"}}, try: func(t *testing.T, s *space) {
			set := func(n int) string {
				one := `{"title":"a","message":"b"}`
				return s.call("assistant.threads.setSuggestedPrompts", "channel_id", s.ChannelID("@alice"), "prompts", "["+one+strings.Repeat(","+one, n-1)+"]").err()
			}
			want(t, "four, without a thread", set(4), "")
			want(t, "five", set(5), "invalid_arguments")
		}},
		{id: "10.3.15 the status of a task", source: "docs.slack.dev, task_update: pending, in_progress, complete, error", try: func(t *testing.T, s *space) {
			_, call := s.streaming("general")
			for _, status := range []string{"pending", "in_progress", "complete", "error"} {
				want(t, status, call("chat.appendStream", "chunks", `[{"type":"task_update","id":"1","title":"t","status":"`+status+`"}]`), "")
			}
			want(t, "completed", call("chat.appendStream", "chunks", `[{"type":"task_update","id":"1","title":"t","status":"completed"}]`), "invalid_chunks")
		}},
		{id: "10.3.16 layouts", source: "docs.slack.dev, layout block: fallback is optional there; the errors: a guess", guess: true, try: func(t *testing.T, s *space) {
			item := `{"block":{"type":"divider"}}`
			layout := func(label string, rows, items int) string {
				row := `{"items":[` + item + strings.Repeat(","+item, items-1) + `]}`
				return `{"type":"layout","label":"` + label + `","rows":[` + row + strings.Repeat(","+row, rows-1) + `]}`
			}
			want(t, "the most", s.blocks(layout(strings.Repeat("x", 150), 5, 3)), "")
			for what, b := range map[string]string{
				"a long label": layout(strings.Repeat("x", 151), 1, 1), "6 rows": layout("l", 6, 1), "4 items": layout("l", 1, 4), "no label": layout("", 1, 1),
				"Markdown in it": strings.Replace(layout("l", 1, 1), `"divider"`, `"markdown","text":"x"`, 1), "a layout in it": strings.Replace(layout("l", 1, 1), `"divider"`, `"layout"`, 1),
			} {
				want(t, what, s.blocks(b), "invalid_blocks")
			}
		}},
		{id: "10.3.18 metadata comes back", source: "docs.slack.dev, include_all_metadata (facts §5.4)", try: func(t *testing.T, s *space) {
			ts, _ := s.post("text", "x", "metadata", `{"event_type":"e","event_payload":{"key":"k"}}`)
			for all, payload := range map[string]string{"false": "<nil>", "true": "map[key:k]"} {
				list, _ := s.call("conversations.replies", "channel", s.ChannelID("general"), "ts", ts, "include_all_metadata", all)["messages"].([]any)
				meta, _ := list[0].(map[string]any)["metadata"].(map[string]any)
				want(t, all, fmt.Sprintf("%v %v", meta["event_type"], meta["event_payload"]), "e "+payload)
			}
		}},
		{id: "10.4 empty chunks end a stream", source: "chatStream of @slack/web-api 8.2, chat_stream of slack_sdk 3.48", try: func(t *testing.T, s *space) {
			_, call := s.streaming("general", "chunks", chunk("a"))
			want(t, "stop", call("chat.stopStream", "chunks", "[]"), "")
		}},
		{id: "10.4 a bot's text becomes rich_text", source: "slack_bolt 1.30, its thread context store", try: func(t *testing.T, s *space) {
			ts, _ := s.post("text", "x")
			list, _ := s.call("conversations.replies", "channel", s.ChannelID("general"), "ts", ts)["messages"].([]any)
			blocks, _ := list[0].(map[string]any)["blocks"].([]any)
			if !slices.ContainsFunc(blocks, func(b any) bool { return b.(map[string]any)["type"] == "rich_text" }) {
				t.Errorf("%v", list)
			}
		}},
		{id: "10.5 each element in its place, with its fields", source: "@slack/types 3.2; docs.slack.dev, block elements, composition objects", try: func(t *testing.T, s *space) {
			option := `{"text":{"type":"plain_text","text":"x"},"value":"1"}`
			want(t, "a menu", s.blocks(inBlock("actions", element("static_select", `"options":[`+option+`]`))), "")
			want(t, "a menu without options", s.blocks(inBlock("actions", element("static_select", ""))), "invalid_blocks")
			want(t, "a field of a form", s.blocks(inBlock("actions", element("plain_text_input", ""))), "invalid_blocks")
			want(t, "an accessory without text", s.blocks(inBlock("section", element("button", ""))), "invalid_blocks")
		}},
		{id: "10.5 what is chosen, and the state of the rest", source: "docs.slack.dev, block_actions payload; @slack/bolt 5.1, BlockElementAction", try: func(t *testing.T, s *space) {
			l := s.link(ackAll)
			ts, _ := s.post("text", "x", "blocks", chooseBlocks())
			must(t, s.ClickValue(t.Context(), "alice", "general", ts, "datepicker", "2026-12-24"))
			must(t, s.ClickValue(t.Context(), "alice", "general", ts, "static_select", "2"))
			got := l.clicked(t)
			want(t, "chosen", got[1].ActionCallback.BlockActions[0].SelectedOption.Value, "2")
			want(t, "before", got[1].BlockActionState.Values["a"]["datepicker"].SelectedDate, "2026-12-24")
		}},
		{id: "10.5 attachments", source: "slackapi/bolt-js #717 and bolt-python #914: invalid_attachments; docs.slack.dev, chat.update: they are retained", try: func(t *testing.T, s *space) {
			ts, e := s.post("attachments", withButton)
			want(t, "error", e, "")
			want(t, "an edit", s.call("chat.update", "channel", s.ChannelID("general"), "ts", ts, "text", "x").err(), "")
			m, _ := s.Message("general", ts)
			want(t, "kept", len(m.Attachments), 1)
			_, e = s.post("attachments", `[{"blocks":[{"type":"section"}]}]`)
			want(t, "a wrong block", e, "invalid_attachments")
		}},
	}
}
