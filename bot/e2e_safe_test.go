package bot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

// busy is a workspace with its usual latency, and people many enough to use budgets up.
func busy(people int) worldConfig {
	users := slacksim.DefaultUsers()
	for i := range people {
		users = append(users, slacksim.User{ID: fmt.Sprintf("U0MEMBER%03d", i), Name: fmt.Sprintf("member%d", i), RealName: fmt.Sprintf("Member %d", i)})
	}
	return worldConfig{
		slack: slacksim.Config{Latency: 100 * time.Millisecond, Users: users}, model: llmsim.Config{Speed: 200},
		bot: bot.Config{MaxAnswers: 1000},
	}
}

// told fails if somebody was told that it is not known who they are.
func (w *world) nobodyUnknown() {
	w.t.Helper()
	if log := w.log.String(); strings.Contains(log, "ask_refused") || strings.Contains(log, "person_unknown") {
		w.t.Errorf("somebody was refused:\n%s", w.log.tail(3000))
	}
}

// TestMentionsDrainNobodysBudget: one message with hundreds of mentions, thrice; then somebody who
// is not known yet asks in another channel, and is answered as soon as on a quiet day.
func TestMentionsDrainNobodysBudget(t *testing.T) {
	scenes := map[string]func(message, i int) string{
		"unknown people":            func(_, i int) string { return fmt.Sprintf("<@UNOPE%05d>", i) },
		"other unknown people each": func(m, i int) string { return fmt.Sprintf("<@UNOPE%d%05d>", m, i) },
		"members":                   func(m, i int) string { return fmt.Sprintf("<@U0MEMBER%03d>", (m*100+i)%300) },
		"unknown channels":          func(m, i int) string { return fmt.Sprintf("<#CNOPE%d%05d>", m, i) },
		"no ids at all":             func(m, i int) string { return fmt.Sprintf("<@nope %d %d>", m, i) },
	}
	var quiet time.Duration
	inWorld(t, busy(300), func(t *testing.T, w *world) {
		began := time.Now()
		w.answered("random", w.ask("bob", "random", "", "in 5 words, <@U0CAROL001>"), 1)
		quiet = time.Since(began)
	})
	for name, mention := range scenes {
		t.Run(name, func(t *testing.T) {
			inWorld(t, busy(300), func(t *testing.T, w *world) {
				root := ""
				for m := range 3 {
					var b strings.Builder
					for i := range 300 {
						b.WriteString(mention(m, i) + " ")
					}
					began := time.Now()
					ts := w.ask("alice", "general", root, "cc "+b.String()+" in 5 words")
					if root == "" {
						root = ts
					}
					w.answered("general", root, m+1)
					if d := time.Since(began); d > quiet+2*time.Second {
						t.Errorf("answer %d to her took %s, on a quiet day %s", m+1, d, quiet)
					}
				}
				began := time.Now()
				w.answered("random", w.ask("bob", "random", "", "in 5 words, <@U0CAROL001>"), 1)
				d := time.Since(began)
				t.Logf("bob was answered after %s, on a quiet day after %s; %d look-ups", d, quiet, len(w.slack.Calls("users.info", "conversations.info")))
				if d > quiet+time.Second {
					t.Error("too late")
				}
				atMost(t, "look-ups of people", len(w.slack.Calls("users.info")), 70)
				w.nobodyUnknown()
			})
		})
	}
}

// TestManyNewPeople: after a deploy nobody is known, and more people ask than Slack tells of in two
// minutes: those who come last wait longer, and all are answered.
func TestManyNewPeople(t *testing.T) {
	t.Parallel()
	const people = 350
	inWorld(t, busy(people), func(t *testing.T, w *world) {
		var asked []string
		for i := range people {
			asked = append(asked, w.ask(fmt.Sprintf("member%d", i), []string{"general", "random", "engineering"}[i%3], "", "in 5 words"))
			time.Sleep(time.Millisecond)
		}
		began := time.Now()
		for i, ts := range asked {
			w.until(fmt.Sprint("member ", i, " is answered"), 5*time.Minute, func() bool { return len(w.answers([]string{"general", "random", "engineering"}[i%3], ts)) > 0 })
		}
		t.Logf("the last after %s", time.Since(began))
		w.nobodyUnknown()
	})
}

