//go:build linux

package bot_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/bot/sqlstore"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
	"llmbot/llm/llmsim"
)

// killedAt is when the two processes of TestStateOfAnOutage were killed.
const killedAt = "1796076289.500000"

// TestStateOfAnOutage starts a bot on what two processes of an older version left that were killed
// in the middle of an outage: one answer is half written under a lease, and one without; some are
// complete, and their threads were to be read again; of a follow-up the store knows nothing. Each
// question has one complete answer in the end, and nothing is stuck. What the old version answered
// twice stays as it is: both answers are complete, and people have read them.
func TestStateOfAnOutage(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		later time.Duration
		told  bool // Slack tells of all questions once more
	}{"a minute later": {later: time.Minute}, "an hour later": {later: time.Hour}, "told once more": {time.Minute, true}} {
		t.Run(name, func(t *testing.T) {
			cfg := leftByAnOutage(t)
			cfg.begins = slackTime(killedAt).Add(tt.later)
			inWorld(t, cfg, func(t *testing.T, w *world) {
				dialogs := leftDialogs(w, "room-0")
				size(t, "threads", dialogs, 8)
				var before []*verdict
				for _, d := range dialogs {
					before = append(before, judge(d, w.slack.Replies(d.channel, d.ts)))
				}
				if tt.told {
					w.tellAll(dialogs)
				}
				time.Sleep(redelivered)
				for i, d := range dialogs {
					v := judge(d, w.slack.Replies(d.channel, d.ts))
					v.doubled = slices.DeleteFunc(v.doubled, func(s string) bool { return slices.Contains(before[i].doubled, s) })
					if bad := v.bad(); len(bad) > 0 {
						t.Errorf("thread %s, %s:\n%s\n%s", d.ts, v.kinds(), strings.Join(bad, "\n"), text(w.slack.Replies(d.channel, d.ts)))
					}
					is(t, "status of "+d.ts, w.slack.Status(d.channel, d.ts), "")
				}
				is(t, "requests: two half answers, and the follow-up", w.model.Total(), 3)
				wantNothingOwed(t, cfg.store(), 7)
			})
		})
	}
}

// leftByAnOutage is a world that begins with the state and the threads in testdata/state.
func leftByAnOutage(t *testing.T) worldConfig {
	t.Helper()
	const left = "testdata/state/7c05ec4-outage"
	dir := t.TempDir()
	restore(t, filepath.Join(dir, "state.db"), left+".sql")
	if err := os.CopyFS(filepath.Join(dir, "slack"), os.DirFS(left)); err != nil {
		t.Fatal(err)
	}
	folder, err := slacksim.OpenFolder(filepath.Join(dir, "slack"))
	if err != nil || len(folder.Aside()) > 0 {
		t.Fatal(err, folder.Aside())
	}
	return worldConfig{
		slack: slacksim.Config{Folder: folder, Limiter: slacksim.LimiterOff}, edits: 100_000, bot: bot.Config{Durable: true},
		model: llmsim.Config{Speed: 40, Answer: func(c *llmsim.Chat) string {
			text, _, _ := numberedAnswer(c.Messages)
			return text
		}},
		store: func() turn.Store {
			s, err := sqlstore.Open(sqlstore.Config{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
	}
}

// leftDialogs are the threads of a channel, as their questions tell.
func leftDialogs(w *world, channel string) (all []*dialog) {
	for _, m := range w.slack.Channel(channel) {
		asked := reAsked.FindStringSubmatch(m.Plain)
		if m.BotID != "" || asked == nil {
			continue
		}
		q := question{ts: m.TS}
		q.id, _ = strconv.Atoi(asked[1])
		q.sentences, _ = strconv.Atoi(asked[2])
		if m.ThreadTS == "" || m.ThreadTS == m.TS {
			all = append(all, &dialog{channel: w.slack.ChannelID(channel), ts: m.TS})
		}
		for _, d := range all {
			if d.ts == m.TS || d.ts == m.ThreadTS {
				d.questions = append(d.questions, q)
			}
		}
	}
	return all
}

// tellAll tells the bot of all questions, as Slack does of what was not acked.
func (w *world) tellAll(dialogs []*dialog) {
	w.t.Helper()
	for _, d := range dialogs {
		for _, q := range d.questions {
			m, _ := w.slack.Message(d.channel, q.ts)
			ev := bot.Asked{Question: thread.Question{Thread: thread.ID{Channel: d.channel, TS: d.ts}, TS: q.ts, User: m.User, Text: q.words(), Mentioned: q.ts == d.ts}}
			if err := w.bot.Handle(w.t.Context(), ev); err != nil {
				w.t.Errorf("q%d: %v", q.id, err)
			}
		}
	}
}

// wantNothingOwed fails if one of the records of threads, of which there are so many at least, is
// owed an answer, or has an owner.
func wantNothingOwed(t *testing.T, store turn.Store, least int) {
	t.Helper()
	var all, left []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = store.Watch(t.Context(), "thread/", func(key string, value []byte) { // until the store is closed
			if r, err := turn.Decode(value); key != "" && (err != nil || r.Owed() || r.Owner != "") {
				left = append(left, key+" "+string(value))
			}
			all = append(all, key)
		})
	}()
	time.Sleep(10 * time.Second)
	_ = store.Close()
	<-done
	size(t, "records that are owed an answer, or have an owner", left, 0)
	atMost(t, "least of the records", least, len(all))
}
