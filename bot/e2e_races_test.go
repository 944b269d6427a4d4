package bot_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

// TestLateFollowUp: a follow-up that was written while one person talked with the bot is answered,
// also when its event comes after that of somebody else's message.
func TestLateFollowUp(t *testing.T) {
	inWorld(t, following(""), func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "one")
		w.answered("general", ts, 1)
		w.slack.FailEvent(slacksim.EventFault{Type: "message", Delay: 2 * time.Second})
		w.slack.Say("alice", "general", ts, "and two?")
		time.Sleep(500 * time.Millisecond)
		w.slack.Say("bob", "general", ts, "hm")
		w.requests(2, "alice's follow-up stood there before bob wrote")
	})
}

// TestEditAfterSomebodyElse: the edit of the latest question is answered, also after somebody else
// wrote.
func TestEditAfterSomebodyElse(t *testing.T) {
	inWorld(t, following(""), func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "one")
		w.answered("general", ts, 1)
		q := w.slack.Say("alice", "general", ts, "and apples?")
		w.answered("general", ts, 2)
		w.slack.Say("bob", "general", ts, "hm")
		time.Sleep(time.Second)
		w.edit("alice", "general", q, "and pears?")
		w.requests(3, "the edit of the latest question")
	})
}

// TestEditedRootReadsThread: the answer to an edited first question has what followed it in its
// prompt.
func TestEditedRootReadsThread(t *testing.T) {
	cfg := long()
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "apples")
		w.says("general", ts, "Sentence 3", time.Minute)
		w.slack.FailEvent(slacksim.EventFault{Type: "message", Delay: 2 * time.Minute})
		w.slack.Say("alice", "general", ts, "and plums")
		time.Sleep(time.Second)
		w.edit("alice", "general", ts, w.slack.Mention()+" pears")
		time.Sleep(4 * time.Minute)
		for _, r := range w.model.Requests() {
			if _, all := conversation(r.Chat); strings.Contains(all, "plums") {
				return
			}
		}
		t.Errorf("the follow-up was never read; %d requests", w.model.Total())
	})
}

// TestStopButtonSparesOthers: a stop button ends one answer; what others asked meanwhile is
// answered.
func TestStopButtonSparesOthers(t *testing.T) {
	inWorld(t, long(), func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "count")
		w.says("general", ts, "Sentence 3", time.Minute)
		w.ask("bob", "general", ts, "what about me?")
		time.Sleep(time.Second)
		w.click("alice", "general", w.answers("general", ts)[0].TS, bot.PressStop)
		w.requests(2, "bob has asked, too")
	})
}

// TestRegenerateAfterDeletion: of two questions that were answered together the last is deleted.
// The regenerated answer takes the place of the old one.
func TestRegenerateAfterDeletion(t *testing.T) {
	cfg := long()
	cfg.model.Speed = 60
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "count")
		w.says("general", ts, "Sentence 3", time.Minute)
		w.slack.Say("alice", "general", ts, "apples")
		last := w.slack.Say("alice", "general", ts, "typo")
		got := w.answered("general", ts, 2)
		time.Sleep(5 * time.Second)
		w.delete("alice", "general", last)
		time.Sleep(5 * time.Second)
		w.click("alice", "general", got[len(got)-1].TS, bot.PressRegenerate)
		w.calm()
		is(t, "messages", len(w.answers("general", ts)), len(got))
	})
}

// TestStoppedRegenerateKeepsAnswer: a Regenerate that is stopped before any text came changes
// nothing.
func TestStoppedRegenerateKeepsAnswer(t *testing.T) {
	cfg := long()
	cfg.model.Speed = 200
	cfg.model.FirstToken = 5 * time.Second
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "count")
		got := w.answered("general", ts, 1)
		time.Sleep(5 * time.Second)
		w.click("alice", "general", got[0].TS, bot.PressRegenerate)
		time.Sleep(2 * time.Second)
		w.slack.Say("alice", "general", ts, "stop")
		w.calm()
		has(t, text(w.answers("general", ts)), "Sentence 29")
	})
}

// TestDoublePressIsOneRequest: whoever presses Regenerate twice in a row gets one new answer.
func TestDoublePressIsOneRequest(t *testing.T) {
	cfg := long()
	cfg.model.Speed = 200
	cfg.model.FirstToken = time.Second
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "count")
		got := w.answered("general", ts, 1)
		time.Sleep(5 * time.Second)
		w.click("alice", "general", got[0].TS, bot.PressRegenerate)
		time.Sleep(300 * time.Millisecond)
		w.click("alice", "general", got[0].TS, bot.PressRegenerate)
		w.requests(2, "one wish")
	})
}

