package slacksim

import (
	"regexp"
	"strings"
)

var (
	mdHeading = regexp.MustCompile(`^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$`)
	mdRule    = regexp.MustCompile(`^ {0,3}(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})$`)
	mdFence   = regexp.MustCompile("^ {0,3}(```+|~~~+)\\s*([^`]*)$")
	mdDelim   = regexp.MustCompile(`^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)+\|?\s*$`)
	mdItem    = regexp.MustCompile(`^\s*(?:[-*+]|\d+[.)])\s+(.*)$`)
)

// expandMarkdown returns the blocks that Slack makes of a markdown block: a header per heading, a
// rich_text per run of text and one per fence, a table, a divider (facts: slack.md §3.1). What
// exactly is inside them is not documented, and only rough here.
func expandMarkdown(md string) []obj {
	var out []obj
	var run []string
	flush := func() {
		if text := strings.Trim(strings.Join(run, "\n"), "\n"); strings.TrimSpace(text) != "" {
			out = append(out, obj{"type": "rich_text", "elements": runElements(strings.Split(text, "\n"))})
		}
		run = nil
	}
	lines := strings.Split(md, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case mdFence.MatchString(line):
			flush()
			mark := mdFence.FindStringSubmatch(line)[1]
			var code []string
			for i++; i < len(lines) && !closesFence(lines[i], mark); i++ {
				code = append(code, lines[i])
			}
			out = append(out, obj{"type": "rich_text", "elements": []any{obj{
				"type": "rich_text_preformatted", "border": 0,
				"elements": []any{obj{"type": "text", "text": decode(strings.Join(code, "\n"))}},
			}}})
		case mdHeading.MatchString(line):
			flush()
			out = append(out, obj{"type": "header", "text": obj{"type": "plain_text", "text": cutRunes(decode(mdHeading.FindStringSubmatch(line)[2]), 150), "emoji": true}})
		case mdRule.MatchString(line):
			flush()
			out = append(out, obj{"type": "divider"})
		case strings.Contains(line, "|") && i+1 < len(lines) && mdDelim.MatchString(lines[i+1]):
			flush()
			rows := []any{tableRow(line)}
			for i += 2; i < len(lines) && strings.Contains(lines[i], "|"); i++ {
				rows = append(rows, tableRow(lines[i]))
			}
			i--
			out = append(out, obj{"type": "table", "rows": rows})
		default:
			run = append(run, line)
		}
	}
	flush()
	return out
}

func closesFence(line, mark string) bool {
	t := strings.TrimSpace(line)
	return len(t) >= len(mark) && strings.Trim(t, mark[:1]) == ""
}

func tableRow(line string) []any {
	var cells []any
	for cell := range strings.SplitSeq(strings.Trim(strings.TrimSpace(line), "|"), "|") {
		cells = append(cells, obj{"type": "raw_text", "text": decode(strings.TrimSpace(cell))})
	}
	return cells
}

// runElements groups lines into sections, lists and quotes.
func runElements(lines []string) []any {
	var out []any
	for i := 0; i < len(lines); {
		kind := lineKind(lines[i])
		j := i + 1
		for j < len(lines) && lineKind(lines[j]) == kind {
			j++
		}
		part := lines[i:j]
		i = j
		switch kind {
		case "list":
			style := "bullet"
			if c := strings.TrimSpace(part[0])[0]; c >= '0' && c <= '9' {
				style = "ordered"
			}
			var items []any
			for _, l := range part {
				items = append(items, obj{"type": "rich_text_section", "elements": textElements(mdItem.FindStringSubmatch(l)[1])})
			}
			out = append(out, obj{"type": "rich_text_list", "style": style, "indent": 0, "border": 0, "elements": items})
		case "quote":
			for k, l := range part {
				part[k] = strings.TrimPrefix(strings.TrimPrefix(strings.TrimLeft(l, " "), ">"), " ")
			}
			out = append(out, obj{"type": "rich_text_quote", "elements": textElements(strings.Join(part, "\n"))})
		default:
			out = append(out, obj{"type": "rich_text_section", "elements": textElements(strings.Join(part, "\n"))})
		}
	}
	return out
}

func lineKind(line string) string {
	switch {
	case mdItem.MatchString(line):
		return "list"
	case strings.HasPrefix(strings.TrimLeft(line, " "), ">"):
		return "quote"
	}
	return "text"
}

// textElements returns the rich_text elements of stored text: users, channels, broadcasts, links
// and plain text.
func textElements(text string) []any {
	var out []any
	plain := func(t string) {
		if t != "" {
			out = append(out, obj{"type": "text", "text": decode(t)})
		}
	}
	at := 0
	for _, loc := range token.FindAllStringSubmatchIndex(text, -1) {
		plain(text[at:loc[0]])
		at = loc[1]
		what, label := text[loc[2]:loc[3]], ""
		if loc[4] >= 0 {
			label = text[loc[4]:loc[5]]
		}
		switch {
		case what[0] == '@':
			out = append(out, obj{"type": "user", "user_id": what[1:]})
		case what[0] == '#':
			out = append(out, obj{"type": "channel", "channel_id": what[1:]})
		case strings.HasPrefix(what, "!subteam^"):
			out = append(out, obj{"type": "usergroup", "usergroup_id": strings.TrimPrefix(what, "!subteam^")})
		case what == "!here", what == "!channel", what == "!everyone":
			out = append(out, obj{"type": "broadcast", "range": what[1:]})
		case what[0] == '!':
			plain(label)
		default:
			link := obj{"type": "link", "url": decode(what)}
			if label != "" {
				link["text"] = decode(label)
			}
			out = append(out, link)
		}
	}
	plain(text[at:])
	if out == nil {
		out = []any{}
	}
	return out
}

func richText(elements []any) obj {
	return obj{"type": "rich_text", "elements": []any{obj{"type": "rich_text_section", "elements": elements}}}
}

// cutRunes returns the first n characters of text.
func cutRunes(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}
