package slackio

import (
	"cmp"
	"context"
	"sync"
	"time"

	"llmbot/bot/slackmsg"
)

// nameTimeout is how long the name of somebody mentioned may take; after that the id is shown. It
// is part of the 3 s until an event must be acked.
const nameTimeout = 500 * time.Millisecond

// read returns what a message says, with names as far as they are known within nameTimeout.
func (s *Slack) read(ctx context.Context, m slackmsg.Message) slackmsg.Reading {
	ctx, cancel := context.WithTimeout(ctx, nameTimeout)
	defer cancel()
	var w wanted
	w.mentioned(m, s.self)
	return m.Read(s.who(s.names(ctx, w)))
}

// who tells who the bot is, and what others are called.
func (s *Slack) who(n names) slackmsg.Who { return whoIs(s.self, n.of, n.of) }

func whoIs(self Self, people, channels func(id string) string) slackmsg.Who {
	return slackmsg.Who{User: self.User, Bot: self.Bot, Name: self.Name, People: people, Channels: channels}
}

// names holds the names of people and channels by id.
type names map[string]string

// of returns the name for an id, or the id if the name is not known.
func (n names) of(id string) string { return cmp.Or(n[id], id) }

// wanted lists the ids whose names are needed, the most needed first. The zero value is ready.
type wanted struct {
	users, channels []string
	seen            map[string]bool
}

func (w *wanted) add(list *[]string, id string) {
	if w.seen == nil {
		w.seen = map[string]bool{}
	}
	if !w.seen[id] && isID(id) {
		w.seen[id] = true
		*list = append(*list, id)
	}
}

// mentioned adds those whom a message mentions, maxNames at most.
func (w *wanted) mentioned(m slackmsg.Message, self Self) {
	few := map[string]bool{}
	take := func(list *[]string) func(string) string {
		return func(id string) string {
			if few[id] || len(few) < maxNames {
				few[id] = true
				w.add(list, id)
			}
			return ""
		}
	}
	m.Read(whoIs(self, take(&w.users), take(&w.channels)))
}

// namesAtOnce is how many names are looked up at the same time, so that many take little longer
// than one.
const namesAtOnce = 8

// names looks names up until ctx or their budget ends. Each name that is not found is its id.
func (s *Slack) names(ctx context.Context, w wanted) names {
	var (
		mu    sync.Mutex // guards found
		found = names{}
		all   sync.WaitGroup
		room  = make(chan struct{}, namesAtOnce)
	)
	look := func(ids []string, name func(context.Context, string) string) {
		for _, id := range ids {
			room <- struct{}{} // gets free, for each look-up ends with ctx
			all.Go(func() {
				defer func() { <-room }()
				n := name(ctx, id)
				mu.Lock()
				defer mu.Unlock()
				found[id] = n
			})
		}
	}
	look(w.users, s.userName)
	look(w.channels, s.channelName)
	all.Wait()
	return found
}
