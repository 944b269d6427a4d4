package slackmsg

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// blocks returns what each of the blocks says.
func (r *reader) blocks(list []object, depth int) []piece {
	var out []piece
	for i, b := range list {
		if i >= maxParts || !r.look(depth) {
			r.more = true
			break
		}
		if p := r.block(b, depth); strings.TrimSpace(p.text) != "" {
			out = append(out, p)
		}
	}
	return out
}

// inner returns what blocks inside of a block say.
func (r *reader) inner(list []object, depth int) piece {
	var out piece
	var texts []string
	for _, p := range r.blocks(list, depth+1) {
		texts, out.shaped = append(texts, p.text), out.shaped || p.shaped
	}
	out.text = strings.Join(texts, "\n")
	return out
}

// block returns what a block says. Of a kind that is not known it says whatever text there is.
func (r *reader) block(b object, depth int) piece {
	switch b.str("type") {
	case "rich_text":
		return r.richText(b, depth)
	case "table", "data_table":
		return piece{r.table(b, depth), true}
	case "data_visualization":
		return piece{r.chart(b, depth), true}
	case "divider":
		return piece{}
	case "markdown":
		return piece{text: r.mrkdwn(b.str("text"))}
	case "section":
		return piece{text: r.section(b, depth)}
	case "header":
		if text := short(r.text(b["text"])); text != "" {
			return piece{text: "# " + text}
		}
		return piece{}
	case "context":
		return piece{text: r.row(b.objects("elements"), depth)}
	case "image":
		return piece{text: r.image(b)}
	case "video":
		return piece{text: r.video(b)}
	case "file":
		return piece{text: r.fileBlock(b)}
	case "actions", "context_actions":
		return piece{text: buttons(r.labelsOf(b.objects("elements"), depth))}
	case "card":
		return r.card(b, depth)
	case "carousel":
		return r.inner(b.objects("elements"), depth)
	case "alert":
		return piece{text: alert(b.str("level"), r.text(b["text"]))}
	case "plan":
		p := r.inner(b.objects("tasks"), depth)
		p.text = join2(bold(r.text(b["title"])), p.text)
		return p
	case "task_card":
		return r.task(b, depth)
	case "container":
		p := r.inner(b.objects("child_blocks"), depth)
		title := cmp.Or(r.text(b["title"]), r.richText(b.object("rich_text_title"), depth+1).text)
		p.text = join2(join2(bold(title), r.text(b["subtitle"])), p.text)
		return p
	case "layout":
		return r.layout(b, depth)
	case "": // Task cards of a plan, and cards of a carousel, may come without it.
		switch {
		case b.str("task_id") != "":
			return r.task(b, depth)
		case b["body"] != nil || b["hero_image"] != nil:
			return r.card(b, depth)
		}
	}
	return piece{text: r.anything(b, depth)}
}

// text returns a text object, or a text.
func (r *reader) text(v any) string {
	switch v := v.(type) {
	case string:
		return r.mrkdwn(v)
	case map[string]any:
		o := object(v)
		switch {
		case o.str("type") == "plain_text":
			return strings.TrimSpace(entities(o.str("text")))
		case o.str("text") != "":
			return r.mrkdwn(o.str("text"))
		case o.list("elements") != nil:
			return r.richText(o, maxDepth/2).text
		}
	}
	return ""
}

func (r *reader) section(b object, depth int) string {
	var said rows
	said.add(r.text(b["text"]))
	for _, f := range b.list("fields") {
		if !r.look(depth) {
			break
		}
		said.add(r.text(f))
	}
	out := said.String()
	if a := b.object("accessory"); a != nil {
		if a.str("type") == "image" {
			return join2(out, r.image(a))
		}
		out = join2(out, buttons(r.labelsOf([]object{a}, depth)))
	}
	return out
}

// row returns texts and pictures that stand beside each other.
func (r *reader) row(list []object, depth int) string {
	var out []string
	for _, e := range list {
		if !r.look(depth) {
			break
		}
		text := ""
		switch e.str("type") {
		case "image":
			if alt := short(e.str("alt_text")); alt != "" {
				text = "(image: " + alt + ")"
			}
		case "mrkdwn", "plain_text":
			text = r.text(map[string]any(e))
		default:
			text = r.anything(e, depth+1)
		}
		if text != "" {
			out = append(out, text)
		}
	}
	return strings.Join(out, " ")
}

func (r *reader) image(b object) string {
	title, alt := short(r.text(b["title"])), short(entities(b.str("alt_text")))
	if title == alt {
		alt = ""
	}
	said := title
	if title != "" && alt != "" {
		said += ": "
	}
	if said += alt; said == "" {
		return "(image)"
	}
	return "(image: " + said + ")"
}

