package bot

import (
	"context"
	"errors"
	"time"

	"llmbot/bot/status"
	"llmbot/bot/thread"
	"llmbot/llm"
)

// Model streams one completion. It calls on for every delta in order and returns the server's own usage.
type Model interface {
	Stream(ctx context.Context, req llm.Request, on func(llm.Delta) error) (llm.Result, error)
}

// Replier opens an answer in a thread, or takes over one that another process began. Open does not block for Slack.
type Replier interface {
	Open(ctx context.Context, t thread.ID, r Reply) (Draft, error)
}

// Reply ties the messages of an answer to the turn that owes it.
type Reply struct {
	For    string          // ts of the question (of several, the last); goes into each message's metadata, with From, Since and Epoch
	From   string          // ts of the first of the questions
	Since  string          // when the newest of them became what it is: its ts, or that of its edit
	User   string          // who asked
	Epoch  uint64          // of the claim
	Adopt  []string        // messages to take over, oldest first
	Posted func(id string) // told of each new message; may block for the store
	Check  func() error    // asked before every write to Slack; an error ends the draft, but for ErrNotNow
	Late   func(id string) // told of a message to which a write was made that Check does not allow any more when it is over
}

// ErrNotNow is a Check's error that may pass: it is asked again a little later.
var ErrNotNow = errors.New("not known to be ours at the moment")

// Draft shows the whole text so far; the newest wins.
type Draft interface {
	Set(a Answer)                              // never blocks
	Close(ctx context.Context, a Answer) error // returns when a is visible, or says why not
	// Room returns how many bytes of a text the thread takes: a few dozen messages at most. stop says that the answer ends now: then it is what the
	// messages take that were begun, and no other is. It does not block.
	Room(text string, stop bool) int
}

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

// Ending says whether an answer has ended, and how: what a successor needs to know, whatever is shown.
type Ending int

// The endings.
const (
	EndingOpen   Ending = iota // it goes on, here or in another process
	EndingBroken               // it has ended, and is not complete
	EndingWhole                // it is complete
)

// Controls are the buttons under an answer.
type Controls uint8

// The buttons; what they do is a [Press].
const (
	CanStop Controls = 1 << iota
	CanRegenerate
	CanContinue
	CanRate
)

// Final says whether nothing will follow.
func (p Phase) Final() bool { return p >= Done }

// Answer is what a thread shows of an answer: values only.
type Answer struct {
	Text   string // the model's Markdown, the whole of it so far
	Notice string // a sentence of ours to the reader (the server is away, the answer was cut); never part of Text
	Small  string // small print under it: live speed, then the footer
	Status string // what the bot is doing before there is text: "is thinking…"
	Phase  Phase
	Ending Ending // whether it has ended; a successor goes by it

	Controls Controls  // the buttons under it
	Since    time.Time // when Status began: it is shown with the seconds since; zero: without
	Thinking time.Time // when the model began to reason; zero: it did not
}

// ErrNoThread says that a thread cannot be read, and that another try will not change this: the bot is not in the channel any more.
var ErrNoThread = errors.New("thread is not readable")

// History reads the thread; Slack is the transcript.
type History interface {
	// Messages returns all messages of a thread, oldest first. It may read several pages, waits for the read budget, and returns
	// with the cause of ctx when that takes too long. ErrNoThread: it never will.
	Messages(ctx context.Context, t thread.ID) ([]thread.Message, error)
	// Recent returns the top-level messages of a conversation between two times, both excluded, oldest first; of very many, the newest. It is one
	// read, and blocks as Messages does.
	Recent(ctx context.Context, channel, after, before string) ([]thread.Message, error)
}

// ErrNoPerson says that Slack has said no when it was asked for a person: it knows none by that id, or does not tell.
var ErrNoPerson = errors.New("slack does not say who that is")

// Room is what the bot asks and tells about people and places.
type Room interface {
	// Person looks a user up. It waits for Slack until ctx ends; ErrNoPerson: another try does not help.
	Person(ctx context.Context, user string) (Person, error)
	// Channel is the name of a channel without #; empty for a direct message.
	Channel(ctx context.Context, channel string) (string, error)
	// Whisper shows text to one person only, in the thread, or in the channel if the thread has no TS. Best effort.
	Whisper(ctx context.Context, t thread.ID, user, text string) error
}

// Linker makes links. A [Room] may be one.
type Linker interface {
	// Link is the address of a message, for people; it may block for the network.
	Link(ctx context.Context, channel, ts string) (string, error)
}

// Person is a user of the workspace.
type Person struct {
	ID, Name string
	Guest    bool // single- or multi-channel guest
	External bool // of another organisation (Slack Connect)
	Bot      bool
}

// Homes shows reports on people's Home tabs.
type Homes interface {
	// Publish replaces what a person sees there. It blocks for the network.
	Publish(ctx context.Context, user string, r status.Report) error
}
