package bot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

// toldIn returns in how many threads the status says that the bot waits for its database.
func toldIn(w *world, ts []string) (n int) {
	for _, id := range ts {
		if strings.Contains(w.slack.Status("general", id), "waiting for its database") {
			n++
		}
	}
	return n
}

// ephemerals returns how many words with a text a person got.
func ephemerals(w *world, user, text string) (n int) {
	for _, e := range w.slack.Ephemerals(user) {
		if strings.Contains(e.Plain, text) {
			n++
		}
	}
	return n
}

// TestTellingHeldThreadsLeavesReads: in a long outage with seventy threads that wait, whoever
// asks is told within 3 s at every moment, their statuses stay, and the reads that answers need
// when the store is back are there.
func TestTellingHeldThreadsLeavesReads(t *testing.T) {
	store := &awayStore{}
	cfg := worldConfig{store: store.open, lateAcks: true, slack: tellsOnce()}
	cfg.slack.Limiter = slacksim.LimiterWindow
	inWorld(t, cfg, func(t *testing.T, w *world) {
		store.leave()
		began := time.Now()
		var ts []string
		for i := range 70 {
			ts = append(ts, w.ask("alice", "general", "", fmt.Sprintf("write %d tokens", 10+i)))
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(85*time.Second - time.Since(began)) // the statuses are renewed after 90 s
		for i := range 15 {
			late := w.ask("bob", "general", "", fmt.Sprintf("write %d words", 5+i))
			time.Sleep(3 * time.Second)
			is(t, fmt.Sprintf("status after 3 s, %s into the outage", time.Since(began)), toldIn(w, []string{late}), 1)
		}
		time.Sleep(4 * time.Minute)
		is(t, "threads whose status still says so", toldIn(w, ts), len(ts))
		reads := 0
		for _, c := range w.slack.Calls("conversations.history") {
			if time.Since(c.At) < time.Minute {
				reads++
			}
		}
		atMost(t, "reads in the last minute", reads, 16)
		store.back()
		time.Sleep(5 * time.Minute)
	})
}

// TestMoreHeldThreadsThanStatuses: two hundred threads have a status. Who waits in others gets one
// word, the oldest first.
func TestMoreHeldThreadsThanStatuses(t *testing.T) {
	store := &awayStore{}
	inWorld(t, worldConfig{store: store.open, slack: tellsOnce(), lateAcks: true}, func(t *testing.T, w *world) {
		store.leave()
		var ts []string
		for i := range 240 {
			user := "alice"
			if i >= 200 {
				user = "bob"
			}
			ts = append(ts, w.ask(user, "general", "", fmt.Sprintf("write %d tokens", 10+i)))
			time.Sleep(30 * time.Millisecond) // 128 are taken at the same time
		}
		time.Sleep(time.Minute)
		is(t, "statuses", toldIn(w, ts), 200)
		is(t, "words to who has a status", ephemerals(w, "alice", "wait for my database"), 0)
		is(t, "words to the others", ephemerals(w, "bob", "wait for my database"), 40)
		time.Sleep(3 * time.Minute)
		is(t, "words to the others, later", ephemerals(w, "bob", "wait for my database"), 40)
		store.back()
		time.Sleep(5 * time.Minute)
	})
}

// TestEverybodyWhoWaitsIsTold: two people ask in one thread at nearly the same time, where statuses
// are refused. Each gets a word, once, however often Slack tells of it, and then their answer.
func TestEverybodyWhoWaitsIsTold(t *testing.T) {
	store := &awayStore{}
	inWorld(t, worldConfig{store: store.open, lateAcks: true}, func(t *testing.T, w *world) {
		w.slack.Fail(slacksim.Fault{Method: "assistant.threads.setStatus", Times: -1, Error: "missing_scope"})
		ts := w.slack.Say("deploybot", "general", "", "what do you think?")
		time.Sleep(time.Minute)
		store.leave()
		w.ask("bob", "general", ts, "write 10 tokens")
		time.Sleep(time.Second)
		w.ask("carol", "general", ts, "write 12 tokens")
		time.Sleep(3 * time.Second)
		w.ask("alice", "general", ts, "write 14 tokens")
		w.ask("bob", "general", ts, "write 16 tokens")
		time.Sleep(redelivered)
		for _, user := range []string{"alice", "bob", "carol"} {
			w.toldOnce(user, "wait for my database")
		}
		store.back()
		w.answered("general", ts, 1)
		time.Sleep(redelivered)
		is(t, "requests", w.model.Total(), 1)
	})
}

// TestEditWhileItStopsWaitsForNothing: a message is edited to name the bot while the bot stops. The
// store has the question, so nobody is told that the bot waits for it.
func TestEditWhileItStopsWaitsForNothing(t *testing.T) {
	cfg := durable()
	cfg.model.Answer, cfg.model.Speed, cfg.bot.DrainTimeout = nil, 20, 25*time.Second
	inWorld(t, cfg, func(t *testing.T, w *world) {
		w.ask("alice", "general", "", "write 400 tokens")
		ts := w.slack.Say("bob", "general", "", "write 10 tokens")
		time.Sleep(2 * time.Second)
		stopped := make(chan struct{})
		go func() { defer close(stopped); w.stop() }()
		time.Sleep(time.Second)
		ev := bot.Edited{Asked: bot.Asked{Question: thread.Question{
			Thread: thread.ID{Channel: w.slack.ChannelID("general"), TS: ts}, TS: ts, User: w.slack.UserID("bob"),
			Text: "write 10 tokens", Mentioned: true, Edited: string(turn.At(time.Now())),
		}}}
		if err := w.bot.Handle(t.Context(), ev); err != nil {
			t.Error(err)
		}
		time.Sleep(4 * time.Second)
		is(t, "status", w.slack.Status("general", ts), "")
		<-stopped
	})
}
