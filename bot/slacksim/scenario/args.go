package scenario

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"llmbot/bot/slacksim"
)

// argKind is what a value must be.
type argKind int

const (
	text     argKind = iota
	texts            // one text, or a list of them
	person           // a name or id of the workspace
	place            // a channel, or @name for a person's direct messages with the bot
	ref              // the id that an earlier step gave
	newID            // an id for later steps
	pattern          // a regular expression of Go's
	duration         // such as 500ms or 2s
	number           // 0 or more, or always
	truth            // true or false
	howMany          // 2, or ">=1", or "<=3"
	files            // a list of {name, text | base64, type}
	entries          // keys with texts
)

func (k argKind) String() string {
	return [...]string{
		"a text", "a text or a list of texts", "a person", "a channel", "the id of an earlier step", "an id", "a regular expression",
		"a duration such as 500ms or 2s", "a whole number, or always", "true or false", `a number, ">=1" or "<=3"`,
		"a list of files: {name: notes.txt, text: hello}", "keys with texts",
	}[k]
}

// arg is one key that an action or a clause takes.
type arg struct {
	name   string
	kind   argKind
	needed bool
}

func needed(name string, kind argKind) arg   { return arg{name, kind, true} }
func optional(name string, kind argKind) arg { return arg{name, kind, false} }

// always is the number that stands for no end.
const always = -1

// value is what the file has for one key.
type value struct {
	line  int
	text  string
	texts []string
	n     int
	d     time.Duration
	ok    bool
	re    *regexp.Regexp
	count count
	files []slacksim.Upload
	pairs map[string]string
}

// args are the values of one action or clause.
type args struct {
	line int
	m    map[string]value
}

func (a args) has(name string) bool        { _, ok := a.m[name]; return ok }
func (a args) text(name string) string     { return a.m[name].text }
func (a args) d(name string) time.Duration { return a.m[name].d }
func (a args) n(name string) int           { return a.m[name].n }
func (a args) ok(name string) bool         { return a.m[name].ok }

// count is how many of something there must be.
type count struct {
	op string // "=", ">=" or "<="
	n  int
}

func (c count) holds(n int) bool {
	switch c.op {
	case ">=":
		return n >= c.n
	case "<=":
		return n <= c.n
	}
	return n == c.n
}

func (c count) String() string {
	return map[string]string{"=": "", ">=": "at least ", "<=": "at most "}[c.op] + strconv.Itoa(c.n)
}

// count returns how many there must be: at least one, if the file does not say.
func (a args) count() count {
	if v, ok := a.m["count"]; ok {
		return v.count
	}
	return count{">=", 1}
}

// names are what a scenario may refer to.
type names struct {
	people, places []string
	ids            []string // of the steps so far
}

// args reads the keys of one action or clause.
func (p *reader) args(what string, n node, known []arg, nm *names) args {
	out := args{line: n.line, m: map[string]value{}}
	var keys []string
	for _, k := range known {
		keys = append(keys, k.name)
	}
	if n.kind != mapping && (n.kind != nothing || slices.ContainsFunc(known, func(k arg) bool { return k.needed })) {
		p.addf(n.line, "write it as "+what+": {"+strings.Join(keys, ": …, ")+": …}", "%s needs keys with values, and has %s", what, n.kind)
		return out
	}
	for _, f := range n.fields {
		i := slices.IndexFunc(known, func(k arg) bool { return k.name == f.key })
		if i < 0 {
			p.addf(f.line, oneOf(f.key, keys), "%s does not take %s", what, f.key)
			continue
		}
		if v, ok := p.value(what+"."+f.key, f.value, known[i].kind, nm); ok {
			out.m[f.key] = v
		}
	}
	for _, k := range known {
		if k.needed && !slices.ContainsFunc(n.fields, func(f field) bool { return f.key == k.name }) {
			p.addf(n.line, fmt.Sprintf("add %s: %s", k.name, k.kind), "%s lacks %s", what, k.name)
		}
	}
	return out
}

