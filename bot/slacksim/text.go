package slacksim

import (
	"regexp"
	"slices"
	"strings"
)

var (
	// token is Slack's markup for things in text: <@U…>, <#C…|name>, <!here>, <https://…|label>.
	token = regexp.MustCompile(`<(@[UW][A-Z0-9]+|#[CGD][A-Z0-9]+|!(?:here|channel|everyone|subteam\^[A-Z0-9]+|date\^[^>|]*)|(?:https?://|mailto:|tel:)[^<>|\s]+)(?:\|([^<>]*))?>`)
	// bareURL is a link that a person types.
	bareURL = regexp.MustCompile(`https?://[^\s<>|]+[^\s<>|.,;:!?)\]"'*_]`)
	// typedName is what the composer turns into a mention: @name, #channel.
	typedName = regexp.MustCompile(`(^|[\s(,;:*_])([@#])([a-zA-Z][\w-]*)`)
	// wide is a word that pings a channel when Slack parses names.
	wide = regexp.MustCompile(`(?:^|[^\pL\pN@/.])@(here|channel|everyone)(?:\b|_)`)
	// anyURL is anything that Slack would crawl in a message of an app.
	anyURL = regexp.MustCompile(`https?://[^\s<>|)\]"'` + "`" + `]+`)
)

// escapeFree escapes & < > outside of tokens and entities, as Slack stores text.
func escapeFree(text string) string {
	var b strings.Builder
	at := 0
	for _, loc := range token.FindAllStringIndex(text, -1) {
		b.WriteString(escapePlain(text[at:loc[0]]))
		b.WriteString(text[loc[0]:loc[1]])
		at = loc[1]
	}
	b.WriteString(escapePlain(text[at:]))
	return b.String()
}

