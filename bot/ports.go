package bot

import (
	"context"
	"errors"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/catchup"
	"llmbot/bot/leave"
	"llmbot/bot/status"
	"llmbot/bot/thread"
	"llmbot/bot/tools"
)

// Replier opens an answer in a thread, or takes over one that another process began. Open does not
// block for Slack.
type Replier interface {
	Open(ctx context.Context, t thread.ID, r Reply) (answer.Draft, error)
}

// Reply ties the messages of an answer to the turn that owes it. For, From, Since and Epoch go into
// each message's metadata.
type Reply struct {
	For    string          // ts of the question; of several, the last
	From   string          // ts of the first of the questions
	Since  string          // when the newest of them became what it is: its ts, or that of its edit
	User   string          // who asked
	Epoch  uint64          // of the lease
	Adopt  []string        // messages to take over, oldest first
	Tools  bool            // tools may run while it is written
	Posted func(id string) // called with each new message; may block for the store
	// Check is called before every write to Slack; an error but ErrLeaseUncertain ends the draft.
	Check func() error
	// Fenced is called with the message if the lease was lost while a write to it was in flight.
	Fenced func(id string)
}

// ErrLeaseUncertain is a Check's error that may pass: the lease may be renewed, so Check is asked
// again a little later.
var ErrLeaseUncertain = errors.New("not known to be ours at the moment")

// Leaves ask people whether a call of a tool may be made.
type Leaves = leave.People

// Tools are what the model may call.
type Tools interface {
	leave.Tools

	// Status returns how the servers of the tools are doing, sorted by name. It does not block.
	Status() []tools.ServerStatus
}

// History reads threads and conversations; Slack is the transcript.
type History = catchup.History

// WhoTimeout is how long Slack may fail to say who somebody is until they are refused. Want of its
// budget delays an answer, for as long as that takes, and refuses none.
const WhoTimeout = 2 * time.Minute

// ErrNoPerson reports that Slack knows no person by an id, or does not tell.
var ErrNoPerson = errors.New("slack does not say who that is")

// Room is what the bot asks and tells about people and places.
type Room interface {
	// Person looks a user up. It waits for the budget until ctx ends, and for a Slack that fails for
	// WhoTimeout; ErrNoPerson: another try does not help.
	Person(ctx context.Context, user string) (Person, error)
	// Channel returns the name of a channel without #; empty for a direct message.
	Channel(ctx context.Context, channel string) (string, error)
	// Whisper shows text to one person only, in the thread, or in the channel if the thread has no
	// TS. Best effort.
	Whisper(ctx context.Context, t thread.ID, user, text string) error
}

// Statuses shows what the bot is doing in a thread, where there is no answer yet. A [Room] may be
// one.
type Statuses interface {
	// Status shows the line "BOT text" under a thread, empty takes it away, and reports whether
	// Slack took it. It blocks for the network, a few seconds at most.
	Status(ctx context.Context, t thread.ID, text string) bool
	// Idle has Slack told that the bot is not at work in a thread, unless this process is at work
	// there. It does not block; best effort.
	Idle(t thread.ID)
}

// Linker makes links. A [Room] may be one.
type Linker interface {
	// Link returns the address of a message, for people. It may block for the network.
	Link(ctx context.Context, channel, ts string) (string, error)
}

// Person is a user of the workspace.
type Person struct {
	ID, Name string
	Guest    bool // single- or multi-channel guest
	External bool // of another organisation (Slack Connect)
	// Elsewhere reports that they are not in the bot's own workspace, perhaps in another one of the
	// same organisation (Enterprise Grid). They see none of its public channels that they are not in.
	Elsewhere bool
	Bot       bool
}

// Homes shows reports on people's Home tabs.
type Homes interface {
	// Publish replaces what a person sees there. It blocks for the network.
	Publish(ctx context.Context, user string, r status.Report) error
}
