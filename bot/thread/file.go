package thread

// File is a file of a message, as far as the message tells.
type File struct {
	ID, Name, MIME string
	Size           int64 // bytes

	Title    string // what people call it; empty: Name
	Type     string // Slack's own word for what it is: png, list, quip, …
	Subtype  string // slack_audio for a voice clip, …
	Mode     string // hosted, snippet, external, quip, …
	External bool   // it is on another host, which nobody may ask
	Link     string // the address of its page at Slack, for people
	Address  string `json:",omitzero"` // of its content at Slack, which only the bot may fetch; empty: not known
	Thumb    string // the address of the largest picture that Slack made of it; empty: none

	Transcript string // what Slack hears in a clip, or its beginning; empty: it does not say
	Unfinished bool   // the transcript goes on
	UnderWay   bool   `json:",omitzero"` // the transcript is being made; known if Slack was asked about the file itself
}
