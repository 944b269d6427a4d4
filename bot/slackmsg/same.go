package slackmsg

import (
	"regexp"
	"strings"
	"unicode"
)

// listMark is what begins an item of a list: Slack's text has other bullets than our Markdown, and
// counts a. and i. where blocks count 1.
var (
	bullet   = regexp.MustCompile(`^(?:[-*•◦▪▫■□●○‣⁃·–][\x{fe0e}\x{fe0f}]?\s+)+`)
	listMark = regexp.MustCompile(`^(?:(?:[-*•◦▪▫■□●○‣⁃·–][\x{fe0e}\x{fe0f}]?|\d{1,4}[.)]|[a-z][.)]|[ivxlc]{1,8}[.)])\s+)+`)
)

// loose returns the words of a text, without marks of Markdown and of lists, and punctuation: two
// texts of which one says what the other does have the same words.
func loose(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		line = listMark.ReplaceAllString(strings.TrimLeft(line, "> \t"), "")
		out = append(out, strings.FieldsFunc(line, func(r rune) bool {
			return unicode.IsSpace(r) || unicode.IsPunct(r) || strings.ContainsRune("`~^+=|<>$", r)
		})...)
	}
	return out
}

// words returns the words of a text, without the marks of Markdown and the bullets. All else stays:
// C++ is not C, and -5 not 5.
func words(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		line = strings.TrimLeft(line, "> \t")
		if head := strings.TrimLeft(line, "#"); strings.HasPrefix(head, " ") && len(line)-len(head) <= 6 {
			line = head
		}
		line = strings.ReplaceAll(strings.ReplaceAll(bullet.ReplaceAllString(line, ""), "<br>", " "), `\|`, "|")
		for w := range strings.FieldsSeq(line) {
			if w = bare(w); w != "" && w != "|" && strings.Trim(w, "-") != "" {
				out = append(out, w)
			}
		}
	}
	return out
}

// bare returns a word without the marks that make it bold, italic, struck through or code, and
// without what ends a sentence. A mark between two letters, or alone, is none.
func bare(w string) string {
	const marks = "*_~`"
	if strings.Trim(w, marks) == "" {
		return strings.Trim(w, "`")
	}
	if strings.ContainsAny(w, marks) {
		var b strings.Builder
		all := []rune(w)
		for i := 0; i < len(all); {
			end := i
			for end < len(all) && strings.ContainsRune(marks, all[end]) {
				end++
			}
			switch {
			case end == i:
				b.WriteRune(all[i])
				end++
			case i > 0 && end < len(all) && inWord(all[i-1]) && inWord(all[end]):
				b.WriteString(string(all[i:end]))
			}
			i = end
		}
		w = b.String()
	}
	if plain := strings.TrimRight(strings.TrimLeft(w, "["), ".,;:]"); plain != "" { // a button's brackets are ours
		return plain
	}
	return w
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// within reports whether all words of a stand in b in the same order, others perhaps between them.
// A text without words is within b if b has it as it is.
func within(a, b string) bool {
	if a == "" || strings.Contains(b, a) {
		return true
	}
	need := loose(a)
	if len(need) == 0 {
		return false
	}
	for _, w := range loose(b) {
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
// again. Signs alone must stand there as they are.
func (s saying) has(a string) bool {
	need := words(a)
	if !strings.ContainsFunc(a, inWord) {
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
// has of the other it puts together, and says nothing twice. alike tells that Slack made both from
// what a person wrote: then other marks, and words that one of them lacks, are no difference. An
// app may write in one what it does not in the other, so there the words must stand one behind the
// other.
func richer(text string, blocks []piece, alike bool) string {
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
	case !shaped && alike && within(rich, text):
		return text
	}
	said := sayingOf(text)
	switch {
	case !shaped && said.has(rich):
		return text
	case alike && within(text, rich), sayingOf(rich).has(text):
		return rich
	}
	all = []string{text}
	fenced := strings.Contains(text, "```")
	for _, p := range blocks {
		kept := p.shaped && (!fenced || !strings.HasPrefix(p.text, "```")) // the text lacks its shape
		if p.text != "" && (kept || !said.has(p.text)) {
			all = append(all, p.text)
		}
	}
	return strings.Join(all, "\n\n")
}
