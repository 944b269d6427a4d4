package bot_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
	"llmbot/llm"
	"llmbot/llm/llmsim"
)

// TestEditIsNotHeldBack: what was visible of the answer to the old form makes way for the new one at once.
func TestEditIsNotHeldBack(t *testing.T) {
	cfg := worldConfig{slack: slacksim.Config{Latency: 50 * time.Millisecond}, model: llmsim.Config{Speed: 40, Answer: echo(60)}}
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "apples")
		w.says("general", ts, "apples indeed", time.Minute)
		time.Sleep(8 * time.Second)
		w.edit("alice", "general", ts, w.slack.Mention()+" pears")
		time.Sleep(4 * time.Second)
		w.slack.Say("alice", "general", ts, "stop")
		time.Sleep(10 * time.Second)
		if s := text(w.answers("general", ts)); strings.Contains(s, "apples") {
			t.Errorf("the answer to the old form stays: %s", s)
		}
	})
}

// TestHalfAnswerBeforeOneFromMemory: its owner died while the store was away, and what was asked next was answered from memory, by a process that
// left the first question to its owner.
func TestHalfAnswerBeforeOneFromMemory(t *testing.T) {
	for name, recorded := range map[string]bool{"recorded": true, "not recorded": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newReading(
					q("1.0", "first"), thread.Message{TS: "1.5", Self: true, For: "1.0", Epoch: 1, Text: "so", Shown: 2},
					q("2.0", "second"), thread.Message{TS: "2.5", Self: true, For: "2.0", Text: "so it is", Whole: true, Ended: true},
				)
				store := turn.NewMem()
				dead := turn.NewCoordinator(store, turn.Config{Owner: "dead"})
				a, _ := dead.Ask(t.Context(), thread1.String(), "1.0")
				if recorded {
					_ = a.Lease.Reply(t.Context(), []string{"1.5"})
				}
				_, _ = dead.Note(t.Context(), thread1.String(), "2.0")
				_, stop := s.run(t, "B", store)
				time.Sleep(time.Minute)
				stop()
				r, err := turn.NewCoordinator(store, turn.Config{Owner: "x"}).Look(t.Context(), thread1.String())
				synctest.Wait()
				if err != nil || r.Owed() || len(s.put()) != 1 || s.put()[0] != "U: first" || !strings.Contains(s.seen()["1.0"], `"half whole" "" adopt [1.5]`) {
					t.Errorf("owed %v, prompts %q, shown %v, %v", r.Owed(), s.put(), s.seen(), err)
				}
			})
		})
	}
}

// TestWholeAnswerBeforeOneFromMemory: the answer is complete, but the store was away when its owner wanted to note that, and died. What was asked
// next was answered from memory. Nothing of it goes, nor is it written again, and an answer that was begun for two questions is finished for the one that has none.
func TestWholeAnswerBeforeOneFromMemory(t *testing.T) {
	for name, upto := range map[string]turn.TS{"one question": "1.0", "begun for both": "2.0"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first := thread.Message{TS: "1.5", Self: true, For: string(upto), Epoch: 1, Text: "so", Shown: 2, Whole: upto == "1.0", Ended: upto == "1.0"}
				s := newReading(q("1.0", "first"), first, q("2.0", "second"), thread.Message{TS: "2.5", Self: true, For: "2.0", From: "2.0", Text: "so it is", Whole: true, Ended: true})
				store := turn.NewMem()
				dead := turn.NewCoordinator(store, turn.Config{Owner: "dead"})
				a, _ := dead.Ask(t.Context(), thread1.String(), "1.0")
				_, _ = dead.Note(t.Context(), thread1.String(), "2.0")
				a.Lease.Extend(upto)
				_ = a.Lease.Reply(t.Context(), []string{"1.5"})
				_, stop := s.run(t, "B", store)
				time.Sleep(time.Minute)
				stop()
				want := ""
				if upto == "2.0" {
					want = "U: first"
				}
				synctest.Wait()
				if all := fmt.Sprint(s.seen()); strings.Contains(all, "phase 5") || strings.Join(s.put(), "|") != want {
					t.Errorf("prompts %q, shown %v", s.put(), s.seen())
				}
			})
		})
	}
}

