package bot

import (
	"context"
	"fmt"
	"time"

	"llmbot/bot/figures"
	"llmbot/bot/status"
	"llmbot/bot/tools"
	"llmbot/llm"
)

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

// decided takes the press of a button of a question for leave.
func (b *Bot) decided(ctx context.Context, ev LeavePressed) error {
	ctx, cancel := context.WithTimeout(ctx, pressDeadline)
	defer cancel()
	if ok, _ := b.allowed(ctx, ev.Thread, ev.User, nil); !ok {
		return nil
	}
	var sentence string
	over := false
	record, err := b.coordinator.Record(ctx, ev.Thread.String())
	if err == nil {
		sentence, over, err = b.desk.Decide(ctx, ev.Press, !record.Owed() || record.Stopped())
	}
	if err != nil {
		b.log.WarnContext(ctx, "press_not_noted", "thread", ev.Thread.String(), "error", err)
		return ErrNotDurable
	}
	if !over || ev.Reply == "" || b.dep.Leaves == nil {
		b.tell(ev.Thread, ev.User, sentence)
		return nil
	}
	b.jobs.add("leave", func(ctx context.Context) {
		if err := b.dep.Leaves.TellLeave(ctx, ev.Reply, sentence); err != nil {
			b.log.WarnContext(ctx, "leave_not_told", "thread", ev.Thread.String(), "user", ev.User, "error", err)
			b.whisper(ctx, ev.Thread, ev.User, sentence)
		}
	})
	return nil
}
