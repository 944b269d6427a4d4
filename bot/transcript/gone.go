package transcript

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

// maxRemovals is how many wishes for removals are kept of a thread; the newest stay.
const maxRemovals = 50

// Removal is the wish to take an ended answer back.
type Removal struct {
	TS       string `json:"ts"`                 // of the wish
	Question string `json:"question,omitempty"` // the question that was deleted; empty: somebody asked for it
	By       string `json:"by,omitempty"`       // who asked for it
}

func removalsKey(t thread.ID) string { return "gone/" + t.String() }

// KeepRemoval records a wish beside those before it. A wish that comes again changes nothing.
func (r Records) KeepRemoval(ctx context.Context, t thread.ID, w Removal) error {
	err := r.change(ctx, removalsKey(t), func(old []byte) (any, error) {
		var list []Removal
		_ = json.Unmarshal(old, &list) // see the promises
		if slices.Contains(list, w) {
			return nil, nil
		}
		list = append(list, w)
		return list[max(len(list)-maxRemovals, 0):], nil
	})
	if err != nil {
		return fmt.Errorf("note a removal in %s: %w", t, err)
	}
	return nil
}

// Removals returns the wishes for removals after a time, in the order in which they were kept.
func (r Records) Removals(ctx context.Context, t thread.ID, after turn.TS) ([]Removal, error) {
	var list []Removal
	err := r.read(ctx, removalsKey(t), &list)
	return slices.DeleteFunc(list, func(w Removal) bool { return !turn.TS(w.TS).After(after) }), err
}

// Drop forgets the answer to a question: it was removed.
func (r Records) Drop(ctx context.Context, t thread.ID, what string) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := r.Store.Update(ctx, entriesKey(t), func(old []byte) ([]byte, error) {
		var list []Entry
		_ = json.Unmarshal(old, &list) // see the promises
		kept := slices.DeleteFunc(slices.Clone(list), func(e Entry) bool { return e.For == what })
		switch len(kept) {
		case len(list):
			return nil, turn.ErrKeep
		case 0:
			return nil, nil
		}
		return json.Marshal(kept)
	})
	if err != nil {
		return fmt.Errorf("forget an answer in %s: %w", t, err)
	}
	return nil
}
