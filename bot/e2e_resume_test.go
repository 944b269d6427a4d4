package bot_test

import (
	"strings"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/answer"
	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

// neverLess fails if a message ever showed less than half of what it had shown.
func neverLess(t *testing.T, messages []slacksim.Message) {
	t.Helper()
	for _, m := range messages {
		most := 0
		for i, v := range m.Versions {
			n := strings.Count(v.Plain, "Sentence")
			if n*2 < most {
				t.Errorf("version %d at %s shows %d sentences after %d", i, v.At.Format(clock), n, most)
			}
			most = max(most, n)
		}
	}
}

// steady fails if a message once did not change for longer than that before its last change.
func steady(t *testing.T, m slacksim.Message, most time.Duration) {
	t.Helper()
	for i := 1; i < len(m.Versions); i++ {
		atMost(t, "no change for", m.Versions[i].At.Sub(m.Versions[i-1].At), most)
	}
}

func TestKilledProcess(t *testing.T) {
	for name, resume := range map[string]answer.Resume{"continue": answer.ResumeAuto, "restart": answer.ResumeRestart} {
		for _, at := range []time.Duration{300 * time.Millisecond, 1500 * time.Millisecond, 4 * time.Second, 9 * time.Second} {
			t.Run(name+" "+at.String(), func(t *testing.T) {
				cfg := durable()
				cfg.bot.Resume = resume
				inWorld(t, cfg, func(t *testing.T, w *world) {
					ts := w.ask("alice", "general", "", "count")
					time.Sleep(at)
					w.kill()
					before := w.answers("general", ts)
					began := time.Now()
					w.again()
					w.answered("general", ts, 1)
					time.Sleep(10 * time.Second)
					got := w.answers("general", ts)
					if len(got) != 1 || len(before) == 1 && before[0].TS != got[0].TS {
						t.Fatalf("%d messages before, %d after", len(before), len(got))
					}
					complete(t, text(got), unit, 30)
					oneFooter(t, got)
					neverLess(t, got)
					for _, v := range got[0].Versions {
						if v.At.After(began) {
							if d := v.At.Sub(began); d > 2*time.Second && name == "continue" {
								t.Errorf("the first edit came %s after the start", d)
							}
							break
						}
					}
					chat := w.model.Last().Chat
					last := chat.Messages[len(chat.Messages)-1]
					if continued := last.Role == "assistant" && chat.Continue; continued != (name == "continue" && at > 3*time.Second) && at > 3*time.Second {
						t.Errorf("continued: %v", continued)
					}
					if name == "continue" && at > 3*time.Second {
						all := len(llmsim.Tokens(strings.TrimSpace(numbered(30)(nil))))
						if !strings.Contains(text(got), " tokens in ") || all < 100 {
							t.Errorf("%s", text(got))
						}
					}
					is(t, "model calls", w.model.Total(), 2)
				})
			})
		}
	}
}

func TestModelServerRestartsInMidAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		resume  answer.Resume
		channel string
	}{"continue": {answer.ResumeAuto, "general"}, "restart": {answer.ResumeRestart, "general"}, "continue in a stream": {answer.ResumeAuto, "@alice"}} {
		t.Run(name, func(t *testing.T) {
			cfg := long()
			cfg.bot.Resume = tt.resume
			inWorld(t, cfg, func(t *testing.T, w *world) {
				ts := w.ask("alice", tt.channel, "", "count")
				w.says(tt.channel, ts, "Sentence 10", time.Minute)
				w.model.SetMode(llmsim.Refusing)
				w.model.Interrupt(llmsim.Tape{llmsim.Cut()})
				time.Sleep(20 * time.Second)
				w.model.SetMode(llmsim.Up)
				w.answered(tt.channel, ts, 1)
				time.Sleep(5 * time.Second)
				got := w.answers(tt.channel, ts)
				complete(t, seen(got), unit, 30)
				streamed(t, got)
				oneFooter(t, got)
				neverLess(t, got)
				is(t, "continued", w.model.Last().Chat.Continue, tt.resume == answer.ResumeAuto)
				hasNot(t, text(got), "not reachable")
			})
		})
	}
}

