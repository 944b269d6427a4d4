package browser_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// step is the number of the present step, from 1; 7 behind the last.
func (v *visitor) step() int {
	v.t.Helper()
	return get(v, chromedp.Evaluate[int](`(() => {
		const at = [...document.querySelectorAll('.tour-step')].findIndex((b) => b.getAttribute('aria-current') === 'step');
		return at < 0 ? 7 : at + 1;
	})()`))
}

// stepped waits until the tour has gone on to a step.
func (v *visitor) stepped(n int) {
	v.t.Helper()
	v.until(fmt.Sprintf("the tour is at step %d", n), fmt.Sprintf(`(() => {
		const at = [...document.querySelectorAll('.tour-step')].findIndex((b) => b.getAttribute('aria-current') === 'step');
		return (at < 0 ? 7 : at + 1) === %d;
	})()`, n))
}

func (v *visitor) click(selector string) {
	v.t.Helper()
	v.do(chromedp.Click(chromedp.CSS(selector)))
}

const doIt = `.tour-line .btn.primary`

// media sets what the browser's user prefers.
func media(name, value string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, page *chromedp.Target) error {
		_, err := cdp.Call(ctx, page, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: name, Value: value}}})
		return err
	})
}

// demoState is what the demo tells of itself.
type demoState struct {
	Bot struct {
		State    string
		Starts   int
		LastExit string `json:"last_exit"`
	}
	Model struct {
		Answers []struct{ Tokens int }
	}
}

func stateOf(t *testing.T, page string) demoState {
	t.Helper()
	res, err := http.Get(page + "page/demo/state")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var s demoState
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// next presses the tour's button as soon as it does something: it does not while a step is being done.
func (v *visitor) next() {
	v.t.Helper()
	v.until("the tour's button can be pressed", `document.querySelector('`+doIt+`')?.getAttribute('aria-disabled') === 'false'`)
	v.click(doIt)
}

// TestTour goes through the six steps by their buttons, with a reload between, until the bot was
// killed in mid-answer and has gone on.
func TestTour(t *testing.T) {
	page := startDemo(t)
	v := visit(t, page)
	v.do(chromedp.WaitVisible(chromedp.CSS(`#link.up`)), chromedp.WaitVisible(chromedp.CSS(doIt)))
	if n := v.step(); n != 1 {
		t.Fatalf("the tour begins at step %d", n)
	}
	v.axe("tour-1")
	for n := 1; n <= 4; n++ {
		v.next()
		v.stepped(n + 1)
		v.picture(fmt.Sprintf("tour-%d-done", n))
		if n == 2 {
			v.do(chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS(`#link.up`)), chromedp.WaitVisible(chromedp.CSS(doIt)))
			if at := v.step(); at != 3 {
				t.Errorf("after the reload it is step %d", at)
			}
		}
	}
	if got := v.text(".tour-note"); !strings.HasPrefix(got, "Done: Edit.") {
		t.Errorf("it says %q", got)
	}

	// What is said of ten stands there only while they are written.
	v.do(chromedp.Evaluate[chromedp.Void](`(() => {
		window.notes = [];
		const note = () => notes.push(document.querySelector('.tour-note')?.innerText ?? '');
		new MutationObserver(note).observe(document.getElementById('tour'), { subtree: true, childList: true, characterData: true });
	})()`))
	v.next() // ten at once
	v.until("the speed of many", `notes.some((n) => /^\d+ answers at once, \d+ tok\/s together\.$/.test(n))`)
	v.picture("tour-5-running")
	v.stepped(6)
	if got := v.text(".tour-note"); !regexp.MustCompile(`^Done: Ten at once\. Together they had up to \d+ tok/s; one alone has \d+\.$`).MatchString(got) {
		t.Errorf("it says %q", got)
	}

	before := stateOf(t, page)
	v.next() // kill the bot
	v.until("the bot is dead", `document.querySelector('.tour-note').innerText.startsWith('The bot is')`)
	v.axe("tour-6-dead")
	v.stepped(7)
	v.axe("tour-6-done")
	if after := stateOf(t, page); after.Bot.LastExit != "signal: killed" || after.Bot.Starts != before.Bot.Starts+1 {
		t.Errorf("it was not killed: %+v, before %+v", after.Bot, before.Bot)
	}
	v.once()
	if done := get(v, chromedp.Evaluate[int](`document.querySelectorAll('.tour-steps .done').length`)); done != 6 {
		t.Errorf("%d steps are marked as done", done)
	}

	v.do(media("prefers-color-scheme", "dark"))
	v.click(`.tour-step`) // back to the first
	v.axe("tour-dark")
	v.do(media("prefers-color-scheme", "light"), chromedp.EmulateViewport(390, 780))
	v.axe("tour-phone")
	if wide := get(v, chromedp.Evaluate[int](`document.documentElement.scrollWidth`)); wide > 390 {
		t.Errorf("on a phone the page is %d pixels wide", wide)
	}
	v.do(chromedp.EmulateViewport(1280, 800))

	// It is closed and opened again by the keyboard alone, and stays as it is over a reload.
	v.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('.tour-close').focus()`), chromedp.Func(pressEnter))
	v.until("it is closed", `document.getElementById('tour').hidden && document.activeElement.id === 'tour-button'`)
	v.do(chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS(`#link.up`)))
	v.until("it stays closed", `document.getElementById('tour').hidden && document.getElementById('tour-button').getAttribute('aria-expanded') === 'false'`)
	v.do(chromedp.Evaluate[chromedp.Void](`document.getElementById('tour-button').focus()`), chromedp.Func(pressEnter))
	v.until("it is open", `!document.getElementById('tour').hidden && document.activeElement.innerText === 'Do it for me'`)
}

