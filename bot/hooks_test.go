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

func TestPhaseOf(t *testing.T) {
	now := time.Now()
	for want, a := range map[string]answer.Snapshot{
		ThreadQueued:    {Status: "is busy with other answers: you are number 2 in the queue", Since: now},
		ThreadThinking:  {Status: answer.StatusThinking, Since: now},
		ThreadReasoning: {Status: answer.StatusThinking, Since: now, Thinking: now},
		ThreadWriting:   {Text: "Bread", Phase: answer.Writing},
		ThreadAway:      {Text: "Bread", Notice: "The model server is not reachable at the moment.", Phase: answer.Writing},
	} {
		if got := phaseOf(a); got != want || !slices.Contains(ThreadPhases(), want) {
			t.Errorf("%+v: %s, want %s", a, got, want)
		}
	}
}

// Nobody need listen.
func TestHooksMayBeNil(*testing.T) {
	r := turnRun{bot: &Bot{}, ids: []string{"1"}}
	r.ended(EndDone)
	r.seen()
}
