package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"llmbot/llm/egress"
)

// Limits of what is read into memory. The answers are small: these limits only keep a wrong server
// from filling it.
const (
	maxErrorBody = 64 << 10 // an error text; vLLM's longest seen is 2 kB
	maxSmallBody = 64 << 10 // /health has no body, /version a line
	maxModelList = 4 << 20  // a router with 1,000 models writes about 2 MB
	maxVersion   = 100      // characters of a version
	// /tokenize returns all ids: at most one for each byte that was sent, of at most 10 bytes each,
	// and those of the template around it.
	tokenBytes    = 10
	templateBytes = 1 << 20
)

// Health asks the server whether it is well, and blocks for at most 5 s. It returns
// [errors.ErrUnsupported] for a server without /health. nil is no proof: vLLM says 200 while it
// drains.
func (c *Client) Health(ctx context.Context) error {
	_, err := c.side(ctx, "health", http.MethodGet, c.root+"/health", nil, maxSmallBody)
	return err
}

// Version asks for the server's version (vLLM, Ollama), and blocks for at most 10 s. For others it
// returns [errors.ErrUnsupported].
func (c *Client) Version(ctx context.Context) (string, error) {
	body, err := c.side(ctx, "version", http.MethodGet, c.root+"/version", nil, maxSmallBody)
	if errors.Is(err, errors.ErrUnsupported) {
		body, err = c.side(ctx, "version", http.MethodGet, c.root+"/api/version", nil, maxSmallBody)
	}
	if err != nil {
		return "", err
	}
	var v struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(body, &v); err != nil || Printable(v.Version, maxVersion) == "" {
		return "", fmt.Errorf("llm version: %w", errors.ErrUnsupported)
	}
	return Printable(v.Version, maxVersion), nil
}

// Tokenize counts the tokens of a conversation with the model's own template, as it would be sent.
// It does not count images and the definitions of tools, and for gpt-oss the server's count is
// approximate (facts/vllm.md §2).
// An empty model means the one that an empty [Request.Model] means. It returns
// [errors.ErrUnsupported] for servers that cannot count.
func (c *Client) Tokenize(ctx context.Context, model string, msgs []Message) (count, maxModelLen int, err error) {
	if model == "" {
		if model, _, err = c.modelName(ctx, ""); err != nil {
			return 0, 0, err
		}
	}
	type message struct {
		Role    Role   `json:"role"`
		Content string `json:"content"`

		Calls     []sentCall `json:"tool_calls,omitempty"`
		CallID    string     `json:"tool_call_id,omitempty"`
		Reasoning string     `json:"reasoning,omitempty"`
	}
	ask := struct {
		Model    string    `json:"model"`
		Messages []message `json:"messages"`
		Generate bool      `json:"add_generation_prompt"`
	}{Model: model, Messages: []message{}, Generate: true}
	for _, m := range msgs {
		ask.Messages = append(ask.Messages, message{m.Role, m.Content, sentCalls(m.Calls), m.CallID, m.Reasoning})
	}
	send, err := json.Marshal(ask)
	if err != nil {
		return 0, 0, fmt.Errorf("llm tokenize: %w", err)
	}
	body, err := c.side(ctx, "tokenize", http.MethodPost, c.root+"/tokenize", send, templateBytes+tokenBytes*len(send))
	if err != nil {
		return 0, 0, err
	}
	var got struct {
		Count       *number `json:"count"`
		MaxModelLen *number `json:"max_model_len"`
	}
	// llama.cpp has a /tokenize too, but it knows no messages: its answer has no count.
	if err := json.Unmarshal(body, &got); err != nil || got.Count == nil {
		return 0, 0, fmt.Errorf("llm tokenize: %w", errors.ErrUnsupported)
	}
	return got.Count.int(), value(got.MaxModelLen).int(), nil
}

// side makes one short request and returns the body of a 2xx answer. A body of more than most bytes
// is an error.
func (c *Client) side(ctx context.Context, op, method, url string, send []byte, most int) (body []byte, err error) {
	err = c.sideRead(ctx, op, method, url, send, func(r io.Reader) error {
		if body, err = readLimited(r, int64(most)+1); err == nil && len(body) > most {
			err = &Error{Kind: KindServer, Op: op, Message: fmt.Sprintf("the answer has more than %d kB", most>>10), Err: errTooLarge}
		}
		return err
	})
	return body, err
}

// sideRead makes one short request and has read read the body of a 2xx answer.
func (c *Client) sideRead(ctx context.Context, op, method, url string, send []byte, read func(io.Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, sideTimeout)
	defer cancel()
	var body io.Reader
	if send != nil {
		body = bytes.NewReader(send)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return fmt.Errorf("llm %s: %w", op, egress.WithoutAddress(err))
	}
	if send != nil {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Idempotency-Key", newKey())
	}
	c.authorize(req)
	resp, err := c.http.Do(req)
	if err != nil {
		return transportError(ctx, op, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= http.StatusMultipleChoices {
		e := refusal(op, resp)
		// Only /v1/models must be there. The rest is optional, and a server without it says 404, 405 or
		// 501.
		switch resp.StatusCode {
		case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
			if op != "models" && e.Kind != KindNoModel {
				return fmt.Errorf("llm %s: %w", op, errors.ErrUnsupported)
			}
		}
		return e
	}
	if err := read(resp.Body); err != nil {
		return transportError(ctx, op, err)
	}
	return nil
}
