package slackio

import (
	"context"
	"strings"
	"time"
)

// nameTimeout is how long the name of somebody mentioned may take; after that the id stands there. It is part of the time until an
// event is acked (3 s).
const nameTimeout = 500 * time.Millisecond

// plain is a message as people read it: entities unescaped, mentions as names, without the bot's own mention.
func (s *Slack) plain(ctx context.Context, text string) string {
	ctx, cancel := context.WithTimeout(ctx, nameTimeout)
	defer cancel()
	return s.named(ctx, text)
}

// named is a message as people read it. At most maxNames of those that it mentions are named.
func (s *Slack) named(ctx context.Context, text string) string {
	seen := map[string]bool{}
	few := func(name func(context.Context, string) string) func(string) string {
		return func(id string) string {
			if !seen[id] && len(seen) >= maxNames {
				return id
			}
			seen[id] = true
			return name(ctx, id)
		}
	}
	return unescape(text, s.self.User, few(s.userName), few(s.channelName))
}

// unescape turns Slack's writing (facts/slack.md §3.4) into plain text. Mentions of self go, those of others become @name. It is pure
// but for the names of users and channels.
func unescape(text, self string, user, channel func(id string) string) string {
	var b strings.Builder
	for text != "" {
		before, rest, found := strings.Cut(text, "<")
		b.WriteString(before)
		if !found {
			break
		}
		token, after, closed := strings.Cut(rest, ">")
		if !closed || strings.ContainsAny(token, "<\n") {
			b.WriteString("<")
			text = rest
			continue
		}
		b.WriteString(entity(token, self, user, channel))
		text = after
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
		return "#" + channel(ref[1:]) // Slack leaves the label away now
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