// TestNewPersonWithManyQuestions: a hundred questions of somebody who is not known yet cost one
// look-up.
func TestNewPersonWithManyQuestions(t *testing.T) {
	inWorld(t, busy(0), func(t *testing.T, w *world) {
		for range 100 {
			w.ask("alice", "general", "", "in 5 words")
		}
		time.Sleep(5 * time.Second)
		is(t, "look-ups", len(w.slack.Calls("users.info")), 1)
		w.answered("random", w.ask("bob", "random", "", "in 5 words"), 1)
		time.Sleep(3 * time.Minute) // for all the posts
		w.nobodyUnknown()
	})
}

// TestWantOfBudgetDelays: Slack tells nobody who they are for a while: the answer comes later, and
// nobody is refused. After a long time it is said what happened.
func TestWantOfBudgetDelays(t *testing.T) {
	for name, tt := range map[string]struct {
		fault slacksim.Fault
		least time.Duration
	}{
		"429":            {slacksim.Fault{Method: "users.info", Status: 429, RetryAfter: 60}, 60 * time.Second},
		"rate_limited":   {slacksim.Fault{Method: "users.info", Error: "rate_limited", Times: 5}, 10 * time.Second},
		"503":            {slacksim.Fault{Method: "users.info", Status: 503, Times: 12}, 10 * time.Second},
		"403 of a proxy": {slacksim.Fault{Method: "users.info", Status: 403, Times: 6}, 10 * time.Second},
		"hangs":          {slacksim.Fault{Method: "users.info", Hang: true, Times: 2}, 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, busy(0), func(t *testing.T, w *world) {
				w.slack.Fail(tt.fault)
				began := time.Now()
				ts := w.ask("alice", "general", "", "in 5 words")
				w.answered("general", ts, 1)
				if d := time.Since(began); d < tt.least || d > 2*time.Minute {
					t.Errorf("answered after %s", d)
				}
				has(t, w.question(), "5 words")
				w.nobodyUnknown()
			})
		})
	}
	t.Run("for ever", func(t *testing.T) {
		inWorld(t, busy(0), func(t *testing.T, w *world) {
			w.slack.Fail(slacksim.Fault{Method: "users.info", Status: 503, Times: -1})
			ts := w.ask("alice", "general", "", "in 5 words")
			time.Sleep(time.Second)
			has(t, w.slack.Status("general", ts), "is thinking")
			time.Sleep(109 * time.Second)
			size(t, "ephemeral messages", w.slack.Ephemerals("alice"), 0)
			time.Sleep(40 * time.Second)
			w.toldOnce("alice", "for 2 minutes without an answer")
			is(t, "status", w.slack.Status("general", ts), "")
			w.slack.Heal()
			w.answered("general", w.ask("alice", "general", "", "in 5 words"), 1)
		})
	})
	t.Run("for ever, and many questions", func(t *testing.T) {
		inWorld(t, busy(0), func(t *testing.T, w *world) {
			w.slack.Fail(slacksim.Fault{Method: "users.info", Status: 503, Times: -1})
			ts := w.ask("alice", "general", "", "in 5 words")
			for range 4 {
				time.Sleep(time.Second)
				w.ask("alice", "general", ts, "and in 6?")
			}
			time.Sleep(5 * time.Minute) // for the first one, and for all the others
			before := len(w.slack.Calls("users.info"))
			time.Sleep(time.Minute)
			is(t, "further look-ups", len(w.slack.Calls("users.info"))-before, 0)
		})
	})
	t.Run("missing scope", func(t *testing.T) {
		inWorld(t, busy(0), func(t *testing.T, w *world) {
			w.slack.Fail(slacksim.Fault{Method: "users.info", Error: "missing_scope", Times: -1})
			w.ask("alice", "general", "", "in 5 words")
			time.Sleep(5 * time.Second)
			w.toldOnce("alice", "Slack does not tell me")
			w.slack.Heal() // the app was installed again
			w.answered("general", w.ask("alice", "general", "", "in 5 words"), 1)
		})
	})
}

