package bot_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"llmbot/bot/slacksim"
	"llmbot/bot/thread"
	"llmbot/bot/transcript"
)

// TestSuccessorTidiesUp: an answer is complete in a new message, since the old one could not be
// edited in time, and the process is killed before it could delete the old one. The next process
// does.
func TestSuccessorTidiesUp(t *testing.T) {
	cfg := durable()
	cfg.slack.HoldEvents = 100
	cfg.slack.Limiter = slacksim.LimiterOff
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "count")
		w.says("general", ts, "Sentence 3", time.Minute)
		w.kill()
		w.slack.Fail(slacksim.Fault{Method: "chat.update", Times: 1, Status: 429, RetryAfter: 120})
		w.slack.Fail(slacksim.Fault{Method: "chat.delete", Times: -1, Status: 503})
		w.again()
		w.answered("general", ts, 1)
		if n := len(w.answers("general", ts)); n != 2 {
			t.Fatalf("%d messages: %s", n, text(w.answers("general", ts)))
		}
		w.kill()
		w.slack.Heal()
		w.again()
		time.Sleep(5 * time.Minute)
		got := w.answers("general", ts)
		complete(t, text(got), unit, 30)
		oneFooter(t, got)
		size(t, "messages", got, 1)
		times(t, text(got), "Sentence 0 ", 1)
		is(t, "requests", w.model.Total(), 2)
	})
}

// untidy returns a question whose answer is complete in a further message, while the first one still
// says "writing…": Slack does not let it be edited for so many seconds.
func (w *world) untidy(seconds int) string {
	w.t.Helper()
	ts := w.ask("alice", "general", "", "count")
	w.says("general", ts, "Sentence 3", time.Minute)
	w.slack.Fail(slacksim.Fault{Method: "chat.update", Times: 1, Status: 429, RetryAfter: seconds})
	w.says("general", ts, "Sentence 29", time.Minute)
	has(w.t, text(w.answers("general", ts)), "writing…")
	return ts
}

// TestNothingStaysUntidy: an answer is complete in a further message, since the first one could not
// be edited, and its process goes while that still says "writing…". Others tidy up at once if it tells
// them, or if the store shows that it is dead, and else when its lease has lapsed.
func TestNothingStaysUntidy(t *testing.T) {
	for name, tt := range map[string]struct {
		end   func(w *world)
		alone bool
		most  time.Duration // after the next process began
	}{
		"drained":                 {func(w *world) { w.stop() }, true, 5 * time.Second},
		"drained, with replicas":  {func(w *world) { w.stop() }, false, 5 * time.Second},
		"killed":                  {func(w *world) { w.kill() }, true, 3 * time.Second},
		"killed, with replicas":   {func(w *world) { w.kill() }, false, 10 * time.Second},
		"killed after 20 seconds": {func(w *world) { time.Sleep(20 * time.Second); w.kill() }, false, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := durable()
			if !tt.alone {
				cfg.bot.Alone = nil
			}
			cfg.slack.Limiter = slacksim.LimiterOff
			inWorld(t, cfg, func(t *testing.T, w *world) {
				ts := w.untidy(120)
				tt.end(w)
				w.again()
				w.until("nothing says that somebody writes", tt.most, func() bool {
					return !strings.Contains(text(w.answers("general", ts)), "writing…")
				})
				time.Sleep(3 * time.Second) // for the message that is not needed any more
				got := w.answers("general", ts)
				complete(t, text(got), unit, 30)
				oneFooter(t, got)
				is(t, "requests", w.model.Total(), 1)
			})
		})
	}
}

// TestWhatIsTidyIsLeftAlone: an owner that lives tidies up itself, and whoever looks later edits
// nothing.
func TestWhatIsTidyIsLeftAlone(t *testing.T) {
	cfg := durable()
	cfg.slack.Limiter = slacksim.LimiterOff
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.untidy(30)
		time.Sleep(time.Minute)
		hasNot(t, text(w.answers("general", ts)), "writing…")
		edits := len(w.slack.Calls("chat.update"))
		time.Sleep(5 * time.Minute)
		is(t, "edits", len(w.slack.Calls("chat.update")), edits)
	})
}

