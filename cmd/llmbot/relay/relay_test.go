package relay_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/cmd/llmbot/relay"
	"llmbot/llm/llmsim"
)

// sim is a simulated server below the path /inner.
func sim(cfg llmsim.Config) (*llmsim.Server, http.Handler) {
	s := llmsim.New(cfg)
	return s, http.StripPrefix("/inner", s)
}

func TestStreamPassesAtOnceAndIsCounted(t *testing.T) {
	server, h := sim(llmsim.Config{Speed: 40, FirstToken: 300 * time.Millisecond, APIKey: "hunter2"})
	play(t, h, func(t *testing.T, s *stage) {
		began := time.Now()
		resp, err := s.ask(t.Context(), "POST", "/v1/chat/completions", question)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		first := time.Duration(0)
		for n := 0; lines.Scan(); {
			if strings.Contains(lines.Text(), `"content":"`) && !strings.Contains(lines.Text(), `"content":""`) {
				n++
				if first == 0 {
					first = time.Since(began)
				}
				if n == 20 { // in the middle
					synctest.Wait()
					st := s.relay.State()
					if len(st.Answers) != 1 || st.Running != 1 || st.Answers[0].Done || st.Answers[0].Tokens != 20 || st.Rate < 9 || st.Rate > 11 {
						t.Errorf("in the middle: %+v", st)
					}
				}
			}
		}
		if first != 300*time.Millisecond {
			t.Errorf("the first token came after %s", first)
		}
		synctest.Wait()
		st := s.relay.State()
		if a := st.Answers[0]; st.Running != 0 || !a.Done || a.Tokens != server.Last().Tokens || a.TTFT != 0.3 || a.Seconds < 1.2 || a.Seconds > 1.4 || a.Rate != float64(a.Tokens)/a.Seconds {
			t.Errorf("at the end: %+v, the server wrote %d tokens", a, server.Last().Tokens)
		}
		time.Sleep(3 * time.Second)
		if st := s.relay.State(); st.Rate != 0 {
			t.Errorf("3 s later: %+v", st)
		}
		if r := server.Last(); r.Header.Get("Authorization") != "Bearer hunter2" || r.Header.Get("X-Forwarded-For") != "" || string(r.Raw) != question {
			t.Errorf("the server got %v, %s", r.Header, r.Raw)
		}
	})
}

// Without continuous counts events count, and at the end the server's own number.
func TestUsageAtTheEnd(t *testing.T) {
	stream := "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n: ping\n\n" +
		"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\r\n\r\ndata: {\"choices\":[{\"delta\":{\"reasoning_content\":\"b\"}}]}\n\ndata: not JSON\n\ndata: {no JSON}\n\n" +
		"data: {\"choices\":[{\"delta\":{\"content\":\"" + strings.Repeat("x", 100_000) + "\"}}]}\n\n%sdata: [DONE]\n\n"
	for usage, want := range map[string]int{"": 3, "data: {\"choices\":[],\"usage\":{\"completion_tokens\":7}}\n\n": 7, "data: {\"usage\":{\"completion_tokens\":-7}}\n\n": 3} {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			_, _ = fmt.Fprintf(w, stream, usage)
		})
		play(t, h, func(t *testing.T, s *stage) {
			resp, err := s.ask(t.Context(), "POST", "/v1/chat/completions", question)
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if want := fmt.Sprintf(stream, usage); string(b) != want {
				t.Errorf("%d bytes came, %d were sent", len(b), len(want))
			}
			synctest.Wait()
			if st := s.relay.State(); len(st.Answers) != 1 || st.Answers[0].Tokens != want {
				t.Errorf("%q: %+v", usage, st.Answers)
			}
		})
	}
}

// An answer is done when a finish reason or [DONE] came; one that ended without either is cut.
func TestCut(t *testing.T) {
	const text = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n"
	for stream, done := range map[string]bool{
		text: false,
		text + "data: {\"choices\":[{\"delta\":{\"content\":\"[DONE]\"},\"finish_reason\":\"\"}]}\n\n": false,
		text + "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n":                   true,
		text + "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\r\n\r\n":             true,
		text + "data: [DONE]\n\n": true,
		text + "data:[DONE]\r\n":  true,
	} {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, stream)
		})
		play(t, h, func(t *testing.T, s *stage) {
			resp, err := s.ask(t.Context(), "POST", "/v1/chat/completions", question)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			synctest.Wait()
			if st := s.relay.State(); len(st.Answers) != 1 || st.Answers[0].Done != done || st.Answers[0].Cut == done || st.Running != 0 {
				t.Errorf("%q: %+v", stream, st)
			}
		})
	}
	_, h := sim(llmsim.Config{Speed: 10})
	play(t, h, func(t *testing.T, s *stage) { // the bot is killed in mid-answer
		ctx, cancel := context.WithCancel(t.Context())
		resp, err := s.ask(ctx, "POST", "/v1/chat/completions", question)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if a := s.relay.State().Answers[0]; a.Done || a.Cut {
			t.Errorf("in the middle: %+v", a)
		}
		cancel()
		_ = resp.Body.Close()
		time.Sleep(time.Second)
		if a := s.relay.State().Answers[0]; a.Done || !a.Cut || a.Tokens == 0 {
			t.Errorf("%+v", a)
		}
	})
}

