package slacksim_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/slacksim"
)

// bubble runs f with a served workspace in a synctest bubble.
func bubble(t *testing.T, cfg slacksim.Config, f func(t *testing.T, s *space)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		defer time.Sleep(time.Second) // net/http lets a connection linger that it closes early
		s, done := serve(t, cfg)
		defer done()
		f(t, s)
	})
}

func TestTokensAndScopes(t *testing.T) {
	bubble(t, slacksim.Config{Scopes: []string{"chat:write", "channels:read"}}, func(t *testing.T, s *space) {
		general := s.ChannelID("general")
		for _, c := range []struct{ token, method, arg, val, want string }{
			{"", "auth.test", "", "", "not_authed"},
			{"xoxb-wrong", "auth.test", "", "", "invalid_auth"},
			{s.AppToken(), "auth.test", "", "", "not_allowed_token_type"},
			{s.BotToken(), "apps.connections.open", "", "", "not_allowed_token_type"},
			{"", "auth.test", "token", s.BotToken(), ""},
			{s.BotToken(), "no.such", "", "", "unknown_method"},
			{s.BotToken(), "users.info", "user", "U1", "missing_scope"},
			{s.BotToken(), "conversations.info", "channel", general, ""},
			{s.BotToken(), "conversations.info", "channel", s.ChannelID("leads"), "missing_scope"},
			{s.BotToken(), "conversations.info", "channel", "C404", "channel_not_found"},
			{s.BotToken(), "conversations.info", "", "", "invalid_arguments"},
		} {
			args := []string{c.arg, c.val}
			if c.arg == "" {
				args = nil
			}
			r, res := s.callAs(c.token, c.method, args...)
			if r.err() != c.want {
				t.Errorf("%s with %q: %q, want %q", c.method, c.token, r.err(), c.want)
			}
			if got := res.Header.Get("X-Oauth-Scopes"); got != "chat:write,channels:read" {
				t.Errorf("x-oauth-scopes: %q", got)
			}
		}
		r := s.call("conversations.info", "channel", s.ChannelID("leads"))
		if r["needed"] != "groups:read" || r["provided"] != "chat:write,channels:read" {
			t.Errorf("missing_scope names %v and %v", r["needed"], r["provided"])
		}
	})
}

func md(text string) string { return `[{"type":"markdown","text":` + strconv.Quote(text) + `}]` }

func TestPostValidation(t *testing.T) {
	section := func(n int) string {
		return `[{"type":"section","text":{"type":"mrkdwn","text":"` + strings.Repeat("x", n) + `"}}]`
	}
	elements := func(typ string, n int) string {
		one := `{"type":"mrkdwn","text":"x"}`
		if typ == "actions" {
			one = `{"type":"button","text":{"type":"plain_text","text":"x"}}`
		}
		return `[{"type":"` + typ + `","elements":[` + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + `]}]`
	}
	two := func(n int) string {
		return strings.TrimSuffix(md(strings.Repeat("x", n)), "]") + "," + strings.TrimPrefix(md(strings.Repeat("y", n)), "[")
	}
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"nothing", nil, "no_text"},
		{"text", []string{"text", "x"}, ""},
		{"12,000 characters", []string{"blocks", md(strings.Repeat("語", 12_000))}, ""},
		{"12,001 characters", []string{"blocks", md(strings.Repeat("x", 12_001))}, "invalid_blocks"},
		{"13,200 counted", []string{"blocks", two(6_600)}, ""},
		{"13,202 counted", []string{"blocks", two(6_601)}, "msg_blocks_too_long"},
		{"& counts 5", []string{"blocks", md(strings.Repeat("&", 2_640))}, ""},
		{"& counts 5, one more", []string{"blocks", md(strings.Repeat("&", 2_641))}, "msg_blocks_too_long"},
		{"< counts 4", []string{"blocks", md(strings.Repeat("&lt;", 2_999))}, ""},
		{"a heading costs 100", []string{"blocks", md(strings.Repeat("# x\n", 40) + strings.Repeat("y", 9_150))}, "msg_blocks_too_long"},
		{"50 rendered", []string{"blocks", md(strings.Repeat("---\n", 50))}, ""},
		{"51 rendered", []string{"blocks", md(strings.Repeat("---\n", 51))}, "msg_blocks_too_long"},
		{"51 sent", []string{"blocks", "[" + strings.TrimSuffix(strings.Repeat(`{"type":"divider"},`, 51), ",") + "]"}, "invalid_blocks"},
		{"section 3,000", []string{"blocks", section(3_000)}, ""},
		{"section 3,001", []string{"blocks", section(3_001)}, "invalid_blocks"},
		{"context 10", []string{"blocks", elements("context", 10)}, ""},
		{"context 11", []string{"blocks", elements("context", 11)}, "invalid_blocks"},
		{"actions 25", []string{"blocks", elements("actions", 25)}, ""},
		{"actions 26", []string{"blocks", elements("actions", 26)}, "invalid_blocks"},
		{"unknown block", []string{"blocks", `[{"type":"alert"}]`}, "invalid_blocks"},
		{"not JSON", []string{"blocks", `[{`}, "invalid_blocks_format"},
		{"markdown_text", []string{"markdown_text", "**x**"}, ""},
		{"markdown_text and text", []string{"markdown_text", "x", "text", "x"}, "markdown_text_conflict"},
		{"markdown_text long", []string{"markdown_text", strings.Repeat("x", 12_001)}, "msg_too_long"},
		{"attachments", []string{"attachments", "[" + strings.TrimSuffix(strings.Repeat("{},", 101), ",") + "]"}, "too_many_attachments"},
		{"not a member", []string{"text", "x", "channel", "C0NOBOT001"}, "not_in_channel"},
		{"no channel", []string{"text", "x", "channel", "C404"}, "channel_not_found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
				r := s.call("chat.postMessage", append([]string{"channel", s.ChannelID("general")}, c.args...)...)
				if r.err() != c.want {
					t.Errorf("%v, want %q", r, c.want)
				}
			})
		})
	}
}

