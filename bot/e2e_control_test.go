package bot_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

// long is a world in which an answer takes some time.
func long() worldConfig {
	return worldConfig{slack: slacksim.Config{Latency: 50 * time.Millisecond}, model: llmsim.Config{Speed: 20, Answer: numbered(30)}}
}

func (w *world) click(user, channel, ts string, press bot.Press) {
	w.t.Helper()
	if err := w.slack.Click(w.t.Context(), user, channel, ts, "llmbot_"+string(press)); err != nil {
		w.t.Error(err)
	}
}

// stoppedNow fails unless the request ends on the server within a second, and the text stays.
func (w *world) stoppedNow(channel, ts string, stop func()) []slacksim.Message {
	w.t.Helper()
	w.says(channel, ts, "Sentence 3", time.Minute)
	stop()
	time.Sleep(time.Second)
	is(w.t, "requests a second after the stop", w.model.Running(), 0)
	got := w.says(channel, ts, "stopped · ", 10*time.Second)
	has(w.t, text(got), "Sentence 3")
	hasNot(w.t, text(got), "Sentence 29", "writing…")
	times(w.t, text(got), "stopped", 1)
	oneFooter(w.t, got)
	return got
}

func TestStop(t *testing.T) {
	t.Run("button", func(t *testing.T) {
		inWorld(t, long(), func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "count")
			w.until("the first text", time.Minute, func() bool { return len(w.answers("general", ts)) == 1 })
			is(t, "buttons", strings.Join(w.answers("general", ts)[0].Buttons(), " "), "llmbot_stop")
			got := w.stoppedNow("general", ts, func() { w.click("alice", "general", w.answers("general", ts)[0].TS, bot.PressStop) })
			is(t, "buttons", strings.Join(got[0].Buttons(), " "), "llmbot_regenerate")
			w.requests(1, "stopped")
		})
	})
	for _, word := range []string{"stop", "!stop", "Stop!", "STOP."} {
		t.Run(word, func(t *testing.T) {
			inWorld(t, long(), func(t *testing.T, w *world) {
				ts := w.ask("alice", "general", "", "count")
				w.stoppedNow("general", ts, func() { w.slack.Say("alice", "general", ts, word) })
				w.requests(1, "the word is no question")
				w.slack.Say("alice", "general", ts, word)
				time.Sleep(5 * time.Second)
				w.toldOnce("alice", "not writing anything")
			})
		})
	}
	t.Run("by somebody else who is in the thread", func(t *testing.T) {
		inWorld(t, long(), func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "count")
			w.stoppedNow("general", ts, func() { w.slack.Say("bob", "general", ts, w.slack.Mention()+" stop") })
		})
	})
	t.Run("button, by others", func(t *testing.T) {
		inWorld(t, long(), func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "count")
			w.says("general", ts, "Sentence 3", time.Minute)
			w.click("bob", "general", w.answers("general", ts)[0].TS, bot.PressStop)
			time.Sleep(2 * time.Second)
			w.toldOnce("bob", "Only people who have written")
			is(t, "running requests", w.model.Running(), 1)
			w.slack.Say("bob", "general", ts, "oh")
			w.stoppedNow("general", ts, func() { w.click("bob", "general", w.answers("general", ts)[0].TS, bot.PressStop) })
		})
	})
	t.Run("in a direct message", func(t *testing.T) {
		inWorld(t, long(), func(t *testing.T, w *world) {
			ts := w.slack.Say("alice", "@alice", "", "count")
			got := w.stoppedNow("@alice", ts, func() { w.slack.Say("alice", "@alice", ts, "stop") })
			is(t, "buttons", strings.Join(got[0].Buttons(), " "), "llmbot_regenerate")
		})
	})
	t.Run("slack's own button", func(t *testing.T) {
		cfg := long()
		cfg.slack.Agent, cfg.slack.Events = true, append(slacksim.DefaultEvents(), "agent_session_stopped")
		inWorld(t, cfg, func(t *testing.T, w *world) {
			ts := w.slack.Say("alice", "@alice", "", "count")
			w.stoppedNow("@alice", ts, func() {
				if err := w.slack.StopSession("alice", "@alice", ts); err != nil {
					t.Error(err)
				}
			})
		})
	})
	t.Run("before the first token", func(t *testing.T) {
		cfg := long()
		cfg.model.FirstToken = time.Minute
		inWorld(t, cfg, func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "count")
			time.Sleep(2 * time.Second)
			w.slack.Say("alice", "general", ts, "stop")
			w.says("general", ts, "stopped", 5*time.Second)
			is(t, "requests", w.model.Running()+w.model.Waiting(), 0)
		})
	})
	t.Run("with follow-ups that wait", func(t *testing.T) {
		inWorld(t, long(), func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "count")
			w.says("general", ts, "Sentence 3", time.Minute)
			w.slack.Say("alice", "general", ts, "and again")
			time.Sleep(time.Second)
			w.slack.Say("alice", "general", ts, "stop")
			w.says("general", ts, "stopped · ", 10*time.Second)
			w.requests(1, "what waited was stopped, too")
			is(t, "messages", len(w.answers("general", ts)), 1)
			w.slack.Say("alice", "general", ts, "now count")
			w.answered("general", ts, 2)
		})
	})
}

