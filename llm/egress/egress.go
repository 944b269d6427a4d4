// Package egress makes the HTTP clients with which the program goes out.
//
// # Promises
//
//   - No client follows a redirect. Go's own would send a request's body again (307, 308), to
//     another host, or from https to http, and its Authorization to another port of the same host.
//   - A redirect comes back as a [*RedirectError]. It names where the redirect led without user,
//     password, path and query.
//
// Every client of the program comes from here: bot/arch_test.go checks that.
package egress

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// New returns a client that follows no redirect. variable is the one by which an operator says
// where the client goes, such as LLM_BASE_URL; empty: there is none.
func New(rt http.RoundTripper, variable string) *http.Client {
	return Guard(&http.Client{Transport: rt}, variable)
}

// Guard returns a copy of c that follows no redirect.
func Guard(c *http.Client, variable string) *http.Client {
	guarded := *c
	next := c.Transport
	if old, ok := next.(*transport); ok {
		next = old.next
	}
	if next == nil {
		next = &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	guarded.Transport = &transport{next: next, variable: variable}
	// transport lets no redirect through so far.
	guarded.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &guarded
}

// Transport returns what a client of this package sends its requests through, without the guard.
func Transport(c *http.Client) http.RoundTripper {
	if t, ok := c.Transport.(*transport); ok {
		return t.next
	}
	return c.Transport
}

// transport turns redirects into errors before http.Client sees them. The errors of http.Client
// repeat the address, query and all.
type transport struct {
	next     http.RoundTripper
	variable string
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err //nolint:wrapcheck // http.Client says what was asked
	}
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return resp, nil
	}
	_ = resp.Body.Close()
	e := &RedirectError{Status: resp.StatusCode, Variable: t.variable}
	if to, err := resp.Location(); err == nil { // else there is none, or it is no address
		e.To = to
	}
	return nil, e
}

// CloseIdleConnections closes those of the transport below, as http.Client expects of one.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// RedirectError reports that a server wanted a request to be sent elsewhere. It was not.
type RedirectError struct {
	Status   int
	To       *url.URL // where; nil: it did not say. It may hold secrets: print Target
	Variable string   // what is to be changed if that is right; empty: nothing
}

// Target returns where the redirect led: scheme and host.
func (e *RedirectError) Target() string {
	if e.To == nil || e.To.Host == "" {
		return "nowhere"
	}
	return Origin(e.To)
}

// Error returns a text for the log and the terminal.
func (e *RedirectError) Error() string {
	s := fmt.Sprintf("the server redirects to %s (HTTP %d), which is not followed", e.Target(), e.Status)
	if e.Variable != "" {
		s += ": check " + e.Variable
	}
	return s
}

// Hint returns the next step.
func (e *RedirectError) Hint() string {
	if e.Variable == "" {
		return ""
	}
	return fmt.Sprintf("Set %s to the address at %s if that is the right server; no redirect is followed, since it would take keys and conversations there.", e.Variable, e.Target())
}

// WithoutAddress returns the cause of an error of an http.Client. The text of the error itself
// repeats the address with its user and query.
func WithoutAddress(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// HasPlace reports whether a URL names a host, and a port from 1 to 65535 if it names one.
// [url.Parse] takes ":8000" for a host, 80000 for a port, and "gpu:" for one without.
func HasPlace(u *url.URL) bool {
	if u.Hostname() == "" {
		return false
	}
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && port > 0
}

// longestHost is how much of a host name is printed; no name in use is longer.
const longestHost = 253

// Origin returns an address without what may be secret in it: scheme and host, the port with it.
func Origin(u *url.URL) string {
	host := u.Host
	if len(host) > longestHost {
		host = host[:longestHost] + "..."
	}
	return fmt.Sprintf("%s://%s", u.Scheme, printable(host))
}

// printable returns text with what could steer a terminal as Go writes it.
func printable(s string) string {
	quoted := fmt.Sprintf("%+q", s)
	return quoted[1 : len(quoted)-1]
}
