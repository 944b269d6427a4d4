package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"llmbot/bot/turn"
)

// maxAnswersKept is how many bytes of its own answers a thread's record may hold; the oldest go first.
const maxAnswersKept = 256 << 10

// answers keeps the exact Markdown that the bot wrote: Slack gives back only a translation of it. One record a thread, outside of
// every prefix that is watched.
type answers struct{ store turn.Store }

// written is one answer of a thread.
type written struct {
	For  string `json:"for"`
	Text string `json:"text"`
}

func answersKey(t Thread) string { return "answers/" + t.String() }

// get returns the thread's answers by what they answer.
func (a answers) get(ctx context.Context, t Thread) (map[string]string, error) {
	var list []written
	err := a.store.Update(ctx, answersKey(t), func(old []byte) ([]byte, error) {
		list = nil
		if len(old) > 0 {
			if err := json.Unmarshal(old, &list); err != nil {
				return nil, fmt.Errorf("decode answers: %w", err)
			}
		}
		return nil, turn.ErrKeep
	})
	if err != nil {
		return nil, fmt.Errorf("read answers of %s: %w", t, err)
	}
	texts := make(map[string]string, len(list))
	for _, w := range list {
		texts[w.For] = w.Text
	}
	return texts, nil
}

// put keeps an answer, in place of an earlier one to the same.
func (a answers) put(ctx context.Context, t Thread, answered, text string) error {
	err := a.store.Update(ctx, answersKey(t), func(old []byte) ([]byte, error) {
		var list []written
		if len(old) > 0 {
			_ = json.Unmarshal(old, &list) // an unreadable one is written anew: it is only a cache of what Slack has
		}
		size := len(text)
		kept := []written{{For: answered, Text: text}}
		for _, w := range slices.Backward(list) {
			if w.For == answered {
				continue
			}
			if size += len(w.Text); size > maxAnswersKept {
				break
			}
			kept = append([]written{w}, kept...)
		}
		return json.Marshal(kept)
	})
	if err != nil {
		return fmt.Errorf("keep answer in %s: %w", t, err)
	}
	return nil
}
