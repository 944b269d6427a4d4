package bot

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"llmbot/bot/recent"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

const (
	// maxCrowds is how many threads are remembered of which something is known. Each that is forgotten costs a read.
	maxCrowds = 20_000
	// lookTimeout is how long a thread may take to be looked at of which nothing is known; after that its message is taken for nobody's
	// question.
	lookTimeout = 20 * time.Second
	// lookEvery is the pause between two such looks: they come out of the reads that answers need (50 a minute).
	lookEvery = 4 * time.Second
	// maxLooks is how many messages wait for such a look; more are taken for nobody's question.
	maxLooks = 100
)

// crowds remembers of threads only what does not become wrong, but for deletions, which make it forget: who has written and how early, that
// the bot had nothing to do with it when it was looked at. It saves reads, and decides nothing that a read would decide otherwise.
type crowds struct {
	mu    sync.Mutex // guards all below
	known *simplelru.LRU[thread.ID, thread.Crowd]
}

func newCrowds() crowds { return crowds{known: recent.New[thread.ID, thread.Crowd](maxCrowds)} }

// note says that somebody has written in a thread, at ts.
func (c *crowds) note(t thread.ID, person, ts string) thread.Crowd {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, _ := c.known.Get(t)
	k = k.With(person, ts)
	c.known.Add(t, k)
	return k
}

// see notes who has written in a thread that was read.
func (c *crowds) see(t thread.ID, messages []thread.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, _ := c.known.Get(t)
	for _, m := range messages {
		if !m.Self && !m.Bot {
			k = k.With(m.User, m.TS)
		}
	}
	c.known.Add(t, k)
}

// forget forgets who has written in a thread: a message was deleted.
func (c *crowds) forget(t thread.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k, ok := c.known.Get(t); ok {
		c.known.Add(t, thread.Crowd{Absent: k.Absent})
	}
}

// pass notes that the bot was not in a thread when it was looked at.
func (c *crowds) pass(t thread.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, _ := c.known.Get(t)
	k.Absent = true
	c.known.Add(t, k)
}

func (c *crowds) get(t thread.ID) thread.Crowd {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, _ := c.known.Get(t)
	return k
}

// follow takes a message of a thread that does not name the bot. Whether it is addressed to the bot the thread says, when a turn reads it;
// here is only found out, cheaply, whether it can be.
func (b *Bot) follow(ctx context.Context, ev thread.Question) error {
	k := b.crowds.note(ev.Thread, ev.User, ev.TS)
	mode := b.settings(ctx, ev.Thread.Channel).FollowUps
	if ev.Elsewhere || mode == thread.FollowMention || mode != thread.FollowAlways && k.Before(ev.TS, ev.User) {
		return nil
	}
	return b.ifOurs(ctx, ev.Thread, ev.TS, k, func(ctx context.Context) error { return b.ask(ctx, ev) }, func(cause error) error {
		return b.hold(ctx, ev, true, cause)
	})
}

// ifOurs does something if the bot is in a thread: the store knows, or, for what was before the store, the
// thread itself, which is then looked at in the background. unknown is called when the store does not answer.
// ts is of the message that is about it.
func (b *Bot) ifOurs(ctx context.Context, t thread.ID, ts string, k thread.Crowd, do func(context.Context) error, unknown func(error) error) error {
	look, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	find := b.coordinator.Look
	if b.isYoung(t) { // its first message may be on its way to the store
		find = func(ctx context.Context, key string) (turn.Record, error) {
			return b.coordinator.Hear(ctx, key, turn.TS(ts))
		}
	}
	record, err := find(look, t.String())
	switch {
	case err != nil: // it may be ours
		b.log.WarnContext(ctx, "thread_unknown", "thread", t.String(), "error", err)
		if b.isLive(t) {
			return do(ctx)
		}
		return unknown(err)
	case record.Asked != "": // or it was asked of another process
		return do(ctx)
	case k.Absent:
		return nil
	case !b.older(t):
		b.lookLater(t, do)
		return nil
	}
	select {
	case b.looks <- look1{t, do}:
	default:
		b.log.WarnContext(ctx, "thread_not_looked_at", "thread", t.String(), "reason", "too many wait")
	}
	return nil
}

const (
	// young is how old a thread is at most of which messages are looked at twice: Slack tells of a thread's first message again after some seconds
	// if nobody took it, and meanwhile of what followed it.
	young = 30 * time.Second
	// youngAgain is when.
	youngAgain = 6 * time.Second
)

// isYoung reports whether a thread began so lately that its first message may not be noted yet.
func (b *Bot) isYoung(t thread.ID) bool { return time.Since(turn.TS(t.TS).Time()) <= young }

// lookLater does something if the bot is in a thread a little later.
func (b *Bot) lookLater(t thread.ID, do func(context.Context) error) {
	if !b.isYoung(t) {
		return
	}
	b.young.add(b, "look_again", func(ctx context.Context) {
		look, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		record, err := b.coordinator.Look(look, t.String())
		if err == nil && record.Asked != "" {
			err = do(ctx)
		}
		if err != nil {
			b.log.WarnContext(ctx, "event_not_taken", "thread", t.String(), "error", err)
		}
	})
}

// look1 is a thread that is to be looked at, and what is done if the bot is in it.
type look1 struct {
	thread thread.ID
	do     func(context.Context) error
}

// older says that a thread may have begun before this process: all that was asked since is in the store.
func (b *Bot) older(t thread.ID) bool {
	return turn.TS(t.TS).Time().Before(b.since.Add(turn.ClockSkew))
}

// lookAtThreads is the goroutine that looks at threads of which nothing is known, one after the other and slowly, until ctx ends.
func (b *Bot) lookAtThreads(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
		select {
		case l := <-b.looks:
			if b.crowds.get(l.thread).Absent {
				pause.Reset(0)
				continue
			}
			b.lookAt(ctx, l)
			pause.Reset(lookEvery)
		case <-ctx.Done():
			return
		}
	}
}

func (b *Bot) lookAt(ctx context.Context, l look1) {
	read, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	messages, err := b.dep.History.Messages(read, l.thread)
	if err != nil {
		b.log.WarnContext(ctx, "thread_unread", "thread", l.thread.String(), "error", err)
		return
	}
	b.crowds.see(l.thread, messages)
	if !slices.ContainsFunc(messages, func(m thread.Message) bool { return m.Self }) {
		b.crowds.pass(l.thread)
		b.lookLater(l.thread, l.do)
		return
	}
	if err := l.do(ctx); err != nil {
		b.log.WarnContext(ctx, "event_not_taken", "thread", l.thread.String(), "error", err)
	}
}
