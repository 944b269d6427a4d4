package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"llmbot/bot/ops"
	"llmbot/bot/slackio"
	"llmbot/llm/egress"
)

const (
	// pageTimeout is for a page of a bot on this machine: /readyz may wait 4 s for store and model
	// server.
	pageTimeout = 5 * time.Second
	pageBytes   = 4 << 20
)

// runningBot is what is known of a bot that answers on OPS_ADDR.
type runningBot struct {
	found    bool
	health   ops.Health
	asked    bool // events have come to it
	commands bool
}

// running looks whether a bot runs on OPS_ADDR.
func (c *checker) running(ctx context.Context) runningBot {
	const check = "this machine"
	root, known := opsRoot(c.cfg.OpsAddr)
	if !known {
		c.ok(check, "OPS_ADDR is %s: whether a bot runs here already is not known", c.cfg.OpsAddr)
		return runningBot{}
	}
	client := opsClient()
	body, err := page(ctx, client, root+"/readyz?format=json")
	if err != nil {
		l, err := ops.Listen(ctx, c.cfg.OpsAddr, slog.New(slog.DiscardHandler))
		if err != nil {
			c.failed(check, err, "")
			return runningBot{}
		}
		_ = l.Close()
		c.ok(check, "no bot runs here; %s (OPS_ADDR) is free", c.cfg.OpsAddr)
		return runningBot{}
	}
	var h *ops.Health
	if json.Unmarshal(body, &h) != nil || h == nil || h.Store == "" {
		c.fail(check, fmt.Sprintf("another program answers on %s (OPS_ADDR)", c.cfg.OpsAddr), "Set OPS_ADDR to another address (127.0.0.1:9465), or to off.")
		return runningBot{}
	}
	r := runningBot{found: true, health: *h}
	if !h.Ready {
		c.warn(check, "a bot runs here and is not ready: "+h.Why, "See http://"+c.cfg.OpsAddr+"/readyz and its log.")
	} else {
		c.ok(check, "a bot runs here and is ready (%s)", h.Version)
	}
	if metrics, err := page(ctx, client, root+"/metrics"); err == nil {
		r.asked = came(metrics, slackio.EventAsked)
		r.commands = came(metrics, slackio.EventCommand)
	}
	return r
}

// opsRoot returns where the pages of OPS_ADDR are on this machine; not known: there are none, or
// the port is any free one.
func opsRoot(addr string) (string, bool) {
	host, port, err := net.SplitHostPort(addr)
	if addr == "" || addr == opsOff || err != nil || port == "0" {
		return "", false
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port), true
}

// opsClient asks the bot's pages. There is no proxy: the bot is on this machine.
func opsClient() *http.Client {
	client := egress.New(&http.Transport{DisableKeepAlives: true}, "OPS_ADDR")
	client.Timeout = pageTimeout
	return client
}

// checkLive returns an error if the bot on OPS_ADDR does not answer: it is stuck, or none runs. It
// returns nil if there are no pages to ask.
func checkLive(ctx context.Context, client *http.Client, addr string) error {
	root, known := opsRoot(addr)
	if !known {
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, root+"/livez", nil)
	if err != nil {
		return fmt.Errorf("ask %s (OPS_ADDR): %w", addr, err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask %s (OPS_ADDR): %w", addr, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s/livez (OPS_ADDR) answers %s", root, resp.Status)
	}
	return nil
}

// came reports whether a kind of event has come to the bot whose metrics these are.
func came(metrics []byte, kind string) bool {
	want := fmt.Sprintf("llmbot_events_total{kind=%q,outcome=%q} ", kind, slackio.OutcomeHandled)
	for line := range strings.Lines(string(metrics)) {
		if n, ok := strings.CutPrefix(line, want); ok && strings.TrimSpace(n) != "0" {
			return true
		}
	}
	return false
}

// page gets a page, whatever its status.
func page(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", address, err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", address, err)
	}
	defer resp.Body.Close()
	return io.ReadAll(io.LimitReader(resp.Body, pageBytes))
}
