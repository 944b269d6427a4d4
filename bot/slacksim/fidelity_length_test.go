package slacksim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"llmbot/bot/slacksim"
)

const (
	measured  = "measured by others (facts §3.2): "
	streamErr = reference + ", chat.startStream (facts §2.2)"
)

// lengthPoints are §8.4.7: what Slack refuses.
func lengthPoints() []point {
	repeated := func(part string, n int) string { return strings.Repeat(part, n) }
	return []point{
		{id: "8.4.7 50 rendered blocks", source: measured + "archestra, chickpea; docs.slack.dev, markdown block", try: func(t *testing.T, s *space) {
			want(t, "50 dividers", s.blocks(`{"type":"divider"}`+repeated(`,{"type":"divider"}`, 49)), "")
			want(t, "51 dividers", s.blocks(`{"type":"divider"}`+repeated(`,{"type":"divider"}`, 50)), "invalid_blocks")
			want(t, "25 headings with text", s.blocks(strings.Trim(md(repeated("# h\n\ntext\n\n", 25)), "[]")), "")
			want(t, "26 headings with text", s.blocks(strings.Trim(md(repeated("# h\n\ntext\n\n", 26)), "[]")), "msg_blocks_too_long")
		}},
		{id: "8.4.7 12,000 characters of a markdown block", source: measured + "metabase 79908", try: func(t *testing.T, s *space) {
			want(t, "12,000 of CJK", s.blocks(strings.Trim(md(repeated("字", 12_000)), "[]")), "")
			want(t, "12,001", s.blocks(strings.Trim(md(repeated("x", 12_001)), "[]")), "invalid_blocks")
		}},
		{id: "8.4.7 13,200 counted characters", source: measured + "metabase, bolt-js #2509, chickpea", try: func(t *testing.T, s *space) {
			long := `{"type":"markdown","text":"` + repeated("x", 6_600) + `"}`
			want(t, "13,200", s.blocks(long, long), "")
			want(t, "and one", s.blocks(long, long, `{"type":"section","text":{"type":"mrkdwn","text":"x"}}`), "msg_blocks_too_long")
			want(t, "entities", s.blocks(`{"type":"markdown","text":"`+repeated("&", 2_641)+`"}`), "msg_blocks_too_long")
			want(t, "headings", s.blocks(`{"type":"markdown","text":"`+repeated(`# h\n\n`, 20)+repeated("x", 11_200)+`"}`), "msg_blocks_too_long")
		}},
		{id: "8.4.7 4,000 bytes of chat.update's text", source: measured + "in bytes; docs.slack.dev says characters", try: func(t *testing.T, s *space) {
			ts, _ := s.post("text", "x")
			for text, e := range map[string]string{repeated("x", 4_000): "", repeated("x", 4_001): "msg_too_long", repeated("字", 1_334): "msg_too_long"} {
				want(t, fmt.Sprint(len(text)), s.call("chat.update", "channel", s.ChannelID("general"), "ts", ts, "text", text).err(), e)
			}
		}},
		{id: "8.4.7 text above 40,000 is cut", source: "docs.slack.dev, chat.postMessage (facts §3.2)", try: func(t *testing.T, s *space) {
			ts, e := s.post("text", repeated("x", 40_001))
			m, _ := s.Message("general", ts)
			want(t, "error and length", fmt.Sprint(e, len(m.Text)), "40000")
		}},
		{id: "8.4.7 lengths in blocks", source: "docs.slack.dev, blocks (facts §3.2)", try: func(t *testing.T, s *space) {
			section := func(n int) string {
				return `{"type":"section","text":{"type":"mrkdwn","text":"` + repeated("x", n) + `"}}`
			}
			header := func(n int) string {
				return `{"type":"header","text":{"type":"plain_text","text":"` + repeated("x", n) + `"}}`
			}
			elements := func(typ, one string, n int) string {
				return `{"type":"` + typ + `","elements":[` + one + repeated(","+one, n-1) + `]}`
			}
			text, button := `{"type":"mrkdwn","text":"x"}`, `{"type":"button","text":{"type":"plain_text","text":"x"}}`
			icon := `{"type":"icon_button","icon":"trash","text":{"type":"plain_text","text":"x"}}`
			for _, c := range []struct {
				what string
				make func(int) string
				most int
			}{
				{"section", section, 3_000},
				{"header", header, 150},
				{"context", func(n int) string { return elements("context", text, n) }, 10},
				{"actions", func(n int) string { return elements("actions", button, n) }, 25},
				{"context_actions", func(n int) string { return elements("context_actions", icon, n) }, 5},
				{"fields", func(n int) string {
					return `{"type":"section","fields":[` + text + repeated(","+text, n-1) + `]}`
				}, 10},
			} {
				want(t, c.what, s.blocks(c.make(c.most)), "")
				want(t, c.what+" and one", s.blocks(c.make(c.most+1)), "invalid_blocks")
			}
		}},
		{id: "8.4.7 markdown_text alone", source: reference + ", chat.postMessage (facts §3.1)", try: func(t *testing.T, s *space) {
			for _, with := range [][]string{{"text", "x"}, {"blocks", md("x")}} {
				_, e := s.post(append(with, "markdown_text", "x")...)
				want(t, with[0], e, "markdown_text_conflict")
			}
			_, e := s.post("markdown_text", "x")
			want(t, "alone", e, "")
		}},
		{id: "8.4.7 not_in_channel", source: reference + ", chat.postMessage", try: func(t *testing.T, s *space) {
			want(t, "error", s.call("chat.postMessage", "channel", s.ChannelID("no-bot"), "text", "x").err(), "not_in_channel")
		}},
		{id: "8.4.7 a thread that is gone", source: "facts §8.1: the post lands outside of it", try: func(t *testing.T, s *space) {
			asked := s.Say("alice", "general", "", "x")
			must(t, s.Delete("alice", "general", asked))
			ts, e := s.post("text", "x", "thread_ts", asked)
			m, _ := s.Message("general", ts)
			want(t, "error and thread", e+m.ThreadTS, "")
			want(t, "replies", s.call("conversations.replies", "channel", s.ChannelID("general"), "ts", asked).err(), "thread_not_found")
		}},
		{id: "8.4.7 edit_window_closed", source: reference + ", chat.update (facts §3.3)", cfg: slacksim.Config{EditWindow: time.Minute}, try: func(t *testing.T, s *space) {
			ts, _ := s.post("text", "x")
			for _, e := range []string{"", "edit_window_closed"} {
				want(t, "error", s.call("chat.update", "channel", s.ChannelID("general"), "ts", ts, "text", "y").err(), e)
				time.Sleep(time.Minute + time.Second)
			}
		}},
		{id: "8.4.7 message_not_found", source: reference + ", chat.update", try: func(t *testing.T, s *space) {
			want(t, "error", s.call("chat.update", "channel", s.ChannelID("general"), "ts", "1.000000", "text", "y").err(), "message_not_found")
		}},
		{id: "8.4.7 a stream ends after 5 min 12 s", source: "python-slack-sdk #1859, node-slack-sdk #2702 and others (facts §2.3)", try: func(t *testing.T, s *space) {
			ts, call := s.streaming("general", "chunks", chunk("a"))
			time.Sleep(5*time.Minute + 11*time.Second)
			want(t, "before", call("chat.appendStream", "chunks", chunk("b")), "")
			time.Sleep(time.Second)
			for _, method := range []string{"chat.appendStream", "chat.stopStream"} {
				want(t, method, call(method, "chunks", chunk("c")), "message_not_in_streaming_state")
			}
			m, _ := s.Message("general", ts)
			want(t, "it looks", m.Stream, slacksim.StreamBroken)
			want(t, "recovery", call("chat.update", "blocks", md("all")), "")
		}},
		{id: "8.4.7 one mode of a stream", source: "seen by others: streaming_mode_mismatch (facts §2.2)", try: func(t *testing.T, s *space) {
			_, call := s.streaming("general", "markdown_text", "a")
			want(t, "chunks", call("chat.appendStream", "chunks", chunk("b")), "streaming_mode_mismatch")
		}},
		{id: "8.4.7 a stream in a channel has a recipient", source: streamErr, try: func(t *testing.T, s *space) {
			asked := s.Say("alice", "general", "", "x")
			args := []string{"channel", s.ChannelID("general"), "thread_ts", asked}
			want(t, "nobody", s.call("chat.startStream", args...).err(), "missing_recipient_user_id")
			want(t, "no team", s.call("chat.startStream", append(args, "recipient_user_id", s.UserID("alice"))...).err(), "missing_recipient_team_id")
		}},
		{id: "8.4.7 no edit of a live stream", source: reference + ", chat.update: streaming_state_conflict; cant_delete_message (facts §2.2)", try: func(t *testing.T, s *space) {
			_, call := s.streaming("general", "chunks", chunk("a"))
			want(t, "update", call("chat.update", "text", "x"), "streaming_state_conflict")
			want(t, "delete", call("chat.delete"), "cant_delete_message")
		}},
		{id: "8.4.7 who sees a stream grow", source: "agentconnect #1494, bolt-js #2696 (facts §2.4)", try: func(t *testing.T, s *space) {
			ts, call := s.streaming("general", "chunks", chunk("one "))
			call("chat.appendStream", "chunks", chunk("two"))
			for who, shown := range map[string]string{"alice": "one two", "bob": "one "} {
				m, _ := s.MessageFor(who, "general", ts)
				want(t, who, m.Plain, shown)
			}
			call("chat.stopStream")
			m, _ := s.MessageFor("bob", "general", ts)
			want(t, "at the end", m.Plain, "one two")
		}},
		{id: "8.4.7 the size of a stream", source: "CopilotKit #6063, OpenClaw #143882 (facts §2.3); 10,600 bytes: the smallest that failed", guess: true, try: func(t *testing.T, s *space) {
			_, call := s.streaming("general", "chunks", chunk(repeated("x", 10_000)))
			want(t, "10,600", call("chat.appendStream", "chunks", chunk(repeated("x", 600))), "")
			want(t, "and one", call("chat.appendStream", "chunks", chunk("x")), "msg_too_long")
		}},
		{id: "8.4.7 after a stream, blocks stay blocks", source: reference + ", chat.update: block_mismatch (facts §2.4)", try: func(t *testing.T, s *space) {
			_, call := s.streaming("general", "chunks", chunk("a"))
			call("chat.stopStream")
			want(t, "text alone", call("chat.update", "text", "x"), "block_mismatch")
			want(t, "blocks", call("chat.update", "blocks", md("x")), "")
		}},
		{id: "8.4.7 what is wrong has a pointer", source: "slack-go, SlackErrorResponse (facts §8.1)", try: func(t *testing.T, s *space) {
			r := s.call("chat.postMessage", "channel", s.ChannelID("general"), "blocks", `[{"type":"divider"},{"type":"poem"}]`)
			meta, _ := r["response_metadata"].(map[string]any)
			want(t, "message", fmt.Sprint(meta["messages"]), "[[ERROR] unsupported type: poem [json-pointer:/blocks/1/type]]")
		}},
	}
}