// When the bot hangs up, the request at the server ends.
func TestHangUp(t *testing.T) {
	server, h := sim(llmsim.Config{Speed: 10})
	play(t, h, func(t *testing.T, s *stage) {
		ctx, cancel := context.WithCancel(t.Context())
		resp, err := s.ask(ctx, "POST", "/v1/chat/completions", question)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = resp.Body.Read(make([]byte, 100))
		cancel()
		_ = resp.Body.Close()
		time.Sleep(time.Second)
		synctest.Wait()
		if !server.Last().Cancel || server.Running() != 0 || s.relay.State().Running != 0 {
			t.Errorf("the server goes on: %+v", server.Last())
		}
	})
}

// When the server breaks off, so does what the bot reads, and no clean end is made of it.
func TestServerBreaksOff(t *testing.T) {
	server, h := sim(llmsim.Config{Speed: 10})
	play(t, h, func(t *testing.T, s *stage) {
		resp, err := s.ask(t.Context(), "POST", "/v1/chat/completions", question)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		server.Interrupt(llmsim.Tape{llmsim.Cut()})
		if _, err := io.ReadAll(resp.Body); err == nil {
			t.Error("the stream ended well")
		}
		_ = resp.Body.Close()
	})
}

func TestDead(t *testing.T) {
	_, h := sim(llmsim.Config{Speed: 10})
	play(t, h, func(t *testing.T, s *stage) {
		resp, err := s.ask(t.Context(), "POST", "/v1/chat/completions", question)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		s.relay.SetKnob(relay.Dead)
		if _, err := io.ReadAll(resp.Body); err == nil {
			t.Error("the running stream ended well")
		}
		_ = resp.Body.Close()
		for _, path := range []string{"/v1/chat/completions", "/health", "/metrics"} {
			if _, err := s.ask(t.Context(), "POST", path, "{}"); err == nil || !strings.Contains(err.Error(), "connection refused") {
				t.Errorf("%s: %v", path, err)
			}
		}
		if s.relay.SetKnob("broken") || s.relay.State().Knob != relay.Dead {
			t.Errorf("another knob: %s", s.relay.Knob())
		}
		s.relay.SetKnob(relay.OK)
		if resp, err = s.ask(t.Context(), "GET", "/health", ""); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("it does not come back: %v", err)
		}
		_ = resp.Body.Close()
	})
}

// A slow server's stream comes one event after the other, whole, and goes on at once when it is
// well again.
func TestSlow(t *testing.T) {
	_, h := sim(llmsim.Config{Speed: -1})
	play(t, h, func(t *testing.T, s *stage) {
		s.relay.SetKnob(relay.Slow)
		began := time.Now()
		resp, err := s.ask(t.Context(), "POST", "/v1/chat/completions", question)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text := new(strings.Builder)
		for i, lines := 0, bufio.NewScanner(resp.Body); lines.Scan(); i++ {
			text.WriteString(lines.Text() + "\n")
			if i == 20 { // ten events
				if took := time.Since(began); took < 10*relay.SlowBy || took > 12*relay.SlowBy {
					t.Errorf("ten events took %s", took)
				}
				s.relay.SetKnob(relay.OK)
			}
		}
		if took := time.Since(began); took > 14*relay.SlowBy {
			t.Errorf("it took %s in all", took)
		}
		if !strings.HasSuffix(text.String(), "data: [DONE]\n\n") || strings.Count(text.String(), `"content"`) < 40 {
			t.Errorf("not whole:\n%s", text)
		}
		// Who waits for it may go.
		s.relay.SetKnob(relay.Slow)
		ctx, cancel := context.WithTimeout(t.Context(), relay.SlowBy/2)
		defer cancel()
		if resp, err := s.ask(ctx, "POST", "/v1/chat/completions", question); err == nil {
			_, err = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
		}
	})
}

// The bot is told what the way to the server was like: which server it was, and why it did not
// answer.
func TestUnreachable(t *testing.T) {
	why := errors.New("dial tcp 10.1.2.3:8000: connect: connection refused\r\nX-Evil: 1")
	play(t, http.NotFoundHandler(), func(t *testing.T, s *stage) {
		_, err := s.ask(t.Context(), "POST", "/v1/chat/completions", question)
		if err == nil || !strings.Contains(err.Error(), "a kind\n of "+why.Error()) {
			t.Errorf("%v", err)
		}
		if st := s.relay.State(); len(st.Answers) != 0 || st.Running != 0 {
			t.Errorf("%+v", st)
		}
	}, func(c *relay.Config) {
		c.Via, c.Kind = failing{why}, func(error) string { return "a kind\n of " }
	})
}