func escapePlain(text string) string {
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c == '<':
			b.WriteString("&lt;")
		case c == '>':
			b.WriteString("&gt;")
		case c == '&' && !isEntity(text[i:]):
			b.WriteString("&amp;")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// isEntity reports whether text begins with one of the three entities that Slack knows.
func isEntity(text string) bool {
	return strings.HasPrefix(text, "&amp;") || strings.HasPrefix(text, "&lt;") || strings.HasPrefix(text, "&gt;")
}

// escapeAll escapes what a person types. An entity that is typed is meant literally.
func escapeAll(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

func decode(text string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(text)
}

// typedLocked returns the stored text for what a person types: names and links become tokens, the
// rest is escaped.
func (s *Sim) typedLocked(text string) string {
	text = typedName.ReplaceAllStringFunc(text, func(found string) string {
		p := typedName.FindStringSubmatch(found)
		switch {
		case p[2] == "#":
			if c, err := s.channelLocked(p[3]); err == nil {
				return p[1] + "<#" + c.ID + "|" + c.Name + ">"
			}
		case slices.Contains([]string{"here", "channel", "everyone"}, p[3]):
			return p[1] + "<!" + p[3] + ">"
		default:
			if u, err := s.userLocked(p[3]); err == nil {
				return p[1] + "<@" + u.ID + ">"
			}
		}
		return found
	})
	var b strings.Builder
	at := 0
	plain := func(t string) {
		pos := 0
		for _, loc := range bareURL.FindAllStringIndex(t, -1) {
			b.WriteString(escapeAll(t[pos:loc[0]]) + "<" + escapeAll(t[loc[0]:loc[1]]) + ">")
			pos = loc[1]
		}
		b.WriteString(escapeAll(t[pos:]))
	}
	for _, loc := range token.FindAllStringIndex(text, -1) {
		plain(text[at:loc[0]])
		b.WriteString(text[loc[0]:loc[1]])
		at = loc[1]
	}
	plain(text[at:])
	return b.String()
}

// plainTextLocked returns stored text as a reader sees it.
func (s *Sim) plainTextLocked(text string) string {
	return decode(token.ReplaceAllStringFunc(text, func(found string) string {
		p := token.FindStringSubmatch(found)
		switch what := p[1]; {
		case what[0] == '@':
			if u := s.users[what[1:]]; u != nil {
				return "@" + u.Name
			}
			return what
		case what[0] == '#':
			if c := s.channels[what[1:]]; c != nil {
				return "#" + c.Name
			}
			return what
		case what[0] == '!':
			if p[2] != "" {
				return p[2]
			}
			return "@" + what[1:]
		case p[2] != "":
			return p[2]
		default:
			return what
		}
	}))
}

// plainLocked returns what a reader sees: the blocks if there are some, else the text. Markdown
// stays as it is.
func (s *Sim) plainLocked(text string, blocks []obj) string {
	if len(blocks) == 0 {
		return s.plainTextLocked(text)
	}
	var parts []string
	for _, b := range blocks {
		if t := s.plainBlockLocked(b); t != "" {
			parts = append(parts, t)
		}
	}
	return strings.Join(parts, "\n")
}

func (s *Sim) plainBlockLocked(b obj) string {
	switch b["type"] {
	case "markdown":
		return s.plainTextLocked(str(b["text"]))
	case "divider":
		return "---"
	case "actions", "context_actions": // see Buttons
		return ""
	case "data_visualization":
		return plainChart(b)
	case "data_table":
		return plainTable(b)
	case "container", "layout", "carousel":
		return s.plainLocked("", append([]obj{{"title": b["title"], "label": b["label"]}}, inner(b)...))
	}
	var parts []string
	for _, t := range textsOf(b) {
		if t.typ == "plain_text" {
			parts = append(parts, t.text)
		} else {
			parts = append(parts, s.plainTextLocked(t.text))
		}
	}
	return strings.Join(parts, " ")
}

// textObject is a piece of text in a block: a text object, a markdown block or a rich_text element.
type textObject struct {
	typ, text string
	verbatim  bool
	bare      bool // it is a mere string, such as the title of a task
}

// textsOf returns all texts of a block, depth first in reading order.
func textsOf(v any) []textObject {
	var out []textObject
	switch x := v.(type) {
	case string:
		if x != "" {
			return []textObject{{typ: "plain_text", text: x, bare: true}}
		}
	case obj:
		typ, text := str(x["type"]), ""
		if t, ok := x["text"].(string); ok {
			text = t
		}
		if text != "" {
			verbatim, _ := x["verbatim"].(bool)
			return append(out, textObject{typ: typ, text: text, verbatim: verbatim})
		}
		for _, k := range []string{
			"title", "text", "fields", "elements", "accessory", "rows", "label", "alt_text", "caption", "subtitle", "body", "child_blocks", "items", "block", "details", "output", "tasks",
		} {
			if child, ok := x[k]; ok {
				out = append(out, textsOf(child)...)
			}
		}
	case []obj:
		for _, e := range x {
			out = append(out, textsOf(e)...)
		}
	case []any:
		for _, e := range x {
			out = append(out, textsOf(e)...)
		}
	}
	return out
}

// pingsIn returns whom a message of the bot would notify. Slack resolves tokens in text, in mrkdwn
// and in markdown blocks; in mrkdwn without verbatim it also parses the bare words (facts: slack.md
// §3.5). Whether code protects a token is unknown, so it does not here.
func pingsIn(text string, blocks []obj, parseNames bool) []string {
	var who []string
	add := func(t string, bare bool) {
		for _, p := range token.FindAllStringSubmatch(t, -1) {
			switch w := p[1]; {
			case w[0] == '@', w == "!here", w == "!channel", w == "!everyone":
				who = append(who, w[1:])
			case strings.HasPrefix(w, "!subteam^"):
				who = append(who, strings.TrimPrefix(w, "!subteam^"))
			}
		}
		if bare {
			for _, p := range wide.FindAllStringSubmatch(token.ReplaceAllString(t, " "), -1) {
				who = append(who, p[1])
			}
		}
	}
	add(text, parseNames)
	for _, b := range blocks {
		if b["type"] == "rich_text" {
			// It has typed elements, and no tokens in its text.
			continue
		}
		for _, t := range textsOf(b) {
			if t.typ != "plain_text" {
				add(t.text, t.typ == "mrkdwn" && !t.verbatim)
			}
		}
	}
	return who
}

// urlsIn returns the URLs that Slack would crawl.
func urlsIn(text string, blocks []obj) []string {
	urls := anyURL.FindAllString(text, -1)
	for _, b := range blocks {
		for _, t := range textsOf(b) {
			if !t.bare {
				urls = append(urls, anyURL.FindAllString(t.text, -1)...)
			}
		}
	}
	slices.Sort(urls)
	return slices.Compact(urls)
}
