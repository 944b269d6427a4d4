package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"llmbot/bot/typos"
)

// flags returns a flag set that tells errors to the terminal, once. In a usage, `NAME` in
// backquotes is what the value is called; FILE, FOLDER and words with | between them are completed.
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
		fmt.Fprint(p.err, examples(name))
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
	words, err := parseFlags(p, f, args)
	if err != nil {
		return err
	}
	if len(words) > 0 {
		fmt.Fprintf(p.err, "%s: unexpected argument %q\n%s", f.Name(), words[0], seeHelp(f))
		return errUsage
	}
	return nil
}

// parseFlags parses the flags, wherever they stand, and returns the other arguments. What follows
// `--` is no flag.
func parseFlags(p process, f *flag.FlagSet, args []string) (words []string, err error) {
	args, words = apart(f, args)
	usage := f.Usage
	f.Usage = func() {} // package flag shows it after each error, and what was wrong would be above the screen
	err = f.Parse(args)
	f.Usage = usage
	switch {
	case err == nil:
		return words, nil
	case errors.Is(err, flag.ErrHelp):
		f.Usage()
		return nil, err
	}
	fmt.Fprintf(p.err, "%s: %s\n", f.Name(), withDashes(f, err.Error()))
	if f.Name() == "llmbot chat" && strings.Contains(err.Error(), "not defined") {
		fmt.Fprint(p.err, "If it is no flag but part of the question: put -- before the question, or all of it in quotes.\n")
	}
	fmt.Fprint(p.err, seeHelp(f))
	return nil, errUsage
}

// seeHelp returns where a command's flags are listed.
func seeHelp(f *flag.FlagSet) string {
	command := strings.TrimPrefix(f.Name(), "llmbot ")
	return "`llmbot help " + command + "` shows its flags and examples.\n"
}

// apart returns the flags with their values, and the other arguments. Package flag takes everything
// behind the first word for words.
func apart(f *flag.FlagSet, args []string) (flags, words []string) {
	for i := 0; i < len(args); i++ {
		name, isFlag := flagName(args[i])
		switch {
		case args[i] == "--":
			return flags, append(words, args[i+1:]...)
		case !isFlag:
			words = append(words, args[i])
			continue
		}
		flags = append(flags, args[i])
		fl := f.Lookup(name)
		if fl == nil || strings.Contains(args[i], "=") || i+1 == len(args) {
			continue
		}
		if b, ok := fl.Value.(interface{ IsBoolFlag() bool }); !ok || !b.IsBoolFlag() {
			i++
			flags = append(flags, args[i])
		}
	}
	return flags, words
}

// flagName returns the name of the flag that an argument is. It is none if it is a number, or has
// spaces where flags have none.
func flagName(arg string) (name string, ok bool) {
	name, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
	letter := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }
	ok = strings.HasPrefix(arg, "-") && name != "" && letter(rune(name[0])) && !strings.ContainsFunc(name, func(r rune) bool {
		return !letter(r) && r != '-' && r != '_' && (r < '0' || r > '9')
	})
	return name, ok
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
	names := []string{"help"} // every command has it
	if f.Name() == "llmbot serve" {
		names = append(names, "version") // a flag without a command is taken for one of serve
	}
	f.VisitAll(func(fl *flag.Flag) { names = append(names, fl.Name) })
	if found := alike(name, names); found != "" {
		return ". Is " + dashed(found) + " meant?"
	}
	return ""
}

// closestCommand returns a question with the command that was likely meant; empty: none is like it.
func closestCommand(name string) string {
	names := []string{"help"}
	for _, c := range commands() {
		if c.summary != "" {
			names = append(names, c.name)
		}
	}
	if found := alike(name, names); found != "" {
		return " Is `llmbot " + found + "` meant?"
	}
	return ""
}

// alike returns the one of names that was likely meant: it differs in a letter or two, or one of
// the two begins with the other; empty: none.
func alike(name string, names []string) string {
	name = strings.ToLower(name)
	best, found := typos.Most+1, ""
	for _, n := range names {
		d := typos.Distance(name, n)
		if strings.HasPrefix(n, name) || strings.HasPrefix(name, n) {
			d = min(d, typos.Most)
			if len(n) == 1 || len(name) == 1 { // only where nothing else is like it
				d = typos.Most + 1
			}
		} else if len(n) <= typos.Most || d > typos.Most {
			continue
		}
		if d < best || d == best && found == "" {
			best, found = d, n
		}
	}
	return found
}
