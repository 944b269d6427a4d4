package bot_test

import (
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/answer"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

// Versions before decision 0023 answered without a lease while the store was away (epoch 0 in
// ours), and had the thread read again afterwards (justAfter). A bot still meets such threads in a
// rolling deploy.

// TestSecondRunIsAnswered: an answer without a lease stands between two questions. Whatever becomes
// of the first one, the second is answered too.
func TestSecondRunIsAnswered(t *testing.T) {
	by := func(m thread.Message, user string) thread.Message { m.User = user; return m }
	for name, tt := range map[string]struct {
		fails        int
		first, third string // who asks
		denied       string
		pressStop    bool
	}{
		"after the first failed":      {fails: 1, first: "U", third: "U"},
		"after the first was refused": {first: "Z", third: "U", denied: "Z"},
		"after the first was stopped": {first: "U", third: "V", pressStop: true},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, []thread.Message{
				by(q("1.0", "first"), tt.first), q("2.0", "second"), ours("2.5", "2.0", "2.0", 0, true), by(q("3.0", "third"), tt.third),
			}, func(s *scene) {
				s.fails = tt.fails
				s.noted(justAfter("3.0"))
				b := s.run("B", func(c *bot.Config, _ *bot.Deps) {
					if tt.denied != "" {
						c.Policy.Deny = []string{tt.denied}
					}
				})
				if tt.pressStop {
					s.untilAsked(1)
					time.Sleep(restTakes / 2)
					b.told(bot.Pressed{Thread: thread1, TS: "300.0", User: "U", Asker: "U", Press: bot.PressStop, For: "1.0"})
				}
				s.rest()
				s.wantAsked("third")
			})
		})
	}
}

// TestEditInARunAnswersNoOtherAgain: the first question is edited while it is answered. The second
// has its answer, and keeps it.
func TestEditInARunAnswersNoOtherAgain(t *testing.T) {
	inScene(t, []thread.Message{q("1.0", "first"), q("2.0", "second"), ours("2.5", "2.0", "2.0", 0, true)}, func(s *scene) {
		s.noted(justAfter("2.0"))
		b := s.run("B")
		s.untilAsked(1)
		time.Sleep(restTakes / 2)
		now := edited(q("1.0", "first"), "first, edited", "50.0")
		s.say(now)
		b.hearsEdit(now)
		s.rest()
		s.wantPrompts("U: first", "U: first, edited")
	})
}

// TestDeletedLastQuestionLeavesTheOthersAnswered: three questions have one answer, and the last of
// them is deleted before the thread is read again. The other two have an answer in the end.
func TestDeletedLastQuestionLeavesTheOthersAnswered(t *testing.T) {
	inScene(t, []thread.Message{q("1.0", "first"), q("2.0", "second"), ours("3.5", "1.0", "3.0", 0, true)}, func(s *scene) {
		s.noted(justAfter("3.0"))
		s.run("B")
		s.rest()
		if s.says("3.5").TS == "" {
			s.wantAsked("first")
			s.wantAsked("second")
		}
	})
}

// TestOrphanGoes: a half answer to a question that is gone is removed, also if something else is
// owed.
func TestOrphanGoes(t *testing.T) {
	inScene(t, []thread.Message{q("1.0", "first"), ours("2.5", "2.0", "2.0", 0, false), q("3.0", "third")}, func(s *scene) {
		s.noted(justAfter("3.0"))
		s.run("B")
		s.rest()
		if s.says("2.5").TS != "" {
			t.Errorf("a half answer to nothing stays\n%s", s.story())
		}
	})
}

// TestCompleteAnswerStaysBesideAFailedOne: the store knows a failed answer, and another process has
// answered the same question completely.
func TestCompleteAnswerStaysBesideAFailedOne(t *testing.T) {
	failed := ours("1.5", "1.0", "1.0", 1, false)
	failed.Ended = true
	inScene(t, []thread.Message{q("1.0", "first"), failed, ours("1.6", "1.0", "1.0", 0, true)}, func(s *scene) {
		s.answered("1.0") // it failed, and says so
		s.keep("answers", `[{"for":"1.0","text":"so","notice":"failed","phase":4,"controls":2,"asker":"U","from":"1.0","since":"1.0","epoch":1,"ids":["1.5"]}]`)
		s.noted(justAfter("1.0"))
		s.run("B")
		s.rest()
		if s.says("1.6").TS == "" {
			t.Errorf("the complete answer is gone\n%s", s.story())
		}
	})
}

// TestUnleasedAnswerBeforeAQuestion: more was asked after an answer whose process died. A half one
// grows into the answer to both questions; a complete one stays, and only the second question is
// answered.
func TestUnleasedAnswerBeforeAQuestion(t *testing.T) {
	for name, whole := range map[string]bool{"half": false, "whole": true} {
		t.Run(name, func(t *testing.T) {
			inScene(t, []thread.Message{q("1.0", "first"), ours("1.5", "1.0", "1.0", 0, whole), q("2.0", "second")}, func(s *scene) {
				s.noted("1.0", "2.0")
				s.run("B")
				s.rest()
				s.wantNoEnd(answer.Removed)
				if whole {
					s.wantPrompts("U: second")
					return
				}
				s.wantPrompts("U: first\n\nU: second")
				s.wantEnd(outcome{For: "2.0", Phase: answer.Done, Text: "half whole", Adopt: []string{"1.5"}})
			})
		})
	}
}

// TestHalfAnswerBeforeUnleasedOne: the owner of the first answer died, and the next question was
// answered without a lease by a process that left the first to its owner. The first answer is
// finished.
func TestHalfAnswerBeforeUnleasedOne(t *testing.T) {
	for name, recorded := range map[string][]string{"recorded": {"1.5"}, "not recorded": nil} {
		t.Run(name, func(t *testing.T) {
			inScene(t, []thread.Message{q("1.0", "first"), half(), q("2.0", "second"), ours("2.5", "2.0", "2.0", 0, true)}, func(s *scene) {
				s.deadOwner("1.0", recorded...)
				s.noted("2.0")
				s.run("B")
				s.rest()
				s.wantPrompts("U: first")
				s.wantEnd(outcome{For: "1.0", Phase: answer.Done, Text: "half whole", Adopt: []string{"1.5"}})
			})
		})
	}
}

// TestWholeAnswerBeforeUnleasedOne: as above, but the first answer is complete, which its owner
// could not record. Nothing of it goes, nor is it written again. One that was begun for both
// questions is finished for the first.
func TestWholeAnswerBeforeUnleasedOne(t *testing.T) {
	for name, tt := range map[string]struct {
		upto turn.TS
		want []string
	}{"one question": {"1.0", nil}, "begun for both": {"2.0", []string{"U: first"}}} {
		t.Run(name, func(t *testing.T) {
			inScene(t, []thread.Message{q("1.0", "first"), ours("1.5", "", string(tt.upto), 1, tt.upto == "1.0"), q("2.0", "second"), ours("2.5", "2.0", "2.0", 0, true)}, func(s *scene) {
				lease := s.deadOwner("1.0")
				s.noted("2.0")
				lease.Extend(tt.upto)
				if err := lease.Reply(s.t.Context(), []string{"1.5"}); err != nil {
					t.Fatal(err)
				}
				s.run("B")
				s.rest()
				s.wantNoEnd(answer.Removed)
				s.wantPrompts(tt.want...)
			})
		})
	}
}
