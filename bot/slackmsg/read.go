package slackmsg

import (
	"cmp"
	"slices"
	"strings"
)

// Who tells who the bot is, and what people and channels are called.
type Who struct {
	User, Bot, Name string                 // of the bot itself: its user, its bot id, its name
	People          func(id string) string // returns the name of a user, or the id
	Channels        func(id string) string // returns the name of a channel without #, or the id
}

// Reading is what a message says.
type Reading struct {
	// Text is Markdown: everything but the previews.
	Text string
	// Previews are what Slack shows of the links in the message, each marked as a preview. They come
	// some seconds after the message.
	Previews []string
	// Files are those of the message and of what it forwards, without lists, which Text names.
	Files []File
}

// Read returns what the message says. Mentions of the bot itself are left out, but where another
// message is quoted.
func (m Message) Read(who Who) Reading {
	r := &reader{who: who, self: who.User, byID: map[string]File{}, labels: labels(m.Text), left: maxElements}
	var out Reading
	blocks, attachments := decoded(m.blocks), decoded(m.attachments)
	for _, f := range m.Files {
		r.byID[f.ID] = f
	}
	for _, a := range attachments {
		r.know(a, 0)
	}
	text := fit(r.mrkdwn(m.Text), 4*maxText) // only against what Slack never sends
	if placeholder(text) && len(blocks)+len(attachments) > 0 {
		text = ""
	}
	main := typed(richer(text, r.blocks(blocks, 0), m.BotID == ""))
	var said saying
	if len(attachments) > 0 {
		said = sayingOf(main)
	}
	r.take(m.Files)
	var parts []string
	for _, a := range attachments {
		switch {
		case a.flag("is_share"):
			parts = append(parts, r.share(a, 0))
		case isPreview(a):
			if p := r.preview(a, 0); p != "" {
				out.Previews = append(out.Previews, fit(p, maxText))
			}
		default:
			body := r.attachment(a, 0)
			r.take(r.filesOf(a))
			if said.has(body) {
				continue
			}
			if m.BotID != "" && main != "" && sayingOf(body).has(main) {
				main = "" // an app says in text what its attachment says
			}
			parts = append(parts, body)
		}
	}
	parts = append([]string{main}, append(parts, r.papers)...)
	if m.more || r.more {
		parts = append(parts, leftOut)
	}
	out.Text, out.Files = fit(join(parts), maxText), r.files
	return out
}

// Answer returns what the blocks of an answer of the bot say, without its small print and buttons,
// as Markdown; without such blocks, its text. The text of a message with blocks is a fallback: the
// beginning, without marks.
func (m Message) Answer(who Who) string {
	r := &reader{who: who, self: who.User, byID: map[string]File{}, labels: labels(m.Text), left: maxElements}
	blocks := slices.DeleteFunc(decoded(m.blocks), func(b object) bool { return smallPrint(b["type"]) })
	var parts []string
	for _, p := range r.blocks(blocks, 0) {
		parts = append(parts, p.text)
	}
	if text := fit(join(parts), maxText); text != "" {
		return text
	}
	return r.mrkdwn(m.Text)
}

// smallPrint reports whether blocks of a kind stand under an answer.
func smallPrint(kind any) bool {
	return kind == "context" || kind == "actions" || kind == "context_actions"
}

// Shown returns how many characters the blocks show, without small print and buttons. For Markdown
// Slack returns rich text and the like (facts/slack.md §3.4); in all of it the characters are in
// fields named text.
func (m Message) Shown() int {
	n := 0
	var count func(v any, depth int)
	count = func(v any, depth int) {
		if depth > maxDepth {
			return
		}
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				count(e, depth+1)
			}
		case map[string]any:
			if smallPrint(v["type"]) {
				return
			}
			for name, e := range v {
				if text, ok := e.(string); ok && name == "text" {
					n += len([]rune(text))
				} else {
					count(e, depth+1)
				}
			}
		}
	}
	for _, b := range decoded(m.blocks) {
		count(map[string]any(b), 0)
	}
	return n
}

// Linked reports whether the message may get previews: it has a link, or a preview already.
func (m Message) Linked() bool {
	return strings.Contains(m.Text, "://") || slices.ContainsFunc(decoded(m.attachments), isPreview)
}

