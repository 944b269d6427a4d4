package bot

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"llmbot/bot/figures"
	"llmbot/bot/status"
	"llmbot/bot/tools"
	"llmbot/llm"
)

// Status reports how the model server is doing to the person who asked. It takes 2 s at most,
// whatever the server does. It tells whom the policy refuses so.
func (b *Bot) Status(ctx context.Context, c Command) status.Report {
	ctx, cancel := context.WithTimeout(ctx, status.Timeout)
	defer cancel()
	if refusal, _ := b.access.mayAsk(ctx, c); refusal != "" {
		return status.Report{Groups: []status.Group{{Lines: []string{string(refusal)}}}}
	}
	return b.report(ctx, c)
}

// report is Status for somebody who may see it.
func (b *Bot) report(ctx context.Context, c Command) status.Report {
	ctx, cancel := context.WithTimeout(ctx, status.Timeout)
	defer cancel()
	words := strings.TrimSpace(strings.TrimPrefix(strings.ToLower(strings.TrimSpace(c.Text)), "!status"))
	word, _, _ := strings.Cut(words, " ")
	if word == "help" {
		return status.Report{Groups: []status.Group{{Title: "What I can do", Lines: []string{helpText, statusHelp}}}}
	}
	var read sync.WaitGroup
	var share status.Group
	read.Go(func() { share = b.share(ctx, c) })
	r := b.status.Report(ctx, word == "details")
	if g := b.toolsGroup(word == "details"); len(g.Lines) > 0 {
		r.Groups = append(r.Groups, g)
	}
	if read.Wait(); len(share.Lines) > 0 {
		r.Groups = append(r.Groups, share)
	}
	return r
}

// statusHelp tells what the command takes.
const statusHelp = "`details` after the command shows more figures, `help` shows this."

// homeEvery is how often somebody's Home tab is refreshed at most (issue 8).
const homeEvery = time.Minute

func (b *Bot) homeOpened(ev HomeOpened) {
	if b.dep.Homes == nil || !b.notifier.due("home/"+ev.User, homeEvery) {
		return
	}
	b.notifier.jobs.add("home", func(ctx context.Context) {
		r := b.Status(ctx, Command{User: ev.User})
		if err := b.dep.Homes.Publish(ctx, ev.User, r); err != nil {
			b.log.WarnContext(ctx, "home_not_published", "user", ev.User, "error", err)
		}
	})
}

// ToolServers returns how the servers of tools are doing. It does not block.
func (b *Bot) ToolServers() []tools.ServerStatus {
	if b.dep.Tools == nil {
		return nil
	}
	return b.dep.Tools.Status()
}

// toolsGroup returns what the status says of tools. details tells why a server is not connected.
func (b *Bot) toolsGroup(details bool) (g status.Group) {
	now := time.Now()
	for _, s := range b.ToolServers() {
		line := llm.Printable(s.Name, longestServer) + ": "
		switch {
		case s.Connected:
			line += figures.Count(len(s.Tools), "tool")
		case s.Since.IsZero():
			line += "not connected yet"
		default:
			line += "not connected for " + figures.Span(now.Sub(s.Since))
		}
		line += fmt.Sprintf(", %s since the start, %s failed", figures.Count(s.Calls, "call"), figures.Thousands(s.Failures))
		if details && !s.Connected && s.Why != "" {
			line += ". " + llm.Printable(s.Why, longestWhy)
		}
		g.Lines = append(g.Lines, line)
	}
	if len(g.Lines) == 0 {
		return status.Group{}
	}
	waits := 0
	for _, t := range b.Threads() {
		if t.Phase == ThreadAsking {
			waits++
		}
	}
	if waits > 0 {
		g.Lines = append(g.Lines, figures.Count(waits, "answer")+" "+map[bool]string{true: "waits", false: "wait"}[waits == 1]+" for leave to run a tool")
	}
	g.Title = "Tools"
	return g
}

// How much of what a server of tools is called, and of why it is away, the status shows, in
// characters.
const (
	longestServer = 60
	longestWhy    = 200
)
