// Package browser_test opens the demo in a real browser and uses it as a new user does. It is a
// module of its own, so that the browser's driver stays out of llmbot's dependencies; .ci/run runs
// it.
package browser_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// patience is how long one step may take. It is reached only by a test that fails, or by a very
// slow model of your own: the demo takes a model server of this machine if one answers.
const patience = 2 * time.Minute

// footer is the small print of a finished answer.
var footer = regexp.MustCompile(`^[\d,]+ tokens? in [\d.,]+s = [\d.,]+ tok/s · first token [\d.,]+s(?: · (.+))?$`)

// answer is a message of the bot in the thread, as it is on the screen.
type answer struct{ Text, Small string }

// answer is the n-th message of the bot in the open thread, counted from 1.
func (v *visitor) answer(n int) answer {
	v.t.Helper()
	a := get(v, chromedp.Evaluate[answer](fmt.Sprintf(`(() => {
		const m = [...document.querySelectorAll('#replies .msg')].filter((m) => m.querySelector('.tag'))[%d];
		if (!m) return {Text: '', Small: ''};
		const small = m.querySelector('.small')?.innerText ?? '';
		const text = m.querySelector('.body').innerText;
		return {Text: small ? text.slice(0, -small.length) : text, Small: small};
	})()`, n-1)))
	a.Small = strings.TrimSpace(a.Small)
	return a
}

// finished waits until the n-th answer has its footer, and returns all different texts that were
// visible on the way, the last one too.
func (v *visitor) finished(n int) (answer, []string) {
	v.t.Helper()
	var seen []string
	for deadline := time.Now().Add(2 * patience); ; time.Sleep(40 * time.Millisecond) {
		a := v.answer(n)
		if a.Text != "" && (len(seen) == 0 || seen[len(seen)-1] != a.Text) {
			seen = append(seen, a.Text)
			if len(seen) == 2 {
				v.picture("growing")
			}
		}
		if footer.MatchString(a.Small) {
			return a, seen
		}
		if strings.Contains(a.Small, " tok/s · first token") {
			v.t.Fatalf("the footer is %q", a.Small)
		}
		if time.Now().After(deadline) {
			v.picture("unfinished")
			v.t.Fatalf("no footer under answer %d: %+v, after %d versions", n, a, len(seen))
		}
	}
}

// write types into a message box and presses Enter.
func (v *visitor) write(box, text string) {
	v.t.Helper()
	v.do(chromedp.SendKeys(chromedp.CSS(box+" textarea"), text), chromedp.Func(pressEnter))
}

// pressEnter is the key as a keyboard sends it: the page may prevent the line break, which the
// driver's own Enter would insert all the same.
func pressEnter(ctx context.Context, page *chromedp.Target) error {
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
		key := input.DispatchKeyEventParams{Type: kind, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13, NativeVirtualKeyCode: 13}
		if kind == input.DispatchKeyEventTypeKeyDown {
			key.Text = "\r"
		}
		if _, err := cdp.Call(ctx, page, input.DispatchKeyEvent, key); err != nil {
			return err
		}
	}
	return nil
}

func (v *visitor) text(selector string) string {
	v.t.Helper()
	return get(v, chromedp.Text(chromedp.CSS(selector)))
}

func TestDemo(t *testing.T) {
	v := visit(t, startDemo(t))

	v.do(chromedp.WaitVisible(chromedp.CSS(`#list button`)), chromedp.WaitVisible(chromedp.CSS(`#link.up`)))
	if notice := v.text("#notice"); !strings.HasPrefix(notice, "Model server: ") {
		t.Errorf("the page does not say which model server it uses: %q", notice)
	}
	v.picture("start")

	// The answer grows in a thread that opens by itself, and ends with its footer.
	v.write("#box", "@llm write 300 tokens with a table and a code block")
	v.do(chromedp.WaitVisible(chromedp.CSS(`#thread`)))
	first, seen := v.finished(1)
	v.picture("finished")
	if len(seen) < 2 {
		t.Errorf("the answer did not grow: %d version", len(seen))
	}
	if len(seen) > 1 && len(seen[0]) >= len(first.Text) {
		t.Errorf("the answer was as long from the start on:\n%s\n---\n%s", seen[0], first.Text)
	}
	t.Logf("%d versions were visible; %s", len(seen), first.Small)

	// A further question in the thread.
	v.write("#reply", "@llm now in 5 words")
	second, _ := v.finished(2)
	if again := v.answer(1); again != first {
		t.Errorf("the first answer changed: %+v, was %+v", again, first)
	}
	t.Logf("follow-up: %q; %s", strings.TrimSpace(second.Text), second.Small)
	v.picture("follow-up")

	// The slash command answers only me.
	model := footer.FindStringSubmatch(first.Small)[1]
	v.write("#box", "/llm-status")
	v.do(chromedp.WaitVisible(chromedp.CSS(`#list .msg.only`)))
	status := v.text(`#list .msg.only`)
	for _, want := range []string{"Only visible to you", "Model: " + model, "tok/s"} {
		if !strings.Contains(status, want) {
			t.Errorf("the status lacks %q:\n%s", want, status)
		}
	}
	if left := get(v, chromedp.Value(chromedp.CSS("#box textarea"))); left != "" {
		t.Errorf("the message box keeps %q after Enter", left)
	}
	v.picture("status")

	// A narrow window still shows the thread and lets one write.
	v.do(chromedp.EmulateViewport(600, 800))
	v.picture("narrow")
}

