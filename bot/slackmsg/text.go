package slackmsg

import (
	"strings"
)

// Plain returns the plain text of Slack's writing (facts/slack.md §3.4). It drops mentions of self
// and turns others into @name. user and channel return names.
func Plain(text, self string, user, channel func(id string) string) string {
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
	default:
		return link(label, ref)
	}
}

// link returns a link as people read it: the label, and the address if the label does not say it.
func link(label, ref string) string {
	switch {
	case label == "" || label == ref:
		return strings.TrimPrefix(ref, "mailto:")
	case ref == "", strings.TrimPrefix(ref, "mailto:") == label, strings.TrimPrefix(strings.TrimPrefix(ref, "https://"), "http://") == label:
		return label
	default:
		return label + " (" + ref + ")"
	}
}

func entities(s string) string {
	if !strings.Contains(s, "&") {
		return s
	}
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(s)
}

// labels returns what a text calls the channels and people that it mentions with a label.
func labels(text string) map[string]string {
	var out map[string]string
	for {
		_, rest, found := strings.Cut(text, "<")
		if !found {
			return out
		}
		end := strings.IndexAny(rest, "<>\n")
		if end < 0 {
			return out
		}
		ref, label, _ := strings.Cut(rest[:end], "|")
		if rest[end] == '>' && label != "" && len(ref) > 1 && (ref[0] == '@' || ref[0] == '#') {
			if out == nil {
				out = map[string]string{}
			}
			out[ref[1:]] = label
		}
		text = rest[end:]
	}
}
