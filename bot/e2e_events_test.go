package bot_test

import (
	"strings"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

// once asks, and fails unless there is one answer and one model call after everything that may be
// delivered again was.
func once(t *testing.T, w *world, channel string) {
	t.Helper()
	ts := w.ask("alice", channel, "", "in 5 words")
	w.answered(channel, ts, 1)
	time.Sleep(7 * time.Minute)
	oneFooter(t, w.answers(channel, ts))
	if n := len(w.answers(channel, ts)); n != 1 || w.model.Total() != 1 {
		t.Errorf("%d messages, %d requests", n, w.model.Total())
	}
}

func TestEventsThatComeTwiceAreAnsweredOnce(t *testing.T) {
	faults := map[string]func(s *slacksim.Sim){
		"mention first":   func(s *slacksim.Sim) { s.SetOrder(slacksim.OrderMentionFirst) },
		"message first":   func(s *slacksim.Sim) { s.SetOrder(slacksim.OrderMessageFirst) },
		"doubled":         func(s *slacksim.Sim) { s.FailEvent(slacksim.EventFault{Times: -1, Duplicate: 3}) },
		"mention late":    func(s *slacksim.Sim) { s.FailEvent(slacksim.EventFault{Type: "app_mention", Delay: time.Minute}) },
		"message late":    func(s *slacksim.Sim) { s.FailEvent(slacksim.EventFault{Type: "message", Delay: 3 * time.Second}) },
		"mention dropped": func(s *slacksim.Sim) { s.FailEvent(slacksim.EventFault{Type: "app_mention", Drop: true}) },
		"message dropped": func(s *slacksim.Sim) { s.FailEvent(slacksim.EventFault{Type: "message", Drop: true}) },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			inWorld(t, worldConfig{model: llmsim.Config{Speed: 50}, slack: slacksim.Config{HoldEvents: 10}}, func(t *testing.T, w *world) {
				fault(w.slack)
				once(t, w, "general")
			})
		})
	}
	t.Run("cut", func(t *testing.T) {
		inWorld(t, worldConfig{model: llmsim.Config{Speed: 50}, slack: slacksim.Config{HoldEvents: 10}, lateAcks: true}, func(t *testing.T, w *world) {
			w.slack.Cut()
			once(t, w, "general")
		})
	})
	t.Run("ack lost", func(t *testing.T) {
		inWorld(t, worldConfig{model: llmsim.Config{Speed: 50}, lateAcks: true}, func(t *testing.T, w *world) {
			w.slack.FailEvent(slacksim.EventFault{Times: 2, LoseAck: true})
			once(t, w, "general")
		})
	})
}

func TestFollowUpsThatComeReordered(t *testing.T) {
	inWorld(t, worldConfig{model: llmsim.Config{Speed: 20}}, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "write 60 tokens")
		w.answered("general", ts, 1)
		w.slack.FailEvent(slacksim.EventFault{Times: 2, Delay: 2 * time.Second}) // both events of the first
		w.ask("bob", "general", ts, "early one")
		time.Sleep(100 * time.Millisecond)
		w.ask("carol", "general", ts, "late one")
		w.answered("general", ts, 2)
		time.Sleep(20 * time.Second)
		var all strings.Builder
		for _, m := range w.model.Last().Chat.Messages {
			all.WriteString(m.Content + "\n")
		}
		has(t, all.String(), "early one", "late one")
		is(t, "requests to the model", w.model.Total(), 2)
	})
}

func TestEveryEnvelopeIsAckedInTime(t *testing.T) {
	faults := map[string]slacksim.Fault{
		"users.info slow":         {Method: "users.info", Times: -1, Delay: 8 * time.Second},
		"users.info hangs":        {Method: "users.info", Times: -1, Hang: true},
		"users.info rate-limited": {Method: "users.info", Times: 2, Status: 429, RetryAfter: 4},
		"everything slow":         {Times: -1, Delay: 4 * time.Second},
	}
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			inWorld(t, worldConfig{model: llmsim.Config{Speed: 50}, bot: bot.Config{Policy: bot.Policy{AllowGuests: true, AllowExternal: true}}}, func(t *testing.T, w *world) {
				w.slack.Fail(f)
				ts := w.ask("alice", "general", "", "what does @bob think of @carol in 5 words")
				w.slack.Say("bob", "general", ts, "not for the bot")
				w.slack.Say("deploybot", "general", "", w.slack.Mention()+" deployed")
				other := w.slack.Say("carol", "random", "", "hello")
				w.edit("carol", "random", other, "hello you")
				w.delete("carol", "random", other)
				w.answered("general", ts, 1)
				is(t, "requests", w.model.Total(), 1)
			})
		})
	}
}

func TestOwnPostsAndBotsChangeNothing(t *testing.T) {
	inWorld(t, worldConfig{model: llmsim.Config{Speed: 50, Answer: func(*llmsim.Chat) string { return "Ask <@U0LLMBOT01> or @llm." }}}, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "hello")
		w.answered("general", ts, 1)
		dm := w.slack.Say("alice", "@alice", "", "hello")
		w.answered("@alice", dm, 1)
		w.slack.Say("deploybot", "general", "", w.slack.Mention()+" hello")
		w.slack.Say("deploybot", "general", ts, w.slack.Mention()+" hello")
		time.Sleep(time.Minute)
		is(t, "requests", w.model.Total(), 2)
		is(t, "ephemerals", len(w.slack.Ephemerals("alice")), 0)
		w.edit("alice", "general", ts, w.slack.Mention()+" hello again")
		time.Sleep(time.Minute)
		if n := w.model.Total(); n != 3 { // of a person: it is answered again
			t.Errorf("%d requests after an edit", n)
		}
	})
}

