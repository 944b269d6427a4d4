package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"llmbot/bot/answer"
	"llmbot/bot/figures"
	"llmbot/bot/prompt"
	"llmbot/bot/thread"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
	"llmbot/llm"
)

// answer writes the answer and shows it. ctx ends the stream, work everything.
func (t *turnRun) answer(work, ctx context.Context, asks []thread.Question, upto turn.TS) report {
	b, last := t.bot, asks[len(asks)-1]
	t.claim.Extend(upto)
	reply := t.reply(work, last)
	if len(t.messageIDs()) > len(t.claim.Messages()) { // taken over from the thread: if this one is called off, they are its
		t.noteMessages(work)
	}
	draft, err := b.dep.Replier.Open(work, t.thread, reply)
	if err != nil {
		b.log.ErrorContext(ctx, "answer_not_opened", "thread", t.thread.String(), "ask", last.TS, "error", err)
		t.ended(EndNotShown)
		return t.done(work, upto)
	}
	draft = t.noting(draft, last.TS)
	t.early = false // the draft's status takes the place of the early one
	t.draft = draft
	return t.close(work, ctx, draft, reply, t.write(work, ctx, draft, asks, upto), last, upto)
}

// write waits for a slot and has the model write, from the beginning or from where an earlier owner, or the length limit, ended. ctx ends the
// stream, work everything.
func (t *turnRun) write(work, ctx context.Context, draft answer.Draft, asks []thread.Question, upto turn.TS) (out answer.Outcome) {
	b, last := t.bot, asks[len(asks)-1]
	id := "llmbot-" + strings.ReplaceAll(last.TS, ".", "-")
	of := transcript.OfTurn(asks, upto)
	from, stands, kept := t.standing(work, of)
	from = b.shared.Bounded(from)
	t.saver = b.records.Saver(ctx, transcript.SaverConfig{
		Thread: t.thread, Begin: transcript.Checkpoint{Of: of, Text: from.Text}, Live: b.live, Progress: t.claim.Progress, Log: b.log,
	})
	w := b.shared.Writer(answer.Task{
		Thread: t.thread.String(), Draft: draft, ID: id, Model: t.set.Model, Person: t.person,
		Hold: t.visible(), Stands: stands, Kept: kept, Note: t.saver.Note, Progress: t.claim.Progress, Spent: func(tokens int) { t.spend(work, tokens) },
	})
	defer func() {
		if out.Err == nil {
			t.saver.Finish(out) // goes on while the end is shown
			return
		}
		t.saver.End()
		if errors.Is(context.Cause(ctx), errShutdown) {
			t.saver.Save(work) // for whoever goes on
		}
	}()
	if from.Finish != "" && !t.stopped() && t.claim.Blame() < mostTries {
		return w.Finished(from)
	}
	if t.claim.Blame() >= mostTries {
		stands, _ := w.Stands()
		return answer.Outcome{Answer: answer.Snapshot{Text: stands.Text, Notice: hopeless, Phase: answer.Failed, Ending: answer.EndingBroken, Controls: answer.CanRegenerate}, Err: errHopeless}
	}
	if t.refused.Limit != "" {
		return t.refuse(work, w, t.refused)
	}
	if t.unread {
		w.Say("I could not read the earlier messages of this thread, so this answers the question alone.")
	}
	if err := w.Enter(ctx); err != nil {
		return w.Ended(err, llm.Result{})
	}
	defer w.Leave()
	if w.Queued() {
		if over := t.overspent(ctx); over.Limit != "" {
			return t.refuse(work, w, over)
		}
	}
	w.Think()
	in := t.input(ctx, asks)
	for _, s := range t.said {
		w.Say(s)
	}
	return w.Write(ctx, in, llm.Request{
		Model: t.set.Model, Temperature: t.set.Temperature, MaxTokens: b.cfg.MaxTokens, ReasoningEffort: t.set.Effort, ID: id,
	}, from)
}

// endSaver ends the saving of the text, if it is not over.
func (t *turnRun) endSaver() {
	if t.saver != nil {
		t.saver.End()
	}
}

// visible is how many characters a killed process left visible of the answer.
func (t *turnRun) visible() int {
	if !t.begun() {
		return 0
	}
	n := 0
	for _, m := range t.shown() {
		n += m.Shown
	}
	return n
}

// shown are the messages of the answer as the thread shows them, without notices.
func (t *turnRun) shown() []thread.Message {
	ids := t.messageIDs()
	var out []thread.Message
	for _, m := range t.messages {
		if m.Self && !m.Notice && slices.Contains(ids, m.TS) {
			out = append(out, m)
		}
	}
	return out
}

