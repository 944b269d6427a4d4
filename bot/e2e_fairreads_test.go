package bot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"llmbot/bot/slacksim"
)

// quick is how soon somebody is answered whatever others do: a quiet answer of a few words takes
// about a second.
const quick = 5 * time.Second

// soonAnswered waits until the n-th answer is there, and fails if that took long.
func (w *world) soonAnswered(channel, ts string, n int) []slacksim.Message {
	w.t.Helper()
	asked := time.Now()
	got := w.answered(channel, ts, n)
	if took := time.Since(asked); took > quick {
		w.t.Errorf("waited %s", took)
	} else {
		w.t.Logf("waited %s", took)
	}
	return got
}

// promptWith returns the first prompt that has these words.
func (w *world) promptWith(words string) string {
	w.t.Helper()
	for _, r := range w.model.Requests() {
		if r.Chat == nil {
			continue
		}
		if _, all := conversation(r.Chat); strings.Contains(all, words) {
			return all
		}
	}
	w.t.Fatalf("no prompt has %q", words)
	return ""
}

// TestFloodOfFilesDelaysNobody: what Slack tells of files in a minute is not for one person alone,
// nor are the places to read them. Of a canvas, no message tells enough.
func TestFloodOfFilesDelaysNobody(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]slacksim.Kind{"text": slacksim.KindFile, "canvas": slacksim.KindCanvas} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, busy(0), func(t *testing.T, w *world) {
				n := 0
				for range 12 {
					var files []slacksim.Upload
					for range 10 {
						n++
						files = append(files, slacksim.Upload{Kind: kind, Name: fmt.Sprintf("line%d.txt", n), Data: fmt.Appendf(nil, "her line %d", n)})
					}
					w.upload("alice", "general", "", "in 5 words", files...)
				}
				time.Sleep(5 * time.Second)
				ts := w.upload("bob", "random", "", "in 5 words", slacksim.Upload{Kind: kind, Name: "his.txt", Data: []byte("zq his line")})
				got := w.soonAnswered("random", ts, 1)
				hasNot(t, text(got), "I could not get", "too many files")
				has(t, w.promptWith("his.txt"), "zq his line")
				time.Sleep(4 * time.Minute)
			})
		})
	}
}

// TestFloodOfDirectMessagesDelaysNobody: sixty messages of one person are sixty reads of what was
// said before. Bob's one is answered as soon as ever, with what he said before.
func TestFloodOfDirectMessagesDelaysNobody(t *testing.T) {
	t.Parallel()
	inWorld(t, busy(0), func(t *testing.T, w *world) {
		w.answered("@bob", w.slack.Say("bob", "@bob", "", "zq in 5 words"), 1)
		time.Sleep(2 * time.Minute)
		for i := range 60 {
			w.slack.Say("alice", "@alice", "", fmt.Sprintf("in 5 words, %d", i))
		}
		time.Sleep(time.Second)
		w.soonAnswered("@bob", w.slack.Say("bob", "@bob", "", "and in 6 words"), 1)
		has(t, w.promptWith("and in 6 words"), "zq in 5 words")
		time.Sleep(4 * time.Minute)
	})
}

// TestFloodOfFollowUpsDelaysNobody: sixty follow-ups of one person are sixty reads of threads.
func TestFloodOfFollowUpsDelaysNobody(t *testing.T) {
	t.Parallel()
	inWorld(t, busy(0), func(t *testing.T, w *world) {
		var hers []string
		his := w.ask("bob", "random", "", "zq in 5 words")
		for i := range 60 {
			hers = append(hers, w.ask("alice", []string{"general", "engineering"}[i%2], "", fmt.Sprintf("in 5 words, %d", i)))
			time.Sleep(2 * time.Second)
		}
		time.Sleep(2 * time.Minute)
		for i, ts := range hers {
			w.slack.Say("alice", []string{"general", "engineering"}[i%2], ts, "in 6 words")
		}
		time.Sleep(time.Second)
		w.slack.Say("bob", "random", his, "and in 6 words")
		w.soonAnswered("random", his, 2)
		has(t, w.promptWith("and in 6 words"), "zq in 5 words")
		time.Sleep(4 * time.Minute)
	})
}
