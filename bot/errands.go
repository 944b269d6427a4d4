package bot

import (
	"context"
	"sync"
	"time"
)

const (
	maxErrands    = 256 // that wait; more are left undone
	errandsAtOnce = 8
	errandTimeout = 10 * time.Second
)

// errand has something done that may take a while and that nobody waits for: words to one person. It does not block; of too many the newest
// is dropped, and said in the log.
func (b *Bot) errand(what string, do func(context.Context)) {
	select {
	case b.errands <- do:
	default:
		b.log.Warn("errand_dropped", "errand", what)
	}
}

// runErrands does them until ctx ends, and then returns after those under way did.
func (b *Bot) runErrands(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	room := make(chan struct{}, errandsAtOnce)
	for {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return
		}
		select {
		case do := <-b.errands:
			all.Go(func() {
				defer func() { <-room }()
				ctx, cancel := context.WithTimeout(ctx, errandTimeout)
				defer cancel()
				do(ctx)
			})
		case <-ctx.Done():
			return
		}
	}
}

// tell shows a word to one person, in the background; best effort.
func (b *Bot) tell(t Thread, user, text string) {
	b.errand("tell", func(ctx context.Context) { b.whisper(ctx, t, user, text) })
}

// whisper is tell while the caller waits.
func (b *Bot) whisper(ctx context.Context, t Thread, user, text string) {
	if err := b.dep.Room.Whisper(ctx, t, user, text); err != nil {
		b.log.WarnContext(ctx, "whisper_failed", "thread", t.String(), "user", user, "error", err)
	}
}
