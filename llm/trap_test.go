package llm

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sashabaranov/go-openai"
)

// Each test here is one of go-openai's traps (facts/vllm.md §6). plainRecv shows the trap with go-openai alone, so that the day it is
// closed there, we notice.

func plainRecv(t *testing.T, body string) (text string, err error) {
	t.Helper()
	cfg := openai.DefaultConfig("")
	cfg.BaseURL = "http://model.test/v1"
	cfg.HTTPClient = rawClient(t, sse(body), 1<<20)
	s, err := openai.NewClientWithConfig(cfg).CreateChatCompletionStream(t.Context(), openai.ChatCompletionRequest{Model: "m"})
	if err != nil {
		return "", err
	}
	defer func() { _ = s.Close() }()
	for {
		r, err := s.Recv()
		if err != nil {
			return text, err
		}
		for _, c := range r.Choices {
			text += c.Delta.Content
		}
	}
}

func TestTrapErrorAfterComment(t *testing.T) {
	body := ": keep-alive\n\n" + textEvent("Hello") + `data: {"error": {"message": "Internal server error", "type": "InternalServerError", "param": null, "code": 500}}` +
		"\n\n" + doneEvent
	if _, err := plainRecv(t, body); err == nil || strings.Contains(err.Error(), "Internal server error") {
		t.Logf("go-openai no longer loses the error: %v", err)
	}
	got := stream(t, body)
	e, ok := errors.AsType[*Error](got.err)
	if !ok || e.Kind != KindServer || e.Status != 500 || e.Message != "Internal server error" || !e.Again() || got.text != "Hello" {
		t.Fatalf("%q %#v", got.text, got.err)
	}
}

func TestTrapManyEmptyLines(t *testing.T) {
	body := strings.Repeat(":\n\n", 5000) + textEvent("Hi") + strings.Repeat("\n", 5000) + stopEvent + doneEvent
	if _, err := plainRecv(t, body); !errors.Is(err, openai.ErrTooManyEmptyStreamMessages) {
		t.Logf("go-openai no longer counts empty lines: %v", err)
	}
	if got := stream(t, body); got.err != nil || got.text != "Hi" {
		t.Fatalf("%q %v", got.text, got.err)
	}
}

func TestTrapEOFIsNotSuccess(t *testing.T) {
	body := textEvent("Hello")
	if _, err := plainRecv(t, body); !errors.Is(err, io.EOF) {
		t.Logf("go-openai no longer means success: %v", err)
	}
	for name, body := range map[string]string{"clean end": body, "done without finish": body + doneEvent, "nothing": "", "only done": doneEvent} {
		got := stream(t, body)
		if kindName(got.err) != "cut" {
			t.Errorf("%s: %v", name, got.err)
		}
	}
	// The other way round: with a finish reason the answer is whole, whatever is missing after it.
	if got := stream(t, textEvent("Hello")+stopEvent); got.err != nil || got.text != "Hello" {
		t.Errorf("finish without [DONE]: %v", got.err)
	}
}

func TestTrapLastLineWithoutNewline(t *testing.T) {
	body := textEvent("Hello") + strings.TrimRight(stopEvent, "\n")
	if got := stream(t, body); got.err != nil || got.res.Finish != FinishStop {
		t.Fatalf("%+v", got)
	}
	// Half an event is none, but it is no success either, and what came before it stays.
	if got := stream(t, textEvent("Hello")+stopEvent[:40]); kindName(got.err) != "cut" || got.text != "Hello" {
		t.Fatalf("%+v", got)
	}
}

