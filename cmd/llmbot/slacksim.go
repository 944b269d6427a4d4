package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"syscall"
	"time"

	"llmbot/bot/slacksim"
	"llmbot/bot/slacksim/scenario"
)

// Limits of the small servers of this machine: a client that sends no request must not hold a
// connection, and a large one must not take memory. How long a body may take is the handler's
// business: event streams and sockets have no end.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	headerBytes   = 64 << 10
)

// simFlags are the flags of the emulated Slack.
type simFlags struct {
	addrFlags

	limiter, manifest, scenario string
	latency                     time.Duration
}

func (s *simFlags) config(m slackManifest) (slacksim.Config, error) {
	if s.manifest != "" {
		var err error
		if m, err = readManifest(s.manifest); err != nil {
			return slacksim.Config{}, err
		}
	}
	limiter := slacksim.Limiter(s.limiter)
	if !limiter.Known() {
		return slacksim.Config{}, &configError{[]problem{{fmt.Sprintf("--limiter is %q", s.limiter), "It must be one of window, bucket, off."}}}
	}
	if s.latency < 0 {
		return slacksim.Config{}, &configError{[]problem{{"--latency is negative", "It must be a duration such as 100ms."}}}
	}
	cfg := slacksim.Config{
		Scopes: m.OAuth.Scopes.Bot, Events: m.Settings.Events.Bot, Limiter: limiter, Latency: s.latency, Agent: m.Features.Agent != nil, Seed: uint64(time.Now().UnixNano()),
		Bot: slacksim.Bot{UserID: "U0LLMBOT01", BotID: "B0LLMBOT01", AppID: "A0LLMBOT01", Name: m.Features.Bot.Name},
	}
	for _, c := range m.Features.Commands {
		cfg.Commands = append(cfg.Commands, c.Command)
	}
	return cfg, nil
}

func runSlackSim(ctx context.Context, p process, args []string) error {
	f := flags(p, "slacksim", "an emulated Slack workspace: Web API, Socket Mode, limits, and a browser page")
	var s simFlags
	s.register(f, "127.0.0.1:8766", "`ADDRESS` to serve on", "the `URL` that the emulated Slack calls itself, such as http://slack.lan:8766; default: its address")
	f.StringVar(&s.limiter, "limiter", "window", "rate limits: `window|bucket|off`; window is n in any 60 s, bucket n a minute with bursts of 10")
	f.StringVar(&s.manifest, "manifest", "", "`FILE` with the app manifest (YAML or JSON) whose scopes, events and commands the app has; default: llmbot's own")
	f.DurationVar(&s.latency, "latency", 100*time.Millisecond, "the `DURATION` of every Web API call")
	f.StringVar(&s.scenario, "scenario", "", "play the scenario in `FILE` (YAML) to the app, and end: with 0 if all was as it must be, 1 if not, 2 if the file is wrong; "+
		"behind -- may stand the command that starts the app")
	words, err := parseFlags(p, f, args)
	if err != nil {
		return err
	}
	if s.scenario == "" && len(words) > 0 {
		if err := parse(p, f, args); !slices.Contains(args, "--") {
			return err // tells what is left over
		}
		fmt.Fprint(p.err, "What stands behind -- is the app of a scenario: name its file with --scenario FILE. Without one, start the emulated Slack alone,\n"+
			"and the app in another terminal, with the variables that it prints.\n")
		return errUsage
	}
	cfg, err := s.config(appManifest("llm", "/llm-status"))
	if err != nil {
		return err
	}
	var script *scenario.Scenario
	if s.scenario != "" {
		if script, err = loadScenario(s.scenario); err != nil {
			return err
		}
		cfg = script.Config(cfg)
		if len(words) > 0 && !isGiven(f, "addr") {
			s.addr = "127.0.0.1:0" // the app is told
		}
	}
	if err := s.check(isGiven(f, "addr")); err != nil {
		return err
	}
	l, err := listen(ctx, s.addr)
	if err != nil {
		return err
	}
	at, err := s.where(l.Addr())
	if err != nil {
		return errors.Join(err, l.Close())
	}
	cfg.BaseURL, cfg.Hosts, cfg.Open = at.page, at.hosts, s.open
	sim := slacksim.New(cfg)
	if len(words) == 0 {
		tellApp(p, sim, at)
	}
	if script != nil {
		return playScenario(ctx, p, l, sim, at, script, words)
	}
	fmt.Fprint(p.out, "Ctrl-C ends it.\n")
	return serveHTTP(ctx, l, sim, sim.Close)
}

// tellApp tells the person at the terminal where the emulated Slack is, and with which variables an
// app finds it.
func tellApp(p process, sim *slacksim.Sim, at where) {
	fmt.Fprintf(p.out, "An emulated Slack is at %s/\n\nPoint a bot there with\n\n", at.page)
	for _, v := range slackVariables(sim, at) {
		fmt.Fprintf(p.out, "export %s\n", v)
	}
	fmt.Fprintln(p.out)
	if at.note != "" {
		fmt.Fprintf(p.out, "%s\n\n", at.note)
	}
}

// isGiven reports whether a flag was given.
func isGiven(f *flag.FlagSet, name string) bool {
	given := false
	f.Visit(func(fl *flag.Flag) { given = given || fl.Name == name })
	return given
}

// listen takes an address. Its error says what to do when the address is taken.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		hint := "Choose another one with --addr, such as --addr 127.0.0.1:0 for any free port."
		var name *net.AddrError
		var dns *net.DNSError
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			hint = "Another program may be using it: choose another one with --addr, such as --addr 127.0.0.1:0 for any free port."
		case errors.Is(err, os.ErrPermission):
			hint = "Ports below 1024 are for root: choose one above with --addr, such as --addr 127.0.0.1:8765."
		case errors.As(err, &name), errors.As(err, &dns):
			hint = "--addr wants HOST:PORT, such as --addr 127.0.0.1:8765, or --addr 127.0.0.1:0 for any free port."
		}
		return nil, &hintError{fmt.Errorf("listen on %s: %w", addr, err), hint}
	}
	return l, nil
}

// serveHTTP serves until ctx ends. It then calls first, and cuts the connections after that.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler, first func()) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: headerBytes}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-ended:
	}
	first()
	closeErr := srv.Close()
	if err == nil {
		err = served(<-ended)
	}
	return errors.Join(err, closeErr)
}

// served returns the error of http.Server.Serve, unless it was closed.
func served(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// hintError is an error with its next step.
type hintError struct {
	error

	hint string
}

// Hint returns the next step.
func (e *hintError) Hint() string { return e.hint }

// Unwrap returns the cause.
func (e *hintError) Unwrap() error { return e.error }
