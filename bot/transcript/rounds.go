package transcript

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"llmbot/bot/answer"
	"llmbot/bot/thread"
	"llmbot/bot/tools"
	"llmbot/bot/turn"
)

const (
	// maxRounds is how many bytes the rounds of an answer may have in the store, which takes values up
	// to 1 MB.
	maxRounds = 768 << 10
	// leastKept is what is left of an older result when there are too many, in bytes.
	leastKept = 512
	// mostArgued is how many calls of earlier answers a thread remembers with their arguments, the
	// newest ones. Of more it remembers that a tool has run for some questions, once for each tool.
	mostArgued = 32
	// mostRan bounds that memory: three answers that call 160 different tools each, the most that
	// one can call, and so some hundred kilobytes.
	mostRan = 512
)

// ErrTooLarge reports that the rounds of an answer have outgrown their record.
var ErrTooLarge = errors.New("the rounds of the answer are too large to be kept")

// rounds is what an answer in progress has done with tools.
type rounds struct {
	Of

	Epoch  uint64         `json:"epoch"`           // of the lease that wrote it last
	Asker  string         `json:"asker,omitempty"` // of the last question; see docs/data.md
	Rounds []answer.Round `json:"rounds,omitempty"`
	Ran    []ran          `json:"ran,omitempty"` // by answers before this one
}

// ran is a call that an earlier answer to some questions has begun.
type ran struct {
	answer.Ran

	First string `json:"first"` // question that it answered
	Last  string `json:"last"`
	Asker string `json:"asker,omitempty"`
}

// For returns a function that reports whether an answer, which is to the questions from first to
// last, is to one of those from a to b.
func For(a, b turn.TS) func(first, last turn.TS) bool {
	return func(first, last turn.TS) bool { return !first.After(b) && !a.After(last) }
}

// questions returns a function that reports whether an answer is to a question of the turn.
func (o Of) questions() func(first, last turn.TS) bool { return For(turn.TS(o.First), turn.TS(o.For)) }

// is reports what is said of the questions for which c was made.
func (c ran) is(said func(first, last turn.TS) bool) bool {
	return said(turn.TS(c.First), turn.TS(c.Last))
}

// ended returns what is remembered of an answer that nobody goes on with: what it has begun.
// However many calls that are, no tool that has run for a question is forgotten for another one.
func (r rounds) ended() []ran {
	all := slices.Clone(r.Ran)
	for _, c := range answer.RanOf(r.Rounds) {
		all = append(all, ran{Ran: c, First: r.First, Last: r.For, Asker: r.Asker})
	}
	all = answer.Newest(all, mostArgued, ran.standsFor)
	all = all[max(0, len(all)-mostRan):]
	for i := range all[:max(0, len(all)-mostArgued)] {
		all[i].Arguments = ""
	}
	return all
}

// standsFor reports whether c tells that a tool has run for all questions of an older call.
func (c ran) standsFor(older ran) bool {
	return c.Name == older.Name && !turn.TS(c.First).After(turn.TS(older.First)) && !turn.TS(older.Last).After(turn.TS(c.Last))
}

// ranFor returns the calls that earlier answers to some of the same questions have begun.
func (r rounds) ranFor(of Of) (out []answer.Ran) {
	for _, c := range r.Ran {
		if c.is(of.questions()) {
			out = append(out, c.Ran)
		}
	}
	return out
}

func roundsKey(t thread.ID) string { return "tools/" + t.String() }

