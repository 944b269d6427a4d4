package bot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/leave"
	"llmbot/bot/tools"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
)

// kit are the tools of a turn's answer. Without open it has none.
type kit struct {
	*assignment

	offered []tools.Tool
	box     *leave.Box // does the calls; nil: none are offered, and none were begun
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

// open opens the box of tools for an answer. Where none are offered it does so for what an earlier
// owner has begun, if there may be any: else it does nothing. It blocks for servers that are being
// connected, if the model is asked (asks), and for the store. visible reports whether something of
// the answer is. The error ends the answer.
func (k *kit) open(stream context.Context, a *admitted, draft answer.Draft, of transcript.Of, asks bool, visible func() bool) error {
	desk := k.bot.desk
	place := tools.Place{Channel: k.thread.Channel, Direct: k.thread.Direct()}
	var offered []tools.Tool
	if k.bot.dep.Tools != nil {
		if !place.Direct {
			place.Name = k.channelName(stream)
		}
		if asks {
			k.settle(stream, draft)
		}
		offered = desk.Offer(place)
	}
	if len(offered) == 0 && !k.mayHaveRounds(stream, a) {
		return nil
	}
	asker := cmp.Or(a.redo.By, a.last().User) // who wants it anew has asked last
	box, begun, err := desk.Open(stream, leave.Answer{
		Thread: k.thread, Of: of, Epoch: k.lease.Epoch(), Place: place, Asker: asker, Author: a.last().User,
		Visible: visible, Settled: k.settled, Progress: k.lease.Progress,
	}, k.first())
	switch {
	case errors.Is(err, turn.ErrKey): // no call of such a thread can be noted
		return nil
	case err != nil:
		return fmt.Errorf("open the tools: %w", err)
	}
	k.offered, k.box, k.Begun = offered, box, begun
	if len(begun.Rounds) > 0 || len(begun.Ran) > 0 {
		k.log.InfoContext(stream, "rounds_go_on", "ask", a.last().TS, "rounds", len(begun.Rounds), "ran_before", len(begun.Ran))
	}
	return nil
}

// settle waits for servers of tools that are being connected in the first seconds of the process.
func (k *kit) settle(stream context.Context, draft answer.Draft) {
	until := k.bot.since.Add(settleTimeout)
	if !time.Now().Before(until) {
		return
	}
	ctx, cancel := context.WithDeadline(stream, until)
	defer cancel()
	soon, end := context.WithTimeout(ctx, statusAfter)
	defer end()
	k.bot.desk.Settle(soon)
	if soon.Err() == nil {
		return
	}
	draft.Set(answer.Snapshot{Status: statusConnecting, Since: k.bot.since})
	k.bot.desk.Settle(ctx)
}

// mayHaveRounds reports whether the store may have rounds of the thread, for an answer to which no
// tools are offered now. Their claim keeps a frozen owner from calling, and drops those of a turn
// that was called off; where no tools are configured, nothing is written unless there is something.
func (k *kit) mayHaveRounds(stream context.Context, a *admitted) bool {
	switch {
	case k.first():
		return false
	case k.bot.dep.Tools != nil: // a server may be lost since the turn before
		return true
	case !k.lease.Died() && !a.begun && len(k.known) > 0:
		return false
	}
	has, err := stored(stream, k.assignment, func() (bool, error) { return k.bot.records.HasRounds(stream, k.thread) })
	if err != nil {
		k.log.WarnContext(stream, "rounds_unread", "error", err)
	}
	return has
}

// close ends the question for leave that an answer leaves open, and tells whoever has allowed
// the call in vain.
func (k *kit) close(work context.Context) {
	if k.box == nil {
		return
	}
	q, late, err := k.box.Close(work)
	switch {
	case err != nil:
		k.log.WarnContext(work, "leave_not_closed", "error", err)
	case late:
		k.bot.notifier.tell(k.thread, q.Asker, fmt.Sprintf("“%s” was not run: the answer has ended without it.", q.Title))
	}
}

// forgetRounds deletes what an answer that is over has done with tools.
func (k *kit) forgetRounds(work context.Context) {
	if k.box == nil || !k.box.Wrote() {
		return
	}
	if err := k.bot.records.ForgetRounds(work, k.thread, k.lease.Epoch()); err != nil {
		k.log.WarnContext(work, "rounds_stay", "error", err)
	}
}
