package llm

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
)

// slow writes each piece after its pause, and then holds the connection until the client goes.
func slow(pieces ...any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for _, p := range pieces {
			switch p := p.(type) {
			case time.Duration:
				select {
				case <-time.After(p):
				case <-r.Context().Done():
					return
				}
			case string:
				_, _ = io.WriteString(w, p)
				_ = http.NewResponseController(w).Flush()
			}
		}
		<-r.Context().Done()
	})
}

func TestTimers(t *testing.T) {
	whole := textEvent("Hi") + stopEvent + doneEvent
	ping := ": keep-alive\n\n"
	var pings []any
	for range 20 {
		pings = append(pings, 30*time.Second, ping)
	}
	for name, c := range map[string]struct {
		pieces []any
		kind   string
		took   time.Duration
		text   string
	}{
		"headers late, as SGLang":    {[]any{9 * time.Minute, whole}, "ok", 9 * time.Minute, "Hi"},
		"silent from the start":      {[]any{time.Hour}, "silent", 10 * time.Minute, ""},
		"pings are no tokens":        {append(pings, pings...), "silent", 10 * time.Minute, ""},
		"pings, then an answer":      {append(append([]any{}, pings[:30]...), whole), "ok", 450 * time.Second, "Hi"},
		"role chunk, then silence":   {[]any{deltaEvent(`{"role":"assistant","content":""}`), 9 * time.Minute, whole}, "ok", 9 * time.Minute, "Hi"},
		"silent in the middle":       {[]any{textEvent("He"), 59 * time.Second, textEvent("llo"), time.Hour}, "silent", 119 * time.Second, "Hello"},
		"a long answer":              {[]any{time.Second, textEvent("a"), 50 * time.Second, textEvent("b"), 50 * time.Second, whole}, "ok", 101 * time.Second, "abHi"},
		"nothing after the finish":   {[]any{textEvent("Hi"), stopEvent}, "ok", tailTimeout, "Hi"},
		"connection kept after done": {[]any{whole}, "ok", drainTimeout, "Hi"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := recordedClient(t, slow(c.pieces...), Config{Model: "m"})
				start := time.Now()
				got := ask(t.Context(), client, Request{})
				if kindName(got.err) != c.kind || got.text != c.text {
					t.Errorf("%q %v", got.text, got.err)
				}
				if took := time.Since(start); took < c.took || took > c.took+drainTimeout {
					t.Errorf("took %v, want %v", took, c.took)
				}
			})
		})
	}
}

func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := recordedClient(t, slow(2*time.Second, deltaEvent(`{"role":"assistant","content":""}`), time.Second, deltaEvent(`{"reasoning":"hm"}`),
			3*time.Second, textEvent("Hi"), 4*time.Second, stopEvent, time.Second, doneEvent), Config{Model: "m"})
		got := ask(t.Context(), c, Request{})
		r := got.res
		if got.err != nil || r.TTFT != 3*time.Second || r.Thought != 3*time.Second || r.Elapsed != 10*time.Second {
			t.Errorf("%+v %v", r, got.err)
		}
	})
}

func TestDeadlineOfTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := recordedClient(t, slow(textEvent("Hi"), time.Hour), Config{Model: "m"})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if got := ask(ctx, c, Request{}); !errors.Is(got.err, context.DeadlineExceeded) || got.text != "Hi" {
			t.Errorf("%+v", got)
		}
	})
}

// TestHammer runs many streams of one client at once, of which some are cancelled, some cut, and some change the shared state.
func TestHammer(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case strings.HasSuffix(r.URL.Path, "/models"):
			_, _ = io.WriteString(w, `{"data":[{"id":"a","max_model_len":100}]}`)
		case strings.Contains(string(body), `"cut"`):
			_, _ = io.WriteString(w, textEvent("Hi"))
		case strings.Contains(string(body), `"think"`):
			_, _ = io.WriteString(w, textEvent("hm</think>Hi")+stopEvent+doneEvent)
		default:
			_, _ = io.WriteString(w, strings.Repeat(textEvent("Hi"), 20)+stopEvent+doneEvent)
		}
	})
	c := recordedClient(t, h, Config{})
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			names := []string{"", "cut", "think", "stop"}
			for j := range 10 {
				name := names[(i+j)%len(names)]
				n := 0
				_, err := c.Stream(ctx, Request{Model: name, Messages: []Message{{Role: RoleUser, Content: "hi"}}}, func(Delta) error {
					if n++; name == "stop" && n == 3 {
						return io.ErrClosedPipe
					}
					return nil
				})
				want := map[string]string{"": "ok", "cut": "cut", "think": "ok", "stop": "other"}[name]
				if kindName(err) != want {
					t.Errorf("%s: %v", name, err)
				}
				if _, err := c.Model(ctx, ""); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
