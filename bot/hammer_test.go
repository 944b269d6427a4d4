package bot_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot"
	"llmbot/bot/answer"
	"llmbot/bot/slackio"
	"llmbot/bot/slacksim"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
	"llmbot/llm/llmsim/memnet"
)

// atOnce is a scene in which nothing takes time.
func atOnce(t *testing.T) *scene {
	t.Helper()
	s := newScene(t)
	s.readTakes, s.restTakes = 0, 0
	return s
}

func ask(n, ts int) bot.Asked {
	th := thread.ID{Channel: "C", TS: fmt.Sprintf("1000.%06d", n)}
	return bot.Asked{Question: thread.Question{Thread: th, TS: fmt.Sprintf("%d.%06d", 1000+ts, n), User: "U", Text: "q", Mentioned: true}}
}

// TestHandleHammer has 8 goroutines ask in 20 threads, each question twice, while the bot stops:
// what was acked is answered, and nothing is answered twice.
func TestHandleHammer(t *testing.T) {
	s := atOnce(t)
	b := s.run("o", func(c *bot.Config, _ *bot.Deps) { c.MaxAnswers, c.Durable = 4, false }) // what it cannot answer it does not ack
	var all sync.WaitGroup
	var mu sync.Mutex // guards newest
	newest := map[string]string{}
	for g := range 8 {
		all.Go(func() {
			for i := range 100 {
				ev := ask((g/2*7+i)%20, i)
				s.sayIn(ev.Thread, q(ev.TS, ev.Text))
				err := b.Handle(t.Context(), ev)
				if err != nil && !errors.Is(err, bot.ErrBusy) && !errors.Is(err, bot.ErrDraining) {
					t.Error(err)
				}
				if err == nil {
					mu.Lock()
					newest[ev.Thread.TS] = max(newest[ev.Thread.TS], ev.TS)
					mu.Unlock()
				}
				if g == 0 && i == 70 {
					go b.stop()
				}
			}
		})
	}
	all.Wait()
	b.stop()
	finals := map[string]int{}
	for _, end := range s.ends {
		finals[end.For]++
	}
	for ts, n := range finals {
		if n != 1 {
			t.Errorf("%s was answered %d times", ts, n)
		}
	}
	for thread, ts := range newest {
		_, mine, _ := strings.Cut(ts, ".") // the number of the thread
		answered := false                  // perhaps together with one that the thread showed, and that was not taken any more
		for what := range finals {
			_, whose, _ := strings.Cut(what, ".")
			answered = answered || whose == mine && !turn.TS(ts).After(turn.TS(what))
		}
		if !answered {
			t.Errorf("the newest question of %s, %s, was acked and not answered", thread, ts)
		}
	}
}

// TestPanicEndsOneTurnOnly: people are told in plain words, and the same thread and the only slot
// serve the next questions.
func TestPanicEndsOneTurnOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := atOnce(t)
		s.panics = true
		b := s.run("o", func(c *bot.Config, _ *bot.Deps) { c.MaxAnswers = 1 })
		for i := range 3 { // twice in one thread, then in another one
			b.told(ask(i/2, i))
			s.until("the answer ends", func() bool { return len(s.ends) == i+1 })
		}
		s.wantPrompts("U: q", "U: q", "U: q")
		for i, end := range s.ends {
			if failed := end.Phase == answer.Failed; failed != (i == 0) {
				t.Errorf("answer %d ended in phase %d", i, end.Phase)
			}
		}
		notice := s.ends[0].notice
		has(t, notice, "Something went wrong")
		hasNot(t, notice, "a bug")
	})
}

func TestWrongTokens(t *testing.T) {
	for _, tt := range []struct{ app, bot, variable, hint string }{
		{slacksim.DefaultAppToken, "xoxb-wrong", "SLACK_BOT_TOKEN", "Copy SLACK_BOT_TOKEN again"},
		{slacksim.DefaultAppToken, slacksim.DefaultAppToken, "SLACK_BOT_TOKEN", "xoxb-"},
		{"xapp-wrong", slacksim.DefaultBotToken, "SLACK_APP_TOKEN", "Copy SLACK_APP_TOKEN again"},
		{slacksim.DefaultBotToken, slacksim.DefaultBotToken, "SLACK_APP_TOKEN", "xapp-"},
	} {
		synctest.Test(t, func(t *testing.T) {
			sim := slacksim.New(slacksim.Config{})
			net := memnet.Serve(sim)
			client := net.Client()
			s := slackio.New(slackio.Config{AppToken: tt.app, BotToken: tt.bot, APIURL: "http://slack/api/", HTTP: client, Log: slog.New(slog.DiscardHandler)})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := s.Connect(ctx)
			if err == nil {
				err = s.Run(ctx, nil)
			}
			refused, ok := errors.AsType[*slackio.TokenError](err)
			if !ok {
				t.Fatalf("%s %s: %v", tt.app, tt.bot, err)
			}
			is(t, "the variable that is wrong", refused.Variable, tt.variable)
			has(t, refused.Hint(), tt.hint)
			hasNot(t, err.Error(), "wrong") // what the token holds
			client.CloseIdleConnections()
			sim.Close()
			_ = net.Close()
		})
	}
}
