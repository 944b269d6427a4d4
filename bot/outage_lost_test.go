package bot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/bot/turn"
	"llmbot/llm/llmsim"
)

// TestKilledWhileItCatchesUp: a process that has begun to look for what was said while none ran is
// killed. The next one finds the rest.
func TestKilledWhileItCatchesUp(t *testing.T) {
	for name, kill := range map[string]func(w *world){"killed": func(w *world) { w.kill() }, "told to end": func(w *world) { w.stop() }} {
		t.Run(name, func(t *testing.T) {
			cfg := durable()
			cfg.model.Speed = 500
			inWorld(t, cfg, func(t *testing.T, w *world) {
				w.answered("general", w.ask("alice", "general", "", "old"), 1)
				time.Sleep(10 * time.Second)
				w.stop()
				time.Sleep(time.Minute)
				var ts []string
				for range 10 {
					ts = append(ts, w.ask("bob", "general", "", "hello?"))
					time.Sleep(time.Second)
				}
				w.again()
				time.Sleep(12 * time.Second)
				kill(w)
				time.Sleep(30 * time.Second)
				w.again()
				for _, id := range ts {
					w.answered("general", id, 1)
				}
			})
		})
	}
}

// TestOneProcessCatchesUp: of three processes that were all without the store one looks for what
// was said meanwhile, and when it is killed, another one.
func TestOneProcessCatchesUp(t *testing.T) {
	for name, killed := range map[string]bool{"once": false, "killed": true} {
		t.Run(name, func(t *testing.T) {
			store := &awayStore{}
			cfg := replicas()
			cfg.slack = tellsOnce()
			cfg.model.Speed, cfg.lateAcks, cfg.edits = 500, true, 100_000
			cfg.store = store.keeps
			inWorld(t, cfg, func(t *testing.T, w *world) {
				w.processes(3)
				time.Sleep(10 * time.Second)
				store.leave()
				time.Sleep(20 * time.Second)
				w.slack.FailEvent(slacksim.EventFault{Times: -1, Drop: true})
				var ts []string
				for range 6 {
					ts = append(ts, w.ask("bob", "general", "", "hello?"))
					time.Sleep(time.Second)
				}
				w.slack.Heal()
				store.back()
				if killed {
					w.until("one catches up", time.Minute, func() bool { return strings.Contains(w.log.String(), "catching_up") })
					for i, p := range w.procs {
						for line := range strings.Lines(w.log.String()) {
							if strings.Contains(line, "catching_up") && strings.Contains(line, fmt.Sprintf("process=%d", i)) {
								p.kill()
							}
						}
					}
				}
				for _, id := range ts {
					w.answered("general", id, 1)
				}
				time.Sleep(quiet)
				reads := map[string]int{}
				for _, c := range w.slack.Calls("conversations.history") {
					reads[c.Args["channel"]]++
				}
				for channel, n := range reads {
					if n > 1 && !killed || n > 2 {
						t.Errorf("%s was read %d times", channel, n)
					}
				}
			})
		})
	}
}

// TestRegenerateWhileTheStoreComesAndGoes: a Regenerate is done once, though the store is away just
// when it is looked up.
func TestRegenerateWhileTheStoreComesAndGoes(t *testing.T) {
	store := &awayStore{}
	inWorld(t, worldConfig{store: store.open, slack: tellsOnce(), model: llmsim.Config{Speed: 100}, lateAcks: true}, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "write 30 tokens")
		got := w.answered("general", ts, 1)
		time.Sleep(time.Minute)
		w.slack.Fail(slacksim.Fault{Method: "conversations.replies", Delay: 3 * time.Second, Skip: 1})
		w.click("alice", "general", got[0].TS, bot.PressRegenerate)
		time.Sleep(2 * time.Second)
		store.leave()
		time.Sleep(20 * time.Second)
		store.back()
		time.Sleep(quiet)
		is(t, "requests", w.model.Total(), 2)
	})
}

// TestLooksLeaveReadsForAnswers: after a process died with many answers, all of them are looked at
// once more, and nobody who asks meanwhile waits for that.
func TestLooksLeaveReadsForAnswers(t *testing.T) {
	t.Parallel()
	cfg := replicas()
	cfg.slack.Limiter = slacksim.LimiterWindow
	cfg.model.Speed = 500
	kept := &awayStore{}
	cfg.store = kept.keeps
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "hello")
		w.answered("general", ts, 1)
		channel := w.slack.ChannelID("general")
		var keys []string
		for i := range 200 {
			root := w.slack.Say("bob", "general", "", fmt.Sprintf("thread %d", i))
			record := turn.Record{Asked: turn.TS(root), Answered: turn.TS(root), For: turn.TS(root), Epoch: 2, Look: true}
			raw, err := record.Encode()
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, "thread/"+channel+"/"+root)
			if err := kept.Update(t.Context(), keys[i], func([]byte) ([]byte, error) { return raw, nil }); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(75 * time.Second)
		for n := range 5 {
			began := time.Now()
			w.ask("alice", "general", ts, fmt.Sprintf("and %d?", n))
			w.answered("general", ts, n+2)
			atMost(t, "the answer took", time.Since(began), 12*time.Second)
			time.Sleep(5 * time.Second)
		}
		left := func() (n int) {
			for _, key := range keys {
				_ = kept.Update(t.Context(), key, func(old []byte) ([]byte, error) {
					if r, err := turn.Decode(old); err == nil && r.Look {
						n++
					}
					return nil, turn.ErrKeep
				})
			}
			return n
		}
		w.until("all were looked at", time.Hour, func() bool { return left() == 0 })
	})
}
