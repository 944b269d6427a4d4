package transcript_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/thread"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
	"llmbot/llm"
)

func id() thread.ID { return thread.ID{Channel: "C", TS: "1.0"} }

func keep(t *testing.T, r transcript.Records, entries ...transcript.Entry) {
	t.Helper()
	for _, e := range entries {
		if err := r.Keep(t.Context(), id(), e); err != nil {
			t.Fatal(err)
		}
	}
}

func entries(t *testing.T, r transcript.Records) map[string]transcript.Entry {
	t.Helper()
	got, err := r.Entries(t.Context(), id())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestTheNewestEntriesStay: a thread's record is bounded, and the oldest answers leave it.
func TestTheNewestEntriesStay(t *testing.T) {
	r := transcript.Records{Store: turn.NewMem()}
	big := strings.Repeat("x", 256<<10/3)
	for i := range 5 {
		keep(t, r, transcript.Entry{For: fmt.Sprintf("%d.0", i), Text: big})
	}
	keep(t, r, transcript.Entry{For: "4.0", Text: "anew"})
	got := entries(t, r)
	if len(got) != 3 {
		t.Errorf("%d entries are kept, not the three that fit", len(got))
	}
	if got["4.0"].Text != "anew" || got["3.0"].Text != big {
		t.Error("the newest entries are not among those that are kept")
	}
}

// TestAnEntryOfALaterEpochStays: an owner that was frozen does not overwrite its successor's answer.
func TestAnEntryOfALaterEpochStays(t *testing.T) {
	r := transcript.Records{Store: turn.NewMem()}
	keep(t, r, transcript.Entry{For: "1.0", Text: "successor", Epoch: 3}, transcript.Entry{For: "1.0", Text: "late", Epoch: 2})
	if got := entries(t, r)["1.0"].Text; got != "successor" {
		t.Errorf("kept %q", got)
	}
	keep(t, r, transcript.Entry{For: "1.0", Text: "again", Epoch: 3})
	if got := entries(t, r)["1.0"].Text; got != "again" {
		t.Errorf("of the same epoch %q is kept", got)
	}
}

// TestAnUnreadableRecordIsWrittenAnew: who reads it is told, and nobody is stuck with it.
func TestAnUnreadableRecordIsWrittenAnew(t *testing.T) {
	store := turn.NewMem()
	r := transcript.Records{Store: store}
	if err := store.Update(t.Context(), "answers/C/1.0", func([]byte) ([]byte, error) { return []byte("{"), nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Entries(t.Context(), id()); err == nil {
		t.Error("what is no JSON was read without an error")
	}
	keep(t, r, transcript.Entry{For: "5.0", Text: "x"})
	if got := entries(t, r); len(got) != 1 {
		t.Errorf("kept %v", got)
	}
}

// TestEndingOfAnOlderVersion: it kept the buttons only.
func TestEndingOfAnOlderVersion(t *testing.T) {
	for _, tt := range []struct {
		kept transcript.Entry
		want answer.Ending
	}{
		{transcript.Entry{Controls: answer.CanRate | answer.CanRegenerate}, answer.EndingWhole},
		{transcript.Entry{Controls: answer.CanRegenerate}, answer.EndingBroken},
		{transcript.Entry{Controls: answer.CanStop}, answer.EndingOpen},
		{transcript.Entry{Ending: answer.EndingWhole}, answer.EndingWhole},
		{transcript.Entry{Ending: answer.EndingBroken, Controls: answer.CanRate}, answer.EndingBroken},
	} {
		if got := tt.kept.Snapshot().Ending; got != tt.want {
			t.Errorf("%+v: ending %v, want %v", tt.kept, got, tt.want)
		}
	}
}

func TestRedo(t *testing.T) {
	r := transcript.Records{Store: turn.NewMem()}
	if got, err := r.Redo(t.Context(), id()); err != nil || got != (transcript.RedoRequest{}) {
		t.Errorf("without a wish: %+v, %v", got, err)
	}
	want := transcript.RedoRequest{TS: "3.0", More: "1.0", By: "U1"}
	for _, w := range []transcript.RedoRequest{{TS: "2.0"}, want} {
		if err := r.KeepRedo(t.Context(), id(), w); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := r.Redo(t.Context(), id()); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestThePrefaceIsBounded: what was said last is what is kept.
func TestThePrefaceIsBounded(t *testing.T) {
	r := transcript.Records{Store: turn.NewMem()}
	if got, err := r.Preface(t.Context(), id()); err != nil || got != nil {
		t.Errorf("of a new thread: %v, %v", got, err)
	}
	half := strings.Repeat("y", 40<<10)
	if err := r.KeepPreface(t.Context(), id(), []thread.Message{{TS: "1", Text: half}, {TS: "2", Text: half}, {TS: "3", Text: "z"}}); err != nil {
		t.Fatal(err)
	}
	got, err := r.Preface(t.Context(), id())
	if err != nil || len(got) != 2 || got[0].TS != "2" || got[1].TS != "3" {
		t.Errorf("%d messages, %v", len(got), err)
	}
}

func TestTellOnceInAWhile(t *testing.T) {
	r, now := transcript.Records{Store: turn.NewMem()}, time.Now()
	for _, tt := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {time.Minute, false}, {59 * time.Minute, false}, {61 * time.Minute, true}, {62 * time.Minute, false}} {
		if due, err := r.Tell(t.Context(), "U1/guest", now.Add(tt.after), time.Hour); err != nil || due != tt.want {
			t.Errorf("after %v: %v, %v", tt.after, due, err)
		}
	}
}

// TestNothingWaitsForAStoreThatIsAway: each call ends within a second.
func TestNothingWaitsForAStoreThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := transcript.Records{Store: slow(time.Hour)}
		calls := map[string]func() error{
			"entries":    func() error { _, err := r.Entries(t.Context(), id()); return err },
			"keep":       func() error { return r.Keep(t.Context(), id(), transcript.Entry{}) },
			"redo":       func() error { _, err := r.Redo(t.Context(), id()); return err },
			"preface":    func() error { return r.KeepPreface(t.Context(), id(), nil) },
			"checkpoint": func() error { _, err := r.Checkpoint(t.Context(), id(), transcript.Of{}); return err },
			"forget":     func() error { return r.Forget(t.Context(), id()) },
			"tell":       func() error { _, err := r.Tell(t.Context(), "x", time.Now(), time.Hour); return err },
		}
		for name, call := range calls {
			began := time.Now()
			if err := call(); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > time.Second {
				t.Errorf("%s: %v after %v", name, err, time.Since(began))
			}
		}
	})
}

func of() transcript.Of {
	return transcript.OfTurn([]thread.Question{{TS: "1.0"}, {TS: "2.0", Edited: "4.0"}}, "4.0")
}

// saver starts a saver of an answer without a text, and counts its progress.
func saver(t *testing.T, r transcript.Records) (*transcript.Saver, *atomic.Int32) {
	t.Helper()
	progress := &atomic.Int32{}
	s := newSaver(t.Context(), r.Store, func() { progress.Add(1) })
	t.Cleanup(s.End)
	return s, progress
}

func saved(t *testing.T, r transcript.Records) transcript.Checkpoint {
	t.Helper()
	c, err := r.Checkpoint(t.Context(), id(), of())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSaverSavesTheNewestText: within a second at first, then every other second, only what is new.
func TestSaverSavesTheNewestText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := transcript.Records{Store: turn.NewMem()}
		s, progress := saver(t, r)
		s.Note("a", 1, time.Second, time.Second)
		s.Note("ab", 2, 2*time.Second, time.Second)
		time.Sleep(1100 * time.Millisecond)
		if got := saved(t, r); got.Text != "ab" || got.Tokens != 2 || got.Elapsed != 2*time.Second {
			t.Errorf("after a second %+v", got)
		}
		s.Note("abc", 3, 3*time.Second, time.Second)
		time.Sleep(time.Second)
		if got := saved(t, r); got.Text != "ab" {
			t.Errorf("saved more often than every 2 s: %+v", got)
		}
		time.Sleep(time.Second)
		if got := saved(t, r); got.Text != "abc" {
			t.Errorf("after three seconds %+v", got)
		}
		time.Sleep(time.Minute)
		if n := progress.Load(); n != 2 {
			t.Errorf("told of progress %d times, not once for each text that the store took", n)
		}
	})
}

