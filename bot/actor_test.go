package bot

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

// inbox is an actor whose turns do not run, of a thread in the channel C.
func inbox() *actor {
	s := newActors(nil)
	id := thread.ID{Channel: "C", TS: "1.0"}
	a := &actor{of: s, thread: id, wake: make(chan struct{}, 1)}
	s.live[id] = a
	return a
}

func question(ts, text string) *thread.Question {
	return &thread.Question{Thread: thread.ID{Channel: "C", TS: "1.0"}, TS: ts, Text: text, Mentioned: true}
}

// hears gives an actor items.
func (a *actor) hears(t *testing.T, items ...inboxItem) {
	t.Helper()
	for _, item := range items {
		if err := a.of.deliver(a.thread, item); err != nil {
			t.Fatal(err)
		}
	}
	a.read()
}

func (a *actor) texts() (out []string) {
	for _, q := range a.asks {
		out = append(out, q.TS+" "+q.Text)
	}
	return out
}

// answering has an actor answer what it was asked, and returns how its turn is called off.
func (a *actor) answering() (context.Context, *turnRun) {
	ctx, cancel := context.WithCancelCause(context.Background())
	t := &turnRun{assignment: assignment{thread: a.thread, known: a.asks}, inHand: inHand{asks: a.asks, cancel: cancel}}
	a.turn, a.asks = t, nil
	return ctx, t
}

// TestActorKeepsAsksInOrder: each once, in its newest form.
func TestActorKeepsAsksInOrder(t *testing.T) {
	edited := question("1.0", "first, edited")
	edited.Edited = "4.0"
	bare, full := question("3.0", "third"), question("3.0", "third, with a file")
	bare.FilesPending = true
	a := inbox()
	a.hears(t, inboxItem{ask: bare}, inboxItem{ask: question("1.0", "first")}, inboxItem{ask: question("2.0", "second")},
		inboxItem{ask: edited}, inboxItem{ask: question("1.0", "first")}, inboxItem{ask: full}, inboxItem{ask: bare})
	if got, want := a.texts(), []string{"1.0 first, edited", "2.0 second", "3.0 third, with a file"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	a.hears(t, inboxItem{gone: "2.0"})
	if got := len(a.asks); got != 2 {
		t.Errorf("%d asks are left when one of three was deleted", got)
	}
}

// TestActorWaitsForFiles: for the second event of a question, but not for long.
func TestActorWaitsForFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, bare := inbox(), question("1.0", "look at this")
		bare.FilesPending = true
		a.hears(t, inboxItem{ask: question("0.5", "all of it")})
		if got := a.waitForFiles(); got > 0 {
			t.Errorf("waits %v for a question that is all there", got)
		}
		a.hears(t, inboxItem{ask: bare})
		if got := a.waitForFiles(); got != filesWait {
			t.Errorf("waits %v", got)
		}
		time.Sleep(filesWait)
		if got := a.waitForFiles(); got > 0 {
			t.Errorf("waits %v more", got)
		}
	})
}

// TestAChangeCallsTheTurnOff: an edit or a deletion of what is being answered, and nothing else.
func TestAChangeCallsTheTurnOff(t *testing.T) {
	newer := question("1.0", "edited")
	newer.Edited = "3.0"
	now := func(messages ...thread.Message) inboxItem { return inboxItem{now: messages, at: "4.0"} }
	for name, tt := range map[string]struct {
		item inboxItem
		off  bool
		asks []string // for the next turn
	}{
		"the same again":           {inboxItem{ask: question("1.0", "first")}, false, nil},
		"another question":         {inboxItem{ask: question("2.0", "second")}, false, []string{"2.0 second"}},
		"edited":                   {inboxItem{ask: newer}, true, []string{"1.0 edited"}},
		"deleted":                  {inboxItem{gone: "1.0"}, true, nil},
		"another one was deleted":  {inboxItem{gone: "0.7"}, false, nil},
		"read, and nothing is new": {now(thread.Message{TS: "1.0", Text: "first"}), false, nil},
		"read, and it is edited":   {now(thread.Message{TS: "1.0", Text: "edited", Edited: "3.0"}), true, []string{"1.0 edited"}},
		"read, and it is gone":     {now(thread.Message{TS: "0.5"}), true, nil},
		"nothing could be read":    {now(), false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := inbox()
			a.hears(t, inboxItem{ask: question("1.0", "first")})
			ctx, run := a.answering()
			a.hears(t, tt.item)
			if run.isOff() != tt.off {
				t.Errorf("called off: %v", run.isOff())
			}
			if got := errors.Is(context.Cause(ctx), answer.ErrSuperseded); got != tt.off {
				t.Errorf("its context ended with %v", context.Cause(ctx))
			}
			if got := a.texts(); !slices.Equal(got, tt.asks) {
				t.Errorf("for the next turn: %q, want %q", got, tt.asks)
			}
		})
	}
}

