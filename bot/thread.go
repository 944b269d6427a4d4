package bot

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"llmbot/bot/turn"
)

// parseThread is the inverse of Thread.String.
func parseThread(key string) (Thread, bool) {
	channel, ts, ok := strings.Cut(key, "/")
	return Thread{Channel: channel, TS: ts}, ok
}

// mail is what an actor is told.
type mail struct {
	ask   *Asked
	claim *turn.Claim
}

// actor owns one live thread: what is asked, who holds the claim, and the one turn that runs. It lives as long as there is work.
type actor struct {
	bot    *Bot
	thread Thread
	wake   chan struct{} // holds one: there is mail
	inbox  []mail        // guarded by bot.mu
	behind int           // asks that the actor has taken and no turn has; guarded by bot.mu

	asks    []Asked     // not answered yet, oldest first
	claim   *turn.Claim // nil: none
	running chan report // nil: no turn runs
	with    *turn.Claim // the claim of the turn that runs
	refused turn.TS     // not empty: nobody who asked up to here may ask; the claim is still to be ended
}

// report is how a turn ended.
type report struct {
	answered turn.TS // up to here the thread has its answer
	refused  bool    // or rather: nobody who asked may ask, so that nothing was written, and the claim was not ended
	told     []Asked // those refused, who were told
	more     bool    // the claim goes on: something newer is owed
}

// run is the actor's goroutine. work ends when nothing may block any more, cut when streams must end.
func (a *actor) run(work, cut context.Context) {
	for {
		a.read()
		if a.running == nil {
			if a.claim != nil {
				a.start(work, cut)
			} else if a.leave() {
				return
			} else {
				continue
			}
		}
		select {
		case <-a.wake:
		case r := <-a.running:
			a.finish(r)
		}
	}
}

// read takes the mail.
func (a *actor) read() {
	a.bot.mu.Lock()
	inbox := a.inbox
	a.inbox, a.behind = nil, len(a.asks)+len(a.inbox)
	a.bot.mu.Unlock()
	for _, m := range inbox {
		if m.claim != nil {
			a.claim = m.claim
		}
		if m.ask != nil {
			a.insert(*m.ask)
		}
	}
}

// insert keeps asks in the order of their ts, each once; one that comes again is newer news of the same.
func (a *actor) insert(ask Asked) {
	for i, have := range a.asks {
		switch turn.TS(ask.TS).Compare(turn.TS(have.TS)) {
		case 0:
			a.asks[i] = ask
			return
		case -1:
			a.asks = append(a.asks[:i], append([]Asked{ask}, a.asks[i:]...)...)
			return
		}
	}
	a.asks = append(a.asks, ask)
}

// start begins a turn for all that is asked so far.
func (a *actor) start(work, cut context.Context) {
	t := &turnRun{bot: a.bot, thread: a.thread, claim: a.claim, asks: a.asks, refused: a.refused}
	a.asks, a.with, a.refused = nil, a.claim, ""
	a.bot.mu.Lock()
	a.behind = 0
	a.bot.mu.Unlock()
	a.running = make(chan report, 1)
	done := a.running
	// The actor waits for the turn: it leaves its loop only when none runs.
	go func() {
		r := report{}
		defer func() { done <- r }()
		defer func() {
			// The one border for panics: a bug in one thread must not end the others (style.md §6.3).
			if p := recover(); p != nil {
				a.bot.log.ErrorContext(work, "turn_panicked", "thread", a.thread.String(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				r = t.giveUp(work, "Something went wrong inside me. The people who run me find it in my log.")
			}
		}()
		r = t.run(work, cut)
	}()
}

// finish takes what a turn left behind.
func (a *actor) finish(r report) {
	a.running = nil
	if r.refused && a.claim == a.with {
		// Older asks may have come since, of people who may ask: the events of two messages come in any order.
		a.refused = r.answered
		a.asks = slices.DeleteFunc(a.asks, func(ask Asked) bool { // delivered again meanwhile: once is enough
			return slices.ContainsFunc(r.told, func(told Asked) bool { return told.TS == ask.TS })
		})
		return
	}
	if !r.more && a.claim == a.with {
		a.claim = nil
	}
	keep := a.asks[:0]
	for _, ask := range a.asks {
		if turn.TS(ask.TS).After(r.answered) {
			keep = append(keep, ask)
		}
	}
	a.asks = keep
}

// leave takes the actor out of the table if there is no mail; false: there is.
func (a *actor) leave() bool {
	a.bot.mu.Lock()
	defer a.bot.mu.Unlock()
	if len(a.inbox) > 0 {
		return false
	}
	delete(a.bot.actors, a.thread)
	if a.bot.draining {
		poke(a.bot.wake)
	}
	return true
}
