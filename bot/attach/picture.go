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
)

// picture reads a picture; keep: another try would bring the same.
func (r *Reader) picture(ctx context.Context, h *hold, where string, f thread.File, data []byte) (_ attachment, keep bool) {
	name := quoteName(f.Name)
	image, err := r.pics.Picture(ctx, f.MIME, data, h.room)
	if err == nil {
		return attachment{read: true, text: fmt.Sprintf("(attached picture %s)", name), image: &image, picture: true}, true
	}
	if errors.Is(err, llm.ErrNoRoom) {
		return attachment{picture: true}, false // load begins anew
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
		return attachment{picture: true}, false
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
		return r.smaller(ctx, h, f, unseen{short, instead}), true
	}
	return instead, false
}

// thumbnail reads the thumbnail of a picture that we cannot decode; keep: another try would bring
// the same.
func (r *Reader) thumbnail(ctx context.Context, h *hold, where string, f thread.File) (_ attachment, keep bool) {
	name := quoteName(f.Name)
	var err error
	for try := 1; ; try++ {
		var a attachment
		if a, err = r.thumb(ctx, h, f); err == nil {
			return a, true
		}
		if !errors.Is(err, ErrNoFile) || try == thumbTries || wait.For(ctx, thumbPause) != nil {
			break
		}
	}
	if errors.Is(err, llm.ErrNoRoom) {
		return attachment{picture: true}, false // load begins anew
	}
	a := attachment{text: fmt.Sprintf("(attached picture %s, which you cannot see: its type is %s)", name, f.MIME), picture: true}
	switch {
	case errors.Is(ctx.Err(), context.Canceled): // the answer is stopped
		return a, false
	case errors.Is(err, ErrElsewhere):
		a.said = fmt.Sprintf("I did not look at %s: it is kept outside of Slack, and I fetch files from Slack alone. Please upload it here.", name)
		return a, true
	}
	r.log.WarnContext(ctx, "thumbnail_unread", "thread", where, "file", f.ID, "type", f.MIME, "error", err)
	a.said = fmt.Sprintf("I can't look at %s: I read PNG, JPEG, GIF and WebP, and got no preview of it from Slack. Please send it as JPEG.", name)
	return a, errors.Is(err, ErrNoFile) && ctx.Err() == nil
}

// unseen is a picture that could not be read itself.
type unseen struct {
	why     string
	instead attachment // what stands in its place if its thumbnail cannot be read either
}

// smaller reads the thumbnail of a picture that could not be read itself.
func (r *Reader) smaller(ctx context.Context, h *hold, f thread.File, p unseen) attachment {
	a, err := r.thumb(ctx, h, f)
	switch {
	case errors.Is(err, llm.ErrNoRoom):
		h.failed = &p
		return attachment{picture: true} // load begins anew, here
	case err != nil:
		return p.instead
	}
	a.said = fmt.Sprintf("Of %s I looked at Slack's smaller copy: %s.", quoteName(f.Name), p.why)
	return a
}

// thumb fetches and reads a thumbnail.
func (r *Reader) thumb(ctx context.Context, h *hold, f thread.File) (attachment, error) {
	_, data, err := r.files.Thumbnail(ctx, f.ID, maxImageFile)
	if err != nil {
		return attachment{}, fmt.Errorf("fetch a thumbnail: %w", err)
	}
	image, err := r.pics.Picture(ctx, "", data, h.room)
	if err != nil {
		return attachment{}, fmt.Errorf("read a thumbnail: %w", err)
	}
	return attachment{read: true, text: fmt.Sprintf("(attached picture %s, as a smaller copy)", quoteName(f.Name)), image: &image, picture: true}, nil
}
