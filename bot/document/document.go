package document

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"llmbot/bot/figures"
)

// Kind is what a file is.
type Kind int

// The kinds of documents.
const (
	None   Kind = iota // no document
	PDF                // package pdf reads it
	Word               // DOCX
	Sheets             // XLSX
	Slides             // PPTX
	Rows               // a text of rows and separators; it must be decoded before
	Canvas             // the HTML that Slack makes of a canvas
)

// Errors of Read: why there is no text.
var (
	// ErrPassword says that a file opens with a password only.
	ErrPassword = errors.New("document is protected by a password")
	// ErrDamaged says that a file is not what it should be.
	ErrDamaged = errors.New("document is damaged")
	// ErrLarge says that a file has too many parts, or unpacks to too much.
	ErrLarge = errors.New("document is too large")
	// ErrSlow says that reading took too long.
	ErrSlow = errors.New("document took too long")
	// ErrBusy says that there was no time to begin.
	ErrBusy = errors.New("too many documents are being read")
	// ErrOld says that a file has the binary format of Office 97.
	ErrOld = errors.New("document has an old format")
	// ErrNoText says that a file has pages, and no text on them.
	ErrNoText = errors.New("document has no text")
)

// Limits says how much of a document is read. The time has its limit in the context.
type Limits struct {
	Runes int // characters of the text
	Pages int // pages, slides or sheets
	Cells int // cells of sheets
}

// MaxBytes is the largest document that is read; the figure is the project's own.
const MaxBytes = 32 << 20

// MaxWork is what reading a Word, Excel or PowerPoint file takes of memory beside the file, as
// measured with hostile ones (TestBombs).
const MaxWork = 34 << 20

// Bounds of what is unpacked; the figures are the project's own.
const (
	maxParts    = 10_000    // files in an archive: 80 MB if each takes 8 kB of memory; a book has some hundred
	maxUnpacked = 256 << 20 // bytes of all parts of a document together: about 4 s of encoding/xml
	maxToken    = 1 << 20   // bytes of one XML token: a cell of Excel has 32,767 characters
	maxDepth    = 256       // XML elements in one another: Word writes some 30
	maxWidth    = 256       // columns of a table; a model follows no wider one
)

// Text is what Read found.
type Text struct {
	Markdown string
	Part     string // which part of the document it is, such as "the first 3 of 9 slides"; empty: all
}

// KindOf returns what a file is by its MIME type, Slack's filetype and its name, in this order: the
// first one that knows. Slack says application/octet-stream or nothing of what it does not know.
func KindOf(mime, filetype, name string) Kind {
	mime, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(mime)), ";")
	const office, macro = "application/vnd.openxmlformats-officedocument.", ".macroenabled.12"
	switch {
	case mime == "application/pdf" || mime == "application/x-pdf":
		return PDF
	case strings.HasPrefix(mime, office+"wordprocessingml.") || strings.HasPrefix(mime, "application/vnd.ms-word.") && strings.HasSuffix(mime, macro):
		return Word
	case strings.HasPrefix(mime, office+"spreadsheetml.") || strings.HasPrefix(mime, "application/vnd.ms-excel.sheet") && strings.HasSuffix(mime, macro) ||
		strings.HasPrefix(mime, "application/vnd.ms-excel.template") && strings.HasSuffix(mime, macro):
		return Sheets
	case strings.HasPrefix(mime, office+"presentationml.") || strings.HasPrefix(mime, "application/vnd.ms-powerpoint.") && strings.HasSuffix(mime, macro):
		return Slides
	case mime == "text/csv" || mime == "text/tab-separated-values" || mime == "application/csv" || mime == "text/x-csv":
		return Rows
	case mime == "application/vnd.slack-docs":
		return Canvas
	}
	// Windows calls CSV files application/vnd.ms-excel where Excel is installed.
	vague := mime == "" || mime == "application/octet-stream" || mime == "binary" || mime == "application/zip" || mime == "application/x-zip-compressed" ||
		mime == "text/plain" || mime == "application/vnd.ms-excel" || mime == "application/msword" || mime == "application/vnd.ms-powerpoint"
	if !vague {
		return None
	}
	if k := ending(strings.ToLower(filetype)); k != None && mime != "text/plain" || k == Rows {
		return k
	}
	k := ending(strings.ToLower(strings.TrimPrefix(path.Ext(name), ".")))
	if mime == "text/plain" && k != Rows { // Slack looked into it
		return None
	}
	return k
}

// ending returns what a filetype or the ending of a name stands for.
func ending(s string) Kind {
	switch s {
	case "pdf":
		return PDF
	case "docx", "docm", "dotx", "dotm", "gdoc_docx":
		return Word
	case "xlsx", "xlsm", "xltx", "xltm":
		return Sheets
	case "pptx", "pptm", "ppsx", "ppsm", "potx", "potm":
		return Slides
	case "csv", "tsv":
		return Rows
	case "quip", "canvas":
		return Canvas
	}
	return None
}

// errFull says that a text has all characters that it may have.
var errFull = errors.New("the text is full")

// errEnough says that there are enough pages or cells.
var errEnough = errors.New("enough is read")

// Read returns the text of a document of any kind but PDF. It works until ctx ends; then it returns
// what it has. Its memory does not grow with what a file unpacks to: some megabytes, and 8 MB more
// for the texts of a workbook.
func Read(ctx context.Context, kind Kind, data []byte, limits Limits) (Text, error) {
	out := &writer{left: max(limits.Runes, 0)}
	part, err := read(ctx, kind, data, limits, out)
	t, err := outcome(strings.TrimSpace(out.b.String()), part, err)
	if err == nil && out.lost {
		before := "all, but "
		if t.Part != "" {
			before = t.Part + "; "
		}
		t.Part = fmt.Sprintf("%sof wide tables the first %d columns", before, maxWidth)
	}
	return t, err
}

// outcome returns what was read, and which part that is, or why it is nothing.
func outcome(text, part string, err error) (t Text, _ error) {
	t.Markdown = text
	if err == nil && t.Markdown == "" {
		return Text{}, ErrNoText
	}
	if err == nil {
		return t, nil
	}
	if part == "" {
		part = fmt.Sprintf("the first %s characters", figures.Thousands(utf8.RuneCountInString(t.Markdown)))
	}
	switch {
	case errors.Is(err, errFull), errors.Is(err, errEnough):
		t.Part = part
		return t, nil
	case t.Markdown == "":
		return Text{}, err
	case errors.Is(err, ErrSlow):
		t.Part = part + "; reading on took too long"
	case errors.Is(err, ErrLarge):
		t.Part = part + "; the rest is too large"
	default:
		t.Part = part + "; the rest is damaged"
	}
	return t, nil
}

// read writes a document's text. part says what was written if it fails.
func read(ctx context.Context, kind Kind, data []byte, limits Limits, out *writer) (part string, err error) {
	defer func() { // no file may end the answers of everybody else
		if r := recover(); r != nil {
			err = fmt.Errorf("the reader failed at it (%v): %w", r, ErrDamaged)
		}
	}()
	switch kind {
	case Rows:
		return rows(ctx, string(data), limits, out)
	case Canvas:
		return "", canvas(ctx, data, out)
	case None, PDF:
		return "", fmt.Errorf("kind %d is read elsewhere: %w", kind, ErrDamaged)
	case Word, Sheets, Slides:
	}
	a, err := open(ctx, data)
	if err != nil {
		return "", err
	}
	switch kind { //nolint:exhaustive // the others are above
	case Word:
		return "", word(a, out)
	case Sheets:
		return sheets(a, limits, out)
	default:
		return slides(a, limits, out)
	}
}
