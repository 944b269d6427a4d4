package slackio

import (
	"strings"
	"testing"

	"llmbot/bot"
	"llmbot/bot/answer"
	"llmbot/bot/slacksim"
	"llmbot/bot/thread"
)

// cutOff writes a text, ends it in a way, and returns the messages.
func cutOff(t *testing.T, s *Slack, sim *slacksim.Sim, root thread.ID, text string, end answer.Snapshot) []slacksim.Message {
	t.Helper()
	d, err := s.Open(t.Context(), root, bot.Reply{For: root.TS, User: sim.UserID("alice")})
	if err != nil {
		t.Fatal(err)
	}
	d.Set(answer.Snapshot{Text: text, Phase: answer.Writing})
	end.Text = text
	if err := d.Close(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	_, messages := written(sim, root)
	return messages
}

// TestCutAnswerShowsNoMarks: an answer that ends in the middle of something, because it was stopped,
// broke off or is too long, looks as it did while it grew. One that is whole keeps what it says.
func TestCutAnswerShowsNoMarks(t *testing.T) {
	texts := map[string]string{ // what the model has written: what people read of it
		"strong":  "It is **quite import",
		"strike":  "It is ~~quite import",
		"code":    "It is `quite import",
		"link":    "See [the docs](https://docs.exam",
		"heading": "It is\n\n### ",
		"item":    "It is\n\n- **",
		"row":     "It is\n\n| Option | Speed |\n|---|---:|\n| Simple | 3",
	}
	ends := map[string]answer.Snapshot{
		"stopped":   {Phase: answer.Stopped, Ending: answer.EndingBroken},
		"goes on":   {Phase: answer.Stopped, Ending: answer.EndingOpen},
		"broke off": {Phase: answer.Failed, Ending: answer.EndingBroken},
		"too long":  {Phase: answer.Done, Ending: answer.EndingWhole, Controls: answer.CanContinue},
	}
	for _, mode := range []string{StreamEdit, StreamNative} {
		for what, text := range texts {
			inSlack(t, slacksim.Config{}, func(t *testing.T, s *Slack, sim *slacksim.Sim, root thread.ID) {
				s.cfg.Stream = mode
				shown := func(end answer.Snapshot) string {
					messages := cutOff(t, s, sim, root, text, end)
					last := messages[len(messages)-1]
					for _, b := range last.Blocks {
						if b["type"] == "markdown" {
							return b["text"].(string)
						}
					}
					t.Fatalf("%s, %s: no page: %+v", mode, what, last)
					return ""
				}
				marks := func(s string) bool {
					open := strings.Count(s, "**")%2 + strings.Count(s, "~~")%2 + strings.Count(s, "`")%2
					return open > 0 || strings.Contains(s, "](") || strings.HasSuffix(s, "###") || strings.Contains(s, "Spe") && !strings.Contains(s, "---:|")
				}
				for name, end := range ends {
					if got := shown(end); marks(got) {
						t.Errorf("%s, %s, %s: %q", mode, what, name, got)
					}
				}
				if got := shown(answer.Snapshot{Phase: answer.Done, Ending: answer.EndingWhole}); what == "code" && !strings.HasSuffix(got, "`quite import") {
					t.Errorf("%s, %s, whole: %q", mode, what, got)
				}
			})
		}
	}
}
