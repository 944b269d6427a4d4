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
	sameAgain    = "This call was made before with the same arguments, and its result stands above. It was not made again: use that result, or ask for something else."
	refusedAgain = "This call with the same arguments was not allowed before. It was not made, and nobody is asked again: answer without it."
	tooManyAt    = "This call was not made: too many calls at once."
	notKnownRan  = "It is not known whether this call was made: the program was restarted meanwhile. It was not made again. Say so in your answer."
)

// Run does the calls of the last round that are not over, one after the other. seen hears how far
// each is; asked: a person was asked for leave to make it. It must not block. The error ends the
// answer.
func (r *Rounds) Run(ctx context.Context, seen func(s Step, asked bool)) error {
	for {
		c, round, i := Current(r.all)
		if c == nil {
			return nil
		}
		tool, known := r.tool(c.Name)
		step := Step{ID: fmt.Sprintf("call-%d-%d", round+1, i+1), Title: titleOf(tool)}
		switch {
		case c.Begun:
			step.State = StepUnsure
			seen(step, false)
			c.fails(notKnownRan)
		case !known:
			c.fails(r.noSuch(c.Name))
		case c.Bad != "":
			c.fails(c.Bad)
		case failuresInRow(r.all) >= mostFailures:
			c.fails(noMoreCalls)
		case i >= mostCalls:
			c.fails(tooManyAt)
		default:
			if words := r.again(c); words != "" {
				c.fails(words)
			} else if err := r.call(ctx, c, tool, step, seen); err != nil {
				return err
			}
		}
		r.box.Keep(ctx, r.all)
	}
}

// call asks for leave if that is needed, and makes a call.
func (r *Rounds) call(ctx context.Context, c *Call, tool tools.Tool, step Step, seen func(s Step, asked bool)) error {
	asked := false
	is := func(state StepState) {
		step.State = state
		seen(step, asked)
	}
	may, why, err := r.box.Leave(ctx, r.all, tool, func() {
		asked = true
		is(StepAsks)
	})
	switch {
	case err != nil:
		return err
	case !may:
		c.fails(why)
		c.Refused = true
		is(StepRefused)
		return nil
	}
	is(StepRuns)
	res, err := r.box.Run(ctx, r.all, tool)
	if err != nil {
		return err
	}
	c.Over, c.Failed, c.Took, c.Result = true, res.Failed, res.Took, tools.Cut(res.Text, r.result)
	if res.Failed {
		is(StepFailed)
	} else {
		is(StepRan)
	}
	return nil
}

// stepped shows how far a call is. While a person is asked, the answer holds no slot. Where one was
// asked a message stands in the thread, which says what became of that.
func (w *Writer) stepped(s Step, asked bool) {
	w.task.Progress()
	if i := slices.IndexFunc(w.steps, func(have Step) bool { return have.ID == s.ID }); i >= 0 {
		w.steps[i] = s
	} else {
		w.steps = append(w.steps, s)
	}
	status, notice := "", ""
	switch s.State {
	case StepAsks:
		w.Leave() // a person may take their time
		w.is(ActivityAsking)
		status, notice = "is waiting for leave to run "+s.Title, "I may run “%s” only with leave. Whoever asked sees what exactly, and decides."
	case StepRuns:
		w.is(ActivityCalling)
		status, notice = "Running "+s.Title+"…", "“%s” is running, with leave."
	case StepRan:
		notice = "“%s” was run."
	case StepFailed:
		notice = "“%s” failed."
	case StepRefused:
		notice = "“%s” was not run."
	case StepUnsure:
		w.Say(fmt.Sprintf("I do not know whether “%s” was run: I was restarted meanwhile, and I do not run it twice.", s.Title))
	}
	if asked {
		notice = fmt.Sprintf(notice, s.Title)
	} else {
		notice = ""
	}
	w.showRound(status, notice)
}

// titleOf returns the title of a tool as a status or a card shows it, where nothing escapes what its
// server has put there: Slack's live forms (<!channel>, <https://…>) all stand in angle brackets.
func titleOf(tool tools.Tool) string {
	return strings.NewReplacer("<", "‹", ">", "›").Replace(llm.Printable(tool.Title, longestTitle))
}

// fails records why a call brought nothing.
func (c *Call) fails(why string) { c.Over, c.Failed, c.Result = true, true, why }

// tool returns an offered tool by its name.
func (r *Rounds) tool(name string) (tools.Tool, bool) {
	for _, t := range r.offered {
		if t.Name == name {
			return t, true
		}
	}
	return tools.Tool{Title: name}, false
}

// noSuch tells the model that there is no tool of that name.
func (r *Rounds) noSuch(name string) string {
	if len(r.offered) == 0 {
		return fmt.Sprintf("There is no tool %s here, nor any other now. The call was not made.", name)
	}
	return fmt.Sprintf("There is no tool %s here. There are: %s.", name, strings.Join(r.names(), ", "))
}

func (r *Rounds) names() (out []string) {
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

// SaysOnlyCalls tells people of ErrOnlyCalls.
const SaysOnlyCalls = "The model went on asking for tools, and gave no answer."

// ErrOnlyCalls reports that a model asked for tools where it had to answer.
var ErrOnlyCalls = errors.New("the model asks for tools, and does not answer")
