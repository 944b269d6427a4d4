package attach

import (
	"context"
	"errors"
	"fmt"

	"llmbot/bot/document"
	"llmbot/bot/fair"
	"llmbot/bot/thread"
	"llmbot/llm"
)

// load reads one file; keep: another try would bring the same. It asks Slack about the file if the
// message does not say enough, and if what the message says brings nothing.
func (r *Reader) load(ctx context.Context, where string, f thread.File, runes int) (a attachment, keep bool) {
	defer func() {
		a.kind, a.outcome = nameOf(f), outcomeOf(ctx, a, keep)
		keep = keep && !changes(f)
	}()
	if a, ok := absent(f); ok {
		return a, true
	}
	if r.files == nil || f.ID == "" || f.MIME != "" && kindOf(f) == fileOther || documentOf(f) == document.PDF && r.pdfs == nil {
		return otherKind(f), true
	}
	asked := false
	for {
		var err error
		if !r.known(f) {
			f, err = r.ask(ctx, f)
			asked = true
		}
		// What Slack says of a clip is not all: the message may have its words.
		if err == nil || kindOf(f) == fileClip && !errors.Is(err, ErrElsewhere) {
			a, keep, err = r.read(ctx, where, f, runes, asked)
		}
		if err != nil && !asked && ctx.Err() == nil && !errors.Is(err, ErrLargeFile) {
			f.Address = "" // Slack may have another one by now
			continue
		}
		if err != nil {
			return r.notFetched(ctx, where, f, err)
		}
		return a, keep
	}
}

// known reports whether the message says enough of a file to fetch it: each question to Slack comes
// out of a budget that all share.
func (r *Reader) known(f thread.File) bool {
	switch kind := kindOf(f); {
	case kind == fileClip && r.ears == nil, kind == filePicture && !decodable(f):
		return true // its transcript, or thumbnail, is asked for then
	case f.MIME == "" && kind != fileClip:
		return false
	}
	// Without a size nobody would notice that something else comes.
	return f.Address != "" && f.Size > 0 && !f.External && !changes(f)
}

// ask asks Slack about a file.
func (r *Reader) ask(ctx context.Context, f thread.File) (thread.File, error) {
	full, err := r.files.Info(ctx, f.ID)
	if full.ID != "" {
		f = full
	}
	if err != nil {
		return f, fmt.Errorf("ask about a file: %w", err)
	}
	return f, nil
}

// read reads a file of which everything is known. asked: Slack has said it just now. The error is
// that of fetching it.
func (r *Reader) read(ctx context.Context, where string, f thread.File, runes int, asked bool) (a attachment, keep bool, err error) {
	switch kindOf(f) {
	case fileClip:
		return r.clip(ctx, where, f, runes, asked)
	case filePicture:
		if !decodable(f) {
			a, keep = r.thumbnail(ctx, where, f, asked)
			return a, keep, nil
		}
	case fileOther:
		return otherKind(f), true, nil
	case fileText, fileDocument:
	}
	return r.content(ctx, where, f, runes, asked)
}

// content reads a file from its content.
func (r *Reader) content(ctx context.Context, where string, f thread.File, runes int, asked bool) (a attachment, keep bool, err error) {
	var failed *unseen
	waited := r.held.with(ctx, weight(f), func(h *hold) { a, keep, failed, err = r.fetch(ctx, h, where, f, runes) })
	switch {
	case waited != nil:
		return busy(f), false, nil
	case err == nil && failed != nil:
		a, keep = r.smaller(ctx, f, *failed, asked)
		return a, keep, nil
	}
	return a, keep, err
}

// fetch fetches a file and reads it. failed is not nil if it is a picture that cannot be read
// itself: its thumbnail is to be.
func (r *Reader) fetch(ctx context.Context, h *hold, where string, f thread.File, runes int) (a attachment, keep bool, failed *unseen, err error) {
	data, err := r.files.File(ctx, f, mostBytes(f))
	if errors.Is(err, ErrLargeFile) && kindOf(f) == filePicture {
		said := fmt.Sprintf("it is too large (at most %d MB)", mostBytes(f)>>20)
		return a, true, &unseen{said, cannot(f, "it is too large", fmt.Sprintf("I did not look at %s: %s.", quoteName(f.Name), said))}, nil
	}
	if err != nil {
		return a, false, nil, fmt.Errorf("fetch a file: %w", err)
	}
	switch kindOf(f) {
	case filePicture:
		a, keep, failed = r.picture(ctx, h, where, f, data)
		return a, keep, failed, nil
	case fileText:
		text, all, ok := plainText(data, runes)
		if !ok {
			return cannot(f, "it is no text", fmt.Sprintf("I can't read %s: it is no text.", quoteName(f.Name))), true, nil, nil
		}
		return inline(f.Name, text, all), true, nil, nil
	case fileDocument:
		a, keep = r.document(ctx, where, f, data, runes)
		return a, keep, nil, nil
	case fileClip, fileOther:
	}
	return otherKind(f), true, nil, nil
}

// notFetched returns what stands in place of a file that could not be fetched.
func (r *Reader) notFetched(ctx context.Context, where string, f thread.File, err error) (_ attachment, keep bool) {
	switch {
	case errors.Is(err, ErrLargeFile):
		return cannot(f, "it is too large", fmt.Sprintf("I did not read %s: it is too large (at most %d MB).", quoteName(f.Name), mostBytes(f)>>20)), true
	case errors.Is(err, ErrElsewhere):
		return keptElsewhere(f), true
	case errors.Is(ctx.Err(), context.Canceled): // the answer is stopped
		return cannot(f, "it was not fetched", ""), false
	}
	r.log.WarnContext(ctx, "file_unread", "thread", where, "file", f.ID, "type", f.MIME, "bytes", f.Size, "error", err)
	return cannot(f, "it could not be fetched", fmt.Sprintf("I could not get %s from Slack.", quoteName(f.Name))), false
}

// busy returns what stands in place of a file for which there was no place in time.
func busy(f thread.File) attachment {
	return cannot(f, "there was no time for it", fmt.Sprintf("I did not read %s: too many files are being read at the moment. Please ask again.", quoteName(f.Name)))
}

// unpack has a picture decoded in its person's turn.
func (r *Reader) unpack(ctx context.Context, h *hold, mime string, data []byte) (llm.Image, error) {
	turn, err := r.held.pictures.Take(ctx, fair.OnePlace())
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return llm.Image{}, llm.ErrBusyPictures
	case err != nil:
		return llm.Image{}, fmt.Errorf("wait for other pictures: %w", err)
	}
	defer turn.Give()
	return r.pics.Picture(ctx, mime, data, h.room) //nolint:wrapcheck // unpack is Picture, in its turn
}
