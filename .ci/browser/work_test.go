package browser_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"
)

// What the page may cost on an idle machine; -slow says how much more is let pass. A task is
// measured by the processor's time: on a machine that does other work the clock counts that work
// too.
const (
	longTask      = 50 * time.Millisecond  // the browser's own border of a long task
	firstPaint    = 300 * time.Millisecond // after the navigation began, on loopback
	nodesPerTouch = 4.0                    // nodes made, removed, moved or changed for each update of an answer
)

// slack is an emulated Slack without limits, which a test fills.
type slack struct {
	t   *testing.T
	url string
}

func startSlack(t *testing.T) slack {
	t.Helper()
	return slack{t, start(t, "slacksim", "-limiter", "off", "-latency", "1ms")}
}

func (s slack) post(path, token string, body map[string]any) map[string]any {
	s.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+path, bytes.NewReader(b))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || res.StatusCode != http.StatusOK || out["ok"] == false {
		s.t.Fatalf("%s: %s %v %v", path, res.Status, out, err)
	}
	return out
}

// say writes as a person and returns the message's time.
func (s slack) say(user, channel, thread, text string) string {
	s.t.Helper()
	ts, _ := s.post("page/say", "", map[string]any{"user": user, "channel": channel, "thread_ts": thread, "text": text})["ts"].(string)
	return ts
}

// answer writes or, with a time, edits a message of the bot in #general.
func (s slack) answer(ts, text, small string) string {
	s.t.Helper()
	body := map[string]any{"channel": "C0GENERAL1", "text": text, "blocks": []any{
		map[string]any{"type": "markdown", "text": text},
		map[string]any{"type": "context", "elements": []any{map[string]any{"type": "mrkdwn", "text": small}}},
		map[string]any{"type": "actions", "elements": []any{map[string]any{"type": "button", "action_id": "stop", "text": map[string]any{"type": "plain_text", "text": "Stop"}}}},
	}}
	method := "api/chat.postMessage"
	if ts != "" {
		body["ts"], method = ts, "api/chat.update"
	}
	made, _ := s.post(method, botToken, body)["ts"].(string)
	return made
}

