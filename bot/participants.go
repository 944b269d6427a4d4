package bot

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"llmbot/bot/recent"
	"llmbot/bot/thread"
)

// maxParticipants is how many threads are remembered of which something is known. Each that is
// forgotten costs a read.
const maxParticipants = 20_000

// participants remembers who has written in which thread and how early, and in which threads the
// bot was not when they were looked at: only what does not become wrong, but for deletions, which
// make it forget. It saves reads, and decides nothing that a read would decide otherwise.
type participants struct {
	mu    sync.Mutex // guards all below
	known *simplelru.LRU[thread.ID, thread.Participants]
}

func newParticipants() *participants {
	return &participants{known: recent.New[thread.ID, thread.Participants](maxParticipants)}
}

// change replaces what is known of a thread, and returns it.
func (p *participants) change(t thread.ID, change func(thread.Participants) thread.Participants) thread.Participants {
	p.mu.Lock()
	defer p.mu.Unlock()
	k, _ := p.known.Get(t)
	if k = change(k); k == (thread.Participants{}) {
		p.known.Remove(t)
	} else {
		p.known.Add(t, k)
	}
	return k
}

// note records that somebody has written in a thread, at ts.
func (p *participants) note(t thread.ID, person, ts string) thread.Participants {
	return p.change(t, func(k thread.Participants) thread.Participants { return k.With(person, ts) })
}

// see records who has written in a thread that was read.
func (p *participants) see(t thread.ID, messages []thread.Message) {
	p.change(t, func(k thread.Participants) thread.Participants {
		for _, m := range messages {
			if !m.Self && !m.Bot {
				k = k.With(m.User, m.TS)
			}
		}
		return k
	})
}

// forget forgets who has written in a thread: a message was deleted.
func (p *participants) forget(t thread.ID) {
	p.change(t, func(k thread.Participants) thread.Participants { return thread.Participants{NotOurs: k.NotOurs} })
}

// notOurs records that the bot was not in a thread when it was looked at.
func (p *participants) notOurs(t thread.ID) {
	p.change(t, func(k thread.Participants) thread.Participants {
		k.NotOurs = true
		return k
	})
}

// get returns what is known of a thread.
func (p *participants) get(t thread.ID) thread.Participants {
	p.mu.Lock()
	defer p.mu.Unlock()
	k, _ := p.known.Get(t)
	return k
}
