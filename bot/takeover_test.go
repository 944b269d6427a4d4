package bot_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot"
	"llmbot/bot/answer"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
	"llmbot/llm"
)

type reading struct {
	slowStage
	reads int
	text  map[string]string
	drawn []string // what was shown in messages that were there before, until the end
}

func (s *reading) Stream(ctx context.Context, r llm.Request, on func(llm.Delta) error) (llm.Result, error) {
	s.guard.Lock()
	s.prompts = append(s.prompts, r.Messages[len(r.Messages)-1].Content)
	s.guard.Unlock()
	_ = on(llm.Delta{Text: "half"})
	select {
	case <-time.After(10 * time.Second):
	case <-ctx.Done():
		return llm.Result{}, context.Cause(ctx)
	}
	return llm.Result{Finish: llm.FinishStop}, on(llm.Delta{Text: " whole"})
}

func (s *reading) Messages(ctx context.Context, _ thread.ID) ([]thread.Message, error) {
	s.guard.Lock()
	s.reads++
	m := append([]thread.Message(nil), s.messages...)
	s.guard.Unlock()
	select {
	case <-time.After(50 * time.Millisecond):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	return m, nil
}

func (s *reading) Open(_ context.Context, _ thread.ID, r bot.Reply) (answer.Draft, error) {
	return &record{s: s, r: r}, nil
}

// seen, put and grown are what was shown, asked and drawn so far.
func (s *reading) seen() map[string]string {
	s.guard.Lock()
	defer s.guard.Unlock()
	return maps.Clone(s.text)
}

func (s *reading) put() []string {
	s.guard.Lock()
	defer s.guard.Unlock()
	return slices.Clone(s.prompts)
}

type record struct {
	s      *reading
	r      bot.Reply
	posted bool
	ts     string
}

func (*record) Room(text string, _ bool) int { return len(text) }

func (d *record) Set(a answer.Snapshot) {
	if a.Text != "" && len(d.r.Adopt) > 0 {
		d.s.guard.Lock()
		d.s.drawn = append(d.s.drawn, a.Text)
		d.s.guard.Unlock()
	}
	if a.Text != "" && !d.posted && len(d.r.Adopt) == 0 {
		d.posted = true
		d.s.guard.Lock()
		d.ts = fmt.Sprintf("%d.5", 100+len(d.s.messages))
		d.s.messages = append(d.s.messages, thread.Message{TS: d.ts, Self: true, For: d.r.For, From: d.r.From, Since: d.r.Since, Epoch: d.r.Epoch, Text: "half"})
		d.s.guard.Unlock()
		d.r.Posted(d.ts)
	}
}

func (d *record) Close(ctx context.Context, a answer.Snapshot) error {
	d.s.guard.Lock()
	defer d.s.guard.Unlock()
	d.s.text[d.r.For] += fmt.Sprintf("[phase %d %q %q adopt %v letgo %v]", a.Phase, a.Text, a.Small, d.r.Adopt, ctx.Err() != nil)
	if ctx.Err() != nil {
		return nil
	}
	ours := func(m thread.Message) bool { return m.TS == d.ts || slices.Contains(d.r.Adopt, m.TS) }
	if a.Phase == answer.Removed {
		d.s.messages = slices.DeleteFunc(d.s.messages, ours)
	}
	for i := range d.s.messages {
		if a.Phase.Final() && ours(d.s.messages[i]) {
			m := &d.s.messages[i]
			m.Ended, m.Whole = a.Ending != answer.EndingOpen, a.Ending == answer.EndingWhole
			m.For, m.From, m.Since, m.Epoch = d.r.For, d.r.From, d.r.Since, d.r.Epoch
		}
	}
	return nil
}

func (s *reading) run(t *testing.T, owner string, store turn.Store) (*bot.Bot, func()) {
	t.Helper()
	return runBot(t, bot.Config{Owner: owner, Durable: true}, bot.Deps{Model: s, Server: s, Replier: s, History: s, Room: s, Store: store})
}

// runBot runs a bot until what it returns is called. Without a Log it is silent.
func runBot(t *testing.T, cfg bot.Config, deps bot.Deps) (*bot.Bot, func()) {
	t.Helper()
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	b := bot.New(cfg, deps)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { _ = b.Run(ctx) })
	return b, func() { cancel(); all.Wait() }
}

