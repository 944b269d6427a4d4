package llm

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"llmbot/llm/llmsim/memnet"
)

// rawClient returns an HTTP client whose every connection answers one request with these bytes, in pieces, and closes. It reaches the
// client through net/http's own reader of headers and chunks.
func rawClient(t *testing.T, raw []byte, piece int) *http.Client {
	t.Helper()
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			wg.Go(func() {
				defer func() { _ = far.Close() }()
				req, err := http.ReadRequest(bufio.NewReader(far))
				if err != nil {
					return
				}
				if _, err := io.Copy(io.Discard, req.Body); err != nil {
					return
				}
				for rest := raw; len(rest) > 0; {
					n := min(piece, len(rest))
					if _, err := far.Write(rest[:n]); err != nil {
						return
					}
					rest = rest[n:]
				}
			})
			return near, nil
		},
	}}
}

// sse makes the raw bytes of a stream that ends with the connection.
func sse(body string) []byte {
	return []byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nConnection: close\r\n\r\n" + body)
}

// status makes the raw bytes of an answer with a length.
func status(line, body string) []byte {
	return []byte("HTTP/1.1 " + line + "\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + body)
}

// newClient returns a client of these bytes.
func newClient(t *testing.T, raw []byte) *Client {
	t.Helper()
	c, err := New(Config{BaseURL: "http://model.test:8000/v1", Model: "m", HTTP: rawClient(t, raw, 1<<20)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answered is what a caller has at the end of a stream.
type answered struct {
	text, reasoning string
	deltas          int
	tokens          int // the last running count
	retracted       bool
	res             Result
	err             error
}

// ask runs one stream to its end, the way a caller must: Retract drops the text.
func ask(ctx context.Context, c *Client, req Request) answered {
	var got answered
	var text, reasoning strings.Builder
	got.res, got.err = c.Stream(ctx, req, func(d Delta) error {
		got.deltas++
		if d.Retract {
			reasoning.WriteString(text.String())
			text.Reset()
			got.retracted = true
		}
		text.WriteString(d.Text)
		reasoning.WriteString(d.Reasoning)
		got.tokens = max(got.tokens, d.CompletionTokens)
		return nil
	})
	got.text, got.reasoning = text.String(), reasoning.String()
	return got
}

// stream runs a body of server-sent events to its end.
func stream(t *testing.T, body string) answered {
	t.Helper()
	return ask(t.Context(), newClient(t, sse(body)), Request{Messages: []Message{{Role: RoleUser, Content: "hi"}}})
}

// kindName is the name of err's kind, "ok" for none, "other" for what is no *Error.
func kindName(err error) string {
	if err == nil {
		return "ok"
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind.String()
	}
	return "other"
}

// text makes the event of a piece of text, as vLLM 0.33 does.
func textEvent(text string) string { return deltaEvent(`{"content":"` + text + `"}`) }

func deltaEvent(delta string) string {
	return `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"tiny","choices":[{"index":0,"delta":` + delta +
		`,"logprobs":null,"finish_reason":null,"token_ids":null}],"kv_transfer_params":null}` + "\n\n"
}

const (
	stopEvent = `data: {"id":"chatcmpl-1","model":"tiny","choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop","stop_reason":null}]}` + "\n\n"
	doneEvent = "data: [DONE]\n\n"
	bigEvent  = 1 << 20
)

func fill(n int) string { return strings.Repeat("x", n) }

// serve serves h until the test ends and returns a client of it.
func serve(tb testing.TB, h http.Handler) *http.Client {
	tb.Helper()
	n := memnet.Serve(h)
	tr := &http.Transport{DialContext: n.Dial, MaxIdleConnsPerHost: 1 << 10}
	tb.Cleanup(func() {
		tr.CloseIdleConnections()
		_ = n.Close()
	})
	return &http.Client{Transport: tr}
}
