package bot

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

const (
	// seenEvery is how often it is noted that a socket is open, so that the next start knows how long none was.
	seenEvery = 5 * time.Second
	seenKey   = "seen"
	// gapWorth is how long no process may have had a socket open before what was said meanwhile is looked for.
	gapWorth = 3*seenEvery + time.Second
	// gapBack is how far before a gap is looked: events of the last moments may have been lost with the process.
	gapBack = 2 * seenEvery
	// gapMost is how far back is looked at all (issue 7: threads active in the last day).
	gapMost = 24 * time.Hour
	// catchUpPause is the pause between two reads: they come out of the reads that answers need (50 a minute).
	catchUpPause = 2 * time.Second
	// catchUpTimeout is how long one read may take.
	catchUpTimeout = time.Minute
	// catchUpDead is how long nothing may be heard of a process that catches up, until another one does.
	catchUpDead = 2*catchUpTimeout + catchUpPause
)

// Connected says that a socket is open again. It is an event of its own: what was said while none was open comes by no other.
type Connected struct {
	Since time.Time // since when none was; zero: since the process began
}

func (Connected) event() {}

// Disconnected says that no socket is open any more.
type Disconnected struct{}

func (Disconnected) event() {}

// Places lists conversations.
type Places interface {
	// Conversations returns the ids of the channels and direct messages that the bot is in. It blocks for the network.
	Conversations(ctx context.Context) ([]string, error)
}

// seen is the record of when a socket was last open, and of the gap that is being looked through.
type seen struct {
	At   time.Time `json:"at"`
	Gap  time.Time `json:"gap,omitzero"`  // what was said since may have been missed; zero: nothing was
	Look time.Time `json:"look,omitzero"` // when the process that looks for it last said so
	By   string    `json:"by,omitempty"`  // which process that is
}

// connected takes the news that a socket is open.
func (b *Bot) connected(ev Connected) {
	select {
	case b.gaps <- ev:
	default: // one waits already; it looks back far enough, since nothing is noted as seen meanwhile
	}
	b.open.Store(true) // not before: what is noted as seen would say that there was no gap
}

// watchGaps notes that sockets are open, and looks for what was said while none was, or while the store
// could not be told, until ctx ends.
func (b *Bot) watchGaps(ctx context.Context) {
	tick := time.NewTicker(seenEvery)
	defer tick.Stop()
	var waiting *Connected // the oldest news of a socket for which the store has not answered yet
	var mine time.Time     // what this process noted last; zero: nothing yet
	silent := false        // the store has refused a note since
	hear := func(ev Connected) {
		if waiting == nil || !ev.Since.IsZero() && ev.Since.Before(waiting.Since) {
			waiting = &ev
		}
	}
	for {
		select {
		case ev := <-b.gaps:
			hear(ev)
		case <-tick.C:
			open := b.open.Load()
			select {
			case ev := <-b.gaps:
				hear(ev)
			default:
			}
			if !open || !b.cfg.Durable && waiting == nil {
				continue
			}
		case <-ctx.Done():
			return
		}
		from, now, err := b.noteSeen(ctx, func(last seen, now time.Time) time.Time {
			from := time.Time{}
			if waiting != nil || silent || !last.At.Equal(mine) { // else this process was slow, and its sockets were open
				from = b.gap(last.At, now, waiting, mine.IsZero())
			}
			dead := now.Sub(last.Look) > catchUpDead || mine.IsZero() && b.cfg.Alone != nil && b.cfg.Alone()
			if !last.Gap.IsZero() && (dead || !from.IsZero() && from.After(last.Gap)) {
				return last.Gap
			}
			return from
		})
		if err != nil {
			if ctx.Err() == nil {
				b.log.WarnContext(ctx, "seen_not_noted", "error", err)
			}
			silent = true
			continue // the note from before stays, and tells of the gap when the store answers
		}
		waiting, mine, silent = nil, now, false
		if at := b.catchUp(ctx, from); !at.IsZero() {
			mine = at
		}
	}
}

// noteSeen notes that a socket is open now. gap says from when on something was missed, by what was noted
// last, by whichever process. All is one write: who overwrites an old note is the one that has found the
// gap, which is noted until it is looked through.
func (b *Bot) noteSeen(ctx context.Context, gap func(last seen, now time.Time) time.Time) (from, now time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	now = time.Now().UTC().Truncate(time.Microsecond)
	err = b.updateSeen(ctx, func(s seen) seen {
		if from = gap(s, now); !from.IsZero() {
			s.Gap, s.Look, s.By = from, now, b.cfg.Owner
		}
		if now.After(s.At) {
			s.At = now
		}
		return s
	})
	return from, now, err
}

// looking notes how far this process is with a gap: it is at it, or through. It returns when a socket was
// open last, as far as that is noted; zero: the store does not say.
func (b *Bot) looking(ctx context.Context, through bool) (at time.Time) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	now := time.Now().UTC().Truncate(time.Microsecond)
	open := b.open.Load() && len(b.gaps) == 0 // else there is another gap
	err := b.updateSeen(ctx, func(s seen) seen {
		switch {
		case s.By != b.cfg.Owner: // another one has found an earlier gap, or has taken this process for dead
		case through:
			s.Gap, s.Look, s.By = time.Time{}, time.Time{}, ""
		default:
			s.Look = now
		}
		if open && now.After(s.At) {
			s.At = now
		}
		at = s.At
		return s
	})
	if err != nil {
		b.log.WarnContext(ctx, "seen_not_noted", "error", err)
		return time.Time{}
	}
	return at
}

