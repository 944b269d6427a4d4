package answer

import (
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"llmbot/llm"
)

// What counts as a loop (issue 15; decision 0026).
//
// Every lookEvery characters the smallest period of the newest loopWindow is computed (Knuth, Morris
// and Pratt); from then on each character is compared with the one a period before. In tables, code and
// data, constants, zeros and padded cells are honest. Code is what is fenced, indented by four, or in
// backticks. Data is what stands in brackets or begins its line with one, or whose period looks like
// rows: cells between tabs or bars, commas without a space, signs between numbers and no two words
// beside each other, drawings, the lines of logs. So "0, 0, 0," in prose goes on to sureLoop; "I am
// done.", "!!!!" and "1 1 1" do not.
const (
	// longestPeriod is how many characters that repeat may have.
	longestPeriod = 200
	// leastLoop is how many characters they must fill.
	leastLoop = 2_000
	// manyLines is how many lines of a table, of code or of data must repeat. Of fewer lines,
	// repetitions are no loop there before they fill sureLoop characters: constants, zeros, padded
	// cells.
	manyLines = 200
	sureLoop  = 10 * leastLoop

	// codeIndent is how many columns before a line make code of it.
	codeIndent = 4

	// neighbours is how many characters behind a period its last ones are judged with.
	neighbours = 2

	// loopWindow is in how many characters a period is looked for. All that repeats with a period of
	// at most half of it has there the period that it has everywhere (Fine and Wilf).
	loopWindow = 2 * longestPeriod
	// lookEvery is how many characters come before it is looked for again: the look costs about
	// loopWindow steps, so a character costs about two.
	lookEvery = 200
)

// What ends a request whose answer goes round in circles.
var (
	ErrLoop         = errors.New("the answer repeats itself without end")
	errThoughtsLoop = errors.New("the model repeats its thoughts without end")
)

// What people are told of it.
const (
	SaysLoop        = "I have stopped the model: it went on repeating itself."
	SaysBlank       = "I have stopped the model: it wrote nothing but white space."
	saysThoughtLoop = "I have stopped the model: it went on repeating its thoughts."
)

// Loops notices an answer, or thoughts, that repeat without end. The zero Loops has seen nothing.
// It takes O(1) time for a character, and about 3 kB for each of the two that there is any of.
type Loops struct{ text, thoughts *loop }

// Take takes the next delta. Its error is to end the request: [ErrLoop], or one for thoughts. Then the
// delta that it returns ends where the loop was noticed: a server may send all of it at once.
func (l *Loops) Take(d llm.Delta) (llm.Delta, error) {
	if d.Retract {
		l.text = nil
	}
	if d.Text != "" {
		if n, is := in(&l.text).add(d.Text); is {
			d.Text = d.Text[:n]
			return d, ErrLoop
		}
	}
	if d.Reasoning != "" {
		if n, is := in(&l.thoughts).add(d.Reasoning); is {
			d.Reasoning = d.Reasoning[:n]
			return d, errThoughtsLoop
		}
	}
	return d, nil
}

// in returns the loop at l, and begins one if there is none.
func in(l **loop) *loop {
	if *l == nil {
		*l = &loop{}
	}
	return *l
}

// LoopSentence returns what people are told of an answer that ended with err; empty: err is no
// loop.
func LoopSentence(err error) string {
	switch {
	case errors.Is(err, ErrLoop):
		return SaysLoop
	case errors.Is(err, errThoughtsLoop):
		return saysThoughtLoop
	}
	return ""
}

// seed takes what the answer goes on from: all of it, for a fence of code may have begun anywhere.
func (l *Loops) seed(text string) {
	for _, r := range text {
		_, _ = in(&l.text).add(string(r)) // character by character: what repeated itself before is no reason to stop
	}
}

// loop looks for a loop in one text.
type loop struct {
	ring   [loopWindow]rune // the newest characters
	at     int              // where the oldest of them is, and the next one goes
	n      int              // characters so far
	next   int              // when a period is looked for again
	period int              // of the newest characters; 0: none is known
	run    int              // characters that repeat with it
	lines  int              // line ends among them
	data   bool             // it looks like data, which has honest repetitions

	line  int  // characters of the current line, without white space before it
	first rune // the first of them
	signs int  // how often it stands there at first
	more  bool // something other than white space is behind those
	ticks bool // a backtick is behind those
	item  bool // nothing but the mark of a list item is on the line
	fence int  // signs that opened a fence of code; 0: in none
	sign  rune // which

	indent int  // columns before the current line
	depth  int  // brackets that are open on it
	span   bool // a backtick is open on it
	block  bool // it, or the one before if it is empty, is a row, indented, or begins with a bracket
}

// add takes the next characters, and reports whether there is a loop, and after how many bytes.
func (l *loop) add(text string) (n int, is bool) {
	for at, r := range text {
		if l.period > 0 {
			if r == l.ring[(l.at+loopWindow-l.period)%loopWindow] {
				l.run++
			} else {
				l.period, l.next = 0, l.n+lookEvery
			}
		}
		l.ring[l.at] = r
		l.n++
		if l.at++; l.at == loopWindow {
			l.at = 0
		}
		l.place(r)
		switch {
		case l.period == 0:
			if l.n >= l.next && l.n >= loopWindow {
				l.look()
			}
		case l.run >= leastLoop && (!l.structured() || l.lines >= manyLines || l.run >= sureLoop):
			_, size := utf8.DecodeRuneInString(text[at:])
			return at + size, true
		}
	}
	return len(text), false
}

