package slackmsg

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"llmbot/bot/lines"
)

// isPreview reports whether an attachment shows what a link in the message leads to. is_msg_unfurl
// is set on forwards too: is_share tells those apart.
func isPreview(a object) bool {
	if a.flag("is_share") {
		return false
	}
	return a.flag("is_msg_unfurl") || a.flag("is_app_unfurl") || a.str("original_url") != "" || a.str("from_url") != ""
}

// attachment returns what an attachment says in the form that apps use: pretext, author, title,
// text or blocks, fields, footer.
func (r *reader) attachment(a object, depth int) string {
	if !r.look(depth) {
		return ""
	}
	head := typed(r.mrkdwn(a.str("pretext")))
	head = join2(head, typed(link(short(r.mrkdwn(a.str("author_name"))), short(a.str("author_link")))))
	said := join2(head, r.body(a, depth))
	if footer := typed(r.mrkdwn(a.str("footer"))); footer != "" && said != "" {
		said = join2(said, footer)
	}
	return cmp.Or(said, r.fallback(a))
}

// byPerson reports whether an attachment shows what a person wrote, and no app.
func byPerson(a object) bool {
	by, app := a.str("author_id"), a.str("bot_id")
	for _, m := range a.objects("message_blocks") {
		by, app = cmp.Or(by, m.object("message").str("user")), cmp.Or(app, m.object("message").str("bot_id"))
	}
	return by != "" && app == ""
}

// fallback returns what an attachment says of itself to those that cannot show it.
func (r *reader) fallback(a object) string {
	if text := r.mrkdwn(a.str("fallback")); !placeholder(text) {
		return typed(text)
	}
	return ""
}

