package bot

import (
	"context"
	"sync"
	"time"

	"llmbot/bot/thread"
)

// errands are done in the background by a few goroutines.
type errands struct {
	waiting chan func(context.Context)
	atOnce  int
	timeout time.Duration
}

func newErrands(atOnce int, timeout time.Duration) errands {
	const most = 256 // that wait; more are left undone
	return errands{make(chan func(context.Context), most), atOnce, timeout}
}

// run does them until ctx ends, and then returns after those under way did.
func (e errands) run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	room := make(chan struct{}, e.atOnce)
	for {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return
		}
		select {
		case do := <-e.waiting:
			all.Go(func() {
				defer func() { <-room }()
				ctx, cancel := context.WithTimeout(ctx, e.timeout)
				defer cancel()
				do(ctx)
			})
		case <-ctx.Done():
			return
		}
	}
}

// errand has something done that may take a while and that nobody waits for. It does not block; of too many the newest is dropped, and said
// in the log.
func (b *Bot) errand(e errands, what string, do func(context.Context)) {
	select {
	case e.waiting <- do:
	default:
		b.log.Warn("errand_dropped", "errand", what)
	}
}

// delayed are errands that are due after a fixed time, in their order.
type delayed struct {
	wait    time.Duration
	pause   time.Duration // between two
	waiting chan dueErrand
}

type dueErrand struct {
	at time.Time
	do func(context.Context)
}

func newDelayed(wait, pause time.Duration) delayed {
	const most = 1000 // that wait; more are left undone
	return delayed{wait, pause, make(chan dueErrand, most)}
}

// add does not block; of too many the newest is dropped, and said in the log.
func (d delayed) add(b *Bot, what string, do func(context.Context)) {
	select {
	case d.waiting <- dueErrand{time.Now().Add(d.wait), do}:
	default:
		b.log.Warn("errand_dropped", "errand", what)
	}
}

// run does them when they are due, one after the other, until ctx ends.
func (d delayed) run(ctx context.Context, b *Bot, timeout time.Duration) {
	for {
		select {
		case l := <-d.waiting:
			if !b.pause(ctx, time.Until(l.at)) {
				return
			}
			limited, cancel := context.WithTimeout(ctx, timeout)
			l.do(limited)
			cancel()
			if !b.pause(ctx, d.pause) {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// tell shows a word to one person, in the background; best effort.
func (b *Bot) tell(t thread.ID, user, text string) {
	b.errand(b.errands, "tell", func(ctx context.Context) { b.whisper(ctx, t, user, text) })
}

// whisper is tell while the caller waits.
func (b *Bot) whisper(ctx context.Context, t thread.ID, user, text string) {
	if err := b.dep.Room.Whisper(ctx, t, user, text); err != nil {
		b.log.WarnContext(ctx, "whisper_failed", "thread", t.String(), "user", user, "error", err)
	}
}

func (b *Bot) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
