package bot_test

import (
	"context"
	"runtime/debug"
	"testing"
	"time"
	"unsafe"

	"llmbot/llm"
)

// deep is a model that measures how much stack lies above it.
type deep struct{ used int }

func (d *deep) Stream(_ context.Context, _ llm.Request, on func(llm.Delta) error) (llm.Result, error) {
	d.used = stackUsed()
	return llm.Result{Finish: llm.FinishStop, Usage: llm.Usage{Known: true}}, on(llm.Delta{Text: "Short."})
}

func (d *deep) Model(context.Context, string) (llm.ModelInfo, error) { return llm.ModelInfo{}, nil }

// TestStackOfALiveAnswer: what lies on the stack of an answer while the model writes leaves room in
// 16 kB for the client, which needs 5 kB when it sends the request: a stack that is too small doubles,
// and does not shrink any more as long as the model writes. 1,000 answers took 16 MB more.
func TestStackOfALiveAnswer(t *testing.T) {
	if raceDetector {
		t.Skip("frames are larger under the race detector")
	}
	const most = 7 << 10
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // the collector halves stacks
	model := new(deep)
	inWorld(t, worldConfig{mind: model}, func(t *testing.T, w *world) {
		q := w.ask("alice", "general", "", "how deep?")
		w.says("general", q, "Short.", time.Minute)
	})
	t.Logf("%d bytes", model.used)
	if model.used == 0 || model.used > most {
		t.Errorf("%d bytes of stack are in use while the model writes, want at most %d", model.used, most)
	}
}

// stackUsed returns how many bytes of the goroutine's stack are in use. It fills the stack until the
// runtime moves it to one of twice the size, and does so again: the difference is the size that it had.
func stackUsed() int {
	var top byte
	left := stackLeft(&top, address(&top))
	size := stackLeft(&top, address(&top)) - left
	return size - left
}

// stackLeft goes down from top, which was at an address, until the stack is moved, and returns how
// many bytes that took.
//
//go:noinline
func stackLeft(top *byte, at uintptr) int {
	var here [64]byte
	if address(top) != at {
		return 0
	}
	took := int(at - address(&here[0]))
	return max(took, stackLeft(top, at))
}

//go:noinline
func address(b *byte) uintptr { return uintptr(unsafe.Pointer(b)) }
