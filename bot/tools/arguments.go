package tools

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds on what a person is shown of a call. Slack takes 50 blocks, of 3,000 characters each, and
// some 13,000 in all (facts/slack.md §3.2). A call with more arguments, or with longer names, is not
// shown: a model could hide in the rest what matters.
const (
	mostShownArguments = 40
	mostShownName      = 60    // characters
	mostShownValue     = 500   // characters
	mostShownValues    = 6_000 // characters of all values
)

// Argument is one argument of a call as a person sees it.
type Argument struct {
	Name, Value string // Name is empty where the arguments are no object: Value has all of them
	Cut         int    // characters of the value that are not shown
}

// Unshowable is what the model reads in place of a result if a call cannot be shown to the person
// whose leave it needs.
const Unshowable = "This call needs leave, and cannot be shown to the person who would give it: it has more than 40 arguments, " +
	"or one whose name is longer than 60 characters. It was not made. Make it with fewer, or answer without it."

// Arguments returns what a person who is asked for leave sees of the arguments of a call, sorted by
// name, each value bounded. whole reports that each argument is there, with its whole name; nobody
// may be asked for leave for another call.
func Arguments(raw string) (out []Argument, whole bool) {
	var args map[string]json.RawMessage
	if json.Unmarshal([]byte(raw), &args) != nil {
		value, cut := first(visible(readable(raw)), mostShownValue)
		return []Argument{{Value: value, Cut: cut}}, true
	}
	names := make([]string, 0, len(args))
	for name := range args {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) > mostShownArguments {
		return nil, false
	}
	most := min(mostShownValue, mostShownValues/max(1, len(names)))
	for _, name := range names {
		value := readable(string(args[name]))
		var text string
		if strings.HasPrefix(value, `"`) && json.Unmarshal(args[name], &text) == nil && replaced(text) <= replaced(value) {
			value = text
		}
		a := Argument{Name: argumentName(name)}
		if utf8.RuneCountInString(name) > mostShownName || strings.HasSuffix(a.Name, "…") {
			return nil, false
		}
		a.Value, a.Cut = first(visible(value), most)
		out = append(out, a)
	}
	return out, true
}

// readable returns JSON in which texts have their characters instead of the numbers of these, all else
// as it is: a name that stands there twice still does.
func readable(raw string) string {
	if !json.Valid([]byte(raw)) {
		return raw
	}
	var b strings.Builder
	for {
		begin := strings.IndexByte(raw, '"')
		if begin < 0 {
			b.WriteString(raw)
			return b.String()
		}
		end := begin + 1
		for raw[end] != '"' {
			if raw[end] == '\\' {
				end++
			}
			end++
		}
		end++
		b.WriteString(raw[:begin])
		b.WriteString(plainText(raw[begin:end]))
		raw = raw[end:]
	}
}

// escapes are the escapes of a text of JSON. The group has half of a character whose other half is
// not there: no text can hold it, and decoders take U+FFFD for each.
var escapes = regexp.MustCompile(`\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(\\u[dD][89a-fA-F]..)|\\.`)

// replaced returns how many characters of a text may stand for others that it cannot hold.
func replaced(s string) int { return strings.Count(s, "\uFFFD") }

// plainText returns a text of JSON as JSON, without needless escapes. Halves of characters stay as
// they are: all of them would look alike.
func plainText(quoted string) string {
	if !strings.Contains(quoted, `\u`) {
		return quoted
	}
	var b strings.Builder
	at, end := 1, len(quoted)-1
	b.WriteByte('"')
	for _, m := range escapes.FindAllStringSubmatchIndex(quoted, -1) {
		if m[2] >= 0 {
			b.WriteString(plainPart(quoted[at:m[2]]))
			b.WriteString(quoted[m[2]:m[3]])
			at = m[3]
		}
	}
	b.WriteString(plainPart(quoted[at:end]))
	b.WriteByte('"')
	return b.String()
}

// plainPart does the work of plainText for what stands between two halves.
func plainPart(s string) string {
	var text string
	if json.Unmarshal([]byte(`"`+s+`"`), &text) != nil {
		return s
	}
	out, err := compact(text)
	if err != nil {
		return s
	}
	return string(out[1 : len(out)-1])
}

// argumentName returns the name of an argument as a person sees it. The model writes it: one that
// could be taken for a name with its value, or for several of them, stands in quotation marks.
func argumentName(name string) string {
	plain := name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-.", r)
	})
	if !plain {
		name = strconv.Quote(name)
	}
	return ShownName(name)
}

// ShownName returns the name of a tool, a server or an argument as a person who is asked for leave
// sees it: on one line, bounded, with each character to be seen.
func ShownName(name string) string {
	name, cut := first(escaped(name, func(r rune) bool { return r == '\n' || r == '\t' || unseen(r) }), mostShownName)
	if cut > 0 {
		name += "…"
	}
	return name
}

// visible returns a text in which every character can be seen: others hide words, or turn their
// order, with characters that have no form.
func visible(s string) string { return escaped(s, unseen) }

// escaped returns a valid text with the numbers of some characters in their place.
func escaped(s string, which func(rune) bool) string {
	if !strings.ContainsFunc(s, which) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if which(r) {
			fmt.Fprintf(&b, "\\u{%04X}", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// unseen reports whether a character has no form of its own. Among them are the variation
// selectors, of which 256 can carry any bytes behind a letter, and the fillers, which are letters.
func unseen(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || r == '\u2800' ||
		unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point))
}

// first returns the first characters of a text, and how many more it has.
func first(s string, most int) (string, int) {
	for i := range s {
		if most == 0 {
			return s[:i], utf8.RuneCountInString(s[i:])
		}
		most--
	}
	return s, 0
}
