package bot_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
	"llmbot/llm/llmsim"
)

func following(mode thread.FollowUps) worldConfig {
	return worldConfig{model: llmsim.Config{Speed: 100}, bot: bot.Config{Settings: bot.Settings{FollowUps: mode}}}
}

// reaction is longer than any pause of the bot between what it hears and what it does: one look at
// a thread begins every 4 s (threadEvery).
const reaction = 12 * time.Second

// calm waits until nothing was said to or by the bot, nor asked of the model, for the time of a
// reaction.
func (w *world) calm() {
	w.t.Helper()
	var last int
	var since time.Time
	w.until("it is calm", 10*time.Minute, func() bool {
		if n := len(w.slack.Envelopes()) + len(w.slack.Calls()) + w.model.Total(); n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) > reaction
	})
}

// requests waits until it is calm, and fails unless the model has had so many requests.
func (w *world) requests(n int, why string) {
	w.t.Helper()
	w.calm()
	if got := w.model.Total(); got != n {
		w.t.Errorf("%s: %d requests, want %d", why, got, n)
	}
}

func TestFollowUpsWithoutMention(t *testing.T) {
	t.Run("solo", func(t *testing.T) {
		inWorld(t, following(""), func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "one")
			w.answered("general", ts, 1)
			w.slack.Say("alice", "general", ts, "and two?")
			w.answered("general", ts, 2)
			has(t, w.question(), "and two?")
			w.slack.Say("alice", "general", ts, "<@"+w.slack.UserID("bob")+"> what do you think?")
			w.slack.Say("alice", "general", ts, "hey <@"+w.slack.UserID("bob")+">, look at this")
			w.requests(2, "somebody else was addressed")
			w.slack.Say("alice", "general", ts, "and three?")
			w.answered("general", ts, 3)
			w.slack.Say("bob", "general", ts, "I think so")
			w.slack.Say("alice", "general", ts, "me too")
			w.requests(3, "two people talk")
			w.ask("alice", "general", ts, "what do you say?")
			w.answered("general", ts, 4)
			w.slack.Say("alice", "general", ts, "I see")
			w.requests(4, "two people have talked")
		})
	})
	t.Run("always", func(t *testing.T) {
		inWorld(t, following(thread.FollowAlways), func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "one")
			w.answered("general", ts, 1)
			w.slack.Say("bob", "general", ts, "and two?")
			w.answered("general", ts, 2)
			w.slack.Say("bob", "general", ts, "<@"+w.slack.UserID("alice")+"> nice")
			w.slack.Say("deploybot", "general", ts, "deployed")
			w.requests(2, "not for the bot")
		})
	})
	t.Run("mention", func(t *testing.T) {
		inWorld(t, following(thread.FollowMention), func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "one")
			w.answered("general", ts, 1)
			w.slack.Say("alice", "general", ts, "and two?")
			w.requests(1, "no mention")
			dm := w.slack.Say("alice", "@alice", "", "one")
			w.answered("@alice", dm, 1)
			w.slack.Say("alice", "@alice", dm, "two")
			w.answered("@alice", dm, 2)
		})
	})
	t.Run("threads of others cost nothing", func(t *testing.T) {
		inWorld(t, following(""), func(t *testing.T, w *world) {
			time.Sleep(2 * time.Minute) // of threads that are older than the bot it has to look
			ts := w.slack.Say("alice", "general", "", "lunch?")
			for range 20 {
				w.slack.Say("bob", "general", ts, "yes")
				w.slack.Say("alice", "general", ts, "no")
			}
			w.requests(0, "nobody asked the bot")
			is(t, "reads", len(w.slack.Calls("conversations.replies")), 0)
		})
	})
	t.Run("never answered by mention of somebody else first", func(t *testing.T) {
		inWorld(t, following(""), func(t *testing.T, w *world) {
			w.slack.Say("alice", "general", "", "<@"+w.slack.UserID("bob")+"> ask "+w.slack.Mention()+" about it")
			w.requests(0, "it is for bob")
			both := w.slack.Say("alice", "general", "", "<@"+w.slack.UserID("bob")+"> "+w.slack.Mention()+" what do you two think?")
			w.answered("general", both, 1)
		})
	})
}