func newReading(ms ...thread.Message) *reading {
	s := &reading{slowStage: slowStage{stage: stage{finals: map[string]int{}}}, text: map[string]string{}}
	s.messages = ms
	return s
}

func q(ts, text string) thread.Message {
	return thread.Message{TS: ts, User: "U", Name: "U", Text: text, Mentioned: true}
}

var thread1 = thread.ID{Channel: "C", TS: "1.0"}

func asked(ts, text string) bot.Asked {
	return bot.Asked{Question: thread.Question{Thread: thread1, TS: ts, User: "U", Text: text, Mentioned: true}}
}

// TestStopBeforeTakeover: a process dies in an answer; a stop comes before another has taken it over.
func TestStopBeforeTakeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newReading(q("1.0", "first"), thread.Message{TS: "2.0", Self: true, For: "1.0", Text: "half an answ"})
		store := turn.NewMem()
		dead := turn.NewCoordinator(store, turn.Config{Owner: "dead"})
		a, err := dead.Ask(t.Context(), thread1.String(), "1.0")
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Lease.Reply(t.Context(), []string{"2.0"}); err != nil {
			t.Fatal(err)
		}
		b, stop := s.run(t, "B", store)
		time.Sleep(2 * time.Second)
		if err := b.Handle(t.Context(), asked("3.0", "stop")); err != nil {
			t.Error(err)
		}
		time.Sleep(5 * time.Minute)
		stop()
		r, _ := dead.Look(t.Context(), thread1.String())
		if r.Owed() {
			t.Error("still owed")
		}
		synctest.Wait()
		if !strings.Contains(s.text["1.0"], `"half an answ" "stopped" adopt [2.0] letgo false`) {
			t.Errorf("shown: %v", s.text)
		}
	})
}

// TestDeletionElsewhere: of two questions that are answered together one is deleted; its event comes to another process.
func TestDeletionElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newReading(q("1.0", "first"))
		store := turn.NewMem()
		a, stopA := s.run(t, "A", store)
		b, stopB := s.run(t, "B", store)
		_ = a.Handle(t.Context(), asked("1.0", "first"))
		time.Sleep(time.Second)
		s.guard.Lock()
		s.messages = append(s.messages, q("200.0", "second"), q("201.0", "third"))
		s.guard.Unlock()
		_ = a.Handle(t.Context(), asked("200.0", "second"))
		_ = a.Handle(t.Context(), asked("201.0", "third"))
		time.Sleep(12 * time.Second) // the second turn writes
		s.guard.Lock()
		for i, m := range s.messages {
			if m.TS == "200.0" {
				s.messages = append(s.messages[:i:i], s.messages[i+1:]...)
				break
			}
		}
		s.guard.Unlock()
		_ = b.Handle(t.Context(), bot.Deleted{Thread: thread1, TS: "200.0", At: "202.0"})
		time.Sleep(time.Minute)
		stopA()
		stopB()
		synctest.Wait()
		if last := s.prompts[len(s.prompts)-1]; len(s.prompts) != 3 || last != "U: third" {
			t.Errorf("prompts: %q", s.prompts)
		}
		synctest.Wait()
		if !strings.Contains(s.text["201.0"], "half whole") {
			t.Error("the third question was never answered")
		}
	})
}

type slowClose struct{ *reading }

func (s slowClose) Open(ctx context.Context, t thread.ID, r bot.Reply) (answer.Draft, error) {
	return &quietRecord{record{s: s.reading, r: r, posted: true}}, nil
}

type quietRecord struct{ record }

func (d *quietRecord) Close(ctx context.Context, a answer.Snapshot) error {
	time.Sleep(2 * time.Second) // a status call that is under way
	return d.record.Close(ctx, a)
}