// TestDeletedMessageIsNobodysVoice: somebody else wrote in a thread and took it back, so that one
// person talks with the bot: that person need not mention it.
func TestDeletedMessageIsNobodysVoice(t *testing.T) {
	inWorld(t, following(""), func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "one")
		w.answered("general", ts, 1)
		oops := w.slack.Say("bob", "general", ts, "wrong thread, sorry")
		time.Sleep(time.Second)
		w.delete("bob", "general", oops)
		time.Sleep(time.Second)
		w.slack.Say("alice", "general", ts, "and two?")
		w.requests(2, "one person talks with the bot, says the thread")
	})
}

// TestPromptAfterContinue: the prompt after a Continue has the whole thread, as long as that fits:
// the token count of a prompt with an answer in it is no measure of the thread.
func TestPromptAfterContinue(t *testing.T) {
	cfg := long()
	cfg.model.Speed = 2000
	cfg.model.MaxModelLen = 16000
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "the very first question, about "+strings.Repeat("apples and pears ", 10))
		w.answered("general", ts, 1)
		whole := numbered(300)(nil)
		w.model.NextTape(llmsim.Tape{llmsim.Text(whole), llmsim.Finish("length")}, llmsim.Tape{llmsim.Text("the end of it")})
		w.ask("alice", "general", ts, "count")
		got := w.says("general", ts, "length limit", time.Minute)
		time.Sleep(2 * time.Second)
		w.click("alice", "general", got[len(got)-1].TS, bot.PressContinue)
		w.says("general", ts, "the end of it", time.Minute)
		w.calm()
		w.slack.Say("alice", "general", ts, "thanks")
		w.requests(4, "a question, a long answer that goes on, and thanks")
		_, all := conversation(w.model.Last().Chat)
		has(t, all, "very first question")
	})
}

// TestContinueFullWindow: an answer that fills the window goes on from its end.
func TestContinueFullWindow(t *testing.T) {
	cfg := long()
	cfg.model.Speed = 2000
	cfg.model.MaxModelLen = 2000
	cfg.model.Answer = numbered(500)
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "count")
		got := w.says("general", ts, "length limit", time.Minute)
		time.Sleep(5 * time.Second)
		before := len(text(got))
		w.click("alice", "general", got[len(got)-1].TS, bot.PressContinue)
		w.calm()
		got = w.answers("general", ts)
		if n := len(text(got)); n < before+500 {
			t.Errorf("the answer has %d bytes, and had %d: it did not go on", n, before)
		}
		if buttons := got[len(got)-1].Buttons(); !slices.Contains(buttons, "llmbot_continue") {
			t.Errorf("it cannot go on once more: its buttons are %v", buttons)
		}
	})
}

// TestHourBeforeAfterRestart: a direct message that came while the bot stopped is answered with the
// last hour in its prompt.
func TestHourBeforeAfterRestart(t *testing.T) {
	cfg := durable()
	cfg.bot.DrainTimeout = 20 * time.Second
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.slack.Say("alice", "@alice", "", "my name is apples")
		w.answered("@alice", ts, 1)
		busy := w.ask("bob", "general", "", "hello")
		w.says("general", busy, "Sentence 1", time.Minute)
		w.term()
		time.Sleep(time.Second)
		second := w.slack.Say("alice", "@alice", "", "what is my name?")
		w.stop()
		w.again()
		w.answered("@alice", second, 1)
		for _, r := range w.model.Requests() {
			if _, all := conversation(r.Chat); strings.Contains(all, "what is my name") && !strings.Contains(all, "apples") {
				t.Errorf("without the last hour: %s", all)
			}
		}
	})
}

// TestTakeoverOfUnknownPerson: while Slack does not say who asked, a half answer that is taken over
// waits; then it is finished.
func TestTakeoverOfUnknownPerson(t *testing.T) {
	inWorld(t, durable(), func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "hello")
		w.says("general", ts, "Sentence 3", time.Minute)
		w.stop()
		w.slack.Fail(slacksim.Fault{Method: "users.info", Status: 429, RetryAfter: 20, Times: 1})
		w.again()
		time.Sleep(3 * time.Minute)
		has(t, text(w.answers("general", ts)), "Sentence 29")
		size(t, "ephemeral messages", w.slack.Ephemerals("alice"), 0)
	})
}