// TestFollowUpIsJudgedByWhatStoodBefore: a message that came before a second person wrote is
// answered, also when it is read afterwards.
func TestFollowUpIsJudgedByWhatStoodBefore(t *testing.T) {
	cfg := following("")
	cfg.model.Speed = 20
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "write 60 tokens")
		time.Sleep(time.Second)
		w.slack.Say("alice", "general", ts, "and a follow-up")
		time.Sleep(500 * time.Millisecond)
		w.slack.Say("bob", "general", ts, "a word of mine")
		w.answered("general", ts, 2)
		w.requests(2, "bob did not ask")
		m := w.model.Last().Chat.Messages
		last := m[len(m)-1].Content
		has(t, last, "and a follow-up")
		hasNot(t, last, "a word of mine")
	})
}

// TestFollowUpThatComesBeforeItsQuestion is answered, also if the thread cannot be read at first, or
// the question is stopped before it is.
func TestFollowUpThatComesBeforeItsQuestion(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		t.Run(fmt.Sprint("stopped ", stopped), func(t *testing.T) {
			cfg := following("")
			cfg.lateAcks = stopped // a stop that comes first is told again
			inWorld(t, cfg, func(t *testing.T, w *world) {
				w.slack.Fail(slacksim.Fault{Method: "conversations.replies", Hang: true, Times: 5})
				w.slack.FailEvent(slacksim.EventFault{Times: 2, Delay: 2 * time.Second})
				ts := w.ask("alice", "general", "", "in 5 words")
				if stopped {
					time.Sleep(500 * time.Millisecond)
					w.slack.Say("alice", "general", ts, "stop")
				}
				time.Sleep(500 * time.Millisecond)
				w.slack.Say("alice", "general", ts, "and a follow-up?")
				w.until("the follow-up is answered", 3*time.Minute, func() bool { return w.model.Total() > 0 && strings.Contains(w.question(), "and a follow-up?") })
			})
		})
	}
}

// TestStopThatComesBeforeItsQuestion: it is not acked while its question may be on its way, so that
// Slack tells of it again.
func TestStopThatComesBeforeItsQuestion(t *testing.T) {
	cfg := following("")
	cfg.model.Speed = 20
	inWorld(t, cfg, func(t *testing.T, w *world) {
		began := time.Now()
		root := thread.ID{Channel: w.slack.ChannelID("general"), TS: string(turn.At(began))}
		says := func(text string) error {
			return w.bot.Handle(t.Context(), bot.Asked{Question: thread.Question{
				Thread: root, TS: string(turn.At(time.Now())), User: w.slack.UserID("alice"), Text: text,
			}})
		}
		time.Sleep(time.Second)
		if err := says("stop"); !errors.Is(err, bot.ErrNotDurable) {
			t.Errorf("stop: %v", err)
		}
		if err := says("please stop it, bob"); err != nil {
			t.Errorf("other words: %v", err)
		}
		time.Sleep(time.Minute)
		if err := says("stop"); err != nil {
			t.Errorf("stop, in a thread that nobody asks in: %v", err)
		}
	})
}

// TestFollowUpAfterEverythingWasForgotten: nothing is remembered but by the thread: the store is
// new, too.
func TestFollowUpAfterEverythingWasForgotten(t *testing.T) {
	cfg := following("")
	cfg.store = func() turn.Store { return turn.NewMem() }
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "first question")
		w.answered("general", ts, 1)
		other := w.slack.Say("alice", "random", "", "lunch?")
		crowd := w.ask("alice", "general", "", "for all")
		w.answered("general", crowd, 1)
		w.slack.Say("bob", "general", crowd, "ah")
		time.Sleep(time.Second)
		w.stop()
		w.again()
		w.until("both sockets are open", time.Minute, func() bool { return w.slack.Sockets() == 2 })
		w.slack.Say("alice", "random", other, "anybody?")
		w.slack.Say("alice", "general", crowd, "nobody?")
		w.slack.Say("alice", "general", ts, "second question")
		w.answered("general", ts, 2)
		w.requests(3, "two threads are of others, or of two")
		all := fmt.Sprint(w.model.Last().Chat.Messages)
		has(t, all, "first question", "second question")
		before := len(w.slack.Calls("conversations.replies"))
		w.slack.Say("alice", "random", other, "really nobody?")
		time.Sleep(10 * time.Second)
		is(t, "more reads of a thread that is known", len(w.slack.Calls("conversations.replies"))-before, 0)
	})
}