func (b *Bot) updateSeen(ctx context.Context, change func(seen) seen) error {
	err := b.dep.Store.Update(ctx, seenKey, func(old []byte) ([]byte, error) {
		var was seen
		_ = json.Unmarshal(old, &was) // an unreadable one is none
		s := change(was)
		if s == was {
			return nil, turn.ErrKeep
		}
		return json.Marshal(s)
	})
	if err != nil {
		return fmt.Errorf("note that a socket is open: %w", err)
	}
	return nil
}

// gap returns from when on something may have been missed; zero: nothing was. last is when a socket was last
// known to be open, connected tells of one that has opened (nil: none has), first that this process has
// noted nothing yet.
func (b *Bot) gap(last, now time.Time, connected *Connected, first bool) time.Time {
	from := last
	switch alone := first && b.cfg.Alone != nil && b.cfg.Alone(); {
	case connected != nil && !connected.Since.IsZero():
		if last.After(connected.Since.Add(seenEvery)) && now.Sub(last) < gapWorth {
			return time.Time{} // another process had a socket open
		}
		if last.IsZero() || connected.Since.Before(last) {
			from = connected.Since
		}
	case last.IsZero():
		return time.Time{} // a new store: there is nothing to go on with
	case !alone && now.Sub(last) < gapWorth:
		return time.Time{} // another process has a socket open, or this one noted it a moment ago
	}
	from = from.Add(-gapBack)
	if oldest := now.Add(-gapMost); from.Before(oldest) {
		from = oldest
	}
	return from
}

// catchUp looks through the conversations for what was said while no socket was open, the oldest first, and asks for what is owed. It takes its
// time: answers need reads, too. It returns when a socket was noted as open last; zero: it has noted nothing.
func (b *Bot) catchUp(ctx context.Context, from time.Time) (noted time.Time) {
	if from.IsZero() || b.dep.Places == nil {
		return noted
	}
	said := time.Now()
	pause := func() bool {
		if time.Since(said) >= seenEvery {
			said = time.Now()
			noted = later(noted, b.looking(ctx, false))
		}
		return b.pause(ctx, catchUpPause)
	}
	threads := b.threadsSince(ctx, from, pause)
	b.log.InfoContext(ctx, "catching_up", "since", from.UTC().Format(time.RFC3339), "threads", len(threads))
	asked := 0
	for _, t := range threads {
		if !pause() {
			return noted
		}
		asked += b.catchUpOn(ctx, t)
	}
	if ctx.Err() != nil {
		return noted
	}
	b.log.InfoContext(ctx, "caught_up", "threads", len(threads), "asked", asked)
	return later(noted, b.looking(ctx, true))
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
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

// threadsSince are the threads in which something may have been said since a time, those that began first, first: those of the bot's
// conversations that began or grew, and those in which the bot was asked in the last day. pause is called before each read.
func (b *Bot) threadsSince(ctx context.Context, from time.Time, pause func() bool) []thread.ID {
	var threads []thread.ID
	add := func(t thread.ID) {
		if !slices.Contains(threads, t) {
			threads = append(threads, t)
		}
	}
	read, cancel := context.WithTimeout(ctx, catchUpTimeout)
	channels, err := b.dep.Places.Conversations(read)
	cancel()
	if err != nil {
		b.log.WarnContext(ctx, "conversations_unread", "error", err)
	}
	start := unixTS(from)
	for _, channel := range channels {
		if !pause() {
			return nil
		}
		read, cancel := context.WithTimeout(ctx, catchUpTimeout)
		messages, err := b.dep.History.Recent(read, channel, start, unixTS(time.Now().Add(clockSkew)))
		cancel()
		if err != nil {
			b.log.WarnContext(ctx, "history_unread", "channel", channel, "error", err)
			continue
		}
		for _, m := range messages {
			if m.Question(thread.ID{Channel: channel}).Explicit() && !m.Self && !m.Bot || m.Latest != "" {
				add(thread.ID{Channel: channel, TS: m.TS})
			}
		}
	}
	for _, key := range b.coordinator.Recent(turn.TS(unixTS(time.Now().Add(-gapMost)))) {
		if t, ok := thread.Parse(key); ok {
			add(t)
		}
	}
	slices.SortFunc(threads, func(a, b thread.ID) int {
		return cmp.Or(turn.TS(a.TS).Compare(turn.TS(b.TS)), strings.Compare(a.Channel, b.Channel))
	})
	return threads
}

// catchUpOn asks for what is owed in a thread; it says how much that was. A thread that is being answered is left alone.
func (b *Bot) catchUpOn(ctx context.Context, t thread.ID) int {
	read, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	messages, err := b.dep.History.Messages(read, t)
	if err != nil {
		b.log.WarnContext(ctx, "history_unread", "thread", t.String(), "error", err)
		return 0
	}
	b.crowds.see(t, messages)
	record, err := b.coordinator.Look(read, t.String())
	if err != nil || record.Owed() {
		return 0
	}
	d := thread.Owed(messages, t, thread.View{
		Answered: record.Answered, Upto: turn.TS(unixTS(time.Now().Add(clockSkew))), Mode: b.settings(read, t.Channel).FollowUps,
	})
	if len(d.Asks) == 0 || d.Redo && record.Asked == "" {
		return 0
	}
	moment := d.Last()
	for _, a := range d.Asks {
		if a.Since().After(moment.Since()) {
			moment = a
		}
	}
	b.log.InfoContext(ctx, "ask_found", "thread", t.String(), "ask", moment.TS, "edited", moment.Edited)
	if err := b.ask(ctx, moment); err != nil {
		b.log.WarnContext(ctx, "event_not_taken", "thread", t.String(), "error", err)
		return 0
	}
	return 1
}
