package tools

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds on what a person is shown of a call. Slack takes 50 blocks, of 3,000 characters each
// (facts/slack.md §3.2).
const (
	mostShownArguments = 12
	mostShownName      = 60  // characters
	mostShownValue     = 500 // characters
)

// Argument is one argument of a call as a person sees it.
type Argument struct {
	Name, Value string // Name is empty where the arguments are no object: Value has all of them
	Cut         int    // characters of the value that are not shown
}

// Arguments returns what a person who is asked for leave sees of the arguments of a call, sorted by
// name, each bounded, and how many more there are.
func Arguments(raw string) (out []Argument, more int) {
	var args map[string]json.RawMessage
	if json.Unmarshal([]byte(raw), &args) != nil {
		args = map[string]json.RawMessage{"": json.RawMessage(raw)}
	}
	names := make([]string, 0, len(args))
	for name := range args {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		if i == mostShownArguments {
			return out, len(names) - i
		}
		value := string(args[name])
		var text string
		if strings.HasPrefix(value, `"`) && json.Unmarshal(args[name], &text) == nil {
			value = text
		}
		a := Argument{Name: ShownName(name)}
		a.Value, a.Cut = first(visible(value), mostShownValue)
		out = append(out, a)
	}
	return out, 0
}

// ShownName returns the name of a tool, a server or an argument as a person who is asked for leave
// sees it: bounded, with each character to be seen.
func ShownName(name string) string {
	name, _ = first(visible(name), mostShownName)
	return name
}

// visible returns a text in which every character can be seen: others hide words, or turn their
// order, with characters that have no form.
func visible(s string) string {
	if !strings.ContainsFunc(s, unseen) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if unseen(r) {
			fmt.Fprintf(&b, "\\u{%04X}", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func unseen(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) || unicode.Is(unicode.Co, r))
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
