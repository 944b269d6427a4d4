package answer

import "time"

// Phase is how far an answer is.
type Phase int

// The phases of an answer.
const (
	Waiting Phase = iota // nothing written yet: thinking, queued, or waiting for the server
	Writing              // the text grows
	Done                 // complete
	Stopped              // stopped by a person; the text stays
	Failed               // broke off; the text stays and is marked
	Removed              // its question was deleted: its messages go
)

// Ending is whether an answer has ended, and how. A successor decides by it, whatever is shown.
type Ending int

// The endings.
const (
	EndingOpen   Ending = iota // it goes on, here or in another process
	EndingBroken               // it has ended, and is not complete
	EndingWhole                // it is complete
)

// Controls are the buttons under an answer.
type Controls uint8

// The buttons.
const (
	CanStop Controls = 1 << iota
	CanRegenerate
	CanContinue
	CanRate
)

// Final reports whether nothing will follow.
func (p Phase) Final() bool { return p >= Done }

// Snapshot is what a thread shows of an answer at one moment: values only.
type Snapshot struct {
	Text string // the model's Markdown, the whole of it so far
	// Notice is a sentence of ours to the reader (the server is away, the answer was cut). It is never
	// part of Text.
	Notice string
	Small  string // small print under it: live speed, then the footer
	Status string // what the bot is doing before there is text: "is thinking…"
	Phase  Phase
	Ending Ending // whether it has ended; a successor decides by it

	Controls Controls  // the buttons under it
	Since    time.Time // when Status began: it is shown with the seconds since; zero: without
	Thinking time.Time // when the model began to reason; zero: it did not

	Steps []Step // the calls of tools so far, oldest first
	Busy  bool   // Status is shown beside the text, too: a tool runs, or a person is asked
}

// Whole reports whether Text is all that the model meant to write, so that a mark without its
// partner is text. A text that grows, was stopped, broke off or reached the length limit may end in
// the middle of a construct, and shows as it does while it grows.
func (a Snapshot) Whole() bool {
	return a.Phase.Final() && (a.Phase == Done || a.Ending == EndingWhole) && a.Controls&CanContinue == 0
}

// Step is one call of a tool as people see it: never its arguments, never its result.
type Step struct {
	ID    string // in the answer
	Title string // of the tool
	State StepState
}

// StepState is how far a call is.
type StepState int

// The states of a call.
const (
	StepAsks    StepState = iota + 1 // a person is asked for leave
	StepRuns                         // the tool runs
	StepRan                          // it has brought a result
	StepFailed                       // it failed
	StepRefused                      // it was not made
	StepUnsure                       // an owner before began it: nobody knows what became of it
)

// StatusThinking is what people see until there is text.
const StatusThinking = "is thinking…"
