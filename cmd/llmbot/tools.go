package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"llmbot/bot/tools"
)

// mostToolSecrets is how many secrets of former tools files are still taken out of texts.
const mostToolSecrets = 2000

// toolsFile is BOT_TOOLS_FILE. It is only ever held by a pointer, so that no format verb prints
// what it holds with the rest of a Config.
type toolsFile struct {
	watched

	vars     map[string]string // the variables that it may use
	file     tools.File        // as last read without problems
	problems []problem         // of the text that was last read
	secrets  []string          // of this and of former files
	hide     atomic.Pointer[redactor]
}

// readTools reads BOT_TOOLS_FILE if it is set, and returns what is wrong with it.
func (c *Config) readTools(vars map[string]string) []problem {
	if c.ToolsFile == "" {
		return nil
	}
	c.tools = &toolsFile{vars: vars}
	c.tools.watched = watched{path: c.ToolsFile, most: tools.MostFile, use: c.tools.use}
	_, err := c.tools.load()
	if err != nil && c.tools.problems == nil {
		return []problem{{"BOT_TOOLS_FILE cannot be read: " + err.Error(), `It is JSON such as {"mcpServers": {"wiki": {"url": "https://wiki.example/mcp"}}}: docs/tools.md.`}}
	}
	return c.tools.problems
}

// use takes over the text of the file. One with problems changes nothing.
func (t *toolsFile) use(text []byte) error {
	f, found := tools.Parse(text, t.variable)
	t.problems = nil
	var all []error
	for _, p := range found {
		t.problems = append(t.problems, problem{"BOT_TOOLS_FILE has a problem in " + p.What, p.Hint})
		all = append(all, fmt.Errorf("%s (%s)", p.What, p.Hint))
	}
	if len(all) > 0 {
		return errors.Join(all...)
	}
	t.file = f
	// What is logged of a former file is still to come.
	t.secrets = append(slices.DeleteFunc(t.secrets, func(s string) bool { return slices.Contains(f.Secrets(), s) }), f.Secrets()...)
	t.secrets = t.secrets[max(0, len(t.secrets)-mostToolSecrets):]
	t.hide.Store(newRedactor(t.secrets))
	return nil
}

// variable returns the value of a variable for the file. Like the bot's own secrets it may stand in
// a file that NAME_FILE names.
func (t *toolsFile) variable(name string) (string, bool) {
	if v := t.vars[name]; v != "" {
		return v, true
	}
	path := strings.TrimSpace(t.vars[name+fileSuffix])
	if path == "" {
		return "", false
	}
	b, err := readFile(path, mostSecret)
	value := strings.TrimSpace(string(b))
	return value, err == nil && value != ""
}

// toolVariables are those that every program gets that is a server: where programs, the home and
// temporary files are, language, time zone, and certificates. None of them is a secret.
func toolVariables() []string {
	return []string{
		"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS",
		"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES", "USERPROFILE",
	}
}

// newTools returns the servers of the tools file; nil: there is none.
func newTools(cfg Config, log *slog.Logger, hooks tools.Hooks) (*tools.Servers, error) {
	if cfg.tools == nil {
		return nil, nil //nolint:nilnil // no file, no servers
	}
	base := map[string]string{}
	for name, value := range cfg.tools.vars {
		if slices.Contains(toolVariables(), name) || runtime.GOOS == "windows" && slices.Contains(toolVariables(), strings.ToUpper(name)) {
			base[name] = value
		}
	}
	guard, err := guardCommand()
	if err != nil {
		return nil, err
	}
	servers, err := tools.New(tools.Config{
		File: cfg.tools.file, Version: buildInfo().short(), Env: base, Guard: guard,
		Proxy: http.ProxyFromEnvironment, Roots: cfg.roots, Clean: cfg.redactor().clean, Log: log, Hooks: hooks,
	})
	if err != nil {
		return nil, fmt.Errorf("set up the tools: %w", err)
	}
	return servers, nil
}

