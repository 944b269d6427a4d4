package bot_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

// TestGivenStreams: what servers really stream is shown right, or said; never a structural token, and never silently as complete.
func TestGivenStreams(t *testing.T) {
	for name, tt := range map[string]struct {
		says, hides string
		requests    int
	}{
		"harmony whole":       {"It is 4.", "The user asks", 1},
		"end token":           {"Hi", "sentence", 1},
		"in a fence":          {"<|im_end|>", "Done.<|", 1},
		"half surrogates":     {"Yes 😀!", "�", 1},
		"second thoughts":     {"Part two.", "Two", 1},
		"lone end":            {"Part two.", "think", 1},
		"content filter":      {"A content filter of the model server ended the answer", "", 1},
		"odd finish":          {"for a reason that I do not know (max_thinking)", "", 1},
		"bare harmony":        {"It is 4.", "The user asks", 1},
		"bare end":            {"It is 4.", "The user asks", 1},
		"medgemma":            {"4", "The user asks", 1},
		"marks in a table":    {"Magistral", "length", 1},
		"a bomb of ends":      {"it went on repeating itself", "</s></s>", 1},
		"harmony call":        {"Yes, in words.", "path", 2},
		"bare call":           {"Yes, in words.", "functions", 2},
		"exaone":              {"Yes", "endofturn", 1},
		"apriel":              {"4", "The user asks", 1},
		"begin":               {"Hi there.", "<s> Hi", 1},
		"loud finish":         {"It is 4.", "do not know", 1},
		"phi call":            {"Yes, in words.", "functools", 2},
		"endless call":        {"Yes, in words.", "again", 2},
		"tool call":           {"Yes, in words.", "tool", 2},
		"foreign tool":        {"Yes, in words.", "tool", 2},
		"answer in reasoning": {"The model thought about it and then gave an empty answer.", "Canberra", 2}, // nobody switched thinking off
	} {
		for _, channel := range []string{"general", "@alice"} {
			t.Run(name+" in "+channel, func(t *testing.T) {
				inWorld(t, worldConfig{model: llmsim.Config{Speed: 200, Reasoning: true}}, func(t *testing.T, w *world) {
					second := llmsim.Tape{llmsim.Text("Yes, in words.")}
					if name == "answer in reasoning" {
						second = llmsim.Given()[name]
					}
					w.model.NextTape(llmsim.Given()[name], second)
					ts := w.slack.Say("alice", channel, "", w.slack.Mention()+" hello")
					w.says(channel, ts, tt.says, 5*time.Minute)
					time.Sleep(10 * time.Second)
					got := w.answers(channel, ts)
					size(t, "messages", got, 1)
					has(t, text(got), tt.says)
					if tt.hides != "" {
						hasNot(t, text(got), tt.hides)
					}
					w.requests(tt.requests, "as often as it may")
					if q := fmt.Sprint(w.model.Last().Chat.Messages); strings.Contains(q, "You have no tools here") != (tt.says == "Yes, in words.") {
						t.Errorf("asked %s", q)
					}
				})
			})
		}
	}
}

// TestToolTwice: the model is told once that there are no tools, and then the person is.
func TestToolTwice(t *testing.T) {
	inWorld(t, worldConfig{model: llmsim.Config{Speed: 200}}, func(t *testing.T, w *world) {
		w.model.NextTape(llmsim.Given()["foreign tool"], llmsim.Given()["tool call"])
		ts := w.ask("alice", "general", "", "hello")
		got := w.says("general", ts, "The model tried to use a tool, and it has none here.", time.Minute)
		is(t, "buttons", fmt.Sprint(got[0].Buttons()), "[llmbot_regenerate]")
		w.requests(2, "and no more")
	})
}

