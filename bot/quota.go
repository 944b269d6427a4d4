package bot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/figures"
	"llmbot/bot/quota"
	"llmbot/bot/status"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

// errOverQuota ends an answer before it has begun: somebody has had their share.
var errOverQuota = errors.New("a quota is used up")

// tellAgain is how often somebody is told at most that they have had their share, while what they
// were told holds.
const tellAgain = time.Minute

// payer returns for whom an answer is written: whose slot it takes, and whose quota. Of several
// people whose questions are answered together it is who asked first; of an answer that somebody
// wants anew, or to go on, whoever wants it.
func (p plan) payer(asks []thread.Question) string { return cmp.Or(p.redo.By, asks[0].User) }

// accounts returns those in which a person's answer is counted.
func (b *Bot) accounts(person, channel string, shared quota.Limits) (all []quota.Account) {
	if !b.cfg.Quota.None() && person != "" {
		all = append(all, quota.Account{Of: quota.Person, ID: person, Limits: b.cfg.Quota})
	}
	if !shared.None() && channel != "" {
		all = append(all, quota.Account{Of: quota.Channel, ID: channel, Limits: shared})
	}
	return all
}

// tab counts the answer of a turn in accounts. If the store is away, that is logged, and nothing is
// counted.
type tab struct {
	*assignment

	person   string          // for whom the answer is, see payer
	accounts []quota.Account // none: it is not counted
}

// afford counts the answer that is about to begin. Whose person has had their share is told so, and
// their questions have no answer. If none is left and something of an answer is visible, all stay,
// and refused says why: that answer is to be ended. What was begun by an owner before goes on
// without being counted. The store being away refuses nobody.
func (b *tab) afford(ctx context.Context, a *admitted) {
	for asked := a.asks; len(a.asks) > 0; {
		b.person = a.payer(a.asks)
		b.accounts = b.bot.accounts(b.person, b.thread.Channel, a.set.Quota)
		if a.begun {
			return
		}
		over := b.begin(ctx)
		if over.Limit == "" {
			return
		}
		left := make([]thread.Question, 0, len(a.asks))
		for _, q := range a.asks {
			if q.User != b.person && b.person != a.redo.By {
				left = append(left, q)
			}
		}
		if len(left) == 0 && (len(b.lease.Messages()) > 0 || !a.due.Redo && len(a.due.Adopt) > 0) {
			a.refused = over
			return
		}
		if where, sentence := b.over(ctx, a, asked, over); sentence != "" {
			b.bot.notifier.tell(where, b.person, sentence) // it counts as told: an edit that calls the turn off must not end it
		}
		a.asks = left
	}
}

// refuse ends an answer that may not be written. What is visible of it, if anything is, stays and
// says why; else the person alone is told.
func (b *tab) refuse(ctx context.Context, w *answer.Writer, a *admitted, over quota.Over, visible bool) answer.Outcome {
	fallback, kept := w.Fallback()
	where, sentence := b.over(ctx, a, a.asks, over)
	out := answer.Outcome{Err: errOverQuota, Kept: kept, Answer: fallback}
	switch {
	case kept:
	case visible:
		out.Answer = broken(fallback.Text, overSentence(over, time.Now()))
		return out
	default:
		out.Answer = answer.Snapshot{Phase: answer.Removed}
	}
	if sentence != "" {
		b.bot.notifier.tell(where, b.person, sentence) // a slot may be held: nobody waits for Slack
	}
	return out
}

// over notes that somebody has had their share, and returns what they are to be told, and
// where; nothing: they have just been told.
func (b *tab) over(ctx context.Context, a *admitted, asked []thread.Question, over quota.Over) (where thread.ID, sentence string) {
	now := time.Now()
	b.log.InfoContext(ctx, "quota_reached", "user", b.person,
		"of", string(over.Account.Of), "limit", string(over.Limit), "until", over.Until)
	if h := b.bot.dep.Hooks.OverQuota; h != nil {
		h(over)
	}
	if b.person == "" || !b.bot.notifier.due("quota/"+b.person+" "+string(over.Account.Of)+" "+over.Account.ID, min(over.Until.Sub(now), tellAgain)) {
		return where, ""
	}
	where = b.thread
	if len(a.messages) <= 1 && len(asked) > 0 && asked[0].Opens() {
		where.TS = "" // there is no thread yet in which it could be seen
	}
	return where, overSentence(over, now)
}