// once checks that the open thread has one answer, with its footer: nothing was lost and nothing
// said twice.
func (v *visitor) once() {
	v.t.Helper()
	a := v.answer(1)
	if !footer.MatchString(a.Small) {
		v.t.Errorf("the answer has no footer: %q", a.Small)
	}
	if n := get(v, chromedp.Evaluate[int](`[...document.querySelectorAll('#replies .msg')].filter((m) => m.querySelector('.tag')).length`)); n != 1 {
		v.t.Errorf("%d answers stand in the thread", n)
	}
	words := strings.Fields(a.Text)
	if len(words) < 100 {
		v.t.Errorf("the answer has %d words", len(words))
	}
}

// TestTourByHand does steps as a visitor does who does not press the tour's button, who kills the
// bot in another way.
func TestTourByHand(t *testing.T) {
	page := startDemo(t)
	v := visit(t, page)
	v.do(chromedp.WaitVisible(chromedp.CSS(`#link.up`)), chromedp.WaitVisible(chromedp.CSS(doIt)))
	v.write("#box", "@llm write 30 tokens")
	v.do(chromedp.WaitVisible(chromedp.CSS(`#thread`)))
	v.stepped(2)
	v.write("#reply", "and 20 more")
	v.stepped(3)
	v.write("#box", "@llm write 900 tokens")
	v.press("Stop")
	v.stepped(4)
	v.click(`.tour-line .btn:not(.primary)`) // skip
	v.stepped(5)
	v.click(`.tour-steps li:last-child button`)
	v.stepped(6)
	v.write("#box", "@llm write 300 tokens about the wind")
	v.until("it grows", `[...document.querySelectorAll('#replies .small')].some((e) => /writing… \d\d+ tokens/.test(e.innerText))`)
	res, err := http.Post(page+"page/demo/kill", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	v.stepped(7)
	v.once()
}

// launch starts a demo, and returns it and what it printed when it was ready.
func launch(t *testing.T, vars []string, args ...string) (*exec.Cmd, string) {
	t.Helper()
	var out output
	demo := exec.Command(program, append([]string{"demo"}, args...)...)
	demo.Env = append(environment(), vars...)
	demo.Stdout, demo.Stderr = &out, &out
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = demo.Process.Kill() })
	for deadline := time.Now().Add(patience); !strings.Contains(out.text(), "ends it.\n"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not start:\n%s", out.text())
		}
	}
	return demo, out.text()
}

