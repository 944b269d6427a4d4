package llm

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReplayCaptures reads every capture of a live server through net/http, in one piece and in pieces that split lines, chunks and runes.
func TestReplayCaptures(t *testing.T) {
	rows := realRows()
	checkAllListed(t, "testdata/real/*.http", rows)
	for _, want := range rows {
		raw, err := os.ReadFile(filepath.Join("testdata/real", want.file))
		if err != nil {
			t.Fatal(err)
		}
		for _, piece := range []int{1 << 20, 7} {
			t.Run(fmt.Sprintf("%s/%d", want.file, piece), func(t *testing.T) {
				checkRow(t, want, raw, piece)
			})
		}
	}
}

// TestReplayTranscripts does the same for the transcripts that were written from the servers' sources.
func TestReplayTranscripts(t *testing.T) {
	rows := madeRows()
	for _, pattern := range []string{"testdata/made/*.sse", "testdata/made/*.json", "testdata/made/*.html"} {
		checkAllListed(t, pattern, rows)
	}
	for _, want := range rows {
		body, err := os.ReadFile(filepath.Join("testdata/made", want.file))
		if err != nil {
			t.Fatal(err)
		}
		raw := sse(string(body))
		if !strings.HasSuffix(want.file, ".sse") {
			raw = status(statusOf(want.file), string(body))
		}
		t.Run(want.file, func(t *testing.T) { checkRow(t, want, raw, 1<<20) })
	}
}

// statusOf reads the status out of names such as http_503_scaling.json.
func statusOf(name string) string {
	for part := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '_' || r == '.' }) {
		if len(part) == 3 && (part[0] == '4' || part[0] == '5') {
			return part + " X"
		}
	}
	if name == "other_tgi_error.json" {
		return "422 Unprocessable Entity"
	}
	return "200 OK"
}

func checkAllListed(t *testing.T, pattern string, rows []row) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts %s: %v", pattern, err)
	}
	listed := map[string]bool{}
	for _, r := range rows {
		listed[r.file] = true
	}
	for _, f := range files {
		if !listed[filepath.Base(f)] {
			t.Errorf("%s has no row", f)
		}
	}
}

func checkRow(t *testing.T, want row, raw []byte, piece int) {
	t.Helper()
	c, err := New(Config{BaseURL: "http://model.test/v1", Model: "tiny", HTTP: rawClient(t, raw, piece)})
	if err != nil {
		t.Fatal(err)
	}
	got := ask(t.Context(), c, Request{Messages: []Message{{Role: RoleUser, Content: "hi"}}})
	if kind := kindName(got.err); kind != want.kind {
		t.Errorf("kind %s, want %s (%v)", kind, want.kind, got.err)
	}
	if prefix, cut := strings.CutSuffix(want.text, "…"); cut {
		if !strings.HasPrefix(got.text, prefix) {
			t.Errorf("text %q, want the prefix %q", got.text, prefix)
		}
	} else if got.text != want.text {
		t.Errorf("text %q, want %q", got.text, want.text)
	}
	if got.reasoning != want.reasoning {
		t.Errorf("reasoning %q, want %q", got.reasoning, want.reasoning)
	}
	if got.res.Finish != want.finish {
		t.Errorf("finish %q, want %q", got.res.Finish, want.finish)
	}
	usage := ""
	if u := got.res.Usage; u.Known {
		usage = fmt.Sprintf("%d/%d/%d/%d", u.PromptTokens, u.CachedTokens, u.CompletionTokens, u.ReasoningTokens)
	}
	// A stream that broke off may leave a running count; it is not held against it.
	if usage != want.usage {
		t.Errorf("usage %q, want %q", usage, want.usage)
	}
	if e, ok := errors.AsType[*Error](got.err); ok {
		if e.Limit != want.limit || e.Prompt != want.prompt {
			t.Errorf("limit %d, prompt %d, want %d and %d (%v)", e.Limit, e.Prompt, want.limit, want.prompt, e)
		}
		if says := strings.Contains(e.User(), "more than"); e.AtLeast != want.atLeast || says != (want.atLeast && e.Prompt > e.Limit) {
			t.Errorf("at least: %v, said as %q, want %v", e.AtLeast, e.User(), want.atLeast)
		}
		checkSentence(t, e)
	}
}

// checkSentence holds every error's words to the rules: a sentence without addresses or Go text, and a next step.
func checkSentence(t *testing.T, e *Error) {
	t.Helper()
	user := e.User()
	for _, bad := range []string{"http", "://", "localhost", "dial", "EOF", "goroutine", "model.test", "LLM_", "127.0", "llm "} {
		if strings.Contains(user, bad) {
			t.Errorf("the sentence %q has %q", user, bad)
		}
	}
	if user == "" || !strings.HasSuffix(user, ".") || strings.Contains(user, "\n") {
		t.Errorf("%q is not one sentence", user)
	}
	if hint := e.Hint(); hint == "" || !strings.HasSuffix(hint, ".") {
		t.Errorf("%v: hint %q", e.Kind, hint)
	}
	if len(e.Message) > maxMessage+len("…") {
		t.Errorf("a message of %d bytes", len(e.Message))
	}
}

// TestCapturesAreWhole reads the captures with nothing of ours: the framing that the rows rest on.
func TestCapturesAreWhole(t *testing.T) {
	cut := map[string]bool{
		"kill_api_stream_truncated.http": true, "rust_sigterm_stream_truncated.http": true, "v033_rust_kill_engine_truncated.http": true,
		"llamacpp-sigkill_stream.http": true, "llamacpp-sigterm_stream.http": true, "ollama-sigterm_stream.http": true,
	}
	for _, r := range realRows() {
		raw, err := os.ReadFile(filepath.Join("testdata/real", r.file))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), nil)
		if err != nil {
			t.Fatalf("%s: %v", r.file, err)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if (err != nil) != cut[r.file] {
			t.Errorf("%s: %v, want a cut: %v", r.file, err, cut[r.file])
		}
	}
}
