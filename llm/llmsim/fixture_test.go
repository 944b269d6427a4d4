package llmsim_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"llmbot/llm/llmsim"
)

const testdata = "../testdata"

func fixture(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(testdata, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFixturesAreReplayedByteForByte(t *testing.T) {
	root := os.DirFS(testdata)
	names, err := filepath.Glob(testdata + "/real/*.http")
	if err != nil || len(names) != 138 {
		t.Fatalf("%d captures, %v", len(names), err)
	}
	for _, name := range names {
		name = "real/" + filepath.Base(name)
		raw := fixture(t, name)
		want, err := http.ReadResponse(bufio.NewReader(strings.NewReader(raw)), nil)
		if err != nil {
			t.Fatal(err)
		}
		wantBody, wantErr := io.ReadAll(want.Body)
		_ = want.Body.Close()
		c := &client{t: t, c: inMemory(t, llmsim.Fixture(root, name))}
		resp, body, err := c.chat(`{}`)
		if resp == nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if resp.StatusCode != want.StatusCode || body != string(wantBody) || (err == nil) != (wantErr == nil) || (wantErr != nil && !errors.Is(err, io.ErrUnexpectedEOF)) {
			t.Errorf("%s: status %d, %d bytes, %v; want %d, %d, %v", name, resp.StatusCode, len(body), err, want.StatusCode, len(wantBody), wantErr)
		}
	}
}

func TestOtherFixturesHaveTypeAndStatus(t *testing.T) {
	for name, want := range map[string]string{
		"made/chat_stream_plain_usage.sse": "200 text/event-stream; charset=utf-8", "made/http_404_model.json": "404 application/json",
		"made/other_nginx_502.html": "502 text/html", "real/metrics_load.prom": "200 text/plain; version=1.0.0; charset=utf-8",
	} {
		c := &client{t: t, c: inMemory(t, llmsim.Fixture(os.DirFS(testdata), name))}
		resp, body, err := c.chat(`{}`)
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.Status[:3] + " " + resp.Header.Get("Content-Type"); got != want || body != fixture(t, name) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// The streams of the simulator are the captured ones, but for ids, times and versions' hashes.
func TestStreamsHaveTheBytesOfTheCaptures(t *testing.T) {
	vary := regexp.MustCompile(`"id":"[^"]*"|"created":\d+|"prompt_tokens":\d+|"total_tokens":\d+|"timings":\{[^}]*\}|"cached_tokens":\d+|-[0-9a-f]{8}"|"model":"[^"]*"`)
	plain := func(s string) string { return vary.ReplaceAllString(s, "_") }
	words := []string{"pon", " c", " DAMAG", " KIND", " year", "va"} // " 2017" is two tokens here
	six := llmsim.Tape{}
	for _, w := range words {
		six = append(six, llmsim.Text(w))
	}
	paris := llmsim.Tape{llmsim.Text("The capital of France is Paris.")}
	for _, c := range []struct {
		file    string
		dialect llmsim.Dialect
		tape    llmsim.Tape
		extra   []string
	}{
		{"chat_stream_plain_usage", llmsim.VLLM032, six, []string{`"max_tokens":6`, withUsage}},
		{"chat_stream_plain_nousage", llmsim.VLLM032, six, []string{`"max_tokens":6`}},
		{"chat_stream_plain_continuous_usage", llmsim.VLLM032, six, []string{`"max_tokens":6,"stream_options":{"include_usage":true,"continuous_usage_stats":true}`}},
		{"chat_stream_length", llmsim.VLLM032, six, []string{`"max_completion_tokens":1`, withUsage}},
		{"chat_stream_stop_empty", llmsim.VLLM032, llmsim.Tape{llmsim.Text("")}, []string{withUsage}},
		{"v033_chat_stream_plain_usage", llmsim.VLLM033, six, []string{`"max_tokens":6`, withUsage}},
		{"v033_chat_stream_plain_nousage", llmsim.VLLM033, six, []string{`"max_tokens":6`}},
		{"rust_stream_usage", llmsim.Rust032, six, []string{`"max_tokens":6`, withUsage}},
		{"rust_stream_continuous", llmsim.Rust032, six, []string{`"max_tokens":6,"stream_options":{"include_usage":true,"continuous_usage_stats":true}`}},
		{"ollama-stream_usage", llmsim.Ollama, paris, []string{withUsage}},
	} {
		sim := serve(t, llmsim.Config{Speed: -1, Dialect: c.dialect, Answer: func(*llmsim.Chat) string { return "" }})
		sim.sim.NextTape(c.tape)
		_, got, err := sim.chat(ask("x", c.extra...))
		if err != nil {
			t.Fatal(err)
		}
		want := strings.ReplaceAll(fixture(t, "real/"+c.file+".sse"), " 2017", " year")
		if plain(got) != plain(want) {
			t.Errorf("%s:\n got %s\nwant %s", c.file, plain(got), plain(want))
		}
	}
}

// One event is one HTTP chunk.
func TestAnEventIsAnHTTPChunk(t *testing.T) {
	raw := fixture(t, "real/chat_stream_plain_usage.http")
	sizes := regexp.MustCompile(`(?m)^[0-9a-f]+\r$`)
	want := len(sizes.FindAllString(raw, -1))
	sim := llmsim.New(llmsim.Config{Speed: -1})
	sim.NextTape(llmsim.Tape{llmsim.Text("pon"), llmsim.Text(" c"), llmsim.Text(" D"), llmsim.Text(" K"), llmsim.Text(" 2017"), llmsim.Text("va")})
	conn := rawConn(t, sim)
	body := ask("x", `"max_tokens":6`, withUsage)
	go func() {
		_, _ = io.WriteString(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: "+itoa(len(body))+"\r\n\r\n"+body)
	}()
	all, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(sizes.FindAll(all, -1)); got != want || !bytes.Contains(all, []byte("Server: uvicorn")) {
		t.Errorf("%d chunks, want %d: %s", got, want, all)
	}
}
