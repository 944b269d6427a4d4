package bot

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// offerTimeout is how long the end of an answer waits for its file, and how long that may take to be shown.
const offerTimeout = 20 * time.Second

// ErrNoUpload says that the app may not bring files into the workspace (scope files:write), or that the workspace takes none.
var ErrNoUpload = errors.New("files cannot be uploaded")

// Uploads brings files into threads. Both methods may block for the network.
type Uploads interface {
	// Upload brings a file to the workspace, where nobody sees it before Share.
	Upload(ctx context.Context, name, text string) (id string, err error)
	// Share shows an uploaded file in a thread. To share it once more does nothing, whoever does it. ErrNoFile: it is not there any more.
	Share(ctx context.Context, t Thread, id, title string) error
}

// What is said of an answer that is shown only in part.
const (
	restNotShown = "The answer is longer than I show in a thread: the rest of it is left out."
	restInFile   = "The answer is longer than I show in a thread: all of it follows as a file."
	restUnended  = "I have stopped the model, which went on and on."
)

// offer uploads the whole text of an answer that shows only a part, and says so in the answer; if that cannot be done, that the rest is left out. The
// file's id is in the store before anybody can see the file: whoever takes the thread over shares the same one.
func (t *turnRun) offer(work context.Context, out *outcome) {
	ctx, cancel := context.WithTimeoutCause(work, offerTimeout, errors.New("slack did not take the file in time"))
	defer cancel()
	base := out.answer.Notice
	if out.result.Finish == finishCut {
		base = said(base, restUnended)
	}
	out.answer.Notice = said(base, restNotShown)
	if t.bot.dep.Uploads == nil {
		return
	}
	if out.file == "" {
		if err := t.upload(ctx, out); err != nil {
			t.offerFailed(ctx, err)
			return
		}
	}
	out.answer.Notice = said(base, restInFile)
}

func (t *turnRun) upload(ctx context.Context, out *outcome) error {
	id, err := t.bot.dep.Uploads.Upload(ctx, "answer.md", out.all)
	if err == nil {
		err = t.saver.filed(ctx, id)
	}
	if err != nil {
		return err
	}
	out.file = id
	return nil
}

// share shows the file of an answer whose end is visible. If that fails the answer says that the rest is left out.
func (t *turnRun) share(work context.Context, r Reply, out *outcome) {
	ctx, cancel := context.WithTimeoutCause(work, offerTimeout, errors.New("slack did not show the file in time"))
	defer cancel()
	err := t.shareFile(ctx, out.file, out.all)
	if errors.Is(err, ErrNoFile) { // Slack throws away what nobody shares for some time
		if err = t.upload(ctx, out); err == nil {
			err = t.shareFile(ctx, out.file, out.all)
		}
	}
	if err == nil {
		t.bot.log.InfoContext(ctx, "answer_offered", "thread", t.thread.String(), "file", out.file)
		return
	}
	t.offerFailed(ctx, err)
	out.answer.Notice = restNotShown
	if out.result.Finish == finishCut {
		out.answer.Notice = restUnended + " " + restNotShown
	}
	r.Adopt = t.messageIDs()
	if err := t.bot.showAgain(work, t.thread, r, out.answer); err != nil {
		t.bot.log.WarnContext(work, "answer_not_corrected", "thread", t.thread.String(), "error", err)
	}
}

func (t *turnRun) shareFile(ctx context.Context, id, text string) error {
	if err := t.mayWrite(); err != nil {
		return err
	}
	return t.bot.dep.Uploads.Share(ctx, t.thread, id, fmt.Sprintf("The whole answer, %s characters", thousands(utf8.RuneCountInString(text))))
}

// shareLeft shows the file of an answer whose owner died between its end and its file.
func (t *turnRun) shareLeft(work context.Context, left partly) {
	if left.file == "" || t.bot.dep.Uploads == nil {
		return
	}
	ctx, cancel := context.WithTimeout(work, offerTimeout)
	defer cancel()
	if err := t.shareFile(ctx, left.file, left.text); err != nil {
		t.offerFailed(ctx, err)
	}
}

func (t *turnRun) offerFailed(ctx context.Context, err error) {
	if errors.Is(err, ErrNoUpload) {
		t.bot.log.InfoContext(ctx, "answer_not_offered", "thread", t.thread.String(), "error", err,
			"hint", "with the scope files:write the whole of a long answer is offered as a file")
		return
	}
	t.bot.log.WarnContext(ctx, "answer_not_offered", "thread", t.thread.String(), "error", err)
}

// wasCut reports whether an answer shows less than the model wrote.
func (o outcome) wasCut() bool { return o.all != "" || o.result.Finish == finishCut }
