package bot_test

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

// TestStatusForWhomItMayConcern: the command tells members how the server is, and those who may not
// ask that they may not.
func TestStatusForWhomItMayConcern(t *testing.T) {
	inWorld(t, worldConfig{model: llmsim.Config{MaxModelLen: 131_072}, bot: bot.Config{Policy: bot.Policy{Deny: []string{"U0BOB00001"}}}}, func(t *testing.T, w *world) {
		for user, want := range map[string]string{
			"alice": "Context length: 131,072 tokens (128k)",
			"gina":  "I don't answer guests",
			"bob":   "I may not answer you",
		} {
			m, err := w.slack.Command(t.Context(), user, "general", "/llm-status", "")
			if err != nil {
				t.Fatal(err)
			}
			has(t, strings.ReplaceAll(m.Plain, "&#39;", "'"), want)
		}
	})
}

// statusOf is what the command shows.
func (w *world) statusOf(text string) string {
	w.t.Helper()
	began := time.Now()
	m, err := w.slack.Command(w.t.Context(), "alice", "general", "/llm-status", text)
	if err != nil {
		w.t.Fatal(err)
	}
	atMost(w.t, "the status took", time.Since(began), 3*time.Second)
	return m.Plain
}

// number finds a figure in a text.
func number(t *testing.T, text, re string) float64 {
	t.Helper()
	m := regexp.MustCompile(re).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no %s in\n%s", re, text)
	}
	n, err := strconv.ParseFloat(strings.ReplaceAll(m[1], ",", ""), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.Abs(got-want) > want*within {
		t.Errorf("%s is %.2f, want %.2f within %.0f %%", what, got, want, 100*within)
	}
}

// TestStatusFiguresAgree: with known speeds, one and ten at once.
func TestStatusFiguresAgree(t *testing.T) {
	for _, at := range []int{1, 10} {
		t.Run(fmt.Sprint(at, " at once"), func(t *testing.T) {
			cfg := worldConfig{watch: true, model: llmsim.Config{Speed: 40, FirstToken: 500 * time.Millisecond, PromptDetails: true, Answer: func(*llmsim.Chat) string { return prose(600) }}}
			cfg.slack.Limiter, cfg.edits = slacksim.LimiterOff, 6000
			inWorld(t, cfg, func(t *testing.T, w *world) {
				time.Sleep(2 * time.Minute)
				s := w.statusOf("")
				has(t, s, "System throughput (all together): idle", "no answer yet")
				var asked []string
				for range at {
					asked = append(asked, w.ask("alice", "general", "", "write"))
				}
				time.Sleep(12 * time.Second)
				busy := w.statusOf("")
				near(t, "the throughput in mid-answer", number(t, busy, `System throughput \(all together\): ([\d.,]+) tok/s`), float64(at)*40*11.5/12, 0.1)
				near(t, "running", number(t, busy, `Requests: (\d+) running`), float64(at), 0)
				if want := fmt.Sprintf("shared by %d", at); !strings.Contains(busy, want) {
					t.Errorf("no %q in %s", want, busy)
				}
				for _, ts := range asked {
					w.answered("general", ts, 1)
				}
				time.Sleep(20 * time.Second)
				s = w.statusOf("")
				near(t, "the interactive speed", number(t, s, `Interactive speed \(what one person sees\): ([\d.,]+) tok/s median`), 600/15.5, 0.05)
				near(t, "the first token", number(t, s, `first token ([\d.]+)s median`), 0.5, 0.1)
				near(t, "the throughput afterwards", number(t, s, `System throughput \(all together\): ([\d.,]+) tok/s`), float64(at)*600/15.5, 0.1)
				has(t, s, "Model server: up for ", "KV cache 0 %", "Prefix cache: ", "preemptions: 0", "Answers in progress here: 0, queued: 0", "Slack edits in the last minute: ", " of 6000", "up for ")
				has(t, w.statusOf("details"), "First token (TTFT): mean 500 ms (", "Inter-token latency (ITL): mean 25 ms, half within ", "Time in the queue: mean 0 ms (")
				has(t, w.statusOf("help"), "`stop` ends the answer", "`details`")
			})
		})
	}
}

// sameFigures fails unless the status shows the speed and the first token of the one answer that there
// is, as they stand under it.
func (w *world) sameFigures(got []slacksim.Message) {
	w.t.Helper()
	s := w.statusOf("")
	near(w.t, "the interactive speed", number(w.t, s, `Interactive speed \(what one person sees\): ([\d.,]+) tok/s median`), number(w.t, text(got), ` = ([\d.,]+) tok/s`), 0.001)
	near(w.t, "the first token", number(w.t, s, `first token ([\d.]+)s median`), number(w.t, text(got), `first token ([\d.]+)s`), 0.001)
	has(w.t, s, "from sending the request to the last token")
}

