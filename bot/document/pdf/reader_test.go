package pdf

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"llmbot/bot/document"
)

// slow says how much more time the machine may take than the bounds say.
var slow = flag.Int("slow", 30, "how many times the time of an idle machine the tests may take")

// TestMain is also the child: the reader starts the test's own program.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case Argument:
			if err := Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		case "hang": // it is ready, has one page of two, notes that, and never ends
			fmt.Println(`{"ready":true}` + "\n" + `{"pages":2}` + "\n" + `{"page":"zq one"}`)
			if len(os.Args) > 2 {
				_ = os.WriteFile(os.Args[2], nil, 0o600)
			}
			select {}
		case "flood":
			fmt.Println(`{"ready":true}`)
			for {
				fmt.Println(`{"page":"` + strings.Repeat("x", 1<<20) + `"}`)
			}
		case "die":
			fmt.Println(`{"ready":true}` + "\n" + `{"pages":2}` + "\n" + `{"page":"zq one"}`)
			fmt.Fprintln(os.Stderr, "fatal error: out of memory")
			os.Exit(2)
		case "ahead": // it notes its order
			var line string
			_, _ = fmt.Fscanln(os.Stdin, &line)
			_ = os.WriteFile(os.Args[2], []byte(line), 0o600)
			fmt.Println(`{"ready":true}`)
			os.Exit(0)
		case "gated": // it notes its order, compiles until the gate is there, and has one page
			line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
			noted, _ := os.OpenFile(os.Args[2], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
			_, _ = noted.WriteString(line)
			if strings.Contains(line, `"load":true`) {
				for _, err := os.Stat(os.Args[3]); err != nil; _, err = os.Stat(os.Args[3]) {
					time.Sleep(time.Millisecond)
				}
			}
			fmt.Println(`{"ready":true}` + "\n" + `{"pages":1}` + "\n" + `{"page":"zq"}` + "\n" + `{"end":"all"}`)
			os.Exit(0)
		case "mute":
			os.Exit(3)
		case "banned":
			banned()
		}
	}
	flag.Parse()
	os.Exit(m.Run())
}

// cache is the folder of machine code of all tests: compiling takes seconds.
func cache(tb testing.TB) string {
	tb.Helper()
	if raceOn {
		tb.Skip("the race detector's memory is beyond the child's bounds")
	}
	return filepath.Join(os.TempDir(), "llmbot-test-machine-code")
}

