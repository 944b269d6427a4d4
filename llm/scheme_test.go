package llm

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// A server that speaks the other one of http and https is named as that, in this process and behind the demo's relay.
func TestHintNamesTheScheme(t *testing.T) {
	for name, tt := range map[string]struct{ address, answer, want string }{
		"https to plain http":      {"https://host:8000/v1", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "write http:// in place of https://"},
		"http to a Go server":      {"http://host:8000/v1", "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n", "write https:// in place of http://"},
		"http to nginx":            {"http://host:8000/v1", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/html\r\n\r\n<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>", "write https:// in place of http://"},
		"http to Apache":           {"http://host:8000/v1", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<p>Reason: You're speaking plain HTTP to an SSL-enabled server port.<br /></p>", "write https:// in place of http://"},
		"http to a bare TLS alert": {"http://host:8000/v1", "\x15\x03\x01\x00\x02\x02\x0a", "write https:// in place of http://"},
	} {
		c, err := New(Config{BaseURL: tt.address, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			go func() {
				defer func() { _ = there.Close() }()
				if strings.HasPrefix(tt.address, "https") {
					_, _ = there.Read(make([]byte, 4096)) // the hello
				} else if _, err := http.ReadRequest(bufio.NewReader(there)); err != nil {
					return
				}
				_, _ = io.WriteString(there, tt.answer)
			}()
			return here, nil
		}}}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Models(t.Context())
		e, ok := errors.AsType[*Error](err)
		if !ok || !strings.Contains(e.Hint(), tt.want) || strings.Contains(e.Hint(), "Start the model server") {
			t.Errorf("%s: %v\n→ %s", name, err, e.Hint())
			continue
		}
		if kind := DownKind(e.Err); kind != "" {
			far := &Error{Kind: e.Kind, Err: Down(kind, "far")}
			if far.Hint() != e.Hint() {
				t.Errorf("%s: behind the relay the hint is %s", name, far.Hint())
			}
		}
		stream := func() error {
			_, err := c.Stream(t.Context(), Request{Messages: []Message{{Role: RoleUser, Content: "?"}}}, func(Delta) error { return nil })
			return err
		}()
		if e, ok := errors.AsType[*Error](stream); !ok || !strings.Contains(e.Hint(), tt.want) {
			t.Errorf("%s, an answer: %v", name, stream)
		}
	}
}
