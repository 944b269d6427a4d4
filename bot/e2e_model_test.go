package bot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

func TestServerThatIsAwayAtTheStart(t *testing.T) {
	for name, mode := range map[string]llmsim.Mode{
		"refusing": llmsim.Refusing, "502": llmsim.BadGateway, "503": llmsim.Unavailable, "loading": llmsim.Loading, "draining": llmsim.Draining, "dead": llmsim.EngineDead,
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, worldConfig{mode: mode, model: llmsim.Config{Speed: 50}}, func(t *testing.T, w *world) {
				ts := w.ask("alice", "general", "", "in 5 words")
				w.says("general", ts, "I will answer as soon as it is there again.", 10*time.Second)
				w.logged("model_away", "hint=")
				time.Sleep(4 * time.Minute)
				w.model.SetMode(llmsim.Up)
				w.until("the answer comes by itself", 15*time.Second, func() bool { return footers(w.answers("general", ts)) == 1 })
				got := w.answers("general", ts)
				oneFooter(t, got)
				size(t, "messages", got, 1)
				hasNot(t, got[0].Plain, "as soon as")
			})
		})
	}
}

func TestServerThatGoesAwayInMidAnswer(t *testing.T) {
	for name, tape := range map[string]llmsim.Tape{
		"cut": {llmsim.Cut()}, "eof": {llmsim.EOF()}, "abort": {llmsim.Finish("abort")}, "engine death": {llmsim.EngineDeath()},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, worldConfig{model: llmsim.Config{Speed: 20}}, func(t *testing.T, w *world) {
				ts := w.ask("alice", "general", "", "write 200 tokens")
				time.Sleep(5 * time.Second)
				w.model.SetMode(llmsim.Refusing)
				if n := w.model.Interrupt(tape); n != 1 {
					t.Fatalf("%d running", n)
				}
				part := w.says("general", ts, "I will answer as soon as it is there again.", 10*time.Second)
				has(t, text(part), "ou asked")
				time.Sleep(time.Minute)
				w.model.SetMode(llmsim.Up)
				got := w.answered("general", ts, 1)
				oneFooter(t, got)
				all := text(got)
				size(t, "messages", got, 1)
				hasNot(t, all, "as soon as")
				has(t, all, "200 tokens in ")
			})
		})
	}
}

func TestFailuresAreSaidPlainly(t *testing.T) {
	reply := func(code int, body string) llmsim.Tape {
		return llmsim.Tape{llmsim.Reply(code, "application/json", body)}
	}
	tests := map[string]struct {
		tape        llmsim.Tape
		times       int
		says, hints string
	}{
		"unauthorized": {reply(401, `{"error":"Unauthorized"}`), 1, "access", "LLM_API_KEY"},
		"no model":     {reply(404, `{"error":{"message":"The model `+"`nosuch`"+` does not exist.","type":"NotFoundError","code":404}}`), 1, "model", "LLM_MODEL"},
		"bad request":  {reply(400, `{"error":{"message":"temperature must be non-negative","type":"BadRequestError","code":400}}`), 1, "request", "LLM_TEMPERATURE"},
		"web page":     {llmsim.Tape{llmsim.Reply(200, "text/html", "<html>Hello http://127.0.0.1</html>")}, 1, "", "LLM_BASE_URL"},
		"empty":        {llmsim.Tape{llmsim.Finish("stop")}, 1, "", "chat template"},
		"reason only":  {llmsim.Tape{llmsim.Reason("zq thinking"), llmsim.Finish("length")}, 1, "", "LLM_MAX_TOKENS"},
		"cut twice":    {llmsim.Tape{llmsim.Text("Half an answer"), llmsim.Cut()}, 2, "Half an answer", "broke off"},
		"eof twice":    {llmsim.Tape{llmsim.Text("Half an answer"), llmsim.EOF()}, 2, "Half an answer", "broke off"},
		"aborted":      {llmsim.Tape{llmsim.Text("Half an answer"), llmsim.Finish("abort")}, 2, "Half an answer", "gave the request up"},
		"silent":       {llmsim.Tape{llmsim.Text("Half an answer"), llmsim.Stall()}, 2, "Half an answer", "LLM_IDLE_TIMEOUT"},
		"never":        {llmsim.Tape{llmsim.Stall()}, 2, "", "LLM_FIRST_TOKEN_TIMEOUT"},
		"in stream":    {llmsim.Tape{llmsim.Text("Half an answer"), llmsim.Fail(400, "BadRequestError", "at http://127.0.0.1:8000 EOF")}, 2, "Half an answer", "hint="},
		"context":      {reply(400, `{"error":{"message":"This model's maximum context length is 100 tokens. However, your request has 200 input tokens.","type":"BadRequestError","param":"input_tokens","code":400}}`), 1, "", "--max-model-len"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inWorld(t, worldConfig{model: llmsim.Config{Speed: 50}}, func(t *testing.T, w *world) {
				for range tt.times {
					w.model.NextTape(tt.tape)
				}
				ts := w.ask("alice", "general", "", "hello")
				w.until("the log has the end", 30*time.Minute, func() bool { return strings.Contains(w.log.String(), "answer_failed") })
				w.logged("answer_failed", tt.hints)
				got := w.answers("general", ts)
				size(t, "messages", got, 1)
				has(t, got[0].Plain, tt.says)
				hasNot(t, got[0].Plain, "writing…", "zq", "nosuch")
				if !strings.Contains(got[0].Plain, ".") || footers(got) > 1 {
					t.Errorf("no sentence in %q", got[0].Plain)
				}
				w.answered("general", w.ask("alice", "general", "", "in 5 words"), 1) // it goes on
			})
		})
	}
}

