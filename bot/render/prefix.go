package render

import "strings"

// prefix is the beginning of a line: indentation, quote marks, list marks.
type prefix struct {
	n      int // bytes
	lead   int // bytes of indentation and quote marks
	outer  int // column of the first quote mark
	first  int // column of the first mark or content after the quote marks
	col    int // column of the content
	quote  int
	marks  int
	number string // of the last list mark, "" for a bullet
	digits int    // offset at which the number begins
	last   int    // column of the last list mark
}

// readPrefix reads the beginning of a line. It returns false if it needs more text.
func readPrefix(s string, full bool) (p prefix, ok bool) {
	// Nobody looks further.
	if len(s) > lineMax {
		s, full = s[:lineMax], true
	}
	i, col := 0, 0
	spaces := func() {
		for most := i + 40; i < most && i < len(s) && (s[i] == ' ' || s[i] == '\t'); {
			if s[i] == '\t' {
				col += 3
			}
			col++
			i++
		}
	}
	for spaces(); i < len(s) && s[i] == '>' && p.quote < deepest; spaces() {
		if p.quote == 0 {
			p.outer = col
		}
		p.quote++
		i++
		col = 0
		if i < len(s) && s[i] == ' ' {
			i++
		}
	}
	p.n, p.lead, p.first, p.col, p.last = i, i, col, col, -1
	for p.marks < deepest {
		if i == len(s) {
			return p, full
		}
		j := i
		for j < len(s) && j-i < 9 && s[j] >= '0' && s[j] <= '9' {
			j++
		}
		number := s[i:j]
		switch {
		case j == len(s):
			return p, full
		case number != "" && s[j] != '.' && s[j] != ')', number == "" && s[j] != '-' && s[j] != '*' && s[j] != '+':
			return p, true
		}
		j++
		if j == len(s) && !full {
			return p, false
		}
		if j == len(s) || s[j] != ' ' && s[j] != '\t' {
			return p, true
		}
		if number == "" && isRule(s[i:]) {
			if !full && !strings.Contains(s, "\n") {
				return p, false
			}
			return p, true
		}
		p.marks++
		p.number, p.digits, p.last = number, i, col
		col += j - i
		i = j
		spaces()
		// A code block in the item keeps its indentation.
		if col > p.last+len(number)+5 {
			col = p.last + len(number) + 2
		}
		p.n, p.col = i, col
	}
	return p, true
}

// isRule reports whether the line can be a divider, as far as it has come.
func isRule(s string) bool {
	c := s[0]
	if c != '-' && c != '*' && c != '_' {
		return false
	}
	for i := range min(len(s), lineMax+1) {
		switch s[i] {
		case c, ' ', '\t':
		case '\n':
			return strings.Count(s[:i], string(c)) >= 3
		default:
			return false
		}
	}
	return true
}
