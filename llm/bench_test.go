package llm

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/sashabaranov/go-openai"
)

// benchBody is a stream of n chunks as vLLM 0.33 sends them with continuous usage.
func benchBody(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		b.WriteString(`data: {"id":"chatcmpl-a872a377fb554747","object":"chat.completion.chunk","created":1795444253,"model":"openai/gpt-oss-120b","choices":` +
			`[{"index":0,"delta":{"content":" token"},"logprobs":null,"finish_reason":null,"token_ids":null}],"usage":{"prompt_tokens":39,"total_tokens":40,` +
			`"completion_tokens":` + strconv.Itoa(i+1) + `,"completion_tokens_details":null},"kv_transfer_params":null}` + "\n\n")
	}
	b.WriteString(stopEvent + doneEvent)
	return b.Bytes()
}

const benchChunks = 1000

// BenchmarkRecv is go-openai alone; BenchmarkStream is this client on the same bytes. Issue 13: at
// most 4 µs a chunk. One run shows both: go test -bench 'Recv|Stream' ./llm
func BenchmarkRecv(b *testing.B) {
	cfg := openai.DefaultConfig("")
	cfg.BaseURL, cfg.HTTPClient = "http://m.test/v1", &http.Client{Transport: bodyClient(benchBody(benchChunks))}
	c := openai.NewClientWithConfig(cfg)
	b.ReportAllocs()
	for b.Loop() {
		s, err := c.CreateChatCompletionStream(b.Context(), openai.ChatCompletionRequest{Model: "m"})
		if err != nil {
			b.Fatal(err)
		}
		for {
			if _, err := s.Recv(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
		_ = s.Close()
	}
	perChunk(b)
}

func BenchmarkStream(b *testing.B) {
	c, err := New(Config{BaseURL: "http://m.test", Model: "m", HTTP: &http.Client{Transport: bodyClient(benchBody(benchChunks))}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Stream(b.Context(), Request{}, func(Delta) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	perChunk(b)
}

func perChunk(b *testing.B) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchChunks, "ns/chunk")
}

// BenchmarkThousandStreams is what one second of 1,000 streams at 50 tokens a second costs (50,000 chunks over in-memory connections), for
// a bare reader of server-sent events and for this client. cores is the share of one core that the second takes.
func BenchmarkThousandStreams(b *testing.B) {
	const streams, each = 1000, 50
	body := benchBody(each)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(body)
	})
	bare := func(ctx context.Context, hc *http.Client, _ *Client) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://m.test/v1/chat/completions", strings.NewReader("{}"))
		if err != nil {
			return err
		}
		resp, err := hc.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			if bytes.Equal(lines.Bytes(), []byte("data: [DONE]")) {
				break
			}
		}
		return lines.Err()
	}
	ours := func(ctx context.Context, _ *http.Client, c *Client) error {
		_, err := c.Stream(ctx, Request{}, func(Delta) error { return nil })
		return err
	}
	for name, one := range map[string]func(context.Context, *http.Client, *Client) error{"bare": bare, "client": ours} {
		b.Run(name, func(b *testing.B) {
			hc := serve(b, h)
			c, err := New(Config{BaseURL: "http://m.test", Model: "m", HTTP: hc})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				for range streams {
					if err := one(b.Context(), hc, c); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "cores")
		})
	}
}
