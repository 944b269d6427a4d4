package browser_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// held lets answers of the workspace come only when letGo is called: those to a path.
const held = `(() => {
	const real = window.fetch;
	window.hold = '';
	window.fetch = async (...a) => {
		const path = window.hold;
		const res = await real(...a);
		if (path && String(a[0]).includes(path)) await new Promise((go) => { window.letGo = () => { window.letGo = null; go(); }; });
		return res;
	};
})()`

// show selects a channel.
func (v *visitor) show(channel string) {
	v.t.Helper()
	v.run(`page.select(page.S.state.channels.find((c) => c.name === '` + channel + `').id)`)
}

// late does something of which the answer to a path comes late: after meanwhile.
func (v *visitor) late(path string, begin, meanwhile func()) {
	v.t.Helper()
	v.run(`window.hold = '` + path + `'`)
	begin()
	v.until("it is on its way", `!!window.letGo`)
	v.run(`window.hold = ''`)
	meanwhile()
	v.run(`letGo()`)
	v.do(chromedp.Sleep(settles))
}

// settles is longer than what was held takes to be done.
const settles = 300 * time.Millisecond

// TestWhatComesLateDisturbsNobody: who has sent, edited, forwarded or copied something and has gone
// on to something else keeps the place, the keyboard and what they write.
func TestWhatComesLateDisturbsNobody(t *testing.T) {
	s := startSlack(t)
	s.say("alice", "general", "", "the first of alice")
	s.say("alice", "general", "", "the second of alice")
	other := s.say("bob", "general", "", "another thread")
	v := visit(t, s.url)
	v.until("all is there", `document.querySelectorAll('#list .msg').length === 3`)
	v.run(held)
	on := func(n int, key string) {
		v.run(fmt.Sprintf(`document.querySelectorAll('#list .msg')[%d].focus()`, n))
		v.key(key, 0)
	}
	writes := func(text string) {
		v.run(`page.input('box').focus()`)
		v.keys(text)
	}
	wrote := func(what, text string) {
		v.t.Helper()
		v.until(what+": the box has "+text, fmt.Sprintf(`page.input('box').value === %q && document.activeElement === page.input('box')`, text))
		v.run(`page.input('box').value = ''; page.input('box').dispatchEvent(new Event('input'))`)
	}

	// An edit that is saved late neither closes the next editor nor takes the keyboard.
	save := func() {
		on(0, "e")
		v.focusIs("the editor", `!!e.closest('.edit')`)
		v.keys("!")
		v.key("Enter", 0)
	}
	v.late("page/edit", save, func() {
		on(1, "e")
		v.focusIs("the other editor", `!!e.closest('.edit') && e.value.includes('second')`)
		v.keys(" and more")
	})
	v.focusIs("the other editor still", `!!e.closest('.edit') && e.value === 'the second of alice and more'`)
	v.key("Escape", 0)
	v.late("page/edit", save, func() { writes("ha") })
	v.keys("lf")
	wrote("edit", "half")

	// A message that is forwarded late.
	v.late("page/forward", func() {
		on(0, "f")
		v.until("it asks", `document.querySelector('dialog.ask')`)
		v.run(`document.querySelector('dialog.ask select').value = page.S.state.channels.find((c) => c.name === 'random').id`)
		v.run(`document.querySelector('dialog.ask .primary').click()`) // without the pointer
	}, func() { writes("ha") })
	v.keys("lf")
	wrote("forward", "half")
	v.until("it is still #general", `document.getElementById('title').innerText.includes('general')`)

	// A link that comes late, where the browser copies nothing.
	v.run(`Object.defineProperty(navigator, 'clipboard', { value: { writeText: () => Promise.reject(new Error('no')) } })`)
	v.late("page/permalink", func() { on(0, "l") }, func() { writes("ha") })
	v.keys("lf")
	wrote("link", "half")
	if said := v.text("#toast"); !strings.Contains(said, "/archives/") {
		t.Errorf("the link is nowhere: %q", said)
	}

	// A thread that opens late does not replace the one that was opened meanwhile.
	v.late("page/say", func() { v.write("#box", "@llm hello") }, func() {
		v.run(`[...document.querySelectorAll('#list .msg')].find((e) => e.innerText.includes('another thread')).focus()`)
		v.key("t", 0)
		v.focusIs("the thread's box", `!!e.closest('#reply')`)
		v.keys("ha")
	})
	v.keys("lf")
	v.until("the other thread is open", fmt.Sprintf(`page.S.thread === %q && page.input('reply').value === 'half'`, other))
	v.run(`document.getElementById('close').click()`)

	// What was sent and refused comes back to nobody else.
	v.run(`page.input('box').value = ''`)
	v.run(`window.fetch = ((real) => async (...a) => (window.refuse && String(a[0]).includes('page/say') ? (await real('page/state'), new Response('{"error":"no"}', { status: 422 })) : real(...a)))(window.fetch)`)
	v.late("page/state", func() {
		v.run(`window.refuse = true`)
		v.write("#box", "a secret of alice")
	}, func() {
		v.run(`document.getElementById('me').value = page.S.state.users.find((u) => u.name === 'bob').id; document.getElementById('me').onchange()`)
	})
	v.until("it is refused", `document.getElementById('toast').innerText === 'no'`)
	v.until("bob's box is his", `page.input('box').value === ''`)
}

