package llm

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// bodyClient answers every request with this body, without a network.
type bodyClient []byte

func (b bodyClient) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(b)), Request: r}, nil
}

func seeds(f *testing.F) [][]byte {
	f.Helper()
	var all [][]byte
	for _, pattern := range []string{"testdata/made/*.sse", "testdata/real/*.sse"} {
		files, _ := filepath.Glob(pattern)
		for _, name := range files {
			if b, err := os.ReadFile(name); err == nil && len(b) < 8<<10 {
				all = append(all, b)
			}
		}
	}
	return all
}

// FuzzStream feeds streams that are cut, reordered and changed. No panic; no error taken for success: without a finish reason
// in the bytes there is none; no text lost before the cut: what was delivered from a cut stream is what the whole lines before the cut hold.
func FuzzStream(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b, uint16(len(b)), uint8(0), uint8(0), byte(0), uint16(0))
		f.Add(b, uint16(len(b)/2), uint8(1), uint8(3), byte('x'), uint16(200))
	}
	f.Fuzz(func(t *testing.T, body []byte, cut uint16, swapA, swapB uint8, change byte, at uint16) {
		lines := bytes.SplitAfter(body, []byte("\n"))
		lines[int(swapA)%len(lines)], lines[int(swapB)%len(lines)] = lines[int(swapB)%len(lines)], lines[int(swapA)%len(lines)]
		body = slices.Concat(lines...)
		if change != 0 && len(body) > 0 {
			body[int(at)%len(body)] = change
		}
		body = body[:min(int(cut), len(body))]
		c, err := New(Config{BaseURL: "http://m.test", Model: "m", HTTP: &http.Client{Transport: bodyClient(body)}})
		if err != nil {
			t.Fatal(err)
		}
		got := ask(t.Context(), c, Request{})
		if got.err == nil {
			if !bytes.Contains(body, []byte("finish_reason")) || strings.TrimSpace(got.text) == "" {
				t.Fatalf("taken for success: %q", body)
			}
		}
		want, plain := naive(body)
		if plain && got.text != want {
			t.Fatalf("text %q, want %q, %v, from %q", got.text, want, got.err, body)
		}
	})
}

// FuzzChatter puts what brings nothing of an answer between the events of streams as servers send them: comments, fields of the protocol, empty events.
// Up to the bound nothing of the answer changes; beyond it the stream ends with an error, and not much more of it is read.
func FuzzChatter(f *testing.F) {
	for i, line := range []string{": keep-alive\n\n", ":\n", "\n", "\r\n", "event: ping\n\n", "id: 7\nretry: 10\n", "data:\n\n", `data: {"choices":[{"index":0,"delta":{}}]}` + "\n\n", "data: {}\n\n", "data: null\n", "oops\n"} {
		f.Add(line, uint32(i), uint8(i%3))
		f.Add(line, uint32(maxChatter), uint8(0))
	}
	whole := []string{textEvent("Hel"), textEvent("lo"), stopEvent + doneEvent}
	f.Fuzz(func(t *testing.T, line string, times uint32, at uint8) {
		line = quietLine(line)
		n := min(int(times), 2*maxChatter/len(line))
		chatter := strings.Repeat(line, n)
		i := int(at) % len(whole)
		var body countingBody
		body.Reader = io.MultiReader(strings.NewReader(strings.Join(whole[:i], "")), strings.NewReader(chatter), strings.NewReader(strings.Join(whole[i:], "")))
		c, err := New(Config{BaseURL: "http://m.test", Model: "m", HTTP: &http.Client{Transport: &body}})
		if err != nil {
			t.Fatal(err)
		}
		got := ask(t.Context(), c, Request{})
		switch room := maxChatter - 1<<10; {
		case len(chatter) < room && (got.err != nil || got.text != "Hello"):
			t.Fatalf("%d times %q at %d: %q %v", n, line, i, got.text, got.err)
		case len(chatter) > maxChatter+1<<10 && kindName(got.err) != "cut" && i < 2:
			t.Fatalf("%d times %q at %d: %q %v", n, line, i, got.text, got.err)
		case body.read > maxChatter+64<<10:
			t.Fatalf("%d times %q: %d bytes were read", n, line, body.read)
		}
	})
}

// quietLine makes a line of s that is none of an answer.
func quietLine(s string) string {
	switch s {
	case "\n", "\r\n", "data:\n\n", "data: {}\n\n", `data: {"choices":[{"index":0,"delta":{}}]}` + "\n\n", "event: ping\n\n", "id: 7\nretry: 10\n":
		return s
	}
	return ":" + strings.NewReplacer("\n", " ", "\r", " ").Replace(s) + "\n"
}

