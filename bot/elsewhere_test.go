package bot_test

import (
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/answer"
	"llmbot/bot/thread"
)

// In these tests an event comes to a process that does not write the answer, or late.

// TestFollowUpElsewhere: two messages come during an answer, and the event of the newer one comes
// to another process. Both reach the model, in one request.
func TestFollowUpElsewhere(t *testing.T) {
	inScene(t, []thread.Message{q("1.0", "first"), q("2.0", "second"), q("3.0", "third")}, func(s *scene) {
		a := s.run("A")
		a.hears(q("1.0", "first"))
		s.untilAsked(1)
		a.hears(q("2.0", "second"))
		s.noted("3.0") // by the other process
		s.rest()
		s.wantPrompts("U: first", "U: second\n\nU: third")
	})
}

// TestDeletionElsewhere: of two questions that are answered together one is deleted; its event
// comes to another process. The other question alone is answered.
func TestDeletionElsewhere(t *testing.T) {
	inScene(t, []thread.Message{q("1.0", "first")}, func(s *scene) {
		a, b := s.run("A"), s.run("B")
		a.hears(q("1.0", "first"))
		s.untilAsked(1)
		s.say(q("200.0", "second"), q("201.0", "third"))
		a.hears(q("200.0", "second"), q("201.0", "third"))
		s.untilAsked(2)
		s.remove("200.0")
		b.told(bot.Deleted{Thread: thread1, TS: "200.0", At: "202.0"})
		s.rest()
		s.wantPrompts("U: first", "U: second\n\nU: third", "U: third")
		s.wantEnd(outcome{For: "201.0", Phase: answer.Done, Text: "half whole"})
	})
}

// TestEditAndFollowUpElsewhere: the process that writes hears of the edit of its question, and
// another one of a follow-up. Both are answered together.
func TestEditAndFollowUpElsewhere(t *testing.T) {
	inScene(t, []thread.Message{q("1.0", "first")}, func(s *scene) {
		a, b := s.run("A"), s.run("B")
		a.hears(q("1.0", "first"))
		s.untilAsked(1)
		time.Sleep(restTakes / 5)
		s.say(q("3.0", "second"))
		b.hears(q("3.0", "second"))
		now := edited(q("1.0", "first"), "first, edited", "4.0")
		s.say(now)
		a.hearsEdit(now)
		s.rest()
		s.wantPrompts("U: first", "U: first, edited\n\nU: second")
	})
}

// TestStopBesideTheThread: in a direct message people type stop beside the thread. It counts also if
// another process hears of it than the one that writes.
func TestStopBesideTheThread(t *testing.T) {
	for _, hears := range []string{"A", "B"} {
		inScene(t, nil, func(s *scene) {
			a := s.run("A")
			other := map[string]*member{"A": a, "B": s.run("B")}[hears]
			first := event(thread.ID{Channel: "D", TS: "1.0"}, q("1.0", "first"))
			stop := event(thread.ID{Channel: "D", TS: "2.0"}, q("2.0", "stop"))
			first.Direct, stop.Direct = true, true
			s.sayIn(first.Thread, q("1.0", "first"))
			a.told(first)
			s.untilAsked(1)
			time.Sleep(restTakes / 5)
			other.told(stop)
			time.Sleep(restTakes / 5)
			s.wantEnd(outcome{For: "1.0", Phase: answer.Stopped, Text: "half", Small: "stopped"})
		})
	}
}

// TestQuestionAfterEditAndStop: an edit, a stop and a new question come while the old answer still
// ends. The new question is answered.
func TestQuestionAfterEditAndStop(t *testing.T) {
	inScene(t, []thread.Message{q("1.0", "first")}, func(s *scene) {
		s.firstText = restTakes // nothing is posted before
		s.endTakes = 2 * time.Second
		a := s.run("A")
		a.hears(q("1.0", "first"))
		s.untilAsked(1)
		a.hearsEdit(edited(q("1.0", "first"), "first, edited", "10.0"))
		s.until("the answer to the old form ends", func() bool { return s.closing == 1 })
		a.hears(q("11.0", "stop"))
		time.Sleep(s.endTakes / 20)
		s.say(q("12.0", "second"))
		a.hears(q("12.0", "second"))
		s.rest()
		s.wantAsked("second")
	})
}

// TestLateStopSparesNewerQuestion: a stop comes late, to an answer to what was asked before and
// after it. What was asked after it is answered, in the same message.
func TestLateStopSparesNewerQuestion(t *testing.T) {
	inScene(t, []thread.Message{q("1.0", "first"), q("2.0", "stop"), q("3.0", "second")}, func(s *scene) {
		a := s.run("A")
		for _, m := range []thread.Message{q("1.0", "first"), q("3.0", "second")} {
			ev := event(thread1, m)
			ev.FilesPending = true // the turn waits a moment for more
			a.told(ev)
		}
		s.untilAsked(1)
		a.hears(q("2.0", "stop"))
		s.rest()
		s.wantPrompts("U: first\n\nU: second", "U: first\n\nU: second") // what is stopped stays in the thread
		s.wantEnd(outcome{For: "3.0", Phase: answer.Done, Text: "half whole", Adopt: []string{"3.900003"}})
	})
}

// TestLateStopBesideDeletion: two questions and a later one are answered together; one of the two
// is deleted, and a stop of them comes late, before or after the deletion. The later one is
// answered.
func TestLateStopBesideDeletion(t *testing.T) {
	for name, stopFirst := range map[string]bool{"stop first": true, "deletion first": false} {
		t.Run(name, func(t *testing.T) {
			inScene(t, []thread.Message{q("1.0", "first"), q("1.4", "more"), q("2.0", "stop"), q("3.0", "second")}, func(s *scene) {
				s.firstText = restTakes / 2
				a := s.run("A")
				for _, m := range []thread.Message{q("1.0", "first"), q("1.4", "more"), q("3.0", "second")} {
					ev := event(thread1, m)
					ev.FilesPending = true // the turn waits a moment for more
					a.told(ev)
				}
				s.untilAsked(1)
				if stopFirst {
					a.hears(q("2.0", "stop"))
				}
				s.remove("1.4")
				a.told(bot.Deleted{Thread: thread1, TS: "1.4"})
				if !stopFirst {
					s.until("the thread is read again", func() bool { return s.reads > 1 })
					a.hears(q("2.0", "stop"))
				}
				s.rest()
				s.wantEnd(outcome{For: "3.0", Phase: answer.Done, Text: "half whole"})
			})
		})
	}
}

// TestFollowUpOfWhichNobodyTells: a process that had not heard of the first question took the
// follow-up for none. The first question comes late, and both are answered.
func TestFollowUpOfWhichNobodyTells(t *testing.T) {
	inScene(t, []thread.Message{q("1.0", "first"), q("2.0", "second")}, func(s *scene) {
		a := s.run("A")
		a.hears(q("1.0", "first"))
		s.rest()
		a.hears(q("2.0", "second")) // if somebody tells of it after all, that is nothing new
		s.rest()
		s.wantPrompts("U: first", "U: second")
	})
}
