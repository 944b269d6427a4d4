package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"llmbot/bot/slacksim"
	"llmbot/cmd/llmbot/keeper"
	"llmbot/cmd/llmbot/relay"
	"llmbot/llm"
)

const (
	// demoDrain is how long the demo's bot waits for running answers when it ends: who tries it wants
	// it to end.
	demoDrain = 2 * time.Second
	// drainMargin is how much longer than its own limit the bot may take to end before it is killed.
	drainMargin = 10 * time.Second
	// demoAddress is where the demo's page is, if nobody asks for another address and nobody has it.
	demoAddress = "127.0.0.1:8765"
)

// demoFlags are the flags of the demo.
type demoFlags struct {
	simFlags

	people          int
	speed           float64
	dir, tools, log string
	vars            func() []string // those that stand for variables, as NAME=value
	given           map[string]bool
}

func parseDemo(p process, args []string) (*demoFlags, error) {
	f := flags(p, "demo", "a Slack workspace on this machine: browser page, emulated Slack, the real bot, your model server or a simulated one")
	d := &demoFlags{given: map[string]bool{}}
	d.register(f, demoAddress, "`ADDRESS` of the page; when it is taken and not given, any free port", "where people open the page, a `URL` such as https://demo.lan behind a proxy; default: its address")
	f.StringVar(&d.limiter, "limiter", "window", "the emulated Slack's rate limits: `window|bucket|off`")
	f.DurationVar(&d.latency, "latency", 100*time.Millisecond, "the `DURATION` of the emulated Slack's calls")
	f.IntVar(&d.people, "people", usualPeople, fmt.Sprintf("the `NUMBER` of colleagues to speak as, from 1 to %d", mostPeople))
	f.Float64Var(&d.speed, "speed", usualSpeed, "the speed of the simulated model in `TOKENS` a second")
	f.StringVar(&d.dir, "dir", "", "the `FOLDER` in which messages, files and the bot's state are kept, so that they survive a restart; default: a temporary one")
	f.StringVar(&d.tools, "tools", "", "`FILE` with MCP servers, whose tools the model may call (BOT_TOOLS_FILE); off: no tools; default: the demo's own")
	model := modelFlags(f, "llm")
	f.StringVar(&d.log, "log", "", "`FILE` for the bot's log; - for standard error")
	if err := parse(p, f, args); err != nil {
		return nil, err
	}
	for _, name := range []string{"addr", "people", "speed", "llm", "dir"} {
		d.given[name] = isGiven(f, name)
	}
	d.vars = func() []string {
		vars := model()
		if d.tools != "" && d.tools != toolsOff {
			vars = append(vars, "BOT_TOOLS_FILE="+d.tools)
		}
		return vars
	}
	return d, nil
}

// check returns what is wrong with the flags, before anything is started.
func (d *demoFlags) check(cfg Config) error {
	var bad []problem
	if d.people < 1 || d.people > mostPeople {
		bad = append(bad, problem{fmt.Sprintf("--people is %d", d.people), fmt.Sprintf("It must be from 1 to %d.", mostPeople)})
	}
	if !(d.speed > 0 && d.speed <= mostSpeed) { // a NaN is neither
		bad = append(bad, problem{fmt.Sprintf("--speed is %g", d.speed), fmt.Sprintf("It must be above 0 and at most %d tokens a second; people see 20 to 100.", mostSpeed)})
	}
	if d.given["dir"] && strings.TrimSpace(d.dir) == "" {
		bad = append(bad, problem{"--dir is empty", "Give a folder, or leave --dir out: then nothing is kept."})
	}
	if bad != nil {
		return &configError{bad}
	}
	if d.given["speed"] && cfg.named {
		return speedError("a real one is named: "+shownAddress(cfg.BaseURL), "Leave --speed out, or "+d.modelFrom()+": without one the demo simulates a model if none answers on this machine.")
	}
	return d.simFlags.check(d.given["addr"])
}

// modelFrom returns, in words for people, what names the model server.
func (d *demoFlags) modelFrom() string {
	if d.given["llm"] {
		return "--llm"
	}
	return "LLM_BASE_URL"
}

