package catchup

import (
	"cmp"
	"context"
	"errors"
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
	// mostConversations are read within a minute, and mostThreads within threadsWithin, each as
	// soon as it can be. Slack allows 50 a minute of each kind: the rest is for live questions.
	// They read threads above all, many of them just when a socket or the store is back.
	mostConversations = 40
	mostThreads       = 10
	threadsWithin     = 20 * time.Second
	// readTimeout is how long one read may take.
	readTimeout = time.Minute
	// recordTimeout is how long the store may take to tell of a thread.
	recordTimeout = 5 * time.Second
	// againAfter is when what failed is tried once more, the first time; againMost, at last. Slack
	// rests a method for half a minute, most often (facts/slack.md §1.3).
	againAfter = 15 * time.Second
	againMost  = 10 * time.Minute
)

// Places lists conversations.
type Places interface {
	// Conversations returns the ids of the channels and direct messages that the bot is in. It
	// blocks for the network.
	Conversations(ctx context.Context) ([]string, error)
}

// History reads conversations. Both methods wait for the read budget, and return the cause of ctx
// when that takes too long.
type History interface {
	// Messages returns all messages of a thread, oldest first. It may read several pages.
	// thread.ErrUnreadable: another try does not help.
	Messages(ctx context.Context, t thread.ID) ([]thread.Message, error)
	// Recent returns the top-level messages of a conversation between two times, both excluded,
	// oldest first; of very many, the newest. It may read several pages, five at most.
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
	// After an error it is told of the thread again later.
	Gone func(ctx context.Context, t thread.ID, record turn.Record, messages []thread.Message) error
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
	reads := newReads()
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
		l = listener{noted: now, gap: l.gap}
		switch {
		case w.cfg.Places == nil:
			continue
		case !from.IsZero():
			l.gap = newGap(from)
		case l.gap == nil || now.Before(l.gap.again):
			continue
		}
		if at := w.catchUp(ctx, l.gap, reads); !at.IsZero() {
			l.noted = at
		}
		l.silent = l.gap.silent
	}
}

// gap is how far this process is with a gap that it looks through.
type gap struct {
	from   time.Time
	looked map[thread.ID]bool // what needs no other look
	// left is what is to be read yet. A conversation has no ts, and the list of them has no
	// channel.
	left   []thread.ID
	order  map[thread.ID]int // of places, see orderList
	asked  int               // questions that had no answer
	pause  time.Duration     // before what failed is tried once more
	again  time.Time         // when that is
	silent bool              // the store refused a note meanwhile
}

func newGap(from time.Time) *gap {
	return &gap{from: from, looked: map[thread.ID]bool{}, order: map[thread.ID]int{}, pause: againAfter}
}

// The order in which places are read: people most likely wait in those that come first.
const (
	orderList = iota
	orderConversations
	orderOurs   // threads that a question to the bot has opened since
	orderRecent // threads in which the bot was asked lately
	orderOthers
)

// put sorts places into those that are left, the first of a kind first.
func (g *gap) put(left, places []thread.ID, order int) []thread.ID {
	for _, t := range places {
		if was, known := g.order[t]; !known || order < was {
			g.order[t] = order
		}
	}
	left = append(left, places...)
	slices.SortStableFunc(left, func(a, b thread.ID) int { return cmp.Compare(g.order[a], g.order[b]) })
	return left
}

// catchUp looks through the conversations for what was said in a gap, and asks for what is owed as
// soon as it finds it: first the questions that nobody has replied to, in the order of the
// conversations, and in each of them the oldest first; then in threads. It leaves what cannot be
// read now for another look, and the gap stays noted. It returns when a socket was noted as open
// last; zero: it has noted nothing.
func (w *Watcher) catchUp(ctx context.Context, g *gap, reads *reads) (noted time.Time) {
	lastNote := time.Now()
	pause := func(place thread.ID) bool {
		for {
			if time.Since(lastNote) >= seenEvery {
				lastNote = time.Now()
				at := w.noteLook(ctx, false)
				if g.silent = at.IsZero(); g.silent {
					return false // the store is away: nothing could be asked for
				}
				noted = later(noted, at)
			}
			left := reads.of(place).left(time.Now())
			if left <= 0 || wait.For(ctx, min(left, seenEvery)) != nil {
				return ctx.Err() == nil
			}
		}
	}
	if len(g.looked) == 0 && len(g.left) == 0 {
		g.left = g.put(g.put(nil, []thread.ID{{}}, orderList), w.recent(), orderRecent)
	}
	w.cfg.Log.InfoContext(ctx, "catching_up", "since", g.from.UTC().Format(time.RFC3339), "places", len(g.left))
	places := g.left
	g.left, g.silent = nil, false
	for len(places) > 0 {
		place := places[0]
		if g.looked[place] {
			places = places[1:]
			continue
		}
		if place.Channel != "" && !pause(place) {
			break
		}
		var err error
		places, err = w.look(ctx, g, place, places[1:])
		if ctx.Err() != nil {
			return noted // the next process looks at all of it
		}
		if err != nil {
			w.cfg.Log.WarnContext(ctx, "history_unread", "channel", place.Channel, "thread_ts", place.TS, "error", err)
		}
		if g.looked[place] = true; err != nil && !forGood(err) {
			g.left = append(g.left, place)
		}
	}
	for _, place := range g.left {
		delete(g.looked, place)
	}
	g.left = append(g.left, places...)
	if ctx.Err() != nil {
		return noted
	}
	if len(g.left) > 0 && time.Since(g.from) < 2*gapMost {
		w.cfg.Log.WarnContext(ctx, "catch_up_unfinished", "places_left", len(g.left), "again_ms", g.pause.Milliseconds())
		g.again, g.pause = time.Now().Add(g.pause), min(2*g.pause, againMost)
		return noted
	}
	w.cfg.Log.InfoContext(ctx, "caught_up", "places", len(g.looked), "left", len(g.left), "asked", g.asked)
	at := w.noteLook(ctx, true)
	g.silent = at.IsZero() // then the gap stays noted, and the next look has nothing left to do
	return later(noted, at)
}