// reader returns a running Reader.
func reader(tb testing.TB, folder string, args ...string) *Reader {
	tb.Helper()
	if len(args) == 0 {
		args = []string{Argument}
	}
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	r := New(Config{Program: append([]string{self}, args...), Cache: folder, Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { r.Run(ctx) })
	tb.Cleanup(func() {
		cancel()
		run.Wait()
	})
	return r
}

var wide = document.Limits{Runes: 2_000_000, Pages: 1000}

func TestRead(t *testing.T) {
	r := reader(t, cache(t))
	two := pages(lines("Gr\xf6\xdfe: 5 \\(five\\)", "second line"), "0 0 m 10 10 l S", lines("last"))
	broken := bytes.Replace(two, []byte("startxref\n"), []byte("startxref\n9"), 1)
	broken = bytes.ReplaceAll(broken, []byte("00000 n"), []byte("0000x n"))
	for name, tt := range map[string]struct {
		data   []byte
		limits document.Limits
		want   string
		part   string
		err    error
	}{
		"pages":               {two, wide, "## Page 1\n\nGröße: 5 (five)\nsecond line\n\n## Page 2\n\n(no text on this page)\n\n## Page 3\n\nlast", "", nil},
		"the first page":      {two, document.Limits{Runes: 1000, Pages: 1}, "## Page 1\n\nGröße: 5 (five)\nsecond line", "the first 1 of 3 pages", nil},
		"the first letters":   {two, document.Limits{Runes: 5, Pages: 9}, "## Page 1\n\nGröße", "the first 1 of 3 pages", nil},
		"a broken table":      {broken, wide, "## Page 1\n\nGröße: 5 (five)\nsecond line\n\n## Page 2\n\n(no text on this page)\n\n## Page 3\n\nlast", "", nil},
		"junk around it":      {append(append([]byte("HTTP/1.1 200\r\n\r\n"), two...), "junk"...), wide, "## Page 1\n\nGröße: 5 (five)\nsecond line\n\n## Page 2\n\n(no text on this page)\n\n## Page 3\n\nlast", "", nil},
		"half a file":         {two[:len(two)/3], wide, "", "", document.ErrDamaged},
		"no PDF":              {[]byte("<html>"), wide, "", "", document.ErrDamaged},
		"nothing":             {nil, wide, "", "", document.ErrDamaged},
		"pictures":            {pages("0 0 m", "1 1 m"), wide, "", "", document.ErrNoText},
		"with a password":     {secret(t), wide, "", "", document.ErrPassword},
		"more than may be":    {make([]byte, document.MaxBytes+1), wide, "", "", document.ErrLarge},
		"pages in themselves": {[]byte("%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Count 9999999/Kids[2 0 R 2 0 R]>>endobj trailer<</Root 1 0 R>>"), wide, "", "", document.ErrDamaged},
	} {
		got, err := r.Read(t.Context(), tt.data, tt.limits)
		if got.Markdown != tt.want || got.Part != tt.part || !errors.Is(err, tt.err) {
			t.Errorf("%s: %q, %q, %v", name, got.Markdown, got.Part, err)
		}
	}
}

// TestChildren: whatever a child does, the bot gets what came until then, in time.
func TestChildren(t *testing.T) {
	for kind, part := range map[string]string{"hang": "the first 1 of 2 pages; reading on took too long", "die": "the first 1 of 2 pages; the rest is damaged"} {
		start := time.Now()
		got, err := reader(t, "", kind).Read(t.Context(), book(1), wide)
		if took := time.Since(start); err != nil || got.Markdown != "## Page 1\n\nzq one" || got.Part != part || took > readTimeout+time.Second*time.Duration(*slow) {
			t.Errorf("%s: %q, %q, %v in %v", kind, got.Markdown, got.Part, err, took)
		}
	}
	got, err := reader(t, "", "flood").Read(t.Context(), book(1), document.Limits{Runes: 1000, Pages: 10})
	if !errors.Is(err, document.ErrDamaged) || got.Markdown != "" {
		t.Errorf("flood: %d bytes, %q, %v", len(got.Markdown), got.Part, err)
	}
	for _, folder := range []string{"", t.TempDir()} {
		if _, err := reader(t, folder, "mute").Read(t.Context(), book(1), wide); !errors.Is(err, errLoad) {
			t.Errorf("mute: %v", err)
		}
	}
	// The question ends while its child reads; then while it waits for one.
	noted := filepath.Join(t.TempDir(), "noted")
	r := reader(t, "", "hang", noted)
	ctx, cancel := context.WithCancel(t.Context())
	var ends sync.WaitGroup
	ends.Go(func() {
		for _, err := os.Stat(noted); err != nil && t.Context().Err() == nil; _, err = os.Stat(noted) {
			time.Sleep(time.Millisecond)
		}
		cancel()
	})
	if got, err := r.Read(ctx, book(1), wide); err != nil || !strings.Contains(got.Part, "too long") {
		t.Errorf("%q, %v", got.Part, err)
	}
	ends.Wait()
	for range maxChildren {
		r.children <- struct{}{}
	}
	if _, err := r.Read(ctx, book(1), wide); !errors.Is(err, document.ErrBusy) {
		t.Error(err)
	}
}

// TestHostile: bombs and files without end are over in time, and the next file is read as if
// nothing was.
func TestHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	r := reader(t, cache(t))
	if _, err := r.Read(t.Context(), book(1), wide); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"a page of text":        bomb(t, 200, 1, "BT /F1 1 Tf (zq) Tj ET\n"),
		"a page of nothing":     bomb(t, 300, 2, "q Q "),
		"a page of open states": bomb(t, 100, 2, "q "),
		"a page of arrays":      bomb(t, 100, 2, "["),
		"a gigabyte of spaces":  bomb(t, 1024, 2, "    "),
		"objects in a stream":   objectBomb(t, 300),
		"the same in itself":    bytes.Repeat([]byte("1 0 obj<</Type/Catalog/Pages 1 0 R/Kids[1 0 R]/Count 1>>endobj "), 400_000),
		"noise":                 bytes.Repeat([]byte("%PDF-1.7 obj << stream endstream endobj xref trailer "), 600_000),
	} {
		start := time.Now()
		got, err := r.Read(t.Context(), data, document.Limits{Runes: 100_000, Pages: 1000})
		took := time.Since(start)
		t.Logf("%-22s %5d kB, %4d ms: %d bytes, %q, %.120v", name, len(data)>>10, took.Milliseconds(), len(got.Markdown), got.Part, err)
		if took > readTimeout+time.Second*time.Duration(*slow) {
			t.Errorf("%s: %v", name, took)
		}
	}
	if got, err := r.Read(t.Context(), book(1), wide); err != nil || got.Part != "" {
		t.Errorf("%q, %v", got.Part, err)
	}
}

