package bot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

// tellsOnce is a workspace that tells everything once: what was not acked does not come again.
func tellsOnce() slacksim.Config {
	return slacksim.Config{Latency: 100 * time.Millisecond, Limiter: slacksim.LimiterOff, Redeliver: []time.Duration{24 * time.Hour}}
}

// TestManyHeldQuestionsAreToldInTime: also when sixty people ask at the same moment, each of them
// sees within 3 s what is waited for.
func TestManyHeldQuestionsAreToldInTime(t *testing.T) {
	store := &awayStore{}
	inWorld(t, worldConfig{store: store.open, slack: tellsOnce(), lateAcks: true}, func(t *testing.T, w *world) {
		store.leave()
		var ts []string
		for i := range 60 {
			ts = append(ts, w.ask("alice", "general", "", fmt.Sprintf("write %d tokens", 10+i)))
		}
		time.Sleep(3 * time.Second)
		is(t, "threads that say after 3 s that the bot waits", toldIn(w, ts), len(ts))
		store.back()
	})
}

// TestHeldQuestionIsTakenBack: a question that waits for the store is deleted, or its author may
// not ask. The status does not stay.
func TestHeldQuestionIsTakenBack(t *testing.T) {
	for name, policy := range map[string]bot.Policy{"deleted": {}, "refused": {Deny: []string{"U0ALICE001"}}} {
		t.Run(name, func(t *testing.T) {
			store := &awayStore{}
			inWorld(t, worldConfig{store: store.open, slack: tellsOnce(), bot: bot.Config{Policy: policy}, lateAcks: true}, func(t *testing.T, w *world) {
				store.leave()
				ts := w.ask("alice", "general", "", "write 20 tokens")
				w.slack.Say("bob", "general", ts, "me too") // so that the thread stays
				time.Sleep(10 * time.Second)
				if name == "deleted" {
					w.delete("alice", "general", ts)
					time.Sleep(5 * time.Second)
					is(t, "status of a question that is gone", w.slack.Status("general", ts), "")
				}
				store.back()
				time.Sleep(15 * time.Second)
				is(t, "status", w.slack.Status("general", ts), "")
				size(t, "answers", w.answers("general", ts), 0)
			})
		})
	}
}

// TestHeldQuestionIsStopped: what was stopped while the store was away is not answered when it is
// back.
func TestHeldQuestionIsStopped(t *testing.T) {
	store := &awayStore{}
	inWorld(t, worldConfig{store: store.open, slack: tellsOnce(), model: llmsim.Config{Speed: 20}, lateAcks: true}, func(t *testing.T, w *world) {
		store.leave()
		ts := w.ask("alice", "general", "", "write 100 tokens")
		time.Sleep(10 * time.Second)
		w.slack.Say("alice", "general", ts, "stop")
		time.Sleep(10 * time.Second)
		store.back()
		time.Sleep(quiet)
		is(t, "requests to the model", w.model.Total(), 0)
		is(t, "status", w.slack.Status("general", ts), "")
		w.ask("alice", "general", ts, "write 11 tokens")
		w.answered("general", ts, 1)
	})
}

// TestFollowUpOfAHeldStoreIsQuiet: a follow-up that names nobody is answered when the store is
// back, and nothing is said of it before.
func TestFollowUpOfAHeldStoreIsQuiet(t *testing.T) {
	store := &awayStore{}
	inWorld(t, worldConfig{store: store.open, slack: tellsOnce(), model: llmsim.Config{Speed: 20}, lateAcks: true}, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "write 300 tokens")
		time.Sleep(4 * time.Second)
		store.leave()
		w.slack.Say("alice", "general", ts, "and then write 15 tokens")
		for range 40 {
			time.Sleep(time.Second)
			if s := w.slack.Status("general", ts); strings.Contains(s, "database") {
				t.Fatalf("the status is %q", s)
			}
		}
		store.back()
		w.answered("general", ts, 2)
	})
}

// TestStatusOfWhatAnotherProcessHasAnswered: a process that is cut off does not say for ever that
// it waits, in a thread that has its answer.
func TestStatusOfWhatAnotherProcessHasAnswered(t *testing.T) {
	cfg := replicas()
	link := cfg.linked(&awayStore{})
	cfg.slack = slacksim.Config{Latency: 50 * time.Millisecond, HoldEvents: 100, Limiter: slacksim.LimiterOff}
	cfg.edits, cfg.lateAcks = 100_000, true
	inWorld(t, cfg, func(t *testing.T, w *world) {
		w.processes(2)
		link(0).leave()
		var ts []string
		for i := range 8 {
			ts = append(ts, w.ask("alice", "general", "", fmt.Sprintf("write %d tokens", 20+i)))
			time.Sleep(time.Second)
		}
		answered := 0
		time.Sleep(3 * time.Minute)
		for range 50 {
			time.Sleep(10 * time.Second)
			answered = 0
			for _, id := range ts {
				if footers(w.answers("general", id)) == 0 {
					continue
				}
				answered++
				is(t, "status", w.slack.Status("general", id), "")
			}
		}
		if answered < 4 {
			t.Errorf("only %d of 8 were told to the other process", answered)
		}
		link(0).back()
		time.Sleep(time.Minute)
	})
}
