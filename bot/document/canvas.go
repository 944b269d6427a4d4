package document

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// Bounds of a canvas. Slack writes lists of five levels at most.
const (
	maxLists = 16 // lists in one another that are kept apart
	maxMarks = 64 // open marks of a paragraph, such as bold
)

// canvas writes the HTML of a canvas as Markdown. A tree would take many times its bytes: the
// tokens are enough, and nothing depends on whether tags are closed.
func canvas(ctx context.Context, data []byte, out *writer) error {
	z := html.NewTokenizer(bytes.NewReader(data))
	z.SetMaxBuf(maxToken)
	c := canvasReader{out: out}
	for i := 0; ; i++ {
		if i%4096 == 0 && ctx.Err() != nil {
			return errors.Join(c.finish(), fmt.Errorf("%w: %w", ErrSlow, ctx.Err()))
		}
		kind := z.Next()
		if kind == html.ErrorToken {
			err := c.finish()
			if err == nil && !errors.Is(z.Err(), io.EOF) {
				err = fmt.Errorf("%w: %w", ErrDamaged, z.Err())
			}
			return err
		}
		if err := c.token(kind, z); err != nil {
			return errors.Join(c.finish(), err)
		}
		if c.pending() > 4*out.left+64 {
			return errors.Join(c.finish(), errFull)
		}
	}
}

type canvasReader struct {
	out   *writer
	text  []byte // of the block
	head  string // before the block, such as "## "
	marks []canvasMark
	lists []canvasList
	check bool // lists are of things to do
	item  bool // what was written last is in a list
	pre   bool
	quote int
	mute  string // the element whose text is none

	tables int
	cells  []string
	rows   [][]string
	size   int // of the table
}

type canvasMark struct {
	tag  string
	from int
	url  string // of a link; the id of a control
}

type canvasList struct {
	ordered, check bool
	n              int
}

func (c *canvasReader) pending() int { return len(c.text) + c.size }

func (c *canvasReader) token(kind html.TokenType, z *html.Tokenizer) error {
	switch kind {
	case html.TextToken:
		if c.mute == "" {
			c.write(z.Text())
		}
	case html.StartTagToken, html.SelfClosingTagToken:
		name, more := z.TagName()
		tag, attrs := string(name), map[string]string{}
		for more && len(attrs) < 64 {
			var k, v []byte
			k, v, more = z.TagAttr()
			attrs[string(k)] = string(v)
		}
		if c.mute == "head" && tag == "body" { // its end may be left out
			c.mute = ""
		}
		if c.mute == "" {
			return c.start(tag, attrs, kind == html.SelfClosingTagToken)
		}
	case html.EndTagToken:
		name, _ := z.TagName()
		tag := string(name)
		if c.mute == "" {
			return c.end(tag)
		}
		if tag == c.mute {
			c.mute = ""
		}
	case html.ErrorToken, html.CommentToken, html.DoctypeToken:
	}
	return nil
}

// write adds text. Outside of preformatted text, spaces in a row are one.
func (c *canvasReader) write(raw []byte) {
	text := strings.NewReplacer("\u00a0", " ", "\u200b", "", "\ufeff", "").Replace(string(raw))
	if c.pre {
		c.text = append(c.text, text...)
		return
	}
	for _, r := range text {
		if r == ' ' || r == '\n' || r == '\t' || r == '\r' {
			if n := len(c.text); n > 0 && c.text[n-1] != ' ' && c.text[n-1] != '\n' {
				c.text = append(c.text, ' ')
			}
			continue
		}
		c.text = append(c.text, string(r)...)
	}
}

