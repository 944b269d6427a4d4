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
	Thumb    string // the address of the largest picture that Slack made of it; empty: none

	Heard Transcript `json:",omitzero"` // of a voice clip, as far as Slack was asked about the file itself
}

// Transcript is what Slack has heard in a voice clip.
type Transcript struct {
	State string // Slack's own word: none, processing, complete, … (facts/reports.md A11)
	Text  string // the words, or the beginning of them
	More  bool   // there are more than Text has
}

// TranscriptUnderWay is the state of a transcript that is being made.
const TranscriptUnderWay = "processing"
