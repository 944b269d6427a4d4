package slacksim_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"llmbot/bot/slacksim"
)

// ask sends a request past any network, as a server would hand it over.
func ask(sim *slacksim.Sim, method, path, body, peer, host string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr, r.Host = peer, host
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	sim.ServeHTTP(w, r)
	return w
}

// everyPath is one request for each kind of path. None of them may have an effect when it is
// refused.
var everyPath = []struct{ method, path, body string }{
	{"GET", "/", ""},
	{"GET", "/app.js", ""},
	{"GET", "/nowhere", ""},
	{"GET", "/page/state", ""},
	{"GET", "/page/events?user=alice", ""},
	{"GET", "/page/file?user=alice&id=F1", ""},
	{"GET", "/page/panel", ""},
	{"POST", "/page/panel/knobs", `{"latency_ms":1}`},
	{"POST", "/page/say", `{"user":"U0ALICE001","channel":"C0GENERAL1","text":"refused"}`},
	{"GET", "/page/demo/state", ""},
	{"POST", "/page/demo/kill", "{}"},
	{"POST", "/api/auth.test", "token=" + slacksim.DefaultBotToken},
	{"GET", "/api/auth.test?token=" + slacksim.DefaultBotToken, ""},
	{"GET", "/api/chat.postMessage?channel=C0GENERAL1&text=refused&token=" + slacksim.DefaultBotToken, ""},
	{"POST", "/api/nonsense", ""},
	{"POST", "/other/prefix/chat.postMessage", "channel=C0GENERAL1&text=refused&token=" + slacksim.DefaultBotToken},
	{"POST", "/api/apps.connections.open", "token=" + slacksim.DefaultAppToken},
	{"GET", "/link/?ticket=x", ""},
	{"POST", "/response/r0000000001", `{"text":"refused"}`},
	{"GET", "/files/T0ACME0001-F1/x.txt", ""},
	{"OPTIONS", "/api/auth.test", ""},
	{"PUT", "/page/say", "{}"},
}

