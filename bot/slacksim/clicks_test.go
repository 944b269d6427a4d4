package slacksim_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slack-go/slack"

	"llmbot/bot/slacksim"
)

const clickable = `[{"type":"markdown","text":"# answer\ntext"},
{"type":"actions","block_id":"act","elements":[{"type":"button","action_id":"stop","style":"danger","value":"v1","text":{"type":"plain_text","text":"Stop"},"confirm":{"title":{"type":"plain_text","text":"Sure?"},"text":{"type":"mrkdwn","text":"It ends."},"confirm":{"type":"plain_text","text":"Stop"},"deny":{"type":"plain_text","text":"No"}}}]},
{"type":"context_actions","elements":[{"type":"feedback_buttons","action_id":"fb","positive_button":{"text":{"type":"plain_text","text":"Good"},"value":"up"},"negative_button":{"text":{"type":"plain_text","text":"Bad"},"value":"down"}},
{"type":"icon_button","action_id":"del","icon":"trash","text":{"type":"plain_text","text":"Delete"}}]}]`

// clicked collects the payloads of interactions.
func (l *link) clicked(t *testing.T) []slack.InteractionCallback {
	t.Helper()
	var out []slack.InteractionCallback
	for _, f := range l.got() {
		if f["type"] == "interactive" {
			raw, err := json.Marshal(f["payload"])
			must(t, err)
			var cb slack.InteractionCallback
			must(t, json.Unmarshal(raw, &cb))
			out = append(out, cb)
		}
	}
	return out
}

func (s *space) respond(url, body string) int {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, url, strings.NewReader(body))
	must(s.t, err)
	res, err := s.http.Do(req)
	must(s.t, err)
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	must(s.t, err)
	return res.StatusCode
}

func TestBlockActions(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		general := s.ChannelID("general")
		asked := s.Say("alice", "general", "", "@llm hi")
		ts, _ := s.call("chat.postMessage", "channel", general, "thread_ts", asked, "text", "x", "blocks", clickable)["ts"].(string)
		must(t, s.Click(t.Context(), "alice", "general", ts, "stop"))
		must(t, s.ClickValue(t.Context(), "bob", "general", ts, "fb", "down"))
		must(t, s.Click(t.Context(), "bob", "general", ts, "fb"))
		for _, c := range []struct{ id, value string }{{"fb", "sideways"}, {"stop", "v2"}, {"none", ""}} {
			if err := s.ClickValue(t.Context(), "bob", "general", ts, c.id, c.value); !errors.Is(err, slacksim.ErrButtonNotFound) {
				t.Errorf("%v: %v", c, err)
			}
		}
		got := l.clicked(t)
		if len(got) != 3 {
			t.Fatalf("%d clicks", len(got))
		}
		for i, want := range []slack.BlockAction{
			{ActionID: "stop", BlockID: "act", Type: "button", Value: "v1"},
			{ActionID: "fb", BlockID: "b4", Type: "feedback_buttons", Value: "down"},
			{ActionID: "fb", BlockID: "b4", Type: "feedback_buttons", Value: "up"},
		} {
			cb := got[i]
			if len(cb.ActionCallback.BlockActions) != 1 {
				t.Fatalf("%+v", cb)
			}
			a := cb.ActionCallback.BlockActions[0]
			if a.ActionID != want.ActionID || a.BlockID != want.BlockID || a.Type != want.Type || a.Value != want.Value || a.ActionTs == "" {
				t.Errorf("action %+v", a)
			}
			if cb.Type != slack.InteractionTypeBlockActions || cb.Container.Type != "message" || cb.Container.MessageTs != ts || cb.Container.ThreadTs != asked ||
				cb.Container.ChannelID != general || cb.Channel.ID != general || cb.Channel.Name != "general" || cb.Team.ID == "" || cb.TriggerID == "" || cb.ResponseURL == "" ||
				cb.Message.Timestamp != ts || len(cb.Message.Blocks.BlockSet) != 4 {
				t.Errorf("callback %+v", cb)
			}
		}
		if got[0].User.ID != s.UserID("alice") || got[1].User.ID != s.UserID("bob") {
			t.Errorf("%+v", got)
		}
		// Answers to a click: replace what was clicked, then delete it.
		url := got[0].ResponseURL
		if n := s.respond(url, `{"replace_original":true,"text":"new <!here>"}`); n != 200 {
			t.Error(n)
		}
		if m, _ := s.Message("general", ts); m.Plain != "new @here" || len(s.Notified()) != 1 {
			t.Errorf("%+v, %v", m, s.Notified())
		}
		if n := s.respond(url, `{"response_type":"ephemeral","replace_original":false,"text":"only you"}`); n != 200 || len(s.Ephemerals("alice")) != 1 {
			t.Error(n)
		}
		if n := s.respond(url, `{"delete_original":true}`); n != 200 || len(s.Replies("general", asked)) != 0 {
			t.Error(n)
		}
		synctest.Wait()
		if c, d := l.changes("message_changed"), l.changes("message_deleted"); len(c) != 1 || len(d) != 1 {
			t.Errorf("%d changes, %d deletes", len(c), len(d))
		}
		// The same on a message that only one person sees; there are no events for it.
		r := s.call("chat.postEphemeral", "channel", general, "user", s.UserID("bob"), "text", "x", "blocks", clickable)
		only, _ := r["message_ts"].(string)
		must(t, s.Click(t.Context(), "bob", "general", only, "del"))
		if err := s.Click(t.Context(), "alice", "general", only, "del"); !errors.Is(err, slacksim.ErrButtonNotFound) {
			t.Error(err)
		}
		if e := s.call("chat.update", "channel", general, "ts", only, "text", "x").err(); e != "message_not_found" {
			t.Error(e)
		}
		cb := l.clicked(t)[3]
		if !cb.Container.IsEphemeral || s.respond(cb.ResponseURL, `{"replace_original":"true","text":"bye"}`) != 200 {
			t.Errorf("%+v", cb)
		}
		if e := s.Ephemerals("bob"); len(e) != 1 || e[0].Plain != "bye" {
			t.Errorf("%+v", e)
		}
		if s.respond(cb.ResponseURL, `{"delete_original":true}`) != 200 || len(s.Ephemerals("bob")) != 0 {
			t.Error("not deleted")
		}
	})
}

