package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"llmbot/cmd/llmbot/keeper"
	"llmbot/cmd/llmbot/relay"
	"llmbot/llm"
	"llmbot/llm/egress"
)

// The demo's bot is a child process, which is this program: kill -9 is real there. It gets the
// demo's environment, so it is configured as `llmbot serve` is, and needs to be told only what the
// demo brings with it.
const (
	demoBotArgument = "demo-bot"
	// relayVariable has the address of the relay. Whoever knows it reaches the model server, so it is
	// no argument, which others see.
	relayVariable = "LLMBOT_DEMO_RELAY"
	// toolsOff is the --tools that means none.
	toolsOff = "off"
)

// removeTries is how often the bot tries to remove the temporary folder of a demo that was killed.
const removeTries = 5

// relayIdle is how long the bot keeps an idle connection to the relay; shorter than the relay does.
const relayIdle = idleTimeout / 2

// command returns what makes commands that start the bot.
func (d *demo) command(program, relayAt string) func() *exec.Cmd {
	args := []string{demoBotArgument}
	if d.ownTools() {
		args = append(args, "--own-tools")
	}
	if !d.folder.kept {
		args = append(args, "--remove", d.folder.path)
	}
	vars := d.botVariables(relayAt)
	return func() *exec.Cmd {
		cmd := exec.Command(program, args...) //nolint:noctx // the keeper ends it
		cmd.Env = vars
		return cmd
	}
}

// botVariables returns the bot's environment: the demo's own, but for where Slack, the state and
// the relay are.
func (d *demo) botVariables(relayAt string) []string {
	names := []string{"SLACK_API_URL", "SLACK_APP_TOKEN", "SLACK_BOT_TOKEN", "STATE_URL", "STATE_DIR", relayVariable}
	if !d.cfg.named { // what else is set is for a server that is not this one
		names = append(names, "LLM_BASE_URL", "LLM_API_KEY", "LLM_MODEL", "LLM_PROXY")
	}
	for _, n := range slices.Clone(names) {
		names = append(names, n+fileSuffix)
	}
	vars := append(without(d.env, names...),
		"SLACK_API_URL="+d.at.local+"/api/", "SLACK_APP_TOKEN="+d.slack.AppToken(), "SLACK_BOT_TOKEN="+d.slack.BotToken(),
		"STATE_DIR="+d.folder.state(), relayVariable+"="+relayAt)
	if !d.cfg.named {
		vars = append(vars, "LLM_BASE_URL="+d.cfg.BaseURL)
	}
	if !d.isSet("OPS_ADDR") {
		vars = append(vars, "OPS_ADDR="+opsOff) // who tries it beside a bot that runs should not meet its port
	}
	if !d.isSet("BOT_DRAIN_TIMEOUT") {
		vars = append(vars, "BOT_DRAIN_TIMEOUT="+demoDrain.String())
	}
	return vars
}

// without returns an environment without some variables.
func without(env []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(names, name)
	})
}

// runDemoBot is the demo's bot. Its standard input is open as long as the demo lives.
func runDemoBot(ctx context.Context, p process, args []string) error {
	f := flags(p, demoBotArgument, "the bot of a demo")
	own := f.Bool("own-tools", false, "offer the demo's own tools")
	remove := f.String("remove", "", "the temporary `FOLDER` to be removed when the demo is gone")
	if err := parse(p, f, args); err != nil {
		return err
	}
	if !p.isSet(relayVariable) {
		return errors.New("only `llmbot demo` starts this")
	}
	// When the demo is gone there is nothing to wait for: this and the bot end with the process, at
	// once.
	gone := make(chan struct{})
	go func() {
		keeper.Lifeline(p.in)
		close(gone)
	}()
	cfg, err := loadConfig(p.env, "")
	if err != nil {
		return err
	}
	for _, v := range p.env {
		if at, ok := strings.CutPrefix(v, relayVariable+"="); ok {
			if cfg.relay, err = url.Parse(at); err != nil {
				return fmt.Errorf("read the relay's address: %w", err)
			}
		}
	}
	if *own {
		cfg.demoTools()
	}
	served := make(chan error, 1)
	go func() { served <- serve(ctx, cfg, newLog(p.err, cfg, cfg.LogLevel)) }()
	select {
	case err = <-served:
	case <-gone:
		err = errInterrupted
	}
	select {
	case <-gone:
		for range removeTries { // the bot may still be writing there
			if *remove == "" || os.RemoveAll(*remove) == nil {
				break
			}
		}
	default: // the demo removes it
	}
	return cfg.redactor().hide(err)
}

// botModelConfig returns what the bot's client of the model server needs: in the demo it asks the
// relay, which asks the server.
func (c *Config) botModelConfig(log *slog.Logger) llm.Config {
	out := c.modelConfig(log)
	if c.relay == nil {
		return out
	}
	out.HTTP = egress.New(relay.Through(&http.Transport{
		MaxIdleConns: c.MaxAnswers, MaxIdleConnsPerHost: c.MaxAnswers, IdleConnTimeout: relayIdle, DisableCompression: true,
	}, c.relay, llm.Down), "LLM_BASE_URL")
	return out
}

// queueWithin is how long a look at the server's queue may take.
const queueWithin = 2 * time.Second

// newRelay returns the relay to a server. client is one of that server.
func newRelay(client *llm.Client, cfg llm.Config) (*relay.Relay, error) {
	server, err := url.Parse(client.Root())
	if err != nil {
		return nil, errors.New("the address of the model server is no URL (LLM_BASE_URL)") // its own text repeats the address
	}
	waiting := func(ctx context.Context) (float64, error) {
		ctx, cancel := context.WithTimeout(ctx, queueWithin)
		defer cancel()
		m, err := client.Metrics(ctx)
		switch {
		case err != nil:
			return 0, fmt.Errorf("look at the server's queue: %w", err)
		case !m.Known:
			return 0, errors.ErrUnsupported
		}
		return m.Waiting, nil
	}
	return relay.New(relay.Config{Server: server, Via: llm.Transport(cfg), Waiting: waiting, Kind: llm.DownKind}), nil
}