// TestNoContinuation: what comes instead of a continuation is dropped, and the answer is written
// from its beginning.
func TestNoContinuation(t *testing.T) {
	whole := strings.TrimSpace(numbered(30)(nil))
	half := whole[:len(whole)/2]
	for name, tape := range map[string]llmsim.Tape{
		"empty":          {llmsim.Chunk("", 1), llmsim.Finish("stop")},
		"reasoning":      {llmsim.Reason("let me think again"), llmsim.Text("Something else.")},
		"from the start": {llmsim.Text(whole)},
		"refused":        {llmsim.Reply(400, "application/json", `{"error":{"message":"continue_final_message is not supported","code":400}}`)},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := long()
			cfg.model.Speed, cfg.model.Reasoning = 100, name == "reasoning"
			inWorld(t, cfg, func(t *testing.T, w *world) {
				w.model.NextTape(llmsim.Tape{llmsim.Text(half), llmsim.Cut()}, tape)
				ts := w.ask("alice", "general", "", "count")
				got := w.answered("general", ts, 1)
				complete(t, text(got), unit, 30)
				neverLess(t, got)
				oneFooter(t, got)
				want := 3
				if name == "from the start" {
					want = 2
				}
				is(t, "model calls", w.model.Total(), want)
			})
		})
	}
}

// TestCatchUp: what is asked, edited and said while no process runs, or no socket is open, is
// found.
func TestCatchUp(t *testing.T) {
	cfg := durable()
	cfg.model.Speed = 500
	inWorld(t, cfg, func(t *testing.T, w *world) {
		old := w.ask("alice", "general", "", "old")
		w.answered("general", old, 1)
		edit := w.ask("alice", "random", "", "to be changed")
		w.answered("random", edit, 1)
		quiet := w.slack.Say("bob", "general", "", "lunch?")
		time.Sleep(10 * time.Second)
		w.stop()
		time.Sleep(time.Minute)
		follow := w.slack.Say("alice", "general", old, "a follow-up")
		w.edit("alice", "random", edit, w.slack.Mention()+" changed zq")
		opened := w.ask("bob", "general", "", "opened while nobody heard")
		dm := w.slack.Say("carol", "@carol", "", "hello?")
		inside := w.slack.Say("carol", "random", "", "a thread of others")
		w.ask("carol", "random", inside, "with a question")
		w.slack.Say("bob", "general", quiet, "anybody?")
		_ = follow
		w.again()
		w.answered("general", old, 2)
		w.answered("general", opened, 1)
		w.answered("@carol", dm, 1)
		w.answered("random", inside, 1)
		w.until("the edit is answered", 2*time.Minute, func() bool {
			for _, r := range w.model.Requests() {
				if _, all := conversation(r.Chat); strings.Contains(all, "changed zq") {
					return r.Ended
				}
			}
			return false
		})
		w.calm()
		is(t, "model calls", w.model.Total(), 7)
		for _, r := range []struct{ channel, ts string }{{"general", opened}, {"@carol", dm}, {"random", inside}, {"random", edit}} {
			oneFooter(t, w.answers(r.channel, r.ts))
		}
		// Both sockets are cut, and what is said meanwhile is lost.
		w.slack.RefuseSockets(-1, "link_disabled")
		w.slack.Cut()
		w.until("no socket is open", time.Minute, func() bool { return w.slack.Sockets() == 0 })
		time.Sleep(5 * time.Second)
		lost := w.ask("bob", "general", "", "into the void")
		time.Sleep(5 * time.Second)
		w.slack.Heal()
		w.answered("general", lost, 1)
		w.calm()
		is(t, "model calls", w.model.Total(), 8)
	})
}

