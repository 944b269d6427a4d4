package slackmsg

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The bounds of one message.
const (
	// maxRich is how many bytes of blocks and attachments are decoded. Slack's largest message, with
	// 40,000 characters, comes to some 600 kB with its blocks.
	maxRich = 1 << 20
	// maxParts is how many blocks, and how many attachments, are read. Slack takes 50 blocks from an
	// app, and 100 from a stream (facts/slack.md §2.1), and some 100 attachments.
	maxParts = 100
	// maxDepth is how deep blocks, attachments and lists of both may nest. Slack's own come to about
	// eight.
	maxDepth = 24
	// maxElements is how many elements of a message are looked at.
	maxElements = 20_000
	// maxFiles is how many files a message has at most. Slack takes ten from a person.
	maxFiles = 100
	// maxText is how many characters of a message are read: as many as its text may have
	// (facts/slack.md §3.2). Of more, the beginning and the end stay.
	maxText = 40_000
	// maxRows and maxColumns bound a table: Slack takes 100 rows and 20 columns, of a data_table
	// perhaps 200 (facts/slack.md §10.3).
	maxRows, maxColumns = 200, 50
	// maxLine is how many characters a name, a title or an address has at most.
	maxLine = 2_000
)

// leftOut says that a part of a message was too much to be read.
const leftOut = "[more of this message was left out]"

// fit returns text if it has at most so many characters, else its beginning and its end with a line
// between them that says how much is missing. It cuts at ends of lines where that costs little, and
// closes a code block that it cuts.
func fit(text string, most int) string {
	if len(text) <= most || utf8.RuneCountInString(text) <= most {
		return text
	}
	const said = 200 // characters for what is said between them
	keepTail := most / 4
	head, tail := 0, len(text)
	for range most - keepTail - said {
		_, n := utf8.DecodeRuneInString(text[head:])
		head += n
	}
	for range keepTail {
		_, n := utf8.DecodeLastRuneInString(text[:tail])
		tail -= n
	}
	const near = 500 // bytes that are given up for a whole line
	if i := strings.LastIndexByte(text[:head], '\n'); i > head-near {
		head = i
	}
	if i := strings.IndexByte(text[tail:], '\n'); i >= 0 && i < near {
		tail += i + 1
	}
	begin, end := text[:head], text[tail:]
	open, reopen := openFence(begin), openFence(text[:tail])
	if open != "" {
		begin += "\n" + open
	}
	if reopen != "" {
		end = reopen + "\n" + end
	}
	return fmt.Sprintf("%s\n\n[%d characters of this message were left out]\n\n%s", begin, utf8.RuneCountInString(text[head:tail]), end)
}

// openFence returns the marks of the code block that text leaves open; empty: none is.
func openFence(text string) string {
	open := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		mark := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		switch {
		case len(mark) < 3 || strings.Contains(line[len(mark):], "`"):
		case open == "":
			open = mark
		case line == mark && len(mark) >= len(open):
			open = ""
		}
	}
	return open
}

// short returns a name, a title or an address on one line.
func short(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= maxLine {
		return s
	}
	end := maxLine
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
