// Package quota counts the answers and the tokens of people and of channels, and reports who has
// used up their share, and until when.
//
// # Promises
//
//   - A minute is a rolling 60 s, and a day a rolling 24 h. In no such minute do more answers begin
//     than the limit allows, and no answer begins when the tokens of the last 24 h have reached
//     their limit. Times are kept to minuteStep and dayStep: what was used is free again at most so
//     much later.
//   - Answers are counted exactly, when they begin, whatever the number of processes: each count is
//     one atomic write. Tokens are counted when a request to the model is over, so an answer that
//     has begun is finished, and may exceed the limit.
//   - An answer that another process goes on with is the same answer: it is neither counted again
//     nor refused (see [Ledger.Begin]).
//   - Each account has one small record, of at most maxOpen open answers. The next write drops what
//     no longer counts, and deletes a record in which nothing is left. The store forgets the
//     records of accounts that nobody uses any more.
//   - What has no limit is not counted and costs no write.
//
// Every error of the store is returned, and no answer is refused because of one: the caller decides
// how long it waits.
package quota

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"llmbot/bot/turn"
)

// Limits is what an account may use; 0: no limit.
type Limits struct {
	AnswersPerMinute int
	TokensPerDay     int // as the model server counts them: prompt and answer
}

// None reports whether there is no limit at all.
func (l Limits) None() bool { return l == Limits{} }

// Limit is one of the two, in the word of the configuration.
type Limit string

// The limits.
const (
	AnswersPerMinute Limit = "answers_per_minute"
	TokensPerDay     Limit = "tokens_per_day" //nolint:gosec // tokens of a model, no secret
)

// Account is a person or a channel whose use is counted.
type Account struct {
	Of     Of
	ID     string // Slack's
	Limits Limits
}

// Of is the kind of an account.
type Of string

// The kinds of accounts.
const (
	Person  Of = "person"
	Channel Of = "channel"
)

// key returns the account's key in the store, outside of every prefix that is watched.
func (a Account) key() string { return "quota/" + string(a.Of) + "/" + a.ID }

// Over reports that an account has used up its share; the zero Over: none has.
type Over struct {
	Account Account
	Limit   Limit
	Until   time.Time // then there is room again, if nothing more is used meanwhile
}

// Use is what an account has used of what is counted.
type Use struct{ Answers, Tokens int }

// Ledger keeps the accounts.
type Ledger struct{ Store turn.Store }

// Begin counts an answer in all accounts, or in none if one of them has used up its share: then it
// returns which one. work names the thread in which the answer is written. takeover says that the
// caller may go on with what an earlier owner has begun there: an answer that was begun in work and
// has not ended goes on, whatever the limits say.
func (l Ledger) Begin(ctx context.Context, work string, takeover bool, accounts ...Account) (Over, error) {
	var (
		errs    []error
		counted []Account
	)
	for _, a := range accounts {
		var (
			over  Over
			again bool
		)
		err := l.update(ctx, a, func(r *record, now time.Time) bool {
			over, again = r.begin(work, takeover, a, now)
			return over.Limit == ""
		})
		errs = append(errs, err)
		switch {
		case err != nil:
		case over.Limit != "":
			errs = append(errs, l.each(ctx, counted, func(_ Account, r *record, _ time.Time) bool { return r.undo(work) }))
			return over, errors.Join(errs...)
		case !again:
			counted = append(counted, a)
		}
	}
	return Over{}, errors.Join(errs...)
}

// End records that the answer in work has ended: the next one there is another one.
func (l Ledger) End(ctx context.Context, work string, accounts ...Account) error {
	return l.each(ctx, accounts, func(_ Account, r *record, _ time.Time) bool {
		_, open := r.Open[work]
		delete(r.Open, work)
		return open
	})
}

// Spend counts tokens in the accounts that have a limit of them.
func (l Ledger) Spend(ctx context.Context, tokens int, accounts ...Account) error {
	return l.each(ctx, accounts, func(a Account, r *record, now time.Time) bool {
		if a.Limits.TokensPerDay == 0 || tokens <= 0 {
			return false
		}
		r.Tokens = day().add(r.Tokens, now, tokens)
		return true
	})
}

// Spent returns the account that has used up its tokens, the longest; the zero Over: none has.
func (l Ledger) Spent(ctx context.Context, accounts ...Account) (over Over, err error) {
	err = l.each(ctx, accounts, func(a Account, r *record, now time.Time) bool {
		a.Limits.AnswersPerMinute = 0
		if found := r.over(a, now); found.Until.After(over.Until) {
			over = found
		}
		return false
	})
	return over, err
}

