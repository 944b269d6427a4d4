package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/turn"
	"llmbot/llm"
)

func TestEndOf(t *testing.T) {
	away := &llm.Error{Kind: llm.KindDown}
	for want, ends := range map[End][]struct {
		out answer.Outcome
		err error // of Close
	}{
		EndDone:        {{out: answer.Outcome{Answer: answer.Snapshot{Phase: answer.Done}}}},
		EndLength:      {{out: answer.Outcome{Answer: answer.Snapshot{Phase: answer.Done}, Result: llm.Result{Finish: llm.FinishLength}}}},
		EndStopped:     {{out: answer.Outcome{Err: errors.Join(context.Canceled, answer.ErrStopped)}}},
		EndRemoved:     {{out: answer.Outcome{Answer: answer.Snapshot{Phase: answer.Removed}, Err: answer.ErrStopped}}},
		EndCalledOff:   {{out: answer.Outcome{Err: answer.ErrSuperseded}}},
		EndFailed:      {{out: answer.Outcome{Err: away}}},
		EndInterrupted: {{out: answer.Outcome{Err: errShutdown}}},
		EndLost:        {{out: answer.Outcome{Err: turn.ErrLost}}, {out: answer.Outcome{Err: fmt.Errorf("check: %w", turn.ErrLost)}, err: away}},
		EndNotShown:    {{out: answer.Outcome{Answer: answer.Snapshot{Phase: answer.Done}}, err: errors.New("channel_not_found")}, {out: answer.Outcome{Err: away}, err: errors.New("again")}},
	} {
		if !slices.Contains(Ends(), want) {
			t.Errorf("%s is not among Ends", want)
		}
		for _, e := range ends {
			if got := endOf(e.out, e.err); got != want {
				t.Errorf("%+v, %v: %s, want %s", e.out, e.err, got, want)
			}
		}
	}
}

// TestPhaseIsWhatTheWriterDoes: the phase of a thread is what its writer says, not what is shown.
func TestPhaseIsWhatTheWriterDoes(t *testing.T) {
	var w atWork
	w.does(answer.ActivityQueued) // no turn runs: nothing to note
	w.begins(time.Now(), nil)
	for _, tt := range []struct {
		does answer.Activity
		want string
	}{
		{answer.ActivityNone, ThreadReading},
		{answer.ActivityQueued, ThreadQueued},
		{answer.ActivityThinking, ThreadThinking},
		{answer.ActivityReasoning, ThreadReasoning},
		{answer.ActivityWriting, ThreadWriting},
		{answer.ActivityAway, ThreadAway},
	} {
		if w.does(tt.does); w.Load().phase != tt.want || !slices.Contains(ThreadPhases(), tt.want) {
			t.Errorf("%v: %s, want %s", tt.does, w.Load().phase, tt.want)
		}
	}
	d := watched{quietDraft{}, &w}
	w.does(answer.ActivityWriting)
	d.Set(answer.Snapshot{Text: "Bread", Notice: "Any sentence of ours.", Phase: answer.Writing})
	if got := w.Load().phase; got != ThreadWriting {
		t.Errorf("a notice beside a text that grows: %s, want %s", got, ThreadWriting)
	}
	if err := d.Close(t.Context(), answer.Snapshot{}); err != nil || w.Load().phase != ThreadClosing {
		t.Errorf("%v, %s, want %s", err, w.Load().phase, ThreadClosing)
	}
	d.Set(answer.Snapshot{Notice: "The rest is left out."}) // a stop while the end is being shown
	if got := w.Load().phase; got != ThreadClosing {
		t.Errorf("a notice while the end is being shown: %s, want %s", got, ThreadClosing)
	}
}

// quietDraft is a Draft that shows nothing.
type quietDraft struct{}

func (quietDraft) Set(answer.Snapshot)                          {}
func (quietDraft) Close(context.Context, answer.Snapshot) error { return nil }
func (quietDraft) Room(text string, _ bool) int                 { return len(text) }

// TestHooksMayBeNil: a bot runs without hooks.
func TestHooksMayBeNil(*testing.T) {
	r := turnRun{bot: &Bot{}}
	r.ended(EndDone)
	r.seen()
}
