package bot

import (
	"context"
	"slices"
	"sync"
	"time"

	"llmbot/bot/thread"
	"llmbot/bot/transcript"
)

const (
	// cleanupEvery is how often the bot looks whether an answer is tidy by now.
	cleanupEvery = time.Second
	// cleanupLasts is for how long: pace gives a cleanup up after a minute without budget.
	cleanupLasts = 2 * time.Minute
)

// tidying is a draft whose messages may still wait for their cleanup after the answer is complete,
// such as an earlier page that says "writing…".
type tidying interface{ Untidy() bool }

// cleanup is an answer that is complete, and not tidy yet. Its draft does the cleanup, as soon as
// Slack's budget allows it. The record says that it is owed until it is done: if this process ends
// before, others do it. One that is killed they wait for, one that drains tells them (HandOver).
type cleanup struct {
	thread thread.ID
	entry  transcript.Entry
	draft  tidying
	since  time.Time
}

// cleanups are those of this process, maxDelayed at most: others look at what is beyond.
type cleanups struct {
	mu  sync.Mutex // guards all
	all []cleanup
}

func (c *cleanups) add(one cleanup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.all) < maxDelayed {
		c.all = append(c.all, one)
	}
}

// take returns the cleanups that are done, and with left the others too, and forgets them.
func (c *cleanups) take(left bool) (taken []cleanup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = slices.DeleteFunc(c.all, func(one cleanup) bool {
		over := left || !one.draft.Untidy()
		if over {
			taken = append(taken, one)
		}
		return over || time.Since(one.since) > cleanupLasts
	})
	return taken
}

// run calls done with each cleanup that is done, until ctx ends.
func (c *cleanups) run(ctx context.Context, done func(context.Context, cleanup)) {
	tick := time.NewTicker(cleanupEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for _, one := range c.take(false) {
			done(ctx, one)
		}
	}
}

// tidied notes that an answer is tidy: nobody else need write to its messages.
func (b *Bot) tidied(ctx context.Context, c cleanup) {
	if err := b.records.Tidied(ctx, c.thread, c.entry); err != nil {
		b.log.WarnContext(ctx, "cleanup_not_noted", "thread", c.thread.String(), "ask", c.entry.For, "error", err)
	}
}

// HandOver leaves to others what answers of this process still wait for. It is called once, when
// Run and the last call to Slack are over and the store is still open, and blocks for the store,
// for storeTimeout at most.
func (b *Bot) HandOver(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	for _, c := range b.cleanups.take(true) {
		if !c.draft.Untidy() {
			b.tidied(ctx, c)
			continue
		}
		err := b.coordinator.LookNow(ctx, c.thread.String())
		b.log.InfoContext(ctx, "cleanup_left", "thread", c.thread.String(), "ask", c.entry.For, "error", err)
	}
}
