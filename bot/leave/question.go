package leave

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"llmbot/bot/tools"
	"llmbot/bot/transcript"
)

// Bounds on what a question shows. Slack takes 50 blocks, of 3,000 characters each (facts/slack.md
// §3.2).
const (
	mostArguments = 12
	mostName      = 60  // characters
	mostValue     = 500 // characters
)

// Question is what a person sees of a call that needs leave: what will happen, with all that it
// happens with.
type Question struct {
	ID        string // for the buttons
	User      string // who is asked
	Server    string
	Title     string // of the tool
	Arguments []Argument
	More      int // arguments that are not shown
}

// Argument is one argument of a call.
type Argument struct {
	Name, Value string
	Cut         int // characters of the value that are not shown
}

// question returns what a person sees of a call.
func question(q transcript.Leave, tool tools.Tool, arguments string) Question {
	out := Question{ID: q.ID, User: q.Asker, Title: q.Title}
	out.Server, _ = first(plain(tool.Server), mostName)
	var args map[string]json.RawMessage
	if json.Unmarshal([]byte(arguments), &args) != nil {
		args = map[string]json.RawMessage{"": json.RawMessage(arguments)}
	}
	names := make([]string, 0, len(args))
	for name := range args {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		if i == mostArguments {
			out.More = len(names) - i
			break
		}
		value := string(args[name])
		var text string
		if strings.HasPrefix(value, `"`) && json.Unmarshal(args[name], &text) == nil {
			value = text
		}
		a := Argument{}
		a.Name, _ = first(plain(name), mostName)
		a.Value, a.Cut = first(plain(value), mostValue)
		out.Arguments = append(out.Arguments, a)
	}
	return out
}

// plain returns a text in which every character can be seen: others hide words, or turn their
// order, with characters that have no form.
func plain(s string) string {
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
