package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"llmbot/bot/answer"
	"llmbot/bot/figures"
	"llmbot/bot/thread"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
	"llmbot/llm"
)

// mostBlame is how many owners may die in an answer, without any progress, before it is given up:
// it may be what kills them (issue 7).
const mostBlame = 3 * turn.BlameUnit

// errHopeless ends an answer that has killed its owners.
var errHopeless = errors.New("too many owners have died in this answer")

const hopeless = "I have tried several times to answer this, and failed each time. Please ask in other words, or tell the people who run me."

// open opens the draft of an answer.
func (t *turnRun) open(work context.Context, a *admitted, s *stage) error {
	t.lease.Extend(a.upto)
	s.reply = t.reply(work, a)
	// Messages adopted from the thread are recorded now: a turn that follows finds them in the lease.
	if len(t.messageIDs()) > len(t.lease.Messages()) {
		t.noteMessages(work)
	}
	s.early.end() // before a draft says something else
	if len(s.reply.Adopt) > 0 {
		s.early.takeBack(work) // only a new message takes it away
	}
	if err := t.openDraft(work, s); err != nil {
		return err
	}
	s.early.shown = false // the draft's status takes its place
	return nil
}

// openDraft opens the draft of a reply.
func (t *turnRun) openDraft(work context.Context, s *stage) error {
	draft, err := t.bot.dep.Replier.Open(work, t.thread, s.reply)
	if err != nil {
		return fmt.Errorf("open an answer: %w", err)
	}
	s.draft = draft
	t.work.writes(s.reply.For, t.under())
	return nil
}

// reply ties the answer's messages to the lease and to the question that it answers.
func (t *turnRun) reply(work context.Context, a *admitted) Reply {
	last, ids := a.last(), thread.Union(t.lease.Messages(), a.due.Adopt)
	t.adopt(ids)
	r := Reply{For: last.TS, From: last.TS, User: last.User, Epoch: t.lease.Epoch(), Adopt: slices.Clone(ids), Tools: t.bot.dep.Tools != nil, Check: t.mayWrite}
	// Also those that are not admitted: they have what they get.
	if len(a.due.Asks) > 0 && !a.unread {
		r.From = a.due.Asks[0].TS
	}
	r.Since = string(turn.TS(last.TS).Max(thread.Newest(a.asks)).Max(turn.TS(a.redo.TS)))
	r.Fenced = t.fence
	r.Posted = func(id string) {
		if first := t.post(id); first {
			t.seen()
		}
		t.noteMessages(work)
	}
	return r
}

// noteMessages records the messages of the answer.
func (t *turnRun) noteMessages(work context.Context) {
	ctx, cancel := context.WithTimeout(work, storeTimeout)
	defer cancel()
	ids := t.messageIDs()
	if err := t.lease.Reply(ctx, ids); err != nil {
		t.log.WarnContext(ctx, "reply_not_noted", "messages", ids, "error", err)
	}
}

// write waits for a slot and has the model write, from the beginning or from where an earlier
// owner, or the length limit, ended. stream ends the request, work everything.
//
// Its variables, and those of everything between it and the socket, lie on the stack as long as the
// model writes, once for each live answer: all of them together fit in 16 kB, see
// TestStackOfALiveAnswer. Large values therefore go by pointer, and what only prepares is apart.
func (t *turnRun) write(work, stream context.Context, a *admitted, s *stage) *answer.Outcome {
	w, from, err := t.writer(work, stream, a, s)
	out := t.instead(work, w, a, from, err)
	if out == nil {
		out = t.ask(work, stream, w, a, s, from)
	}
	written(work, stream, s.saver, out)
	return out
}

// written has the store know what was written.
func written(work, stream context.Context, saver *transcript.Saver, out *answer.Outcome) {
	if out.Err == nil {
		saver.Finish(*out) // goes on while the end is shown
		return
	}
	saver.End()
	if errors.Is(context.Cause(stream), errShutdown) {
		saver.Save(work) // for whoever goes on
	}
}

// instead returns what an answer ends with for which nobody asks the model; nil: the model is asked.
// failed is why the writer has not got all that it needs.
func (t *turnRun) instead(work context.Context, w *answer.Writer, a *admitted, from *answer.Partial, failed error) *answer.Outcome {
	switch {
	case failed != nil:
		return new(w.Ended(failed, llm.Result{}))
	case from.Finish != "" && !t.stopped() && t.lease.Blame() < mostBlame:
		return new(w.Finished(*from))
	case t.lease.Blame() >= mostBlame:
		shown, _ := w.Fallback()
		return &answer.Outcome{Answer: broken(shown.Text, hopeless), Err: errHopeless}
	case a.refused.Limit != "":
		return new(t.tab.refuse(work, w, a, a.refused, t.visible()))
	}
	return nil
}

// asksModel reports whether the model is asked for an answer, as far as that is known before there
// is a writer, see instead.
func (t *turnRun) asksModel(a *admitted, from *answer.Partial) bool {
	return from.Finish == "" && t.lease.Blame() < mostBlame && a.refused.Limit == ""
}