func (r *reader) video(b object) string {
	title := link(short(cmp.Or(r.text(b["title"]), entities(b.str("alt_text")))), short(cmp.Or(b.str("title_url"), b.str("video_url"))))
	from := slices.DeleteFunc([]string{short(b.str("author_name")), short(b.str("provider_name"))}, func(s string) bool { return s == "" })
	if len(from) > 0 {
		title += " (" + strings.Join(from, ", ") + ")"
	}
	return join2("Video: "+title, r.text(b["description"]))
}

// fileBlock returns the name of a file that a block shows, and takes the file if the block has it.
func (r *reader) fileBlock(b object) string {
	f := b.object("file")
	if id := cmp.Or(b.str("file_id"), f.str("id")); id != "" {
		known, ok := r.byID[id]
		if !ok && f != nil {
			known = file(f)
			r.take([]File{known})
		}
		if known.ID != "" {
			r.named = append(r.named, known.ID)
			return cmp.Or(r.paper(known), "File: "+link(short(cmp.Or(known.Title, known.Name)), short(known.Link)))
		}
	}
	return "File: " + short(cmp.Or(f.str("title"), f.str("name"), b.str("external_id"), b.str("file_id")))
}

// labelsOf returns what stands on buttons and menus.
func (r *reader) labelsOf(list []object, depth int) []string {
	var out []string
	for _, e := range list {
		if !r.look(depth) {
			break
		}
		chosen := append(e.objects("initial_options"), e.object("initial_option"))
		label := cmp.Or(r.text(e["text"]), r.texts(chosen), r.text(e["placeholder"]))
		if label == "" {
			for _, name := range []string{"positive_button", "negative_button"} {
				out = append(out, short(r.text(e.object(name)["text"])))
			}
			for _, o := range e.objects("options") {
				out = append(out, short(r.text(o["text"])))
			}
			label = entities(cmp.Or(e.str("alt_text"), e.str("label")))
		}
		out = append(out, short(label))
	}
	return out
}

// texts returns the texts of options, on one line.
func (r *reader) texts(options []object) string {
	var out []string
	for _, o := range options {
		if text := short(r.text(o["text"])); text != "" {
			out = append(out, text)
		}
	}
	return strings.Join(out, ", ")
}

func (r *reader) card(b object, depth int) piece {
	out := ""
	if hero := b.object("hero_image"); hero != nil && hero.str("alt_text") != "" {
		out = r.image(hero)
	}
	out = join2(bold(r.text(b["title"])), out)
	for _, name := range []string{"subtitle", "body", "subtext"} {
		out = join2(out, r.text(b[name]))
	}
	return piece{text: join2(out, buttons(r.labelsOf(b.objects("actions"), depth)))}
}

func (r *reader) task(b object, depth int) piece {
	mark := map[string]string{"complete": "[x] ", "completed": "[x] ", "error": "[failed] ", "in_progress": "[in progress] "}[b.str("status")]
	var said rows
	out := piece{}
	said.add("- " + cmp.Or(mark, "[ ] ") + short(cmp.Or(r.text(b["title"]), b.str("task_id"))))
	for _, name := range []string{"details", "output"} {
		p := r.anyText(b[name], depth+1)
		if p.text != "" {
			said.add("  " + strings.ReplaceAll(p.text, "\n", "\n  "))
		}
		out.shaped = out.shaped || p.shaped
	}
	for _, s := range b.objects("sources") {
		if l := link(short(entities(s.str("text"))), short(s.str("url"))); l != "" {
			said.add("  " + l)
		}
	}
	out.text = said.String()
	return out
}

// anyText returns rich text, or a text object, or a text.
func (r *reader) anyText(v any, depth int) piece {
	if o := asObject(v); o.list("elements") != nil && depth <= maxDepth {
		return r.richText(o, depth)
	}
	return piece{text: r.text(v)}
}

func (r *reader) layout(b object, depth int) piece {
	var list []object
	for _, row := range b.objects("rows") {
		for _, item := range row.objects("items") {
			if inner := item.object("block"); inner != nil {
				list = append(list, inner)
			}
		}
	}
	if len(list) == 0 {
		list = b.objects("fallback")
	}
	p := r.inner(list, depth)
	p.text = join2(bold(r.text(b["label"])), p.text)
	return p
}

func alert(level, text string) string {
	if level == "" || level == "default" || text == "" {
		return text
	}
	return bold(level) + ": " + text
}

func bold(s string) string {
	if s = short(s); s == "" {
		return ""
	}
	return "**" + s + "**"
}

// scalar returns a value as text.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}