func TestRegenerate(t *testing.T) {
	cfg := long()
	n := 0
	cfg.model.Answer = func(*llmsim.Chat) string { n++; return numbered(max(40-15*n, 5))(nil) }
	cfg.model.Speed = 200
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "count")
		first := w.answered("general", ts, 1)
		is(t, "buttons", strings.Join(first[0].Buttons(), " "), "llmbot_regenerate llmbot_up llmbot_down")
		complete(t, text(first), unit, 25)
		w.click("bob", "general", first[0].TS, bot.PressRegenerate)
		time.Sleep(5 * time.Second)
		size(t, "ephemeral messages", w.slack.Ephemerals("bob"), 1)
		is(t, "requests to the model", w.model.Total(), 1)
		w.click("alice", "general", first[0].TS, bot.PressRegenerate)
		w.until("it is written again", time.Minute, func() bool {
			return w.model.Total() == 2 && footers(w.answers("general", ts)) == 1 && w.model.Running() == 0
		})
		time.Sleep(10 * time.Second)
		got := w.answers("general", ts)
		size(t, "messages", got, 1)
		is(t, "the message", got[0].TS, first[0].TS)
		complete(t, text(got), unit, 10)
		oneFooter(t, got)
		hasNot(t, w.prompt(), "Sentence")
		w.slack.Say("alice", "general", ts, "and now?")
		w.answered("general", ts, 2)
		roles, all := conversation(w.model.Last().Chat)
		is(t, "roles", roles, "suau")
		times(t, all, "Sentence", 10)
		w.click("alice", "general", first[0].TS, bot.PressRegenerate) // an older one
		time.Sleep(10 * time.Second)
		w.toldOnce("alice", "newest answer")
		is(t, "requests to the model", w.model.Total(), 3)
	})
}

// TestRegenerateLongAndShort: an answer that is written again reuses its messages in order; what is
// left over goes.
func TestRegenerateLongAndShort(t *testing.T) {
	cfg := long()
	cfg.slack.Limiter = slacksim.LimiterOff
	cfg.model.Speed = 2000
	sizes := []int{700, 20, 700}
	cfg.model.Answer = func(*llmsim.Chat) string { n := sizes[0]; sizes = sizes[1:]; return numbered(n)(nil) }
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "count")
		first := w.answered("general", ts, 1)
		if len(first) < 2 {
			t.Fatalf("%d messages", len(first))
		}
		anew := func(n, messages int) {
			t.Helper()
			last := w.answers("general", ts)
			before := w.model.Total()
			w.click("alice", "general", last[len(last)-1].TS, bot.PressRegenerate)
			w.until("it is written again", 5*time.Minute, func() bool { return w.model.Total() == before+1 && w.model.Running() == 0 })
			time.Sleep(time.Minute)
			got := w.answers("general", ts)
			size(t, "messages", got, messages)
			is(t, "the message", got[0].TS, first[0].TS)
			complete(t, text(got), unit, n)
			oneFooter(t, got)
		}
		anew(20, 1)
		anew(700, len(first))
	})
}

