package slackmsg

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// richText returns a rich_text block: its sections, lists, quotes and code, each on lines of its
// own.
func (r *reader) richText(b object, depth int) piece {
	var out piece
	var said rows
	counts := map[int]int{} // items of ordered lists so far, by indent
	for _, e := range b.objects("elements") {
		if !r.look(depth) {
			break
		}
		text, kind := "", e.str("type")
		switch kind {
		case "rich_text_list":
			text = r.list(e, counts, depth+1)
		case "rich_text_quote":
			text = strings.TrimPrefix(quote(r.inline(e.objects("elements"), false, depth+1)), "\n")
		case "rich_text_preformatted":
			text, out.shaped = r.code(e, depth+1), true
		case "rich_text_section":
			text = r.inline(e.objects("elements"), false, depth+1)
		case "rich_text":
			inner := r.richText(e, depth+1)
			text, out.shaped = inner.text, out.shaped || inner.shaped
		default: // an element without a section around it
			text = r.inline([]object{e}, false, depth+1)
		}
		if kind != "rich_text_list" {
			clear(counts)
		}
		if text = strings.Trim(text, "\n"); strings.TrimSpace(text) != "" {
			said.add(text)
		}
	}
	out.text = strings.TrimSpace(said.String())
	return out
}

// list returns a rich_text_list. A nested list is a list of its own with a larger indent; counts
// has how far the numbers of each indent have come.
func (r *reader) list(e object, counts map[int]int, depth int) string {
	indent := int(e.whole("indent", maxDepth))
	for deeper := range counts {
		if deeper > indent {
			delete(counts, deeper)
		}
	}
	if from := int(e.whole("offset", 1<<20)); counts[indent] == 0 {
		counts[indent] = from
	}
	pad := strings.Repeat("   ", indent)
	var out rows
	for _, item := range e.objects("elements") {
		if !r.look(depth) {
			break
		}
		text := ""
		if inner := item.objects("elements"); inner != nil {
			text = r.inline(inner, false, depth+1)
		} else {
			text = r.inline([]object{item}, false, depth+1)
		}
		mark := "- "
		counts[indent]++
		if e.str("style") == "ordered" {
			mark = strconv.Itoa(counts[indent]) + ". "
		}
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		out.add(pad + mark + strings.ReplaceAll(text, "\n", "\n"+pad+"   "))
	}
	return out.String()
}

// code returns a rich_text_preformatted as a fenced code block.
func (r *reader) code(e object, depth int) string {
	text := strings.Trim(r.inline(e.objects("elements"), true, depth), "\n")
	if text == "" {
		return ""
	}
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + short(e.str("language")) + "\n" + text + "\n" + fence
}

// inline returns the elements of a line. raw means that they are code, in which nothing is marked.
func (r *reader) inline(list []object, raw bool, depth int) string {
	var b strings.Builder
	for _, e := range list {
		if !r.look(depth) {
			break
		}
		text := r.element(e, raw, depth)
		if !raw {
			text = styled(text, e.object("style"))
		}
		b.WriteString(text)
	}
	return b.String()
}

// element returns one element of rich text without its style.
func (r *reader) element(e object, raw bool, depth int) string {
	switch e.str("type") {
	case "text":
		return e.str("text")
	case "link":
		if raw {
			return cmp.Or(e.str("text"), e.str("url"))
		}
		return link(e.str("text"), e.str("url"))
	case "emoji":
		name := ":" + e.str("name") + ":"
		if tone := e.whole("skin_tone", 6); tone > 0 {
			name += ":skin-tone-" + strconv.FormatInt(tone, 10) + ":"
		}
		return name
	case "user", "canvas_user_mention":
		if id := e.str("user_id"); id != r.self {
			return "@" + r.user(id)
		}
		return ""
	case "channel":
		return "#" + r.channel(e.str("channel_id"))
	case "usergroup":
		return r.group(e.str("usergroup_id"))
	case "team":
		return "@" + e.str("team_id")
	case "broadcast":
		return "@" + e.str("range")
	case "color":
		return e.str("value")
	case "date":
		return date(e)
	case "rich_text_section", "rich_text_quote", "rich_text_preformatted", "rich_text_list":
		return r.inline(e.objects("elements"), raw, depth+1)
	}
	// Mentions of files, lists, canvases, messages, records and workflows, and what is new.
	text := entities(cmp.Or(e.str("text"), e.str("label"), e.str("name"), e.str("salesforce_field_label")))
	url := e.str("url")
	if f, ok := r.byID[e.str("file_id")]; ok {
		r.named = append(r.named, f.ID)
		text, url = cmp.Or(text, short(f.Title), short(f.Name)), cmp.Or(url, f.Link)
	} else if e.str("type") == "list_record" && text == "" {
		text = "Slack list"
	}
	if text == "" && url == "" {
		return strings.Join(strings.Fields(r.anything(e, depth+1)), " ")
	}
	return link(text, url)
}

// date returns a date as Slack would say it to those who cannot show it in their own time.
func date(e object) string {
	if fallback := e.str("fallback"); fallback != "" {
		return fallback
	}
	if at := e.whole("timestamp", 1<<40); at > 0 {
		return time.Unix(at, 0).UTC().Format("2006-01-02 15:04 UTC")
	}
	return ""
}

// styled puts the marks of Markdown around a text, inside of the space around it.
func styled(text string, style object) string {
	inner := strings.TrimSpace(text)
	if len(style) == 0 || inner == "" {
		return text
	}
	at := strings.Index(text, inner)
	before, after := text[:at], text[at+len(inner):]
	if style.flag("code") {
		mark := "`"
		for strings.Contains(inner, mark) {
			mark += "`"
		}
		if len(mark) > 1 {
			inner = " " + inner + " "
		}
		inner = mark + inner + mark
	}
	for _, s := range []struct{ name, mark string }{{"strike", "~~"}, {"italic", "_"}, {"bold", "**"}} {
		if style.flag(s.name) {
			inner = s.mark + inner + s.mark
		}
	}
	return before + inner + after
}