// tasks traces what the page's thread does meanwhile, and returns the processor's time of each
// task, longest first.
func (v *visitor) tasks(meanwhile func()) []time.Duration {
	v.t.Helper()
	v.mu.Lock()
	v.trace, v.traced = nil, make(chan struct{})
	v.mu.Unlock()
	v.do(chromedp.Func(func(ctx context.Context, page *chromedp.Target) error {
		_, err := cdp.Call(ctx, page, tracing.Start, tracing.StartParams{
			TraceConfig: &tracing.TraceConfig{IncludedCategories: []string{"toplevel", "devtools.timeline"}, ExcludedCategories: []string{"*"}},
		})
		return err
	}))
	meanwhile()
	v.do(chromedp.Func(func(ctx context.Context, page *chromedp.Target) error {
		_, err := cdp.Call(ctx, page, tracing.End, cdp.Empty{})
		return err
	}))
	select {
	case <-v.traced:
	case <-v.ctx.Done():
		v.t.Fatal("the trace does not end")
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	type thread struct{ Pid, Tid int64 }
	page := map[thread]bool{}
	var all []time.Duration
	type event struct {
		thread
		Name string
		Ph   string
		Tdur float64 // microseconds
		Args struct{ Name string }
	}
	var events []event
	for _, raw := range v.trace {
		var e event
		if json.Unmarshal(raw, &e) != nil {
			continue
		}
		if e.Name == "thread_name" && e.Args.Name == "CrRendererMain" {
			page[e.thread] = true
		}
		events = append(events, e)
	}
	for _, e := range events {
		if e.Ph == "X" && page[e.thread] && strings.HasSuffix(e.Name, "RunTask") {
			all = append(all, time.Duration(e.Tdur*1000))
		}
	}
	if len(all) == 0 {
		v.t.Fatalf("no task in %d events", len(v.trace))
	}
	slices.SortFunc(all, func(a, b time.Duration) int { return int(b - a) })
	return all
}

// work is what the page says that it touched.
type work struct{ Draws, Made, Removed, Moved, Changed float64 }

func (w work) touched() float64 { return w.Made + w.Removed + w.Moved + w.Changed }

// TestWork holds the page to what it may cost: the first paint, 500 messages, and 30 answers that
// grow at once beside them.
func TestWork(t *testing.T) {
	const messages, answers, steps = 500, 30, 20
	s := startSlack(t)
	for i := range messages {
		s.say([]string{"alice", "bob"}[i%2], "general", "", fmt.Sprintf("message %d with *some* text, a `code` and https://a.test/%d\nand a second line :tada:", i, i))
	}
	v := visit(t, s.url)
	all := fmt.Sprintf(`document.querySelectorAll('#list .msg').length === %d`, messages)
	v.until("all is shown", all)

	// The best of a few loads: whatever else the machine does only makes them longer.
	mostPaint, mostTask := firstPaint*time.Duration(*slow), longTask*time.Duration(*slow)
	paint, longest := time.Hour, time.Hour
	for n := 0; n < 3 || n < 6 && (paint > mostPaint || longest > mostTask); n++ {
		tasks := v.tasks(func() {
			v.do(chromedp.Reload())
			v.until("all is shown again", all)
		})
		longest = min(longest, tasks[0])
		ms := get(v, chromedp.Evaluate[float64](`performance.getEntriesByName('first-contentful-paint')[0].startTime`))
		paint = min(paint, time.Duration(ms*float64(time.Millisecond)))
	}
	t.Logf("first paint after %v; longest task of a load with %d messages: %v", paint, messages, longest)
	if paint > mostPaint {
		t.Errorf("the first paint comes after %v, more than %v", paint, mostPaint)
	}
	if longest > mostTask {
		t.Errorf("a load has a task of %v", longest)
	}

	var ts [answers]string
	for i := range ts {
		ts[i] = s.answer("", "…", "writing…")
	}
	all = fmt.Sprintf(`document.querySelectorAll('#list .msg').length === %d`, messages+answers)
	v.until("the answers are there", all)
	// Every node is marked: one that is made anew has no mark. The browser counts what is touched,
	// too.
	v.run(`(() => {
		for (const e of document.querySelectorAll('#list .msg, #list .msg button')) e.old = true;
		window.counted = 0;
		new MutationObserver((l) => { for (const r of l) counted += r.addedNodes.length + r.removedNodes.length + (r.type === 'characterData' ? 1 : 0); })
			.observe(document.getElementById('list'), { subtree: true, childList: true, characterData: true });
	})()`)
	before := get(v, chromedp.Evaluate[work](`({ Draws: __work.draws, Made: __work.made, Removed: __work.removed, Moved: __work.moved, Changed: __work.changed })`))
	text := "Here is **how**:\n\n1. one `x`\n2. two\n\n```go\nfunc main() {\n\t/* a\n\tb */ return \"x\"\n}\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n" + strings.Repeat("And a long paragraph that goes on with words. ", 40)
	tasks := v.tasks(func() {
		for n := range steps {
			for i := range ts {
				s.answer(ts[i], text[:(len(text)-answers)*(n+1)/steps+i], fmt.Sprintf("writing… %d", n))
			}
		}
		v.until("the answers have grown", fmt.Sprintf(`[...document.querySelectorAll('#list .small')].filter((e) => e.innerText === 'writing… %d').length === %d`, steps-1, answers))
	})
	after := get(v, chromedp.Evaluate[work](`({ Draws: __work.draws, Made: __work.made, Removed: __work.removed, Moved: __work.moved, Changed: __work.changed })`))
	counted := get(v, chromedp.Evaluate[float64](`counted`))
	updates := float64(answers * steps)
	t.Logf("%.0f updates of %d answers beside %d messages: %.0f draws, %.1f nodes touched for each (the browser counts %.1f), longest task %v", updates, answers, messages, after.Draws-before.Draws, (after.touched()-before.touched())/updates, counted/updates, tasks[0])
	if tasks[0] > mostTask {
		t.Errorf("a task takes %v", tasks[0])
	}
	if n := max(after.touched()-before.touched(), counted) / updates; n > nodesPerTouch {
		t.Errorf("%.1f nodes are touched for each update", n)
	}
	if fresh := get(v, chromedp.Evaluate[int](`[...document.querySelectorAll('#list .msg, #list .msg button')].filter((e) => !e.old).length`)); fresh != 0 {
		t.Errorf("%d messages or buttons were made anew", fresh)
	}
	v.picture("grown")
}
