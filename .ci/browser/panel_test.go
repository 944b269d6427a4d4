package browser_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// openPanel opens the panel by keyboard.
func (v *visitor) openPanel() {
	v.t.Helper()
	v.do(chromedp.WaitVisible(chromedp.CSS(`#link.up`)), chromedp.Focus(chromedp.CSS(`#panel-button`)), chromedp.Func(pressEnter), chromedp.WaitVisible(chromedp.CSS(`#panel .calls .call`)))
}

// run evaluates an expression of the page for what it does.
func (v *visitor) run(expression string) {
	v.t.Helper()
	v.do(chromedp.Evaluate[chromedp.Void](expression))
}

// turn presses a button of the panel by its words.
func (v *visitor) turn(name string) {
	v.t.Helper()
	v.until("there is a button "+name, fmt.Sprintf(`(() => {
		const b = [...document.querySelectorAll('#panel button')].find((b) => b.innerText.startsWith(%q) && !b.disabled && b.getClientRects().length);
		b?.click();
		return !!b;
	})()`, name))
}

// theme shows the page in light or dark.
func (v *visitor) theme(name string) {
	v.t.Helper()
	v.do(chromedp.Func(func(ctx context.Context, page *chromedp.Target) error {
		_, err := cdp.Call(ctx, page, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
		return err
	}))
}

// calls is an expression that is true when a row of the list of calls fits all parts of a condition
// on c, its text.
func calls(condition string) string {
	return `[...document.querySelectorAll('#panel .call')].map((e) => e.innerText).some((c) => ` + condition + `)`
}

func TestPanel(t *testing.T) {
	v := visit(t, startDemo(t))
	v.openPanel()
	v.until("the panel's heading has the focus", `document.activeElement === document.querySelector('#panel h1')`)
	v.write("#box", "@llm write 60 tokens")
	v.until("the answer's calls appear", calls(`c.includes('chat.postMessage') && c.includes('#general › @llm write 60 tokens')`)+` && `+calls(`c.includes('chat.update') && c.includes('200')`))
	v.until("the budget of edits is told", `/chat\.update\s+\d+ of 50/.test(document.querySelector('#panel .gauges').innerText)`)
	v.until("envelopes are told", `/Envelopes: \d+ sent · \d+ acked/.test(document.getElementById('panel').innerText)`)
	v.finished(1)
	v.picture("panel")

	// By keyboard alone.
	v.do(chromedp.Focus(chromedp.CSS(`#panel-latency`)), chromedp.KeyEvent(kb.ArrowRight))
	v.until("an arrow turns the knob", `document.querySelector('#panel output').innerText === '150 ms' && document.getElementById('panel').innerText.includes('Each call takes 150 ms.')`)
	v.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.ArrowRight))
	v.until("the limiter is a bucket by an arrow", `document.activeElement.value === 'bucket' && document.querySelector('#panel .gauges').innerText.includes(' now')`)
	v.do(chromedp.KeyEvent(kb.ArrowLeft), chromedp.KeyEvent(kb.Tab), chromedp.Func(pressEnter))
	v.until("edits are refused by Enter", `document.activeElement.innerText.startsWith('Edits are refused')`)
	v.run(`fetch('page/panel/knobs', { method: 'POST', body: '{"refuse_edits_ms":0}' })`)
	v.until("edits are taken", `document.activeElement.innerText.startsWith('Refuse edits')`)

	v.run(`(() => { const l = document.getElementById('panel-latency'); l.value = 900; l.oninput(); l.onchange(); })()`)
	v.write("#reply", "@llm write 10 tokens")
	v.until("calls take longer", `[...document.querySelectorAll('#panel .call-ms')].some((e) => parseInt(e.innerText) >= 900 && e.innerText.endsWith(' ms'))`)
	v.run(`(() => { const l = document.getElementById('panel-latency'); l.value = 100; l.oninput(); l.onchange(); })()`)

	v.run(`document.querySelector('#panel input[value=off]').click()`)
	v.until("the limiter is off", `document.querySelector('#panel .gauges').innerText.includes('limiter off')`)
	v.run(`document.querySelector('#panel input[value=bucket]').click()`)
	v.until("the limiter is a bucket", `document.querySelector('#panel .gauges').innerText.includes(' now')`)
	v.run(`document.querySelector('#panel input[value=window]').click()`)
	v.finished(2)

	v.write("#reply", "@llm write 900 tokens")
	v.until("it is being written", `[...document.querySelectorAll('#replies .msg')].length === 6 && document.querySelector('#replies .msg:last-of-type .body').innerText.length > 200`)
	v.turn("Refuse edits")
	v.until("the button counts down", `[...document.querySelectorAll('#panel button')].some((b) => /^Edits are refused: \d+ s$/.test(b.innerText))`)
	v.until("an edit is refused", calls(`c.includes('chat.update') && c.includes('429 ratelimited · wait ')`))
	v.picture("refused")
	v.until("edits are taken again", `(() => { const c = [...document.querySelectorAll('#panel .call')].map((e) => e.innerText); const bad = c.findIndex((t) => t.includes('429')); return c.slice(0, bad).some((t) => t.includes('chat.update') && t.includes('200')); })()`)
	v.run(`document.querySelectorAll('#panel .panel-check input').forEach((i) => { if (i.parentElement.innerText.includes('Refused')) i.click(); })`)
	v.until("only refused calls are listed", `[...document.querySelectorAll('#panel .call')].every((e) => e.classList.contains('bad')) && document.querySelectorAll('#panel .call').length > 0`)
	v.run(`document.querySelectorAll('#panel .panel-check input').forEach((i) => { if (i.parentElement.innerText.includes('Refused')) i.click(); })`)
	// While edits were refused, the rest may have gone into a message of its own.
	v.until("the answer is whole", `[...document.querySelectorAll('#replies .small')].at(-1).innerText.startsWith('900 tokens in ')`)

	v.turn("Redeliver")
	v.until("an event came again", `/· [1-9]\d* redelivered/.test(document.getElementById('panel').innerText)`)
	v.run(`document.querySelectorAll('#panel .panel-check input').forEach((i) => { if (i.parentElement.innerText.includes('Lose')) i.click(); })`)
	v.write("#reply", "@llm write 5 tokens")
	v.until("acks are lost", `/\d+ acks lost/.test(document.getElementById('panel').innerText)`)
	v.run(`document.querySelectorAll('#panel .panel-check input').forEach((i) => { if (i.parentElement.innerText.includes('Lose')) i.click(); })`)
	v.until("it answers", `[...document.querySelectorAll('#replies .small')].at(-1).innerText.startsWith('5 tokens in ')`)
	if n := get(v, chromedp.Evaluate[int](`[...document.querySelectorAll('#replies .small')].filter((e) => e.innerText.startsWith('5 tokens in ')).length`)); n != 1 {
		t.Errorf("%d answers to an event that came several times", n)
	}
	opened := get(v, chromedp.Evaluate[int](`Number(/(\d+) opened so far/.exec(document.getElementById('panel').innerText)[1])`))
	v.turn("Cut one")
	v.until("the bot opens another socket", fmt.Sprintf(`Number(/(\d+) opened so far/.exec(document.getElementById('panel').innerText)[1]) > %d`, opened))
	v.run(`document.querySelectorAll('#panel details').forEach((d) => { d.open = true; })`)
	v.run(`document.querySelector('#panel .gauges').scrollIntoView()`)
	v.picture("folds")
	v.run(`document.querySelector('#panel .panel-body').scrollTop = 0`)

	// A reload leaves it open; Escape closes it, and nothing else.
	v.do(chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS(`#panel .calls .call`)))
	v.do(chromedp.Focus(chromedp.CSS(`#panel .panel-close`)))
	v.run(`document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))`)
	v.until("it is closed", `document.getElementById('panel').hidden && document.activeElement.id === 'panel-button' && !document.getElementById('thread').hidden`)
	// It asked every half a second; closed, it comes to rest once what it asked last was answered.
	asked := func() int {
		return get(v, chromedp.Evaluate[int](`performance.getEntriesByType('resource').filter((e) => e.name.includes('/page/panel')).length`))
	}
	for deadline, before := time.Now().Add(patience), -1; ; time.Sleep(1500 * time.Millisecond) {
		now := asked()
		if now == before {
			break
		}
		if before = now; time.Now().After(deadline) {
			t.Fatalf("the closed panel asks on: %d times", now)
		}
	}
}