// TestEditStopAsk: edit, stop and a new question while the old turn ends.
func TestEditStopAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newReading(q("1.0", "first"))
		store := turn.NewMem()
		b := bot.New(bot.Config{Owner: "A", Durable: true}, bot.Deps{Model: s, Server: s, Replier: slowClose{s}, History: s, Room: s, Store: store, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { _ = b.Run(ctx); close(done) }()
		_ = b.Handle(ctx, asked("1.0", "first"))
		time.Sleep(time.Second)
		e := asked("1.0", "first, edited")
		e.Edited = "10.0"
		_ = b.Handle(ctx, bot.Edited{Asked: e, WasMentioned: true})
		time.Sleep(100 * time.Millisecond)
		_ = b.Handle(ctx, asked("11.0", "stop"))
		time.Sleep(100 * time.Millisecond)
		s.guard.Lock()
		s.messages = append(s.messages, q("12.0", "second"))
		s.guard.Unlock()
		_ = b.Handle(ctx, asked("12.0", "second"))
		time.Sleep(time.Minute)
		cancel()
		<-done
		synctest.Wait()
		if !strings.Contains(fmt.Sprint(s.prompts), "second") {
			t.Error("the second question is lost")
		}
	})
}

// TestDeletedWhileRead: a question is deleted while a process reads the thread that had not heard of it.
func TestDeletedWhileRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newReading(q("1.0", "first"))
		store := turn.NewMem()
		other := turn.NewCoordinator(store, turn.Config{Owner: "other"})
		_, _ = other.Note(t.Context(), thread1.String(), "1.0")
		b, stop := s.run(t, "B", store)
		time.Sleep(120 * time.Millisecond) // it is taken over after 94 ms, and read until 144
		s.guard.Lock()
		s.messages = nil
		s.guard.Unlock()
		_ = b.Handle(t.Context(), bot.Deleted{Thread: thread1, TS: "1.0"})
		time.Sleep(time.Minute)
		stop()
		synctest.Wait()
		if len(s.prompts) > 0 || len(s.text) > 0 {
			t.Errorf("prompts %q, shown %v", s.prompts, s.text)
		}
	})
}

// TestEditAndFollowUpElsewhere: of two processes one hears of the edit of a question, the other of the follow-up.
func TestEditAndFollowUpElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newReading(q("1.0", "first"))
		store := turn.NewMem()
		a, stopA := s.run(t, "A", store)
		b, stopB := s.run(t, "B", store)
		_ = a.Handle(t.Context(), asked("1.0", "first"))
		time.Sleep(2 * time.Second)
		s.guard.Lock()
		s.messages = append(s.messages, q("3.0", "second"))
		s.guard.Unlock()
		_ = b.Handle(t.Context(), asked("3.0", "second"))
		e := asked("1.0", "first, edited")
		e.Edited = "4.0"
		s.guard.Lock()
		s.messages[0].Text, s.messages[0].Edited = "first, edited", "4.0"
		s.guard.Unlock()
		_ = a.Handle(t.Context(), bot.Edited{Asked: e, WasMentioned: true})
		time.Sleep(2 * time.Minute)
		stopA()
		stopB()
		r, err := turn.NewCoordinator(store, turn.Config{Owner: "x"}).Look(t.Context(), thread1.String())
		synctest.Wait()
		if last := s.prompts[len(s.prompts)-1]; err != nil || r.Owed() || last != "U: first, edited\n\nU: second" {
			t.Errorf("owed %v, prompts %q, %v", r.Owed(), s.prompts, err)
		}
	})
}

// TestLateStopSparesNewerQuestion: a stop comes late, to an answer to what was asked before and after it.
func TestLateStopSparesNewerQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newReading(q("1.0", "first"), q("2.0", "stop"), q("3.0", "second"))
		b, stop := s.run(t, "A", turn.NewMem())
		for _, ask := range []bot.Asked{asked("1.0", "first"), asked("3.0", "second")} {
			ask.Bare = true // the turn waits a moment for more
			_ = b.Handle(t.Context(), ask)
		}
		time.Sleep(time.Second)
		_ = b.Handle(t.Context(), asked("2.0", "stop"))
		time.Sleep(time.Minute)
		stop()
		synctest.Wait()
		if last := s.prompts[len(s.prompts)-1]; len(s.prompts) != 2 || !strings.Contains(s.text["3.0"], `"half whole" "" adopt [103.5] letgo false`) {
			t.Errorf("the last prompt is %q, shown %v", last, s.text)
		}
	})
}

