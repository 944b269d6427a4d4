package browser_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const botToken = "xoxb-slacksim-bot" // a constant of the emulator's

// messages are the texts in the workspace that Alice sees.
func messages(t *testing.T, address string) (texts []string) {
	t.Helper()
	res, err := http.Get(address + "page/events?user=alice")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			var d struct{ Messages []struct{ Text string } }
			if err := json.Unmarshal([]byte(data), &d); err != nil {
				t.Fatal(err)
			}
			for _, m := range d.Messages {
				texts = append(texts, m.Text)
			}
			return texts
		}
	}
	t.Fatalf("no event: %s", res.Status)
	return nil
}

// TestForeignPage lets pages of other sites do to the emulated Slack whatever a browser lets them:
// nothing comes of it. A link to it works.
func TestForeignPage(t *testing.T) {
	slack := start(t, "slacksim")
	at, err := url.Parse(slack)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	evil := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<title>evil</title><a id="link" href="%s">a link</a><iframe name="f"></iframe>`, slack)
	})}
	go func() { _ = evil.Serve(l) }()
	defer evil.Close()
	port := l.Addr().(*net.TCPAddr).Port

	v := browse(t, "MAP evil.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost")
	attack := fmt.Sprintf(`(async () => {
		const slack = %q, out = {};
		const say = JSON.stringify({user: 'U0ALICE001', channel: 'C0GENERAL1', text: 'stolen'});
		const get = async (name, path, init) => { try { const r = await fetch(slack + path, init); out[name] = r.type + ' ' + r.status; } catch (e) { out[name] = 'failed'; } };
		await get('read', 'page/state', {});
		await get('say', 'page/say', {method: 'POST', mode: 'no-cors', body: say});
		await get('say json', 'page/say', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: say});
		await get('post', 'api/chat.postMessage', {method: 'POST', mode: 'no-cors', body: new URLSearchParams({token: %q, channel: 'C0GENERAL1', text: 'stolen'})});
		await get('get', 'api/chat.postMessage?token=%s&channel=C0GENERAL1&text=stolen', {mode: 'no-cors'});
		await get('open', 'api/apps.connections.open', {method: 'POST', body: new URLSearchParams({token: 'xapp-slacksim-app'})});
		await get('beacon', 'page/say', {method: 'POST', mode: 'no-cors', keepalive: true, body: say});
		await new Promise((done) => { const i = new Image(); i.onload = i.onerror = done; i.src = slack + 'api/chat.postMessage?token=%s&channel=C0GENERAL1&text=stolen'; });
		out.socket = await new Promise((done) => { const w = new WebSocket(slack.replace('http', 'ws') + 'link/?ticket=x'); w.onopen = () => done('open'); w.onerror = () => done('refused'); });
		out.events = await new Promise((done) => { const e = new EventSource(slack + 'page/events?user=alice'); e.onmessage = () => done('read'); e.onerror = () => { e.close(); done('refused'); }; });
		out.script = await new Promise((done) => { const s = document.createElement('script'); s.onload = () => done('ran'); s.onerror = () => done('refused'); s.src = slack + 'app.js'; document.body.append(s); });
		const form = document.createElement('form');
		form.method = 'POST'; form.action = slack + 'api/chat.postMessage'; form.target = 'f';
		for (const [k, val] of Object.entries({token: %q, channel: 'C0GENERAL1', text: 'stolen'})) { const i = document.createElement('input'); i.name = k; i.value = val; form.append(i); }
		document.body.append(form);
		form.submit();
		await new Promise((done) => setTimeout(done, 500));
		try { out.frame = frames[0].document ? 'read' : 'closed'; } catch { out.frame = 'closed'; }
		return JSON.stringify(out);
	})()`, slack, botToken, botToken, botToken, botToken)
	for _, origin := range []string{fmt.Sprintf("http://evil.test:%d/", port), fmt.Sprintf("http://127.0.0.1:%d/", port), fmt.Sprintf("http://localhost:%d/", port)} {
		v.do(chromedp.Navigate(origin))
		v.do(chromedp.Evaluate[chromedp.Void]("window.result = undefined; " + attack + ".then((r) => { window.result = r; })"))
		v.until("the attack is over", "typeof window.result === 'string'")
		result := get(v, chromedp.Evaluate[string]("window.result"))
		t.Logf("%s: %s", origin, result)
		for _, bad := range []string{"cors 200", "basic 200", `"open":"cors`, `"socket":"open"`, `"events":"read"`, `"script":"ran"`, `"frame":"read"`} {
			if strings.Contains(result, bad) {
				t.Errorf("%s: %s", origin, result)
			}
		}
		if got := messages(t, slack); len(got) != 0 {
			t.Errorf("%s wrote %q", origin, got)
		}
	}

	// DNS rebinding: the page's own name is ours, all of a sudden, so that everything is same-origin
	// to the browser.
	rebound := "http://evil.test:" + at.Port() + "/"
	v.do(chromedp.Navigate(rebound))
	text := get(v, chromedp.Evaluate[string]("document.body.innerText"))
	v.do(chromedp.Evaluate[chromedp.Void](strings.ReplaceAll("window.result = undefined; "+attack+".then((r) => { window.result = r; })", slack, rebound)))
	v.until("the attack is over", "typeof window.result === 'string'")
	result := get(v, chromedp.Evaluate[string]("window.result"))
	t.Logf("rebound: %q, %s", text, result)
	if !strings.Contains(text, "another name") || strings.Contains(result, " 200") || strings.Contains(result, `"open":"open"`) || len(messages(t, slack)) != 0 {
		t.Errorf("%q, %s, %q", text, result, messages(t, slack))
	}

	// A link leads to the page.
	v.do(chromedp.Navigate(fmt.Sprintf("http://evil.test:%d/", port)), chromedp.Evaluate[chromedp.Void]("document.getElementById('link').click()"), chromedp.WaitVisible(chromedp.CSS("#list")))
	v.until("the page is live", "document.querySelector('#link').innerText === 'no bot connected'")
}

