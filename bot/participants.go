package bot

import (
	"sync"
	"time"

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
	known *simplelru.LRU[thread.ID, known]
}

// known is what is known of a thread.
type known struct {
	thread.Participants

	ended time.Time // when an answer ended after which nobody has written; zero: there is none
}

func newParticipants() *participants {
	return &participants{known: recent.New[thread.ID, known](maxParticipants)}
}

// change replaces what is known of a thread, and returns it.
func (p *participants) change(t thread.ID, change func(*known)) thread.Participants {
	p.mu.Lock()
	defer p.mu.Unlock()
	k, _ := p.known.Get(t)
	if change(&k); k == (known{}) {
		p.known.Remove(t)
	} else {
		p.known.Add(t, k)
	}
	return k.Participants
}

// note records that somebody has written in a thread, at ts. It returns what is known now, and when
// an answer ended after which nobody else has written; zero: none did.
func (p *participants) note(t thread.ID, person, ts string) (_ thread.Participants, ended time.Time) {
	all := p.change(t, func(k *known) {
		ended = k.ended
		*k = known{Participants: k.With(person, ts)}
	})
	return all, ended
}

// answered records that an answer has ended in a thread.
func (p *participants) answered(t thread.ID) {
	p.change(t, func(k *known) { k.ended = time.Now() })
}

// see records who has written in a thread that was read.
func (p *participants) see(t thread.ID, messages []thread.Message) {
	p.change(t, func(k *known) {
		for _, m := range messages {
			if !m.Self && !m.Bot {
				k.Participants = k.With(m.User, m.TS)
			}
		}
	})
}

// forget forgets who has written in a thread: a message was deleted.
func (p *participants) forget(t thread.ID) {
	p.change(t, func(k *known) { k.Participants = thread.Participants{NotOurs: k.NotOurs} })
}

// notOurs records that the bot was not in a thread when it was looked at.
func (p *participants) notOurs(t thread.ID) {
	p.change(t, func(k *known) { k.NotOurs = true })
}

// get returns what is known of a thread.
func (p *participants) get(t thread.ID) thread.Participants { return p.change(t, func(*known) {}) }