// TestLookTooLong: the look at an answer that its process left untidy runs into its time-out, for
// Slack lets nobody read. It comes again, and tidies up.
func TestLookTooLong(t *testing.T) {
	cfg := durable()
	cfg.slack.Limiter = slacksim.LimiterOff
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.untidy(120)
		w.kill()
		w.slack.Fail(slacksim.Fault{Method: "conversations.replies", Times: -1, Status: 429, RetryAfter: 30})
		w.again()
		time.Sleep(2 * time.Minute)
		has(t, text(w.answers("general", ts)), "writing…")
		hasNot(t, w.log.String(), "look_not_noted")
		w.slack.Heal()
		time.Sleep(5 * time.Minute)
		got := w.answers("general", ts)
		hasNot(t, text(got), "writing…")
		complete(t, text(got), unit, 30)
		is(t, "requests", w.model.Total(), 1)
	})
}

// TestLookThatStaysUntidy: the look at an answer that its process left untidy shows it in a further
// message, for Slack lets nobody edit, and that process ends, too, before the messages that are not
// needed any more are gone. The next one tidies up.
func TestLookThatStaysUntidy(t *testing.T) {
	for name, tt := range map[string]struct {
		end    func(w *world)
		alone  bool
		most   time.Duration // after the next process began
		unsaid bool          // the store has not heard of the further message
	}{
		"drained":                 {func(w *world) { w.stop() }, true, 10 * time.Second, false},
		"drained, with replicas":  {func(w *world) { w.stop() }, false, 15 * time.Second, false},
		"killed":                  {func(w *world) { w.kill() }, true, 10 * time.Second, false},
		"killed, with replicas":   {func(w *world) { w.kill() }, false, 20 * time.Second, false},
		"killed after more looks": {func(w *world) { time.Sleep(5 * time.Minute); w.kill() }, true, 15 * time.Second, false},
		"lives":                   {func(w *world) { w.slack.Heal() }, false, 2 * time.Minute, false},
		"killed in between":       {func(w *world) { w.kill() }, true, 10 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := durable()
			if !tt.alone {
				cfg.bot.Alone = nil
			}
			cfg.slack.Limiter, cfg.slack.HoldEvents = slacksim.LimiterOff, 100
			inWorld(t, cfg, func(t *testing.T, w *world) {
				ts := w.untidy(120)
				w.kill()
				w.slack.Fail(slacksim.Fault{Method: "chat.update", Times: -1, Status: 429, RetryAfter: 120})
				w.slack.Fail(slacksim.Fault{Method: "chat.delete", Times: -1, Status: 503})
				w.again()
				w.until("it looks", time.Minute, func() bool { return len(w.answers("general", ts)) == 3 })
				time.Sleep(3 * time.Second)
				tt.end(w)
				w.slack.Heal()
				where := thread.ID{Channel: w.slack.ChannelID("general"), TS: ts}
				records := transcript.Records{Store: cfg.store()}
				if tt.unsaid {
					e := entryOf(t, records, where)
					e.IDs = e.IDs[:2]
					if err := records.Keep(t.Context(), where, e); err != nil {
						t.Fatal(err)
					}
				}
				if name != "lives" {
					w.again()
				}
				w.until("the text stands once", tt.most, func() bool { return len(w.answers("general", ts)) == 1 })
				time.Sleep(5 * time.Minute)
				got := w.answers("general", ts)
				complete(t, text(got), unit, 30)
				oneFooter(t, got)
				size(t, "messages", got, 1)
				times(t, text(got), "Sentence 0 ", 1)
				is(t, "requests", w.model.Total(), 1)
				if e := entryOf(t, records, where); e.Untidy || !slices.Contains(e.IDs, got[0].TS) {
					t.Errorf("untidy %t, messages %v; %s is there", e.Untidy, e.IDs, got[0].TS)
				}
			})
		})
	}
}

// entryOf returns what the store has of the one answer of a thread.
func entryOf(t *testing.T, records transcript.Records, where thread.ID) transcript.Entry {
	t.Helper()
	own, err := records.Entries(t.Context(), where)
	if err != nil || len(own) != 1 {
		t.Fatal(own, err)
	}
	return own[where.TS]
}
