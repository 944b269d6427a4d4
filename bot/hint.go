package bot

import (
	"context"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"llmbot/bot/recent"
	"llmbot/bot/thread"
)

const (
	// hintFor is how long after an answer a question is plainly about it.
	hintFor = 15 * time.Minute
	// hintAgain is when a person may be told again in the same thread: once a thread is enough.
	hintAgain = 30 * 24 * time.Hour
	// maxHinted is how many threads are remembered.
	maxHinted = 10_000

	hintText = "More than one person writes in this thread, so I answer here only when I am mentioned."
)

// hints remembers what it takes to tell somebody why the bot is silent: a question without a
// mention, in a thread where a mention is needed since a second person wrote there.
//
// Only the first message after an answer is looked at, and only if it ends as a question does and
// names nobody: that is when people mean the bot. Whatever else people say in a thread is their own
// talk, into which a bot that was not asked does not barge. A person is told once a thread
// (hintAgain). All of it is in memory and best effort: no thread is read for it, and an answer of
// another process is not known here.
type hints struct {
	mu    sync.Mutex                           // guards all below
	ended *simplelru.LRU[thread.ID, time.Time] // threads where nobody has written since an answer
}

func newHints() hints { return hints{ended: recent.New[thread.ID, time.Time](maxHinted)} }

// answered notes that an answer has ended.
func (h *hints) answered(t thread.ID, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended.Add(t, now)
}

// first notes a message of a person, and reports whether it is the first since an answer.
func (h *hints) first(t thread.ID, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	at, ok := h.ended.Peek(t)
	h.ended.Remove(t)
	return ok && now.Sub(at) <= hintFor
}

// isQuestion reports whether a message ends as a question does: with the mark of Latin, Chinese or
// Arabic script, whatever quotes and formatting come after it.
func isQuestion(text string) bool {
	text = strings.TrimRight(text, " \t\n\r*_~`\"'”’»)!")
	last, _ := utf8.DecodeLastRuneInString(text)
	return strings.ContainsRune("?？؟", last)
}

// explainSilence tells somebody why a follow-up gets no answer, if it plainly is a question to the
// bot. Nobody is told where mentions are always needed (BOT_FOLLOW_UPS=mention), or who may not
// ask.
func (w *follower) explainSilence(ctx context.Context, q thread.Question) {
	now := time.Now()
	first := w.hints.first(q.Thread, now)
	if !first || q.Elsewhere || strings.Contains(q.Text, "@") || !isQuestion(q.Text) || w.mode(ctx, q.Thread.Channel) == thread.FollowMention {
		return
	}
	if !w.notifier.due("hint/"+q.Thread.String()+"/"+q.User, now, now.Add(hintAgain)) {
		return
	}
	w.notifier.jobs.add("hint", func(ctx context.Context) {
		if refusal, sure := w.access.mayAsk(ctx, Command{User: q.User, Channel: q.Thread.Channel}); refusal == "" && sure {
			w.notifier.whisper(ctx, q.Thread, q.User, hintText)
		}
	})
}
