package slackio

import (
	"cmp"
	"context"
	"strings"
	"sync"
	"time"
)

// nameTimeout is how long the name of somebody mentioned may take; after that the id is shown. It
// is part of the 3 s until an event must be acked.
const nameTimeout = 500 * time.Millisecond

// plain returns a message as people read it: entities decoded, mentions as names, without mentions
// of the bot.
func (s *Slack) plain(ctx context.Context, text string) string {
	ctx, cancel := context.WithTimeout(ctx, nameTimeout)
	defer cancel()
	var w wanted
	w.mention(text, s.self.User)
	names := s.names(ctx, w)
	return unescape(text, s.self.User, names.of, names.of)
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

// mention adds those whom a message mentions, maxNames at most.
func (w *wanted) mention(text, self string) {
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
	unescape(text, self, take(&w.users), take(&w.channels))
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

// unescape returns the plain text of Slack's writing (facts/slack.md §3.4). It drops mentions of
// self and turns others into @name. It is pure apart from user and channel, which return names.
func unescape(text, self string, user, channel func(id string) string) string {
	var b strings.Builder
	for text != "" {
		before, rest, found := strings.Cut(text, "<")
		b.WriteString(before)
		if !found {
			break
		}
		end := strings.IndexAny(rest, "<>\n")
		if end < 0 || rest[end] != '>' {
			b.WriteString("<")
			if end < 0 {
				end = len(rest)
			}
			b.WriteString(rest[:end]) // else each < of a row would scan the row again
			text = rest[end:]
			continue
		}
		b.WriteString(entity(rest[:end], self, user, channel))
		text = rest[end+1:]
	}
	return strings.TrimSpace(entities(b.String()))
}

func entity(token, self string, user, channel func(string) string) string {
	ref, label, _ := strings.Cut(token, "|")
	switch {
	case strings.HasPrefix(ref, "@"):
		id := ref[1:]
		switch {
		case id == self:
			return ""
		case label != "":
			return "@" + label
		default:
			return "@" + user(id)
		}
	case strings.HasPrefix(ref, "#"):
		if label != "" {
			return "#" + label
		}
		return "#" + channel(ref[1:]) // Slack no longer sends the label
	case strings.HasPrefix(ref, "!"):
		if label != "" {
			return label
		}
		word, _, _ := strings.Cut(ref[1:], "^")
		return "@" + word
	case label == "" || label == ref:
		return strings.TrimPrefix(ref, "mailto:")
	case strings.TrimPrefix(ref, "mailto:") == label || strings.TrimPrefix(strings.TrimPrefix(ref, "https://"), "http://") == label:
		return label
	default:
		return label + " (" + ref + ")"
	}
}

func entities(s string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(s)
}
