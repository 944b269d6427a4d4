package bot_test

import (
	"strings"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/answer"
	"llmbot/bot/thread"
)

// half is what a dead owner of the question 1.0 left in the thread.
func half() thread.Message { return ours("1.5", "1.0", "1.0", 1, false) }

// TestStopBeforeTakeover: a stop that comes while nobody writes, since the owner died, ends the
// answer as it stands.
func TestStopBeforeTakeover(t *testing.T) {
	inScene(t, []thread.Message{q("1.0", "first"), half()}, func(s *scene) {
		s.deadOwner("1.0", "1.5")
		b := s.run("B")
		time.Sleep(ttl / 3) // its owner is not taken for dead yet
		b.hears(q("3.0", "stop"))
		s.rest()
		s.wantPrompts()
		s.wantEnd(outcome{For: "1.0", Phase: answer.Stopped, Text: "so", Small: "stopped", Adopt: []string{"1.5"}})
	})
}

// TestStopOfUnrecordedMessage: the stop finds the message of an owner that died between its post
// and the record of it. It changes nothing in an answer that is complete.
func TestStopOfUnrecordedMessage(t *testing.T) {
	for name, m := range map[string]thread.Message{
		"half":  half(),
		"whole": ours("1.5", "1.0", "1.0", 1, true),
		"none":  {TS: "0.5", User: "U2", Text: "before"},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, []thread.Message{q("1.0", "first"), m}, func(s *scene) {
				s.deadOwner("1.0")
				if err := s.coordinator("other").Stop(s.t.Context(), thread1.String(), "2.0"); err != nil {
					t.Fatal(err)
				}
				s.run("B")
				s.rest()
				s.wantPrompts()
				if name == "half" {
					s.wantEnd(outcome{For: "1.0", Phase: answer.Stopped, Text: "so", Small: "stopped", Adopt: []string{"1.5"}})
				} else {
					s.wantNoEnd(answer.Done, answer.Stopped, answer.Failed, answer.Removed)
				}
			})
		})
	}
}

// TestStopOfFinishedText: the text was finished and saved, and its owner died before it was shown.
// A stop that comes before the takeover still counts.
func TestStopOfFinishedText(t *testing.T) {
	inScene(t, []thread.Message{q("1.0", "first"), half()}, func(s *scene) {
		s.deadOwner("1.0", "1.5")
		s.keep("checkpoint", `{"for":"1.0","since":"1.0","upto":"1.0","first":"1.0","asks":1,"text":"ALL OF IT","finish":"stop"}`)
		if err := s.coordinator("other").Stop(s.t.Context(), thread1.String(), "3.0"); err != nil {
			t.Fatal(err)
		}
		s.run("B")
		s.rest()
		s.wantNoEnd(answer.Done)
		s.wantEnd(outcome{For: "1.0", Phase: answer.Stopped, Text: "ALL OF IT", Small: "stopped"})
	})
}

// TestStopOfTwoEndsTheHalfAnswer: a stop of two questions before the takeover ends the half answer
// that the first one has: it does not look for ever as if it were being written.
func TestStopOfTwoEndsTheHalfAnswer(t *testing.T) {
	inScene(t, []thread.Message{q("1.0", "first"), half(), q("2.0", "second")}, func(s *scene) {
		s.deadOwner("1.0")
		b := s.run("B")
		time.Sleep(ttl / 6)
		b.hears(q("2.0", "second"), q("3.0", "stop"))
		s.rest()
		s.wantNoEnd(answer.Done)
		if !s.says("1.5").Ended {
			t.Errorf("1.5 says that it is being written\n%s", s.story())
		}
	})
}

// TestKilledBetweenTheLastTokenAndTheEnd: the model has written all, and the process dies before
// that is shown. Its successor shows it, and asks nobody.
func TestKilledBetweenTheLastTokenAndTheEnd(t *testing.T) {
	inScene(t, []thread.Message{q("1.0", "first")}, func(s *scene) {
		s.stuck = true
		dying := &awayStore{Mem: s.store} // when it is away, the process is as good as dead
		a := s.run("A", func(_ *bot.Config, d *bot.Deps) { d.Store = dying })
		a.hears(q("1.0", "first"))
		s.until("the finished text is saved", func() bool {
			return s.closing == 1 && strings.Contains(s.kept("checkpoint"), `"finish":"stop"`)
		})
		s.wantNoEnd(answer.Done)
		dying.leave()
		s.set(func() { s.stuck = false })
		s.run("B")
		s.rest()
		s.wantPrompts("U: first")
		s.wantEnd(outcome{For: "1.0", Phase: answer.Done, Text: "half whole"})
		dying.back()
	})
}

