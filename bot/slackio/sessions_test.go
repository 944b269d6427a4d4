package slackio

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/thread"
)

// believed is a Slack that takes each call after a while, and remembers what it was told.
type believed struct {
	mu    sync.Mutex // guards all below
	says  map[thread.ID]string
	calls int
}

func (b *believed) run(ctx context.Context, a *sessions, fate func() failure) {
	for ctx.Err() == nil {
		t, status, ok := a.start(time.Now())
		if !ok {
			pause := time.NewTimer(max(a.pause(time.Now()), time.Millisecond))
			select {
			case <-a.wake:
			case <-pause.C:
			case <-ctx.Done():
			}
			continue
		}
		time.Sleep(50 * time.Millisecond)
		f := fate()
		b.mu.Lock()
		b.calls++
		if f.kind == fine || f.kind == transient { // such a call may have been carried out
			b.says[t] = status
		}
		b.mu.Unlock()
		a.took(t, status, f, time.Now())
	}
}

func (b *believed) of(t thread.ID) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.says[t]
}

func (b *believed) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls
}

// inSessions runs a test beside such a Slack, and checks at the end that nothing is left.
func inSessions(t *testing.T, fate func() failure, test func(a *sessions, b *believed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a, b := newSessions(), &believed{says: map[thread.ID]string{}}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { b.run(ctx, a, fate) })
		test(a, b)
		a.idle(t.Context())
		if n := len(a.threads); n != 0 {
			t.Errorf("%d threads are left", n)
		}
		cancel()
		all.Wait()
	})
}

func taken() failure { return failure{} }

// TestSessionsRenew tells Slack again before it forgets, and of the end after a day.
func TestSessionsRenew(t *testing.T) {
	inSessions(t, taken, func(a *sessions, b *believed) {
		id := thread.ID{Channel: "C1", TS: "1.0"}
		a.begin(id)
		time.Sleep(24 * time.Hour)
		if got := b.of(id); got != "processing" || b.count() < 48 || b.count() > 50 {
			t.Errorf("%s after %d calls", got, b.count())
		}
		a.end(id, false)
		time.Sleep(time.Second)
		if got := b.of(id); got != "active" {
			t.Errorf("at the end: %s", got)
		}
	})
}

// TestSessionsCoalesce makes no call for what is over before its turn comes.
func TestSessionsCoalesce(t *testing.T) {
	a, id := newSessions(), thread.ID{Channel: "C1", TS: "1.0"}
	a.begin(id)
	a.end(id, false)
	if _, _, due := a.start(time.Now()); due || len(a.threads) != 0 {
		t.Errorf("a call is due: %v; %d threads are kept", due, len(a.threads))
	}
}

// TestSessionsHalted ends what a process that died has left, and nothing that is written.
func TestSessionsHalted(t *testing.T) {
	inSessions(t, taken, func(a *sessions, b *believed) {
		left, written := thread.ID{Channel: "C1", TS: "1.0"}, thread.ID{Channel: "C1", TS: "2.0"}
		a.begin(written)
		time.Sleep(time.Second)
		a.halted(left, time.Now())
		a.halted(written, time.Now())
		time.Sleep(time.Second)
		if b.of(left) != "active" || b.of(written) != "processing" {
			t.Errorf("left: %s, written: %s", b.of(left), b.of(written))
		}
		a.end(written, true) // another process writes it now
		time.Sleep(time.Second)
		if got := b.of(written); got != "processing" {
			t.Errorf("another process's: %s", got)
		}
	})
}

// TestSessionsHaltedAndBegun shows an answer that begins before Slack is told of the end of what was
// left: what Slack believes of that is not known.
func TestSessionsHaltedAndBegun(t *testing.T) {
	inSessions(t, taken, func(a *sessions, b *believed) {
		id := thread.ID{Channel: "C1", TS: "1.0"}
		a.halted(id, time.Now())
		a.begin(id)
		time.Sleep(time.Second)
		if got := b.of(id); got != "processing" {
			t.Errorf("%q", got)
		}
		a.end(id, false)
	})
}

