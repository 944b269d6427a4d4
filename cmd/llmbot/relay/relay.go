// Package relay stands between a bot and its model server. It counts what comes by, so that a
// visitor of the demo sees the speed of any server, and makes a well server slow or dead, so that
// the visitor sees what the bot does then.
//
// # Promises
//
//   - Requests and answers pass as they are, with their keys, and at once: a stream is passed on
//     with each read. The relay adds nothing and keeps no text of them.
//   - When the bot hangs up, the request at the server ends; when the server breaks off, so does
//     what the bot reads.
//   - Only who knows [Relay.Path] reaches the server: a page or another program that finds the port
//     does not.
//   - Tokens are the server's own count where it tells one in the stream. Where it tells none
//     before the end, each event with text, reasoning or a call counts as one until then.
//   - What is kept is bounded: the figures of the last [MostAnswers] answers.
//
// # A server that cannot be reached
//
// The bot is to log why, and which server it was, as it would without the relay. So the bot's
// client asks the server, and [Through] leads its requests to the relay. The relay hands an error
// on in a header, which no server can forge, and Through makes an error of it again. With it goes
// the error's kind, on which depends what the operator is advised to do.
package relay

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log"
	"mime"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Knob is how the server seems to be.
type Knob string

// The knobs.
const (
	OK   Knob = "ok"
	Slow Knob = "slow" // each event of a stream is held for SlowBy
	Dead Knob = "dead" // running streams are cut, and new requests refused as by a closed port
)

const (
	// SlowBy is the pause before each event of a slow server: about three tokens a second.
	SlowBy = 300 * time.Millisecond
	// MostAnswers is how many answers State lists.
	MostAnswers = 20
	// rewindable is the largest request, in bytes, that is sent again when the server closes a kept
	// connection just then. A larger one fails in that moment, and the bot asks again.
	rewindable = 8 << 20
	// failure is the header with the reason why the server was not reached.
	failure = "Llmbot-Relay-Failure"
	// failureKind is the header with the reason's kind, as Config.Kind returns it.
	failureKind = "Llmbot-Relay-Kind"
	// longestFailure is how many bytes of the reason are passed on.
	longestFailure = 500
)

// errSwitchedOff is what a request to a dead server meets.
var errSwitchedOff = errors.New("connection refused (the model server is switched off in the demo)")

// Config says what is behind the relay.
type Config struct {
	Server *url.URL // whose scheme and host are the server's
	// Via sends requests to the server. It must not decompress.
	Via http.RoundTripper
	// Waiting returns how many requests wait in the server's queue, as the server tells; an error:
	// it does not. It must be bounded in time and bytes. nil: nobody knows.
	Waiting func(ctx context.Context) (float64, error)
	// Kind returns the kind of an error with which the server was not reached. nil: there are none.
	Kind func(error) string
}

// Relay passes requests on. Its methods are safe for concurrent use.
type Relay struct {
	cfg    Config
	path   string
	proxy  *httputil.ReverseProxy
	knob   atomic.Pointer[Knob]
	looked chan struct{} // somebody wants to see the queue; holds at most one request

	mu      sync.Mutex // guards all below
	last    int        // id of the newest answer
	answers []*answer  // oldest first: those that run, and the last that ended
	live    map[*http.Request]context.CancelCauseFunc
	rate    rate
	waiting *float64 // nil: not known
	readAt  time.Time
}

// New returns a relay whose server is well.
func New(cfg Config) *Relay {
	r := &Relay{cfg: cfg, path: "/" + rand.Text(), looked: make(chan struct{}, 1), live: map[*http.Request]context.CancelCauseFunc{}}
	r.SetKnob(OK)
	r.proxy = &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = cfg.Server.Scheme, cfg.Server.Host, ""
			p.Out.URL.Path, p.Out.URL.RawPath = strings.TrimPrefix(p.In.URL.Path, r.path), strings.TrimPrefix(p.In.URL.RawPath, r.path)
			p.Out.Header["User-Agent"] = p.In.Header["User-Agent"] // also if there is none
		},
		Transport: cfg.Via, FlushInterval: -1, ModifyResponse: r.measure, ErrorHandler: r.refuse,
		ErrorLog: log.New(io.Discard, "", 0), // the bot logs what it meets
	}
	return r
}

// Path returns what stands before the server's own paths.
func (r *Relay) Path() string { return r.path }

// Knob returns how the server seems to be.
func (r *Relay) Knob() Knob { return *r.knob.Load() }

// SetKnob makes the server seem well, slow or dead, from now on. It reports whether there is such a
// knob.
func (r *Relay) SetKnob(k Knob) bool {
	if k != OK && k != Slow && k != Dead {
		return false
	}
	r.knob.Store(&k)
	if k == Dead {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, cut := range r.live {
			cut(errSwitchedOff)
		}
	}
	return true
}

