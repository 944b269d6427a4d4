package thread

// File is a file of a message.
type File struct {
	ID, Name, MIME string
	Size           int64 // bytes
}