// TestPanelOfTheDemo asks ten at once, and turns the knobs that are the demo's own, on the real bot
// and its simulated model.
func TestPanelOfTheDemo(t *testing.T) {
	v := visit(t, startDemo(t))
	v.openPanel()
	v.until("the bot's process is told", `/running, process \d+/.test(document.getElementById('panel').innerText)`)
	// What the panel says while ten are written is over soon.
	v.run(`(() => {
		window.most = { running: 0, ratio: 0 };
		const number = (where) => parseFloat(document.querySelector(where)?.innerText) || 0;
		new MutationObserver(() => {
			if (/^\d+ running/.test(document.querySelector('.panel-model .panel-note')?.innerText)) most.running = Math.max(most.running, number('.panel-model .panel-note'));
			if (number('.figure.one b')) most.ratio = Math.max(most.ratio, number('.figure.total b') / number('.figure.one b'));
		}).observe(document.getElementById('panel'), { subtree: true, childList: true, characterData: true });
	})()`)
	v.turn("Ask ten questions")
	v.until("ten questions were asked", `[...page.S.messages.values()].filter((m) => !m.bot && m.text.includes('150 words')).length === 10`)
	if people := get(v, chromedp.Evaluate[int](`new Set([...page.S.messages.values()].filter((m) => !m.bot && m.text.includes('150 words')).map((m) => m.user)).size`)); people < 2 {
		t.Errorf("%d people asked", people)
	}
	v.until("they are written at once", `most.running >= 5`)
	v.until("both speeds differ", `most.ratio > 2`)
	v.picture("ten")
	v.theme("dark")
	v.picture("ten-dark")
	v.theme("light")
	v.do(chromedp.EmulateViewport(1000, 800))
	v.picture("narrower")
	v.do(chromedp.EmulateViewport(390, 844))
	v.until("nothing is wider than the phone", `document.documentElement.scrollWidth <= 390 && document.getElementById('panel').getBoundingClientRect().width >= 389`)
	v.picture("phone")
	v.run(`document.querySelector('#panel .panel-knobs').scrollIntoView()`)
	v.picture("phone-knobs")
	v.do(chromedp.EmulateViewport(1280, 800))
	v.run(`document.querySelector('#panel .panel-body').scrollTop = 0`)
	v.until("all ten are there", `document.querySelector('.panel-model').innerText.includes('10 of 10 answers are there · together up to ')`)
	v.picture("ten-done")

	v.write("#box", "@llm write 300 tokens")
	v.do(chromedp.WaitVisible(chromedp.CSS(`#thread`)))
	v.until("it is being written", `document.querySelectorAll("#replies .msg").length === 2 && document.querySelector("#replies .msg:last-of-type .body").innerText.length > 200`)
	v.turn("Kill the bot")
	v.until("it was killed and started", `/running, process \d+ · started 2 times · its last end: signal: killed/.test(document.getElementById('panel').innerText)`)
	v.run(`document.querySelector('#panel .panel-knobs').scrollIntoView()`)
	v.picture("killed")
	v.finished(1)
	v.turn("Restart")
	v.until("it was started again", `document.getElementById('panel').innerText.includes('started 3 times')`)
	v.do(chromedp.WaitVisible(chromedp.CSS(`#link.up`)))

	v.run(`document.querySelector('#panel input[value=dead]').click()`)
	v.until("the model server is dead", `document.getElementById('panel').innerText.includes('The model server is dead now.') && document.querySelector('#panel input[value=dead]').checked`)
	v.write("#reply", "@llm write 20 tokens")
	v.until("the bot says so", `document.querySelectorAll('#replies .msg').length === 4`)
	v.picture("dead")
	v.run(`document.querySelector('#panel input[value=slow]').click()`)
	v.until("the model server is slow", `document.getElementById('panel').innerText.includes('The model server is slow now.')`)
	v.run(`document.querySelector('#panel input[value=ok][name=panel-model]').click()`)
	v.until("it is well again", `document.getElementById('panel').innerText.includes('The model server is as it is.')`)
	v.finished(2) // the question that waited
	v.picture("well-again")
}
