package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"llmbot/bot/prompt"
	"llmbot/bot/turn"
	"llmbot/llm"
)

// Time-outs of the steps around the model's answer.
const (
	personTimeout  = 10 * time.Second
	historyTimeout = 20 * time.Second // a read that takes longer is done without: an answer to the question alone beats none
	modelTimeout   = 2 * time.Second  // to learn the context length; without it nothing is trimmed
	closeTimeout   = 90 * time.Second // for the last Slack calls: longer than a minute, the longest that a budget can be empty
	doneTimeout    = 3 * time.Second  // for the store to take the end; then the desk goes on trying in the background
)

// turnRun is one turn: what is asked so far in a thread is answered by one answer. It runs in its own goroutine.
type turnRun struct {
	bot     *Bot
	thread  Thread
	claim   *turn.Claim
	asks    []Asked // oldest first; empty if this process has not seen them, or all were refused
	refused turn.TS // what an earlier turn of the same claim has refused

	messages []Message // the thread, if it was read
	unread   bool      // it could not be read
	draft    Draft     // open; nil: none
	ids      []string  // of the messages of the answer
}

// upto is the newest thing that this turn answers.
func (t *turnRun) upto() turn.TS {
	return t.claim.For().Max(t.newest())
}

// run does the turn. work ends when nothing may block any more; cut when the stream must end.
func (t *turnRun) run(work, cut context.Context) report {
	upto := t.upto()
	if len(t.asks) == 0 && t.refused != "" {
		return t.done(work, upto)
	}
	ctx, cancel := context.WithCancelCause(cut)
	var watch sync.WaitGroup
	watch.Go(func() { t.watch(ctx, cancel) })
	defer watch.Wait()
	defer cancel(nil)

	t.read(ctx, upto)
	switch known := t.newest(); {
	case !t.unread || !upto.After(known):
	case len(t.asks) == 0:
		return t.release(work) // what is asked is not known: later, or another process
	default:
		upto = known // Done says that there is more
	}
	asks := t.admit(ctx)
	if len(asks) == 0 {
		return report{answered: upto, more: true, refused: true, told: t.asks}
	}
	return t.answer(work, ctx, asks, upto)
}

// watch ends the stream when the claim is lost or stopped.
func (t *turnRun) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	select {
	case <-t.claim.Lost():
		cancel(turn.ErrLost)
	case <-t.claim.Stopped():
		cancel(errStopped)
	case <-ctx.Done():
	}
}

// read reads the thread, unless the question opened it, and finds the asks that this process has not seen.
func (t *turnRun) read(ctx context.Context, upto turn.TS) {
	if len(t.asks) == 1 && t.asks[0].Opens() && turn.TS(t.asks[0].TS).Compare(upto) == 0 {
		return
	}
	ctx, cancel := context.WithTimeoutCause(ctx, historyTimeout, errors.New("the thread could not be read in time"))
	defer cancel()
	messages, err := t.bot.dep.History.Messages(ctx, t.thread)
	if err != nil {
		t.bot.log.WarnContext(ctx, "history_unread", "thread", t.thread.String(), "error", err)
		t.unread = true
		return
	}
	t.messages = messages
	if !upto.After(t.newest()) {
		return
	}
	for _, m := range messages { // its event came to another process, or this one has taken the thread over
		if turn.TS(m.TS).Compare(upto) == 0 && !m.Self {
			t.asks = append(t.asks, Asked{Thread: t.thread, TS: m.TS, User: m.User, Text: m.Text, Files: m.Files, Direct: t.thread.direct()})
		}
	}
}

// newest is the newest ask that this process has seen; empty: none.
func (t *turnRun) newest() turn.TS {
	ts := t.refused
	for _, ask := range t.asks {
		ts = ts.Max(turn.TS(ask.TS))
	}
	return ts
}

// admit asks the policy about everybody who asked, tells those who may not, and returns the asks that are answered.
func (t *turnRun) admit(ctx context.Context) []Asked {
	admitted := make([]Asked, 0, len(t.asks))
	told := map[string]bool{}
	for _, ask := range t.asks {
		refusal := t.bot.cfg.Policy.Quick(t.thread.Channel, ask)
		if refusal == "" {
			refusal = t.check(ctx, ask)
		}
		switch {
		case refusal == "":
			admitted = append(admitted, ask)
		case !told[ask.User]:
			told[ask.User] = true
			t.bot.log.InfoContext(ctx, "ask_refused", "thread", t.thread.String(), "ask", ask.TS, "user", ask.User)
			t.whisper(ctx, ask, string(refusal))
		}
	}
	return admitted
}

