package bot

import (
	"context"
	"time"
)

// homeEvery is how often somebody's Home tab is refreshed at most (issue 8).
const homeEvery = time.Minute

// Homes shows reports on people's Home tabs.
type Homes interface {
	// Publish replaces what a person sees there. It blocks for the network.
	Publish(ctx context.Context, user string, r Report) error
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
