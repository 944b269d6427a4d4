package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// codes are the numbers of keys that stand for no character.
var codes = map[string]int64{"Tab": 9, "Enter": 13, "Escape": 27, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Delete": 46, "F6": 117}

const (
	alt   = 1
	ctrl  = 2
	shift = 8
)

// key presses one key as a keyboard does.
func (v *visitor) key(name string, modifiers int64) {
	v.t.Helper()
	v.do(chromedp.Func(func(ctx context.Context, page *chromedp.Target) error {
		if name == "Enter" && modifiers == 0 {
			return pressEnter(ctx, page)
		}
		code, text := codes[name], ""
		if code == 0 {
			code = int64(name[0])
			if name[0] >= 'a' && name[0] <= 'z' {
				code -= 'a' - 'A'
			}
			if modifiers&(ctrl|alt) == 0 {
				text = name
			}
		}
		for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
			p := input.DispatchKeyEventParams{Type: kind, Key: name, Code: name, WindowsVirtualKeyCode: code, NativeVirtualKeyCode: code, Modifiers: modifiers}
			if kind == input.DispatchKeyEventTypeKeyDown {
				p.Text = text
			}
			if _, err := cdp.Call(ctx, page, input.DispatchKeyEvent, p); err != nil {
				return err
			}
		}
		return nil
	}))
}

// keys types a text where the focus is.
func (v *visitor) keys(text string) {
	v.t.Helper()
	v.do(chromedp.KeyEvent(text))
}

// focusIs waits until the focus is on what an expression on e, the focused element, is true for.
func (v *visitor) focusIs(what, expression string) {
	v.t.Helper()
	v.until("the focus is on "+what, `((e) => `+expression+`)(document.activeElement)`)
}

// size gives the window another size.
func (v *visitor) size(width, height int64) {
	v.t.Helper()
	v.do(chromedp.EmulateViewport(width, height))
}

// as opens the page as a person.
func (v *visitor) as(url, query string) {
	v.t.Helper()
	v.do(chromedp.Navigate(url+query), chromedp.WaitVisible(chromedp.CSS(`#box textarea`)))
	v.until("the page is there", `!!window.page && !page.S.fresh`)
}

