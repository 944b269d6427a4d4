package bot_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/bot/tools"
)

// TestToolsRunAndTheAnswerComes: tools that need no leave run, people see which, the footer counts
// them, and results are never posted.
func TestToolsRunAndTheAnswerComes(t *testing.T) {
	inShed(t, func(w *world, s *shed, m *mind) {
		ts := w.ask("alice", "general", "", "call look, post")
		w.until("a tool runs", time.Minute, func() bool { return s.count("look") > 0 })
		w.until("the status says so", time.Second, func() bool { return strings.Contains(w.slack.Status("general", ts), "Running look") })
		got := w.answered("general", ts, 1)
		has(w.t, text(got), "The answer is whole.", "30 tokens in 5.0s = 6.0 tok/s", "2 tools 2.0s")
		hasNot(w.t, text(got), private)
		is(w.t, "calls", s.count(""), 2)
		last := m.last()
		has(w.t, last[len(last)-1].Content, "result of the tool shed_post", "brought by post")
		w.logged("tool_called", "server=shed", "tool=shed_look", "took_ms=1000", "failed=false")
		is(w.t, "status", w.slack.Status("general", ts), "")
	})
}

// TestLeaveIsAsked: who asked sees the call with its arguments, nobody else does; nothing runs before
// the press; the buttons give way to a line.
func TestLeaveIsAsked(t *testing.T) {
	for _, where := range []string{"general", "@alice"} {
		for _, run := range []bool{true, false} {
			t.Run(fmt.Sprint(where, run), func(t *testing.T) {
				inShed(t, func(w *world, s *shed, _ *mind) {
					ts := w.ask("alice", where, "", "call drop")
					q := w.leaveAsked("alice", 1)
					has(t, q.Plain, "May I run “drop” of “shed”?", "to: zq 0", "Only you see this")
					w.until("the thread says what it waits for", 10*time.Second, func() bool { return strings.Contains(text(w.answers(where, ts)), "only with leave") })
					hasNot(t, text(w.answers(where, ts)), private)
					time.Sleep(5 * time.Minute)
					is(t, "calls before the press", s.count(""), 0)
					w.press("alice", q, run)
					got := w.answered(where, ts, 1)
					is(t, "calls", s.count("drop"), map[bool]int{true: 1}[run])
					has(t, text(got), "The answer is whole.")
					hasNot(t, text(got), "only with leave", private)
					is(t, "questions with buttons", len(w.questions("alice")), 0)
					has(t, w.slack.Ephemerals("alice")[0].Plain, map[bool]string{true: "You allowed “drop”", false: "“drop” is not run"}[run])
				})
			})
		}
	}
}

// TestPolicyByPlace: dm is unasked in a direct message alone.
func TestPolicyByPlace(t *testing.T) {
	inShed(t, func(w *world, s *shed, _ *mind) {
		w.answered("@alice", w.ask("alice", "@alice", "", "call mail"), 1)
		is(w.t, "calls in a direct message", s.count("mail"), 1)
		ts := w.ask("alice", "general", "", "call mail")
		w.press("alice", w.leaveAsked("alice", 1), false)
		w.answered("general", ts, 1)
		is(w.t, "calls", s.count("mail"), 1)
	})
}

// TestNobodyDecides: ten minutes mean no, and a press after that says so.
func TestNobodyDecides(t *testing.T) {
	inShed(t, func(w *world, s *shed, m *mind) {
		ts := w.ask("alice", "general", "", "call drop")
		q := w.leaveAsked("alice", 1)
		time.Sleep(9*time.Minute + 30*time.Second)
		is(w.t, "answers before", footers(w.answers("general", ts)), 0)
		w.answered("general", ts, 1)
		w.press("alice", q, true)
		time.Sleep(10 * time.Second)
		is(w.t, "calls", s.count(""), 0)
		has(w.t, m.last()[len(m.last())-1].Content, "Nobody allowed this call")
		has(w.t, w.slack.Ephemerals("alice")[0].Plain, "Nobody decided within ten minutes")
	})
}

// TestAPressWhenThereAreNoToolsAnyMore: whoever presses a button from before is told that it is over.
func TestAPressWhenThereAreNoToolsAnyMore(t *testing.T) {
	inWorld(t, worldConfig{slack: slacksim.Config{Limiter: slacksim.LimiterOff}}, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "write 20 tokens")
		w.answered("general", ts, 1)
		p := bot.LeavePressed{}
		p.ID, p.User, p.TS, p.Run = strings.Repeat("a", 32), w.slack.UserID("alice"), "1700000000.000001", true
		p.Thread.Channel, p.Thread.TS = w.answers("general", ts)[0].Channel, ts
		if err := w.bot.Handle(t.Context(), p); err != nil {
			t.Error(err)
		}
		time.Sleep(5 * time.Second)
		has(t, w.whispers("alice"), "This question is over")
	})
}

