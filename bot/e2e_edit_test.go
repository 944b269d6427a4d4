package bot_test

import (
	"strings"
	"testing"
	"time"

	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

func (w *world) edit(user, channel, ts, text string) {
	w.t.Helper()
	if err := w.slack.Edit(user, channel, ts, text); err != nil {
		w.t.Error(err)
	}
}

func (w *world) delete(user, channel, ts string) {
	w.t.Helper()
	if err := w.slack.Delete(user, channel, ts); err != nil {
		w.t.Error(err)
	}
}

// echo answers with the last line of what was asked, many times.
func echo(lines int) func(*llmsim.Chat) string {
	return func(c *llmsim.Chat) string {
		m := c.Messages[len(c.Messages)-1].Content
		word := m[strings.LastIndex(m, " ")+1:]
		return strings.TrimSpace(strings.Repeat("It is "+word+" indeed.\n\n", lines))
	}
}

func TestEditedQuestion(t *testing.T) {
	cfg := func() worldConfig {
		return worldConfig{slack: slacksim.Config{Latency: 50 * time.Millisecond}, model: llmsim.Config{Speed: 40, Answer: echo(20)}}
	}
	for _, channel := range []string{"general", "@alice"} {
		t.Run("while it streams, "+channel, func(t *testing.T) {
			inWorld(t, cfg(), func(t *testing.T, w *world) {
				ts := w.ask("alice", channel, "", "apples")
				first := w.says(channel, ts, "apples indeed", time.Minute)
				w.edit("alice", channel, ts, w.slack.Mention()+" pears")
				time.Sleep(time.Second)
				is(t, "running requests", w.model.Running(), 1)
				got := w.answered(channel, ts, 1)
				size(t, "messages", got, 1)
				is(t, "the message", got[0].TS, first[0].TS)
				hasNot(t, text(got), "apples")
				times(t, text(got), "pears indeed", 20)
				oneFooter(t, got)
				w.requests(2, "one edit")
			})
		})
		t.Run("finished, "+channel, func(t *testing.T) {
			inWorld(t, cfg(), func(t *testing.T, w *world) {
				ts := w.ask("alice", channel, "", "apples")
				first := w.answered(channel, ts, 1)
				w.edit("alice", channel, ts, w.slack.Mention()+" pears")
				w.says(channel, ts, "pears indeed", time.Minute)
				w.until("it is complete", time.Minute, func() bool { return footers(w.answers(channel, ts)) == 1 && w.model.Running() == 0 })
				time.Sleep(5 * time.Second)
				got := w.answers(channel, ts)
				size(t, "messages", got, 1)
				is(t, "the message", got[0].TS, first[0].TS)
				hasNot(t, text(got), "apples")
				times(t, text(got), "pears indeed", 20)
				oneFooter(t, got)
				w.requests(2, "one edit")
			})
		})
	}
	t.Run("an older one, and what is no edit", func(t *testing.T) {
		inWorld(t, cfg(), func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "apples")
			w.answered("general", ts, 1)
			w.slack.Say("alice", "general", ts, "and plums")
			w.answered("general", ts, 2)
			w.edit("alice", "general", ts, w.slack.Mention()+" pears")
			w.requests(2, "the question before the last")
			link := w.slack.Say("alice", "general", ts, "see https://x.example/a")
			w.answered("general", ts, 3)
			if err := w.slack.UnfurlLink("general", link); err != nil {
				t.Fatal(err)
			}
			w.requests(3, "a preview is no edit")
			other := w.slack.Say("bob", "random", "", "lunch?")
			w.edit("bob", "random", other, "dinner?")
			w.requests(3, "nobody's question")
			w.edit("bob", "random", other, w.slack.Mention()+" what is for dinner?")
			w.answered("random", other, 1)
		})
	})
	t.Run("a follow-up, while the next one waits", func(t *testing.T) {
		inWorld(t, cfg(), func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "apples")
			w.says("general", ts, "apples indeed", time.Minute)
			next := w.slack.Say("alice", "general", ts, "and plums")
			time.Sleep(time.Second)
			w.edit("alice", "general", next, "and cherries")
			w.answered("general", ts, 2)
			w.requests(2, "it had not begun")
			all := text(w.answers("general", ts))
			hasNot(t, all, "plums")
			has(t, all, "cherries indeed")
			times(t, all, "apples indeed", 20)
		})
	})
	t.Run("twice in a row", func(t *testing.T) {
		inWorld(t, cfg(), func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "apples")
			w.says("general", ts, "apples indeed", time.Minute)
			w.edit("alice", "general", ts, w.slack.Mention()+" pears")
			time.Sleep(30 * time.Millisecond)
			w.edit("alice", "general", ts, w.slack.Mention()+" plums")
			got := w.answered("general", ts, 1)
			size(t, "messages", got, 1)
			times(t, text(got), "plums indeed", 20)
			hasNot(t, text(got), "pears")
			time.Sleep(time.Minute)
			oneFooter(t, w.answers("general", ts))
		})
	})
}

