package llm

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"llmbot/llm/egress"
	"llmbot/llm/llmsim"
	"llmbot/llm/llmsim/memnet"
)

// through returns a client whose own transport dials into memory, and the addresses it dials.
func through(t *testing.T, cfg Config, dial func(context.Context, string, string) (net.Conn, error)) (*Client, *[]string) {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var dialed []string
	tr, ok := egress.Transport(c.http).(*http.Transport)
	if !ok {
		t.Fatal("not our own transport")
	}
	tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		dialed = append(dialed, addr)
		return dial(ctx, network, addr)
	}
	t.Cleanup(tr.CloseIdleConnections)
	return c, &dialed
}

func parsed(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// The environment's proxy is nobody's business here; the configured one gets everything.
func TestProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://of-the-environment:1")
	t.Setenv("HTTPS_PROXY", "http://of-the-environment:1")
	sim := llmsim.New(llmsim.Config{})
	var asked []string
	behind := memnet.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.String()+" "+r.Header.Get("Proxy-Authorization"))
		sim.ServeHTTP(w, r)
	}))
	defer func() { _ = behind.Close() }()

	c, dialed := through(t, Config{BaseURL: "http://gpu:8000"}, behind.Dial)
	if _, err := c.Models(t.Context()); err != nil || (*dialed)[0] != "gpu:8000" || asked[0] != "/v1/models " {
		t.Errorf("directly: %v, %q, %q", err, *dialed, asked)
	}
	asked = nil
	c, dialed = through(t, Config{BaseURL: "http://gpu:8000", Proxy: parsed(t, "http://me:pw@proxy:3128")}, behind.Dial)
	if _, err := c.Models(t.Context()); err != nil || (*dialed)[0] != "proxy:3128" || asked[0] != "http://gpu:8000/v1/models Basic bWU6cHc=" {
		t.Errorf("by a proxy: %v, %q, %q", err, *dialed, asked)
	}
	asked = nil
	c, dialed = through(t, Config{BaseURL: "http://localhost:8000", Proxy: parsed(t, "http://proxy")}, behind.Dial)
	if _, err := c.Models(t.Context()); err != nil || (*dialed)[0] != "proxy:80" {
		t.Errorf("to this machine by a proxy: %v, %q", err, *dialed)
	}
}

// What is wrong with the way is told apart, and none of it is told as the model server's own fault.
func TestProxyThatDoesNotLetThrough(t *testing.T) {
	for status, hint := range map[int]string{407: "USER:PASSWORD@HOST", 403: "does not allow", 502: "cannot reach", 503: "cannot reach"} {
		proxy := memnet.Serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		c, _ := through(t, Config{BaseURL: "https://gpu", Proxy: parsed(t, "http://me:hunter2@proxy:3128")}, proxy.Dial)
		_, err := c.Models(t.Context())
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Kind != KindDown || !strings.Contains(e.Hint(), hint) || !strings.Contains(e.Hint(), "LLM_PROXY") || strings.Contains(e.Error()+e.Hint(), "hunter2") {
			t.Errorf("CONNECT, %d: %v", status, err)
		}
		if status == 407 {
			c, _ = through(t, Config{BaseURL: "http://gpu", Proxy: parsed(t, "http://proxy:3128")}, proxy.Dial)
			_, err = c.Models(t.Context())
			if e, ok := errors.AsType[*Error](err); !ok || !strings.Contains(e.Hint(), hint) {
				t.Errorf("http, %d: %v", status, err)
			}
		}
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	}
	refused := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("connection refused") }
	unknown := func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}
	}
	for name, c := range map[string]struct {
		proxy string
		dial  func(context.Context, string, string) (net.Conn, error)
		hint  string
	}{
		"proxy away":     {"http://proxy:3128", refused, "The proxy in LLM_PROXY does not answer"},
		"proxy unknown":  {"http://proxy:3128", unknown, "The proxy in LLM_PROXY does not answer"},
		"socks away":     {"socks5://proxy:1080", refused, "The proxy in LLM_PROXY does not answer"},
		"server away":    {"", refused, "Start the model server"},
		"server unknown": {"", unknown, "not known here"},
		"socks refuses":  {"socks5://proxy:1080", noSocks, "cannot reach the model server"},
	} {
		cfg := Config{BaseURL: "http://gpu:8000"}
		if c.proxy != "" {
			cfg.Proxy = parsed(t, c.proxy)
		}
		client, _ := through(t, cfg, c.dial)
		_, err := client.Models(t.Context())
		if e, ok := errors.AsType[*Error](err); !ok || e.Kind != KindDown || !strings.Contains(e.Hint(), c.hint) || !strings.Contains(e.Hint(), "LLM_PROXY") {
			t.Errorf("%s: %v: %s", name, err, e.Hint())
		}
	}
}

// noSocks is a SOCKS5 proxy whose target is not there (RFC 1928, reply 4).
func noSocks(context.Context, string, string) (net.Conn, error) {
	client, proxy := net.Pipe()
	go func() {
		defer func() { _ = proxy.Close() }()
		b := make([]byte, 3)
		if _, err := io.ReadFull(proxy, b); err != nil {
			return
		}
		_, _ = proxy.Write([]byte{5, 0})
		_, _ = bufio.NewReader(proxy).Peek(5)
		_, _ = proxy.Write([]byte{5, 4, 0, 1, 0, 0, 0, 0, 0, 0})
	}()
	return client, nil
}

// A server with a certificate of its own authority is believed only if that was named.
func TestOwnAuthority(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"gpu.corp"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	sim := memnet.Serve(llmsim.New(llmsim.Config{}))
	defer func() { _ = sim.Close() }()
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		near, far := net.Pipe()
		plain, err := sim.Dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		server := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12})
		go func() { _, _ = io.Copy(plain, server); _ = plain.Close() }()
		go func() { _, _ = io.Copy(server, plain); _ = server.Close() }()
		return near, nil
	}
	c, _ := through(t, Config{BaseURL: "https://gpu.corp"}, dial)
	_, err = c.Models(t.Context())
	if e, ok := errors.AsType[*Error](err); !ok || !strings.Contains(e.Hint(), "LLM_CA_FILE") {
		t.Errorf("an unknown authority: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	c, _ = through(t, Config{BaseURL: "https://gpu.corp", Roots: roots}, dial)
	if _, err = c.Models(t.Context()); err != nil {
		t.Errorf("a named authority: %v", err)
	}
}
