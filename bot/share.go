package bot

import (
	"context"
	"time"
)

// shareEvery is how often the processes divide the edit budget anew.
const shareEvery = 500 * time.Millisecond

// shareBudget reports, until ctx ends, which part of the workspace's edit budget is this process's:
// as many answers as it writes, of all that are being written. What a process learns from refusals
// comes on top.
func (b *Bot) shareBudget(ctx context.Context) {
	if b.cfg.Share == nil {
		return
	}
	tick := time.NewTicker(shareEvery)
	defer tick.Stop()
	for last := 1.0; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if now := share(b.coordinator.Owners(), b.cfg.Owner); now != last {
			b.cfg.Share(now)
			last = now
		}
	}
}

// share returns the part of one owner, above 0. One that writes nothing counts as one answer: the
// next question may come to it.
func share(owners map[string]int, me string) float64 {
	mine, others := max(owners[me], 1), 0
	for owner, n := range owners {
		if owner != me && owner != "" {
			others += n
		}
	}
	return float64(mine) / float64(mine+others)
}
