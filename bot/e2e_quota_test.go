package bot_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot"
	"llmbot/bot/quota"
	"llmbot/bot/slacksim"
	"llmbot/bot/turn"
	"llmbot/llm/llmsim"
)

func limited(answers, tokens int) worldConfig {
	return worldConfig{model: llmsim.Config{Speed: 50}, bot: bot.Config{Quota: quota.Limits{AnswersPerMinute: answers, TokensPerDay: tokens}}}
}

// whispers are what only a person was told.
func (w *world) whispers(user string) string {
	var all []string
	for _, m := range w.slack.Ephemerals(user) {
		all = append(all, m.Plain)
	}
	return strings.Join(all, "\n")
}

func TestAnswersPerMinute(t *testing.T) {
	cfg := limited(2, 0)
	var hooked atomic.Int64
	cfg.hooks.OverQuota = func(over quota.Over) {
		if over.Account.Of == quota.Person && over.Limit == quota.AnswersPerMinute {
			hooked.Add(1)
		}
	}
	inWorld(t, cfg, func(t *testing.T, w *world) {
		first := time.Now()
		for range 2 {
			w.answered("general", w.ask("alice", "general", "", "in 5 words"), 1)
		}
		refused := w.ask("alice", "random", "", "in 5 words")
		w.ask("alice", "@alice", "", "in 5 words") // a direct message; nothing more to tell so soon
		w.answered("general", w.ask("bob", "general", "", "in 5 words"), 1)
		until := first.Add(time.Minute + time.Second).UTC()
		told := w.whispers("alice")
		has(t, told, "You have had your 2 answers of a minute. Please ask again in ")
		times(t, told, "Please", 1)
		if clock := "15:04:05 UTC"; !strings.Contains(told, until.Format(clock)) && !strings.Contains(told, until.Add(-time.Second).Format(clock)) {
			t.Errorf("told %q, want until %s", told, until)
		}
		is(t, "refusals counted", hooked.Load(), 2)
		time.Sleep(time.Until(until))
		w.answered("general", w.ask("alice", "general", "", "in 5 words"), 1)
		w.answered("general", w.ask("alice", "general", "", "in 5 words"), 1)
		w.ask("alice", "general", "", "in 5 words")
		w.requests(5, "refused again")
		times(t, w.whispers("alice"), "Please", 2)
		is(t, "messages for what was refused", len(w.answers("random", refused)), 0)
	})
}

// TestRegeneratedAnswersCount: what is written again, or goes on, counts as an answer of whoever
// wants it.
func TestRegeneratedAnswersCount(t *testing.T) {
	cfg := limited(2, 0)
	cfg.model.Answer = numbered(60)
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "count")
		got := w.answered("general", ts, 1)
		w.click("alice", "general", got[0].TS, bot.PressRegenerate)
		w.until("it is written again", time.Minute, func() bool { return w.model.Total() == 2 && w.model.Running() == 0 })
		got = w.answered("general", ts, 1)
		before := text(got)
		w.click("alice", "general", got[len(got)-1].TS, bot.PressRegenerate)
		w.edit("alice", "general", ts, w.slack.Mention()+" count again")
		w.requests(2, "both are refused")
		is(t, "the answer", text(w.answers("general", ts)), before)
		times(t, w.whispers("alice"), "Please ask again", 1)
	})
}

// TestEditsOfWhatIsBeingWrittenCount: who edits a question again and again while it is answered has
// an answer begun each time. The half one stays, and says why.
func TestEditsOfWhatIsBeingWrittenCount(t *testing.T) {
	cfg := limited(2, 0)
	cfg.model.Answer = numbered(60)
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "count")
		for i := range 3 {
			w.says("general", ts, "Sentence 3", time.Minute)
			w.edit("alice", "general", ts, fmt.Sprintf("%s count %d", w.slack.Mention(), i))
			time.Sleep(time.Second)
		}
		w.says("general", ts, "You have had your 2 answers of a minute.", 10*time.Second)
		w.requests(2, "the third is refused")
		got := w.answers("general", ts)
		size(t, "messages", got, 1)
		has(t, text(got), "Sentence 3")
		hasNot(t, text(got), "writing…")
		time.Sleep(time.Minute)
		w.click("alice", "general", got[0].TS, bot.PressRegenerate)
		w.answered("general", ts, 1)
	})
}

// TestQuestionsThatAreTakenBackCount: so do edits, and deletions, before anything is visible.
func TestQuestionsThatAreTakenBackCount(t *testing.T) {
	cfg := limited(2, 0)
	cfg.model.FirstToken = 10 * time.Second
	inWorld(t, cfg, func(t *testing.T, w *world) {
		thread := w.slack.Say("alice", "general", "", "a thread")
		for range 4 {
			ts := w.ask("alice", "general", thread, "in 5 words")
			time.Sleep(time.Second)
			w.edit("alice", "general", ts, w.slack.Mention()+" in 4 words")
			time.Sleep(time.Second)
			w.delete("alice", "general", ts)
			time.Sleep(time.Second)
		}
		w.requests(2, "asked and edited")
	})
}