// TestKeyboardOnly asks, reads, edits, quotes, forwards and deletes without a mouse.
func TestKeyboardOnly(t *testing.T) {
	s := startSlack(t)
	v := visit(t, s.url)
	v.as(s.url, "?as=alice")
	v.focusIs("the box", `e.closest('form')?.id === 'box'`)
	v.keys("first :tad")
	v.until("emoji are offered", `document.querySelector('#box .names .on')?.innerText.includes(':tada:')`)
	v.key("Tab", 0)
	v.key("Enter", 0)
	v.until("it is sent, with the emoji as a picture", `document.querySelector('#list .msg .emoji')?.innerText === '🎉' && document.querySelector('#box textarea').value === ''`)
	v.keys("second @bo")
	v.until("names are offered", `document.querySelector('#box .names .on')?.innerText === '@bob'`)
	v.key("Enter", 0)
	v.key("Enter", 0)
	v.until("it is sent", `document.querySelectorAll('#list .msg').length === 2`)

	// Edit the last one from the empty box.
	v.key("ArrowUp", 0)
	v.focusIs("the editor", `e.closest('.edit') && e.value.startsWith('second @bob')`)
	v.keys("and more")
	v.key("Enter", 0)
	v.until("it is edited", `document.querySelectorAll('#list .msg')[1].innerText.includes('and more') && document.querySelectorAll('#list .msg')[1].innerText.includes('(edited)')`)
	v.focusIs("the message", `e.matches('.msg') && e.innerText.includes('and more')`)
	v.picture("buttons")

	// Through the messages, to the buttons, into a thread and back.
	v.key("ArrowUp", 0)
	v.focusIs("the first message", `e.matches('.msg') && e.innerText.includes('first')`)
	v.key("t", 0)
	v.focusIs("the box of the thread", `e.closest('form')?.id === 'reply'`)
	v.keys("a reply")
	v.key("Enter", 0)
	v.until("the reply is there", `document.querySelectorAll('#replies .msg').length === 2`)
	v.key("F6", shift)
	v.focusIs("the thread's messages", `e.id === 'replies'`)
	v.key("End", 0)
	v.focusIs("the reply", `e.matches('#replies .msg') && e.innerText.includes('a reply')`)
	v.key("q", 0)
	v.focusIs("the box with the quotation", `e.closest('form')?.id === 'reply' && e.value === '> a reply\n'`)
	v.key("Escape", 0)
	v.until("the thread is closed", `document.getElementById('thread').hidden`)

	// Delete: it asks, and Escape means no.
	v.focusIs("the message that it was opened from", `e.matches('#list .msg') && e.innerText.includes('first')`)
	v.key("End", 0)
	v.key("Delete", 0)
	v.until("it asks", `document.querySelector('dialog[open] h2')?.innerText === 'Delete this message?'`)
	v.picture("delete")
	v.key("Escape", 0)
	v.until("nothing is deleted", `!document.querySelector('dialog[open]') && document.querySelectorAll('#list .msg').length === 2`)
	v.focusIs("the message", `e.matches('.msg')`)
	v.key("Delete", 0)
	v.focusIs("the button that does nothing", `e.innerText === 'Cancel'`)
	v.key("Tab", 0)
	v.key("Enter", 0)
	v.until("it is deleted", `document.querySelectorAll('#list .msg').length === 1`)

	// Search, and go there; to a channel by its name; the next channel.
	v.key("k", ctrl)
	v.keys("reply from:al")
	v.until("it is found", `document.querySelectorAll('#hits .hit').length === 1`)
	v.picture("search")
	v.key("Enter", 0)
	v.focusIs("the reply in its thread", `e.matches('#replies .msg') && e.innerText.includes('a reply')`)
	v.key("k", ctrl)
	v.keys("rand")
	v.until("the channel is offered", `document.querySelector('#hits .hit')?.innerText === 'Go to #random'`)
	v.key("Enter", 0)
	v.until("it is #random", `document.getElementById('title').innerText === '# random'`)
	v.key("ArrowUp", alt)
	v.until("it is #engineering", `document.getElementById('title').innerText === '# engineering'`)
	v.key("/", ctrl)
	v.until("the keys are told", `document.querySelector('dialog[open]').innerText.includes('Reply in thread')`)
	v.picture("keys")
	v.key("Escape", 0)

	// An answer grows while the focus is on its buttons: they stay, and so does the focus.
	v.as(s.url, "?as=alice&channel=general")
	v.until("one message is there", `document.querySelectorAll('#list .msg').length === 1`)
	ts := s.answer("", "one", "writing…")
	v.until("the answer is there", `document.querySelectorAll('#list .msg').length === 2`)
	v.run(`[...document.querySelectorAll('#list .msg')].at(-1).focus()`)
	v.key("Tab", 0)
	v.focusIs("its own button", `e.innerText === 'Stop'`)
	for i, name := range []string{"Reply in thread", "Quote", "Copy link"} {
		s.answer(ts, "one"+strings.Repeat(" more", i+1), fmt.Sprintf("writing… %d", i))
		v.until("it grows", fmt.Sprintf(`document.querySelector('#list').innerText.includes('writing… %d')`, i))
		v.key("Tab", 0)
		v.focusIs(name, fmt.Sprintf(`e.ariaLabel === '%s'`, name))
	}
}

// TestTwoPeople has Alice and Bob side by side, each in a tab of their own.
func TestTwoPeople(t *testing.T) {
	s := startSlack(t)
	alice := visit(t, s.url)
	alice.as(s.url, "?as=Alice")
	bob := visit(t, s.url)
	bob.as(s.url, "?as=bob&channel=random")
	bob.until("it is Bob", `page.S.me === 'U0BOB00001' && location.search.includes('as=bob')`)
	alice.write("#box", "hello @bob")
	bob.until("the channel is marked, with a number", `document.querySelector('#channels li.unread')?.innerText.replace(/\s+/g, ' ').trim() === '# general 1' && document.title.startsWith('(1) ')`)
	bob.picture("unread")
	bob.do(chromedp.Reload())
	bob.until("also after a reload", `document.querySelector('#channels li.unread .count')?.innerText === '1'`)
	bob.run(`document.querySelector('#channels li.unread button').click()`)
	bob.until("a line stands above what is new", `document.querySelector('#list .new')?.nextElementSibling.innerText.includes('hello @bob') && !document.querySelector('#channels li.unread') && !document.title.startsWith('(')`)
	bob.picture("new")
	bob.write("#box", "hello @alice")
	alice.until("Alice reads it, and nothing is marked", `document.querySelectorAll('#list .msg').length === 2 && !document.querySelector('#channels li.unread')`)
	alice.until("a screen reader tells it", `document.getElementById('announce').innerText.includes('bob: hello @alice')`)

	// Bob reads what is older, and is not moved by what comes; a button leads to the newest.
	for i := range 40 {
		s.say("alice", "general", "", fmt.Sprintf("line %d", i))
	}
	bob.until("all are there", `document.querySelectorAll('#list .msg').length === 42 && document.getElementById('list-down').hidden`)
	bob.run(`document.getElementById('list').scrollTop = 100`)
	bob.until("the way down is offered", `document.getElementById('list-down').innerText === '↓ Jump to newest'`)
	s.say("alice", "general", "", "one more")
	bob.until("it tells how many came", `document.getElementById('list-down').innerText === '↓ 1 new' && document.getElementById('list').scrollTop === 100`)
	bob.picture("away")

	// The draft and the place outlive a reload; so does an open thread.
	bob.run(`document.querySelectorAll('#list .msg')[1].focus({ preventScroll: true })`)
	bob.key("t", 0)
	bob.keys("half a repl")
	bob.run(`(() => { const box = page.input('box'); box.value = 'half a message'; box.dispatchEvent(new Event('input')); })()`)
	const line = `[...document.querySelectorAll('#list .msg')].find((m) => m.innerText.endsWith('line 3')).getBoundingClientRect().top`
	top := get(bob, chromedp.Evaluate[float64](line))
	bob.do(chromedp.Reload())
	bob.until("it is as before", fmt.Sprintf(`!!window.page && !page.S.fresh && page.input('box').value === 'half a message' && page.input('reply').value === 'half a repl' && document.querySelectorAll('#list .msg').length === 43 && Math.abs(%s - %f) < 3`, line, top))
	bob.picture("reloaded")
	bob.run(`document.getElementById('list-down').click()`)
	bob.until("it is the newest", `(() => { const l = document.getElementById('list'); return l.scrollHeight - l.scrollTop - l.clientHeight < 2 && document.getElementById('list-down').hidden; })()`)

	// Nobody of that name.
	bob.as(s.url, "?as=nobody")
	bob.until("it says so", `document.getElementById('toast').innerText === 'Nobody here is called nobody. You are alice.'`)
}