// TestControls presses what stands under answers, and opens the Home tab.
func TestControls(t *testing.T) {
	v := visit(t, startDemo(t))
	v.do(chromedp.WaitVisible(chromedp.CSS(`#link.up`)))

	v.write("#box", "@llm write 900 tokens")
	v.do(chromedp.WaitVisible(chromedp.CSS(`#thread`)))
	v.press("Stop")
	v.until("it is stopped", `[...document.querySelectorAll('#replies .small')].some((e) => e.innerText.startsWith('stopped'))`)
	v.picture("stopped")

	// One person talks with the bot: no mention is needed.
	v.write("#reply", "and now 40 tokens")
	before, _ := v.finished(2)
	v.press("Regenerate")
	v.until("it is being written anew", fmt.Sprintf(`[...document.querySelectorAll('#replies .msg')].filter((m) => m.querySelector('.tag')).at(-1).querySelector('.small')?.innerText !== %q`, before.Small))
	v.finished(2) // in the same message
	v.press("👍")
	v.until("it says thank you", `document.body.innerText.includes('Thank you, noted.')`)
	v.picture("regenerated")

	v.write("#box", "/llm-status details")
	v.until("the status is there", `[...document.querySelectorAll('#list .msg.only')].some((e) => e.innerText.includes('nteractive')) ?? false`)
	v.picture("details")

	at := get(v, chromedp.Evaluate[string](`location.origin + location.pathname`))
	v.do(chromedp.Navigate(at+"?channel=bot&tab=home"), chromedp.WaitVisible(chromedp.CSS(`#home`)))
	v.until("the Home tab has figures", `document.querySelector('#home').innerText.includes('nteractive')`)
	v.axe("home")
}

// TestPicture makes the picture of the README: PICTURE=docs/demo.png (seen from the repository).
func TestPicture(t *testing.T) {
	path := os.Getenv("PICTURE")
	if path == "" {
		t.Skip("PICTURE names no file")
	}
	v := visit(t, startDemo(t))
	v.do(chromedp.WaitVisible(chromedp.CSS(`#link.up`)), chromedp.EmulateViewport(1600, 1000, chromedp.EmulateScale(1280.0/1600))) // the whole answer on 1280×800
	v.write("#box", "@llm how do I write a parser? With code, please")
	v.do(chromedp.WaitVisible(chromedp.CSS(`#thread`)))
	v.finished(1)
	v.write("#box", "/llm-status")
	v.do(chromedp.WaitVisible(chromedp.CSS(`#list .msg.only`)))
	v.do(chromedp.Evaluate[chromedp.Void](`document.activeElement.blur()`))
	png := get(v, chromedp.CaptureScreenshot())
	if err := os.WriteFile(filepath.Join("..", "..", path), png, 0o644); err != nil {
		t.Fatal(err)
	}
}

// press presses the newest button of that name in the thread, when there is one.
func (v *visitor) press(name string) {
	v.t.Helper()
	v.until("there is a button "+name, fmt.Sprintf(`(() => {
		const b = [...document.querySelectorAll('#replies button')].filter((b) => b.innerText === %q).at(-1);
		b?.click();
		return !!b;
	})()`, name))
}

// until waits until an expression of the page is true.
func (v *visitor) until(what, expression string) {
	v.t.Helper()
	for deadline := time.Now().Add(patience); !get(v, chromedp.Evaluate[bool](`!!(`+expression+`)`)); time.Sleep(40 * time.Millisecond) {
		if time.Now().After(deadline) {
			v.picture("failed")
			v.t.Fatalf("not in time: %s\nthe page: %s\nit complained: %q", what, get(v, chromedp.Evaluate[string](shown)), v.complaints())
		}
	}
}

// do runs actions and ends the test when one fails.
func (v *visitor) do(actions ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	get(v, chromedp.Steps(actions...))
}

// shown is where the page stands: what a test that fails tells of it.
const shown = `JSON.stringify({
	at: location.search, toast: document.getElementById('toast').innerText, about: document.getElementById('about').innerText,
	focus: document.activeElement.outerHTML.slice(0, 200), box: document.querySelector('#box textarea').value, reply: document.querySelector('#reply textarea').value,
	said: [...document.querySelectorAll('#list .msg, #replies .msg')].map((e) => e.innerText.slice(0, 60)),
})`

// get runs an action for its value and ends the test when it fails.
func get[T any](v *visitor, action chromedp.Action[T]) T {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		v.picture("failed")
		v.t.Fatalf("%v\nthe page: %q", err, v.complaints())
	}
	return value
}

