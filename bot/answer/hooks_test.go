package answer

import (
	"testing"
	"time"

	"llmbot/llm"
)

// Nobody need listen.
func TestNobodyNeedListen(*testing.T) {
	var h Hooks
	h.waited(time.Now())
	h.streamed(llm.Result{}, nil)
	h.complete(llm.Result{})
	h.away(time.Second)
}
