package bot

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"llmbot/bot/thread"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
)

const (
	// cleanupEvery is how often the bot looks whether an answer is tidy by now.
	cleanupEvery = time.Second
	// cleanupLasts is for how long: pace gives a cleanup up after 62 s without budget.
	cleanupLasts = 70 * time.Second
)

// tidying is a draft whose messages may still wait for their cleanup after the answer is complete,
// such as an earlier page that says "writing…". Tidy sets what the draft asks before each call of
// that cleanup, in place of its Reply's Check.
type tidying interface {
	Untidy() bool
	Tidy(check func() error)
}

// cleanup is an answer that is complete, and not tidy yet. Its draft does the cleanup, as soon as
// Slack's budget allows it, under the right to tidy, which the coordinator renews. If this process
// ends before, others do it. That of one that is killed lapses; one that drains tells them
// (HandOver).
type cleanup struct {
	thread thread.ID
	entry  transcript.Entry
	draft  tidying
	right  *turn.Tidying
	since  time.Time
}

// cleanups are those of this process, maxDelayed at most: what is beyond is left to others.
type cleanups struct {
	mu  sync.Mutex // guards all
	all []cleanup
}

// add reports false if there is no room.
func (c *cleanups) add(one cleanup) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.all) >= maxDelayed {
		return false
	}
	c.all = append(c.all, one)
	return true
}

// take returns the cleanups that are over, and with left the others too, and forgets them.
func (c *cleanups) take(left bool) (taken []cleanup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = slices.DeleteFunc(c.all, func(one cleanup) bool {
		over := left || !one.draft.Untidy() || time.Since(one.since) > cleanupLasts
		if over {
			taken = append(taken, one)
		}
		return over
	})
	return taken
}

// run calls over with each cleanup that is over, until ctx ends.
func (c *cleanups) run(ctx context.Context, over func(context.Context, cleanup)) {
	tick := time.NewTicker(cleanupEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for _, one := range c.take(false) {
			over(ctx, one)
		}
	}
}

// cleanUp has a cleanup watched until it is over, or leaves it to others if there is no room.
func (m *mender) cleanUp(ctx context.Context, c cleanup) {
	if !m.cleanups.add(c) {
		m.cleanedUp(ctx, c)
	}
}

// cleanedUp notes that an answer is tidy, so that nobody else need write to its messages, or leaves
// it to others: they look at once.
func (m *mender) cleanedUp(ctx context.Context, c cleanup) {
	ctx, cancel := context.WithTimeout(ctx, 2*storeTimeout)
	defer cancel()
	if c.draft.Untidy() {
		err := c.right.Leave(ctx)
		m.log.InfoContext(ctx, "cleanup_left", "thread", c.thread.String(), "ask", c.entry.For, "error", err)
		return
	}
	if err := errors.Join(m.records.Tidied(ctx, c.thread, c.entry), c.right.End(ctx)); err != nil {
		m.log.WarnContext(ctx, "cleanup_not_noted", "thread", c.thread.String(), "ask", c.entry.For, "error", err)
	}
}

// HandOver leaves to others what answers of this process still wait for. It is called once, when
// Run and the last call to Slack are over and the store is still open, and blocks for the store,
// for storeTimeout at most.
func (b *Bot) HandOver(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	for _, c := range b.mender.cleanups.take(true) {
		b.mender.cleanedUp(ctx, c)
	}
}