// structured reports whether the text is a table, code, or data without a fence.
func (l *loop) structured() bool {
	return l.fence > 0 || l.block || l.data || l.depth > 0 || l.span
}

// place notes where in the Markdown the text is.
func (l *loop) place(r rune) {
	if l.line > 0 && l.more && !l.item && r >= 'a' && r <= 'z' { // most are
		l.line++
		return
	}
	switch {
	case r == '\n':
		l.endLine()
		return
	case r == ' ' && l.line == 0:
		l.indent++
		return
	case r == '\t' && l.line == 0:
		l.indent += codeIndent
		return
	case r == ' ' || r == '\t' || l.line == 0 && r == '>':
		return
	case l.line == 0:
		l.first, l.signs, l.more, l.ticks, l.item = r, 0, false, false, true
		l.block = l.indent >= codeIndent || strings.ContainsRune("|{}[]<", r)
	case l.item && l.fence == 0 && (r == '`' || r == '~'): // a fence may begin behind it
		l.first, l.signs, l.more = r, 0, false
	}
	l.item = l.item && strings.ContainsRune("-*+.)0123456789", r)
	switch r {
	case '{', '[':
		l.depth++
	case '}', ']':
		l.depth = max(0, l.depth-1)
	case '`':
		l.span = !l.span
	}
	switch l.line++; {
	case r == l.first && !l.more:
		l.signs++
	default:
		l.more = true
		l.ticks = l.ticks || r == '`'
	}
}

// endLine notes whether the line begins or ends a fence.
func (l *loop) endLine() {
	l.lines++
	switch {
	case l.line == 0 || l.first != '`' && l.first != '~' || l.signs < 3:
	case l.fence == 0 && (l.first == '~' || !l.ticks):
		l.fence, l.sign = l.signs, l.first
	case l.fence > 0 && l.first == l.sign && l.signs >= l.fence && !l.more:
		l.fence = 0
	}
	l.line, l.indent, l.depth, l.span = 0, 0, 0, false
}

// look finds out whether the newest characters have a period.
func (l *loop) look() {
	window := slices.Concat(l.ring[l.at:], l.ring[:l.at])
	p := period(window)
	if p > longestPeriod {
		l.next = l.n + lookEvery
		return
	}
	l.period, l.run, l.lines = p, loopWindow, 0
	for _, r := range window {
		if r == '\n' {
			l.lines++
		}
	}
	l.data = data(window[:min(p+neighbours, len(window))])
}

// data reports whether a text that repeats looks like rows of data, as CSV or the items of an
// array. It has a tab or a bar between its cells, or a comma without a space behind it, or signs
// between numbers and nowhere two words beside each other. Or it has line ends, and is a drawing
// (pictures or the corners of boxes, and no letters), or has what logs and crontabs have: a path, a
// time, a name with its value, stars that stand alone.
//
// text is a period, and as many characters of the next as a sign is judged with.
func data(text []rune) bool {
	const farEast = 0x0E00 // from here on are the scripts that have no spaces between words
	const leastStars = 3
	var solid, cells, words, numbers, signs, tight, lines, letters, drawn, logged bool
	stars := 0
	before, last := ' ', ' '
	for _, r := range text {
		letter, digit := unicode.IsLetter(r), r >= '0' && r <= '9'
		solid, numbers, letters, lines = solid || letter || digit, numbers || digit, letters || letter, lines || r == '\n'
		cells = cells || r == '\t' || r == '|'
		signs = signs || strings.ContainsRune(",;:=\n", r)
		drawn = drawn || r == '+' || r == '|' || r >= 0x2500 && r < 0x25A0 || unicode.Is(unicode.So, r)
		logged = logged || last == '/' && before <= ' ' && letter || last == '=' && unicode.IsLetter(before) && r > ' ' ||
			last == ':' && digit && before >= '0' && before <= '9'
		if r == ' ' && last == '*' && before <= ' ' {
			stars++
		}
		tight = tight || (last == ',' || last == ';') && before > ' ' && before < farEast && r != ' ' && r < farEast
		words = words || letter && r >= farEast || last == ' ' && (letter && wordEnds(before) || digit && unicode.IsLetter(before))
		before, last = last, r
	}
	return solid && (cells || tight || numbers && signs && !words) || lines && (drawn && !letters || logged || stars >= leastStars)
}

func wordEnds(r rune) bool { return unicode.IsLetter(r) || r >= '0' && r <= '9' }

// period returns the smallest period of a text: its length if it has none (the failure function of
// Knuth, Morris and Pratt).
func period(text []rune) int {
	var border [loopWindow]uint16
	k := 0
	for i := 1; i < len(text); i++ {
		for k > 0 && text[i] != text[k] {
			k = int(border[k-1])
		}
		if text[i] == text[k] {
			k++
		}
		border[i] = uint16(k)
	}
	return len(text) - k
}

// Once returns a text whose end repeats without end up to the first time that it says so. A text
// that does not is returned as it is.
func Once(text string) string {
	runes := []rune(text)
	if len(runes) < loopWindow {
		return text
	}
	p := period(runes[len(runes)-loopWindow:])
	if p > longestPeriod {
		return text
	}
	from := len(runes) - p
	for from > 0 && runes[from-1] == runes[from-1+p] {
		from--
	}
	return string(runes[:from+p])
}
