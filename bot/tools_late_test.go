package bot_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/quota"
	"llmbot/bot/thread"
	"llmbot/bot/tools"
)

// TestASuccessorWithoutItsTools: whoever goes on with an answer, and is not connected to the servers of
// tools yet, or never, or has none any more, makes no call again, tells of the one that may have run,
// and ends the question that nobody waits for.
func TestASuccessorWithoutItsTools(t *testing.T) {
	for name, tt := range map[string]struct {
		opens  time.Duration
		gone   bool
		noFile bool
	}{"connected in three seconds": {opens: 3 * time.Second}, "tried for a minute": {opens: time.Minute, gone: true}, "gone": {gone: true}, "the file is taken out": {noFile: true}} {
		for _, where := range []string{"general", "@alice"} {
			t.Run(name+where, func(t *testing.T) {
				late := func(w *world, s *shed) {
					w.kill()
					s.mu.Lock()
					s.opens, s.gone, s.none = tt.opens, tt.gone, tt.noFile
					s.mu.Unlock()
					time.Sleep(2 * time.Second)
					w.again()
				}
				store := &awayStore{}
				kept := func(c *worldConfig) { c.lateAcks, c.store = true, store.keeps }
				inShed(t, func(w *world, s *shed, m *mind) {
					m.says = "Let me see."
					ts := w.ask("alice", where, "", "call post")
					w.until("it runs", time.Minute, func() bool { return s.count("post") == 1 })
					time.Sleep(300 * time.Millisecond)
					late(w, s)
					w.until("it is answered", 2*time.Minute, func() bool { return footers(w.answers(where, ts)) > 0 })
					is(t, "calls", s.count("post"), 1)
					has(t, text(w.answers(where, ts)), "Let me see.", "I do not know whether “", "The answer is whole.")
					heard := false
					for _, msg := range m.last() {
						heard = heard || strings.Contains(msg.Content, "It is not known whether this call was made")
					}
					if !heard {
						t.Errorf("the model was not told: %+v", m.last())
					}
					time.Sleep(5 * time.Second)
					if keys := store.keysWith(w.t, "It is not known whether"); len(keys) > 0 {
						t.Errorf("results stay in %q", keys)
					}
				}, kept)
				store = &awayStore{}
				inShed(t, func(w *world, s *shed, _ *mind) {
					ts := w.ask("alice", where, "", "call look, drop")
					q := w.leaveAsked("alice", 1)
					late(w, s)
					if !tt.gone && !tt.noFile {
						w.press("alice", w.leaveAsked("alice", 2), true)
						w.until("it is answered", 2*time.Minute, func() bool { return footers(w.answers(where, ts)) > 0 })
						is(t, "calls", s.count("drop"), 1)
						return
					}
					w.until("it is answered", 2*time.Minute, func() bool { return footers(w.answers(where, ts)) > 0 })
					w.press("alice", q, true)
					time.Sleep(5 * time.Second)
					is(t, "calls", s.count("drop"), 0)
					for _, e := range w.slack.Ephemerals("alice") {
						hasNot(t, e.Plain, "it runs now")
					}
					if keys := store.keysWith(w.t, "zq brought by"); len(keys) > 0 {
						t.Errorf("results stay in %q", keys)
					}
				}, kept)
			})
		}
	}
}

// TestAQuestionInTheFirstSeconds: it is answered with tools, also if a server takes some seconds; people
// see what is waited for, and others are answered meanwhile.
func TestAQuestionInTheFirstSeconds(t *testing.T) {
	inShed(t, func(w *world, s *shed, _ *mind) {
		ts := w.ask("alice", "general", "", "call look")
		w.until("the status tells", 10*time.Second, func() bool {
			for _, c := range w.slack.Calls() {
				for _, value := range c.Args {
					if strings.Contains(value, "connecting to its tools") {
						return true
					}
				}
			}
			return false
		})
		is(t, "calls", s.count("look"), 0)
		w.answered("general", ts, 1)
		is(t, "calls", s.count("look"), 1)
	}, func(c *worldConfig) {
		with := c.tools
		c.tools = func(p *process) bot.Tools {
			in := with(p).(shedIn)
			in.open = time.Now().Add(8 * time.Second)
			return in
		}
	})
}

// never is a server of tools that is never connected.
type never struct{ shedIn }

func (never) Offer(tools.Place) []tools.Tool { return nil }
func (never) Settle(ctx context.Context)     { <-ctx.Done() }

// TestAServerThatNeverComes: questions of the first seconds wait for it a while, and later ones do not.
func TestAServerThatNeverComes(t *testing.T) {
	inShed(t, func(w *world, s *shed, _ *mind) {
		began := time.Now()
		w.answered("general", w.ask("alice", "general", "", "call look"), 1)
		atMost(t, "the first answer took", time.Since(began), 40*time.Second)
		began = time.Now()
		w.answered("general", w.ask("alice", "general", "", "call look"), 1)
		atMost(t, "the second answer took", time.Since(began), 15*time.Second)
		is(t, "calls", s.count("look"), 0)
	}, func(c *worldConfig) {
		with := c.tools
		c.tools = func(p *process) bot.Tools { return never{with(p).(shedIn)} }
	})
}