func TestUpdateAndDelete(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		general := s.ChannelID("general")
		asked := s.Say("alice", "general", "", "hi")
		ts, _ := s.call("chat.postMessage", "channel", general, "text", "a", "blocks", md("a"), "thread_ts", asked, "metadata", `{"event_type":"x","event_payload":{"k":1}}`)["ts"].(string)
		upd := func(args ...string) string {
			return s.call("chat.update", append([]string{"channel", general, "ts", ts}, args...)...).err()
		}
		see := func() slacksim.Message { m, _ := s.Message("general", ts); return m }

		if e := upd("text", strings.Repeat("語", 1_334), "blocks", md("b")); e != "msg_too_long" {
			t.Errorf("4,002 bytes: %q", e)
		}
		if e := upd("text", strings.Repeat("x", 4_000), "blocks", md("b")); e != "" || see().Edited || see().Plain != "b" || see().Metadata == nil {
			t.Errorf("%q, %+v", e, see())
		}
		if e := upd("text", "plain"); e != "" || !see().Edited || see().Plain != "plain" || len(see().Versions) != 3 {
			t.Errorf("%q, %+v", e, see())
		}
		if e := s.call("chat.update", "channel", general, "ts", asked, "text", "x").err(); e != "cant_update_message" {
			t.Error(e)
		}
		if e := s.call("chat.update", "channel", general, "ts", "1.000000", "text", "x").err(); e != "message_not_found" {
			t.Error(e)
		}
		if e := s.call("chat.delete", "channel", general, "ts", asked).err(); e != "cant_delete_message" {
			t.Error(e)
		}

		// The question is deleted: it stays as a tombstone while it has replies; then the thread is gone,
		// and an answer lands outside.
		must(t, s.Delete("alice", "general", asked))
		if th := s.Thread("general", asked); len(th) != 2 || !th[0].Deleted {
			t.Errorf("thread: %+v", th)
		}
		lone := s.Say("alice", "general", "", "gone soon")
		must(t, s.Delete("alice", "general", lone))
		if e := s.call("conversations.replies", "channel", general, "ts", lone).err(); e != "thread_not_found" {
			t.Error(e)
		}
		m, _ := s.call("chat.postMessage", "channel", general, "text", "late", "thread_ts", lone)["message"].(map[string]any)
		if _, threaded := m["thread_ts"]; threaded {
			t.Errorf("posted into a deleted thread: %v", m)
		}
	})
}

