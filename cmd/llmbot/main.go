// Command llmbot is a Slack bot for teams that run their own model on a vLLM server.
//
// This package wires everything. It is the only place that reads the environment, parses flags,
// catches signals, or exits. Each command has a file of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"llmbot/bot/document/pdf"
	"llmbot/bot/tools"
)

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1 // it did not work
	exitUsage  = 2 // it was called wrongly, or the configuration is not good
	exitKilled = 130
)

func main() {
	ctx, stop := signals(context.Background())
	code := run(ctx, os.Args[1:], process{env: os.Environ(), in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}

// signals returns a context that ends with the first SIGINT or SIGTERM. The second ends the process
// at once.
func signals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	got := make(chan os.Signal, 2)
	signal.Notify(got, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-got:
				if n > 0 {
					os.Exit(exitKilled)
				}
				cancel()
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(got)
		close(done)
		cancel()
	}
}

// process is what a command has of the world.
type process struct {
	env      []string
	in       io.Reader
	out, err io.Writer
	asked    func(*flag.FlagSet) // gets the flags of a command that was asked for help; nil: it prints them
}

// command is one subcommand.
type command struct {
	name, summary string // without a summary it is none of the user's
	run           func(ctx context.Context, p process, args []string) error
}

func commands() []command {
	return []command{
		{"serve", "the bot (also without a command)", runServe},
		{"demo", "a Slack workspace on this machine with the bot in it: no account, no GPU", runDemo},
		{"chat", "the same model in the terminal, for people and scripts", runChat},
		{"bench", "interactive speed and system throughput of a model server, or of two", runBench},
		{"check", "looks at tokens, scopes, model server and state; says what to do", runCheck},
		{"slacksim", "the emulated Slack alone, for a bot in any language", runSlackSim},
		{"manifest", "the Slack app manifest and the link that creates the app", runManifest},
		{"completion", "what Tab needs in bash, zsh or fish", runCompletion},
		{"version", "version, commit, Go; with --json the dependencies, too", runVersion},
		{demoBotArgument, "", runDemoBot},
		{pdf.Argument, "", runReadPDF},
		{tools.GuardArgument, "", runGuard},
	}
}

// run is the whole program except the process around it. It returns the exit status.
func run(ctx context.Context, args []string, p process) int {
	name := "serve"
	if len(args) > 0 {
		switch first := args[0]; {
		case !strings.HasPrefix(first, "-"):
			name, args = first, args[1:]
		case slices.Contains([]string{"-h", "-help", "--help"}, first):
			name, args = "help", args[1:]
		case slices.Contains([]string{"-v", "-V", "-version", "--version"}, first):
			name, args = "version", args[1:]
		}
	}
	errs := p.err
	if name == "help" {
		words := slices.DeleteFunc(slices.Clone(args), func(a string) bool { return strings.HasPrefix(a, "-") })
		if len(words) == 0 || words[0] == "help" {
			usage(p.out)
			return exitOK
		}
		// What was asked for is no error.
		name, args, p.err = words[0], []string{"--help"}, p.out
	}
	for _, c := range commands() {
		if c.name == name {
			return status(c.run(ctx, p, args), p.err)
		}
	}
	fmt.Fprintf(errs, "llmbot: there is no command %q.%s\n\n", name, closestCommand(name))
	usage(errs)
	return exitUsage
}

// status prints an error for the person at the terminal, with its next step.
func status(err error, w io.Writer) int {
	var hinted interface{ Hint() string }
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.Is(err, errUsage):
		return exitUsage
	case errors.Is(err, errInterrupted):
		return exitKilled
	}
	if exit, ok := errors.AsType[*exitError](err); ok {
		return exit.code
	}
	fmt.Fprintf(w, "llmbot: %v\n", err)
	if errors.As(err, &hinted) && hinted.Hint() != "" {
		fmt.Fprintf(w, "  → %s\n", hinted.Hint())
	}
	if _, bad := errors.AsType[*configError](err); bad {
		return exitUsage
	}
	return exitFailed
}

// errUsage reports that the flag package has already printed what was wrong.
var errUsage = errors.New("wrong usage")

func usage(w io.Writer) {
	fmt.Fprint(w, "llmbot answers in Slack threads with your own model.\n\nUsage: llmbot [command] [flags]\n\n")
	for _, c := range commands() {
		if c.summary != "" {
			fmt.Fprintf(w, "  %-10s %s\n", c.name, c.summary)
		}
	}
	fmt.Fprint(w, "\n`llmbot help COMMAND` shows a command's flags and examples. To see it work: llmbot demo\n")
}