type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

// What the server answers passes as it is; it cannot pass for the relay, and its redirects say
// where they lead.
func TestAnswersPass(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Llmbot-Relay-Failure", "forged")
		w.Header().Set("Retry-After", "7")
		switch r.URL.Path {
		case "/inner/v1/models":
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		default:
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, r.Host)
		}
	})
	play(t, h, func(t *testing.T, s *stage) {
		resp, err := s.ask(t.Context(), "GET", "/tok%2Fenize?a=b%2Fc", "")
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(b) != "GET /inner/tok%2Fenize?a=b%2Fc gpu:8000" || resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "7" {
			t.Errorf("%d %v %s", resp.StatusCode, resp.Header, b)
		}
		s.bot.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		if resp, err = s.ask(t.Context(), "GET", "/v1/models", ""); err != nil {
			t.Fatal(err)
		}
		if to, err := resp.Location(); err != nil || to.String() != "http://gpu:8000/elsewhere" {
			t.Errorf("%v, %v", to, err)
		}
		_ = resp.Body.Close()
	})
}

// Who does not know the path does not reach the server.
func TestOnlyTheBotReachesTheServer(t *testing.T) {
	server, h := sim(llmsim.Config{})
	play(t, h, func(t *testing.T, s *stage) {
		for _, path := range []string{"", "/", "/v1/models", "/v1/chat/completions", s.relay.Path() + "x/v1/models", "/x/.." + s.relay.Path() + "/v1/models", s.relay.Path()} {
			resp, err := s.stranger.Post("http://relay"+path, "application/json", strings.NewReader(question))
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %d", path, resp.StatusCode)
			}
		}
		if server.Total() != 0 {
			t.Errorf("%d requests came through", server.Total())
		}
	})
}

// The server's queue is looked at while somebody looks, and not more often than once a second.
func TestWaiting(t *testing.T) {
	var mu sync.Mutex // guards looks and answer
	looks, answer := 0, error(nil)
	looked := func() int {
		mu.Lock()
		defer mu.Unlock()
		return looks
	}
	waiting := func(context.Context) (float64, error) {
		mu.Lock()
		defer mu.Unlock()
		looks++
		return 7, answer
	}
	play(t, http.NotFoundHandler(), func(t *testing.T, s *stage) {
		time.Sleep(time.Minute)
		if n := looked(); n != 0 {
			t.Errorf("%d looks that nobody asked for", n)
		}
		s.relay.State() // it may know the queue already: the look that it asks for is quick
		for range 50 {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			if st := s.relay.State(); st.Waiting == nil || *st.Waiting != 7 {
				t.Fatalf("%+v", st)
			}
		}
		if n := looked(); n < 4 || n > 6 {
			t.Errorf("%d looks in 5 s", n)
		}
		time.Sleep(time.Minute)
		if st := s.relay.State(); st.Waiting != nil {
			t.Error("a look of a minute ago counts")
		}
		mu.Lock()
		looks, answer = 0, errors.ErrUnsupported
		mu.Unlock()
		for range 60 {
			time.Sleep(time.Second)
			synctest.Wait()
			if n := looked(); s.relay.State().Waiting != nil && n > 0 {
				t.Fatal("a queue that nobody knows")
			}
		}
		if n := looked(); n < 1 || n > 3 {
			t.Errorf("%d looks in a minute at a server that does not tell", n)
		}
	}, func(c *relay.Config) { c.Waiting = waiting })
}

// Many answers, hang-ups and knobs at once: all is counted, and nothing is left.
func TestHammer(t *testing.T) {
	server, h := sim(llmsim.Config{Speed: 400})
	play(t, h, func(t *testing.T, s *stage) {
		var all sync.WaitGroup
		for i := range 60 {
			all.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				time.Sleep(time.Duration(i) * 10 * time.Millisecond)
				if i%5 == 0 {
					time.AfterFunc(30*time.Millisecond, cancel)
				}
				if resp, err := s.ask(ctx, "POST", "/v1/chat/completions", question); err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
			})
		}
		for i, k := range []relay.Knob{relay.Slow, relay.OK, relay.Dead, relay.OK, relay.Slow, relay.Dead, relay.OK} {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 60 * time.Millisecond)
				s.relay.SetKnob(k)
				if st := s.relay.State(); len(st.Answers) > relay.MostAnswers {
					t.Errorf("%d answers", len(st.Answers))
				}
			})
		}
		all.Wait()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if st := s.relay.State(); st.Running != 0 || len(st.Answers) == 0 || st.Rate != 0 || server.Running() != 0 {
			t.Errorf("%+v; the server runs %d", st, server.Running())
		}
	})
}