// TestRegenerateWhileTheServerIsAway: the old answer stays, and says that it will be written again.
func TestRegenerateWhileTheServerIsAway(t *testing.T) {
	cfg := long()
	cfg.model.Speed = 200
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "count")
		got := w.answered("general", ts, 1)
		time.Sleep(5 * time.Second)
		w.model.SetMode(llmsim.EngineDead)
		w.click("alice", "general", got[0].TS, bot.PressRegenerate)
		time.Sleep(20 * time.Second)
		all := text(w.answers("general", ts))
		has(t, all, "Sentence 29")
		has(t, all, "I will answer")
		w.slack.Say("alice", "general", ts, "stop")
		w.calm()
		all = text(w.answers("general", ts))
		has(t, all, "Sentence 29")
		hasNot(t, all, "I will answer")
	})
}

// TestNoThread: a bot that was taken out of a channel gives up what is owed there.
func TestNoThread(t *testing.T) {
	inWorld(t, durable(), func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "hello")
		w.says("general", ts, "Sentence 3", time.Minute)
		w.stop()
		w.slack.Fail(slacksim.Fault{Method: "conversations.replies", Error: "channel_not_found", Times: -1})
		w.again()
		n := len(w.slack.Calls("conversations.replies"))
		time.Sleep(5 * time.Minute)
		if n = len(w.slack.Calls("conversations.replies")) - n; n > 3 {
			t.Errorf("%d reads in 5 minutes", n)
		}
	})
}

// TestPressIsAckedInTime: the ack of a button does not wait for users.info.
func TestPressIsAckedInTime(t *testing.T) {
	inWorld(t, long(), func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "count")
		got := w.says("general", ts, "Sentence 3", time.Minute)
		w.slack.Fail(slacksim.Fault{Method: "users.info", Status: 429, RetryAfter: 30, Times: 1})
		began := time.Now()
		if err := w.slack.Click(t.Context(), "bob", "general", got[0].TS, "llmbot_stop"); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 2*time.Second { // Slack waits for 3
			t.Errorf("the ack took %s", took)
		}
	})
}

// TestMentionAddedByEdit: an edit that adds the mention makes a message a question, also for a
// process that did not see what was said before.
func TestMentionAddedByEdit(t *testing.T) {
	for name, again := range map[string]bool{"the same process": false, "after a restart": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, durable(), func(t *testing.T, w *world) {
				ts := w.slack.Say("carol", "general", "", "look at this")
				w.ask("bob", "general", ts, "what is it?")
				w.answered("general", ts, 1)
				if again {
					w.stop()
					w.again()
					w.until("both sockets are open", time.Minute, func() bool { return w.slack.Sockets() == 2 })
				}
				m := w.slack.Say("bob", "general", ts, "and what does it cost?")
				w.requests(1, "two people are there")
				w.edit("bob", "general", m, w.slack.Mention()+" and what does it cost?")
				w.requests(2, "now it names the bot")
			})
		})
	}
}

// TestEditOfStopped: the edit of a question that was stopped before its answer began is answered.
func TestEditOfStopped(t *testing.T) {
	inWorld(t, long(), func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "count")
		w.says("general", ts, "Sentence 3", time.Minute)
		m := w.ask("bob", "general", ts, "and me?")
		time.Sleep(time.Second)
		w.slack.Say("alice", "general", ts, "stop")
		w.says("general", ts, "stopped · ", 10*time.Second)
		time.Sleep(10 * time.Second)
		w.edit("bob", "general", m, w.slack.Mention()+" and me, please?")
		w.requests(2, "an edit of the latest question")
	})
}

// TestEditOfUnreadable: an edit that adds a question to a file that cannot be read is answered.
func TestEditOfUnreadable(t *testing.T) {
	inWorld(t, following(""), func(t *testing.T, w *world) {
		w.slack.SetOrder(slacksim.OrderMessageFirst)
		ts := w.ask("alice", "general", "", "one")
		w.answered("general", ts, 1)
		m := w.upload("alice", "general", ts, "", slacksim.Upload{Name: "x.zip", Data: []byte("PK\x03\x04")})
		w.requests(1, "it cannot be read")
		w.edit("alice", "general", m, w.slack.Mention()+" what is a zip file?")
		w.requests(2, "now there is a question")
	})
}

// TestFollowUpBeforeItsQuestion: both are answered when Slack tells of a thread's first message
// only after what followed it.
func TestFollowUpBeforeItsQuestion(t *testing.T) {
	inWorld(t, following(""), func(t *testing.T, w *world) {
		w.slack.FailEvent(slacksim.EventFault{Times: 2, Delay: 3 * time.Second})
		ts := w.ask("alice", "general", "", "one")
		time.Sleep(time.Second)
		w.slack.Say("alice", "general", ts, "and two?")
		w.requests(2, "alice has asked twice")
		has(t, w.prompt(), "and two?")
	})
}
