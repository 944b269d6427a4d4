package egress_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"llmbot/llm/egress"
	"llmbot/llm/llmsim/memnet"
)

// network has a server behind every host and port, also over https.
type network struct {
	mu  sync.Mutex // guards got
	got []string   // method, scheme and host of what came
	net *memnet.Net
}

// serve answers what is asked of http://start.test with a redirect.
func serve(t *testing.T, status int, location string) (*network, *http.Client) {
	t.Helper()
	n := &network{}
	n.net = memnet.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.got = append(n.got, r.Method+" "+r.Host)
		if len(n.got) > 1 {
			return
		}
		if location != "" {
			w.Header().Set("Location", location)
		}
		w.WriteHeader(status)
	}))
	rt := &http.Transport{DialContext: n.net.Dial, DialTLSContext: n.net.Dial}
	t.Cleanup(func() {
		rt.CloseIdleConnections()
		_ = n.net.Close()
	})
	return n, egress.New(rt, "LLM_BASE_URL")
}

// unseekable is a body that Go cannot send a second time, so that it hands a 307 to its caller.
type unseekable struct{ io.Reader }

func TestNoRedirectIsFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for location, target := range map[string]string{
			"http://evil.test/steal": "http://evil.test",
			"https://start.test/":    "https://start.test",
			"http://start.test/":     "http://start.test",
			"http://start.test:81/":  "http://start.test:81",
			"/elsewhere":             "https://start.test",
			"//evil.test/x":          "https://evil.test",
			"https://me:SECRET@evil.test:99/SECRET?q=SECRET#SE": "https://evil.test:99",
			"https://[::1]:8080/":                               "https://[::1]:8080",
			"https://" + strings.Repeat("a", 900) + ".test/":    "https://" + strings.Repeat("a", 253) + "...",
			"https://SECRET%zz":                                 "nowhere",
			"":                                                  "nowhere",
		} {
			for name, body := range map[string]io.Reader{"GET": nil, "POST": strings.NewReader("token=SECRET"), "POST once": unseekable{strings.NewReader("token=SECRET")}} {
				n, client := serve(t, status, location)
				method, _, _ := strings.Cut(name, " ")
				req, err := http.NewRequestWithContext(t.Context(), method, "https://start.test/api?key=1", body)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", "Bearer SECRET")
				resp, err := client.Do(req)
				if err == nil {
					_ = resp.Body.Close()
				}
				e, ok := errors.AsType[*egress.RedirectError](err)
				if !ok || e.Status != status || e.Target() != target {
					t.Errorf("%d to %.60q (%s): %.200v", status, location, name, err)
					continue
				}
				if text := e.Error() + e.Hint(); strings.Contains(err.Error()+text, "SECRET") || !strings.Contains(text, "LLM_BASE_URL") || !strings.Contains(text, target) {
					t.Errorf("%d to %q: %s", status, location, text)
				}
				if len(n.got) != 1 {
					t.Errorf("%d to %q: %q", status, location, n.got)
				}
			}
		}
	}
}

func TestGuardChangesNothingElse(t *testing.T) {
	given := &http.Client{}
	c := egress.Guard(egress.Guard(given, "A"), "B")
	if given.Transport != nil || given.CheckRedirect != nil {
		t.Error("the given client was changed")
	}
	if _, ok := egress.Transport(c).(*http.Transport); !ok {
		t.Errorf("guarded twice: %T", egress.Transport(c))
	}
	for _, status := range []int{200, 204, 300, 304, 404, 500} {
		_, client := serve(t, status, "http://evil.test/")
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://start.test", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil || resp.StatusCode != status {
			t.Fatalf("%d: %v", status, err)
		}
		_ = resp.Body.Close()
		client.CloseIdleConnections()
	}
}

func TestHasPlace(t *testing.T) {
	for address, want := range map[string]bool{
		"http://gpu": true, "http://gpu:8000/v1": true, "https://[::1]:65535": true, "http://me:pw@10.0.0.1:1/x": true,
		"http://": false, "http://:8000": false, "http://gpu:": false, "http://gpu:0": false, "http://gpu:65536": false,
		"http://gpu:80000/v1": false, "http://[::1]:99999": false, "/v1": false, "mailto:me": false,
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if egress.HasPlace(u) != want {
			t.Errorf("%s: %t", address, !want)
		}
	}
}
