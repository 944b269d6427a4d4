package bot

import (
	"context"
	"sync"
	"time"
)

// homeEvery is how often somebody's Home tab is refreshed at most (issue 8).
const homeEvery = time.Minute

// Homes shows reports on people's Home tabs.
type Homes interface {
	// Publish replaces what a person sees there. It blocks for the network.
	Publish(ctx context.Context, user string, r Report) error
}

// homes remembers when whose Home tab was published. The zero value is ready.
type homes struct {
	mu sync.Mutex // guards at
	at map[string]time.Time
}

// due says, once, that somebody's tab may be refreshed.
func (h *homes) due(user string, now time.Time) bool {
	const most = 10_000 // people; then all are forgotten
	h.mu.Lock()
	defer h.mu.Unlock()
	if at, ok := h.at[user]; ok && now.Sub(at) < homeEvery {
		return false
	}
	if h.at == nil || len(h.at) >= most {
		h.at = map[string]time.Time{}
	}
	h.at[user] = now
	return true
}

func (b *Bot) homeOpened(ev HomeOpened) {
	if b.dep.Homes == nil || !b.homes.due(ev.User, time.Now()) {
		return
	}
	b.errand(b.errands, "home", func(ctx context.Context) {
		r := b.Status(ctx, Command{User: ev.User})
		if err := b.dep.Homes.Publish(ctx, ev.User, r); err != nil {
			b.log.WarnContext(ctx, "home_not_published", "user", ev.User, "error", err)
		}
	})
}