// ask waits for a slot and asks the model.
func (t *turnRun) ask(work, stream context.Context, w *answer.Writer, a *admitted, s *stage, from *answer.Partial) *answer.Outcome {
	if a.unread {
		w.Say("I could not read the earlier messages of this thread, so this answers the question alone.")
	}
	defer w.Leave()
	if out := t.enter(work, stream, w, a); out != nil {
		return out
	}
	w.Think()
	return w.Write(stream, material{&t.assignment, a, t.messageIDs()}.input(stream, w.Tools(), w.Say), llm.Request{
		Model: a.set.Model, Temperature: a.set.Temperature, MaxTokens: t.bot.cfg.MaxTokens, ReasoningEffort: a.set.Effort, ID: a.request(),
	}, *from)
}

// enter waits for a slot. It returns what the answer ends with if it gets none, or if somebody has
// used up their share meanwhile; nil: the model may be asked.
func (t *turnRun) enter(work, stream context.Context, w *answer.Writer, a *admitted) *answer.Outcome {
	if err := w.Enter(stream); err != nil {
		return new(w.Ended(err, llm.Result{}))
	}
	if w.Queued() {
		if over := t.tab.spent(stream, a.begun); over.Limit != "" {
			return new(t.tab.refuse(work, w, a, over, t.visible()))
		}
	}
	return nil
}

// writer returns the writer of an answer, with what it goes on from, and begins to save it. The
// error ends the answer.
func (t *turnRun) writer(work, stream context.Context, a *admitted, s *stage) (*answer.Writer, *answer.Partial, error) {
	b := t.bot
	of := transcript.OfTurn(a.asks, a.upto)
	shown := a.shown(t.messageIDs())
	from, fallback, kept := previous(work, &t.assignment, a, of, shown)
	from = b.shared.Bounded(from)
	s.saver = b.records.Saver(stream, transcript.SaverConfig{
		Thread: t.thread, Begin: transcript.Checkpoint{Of: of, Text: from.Text, Before: from.Before}, Live: b.actors.count, Progress: t.lease.Progress, Log: b.log,
	})
	err := t.kit.open(stream, a, s.draft, of, t.asksModel(a, &from), t.visible)
	w := b.shared.Writer(answer.Task{
		Tools: t.kit.offered, Toolbox: t.kit.box, Rounds: t.kit.Rounds, Ran: t.kit.Ran,
		Thread: t.thread.String(), Draft: s.draft, ID: a.request(), Model: a.set.Model, Person: t.tab.person,
		MinVisible: leftVisible(a, shown), Fallback: fallback, Kept: kept, Does: t.work.does,
		Note: s.saver.Note, Progress: t.lease.Progress, Spent: func(tokens int) { t.tab.spend(work, tokens) },
	})
	return w, &from, err
}

// broken returns the end of an answer that is not complete, marked by a sentence.
func broken(text, notice string) answer.Snapshot {
	return answer.Snapshot{
		Text: text, Notice: notice, Phase: answer.Failed, Ending: answer.EndingBroken, Controls: answer.CanRegenerate,
	}
}

// previous loads the text that the answer goes on from (zero: it begins anew), and what stays if
// nothing comes to it. shown is what the thread shows of it. kept reports that this is an answer
// that had ended.
func previous(work context.Context, as *assignment, a *admitted, of transcript.Of, shown []thread.Message) (from answer.Partial, fallback answer.Snapshot, kept bool) {
	if a.due.Redo {
		own, err := stored(work, as, func() (map[string]transcript.Entry, error) { return as.bot.records.Entries(work, as.thread) })
		if err != nil {
			as.log.WarnContext(work, "answers_unread", "error", err)
		}
		if e := own[a.due.What]; e.Text != "" {
			fallback = e.Snapshot()
			if kept = e.Phase.Final(); a.more {
				from = answer.Partial{
					Text: e.Text, Tokens: e.Tokens, Elapsed: e.Elapsed, TTFT: e.TTFT, FirstWord: e.Word, Asked: true, Before: e.Tokens,
				}
			}
		}
	}
	if from.Text == "" && (a.begun || len(as.known) == 0) {
		from = as.saved(work, of)
	}
	if kept {
		return from, fallback, kept
	}
	fallback = answer.Snapshot{Text: from.Text, Small: figures.Footer(from.Result())}
	var texts []string // what Slack gives back: a translation, and of a long answer the beginning
	for _, m := range shown {
		if m.Text != "" {
			texts = append(texts, m.Text)
		}
	}
	text := strings.Join(texts, "\n\n")
	// Saved last long before its owner died.
	if utf8.RuneCountInString(text)*3 > utf8.RuneCountInString(from.Text)*4 {
		fallback = answer.Snapshot{Text: text}
	}
	return from, fallback, kept
}

// leftVisible returns how many characters a killed process left visible of an answer, of which
// shown is there.
func leftVisible(a *admitted, shown []thread.Message) (n int) {
	if !a.begun {
		return 0
	}
	for _, m := range shown {
		n += m.Shown
	}
	return n
}
