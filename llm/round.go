package llm

import (
	"context"
	"errors"
	"strings"
	"time"
)

// hear takes what a chunk says of calls, after the splitter had its text. It reports whether a call
// grew.
func (a *answer) hear(ch *chunk, reasoning string) bool {
	if a.pondered.Len() < mostAllCalls {
		a.pondered.WriteString(reasoning)
	}
	grew := a.calls.add(ch.calls)
	if n := a.split.bodies + a.split.body.Len(); n > a.written {
		a.written, grew = n, true
	}
	return grew
}

// withhold keeps the text of an answer that must be a call, as long as it may be one.
func (a *answer) withhold(d *Delta) {
	if !a.offered || a.req.ToolChoice != ToolChoiceRequired {
		return
	}
	if d.Retract {
		a.withheld.Reset()
	}
	a.withheld.WriteString(d.Text)
	d.Text = ""
	if a.withheld.Len() > mostAllCalls {
		d.Text = a.withheld.String()
		a.withheld.Reset()
	}
}

// settle returns the calls of an answer that has ended, and puts the text that was withheld into
// its last delta, unless it is those calls. What a server gave as calls comes first, then what it
// left in the text, then what it left in the thoughts of an answer that has nothing else (Qwen 3
// writes calls there, vLLM #39056).
func (a *answer) settle(d *Delta, whole bool) []ToolCall {
	if !a.offered {
		return nil
	}
	a.withhold(d)
	d.Text += a.withheld.String()
	a.withheld.Reset()
	if !whole {
		return nil
	}
	calls := a.calls
	if bare := bareCalls(d.Text, a.req); len(bare) > 0 && a.req.ToolChoice == ToolChoiceRequired && !a.wroteText {
		d.Text = ""
		if len(calls.calls) == 0 {
			calls.calls = bare
		}
	}
	if len(calls.calls) == 0 {
		calls.calls = textCalls(a.split.found, a.req)
	}
	silent := !a.wroteText && strings.TrimSpace(d.Text) == "" && !a.called()
	if len(calls.calls) == 0 && silent && !a.unthinking {
		s := newSplitter(false)
		s.keep = true
		s.feed(a.pondered.String())
		if s.flush(true); s.called {
			calls.calls = textCalls(s.found, a.req)
		}
	}
	return calls.complete(a.req, a.res.Finish == FinishLength)
}

// textCalls returns the calls of tools that were offered, of those that stood in a text.
func textCalls(found []textCall, req *Request) []openCall {
	var out []openCall
	for _, w := range found {
		out = append(out, w.calls(req)...)
	}
	return out[:min(len(out), mostCalls)]
}

// called reports whether the model called a tool.
func (a *answer) called() bool { return a.tool || a.split.called }

// giveReasoned gives what came in the field of the reasoning as the answer.
func (a *answer) giveReasoned() error {
	s := newSplitter(false)
	s.keep = a.offered
	text := ""
	for _, out := range []split{s.feed(a.reasoned.String()), s.flush(a.res.Finish == FinishStop)} {
		if out.retract {
			text = ""
		}
		text += out.text
	}
	a.split.called, a.split.found = s.called, s.found
	if strings.TrimSpace(text) == "" {
		return nil
	}
	a.firstThought, a.thought = time.Time{}, false
	return a.give(Delta{Text: text}, a.sent.Add(a.res.Elapsed))
}

// TakesTools asks a server for one token of an answer in which the model may call a tool. It
// returns nil if the server takes the request, an [*Error] with [KindNoTools] if it refuses tools,
// and the error of every other failure. An empty model means the one that an empty [Request.Model]
// means.
func (c *Client) TakesTools(ctx context.Context, model string) error {
	_, err := c.Stream(ctx, Request{
		Model: model, Messages: []Message{{Role: RoleUser, Content: "Hi"}}, MaxTokens: 1, ID: "llmbot-check",
		Tools: []Tool{{Name: "current_time", Description: "Returns the time."}},
	}, func(Delta) error { return nil })
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	switch e.Kind {
	case KindEmpty, KindTool, KindLostCall, KindLoop, KindEnded: // it began to answer, and one token says little
		return nil
	}
	return err
}