// TestThreadThatIsDeletedCloses: no empty pane stays open, what was being written in it is kept, and
// who writes elsewhere is not disturbed.
func TestThreadThatIsDeletedCloses(t *testing.T) {
	s := startSlack(t)
	v := visit(t, s.url)
	v.until("it listens", `document.querySelector('#list .empty')`)
	for _, writing := range []string{"box", "reply"} {
		ts := s.say("alice", "general", "", "a question")
		v.until("it is there", `document.querySelectorAll('#list .msg').length === 1`)
		v.run(`document.querySelector('#list .msg').focus()`)
		v.key("t", 0)
		v.focusIs("the thread's box", `!!e.closest('#reply')`)
		v.run(`page.input('` + writing + `').focus()`)
		v.keys("ha")
		s.post("page/delete", "", map[string]any{"user": "alice", "channel": "general", "ts": ts})
		v.until("the thread is closed, and it is said", `document.getElementById('thread').hidden && document.getElementById('toast').innerText === 'This thread was deleted.'`)
		v.keys("lf")
		v.until("what was written in "+writing+" is kept", `page.input('box').value === 'half' && document.activeElement === page.input('box')`)
		v.run(`page.input('box').value = ''; page.input('box').dispatchEvent(new Event('input'))`)
	}
}

// TestTourKeepsWhatWasAsked: the step that edits a question keeps the visitor's words, and takes
// nobody away who writes elsewhere.
func TestTourKeepsWhatWasAsked(t *testing.T) {
	v := visit(t, startDemo(t))
	v.do(chromedp.WaitVisible(chromedp.CSS(`#link.up`)), chromedp.WaitVisible(chromedp.CSS(doIt)))
	v.write("#box", "@llm write 30 tokens about my *own* words")
	v.do(chromedp.WaitVisible(chromedp.CSS(`#thread`)))
	v.stepped(2)
	v.click(`.tour-steps li:nth-child(4) button`)
	v.stepped(4)
	v.click(doIt)
	v.stepped(5)
	v.until("his words are there", `document.querySelector('#replies .msg').innerText.includes('@llm write 30 tokens about my own words')`)

	v.run(held)
	v.late("page/say", func() {
		v.click(`.tour-steps li:nth-child(1) button`)
		v.click(doIt)
	}, func() {
		v.show("random")
		v.run(`page.input('box').focus()`)
		v.keys("ha")
	})
	v.keys("lf")
	v.until("he is where he was", `document.getElementById('title').innerText.includes('random') && page.input('box').value === 'half' && document.activeElement === page.input('box')`)
}

// TestPhoneShowsTheSmallFigures: at the width of a phone nothing of a chart is cut off or stands on
// something else, an answer's figures are whole, and the menu shows what the header has no room for.
func TestPhoneShowsTheSmallFigures(t *testing.T) {
	v := visit(t, startDemo(t))
	v.do(chromedp.WaitVisible(chromedp.CSS(`#link.up`)))
	for _, width := range []int64{390, 1280} {
		v.do(chromedp.EmulateViewport(width, 844))
		bad := get(v, chromedp.Evaluate[string](`import('./charts.js').then(({ chart }) => {
			const labels = ['9:00', '9:05', '9:10', '9:15'];
			const bad = [];
			for (const most of [0.3, 33, 1333, 49876, -12345]) {
				const series = [{ name: 'all', data: labels.map((label, i) => ({ label, value: most * i / 3 })) }];
				const e = chart({ title: 'Speed', chart: { type: 'line', series, axis_config: { categories: labels, y_label: 'tok/s' } } });
				const at = document.querySelector('#list .empty').appendChild(document.createElement('div'));
				at.className = 'body';
				at.append(e);
				const box = (x) => x.getBoundingClientRect();
				const svg = box(e.querySelector('svg'));
				const unit = box([...e.querySelectorAll('text')].at(-1));
				for (const t of e.querySelectorAll('text')) if (box(t).left < svg.left - 1 || box(t).right > svg.right + 1) bad.push('cut: ' + t.textContent);
				for (const t of e.querySelectorAll('.end')) if (box(t).left < unit.right - 2) bad.push('over each other: ' + t.textContent);
			}
			return bad.join(', ');
		})`, chromedp.EvalAwaitPromise))
		v.picture(fmt.Sprintf("charts-%d", width))
		if bad != "" {
			t.Errorf("%d pixels: %s", width, bad)
		}
	}
	v.do(chromedp.EmulateViewport(390, 844))
	seen := func(id string) string {
		return `(() => { const e = document.getElementById('` + id + `'); return e.getClientRects().length > 0 && e.innerText && (e.clientWidth === 0 || e.scrollWidth <= e.clientWidth); })()`
	}
	v.run(`document.getElementById('menu').click()`)
	for _, scheme := range []string{"light", "dark"} {
		v.do(media("prefers-color-scheme", scheme))
		v.until("the model server can be read", seen("notice"))
		v.until("the edits can be read", seen("edits"))
		v.axe("menu-" + scheme)
	}
	v.run(`document.getElementById('menu').click()`)

	v.run(`document.getElementById('panel-button').click()`)
	v.run(`window.fetch = ((real) => async (...a) => {
		const res = await real(...a);
		if (!String(a[0]).includes('demo/state')) return res;
		const d = await res.json();
		d.model.answers = [{ id: 1, tokens: 12345, tps: 1234.5, ttft: 12.34, done: true, cut: true }];
		return new Response(JSON.stringify(d));
	})(window.fetch)`)
	v.until("the answer's figures are whole", `(() => { const e = document.querySelector('.answer-text'); return e?.innerText === '12,345 tokens · first token 12.34 s · cut off' && e.scrollWidth <= e.clientWidth; })()`)
	v.picture("panel")
}