// TestLoopIsStopped: an answer, or thoughts, that repeat without end are ended and cut to one period, also where it was streamed; and they go on
// without the check if a person wants more.
func TestLoopIsStopped(t *testing.T) {
	for _, channel := range []string{"general", "@alice"} {
		t.Run(channel, func(t *testing.T) {
			inWorld(t, worldConfig{slack: slacksim.Config{Latency: 100 * time.Millisecond}, model: llmsim.Config{Speed: 100}}, func(t *testing.T, w *world) {
				again := llmsim.Tape{llmsim.Text(strings.Repeat("Then restart it and look again.\n", 100)), llmsim.Text("At last it works.")}
				w.model.NextTape(llmsim.Given()["loop behind text"], again)
				ts := w.slack.Say("alice", channel, "", w.slack.Mention()+" hello")
				w.says(channel, ts, "it went on repeating itself", 5*time.Minute)
				time.Sleep(10 * time.Second)
				got := w.answers(channel, ts)
				size(t, "messages", got, 1)
				has(t, text(got), "First, look at the log.")
				times(t, text(got), "Then restart it", 1)
				is(t, "buttons", fmt.Sprint(got[0].Buttons()), "[llmbot_continue llmbot_regenerate]")
				is(t, "running requests", w.model.Running(), 0)
				atMost(t, "tokens", w.model.Last().Tokens, 700)
				streamedOrEdited(t, got)
				w.click("alice", channel, got[0].TS, bot.PressContinue)
				w.until("it goes on", 5*time.Minute, func() bool { return strings.Contains(text(w.answers(channel, ts)), "At last it works.") })
				time.Sleep(10 * time.Second)
				is(t, "times", strings.Count(text(w.answers(channel, ts)), "Then restart it"), 101)
				hasNot(t, text(w.answers(channel, ts)), "repeating itself")
			})
		})
	}
	inWorld(t, worldConfig{model: llmsim.Config{Speed: 100, Reasoning: true}}, func(t *testing.T, w *world) {
		w.model.NextTape(llmsim.Given()["loop of thoughts"])
		ts := w.ask("alice", "general", "", "hello")
		got := w.says("general", ts, "it went on repeating its thoughts", 5*time.Minute)
		is(t, "buttons", fmt.Sprint(got[0].Buttons()), "[llmbot_regenerate]")
		w.requests(1, "nobody asks again by himself")
	})
}

// TestRetryAfter: a gateway that says for how long it wants to be left alone is, and people are told; nobody waits for what takes too long.
func TestRetryAfter(t *testing.T) {
	date := func(d time.Duration) string { return time.Now().Add(d).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT") }
	for name, header := range map[string]func() string{"seconds": func() string { return "17" }, "a date": func() string { return date(17 * time.Second) }} {
		t.Run(name, func(t *testing.T) {
			cfg := worldConfig{model: llmsim.Config{Speed: 200}}
			cfg.bot.MaxAnswers = 1
			inWorld(t, cfg, func(t *testing.T, w *world) {
				w.model.NextTape(llmsim.Tape{llmsim.Busy(header())})
				ts := w.ask("alice", "general", "", "hello")
				w.says("general", ts, "It asks to wait for 1", 5*time.Second)
				other := w.ask("bob", "general", "", "in 5 words")
				w.answered("general", other, 1) // the slot is free
				w.answered("general", ts, 1)
				var asked []time.Time
				for _, r := range w.model.Requests() {
					if r.Chat == nil || strings.Contains(fmt.Sprint(r.Chat.Messages), "hello") {
						asked = append(asked, r.At)
					}
				}
				if gap := asked[len(asked)-1].Sub(asked[0]); gap < 15*time.Second || gap > 19*time.Second {
					t.Errorf("asked again after %s", gap)
				}
			})
		})
	}
	inWorld(t, worldConfig{model: llmsim.Config{Speed: 200}}, func(t *testing.T, w *world) {
		w.model.NextTape(llmsim.Tape{llmsim.Busy("1500")})
		ts := w.ask("alice", "general", "", "hello")
		got := w.says("general", ts, "It asks to wait for 25 min. Please ask again after that.", 5*time.Second)
		time.Sleep(time.Hour)
		w.requests(1, "it is not asked again")
		if !slices.Equal(got[0].Buttons(), []string{"llmbot_regenerate"}) {
			t.Errorf("buttons %v", got[0].Buttons())
		}
	})
}

// TestFirstWord: where the first visible word comes long after the first token, the footer says both.
func TestFirstWord(t *testing.T) {
	inWorld(t, worldConfig{model: llmsim.Config{Speed: 50, Reasoning: true}}, func(t *testing.T, w *world) {
		w.model.NextTape(llmsim.Tape{llmsim.Reason(strings.Repeat("Let me think of this. ", 20)), llmsim.Text("It is 4.")}, llmsim.Tape{llmsim.Text("It is 5.")})
		ts := w.ask("alice", "general", "", "hello")
		got := text(w.answered("general", ts, 1))
		has(t, got, "first token 0.0s, first word 2.", "It is 4.")
		ts = w.ask("alice", "general", "", "hello")
		hasNot(t, text(w.answered("general", ts, 1)), "first word")
	})
}
