package tools

import (
	"fmt"
	"strings"

	"llmbot/bot/typos"
)

// mostValue is how many bytes a value may have once its variables are in it: the kernel takes no
// longer argument (MAX_ARG_STRLEN, 128 kB), and no server longer headers.
const mostValue = 64 << 10

// unknownValue stands for a variable that is a problem already, so that it does not make a second
// one.
const unknownValue = "x"

// values reads texts of one server in which variables may stand.
type values struct {
	*parser

	place string
	e     *entry // gets the secrets
}

// text reads a text; nil is empty.
func (v *values) text(n *node, key string) string {
	if n == nil {
		return ""
	}
	s, ok := n.value.(string)
	if !ok {
		hint := "It must be a text."
		if key == "command" && n.value == kindList {
			hint = `It must be the program alone: "command": "npx", "args": ["-y", "…"].`
		}
		v.add(n.line, v.place+"."+key, "it is "+n.is(), hint)
		return ""
	}
	out := v.expand(s, n.line, key)
	if strings.ContainsRune(out, 0) || key == "url" && strings.ContainsAny(out, " \t\r\n") {
		v.add(n.line, v.place+"."+key, "it has characters that cannot stand there", "Is a variable in it wrapped, or does it have a line end?")
		return ""
	}
	return out
}

// list reads a list of texts.
func (v *values) list(n *node, key string) []string {
	if n == nil {
		return nil
	}
	if n.value != kindList {
		v.add(n.line, v.place+"."+key, "it is "+n.is(), `It must be a list of texts: ["-y", "server-name"].`)
		return nil
	}
	var out []string
	for i, one := range n.list {
		if _, ok := one.value.(string); !ok {
			v.add(one.line, fmt.Sprintf("%s.%s[%d]", v.place, key, i), "it is "+one.is(), "It must be a text: write it in quotes.")
			continue
		}
		out = append(out, v.text(one, fmt.Sprintf("%s[%d]", key, i)))
	}
	return out
}

// texts reads an object of texts.
func (v *values) texts(n *node, key string) map[string]string {
	if n == nil {
		return nil
	}
	if n.value != kindObject {
		v.add(n.line, v.place+"."+key, "it is "+n.is(), `It must be an object of texts: {"NAME": "value"}.`)
		return nil
	}
	out := map[string]string{}
	for _, one := range v.keys(n, v.place+"."+key) {
		at := key + "." + one.key
		if _, ok := one.node.value.(string); !ok {
			v.add(one.node.line, v.place+"."+at, "it is "+one.node.is(), "It must be a text: write it in quotes.")
			continue
		}
		if key == "headers" && !isHeader(one.key) || key == "env" && (one.key == "" || strings.ContainsAny(one.key, "=\x00")) {
			v.add(one.line, v.place+"."+key, fmt.Sprintf("%q cannot be a name there", shown(one.key)), "Correct the name.")
			continue
		}
		value := v.text(one.node, at)
		if key == "headers" {
			if value = strings.TrimSpace(value); strings.ContainsAny(value, "\r\n") { // a token that echo wrote has a line end
				v.add(one.node.line, v.place+"."+at, "it has a line end", "Is a variable in it wrapped?")
				continue
			}
		}
		out[one.key] = value
	}
	return out
}

// isHeader reports whether s can be the name of a header.
func isHeader(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !nameRune(r) && !strings.ContainsRune("!#$%&'*+.^`|~", r)
	})
}

// expand puts the values of variables into a text, and notes them as secrets. Of a server that is
// disabled it expects none.
func (v *values) expand(s string, line int, key string) string {
	var b strings.Builder
	if name := v.bare(s, key); name != "" {
		v.add(line, v.place+"."+key, fmt.Sprintf("$%s stays as it is, and %s is a variable", shown(name), shown(name)), fmt.Sprintf("Write ${%s}.", shown(name)))
	}
	for {
		before, rest, found := strings.Cut(s, "${")
		b.WriteString(before)
		if !found {
			break
		}
		inner, after, closed := strings.Cut(rest, "}")
		name, standard, optional := strings.Cut(inner, ":-")
		place := v.place + "." + key
		switch value, set := v.variable(name); {
		case !closed:
			v.add(line, place, "${ is not closed", "Write ${NAME}.")
			return b.String() + unknownValue
		case !isVariable(name):
			hint := "Write ${NAME}, or ${NAME:-what it is without one}."
			if _, own, ok := strings.Cut(name, ":"); ok && isVariable(own) {
				hint = fmt.Sprintf("Write ${%s}.", shown(own))
			}
			v.add(line, place, fmt.Sprintf("${%s} is no variable", shown(inner)), hint)
			b.WriteString(unknownValue)
		case optional && strings.Contains(standard, "${"):
			v.add(line, place, fmt.Sprintf("${%s} is no variable", shown(inner)), "No variable can stand in what another is without a value: write the text itself.")
			b.WriteString(unknownValue)
		case set && value != "":
			b.WriteString(value)
			v.e.secrets = append(v.e.secrets, strings.TrimSpace(value))
		case optional:
			b.WriteString(standard)
		default:
			b.WriteString(unknownValue)
			if v.e.disabled {
				break
			}
			v.add(line, place, fmt.Sprintf("the variable %s is not set", shown(name)), fmt.Sprintf("Set it where the bot's own variables are, or write ${%s:-} if it may be empty.", shown(name)))
		}
		s = after
	}
	if b.Len() > mostValue {
		v.add(line, v.place+"."+key, fmt.Sprintf("it has more than %d kB", mostValue>>10), "Give the server a file instead.")
		return ""
	}
	return b.String()
}

// bare returns a variable that a text names as a shell does, without braces; empty: there is none. A
// program's arguments may be for a shell.
func (v *values) bare(s, key string) string {
	if key != "url" && !strings.HasPrefix(key, "headers.") && !strings.HasPrefix(key, "env.") {
		return ""
	}
	for _, rest := range strings.Split(s, "$")[1:] {
		end := strings.IndexFunc(rest, func(r rune) bool { return !nameRune(r) || r == '-' })
		if end < 0 {
			end = len(rest)
		}
		if name := rest[:end]; isVariable(name) {
			if value, set := v.variable(name); set && value != "" {
				return name
			}
		}
	}
	return ""
}

// isVariable reports whether s can be the name of a variable.
func isVariable(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !nameRune(r) || r == '-' }) && (s[0] < '0' || s[0] > '9')
}

// nearest returns the one of known that s is likely meant to be; empty: none.
func nearest(s string, known []string) string {
	if len(s) > mostShown {
		return ""
	}
	best, most := "", typos.Most+1
	for _, k := range known {
		if strings.EqualFold(s, k) {
			return k
		}
		if l, m := strings.ToLower(s), strings.ToLower(k); typos.Distance(l, m) < most && typos.Alike(l, m) {
			d := typos.Distance(l, m)
			best, most = k, d
		}
	}
	return best
}