func TestEveryPathIsGuarded(t *testing.T) {
	const here = "127.0.0.1:50000"
	for _, c := range []struct {
		name, peer, host string
		header           []string
		open             bool
		allowed          bool
	}{
		{name: "this machine", peer: here, host: "127.0.0.1:8765", allowed: true},
		{name: "IPv6", peer: "[::1]:50000", host: "[::1]:8765", allowed: true},
		{name: "IPv4 in IPv6", peer: "[::ffff:127.0.0.1]:50000", host: "localhost", allowed: true},
		{name: "in memory", peer: "pipe", host: "slack", allowed: true},
		{name: "in memory, no address at all", peer: "", host: "localhost", allowed: true},
		{name: "capitals", peer: here, host: "LocalHost:8765", allowed: true},
		{name: "a name of ours", peer: here, host: "Demo.lan", allowed: true},
		{name: "own origin", peer: here, host: "localhost:8765", header: []string{"Origin", "http://localhost:8765"}, allowed: true},
		{name: "own page, new browser", peer: here, host: "localhost:8765", header: []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://localhost:8765"}, allowed: true},
		{name: "typed by hand", peer: here, host: "localhost:8765", header: []string{"Sec-Fetch-Site", "none"}, allowed: true},

		{name: "the network", peer: "192.168.1.9:50000", host: "localhost:8765"},
		{name: "the network, IPv6", peer: "[fe80::1%eth0]:50000", host: "localhost:8765"},
		{name: "the network, IPv4 in IPv6", peer: "[::ffff:192.168.1.9]:50000", host: "localhost:8765"},
		{name: "forwarded", peer: "192.168.1.9:50000", host: "localhost:8765", header: []string{"X-Forwarded-For", "127.0.0.1", "Forwarded", "for=127.0.0.1"}},
		{name: "open to the network", peer: "192.168.1.9:50000", host: "demo.lan:8765", open: true, allowed: true},
		{name: "open to the network, rebound", peer: "192.168.1.9:50000", host: "evil.test:8765", open: true},

		{name: "rebound", peer: here, host: "evil.test:8765"},
		{name: "rebound in memory", peer: "pipe", host: "evil.test:8765"},
		{name: "no host", peer: here, host: ""},
		{name: "looks like ours in front", peer: here, host: "localhost.evil.test"},
		{name: "looks like ours behind", peer: here, host: "evil-localhost"},
		{name: "looks like an address", peer: here, host: "127.0.0.1.evil.test"},
		{name: "user", peer: here, host: "localhost@evil.test"},
		{name: "user with a port", peer: here, host: "evil.test:80@localhost"},
		{name: "two ports", peer: here, host: "localhost:80:evil.test"},
		{name: "a dot behind", peer: here, host: "localhost."},
		{name: "any address", peer: here, host: "0.0.0.0:8765"},
		{name: "any address, IPv6", peer: here, host: "[::]:8765"},
		{name: "short address", peer: here, host: "127.1"},
		{name: "address as a number", peer: here, host: "2130706433"},
		{name: "address in hexadecimal", peer: here, host: "0x7f000001"},
		{name: "another address", peer: here, host: "192.168.1.7:8765"},
		{name: "forwarded host", peer: here, host: "evil.test", header: []string{"X-Forwarded-Host", "localhost"}},

		{name: "another site", peer: here, host: "localhost:8765", header: []string{"Origin", "https://evil.test"}},
		{name: "no origin of its own", peer: here, host: "localhost:8765", header: []string{"Origin", "null"}},
		{name: "another port", peer: here, host: "localhost:8765", header: []string{"Origin", "http://localhost:3000"}},
		{name: "another name of this machine", peer: here, host: "localhost:8765", header: []string{"Origin", "http://127.0.0.1:8765"}},
		{name: "an extension", peer: here, host: "localhost:8765", header: []string{"Origin", "chrome-extension://abcdef"}},
		{name: "a file", peer: here, host: "localhost:8765", header: []string{"Origin", "file://"}},
		{name: "ours and another", peer: here, host: "localhost:8765", header: []string{"Origin", "http://localhost:8765", "Origin", "https://evil.test"}},
		{name: "new browser, another site", peer: here, host: "localhost:8765", header: []string{"Sec-Fetch-Site", "cross-site"}},
		{name: "new browser, another port", peer: here, host: "localhost:8765", header: []string{"Sec-Fetch-Site", "same-site"}},
		{name: "new browser, a frame", peer: here, host: "localhost:8765", header: []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sim := slacksim.New(slacksim.Config{Hosts: []string{"demo.LAN"}, Open: c.open})
			defer sim.Close()
			for _, p := range everyPath {
				if strings.HasPrefix(p.path, "/page/events") && c.allowed {
					continue // has no end
				}
				w := ask(sim, p.method, p.path, p.body, c.peer, c.host, c.header...)
				if (w.Code != http.StatusForbidden) != c.allowed {
					t.Errorf("%s %s: %d %s", p.method, p.path, w.Code, w.Body)
				}
				if strings.Contains(w.Body.String(), "evil") {
					t.Errorf("%s %s: the answer repeats what was asked: %s", p.method, p.path, w.Body)
				}
			}
			if !c.allowed && (len(sim.Channel("general")) != 0 || len(sim.Calls()) != 0 || sim.Knobs().Latency != 0) {
				t.Errorf("a refused request had an effect: %v, %v", sim.Channel("general"), sim.Calls())
			}
		})
	}
}

