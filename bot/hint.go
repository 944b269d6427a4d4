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
	// maxHinted is how many threads, and how many people in threads, are remembered.
	maxHinted = 10_000

	hintText = "More than one person writes in this thread, so I answer here only when I am mentioned."
)

// hints remembers what it takes to tell somebody why the bot is silent: a question without a
// mention, in a thread where a mention is needed since a second person wrote there.
//
// Only the first message after an answer is looked at, and only if it ends as a question does and
// names nobody: that is when people mean the bot. Whatever else people say in a thread is their own
// talk, into which a bot that was not asked does not barge. A person is told once a thread. All of it
// is in memory and best effort: no thread is read for it, and an answer of another process is not
// known here.
type hints struct {
	mu    sync.Mutex                           // guards all below
	ended *simplelru.LRU[thread.ID, time.Time] // threads where nobody has written since an answer
	told  *simplelru.LRU[personInThread, struct{}]
}

type personInThread struct {
	thread thread.ID
	user   string
}

func newHints() *hints {
	return &hints{ended: recent.New[thread.ID, time.Time](maxHinted), told: recent.New[personInThread, struct{}](maxHinted)}
}

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

// tell reports whether somebody is to be told, and notes that.
func (h *hints) tell(t thread.ID, user string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	who := personInThread{t, user}
	known := h.told.Contains(who)
	h.told.Add(who, struct{}{})
	return !known
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
func (b *Bot) explainSilence(ctx context.Context, q thread.Question) {
	first := b.hints.first(q.Thread, time.Now())
	if !first || q.Elsewhere || strings.Contains(q.Text, "@") || !isQuestion(q.Text) || b.settings(ctx, q.Thread.Channel).FollowUps == thread.FollowMention {
		return
	}
	if !b.hints.tell(q.Thread, q.User) {
		return
	}
	b.jobs.add("hint", func(ctx context.Context) {
		if refusal, sure := b.mayAsk(ctx, Command{User: q.User, Channel: q.Thread.Channel}); refusal == "" && sure {
			b.whisper(ctx, q.Thread, q.User, hintText)
		}
	})
}
