package leave

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/thread"
	"llmbot/bot/tools"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
	"llmbot/bot/wait"
)

const (
	// Wait is how long a person has to decide, from when they were first asked (issue 16).
	Wait = 10 * time.Minute
	// lookEvery is how often the owner of an answer asks the store for the decision.
	lookEvery = time.Second
	// storeAgain is the pause between two tries with a store that is away.
	storeAgain = 2 * time.Second
	// closeTimeout is how long a question that nobody waits for any more may take to be closed.
	closeTimeout = time.Second
	// askTimeout is how long Slack may take to show a question.
	askTimeout = time.Minute
	// visibleFor is how long a question waits until a message of the answer stands in the thread:
	// Slack shows nothing to one person alone in a thread without replies (facts/slack.md §5.9).
	visibleFor   = 10 * time.Second
	visibleEvery = 200 * time.Millisecond
)

// Words for the model in place of a result.
const (
	refusedWords = "The person who asked does not want this call: it was not made. Do not ask for it again; answer without it."
	expiredWords = "Nobody allowed this call within ten minutes: it was not made. Answer without it."
	unaskedWords = "This call needs leave, and nobody could be asked: it was not made. Answer without it."
	unnotedWords = "This call could not be noted, so it was not made. Answer without it."
)

// Answer is the answer whose calls are made.
type Answer struct {
	Thread thread.ID
	Of     transcript.Of // the turn
	Epoch  uint64        // of its lease
	Place  tools.Place
	Asker  string // who is asked for leave
	Author string // of the last question: the records have the name

	Visible  func() bool                     // reports whether a message of the answer stands in the thread
	Settled  func(ctx context.Context) error // waits until the thread is known to be ours; see turn.Lease
	Progress func()                          // reports that this process has not died of the answer so far
}

// Box does the calls of one answer. It is its answer.Toolbox, and belongs to one goroutine.
type Box struct {
	desk  *Desk
	a     Answer
	wrote bool         // the store has rounds of the answer
	ran   []answer.Ran // by earlier answers to the same question
	open  string       // id of a question that a person may still decide; empty: there is none
}

// Begun is what was done before a Box was opened.
type Begun struct {
	Rounds []answer.Round // of the same answer, by an earlier owner
	Ran    []answer.Ran   // for the same question, by an earlier answer
}

// Open returns the Box of an answer, and what was done before: first reports that the thread has had
// no turn before. It blocks for the store, until that answers or ctx ends.
func (d *Desk) Open(ctx context.Context, a Answer, first bool) (*Box, Begun, error) {
	b := &Box{desk: d, a: a, wrote: !first}
	if first {
		return b, Begun{}, nil
	}
	var begun Begun
	err := b.durably(ctx, func() (err error) {
		begun.Rounds, begun.Ran, err = d.cfg.Records.ClaimRounds(ctx, a.Thread, a.Of, a.Epoch, a.Author)
		if c, i, j := answer.Current(begun.Rounds); err == nil && c != nil && !c.Asked.IsZero() && !c.Begun {
			var q transcript.Leave // which its owner has left open, if that has come to ask
			if q, err = d.cfg.Records.Leave(ctx, a.Thread); strings.HasPrefix(q.Call, b.at(i, j)) {
				b.open = q.ID
			}
		}
		return err
	})
	b.ran = begun.Ran
	return b, begun, err
}

// ranBefore reports whether an earlier answer to the same question has begun a call of a tool.
func (b *Box) ranBefore(tool tools.Tool) bool {
	return slices.ContainsFunc(b.ran, func(c answer.Ran) bool { return c.Name == tool.Name })
}

// Close ends the question that is still open when the answer ends: nobody waits for it any more. It
// blocks for the store, until that answers or ctx ends. late reports that a person has allowed the
// call of q, which was not made.
func (b *Box) Close(ctx context.Context) (q transcript.Leave, late bool, err error) {
	if b.open == "" {
		return q, false, nil
	}
	err = b.durably(ctx, func() (err error) {
		q, err = b.desk.cfg.Records.CloseLeave(ctx, b.a.Thread, b.open, transcript.Dropped)
		return err
	})
	late = err == nil && q.ID == b.open && q.Decision == transcript.Allowed
	b.open = ""
	return q, late, err
}