// TestStaleBesideACompleteAnswer: a process that had lost the thread has posted a message of its
// own, and the one that answered dies before the store knows of its answer. The next removes what is
// beside it.
func TestStaleBesideACompleteAnswer(t *testing.T) {
	for name, whole := range map[string]bool{"half": false, "whole": true} {
		t.Run(name, func(t *testing.T) {
			stale := ours("1.6", "1.0", "1.0", 1, whole)
			inScene(t, []thread.Message{q("1.0", "first"), ours("1.5", "1.0", "1.0", 2, true), stale}, func(s *scene) {
				s.deadOwner("1.0", "1.5")
				s.run("B")
				s.rest()
				s.wantPrompts()
				s.wantMessages("1.5")
			})
		})
	}
}

// TestFollowUpTakesTheAnswerOver: a process is shut down in an answer, and the first that its
// successor hears of is a follow-up. The first question gets its answer too.
func TestFollowUpTakesTheAnswerOver(t *testing.T) {
	inScene(t, []thread.Message{q("1.0", "first"), half(), q("2.0", "second")}, func(s *scene) {
		if err := s.deadOwner("1.0", "1.5").Release(s.t.Context()); err != nil {
			t.Fatal(err)
		}
		s.run("B").hears(q("2.0", "second"))
		s.rest()
		s.wantAsked("first")
		s.wantAsked("second")
		if m := s.says("1.5"); !m.Whole {
			t.Errorf("the half answer is not finished\n%s", s.story())
		}
	})
}

// TestEditBeforeTakeover: a question is edited after the owner of its answer died, with a text that
// was finished. The successor answers the new form.
func TestEditBeforeTakeover(t *testing.T) {
	inScene(t, []thread.Message{q("1.0", "first"), q("2.0", "second"), ours("2.5", "1.0", "2.0", 1, false)}, func(s *scene) {
		s.deadOwner("2.0", "2.5")
		s.keep("checkpoint", `{"for":"2.0","since":"2.0","upto":"2.0","first":"1.0","asks":2,"text":"OLD TEXT","finish":"stop"}`)
		s.say(edited(q("1.0", "first"), "CHANGED", "3.0"))
		s.noted("3.0") // by a process that was told of the edit
		s.run("B")
		s.rest()
		s.wantAsked("CHANGED")
	})
}

// TestEndedAnswerToAnEditStays: the answer to an edited question has ended, and its process is
// killed before that is recorded. The successor takes away nothing of it.
func TestEndedAnswerToAnEditStays(t *testing.T) {
	part := func(ts string, page int, ended, whole bool) thread.Message {
		m := ours(ts, "1.0", "1.0", 2, whole)
		m.Since, m.Page, m.Ended = "3.0", page, ended
		return m
	}
	for name, tt := range map[string]struct {
		stand  []thread.Message
		orphan string // a half answer to a question that is gone
	}{
		"two pages":        {stand: []thread.Message{part("1.5", 0, false, false), part("1.6", 1, true, true)}},
		"failed":           {stand: []thread.Message{part("1.5", 0, true, false)}},
		"beside an orphan": {stand: []thread.Message{part("1.5", 0, true, true)}, orphan: "2.5"},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, []thread.Message{edited(q("1.0", "first"), "first", "3.0")}, func(s *scene) {
				var ids []string
				for _, m := range tt.stand {
					ids = append(ids, m.TS)
				}
				s.say(tt.stand...)
				if tt.orphan != "" {
					s.say(ours(tt.orphan, "2.0", "2.0", 1, false))
				}
				s.answered("1.0")
				s.deadOwner("3.0", ids...)
				s.run("B")
				s.rest()
				s.wantMessages(ids...)
			})
		})
	}
}

// TestFailureOfEditedAnswerLosesNoQuestion: the owner dies right after an edit was added to what it
// answers, and the answer of its successor fails. What was asked between the two is answered all
// the same.
func TestFailureOfEditedAnswerLosesNoQuestion(t *testing.T) {
	inScene(t, []thread.Message{edited(q("1.0", "first"), "first", "4.0"), half(), q("3.0", "second")}, func(s *scene) {
		lease := s.deadOwner("1.0", "1.5")
		s.noted("3.0", "4.0")
		lease.Extend("4.0")
		if err := lease.Reply(s.t.Context(), []string{"1.5"}); err != nil {
			t.Fatal(err)
		}
		s.fails = 1
		s.run("B")
		s.rest()
		s.wantAsked("second")
	})
}

// TestDeletedWhileRead: a question that is deleted while a process reads its thread, of which it
// has only the record, is not answered.
func TestDeletedWhileRead(t *testing.T) {
	inScene(t, []thread.Message{q("1.0", "first")}, func(s *scene) {
		s.noted("1.0")
		b := s.run("B")
		s.until("the thread is being read", func() bool { return s.reads == 1 })
		s.remove("1.0")
		b.told(bot.Deleted{Thread: thread1, TS: "1.0"})
		s.rest()
		s.wantPrompts()
		s.wantNoEnd(answer.Done, answer.Stopped, answer.Failed, answer.Removed)
	})
}
