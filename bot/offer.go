package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"llmbot/bot/answer"
	"llmbot/bot/attach"
	"llmbot/bot/figures"
	"llmbot/bot/thread"
	"llmbot/bot/transcript"
	"llmbot/llm"
)

// offerTimeout is how long the end of an answer waits for its file, and how long Slack may take to
// show the file.
const offerTimeout = 20 * time.Second

// ErrNoUpload reports that the app may not bring files into the workspace (scope files:write), or
// that the workspace takes none.
var ErrNoUpload = errors.New("files cannot be uploaded")

// ErrFileStays reports that Slack will not delete a file for the bot, however often it is asked.
var ErrFileStays = errors.New("the file cannot be deleted")

// Uploads brings files into threads. The methods may block for the network.
type Uploads interface {
	// Upload brings a file to the workspace, where nobody sees it before Share.
	Upload(ctx context.Context, name, text string) (id string, err error)
	// Share shows an uploaded file in a thread. Sharing it once more does nothing, whoever does it.
	// ErrNoFile: it is not there any more.
	Share(ctx context.Context, t thread.ID, id, title string) error
	// Delete deletes an uploaded file. The message that shows it stays. It returns nil if the file is
	// not there any more. ErrFileStays: no other try helps.
	Delete(ctx context.Context, id string) error
}

// What is said, beside answer.RestNotShown, of an answer that is shown only in part.
const (
	restInFile  = "The answer is longer than I show in a thread: all of it follows as a file."
	restUnended = "I have stopped the model, which went on and on."
)

// show shows the end of an answer as soon as the lease allows it. It blocks as long as the store is
// away.
func (t *turnRun) show(work, stream context.Context, a *admitted, s *stage, out *answer.Outcome) error {
	for again := false; ; again = true {
		if err := t.settled(work); err != nil {
			gone, cancel := context.WithCancelCause(work)
			cancel(err)
			return errors.Join(err, s.draft.Close(gone, out.Answer))
		}
		err := t.showNow(work, stream, a, s, out)
		if !errors.Is(err, ErrLeaseUncertain) || work.Err() != nil {
			if again && err == nil {
				t.idle()
			}
			return err
		}
		// The lease lapsed meanwhile: once more, in the same messages.
		s.reply.Adopt = t.messageIDs()
		if err := t.openDraft(work, s); err != nil {
			return err
		}
	}
}

// showNow shows the end of an answer, and uploads the whole of it where that shows only a part. If
// a complete answer is stopped meanwhile, its end is what is visible by then, to the end of the
// message that is being written. If it is called off, not another word is shown. stream is what
// those end.
func (t *turnRun) showNow(work, stream context.Context, a *admitted, s *stage, out *answer.Outcome) error {
	closing, cancel := context.WithTimeoutCause(work, closeTimeout, errors.New("slack did not take the end of the answer in time"))
	defer cancel()
	t.work.is(ThreadClosing)
	if out.Err != nil {
		return s.draft.Close(closing, out.Answer)
	}
	closing, letGo := context.WithCancelCause(closing)
	defer letGo(nil)
	offering, noOffer := context.WithCancel(closing)
	defer noOffer()
	whole, stopped, over := *out, (*answer.Snapshot)(nil), make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-stream.Done():
		case <-over:
			return
		}
		switch cause := context.Cause(stream); {
		case errors.Is(cause, answer.ErrSuperseded):
			letGo(answer.ErrSuperseded)
		case errors.Is(cause, answer.ErrStopped):
			defer noOffer() // after the draft has the end
			if stopped = t.cutShort(a, s.draft, whole); stopped != nil {
				s.draft.Set(*stopped)
			}
		}
	})
	if out.All != "" {
		t.offer(offering, s.saver, out)
	}
	err := s.draft.Close(closing, out.Answer)
	close(over)
	watch.Wait()
	switch {
	case stopped != nil:
		if out.Answer, out.File = *stopped, ""; stopped.Phase == answer.Stopped {
			out.Err, out.All = answer.ErrStopped, ""
		}
	case err != nil && errors.Is(context.Cause(closing), answer.ErrSuperseded):
		out.Err = answer.ErrSuperseded
	}
	return err
}

