package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	xterm "golang.org/x/term"

	"llmbot/bot/answer"
	"llmbot/bot/term"
	"llmbot/bot/tools"
	"llmbot/llm"
)

// mostPiped is how much piped text is read: more fits into no model.
const mostPiped = 16 << 20 // bytes

// errInterrupted reports that a signal ended the command before its work was done.
var errInterrupted = errors.New("interrupted")

// chatFlags are the flags of chat; most stand for a variable of the environment.
type chatFlags struct {
	envFile, log     string
	reasoning, plain bool
	noSystem         bool
	vars             []string // NAME=value
}

func parseChat(p process, args []string) (chatFlags, string, error) {
	var c chatFlags
	f := flags(p, "chat", `talk with the model in the terminal; llmbot chat "question" and piped text are answered once`)
	f.String("url", "", "the OpenAI-compatible root (`URL`) of the model server (LLM_BASE_URL)")
	f.String("model", "", "the `MODEL` to ask for (LLM_MODEL)")
	f.String("system", "", "the system `PROMPT`; \"\" for none (LLM_SYSTEM_PROMPT)")
	f.String("temperature", "", "a `NUMBER` from 0 to 2 (LLM_TEMPERATURE)")
	f.String("max-tokens", "", "longest answer in `TOKENS` (LLM_MAX_TOKENS)")
	f.String("tools", "", "`FILE` with MCP servers, whose tools the model may call; those that need leave ask in the terminal (BOT_TOOLS_FILE)")
	envFileFlag(f, &c.envFile)
	f.StringVar(&c.log, "log", "", "`FILE` for the log; none by default")
	f.BoolVar(&c.reasoning, "reasoning", false, "show the model's reasoning, dimmed, above the answer")
	f.BoolVar(&c.plain, "plain", false, "show Markdown as it is written")
	words, err := parseFlags(p, f, args)
	if err != nil {
		return c, "", err
	}
	// A flag whose usage ends with the name of a variable stands for it, and is checked as it is.
	f.Visit(func(fl *flag.Flag) {
		name := fl.Usage[strings.LastIndex(fl.Usage, "(")+1:]
		if name = strings.TrimSuffix(name, ")"); !strings.HasPrefix(name, "LLM_") && name != "BOT_TOOLS_FILE" {
			return
		}
		c.vars = append(c.vars, name+"="+fl.Value.String())
		if fl.Name == "system" {
			c.vars = append(c.vars, "LLM_SYSTEM_PROMPT_FILE=")
			c.noSystem = fl.Value.String() == ""
		}
	})
	return c, strings.Join(words, " "), nil
}

func runChat(ctx context.Context, p process, args []string) (err error) {
	fl, question, err := parseChat(p, args)
	if err != nil {
		return err
	}
	defer func() { err = inFlags(err, fl.vars, "--url") }()
	cfg, err := loadConfig(append(slices.Clip(p.env), fl.vars...), fl.envFile)
	if err != nil {
		return err
	}
	p.tellDoubts(cfg)
	findServer(ctx, p, &cfg)
	if cfg.SystemPrompt == "" && !fl.noSystem {
		cfg.SystemPrompt = defaultPrompt
	}
	logTo, closeLog, err := openLog(p, fl.log)
	if err != nil {
		return err
	}
	defer closeLog()
	log := newLog(logTo, cfg, cfg.LogLevel)
	model, err := llm.New(cfg.modelConfig(log))
	if err != nil {
		return fmt.Errorf("set up the model's client: %w", err)
	}
	servers, stopTools, err := startTools(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopTools()) }()
	var offered term.Tools // nil, and no nil pointer, without servers
	var toolServers term.ToolServers
	if servers != nil {
		offered, toolServers = servers, servers
	}
	settings := term.Settings{
		System: cfg.SystemPrompt, Temperature: cfg.Temperature, MaxTokens: cfg.MaxTokens, Effort: cfg.ReasoningEffort,
		ShowReasoning: fl.reasoning,
	}
	in, out := terminal(p.in), terminal(p.out)
	if in != nil && (question == "" || servers != nil) { // a key may answer a question for leave
		err = interactive(ctx, p, term.Chat{
			Model: model, Server: model, Settings: settings, Address: shownAddress(cfg.BaseURL), Log: log, Tools: offered, Servers: toolServers,
		}, fl.plain, question)
	} else {
		if in == nil {
			piped, err := readPiped(ctx, p.in)
			if err != nil {
				return interrupted(ctx, err)
			}
			question = term.Question(question, piped)
		}
		if question == "" {
			return &configError{[]problem{{"there is no question", `Ask it: llmbot chat "question", or pipe it in. Without both, in a terminal, llmbot chat is a conversation.`}}}
		}
		err = term.Once{Model: model, Server: model, Place: place(p, out, fl.plain), Settings: settings, Tools: offered, Servers: toolServers, Log: log}.Ask(ctx, question)
	}
	return interrupted(ctx, err)
}