// body returns what an attachment says, without who says it and where. No line of what apps and
// people wrote in it reads like the head of a forward or a preview.
func (r *reader) body(a object, depth int) string {
	title := link(short(r.mrkdwn(a.str("title"))), short(a.str("title_link")))
	if title != "" && title == short(a.str("from_url")) {
		title = ""
	}
	pieces := r.blocks(a.objects("blocks"), depth+1)
	for _, m := range a.objects("message_blocks") {
		pieces = append(pieces, r.blocks(m.object("message").objects("blocks"), depth+1)...)
	}
	text := r.mrkdwn(a.str("text"))
	if placeholder(text) {
		text = ""
	}
	out := richer(text, pieces, byPerson(a))
	if title != out {
		out = join2(title, out)
	}
	var said rows
	said.add(out)
	for _, f := range a.objects("fields") {
		if !r.look(depth) {
			break
		}
		name, value := short(r.mrkdwn(f.str("title"))), r.mrkdwn(scalar(f["value"]))
		switch {
		case name != "" && value != "":
			name += ": " + value
		default:
			name += value
		}
		said.add(name)
	}
	out = typed(said.String())
	switch url := cmp.Or(a.str("image_url"), a.str("video_url")); {
	case url == "":
	case out == "":
		out = "(image: " + short(url) + ")"
	case a.str("image_url") != "":
		out += "\n(image)"
	default:
		out += "\n(video)"
	}
	var labels []string
	for _, b := range a.objects("actions") {
		if l := short(entities(b.str("text"))); l != "" {
			labels = append(labels, l)
		}
	}
	parts := []string{join2(out, buttons(labels))}
	for _, inner := range a.objects("attachments") {
		switch {
		case inner.flag("is_share"):
			parts = append(parts, r.share(inner, depth+1))
		case !isPreview(inner):
			parts = append(parts, r.attachment(inner, depth+1))
			r.take(r.filesOf(inner))
		}
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return join(parts)
}

// share returns a forwarded message, quoted, and takes its files.
func (r *reader) share(a object, depth int) string {
	if !r.look(depth) {
		return ""
	}
	body := r.quoted(a, depth, true)
	r.take(r.filesOf(a))
	return "Forwarded message" + r.source(a) + ":" + quote(body)
}

// preview returns what a link leads to, quoted and marked; empty: Slack shows nothing, or a message
// of the bot itself, which the model has where it belongs.
func (r *reader) preview(a object, depth int) string {
	if !r.look(depth) || r.ours(a) {
		return ""
	}
	message := a.flag("is_msg_unfurl")
	body := r.quoted(a, depth, message)
	var files []string
	for _, f := range r.filesOf(a) {
		files = append(files, short(f.Name))
	}
	if len(files) > 0 {
		body = join2(body, "(with files: "+strings.Join(files, ", ")+")")
	}
	if body == "" {
		return ""
	}
	if message {
		return "Preview of a linked message" + r.source(a) + ":" + quote(body)
	}
	head := "Preview of " + cmp.Or(short(entities(a.str("from_url"))), short(entities(a.str("original_url"))), "a link")
	if service := short(entities(a.str("service_name"))); service != "" {
		head += " (" + service + ")"
	}
	return head + ":" + quote(body)
}

// quoted returns what an attachment shows that stands below a head of ours: a message, of which the
// head tells the author, or a page. Whom it mentions belongs to it.
func (r *reader) quoted(a object, depth int, message bool) string {
	self := r.self
	r.self = ""
	defer func() { r.self = self }()
	if !message {
		return r.attachment(a, depth)
	}
	return cmp.Or(join2(typed(r.mrkdwn(a.str("pretext"))), r.body(a, depth)), r.fallback(a))
}

// ours reports whether an attachment shows a message of the bot itself.
func (r *reader) ours(a object) bool {
	ids := []string{a.str("author_id"), a.str("bot_id")}
	for _, m := range a.objects("message_blocks") {
		ids = append(ids, m.object("message").str("user"), m.object("message").str("bot_id"))
	}
	none := true
	for _, id := range ids {
		if id != "" && (id == r.who.User || id == r.who.Bot) {
			return true
		}
		none = none && id == ""
	}
	return none && a.flag("is_msg_unfurl") && r.who.Name != "" && a.str("author_name") == r.who.Name
}

// source returns whose message an attachment shows, and where that stands.
func (r *reader) source(a object) string {
	out := ""
	author := short(entities(cmp.Or(a.str("author_name"), a.str("author_subname"))))
	if id := a.str("author_id"); author == "" && id != "" {
		author = r.user(id)
	}
	if author != "" {
		out += " from " + author
	}
	channel := short(strings.TrimPrefix(entities(a.str("channel_name")), "#"))
	if id := a.str("channel_id"); channel == "" && strings.HasPrefix(id, "C") {
		channel = r.channel(id)
	}
	if channel != "" {
		out += " in #" + channel
	}
	if url := short(entities(cmp.Or(a.str("from_url"), a.str("original_url")))); url != "" {
		out += " (" + url + ")"
	}
	return out
}

// typed returns what somebody wrote, in which no line reads like the head of a forward or a
// preview: Slack alone makes those. It makes such lines quotations, but in code.
func typed(text string) string {
	low := strings.ToLower(text)
	if !strings.Contains(low, "forwarded message") && !strings.Contains(low, "preview of ") {
		return text
	}
	all := lines.Split(text)
	fence := ""
	for i, line := range all {
		if code := strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "\t"); !code { // a fence stands further left
			fence = openFence(fence + "\n" + line)
		}
		if fence == "" && shownHead(line) {
			all[i] = "> " + strings.TrimSpace(line)
		}
	}
	return strings.Join(all, "\n")
}

// shownHead reports whether a line reads like the head of a forward or a preview. Characters that
// nobody sees hide nothing.
func shownHead(line string) bool {
	low := strings.ToLower(strings.TrimFunc(line, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }))
	return strings.HasSuffix(low, ":") && (strings.HasPrefix(low, "forwarded message") || strings.HasPrefix(low, "preview of "))
}

// quote returns a text as a quotation that stands under a line; nothing for no text.
func quote(text string) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	return "\n> " + strings.ReplaceAll(lines.OneEnd(text), "\n", "\n> ")
}

// buttons returns the labels of what can be pressed or chosen.
func buttons(labels []string) string {
	labels = slices.DeleteFunc(labels, func(l string) bool { return l == "" })
	if len(labels) == 0 {
		return ""
	}
	return "[" + strings.Join(labels, "] [") + "]"
}