// Browsers send Sec-Fetch-Site only to https and to their own machine, and no Origin with an image.
// So without either they get nothing but the page and its parts; programs get all.
func TestImagesCallNoMethods(t *testing.T) {
	const browser = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
	for _, c := range []struct {
		name    string
		header  []string
		allowed bool
	}{
		{"an image", []string{"User-Agent", browser}, false},
		{"an image with its page", []string{"User-Agent", browser, "Referer", "http://evil.test/"}, false},
		{"an image of another port", []string{"User-Agent", browser, "Referer", "http://192.168.1.5:3000/"}, false},
		{"no address", []string{"User-Agent", browser, "Referer", "://"}, false},
		{"our page", []string{"User-Agent", browser, "Referer", "http://192.168.1.5:8766/?channel=general"}, true},
		{"our origin", []string{"User-Agent", browser, "Origin", "http://192.168.1.5:8766"}, true},
		{"slack-go", []string{"User-Agent", "Go-http-client/1.1"}, true},
		{"Bolt for Python", []string{"User-Agent", "Bolt/1.27 Python/3.13 slackclient/3.37"}, true},
		{"curl", []string{"User-Agent", "curl/8.14.1"}, true},
		{"no name", nil, true},
	} {
		sim := slacksim.New(slacksim.Config{Hosts: []string{"192.168.1.5"}, Open: true})
		for _, p := range everyPath {
			if strings.HasPrefix(p.path, "/page/events") {
				continue // has no end
			}
			page := p.method == "GET" && (p.path == "/" || p.path == "/app.js" || p.path == "/nowhere" || strings.HasPrefix(p.path, "/page/"))
			if p.method != "GET" && strings.HasPrefix(p.path, "/page/") {
				continue // a browser sends its Origin
			}
			w := ask(sim, p.method, p.path, p.body, "192.168.1.9:50000", "192.168.1.5:8766", c.header...)
			if refused := w.Code == http.StatusForbidden; refused == (c.allowed || page) {
				t.Errorf("%s: %s %s: %d %s", c.name, p.method, p.path, w.Code, w.Body)
			}
		}
		if !c.allowed && (len(sim.Channel("general")) != 0 || len(sim.Calls()) != 0) {
			t.Errorf("%s: it had an effect: %v", c.name, sim.Calls())
		}
		sim.Close()
	}
}

// A link to the page may stand anywhere; what it leads to may be nothing else.
func TestLinksToThePage(t *testing.T) {
	sim := slacksim.New(slacksim.Config{})
	defer sim.Close()
	for path, want := range map[string]int{"/": 200, "/?channel=general": 200, "/page/state": 403, "/page/panel": 403, "/page/events?user=alice": 403, "/api/auth.test": 403} {
		w := ask(sim, "GET", path, "", "127.0.0.1:1", "localhost:1", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")
		if w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}

// The address that a connection came to is a name of ours: no page can have it as its own name.
func TestOwnAddressIsAName(t *testing.T) {
	sim := slacksim.New(slacksim.Config{Open: true})
	defer sim.Close()
	for host, want := range map[string]int{"192.168.1.7:8765": 200, "192.168.1.8:8765": 403, "evil.test": 403} {
		r := httptest.NewRequest("GET", "/page/state", nil)
		at := &net.TCPAddr{IP: net.IPv4(192, 168, 1, 7), Port: 8765}
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, at))
		r.RemoteAddr, r.Host = "192.168.1.9:50000", host
		w := httptest.NewRecorder()
		if sim.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%s: %d, want %d", host, w.Code, want)
		}
	}
}

// Libraries for WebSockets send no Origin, or make one up. Only what a browser sends for another
// site's page is refused.
func TestOriginsOfSocketClients(t *testing.T) {
	sim := slacksim.New(slacksim.Config{})
	defer sim.Close()
	for origin, want := range map[string]int{ // 401: past the guard, but it has no ticket
		"": 401, "https://api.slack.com": 401, "https://slack.com": 401, "http://localhost:8765": 401, "http://localhost/": 401, "localhost": 401, "my-bot": 401,
		"https://evil.test": 403, "null": 403, "https://slack.com.evil.test": 403, "https://evilslack.com": 403, "http://slack.com": 403, "file://": 403,
		"http://localhost:3000": 403, "https://evil.test/": 403, "HTTPS://EVIL.TEST": 403,
	} {
		var header []string
		if origin != "" {
			header = []string{"Origin", origin}
		}
		w := ask(sim, "GET", "/link/?ticket=x", "", "127.0.0.1:1", "localhost:8765", header...)
		if w.Code != want {
			t.Errorf("%q: %d, want %d", origin, w.Code, want)
		}
		if w := ask(sim, "POST", "/api/auth.test", "", "127.0.0.1:1", "localhost:8765", header...); strings.Contains(origin, "slack.com") && w.Code != 403 {
			t.Errorf("%q reaches the Web API: %d", origin, w.Code)
		}
	}
}

