package bot

import (
	"log/slog"
	"testing"
	"time"

	"llmbot/bot/thread"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
)

// alwaysUntidy is a draft whose messages wait for their cleanup.
type alwaysUntidy struct{}

func (alwaysUntidy) Untidy() bool      { return true }
func (alwaysUntidy) Tidy(func() error) {}

// TestCleanupsFull: a cleanup for which there is no room is left to others at once. Its right would
// be renewed for ever.
func TestCleanupsFull(t *testing.T) {
	c := turn.NewCoordinator(turn.NewMem(), turn.Config{Owner: "a"})
	m := &mender{log: slog.New(slog.DiscardHandler)}
	last := thread.ID{Channel: "C1", TS: "1.0"}
	asked, err := c.Ask(t.Context(), last.String(), "1.0")
	if err != nil || asked.Lease == nil {
		t.Fatal(asked, err)
	}
	right := asked.Lease.LookAgain()
	if _, err := asked.Lease.Done(t.Context(), "1.0"); err != nil {
		t.Fatal(err)
	}
	for range maxDelayed {
		m.cleanUp(t.Context(), cleanup{draft: alwaysUntidy{}, since: time.Now()})
	}
	if r, err := c.Record(t.Context(), last.String()); err != nil || r.Tidier != "a" {
		t.Fatalf("before: %+v, %v", r, err)
	}
	m.cleanUp(t.Context(), cleanup{thread: last, entry: transcript.Entry{For: "1.0"}, draft: alwaysUntidy{}, right: right, since: time.Now()})
	if r, err := c.Record(t.Context(), last.String()); err != nil || r.Tidier != "" || !r.Look || !r.Hurry {
		t.Errorf("%+v, %v", r, err)
	}
	if n := len(m.cleanups.take(true)); n != maxDelayed {
		t.Errorf("%d cleanups, want %d", n, maxDelayed)
	}
}
