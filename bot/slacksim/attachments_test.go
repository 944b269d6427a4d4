package slacksim_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"llmbot/bot/slacksim"
)

const withButton = `[{"color":"#c00","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"disk is full"}},{"type":"actions","elements":[{"type":"button","action_id":"ack","value":"7","text":{"type":"plain_text","text":"Ack"}}]}]}]`

// TestAttachments: what a bot attaches is stored, shown, and its buttons can be pressed.
func TestAttachments(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		for _, text := range []string{"x", ""} {
			ts, e := s.post("text", text, "attachments", withButton)
			want(t, "error", e, "")
			m, _ := s.Message("general", ts)
			want(t, "text", m.Text, text)
			want(t, "plain", m.Plain, strings.TrimSpace(text+"\ndisk is full"))
			want(t, "buttons", fmt.Sprint(m.Buttons()), "[ack]")
			list, _ := s.call("conversations.history", "channel", s.ChannelID("general"), "latest", ts, "inclusive", "true", "limit", "1")["messages"].([]any)
			attached, _ := list[0].(map[string]any)["attachments"].([]any)
			if len(attached) != 1 || attached[0].(map[string]any)["color"] != "#c00" || attached[0].(map[string]any)["id"] != 1.0 {
				t.Errorf("history: %v", list)
			}
			must(t, s.Click(t.Context(), "alice", "general", ts, "ack"))
		}
		got := l.clicked(t)
		if len(got) != 2 || got[0].ActionCallback.BlockActions[0].Value != "7" || got[0].ActionCallback.BlockActions[0].BlockID == "" {
			t.Errorf("%+v", got)
		}
		if len(got) > 0 && len(got[0].Message.Attachments) != 1 {
			t.Errorf("the app does not get them: %+v", got[0].Message)
		}
	})
}

// TestAttachmentsOfEdits: chat.update keeps them unless it brings others, of which none is one.
func TestAttachmentsOfEdits(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		ts, _ := s.post("text", "x", "attachments", withButton)
		for _, tt := range []struct {
			args    []string
			buttons string
		}{
			{[]string{"text", "y"}, "[ack]"},
			{[]string{"attachments", strings.ReplaceAll(withButton, "ack", "done")}, "[done]"},
			{[]string{"text", "z", "attachments", "[]"}, "[]"},
		} {
			want(t, "error", s.call("chat.update", append([]string{"channel", s.ChannelID("general"), "ts", ts}, tt.args...)...).err(), "")
			m, _ := s.Message("general", ts)
			want(t, fmt.Sprint(tt.args), fmt.Sprint(m.Buttons()), tt.buttons)
		}
		want(t, "nothing", s.call("chat.update", "channel", s.ChannelID("general"), "ts", ts, "attachments", "[]").err(), "no_text")
	})
}

// TestAttachmentsThatAreWrong: what is wrong has its place.
func TestAttachmentsThatAreWrong(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		for _, tt := range []struct{ list, err, at string }{
			{`{}`, "invalid_attachments", ""},
			{`[null]`, "invalid_attachments", "/attachments/0]"},
			{`["x"]`, "invalid_attachments", "/attachments/0]"},
			{`[{"blocks":"x"}]`, "invalid_attachments", "/attachments/0/blocks]"},
			{`[{"blocks":[{"type":"section"}]}]`, "invalid_attachments", "/attachments/0/blocks/0/text]"},
			{`[{"fields":[null]}]`, "invalid_attachments", "/attachments/0/fields/0]"},
			{`[]`, "no_text", ""},
			{`[{}]`, "no_text", ""},
		} {
			r := s.call("chat.postMessage", "channel", s.ChannelID("general"), "attachments", tt.list)
			want(t, tt.list, r.err(), tt.err)
			if said := fmt.Sprint(r["response_metadata"]); !strings.Contains(said, tt.at) {
				t.Errorf("%s: %s", tt.list, said)
			}
		}
	})
}

// TestEphemeralAttachments: also where only one person sees them, and by a response_url.
func TestEphemeralAttachments(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		r := s.call("chat.postEphemeral", "channel", s.ChannelID("general"), "user", s.UserID("alice"), "attachments", withButton)
		want(t, "error", r.err(), "")
		ts, _ := r["message_ts"].(string)
		must(t, s.Click(t.Context(), "alice", "general", ts, "ack"))
		if err := s.Click(t.Context(), "bob", "general", ts, "ack"); !errors.Is(err, slacksim.ErrButtonNotFound) {
			t.Error(err)
		}
		want(t, "status", s.respond(l.clicked(t)[0].ResponseURL, `{"replace_original":true,"attachments":[{"text":"done"}]}`), 200)
		if m := s.Ephemerals("alice"); len(m) != 1 || m[0].Plain != "done" {
			t.Errorf("%+v", m)
		}
	})
}
