package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"llmbot/bot/turn"
)

const (
	// maxAnswersKept is how many bytes of its own answers a thread's record may hold; the oldest go first.
	maxAnswersKept = 256 << 10
	// maxBefore is how many bytes of what was said before a direct message are kept with its thread.
	maxBefore = 64 << 10
)

// answers keeps what Slack does not: the exact Markdown that the bot wrote (Slack gives back only a translation of it), what was said before a
// direct message, and that an answer is wanted anew. One record a thread and kind, outside of every prefix that is watched.
type answers struct{ store turn.Store }

// written is one answer of a thread.
type written struct {
	For  string `json:"for"`
	Text string `json:"text"`

	// What it took, for the footer of one that goes on:
	Tokens  int           `json:"tokens,omitempty"`
	Elapsed time.Duration `json:"elapsed,omitempty"`
	TTFT    time.Duration `json:"ttft,omitempty"`

	// What stands under it, and where, for a message that was overwritten:
	Notice   string   `json:"notice,omitempty"`
	Small    string   `json:"small,omitempty"`
	Phase    Phase    `json:"phase,omitempty"`
	Controls Controls `json:"controls,omitempty"`
	Ending   Ending   `json:"ending,omitempty"`
	Asker    string   `json:"asker,omitempty"`
	From     string   `json:"from,omitempty"`   // see Reply
	Since    string   `json:"since,omitempty"`  // see Reply
	Epoch    uint64   `json:"epoch,omitempty"`  // of the claim under which it was written
	IDs      []string `json:"ids,omitempty"`    // its messages, oldest first
	Untidy   bool     `json:"untidy,omitempty"` // some of them were to be tidied up when it ended
}

// ending is how it ended; an older version kept only the buttons under it.
func (w written) ending() Ending {
	switch {
	case w.Ending != EndingOpen:
		return w.Ending
	case w.Controls&CanRate != 0:
		return EndingWhole
	case w.Controls&CanRegenerate != 0:
		return EndingBroken
	}
	return EndingOpen
}

// want is an answer that somebody wants anew, or to go on.
type want struct {
	TS   string `json:"ts"`           // of the wish
	More string `json:"more"`         // what the answer answers that is to go on; empty: anew
	By   string `json:"by,omitempty"` // who wants it
}

func answersKey(t Thread) string { return "answers/" + t.String() }
func wantKey(t Thread) string    { return "want/" + t.String() }
func beforeKey(t Thread) string  { return "before/" + t.String() }

// read decodes a record; v stays as it is if there is none.
func (a answers) read(ctx context.Context, key string, v any) error {
	var raw []byte
	err := a.store.Update(ctx, key, func(old []byte) ([]byte, error) {
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
func (a answers) write(ctx context.Context, key string, v any) error {
	raw, err := json.Marshal(v)
	if err == nil {
		err = a.store.Update(ctx, key, func([]byte) ([]byte, error) { return raw, nil })
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return nil
}

// get returns the thread's answers by what they answer.
func (a answers) get(ctx context.Context, t Thread) (map[string]written, error) {
	var list []written
	if err := a.read(ctx, answersKey(t), &list); err != nil {
		return nil, err
	}
	byFor := make(map[string]written, len(list))
	for _, w := range list {
		byFor[w.For] = w
	}
	return byFor, nil
}

// put keeps an answer, in place of an earlier one to the same; not in place of one by a later owner.
func (a answers) put(ctx context.Context, t Thread, w written) error {
	err := a.store.Update(ctx, answersKey(t), func(old []byte) ([]byte, error) {
		var list []written
		if len(old) > 0 {
			_ = json.Unmarshal(old, &list) // an unreadable one is written anew: it is only a cache of what Slack has
		}
		size := len(w.Text)
		kept := []written{w}
		for _, have := range slices.Backward(list) {
			if have.For == w.For {
				if have.Epoch > w.Epoch { // we are late
					return nil, turn.ErrKeep
				}
				continue
			}
			if size += len(have.Text); size > maxAnswersKept {
				break
			}
			kept = append([]written{have}, kept...)
		}
		return json.Marshal(kept)
	})
	if err != nil {
		return fmt.Errorf("keep answer in %s: %w", t, err)
	}
	return nil
}

// want notes a wish; the newest one counts.
func (a answers) want(ctx context.Context, t Thread, w want) error {
	return a.write(ctx, wantKey(t), w)
}

// wanted is the newest wish; the zero want if there was none.
func (a answers) wanted(ctx context.Context, t Thread) (want, error) {
	var w want
	err := a.read(ctx, wantKey(t), &w)
	return w, err
}

// keepBefore keeps what was said before a direct message, so that its follow-ups have the same beginning. Of too much the oldest goes.
func (a answers) keepBefore(ctx context.Context, t Thread, said []Message) error {
	size, from := 0, len(said)
	for from > 0 && size+len(said[from-1].Text) <= maxBefore {
		from--
		size += len(said[from].Text)
	}
	return a.write(ctx, beforeKey(t), said[from:])
}

// saidBefore is what keepBefore kept.
func (a answers) saidBefore(ctx context.Context, t Thread) ([]Message, error) {
	var said []Message
	err := a.read(ctx, beforeKey(t), &said)
	return said, err
}

// seldom notes that something is done at now, and says whether it may be: it was not done within the time before. So it is for all processes that
// share the store.
func (a answers) seldom(ctx context.Context, key string, now time.Time, within time.Duration) (due bool, err error) {
	err = a.store.Update(ctx, "told/"+key, func(old []byte) ([]byte, error) {
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
