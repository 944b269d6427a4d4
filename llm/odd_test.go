package llm

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestFinishReasonsOfGateways: other vendors' words are those that they mean, and what nobody knows is said.
func TestFinishReasonsOfGateways(t *testing.T) {
	for reason, want := range map[string]string{
		"STOP": "ok", "Stop": "ok", " stop ": "ok", "COMPLETE": "ok", "end_turn": "ok", "MAX_TOKENS": "ok", "model_length": "ok", "max_output_tokens": "ok",
		"content-filter": "filtered", "SAFETY": "filtered", "PROHIBITED_CONTENT": "filtered", "sensitive": "filtered", "guardrail_intervened": "filtered",
		"tool-calls": "tool", "TOOL_CALLS": "tool",
		"RECITATION": "ended", "network_error": "ended", "refusal": "ended", "<b>": "ended", "unknown": "ended", "": "cut",
	} {
		body := `data: {"choices":[{"index":0,"delta":{},"finish_reason":"` + reason + `"}]}` + "\n\n"
		got := stream(t, textEvent("Hi")+body+doneEvent)
		if kindName(got.err) != want || got.text != "Hi" {
			t.Errorf("%q: %q, %v, want %s", reason, got.text, got.err, want)
		}
		if e, ok := errors.AsType[*Error](got.err); ok && strings.Contains(e.User(), "()") {
			t.Errorf("%q: %s", reason, e.User())
		}
	}
}

// TestUsageOfAnotherType: what a gateway sends in place of an object is left out, and the answer is whole.
func TestUsageOfAnotherType(t *testing.T) {
	for _, odd := range []string{`"usage":"none"`, `"usage":[]`, `"usage":7`, `"usage":{"prompt_tokens":1,"prompt_tokens_details":[]}`, `"usage":{"completion_tokens":2,"completion_tokens_details":"none"}`, `"timings":"x"`, `"metrics":[1]`} {
		body := `data: {"choices":[{"index":0,"delta":{"content":" there"},"finish_reason":"stop"}],` + odd + "}\n\n"
		if got := stream(t, textEvent("Hi")+body+doneEvent); got.err != nil || got.text != "Hi there" || got.res.Usage.Known != strings.Contains(odd, "{") {
			t.Errorf("%s: %q, %+v, %v", odd, got.text, got.res.Usage, got.err)
		}
	}
}

// TestHalvesInParts: half a character in a list of parts has its other half in the next one, or in the next event.
func TestHalvesInParts(t *testing.T) {
	body := deltaEvent(`{"content":[{"type":"thinking","thinking":[{"type":"text","text":"Hm\ud83d"}]}]}`) +
		deltaEvent(`{"content":[{"type":"thinking","thinking":[{"type":"text","text":"\ude00."}]},{"type":"text","text":"a\ud83d"},{"type":"text","text":"\ude00"}]}`) +
		deltaEvent(`{"content":[{"type":"text","text":"b\uD83D"}]}`) + deltaEvent(`{"content":"\uDE00."}`)
	if got := stream(t, body+stopEvent+doneEvent); got.err != nil || got.text != "a😀b😀." || got.reasoning != "Hm😀." {
		t.Errorf("%q, thoughts %q, %v", got.text, got.reasoning, got.err)
	}
}

// TestRetryAfterForms: what gateways write for how long they want to be left alone.
func TestRetryAfterForms(t *testing.T) {
	now := time.Date(2026, 11, 30, 21, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"17": 17 * time.Second, " 17 ": 17 * time.Second, "17.5": 17*time.Second + 500*time.Millisecond, "17s": 17 * time.Second, `"17"`: 17 * time.Second, "120, 120": 2 * time.Minute,
		"Mon, 30 Nov 2026 21:01:00 GMT": time.Minute, "Monday, 30-Nov-26 21:01:00 GMT": time.Minute, "Mon Nov 30 21:01:00 2026": time.Minute, "1796072460": time.Minute,
		"0": 0, "-1": 0, "NaN": 0, "": 0, "soon": 0, "17 apples": 0, "Mon, 30 Nov 2026 20:00:00 GMT": 0, "99999999999999999999": 365 * 24 * time.Hour,
	} {
		if got := retryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
	if got := retryAfter(http.Header{"Retry-After": {"", "17"}}, now); got != 17*time.Second {
		t.Errorf("twice: %v", got)
	}
	ahead := http.Header{"Retry-After": {"Mon, 30 Nov 2026 22:01:00 GMT"}, "Date": {"Mon, 30 Nov 2026 22:00:00 GMT"}}
	if got := retryAfter(ahead, now); got != time.Minute {
		t.Errorf("another clock: %v", got)
	}
}
