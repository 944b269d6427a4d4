package term

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/tools"
	"llmbot/llm"
)

// Tools are the tools that the model may call.
type Tools interface {
	Offer(p tools.Place) []tools.Tool
	Call(ctx context.Context, c tools.Call) tools.Result
}

// ToolServers are the servers that have the tools.
type ToolServers interface {
	Settle(ctx context.Context) // blocks until each is connected or was tried, or ctx ends
	Status() []tools.ServerStatus
}

// settleTimeout is how long an answer waits for servers that are being connected: a program that is
// fetched from the internet first takes some seconds (the project's own figure).
const settleTimeout = 20 * time.Second

// Words for the model in place of a result.
const (
	refusedWords = "The person who asked does not want this call: it was not made. Do not ask for it again; answer without it."
	unaskedWords = "This call needs leave, and nobody can be asked here: it was not made. Answer without it."
)

// here is what a terminal is to the policies of tools: nobody but the person who asks is there.
func here() tools.Place { return tools.Place{Direct: true} }

// toolbox does the calls of one answer. It is its answer.Toolbox.
type toolbox struct{ a *asker }

// Leave asks the person at the terminal, unless the policy of the tool allows the call.
func (b toolbox) Leave(ctx context.Context, rounds []answer.Round, tool tools.Tool, asks func()) (may bool, why string, err error) {
	switch {
	case tool.Unasked(here()):
		return true, "", nil
	case b.a.leave == nil:
		return false, unaskedWords, nil
	}
	c, _, _ := answer.Current(rounds)
	q := question{server: tools.ShownName(tool.Server), title: tools.ShownName(tool.Title)}
	var whole bool
	if q.arguments, whole = tools.Arguments(c.Arguments); !whole {
		return false, tools.Unshowable, nil
	}
	asks()
	if may, err = b.a.leave(ctx, q); err != nil {
		return false, "", err
	}
	b.a.log.InfoContext(ctx, "leave_decided", "server", tool.Server, "tool", tool.Name, "run", may)
	return may, refusedWords, nil
}

// Run makes a call. The program lives as long as the answer, so there is nobody for whom it would be
// noted before.
func (b toolbox) Run(ctx context.Context, rounds []answer.Round, tool tools.Tool) (tools.Result, error) {
	c, _, _ := answer.Current(rounds)
	c.Ran = true
	res := b.a.tools.Call(ctx, tools.Call{Tool: tool, Place: here(), Arguments: json.RawMessage(c.Arguments)})
	b.a.log.InfoContext(ctx, "tool_called", "server", tool.Server, "tool", tool.Name, "took_ms", res.Took.Milliseconds(), "failed", res.Failed)
	if ctx.Err() != nil {
		return tools.Result{}, context.Cause(ctx)
	}
	return res, nil
}

// Keep does nothing: what was done ends with the program.
func (toolbox) Keep(context.Context, []answer.Round) {}

// offer has the model offered the tools that there are. It waits for servers that are being
// connected, and tells once of each that is not there.
func (w *writing) offer(ctx context.Context) {
	a := w.asker
	if a.tools == nil {
		return
	}
	if a.servers != nil {
		w.draft.Set(answer.Snapshot{Text: w.shown, Status: "connecting to the servers of tools", Phase: answer.Waiting})
		settling, cancel := context.WithTimeout(ctx, settleTimeout)
		a.servers.Settle(settling)
		cancel()
		for _, s := range a.servers.Status() {
			switch why := absence(s); {
			case s.Connected:
				delete(a.toldOf, s.Name)
			case a.toldOf[s.Name] != why:
				a.toldOf[s.Name] = why
				w.says = answer.Say(w.says, why)
			}
		}
		w.show()
	}
	if offered := a.tools.Offer(here()); len(offered) > 0 {
		w.rounds = answer.NewRounds(offered, toolbox{a}, nil, nil)
	}
}

// absence returns why the tools of a server are not there, with its next step.
func absence(s tools.ServerStatus) string {
	why := s.Why
	if why == "" {
		why = "it did not answer in time"
	}
	if s.Said != "" { // whoever sits here has started it
		why += "; it wrote: " + s.Said
	}
	out := fmt.Sprintf("The tools of %s are not there: %s.", tools.ShownName(s.Name), llm.Printable(why, mostWhy))
	if s.Hint != "" {
		out += " → " + s.Hint
	}
	return out
}

// mostWhy is how many characters are shown of why a server is not connected.
const mostWhy = 300