func TestButtonLimits(t *testing.T) {
	feedback := func(value string) string {
		return `[{"type":"context_actions","elements":[{"type":"feedback_buttons","action_id":"fb","positive_button":{"text":{"type":"plain_text","text":"Good"},"value":"` + value + `"},"negative_button":{"text":{"type":"plain_text","text":"Bad"},"value":"down"}}]}]`
	}
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		for _, c := range []struct{ blocks, want string }{
			{feedback("up"), ""},
			{feedback(""), "invalid_blocks"},
			{feedback(strings.Repeat("x", 2_001)), "invalid_blocks"},
			{`[{"type":"context_actions","elements":[{"type":"button","action_id":"x","text":{"type":"plain_text","text":"x"}}]}]`, "invalid_blocks"},
			{`[{"type":"actions","elements":[{"type":"button","action_id":"x","text":{"type":"plain_text","text":"` + strings.Repeat("x", 76) + `"}}]}]`, "invalid_blocks"},
		} {
			if e := s.call("chat.postMessage", "channel", s.ChannelID("general"), "blocks", c.blocks).err(); e != c.want {
				t.Errorf("%s: %q, want %q", c.blocks, e, c.want)
			}
			time.Sleep(time.Second)
		}
	})
}

func TestAgentSession(t *testing.T) {
	events := append(slacksim.DefaultEvents(), "agent_session_stopped")
	bubble(t, slacksim.Config{Agent: true, Events: events}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		asked := s.Say("alice", "@alice", "", "hi")
		set := func(status string) string {
			return s.call("agents.sessions.setStatus", "channel_id", s.ChannelID("@alice"), "thread_ts", asked, "status", status).err()
		}
		if err := s.StopSession("alice", "@alice", asked); !errors.Is(err, slacksim.ErrNothingToStop) {
			t.Error(err)
		}
		if e := set("busy"); e != "invalid_status" {
			t.Error(e)
		}
		if e := set("processing"); e != "" || s.Session("@alice", asked) != "processing" {
			t.Error(e)
		}
		r := s.call("chat.startStream", "channel", s.ChannelID("@alice"), "thread_ts", asked, "chunks", chunk("a"))
		ts, _ := r["ts"].(string)
		must(t, s.StopSession("alice", "@alice", asked))
		synctest.Wait()
		var stopped []map[string]any
		for _, e := range l.events() {
			if e["type"] == "agent_session_stopped" {
				stopped = append(stopped, e)
			}
		}
		if len(stopped) != 1 || stopped[0]["thread_ts"] != asked || stopped[0]["user"] != s.UserID("alice") || stopped[0]["streaming_message_ts"].([]any)[0] != ts {
			t.Errorf("%v", stopped)
		}
		if e := s.call("chat.appendStream", "channel", s.ChannelID("@alice"), "ts", ts, "chunks", chunk("b")).err(); e != "stopped_by_user" {
			t.Error(e)
		}
		if e := s.call("chat.stopStream", "channel", s.ChannelID("@alice"), "ts", ts, "session_status", "active").err(); e != "" || s.Session("@alice", asked) != "active" {
			t.Error(e)
		}
		if e := set("processing"); e != "" {
			t.Error(e)
		}
		time.Sleep(time.Hour)
		if st := s.Session("@alice", asked); st != "active" {
			t.Error(st)
		}
	})
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		asked := s.Say("alice", "@alice", "", "hi")
		if e := s.call("agents.sessions.setStatus", "channel_id", s.ChannelID("@alice"), "thread_ts", asked, "status", "active").err(); e != "not_agent_app" {
			t.Error(e)
		}
	})
}

// TestWordsToOnePersonNeedAReply: Slack shows nobody an ephemeral message in a thread without
// replies.
func TestWordsToOnePersonNeedAReply(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		ts := s.Say("alice", "general", "", "hi")
		for seen := range 2 {
			s.call("chat.postEphemeral", "channel", s.ChannelID("general"), "user", s.UserID("alice"), "thread_ts", ts, "text", "psst")
			if n := len(s.Ephemerals("alice")); n != seen {
				t.Errorf("%d are seen, want %d", n, seen)
			}
			s.Say("bob", "general", ts, "hi")
		}
	})
}
