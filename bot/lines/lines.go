// Package lines knows what a model may see as the end of a line. That is more than what Slack and
// Go take for one, so text that other people wrote could else begin a line of its own in the
// prompt.
package lines

import "strings"

// others are the ends of lines beside \n.
const others = "\r\v\f\u0085\u2028\u2029"

// OneEnd returns a text in which all ends of lines are \n.
func OneEnd(text string) string {
	if !strings.ContainsAny(text, others) {
		return text
	}
	return strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(text)
}

// Split returns the lines of a text.
func Split(text string) []string { return strings.Split(OneEnd(text), "\n") }

// Many reports whether a text has more than one line.
func Many(text string) bool { return strings.ContainsAny(text, "\n"+others) }