// TestReloadInMidAnswer goes on to read an answer where the page left it.
func TestReloadInMidAnswer(t *testing.T) {
	v := visit(t, startDemo(t))
	v.do(chromedp.WaitVisible(chromedp.CSS(`#link.up`)))
	v.write("#box", "@llm write 300 tokens")
	v.until("it grows", `document.querySelectorAll('#replies .msg').length === 2 && document.querySelector('#replies').innerText.length > 100`)
	v.do(chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS(`#thread`)))
	v.finished(1)
	v.until("it is whole, once", `document.querySelectorAll('#replies .msg').length === 2 && document.querySelectorAll('#list .msg').length === 1`)
}

// TestDropAndPaste gives the page files in the ways that people do.
func TestDropAndPaste(t *testing.T) {
	s := startSlack(t)
	v := visit(t, s.url)
	v.as(s.url, "?as=alice")
	const picture = `new Promise((done) => { const c = document.createElement('canvas'); c.width = 160; c.height = 90; const g = c.getContext('2d'); g.fillStyle = '#1264a3'; g.fillRect(0, 0, 160, 90); c.toBlob((b) => done(new File([b], 'image.png', { type: 'image/png' }))); })`
	v.run(picture + `.then((file) => {
		const data = new DataTransfer();
		data.items.add(file);
		document.querySelector('#box textarea').dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
	})`)
	v.until("the picture is shown before it is sent", `document.querySelector('#box .picked img')?.naturalWidth === 160`)
	drag := func(kind string) {
		v.run(`(() => {
			const data = new DataTransfer();
			data.items.add(new File(['log line'], 'app.log', { type: 'text/plain' }));
			document.getElementById('list').dispatchEvent(new DragEvent('` + kind + `', { dataTransfer: data, bubbles: true, cancelable: true }));
		})()`)
	}
	drag("dragenter")
	v.until("it says where to drop", `document.querySelector('main').classList.contains('drop')`)
	v.picture("drop")
	drag("drop")
	v.until("both are offered", `document.querySelectorAll('#box .picked .file').length === 2 && !document.querySelector('main').classList.contains('drop')`)
	v.write("#box", "two files")
	v.until("they are sent", `document.querySelectorAll('#list .file').length === 2 && document.querySelector('#list .file img')?.naturalWidth === 160`)
	v.until("nothing is left", `document.querySelector('#box .picked').innerText === ''`)
	v.picture("sent")
}