// stepped shows how far a call is.
func (w *writing) stepped(s answer.Step, asked bool) {
	w.status = ""
	switch s.State {
	case answer.StepAsks:
		w.status = "waiting for your leave"
	case answer.StepRuns:
		w.status = "Running " + s.Title + "…"
	case answer.StepRefused:
		if !asked {
			w.says = answer.Say(w.says, fmt.Sprintf("“%s” was not run: it needs leave, and there is no terminal to ask in.", s.Title))
			break
		}
		w.did = append(w.did, fmt.Sprintf("“%s” was not run", s.Title))
	case answer.StepRan:
		if asked {
			w.did = append(w.did, fmt.Sprintf("“%s” was run, with leave", s.Title))
		}
	case answer.StepFailed:
		w.did = append(w.did, fmt.Sprintf("“%s” failed", s.Title))
	case answer.StepUnsure: // of a process before, and there is none
	}
	w.show()
}

// nextRound begins a round if the last request ended in calls that may be made, and reports whether
// it did.
func (w *writing) nextRound() bool {
	if w.rounds == nil {
		return false
	}
	res := w.result
	res.Usage.CompletionTokens = max(res.Usage.CompletionTokens, w.tokens)
	if !w.rounds.Add(w.text.String(), w.thought.String(), res) {
		return false
	}
	w.rounded, w.head = true, w.rounds.Head().Text
	w.thoughts += w.thought.String()
	if w.thought.Len() > 0 {
		w.thoughts += "\n\n"
	}
	w.text.Reset()
	w.thought.Reset()
	w.tokens, w.result, w.trimmed, w.choking = 0, llm.Result{}, false, answer.Choking{}
	if len(w.shown) < len(w.head) {
		w.shown = w.head
	}
	return true
}

// withoutTools has the answer written without tools, for a server that takes none, or cannot read
// back what they brought, and tells of it once. It reports false if that was tried.
func (w *writing) withoutTools(ctx context.Context, failure *llm.Error) bool {
	a := w.asker
	if w.rounds == nil || !w.rounds.Flatten() {
		return false
	}
	if !w.rounded {
		w.rounds = nil
	}
	w.fit()
	if failure.Kind == llm.KindContext { // too long, but legible
		return true
	}
	a.log.WarnContext(ctx, "model_takes_no_tools", "error", failure, "hint", failure.Hint())
	if !a.toolless {
		a.toolless = true
		w.says = answer.Say(w.says, failure.User()+" → "+failure.Hint())
	}
	return true
}

// question is what a person sees of a call that needs leave.
type question struct {
	server, title string
	arguments     []tools.Argument
}

// runIt ends a question; what is typed stands behind it.
const runIt = "Run it? [y/N] "

// Nothing in a call looks like a line of ours, and no value like another argument: arguments are
// indented, and their further lines more.
const (
	questionIndent = "    "
	valueIndent    = "      "
)

// lines returns a question in lines of at most most columns, without its last one.
func (q question) lines(most int) []string {
	var out []string
	add := func(indent, further, text string) {
		for _, l := range wrap([]span{{text, 0}}, most-len(further)) {
			var b strings.Builder
			for _, s := range l {
				b.WriteString(s.text)
			}
			out = append(out, indent+b.String())
			indent = further
		}
	}
	add("", "", fmt.Sprintf("May I run “%s” of “%s”?", q.title, q.server))
	for _, a := range q.arguments {
		text := a.Value
		if a.Name != "" {
			text = a.Name + ": " + a.Value
		}
		if a.Cut > 0 {
			text += fmt.Sprintf("… (%d more characters)", a.Cut)
		}
		add(questionIndent, valueIndent, text)
	}
	return out
}

// toolStatus returns lines on the servers of tools.
func (a *asker) toolStatus() (out []string) {
	if a.servers == nil || a.tools == nil {
		return nil
	}
	all := a.servers.Status()
	slices.SortFunc(all, func(a, b tools.ServerStatus) int { return strings.Compare(a.Name, b.Name) })
	for _, s := range all {
		if !s.Connected {
			out = append(out, absence(s))
			continue
		}
		var names []string
		for _, t := range s.Tools {
			name := t.Title
			if !t.Unasked(here()) {
				name += " (asks)"
			}
			names = append(names, name)
		}
		out = append(out, fmt.Sprintf("Tools of %s: %s", tools.ShownName(s.Name), strings.Join(names, ", ")))
	}
	return out
}