// closeLeft ends at once, if the store takes it, a question that an earlier owner has left open for a
// call that is over: its tool is not there any more. Who has pressed by then is told by Close.
func (b *Box) closeLeft(ctx context.Context) {
	if b.open == "" {
		return
	}
	q, err := b.desk.cfg.Records.CloseLeave(ctx, b.a.Thread, b.open, transcript.Dropped)
	if err == nil && q.Decision != transcript.Allowed {
		b.open = ""
	}
}

// Wrote reports whether the store may have rounds of the answer.
func (b *Box) Wrote() bool { return b.wrote }

// durably does something with the store, and tries again until the store has taken it, ctx ends, or
// another try does not help.
func (b *Box) durably(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		if err := b.a.Settled(ctx); err != nil {
			return err
		}
		err := do()
		switch {
		case err == nil, errors.Is(err, turn.ErrLost), errors.Is(err, turn.ErrKey), errors.Is(err, transcript.ErrTooLarge):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case try == 1:
			b.desk.cfg.Log.WarnContext(ctx, "call_waits_for_store", "thread", b.a.Thread.String(), "error", err)
		}
		if err := wait.For(ctx, storeAgain); err != nil {
			return err
		}
	}
}

// note records the rounds, and blocks until the store has them. may reports false if it never will.
func (b *Box) note(ctx context.Context, rounds []answer.Round) (may bool, err error) {
	b.wrote = true
	err = b.durably(ctx, func() error {
		return b.desk.cfg.Records.KeepRounds(ctx, b.a.Thread, b.a.Of, b.a.Epoch, b.a.Author, rounds)
	})
	if errors.Is(err, transcript.ErrTooLarge) || errors.Is(err, turn.ErrKey) {
		b.desk.cfg.Log.WarnContext(ctx, "call_not_noted", "thread", b.a.Thread.String(), "error", err)
		return false, nil
	}
	return err == nil, err
}

// Keep records what was done, if the store takes it now.
func (b *Box) Keep(ctx context.Context, rounds []answer.Round) {
	b.wrote = true
	if err := b.desk.cfg.Records.KeepRounds(ctx, b.a.Thread, b.a.Of, b.a.Epoch, b.a.Author, rounds); err != nil {
		b.desk.cfg.Log.WarnContext(ctx, "rounds_not_kept", "thread", b.a.Thread.String(), "error", err)
	}
	b.closeLeft(ctx)
}

// Run makes a call. It notes the call first, unless the call may be made a second time: one leave is
// for one call, also of a tool that its server says only reads.
func (b *Box) Run(ctx context.Context, rounds []answer.Round, tool tools.Tool) (tools.Result, error) {
	c, _, _ := answer.Current(rounds)
	if !tool.Retries(b.a.Place) || !c.Asked.IsZero() {
		c.Begun = true
		switch may, err := b.note(ctx, rounds); {
		case err != nil:
			return tools.Result{}, err
		case !may:
			c.Begun = false
			return tools.Result{Text: unnotedWords, Failed: true}, nil
		}
	}
	c.Ran = true
	res := b.desk.cfg.Tools.Call(ctx, tools.Call{Tool: tool, Place: b.a.Place, Arguments: json.RawMessage(c.Arguments)})
	b.desk.cfg.Log.InfoContext(ctx, "tool_called", "thread", b.a.Thread.String(), "server", tool.Server, "tool", tool.Name,
		"took_ms", res.Took.Milliseconds(), "failed", res.Failed)
	if h := b.desk.cfg.Hooks.Called; h != nil {
		h(tool.Server, res.Took, res.Failed)
	}
	if ctx.Err() != nil {
		return tools.Result{}, context.Cause(ctx)
	}
	return res, nil
}