// TestStatusIsTheFooter: also of an answer with several requests, in one process or in two.
func TestStatusIsTheFooter(t *testing.T) {
	t.Run("tools", func(t *testing.T) {
		inShed(t, func(w *world, _ *shed, _ *mind) {
			w.sameFigures(w.answered("general", w.ask("alice", "general", "", "call look, post"), 1))
		})
	})
	for _, at := range []time.Duration{1500 * time.Millisecond, 9 * time.Second} {
		t.Run("killed after "+at.String(), func(t *testing.T) {
			cfg := durable()
			cfg.model.FirstToken = 300 * time.Millisecond
			inWorld(t, cfg, func(t *testing.T, w *world) {
				ts := w.ask("alice", "general", "", "count")
				time.Sleep(at)
				w.kill()
				w.again()
				got := w.answered("general", ts, 1)
				time.Sleep(5 * time.Second)
				w.sameFigures(got)
			})
		})
	}
	t.Run("continued", func(t *testing.T) {
		cfg := durable()
		cfg.model.FirstToken, cfg.bot.MaxTokens = 300*time.Millisecond, 100
		inWorld(t, cfg, func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "count")
			got := w.answered("general", ts, 1)
			w.sameFigures(got)
			w.kill() // its own figures are of the first part
			w.again()
			time.Sleep(5 * time.Second)
			w.click("alice", "general", got[len(got)-1].TS, bot.PressContinue)
			time.Sleep(30 * time.Second)
			w.requests(2, "it goes on")
			w.sameFigures(w.answers("general", ts))
		})
	})
}

func TestStatusOfAServerThatHangs(t *testing.T) {
	inWorld(t, worldConfig{watch: true, mode: llmsim.Refusing}, func(t *testing.T, w *world) {
		time.Sleep(65 * time.Second)
		has(t, w.statusOf(""), "Model server: down for 1 min. The model server is not reachable")
		w.model.SetMode(llmsim.Loading)
		time.Sleep(10 * time.Second)
		has(t, w.statusOf(""), "Model server: loading for ")
		w.model.SetMode(llmsim.Hanging)
		time.Sleep(30 * time.Second)
		has(t, w.statusOf("details"), "Model server: down for ")
		w.model.SetMode(llmsim.Up)
		has(t, w.statusOf(""), "Model server: up")
	})
}

func TestCharts(t *testing.T) {
	t.Parallel()
	for name, refused := range map[string]bool{"drawn": false, "refused": true} {
		t.Run(name, func(t *testing.T) {
			cfg := worldConfig{watch: true, model: llmsim.Config{Speed: 40, Answer: numbered(30)}, slack: slacksim.Config{NoCharts: refused}}
			inWorld(t, cfg, func(t *testing.T, w *world) {
				for range 22 {
					w.answered("general", w.ask("alice", "general", "", "write"), 1)
					time.Sleep(50 * time.Second)
				}
				for round := range 2 {
					w.statusOf("")
					time.Sleep(3 * time.Second)
					e := w.slack.Ephemerals("alice")
					last := e[len(e)-2] // the figures stand below
					has(t, e[len(e)-1].Plain, "Model server: up for", "Two speeds")
					size(t, "ephemeral messages", e, 2*(round+1))
					is(t, "charts are drawn", strings.Contains(fmt.Sprint(last.Blocks), "data_visualization"), !refused)
					if refused {
						has(t, last.Plain, "█", "System throughput", "running")
					}
				}
				want := 2 // each one was taken
				if refused {
					want = 3 // the first try was not
				}
				is(t, "responses", len(w.slack.Calls("response_url")), want)
				ts := w.ask("alice", "general", "", "hello")
				w.answered("general", ts, 1)
				w.slack.Say("alice", "general", ts, "!status")
				time.Sleep(3 * time.Second)
				e := w.slack.Ephemerals("alice")
				is(t, "thread of the report", e[len(e)-1].ThreadTS, ts)
				has(t, e[len(e)-1].Plain, "Model server: up", "█")
				if err := w.slack.OpenHome("alice"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(3 * time.Second)
				home, ok := w.slack.Home("alice")
				is(t, "there is a Home tab", ok, true)
				is(t, "its charts are drawn", strings.Contains(fmt.Sprint(home.Blocks), "data_visualization"), !refused)
				has(t, home.Plain, "Two speeds")
				_ = w.slack.OpenHome("alice")
				time.Sleep(3 * time.Second)
				if again, _ := w.slack.Home("alice"); len(again.Versions) != 1 {
					t.Errorf("%d versions within a minute", len(again.Versions))
				}
				time.Sleep(time.Minute)
				_ = w.slack.OpenHome("alice")
				time.Sleep(3 * time.Second)
				if again, _ := w.slack.Home("alice"); len(again.Versions) != 2 {
					t.Errorf("%d versions", len(again.Versions))
				}
			})
		})
	}
}

// TestStatusWithHugeMetrics: a page of metrics that is too large costs the bot nothing, and the
// status says so; the rest of it is there.
func TestStatusWithHugeMetrics(t *testing.T) {
	inWorld(t, worldConfig{watch: true, model: llmsim.Config{MaxModelLen: 131_072}}, func(t *testing.T, w *world) {
		w.model.SetMode(llmsim.HugeMetrics)
		time.Sleep(time.Minute)
		began := time.Now()
		for range 3 {
			got := w.statusOf("details")
			has(t, strings.ReplaceAll(got, "&#39;", "'"), "Model server: up", "Context length: 131,072", "/metrics page is too large")
		}
		atMost(t, "three commands took", time.Since(began), 2*time.Second)
		w.model.SetMode(llmsim.Up)
	})
}

// TestPhaseWhileTheEndIsShown: a thread whose last words wait for Slack says so in the debug pages.
func TestPhaseWhileTheEndIsShown(t *testing.T) {
	inWorld(t, worldConfig{model: llmsim.Config{Speed: 20}}, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "write 60 tokens")
		time.Sleep(2 * time.Second)
		w.slack.Fail(slacksim.Fault{Method: "chat.update", Delay: 5 * time.Second})
		w.until("the end is being shown", time.Minute, func() bool {
			all := w.bot.Threads()
			return len(all) == 1 && all[0].Phase == bot.ThreadClosing && all[0].Ask == ts
		})
		w.answered("general", ts, 1)
	})
}