// TestLooks takes pictures of all that can be seen, light and dark, wide and on a phone, and lets
// axe look for what keeps people out.
func TestLooks(t *testing.T) {
	s := startSlack(t)
	fill(s)
	v := visit(t, s.url)
	for _, theme := range []string{"light", "dark"} {
		for _, window := range []struct {
			name          string
			width, height int64
		}{{"wide", 1280, 800}, {"phone", 390, 844}} {
			v.theme(theme)
			v.size(window.width, window.height)
			name := window.name + "-" + theme
			v.as(s.url, "?as=alice")
			v.until("all is there", `document.querySelectorAll('#list .msg').length === 7`)
			if over := get(v, chromedp.Evaluate[float64](`document.documentElement.scrollWidth - innerWidth`)); over > 0 {
				t.Errorf("%s: the page is %.0f pixels wider than the window", name, over)
			}
			v.axe(name)
			v.run(`document.querySelector('#list .msg:last-of-type').focus()`)
			v.axe(name + "-actions")
			v.run(`[...document.querySelectorAll('#list .thread-link')].find((b) => b.innerText.startsWith('1 reply')).click()`)
			v.until("the thread is open", `document.querySelectorAll('#replies .msg').length === 2`)
			v.axe(name + "-thread")
			v.run(`document.getElementById('search-button').click()`)
			v.keys("queue")
			v.until("it is found", `document.querySelectorAll('#hits mark').length > 0`)
			v.axe(name + "-search")
			v.key("Escape", 0)
			v.run(`document.getElementById('close').click()`)
			if window.name == "phone" {
				v.run(`document.getElementById('menu').click()`)
				v.axe(name + "-channels")
				v.key("Escape", 0)
			}
			v.key("/", ctrl)
			v.axe(name + "-keys")
			v.key("Escape", 0)
			v.run(`(() => { const m = [...document.querySelectorAll('#list .msg')].find((m) => m.message.m.user === page.S.me); m.focus(); })()`)
			v.key("e", 0)
			v.axe(name + "-edit")
			v.key("Escape", 0)
			v.key("f", 0)
			v.axe(name + "-forward")
			v.key("Escape", 0)
			v.run(`document.getElementById('panel-button').click()`)
			v.until("the panel has looked", `document.querySelector('#panel .gauges li')`)
			v.axe(name + "-panel")
			v.run(`document.getElementById('panel-button').click()`)
		}
	}
}

// fill writes one of each kind of message.
func fill(s slack) {
	s.say("bob", "general", "", "Morning all :wave::skin-tone-3: who knows *queues*? See https://a.test/wiki and `drain()`")
	ts := s.say("alice", "general", "", "I do. <!here> <@U0BOB00001> in <#C0RANDOM01>")
	s.say("alice", "general", "", "> a quotation\nand ~wrong~ _right_:\n```\nplain code\n```")
	s.say("bob", "general", ts, "In a thread: a queue is bounded")
	s.answer("", "## Queues\n\nA **queue** in *Go*, with a `channel`:\n\n```go\n// push waits until there is room.\nfunc push(ctx context.Context, q chan<- int, n int) error {\n\tselect {\n\tcase q <- n:\n\t\treturn nil\n\tcase <-ctx.Done():\n\t\treturn fmt.Errorf(\"push %d: %w\", 42, ctx.Err())\n\t}\n}\n```\n\n| kind | room |\n|---|---:|\n| small | 10 |\n| large | 1000 |\n\n1. Bound it\n2. Measure it\n   - [x] depth\n   - [ ] age\n\n> A queue that is full says so. :tada:", "120 tokens in 3.4s = 35.3 tok/s")
	s.answer("", "```diff\n@@ -1,2 +1,2 @@\n-old line\n+new line\n```\n\n```python\n@cache\ndef f(x: int) -> str:\n    \"\"\"Says why.\"\"\"\n    return f\"{x}\"  # done\n```", "40 tokens")
	s.post("api/chat.postMessage", botToken, map[string]any{"channel": "C0GENERAL1", "text": "chart", "blocks": []any{
		map[string]any{"type": "data_visualization", "title": "Answers", "chart": map[string]any{"type": "bar", "series": []any{
			map[string]any{"name": "today", "data": []any{map[string]any{"label": "a", "value": 3}, map[string]any{"label": "b", "value": 5}}},
			map[string]any{"name": "before", "data": []any{map[string]any{"label": "a", "value": 2}, map[string]any{"label": "b", "value": 4}}},
		}, "axis_config": map[string]any{"categories": []string{"a", "b"}}}},
	}})
	s.post("api/chat.postEphemeral", botToken, map[string]any{"channel": "C0GENERAL1", "user": "U0ALICE001", "text": "Only for you: your share of today is used up"})
}

// axe takes a picture and tells what axe-core finds.
func (v *visitor) axe(name string) {
	v.t.Helper()
	v.picture(name)
	v.run(axeSource(v.t))
	found := get(v, chromedp.Evaluate[string](`axe.run(document, { resultTypes: ['violations'] }).then((r) => JSON.stringify(r.violations.map((f) => f.id + ': ' + f.help + ': ' + f.nodes.map((n) => n.html).slice(0, 3).join(' '))))`, chromedp.EvalAwaitPromise))
	var all []string
	if err := json.Unmarshal([]byte(found), &all); err != nil {
		v.t.Fatalf("axe says %q: %v", found, err)
	}
	for _, f := range all {
		v.t.Errorf("%s: %s", name, f)
	}
}

// axeSource is axe-core, which .ci/run installs from npm.
func axeSource(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "axe", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("%v: run npm ci in .ci/axe", err)
	}
	return string(b)
}
