package main

import (
	"strings"
	"unicode"

	"llmbot/llm"
)

const (
	mostAddress = 200 // characters that are shown of an address
	mostScheme  = 12  // letters of http, postgresql …
)

// shownAddress returns an address in a form that may be printed, whatever is wrong with it: without
// user, password, query and fragment. Where it is unclear where a password ends, it shows nothing
// after the scheme.
func shownAddress(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if ok && isScheme(scheme) {
		scheme += "://"
	} else {
		scheme, rest = "", address
	}
	at := strings.LastIndexByte(rest, '@')
	if query := strings.IndexAny(rest, "?#"); query >= 0 && query < at { // @ in the query, or ? in the password
		return scheme + mask
	}
	rest = rest[at+1:]
	if query := strings.IndexAny(rest, "?#"); query >= 0 {
		rest = rest[:query]
	}
	return llm.Printable(scheme+rest, mostAddress)
}

func isScheme(s string) bool {
	return s != "" && len(s) <= mostScheme && !strings.ContainsFunc(s, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("+-.", r)
	})
}

// addressEnds are the characters that no address has, and those that stand around one in a text.
const addressEnds = " \t\r\n\"'`<>\\|{}"

// shownAddresses returns a text with the addresses in it as they may be printed.
func shownAddresses(text string) string {
	const mark = "://"
	if !strings.Contains(text, mark) {
		return text
	}
	var b strings.Builder
	for {
		i := strings.Index(text, mark)
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		start := i
		for start > 0 && i-start < mostScheme && isScheme(text[start-1:i]) {
			start--
		}
		end := i + len(mark)
		if n := strings.IndexAny(text[end:], addressEnds); n >= 0 {
			end += n
		} else {
			end = len(text)
		}
		b.WriteString(text[:start])
		if found := text[start:end]; strings.ContainsAny(found, "@?#") {
			b.WriteString(shownAddress(found))
		} else {
			b.WriteString(found)
		}
		text = text[end:]
	}
}