// TestAhead: PDFium is compiled before the first file, if that is wanted and can be kept, and by a
// child that gives way.
func TestAhead(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		ahead time.Duration
		cache string
		want  bool
	}{"wanted": {time.Nanosecond, t.TempDir(), true}, "not wanted": {0, t.TempDir(), false}, "not kept": {time.Nanosecond, "", false}} {
		noted := filepath.Join(t.TempDir(), "order")
		r := New(Config{Program: []string{self, "ahead", noted}, Cache: tt.cache, Ahead: tt.ahead, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { r.Run(ctx) })
		for tt.want && !r.compiled.Load() {
			time.Sleep(time.Millisecond)
		}
		if !tt.want && tt.ahead > 0 {
			time.Sleep(50 * time.Millisecond)
		}
		cancel()
		run.Wait()
		order, err := os.ReadFile(noted)
		if got := err == nil; got != tt.want || got && (!strings.Contains(string(order), `"load":true`) || !strings.Contains(string(order), `"idle":true`)) {
			t.Errorf("%s: %q, %v", name, order, err)
		}
	}
}

// TestFilesDuringTheCompile: files that come while PDFium is compiled ahead wait for that, and
// nothing is compiled a second time.
func TestFilesDuringTheCompile(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	noted, gate := filepath.Join(t.TempDir(), "orders"), filepath.Join(t.TempDir(), "gate")
	orders := func(of string) int {
		text, _ := os.ReadFile(noted)
		return strings.Count(string(text), of)
	}
	r := New(Config{Program: []string{self, "gated", noted, gate}, Cache: t.TempDir(), Ahead: time.Nanosecond, Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	var run, files sync.WaitGroup
	run.Go(func() { r.Run(ctx) })
	for orders(`"load":true`) == 0 { // it compiles
		time.Sleep(time.Millisecond)
	}
	for range 3 {
		files.Go(func() {
			if got, err := r.Read(t.Context(), []byte("%PDF"), wide); err != nil || !strings.Contains(got.Markdown, "zq") {
				t.Errorf("%q, %v", got.Markdown, err)
			}
		})
	}
	for len(r.children) < maxChildren { // they wait
		time.Sleep(time.Millisecond)
	}
	if n := orders("\n"); n != 1 {
		t.Errorf("%d children while PDFium is compiled, want that one alone", n)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	files.Wait()
	cancel()
	run.Wait()
	if n, all := orders(`"load":true`), orders("\n"); n != 1 || all != 4 {
		t.Errorf("%d compiles among %d children, want 1 among 4", n, all)
	}
}

// TestCompiledOnce: the first file of a new folder compiles PDFium, and the old machine code goes.
func TestCompiledOnce(t *testing.T) {
	if testing.Short() || raceOn {
		t.Skip("compiles for seconds")
	}
	dir := t.TempDir()
	old := filepath.Join(dir, "wazero-v0.0.0-x-y", "f00")
	if err := os.MkdirAll(filepath.Dir(old), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(old, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cold", "warm"} {
		r := reader(t, dir)
		start := time.Now()
		got, err := r.Read(t.Context(), book(300), wide)
		t.Logf("%s: 300 pages in %v, %d characters, %q", name, time.Since(start), len(got.Markdown), got.Part)
		if err != nil {
			t.Fatal(err)
		}
		if files := entries(dir); len(files) != 1 || files[0] == old {
			t.Errorf("%q", files)
		}
	}
}
