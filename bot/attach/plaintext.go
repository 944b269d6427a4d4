package attach

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"llmbot/bot/document"
	"llmbot/bot/figures"
)

// plainText decodes a text file: UTF-8, UTF-16, or Windows-1252, which
// includes Latin-1. It returns the first most characters, and how many there are in all. It reports
// false if the file is no text. It takes memory only for what it returns.
func plainText(data []byte, most int) (text string, all int, ok bool) {
	data, next := encoding(data)
	var b strings.Builder
	bad := 0
	for len(data) > 0 {
		r, size := next(data)
		data = data[size:]
		if r == 0 {
			return "", 0, false
		}
		if r == utf8.RuneError {
			bad++
		}
		if all++; all <= most {
			b.WriteRune(r)
		}
	}
	if bad*10 > all*3 { // a third of it is not text
		return "", 0, false
	}
	return b.String(), all, true
}

// encoding finds out how a text is encoded. next decodes the first character of what is left; it
// returns utf8.RuneError for what is none.
func encoding(data []byte) (text []byte, next func([]byte) (rune, int)) {
	switch {
	case bytes.HasPrefix(data, []byte{0xFF, 0xFE}):
		return data[2 : len(data)&^1], func(p []byte) (rune, int) { return utf16Rune(p, 0) }
	case bytes.HasPrefix(data, []byte{0xFE, 0xFF}):
		return data[2 : len(data)&^1], func(p []byte) (rune, int) { return utf16Rune(p, 1) }
	}
	if low, ok := bareUTF16(data); ok {
		return data[:len(data)&^1], func(p []byte) (rune, int) { return utf16Rune(p, low) }
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if western(data) {
		return data, windows1252
	}
	return data, utf8.DecodeRune
}

// bareUTF16 reports whether a text is UTF-16 without a byte order mark: of its pairs of bytes most
// have a NUL in the same place, and none in the other. low is where the low byte of a unit is.
func bareUTF16(data []byte) (low int, ok bool) {
	var nul [2]int
	head := data[:min(len(data), 4096)&^1]
	for i, c := range head {
		if c == 0 {
			nul[i%2]++
		}
	}
	most := len(head) / 2
	switch {
	case most >= 2 && nul[0] == 0 && nul[1]*2 > most:
		return 0, true
	case most >= 2 && nul[1] == 0 && nul[0]*2 > most:
		return 1, true
	}
	return 0, false
}

// utf16Rune decodes the first character of UTF-16; low is where the low byte of a unit is. p has an
// even length.
func utf16Rune(p []byte, low int) (rune, int) {
	unit := func(at int) rune { return rune(p[at+low]) | rune(p[at+1-low])<<8 }
	r := unit(0)
	if !utf16.IsSurrogate(r) {
		return r, 2
	}
	if len(p) >= 4 {
		if both := utf16.DecodeRune(r, unit(2)); both != utf8.RuneError {
			return both, 4
		}
	}
	return utf8.RuneError, 2
}

// western reports whether a text is Windows-1252 rather than damaged UTF-8: it has more bytes that
// are no UTF-8 than characters beyond ASCII that are. A text that is mostly such bytes is in no
// Western language, and would come out as nonsense.
func western(data []byte) bool {
	bad, good, high, all := 0, 0, 0, len(data)
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && size == 1:
			bad++
			high++
		case size > 1:
			good++
			high += size
		}
		data = data[size:]
	}
	return bad > good && high*10 <= all*3
}

// windows1252 decodes the first character of Windows-1252. That is Latin-1 with other characters in
// the place of its control characters. Five of these places are empty.
func windows1252(p []byte) (rune, int) {
	c := p[0]
	if c < 0x80 || c >= 0xA0 {
		return rune(c), 1
	}
	own := [...]rune{
		'€', utf8.RuneError, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', utf8.RuneError, 'Ž', utf8.RuneError,
		utf8.RuneError, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', utf8.RuneError, 'ž', 'Ÿ',
	}
	return own[c-0x80], 1
}

// inline returns a text file for the prompt. text is its beginning, and all is how many characters
// it has. inline tells the model and the person what was cut.
func inline(name, text string, all int) attachment {
	part := ""
	if n := utf8.RuneCountInString(text); n < all {
		part = fmt.Sprintf("the first %s of %s characters", figures.Thousands(n), figures.Thousands(all))
	}
	return fenced(name, text, part)
}

// fenced returns the text of a file for the prompt. part says which part of the file it is; empty:
// all. It tells both the model and the person what was cut.
func fenced(name, text, part string) attachment {
	var notes, said []string
	if part != "" {
		notes = append(notes, part)
		said = append(said, fmt.Sprintf("Of %s I read %s.", quoteName(name), part))
	}
	longest := document.LongestRun(text, '`')
	if longest > maxTicks {
		text = shortRuns(text, '`', maxTicks)
		longest = maxTicks
		part := fmt.Sprintf("longer rows of backticks are cut to %d", maxTicks)
		notes = append(notes, part)
		said = append(said, fmt.Sprintf("In %s %s.", quoteName(name), part))
	}
	head := "File " + quoteName(name)
	if len(notes) > 0 {
		head += " (" + strings.Join(notes, "; ") + ")"
	}
	fence := strings.Repeat("`", max(3, 1+longest))
	return attachment{read: true, text: head + ":\n" + fence + "\n" + strings.TrimRight(text, "\n") + "\n" + fence, said: strings.Join(said, " ")}
}

// shortRuns cuts each run of a byte to a number of them.
func shortRuns(text string, of byte, most int) string {
	var b strings.Builder
	run := 0
	for i := range len(text) {
		if run++; text[i] != of {
			run = 0
		}
		if run <= most {
			b.WriteByte(text[i])
		}
	}
	return b.String()
}
