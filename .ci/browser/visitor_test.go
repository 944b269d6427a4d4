package browser_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"
)

// slow is how many times as long as an idle machine the page may take where a test counts time. The
// figures are in the log: with -slow 1 they are held to.
var slow = flag.Int("slow", 10, "how many times the time of an idle machine the page may take")

// startDemo starts the program's demo on a free port without any configuration, and returns the
// first URL that it prints.
func startDemo(t *testing.T) string {
	t.Helper()
	return start(t, "demo")
}

// start does so with a command and flags.
func start(t *testing.T, command string, flags ...string) string {
	t.Helper()
	logFile := filepath.Join(t.TempDir(), "bot.log")
	demo := exec.Command(program, append([]string{command, "-addr", "127.0.0.1:0"}, flags...)...)
	if command == "demo" {
		demo.Args = append(demo.Args, "-log", logFile)
	}
	demo.Env = environment()
	var out output
	demo.Stdout, demo.Stderr = &out, &out
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = demo.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(patience, func() { _ = demo.Process.Kill() })
		if err := demo.Wait(); err != nil {
			t.Errorf("the demo's end: %v\n%s", err, out.text())
		}
		kill.Stop()
		if t.Failed() {
			b, _ := os.ReadFile(logFile)
			t.Logf("the bot's log:\n%s", b)
		}
	})
	first := regexp.MustCompile(`https?://\S+`)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if found := first.FindString(out.text()); found != "" && strings.HasSuffix(out.text(), "ends it.\n") {
			t.Log(strings.TrimSpace(out.text()))
			return found
		}
	}
	t.Fatalf("the demo printed no address:\n%s", out.text())
	return ""
}

// program is llmbot, built once for all tests.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "llmbot-browser")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "llmbot")
		build := exec.Command("go", "build", "-o", program, "./cmd/llmbot")
		build.Dir = filepath.Join("..", "..")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// environment is this process's own without any configuration of the program.
func environment() []string {
	var vars []string
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); !regexp.MustCompile(`^(LLM|SLACK|BOT|STATE|OPS|GPU|LOG)_`).MatchString(name) {
			vars = append(vars, v)
		}
	}
	return vars
}

// output collects what a process prints.
type output struct {
	mu sync.Mutex // guards b
	b  strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// visitor is somebody in front of the browser.
type visitor struct {
	t        *testing.T
	ctx      context.Context
	pictures string
	shots    int
	strict   bool // what the page complains of is an error

	mu     sync.Mutex    // guards what follows
	bad    []string      // errors on the console, requests to elsewhere
	trace  [][]byte      // events of the browser's tracing
	traced chan struct{} // closed when it has ended
}

// visit opens an address in a fresh browser that reaches nothing but this machine. At the end it
// checks that the page did not complain and asked nobody else.
func visit(t *testing.T, address string) *visitor {
	t.Helper()
	v := browse(t, "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
	v.strict = true
	v.do(chromedp.EmulateViewport(1280, 800), chromedp.Navigate(address))
	return v
}

// browse starts a fresh browser that knows of hosts what the rules say.
func browse(t *testing.T, hosts string) *visitor {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 800), chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(patience),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en-GB"),
		chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("host-resolver-rules", hosts),
		// A microphone that beeps, and nobody who has to allow it.
		chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true),
	)
	if path := os.Getenv("CHROMIUM"); path != "" {
		options = append(options, chromedp.ExecPath(path))
	}
	ctx, cancelAll := context.WithTimeout(context.Background(), 10*patience)
	ctx, cancelBrowser := chromedp.NewExecAllocator(ctx, options...)
	v := &visitor{t: t, pictures: os.Getenv("SCREENSHOTS")}
	ctx, cancelPage := chromedp.NewContext(ctx, chromedp.WithListener(v.hear))
	v.ctx = ctx
	if v.pictures == "" {
		v.pictures = t.TempDir()
	}
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil { // waits for the browser's end
			t.Logf("the browser's end: %v", err)
		}
		cancelPage()
		cancelBrowser()
		cancelAll()
		for _, c := range v.complaints() {
			if v.strict {
				t.Error(c)
			}
		}
	})
	if err := chromedp.Do(ctx); err != nil { // starts the browser
		t.Fatalf("start the browser: %v", err)
	}
	return v
}

func (v *visitor) complain(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.bad = append(v.bad, fmt.Sprintf(format, args...))
}

func (v *visitor) complaints() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]string(nil), v.bad...)
}

// hear notes what must not happen.
func (v *visitor) hear(event any) {
	switch e := event.(type) {
	case *tracing.EventDataCollected:
		v.mu.Lock()
		for _, event := range e.Value {
			v.trace = append(v.trace, slices.Clone([]byte(event)))
		}
		v.mu.Unlock()
	case *tracing.EventTracingComplete:
		close(v.traced)
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(e.Request.URL)
		if err != nil || u.Scheme != "data" && u.Hostname() != "127.0.0.1" {
			v.complain("a request left this machine: %s", e.Request.URL)
		}
	case *network.EventWebSocketCreated:
		v.complain("a socket was opened: %s", e.URL)
	case *runtime.EventExceptionThrown:
		said, _ := json.Marshal(e.ExceptionDetails)
		v.complain("exception: %s", said)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			said, _ := json.Marshal(e.Args)
			v.complain("console: %s", said)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			v.complain("log: %s %s", e.Entry.Text, e.Entry.URL)
		}
	}
}

// picture saves what is on the screen. It is for people: it fails no test.
func (v *visitor) picture(name string) {
	v.shots++
	ctx, cancel := context.WithTimeout(v.ctx, 10*time.Second)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.MkdirAll(v.pictures, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(v.pictures, fmt.Sprintf("%d-%s.png", v.shots, name)), png, 0o644)
	}
	if err != nil {
		v.t.Logf("no picture %s: %v", name, err)
	}
}
