package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	xterm "golang.org/x/term"

	"llmbot/bot/figures"
	"llmbot/llm/bench"
)

// progressLine tells how far a benchmark is: on a terminal in one live line, and everywhere in a
// line for each phase that begins without one, and for each measurement that has ended.
type progressLine struct {
	w     io.Writer
	live  bool
	shown bool
	total int // measurements
	ended int
	phase string // as told last, where there is no live line
	last  bench.Progress
}

func newProgressLine(w io.Writer) *progressLine {
	f, ok := w.(*os.File)
	return &progressLine{w: w, live: ok && xterm.IsTerminal(int(f.Fd()))}
}

func (l *progressLine) show(p bench.Progress) {
	l.last = p
	where := string(p.Phase)
	if p.Phase == bench.PhaseMeasure && l.total > 1 {
		where = fmt.Sprintf("measure %d of %d", min(l.ended+1, l.total), l.total)
	}
	if p.Round > 0 {
		where += fmt.Sprintf(" (%s, round %d)", p.Name, p.Round)
	}
	switch {
	case p.Ended != nil:
		l.clear()
		l.ended++
		fmt.Fprintln(l.w, summary(*p.Ended))
	case l.live:
		left := ""
		if d := p.Left(); d >= time.Second {
			left = ", " + figures.Span(d) + " left"
		}
		fmt.Fprintf(l.w, "\r\x1b[K%s: %d at once, %d of %d done, %d running, %d failed · %.0f tok/s now · %.0fs%s", where, p.Concurrency, p.Done, p.Total, p.Running,
			p.Failed, p.Rate, p.Elapsed.Seconds(), left)
		l.shown = true
	default:
		if told := fmt.Sprint(where, p.Name, p.Concurrency); told != l.phase {
			l.phase = told
			fmt.Fprintf(l.w, "%s: %d at once", where, p.Concurrency)
			if p.Total > 0 {
				fmt.Fprintf(l.w, ", %d %s", p.Total, figures.Plural(p.Total, "request"))
			}
			fmt.Fprintln(l.w)
		}
	}
}

// summary returns a line on a measurement that has ended.
func summary(r bench.Report) string {
	at := fmt.Sprintf("%d at once", r.MaxConcurrency)
	if r.MaxConcurrency == 0 {
		at = fmt.Sprintf("%g a second", r.RequestRate)
	}
	if r.Round > 0 {
		at = fmt.Sprintf("%s, round %d, %s", r.Name, r.Round, at)
	}
	state := "done"
	if r.Interrupted {
		state = "interrupted"
	}
	return fmt.Sprintf("%s: %s, %d of %d requests in %.0fs · interactive %.1f tok/s · system %.1f tok/s · first token %.2fs", at, state,
		r.Completed, r.Prompts, r.DurationS, r.InteractiveSpeed(), r.OutputThroughput, r.TTFT.MedianMS/1000)
}

// nothing says that an interrupted run has no figures.
func (l *progressLine) nothing(err error) {
	if errors.Is(err, context.Canceled) {
		fmt.Fprintf(l.w, "Interrupted in the phase %q, before anything was measured.\n", l.last.Phase)
	}
}

func (l *progressLine) clear() {
	if l.shown {
		fmt.Fprint(l.w, "\r\x1b[K")
		l.shown = false
	}
}
