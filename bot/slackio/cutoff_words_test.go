package slackio

import (
	"strings"
	"testing"

	"llmbot/bot/answer"
	"llmbot/bot/slacksim"
	"llmbot/bot/thread"
)

// TestCutAnswerLosesNoWords: what an answer that was cut shows while it grows may hold words back,
// such as a line that may become a table. Its end shows them.
func TestCutAnswerLosesNoWords(t *testing.T) {
	long := strings.Repeat("word ", 2375)
	for what, text := range map[string]string{
		"a line that may be a table":   "|x+y| ≤ |x|+|y| holds, since LAST",
		"a header":                     "It is\n\n| Option | LAST |\n",
		"half a header":                "It is\n\n| Option | LAST",
		"half a row":                   "It is\n\n| Option | Speed |\n|---|---:|\n| Simple | LAST",
		"an address":                   "See <https://example.org/LAST",
		"an address in code":           "See `<https://example.org/LAST",
		"code that fits on no page":    long + "`code that goes on LAST",
		"code of two lines":            "See `code that\ngoes on LAST",
		"a label that fits on no page": long + "[the label of a link LAST",
		"a word":                       long + strings.Repeat("x", 180) + "LAST",
	} {
		for _, mode := range []string{StreamEdit, StreamNative} {
			for name, end := range map[string]answer.Snapshot{
				"stopped":   {Phase: answer.Stopped, Ending: answer.EndingBroken},
				"broke off": {Phase: answer.Failed, Ending: answer.EndingBroken},
				"too long":  {Phase: answer.Done, Ending: answer.EndingWhole, Controls: answer.CanContinue},
			} {
				inSlack(t, slacksim.Config{}, func(t *testing.T, s *Slack, sim *slacksim.Sim, root thread.ID) {
					s.cfg.Stream = mode
					var all strings.Builder
					for _, m := range cutOff(t, s, sim, root, text, end) {
						for _, b := range m.Blocks {
							if s, ok := b["text"].(string); ok {
								all.WriteString(s)
							}
						}
					}
					if !strings.Contains(all.String(), "LAST") {
						t.Errorf("%s, %s, %s: the last word is not shown", mode, what, name)
					}
				})
			}
		}
	}
}
