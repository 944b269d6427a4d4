package relay_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"llmbot/cmd/llmbot/relay"
	"llmbot/llm/llmsim/memnet"
)

// stage is a bot's client, a relay and a server, in memory.
type stage struct {
	t        *testing.T
	relay    *relay.Relay
	bot      *http.Client // which asks the server through the relay
	stranger *http.Client // which asks the relay
}

// play runs f with a server in a bubble.
func play(t *testing.T, server http.Handler, f func(*testing.T, *stage), change ...func(*relay.Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		far := memnet.Serve(server)
		out := &http.Transport{DialContext: far.Dial, DisableCompression: true}
		cfg := relay.Config{Server: &url.URL{Scheme: "http", Host: "gpu:8000", Path: "/ignored"}, Via: out}
		for _, c := range change {
			c(&cfg)
		}
		r := relay.New(cfg)
		near := memnet.Serve(r)
		in := &http.Transport{DialContext: near.Dial, DisableCompression: true}
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { r.Run(ctx) })
		f(t, &stage{t: t, relay: r, bot: &http.Client{Transport: relay.Through(in, &url.URL{Scheme: "http", Host: "relay", Path: r.Path()}, func(kind, text string) error { return fmt.Errorf("%s%s", kind, text) })}, stranger: &http.Client{Transport: in}})
		cancel()
		run.Wait()
		in.CloseIdleConnections()
		_ = near.Close()
		out.CloseIdleConnections()
		_ = far.Close()
	})
}

const question = `{"model":"llmsim","stream":true,"stream_options":{"include_usage":true,"continuous_usage_stats":true},"messages":[{"role":"user","content":"write 40 tokens"}]}`

// ask sends a request as the bot does.
func (s *stage) ask(ctx context.Context, method, path, body string) (*http.Response, error) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "http://gpu:8000/inner"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer hunter2")
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.bot.Do(req)
	if err == nil {
		resp.Body = readAhead(resp.Body)
	}
	return resp, err
}

// ahead is a body that is read as it comes, whoever wants it. So does a kernel with a socket. A
// pipe in memory has no buffer, and httputil.ReverseProxy holds a lock while it writes: if nobody
// read, whoever else wants that lock would stop virtual time.
type ahead struct {
	io.Closer

	pieces chan []byte
	rest   []byte
	err    error // why the body ended; may be read once pieces is closed
}

func readAhead(body io.ReadCloser) *ahead {
	const most = 1000 // more pieces than an answer of these tests has
	a := &ahead{Closer: body, pieces: make(chan []byte, most)}
	go func() {
		defer close(a.pieces)
		for a.err == nil {
			var n int
			piece := make([]byte, 4096)
			n, a.err = body.Read(piece)
			a.pieces <- piece[:n]
		}
	}()
	return a
}

// Read implements io.Reader.
func (a *ahead) Read(b []byte) (int, error) {
	for len(a.rest) == 0 {
		piece, more := <-a.pieces
		if !more {
			return 0, a.err
		}
		a.rest = piece
	}
	n := copy(b, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}
