package slacksim_test

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/slacksim"
)

// streaming starts a stream for Alice under her question and returns a caller for the methods, with
// channel and ts filled in.
func (s *space) streaming(channel string, args ...string) (ts string, call func(method string, args ...string) string) {
	s.t.Helper()
	id := s.ChannelID(channel)
	root := s.Say("alice", channel, "", "@llm go on")
	r := s.call("chat.startStream", append([]string{
		"channel", id, "thread_ts", root, "recipient_user_id", s.UserID("alice"), "recipient_team_id", "T0ACME0001",
	}, args...)...)
	if r.err() != "" {
		s.t.Fatalf("start: %v", r)
	}
	ts, _ = r["ts"].(string)
	return ts, func(method string, args ...string) string {
		s.t.Helper()
		return s.call(method, append([]string{"channel", id, "ts", ts}, args...)...).err()
	}
}

func chunk(text string) string {
	return `[{"type":"markdown_text","text":` + strconv.Quote(text) + `}]`
}

func TestStreamArguments(t *testing.T) {
	bubble(t, slacksim.Config{Limiter: slacksim.LimiterOff}, func(t *testing.T, s *space) {
		general, dm := s.ChannelID("general"), s.ChannelID("@alice")
		asked, inDM := s.Say("alice", "general", "", "hi"), s.Say("alice", "@alice", "", "hi")
		to := []string{"recipient_user_id", s.UserID("alice"), "recipient_team_id", "T0ACME0001"}
		for _, c := range []struct {
			want string
			args []string
		}{
			{"invalid_thread_ts", append([]string{"channel", general}, to...)},
			{"invalid_thread_ts", append([]string{"channel", general, "thread_ts", "1.000000"}, to...)},
			{"invalid_thread_ts", []string{"channel", dm}},
			{"missing_recipient_user_id", []string{"channel", general, "thread_ts", asked}},
			{"missing_recipient_team_id", []string{"channel", general, "thread_ts", asked, "recipient_user_id", s.UserID("alice")}},
			{"user_not_found", []string{"channel", general, "thread_ts", asked, "recipient_user_id", "U404", "recipient_team_id", "T0ACME0001"}},
			{"not_in_channel", append([]string{"channel", "C0NOBOT001", "thread_ts", asked}, to...)},
			{"", append([]string{"channel", general, "thread_ts", asked}, to...)},
			{"", []string{"channel", dm, "thread_ts", inDM}},
			{"invalid_chunks", []string{"channel", dm, "thread_ts", inDM, "chunks", "{"}},
			{"invalid_chunks", []string{"channel", dm, "thread_ts", inDM, "chunks", `[{"type":"poem"}]`}},
			{"invalid_chunks", []string{"channel", dm, "thread_ts", inDM, "chunks", `[{"type":"task_update","id":"1"}]`}},
			{"invalid_chunks", []string{"channel", dm, "thread_ts", inDM, "chunks", `[{"type":"plan_update","title":"` + strings.Repeat("x", 257) + `"}]`}},
			{"invalid_blocks", []string{"channel", dm, "thread_ts", inDM, "chunks", `[{"type":"blocks","blocks":[{"type":"alert"}]}]`}},
			{"msg_blocks_too_many", []string{"channel", dm, "thread_ts", inDM, "chunks", `[{"type":"blocks","blocks":[` + strings.TrimSuffix(strings.Repeat(`{"type":"divider"},`, 51), ",") + `]}]`}},
			{"markdown_text_conflict", []string{"channel", dm, "thread_ts", inDM, "chunks", chunk("x"), "markdown_text", "x"}},
			{"msg_too_long", []string{"channel", dm, "thread_ts", inDM, "markdown_text", strings.Repeat("x", 12_001)}},
		} {
			if r := s.call("chat.startStream", c.args...); r.err() != c.want {
				t.Errorf("%v: %v, want %q", c.args, r, c.want)
			}
		}
		if n := len(s.Replies("general", asked)) + len(s.Replies("@alice", inDM)); n != 2 {
			t.Errorf("%d streams were started", n)
		}
		if e := s.call("chat.appendStream", "channel", general, "ts", asked, "markdown_text", "x").err(); e != "message_not_owned_by_app" {
			t.Error(e)
		}
	})
}

