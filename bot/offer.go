package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// offer offers the whole of an answer, which is longer than what is shown, as a file.
type offer struct {
	*assignment

	saver *transcript.Saver // of the answer
}

// prepare uploads the whole text of an answer that shows only a part, and the answer says so. If the
// upload fails, the answer says that the rest is left out. The store has the file's id before
// anybody can see the file: whoever takes the thread over shares the same one.
func (o offer) prepare(ctx context.Context, out *answer.Outcome) {
	ctx, cancel := context.WithTimeoutCause(ctx, offerTimeout, errors.New("slack did not take the file in time"))
	defer cancel()
	before := out.Answer.Notice
	out.Answer.Notice = ofRest(before, false, out.Result)
	if o.bot.dep.Uploads == nil {
		return
	}
	if out.File == "" {
		if err := o.upload(ctx, out); err != nil {
			if errors.Is(ctx.Err(), context.Canceled) {
				return
			}
			o.failed(ctx, err)
			return
		}
	}
	out.Answer.Notice = ofRest(before, true, out.Result)
}

// ofRest adds to a notice what becomes of the rest of an answer: it follows as a file, or is left
// out.
func ofRest(notice string, filed bool, r llm.Result) string {
	is, not := answer.RestNotShown, restInFile
	if filed {
		is, not = not, is
	}
	notice = strings.TrimSpace(strings.ReplaceAll(notice, not, ""))
	if r.Finish == answer.FinishCut {
		notice = answer.Say(notice, restUnended)
	}
	return answer.Say(notice, is)
}

func (o offer) upload(ctx context.Context, out *answer.Outcome) error {
	id, err := o.bot.dep.Uploads.Upload(ctx, "answer.md", out.All)
	if err == nil {
		err = o.saver.Filed(ctx, id)
	}
	if err == nil {
		out.File = id
	}
	return err
}

// share shows the file of an answer whose end is visible. If that fails the answer says that the
// rest is left out, in the messages of r.
func (o offer) share(work context.Context, r Reply, out *answer.Outcome) {
	ctx, cancel := context.WithTimeoutCause(work, offerTimeout, errors.New("slack did not show the file in time"))
	defer cancel()
	err := o.shareFile(ctx, out.File, out.All)
	if errors.Is(err, attach.ErrNoFile) { // Slack throws away what nobody shares for some time
		if err = o.upload(ctx, out); err == nil {
			err = o.shareFile(ctx, out.File, out.All)
		}
	}
	if err == nil {
		o.log.InfoContext(ctx, "answer_offered", "file", out.File)
		return
	}
	o.failed(ctx, err)
	out.Answer.Notice = ofRest(out.Answer.Notice, false, out.Result)
	if err := o.bot.mender.showAgain(work, o.thread, r, out.Answer); err != nil {
		o.log.WarnContext(work, "answer_not_corrected", "error", err)
	}
}

func (o offer) shareFile(ctx context.Context, id, text string) error {
	if err := o.mayWrite(); err != nil {
		return err
	}
	return o.bot.dep.Uploads.Share(ctx, o.thread, id, fmt.Sprintf("The whole answer, %s characters", figures.Thousands(utf8.RuneCountInString(text))))
}

// shareLeft shows the file of an answer whose owner died between its end and its file.
func (o offer) shareLeft(work context.Context, left answer.Partial) {
	if left.File == "" || o.bot.dep.Uploads == nil {
		return
	}
	ctx, cancel := context.WithTimeout(work, offerTimeout)
	defer cancel()
	if err := o.shareFile(ctx, left.File, left.Text); err != nil {
		o.failed(ctx, err)
	}
}

func (o offer) failed(ctx context.Context, err error) {
	if errors.Is(err, ErrNoUpload) {
		o.log.InfoContext(ctx, "answer_not_offered", "error", err,
			"hint", "with the scope files:write the whole of a long answer is offered as a file")
		return
	}
	o.log.WarnContext(ctx, "answer_not_offered", "error", err)
}
