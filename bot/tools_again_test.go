package bot_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/llm"
)

// surviving has the store outlive processes.
func surviving(c *worldConfig) {
	c.lateAcks, c.store = true, (&awayStore{}).keeps
}

// heardOf reports whether the newest prompt tells the model that a call was made before.
func (m *mind) heardOf(call string) bool {
	for _, msg := range m.last() {
		if msg.Role == llm.RoleUser && strings.Contains(msg.Content, "were made for this question before") && strings.Contains(msg.Content, call) {
			return true
		}
	}
	return false
}

// TestAToolThatChangesSomethingRunsOncePerQuestion: however the answer to a question comes to be
// written again, a call that may have changed something is not made again in silence: the model and
// whoever asked are told of it, and they are asked before it runs once more.
func TestAToolThatChangesSomethingRunsOncePerQuestion(t *testing.T) {
	during := func(w *world, s *shed) {
		w.until("it runs", time.Minute, func() bool { return s.count("post") == 1 })
		time.Sleep(300 * time.Millisecond)
	}
	for name, again := range map[string]func(w *world, s *shed, ts string){
		"edited while it runs": func(w *world, s *shed, ts string) {
			during(w, s)
			w.edit("alice", "general", ts, w.slack.Mention()+" kindly call post")
		},
		"edited after the call": func(w *world, s *shed, ts string) {
			w.until("it ran", time.Minute, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.done == 1 })
			time.Sleep(500 * time.Millisecond)
			w.edit("alice", "general", ts, w.slack.Mention()+" kindly call post")
		},
		"edited when it is answered": func(w *world, _ *shed, ts string) {
			w.answered("general", ts, 1)
			w.edit("alice", "general", ts, w.slack.Mention()+" kindly call post")
		},
		"edited, then killed": func(w *world, s *shed, ts string) {
			during(w, s)
			w.edit("alice", "general", ts, w.slack.Mention()+" kindly call post")
			time.Sleep(300 * time.Millisecond)
			w.kill()
			w.again()
		},
		"killed, then edited": func(w *world, s *shed, ts string) {
			during(w, s)
			w.kill()
			w.edit("alice", "general", ts, w.slack.Mention()+" kindly call post")
			w.again()
		},
		"written anew": func(w *world, _ *shed, ts string) {
			a := w.answered("general", ts, 1)
			w.click("alice", "general", a[len(a)-1].TS, bot.PressRegenerate)
		},
		"stopped, and written anew": func(w *world, s *shed, ts string) {
			during(w, s)
			w.slack.Say("alice", "general", ts, "stop")
			a := w.says("general", ts, "stopped", 10*time.Second)
			w.click("alice", "general", a[len(a)-1].TS, bot.PressRegenerate)
		},
	} {
		for _, run := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				inShed(t, func(w *world, s *shed, m *mind) {
					m.says = "Let me see."
					ts := w.ask("alice", "general", "", "call post")
					again(w, s, ts)
					w.until("it is asked for", time.Minute, func() bool { return len(w.questions("alice")) > 0 || s.count("post") > 1 })
					time.Sleep(5 * time.Second)
					is(t, "calls before the press", s.count("post"), 1)
					if len(w.questions("alice")) == 0 {
						return
					}
					q := w.leaveAsked("alice", 1)
					has(t, q.Plain, "It has run for this question before")
					if !m.heardOf(`shed_post {"to":"zq 0"}`) {
						t.Errorf("the model was not told: %+v", m.last())
					}
					w.press("alice", q, run)
					w.until("the answer is complete", time.Minute, func() bool {
						return strings.Contains(text(w.answers("general", ts)), "The answer is whole.") && footers(w.answers("general", ts)) == 1
					})
					is(t, "calls", s.count("post"), map[bool]int{false: 1, true: 2}[run])
					has(t, text(w.answers("general", ts)), "“post”", "run for this question before")
				}, surviving)
			})
		}
	}
}

