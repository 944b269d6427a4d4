package answer

import (
	"slices"

	"llmbot/llm"
)

// noTools tells a model that calls tools that it has none. It stands with the question: every chat
// template takes it there, and all before it stays in the server's prefix cache.
const noTools = "(You have no tools here: you can call none. Answer in words, with what you know.)"

// WithoutTools returns a prompt that says in addition that there are no tools.
func WithoutTools(msgs []llm.Message) []llm.Message {
	msgs = slices.Clone(msgs)
	for i, m := range slices.Backward(msgs) {
		if m.Role == llm.RoleUser {
			msgs[i].Content += "\n\n" + noTools
			return msgs
		}
	}
	return append(msgs, llm.Message{Role: llm.RoleUser, Content: noTools})
}