// losing is a server of tools that can be lost while the process runs.
type losing struct {
	shedIn

	lost *atomic.Bool
}

func (l losing) Offer(p tools.Place) []tools.Tool {
	if l.lost.Load() {
		return nil
	}
	return l.shedIn.Offer(p)
}

// TestAServerIsLostBeforeTheEdit: results of a turn that was called off do not stay in the store,
// also if the turn after it has no tools any more.
func TestAServerIsLostBeforeTheEdit(t *testing.T) {
	store, lost := &awayStore{}, &atomic.Bool{}
	inShed(t, func(w *world, s *shed, _ *mind) {
		ts := w.ask("alice", "general", "", "call look, post")
		w.until("the second call runs", time.Minute, func() bool { return s.count("post") == 1 })
		if keys := store.keysWith(w.t, "zq brought by"); len(keys) == 0 {
			t.Error("nothing was kept")
		}
		lost.Store(true)
		w.edit("alice", "general", ts, w.slack.Mention()+" hello")
		w.answered("general", ts, 1)
		time.Sleep(5 * time.Second)
		if keys := store.keysWith(w.t, "zq brought by"); len(keys) > 0 {
			t.Errorf("results stay in %q", keys)
		}
	}, func(c *worldConfig) {
		with := c.tools
		c.store = store.keeps
		c.tools = func(p *process) bot.Tools { return losing{with(p).(shedIn), lost} }
	})
}

// slow is a server of tools that is being connected as long as it is waited for.
type slow struct {
	never

	now *atomic.Bool
}

func (l slow) Settle(ctx context.Context) {
	if l.now.Load() {
		<-ctx.Done()
	}
}

// TestWhoNeedsNoToolsDoesNotWait: an answer for which nobody asks the model does not wait for servers
// of tools in the first seconds of a process.
func TestWhoNeedsNoToolsDoesNotWait(t *testing.T) {
	slowly, now := &atomic.Bool{}, &atomic.Bool{}
	now.Store(true)
	connecting := func(when *atomic.Bool) func(*bot.Config, *bot.Deps) {
		return func(c *bot.Config, d *bot.Deps) {
			c.Quota, d.Tools = quota.Limits{AnswersPerMinute: 1}, slow{never{shedIn{shed: &shed{}}}, when}
		}
	}
	const checkpoint = `{"for":"1.0","since":"1.0","upto":"1.0","first":"1.0","asks":1,"text":"ALL OF IT"`
	for name, tt := range map[string]struct {
		begins func(s *scene) (began time.Time)
		says   string
		waits  bool
	}{
		"half written": {func(s *scene) time.Time {
			s.deadOwner("1.0", "1.5")
			s.keep("checkpoint", checkpoint+`}`)
			time.Sleep(2 * ttl)
			s.run("B", connecting(now))
			return time.Now()
		}, "half whole", true},
		"it is whole": {func(s *scene) time.Time {
			s.deadOwner("1.0", "1.5")
			s.keep("checkpoint", checkpoint+`,"finish":"stop"}`)
			time.Sleep(2 * ttl)
			s.run("B", connecting(now))
			return time.Now()
		}, "ALL OF IT", false},
		"it is hopeless": {func(s *scene) time.Time {
			s.firstText = time.Hour
			for i := range 3 {
				dying := &awayStore{Mem: s.store}
				owner := s.run(fmt.Sprint("A", i), func(_ *bot.Config, d *bot.Deps) { d.Store = dying })
				if i == 0 {
					owner.hears(q("1.0", "first"))
				}
				s.untilAsked(i + 1)
				dying.leave()
				s.t.Cleanup(dying.back)
				time.Sleep(2 * ttl)
			}
			s.run("B", connecting(now))
			return time.Now()
		}, "I have tried several times", false},
		"it is refused": {func(s *scene) time.Time {
			a := s.run("A", connecting(slowly))
			a.hears(q("1.0", "first"))
			s.until("it is half written", func() bool { return len(s.said[thread1]) > 2 })
			slowly.Store(true)
			began := time.Now()
			other := edited(q("1.0", "other words"), "other words", "9.0")
			s.say(other)
			a.hearsEdit(other)
			return began
		}, "You have had your 1 answer", false},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, []thread.Message{q("1.0", "first"), {TS: "1.1", User: "U2", Text: "before"}}, func(s *scene) {
				began := tt.begins(s)
				says := func() bool {
					return slices.ContainsFunc(s.ends, func(o outcome) bool { return strings.Contains(o.Text+o.notice, tt.says) })
				}
				s.until("it ends", says)
				if took := time.Since(began); took > 12*time.Second != tt.waits {
					t.Errorf("it took %s\n%s", took, s.story())
				}
			})
		})
	}
}
