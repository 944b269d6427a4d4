package catchup

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"llmbot/bot/thread"
	"llmbot/bot/turn"
	"llmbot/bot/wait"
)

const (
	// storeTimeout is how long the store may take for a note: one that takes longer is away.
	storeTimeout = time.Second
	// readPause is the pause between two reads, see the costs.
	readPause = 2 * time.Second
	// readTimeout is how long one read may take.
	readTimeout = time.Minute
)

// Places lists conversations.
type Places interface {
	// Conversations returns the ids of the channels and direct messages that the bot is in. It
	// blocks for the network.
	Conversations(ctx context.Context) ([]string, error)
}

// History reads conversations. Both methods wait for the read budget.
type History interface {
	// Messages returns all messages of a thread, oldest first.
	Messages(ctx context.Context, t thread.ID) ([]thread.Message, error)
	// Recent returns the top-level messages of a conversation between two times, both excluded,
	// oldest first; of very many, the newest.
	Recent(ctx context.Context, channel, after, before string) ([]thread.Message, error)
}

// Config says where a Watcher looks, and whom it asks.
type Config struct {
	Owner   string      // unique id of this process
	Durable bool        // the store outlives the process
	Alone   func() bool // reports whether no other process uses the store; nil: another one may
	Store   turn.Store
	Threads *turn.Coordinator
	History History
	Places  Places // nil: nothing is looked for
	// FollowUps returns how a channel's threads are followed. It may block for a moment.
	FollowUps func(ctx context.Context, channel string) thread.FollowUps
	// Read is told of each thread that was read.
	Read func(t thread.ID, messages []thread.Message)
	// Ask takes a question that has no answer, as if its event had just come.
	Ask func(ctx context.Context, q thread.Question) error
	Log *slog.Logger
}

// Opened reports that a socket has opened.
type Opened struct {
	Since time.Time // since when none was open; zero: since the process began
}

// Watcher notes that sockets are open, and looks for what was said while none was. Its methods are
// safe for concurrent use.
type Watcher struct {
	cfg    Config
	open   atomic.Bool
	opened chan Opened // holds one
}

// New returns a Watcher that does nothing before Run.
func New(cfg Config) *Watcher { return &Watcher{cfg: cfg, opened: make(chan Opened, 1)} }

// SocketOpened takes the news that a socket is open.
func (w *Watcher) SocketOpened(o Opened) {
	select {
	case w.opened <- o:
	// One waits already; it looks back far enough, since nothing is noted as seen meanwhile.
	default:
	}
	w.open.Store(true) // not before: what is noted as seen would say that there was no gap
}

// SocketsClosed takes the news that no socket is open any more.
func (w *Watcher) SocketsClosed() { w.open.Store(false) }

// Run notes that sockets are open, and looks for what was said while none was, or while the store
// could not be told, until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	tick := time.NewTicker(seenEvery)
	defer tick.Stop()
	var l listener
	for {
		select {
		case o := <-w.opened:
			l.hear(o)
		case <-tick.C:
			open := w.open.Load()
			select {
			case o := <-w.opened:
				l.hear(o)
			default:
			}
			if !open || !w.cfg.Durable && l.opened == nil {
				continue
			}
		case <-ctx.Done():
			return
		}
		from, now, err := w.noteSeen(ctx, &l)
		if err != nil {
			if ctx.Err() == nil {
				w.cfg.Log.WarnContext(ctx, "seen_not_noted", "error", err)
			}
			l.silent = true
			continue // the note from before stays, and tells of the gap when the store answers
		}
		l = listener{noted: now}
		if !from.IsZero() && w.cfg.Places != nil {
			if at := w.catchUp(ctx, from); !at.IsZero() {
				l.noted = at
			}
		}
	}
}

