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
}

// TestHooksMayBeNil: a bot runs without hooks.
func TestHooksMayBeNil(*testing.T) {
	r := assignment{bot: &Bot{}}
	r.ended(EndDone)
	r.seen()
}
