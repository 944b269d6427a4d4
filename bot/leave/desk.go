package leave

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"llmbot/bot/thread"
	"llmbot/bot/tools"
	"llmbot/bot/transcript"
)

// Tools are the tools of a process.
type Tools interface {
	// Offer returns the tools that the model may be offered at a place. It does not block.
	Offer(p tools.Place) []tools.Tool
	// Call makes one call, and blocks until it is over, its time is, or ctx ends.
	Call(ctx context.Context, c tools.Call) tools.Result
	// Settle blocks until each server of tools is connected, or has failed twice, or ctx ends.
	Settle(ctx context.Context)
}

// People are asked for leave.
type People interface {
	// AskLeave shows a question with two buttons to one person alone, in a thread. It blocks for the
	// network.
	AskLeave(ctx context.Context, t thread.ID, q Question) error
	// TellLeave puts a sentence in the place of the question whose button was pressed. reply is what
	// came with the press.
	TellLeave(ctx context.Context, reply, sentence string) error
}

// Hooks report what happens. Each may be nil, must not block, and is called from any goroutine.
type Hooks struct {
	// Called reports that a call of a tool is over.
	Called func(server string, took time.Duration, failed bool)
	// Decided reports what became of a question, and how long the answer waited for it.
	Decided func(d transcript.Decision, waited time.Duration)
}

// Config is what a Desk needs of others.
type Config struct {
	Records transcript.Records
	Tools   Tools  // nil: there are none
	People  People // nil: nobody can be asked, so what needs leave is not made
	Log     *slog.Logger
	Hooks   Hooks
}

// Desk asks people, and takes what they decide. Its methods are safe for concurrent use.
type Desk struct{ cfg Config }

// New returns a Desk.
func New(cfg Config) *Desk { return &Desk{cfg} }

// Offer returns the tools that the model may be offered at a place.
func (d *Desk) Offer(p tools.Place) []tools.Tool {
	if d.cfg.Tools == nil {
		return nil
	}
	return d.cfg.Tools.Offer(p)
}

// Settle blocks until it is known which tools there are, or ctx ends.
func (d *Desk) Settle(ctx context.Context) {
	if d.cfg.Tools != nil {
		d.cfg.Tools.Settle(ctx)
	}
}

// Press is the press of one of the two buttons.
type Press struct {
	Thread thread.ID
	ID     string // of the question
	User   string // who pressed
	TS     string // of the press
	Run    bool
}

// Decide records what somebody has decided, and returns what they are told. ended reports that the
// answer has ended, so that nobody makes the call. over reports that the question is over, so that
// its buttons may go. After an error nothing is known, and the same press may come again.
func (d *Desk) Decide(ctx context.Context, p Press, ended bool) (sentence string, over bool, err error) {
	if ended {
		if _, err := d.cfg.Records.CloseLeave(ctx, p.Thread, p.ID, transcript.Dropped); err != nil {
			return "", false, fmt.Errorf("close a question of an answer that has ended: %w", err)
		}
	}
	decision := transcript.Refused
	if p.Run {
		decision = transcript.Allowed
	}
	q, err := d.cfg.Records.DecideLeave(ctx, p.Thread, p.ID, p.User, p.TS, decision, time.Now())
	d.cfg.Log.InfoContext(ctx, "leave_pressed", "thread", p.Thread.String(), "user", p.User, "run", p.Run, "decision", string(q.Decision), "error", err)
	switch {
	case errors.Is(err, transcript.ErrNotHis):
		return notHis, false, nil
	case errors.Is(err, transcript.ErrStale):
		return stale(q, p.ID), true, nil
	case err != nil:
		return "", false, err
	case p.Run:
		return fmt.Sprintf("You allowed “%s”: it runs now.", q.Title), true, nil
	}
	return fmt.Sprintf("“%s” is not run.", q.Title), true, nil
}

// isOver tells whoever presses a button of a question that nobody asks any more.
const isOver = "This question is over: nothing waits for it any more."

// Sentences for people whose press decides nothing.
const (
	notHis     = "Only the person who asked me can decide that."
	before     = "This was decided before: "
	wasAllowed = "“%s” was allowed."
	wasRefused = "“%s” was not run."
	wasLate    = "Nobody decided within ten minutes, so “%s” was not run."
	wasDropped = "The answer had ended before: “%s” was not run."
)

// stale returns what became of a question that a press comes too late for. id is that of the
// button.
func stale(q transcript.Leave, id string) string {
	if q.ID != id {
		return isOver
	}
	switch q.Decision {
	case transcript.Allowed:
		return before + fmt.Sprintf(wasAllowed, q.Title)
	case transcript.Refused:
		return before + fmt.Sprintf(wasRefused, q.Title)
	case transcript.Dropped:
		return fmt.Sprintf(wasDropped, q.Title)
	case transcript.Expired, transcript.Undecided: // its time is over, and its owner has not noted that yet
	}
	return fmt.Sprintf(wasLate, q.Title)
}
