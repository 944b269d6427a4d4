package attach

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"log/slog"
	"slices"
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

// store is a place with files of any size, of which it counts what is being read.
type store struct {
	shelf

	mu       sync.Mutex // guards all below
	now, max int64
	files    int
}

func (s *store) File(ctx context.Context, f thread.File, most int64) ([]byte, error) {
	s.mu.Lock()
	s.now, s.files = s.now+f.Size, s.files+1
	s.max = max(s.max, s.now)
	s.mu.Unlock()
	time.Sleep(100 * time.Millisecond)
	return make([]byte, 10), nil
}

// Read is part of PDFs.
func (s *store) Read(context.Context, []byte, document.Limits) (document.Text, error) {
	return document.Text{Markdown: "zq"}, nil
}

// TestHeld: files of all threads that are read at the same time have a bound together, and each is
// read in its turn.
func TestHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		r := New(readsAndForgets{s}, s, nil, nil, slog.New(slog.DiscardHandler))
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				size := []int64{30 << 20, 1 << 20, 25 << 20, 1000}[i%4]
				turns := []prompt.Turn{{ID: "m1"}}
				f := thread.File{ID: fmt.Sprintf("F%d-%d", size, i), Name: "x.pdf", MIME: "application/pdf", Type: "pdf", Size: size, Address: "https://files.slack.com/x"}
				r.Fill(t.Context(), "t1", turns, map[string][]thread.File{"m1": {f}}, 0, func(string) bool { return true })
				if !strings.Contains(turns[0].Files, "zq") {
					t.Errorf("file %d: %q", i, turns[0].Files)
				}
			})
		}
		all.Wait()
		if s.max > maxHeld || s.files != 40 {
			t.Errorf("%d MB at once, %d files", s.max>>20, s.files)
		}
	})
}

// readsAndForgets is a store whose files are let go of when they are read.
type readsAndForgets struct{ *store }

func (s readsAndForgets) File(ctx context.Context, f thread.File, most int64) ([]byte, error) {
	data, err := s.store.File(ctx, f, most)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now -= f.Size
	return data, err
}

// TestThumbnailWaitsForRoom: a picture that could not be read is neither fetched nor decoded again
// when its thumbnail has to wait for memory, and what is said of it stays.
func TestThumbnailWaitsForRoom(t *testing.T) {
	var small bytes.Buffer
	if err := jpeg.Encode(&small, image.NewGray(image.Rect(0, 0, 40, 30)), nil); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		size int64
		gone bool // the thumbnail, when there is room for it
		said string
	}{
		"damaged":              {2, false, "Of a.png I looked at Slack's smaller copy: it is damaged, or not what its name says."},
		"too many bytes":       {30 << 20, false, "Of a.png I looked at Slack's smaller copy: it is too large (at most 20 MB)."},
		"damaged, and no copy": {2, true, "I can't read the picture a.png."},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := thread.File{ID: "F1", Name: "a.png", MIME: "image/png", Size: tt.size}
			s := &shelf{files: map[string]thread.File{"F1": f}, data: map[string][]byte{"F1": []byte("zq"), "thumb of F1": small.Bytes()}}
			r := New(s, nil, nil, nil, slog.New(slog.DiscardHandler))
			others, err := r.held.take(fair.With(t.Context(), "somebody else"), maxHeld-weight(f), 0)
			if err != nil {
				t.Fatal(err)
			}
			turns, said := []prompt.Turn{{ID: "m1"}}, ""
			var reads sync.WaitGroup
			reads.Go(func() {
				said = strings.Join(r.Fill(t.Context(), "t1", turns, map[string][]thread.File{"m1": {f}}, 0, func(string) bool { return true }), " ")
			})
			synctest.Wait()
			if tt.gone {
				delete(s.data, "thumb of F1")
			}
			others.release()
			reads.Wait()
			if said != tt.said || s.fetched > 1 || s.asked > s.fetched+2 { // one question, and one thumbnail
				t.Errorf("%s: %d calls of Slack, said %q", name, s.asked, said)
			}
		})
	}
}

