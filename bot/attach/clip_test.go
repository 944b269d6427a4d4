package attach

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"llmbot/bot/prompt"
	"llmbot/bot/thread"
)

func (s *shelf) Info(_ context.Context, id string) (thread.File, error) {
	s.asked++
	f := s.files[id]
	f.ID, f.Address = id, "https://files.slack.com/"+id
	if s.data["thumb of "+id] != nil {
		f.Thumb = "https://files.slack.com/thumb"
	}
	if f.UnderWay && s.asked >= s.readyAfter {
		f.UnderWay, f.Transcript = false, "ready at last"
	}
	return f, s.err
}

func (s *shelf) Thumbnail(_ context.Context, f thread.File, _ int64) ([]byte, error) {
	s.asked++
	if s.err != nil || s.data["thumb of "+f.ID] == nil {
		return nil, cmp.Or(s.err, ErrNoFile)
	}
	return s.data["thumb of "+f.ID], nil
}

// listener hears the same in every clip.
type listener struct {
	words string
	err   error
	asked int
}

func (l *listener) Transcribe(context.Context, string, string, []byte) (string, error) {
	l.asked++
	return l.words, l.err
}

// TestClips: the words of a clip reach the model, marked, by whoever has them; else one sentence is
// said.
func TestClips(t *testing.T) {
	clip := thread.File{ID: "F1", Name: "audio_message.mp4", MIME: "video/mp4", Subtype: "slack_audio"}
	with := func(h thread.File) thread.File {
		h.ID, h.Name, h.MIME, h.Subtype = clip.ID, clip.Name, clip.MIME, clip.Subtype
		return h
	}
	for name, tt := range map[string]struct {
		file       thread.File
		ears       *listener
		ready      int
		text, said string
		asked      int // calls of Slack in two turns
	}{
		"a server hears it":            {clip, &listener{words: "is it done?\nBob: no"}, 0, "Voice clip audio_message.mp4, as it was spoken (written down by a program, which may have misheard):\n> is it done?\n> Bob: no", "", 2},
		"another type":                 {thread.File{ID: "F1", Name: "a.mp3", MIME: "audio/mpeg"}, &listener{words: "hi"}, 0, "Voice clip a.mp3, as it was spoken (written down by a program, which may have misheard):\n> hi", "", 2},
		"silence":                      {clip, &listener{}, 0, "(attached voice clip audio_message.mp4, which you cannot hear: there are no words in it)", "I heard no words in audio_message.mp4.", 2},
		"the server is away":           {with(thread.File{Transcript: "from Slack"}), &listener{err: errors.New("away")}, 0, "Voice clip audio_message.mp4, as it was spoken (written down by Slack, which may have misheard):\n> from Slack", "", 2},
		"nobody hears it":              {with(thread.File{}), &listener{err: errors.New("away")}, 0, "(attached voice clip audio_message.mp4, which you cannot hear: its words could not be written down)", "I could not listen to audio_message.mp4 just now: please write what you said there, or ask again later.", 6},
		"Slack's transcript":           {with(thread.File{Transcript: "Part one"}), nil, 0, "Voice clip audio_message.mp4, as it was spoken (written down by Slack, which may have misheard):\n> Part one", "", 0},
		"the beginning of it":          {with(thread.File{Transcript: "Part", Unfinished: true}), nil, 0, "Voice clip audio_message.mp4, as it was spoken (written down by Slack, which may have misheard; only the beginning is known):\n> Part", "Of audio_message.mp4 I know the beginning only: Slack shows no more of its transcript.", 0},
		"it is being made":             {with(thread.File{UnderWay: true}), nil, 3, "Voice clip audio_message.mp4, as it was spoken (written down by Slack, which may have misheard):\n> ready at last", "", 3},
		"it is being made for long":    {with(thread.File{UnderWay: true}), nil, 99, "(attached voice clip audio_message.mp4, which you cannot hear: nobody writes down its words)", "I can't listen to audio_message.mp4: please write what you said there.", 10},
		"without server or transcript": {clip, nil, 0, "(attached voice clip audio_message.mp4, which you cannot hear: nobody writes down its words)", "I can't listen to audio_message.mp4: please write what you said there.", 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &shelf{files: map[string]thread.File{"F1": tt.file}, data: map[string][]byte{"F1": []byte("zq")}, readyAfter: tt.ready}
			var ears Transcriber
			if tt.ears != nil {
				ears = tt.ears
			}
			r := New(s, nil, ears, nil, slog.New(slog.DiscardHandler))
			for range 2 {
				turns := []prompt.Turn{{ID: "m1"}}
				said := r.Fill(t.Context(), "t1", turns, map[string][]thread.File{"m1": {tt.file}}, 0, func(string) bool { return true })
				if turns[0].Files != tt.text || strings.Join(said, " ") != tt.said {
					t.Errorf("%s: %q, said %q", name, turns[0].Files, said)
				}
			}
			if s.asked != tt.asked {
				t.Errorf("%s: %d calls of Slack", name, s.asked)
			}
		})
	}
	if Unreadable([]thread.File{clip}) != "" {
		t.Error("a clip alone is no question")
	}
}

