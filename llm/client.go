package llm

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"llmbot/llm/egress"
)

const (
	// idleConnTimeout is less than the 5 s after which vLLM closes an idle connection (facts/vllm.md
	// §1.1), so that no question goes out on a connection that the server is just closing.
	idleConnTimeout = 4 * time.Second
	// dialTimeout bounds one connection attempt: people must hear within 10 s that a server is down
	// (issue 4).
	dialTimeout = 5 * time.Second
	// sideTimeout bounds the requests that are not chat; all of them are answered without the GPU.
	sideTimeout = 5 * time.Second
	// maxIdleConns is more than the answers a bot has in progress (BOT_MAX_ANSWERS is 64).
	maxIdleConns = 128
)

// Client talks to one server. It is safe for concurrent use and owns no goroutines between calls.
type Client struct {
	cfg  Config
	http *http.Client
	base string // with /v1, no trailing slash
	root string // without /v1
	log  *slog.Logger

	// plain counts what this server refused of stream_options: 0 nothing, 1 continuous_usage_stats, 2
	// all of stream_options.
	plain atomic.Int32

	scrape *shared[Metrics] // one reading of /metrics at a time

	mu     sync.Mutex     // guards the fields below; never held across I/O
	models []ModelInfo    // as last seen
	seen   time.Time      // when
	opens  map[string]int // by model, answers in a row that say it opens the tag
}

// New checks cfg. It does not talk to the server, which may be down.
func New(cfg Config) (*Client, error) {
	cfg.Variables = cfg.Variables.orOurs()
	base, root, err := splitBase(cfg.BaseURL, cfg.Variables.Address)
	if err != nil {
		return nil, err
	}
	cfg.APIKey = strings.TrimSpace(cfg.APIKey)
	if strings.ContainsFunc(cfg.APIKey, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, fmt.Errorf("the API key has a character that no HTTP header may carry (%s)", cfg.Variables.Key)
	}
	cfg.Extra = maps.Clone(cfg.Extra)
	if cfg.FirstTokenTimeout == 0 {
		cfg.FirstTokenTimeout = DefaultFirstTokenTimeout
	}
	if cfg.IdleTimeout == 0 {
		cfg.IdleTimeout = DefaultIdleTimeout
	}
	c := &Client{cfg: cfg, base: base, root: root, log: cfg.Log, scrape: newShared[Metrics](), opens: map[string]int{}}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.http = httpClient(cfg)
	return c, nil
}

// writeBuffer holds the head of a request. The body goes round it, and while the answer streams
// nothing is written: a connection for each live answer keeps it for nothing.
const writeBuffer = 1 << 10

// readBuffer holds three or four events of a stream. What reads them has a buffer of its own.
const readBuffer = 1 << 10

// Transport returns how a client with this configuration reaches its server, unless HTTP says
// otherwise: by cfg.Proxy, with cfg.Roots, without a total timeout, and without compression.
func Transport(cfg Config) *http.Transport {
	return &http.Transport{
		// Not the environment's proxy: the server is local, and that one would cut long streams.
		Proxy: proxy(cfg.Proxy),
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, r *http.Response) error {
			if r.StatusCode != http.StatusOK {
				return proxyError(r.StatusCode)
			}
			return nil
		},
		TLSClientConfig:       &tls.Config{RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12},
		DialContext:           (&net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   dialTimeout,
		ExpectContinueTimeout: time.Second,
		MaxIdleConns:          maxIdleConns,
		MaxIdleConnsPerHost:   maxIdleConns,
		IdleConnTimeout:       idleConnTimeout,
		ReadBufferSize:        readBuffer,
		WriteBufferSize:       writeBuffer,
		DisableCompression:    true, // a compressed stream arrives in lumps
	}
}

// httpClient returns a client that has no total timeout and follows no redirect. It copies a client
// that is given, and never changes it.
func httpClient(cfg Config) *http.Client {
	if cfg.HTTP == nil {
		return egress.New(Transport(cfg), cfg.Variables.Address)
	}
	h := *cfg.HTTP
	h.Timeout = 0
	// SGLang and a full llama.cpp hold the headers back until the first token: the header timeout must
	// not be shorter than that of the first token.
	if t, ok := egress.Transport(&h).(*http.Transport); ok && t.ResponseHeaderTimeout > 0 &&
		(cfg.FirstTokenTimeout < 0 || t.ResponseHeaderTimeout < cfg.FirstTokenTimeout) {
		t = t.Clone()
		t.ResponseHeaderTimeout = 0
		h.Transport = t
	}
	return egress.Guard(&h, cfg.Variables.Address)
}

// proxy returns the transport's question for a proxy; nil: there is none.
func proxy(to *url.URL) func(*http.Request) (*url.URL, error) {
	if to == nil {
		return nil
	}
	return http.ProxyURL(to)
}

var versionSegment = regexp.MustCompile(`^v[0-9]+[a-z0-9]*$`)

// splitBase returns the OpenAI root with its version segment (added if it is missing), and the
// server's root above it. Errors name the variable with the address.
func splitBase(raw, variable string) (base, root string, err error) {
	s := strings.TrimSpace(raw)
	if s == "" {
		return "", "", fmt.Errorf("the address of the server is empty (%s)", variable)
	}
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		// The parser's own text repeats the address, which may hold a password.
		return "", "", fmt.Errorf("the address of the server is not a URL (%s)", variable)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return "", "", fmt.Errorf("the address of the server must start with http:// or https://, not %q (%s)", u.Scheme, variable)
	}
	if !egress.HasPlace(u) {
		return "", "", fmt.Errorf("the address of the server has no host, or a port that is not from 1 to 65535 (%s)", variable)
	}
	u.RawQuery, u.Fragment, u.ForceQuery = "", "", false
	path := strings.TrimRight(u.Path, "/")
	path = strings.TrimRight(strings.TrimSuffix(path, "/chat/completions"), "/")
	above, last := path, ""
	if i := strings.LastIndexByte(path, '/'); i >= 0 && versionSegment.MatchString(path[i+1:]) {
		above, last = path[:i], path[i+1:]
	}
	if last == "" {
		last = "v1"
	}
	above = strings.TrimRight(above, "/")
	u.RawPath = ""
	u.Path = above
	root = strings.TrimRight(u.String(), "/")
	u.Path = above + "/" + last
	return u.String(), root, nil
}

// Root returns the server's address without /v1, and without a slash at its end. It may hold a user
// and a password.
func (c *Client) Root() string { return c.root }

// authorize adds the key.
func (c *Client) authorize(r *http.Request) {
	if c.cfg.APIKey != "" {
		r.Header.Set("Authorization", "Bearer "+c.cfg.APIKey)
	}
}

// readLimited reads at most limit bytes; what is more is cut.
func readLimited(r io.Reader, limit int64) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, limit))
}

// opensThinking reports whether the model's template is known to open the thinking tag in the
// prompt.
func (c *Client) opensThinking(model string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.opens[model] >= sureOpens
}

// sureOpens is how many answers in a row must say so. One says little: a person can ask for an
// answer in which the model writes the tag, and then the answers of all others would be taken for
// reasoning until they end.
const sureOpens = 2

// learnThinking notes what an answer says of it.
func (c *Client) learnThinking(model string, opens bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if opens {
		c.opens[model] = min(c.opens[model]+1, sureOpens)
		return
	}
	delete(c.opens, model)
}
