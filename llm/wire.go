package llm

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// placeholder goes to go-openai instead of the model's name. go-openai refuses names that begin
// with o1, o3, o4 or gpt-5 when max_tokens or a temperature is set, and some old names altogether.
// The real name is put into the body afterwards.
const placeholder = "m"

// call is one chat request: the HTTPDoer through which go-openai sends it. It puts into the body
// what go-openai's types cannot say, reads errors itself, and hands the response back through
// sseReader. Together with sse.go it is the one place where go-openai's traps are closed
// (facts/vllm.md §6).
type call struct {
	client *Client
	model  string
	req    *Request
	plain  int32 // see Client.plain

	sse *sseReader // of the response
}

// Do implements openai.HTTPDoer.
func (k *call) Do(r *http.Request) (*http.Response, error) {
	if err := k.rewrite(r); err != nil {
		return nil, err
	}
	resp, err := k.client.http.Do(r)
	if err != nil {
		if e := redirected("chat", err); e != nil {
			return nil, e
		}
		return nil, err
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		defer func() { _ = resp.Body.Close() }()
		return nil, refusal("chat", resp)
	}
	k.sse = newSSEReader(resp.Body)
	resp.Body = k.sse
	return resp, nil
}

func (k *call) rewrite(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	_ = r.Body.Close()
	if body, err = k.merge(body); err != nil {
		return err
	}
	r.ContentLength = int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
	r.Header.Del("Connection")
	// With this header Go sends a POST again by itself when the server closed the pooled connection
	// before it answered a byte.
	r.Header.Set("X-Idempotency-Key", newKey())
	if id := headerSafe(k.req.ID); id != "" {
		r.Header.Set("X-Request-Id", id)
	}
	return nil
}

// merge puts the missing fields into the JSON body.
func (k *call) merge(body []byte) ([]byte, error) {
	var m map[string]any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&m); err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	m["model"] = k.model
	switch k.plain {
	case 0:
		m["stream_options"] = map[string]any{"include_usage": true, "continuous_usage_stats": true}
	case 1:
		m["stream_options"] = map[string]any{"include_usage": true}
	default:
		delete(m, "stream_options")
	}
	if k.req.Temperature != nil {
		m["temperature"] = *k.req.Temperature
	}
	if k.req.MaxTokens > 0 {
		m["max_tokens"] = k.req.MaxTokens // the one name that Ollama knows
	}
	if k.req.Continue {
		m["continue_final_message"], m["add_generation_prompt"] = true, false
	}
	if err := addTools(m, k.req); err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	for _, extra := range []map[string]any{k.client.cfg.Extra, k.req.Extra} {
		for name, v := range extra {
			if v == nil {
				delete(m, name)
				continue
			}
			m[name] = v
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}

// refusal returns the error of an answer that is no success, with what its header asks for. It reads
// the body, and does not close it.
func refusal(op string, resp *http.Response) *Error {
	body, _ := readLimited(resp.Body, maxErrorBody)
	e := classify(op, resp.StatusCode, body)
	e.RetryAfter = retryAfter(resp.Header, time.Now())
	return e
}

// retryAfter reads the header of that name: seconds, or a date. Some gateways write 17s, or a Unix
// time, or the same header twice. A date counts from the response's own, for the two clocks may
// differ. What cannot be read is 0.
func retryAfter(h http.Header, now time.Time) time.Duration {
	const most, leastUnix, mostUnix = 365 * 24 * time.Hour, 1e9, 1e10
	for _, value := range h.Values("Retry-After") {
		first, _, _ := strings.Cut(value, ",")
		var at time.Time
		n, err := strconv.ParseFloat(strings.TrimSuffix(strings.Trim(first, `" `), "s"), 64)
		switch {
		case err != nil:
			if at, err = http.ParseTime(strings.TrimSpace(value)); err != nil {
				continue
			}
		case n > leastUnix && n < mostUnix:
			at = time.Unix(int64(n), 0)
		case n > 0: // and no NaN
			return time.Duration(min(n, most.Seconds()) * float64(time.Second))
		default:
			return 0
		}
		if sent, err := http.ParseTime(h.Get("Date")); err == nil {
			now = sent
		}
		return min(max(at.Sub(now), 0), most)
	}
	return 0
}

func newKey() string { return rand.Text() }

// headerSafe returns s if every HTTP server takes it as a header value, else what is left of it.
func headerSafe(s string) string {
	const longest = 128
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), longest)]
}
