package slackio

import (
	"fmt"
	"testing"

	"llmbot/bot"
	"llmbot/bot/answer"
	"llmbot/bot/slacksim"
	"llmbot/bot/thread"
)

// TestMetadataComesBack: what a message says of itself is what is read of it, in each state and on each page.
func TestMetadataComesBack(t *testing.T) {
	inSlack(t, slacksim.Config{}, func(t *testing.T, s *Slack, _ *slacksim.Sim, root thread.ID) {
		read := func() (out []string) {
			messages, err := s.Messages(t.Context(), root)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range messages {
				if m.Self {
					out = append(out, fmt.Sprintf("%s to %s since %s epoch %d page %d ended %v whole %v", m.From, m.For, m.Since, m.Epoch, m.Page, m.Ended, m.Whole))
				}
			}
			return out
		}
		var ids []string
		reply := bot.Reply{For: "3.0", From: "1.0", Since: "3.5", Epoch: 5, Posted: func(id string) { ids = append(ids, id) }}
		d, err := s.Open(t.Context(), root, reply)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Close(t.Context(), answer.Snapshot{Text: lines(400), Phase: answer.Failed, Controls: answer.CanRate}); err != nil { // whatever buttons it has, it has not ended
			t.Fatal(err)
		}
		var want []string
		for page := range ids {
			want = append(want, fmt.Sprintf(`1.0 to 3.0 since 3.5 epoch 5 page %d ended false whole false`, page))
		}
		if got := read(); len(ids) < 2 || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%d pages: %q, want %q", len(ids), got, want)
		}
		// Taken over: every page says whose it is now, also one whose text is the same.
		d, err = s.Open(t.Context(), root, bot.Reply{For: "3.0", From: "3.0", Since: "3.0", Epoch: 7, Adopt: ids})
		if err != nil {
			t.Fatal(err)
		}
		end := answer.Snapshot{Text: lines(400), Phase: answer.Done, Ending: answer.EndingWhole} // without any buttons
		if err := d.Close(t.Context(), end); err != nil {
			t.Fatal(err)
		}
		want = nil
		for page := range ids {
			last := page == len(ids)-1
			want = append(want, fmt.Sprintf(`3.0 to 3.0 since 3.0 epoch 7 page %d ended %v whole %v`, page, last, last))
		}
		if got := read(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}
