package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"llmbot/bot/tools"
	"llmbot/llm"
)

// toolServers connects to the servers of the tools file, and lists each with its tools.
func (c *checker) toolServers(ctx context.Context) {
	servers, err := newTools(c.cfg, slog.New(slog.DiscardHandler), tools.Hooks{})
	if err != nil {
		c.failed("tools", err, "Correct BOT_TOOLS_FILE.")
		return
	}
	if servers == nil {
		return
	}
	running, end := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- servers.Run(running) }()
	servers.Settle(ctx)
	all := servers.Status()
	end()
	if err := <-ended; err != nil {
		c.failed("tools", err, "Look at the log.")
	}
	if len(all) == 0 {
		c.warn("tools", "BOT_TOOLS_FILE has no server", "Add one (docs/tools.md), or unset BOT_TOOLS_FILE.")
		return
	}
	var offered []tools.Tool
	for _, s := range all {
		offered = append(offered, c.toolServer(s)...)
	}
	c.definitions(ctx, offered)
}

// toolServer lists one server, and returns its tools.
func (c *checker) toolServer(s tools.ServerStatus) (offered []tools.Tool) {
	check := "tools " + s.Name
	if !s.Connected {
		hint := s.Hint
		if hint == "" {
			hint = "Does it run, and is it reached from here? LOG_LEVEL=debug has what a program writes to its standard error."
		}
		if s.Why == "" {
			s.Why = "it did not answer in time"
		}
		if s.Said != "" {
			s.Why += "; it wrote: " + s.Said
		}
		c.fail(check, fmt.Sprintf("%s: %s", s.Transport, s.Why), hint)
		return nil
	}
	where := strings.Join(s.Channels, ", ")
	if where == "*" {
		where = "everywhere"
	}
	c.ok(check, "%s, protocol %s, offered: %s, a call may take %s", s.Transport, s.Protocol, where, s.Timeout)
	for _, t := range s.Tools {
		reads := ""
		if t.ReadOnly {
			reads = ", only reads, says its server"
		}
		c.ok(check, "%s (%s): %s%s, %d bytes", t.Title, t.Name, meaning(t.Policy), reads, t.Bytes)
		offered = append(offered, t.Tool)
	}
	if len(s.Off) > 0 {
		c.ok(check, "off: %s", strings.Join(s.Off, ", "))
	}
	for _, trouble := range s.Troubles {
		next := "Correct it in BOT_TOOLS_FILE, or at the server."
		if strings.HasPrefix(trouble, "the file has a policy for") { // what was meant to be off may be on
			c.fail(check, trouble, "Is the name right? The list above has those that there are; take the policy out if the tool is gone.")
			continue
		}
		c.warn(check, trouble, next)
	}
	return offered
}

// meaning returns a policy in words.
func meaning(p tools.Policy) string {
	switch p {
	case tools.PolicyEverywhere:
		return "everywhere, never asks"
	case tools.PolicyDM:
		return "dm, unasked in direct messages, asks elsewhere"
	case tools.PolicyAsk:
		return "ask, asks before each call"
	}
	return string(p)
}

// definitions looks at the size of all definitions together.
func (c *checker) definitions(ctx context.Context, offered []tools.Tool) {
	if len(offered) == 0 {
		return
	}
	window := 0
	cfg := c.cfg.modelConfig(nil)
	cfg.HTTP = c.http
	if client, err := llm.New(cfg); err == nil {
		if m, err := client.Model(ctx, ""); err == nil {
			window = m.MaxModelLen
		}
	}
	w := weightOf(offered, window)
	text := fmt.Sprintf("%s, whose definitions take about %d tokens of each request", counted(w.tools, "tool"), w.tokens)
	if window > 0 {
		text += fmt.Sprintf(", %.1f %% of the window", 100*float64(w.tokens)/float64(window))
	}
	if w.heavy() {
		c.warn("tools", text, fewerTools)
		return
	}
	c.ok("tools", "%s", text)
}