// value reads one value, and reports whether it is good.
func (p *reader) value(what string, n node, kind argKind, nm *names) (value, bool) {
	v := value{line: n.line, text: n.text}
	bad := func(hint, format string, a ...any) (value, bool) {
		p.addf(n.line, hint, format, a...)
		return v, false
	}
	switch kind {
	case texts:
		return p.texts(what, n)
	case files:
		return p.files(what, n)
	case entries:
		return p.entries(what, n)
	default:
	}
	if n.kind != scalar {
		return bad("write "+kind.String(), "%s must be %s, and is %s", what, kind, n.kind)
	}
	var err error
	switch kind {
	case person:
		if v.text = strings.TrimPrefix(n.text, "@"); !slices.Contains(nm.people, v.text) {
			return bad(oneOf(v.text, nm.people), "%s: there is no person %q", what, n.text)
		}
	case place:
		if v.text = strings.TrimPrefix(n.text, "#"); !slices.Contains(nm.places, v.text) {
			return bad(oneOf(v.text, nm.places)+"\n@NAME is a person's direct messages with the bot", "%s: there is no channel %q", what, n.text)
		}
	case ref:
		if !slices.Contains(nm.ids, n.text) {
			hint := "an earlier step must have given the id, such as say: {…, id: " + n.text + "}"
			if more := oneOf(n.text, nm.ids); more != "" {
				hint = more
			}
			return bad(hint, "%s: no earlier step has the id %q", what, n.text)
		}
	case newID:
		if slices.Contains(nm.ids, n.text) {
			return bad("choose another word", "%s: an earlier step has the id %q", what, n.text)
		}
		nm.ids = append(nm.ids, n.text)
	case pattern:
		if v.re, err = regexp.Compile(n.text); err != nil {
			return bad("see https://pkg.go.dev/regexp/syntax; write it in 'single quotes'", "%s: %v", what, err)
		}
	case duration:
		if v.d, err = time.ParseDuration(n.text); err != nil || v.d < 0 {
			return bad("such as 500ms, 2s or 1m30s", "%s: %q is not a duration", what, n.text)
		}
	case number:
		if n.text == "always" {
			v.n = always
		} else if v.n, err = strconv.Atoi(n.text); err != nil || v.n < 0 {
			return bad("such as 3, or always", "%s: %q is not a whole number", what, n.text)
		}
	case truth:
		if v.ok, err = strconv.ParseBool(n.text); err != nil {
			return bad("write true or false", "%s: %q is neither true nor false", what, n.text)
		}
	case howMany:
		v.count = count{"=", 0}
		rest := n.text
		for _, op := range []string{">=", "<="} {
			if r, ok := strings.CutPrefix(rest, op); ok {
				v.count.op, rest = op, r
			}
		}
		if v.count.n, err = strconv.Atoi(strings.TrimSpace(rest)); err != nil || v.count.n < 0 {
			return bad(`such as 2, ">=1" or "<=3"`, "%s: %q is not a number of things", what, n.text)
		}
	default:
	}
	return v, true
}

func (p *reader) texts(what string, n node) (value, bool) {
	v := value{line: n.line}
	all := n.list
	if n.kind == scalar {
		all = []node{n}
	}
	good := n.kind == scalar || n.kind == list
	for _, one := range all {
		good = good && one.kind == scalar
		v.texts = append(v.texts, one.text)
	}
	if !good {
		p.addf(n.line, "such as [one, two]", "%s must be %s", what, texts)
	}
	return v, good
}

func (p *reader) entries(what string, n node) (value, bool) {
	v := value{line: n.line, pairs: map[string]string{}}
	good := n.kind == mapping
	for _, f := range n.fields {
		good = good && f.value.kind == scalar
		v.pairs[f.key] = f.value.text
	}
	if !good {
		p.addf(n.line, "such as {name: Alice, kind: big}", "%s must be %s", what, entries)
	}
	return v, good
}

func (p *reader) files(what string, n node) (value, bool) {
	v := value{line: n.line}
	if n.kind != list || len(n.list) == 0 {
		p.addf(n.line, "", "%s must be %s", what, files)
		return v, false
	}
	before := len(p.list)
	for _, one := range n.list {
		a := p.args(what, one, []arg{needed("name", text), optional("text", text), optional("base64", text), optional("type", text)}, &names{})
		data := []byte(a.text("text"))
		if a.has("base64") {
			var err error
			if data, err = base64.StdEncoding.DecodeString(a.text("base64")); err != nil {
				p.addf(a.m["base64"].line, "", "%s.base64: %v", what, err)
			}
		}
		if a.has("base64") == a.has("text") {
			p.addf(one.line, "", "%s needs either text or base64", what)
		}
		v.files = append(v.files, slacksim.Upload{Name: a.text("name"), Type: a.text("type"), Data: data})
	}
	return v, len(p.list) == before
}