// check decides what must be looked up, and answers what is no question.
func (t *turnRun) check(ctx context.Context, ask Asked) Refusal {
	ctx, cancel := context.WithTimeout(ctx, personTimeout)
	defer cancel()
	who, err := t.bot.dep.Room.Person(ctx, ask.User)
	if err != nil {
		t.bot.log.ErrorContext(ctx, "person_unknown", "user", ask.User, "hint", "users.info must work (scope users:read) to tell guests and externals apart", "error", err)
		if !t.bot.cfg.Policy.AllowGuests || !t.bot.cfg.Policy.AllowExternal {
			return "I could not find out who you are, and I answer members only. Please ask again in a moment, or tell the people who run me."
		}
	}
	if refusal := t.bot.cfg.Policy.Check(who); refusal != "" {
		return refusal
	}
	if strings.TrimSpace(ask.Text) == "" {
		switch {
		case len(ask.Files) > 0:
			return "I can't read files yet. Please paste the text that I should look at, with your question."
		case ask.Opens():
			return "What would you like to know? Please write your question after my name."
		}
	}
	return ""
}

func (t *turnRun) whisper(ctx context.Context, ask Asked, text string) {
	where := t.thread
	if ask.Opens() {
		where.TS = "" // there is no thread yet in which it could be seen
	}
	if err := t.bot.dep.Room.Whisper(ctx, where, ask.User, text); err != nil {
		t.bot.log.WarnContext(ctx, "whisper_failed", "thread", t.thread.String(), "user", ask.User, "error", err)
	}
}

// answer writes the answer and shows it. ctx ends the stream, work everything.
func (t *turnRun) answer(work, ctx context.Context, asks []Asked, upto turn.TS) report {
	b, last := t.bot, asks[len(asks)-1]
	draft, err := b.dep.Replier.Open(work, t.thread, t.reply(work, last, upto))
	if err != nil {
		b.log.ErrorContext(work, "answer_not_opened", "thread", t.thread.String(), "ask", string(upto), "error", err)
		return t.done(work, upto)
	}
	t.draft = draft
	return t.close(work, draft, t.write(ctx, draft, asks, upto), upto)
}

// write waits for a slot and has the model write.
func (t *turnRun) write(ctx context.Context, draft Draft, asks []Asked, upto turn.TS) outcome {
	b := t.bot
	w := &writer{bot: b, thread: t.thread, draft: draft, id: "llmbot-" + strings.ReplaceAll(string(upto), ".", "-")}
	if t.unread {
		w.base.Notice = "I could not read the earlier messages of this thread, so this answers the question alone."
	}
	if err := w.enter(ctx); err != nil {
		return w.ended(err, llm.Result{})
	}
	defer w.leave()
	draft.Set(Answer{Status: "is thinking…"})
	return w.write(ctx, t.input(ctx, asks), llm.Request{
		Temperature: b.cfg.Temperature, MaxTokens: b.cfg.MaxTokens, ReasoningEffort: b.cfg.Effort, ID: w.id,
	})
}

// close shows the end of the answer and notes that the thread has it.
func (t *turnRun) close(work context.Context, draft Draft, out outcome, upto turn.TS) report {
	b := t.bot
	if errors.Is(out.err, turn.ErrLost) { // somebody else's now: not another word
		b.log.WarnContext(work, "claim_lost", "thread", t.thread.String(), "ask", string(upto))
		ctx, cancel := context.WithCancelCause(work)
		cancel(turn.ErrLost)
		_ = draft.Close(ctx, out.answer)
		t.draft = nil
		return report{answered: upto}
	}
	ctx, cancel := context.WithTimeoutCause(work, closeTimeout, errors.New("slack did not take the end of the answer in time"))
	defer cancel()
	err := draft.Close(ctx, out.answer)
	t.draft = nil
	t.logEnd(work, out, err, upto)
	if errors.Is(err, ErrNotNow) {
		return t.release(work) // whoever has the thread when the store is back answers
	}
	if errors.Is(out.err, errShutdown) && b.cfg.Durable {
		return t.release(work) // another process, or the next one, finishes it in the same messages
	}
	if out.answer.Text != "" {
		keep, cancel := context.WithTimeout(work, storeTimeout)
		defer cancel()
		if err := b.answers.put(keep, t.thread, string(upto), out.answer.Text); err != nil {
			b.log.WarnContext(work, "answer_not_kept", "thread", t.thread.String(), "ask", string(upto), "error", err)
		}
	}
	return t.done(work, upto)
}

