package llm

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestTimersOfCalls: a piece of a call is a sign of life like any other, and a call that stops coming is no call.
func TestTimersOfCalls(t *testing.T) {
	end := finishEvent("tool_calls") + doneEvent
	text := textEvent(jsonText(`<tool_call>{"name": "wiki_search", `))
	for name, c := range map[string]struct {
		pieces     []any
		kind, want string
		took       time.Duration
	}{
		"slow pieces":           {[]any{time.Minute, tools(head), 59 * time.Second, tools(frag1), 59 * time.Second, tools(frag2), end}, "ok", wiki, 178 * time.Second},
		"stops in a call":       {[]any{tools(head), tools(frag1), time.Hour}, "silent", "", time.Minute},
		"a call as a whole":     {[]any{textEvent("I look."), 59 * time.Second, tools(whole), end}, "ok", wiki, 59 * time.Second},
		"slow, in the text":     {[]any{text, 59 * time.Second, textEvent(jsonText(`"arguments": {"q": "a"}}`)), 59 * time.Second, end}, "ok", wiki, 118 * time.Second},
		"stops, in the text":    {[]any{text, time.Hour}, "silent", "", time.Minute},
		"nothing behind a call": {[]any{tools(whole), time.Hour}, "silent", "", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := recordedClient(t, slow(c.pieces...), Config{Model: "m"})
				start := time.Now()
				got := ask(t.Context(), client, toolRequest())
				if kindName(got.err) != c.kind || called(got.res.Calls) != c.want {
					t.Errorf("%s %v", called(got.res.Calls), got.err)
				}
				if e, ok := errors.AsType[*Error](got.err); ok && !e.Again() {
					t.Error("not worth another try")
				}
				if took := time.Since(start); took < c.took || took > c.took+drainTimeout {
					t.Errorf("took %v, want %v", took, c.took)
				}
			})
		})
	}
}
