package answer

import (
	"context"

	"llmbot/llm"
)

// Model streams one completion. It calls on for every delta, in order, and returns the server's own
// usage.
type Model interface {
	Stream(ctx context.Context, req llm.Request, on func(llm.Delta) error) (llm.Result, error)
}

// Draft shows the whole text so far; the newest wins.
type Draft interface {
	Set(a Snapshot)                              // never blocks
	Close(ctx context.Context, a Snapshot) error // returns when a is visible, or says why not
	// Room returns how many bytes of a text the thread takes: a few dozen messages at most. With stop
	// the answer ends now, and Room returns what fits into the messages that were begun. It does not
	// block.
	Room(text string, stop bool) int
}

// Counter counts the tokens of a prompt exactly, where the server can.
type Counter interface {
	Tokenize(ctx context.Context, model string, msgs []llm.Message) (count, maxModelLen int, err error)
}
