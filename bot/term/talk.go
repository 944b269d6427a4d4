package term

import (
	"llmbot/bot/prompt"
	"llmbot/llm"
)

const (
	// keepShare is how many thirds of the budget stay when old turns leave. That is one big step, so
	// that the beginning then stays the same for many turns and the server's prefix cache holds.
	keepShare = 2
	// Below learnTokens and learnBytes the template's own tokens outweigh the text, and nothing can be
	// learnt of the size of a token.
	learnTokens = 50
	learnBytes  = 200
)

// talk is a conversation of which the part that is sent fits the model's window. The oldest turns
// leave first, and never come back.
type talk struct {
	system string
	turns  []llm.Message // user and assistant by turns
	left   int           // how many of turns are left out; even
	ratio  float64       // bytes in a token, measured; 0: not yet
	known  int           // tokens of system and turns[left:], by the server's own count; 0: not known
}

// forget begins a new conversation.
func (t *talk) forget() { *t = talk{system: t.system, ratio: t.ratio} }

// messages returns the prompt for a question, and its size in tokens by our estimate. The prompt
// fits into budget if that is possible; 0: no limit is known.
func (t *talk) messages(question string, budget int) ([]llm.Message, int) {
	tokens := t.tokens() + prompt.Estimate(question, t.ratio)
	if budget > 0 && tokens > budget {
		for t.left < len(t.turns) && tokens > budget*keepShare/(keepShare+1) {
			t.left += 2
			t.known = 0
			tokens = t.tokens() + prompt.Estimate(question, t.ratio)
		}
	}
	var msgs []llm.Message
	if t.system != "" {
		msgs = append(msgs, llm.Message{Role: llm.RoleSystem, Content: t.system})
	}
	msgs = append(msgs, t.turns[t.left:]...)
	return append(msgs, llm.Message{Role: llm.RoleUser, Content: question}), tokens
}

// tokens returns the size of what is kept.
func (t *talk) tokens() int {
	if t.known > 0 {
		return t.known
	}
	n := prompt.Estimate(t.system, t.ratio)
	for _, m := range t.turns[t.left:] {
		n += prompt.Estimate(m.Content, t.ratio)
	}
	return n
}

// add appends a question and its answer, and records the server's count of both.
func (t *talk) add(question, answer string, sent []llm.Message, u llm.Usage) {
	t.turns = append(t.turns,
		llm.Message{Role: llm.RoleUser, Content: question}, llm.Message{Role: llm.RoleAssistant, Content: answer})
	t.known = 0
	if !u.Known || u.PromptTokens <= 0 {
		return
	}
	t.known = u.PromptTokens + max(u.CompletionTokens-u.ReasoningTokens, 0)
	t.learn(sent, u.PromptTokens)
}

// learn records the server's count of a prompt.
func (t *talk) learn(sent []llm.Message, tokens int) {
	size := 0
	for _, m := range sent {
		size += len(m.Content)
	}
	if tokens >= learnTokens && size >= learnBytes {
		t.ratio = float64(size) / float64(tokens)
	}
}