// TestThreadThatKills: an answer of which three owners died before it came on gets a sentence; one
// that came on each time is finished.
func TestThreadThatKills(t *testing.T) {
	for name, at := range map[string]time.Duration{"before it comes on": 300 * time.Millisecond, "while it comes on": 2700 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			cfg := durable()
			cfg.model.FirstToken = 200 * time.Millisecond
			inWorld(t, cfg, func(t *testing.T, w *world) {
				ts := w.ask("alice", "general", "", "count")
				for range 3 {
					w.until("it is at work", time.Minute, func() bool { return w.model.Running() > 0 })
					time.Sleep(at)
					w.kill()
					w.until("the server has noticed", time.Minute, func() bool { return w.model.Running() == 0 })
					w.again()
				}
				if at > time.Second {
					w.answered("general", ts, 1)
					complete(t, text(w.answers("general", ts)), unit, 30)
					return
				}
				got := w.says("general", ts, "I have tried several times to answer this", time.Minute)
				n := len(w.model.Requests())
				w.click("alice", "general", got[0].TS, bot.PressRegenerate)
				w.answered("general", ts, 1)
				if more := len(w.model.Requests()) - n; n != 3 || more != 1 {
					t.Errorf("%d requests, and %d for Regenerate", n, more)
				}
				complete(t, text(w.answers("general", ts)), unit, 30)
				w.slack.Say("alice", "general", ts, "and now?")
				w.answered("general", ts, 2)
			})
		})
	}
}

// TestKilledBeforeItCouldNote: the process dies between a write to Slack and the record of it.
func TestKilledBeforeItCouldNote(t *testing.T) {
	for name, word := range map[string]string{"its message": `"reply"`, "its stream": `"reply"`, "its stream in a channel": `"reply"`, "that it has answered": `"answered"`, "the exact text": `"epoch":1,"ids"`} {
		channel := "general"
		if name == "its stream" {
			channel = "@alice"
		}
		t.Run(name, func(t *testing.T) {
			cfg := durable()
			if name == "its stream in a channel" {
				cfg.stream = "native"
			}
			inWorld(t, cfg, func(t *testing.T, w *world) {
				w.procs[0].dieAt(word)
				ts := w.slack.Say("alice", channel, "", w.slack.Mention()+" count")
				w.until("it dies", time.Minute, w.procs[0].isDead)
				w.kill()
				time.Sleep(time.Second)
				w.again()
				w.until("it is complete", time.Minute, func() bool {
					return strings.Contains(text(w.answers(channel, ts)), "Sentence 29") && footers(w.answers(channel, ts)) == 1 && w.model.Running() == 0
				})
				time.Sleep(30 * time.Second)
				got := w.answers(channel, ts)
				size(t, "messages", got, 1)
				complete(t, text(got), unit, 30)
				oneFooter(t, got)
				neverLess(t, got)
			})
		})
	}
}

// replicas are processes that share a store.
func replicas() worldConfig {
	cfg := durable()
	cfg.bot.Alone = nil
	cfg.slack.HoldEvents = 100
	return cfg
}

// TestFrozenOwner: a process is frozen in the middle of a call, another one takes over and
// finishes, and then the call goes through.
func TestFrozenOwner(t *testing.T) {
	for name, tt := range map[string]struct {
		at     time.Duration // after the question
		frozen time.Duration
	}{
		"an edit, when all is over":    {3 * time.Second, time.Minute},
		"an edit, while the other one": {3 * time.Second, 9 * time.Second},
		"the first post":               {1050 * time.Millisecond, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := replicas()
			cfg.model.FirstToken = time.Second
			inWorld(t, cfg, func(t *testing.T, w *world) {
				ts := w.ask("alice", "general", "", "count")
				time.Sleep(tt.at)
				w.procs[0].freeze()
				w.again()
				time.Sleep(tt.frozen)
				w.procs[0].thaw()
				w.answered("general", ts, 1)
				time.Sleep(quiet)
				got := w.answers("general", ts)
				size(t, "messages", got, 1)
				complete(t, text(got), unit, 30)
				oneFooter(t, got)
			})
		})
	}
}

// TestStoppedWhileItsOwnerIsFrozen: a process is frozen in its first post, and whoever asked stops it
// meanwhile. Nobody writes that answer; what comes of it late goes.
func TestStoppedWhileItsOwnerIsFrozen(t *testing.T) {
	cfg := replicas()
	cfg.model.FirstToken = time.Second
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "count")
		time.Sleep(1050 * time.Millisecond)
		w.procs[0].freeze()
		w.again()
		time.Sleep(3 * time.Second) // it listens, and does not take the thread over yet
		w.slack.Say("alice", "general", ts, "stop")
		time.Sleep(time.Minute)
		w.procs[0].thaw()
		time.Sleep(quiet)
		size(t, "messages", w.answers("general", ts), 0)
		if !strings.Contains(w.log.String(), "answer_repaired") {
			t.Error("nothing of it came late")
		}
	})
}

