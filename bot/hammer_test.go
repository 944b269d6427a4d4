package bot_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot"
	"llmbot/bot/answer"
	"llmbot/bot/slackio"
	"llmbot/bot/slacksim"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
	"llmbot/llm"
	"llmbot/llm/llmsim/memnet"
)

// stage is a Slack and a model that do what they are told at once.
type stage struct {
	asks  atomic.Int64
	panic atomic.Bool // the next request panics

	mu     sync.Mutex // guards all below
	finals map[string]int
	failed []answer.Snapshot
	said   map[thread.ID][]thread.Message // in the threads
}

// say puts a message into its thread, as Slack does before it tells of it.
func (s *stage) say(ev bot.Asked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.said == nil {
		s.said = map[thread.ID][]thread.Message{}
	}
	list := s.said[ev.Thread]
	i, known := slices.BinarySearchFunc(list, ev.TS, func(m thread.Message, ts string) int { return strings.Compare(m.TS, ts) })
	if !known {
		s.said[ev.Thread] = slices.Insert(list, i, thread.Message{TS: ev.TS, User: ev.User, Name: ev.User, Text: ev.Text, Mentioned: ev.Mentioned})
	}
}

func (s *stage) Stream(_ context.Context, _ llm.Request, on func(llm.Delta) error) (llm.Result, error) {
	s.asks.Add(1)
	if s.panic.CompareAndSwap(true, false) {
		panic("a bug")
	}
	return llm.Result{Finish: llm.FinishStop}, on(llm.Delta{Text: "ok"})
}

func (*stage) Model(context.Context, string) (llm.ModelInfo, error) { return llm.ModelInfo{}, nil }
func (*stage) Version(context.Context) (string, error)              { return "", nil }
func (*stage) Metrics(context.Context) (llm.Metrics, error)         { return llm.Metrics{}, nil }
func (*stage) Person(_ context.Context, u string) (bot.Person, error) {
	return bot.Person{ID: u, Name: u}, nil
}

func (*stage) Channel(context.Context, string) (string, error)          { return "c", nil }
func (*stage) Whisper(context.Context, thread.ID, string, string) error { return nil }

func (s *stage) Messages(_ context.Context, t thread.ID) ([]thread.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.said[t]), nil
}

func (*stage) Recent(context.Context, string, string, string) ([]thread.Message, error) {
	return nil, nil
}

func (s *stage) Open(_ context.Context, _ thread.ID, r bot.Reply) (answer.Draft, error) {
	return &shown{s, r}, nil
}

type shown struct {
	s *stage
	r bot.Reply
}

func (*shown) Set(answer.Snapshot)          {}
func (*shown) Room(text string, _ bool) int { return len(text) }
func (d *shown) Close(_ context.Context, a answer.Snapshot) error {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	d.s.finals[d.r.For]++
	if a.Phase == answer.Failed {
		d.s.failed = append(d.s.failed, a)
	}
	return nil
}

// newBot returns a bot on a stage, and a function that stops it.
func newBot(t *testing.T, maxAnswers int) (*bot.Bot, *stage, func()) {
	t.Helper()
	s := &stage{finals: map[string]int{}}
	store := turn.NewMem()
	t.Cleanup(func() { _ = store.Close() }) // not in stop: an ask may still be on its way to the store then, as serve, too, closes it last
	b := bot.New(bot.Config{Owner: "o", MaxAnswers: maxAnswers}, bot.Deps{
		Model: s, Server: s, Replier: s, History: s, Room: s, Store: store, Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	return b, s, func() { cancel(); <-done }
}

func ask(n, ts int) bot.Asked {
	th := thread.ID{Channel: "C", TS: fmt.Sprintf("1000.%06d", n)}
	return bot.Asked{Question: thread.Question{Thread: th, TS: fmt.Sprintf("%d.%06d", 1000+ts, n), User: "U", Text: "q", Mentioned: true}}
}

// TestHandleHammer has 8 goroutines ask in 20 threads, each question twice, while the bot stops: what was acked is answered.
func TestHandleHammer(t *testing.T) {
	b, s, stop := newBot(t, 4)
	var all sync.WaitGroup
	var mu sync.Mutex // guards newest
	newest := map[string]string{}
	for g := range 8 {
		all.Go(func() {
			for i := range 100 {
				ev := ask((g/2*7+i)%20, i)
				s.say(ev)
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
					go stop()
				}
			}
		})
	}
	all.Wait()
	stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for ts, n := range s.finals {
		if n != 1 {
			t.Errorf("%s was answered %d times", ts, n)
		}
	}
	for thread, ts := range newest {
		_, mine, _ := strings.Cut(ts, ".") // the number of the thread
		answered := false                  // perhaps together with one that the thread showed, and that was not taken any more
		for what := range s.finals {
			_, whose, _ := strings.Cut(what, ".")
			answered = answered || whose == mine && !turn.TS(ts).After(turn.TS(what))
		}
		if !answered {
			t.Errorf("the newest question of %s, %s, was acked and not answered", thread, ts)
		}
	}
}

func TestPanicEndsOneTurnOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s, stop := newBot(t, 1)
		s.panic.Store(true)
		for i := range 3 { // the same thread, another one, and the slot is free
			if err := b.Handle(t.Context(), ask(i/2, i)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		stop()
		if s.asks.Load() != 3 || len(s.finals) != 3 {
			t.Errorf("%d asks, %v", s.asks.Load(), s.finals)
		}
		if len(s.failed) != 1 || !strings.Contains(s.failed[0].Notice, "Something went wrong") || strings.Contains(s.failed[0].Notice, "a bug") {
			t.Errorf("%+v", s.failed)
		}
	})
}

func TestFileWithoutText(t *testing.T) {
	inWorld(t, worldConfig{}, func(t *testing.T, w *world) {
		ts := w.slack.Say("alice", "general", "", "a file, as far as Slack knows")
		ev := bot.Asked{Question: thread.Question{Thread: thread.ID{Channel: w.slack.ChannelID("general"), TS: ts}, TS: ts, User: w.slack.UserID("alice"), Mentioned: true, Files: []thread.File{{ID: "F1", Name: "x.pdf", MIME: "application/pdf"}}}}
		if err := w.bot.Handle(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if e := w.slack.Ephemerals("alice"); len(e) != 1 || !strings.Contains(e[0].Plain, "can't read this kind of file") || w.model.Total() != 0 {
			t.Errorf("%+v", e)
		}
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
			if !ok || refused.Variable != tt.variable || !strings.Contains(refused.Hint(), tt.hint) || strings.Contains(err.Error(), "wrong") {
				t.Errorf("%s %s: %v", tt.app, tt.bot, err)
			}
			client.CloseIdleConnections()
			sim.Close()
			_ = net.Close()
		})
	}
}