// ClaimRounds returns what an earlier owner of the same turn did with tools, and what answers to
// the same questions have begun before, and lets nobody of an earlier epoch write any more: what
// one did not note before, it does not do. asker is who asked the last question. It returns
// turn.ErrLost if a later one has claimed them.
func (r Records) ClaimRounds(ctx context.Context, t thread.ID, of Of, epoch uint64, asker string) (done []answer.Round, before []answer.Ran, err error) {
	err = r.change(ctx, roundsKey(t), func(old []byte) (any, error) {
		var have rounds
		_ = json.Unmarshal(old, &have) // see the promises
		if have.Epoch > epoch {
			return nil, turn.ErrLost
		}
		now := have.next(of, epoch, asker)
		done, before = now.Rounds, now.ranFor(of)
		return now, nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("claim the rounds of %s: %w", t, err)
	}
	return done, before, nil
}

// HasRounds reports whether there is anything that an answer has done with tools.
func (r Records) HasRounds(ctx context.Context, t thread.ID) (bool, error) {
	var have rounds
	err := r.read(ctx, roundsKey(t), &have)
	return len(have.Rounds) > 0 || len(have.Ran) > 0, err
}

// next returns the record as a turn finds it: with its own rounds, and what others have begun. An
// answer that did not end, and is not gone on with, was to questions that are gone.
func (r rounds) next(of Of, epoch uint64, asker string) rounds {
	if r.Of != of {
		left, taken := r.questions(), of.questions()
		r = rounds{Ran: r.ended()}.without(func(first, last turn.TS) bool { return left(first, last) && !taken(first, last) })
	}
	r.Of, r.Epoch, r.Asker = of, epoch, asker
	return r
}

// without returns the record without the arguments of the calls of some answers.
func (r rounds) without(gone func(first, last turn.TS) bool) rounds {
	r.Ran = slices.Clone(r.Ran)
	for i, c := range r.Ran {
		if c.is(gone) {
			r.Ran[i].Arguments = ""
		}
	}
	return r
}

// KeepRounds records what an answer has done with tools. Of too much it keeps less of the oldest
// results; ErrTooLarge: that does not suffice. It returns turn.ErrLost, and records nothing, if
// another epoch has this turn, or a later one the thread.
func (r Records) KeepRounds(ctx context.Context, t thread.ID, of Of, epoch uint64, asker string, done []answer.Round) error {
	err := r.change(ctx, roundsKey(t), func(old []byte) (any, error) {
		var have rounds
		_ = json.Unmarshal(old, &have)
		if have.Epoch > epoch || have.Epoch != epoch && have.Of == of {
			return nil, turn.ErrLost
		}
		now := have.next(of, epoch, asker)
		now.Rounds = done
		raw, err := encodeRounds(now)
		if err != nil {
			return nil, err
		}
		return raw, nil
	})
	if err != nil {
		return fmt.Errorf("keep the rounds of %s: %w", t, err)
	}
	return nil
}

// encodeRounds returns the record, with less of the oldest results if it would be too large.
func encodeRounds(rec rounds) (json.RawMessage, error) {
	for {
		raw, err := json.Marshal(rec)
		if err != nil || len(raw) <= maxRounds {
			return raw, err
		}
		// One that is cut twice as often as JSON needs is smaller than it has to be, and nobody minds.
		if !cutOldest(&rec, len(raw)-maxRounds) {
			return nil, ErrTooLarge
		}
	}
}

// cutOldest cuts the oldest results so that about so many bytes go, in a copy of the rounds. It
// reports false if there is nothing to cut.
func cutOldest(rec *rounds, over int) (did bool) {
	all := make([]answer.Round, len(rec.Rounds))
	for i, round := range rec.Rounds {
		round.Calls = append([]answer.Call(nil), round.Calls...)
		for j := range round.Calls {
			c := &round.Calls[j]
			if most := max(len(c.Result)-over, leastKept); over > 0 && len(c.Result) > leastKept {
				over -= len(c.Result) - most
				c.Result, did = tools.Cut(c.Result, most), true
			}
		}
		all[i] = round
	}
	rec.Rounds = all
	return did
}

// ForgetRounds drops what an answer that is over has done with tools. What it has begun stays, for
// another answer to the same question. The epoch stays: an owner of an earlier one that was frozen
// meanwhile can still note nothing, and so makes no call. It does nothing if a later epoch has the
// thread: what is there is of another answer.
func (r Records) ForgetRounds(ctx context.Context, t thread.ID, epoch uint64) error {
	err := r.change(ctx, roundsKey(t), func(old []byte) (any, error) {
		var have rounds
		if json.Unmarshal(old, &have) != nil || have.Epoch == 0 || have.Epoch > epoch {
			return nil, nil //nolint:nilerr // nothing of ours: there is nothing to forget
		}
		return rounds{Epoch: have.Epoch, Ran: have.ended()}, nil
	})
	if err != nil {
		return fmt.Errorf("drop the rounds of %s: %w", t, err)
	}
	return nil
}

// DropArguments forgets what the calls of some answers were given: gone reports whether one to the
// questions from first to last is gone, or its questions are. Which tools have run stays. Of an
// answer under way the rounds go, too, unless a later epoch has them. gone must be pure.
func (r Records) DropArguments(ctx context.Context, t thread.ID, epoch uint64, gone func(first, last turn.TS) bool) error {
	err := r.change(ctx, roundsKey(t), func(old []byte) (any, error) {
		var have rounds
		if json.Unmarshal(old, &have) != nil || have.Epoch == 0 {
			return nil, nil //nolint:nilerr // nothing of ours: there is nothing to forget
		}
		if have.For != "" && have.Epoch <= epoch && gone(turn.TS(have.First), turn.TS(have.For)) {
			return rounds{Epoch: have.Epoch, Ran: have.ended()}.without(gone), nil
		}
		if !slices.ContainsFunc(have.Ran, func(c ran) bool { return c.Arguments != "" && c.is(gone) }) {
			return nil, nil
		}
		return have.without(gone), nil
	})
	if err != nil {
		return fmt.Errorf("drop the arguments of calls in %s: %w", t, err)
	}
	return nil
}

// change does one read-modify-write of a record. fn is pure; a nil value keeps the record.
func (r Records) change(ctx context.Context, key string, fn func(old []byte) (any, error)) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return r.Store.Update(ctx, key, func(old []byte) ([]byte, error) {
		v, err := fn(old)
		switch {
		case err != nil:
			return nil, err
		case v == nil:
			return nil, turn.ErrKeep
		}
		return json.Marshal(v)
	})
}
