package answer

import (
	"errors"
	"strings"

	"llmbot/bot/figures"
	"llmbot/bot/turn"
	"llmbot/llm"
)

// whole returns the result of all requests for the text: res, and what it continues.
func (w *Writer) whole(res llm.Result) llm.Result {
	return w.from.before(res)
}

// before returns the result of all requests for a text: res, which is that of the last one, and
// what p took before it.
func (p Partial) before(res llm.Result) llm.Result {
	res.Usage.CompletionTokens += p.Tokens
	res.Elapsed += p.Elapsed
	if p.TTFT > 0 {
		res.TTFT, res.FirstWord = p.TTFT, p.FirstWord
	}
	return res
}

// done returns the answer of a request that brought one.
func (w *Writer) done(res llm.Result) Outcome {
	w.shared.cfg.Hooks.complete(w.whole(res))
	if res.Finish == FinishCut && strings.TrimSpace(w.bound.shown(w.text, true)) == "" {
		return w.failed(errEndless, SaysBlank, res)
	}
	if w.rounds == nil {
		return w.complete(w.text, w.base.Notice, w.whole(res), Used{})
	}
	if len(res.Calls) > 0 && strings.TrimSpace(w.text[len(w.head.Text):]) == "" {
		return w.failed(ErrOnlyCalls, SaysOnlyCalls, res)
	}
	return w.complete(strings.TrimRight(w.text, "\n"), w.base.Notice, w.whole(res), w.rounds.Used())
}

// Finished returns the answer that an earlier owner has written to its end, and could not show.
func (w *Writer) Finished(p Partial) Outcome {
	out := w.complete(p.Text, p.Notice, p.Result(), p.Used)
	out.File, out.Used = p.File, p.Used
	return out
}

// complete returns what is shown of a complete answer.
func (w *Writer) complete(text, notice string, r llm.Result, u Used) Outcome {
	shown := w.bound.shown(text, true)
	shown = shown[:w.draft.Room(shown, false)]
	out := Outcome{Result: r, Answer: Snapshot{
		Text: shown, Small: Footer(r, u), Phase: Done, Ending: EndingWhole, Controls: CanRegenerate | CanRate,
	}}
	switch {
	case len(shown) < len(text): // to go on would show nothing more
		out.All = text
	case r.Finish == llm.FinishLength:
		out.Answer.Controls |= CanContinue
		notice = Say(notice, "The answer stops here because it reached the length limit.")
	}
	out.Answer.Notice = notice
	return out
}

// cut returns the result of a request that was ended because the answer would not end.
func (w *Writer) cut(res llm.Result) llm.Result {
	res.Finish = FinishCut
	if n := w.tokens - w.from.Tokens; !res.Usage.Known && n > 0 {
		res.Usage.Known, res.Usage.CompletionTokens = true, n
	}
	return res
}

// Ended returns the answer of a stream that we ended ourselves.
func (w *Writer) Ended(cause error, res llm.Result) Outcome {
	a := Snapshot{
		Text: w.bound.shown(w.shown, true), Small: w.small(res),
		Phase: Stopped, Ending: EndingBroken, Controls: CanRegenerate,
	}
	if w.fallsBack() {
		a.Text, a.Small = w.fallback.Text, w.fallback.Small
	}
	switch {
	case errors.Is(cause, ErrStopped) && !w.grown && w.kept: // as if nobody had asked for another
		return Outcome{Answer: w.fallback, Result: w.whole(res), Err: cause, Kept: true}
	case errors.Is(cause, ErrStopped):
		a.Text = a.Text[:w.draft.Room(a.Text, true)]
		a.Small = figures.Join("stopped", a.Small)
	case errors.Is(cause, turn.ErrLost), errors.Is(cause, ErrSuperseded):
	case w.shared.cfg.Durable:
		a.Phase, a.Ending, a.Controls = Failed, EndingOpen, 0
		a.Small = "I am being restarted: this answer goes on in a moment."
	default:
		a.Phase, a.Ending, a.Controls = Failed, EndingOpen, 0
		a.Notice = "The answer was interrupted because I am being restarted. Please ask again."
	}
	return Outcome{Answer: a, Result: w.whole(res), Err: cause}
}

// failed returns what there is of the answer, marked as incomplete, and says why.
func (w *Writer) failed(err error, sentence string, res llm.Result) Outcome {
	a := Snapshot{
		Text: w.bound.shown(w.shown, true), Notice: Say(w.base.Notice, sentence), Small: w.small(res),
		Phase: Failed, Ending: EndingBroken, Controls: CanRegenerate,
	}
	if w.fallsBack() {
		a.Text, a.Small = w.fallback.Text, w.fallback.Small
		a.Controls, a.Ending = a.Controls|w.fallback.Controls, max(a.Ending, w.fallback.Ending)
	} else if len(a.Text) < len(w.shown) {
		a.Notice = Say(a.Notice, RestNotShown)
	}
	return Outcome{Answer: a, Result: w.whole(res), Err: err, Kept: !w.grown && w.kept}
}

// looped returns an answer that went round in circles, with one of them.
func (w *Writer) looped(err error, sentence string, res llm.Result) Outcome {
	if strings.TrimSpace(w.text) == "" && errors.Is(err, ErrLoop) {
		return w.failed(err, SaysBlank, res)
	}
	if once := Once(w.text); len(once) < len(w.text) {
		w.text, w.shown = once, once
	}
	out := w.failed(err, sentence, res)
	if !w.fallsBack() && strings.TrimSpace(out.Answer.Text) != "" {
		out.Answer.Controls |= CanContinue
	}
	return out
}

// small returns the footer of an answer that broke off, with the tokens that the server had
// counted.
func (w *Writer) small(res llm.Result) string {
	if w.shown == "" {
		return ""
	}
	if n := w.tokens - w.from.Tokens; !res.Usage.Known && n > 0 {
		res.Usage.Known, res.Usage.CompletionTokens = true, n
	}
	if w.rounds == nil {
		return figures.Footer(w.whole(res))
	}
	return Footer(w.whole(res), w.rounds.Used())
}

// Footer returns the small print of an answer, with the tools that it has used.
func Footer(r llm.Result, u Used) string {
	if f := figures.Footer(r); f != "" {
		return figures.Join(f, figures.Tools(u.Calls, u.Took))
	}
	return figures.Tools(u.Calls, u.Took)
}