func TestTokensPerDay(t *testing.T) {
	t.Parallel()
	cfg := limited(0, 400)
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "write 2000 tokens")
		w.until("it is written", time.Minute, func() bool { return len(w.answers("general", ts)) > 0 })
		time.Sleep(8 * time.Second) // some 400 tokens
		w.slack.Say("alice", "general", ts, "stop")
		w.says("general", ts, "stopped", 10*time.Second)
		w.ask("alice", "general", "", "in 5 words")
		w.requests(1, "what was stopped counts")
		told := w.whispers("alice")
		has(t, told, "You have used your 400 tokens of 24 hours", " UTC on ")
		if !strings.Contains(told, "in 23 h 59 min, at ") && !strings.Contains(told, "in 24 h 0 min, at ") {
			t.Errorf("it does not say that it takes a day: %q", told)
		}
		heard := strings.Count(told, "You have used your 400 tokens")
		w.ask("alice", "general", "", "in 6 words")
		time.Sleep(61 * time.Second)
		is(t, "words within a minute", strings.Count(w.whispers("alice"), "You have used your 400 tokens"), heard)
		w.ask("alice", "general", "", "in 7 words")
		w.until("they are told once more, a minute later", time.Minute, func() bool {
			return strings.Count(w.whispers("alice"), "You have used your 400 tokens") > heard
		})
		has(t, w.statusOf(""), "of 400 tokens in the last 24 hours")
		w.answered("general", w.ask("bob", "general", "", "in 5 words"), 1)
		time.Sleep(24 * time.Hour)
		w.answered("general", w.ask("alice", "general", "", "in 5 words"), 1)
	})
}

// TestPromptsThatAreTakenBackCount: what somebody takes back, or stops, before the model has begun
// was read all the same.
func TestPromptsThatAreTakenBackCount(t *testing.T) {
	cfg := limited(0, 20_000)
	cfg.model.FirstToken = 10 * time.Second
	inWorld(t, cfg, func(t *testing.T, w *world) {
		thread := w.slack.Say("alice", "general", "", "a thread")
		for i := range 6 {
			ts := w.ask("alice", "general", thread, "in 5 words"+strings.Repeat(" word", 7_000))
			time.Sleep(3 * time.Second)
			if i%2 == 0 {
				w.slack.Say("alice", "general", thread, "stop")
			}
			w.delete("alice", "general", ts)
			time.Sleep(time.Second)
		}
		w.requests(2, "of some 12,000 tokens each")
		has(t, w.whispers("alice"), "You have used your 20,000 tokens")
	})
}

// lateLedger is a store that takes its time to count, and none to be asked.
type lateLedger struct{ turn.Store }

func (s lateLedger) Update(ctx context.Context, key string, fn func([]byte) ([]byte, error)) error {
	counts := false
	if err := s.Store.Update(ctx, key, func(old []byte) ([]byte, error) {
		_, err := fn(old)
		counts = err == nil
		return nil, turn.ErrKeep
	}); err != nil {
		return err
	}
	if counts && strings.HasPrefix(key, "quota/") {
		time.Sleep(300 * time.Millisecond)
	}
	return s.Store.Update(ctx, key, fn)
}

// TestTokensUsedUpInTheQueue: tokens that are used up while questions wait for a slot: they are not
// answered all the same, and nothing of them stays. Whoever gets the slot of an answer knows what
// that has used, however long the store takes to count it.
func TestTokensUsedUpInTheQueue(t *testing.T) {
	for name, store := range map[string]func() turn.Store{
		"at once": func() turn.Store { return turn.NewMem() },
		"late":    func() turn.Store { return lateLedger{turn.NewMem()} },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := limited(0, 150)
			cfg.bot.MaxAnswers, cfg.store = 2, store
			inWorld(t, cfg, func(t *testing.T, w *world) {
				var ts []string
				for i := range 8 {
					ts = append(ts, w.ask("alice", "general", "", fmt.Sprintf("write 100 tokens on %d", i)))
				}
				time.Sleep(time.Minute)
				is(t, "requests", w.model.Total(), 2)
				answered := 0
				for i, id := range ts {
					answered += len(w.answers("general", id))
					is(t, fmt.Sprintf("status of question %d", i), w.slack.Status("general", id), "")
				}
				is(t, "messages", answered, 2)
				times(t, w.whispers("alice"), "You have used your 150 tokens", 1)
			})
		})
	}
}

// TestQuotaOfAChannel: a channel has its share; of what people ask together only those are refused
// who have had theirs.
func TestQuotaOfAChannel(t *testing.T) {
	cfg := limited(2, 0)
	cfg.bot.Channel = func(_ string, name func() string, base bot.Settings) bot.Settings {
		if name() == "random" {
			base.Quota.AnswersPerMinute = 3
		}
		return base
	}
	inWorld(t, cfg, func(t *testing.T, w *world) {
		for _, who := range []string{"alice", "bob", "alice", "carol"} {
			w.ask(who, "random", "", "in 5 words")
			time.Sleep(2 * time.Second)
		}
		w.requests(3, "of the channel")
		has(t, w.whispers("carol"), "This channel has had its 3 answers of a minute.")
		m, err := w.slack.Command(t.Context(), "alice", "random", "/llm-status", "")
		is(t, "error", err, nil)
		has(t, m.Plain, "You: 2 of 2 answers in the last minute", "This channel: 3 of 3 answers in the last minute")
		ts := w.ask("carol", "general", "", "write 200 tokens")
		time.Sleep(time.Second)
		w.ask("alice", "general", ts, "and in 5 words")
		w.ask("bob", "general", ts, "or in 4 words")
		w.answered("general", ts, 2)
		has(t, w.question(), "or in 4 words")
		has(t, w.whispers("alice"), "You have had your 2 answers")
	})
}