// TestSessionsHammer begins and ends answers in few threads at once, whatever Slack says: in the
// end it believes that the bot is idle, and nothing is kept.
func TestSessionsHammer(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	fate := func() failure {
		switch rnd.IntN(10) {
		case 0:
			return failure{kind: limited}
		case 1:
			return failure{kind: transient}
		}
		return failure{}
	}
	inSessions(t, fate, func(a *sessions, b *believed) {
		var all sync.WaitGroup
		for n := range 20 {
			all.Go(func() {
				r := rand.New(rand.NewPCG(uint64(n), 3))
				for range 50 {
					id := thread.ID{Channel: "C1", TS: string(rune('a' + r.IntN(5)))}
					a.begin(id)
					time.Sleep(time.Duration(r.IntN(200)) * time.Millisecond)
					if r.IntN(9) == 0 {
						a.halted(id, time.Now())
					}
					a.end(id, false)
					time.Sleep(time.Duration(r.IntN(400)) * time.Millisecond)
				}
			})
		}
		all.Wait()
		time.Sleep(10 * time.Minute)
		for n := range 5 {
			id := thread.ID{Channel: "C1", TS: string(rune('a' + n))}
			if says := b.of(id); says != "active" {
				t.Errorf("%s: %s", id.TS, says)
			}
		}
		if b.count() == 0 {
			t.Error("no calls")
		}
	})
}

// TestSessionsUnheard ends what Slack has carried out and not confirmed, also after the last try, and
// asks it for the end no more often than for the beginning.
func TestSessionsUnheard(t *testing.T) {
	for name, c := range map[string]struct {
		lost  int           // so many calls are carried out, and nobody hears of it
		lasts time.Duration // the answer
		kept  bool          // another process goes on with it
		calls int
		says  string
	}{
		"the first":          {1, 2 * time.Second, false, 2, "active"},
		"the last of five":   {5, 10 * time.Minute, false, 6, "active"},
		"and then the end":   {6, 10 * time.Minute, false, 7, "active"},
		"all":                {99, 10 * time.Minute, false, 2 * sessionTries, "active"},
		"of another process": {1, 2 * time.Second, true, 1, "processing"},
	} {
		t.Run(name, func(t *testing.T) {
			left := c.lost
			fate := func() failure {
				if left--; left >= 0 {
					return failure{kind: transient}
				}
				return failure{}
			}
			inSessions(t, fate, func(a *sessions, b *believed) {
				id := thread.ID{Channel: "C1", TS: "1.0"}
				a.begin(id)
				time.Sleep(c.lasts)
				a.end(id, c.kept)
				time.Sleep(10 * time.Minute)
				if got := b.of(id); got != c.says || b.count() != c.calls {
					t.Errorf("%s after %d calls, want %s after %d", got, b.count(), c.says, c.calls)
				}
			})
		})
	}
}

// TestSessionsOff keeps nothing where Slack has no sessions.
func TestSessionsOff(t *testing.T) {
	for name, c := range map[string]struct {
		f     failure
		calls int
	}{
		"no agent":     {failure{kind: denied, reason: "not_agent_app"}, 1},
		"unknown word": {failure{kind: denied, reason: "whatever"}, maxDenied},
		"silence":      {failure{kind: transient}, 80}, // five an answer at most while it lasts, and five at its end
	} {
		t.Run(name, func(t *testing.T) {
			inSessions(t, func() failure { return c.f }, func(a *sessions, b *believed) {
				for n := range 8 {
					id := thread.ID{Channel: "C1", TS: string(rune('a' + n))}
					a.begin(id)
					time.Sleep(10 * time.Minute)
					a.end(id, false)
					time.Sleep(10 * time.Minute)
				}
				if b.count() > c.calls {
					t.Errorf("%d calls, want at most %d", b.count(), c.calls)
				}
			})
		})
	}
}
