package bot

import (
	"sync"

	"llmbot/llm"
)

const (
	// answerShare is the part of the model's window that is kept free for the answer.
	answerShare = 4
	minAnswer   = 256 // tokens
	// learning is how fast the measured bytes per token follow the last answers.
	learning = 0.3
)

// window knows how much text fits into the model. The zero value is ready.
type window struct {
	mu    sync.Mutex // guards all below
	ratio float64    // bytes in a token, from the server's usage; 0: unknown
}

// learn takes the server's own count of a prompt.
func (w *window) learn(msgs []llm.Message, u llm.Usage) {
	size := 0
	for _, m := range msgs {
		if len(m.Images) > 0 {
			return // pictures cost tokens that are no text
		}
		size += len(m.Content)
	}
	if !u.Known || u.PromptTokens < 50 || size < 200 {
		return // the template's own tokens would outweigh the text
	}
	ratio := float64(size) / float64(u.PromptTokens)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ratio == 0 {
		w.ratio = ratio
	}
	w.ratio += learning * (ratio - w.ratio)
}

// bytesPerToken is what was learnt; 0: nothing yet.
func (w *window) bytesPerToken() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ratio
}

// budget is how many tokens a prompt may take; 0: not known.
func budget(maxModelLen, maxTokens int) int {
	if maxModelLen <= 0 {
		return 0
	}
	answer := maxTokens
	if answer <= 0 {
		answer = max(maxModelLen/answerShare, minAnswer)
	}
	return max(maxModelLen-answer, maxModelLen/2)
}