// begin counts the answer that is about to begin, unless that would be too many: then it returns
// why.
func (b *tab) begin(ctx context.Context) quota.Over {
	if len(b.accounts) == 0 {
		return quota.Over{}
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	over, err := b.bot.ledger.Begin(ctx, b.thread.String(), b.heir, b.accounts...)
	if err != nil {
		b.log.WarnContext(ctx, "answer_not_counted", "user", b.person, "error", err)
	}
	return over
}

// spent returns what was used up while the answer waited for its slot; zero: nothing. begun reports
// that the answer goes on, whatever was used.
func (b *tab) spent(ctx context.Context, begun bool) quota.Over {
	if begun || len(b.accounts) == 0 {
		return quota.Over{}
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	over, err := b.bot.ledger.Spent(ctx, b.accounts...)
	if err != nil {
		b.log.WarnContext(ctx, "quota_unread", "user", b.person, "error", err)
	}
	return over
}

// spend counts the tokens of a request that is over. The answer still has its slot: whoever gets
// that next finds them counted.
func (b *tab) spend(work context.Context, tokens int) {
	if tokens > 0 {
		b.write(work, "tokens", func(ctx context.Context) error { return b.bot.ledger.Spend(ctx, tokens, b.accounts...) })
	}
}

// settle notes that the answer that was counted has ended.
func (b *tab) settle(work context.Context) {
	b.write(work, "end", func(ctx context.Context) error { return b.bot.ledger.End(ctx, b.thread.String(), b.accounts...) })
}

// write writes into the accounts. It blocks for storeTimeout at most.
func (b *tab) write(work context.Context, what string, do func(context.Context) error) {
	if len(b.accounts) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(work, storeTimeout)
	defer cancel()
	if err := do(ctx); err != nil && !errors.Is(err, turn.ErrClosed) {
		b.log.WarnContext(ctx, "quota_not_written", "what", what, "user", b.person, "error", err)
	}
}

// overSentence returns what people are told when somebody has had their share, and until when that
// holds.
func overSentence(over quota.Over, now time.Time) string {
	who, have, its := channelWords(over.Account.ID), "has", "its"
	if over.Account.Of == quota.Person {
		who, have, its = "You", "have", "your"
	}
	had := fmt.Sprintf("%s %s had %s %s of a minute.", who, have, its, figures.Count(over.Account.Limits.AnswersPerMinute, "answer"))
	if over.Limit == quota.TokensPerDay {
		had = fmt.Sprintf("%s %s used %s %s of 24 hours (what I read for an answer counts, too).", who, have, its, figures.Count(over.Account.Limits.TokensPerDay, "token"))
	}
	return had + " Please ask again " + when(over.Until, now) + "."
}

// when returns how long it is until a time, and that time, for people. It rounds up: whoever comes
// then does not come too early.
func when(at, now time.Time) string {
	unit, clock := time.Second, "15:04:05"
	if at.Sub(now) > time.Hour {
		unit, clock = time.Minute, "15:04"
	}
	left := (at.Sub(now) + unit - 1).Truncate(unit)
	at = at.UTC().Add(unit - 1).Truncate(unit)
	day := ""
	if at.YearDay() != now.UTC().YearDay() {
		day = " on " + at.Format("2 January")
	}
	return fmt.Sprintf("in %s, at %s UTC%s", figures.Span(left), at.Format(clock), day)
}

// share returns what the person who asked for the status, and the channel in which they did, have
// used of their quotas.
func (b *Bot) share(ctx context.Context, c Command) status.Group {
	g := status.Group{Title: "Your share"}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	var shared quota.Limits
	if c.Channel != "" && b.cfg.Channel != nil {
		shared = b.settings(ctx, c.Channel).Quota
	}
	for _, a := range b.accounts(c.User, c.Channel, shared) {
		use, err := b.ledger.Used(ctx, a)
		if err != nil {
			b.log.WarnContext(ctx, "quota_unread", "user", c.User, "error", err)
			continue
		}
		who := "You"
		if a.Of == quota.Channel {
			who = channelWords(a.ID)
		}
		if n := a.Limits.AnswersPerMinute; n > 0 {
			g.Lines = append(g.Lines, fmt.Sprintf("%s: %s of %s in the last minute", who, figures.Thousands(use.Answers), figures.Count(n, "answer")))
		}
		if n := a.Limits.TokensPerDay; n > 0 {
			g.Lines = append(g.Lines, fmt.Sprintf("%s: %s of %s in the last 24 hours", who, figures.Thousands(use.Tokens), figures.Count(n, "token")))
		}
	}
	return g
}

// channelWords returns how a channel is spoken of in it.
func channelWords(id string) string {
	if (thread.ID{Channel: id}).Direct() {
		return "This conversation"
	}
	return "This channel"
}
