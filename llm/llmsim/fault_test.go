package llmsim_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/llm/llmsim"
)

func TestEachDialectTellsTheSame(t *testing.T) {
	for _, d := range llmsim.Dialects() {
		c := serve(t, llmsim.Config{Speed: -1, Dialect: d, Reasoning: true})
		c.sim.NextTape(llmsim.Tape{llmsim.Reason("Let me think."), llmsim.Text("Hi there, world!")}, llmsim.Tape{llmsim.Text("Hi there, world!")})
		_, body, err := c.chat(ask("x", withUsage))
		if err != nil {
			t.Fatalf("%s: %v", d, err)
		}
		a := read(t, body)
		if a.text != "Hi there, world!" || a.thought != "Let me think." || a.finish != "stop" || !a.done || a.usage.Completion != 10 {
			t.Errorf("%s: %+v\n%s", d, a, body)
		}
		_, body, err = c.chat(`{"messages":[{"role":"user","content":"x"}]}`)
		if err != nil || !strings.Contains(body, `"content":"Hi there, world!"`) || !strings.Contains(body, `"completion_tokens":6`) {
			t.Errorf("%s: whole: %v %s", d, err, body)
		}
	}
}

func TestEachWireTellsTheSame(t *testing.T) {
	for name, w := range map[string]llmsim.Wire{
		"crlf": {CRLF: true}, "no space": {NoSpace: true}, "event lines": {EventLines: true}, "ragged": {Ragged: true}, "tail": {TextInFinish: true},
		"usage last": {UsageInLast: true}, "empty deltas": {EmptyDeltas: true}, "interval": {Interval: 4}, "keep alive": {KeepAlive: time.Millisecond},
	} {
		c := serve(t, llmsim.Config{Speed: -1, Wire: w})
		c.sim.NextTape(llmsim.Tape{llmsim.Wait(3 * time.Millisecond), llmsim.Text("Hi there, world! How are you?")})
		_, body, err := c.chat(ask("x", withUsage))
		a := read(t, body)
		if err != nil || a.text != "Hi there, world! How are you?" || a.finish != "stop" || !a.done || a.usage.Completion != c.sim.Last().Tokens {
			t.Errorf("%s: %v %+v\n%s", name, err, a, body)
		}
	}
	c := serve(t, llmsim.Config{Speed: -1, Wire: llmsim.Wire{ThinkTags: true, Ragged: true}})
	_, body, err := c.chat(ask("x"))
	if a := read(t, body); err != nil || !strings.HasPrefix(a.text, "<think>\n") || !strings.Contains(a.text, "</think>\n\nYou asked") {
		t.Errorf("tags: %v %q", err, a.text)
	}
}

func TestFaults(t *testing.T) {
	const said = "some text"
	text := llmsim.Text(said)
	for name, c := range map[string]struct {
		tape llmsim.Tape
		cut  bool
		has  string
		done bool
	}{
		"cut":           {llmsim.Tape{text, llmsim.Cut()}, true, "", false},
		"clean end":     {llmsim.Tape{text, llmsim.EOF()}, false, "", false},
		"engine death":  {llmsim.Tape{text, llmsim.EngineDeath()}, false, `data: {"error": {"message": "EngineCore encountered`, true},
		"error first":   {llmsim.Tape{llmsim.EngineDeath()}, false, `data: {"error": {`, true},
		"harmony":       {llmsim.Tape{text, llmsim.HarmonyError()}, false, "Unexpected token 200002", true},
		"abort":         {llmsim.Tape{text, llmsim.Finish("abort")}, false, `"finish_reason":"abort"`, true},
		"stop, no text": {llmsim.Tape{llmsim.Finish("stop")}, false, `"delta":{"content":""}`, true},
		"all reasoning": {llmsim.Tape{llmsim.Reason("thinking"), llmsim.Finish("length")}, false, `"delta":{"reasoning":"g"}`, true},
		"html":          {llmsim.Tape{llmsim.Nginx502()}, false, "502 Bad Gateway", false},
		"raw":           {llmsim.Tape{llmsim.Raw("data: {\"x\":1\n\n"), llmsim.Comment("hm"), llmsim.Done()}, false, ": hm", true},
		"refused":       {llmsim.Tape{llmsim.Refuse()}, true, "", false},
	} {
		sim := serve(t, llmsim.Config{Speed: -1, Reasoning: true})
		sim.sim.NextTape(c.tape)
		_, body, err := sim.chat(ask("x", withUsage))
		if (err != nil) != c.cut || !strings.Contains(body, c.has) || strings.Contains(body, "[DONE]") != c.done {
			t.Errorf("%s: %v\n%s", name, err, body)
		}
	}
}

func TestSilenceAndSlowHeadersInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serve(t, llmsim.Config{Wire: llmsim.Wire{KeepAlive: time.Second}})
		c.sim.NextTape(llmsim.Tape{llmsim.HoldHeaders(7 * time.Second), llmsim.Text("a")}, llmsim.Tape{llmsim.Text("a"), llmsim.Stall()})
		start := time.Now()
		if _, _, err := c.chat(ask("x")); err != nil || time.Since(start) < 7*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10500*time.Millisecond)
		defer cancel()
		_, body, err := c.do(ctx, http.MethodPost, "/v1/chat/completions", ask("x"))
		if !errors.Is(err, context.DeadlineExceeded) || strings.Count(body, ": keep-alive\n\n") != 10 {
			t.Errorf("%v %q", err, body)
		}
		synctest.Wait()
		if !c.sim.Last().Cancel || c.sim.Cancelled() != 1 || c.sim.Running() != 0 {
			t.Errorf("cancelled %d, running %d", c.sim.Cancelled(), c.sim.Running())
		}
	})
}

func TestQueueAndInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serve(t, llmsim.Config{Parallel: 2, MaxQueued: 4, Speed: 10})
		var wg sync.WaitGroup
		var mu sync.Mutex
		finishes := map[string]int{}
		for range 6 {
			wg.Go(func() {
				resp, body, err := c.chat(ask("write 100 tokens"))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if resp.StatusCode == http.StatusServiceUnavailable {
					finishes["503"]++
					return
				}
				finishes[read(t, body).finish]++
			})
		}
		time.Sleep(5 * time.Second)
		if c.sim.Running() != 2 || c.sim.Waiting() != 2 {
			t.Errorf("running %d, waiting %d", c.sim.Running(), c.sim.Waiting())
		}
		time.Sleep(7 * time.Second) // the first two took 9.9 s
		if n := c.sim.Interrupt(llmsim.Tape{llmsim.Finish("abort")}); n != 2 {
			t.Errorf("%d interrupted", n)
		}
		wg.Wait()
		if finishes["503"] != 2 || finishes["stop"] != 2 || finishes["abort"] != 2 {
			t.Errorf("%v", finishes)
		}
	})
}

func TestRefusalsAsVLLMWordsThem(t *testing.T) {
	long := strings.Repeat("word ", 600)
	for name, c := range map[string]struct {
		cfg    llmsim.Config
		body   string
		status int
		want   string
	}{
		"http_404_model":                         {llmsim.Config{}, `{"model":"nope","messages":[{"role":"user","content":"x"}]}`, 404, ""},
		"http_401":                               {llmsim.Config{APIKey: "k"}, ask("x"), 401, ""},
		"http_400_emptymessages":                 {llmsim.Config{}, `{"messages":[]}`, 400, ""},
		"http_400_context":                       {llmsim.Config{}, ask(long), 400, ""},
		"http_400_max_tokens_over_model_len":     {llmsim.Config{}, ask("x", `"max_tokens":600`), 400, ""},
		"http_400_max_tokens_0":                  {llmsim.Config{}, ask("x", `"max_tokens":0`), 400, ""},
		"http_400_streamoptions":                 {llmsim.Config{}, `{"messages":[{"role":"user","content":"x"}],` + withUsage + `}`, 400, ""},
		"http_400_temperature":                   {llmsim.Config{}, ask("x", `"temperature":9`), 400, ""},
		"http_400_alternation":                   {llmsim.Config{Strict: true}, `{"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}`, 400, ""},
		"http_400_system_refused":                {llmsim.Config{NoSystem: true}, `{"messages":[{"role":"system","content":"a"}]}`, 400, ""},
		"http_400_image":                         {llmsim.Config{}, `{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}`, 400, ""},
		"http_400_emptybody":                     {llmsim.Config{}, "", 400, "Unsupported Media Type"},
		"http_400_reasoning_effort":              {llmsim.Config{}, ask("x", `"reasoning_effort":"huge"`), 400, ""},
		"rust_context_long":                      {llmsim.Config{Dialect: llmsim.Rust032}, ask(long), 400, "this model's maximum context length is 512 tokens, but the prompt contains"},
		"llamacpp-400_context":                   {llmsim.Config{Dialect: llmsim.LlamaCPP}, ask(long), 400, `"n_ctx":512`},
		"v033_rust_404_model":                    {llmsim.Config{Dialect: llmsim.Rust033}, `{"model":"nope","messages":[{"role":"user","content":"x"}]}`, 404, ""},
		"ollama-404_model":                       {llmsim.Config{Dialect: llmsim.Ollama}, `{"model":"nope","messages":[{"role":"user","content":"x"}]}`, 404, ""},
		"continue and generation prompt at once": {llmsim.Config{}, ask("x", `"continue_final_message":true`), 400, "are not compatible"},
	} {
		c.cfg.MaxModelLen, c.cfg.Model = 512, "tiny"
		sim := serve(t, c.cfg)
		resp, body, err := sim.chat(strings.ReplaceAll(c.body, `"model":"llmsim"`, `"model":"tiny"`))
		if err != nil {
			t.Fatal(err)
		}
		want := c.want
		if want == "" {
			want = strings.TrimSpace(fixture(t, "real/"+name+".json"))
		}
		if resp.StatusCode != c.status || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s\nwant %s", name, resp.StatusCode, body, want)
		}
	}
}

