package bot

import (
	"context"
	"errors"
	"fmt"
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
	doneTimeout    = 10 * time.Second // for the store to take the end
)

// turnRun is one turn: what is asked so far in a thread is answered by one answer. It runs in its own goroutine.
type turnRun struct {
	bot    *Bot
	thread Thread
	claim  *turn.Claim
	asks   []Asked // oldest first; empty if this process has not seen them

	messages []Message // the thread, if it was read
	unread   bool      // it could not be read
}

// upto is the newest thing that this turn answers.
func (t *turnRun) upto() turn.TS {
	ts := t.claim.For()
	for _, ask := range t.asks {
		ts = ts.Max(turn.TS(ask.TS))
	}
	return ts
}

// run does the turn. work ends when nothing may block any more; cut when the stream must end.
func (t *turnRun) run(work, cut context.Context) report {
	upto := t.upto()
	ctx, cancel := context.WithCancelCause(cut)
	var watch sync.WaitGroup
	watch.Go(func() { t.watch(ctx, cancel) })
	defer watch.Wait()
	defer cancel(nil)

	t.read(ctx, upto)
	asks := t.admit(ctx)
	if len(asks) == 0 {
		return t.done(work, upto)
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
	if len(t.asks) > 0 {
		return
	}
	for _, m := range messages {
		if turn.TS(m.TS).Compare(upto) == 0 && !m.Self {
			t.asks = append(t.asks, Asked{Thread: t.thread, TS: m.TS, User: m.User, Text: m.Text, Files: m.Files})
		}
	}
}

// admit asks the policy about everybody who asked, tells those who may not, and returns the asks that are answered.
func (t *turnRun) admit(ctx context.Context) []Asked {
	admitted := make([]Asked, 0, len(t.asks))
	told := map[string]bool{}
	for _, ask := range t.asks {
		refusal := t.bot.cfg.Policy.Quick(t.thread.Channel, ask.User, ask.External)
		if refusal == "" {
			refusal = t.check(ctx, ask)
		}
		switch {
		case refusal == "":
			admitted = append(admitted, ask)
		case !told[ask.User]:
			told[ask.User] = true
			t.bot.log.InfoContext(ctx, "ask_refused", "thread", t.thread.String(), "ask", ask.TS, "user", ask.User)
			t.whisper(ctx, ask.User, string(refusal))
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
		t.bot.log.WarnContext(ctx, "person_unknown", "user", ask.User, "error", err)
		if !t.bot.cfg.Policy.AllowGuests || !t.bot.cfg.Policy.AllowExternal {
			return "I could not find out who you are because Slack did not answer. Please ask again in a moment."
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

func (t *turnRun) whisper(ctx context.Context, user, text string) {
	if err := t.bot.dep.Room.Whisper(ctx, t.thread, user, text); err != nil {
		t.bot.log.WarnContext(ctx, "whisper_failed", "thread", t.thread.String(), "user", user, "error", err)
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
	err = b.slots.take(ctx, func(place int) {
		draft.Set(Answer{Status: fmt.Sprintf("is busy with other answers: you are number %d in the queue", place)})
	})
	w := &writer{bot: b, draft: draft, id: "llmbot-" + strings.ReplaceAll(string(upto), ".", "-")}
	var out outcome
	if err != nil {
		out = w.ended(err, llm.Result{})
	} else {
		draft.Set(Answer{Status: "is thinking…"})
		out = w.write(ctx, t.input(ctx, asks), llm.Request{
			Temperature: b.cfg.Temperature, MaxTokens: b.cfg.MaxTokens, ReasoningEffort: b.cfg.Effort, ID: w.id,
		})
		b.slots.give()
	}
	return t.close(work, draft, out, upto)
}

// close shows the end of the answer and notes that the thread has it.
func (t *turnRun) close(work context.Context, draft Draft, out outcome, upto turn.TS) report {
	b := t.bot
	if errors.Is(out.err, turn.ErrLost) { // somebody else's now: not another word
		b.log.WarnContext(work, "claim_lost", "thread", t.thread.String(), "ask", string(upto))
		ctx, cancel := context.WithCancelCause(work)
		cancel(turn.ErrLost)
		_ = draft.Close(ctx, out.answer)
		return report{answered: upto}
	}
	ctx, cancel := context.WithTimeoutCause(work, closeTimeout, errors.New("slack did not take the end of the answer in time"))
	defer cancel()
	err := draft.Close(ctx, out.answer)
	t.logEnd(work, out, err, upto)
	if out.answer.Text != "" {
		keep, cancel := context.WithTimeout(work, doneTimeout)
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
	if n := len(t.asks); n > 0 {
		t.whisper(work, t.asks[n-1].User, sentence)
	}
	return t.done(work, t.upto())
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
	r := Reply{For: string(upto), User: last.User, Epoch: t.claim.Epoch(), Check: t.claim.Check}
	var ids []string
	r.Posted = func(id string) { // one draft posts one message at a time
		ids = append(ids, id)
		ctx, cancel := context.WithTimeout(work, doneTimeout)
		defer cancel()
		if err := t.claim.Reply(ctx, ids); err != nil {
			t.bot.log.WarnContext(ctx, "reply_not_noted", "thread", t.thread.String(), "message", id, "error", err)
		}
	}
	return r
}

// input gathers what the prompt is made of.
func (t *turnRun) input(ctx context.Context, asks []Asked) prompt.Input {
	b := t.bot
	in := prompt.Input{System: b.cfg.System, Bot: b.cfg.Name, Date: time.Now(), Ratio: b.window.bytesPerToken()}
	if !asks[0].Direct {
		name, err := b.dep.Room.Channel(ctx, t.thread.Channel)
		if err != nil || name == "" {
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
	return in
}

func asLLM(err error) (*llm.Error, bool) { return errors.AsType[*llm.Error](err) }
