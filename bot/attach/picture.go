package attach

import (
	"context"
	"errors"
	"fmt"
	"time"

	"llmbot/bot/thread"
	"llmbot/bot/wait"
	"llmbot/llm"
)

// Slack makes the thumbnails of a picture while its message is posted: so often they are asked for.
// The figures are the project's own.
const (
	thumbTries = 3
	thumbPause = 2 * time.Second
	// maxThumb is how many bytes a thumbnail may have: its largest has 1,024 pixels each way.
	maxThumb = 4 << 20
)

// picture reads a picture; keep: another try would bring the same. failed is not nil if its
// thumbnail is to be read in its place.
func (r *Reader) picture(ctx context.Context, h *hold, where string, f thread.File, data []byte) (_ attachment, keep bool, failed *unseen) {
	name := quoteName(f.Name)
	image, err := r.unpack(ctx, h, f.MIME, data)
	if err == nil {
		return attachment{read: true, text: fmt.Sprintf("(attached picture %s)", name), image: &image, picture: true}, true, nil
	}
	if errors.Is(err, llm.ErrNoRoom) {
		return attachment{picture: true}, false, nil // memory.with begins anew
	}
	why, short, advice, keep := "it is damaged", "it is damaged, or not what its name says", "", true
	switch {
	case errors.Is(err, llm.ErrLargePicture):
		why, short, advice = "it is too large", "it has too many pixels", " Please send a smaller copy."
	case errors.Is(err, llm.ErrScans):
		why, short, advice = "it has too many passes", "it is a progressive JPEG with too many passes", " Please save it anew."
	case errors.Is(err, llm.ErrSlowPicture):
		why, short, advice = "reading it took too long", "reading it took too long", " Please send a smaller copy."
	case errors.Is(ctx.Err(), context.Canceled): // the answer is stopped
		return attachment{picture: true}, false, nil
	case errors.Is(err, llm.ErrBusyPictures):
		why, short, advice, keep = "there was no time for it", "there was no time for it", " Please ask again.", false
	}
	r.log.WarnContext(ctx, "picture_unread", "thread", where, "file", f.ID, "type", f.MIME, "bytes", len(data), "error", err)
	said := fmt.Sprintf("I did not look at %s: %s.%s", name, short, advice)
	if advice == "" {
		said = fmt.Sprintf("I can't read the picture %s.", name)
	}
	instead := attachment{text: fmt.Sprintf("(attached picture %s, which you cannot see: %s)", name, why), picture: true, said: said}
	if keep {
		return instead, true, &unseen{short, instead}
	}
	return instead, false, nil
}

// thumbnail reads the thumbnail of a picture that we cannot decode; keep: another try would bring
// the same.
func (r *Reader) thumbnail(ctx context.Context, where string, f thread.File, asked bool) (_ attachment, keep bool) {
	name := quoteName(f.Name)
	a, none, err := r.seek(ctx, f, asked)
	if err == nil {
		return a, true
	}
	a = attachment{text: fmt.Sprintf("(attached picture %s, which you cannot see: its type is %s)", name, f.MIME), picture: true}
	switch {
	case errors.Is(ctx.Err(), context.Canceled): // the answer is stopped
		return a, false
	case errors.Is(err, ErrElsewhere):
		a.said = fmt.Sprintf("I did not look at %s: it is kept outside of Slack, and I fetch files from Slack alone. Please upload it here.", name)
		return a, true
	}
	r.log.WarnContext(ctx, "thumbnail_unread", "thread", where, "file", f.ID, "type", f.MIME, "error", err)
	a.said = fmt.Sprintf("I can't look at %s: I read PNG, JPEG, GIF and WebP, and got no preview of it from Slack. Please send it as JPEG.", name)
	return a, none
}

// seek reads the thumbnail of a picture, at the address that the message has for it, or else at the
// one that Slack tells; asked: Slack has told it just now. It waits for Slack to make one; none: it
// has made none in that time.
func (r *Reader) seek(ctx context.Context, f thread.File, asked bool) (a attachment, none bool, err error) {
	if f.Thumb != "" {
		if a, err = r.thumb(ctx, f); err == nil || asked || ctx.Err() != nil {
			return a, false, err
		}
	}
	for try := 1; ; try++ {
		if f, err = r.ask(ctx, f); err != nil {
			return a, false, err
		}
		if f.Thumb != "" {
			a, err = r.thumb(ctx, f)
			return a, false, err
		}
		if try == thumbTries || wait.For(ctx, thumbPause) != nil {
			return a, ctx.Err() == nil, fmt.Errorf("file %s has no thumbnail: %w", f.ID, ErrNoFile)
		}
	}
}

// unseen is a picture that could not be read itself.
type unseen struct {
	why     string
	instead attachment // what stands in its place if its thumbnail cannot be read either
}

// smaller reads the thumbnail of a picture that could not be read itself; keep: another try would
// bring the same.
func (r *Reader) smaller(ctx context.Context, f thread.File, p unseen, asked bool) (_ attachment, keep bool) {
	a, none, err := r.seek(ctx, f, asked)
	if err != nil {
		return p.instead, none
	}
	a.said = fmt.Sprintf("Of %s I looked at Slack's smaller copy: %s.", quoteName(f.Name), p.why)
	return a, true
}

// thumb fetches and reads a thumbnail.
func (r *Reader) thumb(ctx context.Context, f thread.File) (attachment, error) {
	var image llm.Image
	var failed error
	if err := r.held.with(ctx, maxThumb, func(h *hold) { image, failed = r.thumbImage(ctx, h, f) }); err != nil {
		return attachment{}, err
	}
	if failed != nil {
		return attachment{}, failed
	}
	return attachment{read: true, text: fmt.Sprintf("(attached picture %s, as a smaller copy)", quoteName(f.Name)), image: &image, picture: true}, nil
}

func (r *Reader) thumbImage(ctx context.Context, h *hold, f thread.File) (llm.Image, error) {
	data, err := r.files.Thumbnail(ctx, f, maxThumb)
	if err != nil {
		return llm.Image{}, fmt.Errorf("fetch a thumbnail: %w", err)
	}
	image, err := r.unpack(ctx, h, "", data)
	if err != nil {
		return llm.Image{}, fmt.Errorf("read a thumbnail: %w", err)
	}
	return image, nil
}