// TestWhatOnlyReadsRunsAgain: an edit asks nobody about a tool that changes nothing, and another
// question is another question.
func TestWhatOnlyReadsRunsAgain(t *testing.T) {
	inShed(t, func(w *world, s *shed, _ *mind) {
		ts := w.ask("alice", "general", "", "call look")
		w.answered("general", ts, 1)
		w.edit("alice", "general", ts, w.slack.Mention()+" kindly call look")
		w.until("it runs again", time.Minute, func() bool { return s.count("look") == 2 })
		w.answered("general", ts, 1)
		for n := range 2 {
			w.slack.Say("alice", "general", ts, "now call post")
			w.answered("general", ts, n+2)
			is(w.t, "calls", s.count("post"), n+1)
		}
		is(w.t, "questions", len(w.questions("alice")), 0)
	})
}

// TestOneOfTwoQuestionsIsDeleted: what ran for both has run for the one that is left.
func TestOneOfTwoQuestionsIsDeleted(t *testing.T) {
	inShed(t, func(w *world, s *shed, m *mind) {
		ts := w.ask("alice", "general", "", "hello")
		w.until("it is answered", time.Minute, func() bool { return len(w.answers("general", ts)) > 0 })
		first := w.slack.Say("alice", "general", ts, "call post")
		second := w.slack.Say("alice", "general", ts, "call post")
		w.until("it runs", time.Minute, func() bool { return s.count("post") == 1 })
		w.delete("alice", "general", first)
		_ = second
		w.until("it is asked for", time.Minute, func() bool { return len(w.questions("alice")) > 0 || s.count("post") > 1 })
		time.Sleep(5 * time.Second)
		is(w.t, "calls", s.count("post"), 1)
	})
}

// TestLeaveIsForTheQuestionsItWasGivenFor: whoever let a call run for two questions is asked again
// when one of them is deleted after that.
func TestLeaveIsForTheQuestionsItWasGivenFor(t *testing.T) {
	for name, gone := range map[string]int{"the older one": 0, "the newer one": 1} {
		t.Run(name, func(t *testing.T) {
			inShed(t, func(w *world, s *shed, _ *mind) {
				ts := w.ask("alice", "general", "", "hello")
				w.until("it is answered", time.Minute, func() bool { return len(w.answers("general", ts)) > 0 })
				both := []string{w.slack.Say("alice", "general", ts, "call drop"), w.slack.Say("alice", "general", ts, "call drop")}
				w.press("alice", w.leaveAsked("alice", 1), true)
				w.until("it ran", time.Minute, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.done == 1 })
				time.Sleep(300 * time.Millisecond)
				w.delete("alice", "general", both[gone])
				w.until("it is asked for", time.Minute, func() bool { return len(w.questions("alice")) > 0 || s.count("drop") > 1 })
				time.Sleep(5 * time.Second)
				is(t, "calls", s.count("drop"), 1)
				is(t, "open questions", len(w.questions("alice")), 1)
			})
		})
	}
}

// keysWith returns the keys of the records that hold a word.
func (s *awayStore) keysWith(t *testing.T, word string) (keys []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_ = s.Watch(ctx, "", func(key string, value []byte) { // until ctx ends
		if strings.Contains(string(value), word) {
			keys = append(keys, key)
		}
	})
	return keys
}

