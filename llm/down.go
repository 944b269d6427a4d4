package llm

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// What kept a request from its server, as far as the operator's next step depends on it.
const (
	downProxy     = "proxy " // with the status of the proxy's refusal
	downNoProxy   = "proxyconnect"
	downSOCKS     = "socks connect"
	downName      = "name"
	downAuthority = "authority"
	downHost      = "host"
	downPlain     = "http"   // https was asked, and the server speaks http
	downTLS       = "https"  // http was asked, and the server speaks TLS
	downClosed    = "closed" // a connection, without an answer
)

// tlsAlert is how Go quotes an answer that is a TLS alert (RFC 8446, section 5.1: type 21, version 3.x).
const tlsAlert = `malformed HTTP response "\x15\x03`

// DownKind returns what kept a request from its server, in a word for [Down]; empty: nothing on
// which a hint depends.
func DownKind(err error) string {
	if far, ok := errors.AsType[*farError](err); ok {
		return far.kind
	}
	if refused, ok := errors.AsType[proxyError](err); ok {
		return downProxy + strconv.Itoa(int(refused))
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == downNoProxy || op.Op == downSOCKS) {
		return op.Op
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return downName
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return downAuthority
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return downHost
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return downPlain
	}
	switch {
	case err == nil:
		return ""
	case strings.Contains(err.Error(), tlsAlert):
		return downTLS
	case errors.Is(err, io.EOF):
		return downClosed
	}
	return ""
}

// Down returns an error of a kind with the text of another one, which happened in another process:
// the hint for the operator is the same.
func Down(kind, text string) error { return &farError{kind, text} }

type farError struct{ kind, text string }

// Error returns the text.
func (e *farError) Error() string { return e.text }
