package slackio

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"llmbot/bot/recent"
)

// previews remembers of messages with links whether their previews were there when they were read
// first. Slack adds previews some seconds after a message, and the history does not say when. One
// that was there at the first reading stands in its message. One that came later stands behind what
// had been said when it was seen: else it would move all that a server's prefix cache has behind
// it. A process that has not read the thread before takes all for having been there.
type previews struct {
	mu   sync.Mutex // guards came
	came *simplelru.LRU[string, string]
}

// none says that a message was read and had no preview.
const none = "none"

func newPreviews() *previews { return &previews{came: recent.New[string, string](maxSeen)} }

// read notes how a message was read, and returns when its previews came, as a ts: now, if they are
// new. Empty: they were there from the beginning, or there are none.
func (p *previews) read(message string, has bool, now string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	came, known := p.came.Get(message)
	switch {
	case !known && has:
		came = ""
	case !known:
		came = none
	case came == none && has:
		came = now
	}
	p.came.Add(message, came)
	if came == none {
		return ""
	}
	return came
}
