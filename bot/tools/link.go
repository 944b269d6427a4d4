package tools

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// link is how a server is reached. A session outlives a change of everything else.
type link struct {
	way     string // wayStdio, wayHTTP, waySSE; empty: over HTTP, by whichever of both it speaks
	command string
	args    []string
	env     map[string]string
	dir     string
	url     string
	headers map[string]string
	inside  *mcp.Server // one in this process; nil: none
}

// secrets returns what of a link no log may show, apart from variables.
func (l link) secrets() []string {
	var all []string
	for _, value := range l.headers {
		all = append(all, value)
		if _, token, ok := strings.Cut(value, " "); ok { // Bearer TOKEN: what a server repeats
			all = append(all, strings.TrimSpace(token))
		}
	}
	for name, value := range l.env {
		if secretName(name) {
			all = append(all, value)
		}
	}
	if u, err := url.Parse(l.url); err == nil {
		for name, values := range u.Query() {
			if secretName(name) {
				all = append(all, values...)
			}
		}
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

// hidden returns what takes the link's own secrets out of a text: values of headers and variables with
// the name of a secret, which a server may repeat. Shorter ones may be words.
func (l link) hidden() *strings.Replacer {
	const least = 8 // bytes
	var pairs []string
	for _, s := range l.private() {
		if len(s) >= least {
			pairs = append(pairs, s, "[secret]")
		}
	}
	return strings.NewReplacer(pairs...)
}

// private returns what of a link is a secret by its name, the longest first.
func (l link) private() []string {
	named := link{env: l.env, url: l.url, headers: map[string]string{}}
	for name, value := range l.headers {
		if secretName(name) {
			named.headers[name] = value
		}
	}
	all := named.secrets()
	slices.SortFunc(all, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return all
}

// secretName reports whether what has this name is likely a secret.
func secretName(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"key", "token", "secret", "passw", "auth", "credential", "cookie"}, func(w string) bool { return strings.Contains(name, w) })
}

// origin returns a name of the link: another link has another one. Nothing of it can be read there.
func (l link) origin() string {
	all, _ := json.Marshal([]any{l.way, l.command, l.args, l.env, l.dir, l.url, l.headers}) // texts can always be written
	sum := sha256.Sum256(all)
	return hex.EncodeToString(sum[:16])
}

// same reports whether two links lead to the same server in the same way.
func (l link) same(o link) bool {
	return l.way == o.way && l.command == o.command && slices.Equal(l.args, o.args) && maps.Equal(l.env, o.env) && l.dir == o.dir &&
		l.url == o.url && maps.Equal(l.headers, o.headers) && l.inside == o.inside
}
