package tools

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"llmbot/llm"
)

const (
	// MostResult is how many bytes of a result a Result has: some 8,000 tokens.
	MostResult = 32 << 10
	// mostError is how many characters are kept of what a server says is wrong.
	mostError = 1000
	// mostParts is how many parts of a result are looked at.
	mostParts = 200
	// mostWord is how many characters are kept of a type, a name or an address of a part.
	mostWord = 200
)

// resultText returns a result as the model reads it: its texts, a line for whatever else is in it,
// and its structured content if there is no text.
func resultText(r *mcp.CallToolResult) string {
	var parts []string
	text := false
	for i, c := range r.Content {
		if i == mostParts {
			parts = append(parts, fmt.Sprintf("[%d further parts are left out]", len(r.Content)-i))
			break
		}
		part, isText := partText(c)
		text = text || isText && strings.TrimSpace(part) != ""
		if part != "" {
			parts = append(parts, part)
		}
	}
	if !text && r.StructuredContent != nil {
		if b, err := json.Marshal(r.StructuredContent); err == nil {
			parts = append(parts, string(b))
		}
	}
	if len(parts) == 0 {
		return "(The tool returned nothing.)"
	}
	return strings.Join(parts, "\n\n")
}

// partText returns one part, and whether it is a text of the server's.
func partText(c mcp.Content) (string, bool) {
	switch c := c.(type) {
	case *mcp.TextContent:
		return c.Text, true
	case *mcp.ImageContent:
		return unshown("a picture", c.MIMEType, len(c.Data)), false
	case *mcp.AudioContent:
		return unshown("a sound", c.MIMEType, len(c.Data)), false
	case *mcp.ResourceLink:
		return fmt.Sprintf("[a link to %s: %s]", word(c.Name), word(c.URI)), false
	case *mcp.EmbeddedResource:
		switch {
		case c.Resource == nil:
			return "", false
		case c.Resource.Text != "":
			return c.Resource.Text, true
		}
		return unshown("the file "+word(c.Resource.URI), c.Resource.MIMEType, len(c.Resource.Blob)), false
	}
	return "[a part of a kind that cannot be shown]", false
}

// unshown returns the line for something that the model does not get.
func unshown(what, form string, size int) string {
	if form = word(form); form != "" {
		what += ", " + form
	}
	return fmt.Sprintf("[%s, %d bytes: it cannot be shown here]", what, size)
}

func word(s string) string { return llm.Printable(s, mostWord) }

// clean returns a text of a server in valid UTF-8 without characters that nobody sees: control
// characters but line feed and tab, Unicode's TAG characters (U+E0000 to U+E007F, in which orders
// to the model can be hidden), marks that change the direction of writing, and others without a
// shape. Line ends of Windows become line feeds.
func clean(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\u200c', r == '\u200d': // joiners: scripts and emoji need them
			return r
		case r == '\r', r == '\u2028', r == '\u2029', r == '\u0085':
			return '\n'
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r >= 0xe0000 && r <= 0xe0fff:
			return -1
		}
		return r
	}, s)
}

// bounded returns at most MostResult bytes of what clean makes of a text. It looks at no more of
// the text than it may need.
func bounded(s string) string {
	const look = 4 * MostResult // bytes of the head, and of the tail
	if len(s) <= 2*look {
		return Cut(clean(s), MostResult)
	}
	head, tail := clean(s[:look]), clean(s[len(s)-look:])
	return cut(head, tail, utf8.RuneCountInString(head)+utf8.RuneCountInString(s[look:len(s)-look])+utf8.RuneCountInString(tail), MostResult)
}

// Cut returns a text in at most most bytes: three quarters of it from the beginning, the rest from
// the end, and between them a line that says how many characters are missing. It cuts between
// characters, and at the end of a line if one is near. A text that fits stays as it is; where not
// even that line fits, the beginning alone is left.
func Cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return cut(text, text, utf8.RuneCountInString(text), most)
}

// cut returns the beginning of head and the end of tail in at most most bytes. all is how many
// characters the whole has of which they are parts.
func cut(head, tail string, all, most int) string {
	marker := func(n int) string { return fmt.Sprintf("\n[... %d characters are left out here ...]\n", n) }
	room := most - len(marker(all))
	if room < 0 {
		return head[:before(head, min(max(most, 0), len(head)))]
	}
	end := min(room*3/4, len(head))
	begin := max(len(tail)-(room-end), 0)
	end = before(head, end)
	for begin < len(tail) && !utf8.RuneStart(tail[begin]) {
		begin++
	}
	if at := strings.LastIndexByte(head[:end], '\n'); at > end-end/8 {
		end = at
	}
	if at := strings.IndexByte(tail[begin:], '\n'); at >= 0 && at < (len(tail)-begin)/8 {
		begin += at + 1
	}
	missing := all - utf8.RuneCountInString(head[:end]) - utf8.RuneCountInString(tail[begin:])
	return head[:end] + marker(missing) + tail[begin:]
}

// before returns the last border of a character at or before an offset.
func before(s string, at int) int {
	for at > 0 && at < len(s) && !utf8.RuneStart(s[at]) {
		at--
	}
	return at
}