func (c *canvasReader) start(tag string, attrs map[string]string, closed bool) error {
	switch tag {
	case "script", "style", "head", "svg", "template", "noscript":
		if !closed {
			c.mute = tag
		}
	case "h1", "h2", "h3", "h4", "h5", "h6":
		err := c.flush()
		c.head = strings.Repeat("#", int(tag[1]-'0')) + " "
		return err
	case "div", "section", "article", "p":
		if style, ok := attrs["data-section-style"]; ok { // 5 bullets, 6 numbers, 7 things to do
			c.check = style == "7"
		}
		if tag == "p" && c.head != "" && len(bytes.TrimSpace(c.text)) == 0 {
			return nil // the first one of an item
		}
		return c.flush()
	case "ul", "ol":
		err := c.flush()
		c.item = c.item && len(c.lists) > 0
		if len(c.lists) < maxLists {
			c.lists = append(c.lists, canvasList{ordered: tag == "ol", check: c.check})
		}
		return err
	case "li":
		err := c.flush()
		c.head = c.bullet(strings.Fields(attrs["class"]))
		return err
	case "blockquote":
		err := c.flush()
		c.quote = 1
		return err
	case "pre":
		err := c.flush()
		c.pre = true
		return err
	case "br":
		if c.tables > 0 {
			c.text = append(c.text, ' ')
		} else {
			c.text = append(c.text, '\n')
		}
	case "hr":
		if err := c.flush(); err != nil {
			return err
		}
		return c.out.add("\n\n---")
	case "img":
		c.image(attrs)
	case "table":
		err := c.flush()
		c.tables++
		return err
	case "tr":
		c.endRow()
	case "td", "th":
		c.text = nil
	case "b", "strong", "i", "em", "s", "del", "strike", "code", "a", "control":
		if c.pre || len(c.marks) >= maxMarks || closed {
			return nil
		}
		url := attrs["href"]
		if tag == "control" {
			for _, k := range []string{"data-id", "data-user-id", "data-channel-id", "data-file-id", "id", "value"} {
				if id := slackID(attrs[k]); id != "" {
					url = id
					break
				}
			}
		}
		c.marks = append(c.marks, canvasMark{tag, len(c.text), url})
	}
	return nil
}

func (c *canvasReader) end(tag string) error {
	switch tag {
	case "h1", "h2", "h3", "h4", "h5", "h6", "div", "section", "article", "p":
		return c.flush()
	case "li":
		err := c.flush()
		c.head = ""
		return err
	case "ul", "ol":
		err := c.flush()
		c.head = ""
		c.lists = c.lists[:max(0, len(c.lists)-1)]
		return err
	case "blockquote":
		err := c.flush()
		c.quote = 0
		return err
	case "pre":
		err := c.flush()
		c.pre = false
		return err
	case "td", "th":
		if c.tables > 0 {
			c.cells = append(c.cells, oneLine(string(c.text)))
			c.size += len(c.text) + 3
			c.text, c.marks = nil, nil
		}
	case "tr":
		c.endRow()
	case "table":
		if c.tables = max(0, c.tables-1); c.tables == 0 {
			return c.table()
		}
	case "b", "strong", "i", "em", "s", "del", "strike", "code", "a", "control":
		c.close(tag)
	}
	return nil
}

// bullet returns what stands before the next item of the list.
func (c *canvasReader) bullet(classes []string) string {
	n := len(c.lists)
	if n == 0 {
		return "- "
	}
	l := &c.lists[n-1]
	l.n++
	indent := strings.Repeat("  ", n-1)
	switch {
	case slices.Contains(classes, "checked"):
		return indent + "- [x] "
	case l.check, slices.Contains(classes, "unchecked"):
		return indent + "- [ ] "
	case l.ordered:
		return fmt.Sprintf("%s%d. ", indent, l.n)
	}
	return indent + "- "
}

// close ends a mark, and what was opened after it.
func (c *canvasReader) close(tag string) {
	for i, m := range slices.Backward(c.marks) {
		if m.tag != tag {
			continue
		}
		c.marks = c.marks[:i]
		if m.from > len(c.text) {
			return
		}
		inner := string(c.text[m.from:])
		trimmed := strings.TrimSpace(inner)
		space := inner[len(strings.TrimRight(inner, " \n")):]
		if m.tag == "control" {
			c.text = append(c.text[:m.from], mention(trimmed, m.url)+space...)
			return
		}
		if trimmed == "" {
			return
		}
		switch m.tag {
		case "b", "strong":
			trimmed = "**" + trimmed + "**"
		case "i", "em":
			trimmed = "_" + trimmed + "_"
		case "s", "del", "strike":
			trimmed = "~~" + trimmed + "~~"
		case "code":
			trimmed = "`" + trimmed + "`"
		case "a":
			if m.url != "" && len(m.url) < 2000 && !strings.HasPrefix(m.url, "#") {
				trimmed = link(trimmed, m.url)
			}
		}
		c.text = append(c.text[:m.from], trimmed+space...)
		return
	}
}

