package pdf

import (
	"errors"

	"llmbot/bot/document"
)

// Argument is the program's only argument when it is to be the child: main then calls Serve.
const Argument = "read-pdf"

// order is what the child is told: a line of JSON. The file follows, of as many bytes.
type order struct {
	Bytes int    `json:"bytes"`
	Runes int    `json:"runes"`
	Pages int    `json:"pages"`
	Cache string `json:"cache,omitempty"` // folder of the machine code; empty: none
	Load  bool   `json:"load,omitempty"`  // only load: there is no file
	Idle  bool   `json:"idle,omitempty"`  // only with what others leave of the processors: nobody waits
}

// message is what the child says: a line of JSON each, in this order.
type message struct {
	Ready       bool   `json:"ready,omitempty"`       // PDFium is loaded
	Interpreted bool   `json:"interpreted,omitempty"` // but not compiled
	Pages       int    `json:"pages,omitempty"`       // of the file
	Page        string `json:"page,omitempty"`        // the text of the next one
	Blank       bool   `json:"blank,omitempty"`       // the next one has none
	End         string `json:"end,omitempty"`         // of the file: a key of ends
}

// What the child may say at the end.
const (
	endAll      = "all"
	endFull     = "full" // enough is read
	endPassword = "password"
	endDamaged  = "damaged"
)

// endError returns the error that an end stands for.
func endError(end string) error {
	switch end {
	case endAll, endFull:
		return nil
	case endPassword:
		return document.ErrPassword
	}
	return document.ErrDamaged
}

// errLoad says that the child did not come to be ready.
var errLoad = errors.New("the reader of PDF files did not start")
