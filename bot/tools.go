package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/figures"
	"llmbot/bot/leave"
	"llmbot/bot/status"
	"llmbot/bot/tools"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
	"llmbot/llm"
)

// kit are the tools of one answer.
type kit struct {
	offered []tools.Tool
	box     answer.Toolbox
	leave.Begun
}

// settleTimeout is how long after its start the process waits for servers of tools that are being
// connected: a program takes some seconds (the project's own figure). Questions of that time, and
// answers that it takes over, would else be answered without them.
const settleTimeout = 20 * time.Second

// statusConnecting is what people see meanwhile, if it takes longer than statusAfter.
const (
	statusConnecting = "is connecting to its tools"
	statusAfter      = time.Second
)

// tools opens the box of tools for an answer. Where none are offered it does so for what an earlier
// owner has begun, if there may be any: else it does nothing. It blocks for servers that are being
// connected, if the model is asked, and for the store. The error ends the answer.
func (t *turnRun) tools(stream context.Context, a *admitted, s *stage, of transcript.Of, from *answer.Partial) (k kit, err error) {
	desk := t.bot.desk
	place := tools.Place{Channel: t.thread.Channel, Direct: t.thread.Direct()}
	var offered []tools.Tool
	if t.bot.dep.Tools != nil {
		if !place.Direct {
			place.Name = t.channelName(stream)
		}
		if t.asksModel(a, from) {
			t.settle(stream, s)
		}
		offered = desk.Offer(place)
	}
	if len(offered) == 0 && !t.mayHaveRounds(stream, a) {
		return kit{}, nil
	}
	asker := a.last().User
	if a.due.Redo && a.redo.By != "" { // who wants it anew has asked last
		asker = a.redo.By
	}
	box, begun, err := desk.Open(stream, leave.Answer{
		Thread: t.thread, Of: of, Epoch: t.lease.Epoch(), Place: place, Asker: asker, Author: a.last().User,
		Visible: func() bool { return len(t.messageIDs()) > 0 }, Settled: t.settled, Progress: t.lease.Progress,
	}, t.first())
	switch {
	case errors.Is(err, turn.ErrKey): // no call of such a thread can be noted
		return kit{}, nil
	case err != nil:
		return kit{}, fmt.Errorf("open the tools: %w", err)
	}
	t.box = box
	if len(begun.Rounds) > 0 || len(begun.Ran) > 0 {
		t.log.InfoContext(stream, "rounds_go_on", "ask", a.last().TS, "rounds", len(begun.Rounds), "ran_before", len(begun.Ran))
	}
	return kit{offered, box, begun}, nil
}

// settle waits for servers of tools that are being connected in the first seconds of the process.
func (t *turnRun) settle(stream context.Context, s *stage) {
	until := t.bot.since.Add(settleTimeout)
	if !time.Now().Before(until) {
		return
	}
	ctx, cancel := context.WithDeadline(stream, until)
	defer cancel()
	soon, end := context.WithTimeout(ctx, statusAfter)
	defer end()
	t.bot.desk.Settle(soon)
	if soon.Err() == nil {
		return
	}
	s.draft.Set(answer.Snapshot{Status: statusConnecting, Since: t.bot.since})
	t.bot.desk.Settle(ctx)
}

// mayHaveRounds reports whether the store may have rounds of the thread, for an answer to which no
// tools are offered now. Their claim keeps a frozen owner from calling, and drops those of a turn
// that was called off; where no tools are configured, nothing is written unless there is something.
func (t *turnRun) mayHaveRounds(stream context.Context, a *admitted) bool {
	switch {
	case t.first():
		return false
	case t.bot.dep.Tools != nil: // a server may be lost since the turn before
		return true
	case !t.lease.Died() && !a.begun && len(t.known) > 0:
		return false
	}
	has, err := stored(stream, &t.assignment, func() (bool, error) { return t.bot.records.HasRounds(stream, t.thread) })
	if err != nil {
		t.log.WarnContext(stream, "rounds_unread", "error", err)
	}
	return has
}

// closeLeave ends the question for leave that an answer leaves open, and tells whoever has allowed
// the call in vain.
func (t *turnRun) closeLeave(work context.Context) {
	if t.box == nil {
		return
	}
	q, late, err := t.box.Close(work)
	switch {
	case err != nil:
		t.log.WarnContext(work, "leave_not_closed", "error", err)
	case late:
		t.bot.jobs.add("leave", func(ctx context.Context) {
			t.bot.whisper(ctx, t.thread, q.Asker, fmt.Sprintf("“%s” was not run: the answer has ended without it.", q.Title))
		})
	}
}

// forgetRounds deletes what an answer that is over has done with tools.
func (t *turnRun) forgetRounds(work context.Context) {
	if t.box == nil || !t.box.Wrote() {
		return
	}
	if err := t.bot.records.ForgetRounds(work, t.thread, t.lease.Epoch()); err != nil {
		t.log.WarnContext(work, "rounds_stay", "error", err)
	}
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