// begun says that an earlier owner has begun the answer, whether it could record that or not. It has not if this one has called it off.
func (t *turnRun) begun() bool { return t.taken || t.first && !t.due.Redo && len(t.due.Adopt) > 0 }

// standing is what there is of the answer: what it goes on from (zero: it begins anew), and what stays if nothing comes to it. kept says that
// this is an answer that had ended.
func (t *turnRun) standing(work context.Context, of transcript.Of) (from answer.Partial, stands answer.Snapshot, kept bool) {
	if t.due.Redo {
		var own map[string]transcript.Entry
		err := t.stored(work, func(ctx context.Context) (err error) {
			own, err = t.bot.records.Entries(ctx, t.thread)
			return err
		})
		if err != nil {
			t.bot.log.WarnContext(work, "answers_unread", "thread", t.thread.String(), "error", err)
		}
		if w := own[t.due.What]; w.Text != "" {
			stands = w.Snapshot()
			if kept = w.Phase.Final(); t.more {
				from = answer.Partial{Text: w.Text, Tokens: w.Tokens, Elapsed: w.Elapsed, TTFT: w.TTFT, Asked: true}
			}
		}
	}
	if from.Text == "" && (t.begun() || len(t.known) == 0) {
		from = t.saved(work, of)
	}
	if kept {
		return from, stands, kept
	}
	stands = answer.Snapshot{Text: from.Text, Small: figures.Footer(from.Result())}
	if shows := t.shows(); utf8.RuneCountInString(shows)*3 > utf8.RuneCountInString(from.Text)*4 { // saved last long before its owner died
		stands = answer.Snapshot{Text: shows}
	}
	return from, stands, kept
}

// shows is what Slack gives back of the answer: a translation, and of a long one the beginning.
func (t *turnRun) shows() string {
	var texts []string
	for _, m := range t.shown() {
		if m.Text != "" {
			texts = append(texts, m.Text)
		}
	}
	return strings.Join(texts, "\n\n")
}

// close shows the end of the answer and notes that the thread has it. An end that comes while the store
// is away waits for it, however long that takes: nobody is asked for the text again. ctx is that of the
// stream: it ends when the answer is stopped or called off.
func (t *turnRun) close(work, ctx context.Context, draft answer.Draft, reply Reply, out answer.Outcome, last thread.Question, upto turn.TS) report {
	b, spares := t.bot, false
	spare := func() {
		if at, some := t.askedAfterStop(); some {
			upto, spares, out.Answer.Controls, out.Answer.Ending = at, true, 0, answer.EndingOpen // the next turn goes on in it
		}
	}
	calledOff := func() report {
		b.log.InfoContext(work, "answer_called_off", "thread", t.thread.String(), "ask", last.TS)
		t.letGo(work, answer.ErrSuperseded, out)
		return t.calledOff(work)
	}
	switch {
	case errors.Is(out.Err, turn.ErrLost):
		t.letGo(work, turn.ErrLost, out)
		return t.lost(work, last, upto)
	case errors.Is(out.Err, answer.ErrStopped):
		spare()
	case errors.Is(out.Err, answer.ErrSuperseded):
		return calledOff()
	}
	complete := out.Err == nil
	err := t.show(work, ctx, draft, reply, &out)
	switch {
	case complete && errors.Is(out.Err, answer.ErrSuperseded):
		return calledOff()
	case complete && errors.Is(out.Err, answer.ErrStopped):
		spare()
	}
	untidy := false
	if d, ok := t.draft.(interface{ Untidy() bool }); ok && d.Untidy() { // done later, here or elsewhere
		untidy = true
		t.claim.LookAgain()
	}
	t.draft = nil
	t.endSaver()
	t.logEnd(work, out, err, last)
	switch {
	case errors.Is(err, turn.ErrLost):
		return t.lost(work, last, upto)
	case errors.Is(err, ErrNotNow), errors.Is(out.Err, errShutdown) && b.cfg.Durable:
		return t.release(work) // another process, or the next one, finishes it in the same messages
	}
	t.removeOrphans(work)
	if err == nil && out.File != "" {
		t.share(work, reply, &out)
	}
	what := transcript.Entry{
		For: last.TS, Text: out.Answer.Text, Tokens: out.Result.Usage.CompletionTokens, Elapsed: out.Result.Elapsed, TTFT: out.Result.TTFT,
		Notice: out.Answer.Notice, Small: out.Answer.Small, Phase: out.Answer.Phase, Controls: out.Answer.Controls, Ending: out.Answer.Ending, Asker: last.User,
		From: reply.From, Since: reply.Since, Epoch: reply.Epoch, IDs: t.messageIDs(), Untidy: untidy,
	}
	if what.Text != "" && !out.Kept && !t.keep(work, what) {
		return t.lost(work, last, upto)
	}
	r := t.done(work, upto)
	switch {
	case r.lost:
		return t.lost(work, last, upto)
	case t.claim.Died() && !spares && b.cfg.Durable && (b.cfg.Alone == nil || !b.cfg.Alone()):
		b.lookBacks.add(takenOver{t.thread, what, upto})
	}
	t.forget(work)
	return r
}