// TestQuotaOfAnAnswerThatGoesOn: an answer that another process goes on with is the same answer,
// whether something of it was visible or not.
func TestQuotaOfAnAnswerThatGoesOn(t *testing.T) {
	for name, first := range map[string]time.Duration{"visible": 0, "thinking": 10 * time.Second} {
		t.Run(name, func(t *testing.T) {
			cfg := durable()
			cfg.model.FirstToken, cfg.bot.Quota = first, quota.Limits{AnswersPerMinute: 1, TokensPerDay: 250}
			inWorld(t, cfg, func(t *testing.T, w *world) {
				ts := w.ask("alice", "general", "", "hello")
				if first == 0 {
					w.says("general", ts, "Sentence 3", time.Minute)
				} else {
					time.Sleep(3 * time.Second)
				}
				w.kill()
				w.stop()
				w.again()
				got := w.answered("general", ts, 1)
				complete(t, text(got), unit, 30)
				w.ask("alice", "general", "", "and more")
				w.requests(2, "the other one is refused")
				if told := w.whispers("alice"); !strings.Contains(told, "You have used your 250 tokens") && !strings.Contains(told, "You have had your 1 answer of a minute") {
					t.Errorf("told %q", told)
				}
			})
		})
	}
}

// TestQuotaOfReplicas: two processes count in one store: exactly so many answers begin as there
// may.
func TestQuotaOfReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const perMinute = 7
		s := atOnce(t)
		limited := func(c *bot.Config, _ *bot.Deps) {
			c.Durable, c.Quota = false, quota.Limits{AnswersPerMinute: perMinute}
		}
		bots := []*member{s.run("A", limited), s.run("B", limited)}
		began := func() (n int) { s.set(func() { n = len(s.prompts) }); return n }
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				ev := ask(i, 0)
				ev.TS = ev.Thread.TS
				bots[i%2].told(ev)
			})
		}
		all.Wait()
		time.Sleep(time.Minute) // what was asked too much has left the window
		is(t, "answers began within the minute", began(), perMinute)
		ev := ask(50, 0)
		ev.TS = ev.Thread.TS
		bots[0].told(ev)
		time.Sleep(ttl)
		is(t, "answers began in the next minute", began(), perMinute+1)
	})
}

// deafLedger is a store that does not take what is counted.
type deafLedger struct{ turn.Store }

func (d deafLedger) Update(ctx context.Context, key string, fn func([]byte) ([]byte, error)) error {
	if strings.HasPrefix(key, "quota/") {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return d.Store.Update(ctx, key, fn)
}

// TestQuotaWithoutTheStore: where the accounts cannot be read nobody is refused, and nobody waits
// longer than the store's time-out for each thing that is counted.
func TestQuotaWithoutTheStore(t *testing.T) {
	cfg := worldConfig{
		slack: slacksim.Config{Latency: 50 * time.Millisecond}, model: llmsim.Config{Speed: 100},
		store: func() turn.Store { return deafLedger{turn.NewMem()} },
		bot:   bot.Config{Durable: true, Quota: quota.Limits{AnswersPerMinute: 1, TokensPerDay: 50}},
	}
	inWorld(t, cfg, func(t *testing.T, w *world) {
		for range 3 {
			asked := time.Now()
			w.answered("general", w.ask("alice", "general", "", "in 5 words"), 1)
			atMost(t, "it took", time.Since(asked), 10*time.Second)
		}
	})
}

// TestAnEditIsPaidByWhoEdits: somebody else may have had the answer written anew before.
func TestAnEditIsPaidByWhoEdits(t *testing.T) {
	cfg := limited(2, 0)
	cfg.model.Answer = numbered(60)
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "count")
		got := w.answered("general", ts, 1)
		w.slack.Say("bob", "general", ts, "I would like to know, too")
		time.Sleep(time.Second)
		w.click("bob", "general", got[0].TS, bot.PressRegenerate)
		w.until("it is written anew", time.Minute, func() bool { return w.model.Total() == 2 && w.model.Running() == 0 })
		for i := range 2 {
			w.edit("alice", "general", ts, fmt.Sprintf("%s count again, %d", w.slack.Mention(), i))
			time.Sleep(10 * time.Second)
		}
		if told := w.whispers("bob"); told != "" {
			t.Errorf("bob, who asked for one answer, is told %q", told)
		}
		has(t, w.whispers("alice"), "You have had your 2 answers")
	})
}