// forGood reports whether a place can never be read.
func forGood(err error) bool {
	return errors.Is(err, thread.ErrUnreadable) || errors.Is(err, turn.ErrCorrupt) || errors.Is(err, turn.ErrKey)
}

// look asks for what is owed in a place, and returns what is left to be looked at: left, and what
// it has found.
func (w *Watcher) look(ctx context.Context, g *gap, place thread.ID, left []thread.ID) ([]thread.ID, error) {
	switch {
	case place.Channel == "":
		channels, err := w.conversations(ctx)
		return g.put(left, channels, orderConversations), err
	case place.TS == "":
		ours, others, err := w.lookIn(ctx, g, place.Channel)
		return g.put(g.put(left, ours, orderOurs), others, orderOthers), err
	}
	return left, w.askIn(ctx, g, place)
}

// reads bounds the reads of all gaps together, however often they are tried.
type reads struct{ conversations, threads rate }

func newReads() *reads {
	return &reads{rate{most: mostConversations, within: time.Minute}, rate{most: mostThreads, within: threadsWithin}}
}

// of returns the bound of reading a place.
func (r *reads) of(place thread.ID) *rate {
	if place.TS == "" {
		return &r.conversations
	}
	return &r.threads
}

// rate bounds the reads of one kind within some time.
type rate struct {
	most   int
	within time.Duration
	last   []time.Time // of the newest of them, oldest first; most at most
}

// left returns how long the next read has to wait. If that is not at all, it is made.
func (r *rate) left(now time.Time) time.Duration {
	if len(r.last) == r.most {
		if left := r.within - now.Sub(r.last[0]); left > 0 {
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

// conversations returns those that the bot is in. Direct messages come first, then those in
// which it was asked lately: somebody most likely waits there.
func (w *Watcher) conversations(ctx context.Context) ([]thread.ID, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	ids, err := w.cfg.Places.Conversations(ctx)
	if err != nil {
		return nil, err
	}
	rank := map[string]int{}
	for _, t := range w.recent() {
		rank[t.Channel] = -1
	}
	var channels []thread.ID
	for _, id := range ids {
		c := thread.ID{Channel: id}
		if c.Direct() {
			rank[id] = -2
		}
		channels = append(channels, c)
	}
	slices.SortStableFunc(channels, func(a, b thread.ID) int { return cmp.Compare(rank[a.Channel], rank[b.Channel]) })
	return channels, nil
}

// lookIn asks for the questions that began a thread of a conversation since the gap and have no
// reply. It returns the threads that have to be read, ours and those of others: they grew, or have
// replies, or could not be asked for.
func (w *Watcher) lookIn(ctx context.Context, g *gap, channel string) (ours, others []thread.ID, err error) {
	read, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	messages, err := w.cfg.History.Recent(read, channel, string(turn.At(g.from)), string(soon()))
	if err != nil {
		return nil, nil, err
	}
	for _, m := range messages {
		t := thread.ID{Channel: channel, TS: m.TS}
		asks := m.Question(thread.ID{Channel: channel}).Explicit() && !m.Self && !m.Bot
		switch {
		case m.Latest != "" && !asks:
			others = append(others, t)
		case m.Latest != "":
			ours = append(ours, t)
		case asks && thread.CommandOf(m.Text) == thread.NoCommand && !g.looked[t]: // nobody has written in it, so there is nothing to read
			if w.askFor(ctx, g, t, []thread.Message{m}) != nil {
				ours = append(ours, t)
				continue
			}
			g.looked[t] = true
		case asks:
			ours = append(ours, t)
		}
	}
	return ours, others, nil
}

// askIn reads a thread, and asks for what is owed in it.
func (w *Watcher) askIn(ctx context.Context, g *gap, t thread.ID) error {
	read, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	messages, err := w.cfg.History.Messages(read, t)
	if err != nil {
		return err
	}
	return w.askFor(ctx, g, t, messages)
}

// askFor asks for what is owed in a thread. It leaves a thread alone that is being answered.
func (w *Watcher) askFor(ctx context.Context, g *gap, t thread.ID, messages []thread.Message) error {
	look, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	w.cfg.Read(t, messages)
	record, err := w.cfg.Threads.Record(look, t.String())
	if err != nil {
		return err
	}
	gone := w.cfg.Gone(ctx, t, record, messages)
	if record.Owed() {
		return gone
	}
	due := thread.Owed(messages, t, thread.View{Answered: record.Answered, Upto: soon(), Mode: w.cfg.FollowUps(ctx, t.Channel)})
	if len(due.Asks) == 0 || due.Redo && record.Asked == "" {
		return gone
	}
	newest := due.Last()
	for _, a := range due.Asks {
		if a.Since().After(newest.Since()) {
			newest = a
		}
	}
	w.cfg.Log.InfoContext(ctx, "ask_found", "thread", t.String(), "ask", newest.TS, "edited", newest.Edited)
	if err := w.cfg.Ask(ctx, newest); err != nil {
		return err // Gone is told again, too
	}
	g.asked++
	return gone
}

// soon returns a time that Slack's clock has not reached yet.
func soon() turn.TS { return turn.At(time.Now().Add(turn.ClockSkew)) }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