func TestStreamLife(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		ts, call := s.streaming("general", "chunks", chunk("**one** "))
		for _, c := range []struct{ want, method, arg, val string }{
			{"", "chat.appendStream", "chunks", `[{"type":"task_update","id":"t","title":"Look","status":"in_progress"},{"type":"markdown_text","text":"two"}]`},
			{"streaming_mode_mismatch", "chat.appendStream", "markdown_text", "three"},
			{"streaming_mode_mismatch", "chat.stopStream", "markdown_text", "three"},
			{"no_text", "chat.appendStream", "chunks", ""},
			{"streaming_state_conflict", "chat.update", "text", "x"},
			{"cant_delete_message", "chat.delete", "", ""},
			{"", "chat.appendStream", "chunks", `[{"type":"task_update","id":"t","title":"Look","status":"complete"},{"type":"plan_update","title":"Plan"}]`},
		} {
			if e := call(c.method, c.arg, c.val); e != c.want {
				t.Errorf("%s %s: %q, want %q", c.method, c.val, e, c.want)
			}
		}
		types := func(m slacksim.Message) (out []any) {
			for _, b := range m.Blocks {
				out = append(out, b["type"])
			}
			return out
		}
		mine, _ := s.MessageFor("alice", "general", ts)
		if mine.Stream != slacksim.StreamLive || len(types(mine)) != 4 || mine.Blocks[2]["status"] != "complete" || mine.Recipient != s.UserID("alice") {
			t.Errorf("alice sees %+v", mine)
		}
		if others, _ := s.MessageFor("bob", "general", ts); others.Plain != "**one** " || others.Text != "**one** " {
			t.Errorf("bob sees %+v", others)
		}
		if _, ok := s.MessageFor("erik", "general", ts); ok {
			t.Error("erik is not in the channel")
		}
		footer := `[{"type":"context","elements":[{"type":"mrkdwn","text":"foot"}]},{"type":"context_actions","elements":[{"type":"feedback_buttons","action_id":"fb","positive_button":{"text":{"type":"plain_text","text":"+"},"value":"good"},"negative_button":{"text":{"type":"plain_text","text":"-"},"value":"bad"}}]}]`
		for _, bad := range []struct{ want, blocks string }{
			{"invalid_blocks_format", "{"},
			{"invalid_blocks", `[{"type":"alert"}]`},
			{"msg_blocks_too_many", "[" + strings.TrimSuffix(strings.Repeat(`{"type":"divider"},`, 51), ",") + "]"},
		} {
			if e := call("chat.stopStream", "blocks", bad.blocks); e != bad.want {
				t.Errorf("%q, want %q", e, bad.want)
			}
		}
		before, _ := s.Message("general", ts)
		if e := call("chat.stopStream", "chunks", chunk(" end"), "blocks", footer, "metadata", `{"event_type":"x","event_payload":{"k":1}}`, "session_status", "active"); e != "" {
			t.Error(e)
		}
		for _, who := range []string{"alice", "bob"} {
			m, _ := s.MessageFor(who, "general", ts)
			if m.Stream != slacksim.StreamStopped || !strings.Contains(m.Plain, "end") || !strings.HasSuffix(m.Plain, "foot") || m.Edited || m.Metadata == nil || len(m.Buttons()) != 1 {
				t.Errorf("%s sees %+v", who, m)
			}
		}
		if m, _ := s.Message("general", ts); len(m.Versions) != 4 || m.Versions[0].Plain != "**one** " || len(before.Versions) != 3 {
			t.Errorf("versions: %+v", m.Versions)
		}
		for _, c := range []struct{ want, method, arg, val string }{
			{"message_not_in_streaming_state", "chat.appendStream", "chunks", chunk("x")},
			{"message_not_in_streaming_state", "chat.stopStream", "", ""},
			{"block_mismatch", "chat.update", "text", "x"},
			{"", "chat.update", "blocks", md("again")},
			{"block_mismatch", "chat.update", "text", "x"},
			{"", "chat.delete", "", ""},
		} {
			if e := call(c.method, c.arg, c.val); e != c.want {
				t.Errorf("%s %s: %q, want %q", c.method, c.val, e, c.want)
			}
		}
		time.Sleep(time.Minute)
		var kinds []string
		for _, e := range l.events() {
			if m, ok := e["message"].(map[string]any); ok && m["ts"] == ts {
				state, _ := m["streaming_state"].(string)
				kinds = append(kinds, state)
			}
		}
		if len(kinds) != 2 || kinds[0] != "completed" {
			t.Errorf("message_changed: %v", kinds)
		}
	})
}

