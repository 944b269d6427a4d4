package answer

import (
	"context"
	"errors"
	"strings"
	"time"

	"llmbot/bot/prompt"
	"llmbot/llm"
)

// try returns one request. It shows the text as it grows.
func (w *Writer) try(ctx context.Context, req *llm.Request) (llm.Result, error) {
	var text, fresh strings.Builder // fresh: what is held back
	came, solid := false, strings.TrimSpace(w.from.Text) != ""
	if w.activity != ActivityAway { // who has been away is away until there is a token
		w.is(ActivityThinking)
	}
	text.WriteString(w.from.Text)
	w.text, w.tokens, w.sent = w.from.Text, w.from.Tokens, time.Now()
	w.reasoning.Reset()
	w.came = false
	room := roomBehind(w.from.Text, w.bound.max)
	// What comes is held back until it is known to be a continuation.
	checking := w.resumed(ctx, req)
	take := func(d llm.Delta) error {
		w.came = true
		if d.Retract {
			text.Reset()
			fresh.Reset()
			came, solid = false, strings.TrimSpace(w.from.Text) != ""
			text.WriteString(w.from.Text)
			w.shown = w.from.Text
		}
		if req.Continue && d.Reasoning != "" && !came {
			return errNoContinuation
		}
		// The joiner is the prompt's: an answer about <|im_end|> shows it as it is.
		d.Text = strings.ReplaceAll(d.Text, prompt.Joiner, "")
		came = came || d.Text != ""
		w.reasoned(d.Reasoning)
		switch {
		case came:
			w.is(ActivityWriting)
		case d.Reasoning != "":
			w.is(ActivityReasoning)
		}
		w.tokens = max(w.tokens, w.from.Tokens+d.CompletionTokens)
		if checking {
			fresh.WriteString(d.Text)
			again, known := repeated(w.part(), fresh.String())
			if !known && fresh.Len() < mostUnsure {
				return nil
			}
			checking = false
			if again { // it is the answer from its beginning
				w.from, w.noResume, w.tokens = w.head, true, w.head.Tokens+d.CompletionTokens
				text.Reset()
				text.WriteString(w.head.Text)
				room = roomBehind(w.head.Text+fresh.String(), w.bound.max)
			}
			text.WriteString(fresh.String())
			solid = solid || strings.TrimSpace(fresh.String()) != ""
		} else {
			text.WriteString(d.Text)
			solid = solid || strings.TrimSpace(d.Text) != ""
		}
		w.text = text.String()
		switch {
		case solid:
			w.show()
		case d.Reasoning != "" && w.thinking.IsZero():
			w.thinking = time.Now()
			w.showThinking()
		}
		return nil
	}
	var loops Loops
	loops.seed(w.from.Text)
	res, err := w.shared.cfg.Model.Stream(ctx, *req, func(d llm.Delta) error {
		var circles error
		if !w.wanted { // else somebody wants it to go on
			d, circles = loops.Take(d)
		}
		if d.Retract {
			room.text = roomBehind(w.from.Text, w.bound.max).text
		}
		end := room.take(&d)
		if err := take(d); err != nil {
			return err
		}
		if circles != nil {
			return circles
		}
		return end
	})
	if checking { // it ended before it was known
		w.text += fresh.String()
		e, _ := errors.AsType[*llm.Error](err)
		empty := err == nil && len(res.Calls) == 0 || e != nil && e.Kind == llm.KindEmpty
		if empty && strings.TrimSpace(fresh.String()) == "" {
			return res, errNoContinuation
		}
	}
	return res, err
}
