package answer

import (
	"context"
	"log/slog"
	"slices"

	"llmbot/llm"
)

// noTools tells a model that calls tools that it has none. It stands with the question: every chat
// template takes it there, and all before it stays in the server's prefix cache.
const noTools = "(You have no tools here: you can call none. Answer in words, with what you know.)"

// WithoutTools returns a prompt that says in addition that there are no tools.
func WithoutTools(msgs []llm.Message) []llm.Message { return behindQuestion(msgs, noTools) }

// behindQuestion returns a prompt with a paragraph of ours behind the newest message of people; empty:
// none.
func behindQuestion(msgs []llm.Message, paragraph string) []llm.Message {
	if paragraph == "" {
		return msgs
	}
	msgs = slices.Clone(msgs)
	for i, m := range slices.Backward(msgs) {
		if m.Role == llm.RoleUser {
			msgs[i].Content += "\n\n" + paragraph
			return msgs
		}
	}
	return append(msgs, llm.Message{Role: llm.RoleUser, Content: paragraph})
}

// withoutTools has the answer written without tools, for a server that takes none, or not these,
// and tells the operator, once if it takes none. It reports false if the answer has used some
// already.
func (r *requests) withoutTools(ctx context.Context, failure *llm.Error) bool {
	if r.rounds == nil || len(r.rounds.all) > 0 {
		return false
	}
	level := slog.LevelDebug
	if failure.Kind != llm.KindNoTools || r.shared.toolless.CompareAndSwap(false, true) {
		level = slog.LevelWarn
	}
	r.shared.cfg.Log.Log(ctx, level, "model_takes_no_tools", "request", r.id, "error", failure, "hint", failure.Hint())
	r.rounds, r.in.Tools, r.in.Budget = nil, false, r.budget
	r.prepare(ctx)
	return true
}
