package main

import (
	"context"
	"encoding"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"log/slog"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

const (
	// leastSecret is how many bytes a value must have to be looked for in texts: a shorter one is a
	// part of too many words.
	leastSecret = 4
	// leastHead is how many bytes of the beginning of a long secret count as the secret: servers and
	// logs cut what they repeat.
	leastHead = 8
	// leastQuery is how many bytes a value in the query of an address must have to count as a secret:
	// shorter ones are format=json.
	leastQuery = 8
)

// redactor takes secrets out of texts. Its methods are safe for concurrent use. A nil redactor only
// shortens addresses.
type redactor struct {
	forms []spelling
	more  *atomic.Pointer[redactor] // of the tools file, which may be another while the bot runs; nil: none
}

// spelling is one way to write a secret.
type spelling struct {
	text string
	head int // bytes of it that are enough to know it by
}

// redactor returns one that knows all secrets of the configuration: the fields that are secret,
// passwords and keys in addresses and in LLM_EXTRA_BODY, what other programs' variables hold, and
// what the tools file has now and had before.
func (c *Config) redactor() *redactor {
	var values []string
	v := reflect.ValueOf(*c)
	for field, value := range v.Fields() {
		switch {
		case field.Type == reflect.TypeFor[secret]():
			values = append(values, value.String())
		case field.Type.Kind() == reflect.String && field.Tag.Get("env") != "":
			values = append(values, addressSecrets(value.String())...)
		}
	}
	values = append(values, namedSecrets(c.extra)...)
	if c.outside != nil {
		values = append(values, c.outside.values...)
	}
	r := newRedactor(values)
	if c.tools != nil {
		if r == nil {
			r = &redactor{}
		}
		r.more = &c.tools.hide
	}
	return r
}

// outside has the secrets in variables of other programs that matter to this one. It is only ever
// held by a pointer, so that no format verb prints them with the rest of a Config.
type outside struct{ values []string }

// outsideSecrets finds the secrets in other programs' variables; nil: there are none.
func outsideSecrets(vars map[string]string) *outside {
	var values []string
	for name, value := range vars {
		switch name = strings.ToUpper(name); {
		case name == "PGPASSWORD", name == "PGSSLPASSWORD":
			values = append(values, value)
		case value == appTokenBegins, value == botTokenBegins: // env.example as it is: nothing is filled in
		case looksLikeKey(value): // in the wrong line: what is said of it repeats it
			values = append(values, value)
		case strings.HasSuffix(name, "_PROXY") && name != "NO_PROXY":
			values = append(values, addressSecrets(value)...)
		}
	}
	if len(values) == 0 {
		return nil
	}
	return &outside{values}
}

// looksLikeKey reports whether a value begins like a token of Slack or a key of a model server,
// whatever variable holds it.
func looksLikeKey(value string) bool {
	return slices.ContainsFunc([]string{"xox", "xapp-", "xwfp-", "sk-", "hf_"}, func(begin string) bool {
		return strings.HasPrefix(strings.ToLower(strings.TrimSpace(value)), begin)
	})
}

// addressSecrets returns the password of an address, or its user if there is no password, and the
// values of its query.
func addressSecrets(address string) []string {
	if !strings.ContainsAny(address, "@?") {
		return nil
	}
	_, rest, ok := strings.Cut(address, "://")
	if !ok {
		rest = address
	}
	var values []string
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, password, ok := strings.Cut(rest[:at], ":")
		if !ok {
			password = user
		}
		values = append(values, password)
		if plain, err := url.PathUnescape(password); err == nil {
			values = append(values, plain)
		}
	}
	if _, query, ok := strings.Cut(rest, "?"); ok {
		query, _, _ = strings.Cut(query, "#")
		for pair := range strings.SplitSeq(query, "&") {
			name, value, _ := strings.Cut(pair, "=")
			plain, err := url.QueryUnescape(value)
			if err != nil {
				plain = value
			}
			if len(plain) >= leastQuery || isSecretName(name) {
				values = append(values, value, plain)
			}
		}
	}
	return values
}

// isSecretName reports whether what has this name is likely a secret.
func isSecretName(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"key", "token", "secret", "passw", "auth", "credential"}, func(w string) bool { return strings.Contains(name, w) })
}

// namedSecrets returns the texts in JSON that have a name like a secret's, however deep.
func namedSecrets(value any) []string {
	var values []string
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			if text, ok := inner.(string); ok && isSecretName(name) {
				values = append(values, text)
			}
			values = append(values, namedSecrets(inner)...)
		}
	case []any:
		for _, inner := range v {
			values = append(values, namedSecrets(inner)...)
		}
	}
	return values
}

// newRedactor returns a redactor that knows these values. It also knows how they look in addresses,
// in JSON and HTML, quoted, in hex, and in base64 wherever they begin in it (as in Authorization:
// Basic).
func newRedactor(values []string) *redactor {
	seen := map[string]bool{}
	r := &redactor{}
	add := func(text string) {
		if len(text) < leastSecret || seen[text] {
			return
		}
		seen[text] = true
		head := len(text)
		if head > leastHead {
			head = max(leastHead, head/2)
		}
		r.forms = append(r.forms, spelling{text, head})
	}
	for _, v := range values {
		if v = strings.TrimSpace(v); len(v) < leastSecret {
			continue
		}
		add(v)
		for _, escaped := range []string{url.QueryEscape(v), url.PathEscape(v), strings.TrimPrefix(url.UserPassword("", v).String(), ":")} {
			add(escaped)
			add(lowerEscapes(escaped))
		}
		quoted := strconv.Quote(v)
		add(quoted[1 : len(quoted)-1])
		if asJSON, err := json.Marshal(v); err == nil {
			add(string(asJSON[1 : len(asJSON)-1]))
		}
		add(html.EscapeString(v))
		if len(v) < leastHead {
			continue
		}
		add(hex.EncodeToString([]byte(v)))
		add(strings.ToUpper(hex.EncodeToString([]byte(v))))
		for before := range 3 {
			// Of the letters of base64, those that stand for bits of v alone.
			all := append(make([]byte, before), v...)
			from, to := (before*8+5)/6, len(all)*8/6
			add(base64.StdEncoding.EncodeToString(all)[from:to])
			add(base64.URLEncoding.EncodeToString(all)[from:to])
		}
	}
	if len(r.forms) == 0 {
		return nil
	}
	return r
}

