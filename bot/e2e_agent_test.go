package bot_test

import (
	"strings"
	"testing"
	"time"

	"llmbot/bot/slacksim"
)

const sessionMethod = "agents.sessions.setStatus"

// asAgent is an app with the manifest of `llmbot manifest -agent`.
func asAgent(cfg worldConfig) worldConfig {
	cfg.slack.Agent, cfg.slack.Events = true, append(slacksim.DefaultEvents(), "agent_session_stopped")
	return cfg
}

// TestAgentSession shows Slack's indicator, and its stop button, from the question to the answer's
// end.
func TestAgentSession(t *testing.T) {
	for name, where := range map[string]string{"channel": "general", "direct": "@alice"} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, asAgent(long()), func(t *testing.T, w *world) {
				ts := w.ask("alice", where, "", "count")
				w.says(where, ts, "Sentence 3", time.Minute)
				is(t, "session while it writes", w.slack.Session(where, ts), "processing")
				w.answered(where, ts, 1)
				time.Sleep(2 * time.Second)
				is(t, "session after the end", w.slack.Session(where, ts), "active")
				is(t, "calls", len(w.slack.Calls(sessionMethod)), 2)
			})
		})
	}
	t.Run("a question that is deleted", func(t *testing.T) {
		cfg := asAgent(long())
		cfg.model.FirstToken = 5 * time.Second
		inWorld(t, cfg, func(t *testing.T, w *world) {
			ts := w.slack.Say("alice", "general", "", "we wonder")
			ask := w.ask("alice", "general", ts, "count")
			time.Sleep(2 * time.Second)
			is(t, "session before the first token", w.slack.Session("general", ts), "processing")
			w.delete("alice", "general", ask)
			time.Sleep(10 * time.Second)
			is(t, "session after the question's deletion", w.slack.Session("general", ts), "active")
		})
	})
}

// TestAgentStop presses Slack's own button where no stream shows it: only the session does.
func TestAgentStop(t *testing.T) {
	for name, where := range map[string]string{"channel": "general", "direct": "@alice"} {
		t.Run(name, func(t *testing.T) {
			cfg := asAgent(long())
			cfg.stream = "edit"
			inWorld(t, cfg, func(t *testing.T, w *world) {
				ts := w.ask("alice", where, "", "count")
				w.stoppedNow(where, ts, func() {
					if err := w.slack.StopSession("alice", where, ts); err != nil {
						t.Error(err)
					}
				})
				time.Sleep(2 * time.Second)
				is(t, "session", w.slack.Session(where, ts), "active")
			})
		})
	}
	t.Run("by others", func(t *testing.T) {
		inWorld(t, asAgent(long()), func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "count")
			w.says("general", ts, "Sentence 3", time.Minute)
			if err := w.slack.StopSession("bob", "general", ts); err != nil {
				t.Error(err)
			}
			w.stoppedSoon("general", ts)
		})
	})
}

// stoppedSoon waits until no request of the thread's answer runs, and its session is over.
func (w *world) stoppedSoon(channel, ts string) {
	w.t.Helper()
	w.until("it has stopped", 5*time.Second, func() bool { return w.model.Running() == 0 && w.slack.Session(channel, ts) == "active" })
}

// TestAgentNextProcess hands the session over with the answer.
func TestAgentNextProcess(t *testing.T) {
	for name, kill := range map[string]bool{"drained": false, "killed": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, asAgent(durable()), func(t *testing.T, w *world) {
				ts := w.ask("alice", "general", "", "hello")
				w.says("general", ts, "Sentence 3", time.Minute)
				if kill {
					w.procs[len(w.procs)-1].kill()
				} else {
					w.stop()
				}
				w.again()
				w.until("it goes on", time.Minute, func() bool { return w.model.Running() == 1 })
				time.Sleep(time.Second)
				is(t, "session while it goes on", w.slack.Session("general", ts), "processing")
				w.answered("general", ts, 1)
				time.Sleep(2 * time.Second)
				is(t, "session after the end", w.slack.Session("general", ts), "active")
			})
		})
	}
}

