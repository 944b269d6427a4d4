package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"llmbot/bot/wait"
)

// Outcomes of a call, as Hooks gets them.
const (
	OutcomeOK      = "ok"
	OutcomeFailed  = "failed"  // the tool, or its server, says that it failed
	OutcomeLate    = "late"    // no answer in time
	OutcomeBroken  = "broken"  // the connection broke off
	OutcomeAway    = "away"    // there was no connection, so nothing was sent
	OutcomeStopped = "stopped" // the caller gave it up
)

// Codes of JSON-RPC. The last three are the SDK's own, for what it did not send or lost.
const (
	codeInvalid       = -32600
	codeNoMethod      = -32601
	codeUnknown       = -32001
	codeClientClosing = -32003
	codeServerClosing = -32004
	codeRejected      = -32005
)

// answered returns the error that a server has answered with.
func answered(err error) (*jsonrpc.Error, bool) {
	e, ok := errors.AsType[*jsonrpc.Error](err)
	if !ok {
		return nil, false
	}
	switch e.Code {
	case codeUnknown, codeClientClosing, codeServerClosing, codeRejected:
		return nil, false
	}
	return e, true
}

// retryPause is before the second try over a session that did not break: a server that is busy said
// so.
const retryPause = time.Second

// outcome is how one call ended.
type outcome struct {
	kind string
	text string // for the model
	err  error  // for people; nil: it went well
}

// call makes a call, and makes it again once if it broke off and may be repeated.
func (s *server) call(ctx context.Context, c Call) outcome {
	own, err := s.tool(c)
	if err != nil {
		return outcome{OutcomeFailed, "The call was not made: " + err.Error() + ".", err}
	}
	var args map[string]json.RawMessage
	if len(c.Arguments) > 0 && json.Unmarshal(c.Arguments, &args) != nil {
		return outcome{OutcomeFailed, "The call was not made: its arguments must be one JSON object.", errors.New("arguments that are no object")}
	}
	if args == nil {
		args = map[string]json.RawMessage{}
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return s.unsent(ctx, errors.New("too many calls of this server are running"))
	}
	var last *session
	for again := false; ; again = true {
		ses, err := s.await(ctx, last)
		if err != nil {
			if again {
				return s.broken(c)
			}
			return s.unsent(ctx, s.absence())
		}
		var status atomic.Int32 // of the response to this very call, over HTTP
		sent := context.WithValue(ctx, statusKey{}, &status)
		res, err := s.once(sent, ses, &mcp.CallToolParams{Name: own, Arguments: args})
		for moved := false; errors.Is(err, errUnsent) || !moved && forgotten(err, status.Load()); { // that is no try
			if !errors.Is(err, errUnsent) {
				moved = true
				ses.give(errForgotten)
			}
			if ses, err = s.await(ctx, ses); err != nil {
				return s.unsent(ctx, s.absence())
			}
			status.Store(0)
			res, err = s.once(sent, ses, &mcp.CallToolParams{Name: own, Arguments: args})
		}
		if err == nil {
			ses.late.Store(0)
			return s.result(res)
		}
		if out, final := s.judge(ctx, ses, c, err); final || again || !c.Tool.Retries(c.Place) {
			return out
		}
		select {
		case <-ses.gone:
			last = ses
		default:
			if wait.For(ctx, retryPause) != nil {
				return s.broken(c)
			}
		}
	}
}

// forgotten reports whether a server answers that it does not know the session, as one does that was
// restarted: it has made nothing. MCP wants HTTP's 404 for that, of this very request: what else calls
// something a session may be the tool, which has run. Python's SDK puts an error of JSON-RPC into its
// body, with -32600; that of TypeScript, with -32001.
func forgotten(err error, status int32) bool {
	if status != http.StatusNotFound {
		return false
	}
	e, ok := errors.AsType[*jsonrpc.Error](err)
	return errors.Is(err, mcp.ErrSessionMissing) || ok && (e.Code == codeInvalid || e.Code == codeUnknown)
}

// absence returns why there is no session.
func (s *server) absence() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why == nil {
		return errors.New("it is not connected yet")
	}
	return s.why
}

// unsent is the outcome of a call that was not made.
func (s *server) unsent(ctx context.Context, why error) outcome {
	if errors.Is(ctx.Err(), context.Canceled) {
		return outcome{OutcomeStopped, "The call was stopped before it was made.", context.Canceled}
	}
	return outcome{OutcomeAway, "The call was not made: the server of this tool cannot be reached now.", why}
}

// broken is the outcome of a call of which nobody knows whether it ran.
func (s *server) broken(c Call) outcome {
	return outcome{OutcomeBroken, "The connection to the server of this tool broke off before it answered." + unknown(c.Tool), errBroken}
}

// unknown says that a call may have run.
func unknown(t Tool) string {
	if t.ReadOnly {
		return ""
	}
	return " It is not known whether the call was carried out. Do not make it again; tell the person."
}

