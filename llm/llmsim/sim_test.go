package llmsim_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/llm/llmsim"
)

// client talks to a simulated server in memory.
type client struct {
	t   *testing.T
	sim *llmsim.Server
	c   *http.Client
}

func serve(t *testing.T, cfg llmsim.Config) *client {
	t.Helper()
	sim := llmsim.New(cfg)
	return &client{t: t, sim: sim, c: inMemory(t, sim)}
}

// do sends a request and returns what came, however it ended.
func (c *client) do(ctx context.Context, method, path, body string) (*http.Response, string, error) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "http://sim"+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.c.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return resp, string(b), err
}

func (c *client) chat(body string) (*http.Response, string, error) {
	c.t.Helper()
	return c.do(c.t.Context(), http.MethodPost, "/v1/chat/completions", body)
}

// ask is the body of a streamed question.
func ask(question string, extra ...string) string {
	q, _ := json.Marshal(question) //nolint:errchkjson // a string
	var more strings.Builder
	for _, e := range extra {
		more.WriteString("," + e)
	}
	return `{"model":"llmsim","messages":[{"role":"user","content":` + string(q) + `}],"stream":true` + more.String() + `}`
}

const withUsage = `"stream_options":{"include_usage":true}`

// answer is what a naive reader makes of a stream.
type answer struct {
	text, thought, finish string
	roles, events         int
	usage                 struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
		Total      int `json:"total_tokens"`
	}
	done bool
	fail string
}

func read(t *testing.T, stream string) answer {
	t.Helper()
	var a answer
	sc := bufio.NewScanner(strings.NewReader(stream))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		data, ok := strings.CutPrefix(strings.TrimRight(sc.Text(), "\r"), "data:")
		if data = strings.TrimSpace(data); !ok {
			continue
		}
		if data == "[DONE]" {
			a.done = true
			continue
		}
		a.events++
		var ev struct {
			Choices []struct {
				Delta struct {
					Role, Content, Reasoning string
					ReasoningContent         string `json:"reasoning_content"`
				}
				Finish string `json:"finish_reason"`
			}
			Usage *json.RawMessage
			Error *json.RawMessage
		}
		if err := json.Unmarshal([]byte(data), &ev); err != nil {
			t.Fatalf("event %q: %v", data, err)
		}
		if ev.Error != nil {
			a.fail = string(*ev.Error)
		}
		if ev.Usage != nil && string(*ev.Usage) != "null" {
			if err := json.Unmarshal(*ev.Usage, &a.usage); err != nil {
				t.Fatal(err)
			}
		}
		for _, ch := range ev.Choices {
			if ch.Delta.Role != "" {
				a.roles++
			}
			a.text += ch.Delta.Content
			a.thought += max(ch.Delta.Reasoning, ch.Delta.ReasoningContent)
			a.finish += ch.Finish
		}
	}
	return a
}

func TestStreamTakesItsTimeAndCountsExactly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serve(t, llmsim.Config{Speed: 50, FirstToken: 300 * time.Millisecond})
		start := time.Now()
		resp, body, err := c.chat(ask("Please write 600 tokens about tea", withUsage))
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(start)
		if got := resp.Header.Get("Content-Type"); got != "text/event-stream; charset=utf-8" {
			t.Errorf("content type %q", got)
		}
		a := read(t, body)
		if a.usage.Completion != 600 || a.usage.Total != a.usage.Prompt+600 {
			t.Errorf("usage %+v, want 600 completion tokens", a.usage)
		}
		if want := 300*time.Millisecond + 599*20*time.Millisecond; took != want {
			t.Errorf("took %v, want %v", took, want)
		}
		if a.finish != "stop" || !a.done || a.roles != 1 {
			t.Errorf("finish %q, done %v, roles %d", a.finish, a.done, a.roles)
		}
		last := c.sim.Last()
		if last.Tokens != 600 || last.Finish != "stop" || !last.Ended || last.Cancel || last.Prompt != a.usage.Prompt {
			t.Errorf("record: %d tokens, finish %q, ended %v, cancel %v, prompt %d", last.Tokens, last.Finish, last.Ended, last.Cancel, last.Prompt)
		}
		if c.sim.Running() != 0 {
			t.Error("still running")
		}
	})
}

func TestAnswersFitTheQuestion(t *testing.T) {
	ask := func(ms ...llmsim.Message) string { return llmsim.DefaultAnswer(&llmsim.Chat{Messages: ms}) }
	user := func(s string) llmsim.Message { return llmsim.Message{Role: "user", Content: s} }
	for name, c := range map[string]struct {
		got  string
		want []string
	}{
		"words":    {ask(user("What is tea, in 3 words?")), []string{"."}},
		"say":      {ask(user("say: <!channel> `x`")), []string{"<!channel> `x`"}},
		"thread":   {ask(user("Anna: What is tea?"), llmsim.Message{Role: "assistant", Content: "Leaves."}, user("Ben: And coffee?")), []string{"**Ben**", "You asked before: “What is tea?”", "1 earlier question ", "Anna, Ben"}},
		"code":     {ask(user("Show me some code")), []string{"```go"}},
		"table":    {ask(user("Compare tea and coffee")), []string{"|---|"}},
		"list":     {ask(user("How do I make tea?")), []string{"1. "}},
		"greeting": {ask(user("hello")), []string{"Hello"}},
		"nothing":  {ask(), []string{"no question"}},
	} {
		for _, w := range c.want {
			if !strings.Contains(c.got, w) {
				t.Errorf("%s: %q is not in %q", name, w, c.got)
			}
		}
	}
	if got := len(strings.Fields(ask(user("What is tea, in 3 words?")))); got != 3 {
		t.Errorf("%d words", got)
	}
	for _, n := range []int{1, 2, 3, 10, 25, 40, 77, 156, 600, 2000} {
		text := ask(user("write " + itoa(n) + " tokens about ships"))
		if got := llmsim.CountTokens(text); got != n-1 { // the end token is the last
			t.Errorf("%d tokens asked: %d + 1", n, got)
		}
	}
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) } //nolint:errchkjson // an int

func FuzzTokens(f *testing.F) {
	f.Add("Hello, world!  Größe 12345\n\n| a |---| 😀\xff")
	f.Fuzz(func(t *testing.T, s string) {
		toks := llmsim.Tokens(s)
		if strings.Join(toks, "") != s {
			t.Fatalf("%q became %q", s, toks)
		}
		if llmsim.CountTokens(s) != len(toks) {
			t.Fatal("the counts differ")
		}
	})
}

func TestNewerTurnsKeepThePrefixCached(t *testing.T) {
	c := serve(t, llmsim.Config{Speed: -1, PromptDetails: true})
	first := `{"role":"user","content":"` + strings.Repeat("The quick brown fox. ", 20) + `"}`
	if _, _, err := c.chat(`{"messages":[` + first + `],"stream":true}`); err != nil {
		t.Fatal(err)
	}
	one := c.sim.Last()
	_, body, err := c.chat(`{"messages":[` + first + `,{"role":"assistant","content":"ok"},{"role":"user","content":"More."}],"stream":true,` + withUsage + `}`)
	if err != nil {
		t.Fatal(err)
	}
	two := c.sim.Last()
	if one.Cached != 0 || two.Cached < one.Prompt-20 || two.Cached%16 != 0 || two.Cached >= two.Prompt {
		t.Errorf("cached %d then %d of %d and %d", one.Cached, two.Cached, one.Prompt, two.Prompt)
	}
	if !bytes.Contains([]byte(body), []byte(`"cached_tokens":`+itoa(two.Cached))) {
		t.Error("usage does not say it")
	}
}
