package term

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/answer"
	"llmbot/llm"
	"llmbot/llm/llmsim"
	"llmbot/llm/llmsim/memnet"
)

// once asks one question into a pipe.
func once(t *testing.T, prepare func(*llmsim.Server), ctx func(context.Context) (context.Context, context.CancelFunc)) (out, err string, failed error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Speed: 10})
		prepare(s)
		net := memnet.Serve(s)
		defer func() { _ = net.Close() }()
		client := modelAt(t, net)
		var o, e strings.Builder
		c, cancel := ctx(t.Context())
		defer cancel()
		failed = Once{Model: client, Server: client, Place: &Pipe{Out: &o, Err: &e}}.Ask(c, "Well?")
		out, err = o.String(), e.String()
		if s.Running() != 0 {
			synctest.Wait()
		}
	})
	return out, err, failed
}

func forever(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}

func TestOnce(t *testing.T) {
	const text = "# Title\n\n- **a**\t\x1b[1m\n- b"
	out, small, err := once(t, func(s *llmsim.Server) { s.NextTape(llmsim.Tape{llmsim.Text(text)}) }, forever)
	if err != nil || out != text+"\n" {
		t.Errorf("%v, %q", err, out)
	}
	if !strings.Contains(small, " tokens in ") || !strings.Contains(small, " tok/s · first token ") || strings.Count(small, "\n") != 1 {
		t.Errorf("on the other output: %q", small)
	}
}

func TestOnceRetracts(t *testing.T) {
	out, _, err := once(t, func(s *llmsim.Server) { s.NextTape(llmsim.Tape{llmsim.Text("hm\n</think>\n\nFour")}) }, forever)
	if err != nil || out != "Four\n" && out != "\n\nFour\n" {
		t.Errorf("%v, %q", err, out)
	}
}

func TestOnceFails(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(*llmsim.Server)
		kind    llm.Kind
		out     string
	}{
		{"away", func(s *llmsim.Server) { s.SetMode(llmsim.Refusing) }, llm.KindDown, ""},
		{"loading", func(s *llmsim.Server) { s.SetMode(llmsim.Loading) }, llm.KindLoading, ""},
		{"cut twice", func(s *llmsim.Server) {
			s.NextTape(llmsim.Tape{llmsim.Text("Half of it"), llmsim.Cut()}, llmsim.Tape{llmsim.Text("Half"), llmsim.Cut()})
		}, llm.KindCut, "Half of it\n"},
		{"empty", func(s *llmsim.Server) { s.NextTape(llmsim.Tape{llmsim.Finish("stop")}) }, llm.KindEmpty, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, small, err := once(t, tt.prepare, forever)
			e, ok := errors.AsType[*llm.Error](err)
			if !ok || e.Kind != tt.kind || out != tt.out {
				t.Errorf("%v, %q", err, out)
			}
			if strings.Contains(small, "→") {
				t.Errorf("the caller tells the error, not we: %q", small)
			}
		})
	}
}

func TestOnceInterrupted(t *testing.T) {
	out, small, err := once(t, func(s *llmsim.Server) {
		s.NextTape(llmsim.Tape{llmsim.Text(strings.Repeat("word ", 100))})
	}, func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, 3*time.Second)
	})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(out, "word word") || !strings.Contains(small, "stopped") {
		t.Errorf("%v, %q, %q", err, out, small)
	}
}

func TestQuestion(t *testing.T) {
	for _, tt := range [][3]string{
		{"q", "", "q"}, {"", "text\n", "text"}, {"q", "  a\n  b\n", "q\n\n  a\n  b"}, {" q ", " \n", "q"}, {"", "", ""},
	} {
		if got := Question(tt[0], tt[1]); got != tt[2] {
			t.Errorf("Question(%q, %q) = %q, want %q", tt[0], tt[1], got, tt[2])
		}
	}
}

func TestDraftHammer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVT(t, 40, 10)
		room := &Room{Out: v, Size: v.size}
		d, err := room.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for n := range 200 {
					d.Set(answer.Snapshot{Text: strings.Repeat("word ", n), Phase: answer.Writing})
					time.Sleep(time.Millisecond)
				}
			})
		}
		all.Wait()
		if err := d.Close(t.Context(), answer.Snapshot{Text: "The end.", Small: "small", Phase: answer.Done}); err != nil {
			t.Fatal(err)
		}
		d.Set(answer.Snapshot{Text: "too late"})
		if got := v.text(); !strings.HasSuffix(got, "The end.\n\nsmall") {
			t.Errorf("got %q", got)
		}
	})
}

func TestHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "llmbot", "chat_history")
	h, err := OpenHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []string{"one", "one", " secret", "", "two\nlines\t", strings.Repeat("x", mostEntry+1)} {
		h.Add(e)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if h, err = OpenHistory(path); err != nil {
		t.Fatal(err)
	}
	if h.Len() != 2 || h.At(0) != "two\nlines\t" || h.At(1) != "one" {
		t.Errorf("%q", h.entries)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("a\nb\x1b[2J\n", 1500)), 0o644); err != nil {
		t.Fatal(err)
	}
	if h, err = OpenHistory(path); err != nil || h.Len() != historyKept || h.At(0) != "b[2J" {
		t.Errorf("%v, %d entries", err, h.Len())
	}
	b, err := os.ReadFile(path)
	if err != nil || strings.Count(string(b), "\n") != historyKept {
		t.Errorf("%v, %d lines", err, strings.Count(string(b), "\n"))
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	h, err = OpenHistory("/dev/null/x")
	if err == nil {
		t.Error("no error")
	}
	h.Add("works anyway")
	if h.Len() != 1 {
		t.Error("the history does not work")
	}
}

func TestPlainLines(t *testing.T) {
	n := 0
	l := NewPlainLines(strings.NewReader("one\r\ntwo\nthree"), func() { n++ })
	defer l.Close()
	var got []string
	for {
		line, err := l.ReadLine(t.Context())
		if err != nil {
			break
		}
		got = append(got, line)
	}
	if strings.Join(got, "|") != "one|two|three" || n != 4 {
		t.Errorf("%q, %d prompts", got, n)
	}
}