// TestBotThatCannotStart: the page says so, with the bot's last words, whether the tour is open or
// not.
func TestBotThatCannotStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	demo, said := launch(t, []string{"OPS_ADDR=" + l.Addr().String()}, "-addr", "127.0.0.1:0")
	v := visit(t, regexp.MustCompile(`https?://\S+`).FindString(said))
	v.until("it is told", `/^The bot ended by itself \(exit status 1\)[^]*address already in use/.test(document.querySelector('.tour-trouble')?.innerText ?? '')`)
	v.click(".tour-close")
	v.axe("cannot-start")
	v.until("it stays", `document.querySelector('.tour-box').hidden && document.querySelector('.tour-trouble').getClientRects().length === 1`)
	_ = l.Close()
	v.do(chromedp.WaitVisible(chromedp.CSS(`#link.up`)))
	v.until("it is over", `document.getElementById('tour').hidden`)
	if err := demo.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := demo.Wait(); err != nil {
		t.Errorf("the demo's end: %v", err)
	}
}

// kept waits until a question and the beginning of its answer, the n-th, are in the folder of a
// demo.
func (v *visitor) kept(dir, question string, n int) {
	v.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
		if err != nil {
			v.t.Fatal(err)
		}
		for _, name := range files {
			if b, err := os.ReadFile(name); err == nil && bytes.Contains(b, []byte(question)) && bytes.Count(b, []byte(`"BotID":"B`)) >= n {
				return
			}
		}
		if time.Now().After(deadline) {
			v.t.Fatalf("nobody keeps %q: %q", question, files)
		}
	}
}

// TestRestartInMidAnswer ends the demo while it answers, once well and once by kill -9, and starts
// it again in its folder: the page comes back by itself, everything is there, and the answer ends
// complete, once.
func TestRestartInMidAnswer(t *testing.T) {
	dir, temp := filepath.Join(t.TempDir(), "kept"), t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	begin := func() *exec.Cmd {
		demo, _ := launch(t, []string{"TMPDIR=" + temp}, "-addr", addr, "-dir", dir, "-people", "5", "-speed", "60")
		return demo
	}
	demo := begin()
	v := browse(t, "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1") // not strict: the browser complains while the demo is away
	v.do(chromedp.EmulateViewport(1280, 800), chromedp.Navigate("http://"+addr+"/"), chromedp.WaitVisible(chromedp.CSS(`#link.up`)))
	for i, end := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		question := fmt.Sprintf("write 90%d tokens about rivers", i)
		v.write("#box", "@llm "+question)
		v.do(chromedp.WaitVisible(chromedp.CSS(`#thread`)))
		v.until("it grows", `[...document.querySelectorAll('#replies .small')].some((e) => /writing… \d\d+ tokens/.test(e.innerText))`)
		v.kept(dir, question, i+1)
		if err := demo.Process.Signal(end); err != nil {
			t.Fatal(err)
		}
		_ = demo.Wait()
		v.until("the page knows", `!document.getElementById('link').classList.contains('up')`)
		v.picture(fmt.Sprintf("away-%d", i+1))
		demo = begin()
		v.until("it is finished", fmt.Sprintf(`[...document.querySelectorAll('#replies .small')].some((e) => e.innerText.includes('tok/s · first token')) && document.querySelectorAll('#list .msg').length === %d`, i+1))
		v.picture(fmt.Sprintf("restarted-%d", i+1))
		v.once()
		if people := get(v, chromedp.Evaluate[int](`document.querySelectorAll('#me option').length`)); people != 7 {
			t.Errorf("%d people to speak as: 5 colleagues, a guest and somebody of another organisation are wanted", people)
		}
		v.click("#close")
	}
	if err := demo.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := demo.Wait(); err != nil {
		t.Errorf("the demo's end: %v", err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
