package figures

import (
	"testing"
	"time"

	"llmbot/llm"
)

func TestFooter(t *testing.T) {
	result := func(tokens int, elapsed, first time.Duration, model string) llm.Result {
		return llm.Result{Model: model, Usage: llm.Usage{CompletionTokens: tokens, Known: true}, Elapsed: elapsed, TTFT: first}
	}
	unknown := result(0, 4200*time.Millisecond, 310*time.Millisecond, "MODEL")
	unknown.Usage.Known = false
	thought := result(200, 20*time.Second, 310*time.Millisecond, "MODEL")
	thought.FirstWord = 12400 * time.Millisecond
	quick := result(200, 20*time.Second, 310*time.Millisecond, "MODEL")
	quick.FirstWord = 1300 * time.Millisecond
	tests := []struct {
		in   llm.Result
		want string
	}{
		{result(156, 4205*time.Millisecond, 310*time.Millisecond, "MODEL"), "156 tokens in 4.2s = 37.1 tok/s · first token 0.31s · MODEL"},
		{result(3, 100*time.Millisecond, 40*time.Millisecond, "MODEL"), "3 tokens in 0.1s = 30.0 tok/s · first token 0.04s · MODEL"},
		{result(1, 50*time.Millisecond, 50*time.Millisecond, "m/x:1"), "1 token in 0.1s = 20.0 tok/s · first token 0.05s · m/x:1"},
		{result(1234, 20*time.Second, time.Second, "MODEL"), "1,234 tokens in 20.0s = 61.7 tok/s · first token 1.00s · MODEL"},
		{result(100, 83400*time.Millisecond, 61*time.Second, "MODEL"), "100 tokens in 83.4s = 1.2 tok/s · first token 61.00s · MODEL"},
		{result(1234567, 1234500*time.Millisecond, 0, ""), "1,234,567 tokens in 1,234.5s = 1000.1 tok/s"},
		{unknown, "4.2s · first token 0.31s · MODEL"},
		{thought, "200 tokens in 20.0s = 10.0 tok/s · first token 0.3s, first word 12.4s · MODEL"},
		{quick, "200 tokens in 20.0s = 10.0 tok/s · first token 0.31s · MODEL"},
		{llm.Result{}, ""},
	}
	for _, tt := range tests {
		if got := Footer(tt.in); got != tt.want {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
	}
}
