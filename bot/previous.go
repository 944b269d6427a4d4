package bot

import (
	"context"
	"strings"
	"unicode/utf8"

	"llmbot/bot/answer"
	"llmbot/bot/figures"
	"llmbot/bot/thread"
	"llmbot/bot/transcript"
)

// previous loads the text that the answer goes on from (zero: it begins anew), and what stays if
// nothing comes to it. shown is what the thread shows of it. kept reports that this is an answer that
// had ended.
func previous(work context.Context, as *assignment, a *admitted, of transcript.Of, shown []thread.Message) (from answer.Partial, fallback answer.Snapshot, kept bool) {
	if a.due.Redo {
		own, err := stored(work, as, func() (map[string]transcript.Entry, error) { return as.bot.records.Entries(work, as.thread) })
		if err != nil {
			as.log.WarnContext(work, "answers_unread", "error", err)
		}
		if e := own[a.due.What]; e.Text != "" {
			fallback = e.Snapshot()
			if kept = e.Phase.Final(); a.more {
				from = answer.Partial{
					Text: e.Text, Tokens: e.Tokens, Elapsed: e.Elapsed, TTFT: e.TTFT, FirstWord: e.Word, Asked: true, Before: e.Tokens,
				}
			}
		}
	}
	if from.Text == "" && (a.begun || len(as.known) == 0) {
		from = as.saved(work, of)
	}
	if kept {
		return from, fallback, kept
	}
	fallback = answer.Snapshot{Text: from.Text, Small: figures.Footer(from.Result())}
	var texts []string // what Slack gives back: a translation, and of a long answer the beginning
	for _, m := range shown {
		if m.Text != "" {
			texts = append(texts, m.Text)
		}
	}
	text := strings.Join(texts, "\n\n")
	// Saved last long before its owner died.
	if utf8.RuneCountInString(text)*3 > utf8.RuneCountInString(from.Text)*4 {
		fallback = answer.Snapshot{Text: text}
	}
	return from, fallback, kept
}

// leftVisible returns how many characters a killed process left visible of an answer of which this is
// shown.
func leftVisible(a *admitted, shown []thread.Message) (n int) {
	if !a.begun {
		return 0
	}
	for _, m := range shown {
		n += m.Shown
	}
	return n
}
