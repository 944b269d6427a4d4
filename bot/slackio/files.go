package slackio

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"llmbot/bot/attach"
	"llmbot/bot/pace"
	"llmbot/bot/thread"
)

const methodFile pace.Method = "files.info"

// Info returns what Slack says of a file. Events of other organisations carry nothing but its id
// (facts/slack.md §5.7).
func (s *Slack) Info(ctx context.Context, id string) (thread.File, error) {
	info, err := lookUp(ctx, s, methodFile, func(ctx context.Context) (*slack.File, error) {
		info, _, _, err := s.api.GetFileInfoContext(ctx, id, 0, 0)
		return info, err
	})
	if err != nil {
		return thread.File{}, fmt.Errorf("look up file %s: %w", id, err)
	}
	f := thread.File{
		ID: id, Name: cmp.Or(info.Name, info.Title), MIME: info.Mimetype, Type: info.Filetype, Mode: info.Mode, Size: int64(info.Size),
		Address: cmp.Or(info.URLPrivateDownload, info.URLPrivate),
		Thumb:   cmp.Or(info.Thumb1024, info.Thumb960, info.Thumb800, info.Thumb720, info.Thumb480, info.Thumb360),
	}
	if info.MediaDisplayType == "audio" { // slack-go does not decode the subtype
		f.Subtype = "slack_audio"
	}
	if t := info.Transcription; t != nil {
		f.UnderWay = t.Status == "processing"
		if t.Status == "complete" && t.Preview != nil {
			f.Transcript, f.Unfinished = t.Preview.Content, t.Preview.HasMore != nil && *t.Preview.HasMore
		}
	}
	if info.IsExternal || info.Mode == "external" {
		f.External = true
		return f, fmt.Errorf("file %s is kept by %s: %w", id, info.ExternalType, attach.ErrElsewhere)
	}
	return f, nil
}

// Thumbnail returns the largest of the smaller pictures that Slack made of a file.
func (s *Slack) Thumbnail(ctx context.Context, f thread.File, most int64) ([]byte, error) {
	if f.Thumb == "" {
		return nil, fmt.Errorf("file %s has no thumbnail: %w", f.ID, attach.ErrNoFile)
	}
	data := &bounded{most: most}
	served, err := s.fetch(ctx, f.Thumb, data)
	switch {
	case errors.Is(err, errTooMuch):
		return nil, fmt.Errorf("the thumbnail of file %s has more than %d bytes: %w", f.ID, most, attach.ErrLargeFile)
	case err != nil:
		return nil, fmt.Errorf("fetch the thumbnail of file %s: %w", f.ID, err)
	case signIn("image/jpeg", false, served, data.all.Bytes()):
		return nil, fmt.Errorf("fetch the thumbnail of file %s: a web page came: %w", f.ID, attach.ErrNoFile)
	}
	return data.all.Bytes(), nil
}

// File returns the content of a file of at most most bytes.
func (s *Slack) File(ctx context.Context, f thread.File, most int64) ([]byte, error) {
	canvas := f.Mode == "quip" || f.MIME == "application/vnd.slack-docs"
	if canvas { // Slack writes its HTML when we ask: it has another size than the canvas
		f.Size = 0
	}
	if f.Size > most {
		return nil, fmt.Errorf("file %s has %d bytes: %w", f.ID, f.Size, attach.ErrLargeFile)
	}
	data := &bounded{most: most}
	if f.Size > 0 {
		data.most = f.Size
		data.all.Grow(int(f.Size))
	}
	served, err := s.fetch(ctx, f.Address, data)
	switch {
	case errors.Is(err, errTooMuch) && f.Size > 0:
		return nil, fmt.Errorf("fetch file %s: more than its %d bytes came: %w", f.ID, f.Size, attach.ErrNoFile)
	case errors.Is(err, errTooMuch):
		return nil, fmt.Errorf("file %s has more than %d bytes: %w", f.ID, most, attach.ErrLargeFile)
	case err != nil:
		return nil, fmt.Errorf("fetch file %s: %w", f.ID, err)
	}
	// A bot without the right to read gets the sign-in page, with status 200. The page has another
	// size than the file; where the size is not known, the type that it is served with tells.
	switch n := int64(data.all.Len()); {
	case f.Size > 0 && n != f.Size:
		return nil, fmt.Errorf("fetch file %s: %d bytes came, not %d: %w", f.ID, n, f.Size, attach.ErrNoFile)
	case f.Size <= 0 && signIn(f.MIME, canvas, served, data.all.Bytes()):
		return nil, fmt.Errorf("fetch file %s: a web page came: %w", f.ID, attach.ErrNoFile)
	}
	return data.all.Bytes(), nil
}

// signIn reports whether the sign-in page came in place of a file. A text may begin like a web
// page, and is served as text then; the sign-in page is served as HTML, by proxies also without a
// type (github.com/sonichi/sutando/pull/2268). Where the file is HTML itself, only the words of the
// page tell [unverified: which ones].
func signIn(mime string, canvas bool, served string, data []byte) bool {
	head := bytes.ToLower(bytes.TrimSpace(bytes.TrimPrefix(data[:min(len(data), 64<<10)], []byte("\ufeff"))))
	if !bytes.HasPrefix(head, []byte("<!doctype html")) && !bytes.HasPrefix(head, []byte("<html")) {
		return false
	}
	if canvas || strings.Contains(mime, "html") {
		return bytes.Contains(head, []byte("slack")) && slices.ContainsFunc([]string{"<title>sign in", `id="signin_form`, `data-qa="signin`}, func(mark string) bool {
			return bytes.Contains(head, []byte(mark))
		})
	}
	served, _, _ = strings.Cut(strings.ToLower(served), ";")
	switch strings.TrimSpace(served) {
	case "text/html", "application/xhtml+xml":
		return true
	case "", "application/octet-stream":
		return !strings.HasPrefix(mime, "text/")
	}
	return false
}

// bounded is a buffer that refuses more than it may hold. It embeds no bytes.Buffer, because
// io.Copy would use its ReadFrom, which has no bound.
type bounded struct {
	all  bytes.Buffer
	most int64
}

var errTooMuch = errors.New("more came than the file has")

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if int64(b.all.Len()+len(p)) > b.most {
		return 0, errTooMuch
	}
	return b.all.Write(p)
}

// Link returns the address of a message.
func (s *Slack) Link(ctx context.Context, channel, ts string) (string, error) {
	link, err := timed(ctx, func(ctx context.Context) (string, error) {
		return s.api.GetPermalinkContext(ctx, &slack.PermalinkParameters{Channel: channel, Ts: ts})
	})
	if err != nil {
		return "", fmt.Errorf("chat.getPermalink: %w", err)
	}
	return link, nil
}