// ServeHTTP implements http.Handler.
func (r *Relay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if !strings.HasPrefix(req.URL.Path, r.path+"/") {
		http.NotFound(w, req)
		return
	}
	ctx, cut := context.WithCancelCause(req.Context())
	defer cut(nil)
	var a *answer // nil: it is no chat
	if req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "/chat/completions") {
		a = &answer{began: time.Now()}
		ctx = context.WithValue(ctx, answerKey{}, a)
	}
	req = req.WithContext(ctx)
	r.begin(req, a, cut)
	defer r.end(req, a)
	if r.Knob() == Dead { // begin comes first: whoever switches it off now cuts this request
		r.refuse(w, req, errSwitchedOff)
		return
	}
	if err := rewind(req); err != nil {
		r.refuse(w, req, err)
		return
	}
	r.proxy.ServeHTTP(w, req)
}

// rewind reads the body of a request that is not too large, so that it can be sent again.
func rewind(req *http.Request) error {
	if req.ContentLength <= 0 || req.ContentLength > rewindable {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, req.ContentLength))
	if err != nil {
		return err //nolint:wrapcheck // the bot has gone
	}
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.Body, _ = req.GetBody() // it returns no error
	return nil
}

// refuse answers that the server was not reached, and why.
func (r *Relay) refuse(w http.ResponseWriter, req *http.Request, err error) {
	err = cmp.Or(context.Cause(req.Context()), err)
	why := err.Error()
	if r.cfg.Kind != nil {
		w.Header().Set(failureKind, url.QueryEscape(r.cfg.Kind(err)))
	}
	w.Header().Set(failure, url.QueryEscape(why[:min(len(why), longestFailure)]))
	http.Error(w, "The relay does not reach the model server.", http.StatusBadGateway)
}

// Through returns a transport that sends each request to the relay at an address with its Path, in
// place of the server. Errors and answers are as if the server itself had been asked: again makes
// an error of its kind (see Config.Kind) and its text.
func Through(next http.RoundTripper, at *url.URL, again func(kind, text string) error) http.RoundTripper {
	return through{next, at, again}
}

type through struct {
	next  http.RoundTripper
	at    *url.URL
	again func(kind, text string) error
}

// RoundTrip implements http.RoundTripper.
func (t through) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.URL.Scheme, out.URL.Host, out.Host = t.at.Scheme, t.at.Host, ""
	out.URL.Path = t.at.Path + req.URL.Path
	if req.URL.RawPath != "" {
		out.URL.RawPath = t.at.Path + req.URL.RawPath
	}
	resp, err := t.next.RoundTrip(out)
	if err != nil {
		return nil, err //nolint:wrapcheck // as it is
	}
	resp.Request = req // what a redirect leads away from
	if resp.Header.Get(failure) == "" {
		return resp, nil
	}
	_ = resp.Body.Close()
	why, err := url.QueryUnescape(resp.Header.Get(failure))
	kind, err2 := url.QueryUnescape(resp.Header.Get(failureKind))
	if err = cmp.Or(err, err2); err != nil {
		return nil, err //nolint:wrapcheck // a relay writes no such thing
	}
	return nil, t.again(kind, why)
}

// CloseIdleConnections closes those of the transport below, as http.Client expects of one.
func (t through) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// answerKey is the key of a request's answer in its context.
type answerKey struct{}

// begin notes a request. Of too many answers, it forgets the oldest that have ended.
func (r *Relay) begin(req *http.Request, a *answer, cut context.CancelCauseFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live[req] = cut
	if a == nil {
		return
	}
	r.last++
	a.id = r.last
	r.answers = append(r.answers, a)
	for i := 0; len(r.answers) > MostAnswers && i < len(r.answers); {
		if r.answers[i].ended.IsZero() {
			i++
			continue
		}
		r.answers = slices.Delete(r.answers, i, i+1)
	}
}

// end notes the end of a request. An answer of which nothing came is none.
func (r *Relay) end(req *http.Request, a *answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.live, req)
	if a == nil {
		return
	}
	if a.ended = time.Now(); a.tokens() == 0 {
		r.answers = slices.DeleteFunc(r.answers, func(o *answer) bool { return o == a })
	}
}

// measure has the answer's stream counted, and slowed down if the server is to seem slow.
func (r *Relay) measure(resp *http.Response) error {
	resp.Header.Del(failure)
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // empty if it is none
	if kind != "text/event-stream" {
		return nil
	}
	ctx := resp.Request.Context()
	resp.Body = &slowed{body: resp.Body, slow: func() bool { return r.Knob() == Slow }, ctx: ctx}
	if a, ok := ctx.Value(answerKey{}).(*answer); ok {
		resp.Body = &metered{body: resp.Body, seen: func(e event) { r.count(a, e) }}
	}
	return nil
}
