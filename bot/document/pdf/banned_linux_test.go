package pdf

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"llmbot/bot/document"
)

// banned is a bot under a ban of executable memory: what PR_SET_MDWE takes is its argument. It
// reads 300 pages and says how.
func banned() {
	flags, _ := strconv.Atoi(os.Args[2])
	if err := unix.Prctl(unix.PR_SET_MDWE, uintptr(flags), 0, 0, 0); err != nil {
		fmt.Println("no ban:", err)
		os.Exit(0)
	}
	if executable() {
		fmt.Println("the ban does nothing")
		os.Exit(1)
	}
	r := New(Config{Program: []string{"/proc/self/exe", Argument}, Cache: os.Args[3], Log: slog.New(slog.NewTextHandler(os.Stdout, nil))})
	r.readFor = time.Minute // all pages are wanted, however slow the machine is
	pages := 300
	if flags&unix.PR_MDWE_NO_INHERIT == 0 {
		pages = 20 // each takes a quarter of a second
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	if _, err := r.Read(ctx, book(1), wide); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	start := time.Now()
	got, err := r.Read(ctx, book(pages), wide)
	took := time.Since(start)
	cancel()
	<-done
	var mine, children syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &mine)
	_ = syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children)
	fmt.Printf("pages %d took_ms %d bot_mb %d child_mb %d part %q error %v\n", strings.Count(got.Markdown, "## Page "), took.Milliseconds(), mine.Maxrss>>10, children.Maxrss>>10, got.Part, err)
	os.Exit(0)
}

// TestExecutableMemoryIsBanned: a bot that bans itself reads 300 pages as one does that does not.
// Under a ban that is inherited pages are interpreted, and the log says what to do.
func TestExecutableMemoryIsBanned(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	if _, err := reader(t, cache(t)).Read(t.Context(), book(1), document.Limits{Runes: 10, Pages: 1}); err != nil {
		t.Fatal(err)
	}
	for name, flags := range map[string]int{"itself": unix.PR_MDWE_REFUSE_EXEC_GAIN | unix.PR_MDWE_NO_INHERIT, "inherited": unix.PR_MDWE_REFUSE_EXEC_GAIN} {
		out, err := exec.CommandContext(t.Context(), "/proc/self/exe", "banned", strconv.Itoa(flags), cache(t)).CombinedOutput()
		t.Logf("%s: %s", name, out)
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case strings.HasPrefix(string(out), "no ban"):
			t.Skip("the kernel knows no ban")
		case name == "itself" && (!strings.Contains(string(out), "pages 300 ") || strings.Contains(string(out), "pdf_interpreted")):
			t.Error("a bot that bans itself does not read all pages, or interprets them")
		case name == "inherited" && (strings.Contains(string(out), "pages 0 ") || !strings.Contains(string(out), "pdf_interpreted") || !strings.Contains(string(out), "error <nil>")):
			t.Error("a bot under an inherited ban reads nothing, or does not say why")
		}
	}
}
