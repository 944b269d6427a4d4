package browser_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestKinds posts what people post beside text, as they do it on the page: forwards, links to
// messages, cells of a spreadsheet, voice clips, canvases and lists.
func TestKinds(t *testing.T) {
	v := visit(t, startDemo(t))
	v.do(chromedp.WaitVisible(chromedp.CSS(`#link.up`)))
	run := func(js string) { v.do(chromedp.Evaluate[chromedp.Void](js)) }
	newest := func(want string) string { // whether the newest message of a person in the channel has what a selector finds
		return fmt.Sprintf(`(() => {
			const m = [...document.querySelectorAll('#list .msg')].filter((m) => !m.querySelector('.tag')).at(-1);
			return !!(m && %s);
		})()`, want)
	}

	// Cells are offered as a table, which can be taken away again, and is sent.
	paste := `(() => {
		const data = new DataTransfer();
		data.setData('text/plain', 'host\tload\nweb-1\t0.9 <b>x</b>\n');
		const e = new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
		document.querySelector('#box textarea').dispatchEvent(e);
	})()`
	run(paste)
	v.until("the cells are offered", `document.querySelector('#box .picked').innerText.includes('table · 2 rows')`)
	run(`document.querySelector('#box .picked button').click()`)
	v.until("they are taken away", `document.querySelector('#box .picked').innerText === ''`)
	run(paste)
	v.write("#box", "zq cells")
	v.until("the table is sent", newest(`m.querySelector('table')?.innerText.replace(/\s+/g, ' ').trim() === 'host load web-1 0.9 <b>x</b>' && m.innerText.includes('zq cells')`))
	v.until("nothing is left to send", `document.querySelector('#box .picked').innerText === ''`)
	v.picture("cells")

	// A voice clip is recorded, and sent like a file.
	mic := `document.querySelectorAll('#box .attach')[1]`
	run(mic + `.click()`)
	v.until("it records", mic+`.ariaLabel === 'End the voice clip'`)
	run(`new Promise((done) => setTimeout(done, 1000))`)
	run(mic + `.click()`)
	v.until("the clip is offered", `/^audio_message\.mp4 · [\d.]+ k?B/.test(document.querySelector('#box .picked').innerText)`)
	v.write("#box", "zq clip")
	v.until("the clip is sent", newest(`m.innerText.includes('audio_message.mp4') && m.innerText.includes('zq clip')`))
	v.picture("clip")

	// A canvas and a list are made of files with their endings.
	run(`page.pick('box', [new File(['<h1>zq plan</h1>'], 'Runbook.canvas'), new File(['x'], 'Tasks.slacklist')])`)
	v.write("#box", "zq papers")
	v.until("they are sent", newest(`m.innerText.includes('Runbook') && m.innerText.includes('Tasks') && m.innerText.includes('zq papers')`))

	// A message is linked to in a question, and the bot answers.
	tool := func(name string) string { // presses a button that stands on a message under the pointer
		return fmt.Sprintf(`(() => {
			const m = [...document.querySelectorAll('#list .msg')].find((m) => m.innerText.includes('zq cells'));
			m.dispatchEvent(new MouseEvent('mouseover', { bubbles: true }));
			m.querySelector('.tool[aria-label="%s"]').click();
		})()`, name)
	}
	run(`navigator.clipboard.writeText = async (text) => { window.copied = text; }`)
	run(tool("Copy link"))
	v.until("the link is copied", `/\/archives\/C\w+\/p\d{16}$/.test(window.copied)`)
	v.write("#box", "@llm what is this? "+get(v, chromedp.Evaluate[string](`window.copied`)))
	v.do(chromedp.WaitVisible(chromedp.CSS(`#thread`)))
	v.finished(1)
	v.picture("link")

	// The link leads to the message, and not to Slack.
	run(`[...document.querySelectorAll('#list a')].find((a) => a.href.includes('/archives/')).click()`)
	v.until("the message has the focus", `document.activeElement.innerText.includes('zq cells')`)

	// A message is forwarded to the bot, without a word.
	run(tool("Forward"))
	v.until("it asks where to", `document.querySelector('dialog[open] select').selectedOptions[0].innerText.includes('llm')`)
	run(`document.querySelector('dialog[open] .btn.primary').click()`)
	v.until("the forward is there", newest(`m.querySelector('.attachment')?.innerText.includes('forwarded') && m.querySelector('.attachment').innerText.includes('zq cells')`))
	v.until("the bot answers it", `[...document.querySelectorAll('#list .msg')].some((m) => m.innerText.includes('1 repl') || m.querySelector('.tag'))`)
	v.picture("forward")
	if all := v.text("body"); strings.Contains(all, "What would you like to know") {
		t.Error("a forward without a word is no question")
	}
}
