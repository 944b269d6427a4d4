package catchup

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"llmbot/bot/turn"
)

const (
	// seenEvery is how often it is noted that a socket is open, so that the next start knows how
	// long none was.
	seenEvery = 5 * time.Second
	seenKey   = "seen"
	// gapWorth is how long no process may have had a socket open before somebody looks for what was
	// said meanwhile.
	gapWorth = 3*seenEvery + time.Second
	// gapBack is how far before a gap the look begins: events of the last moments may have been
	// lost with the process.
	gapBack = 2 * seenEvery
	// gapMost is how far back a look goes at all (issue 7: threads active in the last day).
	gapMost = 24 * time.Hour
	// deadAfter is how long nothing may be heard of a process that catches up, until another one
	// does.
	deadAfter = 2*readTimeout + seenEvery
)

// seen is the record of when a socket was last open, and of the gap that is being looked through.
type seen struct {
	At time.Time `json:"at"`
	// Gap is since when something may have been missed; zero: nothing was.
	Gap  time.Time `json:"gap,omitzero"`
	Look time.Time `json:"look,omitzero"` // when the process that looks for it last said so
	By   string    `json:"by,omitempty"`  // which process that is
}

// listener is what this process knows of its own listening.
type listener struct {
	// opened is the oldest news of a socket for which the store has not answered yet; nil: none.
	opened *Opened
	noted  time.Time // what this process noted last; zero: nothing yet
	silent bool      // the store has refused a note since
	gap    *gap      // that this process has found and not looked through yet; nil: none
	alone  bool      // nothing is noted yet, and no other process uses the store at this moment
}

// hear takes the news that a socket has opened.
func (l *listener) hear(o Opened) {
	if l.opened == nil || !o.Since.IsZero() && o.Since.Before(l.opened.Since) {
		l.opened = &o
	}
}

// missed returns from when on something may have been missed that this process is to look for;
// zero: nothing is. last is the record as it was until now.
func (l *listener) missed(last seen, now time.Time) (from time.Time) {
	// If none of these holds, this process was only slow to note that its sockets are open.
	if l.opened != nil || l.silent || !last.At.Equal(l.noted) {
		from = l.deaf(last.At, now)
	}
	dead := now.Sub(last.Look) > deadAfter || l.alone
	if !last.Gap.IsZero() && (dead || !from.IsZero() && from.After(last.Gap)) {
		return last.Gap
	}
	return from
}

// deaf returns from when on no socket was open; zero: one was all the time. last is when one was
// last known to be.
func (l *listener) deaf(last, now time.Time) time.Time {
	from := last
	switch {
	case l.opened != nil && !l.opened.Since.IsZero():
		if last.After(l.opened.Since.Add(seenEvery)) && now.Sub(last) < gapWorth {
			return time.Time{} // another process had a socket open
		}
		if last.IsZero() || l.opened.Since.Before(last) {
			from = l.opened.Since
		}
	case last.IsZero():
		return time.Time{} // a new store: there is nothing to go on with
	case !l.alone && now.Sub(last) < gapWorth:
		return time.Time{} // another process has a socket open, or this one noted it a moment ago
	}
	from = from.Add(-gapBack)
	if oldest := now.Add(-gapMost); from.Before(oldest) {
		from = oldest
	}
	return from
}

// noteSeen notes that a socket is open now, and returns from when on something was missed, and the
// time that it noted. The gap is noted by the same write.
func (w *Watcher) noteSeen(ctx context.Context, l *listener) (from, now time.Time, err error) {
	told, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := w.cfg.Threads.Told(told); err != nil {
		return from, now, err // threads that nobody knows of could not be looked at
	}
	l.alone = l.noted.IsZero() && w.cfg.Alone != nil && w.cfg.Alone()
	now = micros(time.Now())
	mine := false
	err = w.updateSeen(ctx, func(s seen) seen {
		mine = l.gap != nil && s.By == w.cfg.Owner
		switch from = l.missed(s, now); {
		case !from.IsZero():
			s.Gap, s.Look, s.By = from, now, w.cfg.Owner
		case mine:
			s.Look = now // it is left for a moment only
		}
		if now.After(s.At) {
			s.At = now
		}
		return s
	})
	if err == nil && !mine {
		l.gap = nil // it is looked through, or another process has it
	}
	return from, now, err
}

// noteLook notes how far this process is with a gap: at it, or through. It returns when a socket
// was open last, as far as that is noted; zero: the store does not say.
func (w *Watcher) noteLook(ctx context.Context, through bool) (at time.Time) {
	now := micros(time.Now())
	open := w.open.Load() && len(w.opened) == 0 // else there is another gap
	err := w.updateSeen(ctx, func(s seen) seen {
		switch {
		// Another one has found an earlier gap, or has taken this process for dead.
		case s.By != w.cfg.Owner:
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
		w.cfg.Log.WarnContext(ctx, "seen_not_noted", "error", err)
		return time.Time{}
	}
	return at
}

// updateSeen changes the record, unless that changes nothing.
func (w *Watcher) updateSeen(ctx context.Context, change func(seen) seen) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := w.cfg.Store.Update(ctx, seenKey, func(old []byte) ([]byte, error) {
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

// micros returns a time as it is read back from the store.
func micros(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
