package answer

import (
	"context"
	"log/slog"
	"net/http"
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

// withoutTools has the answer written without tools, for a server that takes none, or not these, or
// that cannot read calls and results back: then what tools have brought stands in the question. It
// reports false if that was tried.
func (r *requests) withoutTools(ctx context.Context, failure *llm.Error) bool {
	if r.rounds == nil || !r.rounds.Flatten() {
		return false
	}
	r.refused = failure
	if failure.Kind == llm.KindNoTools { // so it says itself
		r.tellRefused(ctx)
	}
	if len(r.rounds.all) == 0 {
		r.in.Tools, r.in.Budget = false, r.budget
		if len(r.rounds.ran) == 0 { // else the model still has to know of it
			r.rounds = nil
		}
	}
	r.prepare(ctx)
	return true
}

// Hints for a server that takes tools, but not these, or not what they bring.
const (
	definitionsHint = "The same request without tools was answered: the server cannot read the definition of one of them. " +
		"llmbot check lists them; set tools to off in BOT_TOOLS_FILE to find which, and look at the server's log."
	resultsHint = "The same request was answered when calls and results stood in the question: the server, or the model's chat template, " +
		"cannot read them back. Look at the server's log; take a model whose template knows results of tools."
)

// tellRefused tells the operator, once for each cause, that an answer was written without tools.
func (r *requests) tellRefused(ctx context.Context) {
	failure := r.refused
	if r.refused = nil; failure == nil || failure.Kind == llm.KindContext { // too long, but legible
		return
	}
	told, hint := &r.shared.choked, definitionsHint
	switch {
	case failure.Kind == llm.KindNoTools:
		told, hint = &r.shared.toolless, failure.Hint()
	case r.rounds != nil && len(r.rounds.all) > 0:
		told, hint = &r.shared.unread, resultsHint
	}
	level := slog.LevelDebug
	if told.CompareAndSwap(false, true) {
		level = slog.LevelWarn
	}
	r.shared.cfg.Log.Log(ctx, level, "model_takes_no_tools", "request", r.id, "error", failure, "hint", hint)
}

// Choking finds out whether a server fails at the definitions of tools. The zero value is ready; it
// is of one answer.
type Choking struct {
	reads bool // something came of a request with tools: the server can read them
	again bool // a request has failed that was to be repeated as it was
}

// May reports whether a request with tools may have failed for their definitions: the server has
// refused it, or failed before anything came (came is false). What may have failed by chance is
// repeated with tools first.
func (c *Choking) May(failure *llm.Error, came bool) bool {
	c.reads = c.reads || came
	switch {
	case failure.Kind == llm.KindBadRequest:
		return !came
	case failure.Kind != llm.KindServer, c.reads, failure.Status != 0 && failure.Status < http.StatusInternalServerError:
		return false
	case failure.Again() && !c.again:
		c.again = true
		return false
	}
	return true
}