// TestAgentLeftBehind ends the session that a process has left behind with an answer of which its
// successor writes no more.
func TestAgentLeftBehind(t *testing.T) {
	writing := func(w *world, ts string) { w.says("general", ts, "Sentence 3", time.Minute) }
	thinking := func(w *world, ts string) {
		w.until("it is at work", time.Minute, func() bool { return w.slack.Session("general", ts) == "processing" })
	}
	ended := func(method string) func(w *world, ts string) { // the model's answer, and nobody sees the end
		return func(w *world, _ string) {
			w.until("it writes", time.Minute, func() bool { return w.model.Running() == 1 })
			time.Sleep(2 * time.Second)
			w.slack.Fail(slacksim.Fault{Method: method, Hang: true, Times: -1})
			w.until("the model has ended", time.Minute, func() bool { return w.model.Running() == 0 })
			time.Sleep(time.Second)
			w.slack.Heal()
		}
	}
	for name, c := range map[string]struct {
		kill  func(w *world, ts string) // waits until the process is to be killed
		then  func(w *world, ask string)
		shows string
	}{
		"a text that was not shown to its end": {ended("chat.update"), nil, "Sentence 29"},
		"a text that was not shown":            {ended("chat.postMessage"), nil, "Sentence 29"},
		"a deleted question":                   {writing, func(w *world, ask string) { w.delete("alice", "general", ask) }, ""},
		"a deleted question, and no message":   {thinking, func(w *world, ask string) { w.delete("alice", "general", ask) }, ""},
		"an answer that was not noted": {func(w *world, _ string) {
			w.procs[0].dieAt(`"answered"`)
			w.until("it dies", time.Minute, w.procs[0].isDead)
		}, nil, "Sentence 29"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := asAgent(durable())
			cfg.model.FirstToken = 4 * time.Second
			inWorld(t, cfg, func(t *testing.T, w *world) {
				w.slack.Fail(slacksim.Fault{Method: sessionMethod, Skip: 1, Hang: true}) // of its end, if it comes so far
				ts := w.slack.Say("alice", "general", "", "we wonder")
				ask := w.ask("alice", "general", ts, "count")
				c.kill(w, ts)
				w.kill()
				is(t, "session that is left behind", w.slack.Session("general", ts), "processing")
				time.Sleep(time.Second)
				w.slack.Heal()
				if c.then != nil {
					c.then(w, ask)
				}
				w.again()
				time.Sleep(time.Minute)
				has(t, text(w.answers("general", ts)), c.shows)
				is(t, "session after the end", w.slack.Session("general", ts), "active")
				is(t, "requests", w.model.Total(), 1)
			})
		})
	}
}

// TestAgentLapse ends the session of an answer whose lease lapses while its end is shown.
func TestAgentLapse(t *testing.T) {
	store := &awayStore{}
	cfg := asAgent(replicas())
	cfg.store, cfg.lateAcks = store.open, true
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "count")
		w.says("general", ts, "Sentence 20", time.Minute)
		w.slack.Fail(slacksim.Fault{Method: "chat.update", Error: "internal_error", Times: -1})
		w.until("the model has ended", time.Minute, func() bool { return w.model.Running() == 0 })
		store.leave()
		time.Sleep(10 * time.Second)
		w.slack.Heal()
		time.Sleep(2 * time.Minute)
		is(t, "session before the end", w.slack.Session("general", ts), "processing")
		store.back()
		w.answered("general", ts, 1)
		time.Sleep(20 * time.Second)
		is(t, "session after the end", w.slack.Session("general", ts), "active")
	})
}

// TestAgentRefused asks Slack once where the app has no sessions; answers are as they are without.
func TestAgentRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		agent bool
		fault *slacksim.Fault
		most  int // calls in three answers
	}{
		"plain app":      {false, nil, 1},
		"unknown method": {true, &slacksim.Fault{Method: sessionMethod, Error: "unknown_method", Times: -1}, 1},
		"no scope":       {true, &slacksim.Fault{Method: sessionMethod, Error: "missing_scope", Times: -1}, 1},
		"other word":     {true, &slacksim.Fault{Method: sessionMethod, Error: "some_new_word", Times: -1}, 3},
		"hangs":          {true, &slacksim.Fault{Method: sessionMethod, Hang: true, Times: -1}, 30},
		"away":           {true, &slacksim.Fault{Method: sessionMethod, Status: 500, Times: -1}, 30},
		"limited":        {true, &slacksim.Fault{Method: sessionMethod, Status: 429, RetryAfter: 20, Times: 3}, 12},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := long()
			if c.agent {
				cfg = asAgent(cfg)
			}
			inWorld(t, cfg, func(t *testing.T, w *world) {
				if c.fault != nil {
					w.slack.Fail(*c.fault)
				}
				for range 3 {
					ts := w.ask("alice", "general", "", "count")
					complete(t, text(w.answered("general", ts, 1)), unit, 25)
				}
				atMost(t, "calls", len(w.slack.Calls(sessionMethod)), c.most)
			})
		})
	}
}

// TestAgentUnheard ends the session of an answer of which Slack has taken the beginning, and nobody
// heard so.
func TestAgentUnheard(t *testing.T) {
	for name, c := range map[string]struct {
		fault slacksim.Fault
		speed float64 // so that the answer ends before the next try, or after the last
	}{
		"an error":               {slacksim.Fault{Status: 500}, 200},
		"a timeout":              {slacksim.Fault{Hang: true}, 20},
		"errors to the last try": {slacksim.Fault{Status: 503, Times: 5}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := asAgent(long())
			cfg.model.Speed = c.speed
			inWorld(t, cfg, func(t *testing.T, w *world) {
				c.fault.Method, c.fault.Carry = sessionMethod, true
				w.slack.Fail(c.fault)
				ts := w.ask("alice", "general", "", "count")
				w.says("general", ts, "Sentence 3", time.Minute)
				is(t, "session while it writes", w.slack.Session("general", ts), "processing")
				w.answered("general", ts, 1)
				time.Sleep(20 * time.Second)
				is(t, "session after the end", w.slack.Session("general", ts), "active")
			})
		})
	}
}

// TestAgentUnsubscribed says once that Slack's button does nothing.
func TestAgentUnsubscribed(t *testing.T) {
	cfg := long()
	cfg.slack.Agent = true
	inWorld(t, cfg, func(t *testing.T, w *world) {
		for range 2 {
			w.answered("general", w.ask("alice", "general", "", "count"), 1)
		}
		is(t, "warnings", strings.Count(w.log.String(), "stop_button_dead"), 1)
	})
}
