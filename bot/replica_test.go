package bot_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
	"llmbot/llm"
)

// slowStage takes ten seconds for an answer, keeps the last message of each prompt, and has a thread to read.
type slowStage struct {
	stage

	guard    sync.Mutex // guards all below
	prompts  []string
	messages []thread.Message
}

func (s *slowStage) Stream(_ context.Context, r llm.Request, on func(llm.Delta) error) (llm.Result, error) {
	s.guard.Lock()
	s.prompts = append(s.prompts, r.Messages[len(r.Messages)-1].Content)
	s.guard.Unlock()
	time.Sleep(10 * time.Second)
	return llm.Result{Finish: llm.FinishStop}, on(llm.Delta{Text: "ok"})
}

func (s *slowStage) Messages(context.Context, thread.ID) ([]thread.Message, error) {
	s.guard.Lock()
	defer s.guard.Unlock()
	return s.messages, nil
}

// Two messages come during an answer, and the event of the newer one comes to another process: both reach the model.
func TestEventThatCameToAnotherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowStage{stage: stage{finals: map[string]int{}}}
		for _, m := range []thread.Message{{TS: "1.0", Text: "first"}, {TS: "2.0", Text: "second"}, {TS: "3.0", Text: "third"}} {
			m.User, m.Name, m.Mentioned = "U", "U", true
			s.messages = append(s.messages, m)
		}
		store := turn.NewMem()
		b := bot.New(bot.Config{Owner: "A"}, bot.Deps{Model: s, Server: s, Replier: s, History: s, Room: s, Store: store, Log: slog.New(slog.DiscardHandler)})
		other := turn.NewCoordinator(store, turn.Config{Owner: "B"})
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _ = b.Run(ctx) })
		where := thread.ID{Channel: "C", TS: "1.0"}
		handle := func(ts, text string) {
			if err := b.Handle(ctx, bot.Asked{Question: thread.Question{Thread: where, TS: ts, User: "U", Text: text, Mentioned: true}}); err != nil {
				t.Error(err)
			}
		}
		handle("1.0", "first")
		time.Sleep(time.Second)
		handle("2.0", "second")
		if _, err := other.Ask(ctx, where.String(), "3.0"); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		cancel()
		all.Wait()
		if all := strings.Join(s.prompts, "\n"); !strings.Contains(all, "second") || !strings.Contains(all, "third") || len(s.prompts) != 2 {
			t.Errorf("the prompts end in %q", s.prompts)
		}
	})
}
