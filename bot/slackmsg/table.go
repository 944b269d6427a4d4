package slackmsg

import (
	"cmp"
	"fmt"
	"strings"

	"llmbot/bot/lines"
)

// table returns a table or a data_table in GitHub's Markdown. Its first row is the head.
func (r *reader) table(b object, depth int) string {
	var rows [][]string
	all := b.list("rows")
	wide, lost := 0, false
	for i, v := range all {
		if i >= maxRows || !r.look(depth) {
			break
		}
		cells, ok := v.([]any)
		if !ok {
			cells = asObject(v).list("cells")
		}
		if len(cells) > maxColumns {
			cells, lost = cells[:maxColumns], true
		}
		var row []string
		for _, c := range cells {
			if !r.look(depth) {
				break
			}
			row = append(row, r.cell(c, depth+1))
		}
		rows, wide = append(rows, row), max(wide, len(row))
	}
	out := grid(rows, wide)
	if more := len(all) - len(rows); more > 0 {
		out = join2(out, fmt.Sprintf("[%d more rows were left out]", more))
	}
	if lost {
		out = join2(out, fmt.Sprintf("[the columns behind the first %d were left out]", maxColumns))
	}
	return under(bold(r.text(b["caption"])), out)
}

// cell returns what a cell says.
func (r *reader) cell(v any, depth int) string {
	o := asObject(v)
	if o == nil {
		return scalar(v)
	}
	switch o.str("type") {
	case "raw_text":
		return o.str("text")
	case "raw_number":
		return cmp.Or(o.str("text"), scalar(o["value"]))
	case "rich_text":
		return r.richText(o, depth).text
	case "action":
		return cmp.Or(r.text(o.object("element")["text"]), r.cell2(o["fallback"], depth))
	}
	return cmp.Or(r.anyText(v, depth).text, scalar(o["value"]), r.anything(o, depth))
}

// cell2 returns a cell inside of a cell.
func (r *reader) cell2(v any, depth int) string {
	if v == nil || !r.look(depth) {
		return ""
	}
	return r.cell(v, depth+1)
}

// under returns a table under its title, with an empty line between them.
func under(title, table string) string {
	if title == "" || table == "" {
		return title + table
	}
	return title + "\n\n" + table
}

// grid returns rows as a table of Markdown; nothing for no cells. Short rows are filled up.
func grid(rows [][]string, wide int) string {
	if wide == 0 {
		return ""
	}
	var b strings.Builder
	for i, row := range rows {
		b.WriteByte('|')
		for n := range wide {
			cell := ""
			if n < len(row) {
				cell = escapeCell(row[n])
			}
			b.WriteString(" " + cell + " |")
		}
		b.WriteByte('\n')
		if i == 0 {
			b.WriteString("|" + strings.Repeat(" --- |", wide) + "\n")
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// escapeCell returns a text that ends no cell and no row.
func escapeCell(s string) string {
	s = lines.OneEnd(strings.TrimSpace(s))
	if !strings.ContainsAny(s, "|\n\\") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\\': // it would take a bar's escape away
			n := 1
			for i+n < len(s) && s[i+n] == '\\' {
				n++
			}
			b.WriteString(s[i : i+n])
			if i+n == len(s) || s[i+n] == '|' {
				b.WriteString(s[i : i+n])
			}
			i += n - 1
		case '|':
			b.WriteString(`\|`)
		case '\n':
			b.WriteString("<br>")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// chart returns the title and the numbers of a chart, as a table.
func (r *reader) chart(b object, depth int) string {
	c := b.object("chart")
	title := bold(r.text(b["title"]))
	rows := [][]string{{"", "value"}}
	if segments := c.objects("segments"); len(segments) > 0 {
		for _, s := range segments {
			if !r.look(depth) {
				break
			}
			rows = append(rows, []string{r.text(s["label"]), scalar(s["value"])})
		}
		return under(title, grid(rows, 2))
	}
	axis := c.object("axis_config")
	head, at := []string{r.text(axis["x_label"])}, map[string]int{}
	var labels []string
	row := func(label string) int {
		i, ok := at[label]
		if !ok {
			i = len(labels)
			at[label] = i
			labels = append(labels, label)
		}
		return i
	}
	for _, v := range axis.list("categories") {
		row(r.text(v))
	}
	values := map[[2]int]string{}
	for n, s := range c.objects("series") {
		if n >= maxColumns || !r.look(depth) {
			r.more = true
			break
		}
		head = append(head, r.text(s["name"]))
		for i, p := range s.list("data") {
			if !r.look(depth) {
				break
			}
			switch o := asObject(p); {
			case o != nil:
				values[[2]int{row(cmp.Or(r.text(o["label"]), scalar(o["x"]))), n}] = cmp.Or(scalar(o["value"]), scalar(o["y"]))
			case i < len(labels):
				values[[2]int{i, n}] = scalar(p)
			default:
				values[[2]int{row(fmt.Sprint(i + 1)), n}] = scalar(p)
			}
		}
	}
	if len(head) == 1 {
		return join2(title, r.anything(c, depth+1))
	}
	rows = [][]string{head}
	for i, label := range labels {
		if i >= maxRows {
			r.more = true
			break
		}
		cells := []string{label}
		for n := range head[1:] {
			cells = append(cells, values[[2]int{i, n}])
		}
		rows = append(rows, cells)
	}
	if y := r.text(axis["y_label"]); y != "" {
		title = join2(title, "("+y+")")
	}
	return under(title, grid(rows, len(head)))
}
