package slackmsg

import (
	"slices"
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

// entity returns what stands between < and >. What is no mention, no command and no address of
// Slack's stays as it is: it is code, or HTML.
func entity(token, self string, user, channel func(string) string) string {
	ref, label, _ := strings.Cut(token, "|")
	kind, rest := "", ""
	if ref != "" {
		kind, rest = ref[:1], ref[1:]
	}
	switch {
	case kind == "@" && isID(rest):
		switch {
		case rest == self:
			return ""
		case label != "":
			return "@" + label
		default:
			return "@" + user(rest)
		}
	case kind == "#" && isID(rest):
		if label != "" {
			return "#" + label
		}
		return "#" + channel(rest) // Slack no longer sends the label
	case kind == "!":
		command, id, _ := strings.Cut(rest, "^")
		switch {
		case command == "subteam" && label != "":
			return at(label)
		case command == "subteam":
			return unnamedGroup(id)
		case slices.Contains([]string{"here", "channel", "everyone", "group"}, command):
			return "@" + command
		case label != "":
			return label
		}
	case isAddress(ref):
		return link(label, ref)
	}
	return "<" + token + ">"
}

// isID reports whether s could be an id of Slack's.
func isID(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') })
}

// isAddress reports whether a text is an address: it has a scheme. C++ has a::b.
func isAddress(s string) bool {
	if strings.HasPrefix(s, "mailto:") || strings.HasPrefix(s, "tel:") {
		return true
	}
	scheme, _, ok := strings.Cut(s, "://")
	return ok && scheme != "" && !strings.ContainsFunc(scheme, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("+.-", r)
	})
}

// at returns the label of a group, of which Slack's own begin with @.
func at(label string) string { return "@" + strings.TrimPrefix(label, "@") }

// unnamedGroup returns what a group of people is called whose name is not known.
func unnamedGroup(id string) string { return strings.TrimSpace("@group " + id) }

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

// labels returns what a text calls the channels, people and groups that it mentions with a label.
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
		if group, ok := strings.CutPrefix(ref, "!subteam^"); ok {
			ref = "@" + group
		}
		if rest[end] == '>' && label != "" && len(ref) > 1 && (ref[0] == '@' || ref[0] == '#') {
			if out == nil {
				out = map[string]string{}
			}
			out[ref[1:]] = label
		}
		text = rest[end:]
	}
}
