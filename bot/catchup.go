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

// seen is the record of when a socket was last open.
type seen struct {
	At time.Time `json:"at"`
}

// connected takes the news that a socket is open.
func (b *Bot) connected(ev Connected) {
	b.open.Store(true)
	select {
	case b.gaps <- ev:
	default: // one waits already; it looks back far enough, since nothing is noted as seen meanwhile
	}
}

// watchGaps notes that sockets are open, and looks for what was said while none was, or while the store
// could not be told, until ctx ends.
func (b *Bot) watchGaps(ctx context.Context) {
	tick := time.NewTicker(seenEvery)
	defer tick.Stop()
	var waiting *Connected // the oldest news of a socket for which the store has not answered yet
	var mine time.Time     // what this process noted last; zero: nothing yet
	silent := false        // the store has refused a note since
	for {
		select {
		case ev := <-b.gaps:
			if waiting == nil || !ev.Since.IsZero() && ev.Since.Before(waiting.Since) {
				waiting = &ev
			}
		case <-tick.C:
			if !b.open.Load() || !b.cfg.Durable && waiting == nil {
				continue
			}
		case <-ctx.Done():
			return
		}
		last, now, err := b.noteSeen(ctx)
		if err != nil {
			if ctx.Err() == nil {
				b.log.WarnContext(ctx, "seen_not_noted", "error", err)
			}
			silent = true
			continue // the note from before stays, and tells of the gap when the store answers
		}
		from := time.Time{}
		if waiting != nil || silent || !last.Equal(mine) { // else this process was slow, and its sockets were open
			from = b.gap(last, now, waiting, mine.IsZero())
		}
		waiting, mine, silent = nil, now, false
		b.catchUp(ctx, from)
	}
}

// noteSeen notes that a socket is open now, and returns when that was last noted, by whichever process. The
// two are one write: who overwrites an old note is the one that has found the gap.
func (b *Bot) noteSeen(ctx context.Context) (last, now time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	now = time.Now().UTC().Truncate(time.Microsecond)
	raw, err := json.Marshal(seen{At: now})
	if err != nil {
		return last, now, fmt.Errorf("note that a socket is open: %w", err)
	}
	err = b.dep.Store.Update(ctx, seenKey, func(old []byte) ([]byte, error) {
		var was seen
		_ = json.Unmarshal(old, &was) // an unreadable one is none
		if last = was.At; last.After(now) {
			return nil, turn.ErrKeep
		}
		return raw, nil
	})
	if err != nil {
		return last, now, fmt.Errorf("note that a socket is open: %w", err)
	}
	return last, now, nil
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
// time: answers need reads, too.
func (b *Bot) catchUp(ctx context.Context, from time.Time) {
	if from.IsZero() || b.dep.Places == nil {
		return
	}
	threads := b.threadsSince(ctx, from)
	b.log.InfoContext(ctx, "catching_up", "since", from.UTC().Format(time.RFC3339), "threads", len(threads))
	asked := 0
	for _, t := range threads {
		if !b.pause(ctx, catchUpPause) {
			return
		}
		asked += b.catchUpOn(ctx, t)
	}
	b.log.InfoContext(ctx, "caught_up", "threads", len(threads), "asked", asked)
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
// conversations that began or grew, and those in which the bot was asked in the last day.
func (b *Bot) threadsSince(ctx context.Context, from time.Time) []thread.ID {
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
		if !b.pause(ctx, catchUpPause) {
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
	for _, key := range b.desk.Recent(turn.TS(unixTS(time.Now().Add(-gapMost)))) {
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
	record, err := b.desk.Look(read, t.String())
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
