package ops

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"llmbot/bot"
	"llmbot/bot/thread"
)

// A web page of another site must not make a browser on this machine take profiles, or ask for
// pages that ask others; who types the address, follows a link of ours, or is a program, may.
func TestOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	s := New(Config{Metrics: NewMetrics(Build{}), Log: slog.New(slog.DiscardHandler)})
	ask := func(method, path string, headers ...string) int {
		r := httptest.NewRequest(method, "http://127.0.0.1:9464"+path, nil)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code
	}
	const site, mode, origin = "Sec-Fetch-Site", "Sec-Fetch-Mode", "Origin"
	debug := []string{"/debug/threads", "/debug/pace", "/debug/pprof/", "/debug/pprof/heap?gc=1", "/debug/pprof/cmdline", "/debug/pprof/symbol", "/debug/pprof/profile?seconds=60", "/debug/pprof/trace?seconds=5", "/debug/../debug/pace", "/debug"}
	pages := []string{"/", "/livez", "/readyz", "/metrics", "/readyz?format=json"}
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodOptions} {
		for _, from := range [][]string{
			{site, "cross-site", mode, "no-cors"},
			{site, "same-site", mode, "cors", origin, "http://127.0.0.1:8080"},
			{site, "cross-site"},
			{site, "whatever comes next"},
			{origin, "https://evil.test"},
			{origin, "null"},
			{origin, "http://127.0.0.1:8080"},
		} {
			for _, path := range append(debug, pages...) {
				if got := ask(method, path, from...); got != http.StatusForbidden {
					t.Errorf("%s %s with %q: %d", method, path, from, got)
				}
			}
		}
		for _, path := range debug {
			if got := ask(method, path, site, "cross-site", mode, "navigate", "Sec-Fetch-Dest", "iframe"); got != http.StatusForbidden {
				t.Errorf("%s %s as a link or a frame: %d", method, path, got)
			}
		}
	}
	for _, from := range [][]string{nil, {site, "none", mode, "navigate"}, {site, "same-origin"}, {origin, "http://127.0.0.1:9464"}, {"Authorization", "Bearer x"}} {
		for _, path := range append([]string{"/debug/threads", "/debug/pace", "/debug/pprof/", "/debug/pprof/heap?gc=1"}, pages...) {
			if got := ask(http.MethodGet, path, from...); got == http.StatusForbidden {
				t.Errorf("%s with %q: %d", path, from, got)
			}
		}
	}
	if got := ask(http.MethodGet, "/readyz", site, "cross-site", mode, "navigate"); got == http.StatusForbidden {
		t.Error("a link to /readyz is refused")
	}
}