func TestStreamExpires(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		start := time.Now()
		ts, call := s.streaming("@alice", "markdown_text", "a")
		for time.Since(start) < 5*time.Minute {
			time.Sleep(30 * time.Second)
			if e := call("chat.appendStream", "markdown_text", "b"); e != "" {
				t.Fatal(e)
			}
		}
		must(t, s.Wait(t.Context(), func(sim *slacksim.Sim) bool {
			m, _ := sim.Message("@alice", ts)
			return m.Stream == slacksim.StreamBroken
		}))
		if d := time.Since(start); d != slacksim.StreamFor {
			t.Errorf("it broke after %v", d)
		}
		for _, m := range []string{"chat.appendStream", "chat.stopStream"} {
			if e := call(m, "markdown_text", "c"); e != "message_not_in_streaming_state" {
				t.Errorf("%s: %q", m, e)
			}
		}
		if e := call("chat.update", "text", "whole", "blocks", md("whole")); e != "" {
			t.Error(e)
		}
		if m, _ := s.Message("@alice", ts); m.Plain != "whole" || m.Stream != slacksim.StreamStopped {
			t.Errorf("%+v", m)
		}
	})
}

func TestStreamLimits(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		_, call := s.streaming("@alice", "markdown_text", strings.Repeat("語", 3_000))
		if e := call("chat.appendStream", "markdown_text", strings.Repeat("語", 534)); e != "msg_too_long" {
			t.Errorf("10,602 bytes: %q", e)
		}
		if e := call("chat.appendStream", "markdown_text", strings.Repeat("x", 1_600)); e != "" {
			t.Errorf("10,600 bytes: %q", e)
		}
		if e := call("chat.stopStream", "markdown_text", "x"); e != "msg_too_long" {
			t.Errorf("10,601 bytes: %q", e)
		}
		good, appended := 0, 0
		for range 150 {
			if _, call := s.tryStream("@alice"); call != nil {
				good++
			}
			if e := call("chat.appendStream", "markdown_text", ""); e == "no_text" {
				appended++
			}
		}
		if good != 19 || appended != 98 {
			t.Errorf("%d starts and %d appends went through", good, appended)
		}
		if s.Notified() != nil {
			t.Error("pings")
		}
		time.Sleep(time.Minute)
		if e := call("chat.stopStream"); e != "" {
			t.Errorf("%q", e)
		}
	})
}

// tryStream starts a stream that may be refused.
func (s *space) tryStream(channel string) (string, any) {
	r := s.call("chat.startStream", "channel", s.ChannelID(channel), "thread_ts", s.Channel(channel)[0].TS)
	ts, _ := r["ts"].(string)
	if ts == "" {
		return "", nil
	}
	return ts, true
}

// A mention can be split over two chunks; it is found, once.
func TestStreamPings(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		_, call := s.streaming("general", "chunks", chunk("x <!he"))
		if n := len(s.Notified()); n != 0 {
			t.Errorf("%d pings", n)
		}
		for _, text := range []string{"re> and", " <@U0BOB00001>", " more https://evil.example/", "!"} {
			call("chat.appendStream", "chunks", chunk(text))
		}
		if n := s.Notified(); len(n) != 2 || n[0].Who != "here" || n[0].Method != "chat.appendStream" {
			t.Errorf("%v", n)
		}
		if u := s.Unfurled(); len(u) != 0 {
			t.Errorf("%v", u)
		}
		synctest.Wait()
	})
}

// TestStreamEndsWithNothing ends a stream as the helpers of Slack's own SDKs do when no text is
// left over: with an empty list of chunks (chatStream of @slack/web-api 8.2, chat_stream of
// slack_sdk 3.48).
func TestStreamEndsWithNothing(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		ts, call := s.streaming("general", "chunks", chunk("all"))
		if e := call("chat.appendStream", "chunks", "[]"); e != "no_text" {
			t.Errorf("append: %q", e)
		}
		if e := call("chat.stopStream", "chunks", "[]"); e != "" {
			t.Errorf("stop: %q", e)
		}
		if m, _ := s.Message("general", ts); m.Stream != slacksim.StreamStopped || m.Plain != "all" {
			t.Errorf("%+v", m)
		}
	})
}