// catchUp looks through the conversations for what was said since a time, the oldest first, and
// asks for what is owed. It returns when a socket was noted as open last; zero: it has noted
// nothing.
func (w *Watcher) catchUp(ctx context.Context, from time.Time) (noted time.Time) {
	lastNote := time.Now()
	pause := func() bool {
		if time.Since(lastNote) >= seenEvery {
			lastNote = time.Now()
			noted = later(noted, w.noteLook(ctx, false))
		}
		return wait.For(ctx, readPause) == nil
	}
	threads := w.threadsSince(ctx, from, pause)
	w.cfg.Log.InfoContext(ctx, "catching_up", "since", from.UTC().Format(time.RFC3339), "threads", len(threads))
	asked := 0
	for _, t := range threads {
		if !pause() {
			return noted
		}
		asked += w.askIn(ctx, t)
	}
	if ctx.Err() != nil {
		return noted
	}
	w.cfg.Log.InfoContext(ctx, "caught_up", "threads", len(threads), "asked", asked)
	return later(noted, w.noteLook(ctx, true))
}

// threadsSince returns the threads in which something may have been said since a time, those that
// began first, first: those of the bot's conversations that began or grew, and those in which the
// bot was asked in the last day. It calls pause before each read.
func (w *Watcher) threadsSince(ctx context.Context, from time.Time, pause func() bool) []thread.ID {
	threads := map[thread.ID]bool{}
	read, cancel := context.WithTimeout(ctx, readTimeout)
	channels, err := w.cfg.Places.Conversations(read)
	cancel()
	if err != nil {
		w.cfg.Log.WarnContext(ctx, "conversations_unread", "error", err)
	}
	for _, channel := range channels {
		if !pause() {
			return nil
		}
		read, cancel := context.WithTimeout(ctx, readTimeout)
		messages, err := w.cfg.History.Recent(read, channel, string(turn.At(from)), string(soon()))
		cancel()
		if err != nil {
			w.cfg.Log.WarnContext(ctx, "history_unread", "channel", channel, "error", err)
			continue
		}
		for _, m := range messages {
			if m.Question(thread.ID{Channel: channel}).Explicit() && !m.Self && !m.Bot || m.Latest != "" {
				threads[thread.ID{Channel: channel, TS: m.TS}] = true
			}
		}
	}
	for _, key := range w.cfg.Threads.Recent(turn.At(time.Now().Add(-gapMost))) {
		if t, ok := thread.Parse(key); ok {
			threads[t] = true
		}
	}
	return slices.SortedFunc(maps.Keys(threads), func(a, b thread.ID) int {
		return cmp.Or(turn.TS(a.TS).Compare(turn.TS(b.TS)), strings.Compare(a.Channel, b.Channel))
	})
}

// askIn asks for what is owed in a thread, and returns how much that was. It leaves a thread alone
// that is being answered.
func (w *Watcher) askIn(ctx context.Context, t thread.ID) int {
	read, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	messages, err := w.cfg.History.Messages(read, t)
	if err != nil {
		w.cfg.Log.WarnContext(ctx, "history_unread", "thread", t.String(), "error", err)
		return 0
	}
	w.cfg.Read(t, messages)
	record, err := w.cfg.Threads.Record(read, t.String())
	if err != nil || record.Owed() {
		return 0
	}
	due := thread.Owed(messages, t, thread.View{Answered: record.Answered, Upto: soon(), Mode: w.cfg.FollowUps(read, t.Channel)})
	if len(due.Asks) == 0 || due.Redo && record.Asked == "" {
		return 0
	}
	newest := due.Last()
	for _, a := range due.Asks {
		if a.Since().After(newest.Since()) {
			newest = a
		}
	}
	w.cfg.Log.InfoContext(ctx, "ask_found", "thread", t.String(), "ask", newest.TS, "edited", newest.Edited)
	if err := w.cfg.Ask(ctx, newest); err != nil {
		w.cfg.Log.WarnContext(ctx, "event_not_taken", "thread", t.String(), "error", err)
		return 0
	}
	return 1
}

// soon returns a time that Slack's clock has not reached yet.
func soon() turn.TS { return turn.At(time.Now().Add(turn.ClockSkew)) }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
