package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"llmbot/bot/prompt"
	"llmbot/bot/turn"
	"llmbot/llm"
)

// How long and how often a server that is away is waited for. The steps must stay under 15 s: an answer comes by itself within 15 s
// after the server is back.
const (
	awayFirst = time.Second
	awayMost  = 8 * time.Second
	awayTotal = 30 * time.Minute
	awaySay   = 3 * time.Second // a blip that is shorter is not worth a message
	extraTry  = 1               // more tries for a stream that broke off
)

// writer asks the model and shows what it writes. It belongs to one turn's goroutine.
type writer struct {
	bot    *Bot
	thread Thread
	draft  Draft
	id     string // of the request, for the server's log too
	base   Answer // what is shown beside the finished text: a notice about messages that the model did not get

	inside bool   // it has a slot
	shown  string // the longest text shown so far: it stays until a new try has overtaken it
	text   string // of the current try
	tokens int    // the server's running count in the current try
	sent   time.Time
}

// outcome is what came of writing.
type outcome struct {
	answer Answer // in its final phase
	result llm.Result
	err    error // why it is not complete; nil if it is
}

// write asks until there is an answer, the reason why not is final, or ctx ends.
func (w *writer) write(ctx context.Context, in prompt.Input, req llm.Request) outcome {
	var (
		awaySince time.Time
		pause     = awayFirst
		again     = 0
		trimmed   = false
	)
	built := exact(ctx, w.bot.dep.Counter, &in)
	for {
		req.Messages = built.Messages
		if built.LeftOut > 0 {
			w.base.Notice = "Older messages of this thread were left out: it is longer than the model can read."
		}
		res, err := w.try(ctx, req)
		if err == nil {
			w.bot.window.learn(w.thread, in, built.LeftOut, req.Messages, res.Usage)
			return w.done(res)
		}
		failure, known := asLLM(err)
		switch {
		case ctx.Err() != nil:
			return w.ended(context.Cause(ctx), res)
		case !known:
			return w.failed(err, "Something went wrong inside me.", res)
		case failure.Kind == llm.KindContext && !trimmed && len(in.Turns) > 1:
			trimmed = true
			in.Budget = smaller(failure, built.Tokens)
			built = prompt.Build(in)
		case failure.Away():
			switch {
			case !awaySince.IsZero():
			case w.text == "":
				awaySince = w.sent // a connection that nobody takes fails only after some seconds
			default:
				awaySince = time.Now()
			}
			waited := time.Since(awaySince)
			if waited > awayTotal {
				return w.failed(err, failure.User()+" I have waited for half an hour; please ask again later.", res)
			}
			if err := w.wait(ctx, failure, waited, pause); err != nil {
				return w.ended(err, res)
			}
			pause = min(2*pause, awayMost)
			continue
		case failure.Again() && again < extraTry:
			again++
		default:
			return w.failed(err, failure.User(), res)
		}
		w.bot.log.WarnContext(ctx, "answer_tried_again", "request", w.id, "kind", failure.Kind.String(), "error", err)
		awaySince, pause = time.Time{}, awayFirst
	}
}

// try is one request. It shows the text as it grows.
func (w *writer) try(ctx context.Context, req llm.Request) (llm.Result, error) {
	var text strings.Builder
	w.text, w.tokens, w.sent = "", 0, time.Now()
	return w.bot.dep.Model.Stream(ctx, req, func(d llm.Delta) error {
		if d.Retract {
			text.Reset()
			w.shown = ""
		}
		text.WriteString(d.Text)
		w.text = text.String()
		w.tokens = max(w.tokens, d.CompletionTokens)
		if strings.TrimSpace(w.text) != "" {
			w.show()
		}
		return nil
	})
}

// show hands the text to the draft; it does not block.
func (w *writer) show() {
	if len(w.text) >= len(w.shown) {
		w.shown = w.text
	}
	w.draft.Set(Answer{Text: w.shown, Small: live(w.tokens, time.Since(w.sent)), Phase: Writing})
}

// wait waits for a server that is away, and says so when it takes longer than a moment.
func (w *writer) wait(ctx context.Context, failure *llm.Error, waited, pause time.Duration) error {
	if waited+pause > awaySay {
		phase := Waiting
		if w.shown != "" {
			phase = Writing
		}
		w.draft.Set(Answer{Text: w.shown, Notice: failure.User() + " I will answer as soon as it is there again.", Phase: phase})
	}
	w.bot.log.WarnContext(ctx, "model_away", "request", w.id, "kind", failure.Kind.String(), "hint", failure.Hint(), "error", failure,
		"waited_s", int(waited.Seconds()))
	w.leave() // others may have another server, or none to wait for
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return w.enter(ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// enter waits for a slot, and tells the place in the queue as long as there is no text.
func (w *writer) enter(ctx context.Context) error {
	err := w.bot.slots.take(ctx, func(place int) {
		if w.shown == "" {
			w.draft.Set(Answer{Status: fmt.Sprintf("is busy with other answers: you are number %d in the queue", place)})
		}
	})
	w.inside = err == nil
	return err
}

// leave gives the slot back, if there is one.
func (w *writer) leave() {
	if w.inside {
		w.inside = false
		w.bot.slots.give()
	}
}

func (w *writer) done(res llm.Result) outcome {
	w.bot.speeds.add(res)
	a := Answer{Text: w.text, Notice: w.base.Notice, Small: Footer(res), Phase: Done}
	if res.Finish == llm.FinishLength {
		a.Notice = join(a.Notice, "The answer stops here because it reached the length limit.")
	}
	return outcome{answer: a, result: res}
}

// ended makes the answer of a stream that we ended ourselves.
func (w *writer) ended(cause error, res llm.Result) outcome {
	a := Answer{Text: w.shown, Small: w.small(res), Phase: Stopped}
	switch {
	case errors.Is(cause, errStopped):
		a.Small = join2("stopped", a.Small)
	case errors.Is(cause, turn.ErrLost):
	case w.bot.cfg.Durable:
		a.Phase = Failed
		a.Notice = "I am being restarted: this answer goes on in a moment."
	default:
		a.Phase = Failed
		a.Notice = "The answer was interrupted because I am being restarted. Please ask again."
	}
	return outcome{answer: a, result: res, err: cause}
}

// failed keeps what there is and marks it.
func (w *writer) failed(err error, sentence string, res llm.Result) outcome {
	return outcome{answer: Answer{Text: w.shown, Notice: sentence, Small: w.small(res), Phase: Failed}, result: res, err: err}
}

// small is the footer of an answer that broke off: as far as the server counted.
func (w *writer) small(res llm.Result) string {
	if w.shown == "" {
		return ""
	}
	if !res.Usage.Known && w.tokens > 0 {
		res.Usage.Known, res.Usage.CompletionTokens = true, w.tokens
	}
	return Footer(res)
}

// smaller is the prompt budget after the server refused a prompt of which we thought that it has tokens tokens.
func smaller(e *llm.Error, tokens int) int {
	fits := float64(e.Limit) * (answerShare - 1) / answerShare // a quarter of the window is for the answer
	switch {
	case e.Limit > 0 && e.AtLeast: // how much has to go nobody knows
		return max(min(int(fits), tokens/2), 1)
	case e.Limit > 0 && e.Prompt > 0: // what we call a token is off by Prompt/tokens
		return max(int(fits*float64(tokens)/float64(e.Prompt)), 1)
	}
	return max(tokens/2, 1)
}

func join(a, b string) string {
	return strings.TrimSpace(a + " " + b)
}

func join2(a, b string) string {
	if b == "" {
		return a
	}
	return fmt.Sprintf("%s · %s", a, b)
}
