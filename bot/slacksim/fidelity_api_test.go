package slacksim_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"llmbot/bot/slacksim"
)

const reference = "slack-ruby/slack-api-ref of 2026-08-20"

// apiPoints are §8.4.5 and §8.4.6: methods and limits.
func apiPoints() []point {
	return []point{
		{id: "8.4.5 methods", source: reference, try: func(t *testing.T, s *space) {
			for m := range strings.FieldsSeq(`auth.test chat.postMessage chat.update chat.delete chat.postEphemeral chat.startStream chat.appendStream chat.stopStream
				chat.getPermalink conversations.info conversations.replies conversations.history conversations.open users.info assistant.threads.setStatus
				reactions.add reactions.remove reactions.get views.open views.publish views.push views.update files.getUploadURLExternal files.completeUploadExternal files.info`) {
				if e := s.call(m).err(); e == "unknown_method" {
					t.Error(m)
				}
			}
			want(t, "one that does not exist", s.call("chat.poem").err(), "unknown_method")
		}},
		{id: "8.4.5 granted scopes", source: "header x-oauth-scopes (facts §6)", try: func(t *testing.T, s *space) {
			_, res := s.callAs(s.BotToken(), "auth.test")
			want(t, "header", res.Header.Get("X-Oauth-Scopes"), strings.Join(slacksim.DefaultScopes(), ","))
		}},
		{id: "8.4.5 response_url", source: "docs.slack.dev, slash commands: 5 uses, 30 min (facts §5.5)", try: func(t *testing.T, s *space) {
			var url string
			s.link(func(f map[string]any) any {
				url, _ = f["payload"].(map[string]any)["response_url"].(string)
				return true
			})
			_, err := s.Command(t.Context(), "alice", "general", "/llm-status", "")
			must(t, err)
			for i := range 6 {
				want(t, fmt.Sprint("use ", i+1), s.respond(url, `{"text":"x"}`) == http.StatusOK, i < 5)
			}
			want(t, "seen by her", len(s.Ephemerals("alice")), 5)
			_, err = s.Command(t.Context(), "alice", "general", "/llm-status", "")
			must(t, err)
			time.Sleep(31 * time.Minute)
			want(t, "after 31 min", s.respond(url, `{"text":"x"}`), http.StatusNotFound)
		}},
		{id: "8.4.5 files with the bearer", source: "docs.slack.dev, files; a page to sign in without rights (facts §5.7)", try: func(t *testing.T, s *space) {
			s.Upload("alice", "general", "", "", slacksim.Upload{Name: "a.txt", Data: []byte("words")})
			url, _ := s.Channel("general")[0].Files[0]["url_private"].(string)
			for token, shown := range map[string]string{"Bearer " + s.BotToken(): "words", "": "<!DOCTYPE html>"} {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
				must(t, err)
				if token != "" {
					req.Header.Set("Authorization", token)
				}
				res, err := s.http.Do(req)
				must(t, err)
				body, err := io.ReadAll(res.Body)
				must(t, err)
				_ = res.Body.Close()
				want(t, "content", strings.HasPrefix(string(body), shown), true)
			}
		}},
		{id: "8.4.6 tiers", source: reference + ", rate limits (facts §1.2); no bursts above them: a guess", guess: true, try: func(t *testing.T, s *space) {
			for method, perMinute := range map[string]int{
				"conversations.list": 20, "chat.startStream": 20, "chat.stopStream": 20, "chat.update": 50, "conversations.replies": 50, "conversations.history": 50,
				"chat.appendStream": 100, "users.info": 100, "chat.postEphemeral": 100, "views.publish": 100, "agents.sessions.setStatus": 50,
			} {
				args := []string{"channel", "C404", "ts", "1.0", "user", "U404", "user_id", "U404", "view", "{}", "status", "x"}
				for i := range perMinute + 1 {
					_, res := s.callAs(s.BotToken(), method, args...)
					if limited := res.StatusCode == http.StatusTooManyRequests; limited != (i == perMinute) {
						t.Fatalf("%s: call %d limited: %v", method, i+1, limited)
					}
				}
			}
		}},
		{id: "8.4.6 a post a second in each channel", source: "docs.slack.dev, rate limits (facts §1.1); 60 in any minute: a guess", guess: true, try: func(t *testing.T, s *space) {
			for i := range 61 {
				_, e := s.post("text", "x")
				want(t, fmt.Sprint("post ", i+1), e, map[bool]string{true: "ratelimited"}[i == 60])
			}
			want(t, "another channel", s.call("chat.postMessage", "channel", s.ChannelID("random"), "text", "x").err(), "")
		}},
		{id: "8.4.6 429 with Retry-After", source: "docs.slack.dev, rate limits (facts §1.1)", try: func(t *testing.T, s *space) {
			var res *http.Response
			for range 21 {
				_, res = s.callAs(s.BotToken(), "conversations.list")
			}
			want(t, "status", res.StatusCode, http.StatusTooManyRequests)
			want(t, "Retry-After", res.Header.Get("Retry-After"), "60")
			time.Sleep(60 * time.Second)
			want(t, "after it", s.call("conversations.list").err(), "")
		}},
		{id: "8.4.6 rate_limited with 200", source: reference + ", chat.postMessage (facts §1.1)", try: func(t *testing.T, s *space) {
			s.Fail(slacksim.Fault{Method: "chat.postMessage", Error: "rate_limited"})
			r, res := s.callAs(s.BotToken(), "chat.postMessage", "channel", s.ChannelID("general"), "text", "x")
			want(t, "answer", fmt.Sprint(res.StatusCode, r.err()), "200rate_limited")
		}},
		{id: "8.4.6 latency", source: "facts §8.4", cfg: slacksim.Config{Latency: 250 * time.Millisecond}, try: func(t *testing.T, s *space) {
			start := time.Now()
			s.call("auth.test")
			want(t, "time", time.Since(start), 250*time.Millisecond)
		}},
		{id: "8.4.8 the edited mark", source: "docs.slack.dev, chat.update (facts §3.3)", try: func(t *testing.T, s *space) {
			ts, _ := s.post("text", "a")
			id := s.ChannelID("general")
			want(t, "with blocks", s.call("chat.update", "channel", id, "ts", ts, "text", "b", "blocks", md("b")).err(), "")
			m, _ := s.Message("general", ts)
			want(t, "mark", m.Edited, false)
			s.call("chat.update", "channel", id, "ts", ts, "text", "c")
			m, _ = s.Message("general", ts)
			want(t, "mark, with text", m.Edited, true)
		}},
		{id: "8.4.8 pings in Markdown", source: "PostHog PR 95054, measured (facts §3.5)", try: func(t *testing.T, s *space) {
			s.blocks(`{"type":"markdown","text":"<!here> <@U0BOB00001> <!subteam^S1> &lt;!channel> @channel"}`)
			var who []string
			for _, p := range s.Notified() {
				who = append(who, p.Who)
			}
			want(t, "pinged", strings.Join(who, " "), "here U0BOB00001 S1")
		}},
		{id: "8.4.8 pings in mrkdwn", source: "@slack/types, verbatim (facts §3.5)", try: func(t *testing.T, s *space) {
			s.blocks(`{"type":"section","text":{"type":"mrkdwn","text":"_@here_"}}`)
			s.blocks(`{"type":"section","text":{"type":"mrkdwn","text":"_@here_","verbatim":true}}`)
			want(t, "pings", len(s.Notified()), 1)
		}},
		{id: "8.4.8 addresses that Slack fetches", source: "docs.slack.dev, unfurling (facts §3.6)", try: func(t *testing.T, s *space) {
			for i, flags := range [][]string{{}, {"unfurl_links", "false"}, {"unfurl_links", "false", "unfurl_media", "false"}} {
				s.post(append([]string{"text", fmt.Sprintf("https://example.com/%d", i)}, flags...)...)
			}
			var urls []string
			for _, u := range s.Unfurled() {
				urls = append(urls, u.URL)
			}
			want(t, "fetched", fmt.Sprint(slices.Sorted(slices.Values(urls))), "[https://example.com/0 https://example.com/1]")
		}},
	}
}
