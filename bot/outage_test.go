package bot_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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

// flaky is a stage whose model or history fails on demand.
type flaky struct {
	*reading
	mu     sync.Mutex
	fails  int  // so many streams fail
	unread bool // the history cannot be read
}

func (s *flaky) Stream(ctx context.Context, r llm.Request, on func(llm.Delta) error) (llm.Result, error) {
	s.mu.Lock()
	fail := s.fails > 0
	if fail {
		s.fails--
	}
	s.mu.Unlock()
	if !fail {
		return s.reading.Stream(ctx, r, on)
	}
	s.guard.Lock()
	s.prompts = append(s.prompts, r.Messages[len(r.Messages)-1].Content)
	s.guard.Unlock()
	_ = on(llm.Delta{Text: "half"})
	time.Sleep(3 * time.Second)
	return llm.Result{}, errors.New("boom")
}

func (s *flaky) Messages(ctx context.Context, t thread.ID) ([]thread.Message, error) {
	s.mu.Lock()
	unread := s.unread
	s.mu.Unlock()
	if unread {
		return nil, errors.New("slack does not answer")
	}
	return s.reading.Messages(ctx, t)
}

func (s *flaky) start(t *testing.T, owner string, store turn.Store, policy bot.Policy) (*bot.Bot, func()) {
	t.Helper()
	deps := bot.Deps{Model: s, Server: s, Replier: s, History: s, Room: s, Store: store, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	return runBot(t, bot.Config{Owner: owner, Durable: true, Policy: policy}, deps)
}

func noteAsk(t *testing.T, store turn.Store, ts turn.TS) *turn.Coordinator {
	t.Helper()
	d := turn.NewCoordinator(store, turn.Config{Owner: "other"})
	if _, err := d.Note(t.Context(), thread1.String(), ts); err != nil {
		t.Fatal(err)
	}
	return d
}

func (s *reading) show() string {
	s.guard.Lock()
	defer s.guard.Unlock()
	var b strings.Builder
	for _, m := range s.messages {
		if m.Self {
			fmt.Fprintf(&b, "[%s answers %s..%s epoch %d ended %v whole %v] ", m.TS, m.From, m.For, m.Epoch, m.Ended, m.Whole)
		}
	}
	return b.String()
}

func (s *reading) has(ts string) bool {
	s.guard.Lock()
	defer s.guard.Unlock()
	return slices.ContainsFunc(s.messages, func(m thread.Message) bool { return m.TS == ts })
}

func ours(ts, from, what string, epoch uint64, whole bool) thread.Message {
	return thread.Message{TS: ts, Self: true, From: from, For: what, Since: what, Epoch: epoch, Text: "so", Shown: 2, Ended: whole, Whole: whole}
}

// TestPagesOfAnAnswerWrittenAnew: no outage at all. An answer of two pages was written anew (edit, Regenerate, Continue), complete; its process dies before Done.
func TestPagesOfAnAnswerWrittenAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		question := q("1.0", "first")
		question.Edited = "3.0"
		p0, p1 := ours("1.5", "1.0", "1.0", 2, false), ours("1.6", "1.0", "1.0", 2, true)
		p0.Since, p1.Since, p1.Page = "3.0", "3.0", 1
		s := newReading(question, p0, p1)
		store := turn.NewMem()
		dead := turn.NewCoordinator(store, turn.Config{Owner: "dead"})
		a, _ := dead.Ask(t.Context(), thread1.String(), "1.0")
		_, _ = a.Lease.Done(t.Context(), "1.0")
		a, _ = dead.Ask(t.Context(), thread1.String(), "3.0")
		_ = a.Lease.Reply(t.Context(), []string{"1.5", "1.6"})
		_, stop := s.run(t, "B", store)
		time.Sleep(2 * time.Minute)
		stop()
		if !s.has("1.5") || !s.has("1.6") {
			t.Errorf("a page of the complete answer is gone: %s\nshown %v, prompts %q", s.show(), s.seen(), s.put())
		}
	})
}

// TestFailedPart: the first of two runs fails: the other one is never answered.
func TestFailedPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &flaky{reading: newReading(q("1.0", "first"), q("2.0", "second"), ours("2.5", "2.0", "2.0", 0, true), q("3.0", "third")), fails: 1}
		store := turn.NewMem()
		d := noteAsk(t, store, "3.0000001")
		_, stop := s.start(t, "B", store, bot.Policy{})
		time.Sleep(3 * time.Minute)
		stop()
		r, _ := d.Look(t.Context(), thread1.String())
		if !strings.Contains(fmt.Sprint(s.put()), "third") {
			t.Errorf("third was never answered: prompts %q, owed %v, answered %s", s.put(), r.Owed(), r.Answered)
		}
	})
}

