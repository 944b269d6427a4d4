package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"llmbot/bot/attach"
	"llmbot/bot/quota"
	"llmbot/bot/thread"
)

// admitted is a plan whose askers are known, and may ask.
type admitted struct {
	plan

	asks     []thread.Question // that are answered, oldest first
	unsure   bool              // somebody was refused only because Slack did not say who they are
	cutShort bool              // the turn ended while Slack was asked who somebody is
	// refused is why the answer may not be written, of which something is visible; zero: it may.
	refused quota.Over
}

// last returns the question that the answer is said to answer.
func (a *admitted) last() thread.Question { return a.asks[len(a.asks)-1] }

// request returns the id of the requests to the model, which the server logs too.
func (a *admitted) request() string { return "llmbot-" + strings.ReplaceAll(a.last().TS, ".", "-") }

// admit asks the policy about everybody who asked, and tells those who may not.
func admit(ctx context.Context, as *assignment, p plan) *admitted {
	a := &admitted{plan: p}
	told := map[string]bool{}
	known := map[string]Refusal{} // by user: one wait for Slack, however many questions they have
	for _, ask := range p.due.Asks {
		refusal := as.bot.cfg.Policy.Quick(as.thread.Channel, ask)
		word := ""
		if refusal == "" {
			var asked bool
			if refusal, asked = known[ask.User]; !asked {
				refusal = a.who(ctx, as.bot, ask.User)
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
		case len(as.lease.Messages()) > 0 && a.unsure: // see unanswered
		case !told[ask.User] && (ask.Explicit() || strings.TrimSpace(ask.Text) == ""):
			told[ask.User] = true
			as.log.InfoContext(ctx, "ask_refused", "ask", ask.TS, "user", ask.User)
			if word != "" || as.bot.access.mayTell(ctx, as.thread.Channel, ask.User, refusal) {
				as.bot.notifier.whisper(ctx, whisperPlace(ask), ask.User, word+string(refusal))
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
func (a *admitted) who(ctx context.Context, b *Bot, user string) Refusal {
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