// TestStopOfTwoLeavesNoHalf: a half answer to one of two asks, and a stop before anybody took it over.
func TestStopOfTwoLeavesNoHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newReading(q("1.0", "first"), thread.Message{TS: "1.5", Self: true, For: "1.0", Epoch: 1, Text: "so far", Shown: 6}, q("2.0", "second"))
		store := turn.NewMem()
		dead := turn.NewCoordinator(store, turn.Config{Owner: "dead"})
		_, _ = dead.Ask(t.Context(), thread1.String(), "1.0")
		b, stop := s.run(t, "B", store)
		time.Sleep(time.Second)
		_ = b.Handle(t.Context(), asked("2.0", "second"))
		_ = b.Handle(t.Context(), asked("3.0", "stop"))
		time.Sleep(time.Minute)
		stop()
		synctest.Wait()
		if len(s.seen()) == 0 {
			t.Errorf("1.5 still says that it is being written")
		}
	})
}

// silent gives its first text after 5 s.
type silent struct{ *reading }

func (s *silent) Stream(ctx context.Context, r llm.Request, on func(llm.Delta) error) (llm.Result, error) {
	s.guard.Lock()
	s.prompts = append(s.prompts, r.Messages[len(r.Messages)-1].Content)
	s.guard.Unlock()
	select {
	case <-time.After(5 * time.Second):
	case <-ctx.Done():
		return llm.Result{}, context.Cause(ctx)
	}
	return llm.Result{Finish: llm.FinishStop}, on(llm.Delta{Text: "whole"})
}

// TestLateStopInTheNextTurn: first and second are answered together; first is deleted; a stop of the first (and not of the second) comes late, while the thread is read anew.
func TestLateStopInTheNextTurn(t *testing.T) {
	for name, del := range map[string]time.Duration{"stop in the second turn": 20 * time.Millisecond, "stop in the first turn": -20 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newReading(q("1.0", "first"), q("1.4", "more"), q("2.0", "stop"), q("3.0", "second"))
				b, stop := runSilent(t, s, "A", turn.NewMem())
				for _, ask := range []bot.Asked{asked("1.0", "first"), asked("1.4", "more"), asked("3.0", "second")} {
					ask.Bare = true
					_ = b.Handle(t.Context(), ask)
				}
				time.Sleep(2 * time.Second)
				gone := func() {
					s.guard.Lock()
					s.messages = append(s.messages[:1:1], s.messages[2:]...)
					s.guard.Unlock()
					_ = b.Handle(t.Context(), bot.Deleted{Thread: thread1, TS: "1.4"})
				}
				if del > 0 {
					gone()
					time.Sleep(del)
				}
				_ = b.Handle(t.Context(), asked("2.0", "stop"))
				time.Sleep(2 * time.Minute)
				stop()
				synctest.Wait()
				if !strings.Contains(s.seen()["3.0"], "whole") {
					t.Errorf("the second question has no answer")
				}
			})
		})
	}
}

// runSilent is reading.run with a model that is silent for a while.
func runSilent(t *testing.T, s *reading, owner string, store turn.Store) (*bot.Bot, func()) {
	t.Helper()
	return runBot(t, bot.Config{Owner: owner, Durable: true}, bot.Deps{Model: &silent{s}, Server: s, Replier: s, History: s, Room: s, Store: store})
}

// TestFrozenOwnerDiesAfterEdit is TestFrozenOwnerDies with a second turn of the process that took the thread over.
func TestFrozenOwnerDiesAfterEdit(t *testing.T) {
	for name, edit := range map[string]bool{"edit": true, "none": false} {
		t.Run(name, func(t *testing.T) {
			cfg := replicas()
			cfg.model.FirstToken = time.Second
			inWorld(t, cfg, func(t *testing.T, w *world) {
				ts := w.ask("alice", "general", "", "count")
				time.Sleep(3 * time.Second)
				w.procs[0].freeze()
				w.again()
				time.Sleep(10 * time.Second)
				if edit {
					w.edit("alice", "general", ts, w.slack.Mention()+" count!")
				}
				time.Sleep(40 * time.Second)
				whole := footers(w.answers("general", ts)) == 1
				w.procs[0].thaw()
				time.Sleep(300 * time.Millisecond)
				if !whole || footers(w.answers("general", ts)) == 1 {
					t.Fatalf("not overwritten (whole before: %v): %s", whole, text(w.answers("general", ts)))
				}
				w.procs[0].kill()
				time.Sleep(3 * time.Minute)
				got := w.answers("general", ts)
				complete(t, text(got), unit, 30)
				oneFooter(t, got)
			})
		})
	}
}
