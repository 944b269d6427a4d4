package scenario

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"llmbot/bot/slacksim"
)

// thing is a message that the scenario gave an id.
type thing struct {
	channel, ts string
	root        string // of its thread: its own ts outside of threads
}

// run is one playing of a scenario. One goroutine owns it.
type run struct {
	sim  *slacksim.Sim
	ids  map[string]thing
	list []Problem
}

// errLeftOut reports that a step needs what an earlier one did not bring.
var errLeftOut = errors.New("left out")

// Run plays the scenario in a workspace that was made with its [Scenario.Config]. It returns nil if
// all was as it must be, else a [*Error] with everything that was not, or the context's error.
// It writes one line to out for each step as it ends; out may be nil.
func (s *Scenario) Run(ctx context.Context, sim *slacksim.Sim, out io.Writer) error {
	if out == nil {
		out = io.Discard
	}
	r := &run{sim: sim, ids: map[string]thing{}}
	started := time.Now()
	if !r.wait(ctx, s.start, func() bool { return sim.Sockets() > 0 }) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.problem(1, fmt.Sprintf("no app opened a socket within %s", s.start), "the app needs the three SLACK_ variables, and Socket Mode")
		return problemsOf(s.file, r.list)
	}
	report(out, "ok", step{line: 1, name: "the app is there"}, time.Since(started), "")
	for _, st := range append(slices.Clone(s.steps), s.finally...) {
		began, before := time.Now(), len(r.list)
		err := r.play(ctx, st)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case errors.Is(err, errLeftOut):
			report(out, "--", st, time.Since(began), err.Error())
		case err != nil:
			r.problem(st.line, st.name+": "+err.Error(), "")
			report(out, "NO", st, time.Since(began), err.Error())
		case len(r.list) > before:
			report(out, "NO", st, time.Since(began), r.list[before].What)
		default:
			report(out, "ok", st, time.Since(began), "")
		}
	}
	return problemsOf(s.file, r.list)
}

func report(out io.Writer, how string, st step, took time.Duration, what string) {
	line := fmt.Sprintf("%s  line %-4d %-16s %6d ms", how, st.line, st.name, took.Milliseconds())
	if what != "" {
		line += "  " + strings.ReplaceAll(what, "\n", " ")
	}
	_, _ = fmt.Fprintln(out, line) // a report that cannot be written changes nothing
}

func (r *run) problem(line int, what, hint string) {
	r.list = append(r.list, Problem{Line: line, What: what, Hint: hint})
}

// play does one step.
func (r *run) play(ctx context.Context, st step) error {
	for name, v := range st.args.m {
		if (name == "thread" || name == "message" || name == "to" || name == "of") && v.text != "" && !r.known(st, name) {
			return fmt.Errorf("%w: an earlier step did not bring %s", errLeftOut, v.text)
		}
	}
	if st.do != nil {
		return st.do(ctx, r, st.args)
	}
	if st.check == nil {
		return nil
	}
	var last result
	if r.wait(ctx, st.within, func() bool {
		last = st.check(r, st.args)
		return last.ok
	}) {
		if id := st.args.text("id"); id != "" {
			r.ids[id] = last.found
		}
		return nil
	}
	what := st.name + ": " + last.want
	if st.within > 0 {
		what += fmt.Sprintf(" within %s", st.within)
	}
	r.problem(st.line, what, strings.TrimSpace(last.seen+"\n"+r.refused()))
	return nil
}

// known reports whether the value of a key that names an earlier step stands for something. Keys of
// that name that name a person always do.
func (r *run) known(st step, name string) bool {
	as := actions()[st.name].args
	if st.check != nil {
		as = clauses()[st.name].args
	}
	if i := slices.IndexFunc(as, func(a arg) bool { return a.name == name }); i < 0 || as[i].kind != ref {
		return true
	}
	_, ok := r.ids[st.args.text(name)]
	return ok
}

// wait waits until ok returns true, for so long at most, and returns its last answer.
func (r *run) wait(ctx context.Context, most time.Duration, ok func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	if r.sim.Wait(ctx, func(*slacksim.Sim) bool { return ok() }) == nil {
		return true
	}
	return ok() // what ends by itself, such as a status line, is no change
}

// refused returns the last calls that Slack refused: they often say why a bot is silent.
func (r *run) refused() string {
	const most = 3
	var lines []string
	for _, c := range r.sim.Calls() {
		if !c.Done.IsZero() && !c.OK {
			lines = append(lines, "refused: "+c.Method+" with "+c.Error)
		}
	}
	if over := len(lines) - most; over > 0 {
		lines = lines[over:]
	}
	return strings.Join(lines, "\n")
}
