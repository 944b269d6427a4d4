package attach

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"llmbot/bot/document"
	"llmbot/bot/fair"
	"llmbot/bot/figures"
	"llmbot/bot/thread"
)

// Limits of documents; the figures are the project's own. Most often the characters that may go to
// the model end first: a page has some 3,000.
const (
	maxPages        = 1_000 // pages, slides or sheets
	maxCells        = 20_000
	documentTimeout = 5 * time.Second // for reading one; package pdf has a bound of its own
	rowsShown       = 8               // how many characters of a table are decoded for each that is shown
)

// document reads a document; keep: another try would bring the same.
func (r *Reader) document(ctx context.Context, where string, f thread.File, data []byte, runes int) (_ attachment, keep bool) {
	limits := document.Limits{Runes: runes, Pages: maxPages, Cells: maxCells}
	var text document.Text
	var err error
	switch kind := documentOf(f); kind { //nolint:exhaustive // all others are read alike
	case document.PDF:
		if r.pdfs == nil {
			return otherKind(f), true
		}
		text, err = r.pdf(ctx, data, limits)
	case document.Rows:
		rows, all, ok := plainText(data, rowsShown*runes)
		if !ok {
			err = document.ErrDamaged
			break
		}
		text, err = readDocument(ctx, kind, []byte(rows), limits)
		if utf8.RuneCountInString(rows) < all && err == nil {
			text.Part = fmt.Sprintf("the beginning of its %s characters", figures.Thousands(all))
		}
	default:
		text, err = readDocument(ctx, kind, data, limits)
	}
	if err == nil {
		return fenced(f.Name, text.Markdown, text.Part), ctx.Err() == nil
	}
	if errors.Is(ctx.Err(), context.Canceled) { // the answer is stopped
		return attachment{text: fmt.Sprintf("(attached file %s, which was not read)", quoteName(f.Name))}, false
	}
	why, said, keep := unread(err, quoteName(f.Name))
	r.log.WarnContext(ctx, "document_unread", "thread", where, "file", f.ID, "type", f.MIME, "bytes", len(data), "error", err)
	return attachment{text: fmt.Sprintf("(attached file %s, which you cannot read: %s)", quoteName(f.Name), why), said: said}, keep && ctx.Err() == nil
}

// pdf has a PDF file read in its person's turn.
func (r *Reader) pdf(ctx context.Context, data []byte, limits document.Limits) (document.Text, error) {
	turn, err := r.held.pdfs.Take(ctx, fair.OnePlace())
	if err != nil {
		return document.Text{}, fmt.Errorf("%w: %w", document.ErrBusy, err)
	}
	defer turn.Give()
	return r.pdfs.Read(ctx, data, limits) //nolint:wrapcheck // pdf is Read, in its turn
}

func readDocument(ctx context.Context, kind document.Kind, data []byte, limits document.Limits) (document.Text, error) {
	ctx, cancel := context.WithTimeout(ctx, documentTimeout)
	defer cancel()
	return document.Read(ctx, kind, data, limits)
}

// unread returns why a document has no text, for the model and for the person; keep: another try
// would bring the same.
func unread(err error, name string) (why, said string, keep bool) {
	switch {
	case errors.Is(err, document.ErrPassword):
		return "it is protected by a password", fmt.Sprintf("I can't read %s: it is protected by a password. Please send a copy without one.", name), true
	case errors.Is(err, document.ErrOld):
		return "it has an old format", fmt.Sprintf("I can't read %s: it has the format of Office 97. Please save it as .docx, .xlsx or .pptx.", name), true
	case errors.Is(err, document.ErrNoText):
		return "there is no text in it", fmt.Sprintf("I found no text in %s. If it is a scan, please send its pages as pictures.", name), true
	case errors.Is(err, document.ErrLarge):
		return "it is too large", fmt.Sprintf("I did not read %s: there is too much in it. Please send the part that matters.", name), true
	case errors.Is(err, document.ErrSlow):
		return "reading it took too long", fmt.Sprintf("I gave %s up: reading it took too long. Please send the part that matters.", name), true
	case errors.Is(err, document.ErrBusy):
		return "there was no time for it", fmt.Sprintf("I had no time to read %s. Please ask again in a minute.", name), false
	case errors.Is(err, document.ErrDamaged):
		return "it is damaged", fmt.Sprintf("I can't read %s: it is damaged, or not what its name says.", name), true
	}
	return "it could not be read", fmt.Sprintf("I can't read %s at the moment. Please ask again later.", name), false
}
