package transcript

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/thread"
)

// maxEntries is how many bytes of its own answers a thread's record may hold: a store takes values
// up to 1 MB. The oldest answers go first.
const maxEntries = 256 << 10

// Entry is one answer of a thread, as it ended.
type Entry struct {
	For  string `json:"for"`
	Text string `json:"text"`

	// What it took, for the footer of one that goes on:
	Tokens  int           `json:"tokens,omitempty"`
	Elapsed time.Duration `json:"elapsed,omitempty"`
	TTFT    time.Duration `json:"ttft,omitempty"`
	Word    time.Duration `json:"word,omitempty"` // to the first visible one

	// What stands under it, and where, for a message that was overwritten:
	Notice   string          `json:"notice,omitempty"`
	Small    string          `json:"small,omitempty"`
	Phase    answer.Phase    `json:"phase,omitempty"`
	Controls answer.Controls `json:"controls,omitempty"`
	Ending   answer.Ending   `json:"ending,omitempty"`
	Asker    string          `json:"asker,omitempty"`
	From     string          `json:"from,omitempty"` // ts of the first of its questions
	// When the newest of them had become what it was.
	Since string   `json:"since,omitempty"`
	Epoch uint64   `json:"epoch,omitempty"` // of the lease under which it was written
	IDs   []string `json:"ids,omitempty"`   // its messages, oldest first
	// File is the id of the file that has all of an answer of which they show a part; empty: there is
	// none, or the entry is older.
	File string `json:"file,omitempty"`
	// Some of them were to be tidied up when it ended.
	Untidy bool `json:"untidy,omitempty"`
}

// Snapshot returns what the thread shows of the answer. An older version kept only the buttons
// under it: they say how it ended.
func (e Entry) Snapshot() answer.Snapshot {
	s := answer.Snapshot{
		Text: e.Text, Notice: e.Notice, Small: e.Small, Phase: e.Phase, Ending: e.Ending, Controls: e.Controls,
	}
	switch {
	case e.Ending != answer.EndingOpen:
	case e.Controls&answer.CanRate != 0:
		s.Ending = answer.EndingWhole
	case e.Controls&answer.CanRegenerate != 0:
		s.Ending = answer.EndingBroken
	}
	return s
}

func entriesKey(t thread.ID) string { return "answers/" + t.String() }

// Entries returns the answers of a thread by what they answer.
func (r Records) Entries(ctx context.Context, t thread.ID) (map[string]Entry, error) {
	var list []Entry
	if err := r.read(ctx, entriesKey(t), &list); err != nil {
		return nil, err
	}
	byFor := make(map[string]Entry, len(list))
	for _, e := range list {
		byFor[e.For] = e
	}
	return byFor, nil
}

// Tidied records that the messages of an answer are tidy, unless it was written anew meanwhile.
func (r Records) Tidied(ctx context.Context, t thread.ID, e Entry) error {
	err := r.change(ctx, entriesKey(t), func(old []byte) (any, error) {
		var list []Entry
		_ = json.Unmarshal(old, &list) // see the promises
		i := slices.IndexFunc(list, func(have Entry) bool {
			return have.Untidy && have.For == e.For && have.Epoch == e.Epoch && slices.Equal(have.IDs, e.IDs)
		})
		if i < 0 {
			return nil, nil
		}
		list[i].Untidy = false
		return list, nil
	})
	if err != nil {
		return fmt.Errorf("note that an answer in %s is tidy: %w", t, err)
	}
	return nil
}

// Keep records an answer in place of an earlier one to the same question. It does nothing if that
// one was written under a later epoch.
func (r Records) Keep(ctx context.Context, t thread.ID, e Entry) error {
	err := r.change(ctx, entriesKey(t), func(old []byte) (any, error) {
		var list []Entry
		_ = json.Unmarshal(old, &list) // see the promises
		size := len(e.Text)
		kept := []Entry{e}
		for _, have := range slices.Backward(list) {
			if have.For == e.For {
				if have.Epoch > e.Epoch { // we are late
					return nil, nil
				}
				continue
			}
			if size += len(have.Text); size > maxEntries {
				break
			}
			kept = append([]Entry{have}, kept...)
		}
		return kept, nil
	})
	if err != nil {
		return fmt.Errorf("keep answer in %s: %w", t, err)
	}
	return nil
}