// cutShort returns the end of a complete answer that is stopped while its end is being shown; nil:
// it is shown as it is.
func (t *turnRun) cutShort(a *admitted, draft answer.Draft, whole answer.Outcome) *answer.Snapshot {
	cut := whole.Answer
	switch n := draft.Room(cut.Text, true); {
	case n < len(cut.Text):
		cut.Text, cut.Phase, cut.Notice, cut.Controls, cut.Ending = cut.Text[:n], answer.Stopped, "", answer.CanRegenerate, answer.EndingBroken
		cut.Small = figures.Join("stopped", cut.Small)
		if _, some := t.askedAfterStop(a.asks); some {
			cut.Controls, cut.Ending = 0, answer.EndingOpen
		}
		return &cut
	case whole.All != "": // a file would come after the stop
		cut.Notice = restLeft(cut.Notice, whole.Result)
		return &cut
	}
	return nil
}

// offer uploads the whole text of an answer that shows only a part, and the answer says so. If the
// upload fails, the answer says that the rest is left out. The store has the file's id before
// anybody can see the file: whoever takes the thread over shares the same one.
func (t *turnRun) offer(ctx context.Context, saver *transcript.Saver, out *answer.Outcome) {
	ctx, cancel := context.WithTimeoutCause(ctx, offerTimeout, errors.New("slack did not take the file in time"))
	defer cancel()
	before := out.Answer.Notice
	out.Answer.Notice = restLeft(before, out.Result)
	if t.bot.dep.Uploads == nil {
		return
	}
	if out.File == "" {
		if err := t.upload(ctx, saver, out); err != nil {
			if errors.Is(ctx.Err(), context.Canceled) {
				return
			}
			t.offerFailed(ctx, err)
			return
		}
	}
	out.Answer.Notice = restFiled(before, out.Result)
}

// restLeft and restFiled add to a notice what becomes of the rest of an answer.
func restLeft(notice string, r llm.Result) string {
	return ofRest(notice, restInFile, answer.RestNotShown, r)
}

func restFiled(notice string, r llm.Result) string {
	return ofRest(notice, answer.RestNotShown, restInFile, r)
}

func ofRest(notice, not, but string, r llm.Result) string {
	notice = strings.TrimSpace(strings.ReplaceAll(notice, not, ""))
	if r.Finish == answer.FinishCut {
		notice = answer.Say(notice, restUnended)
	}
	return answer.Say(notice, but)
}

func (t *turnRun) upload(ctx context.Context, saver *transcript.Saver, out *answer.Outcome) error {
	id, err := t.bot.dep.Uploads.Upload(ctx, "answer.md", out.All)
	if err == nil {
		err = saver.Filed(ctx, id)
	}
	if err != nil {
		return err
	}
	out.File = id
	return nil
}

// share shows the file of an answer whose end is visible. If that fails the answer says that the
// rest is left out.
func (t *turnRun) share(work context.Context, s *stage, out *answer.Outcome) {
	ctx, cancel := context.WithTimeoutCause(work, offerTimeout, errors.New("slack did not show the file in time"))
	defer cancel()
	err := t.shareFile(ctx, out.File, out.All)
	if errors.Is(err, attach.ErrNoFile) { // Slack throws away what nobody shares for some time
		if err = t.upload(ctx, s.saver, out); err == nil {
			err = t.shareFile(ctx, out.File, out.All)
		}
	}
	if err == nil {
		t.log.InfoContext(ctx, "answer_offered", "file", out.File)
		return
	}
	t.offerFailed(ctx, err)
	out.Answer.Notice = restLeft(out.Answer.Notice, out.Result)
	r := s.reply
	r.Adopt = t.messageIDs()
	if err := t.bot.showAgain(work, t.thread, r, out.Answer); err != nil {
		t.log.WarnContext(work, "answer_not_corrected", "error", err)
	}
}

func (t *turnRun) shareFile(ctx context.Context, id, text string) error {
	if err := t.mayWrite(); err != nil {
		return err
	}
	return t.bot.dep.Uploads.Share(ctx, t.thread, id, fmt.Sprintf("The whole answer, %s characters", figures.Thousands(utf8.RuneCountInString(text))))
}

// shareLeft shows the file of an answer whose owner died between its end and its file.
func (t *turnRun) shareLeft(work context.Context, left answer.Partial) {
	if left.File == "" || t.bot.dep.Uploads == nil {
		return
	}
	ctx, cancel := context.WithTimeout(work, offerTimeout)
	defer cancel()
	if err := t.shareFile(ctx, left.File, left.Text); err != nil {
		t.offerFailed(ctx, err)
	}
}

func (t *turnRun) offerFailed(ctx context.Context, err error) {
	if errors.Is(err, ErrNoUpload) {
		t.log.InfoContext(ctx, "answer_not_offered", "error", err,
			"hint", "with the scope files:write the whole of a long answer is offered as a file")
		return
	}
	t.log.WarnContext(ctx, "answer_not_offered", "error", err)
}