// letGo lets go of the messages as they are: they are somebody else's now.
func (t *turnRun) letGo(work context.Context, cause error, out answer.Outcome) {
	ctx, cancel := context.WithCancelCause(work)
	cancel(cause)
	_ = t.draft.Close(ctx, out.Answer)
	t.draft = nil
	t.ended(endOf(out, nil))
}

// settled waits until the turn may write to Slack. It returns ErrLost if another process has the thread.
func (t *turnRun) settled(work context.Context) error {
	err := t.claim.Settled(work)
	if err == nil || errors.Is(err, turn.ErrLost) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrNotNow, err)
}

// keep keeps the exact text of the answer. It tries as long as the thread is ours, for Done must not come
// before it: what is overwritten afterwards is mended from it. False: another process has the thread, or
// the process ends.
func (t *turnRun) keep(work context.Context, what transcript.Entry) bool {
	for try := 1; ; try++ {
		err := t.bot.records.Keep(work, t.thread, what)
		if err == nil || errors.Is(err, turn.ErrKey) { // a thread whose key is just too long for it has no such record
			return true
		}
		if try == 1 {
			t.bot.log.WarnContext(work, "answer_not_kept", "thread", t.thread.String(), "ask", what.For, "error", err)
		}
		if !pause(work, keepAgain) || t.settled(work) != nil {
			return false
		}
	}
}

// isWhole reports whether the thread shows the answer that an owner before has begun, complete and in the
// newest form of its questions.
func (t *turnRun) isWhole(asks []thread.Question) bool {
	return !t.due.Redo && thread.Complete(t.messages, t.claim.Messages(), asks)
}

// keeps reports whether a message belongs to an answer that has ended, to a question that is there:
// whatever else is found, it is not removed as a half one.
func (t *turnRun) keeps(id string) bool { return thread.Keeps(t.messages, id) }

// stopEnds is what a stop ends before anybody saw anything of it: what was asked up to it.
func (t *turnRun) stopEnds() turn.TS {
	at, whole := t.claim.StoppedAt(), t.claim.For()
	if at == "" || at.After(whole) {
		return whole
	}
	return at
}

// askedAfterStop reports whether some of what the answer is to answer was asked after the stop, at: that
// is for the next turn.
func (t *turnRun) askedAfterStop() (at turn.TS, some bool) {
	at = t.claim.StoppedAt()
	return at, at != "" && slices.ContainsFunc(t.under(), func(a thread.Question) bool { return turn.TS(a.TS).After(at) })
}

func (t *turnRun) logEnd(ctx context.Context, out answer.Outcome, closeErr error, last thread.Question) {
	t.ended(endOf(out, closeErr))
	attrs := []any{
		"thread", t.thread.String(), "ask", last.TS, "user", last.User, "model", out.Result.Model, "finish", string(out.Result.Finish),
		"prompt_tokens", out.Result.Usage.PromptTokens, "cached_tokens", out.Result.Usage.CachedTokens,
		"completion_tokens", out.Result.Usage.CompletionTokens,
		"ttft_ms", out.Result.TTFT.Milliseconds(), "elapsed_ms", out.Result.Elapsed.Milliseconds(),
	}
	if closeErr != nil {
		t.bot.log.ErrorContext(ctx, "answer_not_shown", append(attrs, "error", closeErr)...)
		return
	}
	if out.Err == nil || errors.Is(out.Err, answer.ErrStopped) || errors.Is(out.Err, errOverQuota) {
		t.bot.log.InfoContext(ctx, "answer_done", attrs...)
		return
	}
	hint := ""
	if e, ok := errors.AsType[*llm.Error](out.Err); ok {
		hint = e.Hint()
	}
	t.bot.log.WarnContext(ctx, "answer_failed", append(attrs, "hint", hint, "error", out.Err)...)
}