func TestTrapErrorForms(t *testing.T) {
	for name, c := range map[string]struct{ event, kind, message string }{
		"string":      {`data: {"error":"The model is currently scaling."}`, "server", "The model is currently scaling."},
		"error line":  {`error: {"code":503,"message":"Loading model","type":"unavailable_error"}`, "loading", "Loading model"},
		"error text":  {`error: something "broke"`, "server", `something "broke"`},
		"error event": {"event: error\ndata: {\"message\":\"boom\",\"code\":500}", "server", "boom"},
		"in an event": {"event: error\ndata: {\"error\":{\"message\":\"boom\",\"code\":\"server_error\"}}", "server", "boom"},
		"flat":        {`data: {"object":"error","message":"boom","type":"x","code":400}`, "bad_request", "boom"},
		"no space":    {`data:{"error":{"message":"boom","code":null}}`, "server", "boom"},
		"spaces":      {`data: {"error": {"message": "boom", "code": 500}}`, "server", "boom"},
		"null first":  {`data: {"id":"x","choices":null,"error":{"message":"boom"}}`, "server", "boom"},
		"with choice": {`data: {"choices":[],"error":{"message":"boom","code":429}}`, "overloaded", "boom"},
		"deep":        {`data: {"error":{"error":{"message":"boom","code":401}}}`, "unauthorized", "boom"},
		"detail":      {`data: {"detail":"Not Found"}`, "server", "Not Found"},
		"whole body":  {`{"error":{"message":"boom","code":404,"param":"model"}}`, "no_model", "boom"},
		"no object":   {`data: hello`, "cut", "hello"},
		"broken":      {`data: {"choices":[{"delta":{"content":"x"}}`, "cut", `{"choices":[{"delta":{"content":"x"}}`},
		"no field":    {`dta: {"choices":[{"delta":{"content":"x"}}]}`, "cut", `dta: {"choices":[{"delta":{"content":"x"}}]}`},
	} {
		for _, before := range []string{"", textEvent("Hi")} {
			if before != "" && name == "whole body" {
				continue
			}
			after := "\n\n" + doneEvent
			if name == "whole body" {
				after = "\n"
			}
			got := stream(t, before+c.event+after)
			e, _ := errors.AsType[*Error](got.err)
			if kindName(got.err) != c.kind || e.Message != c.message {
				t.Errorf("%s: %v, want %s %q", name, got.err, c.kind, c.message)
			}
			if (before != "") != (got.text == "Hi") {
				t.Errorf("%s: text %q", name, got.text)
			}
		}
	}
}

// TestPayloadsGoThroughGoOpenAI: go-openai gets each payload as it came, and returns it so. What it would swallow goes round it.
func TestPayloadsGoThroughGoOpenAI(t *testing.T) {
	body := ": hello\n\n" + textEvent("Hi") + "event: error\ndata: boom\n\n" + "data: {\"x\":\ndata: 1}\n\n" + `data:{"error":null}` + "\n" + stopEvent + doneEvent
	first, last := strings.TrimSpace(textEvent("Hi")), strings.TrimSpace(stopEvent)
	lines := []string{first, "data: {}", `data: {"x": 1}`, "data: {}", last, "data: [DONE]", ""}
	got, err := io.ReadAll(newSSEReader(io.NopCloser(strings.NewReader(body))))
	if err != nil || string(got) != strings.Join(lines, "\n") {
		t.Errorf("go-openai reads %q, %v", got, err)
	}
	sse := newSSEReader(io.NopCloser(strings.NewReader(body)))
	cfg := openai.DefaultConfig("")
	cfg.HTTPClient = &http.Client{Transport: readerClient{sse}}
	s, err := openai.NewClientWithConfig(cfg).CreateChatCompletionStream(t.Context(), openai.ChatCompletionRequest{Model: "m"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for i, failure := range []string{"", `{"error":"boom"}`, "", `{"error":null}`, ""} {
		raw, err := s.RecvRaw()
		if err != nil || "data: "+string(raw) != lines[i] || string(sse.failure()) != failure {
			t.Errorf("event %d: %q %v, round it %q, want %q and %q", i, raw, err, sse.failure(), lines[i], failure)
		}
	}
	if raw, err := s.RecvRaw(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %q %v", raw, err)
	}
}

// readerClient answers a request with this body.
type readerClient struct{ io.ReadCloser }

func (b readerClient) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: b, Request: r}, nil
}

