package slacksim_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"llmbot/bot/slacksim"
)

// changes are the message events of one subtype.
func (l *link) changes(subtype string) []map[string]any {
	var out []map[string]any
	for _, e := range l.events() {
		if e["type"] == "message" && e["subtype"] == subtype {
			out = append(out, e)
		}
	}
	return out
}

func TestEditEvents(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		ts := s.Say("alice", "general", "", "@llm see https://example.org/a")
		must(t, s.UnfurlLink("general", ts))
		must(t, s.Edit("alice", "general", ts, "@llm see nothing"))
		must(t, s.Edit("alice", "general", ts, "never mind"))
		for _, c := range []struct {
			err  error
			want error
		}{
			{s.Edit("bob", "general", ts, "x"), slacksim.ErrNotYours},
			{s.Edit("alice", "general", ts, " "), slacksim.ErrNoText},
			{s.Edit("alice", "general", "1.000000", "x"), slacksim.ErrMessageNotFound},
			{s.UnfurlLink("general", ts), slacksim.ErrNoText},
			{s.UnfurlLink("general", "1.000000"), slacksim.ErrMessageNotFound},
			{s.Delete("bob", "general", ts), slacksim.ErrNotYours},
		} {
			if !errors.Is(c.err, c.want) {
				t.Errorf("%v, want %v", c.err, c.want)
			}
		}
		must(t, s.Delete("alice", "general", ts))
		synctest.Wait()

		list := l.changes("message_changed")
		if len(list) != 3 {
			t.Fatalf("%v", list)
		}
		part := func(e map[string]any, k string) map[string]any { m, _ := e[k].(map[string]any); return m }
		for i, e := range list {
			now, before := part(e, "message"), part(e, "previous_message")
			edited := part(now, "edited")
			if now["ts"] != ts || before["ts"] != ts || e["ts"] == ts || e["channel"] != s.ChannelID("general") {
				t.Errorf("%d: %v", i, e)
			}
			if i == 0 && (now["text"] != before["text"] || now["edited"] != nil || now["attachments"] == nil || before["attachments"] != nil) {
				t.Errorf("the unfurl: %v", e)
			}
			if i > 0 && (now["text"] == before["text"] || edited["user"] != s.UserID("alice") || edited["ts"] == "") {
				t.Errorf("an edit: %v", e)
			}
		}
		var mentions []map[string]any
		for _, e := range l.events() {
			if e["type"] == "app_mention" {
				mentions = append(mentions, e)
			}
		}
		if len(mentions) != 2 || mentions[0]["edited"] != nil || mentions[1]["edited"] == nil || mentions[1]["ts"] != ts {
			t.Errorf("mentions: %v", mentions)
		}
		gone := l.changes("message_deleted")
		if len(gone) != 1 || gone[0]["deleted_ts"] != ts || part(gone[0], "previous_message")["text"] != "never mind" {
			t.Errorf("deleted: %v", gone)
		}
	})
}

func TestPageEditsAndDeletes(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		ts := s.Say("alice", "general", "", "one")
		do := func(what, user, more string) int {
			res := s.page("POST", "/page/"+what, `{"user":"`+user+`","channel":"general","ts":"`+ts+`"`+more+`}`)
			_ = res.Body.Close()
			return res.StatusCode
		}
		if n := do("edit", "bob", `,"text":"two"`); n != 422 {
			t.Error(n)
		}
		if n := do("edit", "alice", `,"text":"two"`); n != 200 {
			t.Error(n)
		}
		if m, _ := s.Message("general", ts); m.Plain != "two" || !m.Edited {
			t.Errorf("%+v", m)
		}
		if n := do("delete", "alice", ""); n != 200 || len(s.Channel("general")) != 0 {
			t.Error(n)
		}
	})
}