func TestWhoMayNotAskGetsOneWord(t *testing.T) {
	deny := bot.Policy{Deny: []string{"U0BOB00001"}, Channels: []string{"C0GENERAL1", "C0EXTERN01"}}
	tests := map[string]struct {
		policy              bot.Policy
		user, channel, says string
	}{
		"guest":         {bot.Policy{}, "gina", "general", "guests"},
		"external":      {bot.Policy{}, "erik", "shared-extern", "this organisation"},
		"denied":        {deny, "bob", "general", "may not answer you"},
		"not allowed":   {bot.Policy{Users: []string{"U0BOB00001"}}, "alice", "general", "may not answer you"},
		"other channel": {deny, "alice", "random", "in this channel"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inWorld(t, worldConfig{bot: bot.Config{Policy: tt.policy}}, func(t *testing.T, w *world) {
				ts := w.ask(tt.user, tt.channel, "", "hello")
				time.Sleep(time.Minute)
				e := w.slack.Ephemerals(tt.user)
				size(t, "ephemeral messages", e, 1)
				has(t, e[0].Plain, tt.says)
				if e[0].ThreadTS != "" {
					t.Error("an ephemeral message in a thread without messages is not seen")
				}
				is(t, "requests to the model", w.model.Total(), 0)
				size(t, "answers", w.answers(tt.channel, ts), 0)
			})
		})
	}
	t.Run("allowed", func(t *testing.T) {
		inWorld(t, worldConfig{bot: bot.Config{Policy: bot.Policy{AllowGuests: true, AllowExternal: true}}}, func(t *testing.T, w *world) {
			w.answered("general", w.ask("gina", "general", "", "hello"), 1)
			w.answered("shared-extern", w.ask("erik", "shared-extern", "", "hello"), 1)
		})
	})
	t.Run("in a thread beside a member", func(t *testing.T) {
		inWorld(t, worldConfig{model: llmsim.Config{Speed: 20}}, func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "write 60 tokens")
			time.Sleep(time.Second)
			w.ask("bob", "general", ts, "a fair question")
			w.ask("gina", "general", ts, "a guest's question")
			w.answered("general", ts, 2)
			m := w.model.Last().Chat.Messages
			last := m[len(m)-1].Content
			has(t, last, "a fair question")
			hasNot(t, last, "guest's")
			if e := w.slack.Ephemerals("gina"); len(e) != 1 || e[0].ThreadTS != ts {
				t.Errorf("ephemerals: %+v", e)
			}
		})
	})
}

func TestNothingAsked(t *testing.T) {
	inWorld(t, worldConfig{}, func(t *testing.T, w *world) {
		w.slack.Say("alice", "general", "", w.slack.Mention())
		time.Sleep(time.Minute)
		w.toldOnce("alice", "What would you like to know?")
		is(t, "requests to the model", w.model.Total(), 0)
		// A bare mention in a thread asks for a word on what was said there.
		ts := w.slack.Say("alice", "general", "", "the build is slow")
		w.slack.Say("bob", "general", ts, w.slack.Mention())
		w.answered("general", ts, 1)
		has(t, w.question(), "the build is slow")
	})
}

func TestSocketsThatComeAndGo(t *testing.T) {
	inWorld(t, worldConfig{model: llmsim.Config{Speed: 20}}, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "write 200 tokens")
		time.Sleep(time.Second)
		w.slack.Disconnect("warning")
		time.Sleep(5 * time.Second)
		second := w.ask("bob", "general", "", "in 5 words")
		oneFooter(t, w.answered("general", second, 1))
		oneFooter(t, w.answered("general", ts, 1))
		w.until("both sockets are back", time.Minute, func() bool { return w.slack.Sockets() == 2 })
		for range 3 {
			w.slack.Disconnect("refresh_requested")
			time.Sleep(time.Second)
			w.until("both sockets are back", time.Minute, func() bool { return w.slack.Sockets() == 2 })
		}
		w.answered("general", w.ask("bob", "general", "", "in 5 words"), 1)
	})
}

func TestStormsOfConnectsAreHeldBack(t *testing.T) {
	inWorld(t, worldConfig{}, func(t *testing.T, w *world) {
		w.slack.RefuseSockets(-1, "link_disabled")
		before := len(w.slack.Calls("apps.connections.open"))
		w.slack.Disconnect("link_disabled")
		time.Sleep(5 * time.Minute)
		atMost(t, "connects in 5 minutes", len(w.slack.Calls("apps.connections.open"))-before, 50)
		w.logged("level=WARN", "socket_closed", "link_disabled")
		w.slack.Heal()
		w.until("both sockets are back", 5*time.Minute, func() bool { return w.slack.Sockets() == 2 })
		w.answered("general", w.ask("bob", "general", "", "in 5 words"), 1)
	})
}
