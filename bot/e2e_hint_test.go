package bot_test

import (
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/thread"
)

// TestSilenceIsExplained: who asks without a mention, directly after an answer in a thread of two,
// is told once why nobody answers. All else that people say to each other is left alone.
func TestSilenceIsExplained(t *testing.T) {
	const why = "only when I am mentioned"
	t.Run("once for each", func(t *testing.T) {
		inWorld(t, following(""), func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "one")
			w.answered("general", ts, 1)
			w.slack.Say("bob", "general", ts, "And in *Python?*")
			w.requests(1, "bob did not mention it")
			w.toldOnce("bob", why)
			w.slack.Say("bob", "general", ts, "Hello?")
			w.ask("alice", "general", ts, "two")
			w.answered("general", ts, 2)
			w.slack.Say("bob", "general", ts, "And now?")
			w.requests(2, "again without a mention")
			w.toldOnce("bob", why)
			size(t, "told to alice", w.slack.Ephemerals("alice"), 0)
			w.ask("bob", "general", ts, "three")
			w.answered("general", ts, 3)
			w.slack.Say("alice", "general", ts, "Really?")
			w.requests(3, "two people write here")
			w.toldOnce("alice", why)
		})
	})
	for name, c := range map[string]struct {
		mode  thread.FollowUps
		says  string
		later time.Duration
		first string // said by alice before
	}{
		"no question":      {says: "I think so"},
		"to somebody else": {says: "<@U0ALICE001> do you know?"},
		"to a third":       {says: "And you, <@U0ALICE001>, what do you think?"},
		"later":            {says: "And in Python?", later: time.Hour},
		"in their talk":    {says: "And in Python?", first: "nice"},
		"strict":           {says: "And in Python?", mode: thread.FollowMention},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, following(c.mode), func(t *testing.T, w *world) {
				ts := w.ask("bob", "general", "", "zero")
				w.answered("general", ts, 1)
				w.ask("alice", "general", ts, "one")
				w.answered("general", ts, 2)
				time.Sleep(c.later)
				if c.first != "" {
					w.slack.Say("alice", "general", ts, c.first)
					time.Sleep(time.Second)
				}
				w.slack.Say("bob", "general", ts, c.says)
				w.requests(2, "no mention")
				size(t, "told", w.slack.Ephemerals("bob"), 0)
			})
		})
	}
	t.Run("who may not ask", func(t *testing.T) {
		cfg := following("")
		cfg.bot.Policy = bot.Policy{}
		inWorld(t, cfg, func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "one")
			w.answered("general", ts, 1)
			w.slack.Say("gina", "general", ts, "And me?")
			w.requests(1, "a guest")
			size(t, "told", w.slack.Ephemerals("gina"), 0)
		})
	})
}
