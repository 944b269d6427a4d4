package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// flags returns a flag set that tells errors to the terminal, once. In a usage, `NAME` in
// backquotes is what the value is called; FILE and words with | between them are completed.
func flags(p process, name, what string) *flag.FlagSet {
	f := flag.NewFlagSet("llmbot "+name, flag.ContinueOnError)
	f.SetOutput(io.Discard) // package flag names flags with one dash
	f.Usage = func() {
		if p.asked != nil {
			p.asked(f)
			return
		}
		fmt.Fprintf(p.err, "llmbot %s: %s\n", name, what)
		f.VisitAll(func(fl *flag.Flag) { fmt.Fprint(p.err, about(fl)) })
	}
	return f
}

// envFileFlag adds the flag of those commands that read a file with variables.
func envFileFlag(f *flag.FlagSet, to *string) {
	f.StringVar(to, "env-file", "", "`FILE` with NAME=value lines; variables that are set win over it")
}

// dashed returns a flag as people write it.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// about returns what the help has on a flag.
func about(fl *flag.Flag) string {
	value, usage := flag.UnquoteUsage(fl)
	s := "  " + dashed(fl.Name)
	if value != "" {
		s += " " + value
	}
	s += "\n        " + usage
	switch fl.DefValue {
	case "", "0", "false":
	default:
		s += " (default " + fl.DefValue + ")"
	}
	return s + "\n"
}

// parse parses, and refuses what is left over.
func parse(p process, f *flag.FlagSet, args []string) error {
	if err := parseFlags(p, f, args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		fmt.Fprintf(p.err, "%s: unexpected argument %q\n", f.Name(), f.Arg(0))
		f.Usage()
		return errUsage
	}
	return nil
}

// parseFlags parses the flags, and leaves the other arguments alone.
func parseFlags(p process, f *flag.FlagSet, args []string) error {
	var told bool // package flag shows the usage after an error, and we say what was wrong before it
	usage := f.Usage
	f.Usage = func() { told = true }
	err := f.Parse(args)
	f.Usage = usage
	if err == nil {
		return nil
	}
	if !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(p.err, "%s: %s\n", f.Name(), withDashes(f, err.Error()))
		err = errUsage
	}
	if told {
		f.Usage()
	}
	return err
}

// withDashes returns an error of package flag with the flag as people write it.
func withDashes(f *flag.FlagSet, text string) string {
	for _, before := range []string{"flag provided but not defined: -", "flag needs an argument: -", " for flag -", " for -"} {
		head, rest, ok := strings.Cut(text, before)
		if !ok {
			continue
		}
		name := rest
		if end := strings.IndexAny(rest, ": "); end >= 0 {
			name = rest[:end]
		}
		text = head + strings.TrimSuffix(before, "-") + dashed(name) + rest[len(name):]
		if f.Lookup(name) == nil {
			text += closest(f, name)
		}
		return text
	}
	return text
}

// closest returns a question with the flag that was likely meant; empty: none is like it.
func closest(f *flag.FlagSet, name string) string {
	best, found := mostTypos+1, ""
	f.VisitAll(func(fl *flag.Flag) {
		if d := distance(name, fl.Name); len(fl.Name) > mostTypos && d < best {
			best, found = d, fl.Name
		}
	})
	if found == "" {
		return ""
	}
	return ". Is " + dashed(found) + " meant?"
}