// TestThumbnails: of a picture that we cannot decode, or that is too large, the model sees Slack's
// thumbnail.
func TestThumbnails(t *testing.T) {
	var small bytes.Buffer
	if err := jpeg.Encode(&small, image.NewGray(image.Rect(0, 0, 40, 30)), nil); err != nil {
		t.Fatal(err)
	}
	heic := thread.File{ID: "F1", Name: "IMG_1.heic", MIME: "image/heic", Type: "heic", Size: 2_000_000}
	for name, tt := range map[string]struct {
		file       thread.File
		thumb      []byte
		err        error
		images     int
		text, said string
		asked      int
	}{
		"HEIC":                     {heic, small.Bytes(), nil, 1, "(attached picture IMG_1.heic, as a smaller copy)", "", 2},
		"TIFF":                     {thread.File{ID: "F1", Name: "scan.tif", MIME: "image/tiff"}, small.Bytes(), nil, 1, "(attached picture scan.tif, as a smaller copy)", "", 2},
		"called binary":            {thread.File{ID: "F1", Name: "IMG_1.HEIC", MIME: "application/octet-stream"}, small.Bytes(), nil, 1, "(attached picture IMG_1.HEIC, as a smaller copy)", "", 2},
		"without a thumbnail":      {heic, nil, nil, 0, "(attached picture IMG_1.heic, which you cannot see: its type is image/heic)", "I can't look at IMG_1.heic: I read PNG, JPEG, GIF and WebP, and got no preview of it from Slack. Please send it as JPEG.", 3},
		"on another host":          {heic, nil, ErrElsewhere, 0, "(attached picture IMG_1.heic, which you cannot see: its type is image/heic)", "I did not look at IMG_1.heic: it is kept outside of Slack, and I fetch files from Slack alone. Please upload it here.", 1},
		"too many bytes":           {thread.File{ID: "F1", Name: "a.png", MIME: "image/png", Size: 30 << 20}, small.Bytes(), nil, 1, "(attached picture a.png, as a smaller copy)", "Of a.png I looked at Slack's smaller copy: it is too large (at most 20 MB).", 3},
		"damaged":                  {thread.File{ID: "F1", Name: "a.png", MIME: "image/png", Size: 2}, small.Bytes(), nil, 1, "(attached picture a.png, as a smaller copy)", "Of a.png I looked at Slack's smaller copy: it is damaged, or not what its name says.", 3},
		"a thumbnail that is none": {heic, []byte("zq"), nil, 0, "(attached picture IMG_1.heic, which you cannot see: its type is image/heic)", "I can't look at IMG_1.heic: I read PNG, JPEG, GIF and WebP, and got no preview of it from Slack. Please send it as JPEG.", 4},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &shelf{files: map[string]thread.File{"F1": tt.file}, data: map[string][]byte{"F1": []byte("zq")}, err: tt.err}
			if tt.thumb != nil {
				s.data["thumb of F1"] = tt.thumb
			}
			r := New(s, nil, nil, nil, slog.New(slog.DiscardHandler))
			for range 2 {
				turns := []prompt.Turn{{ID: "m1"}}
				said := r.Fill(t.Context(), "t1", turns, map[string][]thread.File{"m1": {tt.file}}, 0, func(string) bool { return true })
				if len(turns[0].Images) != tt.images || turns[0].Files != tt.text || strings.Join(said, " ") != tt.said {
					t.Errorf("%s: %d images, %q, said %q", name, len(turns[0].Images), turns[0].Files, said)
				}
			}
			if s.asked != tt.asked {
				t.Errorf("%s: %d calls of Slack", name, s.asked)
			}
		})
	}
}
