package attach

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/document"
	"llmbot/bot/fair"
	"llmbot/bot/prompt"
	"llmbot/bot/thread"
)

// slow is a Slack, a reader of PDF files and a server for clips, each of which takes its time.
type slow struct {
	shelf

	budget, pdf, ears time.Duration
	mu                sync.Mutex // guards the shelf
}

func (s *slow) Info(ctx context.Context, id string) (thread.File, error) {
	time.Sleep(s.budget)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shelf.Info(ctx, id)
}

func (s *slow) File(ctx context.Context, f thread.File, most int64) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shelf.File(ctx, f, most)
}

func (s *slow) Thumbnail(ctx context.Context, f thread.File, most int64) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shelf.Thumbnail(ctx, f, most)
}

func (s *slow) Read(context.Context, []byte, document.Limits) (document.Text, error) {
	time.Sleep(s.pdf)
	return document.Text{Markdown: "zq"}, nil
}

func (s *slow) Transcribe(context.Context, string, string, []byte) (string, error) {
	time.Sleep(s.ears)
	return "zq", nil
}

// TestOthersFilesDelayNobody: whatever takes long for the files of others, a small text of somebody
// else is read at once, and so is their picture and their PDF file.
func TestOthersFilesDelayNobody(t *testing.T) {
	const at = "https://files.slack.com/x"
	var small bytes.Buffer
	if err := jpeg.Encode(&small, image.NewGray(image.Rect(0, 0, 40, 30)), nil); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		files  int
		people int
		f      thread.File
		pdf    time.Duration // Bob's PDF file may take so long: his own reading
	}{
		"four clips of four people":      {4, 4, thread.File{Name: "a.mp4", MIME: "audio/mp4", Size: maxClip, Address: at}, 5 * time.Second},
		"many clips of one":              {40, 1, thread.File{Name: "a.mp4", MIME: "audio/mp4", Size: 1000, Address: at}, 5 * time.Second},
		"PDF files of one":               {32, 1, thread.File{Name: "a.pdf", MIME: "application/pdf", Type: "pdf", Size: 1000, Address: at}, 5 * time.Second},
		"large PDF files of one":         {32, 1, thread.File{Name: "a.pdf", MIME: "application/pdf", Type: "pdf", Size: 30 << 20, Address: at}, 5 * time.Second},
		"files that wait for the budget": {32, 8, thread.File{Name: "a.txt", MIME: "text/plain"}, 5 * time.Second},
		"thumbnails that are not there":  {32, 8, thread.File{Name: "a.heic", MIME: "image/heic"}, 5 * time.Second},
		"transcripts that are not there": {32, 8, thread.File{Name: "a.mp4", Subtype: "slack_audio"}, 5 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &slow{shelf: shelf{files: map[string]thread.File{}, data: map[string][]byte{}}, budget: 20 * time.Second, pdf: 5 * time.Second, ears: 25 * time.Second}
			var ears Transcriber = s
			if tt.f.Subtype != "" {
				ears, tt.f.UnderWay = nil, true
				s.readyAfter = 1000
			}
			r := New(s, s, ears, nil, slog.New(slog.DiscardHandler))
			var all sync.WaitGroup
			read := func(person string, f thread.File) time.Duration {
				began := time.Now()
				turns := []prompt.Turn{{ID: "m1"}}
				said := r.Fill(fair.With(t.Context(), person), "t1", turns, map[string][]thread.File{"m1": {f}}, 0, func(string) bool { return true })
				if person == "bob" && (!strings.Contains(turns[0].Files, "File b.") && len(turns[0].Images) == 0 || len(said) > 0) {
					t.Errorf("%s: Bob's file is %q, said %q", name, turns[0].Files, said)
				}
				return time.Since(began)
			}
			for i := range tt.files {
				f := tt.f
				f.ID = fmt.Sprint("F", i)
				s.files[f.ID] = f
				all.Go(func() { read(fmt.Sprint("other ", i%tt.people), f) })
			}
			synctest.Wait()
			time.Sleep(time.Second)
			for _, bobs := range []struct {
				f    thread.File
				data []byte
				most time.Duration
			}{
				{thread.File{ID: "B1", Name: "b.txt", MIME: "text/plain", Size: 2, Address: at}, []byte("hi"), 0},
				{thread.File{ID: "B2", Name: "b.jpg", MIME: "image/jpeg", Size: int64(small.Len()), Address: at}, small.Bytes(), 0},
				{thread.File{ID: "B3", Name: "b.pdf", MIME: "application/pdf", Type: "pdf", Size: 2, Address: at}, []byte("hi"), tt.pdf},
			} {
				s.mu.Lock()
				s.data[bobs.f.ID] = bobs.data
				s.mu.Unlock()
				if waited := read("bob", bobs.f); waited > bobs.most {
					t.Errorf("%s: Bob's %s took %s", name, bobs.f.Name, waited)
				}
			}
			all.Wait()
		})
	}
}

// TestNobodyUnpacksAlone: of the two pictures that are unpacked at a time, one is never the same
// person's.
func TestNobodyUnpacksAlone(t *testing.T) {
	m := newMemory()
	alice := fair.With(t.Context(), "alice")
	hers, err := m.pictures.Take(alice, fair.OnePlace())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(alice, time.Millisecond)
	defer cancel()
	if _, err := m.pictures.Take(ctx, fair.OnePlace()); err == nil {
		t.Error("she unpacks two")
	}
	his, err := m.pictures.Take(fair.With(t.Context(), "bob"), fair.OnePlace())
	if err != nil {
		t.Fatal(err)
	}
	his.Give()
	hers.Give()
}
