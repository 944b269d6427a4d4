package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"llmbot/bot/slacksim"
	"llmbot/llm"
	"llmbot/llm/llmsim"
)

// demoDrain is how long the demo waits for running answers when it ends: who tries it wants it to
// end.
const demoDrain = 2 * time.Second

func runDemo(ctx context.Context, p process, args []string) error {
	f := flags(p, "demo", "a Slack workspace on this machine: browser page, emulated Slack, the real bot, your model server or a simulated one")
	s := simFlags{}
	s.register(f, demoAddress, "`ADDRESS` of the page; when it is taken and not given, any free port", "where people open the page, a `URL` such as https://demo.lan behind a proxy; default: its address")
	f.StringVar(&s.limiter, "limiter", "window", "the emulated Slack's rate limits: `window|bucket|off`")
	f.DurationVar(&s.latency, "latency", 100*time.Millisecond, "the `DURATION` of the emulated Slack's calls")
	vars := modelFlags(f, "llm")
	logFile := f.String("log", "", "`FILE` for the bot's log; - for standard error")
	if err := parse(p, f, args); err != nil {
		return err
	}
	p.env = append(slices.Clip(p.env), vars()...)
	cfg, err := loadConfig(p.env, "")
	if err != nil {
		return inFlags(err, vars(), "--llm")
	}
	p.tellDoubts(cfg)
	given := isGiven(f, "addr")
	if err := s.check(given); err != nil {
		return err
	}
	simCfg, err := s.config(appManifest("llm", cfg.Command))
	if err != nil {
		return err
	}
	logTo, closeLog, err := openLog(p, *logFile)
	if err != nil {
		return err
	}
	defer closeLog()

	l, err := listen(ctx, s.addr)
	if err != nil && !given {
		l, err = listen(ctx, anyPort(s.addr))
	}
	if err != nil {
		return err
	}
	at, err := s.where(l.Addr())
	if err != nil {
		return errors.Join(err, l.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	from := "LLM_BASE_URL"
	if isGiven(f, "llm") {
		from = "--llm"
	}
	model, err := findModel(ctx, &cfg, from)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	// All URLs that the workspace gives out are for the bot, which runs here, so they need not have
	// the name that people know.
	simCfg.Notice, simCfg.BaseURL, simCfg.Hosts, simCfg.Open = model.notice, at.local, at.hosts, s.open
	sim := slacksim.New(simCfg)
	cfg.SlackURL = at.local + "/api/"
	if !p.isSet("OPS_ADDR") {
		cfg.OpsAddr = opsOff // who tries it beside a bot that runs should not meet its port
	}
	if !p.isSet("BOT_DRAIN_TIMEOUT") {
		cfg.DrainTimeout = demoDrain
	}
	cfg.demoTools()
	cfg.AppToken, cfg.BotToken, cfg.StateURL = secret(sim.AppToken()), secret(sim.BotToken()), "memory:"

	fmt.Fprintf(p.out, "\n  llmbot demo: open  %s/\n\n  %s\n  In #general, write:  @%s what can you do?\n\n", at.page, model.notice, simCfg.Bot.Name)
	if cfg.ToolsFile == "" {
		fmt.Fprint(p.out, model.tryTools())
	}
	if at.note != "" {
		fmt.Fprintf(p.out, "  %s\n\n", at.note)
	}
	fmt.Fprint(p.out, "  Ctrl-C ends it.\n")
	var all sync.WaitGroup
	var botErr, webErr error
	web, closeWeb := context.WithCancel(context.WithoutCancel(ctx))
	defer closeWeb()
	defer context.AfterFunc(ctx, func() {
		fmt.Fprintf(p.out, "  Ending: answers that run have %s. Ctrl-C again ends at once.\n", cfg.DrainTimeout)
	})()
	all.Go(func() {
		webErr = serveHTTP(web, l, sim, sim.Close)
		cancel()
	})
	all.Go(func() {
		botErr = serve(ctx, cfg, newLog(logTo, cfg, cfg.LogLevel))
		cancel()
		closeWeb() // Slack goes last: the bot drains into it
	})
	all.Wait()
	return cfg.redactor().hide(errors.Join(botErr, webErr, model.stop()))
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

// demoAddress is where the demo's page is, if nobody asks for another address and nobody has it.
const demoAddress = "127.0.0.1:8765"

// demoModel is the model server of the demo.
type demoModel struct {
	notice    string
	simulated bool
	stop      func() error
}

// tryTools returns what to ask for to see the demo's own tools. A simulated model calls what it is
// told to call, and a real one what the question needs.
func (m demoModel) tryTools() string {
	if m.simulated {
		return "  To see it use a tool:          call team_find_person\n" +
			"  To see it ask you first:       call team_add_note {\"person\": \"Ben\", \"note\": \"likes tea\"}\n\n"
	}
	return "  To see it use a tool, ask who is on call; to see it ask you first, have it note something about somebody.\n\n"
}

// findModel takes the configured server, else the first that answers on this machine, else it
// starts a simulated one. It sets cfg.BaseURL. The key goes only to the server that the environment
// or a flag names, never to whatever listens on a port. from is which of the two it was, for
// people.
func findModel(ctx context.Context, cfg *Config, from string) (demoModel, error) {
	none := func() error { return nil }
	if cfg.named {
		name := probe(ctx, llm.Config{BaseURL: cfg.BaseURL, APIKey: string(cfg.APIKey), Proxy: cfg.proxy, Roots: cfg.roots})
		if name == "" {
			return demoModel{notice: "Model server: " + shownAddress(cfg.BaseURL) + " (from " + from + "; it does not answer yet)", stop: none}, nil
		}
		return demoModel{notice: "Model server: " + shownAddress(cfg.BaseURL) + " (from " + from + "), model " + cmp.Or(cfg.Model, name), stop: none}, nil
	}
	if found, ok := localServer(ctx); ok {
		cfg.BaseURL, cfg.APIKey, cfg.Model, cfg.proxy = found.url, "", "", nil
		return demoModel{notice: found.notice(), stop: none}, nil
	}
	l, err := listen(ctx, "127.0.0.1:0")
	if err != nil {
		return demoModel{}, err
	}
	sim := llmsim.New(llmsim.Config{Model: "simulated-model", Speed: 40, FirstToken: 300 * time.Millisecond, PromptDetails: true, Answer: demoAnswer, Tools: true})
	srv := &http.Server{Handler: sim, ReadHeaderTimeout: headerTimeout, IdleTimeout: llmsim.KeepAliveIdle}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	cfg.BaseURL, cfg.Model, cfg.APIKey, cfg.proxy = "http://"+l.Addr().String()+"/v1", "", "", nil
	return demoModel{
		simulated: true,
		notice:    "Model server: a simulated one (canned answers), because none answered on the ports " + usualPorts() + ". Name yours: llmbot demo --llm http://HOST:8000/v1 (LLM_BASE_URL).",
		stop: func() error {
			return errors.Join(srv.Close(), served(<-ended))
		},
	}, nil
}

// demoAnswer answers as the simulated model, which says what it is when somebody asks what it can
// do: the demo proposes that as the first question.
func demoAnswer(c *llmsim.Chat) string {
	question := ""
	if n := len(c.Messages); n > 0 {
		question = strings.ToLower(c.Messages[n-1].Content)
	}
	for _, asks := range []string{"what can you do", "who are you", "what are you", "how do you work"} {
		if strings.Contains(question, asks) {
			return aboutSimulated
		}
	}
	if words := strings.Fields(question); len(words) > 0 && len(words) < 3 && strings.Trim(words[len(words)-1], "!?.") == "help" {
		return aboutSimulated
	}
	return llmsim.DefaultAnswer(c)
}

const aboutSimulated = `I am a **simulated model**: no model server answered on this machine, so my answers are canned. Everything around me is real: the bot, its edits, its limits.

You can see here how an answer grows. Try:

- a follow-up in this thread; no mention is needed while only you write here
- ` + "`write 600 tokens`" + `, and **Stop** under the answer; or edit or delete your question while I write
- ` + "`a table`, `some code`, `a list`" + `, to see how Markdown looks
- ` + "`call team_find_person`" + `, to see a tool at work, and ` + "`call team_add_note {\"person\": \"Ben\", \"note\": \"likes tea\"}`" + `, to see one that asks you first
- ` + "`/llm-status`" + `, the Home tab, and ` + "`!help`" + ` in a thread
- a second browser tab as another person

With your own model server: ` + "`llmbot demo --llm http://HOST:8000/v1`"