// TestFailedPartWithoutOutage: the same without any outage: what was asked meanwhile, and an owner that dies right after an edit has widened its claim.
func TestFailedPartWithoutOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := q("1.0", "first")
		first.Edited = "4.0"
		s := &flaky{reading: newReading(first, ours("1.5", "1.0", "1.0", 1, false), q("3.0", "second")), fails: 1}
		store := turn.NewMem()
		dead := turn.NewCoordinator(store, turn.Config{Owner: "dead"})
		a, _ := dead.Ask(t.Context(), thread1.String(), "1.0")
		_ = a.Lease.Reply(t.Context(), []string{"1.5"})
		_, _ = dead.Ask(t.Context(), thread1.String(), "3.0")
		_, _ = dead.Ask(t.Context(), thread1.String(), "4.0")
		a.Lease.Extend("4.0") // as turnRun.answer does
		_ = a.Lease.Reply(t.Context(), []string{"1.5"})
		_, stop := s.start(t, "B", store, bot.Policy{})
		time.Sleep(3 * time.Minute)
		stop()
		if !strings.Contains(fmt.Sprint(s.put()), "second") {
			t.Errorf("second reached no prompt: %q\n%s", s.put(), s.show())
		}
	})
}

// TestRefusedPart: the first of two runs is refused by the policy.
func TestRefusedPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := q("1.0", "first")
		refused.User = "Z"
		s := &flaky{reading: newReading(refused, q("2.0", "second"), ours("2.5", "2.0", "2.0", 0, true), q("3.0", "third"))}
		store := turn.NewMem()
		noteAsk(t, store, "3.0000001")
		_, stop := s.start(t, "B", store, bot.Policy{Deny: []string{"Z"}})
		time.Sleep(3 * time.Minute)
		stop()
		if !strings.Contains(fmt.Sprint(s.put()), "third") {
			t.Errorf("third was never answered: prompts %q", s.put())
		}
	})
}

// TestLastQuestionDeleted: three questions have one answer from memory; the last question is deleted before the thread is read again.
func TestLastQuestionDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &flaky{reading: newReading(q("1.0", "first"), q("2.0", "second"), ours("3.5", "1.0", "3.0", 0, true))}
		store := turn.NewMem()
		noteAsk(t, store, "3.0000001")
		_, stop := s.start(t, "B", store, bot.Policy{})
		time.Sleep(3 * time.Minute)
		stop()
		if !s.has("3.5") && len(s.put()) == 0 {
			t.Errorf("first and second have no answer any more: prompts %q, shown %v", s.put(), s.seen())
		}
	})
}

// TestOrphanBesideSomethingOwed: a half answer from memory to a question that is gone stays, if something else is owed.
func TestOrphanBesideSomethingOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &flaky{reading: newReading(q("1.0", "first"), ours("2.5", "2.0", "2.0", 0, false), q("3.0", "third"))}
		store := turn.NewMem()
		noteAsk(t, store, "3.0000001")
		_, stop := s.start(t, "B", store, bot.Policy{})
		time.Sleep(3 * time.Minute)
		stop()
		if s.has("2.5") {
			t.Errorf("a half answer stays: %s, prompts %q", s.show(), s.put())
		}
	})
}

// TestCompleteBesideKeptFailure: the store knows a failed answer under a claim; another process has answered the same from memory, completely.
func TestCompleteBesideKeptFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := ours("1.5", "1.0", "1.0", 1, false)
		failed.Ended = true
		s := &flaky{reading: newReading(q("1.0", "first"), failed, ours("1.6", "1.0", "1.0", 0, true))}
		store := turn.NewMem()
		d := turn.NewCoordinator(store, turn.Config{Owner: "dead"})
		a, _ := d.Ask(t.Context(), thread1.String(), "1.0")
		_, _ = a.Lease.Done(t.Context(), "1.0") // it failed, and says so
		_ = store.Update(t.Context(), "answers/"+thread1.String(), func([]byte) ([]byte, error) {
			return []byte(`[{"for":"1.0","text":"so","notice":"failed","phase":4,"controls":2,"asker":"U","from":"1.0","since":"1.0","epoch":1,"ids":["1.5"]}]`), nil
		})
		noteAsk(t, store, "1.0000001") // X gives way
		_, stop := s.start(t, "B", store, bot.Policy{})
		time.Sleep(3 * time.Minute)
		stop()
		if !s.has("1.6") {
			t.Errorf("the complete answer is gone: %s\nprompts %q, shown %v", s.show(), s.put(), s.seen())
		}
	})
}

// TestEditInAPart: the thread is read again, and the first run is being answered; its question is edited.
func TestEditInAPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &flaky{reading: newReading(q("1.0", "first"), q("2.0", "second"), ours("2.5", "2.0", "2.0", 0, true))}
		store := turn.NewMem()
		noteAsk(t, store, "2.0000001")
		b, stop := s.start(t, "B", store, bot.Policy{})
		time.Sleep(5 * time.Second)
		e := asked("1.0", "first, edited")
		e.Edited = "50.0"
		s.guard.Lock()
		s.messages[0].Text, s.messages[0].Edited = "first, edited", "50.0"
		s.guard.Unlock()
		_ = b.Handle(t.Context(), bot.Edited{Asked: e, WasMentioned: true})
		time.Sleep(3 * time.Minute)
		stop()
		if last := s.put()[len(s.put())-1]; strings.Contains(last, "second") {
			t.Errorf("second is answered again: prompts %q\n%s", s.put(), s.show())
		}
	})
}
