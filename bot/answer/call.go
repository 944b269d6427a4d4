package answer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"llmbot/bot/tools"
	"llmbot/llm"
)

// Toolbox does the calls of one answer. What it is given are the rounds so far; the call in hand is
// [Current]. It may change that call, and keeps no reference to the rounds. Its errors end the
// answer: ctx's cause, or turn.ErrLost.
type Toolbox interface {
	// Leave returns whether the call may be made, and if not why, in words for the model. It calls
	// asks before it blocks for a person.
	Leave(ctx context.Context, rounds []Round, tool tools.Tool, asks func()) (may bool, why string, err error)
	// Run makes the call, and blocks for its result. A call that may change something it notes
	// before, so that no successor makes it again.
	Run(ctx context.Context, rounds []Round, tool tools.Tool) (tools.Result, error)
	// Keep records what was done. Best effort: what it does not record is not known to a successor.
	Keep(ctx context.Context, rounds []Round)
}

// longestTitle is how many characters of a tool's title people see.
const longestTitle = 60

// Words for the model in place of a result.
const (
	sameAgain   = "This call was made before with the same arguments, and its result stands above. It was not made again: use that result, or ask for something else."
	tooManyAt   = "This call was not made: too many calls at once."
	notKnownRan = "It is not known whether this call was made: the program was restarted meanwhile. It was not made again. Say so in your answer."
)

// runCalls does the calls of the last round that are not over, one after the other. The error ends
// the answer.
func (w *Writer) runCalls(ctx context.Context) error {
	r := w.rounds
	if r == nil {
		return nil
	}
	for {
		c, round, i := Current(r.all)
		if c == nil {
			return nil
		}
		if err := w.runCall(ctx, c, round, i); err != nil {
			return err
		}
		r.box.Keep(ctx, r.all)
	}
}

// runCall does one call, the i-th of its round.
func (w *Writer) runCall(ctx context.Context, c *Call, round, i int) error {
	r := w.rounds
	tool, known := r.tool(c.Name)
	title := llm.Printable(tool.Title, longestTitle)
	switch {
	case c.Begun:
		w.Say(fmt.Sprintf("I do not know whether “%s” was run: I was restarted meanwhile, and I do not run it twice.", title))
		c.fails(notKnownRan)
	case !known:
		c.fails(fmt.Sprintf("There is no tool %s here. There are: %s.", c.Name, strings.Join(r.names(), ", ")))
	case c.Bad != "":
		c.fails(c.Bad)
	case failuresInRow(r.all) >= mostFailures:
		c.fails(noMoreCalls)
	case i >= mostCalls:
		c.fails(tooManyAt)
	case same(r.all, c) >= mostSame:
		c.fails(sameAgain)
	default:
		return w.callTool(ctx, c, tool, Step{ID: fmt.Sprintf("call-%d-%d", round+1, i+1), Title: title})
	}
	return nil
}

// callTool asks for leave if that is needed, and makes a call.
func (w *Writer) callTool(ctx context.Context, c *Call, tool tools.Tool, step Step) error {
	r, title, asked := w.rounds, step.Title, false
	may, why, err := r.box.Leave(ctx, r.all, tool, func() {
		asked = true
		w.Leave() // a person may take their time
		w.is(ActivityAsking)
		w.task.Progress()
		w.step(step, StepAsks)
		w.showRound(fmt.Sprintf("is waiting for leave to run %s", title),
			fmt.Sprintf("I may run “%s” only with leave. Whoever asked sees what exactly, and decides.", title))
	})
	if err != nil {
		return err
	}
	if w.task.Progress(); !may {
		w.step(step, StepRefused)
		w.showRound("", noticeIf(asked, fmt.Sprintf("“%s” was not run.", title)))
		c.fails(why)
		return nil
	}
	w.is(ActivityCalling)
	w.step(step, StepRuns)
	w.showRound(fmt.Sprintf("Running %s…", title), noticeIf(asked, fmt.Sprintf("“%s” is running, with leave.", title)))
	res, err := r.box.Run(ctx, r.all, tool)
	if err != nil {
		return err
	}
	w.task.Progress()
	c.Over, c.Failed, c.Took, c.Result = true, res.Failed, res.Took, tools.Cut(res.Text, r.result)
	state, became := StepRan, "“%s” was run."
	if res.Failed {
		state, became = StepFailed, "“%s” failed."
	}
	w.step(step, state)
	w.showRound("", noticeIf(asked, fmt.Sprintf(became, title)))
	return nil
}

// step records how far a call is.
func (w *Writer) step(s Step, state StepState) {
	s.State = state
	if i := slices.IndexFunc(w.steps, func(have Step) bool { return have.ID == s.ID }); i >= 0 {
		w.steps[i] = s
		return
	}
	w.steps = append(w.steps, s)
}

// fails records why a call brought nothing.
func (c *Call) fails(why string) { c.Over, c.Failed, c.Result = true, true, why }

// noticeIf returns a notice if somebody was asked for leave: then a message stands in the thread
// that says so.
func noticeIf(asked bool, notice string) string {
	if asked {
		return notice
	}
	return ""
}

// tool returns an offered tool by its name.
func (r *rounds) tool(name string) (tools.Tool, bool) {
	for _, t := range r.offered {
		if t.Name == name {
			return t, true
		}
	}
	return tools.Tool{Title: name}, false
}

func (r *rounds) names() (out []string) {
	for _, t := range r.offered {
		out = append(out, t.Name)
	}
	return out
}

// showRound shows the answer while no request runs.
func (w *Writer) showRound(status, notice string) {
	text := w.shown
	if w.belowVisible() {
		text = w.fallback.Text
	}
	a := Snapshot{Text: w.bound.shown(text, false), Status: status, Notice: notice, Controls: CanStop, Phase: Waiting, Steps: slices.Clone(w.steps), Busy: status != ""}
	if status != "" {
		a.Since = time.Now()
	}
	switch {
	case a.Text != "":
		a.Phase = Writing
	case status == "":
		a.Status, a.Since = StatusThinking, w.began
	}
	w.draft.Set(a)
}

// errOnlyCalls reports that a model asked for tools where it had to answer.
var errOnlyCalls = errors.New("the model asks for tools, and does not answer")
