package bot_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
	"llmbot/llm/llmsim"
)

// TestLongOutage: the store is away for ten minutes. Twenty answers are being written when it goes,
// five of them native streams, which Slack ends meanwhile; fifty questions come while it is away.
// All have one complete answer soon after it is back, and no text is generated twice.
func TestLongOutage(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		limiter slacksim.Limiter
		edits   int
		within  time.Duration
	}{"Slack's limits": {slacksim.LimiterWindow, 50, 2 * time.Minute}, "limits off": {slacksim.LimiterOff, 100_000, time.Minute}} {
		t.Run(name, func(t *testing.T) {
			store := &awayStore{}
			cfg := worldConfig{
				store: store.open, lateAcks: true, edits: tt.edits,
				slack: slacksim.Config{Latency: 100 * time.Millisecond, Limiter: tt.limiter, Users: manyUsers(8)},
				model: llmsim.Config{Speed: 30},
				bot:   bot.Config{Durable: true},
			}
			inWorld(t, cfg, func(t *testing.T, w *world) { longOutage(t, w, store, tt.within) })
		})
	}
}

func longOutage(t *testing.T, w *world, store *awayStore, within time.Duration) {
	type place struct{ channel, ts string }
	var places []place
	ask := func(user, channel, words string) {
		places = append(places, place{channel, w.ask(user, channel, "", words)})
	}
	channels := []string{"general", "engineering", "random", "leads"}
	for i := range 20 {
		user, channel := fmt.Sprintf("p%d", i%8), channels[i%4]
		if i < 5 {
			channel = "@" + user
		}
		ask(user, channel, "write 600 tokens")
		time.Sleep(200 * time.Millisecond)
	}
	time.Sleep(5 * time.Second)
	store.leave()
	for i := range 50 {
		ask(fmt.Sprintf("p%d", i%8), channels[i%4], fmt.Sprintf("write %d tokens", 60+i))
		time.Sleep(10 * time.Second)
	}
	time.Sleep(100 * time.Second)
	is(t, "requests while the store was away and 20 answers were under way", w.model.Total(), 20)
	store.back()
	left := func() (n int) {
		for _, p := range places {
			if footers(w.answers(p.channel, p.ts)) == 0 {
				n++
			}
		}
		return n
	}
	began := time.Now()
	for left() > 0 && time.Since(began) < 10*time.Minute {
		time.Sleep(time.Second)
	}
	if d := time.Since(began); d > within {
		t.Errorf("the last answer was complete %s after the store was back", d)
	} else {
		t.Logf("the last answer was complete %s after the store was back", d)
	}
	time.Sleep(redelivered)
	for _, p := range places {
		oneFooter(t, w.answers(p.channel, p.ts))
	}
	is(t, "requests to the model", w.model.Total(), len(places))
}

func manyUsers(n int) []slacksim.User {
	users := slacksim.DefaultUsers()
	for i := range n {
		users = append(users, slacksim.User{ID: fmt.Sprintf("U0PERSON%02d", i), Name: fmt.Sprintf("p%d", i), RealName: fmt.Sprintf("Person %d", i)})
	}
	return users
}

// cutStore is a store that one process in three cannot reach.
type cutStore struct {
	turn.Store

	cut *awayStore // says whether it can
}

func (s cutStore) Update(ctx context.Context, key string, fn func([]byte) ([]byte, error)) error {
	if err := s.cut.wait(ctx); err != nil {
		return err
	}
	return s.Store.Update(ctx, key, fn)
}

func (s cutStore) Watch(ctx context.Context, prefix string, fn func(string, []byte)) error {
	return s.cut.watch(ctx, s.Store, prefix, fn)
}

// linked has the processes share a store, and returns the link to it that each has, as soon as it
// has begun.
func (cfg *worldConfig) linked(store *awayStore) (link func(process int) *awayStore) {
	var links []*awayStore
	cfg.store = func() turn.Store {
		links = append(links, &awayStore{})
		return cutStore{store.keeps(), links[len(links)-1]}
	}
	return func(process int) *awayStore { return links[process] }
}

// processes starts processes until there are so many.
func (w *world) processes(n int) {
	w.t.Helper()
	for w.runs < n {
		w.again()
	}
	w.until("all sockets are open", time.Minute, func() bool { return w.slack.Sockets() == 2*n })
}

// TestReplicaCutOff: one of three processes cannot reach the database for a minute. What comes
// through its socket is answered once, by another one if Slack tells that, and never are two
// answers visible.
func TestReplicaCutOff(t *testing.T) {
	cfg := replicas()
	link := cfg.linked(&awayStore{})
	cfg.slack = slacksim.Config{Latency: 50 * time.Millisecond, HoldEvents: 100, Limiter: slacksim.LimiterOff}
	cfg.model = llmsim.Config{Speed: 60}
	cfg.edits, cfg.lateAcks = 100_000, true
	inWorld(t, cfg, func(t *testing.T, w *world) {
		w.processes(3)
		link(1).leave()
		var ts []string
		for i := range 30 {
			ts = append(ts, w.ask("alice", "general", "", fmt.Sprintf("write %d tokens", 60+i)))
			for range 20 {
				time.Sleep(100 * time.Millisecond)
				for _, id := range ts {
					if a := w.answers("general", id); len(a) > 1 {
						t.Fatalf("two answers are visible: %s", text(a))
					}
				}
			}
		}
		link(1).back()
		for _, id := range ts {
			oneFooter(t, w.answered("general", id, 1))
		}
		time.Sleep(redelivered)
		for _, id := range ts {
			a := w.answers("general", id)
			size(t, "messages", a, 1)
			times(t, text(a), "first token ", 1)
		}
		is(t, "requests to the model", w.model.Total(), len(ts))
	})
}

// TestFollowUpBeforeItsQuestionIsNoted: a process that cannot reach the store holds a question,
// another one hears of a follow-up to it, which it takes for nobody's, and is killed. The follow-up
// has its answer, too.
func TestFollowUpBeforeItsQuestionIsNoted(t *testing.T) {
	cfg := replicas()
	link := cfg.linked(&awayStore{})
	cfg.slack = slacksim.Config{Latency: 20 * time.Millisecond, HoldEvents: 100, Limiter: slacksim.LimiterOff, Redeliver: []time.Duration{time.Hour}}
	cfg.edits, cfg.lateAcks = 100_000, true
	inWorld(t, cfg, func(t *testing.T, w *world) {
		link(0).leave()
		ts := w.ask("alice", "general", "", "first zqone")
		time.Sleep(100 * time.Millisecond)
		w.processes(2)
		w.slack.FailEvent(slacksim.EventFault{Times: -1, Drop: true}) // neither hears of anything but by hand
		ev := bot.Asked{Question: thread.Question{Thread: thread.ID{Channel: w.slack.ChannelID("general"), TS: ts}, User: w.slack.UserID("alice"), Text: "second zqtwo"}}
		ev.TS = w.slack.Say("alice", "general", ts, ev.Text)
		is(t, "error of the follow-up", w.bot.Handle(t.Context(), ev), nil)
		w.kill()
		link(0).back()
		w.until("both questions are in a prompt", time.Minute, func() bool {
			var all strings.Builder
			for _, r := range w.model.Requests() {
				all.WriteString(fmt.Sprint(r.Chat.Messages))
			}
			return strings.Contains(all.String(), "zqone") && strings.Contains(all.String(), "zqtwo")
		})
		w.slack.Heal()
	})
}