// nasty are texts that would be scripts, or would ask another host, if anything in them came alive.
func nasty() []string {
	return []string{
		`<script>pwned()</script>`, `<img src=x onerror=pwned()>`, `<svg onload=pwned()>`, `<iframe src="javascript:pwned()"></iframe>`, `"><img src=https://evil.test/x>`,
		`[x](javascript:pwned())`, `[x](JaVaScRiPt:pwned())`, "[x](java\tscript:pwned())", `[x](data:text/html,<script>pwned()</script>)`, `[x](vbscript:pwned())`, `[x](" onclick=pwned() x=")`,
		`[x](https://evil.test" onmouseover="pwned())`, `![x](https://evil.test/p.png)`, `![x](javascript:pwned())`, `<https://evil.test" onclick="pwned()|x>`, `<javascript:pwned()|x>`,
		"```html\n<script>pwned()</script>\n```", "```\"><img src=x onerror=pwned()>\n</code></pre><script>pwned()</script>\n```", "`<img src=x onerror=pwned()>`",
		"|<img src=x onerror=pwned()>|[x](javascript:pwned())|\n|-|-|\n|<script>pwned()</script>|&lt;script&gt;pwned()&lt;/script&gt;|", `&lt;img src=x onerror=pwned()&gt;`, `&#60;img src=x onerror=pwned()&#62;`,
		"# <img src=x onerror=pwned()>", "> <script>pwned()</script>", "- <img src=x onerror=pwned()>", `</div></body><script>pwned()</script>`, "<!--", "\u202e<script>pwned()</script>", "<style>@import 'https://evil.test/x.css';</style>", `<link rel=stylesheet href=https://evil.test/x.css>`, `<meta http-equiv=refresh content="0;url=https://evil.test/">`,
	}
}

