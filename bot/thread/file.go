package thread

// File is a file of a message.
type File struct {
	ID, Name, MIME string
	Type           string // Slack's filetype, such as docx
	Size           int64  // bytes
}
