package tools

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"llmbot/llm/egress"
)

// Bounds of what goes over HTTP; the figures are the project's own.
const (
	mostBody    = 2 * mostMessage  // bytes of one response: a message, and what comes before it
	mostPushed  = 16 << 20         // bytes that a server may send by itself in a session
	pushTimeout = 5 * time.Second  // for the head of the stream in which it would
	dialTimeout = 10 * time.Second // for a connection, and for TLS
)

// web sends the requests of one session: it adds the headers, sends none elsewhere, bounds what
// comes back, and ends with the session.
type web struct {
	next    http.RoundTripper
	origin  string // scheme and host of the server
	headers map[string]string
	old     bool                                 // the transport is SSE alone, whose GET is the whole session
	tie     func(end func()) (untie func() bool) // calls end when the session does
	status  atomic.Int32                         // of the last response that was an error
	pushed  atomic.Int64                         // bytes that came by themselves
}

// statusKey is the key, in the context of a call, of where the status of its own response goes.
type statusKey struct{}

// newTransport returns what requests to servers go through.
func newTransport(proxy func(*http.Request) (*url.URL, error), roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		Proxy: proxy, DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext, TLSHandshakeTimeout: dialTimeout, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// client returns the HTTP client of a session. Like every client of the program it follows no
// redirect.
func (w *web) client(name string) *http.Client {
	return egress.New(w, fmt.Sprintf("the url of %s in BOT_TOOLS_FILE", name))
}

// RoundTrip implements http.RoundTripper.
func (w *web) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme+"://"+req.URL.Host != w.origin {
		return nil, errElse
	}
	ctx, cancel := context.WithCancel(req.Context())
	untie := w.tie(cancel)
	end := func() {
		untie()
		cancel()
	}
	req = req.Clone(ctx)
	for name, value := range w.headers {
		if http.CanonicalHeaderKey(name) == "Host" { // Go sends this one only
			req.Host = value
			continue
		}
		if req.Header.Get(name) == "" || http.CanonicalHeaderKey(name) == "User-Agent" {
			req.Header.Set(name, value)
		}
	}
	push := req.Method == http.MethodGet && !w.old
	var clock *time.Timer
	if push {
		clock = time.AfterFunc(pushTimeout, cancel)
	}
	resp, err := w.next.RoundTrip(req)
	if clock != nil && !clock.Stop() || push && err == nil && resp.StatusCode >= http.StatusInternalServerError {
		// A server that has no such stream should say so (405). For one that is silent, or fails, we
		// do: otherwise the SDK would wait for it, or give up the session.
		if err == nil {
			_ = resp.Body.Close()
		}
		end()
		return &http.Response{Status: "405 Method Not Allowed", StatusCode: http.StatusMethodNotAllowed, Header: http.Header{}, Body: http.NoBody, Request: req, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}, nil
	}
	if err != nil {
		end()
		return nil, err //nolint:wrapcheck // http.Client says what was asked
	}
	// A GET with the same context resumes the stream of a call that was made.
	if seen, ok := req.Context().Value(statusKey{}).(*atomic.Int32); ok && req.Method == http.MethodPost {
		seen.Store(int32(resp.StatusCode))
	}
	if resp.StatusCode >= http.StatusBadRequest && !push {
		w.status.Store(int32(resp.StatusCode))
	}
	b := &boundedBody{ReadCloser: resp.Body, left: mostBody, end: end}
	switch {
	case req.Method == http.MethodGet && w.old:
		b.left = 1 << 62 // the session's own stream: each event is bounded
	case push:
		b.pushed = &w.pushed
	}
	resp.Body = b
	return resp, nil
}

// CloseIdleConnections closes those of the transport below, as http.Client expects of one.
func (w *web) CloseIdleConnections() {
	if c, ok := w.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// boundedBody is the body of a response, of which no more than a number of bytes may come.
type boundedBody struct {
	io.ReadCloser

	left   int64
	pushed *atomic.Int64 // what came in the session so far; nil: it is not counted
	end    func()
}

// Read is part of io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return 0, errLong
	}
	if b.pushed != nil && b.pushed.Add(int64(n)) > mostPushed {
		return 0, errors.New("the server sends too much by itself")
	}
	return n, err //nolint:wrapcheck // io.EOF must stay
}

// Close is part of io.Closer.
func (b *boundedBody) Close() error {
	b.end()
	return b.ReadCloser.Close() //nolint:wrapcheck // nothing to add
}
