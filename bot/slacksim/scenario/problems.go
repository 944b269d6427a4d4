package scenario

import (
	"fmt"
	"slices"
	"strings"

	"llmbot/bot/typos"
)

// Problem is one thing that is wrong, in a scenario or with the bot that it was played to.
type Problem struct {
	Line int    // of the file, from 1
	What string // what is wrong
	Hint string // what to do about it; may be empty, and have several lines
}

// Error is all that is wrong, by line. Its text has one paragraph each.
type Error struct {
	File string
	List []Problem
}

func (p *Error) Error() string {
	var b strings.Builder
	for i, one := range p.List {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s:%d: %s", p.File, one.Line, one.What)
		for line := range strings.Lines(one.Hint) {
			b.WriteString("\n    " + strings.TrimRight(line, "\n"))
		}
	}
	return b.String()
}

// reader collects what is wrong with a file.
type reader struct{ list []Problem }

func (p *reader) addf(line int, hint, format string, args ...any) {
	p.list = append(p.list, Problem{Line: line, What: fmt.Sprintf(format, args...), Hint: hint})
}

// problemsOf returns the problems as an error; nil if there are none.
func problemsOf(file string, list []Problem) error {
	if len(list) == 0 {
		return nil
	}
	slices.SortStableFunc(list, func(a, b Problem) int { return a.Line - b.Line })
	return &Error{File: file, List: list}
}

// oneOf returns a hint that lists what is known, the likely one first.
func oneOf(got string, known []string) string {
	if len(known) == 0 {
		return ""
	}
	best, at := typos.Most+1, ""
	for _, k := range known {
		if d := typos.Distance(got, k); d < best && typos.Alike(got, k) {
			best, at = d, k
		}
	}
	hint := "known are: " + strings.Join(known, ", ")
	if at != "" {
		hint = "is " + at + " meant? " + hint
	}
	return hint
}