// lowerEscapes returns a text with the letters of its %XX in lower case, as some servers write
// them.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:], strings.ToLower(s[i+1:i+3]))
		}
	}
	return string(b)
}

// clean returns a text without secrets, and with its addresses as they may be printed.
func (r *redactor) clean(s string) string {
	if r != nil {
		s = r.mask(s)
		if r.more != nil {
			if more := r.more.Load(); more != nil {
				s = more.mask(s)
			}
		}
	}
	return shownAddresses(s)
}

// mask replaces each secret, or its beginning where the text was cut.
func (r *redactor) mask(s string) string {
	var b strings.Builder
	next := make([]int, len(r.forms)) // where each is found next; len(s): nowhere
	for i := range next {
		next[i] = -1
	}
	for done := 0; ; {
		first, end := len(s), len(s)
		for i, f := range r.forms {
			if next[i] < done {
				next[i] = len(s)
				if at := strings.Index(s[done:], f.text[:f.head]); at >= 0 {
					next[i] = done + at
				}
			}
			if next[i] == len(s) || next[i] > first {
				continue
			}
			if to := next[i] + common(s[next[i]:], f.text); next[i] < first || to > end {
				first, end = next[i], to
			}
		}
		if first == len(s) {
			if done == 0 {
				return s
			}
			b.WriteString(s[done:])
			return b.String()
		}
		b.WriteString(s[done:first])
		b.WriteString(mask)
		done = end
	}
}

// common returns how many bytes at the beginning are the same.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// hide returns err with a clean text. It is nil for nil.
func (r *redactor) hide(err error) error {
	if err == nil {
		return nil
	}
	return hidden{err, r}
}

// hidden is an error without secrets in its text and its hint.
type hidden struct {
	error

	r *redactor
}

func (e hidden) Error() string { return e.r.clean(e.error.Error()) }
func (e hidden) Unwrap() error { return e.error }

// Hint returns the hint of what it wraps; empty: it has none.
func (e hidden) Hint() string { return e.r.clean(hintOf(e.error)) }

// redacting is a handler that passes records on without secrets: in messages, attributes and
// groups, whoever put them there.
type redacting struct {
	next slog.Handler
	r    *redactor
}

// redact returns a handler before next that knows these secrets.
func redact(next slog.Handler, r *redactor) slog.Handler { return redacting{next, r} }

// Enabled asks the next handler.
func (h redacting) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// Handle gives the record on without secrets.
func (h redacting) Handle(ctx context.Context, rec slog.Record) error {
	out := slog.NewRecord(rec.Time, rec.Level, h.r.clean(rec.Message), rec.PC)
	rec.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(h.attr(a))
		return true
	})
	return h.next.Handle(ctx, out)
}

// WithAttrs cleans what will be in each record.
func (h redacting) WithAttrs(attrs []slog.Attr) slog.Handler {
	return redacting{h.next.WithAttrs(h.attrs(attrs)), h.r}
}

// WithGroup names a group.
func (h redacting) WithGroup(name string) slog.Handler {
	return redacting{h.next.WithGroup(h.r.clean(name)), h.r}
}

func (h redacting) attrs(in []slog.Attr) []slog.Attr {
	out := make([]slog.Attr, len(in))
	for i, a := range in {
		out[i] = h.attr(a)
	}
	return out
}

func (h redacting) attr(a slog.Attr) slog.Attr {
	a.Key = h.r.clean(a.Key)
	a.Value = a.Value.Resolve()
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(h.r.clean(a.Value.String()))
	case slog.KindGroup:
		a.Value = slog.GroupValue(h.attrs(a.Value.Group())...)
	case slog.KindAny:
		a.Value = h.any(a.Value)
	default: // numbers and times
	}
	return a
}

// any returns a value of any type: as text if a secret is in it, in either of the ways in which
// handlers write it.
func (h redacting) any(v slog.Value) slog.Value {
	var text string
	switch x := v.Any().(type) {
	case nil:
		return v
	case error:
		text = x.Error()
	case encoding.TextMarshaler:
		b, err := x.MarshalText()
		if err != nil {
			return v
		}
		text = string(b)
	default:
		text = fmt.Sprintf("%+v", x)
		if bytes := reflect.ValueOf(x); bytes.Kind() == reflect.Slice && bytes.Type().Elem().Kind() == reflect.Uint8 {
			text = string(bytes.Bytes())
		}
		var asJSON strings.Builder
		e := json.NewEncoder(&asJSON)
		e.SetEscapeHTML(false)
		if e.Encode(x) == nil && h.r.clean(asJSON.String()) != asJSON.String() {
			return slog.StringValue(h.r.clean(text))
		}
	}
	if clean := h.r.clean(text); clean != text {
		return slog.StringValue(clean)
	}
	return v
}
