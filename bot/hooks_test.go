package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"llmbot/bot/turn"
	"llmbot/llm"
)

func TestEndOf(t *testing.T) {
	away := &llm.Error{Kind: llm.KindDown}
	for want, ends := range map[End][]struct {
		out outcome
		err error // of Close
	}{
		EndDone:        {{out: outcome{answer: Answer{Phase: Done}}}},
		EndLength:      {{out: outcome{answer: Answer{Phase: Done}, result: llm.Result{Finish: llm.FinishLength}}}},
		EndStopped:     {{out: outcome{err: errors.Join(context.Canceled, errStopped)}}},
		EndRemoved:     {{out: outcome{answer: Answer{Phase: Removed}, err: errStopped}}},
		EndCalledOff:   {{out: outcome{err: errSuperseded}}},
		EndFailed:      {{out: outcome{err: away}}},
		EndInterrupted: {{out: outcome{err: errShutdown}}},
		EndLost:        {{out: outcome{err: turn.ErrLost}}, {out: outcome{err: fmt.Errorf("check: %w", turn.ErrLost)}, err: away}},
		EndNotShown:    {{out: outcome{answer: Answer{Phase: Done}}, err: errors.New("channel_not_found")}, {out: outcome{err: away}, err: errors.New("again")}},
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
	for want, a := range map[string]Answer{
		ThreadQueued:    {Status: "is busy with other answers: you are number 2 in the queue", Since: now},
		ThreadThinking:  {Status: statusThinking, Since: now},
		ThreadReasoning: {Status: statusThinking, Since: now, Thinking: now},
		ThreadWriting:   {Text: "Bread", Phase: Writing},
		ThreadAway:      {Text: "Bread", Notice: "The model server is not reachable at the moment.", Phase: Writing},
	} {
		if got := phaseOf(a); got != want || !slices.Contains(ThreadPhases(), want) {
			t.Errorf("%+v: %s, want %s", a, got, want)
		}
	}
}

// Nobody need listen.
func TestHooksMayBeNil(t *testing.T) {
	var h Hooks
	h.waited(time.Now())
	h.streamed(llm.Result{}, nil)
	h.away(time.Second)
	r := turnRun{bot: &Bot{}, ids: []string{"1"}}
	r.ended(EndDone)
	r.seen()
}
