package term

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/figures"
	"llmbot/llm"
)

// ErrStopped says that the person stopped the answer.
var ErrStopped = errors.New("stopped")

// What an answer is doing before there is text.
const (
	statusWaiting  = "waiting"
	statusThinking = "thinking"
)

// Settings are how the model is asked. Zero values leave it to the server.
type Settings struct {
	System        string
	Temperature   *float64
	MaxTokens     int
	Effort        string
	ShowReasoning bool // dimmed, above the answer
}

// Place is where answers appear.
type Place interface {
	// Open begins an answer.
	Open(ctx context.Context) (answer.Draft, error)
}

// Server is what is asked of the model server beside completions. Its methods block for at most their
// ctx.
type Server interface {
	// Model returns what is known of a model; an empty name is the one that an empty Request.Model means.
	Model(ctx context.Context, name string) (llm.ModelInfo, error)
	Version(ctx context.Context) (string, error)
	Metrics(ctx context.Context) (llm.Metrics, error)
}

// asker asks one question after the other and shows what comes. It belongs to one goroutine at a time.
type asker struct {
	model    answer.Model
	server   Server
	settings Settings
	log      *slog.Logger
	wait     bool // for a server that is away
	talk     talk
	told     int // turns of whose leaving the person knows
}

// outcome is what came of a question.
type outcome struct {
	answer answer.Snapshot // in its final phase
	result llm.Result
	err    error // why it is not complete; nil if it is
}

// writing is one answer being written.
type writing struct {
	asker  *asker
	draft  answer.Draft
	notice string // about turns left out

	text    strings.Builder
	shown   string // the longest text so far: it stays until a new try has overtaken it
	thought strings.Builder
	tokens  int // the server's running count
}

// ask asks until there is an answer, the reason why not is final, or ctx ends; a cause of ErrStopped is the person's wish.
func (a *asker) ask(ctx context.Context, draft answer.Draft, question string) outcome {
	w := &writing{asker: a, draft: draft}
	w.show()
	var (
		limit   = a.budget(ctx)
		since   time.Time
		pause   = answer.AwayFirst
		again   = 0
		trimmed = false
	)
	for {
		sent, tokens := a.talk.messages(question, limit)
		w.notice = a.leftOut()
		res, err := w.try(ctx, llm.Request{
			Messages: sent, Temperature: a.settings.Temperature, MaxTokens: a.settings.MaxTokens, ReasoningEffort: a.settings.Effort,
		})
		if err == nil {
			return w.done(question, sent, res)
		}
		failure, known := errors.AsType[*llm.Error](err)
		switch {
		case ctx.Err() != nil:
			return w.ended(context.Cause(ctx), question, res)
		case !known:
			return w.failed(err, "Something went wrong inside llmbot.", "", res)
		case failure.Kind == llm.KindContext && !trimmed && len(a.talk.turns) > a.talk.left:
			trimmed = true
			limit = a.refused(failure, sent, tokens)
		case failure.Away() && a.wait:
			if since.IsZero() {
				since, pause = time.Now(), answer.AwayFirst
			}
			if time.Since(since) >= answer.AwayTotal {
				return w.failed(err, failure.User(), failure.Hint(), res)
			}
			a.log.WarnContext(ctx, "model_away", "kind", failure.Kind.String(), "error", err)
			if err := w.away(ctx, failure, pause); err != nil {
				return w.ended(err, question, res)
			}
			pause = min(2*pause, answer.AwayMost)
			continue
		case failure.Again() && again < answer.ExtraTries:
			again++
		default:
			return w.failed(err, failure.User(), failure.Hint(), res)
		}
		a.log.WarnContext(ctx, "answer_tried_again", "kind", failure.Kind.String(), "error", err)
		since = time.Time{}
	}
}

// budget is how many tokens the prompt may take; 0: not known.
func (a *asker) budget(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, answer.ModelTimeout)
	defer cancel()
	m, err := a.server.Model(ctx, "")
	if err != nil { // the question itself will tell
		a.log.WarnContext(ctx, "model_unknown", "error", err)
		return 0
	}
	return answer.PromptBudget(m.MaxModelLen, a.settings.MaxTokens)
}