// TestFrozenOwnerDies: it wakes, what it had begun to write goes out, and it dies before it can
// repair that. The answer is complete all the same, also if its question was edited after the
// takeover.
func TestFrozenOwnerDies(t *testing.T) {
	for name, tt := range map[string]struct {
		frozen     time.Duration // an answer of the successor takes less than 18 s
		edit       bool
		overwrites bool // the answer of its successor is complete when it wakes
	}{
		"when all is over":   {frozen: 20 * time.Second, overwrites: true},
		"much later":         {frozen: 50 * time.Second, overwrites: true},
		"before":             {frozen: 9 * time.Second},
		"later, and an edit": {frozen: 50 * time.Second, overwrites: true, edit: true},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := replicas()
			cfg.model.FirstToken = time.Second
			inWorld(t, cfg, func(t *testing.T, w *world) {
				ts := w.ask("alice", "general", "", "count")
				time.Sleep(3 * time.Second) // it has begun
				w.procs[0].freeze()
				w.again()
				if tt.edit {
					time.Sleep(10 * time.Second) // taken over after 6
					w.edit("alice", "general", ts, w.slack.Mention()+" count!")
					tt.frozen -= 10 * time.Second
				}
				time.Sleep(tt.frozen)
				whole := footers(w.answers("general", ts)) == 1
				w.procs[0].thaw()
				time.Sleep(300 * time.Millisecond) // its edit is out, and nothing else yet
				if tt.overwrites && !whole {
					t.Fatalf("not complete before it wakes: %s", text(w.answers("general", ts)))
				}
				if tt.overwrites && footers(w.answers("general", ts)) == 1 {
					t.Fatalf("not overwritten: %s", text(w.answers("general", ts)))
				}
				w.procs[0].kill()
				time.Sleep(quiet)
				got := w.answers("general", ts)
				size(t, "messages", got, 1)
				complete(t, text(got), unit, 30)
				oneFooter(t, got)
			})
		})
	}
}

// TestReplicas: three processes, one model call a question, one answer; one of them is killed.
func TestReplicas(t *testing.T) {
	cfg := replicas()
	cfg.slack.Limiter = slacksim.LimiterOff
	inWorld(t, cfg, func(t *testing.T, w *world) {
		w.processes(3)
		var asked []string
		for range 12 {
			asked = append(asked, w.ask("alice", "general", "", "count"))
			time.Sleep(300 * time.Millisecond)
		}
		for _, ts := range asked {
			w.answered("general", ts, 1)
		}
		is(t, "model calls for 12 questions", w.model.Total(), 12)
		for range 6 {
			asked = append(asked, w.ask("bob", "general", "", "count"))
		}
		time.Sleep(4 * time.Second)
		w.kill()
		for _, ts := range asked {
			got := w.answered("general", ts, 1)
			complete(t, text(got), unit, 30)
			oneFooter(t, got)
			neverLess(t, got)
			steady(t, got[0], 10*time.Second)
		}
		time.Sleep(time.Minute)
		for _, ts := range asked {
			size(t, "messages", w.answers("general", ts), 1)
		}
	})
}

// TestRollingDeploy: a new process comes, and the old one goes, while answers are running.
func TestRollingDeploy(t *testing.T) {
	t.Parallel()
	cfg := replicas()
	cfg.slack.Limiter, cfg.edits = slacksim.LimiterOff, 6000
	cfg.model.Answer = numbered(60)
	inWorld(t, cfg, func(t *testing.T, w *world) {
		var asked []string
		for range 20 {
			asked = append(asked, w.ask("alice", "general", "", "count"))
		}
		time.Sleep(5 * time.Second)
		stop := w.stop
		w.again()
		time.Sleep(3 * time.Second)
		go stop()
		for _, ts := range asked {
			w.answered("general", ts, 1)
		}
		time.Sleep(10 * time.Second)
		for _, ts := range asked {
			got := w.answers("general", ts)
			size(t, "messages", got, 1)
			complete(t, text(got), unit, 60)
			oneFooter(t, got)
			neverLess(t, got)
			steady(t, got[0], 3*time.Second)
		}
	})
}