func runDemo(ctx context.Context, p process, args []string) error {
	d, err := parseDemo(p, args)
	if err != nil {
		return err
	}
	p.env = append(slices.Clip(p.env), d.vars()...)
	if d.tools == toolsOff {
		p.env = without(p.env, "BOT_TOOLS_FILE")
	}
	cfg, err := loadConfig(p.env, "")
	if err != nil {
		return inFlags(err, d.vars(), "--llm")
	}
	p.tellDoubts(cfg)
	if err := d.check(cfg); err != nil {
		return err
	}
	simCfg, err := d.config(appManifest("llm", cfg.Command))
	if err != nil {
		return err
	}
	simCfg.Users = demoPeople(d.people)
	logTo, closeLog, err := openLog(p, d.log)
	if err != nil {
		return err
	}
	defer closeLog()
	demo := &demo{process: p, flags: d, cfg: cfg, sim: simCfg, logTo: logTo}
	return cfg.redactor().hide(demo.run(ctx))
}

// demo is all that a demo consists of.
type demo struct {
	process

	flags *demoFlags
	cfg   Config
	sim   slacksim.Config
	logTo io.Writer

	at     where
	model  demoModel
	folder demoFolder
	slack  *slacksim.Sim
	relay  *relay.Relay
	bot    *keeper.Keeper

	lastWords string // of a bot that ended by itself; only tellEnd uses it
}

// run takes what the demo needs, in the order in which most fails first, and runs it until ctx
// ends.
func (d *demo) run(ctx context.Context) (err error) {
	undo := func(f func() error) { err = errors.Join(err, f()) }
	if d.folder, err = openDemoFolder(d.flags.dir); err != nil {
		return err
	}
	defer undo(d.folder.close)
	page, err := listen(ctx, d.flags.addr)
	if err != nil && !d.flags.given["addr"] {
		page, err = listen(ctx, anyPort(d.flags.addr))
	}
	if err != nil {
		return err
	}
	defer func() { _ = page.Close() }() // serveHTTP does, if it comes to that
	if d.at, err = d.flags.where(page.Addr()); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	speed := d.flags.speed
	if !d.flags.given["speed"] {
		speed = 0
	}
	if d.model, err = findModel(ctx, &d.cfg, d.flags.modelFrom(), speed); err != nil {
		return err
	}
	defer undo(d.model.stop)
	d.lookAtTools(ctx)
	inner, err := listen(ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = inner.Close() }()
	if err := d.build(inner.Addr()); err != nil {
		return err
	}
	d.greet()
	return d.serve(ctx, cancel, page, inner)
}

// build makes the parts. inner is where the relay will be.
func (d *demo) build(inner net.Addr) error {
	toModel := d.cfg.modelConfig(nil)
	client, err := llm.New(toModel)
	if err != nil {
		return fmt.Errorf("set up the model's client: %w", err)
	}
	d.relay, err = newRelay(client, toModel)
	if err != nil {
		return err
	}
	program, err := thisProgram()
	if err != nil {
		return err
	}
	// All URLs that the workspace gives out are for the bot, which runs here, so they need not have
	// the name that people know.
	d.sim.Notice, d.sim.BaseURL, d.sim.Hosts, d.sim.Open = d.model.notice, d.at.local, d.at.hosts, d.flags.open
	d.sim.Demo, d.sim.Folder, d.sim.KeepFailed = d.handler(), d.folder.workspace, d.tellFolder
	d.slack = slacksim.New(d.sim)
	d.bot = keeper.New(keeper.Config{
		Command: d.command(program, "http://"+inner.String()+d.relay.Path()),
		Ready:   func() bool { return d.slack.Sockets() > 0 },
		Output:  d.logTo, Clean: d.cfg.redactor().clean, Ended: d.tellEnd,
		Grace: d.drain() + drainMargin,
	})
	return nil
}

// serve runs all parts until ctx ends, or one of them fails. The bot ends first: it drains into the
// workspace.
func (d *demo) serve(ctx context.Context, cancel func(), page, inner net.Listener) error {
	var all sync.WaitGroup
	var webErr, relayErr error
	web, closeWeb := context.WithCancel(context.WithoutCancel(ctx))
	defer closeWeb()
	defer context.AfterFunc(ctx, func() {
		fmt.Fprintf(d.out, "  Ending: answers that run have %s. Ctrl-C again ends at once.\n", d.drain())
	})()
	all.Go(func() {
		webErr = serveHTTP(web, page, d.slack, d.slack.Close)
		cancel()
	})
	all.Go(func() {
		relayErr = serveHTTP(web, inner, d.relay, func() {})
		cancel()
	})
	all.Go(func() { d.relay.Run(web) })
	all.Go(func() {
		d.bot.Run(ctx)
		closeWeb()
	})
	all.Wait()
	return errors.Join(webErr, relayErr)
}

// drain returns how long the bot waits for running answers when it ends.
func (d *demo) drain() time.Duration {
	if d.isSet("BOT_DRAIN_TIMEOUT") {
		return d.cfg.DrainTimeout
	}
	return demoDrain
}