// giveUp ends a turn that cannot go on.
func (t *turnRun) giveUp(work context.Context, sentence string) report {
	t.ended(EndPanicked)
	ctx, cancel := context.WithTimeout(work, closeTimeout)
	defer cancel()
	if t.draft != nil {
		if err := t.draft.Close(ctx, answer.Snapshot{Notice: sentence, Phase: answer.Failed}); err != nil {
			t.bot.log.ErrorContext(ctx, "answer_not_shown", "thread", t.thread.String(), "ask", string(t.upto()), "error", err)
		}
	} else if n := len(t.known); n > 0 {
		t.whisper(ctx, t.known[n-1], sentence)
	}
	return t.done(work, t.upto())
}

// reply ties the answer's messages to the claim and to the question that it answers.
func (t *turnRun) reply(work context.Context, last thread.Question) Reply {
	ids := thread.Union(t.claim.Messages(), t.due.Adopt)
	t.mu.Lock()
	t.ids = ids
	t.mu.Unlock()
	r := Reply{For: last.TS, From: last.TS, User: last.User, Epoch: t.claim.Epoch(), Adopt: slices.Clone(ids)}
	if len(t.due.Asks) > 0 && !t.unread { // also those that are not admitted: they have what they get
		r.From = t.due.Asks[0].TS
	}
	since := turn.TS(last.TS).Max(thread.Newest(t.under()))
	if t.due.Redo {
		since = since.Max(t.wanted)
	}
	r.Since = string(since)
	r.Check = t.mayWrite
	r.Late = func(id string) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.lates = append(t.lates, id)
	}
	r.Posted = func(id string) { // one draft posts one message at a time
		t.mu.Lock()
		t.ids = append(t.ids, id)
		t.mu.Unlock()
		t.seen()
		t.noteMessages(work)
	}
	return r
}

// mayWrite says whether the turn may write to Slack.
func (t *turnRun) mayWrite() error {
	err := t.claim.Check()
	if errors.Is(err, turn.ErrLapsed) {
		return fmt.Errorf("%w: %w", ErrNotNow, err)
	}
	return err
}

// messageIDs are those of the answer's messages, oldest first.
func (t *turnRun) messageIDs() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.ids)
}

// noteMessages records the messages of the answer.
func (t *turnRun) noteMessages(work context.Context) {
	ctx, cancel := context.WithTimeout(work, storeTimeout)
	defer cancel()
	ids := t.messageIDs()
	if err := t.claim.Reply(ctx, ids); err != nil {
		t.bot.log.WarnContext(ctx, "reply_not_noted", "thread", t.thread.String(), "messages", ids, "error", err)
	}
}

// input gathers what the prompt is made of.
func (t *turnRun) input(ctx context.Context, asks []thread.Question) prompt.Input {
	b := t.bot
	in := prompt.Input{System: t.set.System, Bot: b.cfg.Name, Date: time.Now()}
	if !t.thread.Direct() {
		named, cancel := context.WithTimeout(ctx, personTimeout)
		defer cancel()
		name, err := b.dep.Room.Channel(named, t.thread.Channel)
		if err != nil {
			b.log.WarnContext(ctx, "channel_unknown", "channel", t.thread.Channel, "error", err)
			name = t.thread.Channel
		}
		in.Channel = name
	}
	in.Budget = b.shared.Budget(ctx, t.set.Model, b.cfg.MaxTokens)
	in.Turns = t.turns(ctx, asks, in.Budget)
	return in
}

// saved is the checkpoint that an earlier owner of the same turn left; the zero answer.Partial if there is none.
func (t *turnRun) saved(ctx context.Context, of transcript.Of) answer.Partial {
	var c transcript.Checkpoint
	err := t.stored(ctx, func(ctx context.Context) (err error) {
		c, err = t.bot.records.Checkpoint(ctx, t.thread, of)
		return err
	})
	switch {
	case err != nil:
		t.bot.log.WarnContext(ctx, "checkpoint_unread", "thread", t.thread.String(), "error", err)
	case c.For != "":
		t.bot.log.InfoContext(ctx, "answer_goes_on", "thread", t.thread.String(), "ask", c.For, "chars", len(c.Text), "completion_tokens", c.Tokens)
	}
	return c.Partial()
}

// forget deletes the checkpoint of an answer that is complete.
func (t *turnRun) forget(ctx context.Context) {
	if err := t.bot.records.Forget(ctx, t.thread); err != nil {
		t.bot.log.WarnContext(ctx, "checkpoint_stays", "thread", t.thread.String(), "error", err)
	}
}
