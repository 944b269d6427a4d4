package tools

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
)

// Why a session or a call ends.
var (
	errSlow      = errors.New("the server did not answer in time")
	errClosed    = errors.New("the server closed the connection")
	errStopping  = errors.New("the bot is stopping, or its tools file has changed")
	errStuck     = errors.New("three calls in a row were not answered in time")
	errBroken    = errors.New("a call could not be sent")
	errForgotten = errors.New("the server does not know the session any more")
	errElse      = errors.New("it wanted a request to go to another host, which gets none")
	errNoTools   = errors.New("the server has no tools")
)

// saidError reports a failure, and what the server said at it in its own words. It may repeat there what
// it was sent, and what it has sent: they are for whoever runs check, and for the log at debug alone.
type saidError struct {
	err  error
	said string
}

// Error returns a text without the server's words.
func (e *saidError) Error() string { return e.err.Error() }

// Unwrap returns the failure.
func (e *saidError) Unwrap() error { return e.err }

// Hint returns the next step.
func (e *saidError) Hint() string {
	if hint := hintOf(e.err); hint != "" || e.said == "" {
		return hint
	}
	return "llmbot check says what the server wrote last, as does LOG_LEVEL=debug."
}

// missingError reports that there is no such program.
type missingError struct{ program, path string }

// Error returns a text for the log and the terminal.
func (e *missingError) Error() string {
	if e.path == "" {
		return fmt.Sprintf("there is no program %s", e.program)
	}
	return fmt.Sprintf("there is no program %s in PATH (%d folders)", e.program, len(filepath.SplitList(e.path)))
}

// Hint returns the next step.
func (*missingError) Hint() string {
	return "Install it, or give its path in command. llmbot's own image has no node, npx, python or uvx: run llmbot's plain binary, or the server elsewhere with url (docs/tools.md)."
}

// statusError reports what a server said over HTTP instead of speaking the protocol.
type statusError struct {
	status int
	err    error
}

// Error returns a text for the log and the terminal.
func (e *statusError) Error() string {
	return fmt.Sprintf("HTTP %d (%s)", e.status, http.StatusText(e.status))
}

// Unwrap returns what the session failed with.
func (e *statusError) Unwrap() error { return e.err }

// Hint returns the next step.
func (e *statusError) Hint() string {
	switch e.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return `Check the token: "headers": {"Authorization": "Bearer ${NAME}"}.`
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusBadRequest, http.StatusNotAcceptable, http.StatusGone:
		return "Is the path of url right? Many servers speak the protocol at /mcp, older ones at /sse."
	}
	return "Look at the server's log."
}

// hintOf returns the next step that an error names; empty: none.
func hintOf(err error) string {
	if e, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		return e.Hint()
	}
	return ""
}
