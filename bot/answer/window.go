package answer

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"llmbot/bot/prompt"
	"llmbot/bot/recent"
	"llmbot/llm"
)

const (
	// answerShare is the part of the model's window that is kept free for the answer.
	answerShare = 4
	minAnswer   = 256 // tokens
	minTail     = 64  // tokens of an answer that goes on, from which the model can know how
	// learning is the weight of a new measurement in the bytes per token of all threads (a moving
	// average).
	learning = 0.3
	// leastRatio and mostRatio bound what one thread may teach about all others, in bytes per token:
	// rows of signs or of spaces are no measure for them.
	leastRatio, mostRatio = 2.0, 6.0
	// closeBy is how full the window must be by estimate, in percent, for us to ask the server for the
	// exact count.
	closeBy      = 85
	countTimeout = time.Second // such a count may take: it stands before the first token
	// maxThreads is how many threads have a remembered window. Each that is forgotten costs a cached
	// prefix.
	maxThreads = 10_000
)

// window knows how much text fits into the model. It has the server's own count of a thread's last
// prompt, and estimates what is new since by the bytes per token of that count.
type window struct {
	mu      sync.Mutex // guards all below
	ratio   float64    // bytes in a token over all threads, from the server's usage; 0: unknown
	threads *simplelru.LRU[string, threadFit]
}

func newWindow() window { return window{threads: recent.New[string, threadFit](maxThreads)} }

// threadFit is what is known of one thread.
type threadFit struct {
	ratio float64 // bytes in a token of its last prompt, the template's own tokens included
	first string  // the first turn that its last prompt had
}

// fit fills in what is known of a thread: bytes per token, and which old turns have left before.
func (w *window) fit(key string, in *prompt.Input) {
	w.mu.Lock()
	defer w.mu.Unlock()
	in.Ratio = w.ratio
	s, ok := w.threads.Get(key)
	if !ok {
		return
	}
	in.Ratio = s.ratio
	if i := slices.IndexFunc(in.Turns, func(turn prompt.Turn) bool { return turn.ID == s.first }); i > 0 {
		in.First = i
	}
}

// learn records the server's own count of a request's prompt, from which the first left turns were
// left out. The definitions of tools are a part of it.
func (w *window) learn(key string, in prompt.Input, left int, req llm.Request, u llm.Usage) {
	size, text := textSize(req.Messages)
	for _, t := range req.Tools {
		size += len(t.Name) + len(t.Description) + len(t.Schema)
	}
	if !text || !u.Known || u.PromptTokens <= 0 {
		return
	}
	ratio := float64(size) / float64(u.PromptTokens)
	w.mu.Lock()
	defer w.mu.Unlock()
	s := threadFit{ratio: ratio}
	if left < len(in.Turns) {
		s.first = in.Turns[left].ID
	}
	w.threads.Add(key, s)
	if u.PromptTokens < 50 || size < 200 {
		return // the template's own tokens outweigh the text: no measure for other threads
	}
	ratio = min(max(ratio, leastRatio), mostRatio)
	if w.ratio == 0 {
		w.ratio = ratio
	}
	w.ratio += learning * (ratio - w.ratio)
}

// textSize returns the size of a prompt in bytes, with calls and thoughts. It reports false if the prompt has pictures:
// their tokens are no text.
func textSize(msgs []llm.Message) (int, bool) {
	size := 0
	for _, m := range msgs {
		if len(m.Images) > 0 {
			return 0, false
		}
		size += len(m.Content) + len(m.Reasoning)
		for _, c := range m.Calls {
			size += len(c.Name) + len(c.Arguments)
		}
	}
	return size, true
}

// buildExact builds the prompt for a model. If the prompt comes close to the window, buildExact
// lets the server count it, where it can, and builds it again by that count.
func buildExact(ctx context.Context, c Counter, in *prompt.Input, model string) prompt.Output {
	out := prompt.Build(*in)
	if c == nil || in.Budget <= 0 || out.Tokens*100 < in.Budget*closeBy {
		return out
	}
	size, text := textSize(out.Messages)
	if !text {
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	count, _, err := c.Tokenize(ctx, model, out.Messages)
	if err != nil || count <= 0 {
		return out // not every server counts; its refusal trims, if it comes to that
	}
	in.Ratio = float64(size) / float64(count)
	if count <= in.Budget {
		out.Tokens = count
		return out
	}
	return prompt.Build(*in)
}

// PromptBudget returns how many tokens a prompt may take; 0: not known.
func PromptBudget(maxModelLen, maxTokens int) int {
	if maxModelLen <= 0 {
		return 0
	}
	answer := maxTokens
	if answer <= 0 {
		answer = max(maxModelLen/answerShare, minAnswer)
	}
	return max(maxModelLen-answer, maxModelLen/2)
}

// lowerBudget returns the prompt budget after the server refused a prompt. tokens is the size of
// the prompt by our estimate.
func lowerBudget(e *llm.Error, tokens int) int {
	// A quarter of the window is for the answer.
	fits := float64(e.Limit) * (answerShare - 1) / answerShare
	switch {
	case e.Limit > 0 && e.AtLeast: // how much has to go nobody knows
		return max(min(int(fits), tokens/2), 1)
	case e.Limit > 0 && e.Prompt > 0: // what we call a token is off by Prompt/tokens
		return max(int(fits*float64(tokens)/float64(e.Prompt)), 1)
	}
	return max(tokens/2, 1)
}
