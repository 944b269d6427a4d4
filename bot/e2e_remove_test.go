package bot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

// TestDeletedQuestionTakesItsAnswer: an answer that has ended goes with its question, unless somebody else has written after it.
func TestDeletedQuestionTakesItsAnswer(t *testing.T) {
	cfg := func() worldConfig {
		return worldConfig{slack: slacksim.Config{Latency: 50 * time.Millisecond}, model: llmsim.Config{Speed: 400, Answer: echo(3)}}
	}
	for _, channel := range []string{"general", "@alice"} {
		t.Run("opens its thread, "+channel, func(t *testing.T) {
			inWorld(t, cfg(), func(t *testing.T, w *world) {
				ts := w.ask("alice", channel, "", "apples")
				w.answered(channel, ts, 1)
				time.Sleep(time.Minute)
				w.delete("alice", channel, ts)
				time.Sleep(10 * time.Second)
				size(t, "messages", w.answers(channel, ts), 0)
				w.requests(w.model.Total(), "it is gone")
			})
		})
	}
	t.Run("a follow-up; the first answer stays, and so does what is asked next", func(t *testing.T) {
		inWorld(t, cfg(), func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "apples")
			w.answered("general", ts, 1)
			next := w.slack.Say("alice", "general", ts, "and plums")
			w.answered("general", ts, 2)
			w.slack.Say("alice", "general", ts, "and pears")
			w.answered("general", ts, 3)
			w.delete("alice", "general", next)
			time.Sleep(10 * time.Second)
			all := text(w.answers("general", ts))
			hasNot(t, all, "plums")
			times(t, all, "apples indeed", 3)
			times(t, all, "pears indeed", 3)
			w.slack.Say("alice", "general", ts, "and cherries")
			w.answered("general", ts, 3)
			_, prompt := conversation(w.model.Last().Chat)
			hasNot(t, prompt, "plums")
		})
	})
	t.Run("others have written after it", func(t *testing.T) {
		inWorld(t, cfg(), func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "apples")
			w.answered("general", ts, 1)
			w.slack.Say("bob", "general", ts, "Good to know!")
			time.Sleep(time.Second)
			w.delete("alice", "general", ts)
			time.Sleep(10 * time.Second)
			times(t, text(w.answers("general", ts)), "apples indeed", 3)
			w.requests(1, "what somebody else has said is no question to the bot, although it is alone in the thread now")
		})
	})
	t.Run("a message that was no question", func(t *testing.T) {
		inWorld(t, cfg(), func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "apples")
			w.answered("general", ts, 1)
			more := w.slack.Say("bob", "general", ts, "Good to know!")
			time.Sleep(time.Second)
			w.delete("bob", "general", more)
			time.Sleep(10 * time.Second)
			times(t, text(w.answers("general", ts)), "apples indeed", 3)
		})
	})
	t.Run("two at once", func(t *testing.T) {
		inWorld(t, cfg(), func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "apples")
			w.answered("general", ts, 1)
			next := w.slack.Say("alice", "general", ts, "and plums")
			w.answered("general", ts, 2)
			w.delete("alice", "general", next)
			w.delete("alice", "general", ts)
			time.Sleep(20 * time.Second)
			size(t, "messages", w.answers("general", ts), 0)
		})
	})
	t.Run("several messages long", func(t *testing.T) {
		c := cfg()
		c.model.Speed, c.model.Answer = 20_000, func(*llmsim.Chat) string {
			var b strings.Builder
			for i := range 1000 {
				fmt.Fprintf(&b, "Line %d of all.\n\n", i)
			}
			return b.String()
		}
		inWorld(t, c, func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "apples")
			time.Sleep(2 * time.Minute)
			if n := len(w.answers("general", ts)); n < 2 {
				t.Fatalf("%d messages", n)
			}
			w.delete("alice", "general", ts)
			time.Sleep(time.Minute)
			size(t, "messages", w.answers("general", ts), 0)
		})
	})
}

// TestRemove: who asked can take an answer back, and nobody else can.
func TestRemove(t *testing.T) {
	cfg := func() worldConfig {
		return worldConfig{slack: slacksim.Config{Latency: 50 * time.Millisecond}, model: llmsim.Config{Speed: 400, Answer: echo(3)}}
	}
	t.Run("the newest, and then the one before", func(t *testing.T) {
		inWorld(t, cfg(), func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "apples")
			w.answered("general", ts, 1)
			w.slack.Say("alice", "general", ts, "and plums")
			w.answered("general", ts, 2)
			w.slack.Say("alice", "general", ts, "!remove")
			time.Sleep(10 * time.Second)
			all := text(w.answers("general", ts))
			times(t, all, "apples indeed", 3)
			hasNot(t, all, "plums")
			w.slack.Say("alice", "general", ts, "!delete")
			time.Sleep(10 * time.Second)
			size(t, "messages", w.answers("general", ts), 0)
			w.slack.Say("alice", "general", ts, "!remove")
			time.Sleep(10 * time.Second)
			has(t, w.whispers("alice"), "no finished answer to you")
			w.requests(2, "nothing is answered anew")
		})
	})
	t.Run("Slack does not remove it", func(t *testing.T) {
		inWorld(t, cfg(), func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "apples")
			w.answered("general", ts, 1)
			w.slack.Fail(slacksim.Fault{Method: "chat.delete", Times: -1, Status: 503})
			w.slack.Say("alice", "general", ts, "!remove")
			time.Sleep(2 * time.Minute)
			size(t, "messages", w.answers("general", ts), 1)
			has(t, w.whispers("alice"), "could not remove my answer")
			w.logged("answer_not_removed")
			hasNot(t, w.log.String(), "msg=answer_removed")
		})
	})
	t.Run("of somebody else", func(t *testing.T) {
		inWorld(t, cfg(), func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "apples")
			w.answered("general", ts, 1)
			w.slack.Say("bob", "general", ts, "!remove")
			time.Sleep(10 * time.Second)
			times(t, text(w.answers("general", ts)), "apples indeed", 3)
			has(t, w.whispers("bob"), "no finished answer to you")
		})
	})
	t.Run("outside of a thread", func(t *testing.T) {
		inWorld(t, cfg(), func(t *testing.T, w *world) {
			w.slack.Say("alice", "@alice", "", "!remove")
			time.Sleep(5 * time.Second)
			has(t, w.whispers("alice"), "in the thread of the answer")
		})
	})
	t.Run("while another is written", func(t *testing.T) {
		c := cfg()
		c.model.Speed, c.model.Answer = 40, echo(20)
		inWorld(t, c, func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "apples")
			w.answered("general", ts, 1)
			w.slack.Say("alice", "general", ts, "and plums")
			w.says("general", ts, "plums indeed", time.Minute)
			w.slack.Say("alice", "general", ts, "!remove") // the newest that has ended by then
			time.Sleep(time.Minute)
			size(t, "answers", w.answers("general", ts), 1)
		})
	})
}