func TestTrapFraming(t *testing.T) {
	crlf := strings.NewReplacer("\n", "\r\n")
	for name, body := range map[string]string{
		"plain":           textEvent("Hi") + stopEvent + doneEvent,
		"CRLF":            crlf.Replace(": x\n\nevent: message\nid: 7\nretry: 10\n" + textEvent("Hi") + stopEvent + doneEvent),
		"no space":        strings.ReplaceAll(textEvent("Hi")+stopEvent+doneEvent, "data: ", "data:"),
		"no blank lines":  strings.ReplaceAll(textEvent("Hi")+stopEvent+doneEvent, "\n\n", "\n"),
		"byte order mark": "\ufeff" + textEvent("Hi") + stopEvent + doneEvent,
		"several lines":   strings.ReplaceAll(textEvent("Hi"), `,"choices"`, ",\ndata: \"choices\"") + stopEvent + doneEvent,
		"empty data":      "data:\n\ndata: \n\n" + textEvent("Hi") + "data: null\n\n" + stopEvent + doneEvent,
		"done, no end":    textEvent("Hi") + stopEvent + "data: [DONE]",
		"one piece":       `{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}`,
		"pretty":          "{\n \"choices\": [\n {\"message\": {\"content\": \"Hi\"},\n \"finish_reason\": \"stop\"}]\n}\n",
		"after done":      textEvent("Hi") + stopEvent + doneEvent + textEvent(" more"),
		"parts":           deltaEvent(`{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"Hi"}]}`) + stopEvent + doneEvent,
		"error is null":   `data: {"error":null,"choices":[{"index":0,"delta":{"content":"Hi"}}]}` + "\n\n" + stopEvent + doneEvent,
		"big":             `data: {"x":"` + fill(bigEvent) + `","choices":[{"delta":{"content":"Hi"}}]}` + "\n\n" + stopEvent + doneEvent,
	} {
		if got := stream(t, body); got.err != nil || got.text != "Hi" {
			t.Errorf("%s: %q %v", name, got.text, got.err)
		}
	}
	if got := stream(t, textEvent("Hi")+"data: "+fill(maxLine+1)+"\n\n"+stopEvent+doneEvent); kindName(got.err) != "cut" || got.text != "Hi" {
		t.Errorf("a line without an end: %q %v", got.text, got.err)
	}
	if got := stream(t, "<!DOCTYPE html><html><title>Welcome</title></html>"); kindName(got.err) != "server" ||
		!strings.Contains(got.err.(*Error).Hint(), "LLM_BASE_URL") { //nolint:errorlint // it is one
		t.Errorf("a web page: %v", got.err)
	}
}

// recorder keeps the requests that reach the server.
type recorder struct {
	bodies  []map[string]any
	headers []http.Header
	answer  func(n int, w http.ResponseWriter)
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var body map[string]any
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	r.bodies, r.headers = append(r.bodies, body), append(r.headers, req.Header)
	if r.answer != nil {
		r.answer(len(r.bodies), w)
		return
	}
	_, _ = io.WriteString(w, textEvent("Hi")+stopEvent+doneEvent)
}

func recorded(t *testing.T, cfg Config, req Request) (*recorder, answered) {
	t.Helper()
	r := &recorder{}
	return r, ask(t.Context(), recordedClient(t, r, cfg), req)
}