func TestDeletedQuestion(t *testing.T) {
	cfg := func() worldConfig {
		return worldConfig{slack: slacksim.Config{Latency: 50 * time.Millisecond}, model: llmsim.Config{Speed: 40, Answer: echo(20)}}
	}
	gone := func(t *testing.T, w *world, channel, ts string, messages int) {
		t.Helper()
		time.Sleep(time.Second)
		is(t, "requests that run a second after it was deleted", w.model.Running(), 0)
		time.Sleep(10 * time.Second)
		size(t, "messages", w.answers(channel, ts), messages)
		w.requests(w.model.Total(), "it is gone")
	}
	for _, channel := range []string{"general", "@alice"} {
		t.Run("opens its thread, "+channel, func(t *testing.T) {
			inWorld(t, cfg(), func(t *testing.T, w *world) {
				ts := w.ask("alice", channel, "", "apples")
				w.says(channel, ts, "apples indeed", time.Minute)
				w.delete("alice", channel, ts)
				gone(t, w, channel, ts, 0)
			})
		})
	}
	t.Run("before the first text", func(t *testing.T) {
		c := cfg()
		c.model.FirstToken = 20 * time.Second
		inWorld(t, c, func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "apples")
			time.Sleep(2 * time.Second)
			w.delete("alice", "general", ts)
			gone(t, w, "general", ts, 0)
		})
	})
	t.Run("a follow-up", func(t *testing.T) {
		inWorld(t, cfg(), func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "apples")
			w.answered("general", ts, 1)
			next := w.slack.Say("alice", "general", ts, "and plums")
			w.says("general", ts, "plums indeed", time.Minute)
			w.delete("alice", "general", next)
			gone(t, w, "general", ts, 1)
			w.slack.Say("alice", "general", ts, "and pears")
			w.answered("general", ts, 2)
			all := text(w.answers("general", ts))
			times(t, all, "apples indeed", 20)
			hasNot(t, all, "plums")
		})
	})
	t.Run("one of two that are answered together", func(t *testing.T) {
		inWorld(t, cfg(), func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "apples")
			w.says("general", ts, "apples indeed", time.Minute)
			w.slack.Say("alice", "general", ts, "and cherries")
			time.Sleep(time.Second)
			second := w.slack.Say("alice", "general", ts, "and plums")
			w.says("general", ts, "plums indeed", time.Minute)
			w.delete("alice", "general", second)
			w.answered("general", ts, 2)
			time.Sleep(30 * time.Second)
			got := w.answers("general", ts)
			all := text(got)
			size(t, "messages", got, 2)
			hasNot(t, all, "plums")
			times(t, all, "cherries indeed", 20)
		})
	})
}

// TestDeletedQuestionOfAnotherProcess: the event that a message was deleted comes to one process
// while another one writes.
func TestDeletedQuestionOfAnotherProcess(t *testing.T) {
	c := durable()
	c.bot.Alone = nil
	inWorld(t, c, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "count")
		w.says("general", ts, "Sentence 3", time.Minute)
		w.delete("alice", "general", ts)
		time.Sleep(10 * time.Second)
		if n := len(w.answers("general", ts)); n != 0 || w.model.Running() != 0 {
			t.Errorf("%d messages", n)
		}
	})
}

// TestEditIsNotHeldBack: what was visible of the answer to the old form makes way for the new one
// at once.
func TestEditIsNotHeldBack(t *testing.T) {
	cfg := worldConfig{slack: slacksim.Config{Latency: 50 * time.Millisecond}, model: llmsim.Config{Speed: 40, Answer: echo(60)}}
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "apples")
		w.says("general", ts, "apples indeed", time.Minute)
		time.Sleep(8 * time.Second)
		w.edit("alice", "general", ts, w.slack.Mention()+" pears")
		time.Sleep(4 * time.Second)
		w.slack.Say("alice", "general", ts, "stop")
		time.Sleep(10 * time.Second)
		hasNot(t, text(w.answers("general", ts)), "apples")
	})
}
