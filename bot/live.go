package bot

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/thread"
)

// The phases of a live thread, in their order: those of its answer's writer, and what is before and
// after.
const (
	// ThreadIdle is without a turn: it waits for the second event of a question, or is about to end.
	ThreadIdle      = "idle"
	ThreadReading   = "reading"   // the thread, who asked, what is owed
	ThreadPreparing = "preparing" // the prompt, or for a slot that is free
	ThreadQueued    = string(answer.ActivityQueued)
	ThreadThinking  = string(answer.ActivityThinking)
	ThreadReasoning = string(answer.ActivityReasoning)
	ThreadWriting   = string(answer.ActivityWriting)
	ThreadAway      = string(answer.ActivityAway)
	ThreadCalling   = string(answer.ActivityCalling)
	ThreadAsking    = string(answer.ActivityAsking)
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
	out := b.actors.states()
	slices.SortFunc(out, func(x, y ThreadState) int {
		return cmp.Or(x.Came.Compare(y.Came), cmp.Compare(x.Thread.String(), y.Thread.String()))
	})
	return out
}

// states returns the live threads, in no order.
func (s *actors) states() []ThreadState {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]ThreadState, 0, len(s.live))
	for t, a := range s.live {
		now := ThreadState{Thread: t, Phase: ThreadIdle, Asks: a.behind}
		for _, m := range a.inbox {
			if m.ask != nil {
				now.Asks++
			}
		}
		if w := a.work.Load(); w != nil {
			now.Ask, now.Phase, now.Since, now.Came = w.ask, w.phase, w.since, w.came
		}
		out = append(out, now)
	}
	return out
}

// Queued returns how many answers wait for a slot. It does not block.
func (b *Bot) Queued() int { return b.shared.Queued() }

// Held returns in how many threads something waits for the store. It does not block.
func (b *Bot) Held() int { return b.coordinator.Pending() }

// atWork is what a thread's turn does; nil: no turn runs. The actor and its turn write it, never
// both at once, and anybody reads it.
type atWork struct{ atomic.Pointer[work] }

type work struct {
	phase, ask  string
	since, came time.Time
	askers      []string // whose questions are answered, each once
}

// whose returns who asked these questions, each once.
func whose(asks []thread.Question) []string {
	var all []string
	for _, ask := range asks {
		if !slices.Contains(all, ask.User) {
			all = append(all, ask.User)
		}
	}
	return all
}

// begins notes that a turn begins for asks of which the oldest came at came. ends notes that it is
// over.
func (w *atWork) begins(came time.Time, asks []thread.Question) {
	w.Store(&work{phase: ThreadReading, since: time.Now(), came: came, askers: whose(asks)})
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

// writes notes that ask is being answered, which stands for asks.
func (w *atWork) writes(ask string, asks []thread.Question) {
	if old := w.Load(); old != nil {
		now := *old
		now.ask, now.phase, now.since, now.askers = ask, ThreadPreparing, time.Now(), whose(asks)
		w.Store(&now)
	}
}

// does notes the phase of a thread whose answer's writer does a.
func (w *atWork) does(a answer.Activity) {
	if a != answer.ActivityNone {
		w.is(string(a))
	}
}