func TestContinueGivesOnlyWhatIsNew(t *testing.T) {
	c := serve(t, llmsim.Config{Speed: -1})
	_, body, err := c.chat(`{"messages":[{"role":"user","content":"say: one two three four"},{"role":"assistant","content":"one two"}],` +
		`"stream":true,"continue_final_message":true,"add_generation_prompt":false}`)
	if a := read(t, body); err != nil || a.text != " three four" {
		t.Errorf("%v %q", err, a.text)
	}
}

func TestStopStringsAndModes(t *testing.T) {
	c := serve(t, llmsim.Config{Speed: -1})
	_, body, err := c.chat(ask("say: one two three four", `"stop":["three"]`))
	if a := read(t, body); err != nil || a.text != "one two " || !strings.Contains(body, `"stop_reason":"three"`) {
		t.Errorf("%v %q", err, body)
	}
	for mode, want := range map[llmsim.Mode]string{
		llmsim.Draining: "500 cannot schedule new futures", llmsim.EngineDead: "500 EngineCore", llmsim.Loading: "503 Loading model",
		llmsim.BadGateway: "502 Bad Gateway", llmsim.Unavailable: "503 Service",
	} {
		c.sim.SetMode(mode)
		resp, body, err := c.chat(ask("x"))
		if err != nil || resp.Status[:3] != want[:3] || !strings.Contains(body, want[4:]) {
			t.Errorf("%d: %v %s", mode, err, body)
		}
	}
	c.sim.SetMode(llmsim.Refusing)
	if _, _, err := c.chat(ask("x")); !errors.Is(err, io.EOF) {
		t.Errorf("refusing: %v", err)
	}
	c.sim.SetMode(llmsim.Hanging)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := c.do(ctx, http.MethodPost, "/v1/chat/completions", ask("x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hanging: %v", err)
	}
}

func TestHammer(t *testing.T) {
	c := serve(t, llmsim.Config{Speed: 2000, Parallel: 4, Reasoning: true})
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for j := range 6 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+(i*j)%40)*time.Millisecond)
				_, _, _ = c.do(ctx, http.MethodPost, "/v1/chat/completions", ask("write 30 tokens", withUsage)) // cancelled or not
				cancel()
				_, m, err := c.do(t.Context(), http.MethodGet, "/metrics", "")
				if err != nil || !strings.Contains(m, "vllm:num_requests_running{") {
					t.Error(err)
				}
				if j == 3 {
					c.sim.Interrupt(llmsim.Tape{llmsim.EngineDeath()})
				}
				c.sim.SetSpeed(float64(1000 + i))
				_ = c.sim.Requests()
			}
		})
	}
	wg.Wait()
	for range 1000 { // the last handlers are just leaving
		if c.sim.Running() == 0 && c.sim.Waiting() == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("running %d, waiting %d", c.sim.Running(), c.sim.Waiting())
}
