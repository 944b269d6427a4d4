package slackio

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot"
	"llmbot/bot/answer"
	"llmbot/bot/slacksim"
	"llmbot/bot/thread"
)

// TestRoomAtAStop ends answers that grow fast at random moments, while calls are on their way, slow, refused, or carried out with their answer lost: no
// message is begun after it, and what is visible at the end is what there was room for.
func TestRoomAtAStop(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			inSlack(t, slacksim.Config{Latency: time.Duration(r.IntN(1500)) * time.Millisecond, Seed: seed}, func(t *testing.T, s *Slack, sim *slacksim.Sim, root thread.ID) {
				if seed%2 == 1 {
					root = thread.ID{Channel: sim.ChannelID("@alice"), TS: sim.Say("alice", "@alice", "", "question")}
				}
				if seed%3 == 0 {
					sim.Fail(slacksim.Fault{Method: "chat.update", Skip: r.IntN(4), Times: 1 + r.IntN(3), Status: 429, RetryAfter: 3})
				}
				d, err := s.Open(t.Context(), root, bot.Reply{For: root.TS, User: "U0ALICE001"})
				if err != nil {
					t.Fatal(err)
				}
				text, whole := "", strings.Repeat("A sentence that is here to be read.\n\n", 2000)
				for stop := time.Now().Add(time.Duration(500+r.IntN(6000)) * time.Millisecond); time.Now().Before(stop); time.Sleep(50 * time.Millisecond) {
					text = whole[:min(len(whole), len(text)+500+r.IntN(1500))]
					d.Set(answer.Snapshot{Text: text, Phase: answer.Writing})
				}
				synctest.Wait() // what can be sent at this instant is
				begun := len(sim.Calls("chat.postMessage", "chat.startStream"))
				n := d.Room(text, true)
				if again := d.Room(text[:n], true); again != n {
					t.Errorf("room for %d, then for %d", n, again)
				}
				if err := d.Close(t.Context(), answer.Snapshot{Text: text[:n], Small: "stopped", Phase: answer.Stopped}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Minute)
				all, messages := written(sim, root)
				if posts := len(sim.Calls("chat.postMessage", "chat.startStream")); posts > max(begun, 1) && seed%3 != 0 || posts > max(begun, 1)+1 {
					t.Errorf("%d messages were begun before the stop, %d in all", begun, posts)
				}
				want := strings.Count(text[:n], "sentence that is here")
				if got := strings.Count(all, "sentence that is here"); got != want || strings.Count(all, "stopped") != 1 {
					t.Errorf("%d of %d sentences in %d messages", got, want, len(messages))
				}
			})
		})
	}
}

// TestRoomForHeadings: hundreds of headings are few characters, and many messages.
func TestRoomForHeadings(t *testing.T) {
	inSlack(t, slacksim.Config{}, func(t *testing.T, s *Slack, sim *slacksim.Sim, root thread.ID) {
		d, err := s.Open(t.Context(), root, bot.Reply{For: root.TS, User: "U0ALICE001"})
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Repeat("# a\n", 10_000)
		d.Set(answer.Snapshot{Text: text, Phase: answer.Writing})
		time.Sleep(5 * time.Minute)
		if _, messages := written(sim, root); len(messages) != maxMessages {
			t.Errorf("%d messages while it grows", len(messages))
		}
		n := d.Room(text, false)
		if n < maxMessages*25*4 || n > len(text)/2 || n != d.Room(text, false) {
			t.Errorf("room for %d bytes", n)
		}
		if err := d.Close(t.Context(), answer.Snapshot{Text: text[:n], Small: "the end", Phase: answer.Done}); err != nil {
			t.Fatal(err)
		}
		if _, messages := written(sim, root); len(messages) != maxMessages {
			t.Errorf("%d messages in the end", len(messages))
		}
	})
}