// TestArgumentsGoWithTheAnswer: of an answer that is taken away, the store keeps which tools have
// run, and nothing of what they were given.
func TestArgumentsGoWithTheAnswer(t *testing.T) {
	ran := func(w *world, s *shed) {
		w.until("it ran", time.Minute, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.done == 1 })
		time.Sleep(500 * time.Millisecond)
	}
	for name, gone := range map[string]func(w *world, s *shed, ts, ask string){
		"taken back": func(w *world, _ *shed, ts, _ string) {
			w.answered("general", ts, 2)
			w.slack.Say("alice", "general", ts, "!remove")
		},
		"deleted": func(w *world, _ *shed, ts, ask string) {
			w.answered("general", ts, 2)
			w.delete("alice", "general", ask)
		},
		"edited, and deleted": func(w *world, s *shed, ts, ask string) {
			ran(w, s)
			w.edit("alice", "general", ask, "kindly call look")
			time.Sleep(500 * time.Millisecond)
			w.answered("general", ts, 2)
			w.delete("alice", "general", ask)
		},
		"deleted while it is written": func(w *world, s *shed, _, ask string) {
			ran(w, s)
			w.delete("alice", "general", ask)
		},
		"deleted before anything of it stands there": func(w *world, s *shed, _, ask string) {
			w.until("it runs", time.Minute, func() bool { return s.count("post") == 1 })
			w.delete("alice", "general", ask)
		},
		"killed, and deleted": func(w *world, s *shed, _, ask string) {
			ran(w, s)
			w.kill()
			w.delete("alice", "general", ask)
			w.again()
		},
		"deleted while another one waits": func(w *world, s *shed, ts, ask string) {
			w.until("it runs", time.Minute, func() bool { return s.count("post") == 1 })
			w.slack.Say("bob", "general", ts, w.slack.Mention()+" hello, too")
			time.Sleep(500 * time.Millisecond)
			w.delete("alice", "general", ask)
			w.answered("general", ts, 2)
		},
		"deleted, and others have written": func(w *world, _ *shed, ts, ask string) {
			w.answered("general", ts, 2)
			w.slack.Say("bob", "general", ts, "good to know")
			time.Sleep(500 * time.Millisecond)
			w.delete("alice", "general", ask)
		},
		"deleted, and another one is answered": func(w *world, s *shed, ts, ask string) {
			ran(w, s)
			w.delete("alice", "general", ask)
			w.slack.Say("alice", "general", ts, "hello again")
			w.answered("general", ts, 2)
		},
	} {
		for _, says := range []string{"", "Let me see."} {
			t.Run(name, func(t *testing.T) {
				store := &awayStore{}
				inShed(t, func(w *world, s *shed, m *mind) {
					m.says = says
					ts := w.ask("alice", "general", "", "hello")
					w.answered("general", ts, 1)
					ask := w.slack.Say("alice", "general", ts, "call post")
					gone(w, s, ts, ask)
					time.Sleep(2 * time.Minute)
					is(t, "calls", s.count("post"), 1)
					if keys := store.keysWith(w.t, "zq"); len(keys) > 0 {
						t.Errorf("what post was given is still in %q", keys)
					}
					if keys := store.keysWith(w.t, "Let me see."); len(keys) > 0 && !strings.Contains(name, "others") {
						t.Errorf("the answer is still in %q", keys)
					}
					is(t, "records of what has run", len(store.keysWith(w.t, "shed_post")), 1)
				}, func(c *worldConfig) { c.lateAcks, c.store = true, store.keeps })
			})
		}
	}
}

// TestArgumentsOfTheFirstQuestion: nothing was answered before in the thread.
func TestArgumentsOfTheFirstQuestion(t *testing.T) {
	store := &awayStore{}
	inShed(t, func(w *world, s *shed, _ *mind) {
		ts := w.ask("alice", "general", "", "call post")
		w.until("it runs", time.Minute, func() bool { return s.count("post") == 1 })
		w.delete("alice", "general", ts)
		time.Sleep(2 * time.Minute)
		if keys := store.keysWith(w.t, "zq"); len(keys) > 0 {
			w.t.Errorf("what post was given is still in %q", keys)
		}
	}, func(c *worldConfig) { c.lateAcks, c.store = true, store.keeps })
}

// TestAnAnswerTakenBackIsRemembered: who changes a question after its answer was taken back is
// asked before its tool runs once more.
func TestAnAnswerTakenBackIsRemembered(t *testing.T) {
	inShed(t, func(w *world, s *shed, m *mind) {
		ts := w.ask("alice", "general", "", "hello")
		w.answered("general", ts, 1)
		ask := w.slack.Say("alice", "general", ts, "call post")
		w.answered("general", ts, 2)
		w.slack.Say("alice", "general", ts, "!remove")
		time.Sleep(10 * time.Second)
		w.edit("alice", "general", ask, "kindly call post")
		w.until("it is asked for", time.Minute, func() bool { return len(w.questions("alice")) > 0 || s.count("post") > 1 })
		is(w.t, "calls", s.count("post"), 1)
		if !m.heardOf("shed_post\n") {
			w.t.Errorf("the model was not told: %+v", m.last())
		}
	})
}

