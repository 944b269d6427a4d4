package bot

import (
	"context"
	"time"

	"llmbot/bot/quota"
	"llmbot/bot/thread"
)

// nameTimeout is how long a channel's name may take where an event waits for it: people are told
// within 3 s that it has come.
const nameTimeout = 500 * time.Millisecond

// Settings are how the bot answers in a channel.
type Settings struct {
	System      string // system prompt
	Model       string // empty: the client's
	Temperature *float64
	Effort      string
	FollowUps   thread.FollowUps
	Quota       quota.Limits // of the channel, for all people together
}

// settings returns those of a channel, as they are now.
func (b *Bot) settings(ctx context.Context, channel string) Settings {
	base := b.cfg.Settings
	if base.FollowUps == "" {
		base.FollowUps = thread.FollowSolo
	}
	if b.cfg.Channel == nil {
		return base
	}
	return b.cfg.Channel(channel, func() string {
		ctx, cancel := context.WithTimeout(ctx, nameTimeout)
		defer cancel()
		name, err := b.dep.Room.Channel(ctx, channel)
		if err != nil {
			b.log.WarnContext(ctx, "channel_unknown", "channel", channel, "error", err)
		}
		return name
	}, base)
}