// TestDrainWhileSlackIsAsked: a process that stops while it waits to know who asked leaves the
// question to the next one.
func TestDrainWhileSlackIsAsked(t *testing.T) {
	cfg := durable()
	cfg.bot.DrainTimeout = 5 * time.Second
	inWorld(t, cfg, func(t *testing.T, w *world) {
		w.slack.Fail(slacksim.Fault{Method: "users.info", Status: 429, RetryAfter: 60})
		ts := w.ask("alice", "general", "", "hello")
		time.Sleep(5 * time.Second)
		w.stop()
		w.slack.Heal()
		w.again()
		w.says("general", ts, "Sentence 3", 2*time.Minute)
		w.nobodyUnknown()
	})
}

// TestRefusalIsToldOnceAnHour: who may not ask is told so once an hour, however they ask, and
// whichever process they reach.
func TestRefusalIsToldOnceAnHour(t *testing.T) {
	for name, tt := range map[string]struct {
		user   string
		policy bot.Policy
	}{
		"guest": {"gina", bot.Policy{}}, "external": {"erik", bot.Policy{}}, "denied": {"alice", bot.Policy{Deny: []string{"U0ALICE001"}}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := durable()
			cfg.bot.Policy = tt.policy
			inWorld(t, cfg, func(t *testing.T, w *world) {
				in := "shared-extern"
				others := w.ask("bob", in, "", "in 5 words")
				w.answered(in, others, 1)
				for range 10 {
					w.ask(tt.user, in, "", "hello")
					w.ask(tt.user, in, others, "and me?")
					w.ask(tt.user, in, others, "stop")
					w.ask(tt.user, in, "", "!status")
					w.ask(tt.user, in, others, "!status details")
					time.Sleep(time.Second)
				}
				w.stop()
				w.again()
				for range 10 {
					w.ask(tt.user, in, "", "hello")
				}
				time.Sleep(time.Minute)
				size(t, "ephemeral messages", w.slack.Ephemerals(tt.user), 1)
				time.Sleep(time.Hour)
				w.ask(tt.user, in, "", "hello")
				time.Sleep(time.Minute)
				size(t, "ephemeral messages", w.slack.Ephemerals(tt.user), 2)
			})
		})
	}
}

// TestStopOfAStranger: while Slack does not say who somebody is, their stop ends nobody else's
// answer, and they are told so. Who has asked stops their own.
func TestStopOfAStranger(t *testing.T) {
	t.Parallel()
	for _, user := range []string{"gina", "carol"} {
		t.Run(user, func(t *testing.T) {
			inWorld(t, long(), func(t *testing.T, w *world) {
				ts := w.ask("bob", "general", "", "count")
				w.says("general", ts, "Sentence 3", time.Minute)
				w.slack.Fail(slacksim.Fault{Method: "users.info", Hang: true, Times: -1})
				w.slack.Say(user, "general", ts, "stop")
				w.ask(user, "general", ts, "stop")
				time.Sleep(10 * time.Second)
				is(t, "running requests", w.model.Running(), 1)
				size(t, "words to them", w.slack.Ephemerals(user), 2)
				has(t, w.whispers(user), "could not find out whether you may do that")
				w.slack.Heal()
				w.stoppedNow("general", ts, func() { w.slack.Say("bob", "general", ts, "stop") })
			})
		})
	}
	t.Run("others behind", func(t *testing.T) {
		inWorld(t, long(), func(t *testing.T, w *world) {
			w.slack.Fail(slacksim.Fault{Method: "users.info", Hang: true, Times: -1})
			ts := w.ask("gina", "general", "", "count")
			time.Sleep(2 * time.Second)
			w.ask("bob", "general", ts, "and I")
			time.Sleep(2 * time.Second)
			w.slack.Say("gina", "general", ts, "stop")
			time.Sleep(5 * time.Second)
			w.slack.Heal()
			w.says("general", ts, "Sentence 3", 5*time.Minute)
		})
	})
	t.Run("their own", func(t *testing.T) {
		inWorld(t, long(), func(t *testing.T, w *world) {
			w.slack.Fail(slacksim.Fault{Method: "users.info", Hang: true, Times: -1})
			ts := w.ask("bob", "general", "", "count")
			time.Sleep(5 * time.Second)
			w.slack.Say("bob", "general", ts, "stop")
			time.Sleep(5 * time.Second)
			w.slack.Heal()
			time.Sleep(3 * time.Minute)
			size(t, "answers", w.answers("general", ts), 0)
			size(t, "words to him", w.slack.Ephemerals("bob"), 0)
		})
	})
}