// TestWeight: what reading a file takes is known before it is fetched.
func TestWeight(t *testing.T) {
	for want, f := range map[int64]thread.File{
		5 << 20:              {Name: "a.pdf", MIME: "application/pdf", Type: "pdf", Size: 5 << 20},
		document.MaxBytes:    {Name: "a.pdf", MIME: "application/pdf", Type: "pdf"},
		300:                  {Name: "a.txt", MIME: "text/plain", Size: 100},
		3 * maxTextFile:      {Name: "a.txt", MIME: "text/plain", Size: 1 << 40},
		maxClip:              {Name: "a.mp4", MIME: "audio/mp4", Size: 1 << 30},
		7:                    {Name: "a.png", MIME: "image/png", Size: 7},
		maxWeight:            {Name: "a.docx", MIME: "application/vnd.openxmlformats-officedocument.wordprocessingml.document", Type: "docx", Size: 32 << 20},
		document.MaxWork + 9: {Name: "a.xlsx", MIME: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Type: "xlsx", Size: 9},
	} {
		if got := weight(f); got != want {
			t.Errorf("%+v: %d, want %d", f, got, want)
		}
	}
}

// TestOutcomes: what became of each file is reported once, in words that are on the lists.
func TestOutcomes(t *testing.T) {
	file := func(name, mime string, size int64) thread.File {
		return thread.File{ID: "F1", Name: name, MIME: mime, Size: size}
	}
	for name, tt := range map[string]struct {
		f    thread.File
		data string
		pdfs PDFs
		err  error
		want string
	}{
		"a text":           {file("a.txt", "text/plain", 0), "zq", nil, nil, "text read"},
		"a long one":       {file("a.txt", "text/plain", 0), strings.Repeat("zq ", 100_000), nil, nil, "text part"},
		"a large one":      {file("a.txt", "text/plain", 1<<30), "", nil, nil, "text refused"},
		"one that is away": {file("a.txt", "text/plain", 0), "", nil, errors.New("503"), "text failed"},
		"a picture":        {file("a.png", "image/png", 0), "no picture", nil, nil, "picture refused"},
		"a PDF":            {file("a.pdf", "application/pdf", 0), "", pdfs{text: document.Text{Markdown: "zq"}}, nil, "pdf read"},
		"a busy reader":    {file("a.pdf", "application/pdf", 0), "", pdfs{err: document.ErrBusy}, nil, "pdf failed"},
		"a damaged one":    {file("a.docx", "", 0), "PK", nil, nil, "word refused"},
		"a table":          {file("a.csv", "text/csv", 0), "a,b\n1,2", nil, nil, "csv read"},
		"a clip":           {file("a.mp4", "audio/mp4", 0), "", nil, nil, "voice_clip refused"},
		"a canvas":         {file("Plan", "application/vnd.slack-docs", 0), "<p>zq</p>", nil, nil, "canvas read"},
		"a program":        {file("a.exe", "application/x-msdownload", 0), "", nil, nil, "other refused"},
		"on another host":  {file("a.txt", "text/plain", 0), "", nil, ErrElsewhere, "text refused"},
	} {
		synctest.Test(t, func(t *testing.T) { // a thumbnail is waited for
			var got []string
			s := &shelf{files: map[string]thread.File{"F1": tt.f}, data: map[string][]byte{"F1": []byte(tt.data)}, err: tt.err}
			r := New(s, tt.pdfs, nil, func(k Kind, o Outcome, _ time.Duration) {
				got = append(got, string(k)+" "+string(o))
				if !slices.Contains(Kinds(), k) || !slices.Contains(Outcomes(), o) {
					t.Errorf("%s: %s %s is on no list", name, k, o)
				}
			}, slog.New(slog.DiscardHandler))
			r.Fill(t.Context(), "t1", []prompt.Turn{{ID: "m1"}}, map[string][]thread.File{"m1": {tt.f}}, 0, func(string) bool { return true })
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("%s: %q, want %q", name, got, tt.want)
			}
		})
	}
}