// reader reads one message.
type reader struct {
	who    Who
	self   string            // whose mention is left out; empty in what is quoted
	byID   map[string]File   // the message's files
	labels map[string]string // what its text calls channels, people and groups, by id
	left   int               // elements that may still be looked at
	more   bool              // there were too many
	named  []string          // ids of lists and canvases that were named
	papers string            // lists and canvases that nothing else names
	files  []File
}

// look counts an element, and reports whether it may be looked at.
func (r *reader) look(depth int) bool {
	if r.left <= 0 || depth > maxDepth {
		r.more = true
		return false
	}
	r.left--
	return true
}

func (r *reader) user(id string) string {
	if id == r.who.User && r.who.Name != "" {
		return r.who.Name
	}
	return cmp.Or(r.labels[id], r.who.People(id))
}

func (r *reader) channel(id string) string {
	return cmp.Or(r.labels[id], r.who.Channels(id))
}

// group returns what a group of people is called: as a label says, for their names need a scope of
// their own.
func (r *reader) group(id string) string {
	if label := r.labels[id]; label != "" {
		return at(label)
	}
	return unnamedGroup(id)
}

// mrkdwn returns the text of Slack's own writing.
func (r *reader) mrkdwn(s string) string { return Plain(s, r.self, r.user, r.channel) }

// know remembers the files of a forward, and what its text calls others, so that blocks find both.
func (r *reader) know(a object, depth int) {
	if depth > maxDepth {
		return
	}
	for _, f := range r.filesOf(a) {
		if _, ok := r.byID[f.ID]; !ok {
			r.byID[f.ID] = f
		}
	}
	for id, label := range labels(a.str("text")) {
		if _, ok := r.labels[id]; !ok {
			if r.labels == nil {
				r.labels = map[string]string{}
			}
			r.labels[id] = label
		}
	}
	for _, inner := range a.objects("attachments") {
		r.know(inner, depth+1)
	}
}

func (r *reader) filesOf(a object) []File {
	var out []File
	for _, o := range a.objects("files") {
		out = append(out, file(o))
	}
	return out
}

// take takes files as the message's own, each once. It names lists and canvases.
func (r *reader) take(files []File) {
	for _, f := range files {
		switch {
		case f.ID != "" && slices.ContainsFunc(r.files, func(have File) bool { return have.ID == f.ID }):
			continue
		case len(r.files) >= maxFiles:
			r.more = true
			return
		}
		if name := r.paper(f); name != "" && !slices.Contains(r.named, f.ID) {
			r.named = append(r.named, f.ID)
			r.papers = join2(r.papers, name)
		}
		if !f.list() && f.ID+f.Name != "" {
			r.files = append(r.files, f)
		}
	}
}

// paper returns the name of a list or a canvas with its link; empty: it is none.
func (r *reader) paper(f File) string {
	kind := ""
	switch {
	case f.list():
		kind = "Slack list: "
	case f.canvas():
		kind = "Canvas: "
	default:
		return ""
	}
	return kind + link(short(cmp.Or(f.Title, f.Name, "without a title")), short(f.Link))
}

// placeholder reports whether a text says only that there is nothing to say: Slack and apps put
// such in place of what only blocks show.
func placeholder(text string) bool {
	switch strings.ToLower(strings.Trim(text, "[]. ")) {
	case "no preview available", "this content can't be displayed", "this message contains interactive elements", "preview unavailable":
		return true
	}
	return false
}

// join puts parts together that are not empty, with an empty line between them.
func join(parts []string) string {
	parts = slices.DeleteFunc(parts, func(p string) bool { return strings.TrimSpace(p) == "" })
	return strings.TrimSpace(strings.Join(parts, "\n\n"))
}

// rows collects lines. To put them together one by one would copy all of them for each.
type rows struct{ b strings.Builder }

func (l *rows) add(line string) {
	if line == "" {
		return
	}
	if l.b.Len() > 0 {
		l.b.WriteByte('\n')
	}
	l.b.WriteString(line)
}

func (l *rows) String() string { return l.b.String() }

// join2 puts two lines together, of which either may be empty.
func join2(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "\n" + b
}
