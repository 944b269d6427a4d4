package browser_test

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
)

// stubbed answers for a demo and for Slack with figures that are known: answers that all grow with
// each look, and, when flood is set, nothing but new calls.
const stubbed = `(() => {
	const real = window.fetch.bind(window);
	const stub = window.stub = { posted: [], answers: 10, flood: false, looks: 0, knob: 'ok' };
	const json = (v) => new Response(JSON.stringify(v), { headers: { 'Content-Type': 'application/json' } });
	const model = () => {
		const t = ++stub.looks * 0.5;
		const answers = Array.from({ length: Math.min(20, stub.answers) }, (_, i) => ({ id: i + 1, tokens: Math.round(37 * t) + i, seconds: t, tps: 37.1 + i / 10, ttft: 0.31, done: stub.answers <= 20 && i === 0 }));
		return { name: 'simulated-model', simulated: true, knob: stub.knob, running: stub.answers, waiting: 2, output_tps: 875.2, answers };
	};
	const call = (n) => ({ n, method: 'chat.update', at: Date.now(), ms: 3, for_ms: null, ok: n % 7 > 0, status: n % 7 ? 200 : 429, error: n % 7 ? '' : 'ratelimited', wait: n % 7 ? 0 : 3, what: 'edits a message · 1.2 kB', where: '#general', thread: '@llm question number ' + n % 30 });
	const slack = async (res) => {
		const d = await res.json();
		if (stub.flood) {
			stub.n = (stub.n ?? 0) + 60;
			d.calls = { total: stub.n, newest: Array.from({ length: 60 }, (_, i) => call(stub.n - 59 + i)) };
			d.budgets = Array.from({ length: 16 }, (_, i) => ({ method: 'method.' + i, where: '#c' + i, used: stub.looks % 50, refused: stub.looks % 5, limit: 50, left: 50 - stub.looks % 50 }));
			d.envelopes.newest = Array.from({ length: 30 }, (_, i) => ({ id: 'e' + (stub.n + i), event: 'Ev' + i, kind: 'events_api', type: 'app_mention', attempt: 1, socket: 1, at: Date.now(), ack_ms: i }));
			d.pings = { total: stub.n, newest: Array.from({ length: 20 }, (_, i) => ({ who: '@channel', method: 'chat.update', where: '#general', ts: stub.n + i + '.1' })) };
			d.unfurls = { total: stub.n, newest: Array.from({ length: 20 }, (_, i) => ({ url: 'https://example.org/' + (stub.n + i), where: '#general', ts: stub.n + i + '.1' })) };
		}
		return json(d);
	};
	window.fetch = async (path, init) => {
		if (path === 'page/state') return json({ ...await (await real(path, init)).json(), demo: true });
		if (path === 'page/panel') return slack(await real(path, init));
		if (path === 'page/demo/state') return json({ bot: { state: 'running', pid: 4711, since: '2026-11-30T12:00:00Z', starts: stub.posted.includes('page/demo/kill {}') ? 2 : 1, last_exit: stub.posted.includes('page/demo/kill {}') ? 'signal: killed' : '' }, model: model(), dir: '' });
		if (path.startsWith('page/demo/')) {
			stub.posted.push(path + ' ' + init.body);
			if (path === 'page/demo/model') stub.knob = JSON.parse(init.body).knob;
			return json({});
		}
		return real(path, init);
	};
})()`

// stub visits the demo with stubbed figures.
func stub(t *testing.T) *visitor {
	t.Helper()
	v := visit(t, startDemo(t))
	v.do(chromedp.Func(func(ctx context.Context, p *chromedp.Target) error {
		_, err := cdp.Call(ctx, p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: stubbed})
		return err
	}), chromedp.Reload())
	v.openPanel()
	return v
}

