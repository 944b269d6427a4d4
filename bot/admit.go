package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"llmbot/bot/attach"
	"llmbot/bot/quota"
	"llmbot/bot/recent"
	"llmbot/bot/thread"
)

// refusalEvery is how often somebody is told the same refusal at most (issue 12).
const refusalEvery = time.Hour

// maxTold is how many things that people were told are remembered.
const maxTold = 10_000

// seldom remembers what is not to be done again for a while.
type seldom struct {
	every time.Duration

	mu sync.Mutex // guards at
	at *simplelru.LRU[string, time.Time]
}

func newSeldom(every time.Duration) seldom {
	return seldom{every: every, at: recent.New[string, time.Time](maxTold)}
}

// due reports whether it may be done for key, and then remembers that it was done now.
func (s *seldom) due(key string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.at.Get(key); ok && now.Sub(at) < s.every {
		return false
	}
	s.at.Add(key, now)
	return true
}

// admitted is a plan whose askers are known, and may ask.
type admitted struct {
	plan

	asks     []thread.Question // that are answered, oldest first
	unsure   bool              // somebody was refused only because Slack did not say who they are
	cutShort bool              // the turn ended while Slack was asked who somebody is
	person   string            // for whom the answer is, see payer
	// refused is why the answer may not be written, of which something is visible; zero: it may.
	refused quota.Over
}

// last returns the question that the answer is said to answer.
func (a *admitted) last() thread.Question { return a.asks[len(a.asks)-1] }

// admit asks the policy about everybody who asked, and tells those who may not.
func (t *turnRun) admit(ctx context.Context, p plan) *admitted {
	a := &admitted{plan: p}
	told := map[string]bool{}
	known := map[string]Refusal{} // by user: one wait for Slack, however many questions they have
	for _, ask := range p.due.Asks {
		refusal := t.bot.cfg.Policy.Quick(t.thread.Channel, ask)
		word := ""
		if refusal == "" {
			var asked bool
			if refusal, asked = known[ask.User]; !asked {
				refusal = t.who(ctx, a, ask.User)
				known[ask.User] = refusal
			}
		}
		if a.cutShort {
			return &admitted{plan: p, cutShort: true}
		}
		if refusal == "" {
			word = noQuestion(ask)
		}
		switch {
		case refusal == "" && word == "":
			a.asks = append(a.asks, ask)
		case len(t.lease.Messages()) > 0 && a.unsure: // see none
		case !told[ask.User] && (ask.Explicit() || strings.TrimSpace(ask.Text) == ""):
			told[ask.User] = true
			t.bot.log.InfoContext(ctx, "ask_refused", "thread", t.thread.String(), "ask", ask.TS, "user", ask.User)
			if word != "" || t.bot.mayTell(ctx, t.thread.Channel, ask.User, refusal) {
				t.bot.whisper(ctx, whisperPlace(ask), ask.User, word+string(refusal))
			}
		}
	}
	return a
}

// noQuestion returns what is said to a message that asks nothing; empty: it does, or nothing is
// said.
func noQuestion(ask thread.Question) string {
	switch {
	case strings.TrimSpace(ask.Text) != "":
	case len(ask.Files) > 0:
		return attach.Unreadable(ask.Files)
	case ask.Opens():
		return "What would you like to know? Please write your question after my name."
	}
	return ""
}

// who asks the policy about a person. It waits for Slack as long as that may help.
func (t *turnRun) who(ctx context.Context, a *admitted, user string) Refusal {
	b := t.bot
	if !b.cfg.Policy.asks() {
		return ""
	}
	began := time.Now()
	who, err := b.dep.Room.Person(ctx, user)
	if err == nil {
		for i, m := range a.messages { // the name is known now, where only the id was
			if m.User == user && m.Name == user && who.Name != "" {
				a.messages[i].Name = who.Name
			}
		}
		return b.cfg.Policy.Check(who)
	}
	if ctx.Err() != nil {
		a.cutShort = true
		return ""
	}
	b.log.ErrorContext(ctx, "person_unknown", "user", user, "waited_ms", time.Since(began).Milliseconds(), "error", err,
		"hint", "users.info must work (scope users:read) to tell guests and externals apart")
	a.unsure = true
	if errors.Is(err, ErrNoPerson) {
		return "I could not find out who you are: Slack does not tell me, and I answer members only. Please tell the people who run me."
	}
	return Refusal(fmt.Sprintf("I could not find out who you are: I asked Slack for %d minutes without an answer, and I answer members only. Please ask again.",
		int(WhoTimeout.Minutes())))
}

// mayTell reports whether somebody is to be told a refusal: the same one at most once an hour,
// however often they ask, and whichever process of the bot they reach. For a refusal of channels,
// each channel counts for itself.
func (b *Bot) mayTell(ctx context.Context, channel, user string, refusal Refusal) bool {
	if refusal.kind() == "" { // who they are may be known in a moment
		return true
	}
	key := user + "/" + refusal.kind()
	if refusal == refuseChannel {
		key += "/" + channel
	}
	now := time.Now()
	if !b.refused.due(key, now) {
		return false
	}
	due, err := b.records.Tell(ctx, key, now, refusalEvery)
	if err != nil { // it is told again when the store is back, at worst
		b.log.WarnContext(ctx, "refusal_not_noted", "user", user, "error", err)
		return true
	}
	return due
}

// refuse tells somebody in the background that they may not do something, if they were not told
// lately.
func (b *Bot) refuse(ctx context.Context, where thread.ID, user string, refusal Refusal) {
	if b.mayTell(ctx, where.Channel, user, refusal) {
		b.tell(where, user, string(refusal))
	}
}

// mayAsk asks the policy about a command; where it is called does not matter, for only one person
// sees the answer. It reports sure when it is known who they are.
func (b *Bot) mayAsk(ctx context.Context, c Command) (_ Refusal, sure bool) {
	if refusal := b.cfg.Policy.Quick(c.Channel, thread.Question{User: c.User, Direct: true}); refusal != "" {
		return refusal, true
	}
	if !b.cfg.Policy.asks() {
		return "", true
	}
	ctx, cancel := context.WithTimeout(ctx, soonTimeout)
	defer cancel()
	who, err := b.dep.Room.Person(ctx, c.User)
	if err != nil {
		b.log.WarnContext(ctx, "person_unknown", "user", c.User, "error", err)
		return "", false // figures about the server are no secret worth a refusal to everybody
	}
	return b.cfg.Policy.Check(who), true
}