// image writes what stands for a picture; Slack makes pictures of emoji, too.
func (c *canvasReader) image(attrs map[string]string) {
	alt := oneLine(attrs["alt"])
	switch {
	case strings.HasPrefix(alt, ":") && strings.HasSuffix(alt, ":"):
		c.text = append(c.text, alt...)
	case alt != "":
		c.text = append(c.text, "(picture: "+alt+")"...)
	default:
		c.text = append(c.text, "(picture)"...)
	}
}

// slackID returns s if it is an id of Slack's: of a person, a channel, a file. The letter that it
// begins with says of which; a letter inside says nothing.
func slackID(s string) string {
	s = strings.TrimSpace(s)
	if len(s) < 7 || len(s) > 24 || !strings.ContainsRune("UWCGDFS", rune(s[0])) || strings.ContainsFunc(s, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') }) {
		return ""
	}
	return s
}

// mention returns what a control shows: Slack uses one element for people, channels and files.
func mention(text, id string) string {
	bare, name, named := strings.Cut(strings.Trim(text, "<>"), "|")
	bare = strings.TrimLeft(bare, "@#!")
	if found := slackID(bare); found != "" {
		id, text = found, ""
		if named && name != "" {
			text = strings.TrimLeft(name, "@#")
		}
	}
	if id == "" {
		return text
	}
	if text == "" {
		text = id
	}
	switch id[0] {
	case 'F':
		if text == id {
			return "(file " + id + ")"
		}
		return "(file " + text + ")"
	case 'C', 'G', 'D':
		return "#" + strings.TrimPrefix(text, "#")
	}
	return "@" + strings.TrimPrefix(text, "@")
}

func (c *canvasReader) endRow() {
	if len(c.cells) > 0 {
		c.rows = append(c.rows, c.out.narrow(c.cells))
		c.cells = nil
	}
}

// table writes the table that ended. Slack marks no header: the first row is it.
func (c *canvasReader) table() error {
	c.endRow()
	rows := c.rows
	c.rows, c.size, c.text, c.marks, c.tables = nil, 0, nil, nil, 0
	if len(rows) == 0 {
		return nil
	}
	c.item = false
	if err := c.out.add("\n\n"); err != nil {
		return err
	}
	_, err := c.out.table(widest(rows), slices.Values(rows))
	return err
}

// flush writes the block that ends here.
func (c *canvasReader) flush() error {
	if c.tables > 0 { // blocks of a cell are on its line
		if n := len(c.text); n > 0 && c.text[n-1] != ' ' {
			c.text = append(c.text, ' ')
		}
		return nil
	}
	text := string(c.text)
	c.text, c.marks = nil, nil
	if c.pre {
		c.item = false
		if text = strings.Trim(text, "\n"); text == "" {
			return nil
		}
		fence := strings.Repeat("`", max(3, 1+LongestRun(text, '`')))
		return c.out.add("\n\n" + fence + "\n" + text + "\n" + fence)
	}
	if text = strings.TrimSpace(text); text == "" {
		return nil
	}
	head, space := c.head, "\n\n"
	inList := len(c.lists) > 0
	if inList {
		if head == "" {
			head = strings.Repeat("  ", len(c.lists)) // a further paragraph of an item
		}
		if c.item {
			space = "\n"
		}
		c.head = ""
	}
	if strings.HasPrefix(head, "#") {
		text, c.head = oneLine(text), ""
	}
	c.item = inList
	if c.quote > 0 {
		head = "> " + head
	}
	indent := strings.Repeat(" ", len(head))
	if c.quote > 0 {
		indent = "> "
	}
	return c.out.add(space + head + strings.ReplaceAll(text, "\n", "\n"+indent))
}

// finish writes what is open.
func (c *canvasReader) finish() error {
	if c.tables > 0 || len(c.rows) > 0 {
		if len(c.text) > 0 {
			c.cells = append(c.cells, oneLine(string(c.text)))
		}
		return c.table()
	}
	return c.flush()
}
