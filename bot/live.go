package bot

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/thread"
)

// The phases of a live thread, in their order.
const (
	// ThreadIdle is without a turn: it waits for the second event of a question, or is about to end.
	ThreadIdle      = "idle"
	ThreadReading   = "reading"   // the thread, who asked, what is owed
	ThreadPreparing = "preparing" // the prompt, or for a slot that is free
	ThreadQueued    = "queued"    // for a slot
	ThreadThinking  = "thinking"  // the model was asked, and has not begun
	ThreadReasoning = "reasoning" // the model thinks before it answers
	ThreadWriting   = "writing"
	ThreadAway      = "away"    // waits for a model server that is away
	ThreadCalling   = "calling" // a tool runs
	ThreadAsking    = "asking"  // waits for a person's leave to run one
	ThreadClosing   = "closing" // the end is being shown
)

// ThreadPhases returns all of them.
func ThreadPhases() []string {
	return []string{
		ThreadIdle, ThreadReading, ThreadPreparing, ThreadQueued, ThreadThinking, ThreadReasoning, ThreadWriting, ThreadAway, ThreadCalling, ThreadAsking, ThreadClosing,
	}
}

// ThreadState is what the bot does for one live thread: ids and times, never text.
type ThreadState struct {
	Thread thread.ID
	Ask    string    // ts of what is answered; empty: not known yet
	Phase  string    // one of ThreadPhases
	Since  time.Time // of the phase; zero: not known
	Came   time.Time // when the first of what is answered came; zero: nothing is
	Asks   int       // that wait for the next turn
}

// Threads returns the live threads, the longest at work first. It does not block.
func (b *Bot) Threads() []ThreadState {
	b.mu.Lock()
	out := make([]ThreadState, 0, len(b.actors))
	for t, a := range b.actors {
		s := ThreadState{Thread: t, Phase: ThreadIdle, Asks: a.behind}
		for _, m := range a.inbox {
			if m.ask != nil {
				s.Asks++
			}
		}
		if w := a.work.Load(); w != nil {
			s.Ask, s.Phase, s.Since, s.Came = w.ask, w.phase, w.since, w.came
		}
		out = append(out, s)
	}
	b.mu.Unlock()
	slices.SortFunc(out, func(x, y ThreadState) int {
		return cmp.Or(x.Came.Compare(y.Came), cmp.Compare(x.Thread.String(), y.Thread.String()))
	})
	return out
}

// Queued returns how many answers wait for a slot. It does not block.
func (b *Bot) Queued() int { return b.shared.Queued() }

// atWork is what a thread's turn does; nil: no turn runs. The actor and its turn write it, never
// both at once, and anybody reads it.
type atWork struct{ atomic.Pointer[work] }

type work struct {
	phase, ask  string
	since, came time.Time
}

// begins notes that a turn begins for asks of which the oldest came at came. ends notes that it is
// over.
func (w *atWork) begins(came time.Time) {
	w.Store(&work{phase: ThreadReading, since: time.Now(), came: came})
}

func (w *atWork) ends() { w.Store(nil) }

// is notes a phase. It does nothing if that is the same as before.
func (w *atWork) is(phase string) {
	if old := w.Load(); old != nil && old.phase != phase {
		now := *old
		now.phase, now.since = phase, time.Now()
		w.Store(&now)
	}
}

// heard returns when the oldest of what is asked came; without any, now.
func (a *actor) heard() time.Time {
	if len(a.asks) == 0 {
		return time.Now()
	}
	return a.since
}

// watched is a draft that notes that its end is being shown.
type watched struct {
	answer.Draft

	work *atWork
}

// noting notes that ask is being answered, and from then on that the end is being shown.
func (t *turnRun) noting(d answer.Draft, ask string) answer.Draft {
	if old := t.work.Load(); old != nil {
		now := *old
		now.ask, now.phase, now.since = ask, ThreadPreparing, time.Now()
		t.work.Store(&now)
	}
	return watched{d, t.work}
}

// Close notes that the end is being shown, and shows it.
func (d watched) Close(ctx context.Context, a answer.Snapshot) error {
	d.work.is(ThreadClosing)
	return d.Draft.Close(ctx, a)
}

// Untidy reports whether messages of the answer still wait to be tidied up.
func (d watched) Untidy() bool {
	t, ok := d.Draft.(tidying)
	return ok && t.Untidy()
}

// Tidy passes on what is asked before each call of the cleanup.
func (d watched) Tidy(check func() error) {
	if t, ok := d.Draft.(tidying); ok {
		t.Tidy(check)
	}
}

var _ tidying = watched{}

// does notes the phase of a thread whose answer's writer does a.
func (w *atWork) does(a answer.Activity) {
	switch a {
	case answer.ActivityNone:
	case answer.ActivityQueued:
		w.is(ThreadQueued)
	case answer.ActivityThinking:
		w.is(ThreadThinking)
	case answer.ActivityReasoning:
		w.is(ThreadReasoning)
	case answer.ActivityWriting:
		w.is(ThreadWriting)
	case answer.ActivityAway:
		w.is(ThreadAway)
	case answer.ActivityCalling:
		w.is(ThreadCalling)
	case answer.ActivityAsking:
		w.is(ThreadAsking)
	}
}