// TestSaverSavesTheEndAtOnce: a successor that finds it asks nobody for the text again.
func TestSaverSavesTheEndAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := transcript.Records{Store: turn.NewMem()}
		s, _ := saver(t, r)
		s.Finish(answer.Outcome{
			Answer: answer.Snapshot{Text: "shown", Notice: "cut"}, All: "shown and the rest",
			Result: llm.Result{Finish: llm.FinishStop, Model: "m", Usage: llm.Usage{CompletionTokens: 7}},
		})
		synctest.Wait()
		got := saved(t, r).Partial()
		if got.Text != "shown and the rest" || got.Finish != llm.FinishStop || got.Tokens != 7 || got.Notice != "cut" || got.Model != "m" {
			t.Errorf("%+v", got)
		}
		if err := s.Filed(t.Context(), "F1"); err != nil {
			t.Fatal(err)
		}
		if got := saved(t, r); got.File != "F1" || got.Text != "shown and the rest" {
			t.Errorf("with its file %+v", got)
		}
		if err := r.Forget(t.Context(), id()); err != nil {
			t.Fatal(err)
		}
		if got := saved(t, r); got != (transcript.Checkpoint{}) {
			t.Errorf("forgotten, and yet %+v", got)
		}
	})
}

// TestACheckpointIsOfItsTurn: another turn, or one with an edited question, does not go on with it.
func TestACheckpointIsOfItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := transcript.Records{Store: turn.NewMem()}
		s, _ := saver(t, r)
		s.Note("text", 1, 0, 0)
		s.Save(t.Context())
		for name, change := range map[string]func(*transcript.Of){
			"another question": func(o *transcript.Of) { o.For = "3.0" }, "edited": func(o *transcript.Of) { o.Since = "5.0" },
			"more": func(o *transcript.Of) { o.Upto = "5.0" }, "less": func(o *transcript.Of) { o.Asks = 1 },
			"other ones": func(o *transcript.Of) { o.First = "0.5" },
		} {
			other := of()
			change(&other)
			if got, err := r.Checkpoint(t.Context(), id(), other); err != nil || got != (transcript.Checkpoint{}) {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
		if got := saved(t, r); got.Text != "text" {
			t.Errorf("its own turn reads %+v", got)
		}
	})
}

// TestSaverOutlivesAnOutage: the newest text is saved when the store is back.
func TestSaverOutlivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := slow(time.Hour)
		r := transcript.Records{Store: store}
		s, progress := saver(t, r)
		s.Note("a", 1, 0, 0)
		time.Sleep(time.Minute)
		s.Note("ab", 2, 0, 0)
		store.take(0)
		time.Sleep(3 * time.Second)
		if got := saved(t, r); got.Text != "ab" || progress.Load() != 1 {
			t.Errorf("%+v, progress %d", got, progress.Load())
		}
	})
}

// TestSaverUnderHammer: texts, savings and the end at once.
func TestSaverUnderHammer(t *testing.T) {
	r := transcript.Records{Store: turn.NewMem()}
	s, _ := saver(t, r)
	done := make(chan struct{})
	for range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			for n := range 200 {
				s.Note(strings.Repeat("x", n), n, 0, 0)
				if n%50 == 0 {
					s.Save(t.Context())
				}
			}
			s.End()
		}()
	}
	for range 4 {
		<-done
	}
	s.Save(t.Context())
	if got := saved(t, r); len(got.Text) != 199 {
		t.Errorf("%d characters are saved of 199", len(got.Text))
	}
}
