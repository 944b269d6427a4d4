package bot_test

import (
	"strings"
	"testing"
	"time"

	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

// TestDeletedWhileNobodyHears: a question that is deleted while no process runs takes its answer along
// as soon as one does.
func TestDeletedWhileNobodyHears(t *testing.T) {
	cfg := durable()
	cfg.model = llmsim.Config{Speed: 400, Answer: echo(3)}
	inWorld(t, cfg, func(t *testing.T, w *world) {
		opens := w.ask("alice", "general", "", "apples")
		w.answered("general", opens, 1)
		dm := w.slack.Say("alice", "@alice", "", "plums")
		w.answered("@alice", dm, 1)
		thread := w.ask("alice", "random", "", "pears")
		w.answered("random", thread, 1)
		next := w.slack.Say("alice", "random", thread, "and cherries")
		w.answered("random", thread, 2)
		kept := w.ask("alice", "general", "", "quinces")
		w.answered("general", kept, 1)
		w.slack.Say("bob", "general", kept, "Good to know!")
		time.Sleep(10 * time.Second)
		w.stop()
		time.Sleep(time.Minute)
		w.delete("alice", "general", opens)
		w.delete("alice", "@alice", dm)
		w.delete("alice", "random", next)
		w.delete("alice", "general", kept)
		w.again()
		time.Sleep(time.Minute)
		size(t, "messages of the thread that it opened", w.answers("general", opens), 0)
		size(t, "direct messages", w.answers("@alice", dm), 0)
		all := text(w.answers("random", thread))
		hasNot(t, all, "cherries")
		times(t, all, "pears indeed", 3)
		times(t, text(w.answers("general", kept)), "quinces indeed", 3)
		w.requests(5, "nothing is answered anew")
		reads := len(w.slack.Calls("conversations.replies"))
		w.stop()
		time.Sleep(time.Minute)
		w.again()
		time.Sleep(time.Minute)
		atMost(t, "reads when there is nothing to remove", len(w.slack.Calls("conversations.replies"))-reads, 4)
	})
}

// TestDeletedQuestionThatIsStillCounted: Slack may count a deleted reply for a moment. Its answer goes
// all the same.
func TestDeletedQuestionThatIsStillCounted(t *testing.T) {
	cfg := durable()
	cfg.slack.CountLag = 2 * time.Second
	cfg.model = llmsim.Config{Speed: 400, Answer: echo(3)}
	inWorld(t, cfg, func(t *testing.T, w *world) {
		thread := w.ask("alice", "random", "", "pears")
		w.answered("random", thread, 1)
		next := w.slack.Say("alice", "random", thread, "and cherries")
		w.answered("random", thread, 2)
		w.delete("alice", "random", next)
		w.until("the answer is gone", 20*time.Second, func() bool { return strings.Count(text(w.answers("random", thread)), "cherries") == 0 })
		times(t, text(w.answers("random", thread)), "pears indeed", 3)
	})
}

// TestQuestionsOfOneAnswerAreDeleted: an answer goes once, also if several of its questions are deleted
// before the turn that removes it.
func TestQuestionsOfOneAnswerAreDeleted(t *testing.T) {
	cfg := durable()
	cfg.model = llmsim.Config{Speed: 20, Answer: echo(3)}
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "random", "", "pears")
		time.Sleep(500 * time.Millisecond)
		plums := w.slack.Say("alice", "random", ts, "and plums")
		cherries := w.slack.Say("alice", "random", ts, "and cherries")
		w.answered("random", ts, 2)
		w.slack.Say("alice", "random", ts, "and quinces")
		time.Sleep(500 * time.Millisecond)
		w.delete("alice", "random", plums)
		w.delete("alice", "random", cherries)
		w.until("the answer is gone", time.Minute, func() bool { return strings.Contains(w.log.String(), "msg=answer_removed") })
		w.calm()
		times(t, w.log.String(), "msg=answer_removed", 1)
		hasNot(t, text(w.answers("random", ts)), "cherries indeed")
	})
}

// TestForgottenAnswerGoes: the store keeps 256 KB of the answers of a thread. An older one goes with
// its question all the same.
func TestForgottenAnswerGoes(t *testing.T) {
	t.Parallel()
	cfg := worldConfig{slack: slacksim.Config{Latency: 50 * time.Millisecond}, model: llmsim.Config{Speed: 20_000, Answer: func(c *llmsim.Chat) string {
		return varied(foxes, 13_000/len(foxes)+1, len(c.Messages)*10_000)
	}}}
	for name, other := range map[string]string{"nobody else is there": "", "somebody else has written": "bob"} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, cfg, func(t *testing.T, w *world) {
				ts := w.ask("alice", "general", "", "write")
				first := w.answered("general", ts, 1)
				for i := range 21 {
					w.slack.Say("alice", "general", ts, "more")
					w.answered("general", ts, i+2)
					time.Sleep(time.Minute)
				}
				if other != "" {
					w.slack.Say(other, "general", ts, "Good to know!")
				}
				before := len(w.answers("general", ts))
				w.delete("alice", "general", ts)
				time.Sleep(time.Minute)
				want := before - len(first)
				if other != "" {
					want = before
				}
				is(t, "messages that stay", len(w.answers("general", ts)), want)
				is(t, "requests", w.model.Total(), 22)
			})
		})
	}
}