func TestPanelModel(t *testing.T) {
	v := stub(t)
	v.until("both speeds are side by side", `document.querySelector('.figure.total').innerText.includes('875 tok/s') && /3\d\.\d tok\/s/.test(document.querySelector('.figure.one').innerText)`)
	v.until("it is told what waits", `document.querySelector('.panel-model').innerText.includes('10 running · 2 waiting · simulated-model (simulated)')`)
	v.until("the picture has points", `document.querySelectorAll('.speeds polyline')[0].getAttribute('points').split(' ').length > 4`)
	v.until("each answer has its speed", `document.querySelectorAll('.answers .answer').length === 10 && document.querySelector('.answers .answer').innerText.includes('first token 0.31 s')`)
	v.picture("model")
	v.run(`document.querySelector('#panel input[value=slow]').click()`)
	v.until("the model is slow", `stub.posted.includes('page/demo/model {"knob":"slow"}') && document.querySelector('#panel input[value=slow]').checked`)
	v.turn("Kill the bot")
	v.until("the bot was killed", `stub.posted.includes('page/demo/kill {}') && document.getElementById('panel').innerText.includes('running, process 4711 · started 2 times · its last end: signal: killed')`)
	v.turn("Restart")
	v.until("the bot was restarted", `stub.posted.includes('page/demo/restart {}')`)
	v.theme("dark")
	v.picture("model-dark")
	v.theme("light")
	v.do(chromedp.EmulateViewport(390, 844))
	v.picture("model-phone")

	// What is behind the panel on a phone cannot be reached by keyboard; closed, it can.
	v.until("the chat rests", `document.querySelector('main').inert && document.getElementById('nav').inert`)
	v.run(`document.querySelector('.panel-close').click()`)
	v.until("the chat is there again", `!document.querySelector('main').inert && document.activeElement.id === 'panel-button'`)
}

// TestPanelCost counts what the panel touches with each look while nothing but new things come,
// thirty answers grow and all is unfolded: the number is bounded by what the panel shows, and no
// task is long.
func TestPanelCost(t *testing.T) {
	v := stub(t)
	v.do(chromedp.Func(func(ctx context.Context, p *chromedp.Target) error {
		_, err := cdp.Call(ctx, p, performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks})
		return err
	}))
	v.run(`(() => {
		stub.answers = 30;
		stub.flood = true;
		document.querySelectorAll('#panel details').forEach((d) => { d.open = true; });
		const cost = window.cost = { worst: 0, total: 0, looks: stub.looks, long: [] };
		new MutationObserver((records) => {
			let n = 0;
			for (const r of records) n += 1 + [...r.addedNodes].reduce((sum, e) => sum + 1 + (e.querySelectorAll?.('*').length ?? 0), 0);
			cost.total += n;
			cost.worst = Math.max(cost.worst, n);
		}).observe(document.getElementById('panel'), { subtree: true, childList: true, attributes: true, characterData: true });
		new PerformanceObserver((list) => { for (const e of list.getEntries()) cost.long.push(Math.round(e.duration)); }).observe({ type: 'longtask' });
	})()`)
	before := v.spent()
	v.until("it looked twenty times", `stub.looks - cost.looks >= 20`)
	spent := v.spent() - before
	v.picture("flood")
	worst := get(v, chromedp.Evaluate[int](`cost.worst`))
	rows := get(v, chromedp.Evaluate[int](`document.querySelectorAll('#panel .call').length`))
	long := get(v, chromedp.Evaluate[[]int](`cost.long`))
	nodes := get(v, chromedp.Evaluate[int](`document.querySelectorAll('#panel *').length`))
	each := spent / time.Duration(get(v, chromedp.Evaluate[int](`stub.looks - cost.looks`)))
	t.Logf("at most %d nodes touched with one look; %d nodes in all, %d calls; %v of the processor for each look; tasks of more than 50 ms: %v", worst, nodes, rows, each, long)
	if worst > 2500 || nodes > 1500 || rows > 60 || each > longTask*time.Duration(*slow) {
		t.Errorf("%d touched, %d nodes, %d calls, %v for each look", worst, nodes, rows, each)
	}
}

// spent returns how long the page's thread has run scripts and worked out styles and layout. It is
// the processor's time: others on the machine do not count.
func (v *visitor) spent() time.Duration {
	v.t.Helper()
	var spent time.Duration
	v.do(chromedp.Func(func(ctx context.Context, p *chromedp.Target) error {
		out, err := cdp.Call(ctx, p, performance.GetMetrics, cdp.Empty{})
		for _, m := range out.Metrics {
			if m.Name == "ScriptDuration" || m.Name == "LayoutDuration" || m.Name == "RecalcStyleDuration" {
				spent += time.Duration(m.Value * float64(time.Second))
			}
		}
		return err
	}))
	return spent
}
