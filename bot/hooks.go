package bot

import (
	"errors"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/attach"
	"llmbot/bot/quota"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
	"llmbot/llm"
)

// Hooks report what happens, for metrics. Each may be nil. They must not block, and are called from
// any goroutine.
type Hooks struct {
	// Rated reports that somebody liked an answer, or did not: once each, however often they change
	// their mind.
	Rated func(good bool)
	// Answered reports that an answer has ended, took after the first of its questions came.
	Answered func(end End, took time.Duration)
	// Visible reports that the first message of an answer can be seen, d after the first of its
	// questions came.
	Visible func(d time.Duration)
	// Waited reports how long an answer waited for a slot; mostly 0.
	Waited func(d time.Duration)
	// Streamed reports what one request to the model returned.
	Streamed func(r llm.Result, err error)
	// Away reports how long an answer waited between two tries for a model server that is away.
	Away func(d time.Duration)
	// OverQuota reports that an answer was refused because somebody has had their share.
	OverQuota func(over quota.Over)
	// Linked reports what became of the links to messages in one turn: how many were quoted, not shown
	// to whoever asked, and not readable.
	Linked func(shown, hidden, failed int)
	// Called reports that a call of a tool is over: by its server, how long it took, and whether it
	// failed.
	Called func(server string, took time.Duration, failed bool)
	// Decided reports what became of a question for leave, and how long the answer waited for it.
	Decided func(d transcript.Decision, waited time.Duration)
	// File reports what became of a file that was to be read, and how long that took. A file that is
	// remembered is none.
	File func(kind attach.Kind, outcome attach.Outcome, took time.Duration)
	// Turn are the hooks of the coordinator.
	Turn turn.Hooks
}

// End is how an answer ended.
type End string

// The ends of an answer.
const (
	EndDone    End = "done"
	EndLength  End = "length"  // complete up to the length limit
	EndCut     End = "cut"     // longer than what is shown
	EndLoop    End = "loop"    // stopped because it repeated itself
	EndStopped End = "stopped" // by a person
	EndRemoved End = "removed" // its question was deleted, or who asked took it back
	// EndCalledOff: its question was changed or deleted: another answer takes its place, or none.
	EndCalledOff End = "called_off"
	EndFailed    End = "failed" // marked as broken off, or nothing but an apology
	// EndInterrupted: the bot stops; where the state is durable, the next process goes on.
	EndInterrupted End = "interrupted"
	EndLost        End = "lost"      // another process has the thread
	EndNotShown    End = "not_shown" // Slack did not take the end of it
	EndRefused     End = "refused"   // a quota was used up meanwhile
	EndPanicked    End = "panicked"
)

// Ends returns all of them.
func Ends() []End {
	return []End{EndDone, EndLength, EndCut, EndLoop, EndStopped, EndRemoved, EndCalledOff, EndFailed, EndInterrupted, EndLost, EndNotShown, EndRefused, EndPanicked}
}

// endOf returns how an answer ended that was closed with closeErr.
func endOf(out answer.Outcome, closeErr error) End {
	switch {
	case errors.Is(out.Err, turn.ErrLost):
		return EndLost
	case errors.Is(out.Err, answer.ErrSuperseded):
		return EndCalledOff
	case closeErr != nil:
		return EndNotShown
	case errors.Is(out.Err, errOverQuota):
		return EndRefused
	case out.Answer.Phase == answer.Removed:
		return EndRemoved
	case errors.Is(out.Err, answer.ErrStopped):
		return EndStopped
	case errors.Is(out.Err, errShutdown):
		return EndInterrupted
	case answer.LoopSentence(out.Err) != "":
		return EndLoop
	case out.Err != nil:
		return EndFailed
	case out.WasCut():
		return EndCut
	case out.Result.Finish == llm.FinishLength:
		return EndLength
	}
	return EndDone
}
