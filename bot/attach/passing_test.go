package attach

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"llmbot/bot/prompt"
	"llmbot/bot/thread"
)

// weak is a shelf that fails some of its calls, and knows which address is good.
type weak struct {
	shelf

	good  string // the address that Slack tells
	fails func(call string) error
}

func (w *weak) Info(ctx context.Context, id string) (thread.File, error) {
	if err := w.fails("info"); err != nil {
		return thread.File{}, err
	}
	f, err := w.shelf.Info(ctx, id)
	f.Address = w.good
	if f.Thumb != "" {
		f.Thumb = w.good
	}
	return f, err
}

func (w *weak) File(ctx context.Context, f thread.File, most int64) ([]byte, error) {
	if f.Address != w.good {
		return nil, fmt.Errorf("404: %w", ErrNoFile)
	}
	if err := w.fails("file"); err != nil {
		return nil, err
	}
	return w.shelf.File(ctx, f, most)
}

func (w *weak) Thumbnail(ctx context.Context, f thread.File, most int64) ([]byte, error) {
	if f.Thumb != w.good {
		return nil, fmt.Errorf("404: %w", ErrNoFile)
	}
	if err := w.fails("thumbnail"); err != nil {
		return nil, err
	}
	return w.shelf.Thumbnail(ctx, f, most)
}

// inBubble runs a test by itself, in a bubble.
func inBubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// TestPassingFailures: what fails for a while is not remembered, and an address that is good no
// more is asked for anew, whatever kind of file it is.
func TestPassingFailures(t *testing.T) {
	var small bytes.Buffer
	if err := jpeg.Encode(&small, image.NewGray(image.Rect(0, 0, 40, 30)), nil); err != nil {
		t.Fatal(err)
	}
	const good, old = "https://files.slack.com/good", "https://files.slack.com/old"
	text := thread.File{ID: "F1", Name: "a.txt", MIME: "text/plain", Size: 2, Address: good}
	clip := thread.File{ID: "F1", Name: "a.mp4", MIME: "audio/mp4", Size: 2, Address: good}
	heic := thread.File{ID: "F1", Name: "a.heic", MIME: "image/heic", Size: 2, Address: good, Thumb: good}
	bad := thread.File{ID: "F1", Name: "a.png", MIME: "image/png", Size: 2, Address: good, Thumb: good}
	large := thread.File{ID: "F1", Name: "a.png", MIME: "image/png", Size: 30 << 20, Address: good}
	at := func(f thread.File) thread.File {
		f.Address = old
		if f.Thumb != "" {
			f.Thumb = old
		}
		return f
	}
	said := func(f thread.File) thread.File {
		f.Transcript = "by Slack"
		return f
	}
	for name, tt := range map[string]struct {
		file         thread.File
		fails        string // a call that fails in the first turn
		first, later string // what the two turns have
	}{
		"a text":                             {text, "file", "could not be fetched", "zq"},
		"a text at an old address":           {at(text), "", "zq", "zq"},
		"a clip":                             {clip, "file", "could not be written down", "> heard"},
		"a clip at an old address":           {at(clip), "", "> heard", "> heard"},
		"a clip of which Slack says nothing": {at(clip), "info", "could not be written down", "> heard"},
		"one with its words":                 {said(at(clip)), "info", "> by Slack", "> by Slack"},
		"a thumbnail":                        {heic, "thumbnail", "cannot see", "smaller copy"},
		"a thumbnail at an old address":      {at(heic), "", "smaller copy", "smaller copy"},
		"a copy of a damaged picture":        {bad, "thumbnail", "it is damaged", "smaller copy"},
		"one at an old address":              {at(bad), "", "smaller copy", "smaller copy"},
		"a copy of a large picture":          {large, "thumbnail", "it is too large", "smaller copy"},
		"one of which Slack says nothing":    {large, "info", "it is too large", "smaller copy"},
	} {
		inBubble(t, name, func(t *testing.T) {
			turn := 1
			s := &weak{good: good, fails: func(call string) error {
				if turn == 1 && call == tt.fails {
					return errors.New("503")
				}
				return nil
			}}
			s.files = map[string]thread.File{"F1": tt.file}
			s.data = map[string][]byte{"F1": []byte("zq"), "thumb of F1": small.Bytes()}
			r := New(s, nil, &listener{words: "heard"}, nil, slog.New(slog.DiscardHandler))
			for _, want := range []string{tt.first, tt.later} {
				turns := []prompt.Turn{{ID: "m1"}}
				r.Fill(t.Context(), "t1", turns, map[string][]thread.File{"m1": {tt.file}}, 0, func(string) bool { return true })
				if !strings.Contains(turns[0].Files, want) {
					t.Errorf("turn %d: %q, want %q", turn, turns[0].Files, want)
				}
				turn++
			}
		})
	}
}

// TestThumbnailThatComesLate: the smaller copy of a large picture is waited for, as that of another
// kind is.
func TestThumbnailThatComesLate(t *testing.T) {
	var small bytes.Buffer
	if err := jpeg.Encode(&small, image.NewGray(image.Rect(0, 0, 40, 30)), nil); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]thread.File{
		"too large":       {ID: "F1", Name: "a.png", MIME: "image/png", Size: 30 << 20, Address: "https://files.slack.com/good"},
		"of another kind": {ID: "F1", Name: "a.heic", MIME: "image/heic", Size: 2},
	} {
		inBubble(t, name, func(t *testing.T) {
			s := &weak{good: "https://files.slack.com/good"}
			asked := 0
			s.fails = func(call string) error {
				if call == "info" {
					asked++
				}
				if asked == 2 {
					s.data["thumb of F1"] = small.Bytes()
				}
				return nil
			}
			s.files, s.data = map[string]thread.File{"F1": f}, map[string][]byte{"F1": []byte("zq")}
			r := New(s, nil, nil, nil, slog.New(slog.DiscardHandler))
			turns := []prompt.Turn{{ID: "m1"}}
			r.Fill(t.Context(), "t1", turns, map[string][]thread.File{"m1": {f}}, 0, func(string) bool { return true })
			if len(turns[0].Images) != 1 {
				t.Errorf("%q", turns[0].Files)
			}
		})
	}
}