// greet tells people where the demo is and what to try.
func (d *demo) greet() {
	fmt.Fprintf(d.out, "\n  llmbot demo: open  %s/\n\n  %s\n", d.at.page, d.model.notice)
	if d.model.simulated {
		fmt.Fprintf(d.out, "  Other commands, such as chat, bench, check and serve, find it too:  export LLM_BASE_URL=%s\n", d.cfg.BaseURL)
	}
	if d.folder.kept {
		fmt.Fprintf(d.out, "  What is said is kept in %s\n", d.folder.path)
		for _, a := range d.folder.workspace.Aside() {
			fmt.Fprintf(d.out, "  %s\n", a)
		}
	}
	fmt.Fprintln(d.out, "\n  Three things to try; the page has a tour that does them for you:")
	for i, t := range d.tries() {
		fmt.Fprintf(d.out, "    %d. %s\n", i+1, t)
	}
	fmt.Fprintln(d.out)
	if d.at.note != "" {
		fmt.Fprintf(d.out, "  %s\n\n", d.at.note)
	}
	fmt.Fprint(d.out, "  Ctrl-C ends it.\n")
}

// try is something to try.
type try struct {
	About string `json:"about"`
	Say   string `json:"say,omitempty"` // to be written in #general; empty: the page's tour does it
}

// String returns a line for the terminal.
func (t try) String() string {
	if t.Say == "" {
		return t.About + " (step 6 of the tour): it goes on with the answer"
	}
	return t.About + ", in #general:  " + t.Say
}

// tries returns three things to try. A simulated model calls the tool that it is told to call, and
// a real one what the question needs.
func (d *demo) tries() []try {
	bot := "@" + d.sim.Bot.Name + " "
	list := []try{{"Ask", bot + "what can you do?"}}
	switch {
	case !d.ownTools(): // nor would a server that takes no tools use one
		list = append(list, try{"Ask for a long answer, and stop it", bot + "write 600 tokens"})
	case d.model.simulated:
		list = append(list, try{"See it ask you before it uses a tool", bot + `call team_add_note {"person": "Ben", "note": "likes tea"}`})
	default:
		list = append(list, try{"See it ask you before it uses a tool", bot + "note in the team directory that Ben likes tea"})
	}
	return append(list, try{About: "Kill the bot in mid-answer"})
}

// ownTools reports whether the bot offers the demo's own tools.
func (d *demo) ownTools() bool {
	return d.cfg.ToolsFile == "" && d.flags.tools != toolsOff && !d.model.toolless
}

// tellEnd tells the person at the terminal that the bot ended by itself, and with which words:
// once, as long as they are the same.
func (d *demo) tellEnd(e keeper.End) {
	last := ""
	if n := len(e.Lines); n > 0 {
		last = e.Lines[n-1]
	}
	if last != "" && last == d.lastWords {
		fmt.Fprintf(d.err, "  The bot ended again (%s), for the same reason; it is started again in %s.\n", e.Status, e.Next)
		return
	}
	d.lastWords = last
	fmt.Fprintf(d.err, "  The bot ended (%s) after %s; it is started again in %s. Its last words:\n", e.Status, e.Lived.Round(100*time.Millisecond), e.Next)
	for _, line := range e.Lines {
		fmt.Fprintf(d.err, "    %s\n", line)
	}
	if len(e.Lines) == 0 {
		fmt.Fprintln(d.err, "    (none)")
	}
}

// tellFolder tells the person at the terminal that what is said is not kept, or is again.
func (d *demo) tellFolder(err error) {
	if err != nil {
		fmt.Fprintf(d.err, "  What is said cannot be kept at the moment: %v\n", err)
		return
	}
	fmt.Fprintln(d.err, "  What is said is kept again.")
}

// anyPort returns an address with any free port in place of its own.
func anyPort(addr string) string {
	host, _, _ := net.SplitHostPort(addr)
	return net.JoinHostPort(host, "0")
}

// isSet reports whether a variable of the environment is set, and not empty.
func (p process) isSet(name string) bool {
	return slices.ContainsFunc(p.env, func(v string) bool { return strings.HasPrefix(v, name+"=") && v != name+"=" })
}

// openLog opens the demo's log; without a name there is none, for the terminal shows where to look.
func openLog(p process, name string) (io.Writer, func(), error) {
	switch name {
	case "":
		return io.Discard, func() {}, nil
	case "-":
		return p.err, func() {}, nil
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, &hintError{fmt.Errorf("open the log: %w", err), "Give --log another file."}
	}
	return f, func() { _ = f.Close() }, nil
}