func TestDirectMessagesHaveTheLastHour(t *testing.T) {
	cfg := following("")
	cfg.model.Answer = func(c *llmsim.Chat) string {
		m := c.Messages[len(c.Messages)-1].Content
		return "My **answer** to " + m[strings.LastIndex(m, ": ")+2:]
	}
	inWorld(t, cfg, func(t *testing.T, w *world) {
		w.answered("@alice", w.slack.Say("alice", "@alice", "", "ancient"), 1)
		time.Sleep(61 * time.Minute)
		first := w.slack.Say("alice", "@alice", "", "apples")
		w.answered("@alice", first, 1)
		w.slack.Say("alice", "@alice", first, "only in the thread")
		w.answered("@alice", first, 2)
		second := w.slack.Say("alice", "@alice", "", "pears")
		w.answered("@alice", second, 1)
		roles, all := conversation(w.model.Last().Chat)
		is(t, "roles", roles, "suau")
		hasNot(t, all, "ancient")
		has(t, all, "alice: apples", "My **answer** to apples")
		if m, ok := w.slack.Message("@alice", w.answers("@alice", second)[0].TS); !ok || m.ThreadTS != second {
			t.Errorf("answered in %q", m.ThreadTS)
		}
		before := w.model.Last().Chat.Messages
		w.slack.Say("alice", "@alice", second, "plums")
		w.answered("@alice", second, 2)
		if got := w.model.Last().Chat.Messages; len(got) != len(before)+2 || fmt.Sprint(got[:len(before)]) != fmt.Sprint(before) {
			t.Errorf("the prompt does not begin as before:\n%+v\n%+v", before, got)
		}
		reads := len(w.slack.Calls("conversations.replies")) + len(w.slack.Calls("conversations.history"))
		if turns := w.model.Total(); reads > turns {
			t.Errorf("%d reads for %d turns", reads, turns)
		}
	})
}

// conversation is the roles and the text of a request.
func conversation(c *llmsim.Chat) (roles, all string) {
	var r, a strings.Builder
	for _, m := range c.Messages {
		r.WriteString(m.Role[:1])
		a.WriteString(m.Content + "\n")
	}
	return r.String(), a.String()
}

// common returns how many bytes two texts begin with alike.
func common(a, b string) (n int) {
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

func TestWholeThreadIsContext(t *testing.T) {
	inWorld(t, following(""), func(t *testing.T, w *world) {
		ts := w.slack.Say("bob", "general", "", "the build is <https://ci.example/1|red> & slow, see <#"+w.slack.ChannelID("random")+"|random>")
		w.slack.Say("deploybot", "general", ts, "deployed 42")
		w.slack.Say("alice", "general", ts, "!help")
		w.slack.Say("carol", "general", ts, "<@"+w.slack.UserID("bob")+"> since when?")
		w.ask("alice", "general", ts, "why?")
		w.answered("general", ts, 1)
		roles, all := conversation(w.model.Last().Chat)
		has(t, all, "bob: the build is red (https://ci.example/1) & slow, see #random", "deploybot (a bot): deployed 42", "carol: @bob since when?", "alice: why?", "#general")
		is(t, "roles", roles, "su")
		hasNot(t, all, "!help")
		system := w.model.Last().Chat.Messages[0].Content
		hasNot(t, system, "alice")
		has(t, system, time.Now().Format("2 January 2006"))
	})
}

// TestPromptPrefixIsStable: nine tenths of a turn's prompt are the unchanged beginning of the next
// one's.
func TestPromptPrefixIsStable(t *testing.T) {
	t.Parallel()
	cfg := following(thread.FollowAlways)
	cfg.model.Speed = 1000
	cfg.model.MaxModelLen = 3000
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "one")
		w.answered("general", ts, 1)
		left := 0
		var last, first string
		for i := range 40 {
			who := []string{"alice", "bob", "carol"}[i%3]
			if i%7 == 3 {
				w.slack.Upload(who, "general", ts, fmt.Sprintf("turn %d, look", i), slacksim.Upload{Name: "notes.txt", Data: []byte(strings.Repeat("a note\n", 20))})
			} else {
				w.slack.Say(who, "general", ts, fmt.Sprintf("turn %d says something of about this length", i))
			}
			w.answered("general", ts, i+2)
			chat := w.model.Last().Chat
			_, now := conversation(chat)
			same := common(last, now)
			if same*10 < len(last)*9 {
				if left++; chat.Messages[1].Content == first { // old ones have not left
					t.Fatalf("turn %d: only %d of %d bytes are the same", i, same, len(last))
				}
			}
			last, first = now, chat.Messages[1].Content
			time.Sleep(time.Second)
		}
		if left == 0 || left > 14 {
			t.Errorf("old messages left %d times", left)
		}
	})
}
