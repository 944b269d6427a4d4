// Package transcript keeps what of the bot's own words has to outlive the process, beside turn's
// record of each thread.
//
// Slack is the transcript of what people say. Of what the bot says it gives back only a
// translation, without what a button or a takeover needs. So each thread has up to seven small
// records of ours:
//
//	answers/T     the exact Markdown of its newest answers, and what stands under them (Entry)
//	checkpoint/T  the text of the answer in progress, for a successor (Checkpoint)
//	want/T        that somebody wants the last answer anew, or the rest of it (RedoRequest)
//	gone/T        that answers are to be taken back (Removal)
//	before/T      what was said in a direct conversation before the thread began (Preface)
//	tools/T       what the answer in progress has done with tools (Round)
//	leave/T       who was asked whether a tool may run, and what they decided (Leave)
//
// and each person a note of what they were told lately (told/…). None of these prefixes is watched.
//
// # Promises
//
// An Entry is never replaced by one that was written under an earlier epoch. A checkpoint goes on
// only in the turn that it is of, with its questions in the same form; so do rounds, which only the
// newest owner writes. A question for leave is decided once, by whom it asks. A record that cannot
// be decoded is an error to who reads it, and is written anew by the next write: it is only a copy
// of what was shown. Every call is one request to the store, which may take storeTimeout. A [Saver]
// writes outside of the token loop: taking a text never blocks.
package transcript

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

const (
	// storeTimeout is how long the store may take for one record: one that takes longer is away.
	storeTimeout = time.Second
	// maxPreface is how many bytes of what was said before a direct message are kept with its
	// thread.
	maxPreface = 64 << 10
)

// Records are the records of a store. They have no state of their own.
type Records struct{ Store turn.Store }

// RedoRequest asks for the last answer once more: it is written anew, or goes on.
type RedoRequest struct {
	TS   string `json:"ts"`           // of the request; empty: there is none
	More string `json:"more"`         // what the answer answers that is to go on; empty: anew
	By   string `json:"by,omitempty"` // who wants it
}

func redoKey(t thread.ID) string    { return "want/" + t.String() }
func prefaceKey(t thread.ID) string { return "before/" + t.String() }

// KeepRedo records a request in place of the one before.
func (r Records) KeepRedo(ctx context.Context, t thread.ID, w RedoRequest) error {
	return r.write(ctx, redoKey(t), w)
}

// Redo returns the newest request; the zero RedoRequest if there was none.
func (r Records) Redo(ctx context.Context, t thread.ID) (RedoRequest, error) {
	var w RedoRequest
	err := r.read(ctx, redoKey(t), &w)
	return w, err
}

// KeepPreface records what was said before a direct message, so that its follow-ups have the same
// beginning. It drops the oldest messages of too many.
func (r Records) KeepPreface(ctx context.Context, t thread.ID, said []thread.Message) error {
	size, from := 0, len(said)
	for from > 0 && size+len(said[from-1].Text) <= maxPreface {
		from--
		size += len(said[from].Text)
	}
	return r.write(ctx, prefaceKey(t), said[from:])
}

// Preface returns what KeepPreface kept; nil if that was never called for the thread.
func (r Records) Preface(ctx context.Context, t thread.ID) ([]thread.Message, error) {
	var said []thread.Message
	err := r.read(ctx, prefaceKey(t), &said)
	return said, err
}

// Tell reports whether it is due to tell what key names, which was not told within a time before
// now, and records that it is told. So it is for all processes that share the store.
func (r Records) Tell(ctx context.Context, key string, now time.Time, within time.Duration) (due bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err = r.Store.Update(ctx, "told/"+key, func(old []byte) ([]byte, error) {
		at, err := time.Parse(time.RFC3339, string(old))
		if due = err != nil || now.Sub(at) >= within; !due {
			return nil, turn.ErrKeep
		}
		return []byte(now.UTC().Format(time.RFC3339)), nil
	})
	if err != nil {
		return false, fmt.Errorf("note %s: %w", key, err)
	}
	return due, nil
}

// read decodes a record; v stays as it is if there is none.
func (r Records) read(ctx context.Context, key string, v any) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	var raw []byte
	err := r.Store.Update(ctx, key, func(old []byte) ([]byte, error) {
		raw = old
		return nil, turn.ErrKeep
	})
	if err == nil && len(raw) > 0 {
		err = json.Unmarshal(raw, v)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	return nil
}

// write replaces a record.
func (r Records) write(ctx context.Context, key string, v any) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	raw, err := json.Marshal(v)
	if err == nil {
		err = r.Store.Update(ctx, key, func([]byte) ([]byte, error) { return raw, nil })
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return nil
}