// interrupted returns an error of the model in plain words, with the next step.
func interrupted(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil || errors.Is(err, term.ErrStopped) {
		return errInterrupted
	}
	if e, ok := errors.AsType[*llm.Error](err); ok {
		return &hintError{errors.New(e.User()), e.Hint()}
	}
	if said := answer.LoopSentence(err); said != "" {
		return &hintError{errors.New(said), "Ask again, or give LLM_EXTRA_BODY a repetition_penalty such as 1.05."}
	}
	return err
}

// startTools connects to the servers of the tools file, and returns what ends them: it blocks until
// all programs are gone. Without a file there are none.
func startTools(ctx context.Context, cfg Config, log *slog.Logger) (*tools.Servers, func() error, error) {
	if cfg.tools != nil {
		cfg.tools.file = cfg.tools.file.Anywhere()
	}
	servers, err := newTools(cfg, log, tools.Hooks{})
	if servers == nil || err != nil {
		return nil, func() error { return nil }, err
	}
	running, end := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- servers.Run(running) }()
	return servers, func() error {
		end()
		return <-ended
	}, nil
}

// interactive holds a conversation, or asks one question; the terminal gets its settings back
// whatever happens.
func interactive(ctx context.Context, p process, chat term.Chat, plain bool, question string) error {
	run := chat.Run
	if question != "" {
		run = func(ctx context.Context) error { return chat.Ask(ctx, question) }
	}
	in, out := terminal(p.in), terminal(p.out)
	chat.Place = place(p, out, plain)
	room, whole := chat.Place.(*term.Room)
	if !whole { // cooked: the terminal edits, and Ctrl-C is a signal
		lines := term.NewPlainLines(in, func() { fmt.Fprint(p.err, "> ") })
		defer lines.Close()
		chat.Lines = lines
		chat.Say = func(text string) { fmt.Fprintln(p.err, text) }
		return run(ctx)
	}
	history, err := term.OpenHistory(historyPath(p.env))
	if err != nil {
		fmt.Fprintf(p.err, "llmbot: %v\n", err)
	}
	before, err := xterm.MakeRaw(int(in.Fd()))
	if err != nil {
		return fmt.Errorf("set up the terminal: %w", err)
	}
	defer func() { _ = xterm.Restore(int(in.Fd()), before) }()
	lines := term.NewEditor(in, out, room.Size, history, "> ")
	defer lines.Close()
	chat.Lines, chat.Say = lines, room.Say
	return run(ctx)
}

// place returns the place where answers appear.
func place(p process, out *os.File, plain bool) term.Place {
	look := term.Look{Colour: envValue(p.env, "NO_COLOR") == "", Plain: plain}
	dumb := envValue(p.env, "TERM") == "dumb"
	room := func(f *os.File) *term.Room { return &term.Room{Out: f, Size: sizeOf(f), Look: look} }
	if out != nil && !dumb {
		return room(out)
	}
	pipe := &term.Pipe{Out: p.out, Err: p.err, Dumb: out != nil}
	if f := terminal(p.err); f != nil {
		pipe.Asks = true
		if !dumb {
			pipe.Progress = room(f)
		}
	}
	return pipe
}

func sizeOf(f *os.File) func() term.Size {
	return func() term.Size {
		w, h, err := xterm.GetSize(int(f.Fd()))
		if err != nil { // not known
			return term.Size{}
		}
		return term.Size{Width: w, Height: h}
	}
}

// terminal returns f as a terminal; nil if it is none.
func terminal(f any) *os.File {
	if file, ok := f.(*os.File); ok && file != nil && xterm.IsTerminal(int(file.Fd())) {
		return file
	}
	return nil
}

// readPiped reads in to its end, or until ctx ends.
func readPiped(ctx context.Context, in io.Reader) (string, error) {
	if in == nil {
		return "", nil
	}
	type read struct {
		text []byte
		err  error
	}
	done := make(chan read, 1)
	go func() { // nothing but the end of its input can end it; the process does not wait for that
		b, err := io.ReadAll(io.LimitReader(in, mostPiped+1))
		done <- read{b, err}
	}()
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case r := <-done:
		switch {
		case r.err != nil:
			return "", fmt.Errorf("read standard input: %w", r.err)
		case len(r.text) > mostPiped:
			return "", &hintError{errors.New("standard input is too long"), "No model reads more than some megabytes: send a part of it."}
		}
		return string(r.text), nil
	}
}

// historyPath returns the file of what was asked; empty: none.
func historyPath(env []string) string {
	dir := envValue(env, "XDG_STATE_HOME")
	if !filepath.IsAbs(dir) {
		home := envValue(env, "HOME")
		if home == "" {
			return ""
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "llmbot", "chat_history")
}

// envValue returns the value of a variable; of several, the last.
func envValue(env []string, name string) string {
	value := ""
	for _, v := range env {
		if rest, ok := strings.CutPrefix(v, name+"="); ok {
			value = rest
		}
	}
	return value
}
