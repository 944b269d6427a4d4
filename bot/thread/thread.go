package thread

import (
	"errors"
	"slices"
	"strings"
)

// ErrUnreadable reports that a thread, or a conversation, cannot be read, and that another try will
// not change this: it is gone, or the bot is not in the channel any more.
var ErrUnreadable = errors.New("thread is not readable")

// ID names a Slack thread: the channel and the ts of its first message.
type ID struct{ Channel, TS string }

// String returns the thread's key in logs and in the store.
func (t ID) String() string { return t.Channel + "/" + t.TS }

// Direct reports whether the thread is in a direct message: their channels' ids begin with D.
func (t ID) Direct() bool { return strings.HasPrefix(t.Channel, "D") }

// Parse returns the thread of a key: it is the inverse of String.
func Parse(key string) (ID, bool) {
	channel, ts, ok := strings.Cut(key, "/")
	return ID{Channel: channel, TS: ts}, ok
}

// Message is a message of a thread as people read it: entities unescaped, mentions as names.
type Message struct {
	TS     string
	User   string // empty for some apps
	Name   string // display name
	Text   string // of Self: what Slack gives back, a translation
	Self   bool   // this bot wrote it
	Bot    bool   // another bot or app posted it
	App    string // Bot: the app's bot id
	Behalf bool   // Bot: it is the message of User, a person, for whom an app posted it
	Notice bool   // Self: no answer but a word of ours
	For    string // Self: what it answers; of several questions, the last
	Asker  string // Self: who asked that; empty: not known
	From   string // Self: the first of them; empty: not known
	Since  string // Self: when the newest of them had become what it was; empty: not known
	Epoch  uint64 // Self: of the claim under which it was written; 0: without one
	Page   int    // Self: which of the answer's messages it is; 0 first
	Ended  bool   // Self: the last message of an answer that has ended
	Whole  bool   // Self: it is complete
	Files  []File

	// Late are previews of links that came when the message had been read before.
	Late []Preview

	Shown int // Self: characters that it shows, small print and notices not counted

	// All, of the first message of a thread as it was read: the others are all that the thread has.
	// It is false if that is not sure.
	All bool

	Latest string // of a message that opens a thread: ts of the newest reply; empty: none

	Edited    string // ts of its newest edit; empty: none
	Mentioned bool   // it names this bot
	Elsewhere bool   // it begins by addressing somebody else
}

// Preview is what Slack shows of a link in a message. Slack adds it some seconds after the message.
type Preview struct {
	Came string // when it was seen first, as a ts behind all that was read with it
	Text string // marked as a preview
}

// Question returns the message of a thread as a question.
func (m Message) Question(t ID) Question {
	return Question{
		Thread: t, TS: m.TS, Edited: m.Edited, User: m.User, Text: m.Text, Files: m.Files, Direct: t.Direct(),
		Mentioned: m.Mentioned, Elsewhere: m.Elsewhere,
	}
}

// People returns the persons who have written in a thread.
func People(thread []Message) []string {
	var out []string
	for _, m := range thread {
		if !m.Self && !m.Bot && m.User != "" && !slices.Contains(out, m.User) {
			out = append(out, m.User)
		}
	}
	return out
}