// once makes one call over one session. It returns when ctx or the session ends, whatever the
// server and the SDK do.
func (s *server) once(ctx context.Context, ses *session, params *mcp.CallToolParams) (*mcp.CallToolResult, error) {
	inner, cancel := context.WithCancel(ctx) // the SDK's; it also ends with the session
	type reply struct {
		res *mcp.CallToolResult
		err error
	}
	done := make(chan reply, 1)
	s.mu.Lock()
	if s.session != ses || ses.isDead() { // nobody waits for another goroutine
		s.mu.Unlock()
		cancel()
		return nil, errUnsent
	}
	s.all.Go(func() {
		defer cancel()
		var r reply
		defer func() {
			if p := recover(); p != nil { // what a server sent was too much for the SDK
				r = reply{err: fmt.Errorf("the result could not be read: %v", p)}
			}
			done <- r
		}()
		r.res, r.err = ses.mcp.CallTool(inner, params)
	})
	s.mu.Unlock()
	select {
	case r := <-done:
		return r.res, r.err
	case <-ctx.Done():
		// The goroutine ends with ctx; one that is stuck in a write ends with the session.
		select {
		case r := <-done: // it came at the last moment
			return r.res, r.err
		default:
			return nil, ctx.Err()
		}
	case <-ses.gone:
		// The answer to this very call may be what ended the session ("I do not know it"). It says
		// whether the call was made, so it gets a moment before the call is given up.
		stop := time.AfterFunc(deadPause, cancel)
		defer stop.Stop()
		var r reply
		select {
		case r = <-done:
		case <-ctx.Done():
		}
		if r.err != nil && !errors.Is(r.err, context.Canceled) {
			return r.res, r.err
		}
		if r.res != nil {
			return r.res, nil
		}
		return nil, errClosed
	}
}

// errUnsent reports that a session ended before a call went out.
var errUnsent = errors.New("the session ended before the call was sent")

// judge returns the outcome of a call that failed, and whether it is final: nobody may make the
// call again. A session that is no good any more is opened anew.
func (s *server) judge(ctx context.Context, ses *session, c Call, err error) (outcome, bool) {
	if e, ok := answered(err); ok {
		ses.late.Store(0)
		return outcome{OutcomeFailed, "The server refused the call: " + Cut(clean(s.masked(e.Message)), mostError), fmt.Errorf("the server refused: %s", e.Message)}, true
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		if ses.late.Add(1) >= mostLate {
			ses.give(errStuck)
		}
		return outcome{OutcomeLate, fmt.Sprintf("The tool did not answer within %s.", c.Tool.Timeout) + unknown(c.Tool), fmt.Errorf("no answer within %s", c.Tool.Timeout)}, true
	case ctx.Err() != nil:
		return outcome{OutcomeStopped, "The call was stopped." + unknown(c.Tool), context.Canceled}, true
	}
	network, isNetwork := errors.AsType[*url.Error](err)
	if isNetwork {
		ses.give(plain(err))
	}
	why := plain(err)
	if op, ok := errors.AsType[*net.OpError](err); isNetwork && ok && op.Op == "dial" {
		return outcome{OutcomeAway, "The call was not made: the server of this tool cannot be reached.", network.Err}, false
	}
	if errors.Is(why, errLong) {
		return outcome{OutcomeFailed, "The result was too long to be read (more than 8 MB). Ask for less." + unknown(c.Tool), why}, true
	}
	if !isNetwork && !brokeOff(err) {
		return outcome{OutcomeFailed, "The result of the tool could not be read." + unknown(c.Tool), why}, true
	}
	timer := time.NewTimer(deadPause)
	defer timer.Stop()
	select { // the next call is to know that this session is no good
	case <-ses.dead:
	case <-timer.C:
	}
	out := s.broken(c)
	out.err = why
	return out, false
}

// deadPause is how long a call and its connection may end after each other: the connection of a call
// that broke off is closed, and the call of a session that ended tells how it ended.
const deadPause = 100 * time.Millisecond

// isDead reports whether the connection is closed.
func (ses *session) isDead() bool {
	select {
	case <-ses.dead:
		return true
	default:
		return false
	}
}

// brokeOff reports whether a call failed because its connection did, and not because of what came.
func brokeOff(err error) bool {
	for _, end := range []error{mcp.ErrConnectionClosed, mcp.ErrSessionMissing, errClosed, io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, os.ErrClosed, os.ErrDeadlineExceeded, net.ErrClosed} {
		if errors.Is(err, end) {
			return true
		}
	}
	// The SDK's own codes, and what it says when the stream of a response ended early.
	_, own := errors.AsType[*jsonrpc.Error](err)
	return own || strings.Contains(err.Error(), "terminated without response")
}

// masked returns a text without secrets of the file.
func (s *server) masked(text string) string {
	text = s.hidden.Replace(text)
	if s.cfg.Clean == nil {
		return text
	}
	return s.cfg.Clean(text)
}

// give asks for a new session. It never blocks.
func (ses *session) give(why error) {
	select {
	case ses.reopen <- why:
	default:
	}
}

// result is the outcome of a call that was answered. What the server repeats of its secrets is not in
// it.
func (s *server) result(r *mcp.CallToolResult) outcome {
	if r == nil {
		return outcome{OutcomeFailed, "The tool's server sent no result.", errors.New("no result")}
	}
	if r.NeedsInput() {
		return outcome{OutcomeFailed, "The tool wants to ask the person something by itself, which is not possible here. It did nothing.", errors.New("the tool wants input")}
	}
	text := bounded(s.hidden.Replace(resultText(r)))
	if r.IsError {
		return outcome{OutcomeFailed, text, errors.New(Cut(text, mostError))}
	}
	return outcome{OutcomeOK, text, nil}
}
