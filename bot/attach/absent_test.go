package attach

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log/slog"
	"strings"
	"testing"

	"llmbot/bot/prompt"
	"llmbot/bot/thread"
)

// TestAbsentFiles: of a file that is not there, as its message says already, nobody is asked, and
// the sentence tells why.
func TestAbsentFiles(t *testing.T) {
	for name, tt := range map[string]struct {
		file       thread.File
		text, said string
	}{
		"a Google document": {thread.File{ID: "F1", Name: "Plan", MIME: "application/vnd.google-apps.document", Type: "gdoc", External: true}, "(attached file Plan, which you cannot read: it is kept on another host than Slack's)", "it is kept outside of Slack"},
		"a text elsewhere":  {thread.File{ID: "F1", Name: "plan.txt", MIME: "text/plain", Mode: "external"}, "(attached file plan.txt, which you cannot read: it is kept on another host than Slack's)", "it is kept outside of Slack"},
		"a deleted one":     {thread.File{ID: "F1", Mode: "tombstone"}, "(attached file without a name, which you cannot read: it was deleted)", "I can't read a file: it was deleted."},
		"a deleted picture": {thread.File{ID: "F1", Name: "a.png", MIME: "image/png", Mode: "tombstone"}, "(attached file a.png, which you cannot read: it was deleted)", "I can't read a.png: it was deleted."},
		"a hidden one":      {thread.File{ID: "F1", Name: "a.png", Mode: "hidden_by_limit"}, "(attached file a.png, which you cannot read: Slack hides it)", "the limit of its plan"},
	} {
		s := &shelf{files: map[string]thread.File{"F1": tt.file}, data: map[string][]byte{"F1": []byte("zq")}}
		text, said, asked := fill(t, s, nil)
		if text != tt.text || !strings.Contains(said, tt.said) || asked != 0 {
			t.Errorf("%s: %q, %q, asked %d times", name, text, said, asked)
		}
		if alone := Unreadable([]thread.File{tt.file}); !strings.Contains(alone, tt.said) {
			t.Errorf("%s, alone: %q", name, alone)
		}
	}
	// A file that was deleted after it was read is not shown from memory.
	s := &shelf{files: map[string]thread.File{"F1": {ID: "F1", Name: "a.txt", MIME: "text/plain", Size: 2}}, data: map[string][]byte{"F1": []byte("zq")}}
	r := New(s, nil, nil, nil, slog.New(slog.DiscardHandler))
	read := func(f thread.File) string {
		turns := []prompt.Turn{{ID: "m1"}}
		r.Fill(t.Context(), "t1", turns, map[string][]thread.File{"m1": {f}}, 0, func(string) bool { return true })
		return turns[0].Files
	}
	f := s.files["F1"]
	if got := read(f); !strings.Contains(got, "zq") {
		t.Fatal(got)
	}
	f.Mode = "tombstone"
	if got := read(f); strings.Contains(got, "zq") {
		t.Error(got)
	}
}

// TestNewestPicturesOfAMessage: of more pictures in one message than are looked at, the last ones
// go, as it is said.
func TestNewestPicturesOfAMessage(t *testing.T) {
	s := &shelf{files: map[string]thread.File{}, data: map[string][]byte{}}
	var list []thread.File
	for i := range 6 {
		var b bytes.Buffer
		m := image.NewGray(image.Rect(0, 0, 8, 8))
		m.Set(0, 0, color.Gray{Y: uint8(i)})
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprint("F", i)
		f := thread.File{ID: id, Name: id + ".png", MIME: "image/png", Size: int64(b.Len())}
		s.files[id], s.data[id], list = f, b.Bytes(), append(list, f)
	}
	r := New(s, nil, nil, nil, slog.New(slog.DiscardHandler))
	turns := []prompt.Turn{{ID: "m1"}}
	said := r.Fill(t.Context(), "t1", turns, map[string][]thread.File{"m1": list}, 0, func(string) bool { return true })
	const want = "(attached picture F0.png, left out)\n\n(attached picture F1.png, left out)\n\n(attached picture F2.png)"
	if !strings.HasPrefix(turns[0].Files, want) || len(turns[0].Images) != maxPictures || !strings.Contains(said[0], "the newest 4") {
		t.Errorf("%q, %d images, %q", turns[0].Files, len(turns[0].Images), said)
	}
}

// TestClipOfTheMessage: the transcript that the message has is read, and Slack is not asked for it.
func TestClipOfTheMessage(t *testing.T) {
	clip := thread.File{ID: "F1", Name: "a.mp4", Subtype: "slack_audio", Transcript: "from the message"}
	s := &shelf{files: map[string]thread.File{"F1": clip}, err: errors.New("away")}
	text, said, asked := fill(t, s, nil)
	if !strings.HasSuffix(text, "\n> from the message") || said != "" || asked != 0 {
		t.Errorf("%q, %q, asked %d times", text, said, asked)
	}
}