// TestOddKeysEndToEnd: events with timestamps and channels that are none disturb neither the store
// nor anybody else.
func TestOddKeysEndToEnd(t *testing.T) {
	inWorld(t, durable(), func(t *testing.T, w *world) {
		long := strings.Repeat("9", 800)
		for i, ev := range []string{
			`"channel":"C0GENERAL1","ts":"` + long + `"`, `"channel":"C0GENERAL1","ts":"NaN"`, `"channel":"C0GENERAL1","ts":"1/2/3"`, `"channel":"C0GENERAL1","ts":"1\n2.3"`,
			`"channel":"C0GENERAL1","ts":"946684801.000001","thread_ts":"` + long + `"`, `"channel":"` + strings.Repeat("C", 1<<20) + `","ts":"946684801.000001"`,
			`"channel":"Č0GENERAL1","ts":"946684801.000001"`, `"channel":7,"ts":"946684801.000001"`, `"channel":"C0GENERAL1","ts":946684801.000001`,
		} {
			w.slack.Inject(fmt.Appendf(nil, `{"envelope_id":"odd-%d","type":"events_api","retry_attempt":"1","payload":{"event":{"type":"app_mention","user":"U0ALICE001","text":"%s hello",%s}}}`,
				i, w.slack.Mention(), ev), false)
		}
		time.Sleep(30 * time.Second)
		is(t, "acks", len(w.slack.StrayAcks()), 18)
		w.says("general", w.ask("bob", "general", "", "hello"), "Sentence 3", time.Minute)
		log := w.log.String()
		hasNot(t, log, "store_silent", "ask_not_noted", "ask_refused_key", long)
	})
}

// TestLongModelName: what the server calls its model is shown as far as Slack takes it, and costs
// no call more.
func TestLongModelName(t *testing.T) {
	for name, model := range map[string]string{
		"long": strings.Repeat("model-", 1_100), "escaped": strings.Repeat("<&>", 2_000), "wide": strings.Repeat("模", 5_000), "lines": strings.Repeat("a\n", 4_000),
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, worldConfig{model: llmsim.Config{Speed: 50, Model: model}, watch: true}, func(t *testing.T, w *world) {
				ts := w.ask("alice", "general", "", "in 50 words")
				got := w.answered("general", ts, 1)
				oneFooter(t, got)
				for _, c := range w.slack.Calls("chat.postMessage", "chat.update", "chat.postEphemeral", "views.publish") {
					if c.Error != "" {
						t.Errorf("%s: %s", c.Method, c.Error)
					}
				}
				atMost(t, "characters shown", len([]rune(got[0].Plain)), 1_500)
				has(t, w.statusOf(""), "Model: ")
				if err := w.slack.OpenHome("alice"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Second)
				if calls := w.slack.Calls("views.publish"); len(calls) == 0 || calls[0].Error != "" {
					t.Errorf("the Home tab: %+v", calls)
				}
			})
		})
	}
}
