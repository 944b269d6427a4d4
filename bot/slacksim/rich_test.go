package slacksim_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"llmbot/bot/slacksim"
)

// newest is the app's last message event, as JSON.
func (l *link) newest(t *testing.T) string {
	t.Helper()
	synctest.Wait()
	for _, e := range slices.Backward(l.events()) {
		if e["type"] == "message" {
			raw, err := json.Marshal(e)
			must(t, err)
			return string(raw)
		}
	}
	t.Fatal("no message event")
	return ""
}

func hasAll(t *testing.T, what, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%s: no %s in %s", what, w, text)
		}
	}
}

// TestPost posts what only apps and Slack's composer can.
func TestPost(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		ts := s.Post(slacksim.Post{
			Channel: "general", App: slacksim.App{ID: "B0ALERT001", Name: "Alertmanager", As: "prod alerts"},
			Attachments: []any{map[string]any{"title": "[FIRING:1] DiskFull", "fields": []any{map[string]any{"title": "severity", "value": "page"}}}},
			Blocks:      []any{7, map[string]any{"type": "actions", "elements": []any{map[string]any{"type": "some_new_button"}}}},
		})
		got := l.newest(t)
		hasAll(t, "a webhook", got, `"subtype":"bot_message"`, `"bot_id":"B0ALERT001"`, `"username":"prod alerts"`, `"title":"[FIRING:1] DiskFull"`, `"some_new_button"`, `"blocks":[7,`)
		if strings.Contains(got, `"user":`) {
			t.Errorf("a webhook has no user: %s", got)
		}
		s.Post(slacksim.Post{User: "alice", Channel: "general", ThreadTS: ts, App: slacksim.App{ID: "B0CLAUDE01", Name: "Claude"}, Text: "I did"})
		hasAll(t, "for a person", l.newest(t), `"user":"U0ALICE001"`, `"bot_id":"B0CLAUDE01"`, `"name":"Claude"`, `"thread_ts":"`+ts+`"`)
		s.Post(slacksim.Post{User: "alice", Channel: "general", Text: "wonders", Me: true})
		hasAll(t, "me", l.newest(t), `"subtype":"me_message"`)
		s.Post(slacksim.Post{User: "alice", Channel: "general", ThreadTS: ts, Text: "to all", Broadcast: true})
		hasAll(t, "broadcast", l.newest(t), `"subtype":"thread_broadcast"`)
		s.Upload("alice", "general", "", "", slacksim.Upload{Name: "IMG_1.heic", Data: []byte("x")}, slacksim.Upload{Name: "audio_message.mp4", Data: []byte("x"), Transcript: "hello there"},
			slacksim.Upload{Name: "Runbook.canvas", Data: []byte("<h1>Runbook</h1>")}, slacksim.Upload{Name: "Roadmap.slacklist"}, slacksim.Upload{Name: "plan.txt", Kind: slacksim.KindExternal, At: "https://www.dropbox.com/s/x/plan.txt"})
		got = l.newest(t)
		hasAll(t, "files", got, `"mimetype":"image/heic"`, `"thumb_1024":"`, `"subtype":"slack_audio"`, `"mimetype":"video/mp4"`, `"content":"hello there"`,
			`"mimetype":"application/vnd.slack-docs"`, `"filetype":"quip"`, `"title":"Runbook"`, `"mimetype":"application/vnd.slack-list"`, `"is_external":true`, `"url_private":"https://www.dropbox.com/s/x/plan.txt"`)
		var event struct {
			Files []struct {
				Thumb string `json:"thumb_1024"`
			} `json:"files"`
		}
		must(t, json.Unmarshal([]byte(got), &event))
		if body, kind, status := s.fetch(event.Files[0].Thumb, s.BotToken()); status != http.StatusOK || kind != "image/jpeg" || !strings.HasPrefix(body, "\xff\xd8") {
			t.Errorf("the thumbnail: %d %s", status, kind)
		}
	})
}

// TestForwardAndPreview forwards a message, and links to it.
func TestForwardAndPreview(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		from := s.Upload("bob", "random", "", "build 41 is red", slacksim.Upload{Name: "log.txt", Data: []byte("x")})
		_, err := s.Forward("alice", "general", "", "look", "random", from)
		must(t, err)
		got := l.newest(t)
		hasAll(t, "a forward", got, `"is_share":true`, `"is_msg_unfurl":true`, `"author_name":"bob"`, `"channel_name":"random"`, `"text":"build 41 is red"`, `"name":"log.txt"`, `"text":"look"`, "/archives/C0RANDOM01/p")
		if _, err := s.Forward("erik", "general", "", "", "random", from); !errors.Is(err, slacksim.ErrNotMember) {
			t.Errorf("a forward by somebody who does not see it: %v", err)
		}
		link, err := s.Permalink("random", from)
		must(t, err)
		ts := s.Say("alice", "general", "", "see "+link)
		must(t, s.UnfurlLink("general", ts))
		got = l.newest(t)
		hasAll(t, "a preview", got, `"is_msg_unfurl":true`, `"author_name":"bob"`, `"message_changed"`)
		if strings.Contains(got, `"is_share"`) {
			t.Errorf("a preview is no forward: %s", got)
		}
		_, err = s.Table("alice", "general", "", "", [][]string{{"Job", "Days"}, {"a|b", "9"}})
		must(t, err)
		hasAll(t, "cells", l.newest(t), `"type":"table"`, `"text":"a|b"`, `"fallback":"[no preview available]"`)
	})
}

// TestPageOfRichMessages does on the page what a person does there.
func TestPageOfRichMessages(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		ts := s.Say("bob", "random", "", "build 41 is red")
		for _, c := range []struct {
			path, body string
			status     int
			event      string // what the app hears
		}{
			{"forward", `{"user":"U0ALICE001","channel":"C0GENERAL1","text":"","from":"C0RANDOM01","ts":"` + ts + `"}`, http.StatusOK, `"is_share":true`},
			{"table", `{"user":"U0ALICE001","channel":"C0GENERAL1","text":"t","cells":[["a","b"],["1"]]}`, http.StatusOK, `"raw_text"`},
			{"table", `{"user":"U0ALICE001","channel":"C0GENERAL1","cells":[["` + strings.Repeat(`","`, 30) + `"]]}`, http.StatusBadRequest, ""},
			{"me", `{"user":"U0ALICE001","channel":"C0GENERAL1","text":"waves"}`, http.StatusOK, `"me_message"`},
			{"permalink", `{"user":"U0ALICE001","channel":"C0RANDOM01","ts":"` + ts + `"}`, http.StatusOK, ""},
			{"permalink", `{"user":"U0ALICE001","channel":"C0RANDOM01","ts":"1.5"}`, http.StatusUnprocessableEntity, ""},
		} {
			res := s.page(http.MethodPost, "/page/"+c.path, c.body, "Content-Type", "application/json")
			_ = res.Body.Close()
			if res.StatusCode != c.status {
				t.Errorf("%s %s: %d", c.path, c.body, res.StatusCode)
			}
			if c.event != "" {
				hasAll(t, c.path, l.newest(t), c.event)
			}
		}
	})
}