// Leave returns whether a call may be made. It blocks for the person who asked, unless its policy
// allows the call. What may change something, and has run for the same question before, needs leave
// under every policy, and so does a call for which somebody was asked before its policy changed.
func (b *Box) Leave(ctx context.Context, rounds []answer.Round, tool tools.Tool, asks func()) (bool, string, error) {
	again := b.ranBefore(tool)
	c, i, j := answer.Current(rounds)
	switch {
	case c.Asked.IsZero() && (tool.Retries(b.a.Place) || tool.Unasked(b.a.Place) && !again):
		return true, "", nil
	case b.desk.cfg.People == nil || b.a.Asker == "":
		return false, unaskedWords, nil
	}
	arguments, whole := tools.Arguments(c.Arguments)
	if !whole {
		return false, tools.Unshowable, nil
	}
	if c.Asked.IsZero() {
		c.Asked = time.Now().Round(0) // as the store gives it back
	}
	if may, err := b.note(ctx, rounds); err != nil || !may {
		return false, unnotedWords, err
	}
	title := tools.ShownName(tool.Title)
	q := transcript.Leave{
		ID: newID(), Call: b.key(tool, c, i, j), Asker: b.a.Asker, Title: title, Until: c.Asked.Add(Wait), Epoch: b.a.Epoch,
	}
	err := b.durably(ctx, func() (err error) {
		q, err = b.desk.cfg.Records.AskLeave(ctx, b.a.Thread, q)
		return err
	})
	if err != nil {
		return false, "", err
	}
	b.open = ""
	if q.Decision == transcript.Undecided {
		began := time.Now()
		b.open = q.ID
		asks()
		if q, err = b.decided(ctx, q, question(q, tool, arguments, again)); err != nil {
			return false, "", err
		}
		b.open = ""
		if h := b.desk.cfg.Hooks.Decided; h != nil {
			h(q.Decision, time.Since(began))
		}
	}
	b.desk.cfg.Log.InfoContext(ctx, "leave_decided", "thread", b.a.Thread.String(), "server", tool.Server, "tool", tool.Name, "user", b.a.Asker, "decision", string(q.Decision))
	switch q.Decision {
	case transcript.Allowed:
		return true, "", nil
	case transcript.Refused:
		return false, refusedWords, nil
	case transcript.Dropped:
		return false, unaskedWords, nil
	case transcript.Expired, transcript.Undecided:
	}
	return false, expiredWords, nil
}

// newID returns the id of a question, which no other has: 32 characters of 0-9 and a-f.
func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// key names a call: what was decided of one counts for no other one, for none of another server,
// and for no other questions: who deletes one of two has another turn under the same lease.
func (b *Box) key(tool tools.Tool, c *answer.Call, round, call int) string {
	what := sha256.Sum256([]byte(strings.Join([]string{tool.Origin, tool.Title, c.Name, c.Arguments}, "\x00")))
	return b.at(round, call) + hex.EncodeToString(what[:8])
}

// at returns what the keys of all calls begin with that may stand at a place of the turn.
func (b *Box) at(round, call int) string { return fmt.Sprintf("%+v|%d|%d|", b.a.Of, round, call) }

// decided shows a question, and returns it when it is decided or its time is over. When the answer
// is stopped or called off, nobody decides any more. When the process ends, the successor asks
// again, unless it was decided meanwhile.
func (b *Box) decided(ctx context.Context, q transcript.Leave, shown Question) (transcript.Leave, error) {
	end := transcript.Expired
	if time.Now().Before(q.Until) {
		if err := b.show(ctx, shown); err != nil {
			if ctx.Err() == nil {
				b.desk.cfg.Log.WarnContext(ctx, "leave_not_asked", "thread", b.a.Thread.String(), "user", q.Asker, "error", err)
			}
			end = transcript.Dropped
		}
	}
	for end == transcript.Expired && ctx.Err() == nil && time.Now().Before(q.Until) {
		b.a.Progress()
		now, err := b.desk.cfg.Records.Leave(ctx, b.a.Thread)
		switch {
		case err != nil: // the store is away: who decides now is asked to try again
		case now.ID != q.ID:
			return q, turn.ErrLost // another owner asks
		case now.Decision != transcript.Undecided:
			return now, nil
		}
		_ = wait.For(ctx, min(lookEvery, time.Until(q.Until)))
	}
	if cause := context.Cause(ctx); cause != nil {
		if errors.Is(cause, answer.ErrStopped) || errors.Is(cause, answer.ErrSuperseded) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
			defer cancel()
			// Best effort, so that a press finds at once that nobody waits: Close does it for sure.
			_, _ = b.desk.cfg.Records.CloseLeave(ctx, b.a.Thread, q.ID, transcript.Dropped)
		}
		return q, cause
	}
	err := b.durably(ctx, func() (err error) {
		q, err = b.desk.cfg.Records.CloseLeave(ctx, b.a.Thread, q.ID, end)
		return err
	})
	return q, err
}

// show shows a question when a message of the answer stands above it: Slack shows a message for one
// person in a thread only if that has replies.
func (b *Box) show(ctx context.Context, q Question) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	for until := time.Now().Add(visibleFor); !b.a.Visible() && time.Now().Before(until); {
		if err := wait.For(ctx, visibleEvery); err != nil {
			return err
		}
	}
	return b.desk.cfg.People.AskLeave(ctx, b.a.Thread, q)
}