// countingBody answers the chat with one body, and counts what is read of it. What the watch of a slow
// stream asks besides (/health) gets an empty answer: the body is one reader's.
type countingBody struct {
	io.Reader

	read int
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.read += n
	return n, err
}

func (*countingBody) Close() error { return nil }

func (b *countingBody) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPost {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: b, Request: r}, nil
}

// naive reads the text of the whole lines with nothing of ours. It reports false when the stream has something that changes the meaning of
// text (errors, tags, broken lines): then it is no oracle.
func naive(body []byte) (text string, plain bool) {
	if bytes.ContainsAny(body, "\\<[◁\r\x00") && (bytes.Contains(body, []byte("think")) || bytes.Contains(body, []byte("\r"))) {
		return "", false
	}
	whole := body[:bytes.LastIndexByte(body, '\n')+1]
	for line := range strings.SplitSeq(string(whole), "\n") {
		payload, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			if line != "" && line[0] != ':' {
				return "", false
			}
			continue
		}
		if payload == "[DONE]" {
			return text, true
		}
		var chunk struct {
			Choices []struct {
				Index int
				Delta struct{ Content *string }
			}
			Error, Message, Detail any
		}
		dec := json.NewDecoder(strings.NewReader(payload))
		if !strings.HasPrefix(payload, "{") || dec.Decode(&chunk) != nil || dec.More() || !json.Valid([]byte(payload)) || chunk.Error != nil ||
			chunk.Message != nil || chunk.Detail != nil || strings.Contains(payload, `"message"`) {
			return "", false
		}
		for _, c := range chunk.Choices {
			if c.Delta.Content != nil && c.Index == 0 {
				text += *c.Delta.Content
			}
		}
	}
	// A last line without a newline counts if it is whole, which the oracle does not know.
	return text, len(whole) == len(body)
}

// FuzzChunk holds the fast reader to the full one.
func FuzzChunk(f *testing.F) {
	for _, b := range seeds(f) {
		for line := range bytes.SplitSeq(b, []byte("\n")) {
			if payload, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
				f.Add(payload)
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		raw = bytes.TrimSpace(raw)
		var fast, full chunk
		if !fastChunk(raw, &fast, "", "") {
			return
		}
		if err := fullChunk(raw, &full); err != nil {
			t.Fatalf("%q: the full parser says %v", raw, err)
		}
		if !reflect.DeepEqual(fast, full) {
			t.Fatalf("%q:\nfast %+v\nfull %+v", raw, fast, full)
		}
	})
}

// FuzzThink: where the pieces are cut does not matter, and nothing is lost but tags and the white space after them.
func FuzzThink(f *testing.F) {
	for _, s := range []string{
		"<think>a</think>b", "a</think>b", "`</think>`", "x<", "[THINK]y[/THINK]\n\nz", "◁think▷a◁/think▷b", "<think>\n</think><think>",
		"a <tool_call>. b </tool_call> c", "[TOOL_CALLS]f(x) and [INST] so", "a <|user|> b", "analysis是", "<bos>Hi[e~[\n]~b]ai", "Here is my thought process: a", "<tool_call>f\n<arg_key>q",
	} {
		f.Add(s, uint8(3), false)
		f.Add(s, uint8(1), true)
	}
	f.Fuzz(func(t *testing.T, in string, size uint8, opened bool) {
		var pieces []string
		for rest := in; rest != ""; {
			n := min(int(size)+1, len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		text, reasoning, _ := splitAll(newSplitter(opened), pieces, true)
		text1, reasoning1, _ := splitAll(newSplitter(opened), []string{in}, true)
		if text != text1 || reasoning != reasoning1 {
			t.Fatalf("%q in pieces of %d: %q %q, in one: %q %q", in, size+1, text, reasoning, text1, reasoning1)
		}
		if !strings.ContainsAny(in, "<[]◁") && text != in {
			t.Fatalf("%q became %q", in, text)
		}
	})
}

// TestFastPathIsTaken: the shapes of the servers that we know best must not silently fall back to the slow reader.
func TestFastPathIsTaken(t *testing.T) {
	files, err := filepath.Glob("testdata/real/*.sse")
	if err != nil {
		t.Fatal(err)
	}
	fast, all := 0, 0
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.SplitSeq(body, []byte("\n")) {
			payload, ok := bytes.CutPrefix(line, []byte("data: {"))
			if !ok || !bytes.Contains(payload, []byte(`"delta"`)) {
				continue
			}
			all++
			if fastChunk(line[len("data: "):], &chunk{}, "", "") {
				fast++
			}
		}
	}
	if all == 0 || fast*100 < all*95 {
		t.Errorf("%d of %d chunks on the fast path", fast, all)
	}
}