// TestWhoReadsWhatIsInTheAddress: a reload leads back, a change of person keeps the thread, what
// ends elsewhere leaves a mark, and the bot can be invited where it is not.
func TestWhoReadsWhatIsInTheAddress(t *testing.T) {
	v := visit(t, startDemo(t))
	v.do(chromedp.WaitVisible(chromedp.CSS(`#link.up`)))
	at := get(v, chromedp.Evaluate[string](`location.origin + location.pathname`))
	v.do(chromedp.Navigate(at+"?as=bob&channel=engineering"), chromedp.WaitVisible(chromedp.CSS(`#link.up`)))
	v.write("#box", "@llm write 40 tokens")
	v.do(chromedp.WaitVisible(chromedp.CSS(`#thread`)))
	v.finished(1)
	v.do(chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS(`#link.up`)), chromedp.WaitVisible(chromedp.CSS(`#thread`)))
	v.until("it is Bob's thread in #engineering", `document.getElementById('title').innerText === '# engineering' && page.S.me === 'U0BOB00001' && document.querySelectorAll('#replies .msg').length === 2`)

	v.do(chromedp.Evaluate[chromedp.Void](`(() => { const me = document.getElementById('me'); me.value = 'U0ALICE001'; me.onchange(); })()`))
	v.until("Alice is in the same thread", `page.S.me === 'U0ALICE001' && !document.getElementById('thread').hidden && document.querySelectorAll('#replies .msg').length === 2`)

	v.write("#reply", "@llm write 300 tokens")
	v.do(chromedp.Evaluate[chromedp.Void](`page.select(page.S.state.channels.find((c) => c.name === 'general').id)`))
	v.until("the answer elsewhere leaves a mark", `[...document.querySelectorAll('#channels li.unread')].some((e) => e.innerText.includes('engineering'))`)

	v.do(chromedp.Evaluate[chromedp.Void](`page.select(page.S.state.channels.find((c) => c.name === 'no-bot').id)`))
	v.write("#box", "@llm hello")
	v.until("it says how to invite it", `document.getElementById('toast').innerText.includes('/invite @llm')`)
	v.until("the box is empty again", `document.querySelector('#box textarea').value === ''`)
	v.write("#box", "/invite @llm")
	v.until("it is there", `document.getElementById('about').innerText === ''`)
	v.write("#box", "@llm write 10 tokens")
	v.until("it answers", `[...document.querySelectorAll('#replies .msg .small')].some((e) => e.innerText.includes('10 tokens'))`)
}

// TestWhoWritesOnIsNotDisturbed: what comes back late from a message that was sent neither takes the
// next letters to another box nor speaks of the channel that is shown by now.
func TestWhoWritesOnIsNotDisturbed(t *testing.T) {
	v := visit(t, startDemo(t))
	v.do(chromedp.WaitVisible(chromedp.CSS(`#link.up`)))
	v.run(held)
	v.late("page/say", func() { v.write("#box", "@llm write 10 tokens") }, func() {
		v.until("it is there", `document.querySelectorAll('#list .msg').length === 1`)
		v.do(chromedp.SendKeys(chromedp.CSS("#box textarea"), "and"))
	})
	v.until("its thread opens", `!document.getElementById('thread').hidden`)
	v.keys(" then")
	v.until("who writes on writes where it was begun", `document.querySelector('#box textarea').value === 'and then' && document.querySelector('#reply textarea').value === ''`)
	v.finished(1)

	v.late("page/say", func() { v.write("#reply", "@llm write 10 tokens") }, func() { v.show("no-bot") })
	v.until("it was sent", `Object.keys(localStorage).every((k) => localStorage[k] !== '"@llm write 10 tokens"')`)
	if said := v.text("#toast"); said != "" {
		t.Errorf("it was heard where it was written, and yet it is said: %q", said)
	}
}

// TestDarkModeCanBeRead: what stands on a control, or is typed into one, has another lightness than
// what is behind it.
func TestDarkModeCanBeRead(t *testing.T) {
	v := visit(t, startDemo(t))
	v.do(chromedp.WaitVisible(chromedp.CSS(`#link.up`)), chromedp.Func(func(ctx context.Context, page *chromedp.Target) error {
		_, err := cdp.Call(ctx, page, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
		})
		return err
	}))
	v.write("#box", "@llm write 10 tokens")
	v.do(chromedp.WaitVisible(chromedp.CSS(`#thread`)))
	v.finished(1)
	if faint := get(v, chromedp.Evaluate[string](`(() => {
		const grey = (c) => c.match(/[\d.]+/g).slice(0, 3).reduce((sum, n) => sum + Number(n), 0) / 3;
		const behind = (e) => {
			for (; e; e = e.parentElement) {
				const c = getComputedStyle(e).backgroundColor;
				if (!c.startsWith('rgba') || !c.endsWith(' 0)')) return grey(c);
			}
			return 255;
		};
		return [...document.querySelectorAll('button, select, textarea')]
			.filter((e) => e.getClientRects().length && Math.abs(grey(getComputedStyle(e).color) - behind(e)) < 60)
			.map((e) => e.tagName + ' ' + (e.innerText || e.ariaLabel)).join(', ');
	})()`)); faint != "" {
		t.Errorf("cannot be read: %s", faint)
	}
	v.axe("dark")
}