// TestWhoMayPress: the newest asker alone, once.
func TestWhoMayPress(t *testing.T) {
	inShed(t, func(w *world, s *shed, _ *mind) {
		ts := w.ask("alice", "general", "", "call drop")
		q := w.leaveAsked("alice", 1)
		// Another person forges a press of the same button: only the store says whose it is.
		if err := w.bot.Handle(w.t.Context(), w.forged("bob", q, ts)); err != nil {
			w.t.Error(err)
		}
		time.Sleep(5 * time.Second)
		is(w.t, "calls after a foreign press", s.count(""), 0)
		has(w.t, w.slack.Ephemerals("bob")[0].Plain, "Only the person who asked me")
		is(w.t, "her question stays", len(w.questions("alice")), 1)
		w.press("alice", q, false)
		if err := w.bot.Handle(w.t.Context(), w.forged("alice", q, ts)); err != nil {
			w.t.Error(err)
		}
		w.answered("general", ts, 1)
		is(w.t, "calls after a second press", s.count(""), 0)
		if !slices.ContainsFunc(w.slack.Ephemerals("alice"), func(m slacksim.Message) bool { return strings.Contains(m.Plain, "This was decided before") }) {
			w.t.Errorf("she was told %+v", w.slack.Ephemerals("alice"))
		}
	})
}

// forged returns the press of a question's button to run, by somebody.
func (w *world) forged(user string, q slacksim.Message, ts string) bot.LeavePressed {
	w.t.Helper()
	for _, b := range q.Blocks {
		for _, e := range asList(b["elements"]) {
			if e["action_id"] == "llmbot_leave_run" {
				id, _, _ := strings.Cut(e["value"].(string), "|")
				p := bot.LeavePressed{}
				p.ID, p.User, p.TS, p.Run = id, w.slack.UserID(user), "1700000000.000001", true
				p.Thread.Channel, p.Thread.TS = q.Channel, ts
				return p
			}
		}
	}
	w.t.Fatal("no button")
	return bot.LeavePressed{}
}

func asList(v any) (out []map[string]any) {
	list, _ := v.([]any)
	for _, e := range list {
		if o, ok := e.(map[string]any); ok {
			out = append(out, o)
		}
	}
	return out
}

// TestStopEndsTools: at any moment, also while a person is asked, also in a call.
func TestStopEndsTools(t *testing.T) {
	for _, call := range []string{"drop", "post"} {
		inShed(t, func(w *world, s *shed, m *mind) {
			m.says = "Let me see."
			s.hang = true
			ts := w.ask("alice", "general", "", "call "+call)
			if call == "drop" {
				w.leaveAsked("alice", 1)
			} else {
				w.until("it runs", time.Minute, func() bool { return s.count(call) == 1 })
			}
			w.until("there is a button", time.Minute, func() bool {
				a := w.answers("general", ts)
				return len(a) > 0 && slices.Contains(a[len(a)-1].Buttons(), "llmbot_stop")
			})
			a := w.answers("general", ts)
			if err := w.slack.Click(w.t.Context(), "alice", "general", a[len(a)-1].TS, "llmbot_stop"); err != nil {
				w.t.Fatal(err)
			}
			w.says("general", ts, "stopped", 10*time.Second)
			has(w.t, text(w.answers("general", ts)), "Let me see.")
			if call == "drop" {
				w.press("alice", w.questions("alice")[0], true)
				time.Sleep(5 * time.Second)
				is(w.t, "calls after the stop", s.count(call), 0)
				has(w.t, w.slack.Ephemerals("alice")[0].Plain, "The answer had ended before")
			}
		})
	}
}

// TestAnEditEndsAQuestionForLeave: the question is asked anew in its new form, under another id.
func TestAnEditEndsAQuestionForLeave(t *testing.T) {
	inShed(t, func(w *world, s *shed, _ *mind) {
		ts := w.ask("alice", "general", "", "call drop")
		old := w.leaveAsked("alice", 1)
		w.edit("alice", "general", ts, w.slack.Mention()+" call drop, please call drop")
		fresh := w.leaveAsked("alice", 2)
		w.press("alice", old, true)
		time.Sleep(5 * time.Second)
		is(w.t, "calls of the old question", s.count(""), 0)
		w.press("alice", fresh, true)
		w.answered("general", ts, 1)
		is(w.t, "calls", s.count("drop"), 1)
	})
}

// TestTheStoreIsAwayBeforeACall: a call that may change something waits for the store, one that only
// reads does not.
func TestTheStoreIsAwayBeforeACall(t *testing.T) {
	store := &awayStore{}
	inShed(t, func(w *world, s *shed, m *mind) {
		m.says = "One moment."
		ts := w.ask("alice", "general", "", "call look, post")
		w.until("the first tool runs", time.Minute, func() bool { return s.count("look") == 1 })
		store.leave()
		time.Sleep(2 * time.Minute)
		is(w.t, "calls while the store is away", s.count("post"), 0)
		store.back()
		w.answered("general", ts, 1)
		is(w.t, "calls", s.count("post"), 1)
	}, func(c *worldConfig) { c.store, c.lateAcks = store.open, true })
}

