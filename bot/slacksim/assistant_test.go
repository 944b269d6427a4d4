package slacksim_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"llmbot/bot/slacksim"
)

func jsonOf(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	must(t, json.Unmarshal([]byte(text), &v))
	return v
}

// TestAssistant opens Slack's assistant container, and sets what an app sets there (events: facts,
// slack.md §4; limits: §10.3).
func TestAssistant(t *testing.T) {
	cfg := slacksim.Config{
		Scopes: append(slacksim.DefaultScopes(), "assistant:write"),
		Events: append(slacksim.DefaultEvents(), "assistant_thread_started", "assistant_thread_context_changed"),
	}
	bubble(t, cfg, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		ts, err := s.OpenAssistant("alice", "general")
		must(t, err)
		must(t, s.LookAt("alice", ts, "random"))
		dm := s.ChannelID("@alice")
		prompt := `[{"title":"a","message":"b"}]`
		for _, c := range []struct {
			want string
			args []string
		}{
			{"", []string{"setTitle", "thread_ts", ts, "title", "Deep thoughts"}},
			{"invalid_thread_ts", []string{"setTitle", "thread_ts", "1.000000", "title", "x"}},
			{"", []string{"setSuggestedPrompts", "thread_ts", ts, "title", "Try", "prompts", prompt}},
			{"", []string{"setSuggestedPrompts", "prompts", prompt}},
			{"invalid_arguments", []string{"setSuggestedPrompts", "prompts", "[" + strings.Repeat(prompt[1:len(prompt)-1]+",", 4) + prompt[1:]}},
			{"invalid_arguments", []string{"setSuggestedPrompts", "prompts", `[{"title":"a"}]`}},
			{"", []string{"setStatus", "thread_ts", ts, "status", "thinks", "loading_messages", `["one, two","three"]`}},
			{"invalid_arguments", []string{"setStatus", "thread_ts", ts, "status", "x", "loading_messages", `["` + strings.Repeat("x", 51) + `"]`}},
			{"invalid_arguments", []string{"setStatus", "thread_ts", ts, "status", "x", "loading_messages", strings.Repeat("x,", 10) + "x"}},
		} {
			if e := s.call("assistant.threads."+c.args[0], append([]string{"channel_id", dm}, c.args[1:]...)...).err(); e != c.want {
				t.Errorf("%v: %q, want %q", c.args, e, c.want)
			}
		}
		a, _ := s.Assistant("alice", ts)
		if a.Title != "Deep thoughts" || a.PromptsTitle != "Try" || len(a.Prompts) != 1 || a.Context != s.ChannelID("random") || len(a.Loading) != 2 || a.Loading[0] != "one, two" {
			t.Errorf("%+v", a)
		}
		if a, ok := s.Assistant("alice", ""); !ok || len(a.Prompts) != 1 {
			t.Errorf("%+v", a)
		}
		var kinds []string
		for _, e := range l.events() {
			kind, _ := e["type"].(string)
			kinds = append(kinds, kind)
		}
		if got := strings.Join(kinds, " "); got != "assistant_thread_started assistant_thread_context_changed" {
			t.Error(got)
		}
	})
}

// TestReactions adds and removes reactions as a person and as the bot (errors:
// slack-ruby/slack-api-ref, reactions.add).
func TestReactions(t *testing.T) {
	cfg := slacksim.Config{
		Scopes: append(slacksim.DefaultScopes(), "reactions:write", "reactions:read"), Limiter: slacksim.LimiterOff,
		Events: append(slacksim.DefaultEvents(), "reaction_added", "reaction_removed"),
	}
	bubble(t, cfg, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		ts := s.Say("alice", "general", "", "hi")
		id := s.ChannelID("general")
		for _, c := range []struct{ want, method, name, ts string }{
			{"", "add", "thumbsup", ts},
			{"already_reacted", "add", ":thumbsup:", ts},
			{"invalid_name", "add", "No Name", ts},
			{"message_not_found", "add", "eyes", "1700000000.000001"},
			{"bad_timestamp", "add", "eyes", "yesterday"},
			{"no_reaction", "remove", "eyes", ts},
		} {
			if e := s.call("reactions."+c.method, "channel", id, "name", c.name, "timestamp", c.ts).err(); e != c.want {
				t.Errorf("%v: %q", c, e)
			}
		}
		must(t, s.React("bob", "general", ts, "thumbsup"))
		must(t, s.React("bob", "general", ts, "eyes"))
		must(t, s.Unreact("bob", "general", ts, ":eyes:"))
		m, _ := s.Message("general", ts)
		if len(m.Reactions) != 1 || len(m.Reactions[0].Users) != 2 {
			t.Errorf("%+v", m.Reactions)
		}
		for i := range 30 {
			e := s.call("reactions.add", "channel", id, "name", "n"+strconv.Itoa(i), "timestamp", ts).err()
			if want := map[bool]string{true: "too_many_reactions"}[i >= 22]; e != want {
				t.Errorf("%d: %q, want %q", i, e, want)
			}
		}
		if r := s.call("reactions.get", "channel", id, "timestamp", ts); len(r["message"].(map[string]any)["reactions"].([]any)) != 23 {
			t.Errorf("%v", r)
		}
		synctest.Wait() // until the link has all
		added := 0
		for _, e := range l.events() {
			if e["type"] == "reaction_added" {
				added++
			}
		}
		if added != 25 {
			t.Errorf("%d events", added)
		}
	})
}

// TestJoinAndRename joins a channel, and renames an agent's session (slack-ruby/slack-api-ref:
// conversations.join, agents.sessions.rename).
func TestJoinAndRename(t *testing.T) {
	bubble(t, slacksim.Config{Agent: true, Scopes: append(slacksim.DefaultScopes(), "channels:join")}, func(t *testing.T, s *space) {
		no := s.ChannelID("no-bot")
		if e := s.call("conversations.history", "channel", no).err(); e != "not_in_channel" {
			t.Error(e)
		}
		if r := s.call("conversations.join", "channel", no); r.err() != "" || r["warning"] != nil {
			t.Error(r)
		}
		if r := s.call("conversations.join", "channel", no); r["warning"] != "already_in_channel" {
			t.Error(r)
		}
		if e := s.call("conversations.join", "channel", s.ChannelID("leads")).err(); e != "method_not_supported_for_channel_type" {
			t.Error(e)
		}
		asked, general := s.Say("alice", "general", "", "hi"), s.ChannelID("general")
		rename := func(title string) string {
			return s.call("agents.sessions.rename", "channel_id", general, "thread_ts", asked, "title", title).err()
		}
		if e := rename("x"); e != "session_not_found" {
			t.Error(e)
		}
		s.call("agents.sessions.setStatus", "channel_id", general, "thread_ts", asked, "status", "processing")
		if e := rename("x"); e != "" {
			t.Error(e)
		}
		if e := rename(strings.Repeat("x", 201)); e != "invalid_arguments" {
			t.Error(e)
		}
		if e := s.call("agents.sessions.rename", "channel_id", general, "title", "x").err(); e != "thread_ts_required" {
			t.Error(e)
		}
	})
}