func TestFeedback(t *testing.T) {
	good, bad := 0, 0
	cfg := long()
	cfg.hooks.Rated = func(up bool) {
		if up {
			good++
		} else {
			bad++
		}
	}
	cfg.model = llmsim.Config{Speed: 200}
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "zq hello")
		got := w.answered("general", ts, 1)
		for _, c := range []struct {
			who string
			p   bot.Press
		}{
			{"alice", bot.PressUp},
			{"alice", bot.PressUp}, // twice is once
			{"alice", bot.PressDown},
			{"alice", bot.PressDown},
			{"alice", bot.PressUp},
			{"alice", bot.PressDown}, // she said both already
			{"bob", bot.PressDown},   // who has written nothing here
		} {
			w.click(c.who, "general", got[0].TS, c.p)
			time.Sleep(time.Second) // events of one moment are handled side by side
		}
		time.Sleep(5 * time.Second)
		is(t, "good ratings", good, 1)
		is(t, "bad ratings", bad, 1)
		var said []string
		for _, m := range w.slack.Ephemerals("alice") {
			said = append(said, m.Text)
		}
		is(t, "words to alice", strings.Join(said, " "), "Thank you, noted. Your rating is changed. Your rating is changed. Your rating is changed.")
		w.logged("answer_rated", "good=true", "/archives/")
		w.requests(1, "a rating is no question")

		w.click("alice", "general", got[0].TS, bot.PressRegenerate)
		w.until("it is written anew", time.Minute, func() bool {
			return w.model.Running() == 0 && footers(w.answers("general", ts)) == 1 && len(w.model.Requests()) > 1
		})
		time.Sleep(5 * time.Second)
		w.click("alice", "general", got[0].TS, bot.PressUp)
		time.Sleep(time.Second)
		is(t, "good ratings, of two answers", good, 2)
	})
}

func TestContinue(t *testing.T) {
	cfg := long()
	cfg.model.Speed = 200
	inWorld(t, cfg, func(t *testing.T, w *world) {
		whole := numbered(30)(nil)
		cut := len(whole) / 2
		w.model.NextTape(llmsim.Tape{llmsim.Text(whole[:cut]), llmsim.Finish("length")}, llmsim.Tape{llmsim.Text(whole[cut:])})
		ts := w.ask("alice", "general", "", "count")
		first := w.says("general", ts, "length limit", time.Minute)
		is(t, "buttons", strings.Join(first[0].Buttons(), " "), "llmbot_continue llmbot_regenerate llmbot_up llmbot_down")
		tokens := w.model.Last().Tokens
		w.click("alice", "general", first[0].TS, bot.PressContinue)
		w.until("it goes on", time.Minute, func() bool { return strings.Contains(text(w.answers("general", ts)), "Sentence 29") })
		time.Sleep(5 * time.Second)
		got := w.answers("general", ts)
		size(t, "messages", got, 1)
		hasNot(t, text(got), "length limit")
		complete(t, text(got), unit, 30)
		oneFooter(t, got)
		if all := tokens + w.model.Last().Tokens; !strings.Contains(text(got), sprintTokens(all)) {
			t.Errorf("not %d tokens: %s", all, text(got)[max(0, len(text(got))-100):])
		}
		for i, v := range got[0].Versions {
			if i > 0 && len(v.Plain)+200 < len(got[0].Versions[i-1].Plain) {
				t.Errorf("version %d lost text: %d bytes after %d", i, len(v.Plain), len(got[0].Versions[i-1].Plain))
			}
		}
		w.slack.Say("alice", "general", ts, "thanks")
		w.answered("general", ts, 2)
		if _, all := conversation(w.model.Last().Chat); strings.Count(all, "Sentence") != 30 {
			t.Errorf("%d sentences in the prompt", strings.Count(all, "Sentence"))
		}
	})
}

func TestWordsInThreads(t *testing.T) {
	inWorld(t, worldConfig{model: llmsim.Config{Speed: 200}}, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "hello")
		w.answered("general", ts, 1)
		w.slack.Say("alice", "general", ts, "!status")
		w.slack.Say("alice", "general", ts, "!help")
		w.slack.Say("bob", "general", "", w.slack.Mention()+" !status")
		w.slack.Say("bob", "@bob", "", "!help")
		time.Sleep(5 * time.Second)
		e := w.slack.Ephemerals("alice")
		size(t, "words to alice", e, 2)
		is(t, "thread of the first one", e[0].ThreadTS, ts)
		has(t, e[0].Plain+e[1].Plain, "Model server: up", "`stop` ends")
		size(t, "words to bob", w.slack.Ephemerals("bob"), 2)
		other := w.slack.Say("carol", "general", "", "lunch?")
		w.slack.Say("carol", "general", other, "!status")
		w.requests(1, "words are no questions")
		size(t, "words in a thread of others", w.slack.Ephemerals("carol"), 0)
	})
}

func sprintTokens(n int) string {
	s := strconv.Itoa(n)
	if len(s) > 3 {
		s = s[:len(s)-3] + "," + s[len(s)-3:]
	}
	return s + " tokens in "
}