// TestAStopWhileTheStoreIsAway: whoever presses after that is not told that it runs.
func TestAStopWhileTheStoreIsAway(t *testing.T) {
	for name, later := range map[string]time.Duration{"at once": 0, "a moment later": 1500 * time.Millisecond, "later": time.Minute} {
		for _, killed := range []bool{false, true} {
			if killed && later == 0 {
				continue
			}
			t.Run(name, func(t *testing.T) {
				store := &awayStore{}
				inShed(t, func(w *world, s *shed, m *mind) {
					m.says = "Let me see."
					ts := w.ask("alice", "general", "", "call drop")
					q := w.leaveAsked("alice", 1)
					time.Sleep(5 * time.Second)
					store.leave()
					time.Sleep(10 * time.Second)
					w.slack.Say("alice", "general", ts, "stop")
					time.Sleep(20 * time.Second)
					if killed {
						w.kill()
						time.Sleep(time.Second)
					}
					store.back()
					if killed {
						w.again()
					}
					time.Sleep(later)
					w.press("alice", q, true)
					time.Sleep(30 * time.Second)
					if n := s.count("drop"); n > 0 && !killed { // the stop died with the process that knew of it
						t.Errorf("%d calls after the stop", n)
					}
					var told strings.Builder
					for _, m := range w.slack.Ephemerals("alice") {
						told.WriteString(m.Plain + "\n")
					}
					if strings.Contains(told.String(), "it runs now") && !strings.Contains(told.String(), "was not run") != (s.count("drop") == 1) {
						t.Errorf("she was told %q", told.String())
					}
				}, func(c *worldConfig) {
					c.lateAcks, c.store = true, store.keeps
				})
			})
		}
	}
}

// TestTheFirstTurnOfALeaseIsCalledOff: what an owner before has begun the second turn does not make
// again.
func TestTheFirstTurnOfALeaseIsCalledOff(t *testing.T) {
	for _, wait := range []time.Duration{0, 30 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond, time.Second, 2 * time.Second} {
		t.Run(wait.String(), func(t *testing.T) {
			inShed(t, func(w *world, s *shed, m *mind) {
				m.says = "Let me see."
				ts := w.ask("alice", "general", "", "hello")
				w.until("it is answered", time.Minute, func() bool { return len(w.answers("general", ts)) > 0 })
				w.slack.Say("alice", "general", ts, "call post")
				other := w.slack.Say("alice", "general", ts, "and again call post")
				w.until("it runs", time.Minute, func() bool { return s.count("post") == 1 })
				w.kill()
				time.Sleep(time.Second)
				w.again()
				reads := len(w.slack.Calls("conversations.replies"))
				w.until("the next owner has it", 3*time.Minute, func() bool { return len(w.slack.Calls("conversations.replies")) > reads })
				time.Sleep(wait)
				w.edit("alice", "general", other, "and once more call post")
				w.until("it goes on", 3*time.Minute, func() bool {
					got := text(w.answers("general", ts))
					return len(w.questions("alice")) > 0 || s.count("post") > 1 || strings.Contains(got, "I do not know whether")
				})
				time.Sleep(5 * time.Second)
				is(t, "calls", s.count("post"), 1)
				for line := range strings.Lines(w.log.String()) {
					if strings.Contains(line, "claim_lost") && strings.Contains(line, "process=1") {
						t.Error(line)
					}
				}
			}, func(c *worldConfig) {
				surviving(c)
				c.slack = slacksim.Config{Latency: 100 * time.Millisecond, Limiter: slacksim.LimiterOff}
			})
		})
	}
}