// What the workspace calls itself is its own affair: no request changes it, neither one without a
// token nor one with.
func TestNameIsItsOwn(t *testing.T) {
	sim := slacksim.New(slacksim.Config{BaseURL: "http://slack.lan:8766/", Hosts: []string{"other.lan"}})
	defer sim.Close()
	ask(sim, "POST", "/api/nonsense", "", "127.0.0.1:1", "evil.test:6666")
	ask(sim, "POST", "/api/nonsense", "", "127.0.0.1:1", "127.0.0.1:19999")
	for _, host := range []string{"slack.lan:8766", "other.lan:80", "127.0.0.1:19999"} {
		w := ask(sim, "POST", "/api/apps.connections.open", "", "127.0.0.1:1", host, "Authorization", "Bearer "+sim.AppToken(), "X-Forwarded-Host", "evil.test")
		if want := `"url":"ws://slack.lan:8766/link/?ticket=`; !strings.Contains(w.Body.String(), want) {
			t.Errorf("asked as %s: %s", host, w.Body)
		}
	}
	tls := slacksim.New(slacksim.Config{BaseURL: "https://slack.lan"})
	defer tls.Close()
	if w := ask(tls, "POST", "/api/apps.connections.open", "", "127.0.0.1:1", "slack.lan", "Authorization", "Bearer "+tls.AppToken()); !strings.Contains(w.Body.String(), "wss://slack.lan/link/") {
		t.Error(w.Body)
	}
}

// No path leads out of the page's files, no GET of the page changes anything, and what it serves is
// no document that could be framed.
func TestPageGivesNothingElse(t *testing.T) {
	sim := slacksim.New(slacksim.Config{})
	defer sim.Close()
	for _, path := range []string{"/../page.go", "/..%2fpage.go", "/%2e%2e/%2e%2e/etc/passwd", "/web/../../page.go", "//evil.test/", "/page/../../page.go", "/files/../../page.go", "/app.js/../../sim.go", "/..\\page.go", "/app.js%00.html"} {
		r := httptest.NewRequest("GET", "http://localhost/", nil)
		r.RemoteAddr, r.URL.Path, r.URL.RawPath, r.RequestURI = "127.0.0.1:1", path, "", path
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, r)
		if body := w.Body.String(); strings.Contains(body, "package slacksim") || strings.Contains(body, "root:") || strings.Contains(w.Header().Get("Location"), "//") {
			t.Errorf("%s: %d %v %.80s", path, w.Code, w.Header(), body)
		}
	}
	for _, what := range []string{"say", "command", "click", "home", "click-home", "stop", "edit", "delete"} {
		w := ask(sim, "GET", "/page/"+what+"?user=alice&channel=general&text=x", "", "127.0.0.1:1", "localhost")
		if w.Code != http.StatusNotFound && w.Code != http.StatusMethodNotAllowed {
			t.Errorf("GET /page/%s: %d", what, w.Code)
		}
	}
	if n := len(sim.Channel("general")); n != 0 {
		t.Errorf("%d messages", n)
	}
	w := ask(sim, "GET", "/", "", "127.0.0.1:1", "localhost")
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'self'") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Error(csp)
	}
	if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Error(w.Header())
	}
}

// Files are never documents of ours: what is no picture is a download, and a picture's type is not
// guessed.
func TestFilesAreNoPages(t *testing.T) {
	sim := slacksim.New(slacksim.Config{})
	defer sim.Close()
	for name, typ := range map[string]string{
		"x.html": "", "x.svg": "image/svg+xml", "x.png": "", "x.js": "", "<img onerror=alert(1)>.html": "text/html", "../../etc/passwd": "", "a\r\nX-Evil: 1": "text/html\r\nX-Evil: 1", `"quotes".txt`: "",
	} {
		ts := sim.Upload("alice", "general", "", "x", slacksim.Upload{Name: name, Type: typ, Data: []byte("<html><script>alert(1)</script>")})
		m, _ := sim.Message("general", ts)
		w := ask(sim, "GET", fmt.Sprintf("/page/file?user=alice&id=%s", m.Files[0]["id"]), "", "127.0.0.1:1", "localhost")
		h := w.Result().Header
		picture := h.Get("Content-Type") == "image/png"
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Content-Security-Policy") == "" || !picture && !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s: %v", name, h)
		}
	}
}
