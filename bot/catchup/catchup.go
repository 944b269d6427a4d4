package catchup

import (
	"cmp"
	"context"
	"log/slog"
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
	// mostConversations and mostThreads are how many reads of a kind are made within a minute, as soon
	// as they can be. Slack allows 50 of each: the rest is for live questions, which read threads
	// above all.
	mostConversations = 40
	mostThreads       = 30
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
	// Gone takes a thread as it is now, with its record: answers may have lost their questions.
	Gone func(ctx context.Context, t thread.ID, record turn.Record, messages []thread.Message)
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

// catchUp looks through the conversations for what was said since a time, and asks for what is owed
// as soon as it finds it: first the questions that nobody has replied to, in the order of the
// conversations, and in each of them the oldest first; then in threads. It returns when a socket was
// noted as open last; zero: it has noted nothing.
func (w *Watcher) catchUp(ctx context.Context, from time.Time) (noted time.Time) {
	lastNote := time.Now()
	pause := func(r *rate) bool {
		for {
			if time.Since(lastNote) >= seenEvery {
				lastNote = time.Now()
				noted = later(noted, w.noteLook(ctx, false))
			}
			left := r.left(time.Now())
			if left <= 0 || wait.For(ctx, min(left, seenEvery)) != nil {
				return ctx.Err() == nil
			}
		}
	}
	recent := w.recent()
	channels := w.conversations(ctx, recent)
	if ctx.Err() != nil {
		return noted // nothing was looked at: the next process does
	}
	w.cfg.Log.InfoContext(ctx, "catching_up", "since", from.UTC().Format(time.RFC3339), "channels", len(channels), "threads", len(recent))
	asked, looked := 0, map[thread.ID]bool{}
	var ours, others []thread.ID
	reads := rate{most: mostConversations}
	for _, channel := range channels {
		if !pause(&reads) {
			return noted
		}
		g, n := w.lookIn(ctx, channel, from, looked)
		ours, others, asked = append(ours, g.ours...), append(others, g.others...), asked+n
	}
	reads = rate{most: mostThreads}
	for _, t := range slices.Concat(ours, recent, others) {
		if looked[t] {
			continue
		}
		looked[t] = true
		if !pause(&reads) {
			return noted
		}
		asked += w.askIn(ctx, t)
	}
	if ctx.Err() != nil {
		return noted
	}
	w.cfg.Log.InfoContext(ctx, "caught_up", "threads", len(looked), "asked", asked)
	return later(noted, w.noteLook(ctx, true))
}

// rate bounds the reads of one kind within each minute.
type rate struct {
	most int
	last []time.Time // of the newest of them, oldest first; most at most
}

// left returns how long the next read has to wait. If that is not at all, it is made.
func (r *rate) left(now time.Time) time.Duration {
	if len(r.last) == r.most {
		if left := time.Minute - now.Sub(r.last[0]); left > 0 {
			return left
		}
		r.last = r.last[1:]
	}
	r.last = append(r.last, now)
	return 0
}

// recent returns the threads in which the bot was asked in the last day, those that began first,
// first.
func (w *Watcher) recent() []thread.ID {
	var out []thread.ID
	for _, key := range w.cfg.Threads.Recent(turn.At(time.Now().Add(-gapMost))) {
		if t, ok := thread.Parse(key); ok {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b thread.ID) int {
		return cmp.Or(turn.TS(a.TS).Compare(turn.TS(b.TS)), strings.Compare(a.Channel, b.Channel))
	})
	return out
}

// conversations returns those that the bot is in. Direct messages come first, then those in which it
// was asked lately: somebody most likely waits there.
func (w *Watcher) conversations(ctx context.Context, recent []thread.ID) []string {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	channels, err := w.cfg.Places.Conversations(ctx)
	if err != nil && ctx.Err() == nil {
		w.cfg.Log.WarnContext(ctx, "conversations_unread", "error", err)
	}
	rank := map[string]int{}
	for _, t := range recent {
		rank[t.Channel] = -1
	}
	for _, c := range channels {
		if (thread.ID{Channel: c}).Direct() {
			rank[c] = -2
		}
	}
	slices.SortStableFunc(channels, func(a, b string) int { return cmp.Compare(rank[a], rank[b]) })
	return channels
}

// grown are threads of a conversation that have to be read.
type grown struct {
	ours   []thread.ID // that a question to the bot has opened
	others []thread.ID
}

// lookIn asks for the questions that began a thread of a conversation since a time and have no
// reply, and returns how many they were. It adds those to looked, and returns the threads that have
// to be read: they grew, or have replies.
func (w *Watcher) lookIn(ctx context.Context, channel string, from time.Time, looked map[thread.ID]bool) (g grown, asked int) {
	read, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	messages, err := w.cfg.History.Recent(read, channel, string(turn.At(from)), string(soon()))
	if err != nil {
		if ctx.Err() == nil {
			w.cfg.Log.WarnContext(ctx, "history_unread", "channel", channel, "error", err)
		}
		return grown{}, 0
	}
	for _, m := range messages {
		t := thread.ID{Channel: channel, TS: m.TS}
		asks := m.Question(thread.ID{Channel: channel}).Explicit() && !m.Self && !m.Bot
		switch {
		case m.Latest != "" && !asks:
			g.others = append(g.others, t)
		case m.Latest != "":
			g.ours = append(g.ours, t)
		case asks && thread.CommandOf(m.Text) == thread.NoCommand && !looked[t]: // nobody has written in it, so there is nothing to read
			looked[t] = true
			asked += w.askFor(ctx, t, []thread.Message{m})
		case asks:
			g.ours = append(g.ours, t)
		}
	}
	return g, asked
}

// askIn reads a thread, asks for what is owed in it, and returns how much that was.
func (w *Watcher) askIn(ctx context.Context, t thread.ID) int {
	read, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	messages, err := w.cfg.History.Messages(read, t)
	if err != nil {
		if ctx.Err() == nil {
			w.cfg.Log.WarnContext(ctx, "history_unread", "thread", t.String(), "error", err)
		}
		return 0
	}
	return w.askFor(ctx, t, messages)
}

// askFor asks for what is owed in a thread, and returns how much that was. It leaves a thread alone
// that is being answered.
func (w *Watcher) askFor(ctx context.Context, t thread.ID, messages []thread.Message) int {
	look, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	w.cfg.Read(t, messages)
	record, err := w.cfg.Threads.Record(look, t.String())
	if err != nil {
		return 0
	}
	w.cfg.Gone(look, t, record, messages)
	if record.Owed() {
		return 0
	}
	due := thread.Owed(messages, t, thread.View{Answered: record.Answered, Upto: soon(), Mode: w.cfg.FollowUps(look, t.Channel)})
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