// TestWhatATurnLeaves: what it has answered is not asked again, what it was called off for is.
func TestWhatATurnLeaves(t *testing.T) {
	lease, next := &turn.Lease{}, &turn.Lease{}
	for name, tt := range map[string]struct {
		left  report
		other bool // another lease has come meanwhile
		asks  []string
		lease *turn.Lease
	}{
		"answered all":       {report{answered: "3.0"}, false, nil, nil},
		"answered the first": {report{answered: "1.0", more: true}, false, []string{"2.0 second"}, lease},
		"was called off":     {report{more: true, asks: []thread.Question{*question("1.0", "first"), *question("2.0", "old")}}, false, []string{"1.0 first", "2.0 second"}, lease},
		"was claimed again":  {report{answered: "1.0"}, true, []string{"2.0 second"}, next},
	} {
		t.Run(name, func(t *testing.T) {
			a := inbox()
			a.lease, a.with = lease, lease
			a.answering()
			a.hears(t, inboxItem{ask: question("2.0", "second")})
			if tt.other {
				a.lease = next
			}
			a.finish(tt.left)
			if got := a.texts(); !slices.Equal(got, tt.asks) {
				t.Errorf("asks %q, want %q", got, tt.asks)
			}
			if a.lease != tt.lease {
				t.Error("holds the wrong lease")
			}
			if a.turn != nil {
				t.Error("the turn is not over")
			}
		})
	}
}

// TestInboxIsBounded: too much for one thread is refused; a lease never is.
func TestInboxIsBounded(t *testing.T) {
	a := inbox()
	for range maxInbox {
		a.hears(t, inboxItem{ask: question("1.0", "x")})
		a.behind = 0 // as if a turn had taken it
	}
	a.behind = maxInbox
	if err := a.of.deliver(a.thread, inboxItem{ask: question("2.0", "x")}); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v", err)
	}
	if err := a.of.deliver(a.thread, inboxItem{lease: &turn.Lease{}}); err != nil {
		t.Errorf("a lease: %v", err)
	}
	if a.of.remove(a) {
		t.Error("the actor leaves with an item in its inbox")
	}
	a.read()
	if !a.of.remove(a) || a.of.isLive(a.thread) {
		t.Error("the actor stays without anything to do")
	}
}

// TestWhatBecomesOfTheThread says it for each way in which an answer can end.
func TestWhatBecomesOfTheThread(t *testing.T) {
	broke := errors.New("the model broke off")
	for name, tt := range map[string]struct {
		written, shown error
		durable        bool
		want           outcome
	}{
		"complete":                             {nil, nil, true, done},
		"broke off":                            {broke, nil, true, done},
		"stopped":                              {answer.ErrStopped, nil, true, done},
		"Slack did not take it":                {nil, broke, true, done},
		"its question was changed":             {answer.ErrSuperseded, nil, true, calledOff},
		"changed while its end was shown":      {answer.ErrSuperseded, turn.ErrLost, true, calledOff},
		"another process has it":               {turn.ErrLost, nil, true, lost},
		"another one took it before its end":   {nil, turn.ErrLost, true, lost},
		"the store is away until the end":      {nil, ErrLeaseUncertain, true, released},
		"the bot stops":                        {errShutdown, nil, true, released},
		"the bot stops, and nobody comes next": {errShutdown, nil, false, done},
	} {
		if got := becomes(tt.written, tt.shown, tt.durable); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