func (t *turnRun) logEnd(ctx context.Context, out outcome, closeErr error, upto turn.TS) {
	attrs := []any{
		"thread", t.thread.String(), "ask", string(upto), "model", out.result.Model, "finish", string(out.result.Finish),
		"prompt_tokens", out.result.Usage.PromptTokens, "cached_tokens", out.result.Usage.CachedTokens,
		"completion_tokens", out.result.Usage.CompletionTokens,
		"ttft_ms", out.result.TTFT.Milliseconds(), "elapsed_ms", out.result.Elapsed.Milliseconds(),
	}
	if closeErr != nil {
		t.bot.log.ErrorContext(ctx, "answer_not_shown", append(attrs, "error", closeErr)...)
		return
	}
	if out.err == nil || errors.Is(out.err, errStopped) {
		t.bot.log.InfoContext(ctx, "answer_done", attrs...)
		return
	}
	hint := ""
	if e, ok := asLLM(out.err); ok {
		hint = e.Hint()
	}
	t.bot.log.WarnContext(ctx, "answer_failed", append(attrs, "hint", hint, "error", out.err)...)
}

// giveUp ends a turn that cannot go on.
func (t *turnRun) giveUp(work context.Context, sentence string) report {
	ctx, cancel := context.WithTimeout(work, closeTimeout)
	defer cancel()
	if t.draft != nil {
		if err := t.draft.Close(ctx, Answer{Notice: sentence, Phase: Failed}); err != nil {
			t.bot.log.ErrorContext(work, "answer_not_shown", "thread", t.thread.String(), "ask", string(t.upto()), "error", err)
		}
	} else if n := len(t.asks); n > 0 {
		t.whisper(ctx, t.asks[n-1], sentence)
	}
	return t.done(work, t.upto())
}

// release gives the thread back unanswered.
func (t *turnRun) release(work context.Context) report {
	ctx, cancel := context.WithTimeout(work, doneTimeout)
	defer cancel()
	if err := t.claim.Release(ctx); err != nil && !errors.Is(err, turn.ErrLost) {
		t.bot.log.WarnContext(work, "claim_not_released", "thread", t.thread.String(), "error", err)
	}
	return report{answered: t.upto()}
}

// done notes that the thread is answered up to a point. If the store does not take it now, the desk goes on trying.
func (t *turnRun) done(work context.Context, upto turn.TS) report {
	ctx, cancel := context.WithTimeout(work, doneTimeout)
	defer cancel()
	more, err := t.claim.Done(ctx, upto)
	if err != nil && !errors.Is(err, turn.ErrLost) {
		t.bot.log.WarnContext(work, "answer_not_noted", "thread", t.thread.String(), "ask", string(upto), "error", err)
	}
	return report{answered: upto, more: more}
}

// reply ties the answer's messages to the claim.
func (t *turnRun) reply(work context.Context, last Asked, upto turn.TS) Reply {
	t.ids = t.claim.Messages()
	r := Reply{For: string(upto), User: last.User, Epoch: t.claim.Epoch(), Adopt: slices.Clone(t.ids)}
	r.Check = func() error {
		err := t.claim.Check()
		if errors.Is(err, turn.ErrLapsed) {
			return fmt.Errorf("%w: %w", ErrNotNow, err)
		}
		return err
	}
	r.Posted = func(id string) { // one draft posts one message at a time
		t.ids = append(t.ids, id)
		ctx, cancel := context.WithTimeout(work, storeTimeout)
		defer cancel()
		if err := t.claim.Reply(ctx, t.ids); err != nil {
			t.bot.log.WarnContext(ctx, "reply_not_noted", "thread", t.thread.String(), "message", id, "error", err)
		}
	}
	return r
}

// input gathers what the prompt is made of.
func (t *turnRun) input(ctx context.Context, asks []Asked) prompt.Input {
	b := t.bot
	in := prompt.Input{System: b.cfg.System, Bot: b.cfg.Name, Date: time.Now()}
	if !asks[0].Direct {
		named, cancel := context.WithTimeout(ctx, personTimeout)
		defer cancel()
		name, err := b.dep.Room.Channel(named, t.thread.Channel)
		if err != nil {
			b.log.WarnContext(ctx, "channel_unknown", "channel", t.thread.Channel, "error", err)
			name = t.thread.Channel
		}
		in.Channel = name
	}
	info, cancel := context.WithTimeout(ctx, modelTimeout)
	defer cancel()
	if model, err := b.dep.Server.Model(info); err == nil {
		in.Budget = budget(model.MaxModelLen, b.cfg.MaxTokens)
	}
	in.Turns = t.turns(ctx, asks)
	b.window.fit(t.thread, &in)
	return in
}

func asLLM(err error) (*llm.Error, bool) { return errors.AsType[*llm.Error](err) }