// Browsers send Sec-Fetch-Site only to https and to their own machine, and no Origin with an image.
// At an address of a network the Referer remains, which another site's page may leave away: then
// nothing that costs is served.
func TestOtherSitesOverTheNetwork(t *testing.T) {
	t.Parallel()
	s := New(Config{Metrics: NewMetrics(Build{}), Log: slog.New(slog.DiscardHandler)})
	const at, browser = "http://10.0.0.5:9464", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
	costly := []string{"/debug/pprof/profile?seconds=60", "/debug/pprof/trace?seconds=5", "/debug/pprof/heap?gc=1", "/debug/pprof/goroutine?debug=2", "/debug/pprof/symbol", "/debug/../debug/pprof/heap", "//debug/pprof/profile", "/debug/pprof//profile"}
	cheap := []string{"/debug/threads", "/debug/pace", "/debug/pprof/"}
	pages := []string{"/", "/livez", "/readyz", "/metrics"}
	all := append(append(append([]string(nil), costly...), cheap...), pages...)
	for _, c := range []struct {
		name    string
		headers []string
		refused []string
		allowed []string
	}{
		{"an image without a referrer, or an address that was typed", []string{"User-Agent", browser}, costly, append(cheap, pages...)},
		{"a page of another site", []string{"User-Agent", browser, "Referer", "http://evil.test/"}, append(costly, cheap...), pages},
		{"another port", []string{"User-Agent", browser, "Referer", "http://10.0.0.5:8080/"}, append(costly, cheap...), pages},
		{"what looks like ours", []string{"User-Agent", browser, "Referer", "http://10.0.0.5:9464.evil.test/"}, append(costly, cheap...), pages},
		{"a user in it", []string{"User-Agent", browser, "Referer", "http://10.0.0.5:9464@evil.test/"}, append(costly, cheap...), pages},
		{"no address", []string{"User-Agent", browser, "Referer", "about:blank"}, append(costly, cheap...), pages},
		{"ours and another origin", []string{"User-Agent", browser, "Referer", at + "/debug/pprof/", "Origin", "http://evil.test"}, all, nil},
		{"a link of ours", []string{"User-Agent", browser, "Referer", at + "/debug/pprof/"}, nil, []string{"/debug/pprof/heap?debug=1", "/debug/pprof/", "/debug/threads", "/"}},
		{"our own origin", []string{"User-Agent", browser, "Origin", at}, nil, []string{"/debug/pprof/heap?debug=1", "/debug/pprof/", "/debug/threads", "/"}},
		{"a program", []string{"User-Agent", "Go-http-client/1.1"}, nil, []string{"/debug/pprof/heap?debug=1", "/debug/threads", "/metrics"}},
		{"curl", []string{"User-Agent", "curl/8.14.1"}, nil, []string{"/debug/pprof/heap?debug=1", "/debug/threads", "/metrics"}},
	} {
		ask := func(path string) int {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			where, query, _ := strings.Cut(path, "?")
			r.URL.Path, r.URL.RawQuery, r.Host = where, query, "10.0.0.5:9464"
			ctx, stop := context.WithCancel(t.Context())
			stop() // a profile that is served ends at once
			r = r.WithContext(ctx)
			for i := 0; i < len(c.headers); i += 2 {
				r.Header.Set(c.headers[i], c.headers[i+1])
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			return w.Code
		}
		for _, path := range c.refused {
			if got := ask(path); got != http.StatusForbidden {
				t.Errorf("%s: %s: %d", c.name, path, got)
			}
		}
		for _, path := range c.allowed {
			if got := ask(path); got == http.StatusForbidden {
				t.Errorf("%s: %s is refused", c.name, path)
			}
		}
	}
}

// What servers say of themselves reaches a terminal as one line that does nothing.
func TestPagesAreClean(t *testing.T) {
	t.Parallel()
	nasty := "m\x1b]0;owned\a\x9b31m\nready\r\u202e\u200b\U000e0061" + strings.Repeat("x", 6600)
	cfg := Config{
		Metrics: NewMetrics(Build{}), Log: slog.New(slog.DiscardHandler), Sockets: func() int { return 1 },
		Store: func(context.Context) error { return errors.New(nasty) },
		Model: func(context.Context) (string, error) { return nasty, nil },
		Threads: func() []bot.ThreadState {
			return []bot.ThreadState{{Thread: thread.ID{Channel: nasty, TS: nasty}, Ask: nasty}}
		},
	}
	for range 2 {
		cfg.Metrics = NewMetrics(Build{})
		pages := New(cfg)
		for _, path := range []string{"/readyz", "/readyz?format=json", "/debug/threads", "/debug/threads?format=json", "/debug/pace"} {
			w := httptest.NewRecorder()
			pages.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			got := w.Body.String()
			if strings.ContainsAny(got, "\x1b\a\r\u009b\u202e\u200b\U000e0061") || strings.Contains(got, "\nready") || strings.Contains(got, "\x9b") || len(got) > 8000 {
				t.Errorf("%s: %.300q, %d bytes", path, got, len(got))
			}
		}
		cfg.Model = func(context.Context) (string, error) { return "", errors.New(nasty) }
	}
}
