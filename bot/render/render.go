// Package render turns growing Markdown into pages that Slack accepts. It is pure: text in, values out.
package render

import (
	"strings"
	"unicode/utf8"
)

// Limits is the budget of one page, in Slack's own counting. Zero means no limit.
type Limits struct {
	Chars  int // counted characters: & counts 5, < and > count 4, a heading 100 more
	Blocks int // rendered blocks
	Bytes  int // UTF-8 bytes of Page.Markdown
}

// MessageLimits is the budget of a message with one markdown block (facts/slack.md §3.2).
func MessageLimits() Limits { return Limits{Chars: 11_500, Blocks: 40} }

// StreamLimits is the budget of one natively streamed message (facts/slack.md §2.3).
func StreamLimits() Limits { return Limits{Chars: 11_500, Blocks: 40, Bytes: 9_000} }

// A Page is one message's worth of Markdown.
type Page struct {
	Markdown string // valid by itself; mentions dead; open constructs closed: what goes into a markdown block
	Open     string // the same without the provisional closers: while the text only grows, Open only gains a suffix
	End      int    // byte offset in the source up to which this page reaches
	Chars    int    // as Slack counts
	Blocks   int    // as Slack counts
}

// Doc renders one answer. It is not safe for concurrent use.
type Doc struct{ lim Limits }

// New returns a Doc whose pages stay within lim.
func New(lim Limits) *Doc { return &Doc{lim: lim} }

// Set takes the whole text so far and returns all its pages. The slice is valid until the next Set.
func (d *Doc) Set(text string, _ bool) []Page {
	var pages []Page
	limit := d.lim.Chars
	if limit == 0 || d.lim.Bytes > 0 && d.lim.Bytes < limit {
		limit = d.lim.Bytes
	}
	if limit == 0 {
		limit = len(text)*8 + 1
	}
	limit -= 200
	fence, start, used := "", 0, 0
	var b strings.Builder
	flush := func(end int) {
		md, open := b.String(), b.String()
		if fence != "" {
			md += "\n```"
		}
		if strings.TrimSpace(md) != "" {
			pages = append(pages, Page{Markdown: md, Open: open, End: end, Chars: used, Blocks: 1})
		}
		b.Reset()
		used = 0
		if fence != "" {
			b.WriteString(fence + "\n")
		}
	}
	for line := range strings.Lines(text) {
		out := strings.ReplaceAll(line, "<", "&lt;")
		for out != "" {
			part := out
			for len(part) > limit/8 {
				cut := limit / 8
				for !utf8.RuneStart(part[cut]) {
					cut--
				}
				part = part[:cut]
			}
			if used+8*len(part) > limit {
				flush(start)
			}
			b.WriteString(part)
			used += 8 * len(part)
			out = out[len(part):]
		}
		start += len(line)
		if t := strings.TrimSpace(line); strings.HasPrefix(t, "```") {
			if fence == "" {
				fence = t
			} else {
				fence = ""
			}
		}
	}
	flush(len(text))
	return pages
}

// Mrkdwn escapes s for mrkdwn text objects: & < > become entities, @here, @channel and @everyone lose their power.
func Mrkdwn(s string) string {
	s = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
	return strings.NewReplacer("@here", "@\u2060here", "@channel", "@\u2060channel", "@everyone", "@\u2060everyone").Replace(s)
}

// Plain is the last resort when Slack refuses blocks: the text as parts for the text argument, escaped.
func Plain(text string) []string {
	var parts []string
	for s := Mrkdwn(text); s != ""; {
		n := min(len(s), 3800)
		for n < len(s) && !utf8.RuneStart(s[n]) {
			n--
		}
		parts, s = append(parts, s[:n]), s[n:]
	}
	return parts
}

// Fallback is the text argument that goes with blocks: what a phone notification shows.
func Fallback(text string) string {
	if p := Plain(text[:min(len(text), 3000)]); len(p) > 0 {
		return p[0]
	}
	return ""
}