// runTools keeps the sessions to the servers until ctx ends, and reads the file again at a SIGHUP
// and when it was changed. A broken file changes nothing, and is logged once.
// Tools that are too many, or too large, are logged at the start and after each change of the file;
// window returns the tokens of the model's window, 0: not known.
func runTools(ctx context.Context, cfg Config, servers *tools.Servers, window func(context.Context) int, log *slog.Logger) error {
	if servers == nil {
		return nil
	}
	ended := make(chan error, 1)
	watching, stop := context.WithCancel(ctx)
	var weighing sync.WaitGroup
	defer weighing.Wait()
	defer stop()
	go func() {
		defer stop()
		ended <- servers.Run(ctx)
	}()
	loaded := make(chan struct{}, 1)
	loaded <- struct{}{}
	weighing.Go(func() { weighTools(watching, servers, loaded, window, log) })
	cfg.tools.watch(watching, func(err error) {
		log.ErrorContext(ctx, "tools_file_broken", "error", err, "hint", "the servers from before stay; correct BOT_TOOLS_FILE")
	}, func() {
		servers.Reload(cfg.tools.file)
		log.InfoContext(ctx, "tools_file_loaded", "servers", len(cfg.tools.file.Names()))
		select {
		case loaded <- struct{}{}:
		default:
		}
	})
	return <-ended
}

const (
	manyTools      = 25 // tools of which models begin to choose badly (goose's documents advise fewer)
	bytesPerToken  = 4  // of definitions, roughly
	definitionPart = 10 // the part of the window that definitions may take without a warning
	// settleTools is how long the servers of tools have to connect before their tools are weighed.
	settleTools = 2 * time.Minute
	// fewerTools says what to do about too many tools.
	fewerTools = "Set tools that nobody needs to off, or show a server only in some channels: models choose badly among many, and each request pays for all."
)

// toolWeight is what tools take of each request.
type toolWeight struct {
	tools, tokens, window int // window is 0 if it is not known
}

// weightOf returns what tools take of each request to a model with a window of so many tokens.
func weightOf(offered []tools.Tool, window int) toolWeight {
	return toolWeight{len(offered), (tools.DefinitionBytes(offered) + bytesPerToken - 1) / bytesPerToken, window}
}

// heavy reports whether tools are too many for models to choose well, or take much of the window.
func (w toolWeight) heavy() bool {
	return w.tools > manyTools || w.window > 0 && w.tokens > w.window/definitionPart
}

// weighTools logs, when a file was loaded and its servers are connected, that the tools are too
// many or too large. What was logged before is not logged again. It returns when ctx ends.
func weighTools(ctx context.Context, servers *tools.Servers, loaded <-chan struct{}, window func(context.Context) int, log *slog.Logger) {
	var told toolWeight
	for {
		select {
		case <-ctx.Done():
			return
		case <-loaded:
		}
		settling, cancel := context.WithTimeout(ctx, settleTools)
		servers.Settle(settling)
		cancel()
		var offered []tools.Tool
		for _, s := range servers.Status() {
			for _, t := range s.Tools {
				offered = append(offered, t.Tool)
			}
		}
		w := weightOf(offered, window(ctx))
		if ctx.Err() != nil || w == told {
			continue
		}
		if told = w; w.heavy() {
			log.WarnContext(ctx, "tools_too_many", "tools", w.tools, "tokens", w.tokens, "window", w.window, "hint", fewerTools)
		}
	}
}

// demoTools has the demo offer tools of its own, unless a file names others.
func (c *Config) demoTools() {
	if c.tools == nil {
		c.tools = &toolsFile{file: tools.Demo(time.Now)}
	}
}

// guardCommand returns the program and the argument that stand before a child which is to end with
// this process, and what that child has started too; see tools.Guard. There is none on Windows.
func guardCommand() ([]string, error) {
	if runtime.GOOS == "windows" {
		return nil, nil
	}
	program, err := thisProgram()
	if err != nil {
		return nil, err
	}
	return []string{program, tools.GuardArgument}, nil
}

// runGuard is the process that ends a server with the bot.
func runGuard(_ context.Context, _ process, args []string) error {
	code, err := tools.Guard(args)
	if err != nil {
		return err
	}
	if code != exitOK {
		return &exitError{code}
	}
	return nil
}

// exitError is an exit status of which nothing is to be said.
type exitError struct{ code int }

// Error returns a text for nobody.
func (e *exitError) Error() string { return fmt.Sprintf("exit status %d", e.code) }

// thisProgram returns the path of this program for its children, also if another version takes its
// place on the disk meanwhile.
func thisProgram() (string, error) {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe", nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program, which its children are: %w", err)
	}
	return self, nil
}