func recordedClient(t *testing.T, h http.Handler, cfg Config) *Client {
	t.Helper()
	cfg.BaseURL, cfg.HTTP = "http://model.test", serve(t, h)
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTrapRequestFields(t *testing.T) {
	r, got := recorded(t, Config{APIKey: "k", Extra: map[string]any{"top_k": 5, "seed": 1}}, Request{
		Model: "gpt-5-local", Messages: []Message{{Role: RoleUser, Content: "a <b> & c"}}, Temperature: new(0.0), MaxTokens: 7, ReasoningEffort: "low",
		Continue: true, ID: "turn 1\r\n", Extra: map[string]any{"seed": 2, "reasoning_effort": nil},
	})
	if got.err != nil {
		t.Fatalf("go-openai refuses such names: %v", got.err)
	}
	b := r.bodies[0]
	want := map[string]any{
		"model": "gpt-5-local", "temperature": 0.0, "max_tokens": 7.0, "stream": true, "top_k": 5.0, "seed": 2.0, "continue_final_message": true,
		"add_generation_prompt": false,
		"stream_options":        map[string]any{"include_usage": true, "continuous_usage_stats": true},
		"messages":              []any{map[string]any{"role": "user", "content": "a <b> & c"}},
	}
	wantJSON, _ := json.Marshal(want)
	gotJSON, _ := json.Marshal(b)
	if string(wantJSON) != string(gotJSON) {
		t.Errorf("sent %s\nwant %s", gotJSON, wantJSON)
	}
	h := r.headers[0]
	if h.Get("Authorization") != "Bearer k" || h.Get("X-Request-Id") != "turn1" || h.Get("X-Idempotency-Key") == "" ||
		h.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", h)
	}
	r, _ = recorded(t, Config{}, Request{Model: "m", Messages: []Message{{Role: RoleUser, Content: "what", Images: []Image{{MIME: "image/png", Data: []byte("x")}}}}})
	for _, unset := range []string{"temperature", "max_tokens", "continue_final_message", "reasoning_effort"} {
		if _, ok := r.bodies[0][unset]; ok {
			t.Errorf("%s is sent although it is not set", unset)
		}
	}
	image, _ := json.Marshal(r.bodies[0]["messages"])
	if !strings.Contains(string(image), `"url":"data:image/png;base64,eA=="`) {
		t.Errorf("image: %s", image)
	}
}

// Servers that refuse stream_options get less of them, and are remembered.
func TestStreamOptionsRefused(t *testing.T) {
	r := &recorder{answer: func(n int, w http.ResponseWriter) {
		if n <= 2 {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":{"message":"unknown field in stream_options","code":400}}`)
			return
		}
		_, _ = io.WriteString(w, textEvent("Hi")+stopEvent+doneEvent)
	}}
	c := recordedClient(t, r, Config{Model: "m"})
	for range 2 {
		if got := ask(t.Context(), c, Request{}); got.err != nil || got.text != "Hi" {
			t.Fatal(got.err)
		}
	}
	sent := []bool{}
	for _, b := range r.bodies {
		_, ok := b["stream_options"]
		sent = append(sent, ok)
	}
	if !slices.Equal(sent, []bool{true, true, false, false}) {
		t.Errorf("stream_options sent: %v", sent)
	}
}

func TestCallbackErrorEndsTheRequest(t *testing.T) {
	ended := make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		_, _ = io.Copy(io.Discard, r.Body) // else the server cannot see that the client is gone
		_, _ = io.WriteString(w, textEvent("Hi"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	c := recordedClient(t, h, Config{Model: "m"})
	mine := errors.New("mine")
	_, err := c.Stream(t.Context(), Request{}, func(Delta) error { return mine })
	if err != mine { //nolint:errorlint // it must come back as it is
		t.Fatalf("%v", err)
	}
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("the server still writes")
	}
}

func TestCancelEndsTheRequest(t *testing.T) {
	ended := make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		_, _ = io.Copy(io.Discard, r.Body) // else the server cannot see that the client is gone
		_, _ = io.WriteString(w, textEvent("Hi"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	c := recordedClient(t, h, Config{Model: "m"})
	why := errors.New("stopped by a person")
	ctx, cancel := context.WithCancelCause(t.Context())
	var text string
	_, err := c.Stream(ctx, Request{}, func(d Delta) error { text += d.Text; cancel(why); return nil })
	if !errors.Is(err, context.Canceled) || !errors.Is(err, why) || text != "Hi" {
		t.Fatalf("%q %v", text, err)
	}
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("the server still writes")
	}
}
