package transcript

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

// Decision is what became of a question for leave.
type Decision string

// The decisions.
const (
	Undecided Decision = ""
	Allowed   Decision = "allowed"
	Refused   Decision = "refused"
	Expired   Decision = "expired" // nobody decided in time
	Dropped   Decision = "dropped" // its answer ended before
)

// Leave is the question whether one call of a tool may be made, and its answer. A thread has one,
// of the call in hand. It is kept after that, for who presses a button late.
type Leave struct {
	ID    string    `json:"id"`    // of this asking: the buttons have it
	Call  string    `json:"call"`  // the call, in its turn
	Asker string    `json:"asker"` // who alone may decide
	Title string    `json:"title"` // of the tool
	Until time.Time `json:"until"` // no decision until then means no
	Epoch uint64    `json:"epoch"` // of the lease that asks

	Decision Decision `json:"decision,omitempty"`
	Press    string   `json:"press,omitempty"` // ts of the press that decided
}

// Why a press decides nothing.
var (
	ErrStale  = errors.New("nobody asks this any more")
	ErrNotHis = errors.New("somebody else was asked")
)

func leaveKey(t thread.ID) string { return "leave/" + t.String() }

// AskLeave records a question in place of the one before, and returns it. If the same call was
// decided when an earlier owner asked, it returns that question, with its decision. It returns
// turn.ErrLost if a later owner has asked.
func (r Records) AskLeave(ctx context.Context, t thread.ID, q Leave) (Leave, error) {
	now := q
	err := r.change(ctx, leaveKey(t), func(old []byte) (any, error) {
		have := decodeLeave(old)
		switch {
		case have.Epoch > q.Epoch:
			return nil, turn.ErrLost
		case have.Call == q.Call && (have.Decision == Allowed || have.Decision == Refused):
			now = have
			return nil, nil
		}
		now = q
		return q, nil
	})
	if err != nil {
		return Leave{}, fmt.Errorf("ask for leave in %s: %w", t, err)
	}
	return now, nil
}

// Leave returns the newest question of a thread; the zero Leave if there was none.
func (r Records) Leave(ctx context.Context, t thread.ID) (Leave, error) {
	var q Leave
	err := r.read(ctx, leaveKey(t), &q)
	return q, err
}

// DecideLeave records what somebody decided by a press, of the question id, and returns the
// question. The same press may come again. An error is ErrStale or ErrNotHis if the press decides
// nothing; the question is the newest one then.
func (r Records) DecideLeave(ctx context.Context, t thread.ID, id, user, press string, d Decision, now time.Time) (Leave, error) {
	var q Leave
	var no error
	err := r.change(ctx, leaveKey(t), func(old []byte) (any, error) {
		q, no = decodeLeave(old), nil
		switch {
		case q.ID != id || id == "":
			no = ErrStale
		case q.Asker != user:
			no = ErrNotHis
		case q.Decision == d && q.Press == press:
		case q.Decision != Undecided || !now.Before(q.Until):
			no = ErrStale
		default:
			q.Decision, q.Press = d, press
			return q, nil
		}
		return nil, nil
	})
	if err != nil {
		return Leave{}, fmt.Errorf("decide in %s: %w", t, err)
	}
	return q, no
}

// CloseLeave records that a question got no answer, unless it was decided, and returns it.
func (r Records) CloseLeave(ctx context.Context, t thread.ID, id string, d Decision) (Leave, error) {
	var q Leave
	err := r.change(ctx, leaveKey(t), func(old []byte) (any, error) {
		if q = decodeLeave(old); q.ID != id || q.Decision != Undecided {
			return nil, nil
		}
		q.Decision = d
		return q, nil
	})
	if err != nil {
		return Leave{}, fmt.Errorf("close a question in %s: %w", t, err)
	}
	return q, nil
}

// decodeLeave returns a record; the zero Leave if there is none that can be read.
func decodeLeave(old []byte) (q Leave) {
	if json.Unmarshal(old, &q) != nil {
		return Leave{}
	}
	return q
}
