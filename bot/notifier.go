package bot

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"llmbot/bot/recent"
	"llmbot/bot/thread"
)

// maxTold is how many things that people were told, or shown, are remembered.
const maxTold = 10_000

// notifier tells people what only they see. Its methods are safe for concurrent use.
type notifier struct {
	room Room
	log  *slog.Logger
	jobs pool // short ones, that nobody waits for

	mu    sync.Mutex // guards until
	until *simplelru.LRU[string, time.Time]
}

func newNotifier(room Room, log *slog.Logger) *notifier {
	return &notifier{room: room, log: log, jobs: newPool(log, 8, 10*time.Second), until: recent.New[string, time.Time](maxTold)}
}

// tell shows a word to one person in the background.
func (n *notifier) tell(t thread.ID, user, text string) {
	n.jobs.add("tell", func(ctx context.Context) { n.whisper(ctx, t, user, text) })
}

// whisper shows a word to one person, and blocks for the network. A failure is logged.
func (n *notifier) whisper(ctx context.Context, t thread.ID, user, text string) {
	if err := n.room.Whisper(ctx, t, user, text); err != nil {
		n.log.WarnContext(ctx, "whisper_failed", "thread", t.String(), "user", user, "error", err)
	}
}

// due reports whether what key names is to be told now, and then remembers that it need not be told
// again until a time.
func (n *notifier) due(key string, now, until time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if last, ok := n.until.Get(key); ok && last.After(now) {
		return false
	}
	n.until.Add(key, until)
	return true
}

// whisperPlace returns where a word to who asked is seen: in the thread, if there is one yet.
func whisperPlace(ev thread.Question) thread.ID {
	t := ev.Thread
	if ev.Opens() {
		t.TS = ""
	}
	return t
}
