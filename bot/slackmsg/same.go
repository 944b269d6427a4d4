package slackmsg

import (
	"strings"
	"unicode"
)

// words returns the words of a text, without marks of Markdown and punctuation: two texts that say
// the same in different marks have the same words.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsPunct(r) || strings.ContainsRune("`~^+=|<>$", r)
	})
}

// within reports whether all words of a stand in b in the same order, others perhaps between them.
// A text without words is within b if b has it as it is.
func within(a, b string) bool {
	if a == "" || strings.Contains(b, a) {
		return true
	}
	need := words(a)
	if len(need) == 0 {
		return false
	}
	for _, w := range words(b) {
		if w == need[0] {
			if need = need[1:]; len(need) == 0 {
				return true
			}
		}
	}
	return false
}

// saying is what a text says, to be looked up.
type saying struct{ text, words string }

func sayingOf(text string) saying {
	return saying{text, " " + strings.Join(words(text), " ") + " "}
}

// has reports whether the text has the words of a one behind the other, so that a would say them
// again.
func (s saying) has(a string) bool {
	need := words(a)
	if len(need) == 0 {
		return strings.Contains(s.text, a)
	}
	return strings.Contains(s.words, " "+strings.Join(need, " ")+" ")
}

// piece is what one block says.
type piece struct {
	text   string
	shaped bool // its shape tells more than its words: a table, code
}

// richer returns the richer of a text and what blocks say, and never less than text. What neither
// has of the other it puts together, and says nothing twice.
func richer(text string, blocks []piece) string {
	var all []string
	shaped := false
	for _, p := range blocks {
		if p.text != "" {
			all = append(all, p.text)
		}
		shaped = shaped || p.shaped
	}
	rich := strings.Join(all, "\n\n")
	switch {
	case rich == "":
		return text
	case text == "":
		return rich
	case !shaped && within(rich, text):
		return text
	case within(text, rich):
		return rich
	}
	all = []string{text}
	said := sayingOf(text)
	for _, p := range blocks {
		if p.text != "" && (p.shaped || !said.has(p.text)) {
			all = append(all, p.text)
		}
	}
	return strings.Join(all, "\n\n")
}
