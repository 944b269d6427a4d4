package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"llmbot/bot/slacksim"
	"llmbot/bot/slacksim/scenario"
	"llmbot/cmd/llmbot/keeper"
)

const (
	// maxScenario is how many bytes a scenario file may have.
	maxScenario = 1 << 20
	// childEnds is how long the app of a scenario, and what it has started, may take to end after
	// SIGTERM.
	childEnds = 5 * time.Second
)

// loadScenario reads a scenario file. If it is wrong, the error lists all that is wrong.
func loadScenario(file string) (*scenario.Scenario, error) {
	text, err := readFile(file, maxScenario)
	if err != nil {
		return nil, err
	}
	if err := boundedYAML(text); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	s, err := scenario.Parse(file, text)
	if bad, ok := errors.AsType[*scenario.Error](err); ok {
		return nil, &scenarioError{&configError{problemsIn(bad)}}
	}
	return s, err
}

// scenarioError is a scenario file that is wrong.
type scenarioError struct{ cause *configError }

func (e *scenarioError) Error() string {
	return strings.Replace(e.cause.Error(), "the configuration has", "the scenario has", 1)
}

// Unwrap returns what decides on the exit status.
func (e *scenarioError) Unwrap() error { return e.cause }

// problemsIn returns the problems of a scenario as those of a configuration.
func problemsIn(bad *scenario.Error) []problem {
	var out []problem
	for _, p := range bad.List {
		hint := strings.ReplaceAll(p.Hint, "\n", "\n      ")
		if hint == "" {
			hint = "See docs/slacksim.md."
		}
		out = append(out, problem{fmt.Sprintf("%s:%d: %s", bad.File, p.Line, p.What), hint})
	}
	return out
}

// playScenario serves the workspace and plays the scenario in it, to the app that command starts
// or, without one, to whichever app connects.
func playScenario(ctx context.Context, p process, l net.Listener, sim *slacksim.Sim, at where, script *scenario.Scenario, command []string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	served := make(chan error, 1)
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go func() { served <- serveHTTP(serving, l, sim, sim.Close) }()

	child, err := startApp(ctx, p, sim, at, command, cancel)
	began := time.Now()
	if err == nil {
		err = script.Run(ctx, sim, p.out)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause // the app ended
	}
	cancel(nil)
	<-child
	stop()
	if servedErr := <-served; err == nil {
		err = servedErr
	}
	if bad, ok := errors.AsType[*scenario.Error](err); ok {
		what := "1 thing is"
		if n := len(bad.List); n > 1 {
			what = fmt.Sprintf("%d things are", n)
		}
		return fmt.Errorf("%s not as it must be in the scenario %q:\n%w", what, script.Name, bad)
	}
	if err == nil {
		fmt.Fprintf(p.out, "ok: %s, in %.1f s\n", script.Name, time.Since(began).Seconds())
	}
	return err
}

// startApp starts the app of a scenario with the variables that it needs. The channel is closed
// when it has ended, and all that it has started in its process group; if it ends before ctx does,
// ended gets an error. When ctx ends, all of them get SIGTERM, and SIGKILL after childEnds. If this
// process is killed, they are too: a guard stands before the app.
func startApp(ctx context.Context, p process, sim *slacksim.Sim, at where, command []string, ended context.CancelCauseFunc) (<-chan struct{}, error) {
	done := make(chan struct{})
	if len(command) == 0 {
		close(done)
		return done, nil
	}
	app, release, err := guarded(ctx, command)
	if err != nil {
		close(done)
		return done, err
	}
	app.Stdout, app.Stderr = p.err, p.err
	app.Env = append(slices.DeleteFunc(slices.Clone(p.env), func(v string) bool { return strings.HasPrefix(v, "SLACK_") }), slackVariables(sim, at)...)
	var asked time.Time // read behind Wait
	app.Cancel = func() error {
		asked = time.Now()
		return keeper.TermGroup(app)
	}
	app.WaitDelay = childEnds
	keeper.Alone(app)
	if err := app.Start(); err != nil {
		release()
		close(done)
		return done, notStarted(err)
	}
	go func() {
		defer close(done)
		defer release()
		err := app.Wait()
		if ctx.Err() == nil {
			if err == nil {
				err = errAppEnded
			}
			ended(fmt.Errorf("the app ended before the scenario did: %w (what it said is above)", err))
		}
		if asked.IsZero() { // it left children without being asked to end
			_ = app.Cancel()
		}
		keeper.EndGroup(app, time.Until(asked.Add(childEnds)))
	}()
	return done, nil
}

// guarded returns the command of an app behind its guard, and what gives the guard's pipe back.
func guarded(ctx context.Context, command []string) (app *exec.Cmd, release func(), err error) {
	if _, err := exec.LookPath(command[0]); err != nil { // the guard would say it later
		return nil, nil, notStarted(err)
	}
	guard, err := guardCommand()
	if err != nil {
		return nil, nil, err
	}
	argv := slices.Concat(guard, command)
	app = exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // the command that the user gave
	if len(guard) == 0 {
		return app, func() {}, nil
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("make the guard's pipe: %w", err)
	}
	app.ExtraFiles = []*os.File{theirs}
	return app, func() {
		_ = theirs.Close()
		_ = ours.Close()
	}, nil
}

// notStarted says that the app of a scenario could not be started.
func notStarted(err error) error {
	return &hintError{fmt.Errorf("start the app: %w", err), "Behind -- stands the command that starts the app, such as: -- node app.js"}
}

// errAppEnded reports that the app of a scenario ended by itself.
var errAppEnded = errors.New("with exit status 0")

// slackVariables returns the variables that lead an app to the emulated Slack.
func slackVariables(sim *slacksim.Sim, at where) []string {
	return []string{"SLACK_API_URL=" + at.page + "/api/", "SLACK_APP_TOKEN=" + sim.AppToken(), "SLACK_BOT_TOKEN=" + sim.BotToken()}
}