// refused learns from a refusal of a prompt that was too long, of which we thought that it has tokens tokens, and returns the new budget.
func (a *asker) refused(e *llm.Error, sent []llm.Message, tokens int) int {
	a.talk.known = 0
	switch {
	case e.Limit > 0 && e.AtLeast && tokens > e.Prompt: // our estimate knows better than a count that stopped
		return answer.PromptBudget(e.Limit, a.settings.MaxTokens)
	case e.Limit > 0 && e.AtLeast: // by how much it was too long, nobody knows
		a.talk.learn(sent, e.Prompt)
		return answer.PromptBudget(e.Limit, a.settings.MaxTokens) / 2
	case e.Limit > 0 && e.Prompt > 0:
		a.talk.learn(sent, e.Prompt)
		return answer.PromptBudget(e.Limit, a.settings.MaxTokens)
	}
	return max(tokens/2, 1)
}

// leftOut says that older turns have left, when that is news.
func (a *asker) leftOut() string {
	if a.talk.left <= a.told {
		return ""
	}
	return "Older messages were left out: the conversation is longer than the model can read."
}

// try is one request. It shows the text as it grows.
func (w *writing) try(ctx context.Context, req llm.Request) (llm.Result, error) {
	w.text.Reset()
	w.thought.Reset()
	w.tokens = 0
	return w.asker.model.Stream(ctx, req, func(d llm.Delta) error {
		if d.Retract {
			w.thought.WriteString(w.text.String())
			w.text.Reset()
			w.shown = ""
		}
		w.thought.WriteString(d.Reasoning)
		w.text.WriteString(d.Text)
		w.tokens = max(w.tokens, d.CompletionTokens)
		if w.text.Len() >= len(w.shown) {
			w.shown = w.text.String()
		}
		w.show()
		return nil
	})
}

// show hands over what there is; it does not block.
func (w *writing) show() {
	if t, ok := w.draft.(interface{ think(text string) }); ok && w.asker.settings.ShowReasoning {
		t.think(w.thought.String())
	}
	a := answer.Snapshot{Text: w.shown, Phase: answer.Writing}
	if strings.TrimSpace(w.shown) == "" {
		a.Phase, a.Status = answer.Waiting, statusWaiting
		if w.thought.Len() > 0 {
			a.Status = statusThinking
		}
	}
	w.draft.Set(a)
}

// away waits for a server that is not there, and says so.
func (w *writing) away(ctx context.Context, failure *llm.Error, pause time.Duration) error {
	w.draft.Set(answer.Snapshot{
		Text: w.shown, Status: statusWaiting, Phase: answer.Waiting,
		Notice: failure.User() + " The answer comes as soon as it is there again; Ctrl-C stops waiting.\n→ " + failure.Hint(),
	})
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *writing) done(question string, sent []llm.Message, res llm.Result) outcome {
	w.asker.talk.add(question, w.text.String(), sent, res.Usage)
	w.asker.told = w.asker.talk.left
	a := answer.Snapshot{Text: w.text.String(), Notice: w.notice, Small: speedLine(res), Phase: answer.Done}
	if res.Finish == llm.FinishLength {
		a.Notice = strings.TrimSpace(a.Notice + " The answer stops here because it reached the length limit.")
	}
	return outcome{answer: a, result: res}
}

// ended is an answer that we ended ourselves: what was written stays, and the conversation goes on from it.
func (w *writing) ended(cause error, question string, res llm.Result) outcome {
	if strings.TrimSpace(w.shown) != "" {
		w.asker.talk.add(question, w.shown, nil, llm.Usage{})
	}
	return outcome{answer: answer.Snapshot{Text: w.shown, Small: "stopped" + w.dot(res), Phase: answer.Stopped}, result: res, err: cause}
}

// failed keeps what there is and says why it is not more. The question is forgotten: it can be asked again.
func (w *writing) failed(err error, sentence, hint string, res llm.Result) outcome {
	if hint != "" {
		sentence += "\n→ " + hint
	}
	a := answer.Snapshot{Text: w.shown, Notice: sentence, Phase: answer.Failed}
	if w.shown != "" {
		a.Small = "incomplete" + w.dot(res)
	}
	return outcome{answer: a, result: res, err: err}
}

// dot is the speed of an answer that broke off, as far as the server counted, behind another word.
func (w *writing) dot(res llm.Result) string {
	if w.shown == "" {
		return ""
	}
	if !res.Usage.Known && w.tokens > 0 {
		res.Usage.Known, res.Usage.CompletionTokens = true, w.tokens
	}
	if s := speedLine(res); s != "" {
		return " · " + s
	}
	return ""
}

// speedLine is `156 tokens in 4.2s = 37.1 tok/s · first token 0.31s`.
func speedLine(res llm.Result) string {
	res.Model = "" // the person chose it, and sees it at the top
	return figures.Footer(res)
}