// TestTheStatusSaysWhichToolRuns: also beside text, which stays; and it goes when the tool is done.
func TestTheStatusSaysWhichToolRuns(t *testing.T) {
	for _, where := range []string{"general", "@alice"} {
		inShed(t, func(w *world, s *shed, m *mind) {
			m.says = "Let me see."
			s.does = func(tools.Call) tools.Result { return tools.Result{Text: "zq", Took: time.Second} }
			ts := w.ask("alice", where, "", "call look, post")
			for _, tool := range []string{"look", "post"} {
				w.until("it runs", time.Minute, func() bool { return s.count(tool) == 1 })
				time.Sleep(500 * time.Millisecond)
				is(t, "status while it runs", w.slack.Status(where, ts), "Running "+tool+"…")
				has(t, text(w.answers(where, ts)), "Let me see.")
				time.Sleep(900 * time.Millisecond)
				is(t, "status after it", w.slack.Status(where, ts), "")
			}
			has(t, text(w.answered(where, ts, 1)), "The answer is whole.", "2 tools 2.0s")
		})
	}
}

// cards returns the task cards of a message, as "title status".
func cards(m slacksim.Message) (out []string) {
	for _, b := range m.Blocks {
		if b["type"] == "task_card" {
			out = append(out, fmt.Sprint(b["title"], " ", b["status"]))
		}
	}
	return out
}

// TestANativeStreamHasTaskCards: one for each call, in its place between the texts, and none of them
// turns when the answer is over.
func TestANativeStreamHasTaskCards(t *testing.T) {
	for _, says := range []string{"Let me see.", ""} {
		inShed(t, func(w *world, s *shed, m *mind) {
			m.says = says
			ts := w.ask("alice", "@alice", "", "call look, post")
			w.until("it runs", time.Minute, func() bool { return s.count("look") == 1 })
			time.Sleep(700 * time.Millisecond)
			if got := w.answers("@alice", ts); says != "" && (len(got) != 1 || !slices.Equal(cards(got[0]), []string{"Running look in_progress"})) {
				t.Errorf("while it runs: %+v", got)
			}
			got := w.answered("@alice", ts, 1)
			size(t, "messages", got, 1)
			if !slices.Equal(cards(got[0]), []string{"Ran look complete", "Ran post complete"}) || got[0].Stream != slacksim.StreamStopped {
				t.Errorf("in the end: %q, %s", cards(got[0]), got[0].Stream)
			}
			hasNot(t, fmt.Sprint(got[0].Blocks), private)
		})
	}
}

// TestAStoppedCallHasNoCardThatTurns: nobody would end it.
func TestAStoppedCallHasNoCardThatTurns(t *testing.T) {
	inShed(t, func(w *world, s *shed, m *mind) {
		m.says, s.hang = "Let me see.", true
		ts := w.ask("alice", "@alice", "", "call look")
		w.until("it runs", time.Minute, func() bool { return s.count("look") == 1 })
		time.Sleep(5 * time.Second)
		w.slack.Say("alice", "@alice", ts, "stop")
		got := w.says("@alice", ts, "stopped", 10*time.Second)
		if !slices.Equal(cards(got[0]), []string{"look failed error"}) {
			t.Errorf("%q", cards(got[0]))
		}
	})
}

// TestALongCallOutlivesItsStream: Slack ends a stream after 5 minutes.
func TestALongCallOutlivesItsStream(t *testing.T) {
	inShed(t, func(w *world, s *shed, m *mind) {
		m.says, s.takes = "Let me see.", 10*time.Minute
		ts := w.ask("alice", "@alice", "", "call look, post")
		w.until("the answer is complete", time.Hour, func() bool { return footers(w.answers("@alice", ts)) == 1 })
		got := w.answers("@alice", ts)
		has(t, text(got), "Let me see.", "The answer is whole.")
		for _, m := range got {
			if m.Stream == slacksim.StreamBroken || strings.Contains(fmt.Sprint(cards(m)), "in_progress") {
				t.Errorf("%s: %q", m.Stream, cards(m))
			}
		}
	})
}

// TestTheStatusHasTheTools: servers, tools, calls, failures, and who waits.
func TestTheStatusHasTheTools(t *testing.T) {
	inShed(t, func(w *world, s *shed, _ *mind) {
		w.ask("alice", "general", "", "call look, drop")
		q := w.leaveAsked("alice", 1)
		has(w.t, w.statusOf("details"), "shed: 5 tools, 1 call since the start, 0 failed", "attic: not connected for 1 h 0 min", "nobody is there", "1 answer waits for leave")
		w.press("alice", q, false)
	})
}

// TestAToolThatHangs: its server ends it after its time, and the answer comes.
func TestAToolThatHangs(t *testing.T) {
	inShed(t, func(w *world, s *shed, m *mind) {
		s.takes = time.Minute
		s.does = func(c tools.Call) tools.Result {
			return tools.Result{Text: "The tool did not answer within 1m.", Failed: true, Took: c.Tool.Timeout}
		}
		ts := w.ask("alice", "general", "", "call look, look, look, look, look")
		has(t, text(w.answered("general", ts, 1)), "The answer is whole.", "3 tools 180.0s")
		is(t, "calls", s.count("look"), 3)
		has(t, m.last()[len(m.last())-1].Content, "brought nothing", "did not answer within 1m", "No further calls")
	})
}