func TestReplies(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		general := s.ChannelID("general")
		root := s.Say("alice", "general", "", "a < b & c")
		var sent []string
		for i := range 7 {
			sent = append(sent, s.Say("bob", "general", root, strconv.Itoa(i)))
		}
		s.call("chat.postMessage", "channel", general, "thread_ts", sent[3], "text", "x", "blocks", md("# Head\ntext\n```\ncode\n```"), "metadata", `{"event_type":"x","event_payload":{"k":1}}`)
		var got []string
		cursor := ""
		for range 10 {
			r := s.call("conversations.replies", "channel", general, "ts", root, "limit", "4", "cursor", cursor)
			list, _ := r["messages"].([]any)
			for i, e := range list {
				m, _ := e.(map[string]any)
				if text, _ := m["text"].(string); i > 0 {
					got = append(got, text)
				} else if text != "a &lt; b &amp; c" {
					t.Errorf("the parent is %q", text)
				}
			}
			if r["has_more"] == false {
				break
			}
			meta, _ := r["response_metadata"].(map[string]any)
			cursor, _ = meta["next_cursor"].(string)
		}
		if want := []string{"0", "1", "2", "3", "4", "5", "6", "x"}; !slices.Equal(got, want) {
			t.Errorf("%v", got)
		}
		r := s.call("conversations.replies", "channel", general, "ts", root, "oldest", sent[6], "include_all_metadata", "true")
		list, _ := r["messages"].([]any)
		if len(list) != 2 {
			t.Fatalf("after the seventh: %v", r)
		}
		last, _ := list[1].(map[string]any)
		var types []string
		blocks, _ := last["blocks"].([]any)
		for _, b := range blocks {
			m, _ := b.(map[string]any)
			typ, _ := m["type"].(string)
			types = append(types, typ)
		}
		meta, _ := last["metadata"].(map[string]any)
		if !slices.Equal(types, []string{"header", "rich_text", "rich_text"}) || meta["event_payload"] == nil || last["thread_ts"] != root {
			t.Errorf("%v, %v", types, last)
		}
	})
}

func TestPingsAndUnfurls(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		general := s.ChannelID("general")
		safe := []string{"channel", general, "unfurl_links", "false", "unfurl_media", "false"}
		for _, c := range []struct {
			arg, val string
			want     int
		}{
			{"blocks", md("x <!here> <@U0ALICE001> <!subteam^S123>"), 3},
			{"blocks", md("x &lt;!here> @here"), 0},
			{"text", "<!channel>", 1},
			{"text", "@channel &lt;!channel&gt;", 0},
			{"blocks", `[{"type":"context","elements":[{"type":"mrkdwn","text":"@everyone"}]}]`, 1},
			{"blocks", `[{"type":"context","elements":[{"type":"mrkdwn","text":"@everyone","verbatim":true}]}]`, 0},
		} {
			before := len(s.Notified())
			if r := s.call("chat.postMessage", append(safe, c.arg, c.val)...); r.err() != "" {
				t.Fatal(r)
			}
			if got := len(s.Notified()) - before; got != c.want {
				t.Errorf("%s: %d pings, want %d: %v", c.val, got, c.want, s.Notified())
			}
		}
		s.call("chat.postMessage", append(safe, "blocks", md("[x](https://evil.example/?q=1)"))...)
		if u := s.Unfurled(); len(u) != 0 {
			t.Errorf("%v", u)
		}
		s.call("chat.postMessage", "channel", general, "unfurl_links", "false", "blocks", md("[x](https://evil.example/?q=1)"))
		if u := s.Unfurled(); len(u) != 1 || u[0].URL != "https://evil.example/?q=1" {
			t.Errorf("%v", u)
		}
	})
}

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		kind        slacksim.Limiter
		burst       int // edits that go through at once
		after       int // Retry-After then
		inTheMinute int // edits that go through by the end of a minute of trying
	}{
		{slacksim.LimiterWindow, 50, 60, 50},
		{slacksim.LimiterBucket, 10, 2, 60},
		{slacksim.LimiterOff, 200, 0, 200},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			bubble(t, slacksim.Config{Limiter: c.kind, Latency: time.Second}, func(t *testing.T, s *space) {
				general := s.ChannelID("general")
				// Latency would spread the calls: without it, in one moment.
				s2, done := serve(t, slacksim.Config{Limiter: c.kind})
				defer done()
				ts, _ := s2.call("chat.postMessage", "channel", general, "text", "x")["ts"].(string)
				good, start := 0, time.Now()
				for range 200 {
					r, res := s2.callAs(s2.BotToken(), "chat.update", "channel", general, "ts", ts, "text", "y")
					if r.err() == "" {
						good++
						continue
					}
					after, _ := strconv.Atoi(res.Header.Get("Retry-After"))
					if res.StatusCode != http.StatusTooManyRequests || r.err() != "ratelimited" || good == c.burst && after != c.after || after < 1 {
						t.Fatalf("%v %v", r, res.Header)
					}
					if good < c.burst {
						t.Fatalf("refused after %d", good)
					}
					time.Sleep(time.Duration(after) * time.Second)
					if time.Since(start) >= time.Minute {
						break
					}
				}
				if good < c.inTheMinute-2 || good > c.inTheMinute {
					t.Errorf("%d edits in the minute, want %d", good, c.inTheMinute)
				}
				// Latency: an accepted call takes it, a refused one does not.
				begin := time.Now()
				s.call("auth.test")
				if d := time.Since(begin); d != time.Second {
					t.Errorf("latency: %v", d)
				}
			})
		})
	}
}