// TestFollowUpOfWhichNobodyTells: a process took the follow-up for nobody's question, since it had not heard of the first one; that comes late.
func TestFollowUpOfWhichNobodyTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newReading(q("1.0", "first"), q("2.0", "second"))
		b, stop := s.run(t, "A", turn.NewMem())
		_ = b.Handle(t.Context(), asked("1.0", "first"))
		time.Sleep(time.Minute)
		_ = b.Handle(t.Context(), asked("2.0", "second")) // and if somebody does, that is nothing new
		time.Sleep(time.Minute)
		stop()
		synctest.Wait()
		if len(s.prompts) != 2 || s.prompts[0] != "U: first" || s.prompts[1] != "U: second" {
			t.Errorf("prompts %q", s.prompts)
		}
	})
}

// TestHalfAnswerFromMemoryIsLeft: a process began to answer while the store was away, and died; then more was asked. A complete answer stays.
func TestHalfAnswerFromMemoryIsLeft(t *testing.T) {
	for name, whole := range map[string]bool{"half": false, "whole": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newReading(q("1.0", "first"), thread.Message{TS: "1.5", Self: true, For: "1.0", Text: "so far", Whole: whole, Ended: whole}, q("2.0", "second"))
				store := turn.NewMem()
				other := turn.NewCoordinator(store, turn.Config{Owner: "other"})
				_, _ = other.Note(t.Context(), thread1.String(), "1.0")
				_, _ = other.Note(t.Context(), thread1.String(), "2.0")
				_, stop := s.run(t, "B", store)
				time.Sleep(time.Minute)
				stop()
				removed := strings.Count(fmt.Sprint(s.text), "phase 5")
				synctest.Wait()
				adopted := strings.Contains(s.text["2.0"], "adopt [1.5]")
				if half := len(s.prompts) == 1 && s.prompts[0] == "U: first\n\nU: second" && removed == 0 && adopted; half == whole || whole && (removed > 0 || len(s.prompts) != 1 || strings.Contains(s.prompts[0], "U: first\n\n")) {
					t.Errorf("prompts %q, shown %v", s.prompts, s.text)
				}
			})
		})
	}
}

// TestStopOfUnrecordedMessage: the owner died between its first post and the record of it, and the answer was stopped before the takeover.
func TestStopOfUnrecordedMessage(t *testing.T) {
	for name, m := range map[string]thread.Message{
		"half":  {TS: "1.5", Self: true, For: "1.0", Epoch: 1, Text: "so far", Shown: 6},
		"whole": {TS: "1.5", Self: true, For: "1.0", Epoch: 1, Text: "so it is", Shown: 8, Whole: true, Ended: true},
		"none":  {TS: "0.5", User: "U2", Text: "before"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newReading(q("1.0", "first"), m)
				store := turn.NewMem()
				dead := turn.NewCoordinator(store, turn.Config{Owner: "dead"})
				_, _ = dead.Ask(t.Context(), thread1.String(), "1.0")
				_ = dead.Stop(t.Context(), thread1.String(), "2.0")
				_, stop := s.run(t, "B", store)
				time.Sleep(time.Minute)
				stop()
				stopped := strings.Contains(s.text["1.0"], `"so far" "stopped" adopt [1.5]`)
				synctest.Wait()
				if stopped != (name == "half") || len(s.prompts) > 0 || !stopped && len(s.text) > 0 {
					t.Errorf("prompts %q, shown %v", s.prompts, s.text)
				}
			})
		})
	}
}

// TestStopBesideTheThreadElsewhere: in a direct message people type stop beside the thread, and another process hears of it than the one that writes.
func TestStopBesideTheThreadElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newReading(q("1.0", "first"))
		store := turn.NewMem()
		a, stopA := s.run(t, "A", store)
		b, stopB := s.run(t, "B", store)
		ask := asked("1.0", "first")
		ask.Thread, ask.Direct = thread.ID{Channel: "D", TS: "1.0"}, true
		_ = a.Handle(t.Context(), ask)
		time.Sleep(3 * time.Second)
		ask.Thread.TS, ask.TS, ask.Text = "2.0", "2.0", "stop"
		_ = b.Handle(t.Context(), ask)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !strings.Contains(s.seen()["1.0"], `phase 3 "half" "stopped`) {
			t.Errorf("shown %v", s.seen())
		}
		stopA()
		stopB()
	})
}