// TestNastyContent writes such texts as a person and as the bot, in all kinds of blocks, and as
// names of files: no script runs, no request leaves this machine (the visitor complains of either).
func TestNastyContent(t *testing.T) {
	slack := start(t, "slacksim")
	post := func(path string, form url.Values, body string) {
		t.Helper()
		for {
			var res *http.Response
			var err error
			if form != nil {
				form.Set("token", botToken)
				res, err = http.PostForm(slack+path, form)
			} else {
				res, err = http.Post(slack+path, "application/json", strings.NewReader(body))
			}
			if err != nil {
				t.Fatal(err)
			}
			answer, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode == http.StatusTooManyRequests {
				time.Sleep(time.Second)
				continue
			}
			if res.StatusCode != http.StatusOK || strings.Contains(string(answer), `"ok":false`) {
				t.Logf("%s: %s %.200s", path, res.Status, answer) // such as a header of 151 characters
			}
			return
		}
	}
	text := func(v any) string { b, _ := json.Marshal(v); return string(b) }
	files := []map[string]any{}
	for _, n := range nasty() {
		post("page/say", nil, text(map[string]any{"user": "alice", "channel": "general", "text": n}))
		mrkdwn := map[string]any{"type": "mrkdwn", "text": n, "verbatim": true}
		plain := map[string]any{"type": "plain_text", "text": n}
		post("api/chat.postMessage", url.Values{"channel": {"C0GENERAL1"}, "text": {n}, "blocks": {text([]any{
			map[string]any{"type": "markdown", "text": n},
			map[string]any{"type": "section", "text": mrkdwn},
			map[string]any{"type": "context", "elements": []any{mrkdwn}},
			map[string]any{"type": "header", "text": plain},
			map[string]any{"type": "actions", "elements": []any{map[string]any{"type": "button", "action_id": "a", "text": plain}}},
			map[string]any{"type": "table", "rows": []any{[]any{map[string]any{"type": "raw_text", "text": n}}}},
			map[string]any{"type": "data_visualization", "title": n[:min(len(n), 20)], "chart": map[string]any{"type": "pie", "segments": []any{map[string]any{"label": n[:min(len(n), 18)], "value": 1}}}},
		})}}, "")
		files = append(files, map[string]any{"name": n, "type": "text/html", "data": "PHNjcmlwdD5wd25lZCgpPC9zY3JpcHQ+"})
		if len(files) == 10 {
			post("page/say", nil, text(map[string]any{"user": "alice", "channel": "general", "text": "files", "files": files}))
			files = nil
		}
	}
	post("page/say", nil, text(map[string]any{"user": "alice", "channel": "general", "text": strings.Repeat("> ", 2000) + "deep"}))
	post("page/say", nil, text(map[string]any{"user": "alice", "channel": "general", "text": "a picture", "files": []any{
		map[string]any{"name": "x.png", "data": "PHNjcmlwdD5wd25lZCgpPC9zY3JpcHQ+"}, map[string]any{"name": "x.svg", "type": "image/svg+xml", "data": "PHN2ZyBvbmxvYWQ9InB3bmVkKCkiLz4="},
	}}))
	v := visit(t, slack)
	v.do(chromedp.WaitVisible(chromedp.CSS(`#list .msg`)))
	v.until("all is shown", fmt.Sprintf("document.querySelectorAll('#list .msg').length >= %d", 2*len(nasty())))
	v.do(chromedp.Evaluate[chromedp.Void](`window.ran = 0; window.pwned = () => { window.ran++; }`))
	// Everything that can be pressed is pressed, but for links that lead away: those are looked at.
	v.do(chromedp.Evaluate[chromedp.Void](`for (const e of document.querySelectorAll('#list *')) {
		if (e.tagName !== 'A') e.dispatchEvent(new MouseEvent('mouseover', {bubbles: true}));
	}`))
	time.Sleep(time.Second)
	alive := get(v, chromedp.Evaluate[string](`JSON.stringify({
		ran: window.ran,
		scripts: document.querySelectorAll('#list script, #list iframe, #list svg[onload], #list style, #list link, #list meta, #list object, #list embed').length,
		handlers: [...document.querySelectorAll('#list *')].filter((e) => [...e.attributes].some((a) => a.name.startsWith('on'))).length,
		links: [...document.querySelectorAll('#list a')].map((a) => a.protocol).filter((p) => p !== 'http:' && p !== 'https:'),
		images: [...document.querySelectorAll('#list img')].map((i) => i.src).filter((s) => !s.startsWith(location.origin + '/page/file')),
	})`))
	if alive != `{"ran":0,"scripts":0,"handlers":0,"links":[],"images":[]}` {
		t.Error(alive)
	}
	v.picture("nasty")
}