// Used returns what an account has used until now.
func (l Ledger) Used(ctx context.Context, a Account) (use Use, err error) {
	err = l.update(ctx, a, func(r *record, _ time.Time) bool {
		use = Use{Answers: sum(r.Answers), Tokens: sum(r.Tokens)}
		return false
	})
	return use, err
}

func (l Ledger) each(ctx context.Context, accounts []Account, fn func(Account, *record, time.Time) bool) error {
	var errs []error
	for _, a := range accounts {
		errs = append(errs, l.update(ctx, a, func(r *record, now time.Time) bool { return fn(a, r, now) }))
	}
	return errors.Join(errs...)
}

// update changes one record; fn reports whether it did. update replaces a record that cannot be
// read by an empty one.
func (l Ledger) update(ctx context.Context, a Account, fn func(r *record, now time.Time) (changed bool)) error {
	err := l.Store.Update(ctx, a.key(), func(old []byte) ([]byte, error) {
		var r record
		if json.Unmarshal(old, &r) != nil {
			r = record{}
		}
		now := time.Now()
		r.drop(now)
		if !fn(&r, now) {
			return nil, turn.ErrKeep
		}
		if r.empty() {
			return nil, nil
		}
		return json.Marshal(r)
	})
	if err != nil {
		return fmt.Errorf("count in %s: %w", a.key(), err)
	}
	return nil
}

const (
	maxOpen = 200 // answers of one account that have not ended; the oldest of more are forgotten
	// openFor is after how long an answer that was begun counts as ended. A server that is away is
	// waited for half as long.
	openFor = time.Hour
)

// record is what is kept of an account.
type record struct {
	Answers []tally `json:"answers,omitempty"`
	Tokens  []tally `json:"tokens,omitempty"`
	// Open has when each answer was begun that has not ended, in Unix milliseconds.
	Open map[string]int64 `json:"open,omitempty"`
}

// drop forgets what does not count any more.
func (r *record) drop(now time.Time) {
	r.Answers, r.Tokens = minute().drop(r.Answers, now), day().drop(r.Tokens, now)
	maps.DeleteFunc(r.Open, func(_ string, at int64) bool { return now.Sub(time.UnixMilli(at)) >= openFor })
}

func (r *record) empty() bool { return len(r.Answers)+len(r.Tokens)+len(r.Open) == 0 }

// begin counts an answer, unless the account has used up its share. again reports that the answer
// goes on, and was counted before.
func (r *record) begin(work string, takeover bool, a Account, now time.Time) (_ Over, again bool) {
	_, open := r.Open[work]
	if again = open && takeover; !again {
		if over := r.over(a, now); over.Limit != "" {
			return over, false
		}
		if a.Limits.AnswersPerMinute > 0 {
			r.Answers = minute().add(r.Answers, now, 1)
		}
	}
	if r.Open == nil {
		r.Open = map[string]int64{}
	}
	r.Open[work] = now.UnixMilli()
	for len(r.Open) > maxOpen {
		delete(r.Open, slices.MinFunc(slices.Collect(maps.Keys(r.Open)), func(a, b string) int {
			return cmp.Or(cmp.Compare(r.Open[a], r.Open[b]), cmp.Compare(a, b))
		}))
	}
	return Over{}, again
}

// undo takes back what begin has just counted.
func (r *record) undo(work string) bool {
	delete(r.Open, work)
	if last := len(r.Answers) - 1; last >= 0 {
		if r.Answers[last][1]--; r.Answers[last][1] <= 0 {
			r.Answers = r.Answers[:last]
		}
	}
	return true
}

// over returns the limit that is reached, of both the one that lasts longer.
func (r *record) over(a Account, now time.Time) (over Over) {
	for _, c := range []struct {
		limit Limit
		most  int
		used  []tally
		w     window
	}{
		{AnswersPerMinute, a.Limits.AnswersPerMinute, r.Answers, minute()},
		{TokensPerDay, a.Limits.TokensPerDay, r.Tokens, day()},
	} {
		if c.most <= 0 || sum(c.used) < c.most {
			continue
		}
		if until := c.w.until(c.used, c.most); until.After(now) && until.After(over.Until) {
			over = Over{Account: a, Limit: c.limit, Until: until}
		}
	}
	return over
}