func TestPromptThatIsTooLongIsTrimmedOnce(t *testing.T) {
	inWorld(t, worldConfig{model: llmsim.Config{Speed: 2000, MaxModelLen: 700}}, func(t *testing.T, w *world) {
		w.slack.Fail(slacksim.Fault{Method: "none"})
		ts := w.ask("alice", "general", "", "in 5 words")
		w.answered("general", ts, 1)
		for i := range 30 {
			w.slack.Say("bob", "general", ts, fmt.Sprintf("remark %d: %s", i, strings.Repeat("a b c d e f g h i j ", 4)))
		}
		w.ask("alice", "general", ts, "the last question in 7 words")
		got := w.answered("general", ts, 2)
		has(t, text(got), "Older messages of this thread were left out")
		atMost(t, "requests", w.model.Total(), 3)
		m := w.model.Last().Chat.Messages
		has(t, m[len(m)-1].Content, "the last question")
	})
}

func TestReasoningIsNeverVisible(t *testing.T) {
	tests := map[string]struct {
		model llmsim.Config
		tapes []llmsim.Tape
	}{
		"fields": {model: llmsim.Config{Speed: 50}, tapes: []llmsim.Tape{{llmsim.Reason("hidden thought zq " + strings.Repeat("more ", 60)), llmsim.Text("The answer is 42.")}}},
		"tags":   {model: llmsim.Config{Speed: 50, Wire: llmsim.Wire{ThinkTags: true, Ragged: true}}, tapes: []llmsim.Tape{{llmsim.Reason("hidden thought zq " + strings.Repeat("more ", 60)), llmsim.Text("The answer is 42.")}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inWorld(t, worldConfig{model: tt.model}, func(t *testing.T, w *world) {
				w.model.NextTape(tt.tapes...)
				ts := w.ask("alice", "general", "", "hello")
				got := w.answered("general", ts, 1)
				for _, m := range got {
					for _, v := range m.Versions {
						hasNot(t, v.Plain, "hidden")
						hasNot(t, v.Text, "hidden")
					}
				}
				oneFooter(t, got)
			})
		})
	}
	t.Run("retracted", func(t *testing.T) {
		inWorld(t, worldConfig{model: llmsim.Config{Speed: 20}}, func(t *testing.T, w *world) {
			w.model.NextTape(llmsim.Tape{llmsim.Text("hidden thought " + strings.Repeat("more ", 100)), llmsim.Text("</think>\n\nThe answer is 42.")})
			ts := w.ask("alice", "general", "", "hello")
			got := w.answered("general", ts, 1)
			hasNot(t, text(got), "hidden")
			has(t, text(got), "The answer is 42.")
		})
	})
}

func TestModelTextIsDead(t *testing.T) {
	const evil = "Hi <!channel> and <!here>, <@U0ALICE001>, <@U0BOB00001|bob>, <#C0GENERAL1>, <https://evil.example/x|safe.example> @channel @here " +
		"https://evil.example/?q=1 ![img](https://evil.example/i.png)\n\n```\n<!channel> <@U0ALICE001>\n```\n\n`<!everyone>`"
	inWorld(t, worldConfig{model: llmsim.Config{Speed: 15, Wire: llmsim.Wire{Ragged: true}, Answer: func(*llmsim.Chat) string { return evil }}}, func(t *testing.T, w *world) {
		oneFooter(t, w.answered("general", w.ask("alice", "general", "", "hello"), 1))
	})
}

func TestLongAnswersAreComplete(t *testing.T) {
	t.Parallel()
	for _, size := range []int{13_000, 40_000} { // two pages, and four
		for name, unit := range map[string]string{"prose": "Sentence %d is here and says a thing. ", "emoji": "第%d句 😀👩‍👩‍👧 是中文。 ", "html": "<p>%d && <b></p> "} {
			t.Run(fmt.Sprintf("%d %s", size, name), func(t *testing.T) {
				var b strings.Builder
				n := 0
				for ; b.Len() < size; n++ {
					fmt.Fprintf(&b, unit, n)
					if n%7 == 6 {
						b.WriteString("\n\n")
					}
				}
				inWorld(t, worldConfig{model: llmsim.Config{Speed: 3000, Answer: func(*llmsim.Chat) string { return b.String() }}}, func(t *testing.T, w *world) {
					ts := w.ask("alice", "general", "", "hello")
					got := w.answered("general", ts, 1)
					oneFooter(t, got)
					if len(got) < 2 && name != "emoji" || len(got) < 2 && size > 20_000 {
						t.Errorf("%d messages", len(got))
					}
					complete(t, text(got), unit, n)
				})
			})
		}
	}
}

// complete fails unless the numbered units are all there, in order, each once.
func complete(t *testing.T, all, unit string, n int) {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(all)) {
		if !strings.Contains(line, "first token ") && !strings.HasPrefix(line, "writing…") {
			b.WriteString(strings.Join(strings.Fields(line), "")) // a message may end anywhere
		}
	}
	all = b.String()
	at := 0
	for i := range n {
		want := strings.Join(strings.Fields(fmt.Sprintf(unit, i)), "")
		k := strings.Index(all[at:], want)
		if k < 0 {
			t.Fatalf("%d of %d (%q) is missing or not in order (present: %v)", i, n, want, strings.Contains(all, want))
		}
		if strings.Count(all, want) != 1 {
			t.Fatalf("%q is there %d times", want, strings.Count(all, want))
		}
		at += k
	}
}
