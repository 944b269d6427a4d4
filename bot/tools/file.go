package tools

import (
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"llmbot/llm"
	"llmbot/llm/egress"
)

// Bounds of the file; the figures are the project's own.
const (
	MostFile     = 512 << 10 // bytes of the file
	mostServers  = 50        // servers: each may be a process, and is a label of metrics
	mostName     = 32        // characters of a server's name: 64 with a tool's are all that a model server takes
	mostRules    = 500       // policies of a server
	mostProblems = 50        // problems that are told
)

// Bounds of the time that a call may take.
const (
	defaultTimeout = 30 * time.Second
	leastTimeout   = time.Second
	mostTimeout    = 10 * time.Minute
)

// Ways to reach a server, as the file writes them in "type".
const (
	wayStdio = "stdio"
	wayHTTP  = "http"
	waySSE   = "sse"
)

// File is what the tools file says: the servers, sorted by name. It holds secrets, so it prints as
// the names of its servers.
type File struct{ servers []entry }

// entry is one server of the file.
type entry struct {
	name     string
	link     link
	disabled bool
	channels []string // ids, names without #, "direct", "*"
	timeout  time.Duration
	rules    map[string]Policy // by name or pattern
	secrets  []string
}

// Names returns the names of all servers that are not disabled.
func (f File) Names() []string {
	var names []string
	for _, e := range f.servers {
		if !e.disabled {
			names = append(names, e.name)
		}
	}
	return names
}

// Channels returns the channels that the servers name which are not disabled, sorted: ids, names,
// "direct" and "*".
func (f File) Channels() []string {
	var all []string
	for _, e := range f.servers {
		if !e.disabled {
			all = append(all, e.channels...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Anywhere returns the file with each of its servers offered at every place: whoever sits at a
// terminal has the file, and so all that it gives access to.
func (f File) Anywhere() File {
	f.servers = slices.Clone(f.servers)
	for i := range f.servers {
		f.servers[i].channels = []string{"*"}
	}
	return f
}

// Secrets returns what no log may show: the values of variables, all headers, and what has a name
// like a secret's.
func (f File) Secrets() []string {
	var all []string
	for _, e := range f.servers {
		all = append(all, e.secrets...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// String returns the names of the servers.
func (f File) String() string { return strings.Join(f.Names(), ", ") }

// Format hides the secrets from every verb.
func (f File) Format(s fmt.State, verb rune) { fmt.Fprintf(s, fmt.FormatString(s, verb), f.String()) }

// LogValue hides the secrets from slog.
func (f File) LogValue() slog.Value { return slog.StringValue(f.String()) }

// Problem is one thing that is wrong, with its next step.
type Problem struct{ What, Hint string }

// Parse reads the text of a tools file, in which ${NAME} stands for the value of a variable, and
// ${NAME:-TEXT} for TEXT if there is none. It returns all problems at once, at most 50, and a File
// only without problems.
func Parse(text []byte, variable func(name string) (string, bool)) (File, []Problem) {
	if len(text) > MostFile {
		return File{}, []Problem{{fmt.Sprintf("it has more than %d kB", MostFile>>10), "Write the servers alone into it."}}
	}
	if !utf8.Valid(text) {
		return File{}, []Problem{{"it is not UTF-8", "Save it as UTF-8."}}
	}
	const form = `It is JSON such as {"mcpServers": {"wiki": {"url": "https://wiki.example/mcp"}}}: no comments, no comma before } or ].`
	root, err := readTree(text)
	if err != nil {
		return File{}, []Problem{{err.Error(), form}}
	}
	p := &parser{variable: variable}
	var f File
	if root.value != kindObject {
		p.add(root.line, "the file", "it is "+root.is(), form)
	}
	for _, top := range p.keys(root, "the file") {
		switch top.key {
		case "mcpServers":
			f.servers = p.servers(top.node)
		case "$schema", "$comment":
		default:
			p.unknown(top, "the file", []string{"mcpServers"}, topHints())
		}
	}
	if len(p.bad) > 0 {
		return File{}, p.bad
	}
	return f, nil
}

// topHints says what to do about keys that other programs have.
func topHints() map[string]string {
	return map[string]string{"servers": "mcpServers is its name here.", "mcp": "mcpServers is its name here, without mcp around it.", "inputs": "Nobody can be asked for inputs: write ${NAME} for a variable of the environment."}
}

// parser collects problems.
type parser struct {
	variable func(name string) (string, bool)
	bad      []Problem
}

func (p *parser) add(line int, place, what, hint string) {
	switch {
	case len(p.bad) < mostProblems:
		p.bad = append(p.bad, Problem{fmt.Sprintf("line %d: %s: %s", line, shown(place), what), hint})
	case len(p.bad) == mostProblems:
		p.bad = append(p.bad, Problem{"there are more problems", "Correct these first."})
	}
}

// mostShown is how many characters of a name or a value a problem repeats.
const mostShown = 80

// shown returns a text of the file as a problem may repeat it.
func shown(s string) string { return llm.Printable(s, mostShown) }

// keys returns the pairs of an object, and tells of those that come twice.
func (p *parser) keys(n *node, place string) []pair {
	seen := map[string]bool{}
	for _, one := range n.pairs {
		if seen[one.key] {
			p.add(one.line, place, fmt.Sprintf("%q stands there twice", shown(one.key)), "Take one of them out.")
		}
		seen[one.key] = true
	}
	return n.pairs
}

// unknown tells of a key that nobody knows.
func (p *parser) unknown(one pair, place string, known []string, hints map[string]string) {
	hint := hints[one.key]
	if hint == "" {
		if near := nearest(one.key, known); near != "" {
			hint = fmt.Sprintf("Is %q meant?", near)
		} else {
			hint = "There are " + strings.Join(known, ", ") + "."
		}
	}
	p.add(one.line, place, fmt.Sprintf("unknown key %q", shown(one.key)), hint)
}

func (p *parser) servers(n *node) []entry {
	const place = "mcpServers"
	if n.value != kindObject {
		p.add(n.line, place, "it is "+n.is(), `It must be an object with a key for each server: {"wiki": {"url": "https://wiki.example/mcp"}}`)
		return nil
	}
	if len(n.pairs) > mostServers {
		p.add(n.line, place, fmt.Sprintf("there are %d servers", len(n.pairs)), fmt.Sprintf("%d are the most.", mostServers))
		return nil
	}
	var all []entry
	for _, one := range p.keys(n, place) {
		if !isName(one.key, mostName) {
			p.add(one.line, place, fmt.Sprintf("%q cannot be the name of a server", shown(one.key)), fmt.Sprintf("It is the first part of its tools' names: 1 to %d of a-z, A-Z, 0-9, _ and -.", mostName))
		}
		all = append(all, p.server(one))
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return all
}

// isName reports whether a model server takes s as a part of a tool's name.
func isName(s string, most int) bool {
	return s != "" && len(s) <= most && !strings.ContainsFunc(s, func(r rune) bool { return !nameRune(r) })
}

func nameRune(r rune) bool {
	return r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

// serverKeys are the keys of a server.
func serverKeys() []string {
	return []string{"command", "args", "env", "cwd", "url", "headers", "type", "channels", "timeout", "tools", "disabled", "description"}
}

// serverHints says what to do about keys that other programs have.
func serverHints() map[string]string {
	const policies = `Policies stand in tools: {"search": "everywhere", "delete_*": "off", "*": "ask"}.`
	return map[string]string{
		"serverUrl": `"url" is its name here.`, "httpUrl": `"url" is its name here.`, "uri": `"url" is its name here.`, "endpoint": `"url" is its name here.`,
		"transport": `"type" is its name here.`, "enabled": `Write "disabled": true to leave the server out.`, "requestOptions": `Headers stand in "headers".`,
		"alwaysAllow": policies, "autoApprove": policies, "trust": policies, "disabledTools": policies, "enabledTools": policies, "includeTools": policies, "excludeTools": policies, "allowedTools": policies,
		"oauth": "There is nobody who could sign in: write a token into headers, with ${NAME}.", "auth": "There is nobody who could sign in: write a token into headers, with ${NAME}.", "authorization": `Write it into "headers": {"Authorization": "Bearer ${NAME}"}.`,
		"envFile": "Write the variables into env, with ${NAME}.", "policy": policies, "policies": policies,
	}
}

// server reads one server.
func (p *parser) server(one pair) entry {
	e := entry{name: one.key, timeout: defaultTimeout, channels: []string{"*"}}
	n, place := one.node, "mcpServers."+one.key
	if n.value != kindObject {
		p.add(n.line, place, "it is "+n.is(), `It must be an object: {"url": …} or {"command": …, "args": […]}`)
		return e
	}
	at := map[string]*node{}
	for _, k := range p.keys(n, place) {
		if !slices.Contains(serverKeys(), k.key) {
			p.unknown(k, place, serverKeys(), serverHints())
			continue
		}
		at[k.key] = k.node
	}
	e.disabled = p.flag(at["disabled"], place+".disabled")
	v := &values{parser: p, place: place, e: &e}
	e.link = link{
		way: p.way(at["type"], place+".type"), command: v.text(at["command"], "command"), args: v.list(at["args"], "args"),
		env: v.texts(at["env"], "env"), dir: v.text(at["cwd"], "cwd"), url: v.text(at["url"], "url"), headers: v.texts(at["headers"], "headers"),
	}
	p.reached(e.link, at, n.line, place)
	p.timeout(at["timeout"], place+".timeout", &e)
	p.channels(at["channels"], place+".channels", &e)
	p.rules(at["tools"], place+".tools", &e)
	e.secrets = append(e.secrets, e.link.secrets()...)
	return e
}

// way reads "type", in the words of several programs.
func (p *parser) way(n *node, place string) string {
	if n == nil {
		return ""
	}
	switch n.value {
	case "stdio", "local":
		return wayStdio
	case "http", "streamable-http", "streamableHttp", "streamable_http":
		return wayHTTP
	case "sse":
		return waySSE
	case "remote":
		return ""
	}
	what := "it is " + n.is()
	if s, ok := n.value.(string); ok {
		what = fmt.Sprintf("%q is no type", shown(s))
	}
	p.add(n.line, place, what, "It must be stdio, http (streamable HTTP) or sse; without it command means stdio, and url http, or sse if the server knows nothing newer.")
	return ""
}

// reached checks that there is one way to reach the server.
func (p *parser) reached(l link, at map[string]*node, line int, place string) {
	command, address := at["command"] != nil, at["url"] != nil
	switch {
	case command && address:
		p.add(line, place, "it has command and url", "A server is either a program that is started (command) or one that is asked (url): take one out.")
		return
	case !command && !address:
		p.add(line, place, "it has neither command nor url", `Write "url": "https://…" for a server in the network, or "command" and "args" for a program.`)
		return
	case command && l.way != "" && l.way != wayStdio:
		p.add(at["type"].line, place+".type", "a command is reached by stdio", "Take type out, or write url instead of command.")
	case address && l.way == wayStdio:
		p.add(at["type"].line, place+".type", "a url is not reached by stdio", "Take type out, or write command instead of url.")
	}
	for _, key := range []string{"args", "env", "cwd"} {
		if address && at[key] != nil {
			p.add(at[key].line, place+"."+key, "it is of no use with url", "Take it out: it is for programs that are started.")
		}
	}
	if command && at["headers"] != nil {
		p.add(at["headers"].line, place+".headers", "they are of no use with command", "Give a program its secrets in env.")
	}
	if command && strings.TrimSpace(l.command) == "" && at["command"].is() == "a text" {
		p.add(at["command"].line, place+".command", "it is empty", `It must be a program, such as "npx" or "/usr/local/bin/wiki-server".`)
	}
	if command && strings.Contains(l.command, " ") && at["args"] == nil {
		p.add(at["command"].line, place+".command", "it has a space, and there are no args", `No shell reads it: write "command": "npx", "args": ["-y", "…"].`)
	}
	if !address || at["url"].is() != "a text" {
		return
	}
	if u, err := url.Parse(l.url); err != nil || u.Scheme != "http" && u.Scheme != "https" || !egress.HasPlace(u) {
		p.add(at["url"].line, place+".url", "it is no http or https address", `It must look like "https://wiki.example/mcp".`)
	} else if u.User != nil || u.Fragment != "" {
		p.add(at["url"].line, place+".url", "it has a user, a password or a fragment", `Write secrets into "headers": {"Authorization": "Bearer ${NAME}"}.`)
	}
}

func (p *parser) flag(n *node, place string) bool {
	if n == nil {
		return false
	}
	on, ok := n.value.(bool)
	if !ok {
		p.add(n.line, place, "it is "+n.is(), "It must be true or false.")
	}
	return on
}

func (p *parser) timeout(n *node, place string, e *entry) {
	if n == nil {
		return
	}
	hint := fmt.Sprintf(`It must be a duration from %s to 10m, such as "30s" or "2m": how long one call may take.`, leastTimeout)
	s, ok := n.value.(string)
	if !ok {
		p.add(n.line, place, "it is "+n.is(), hint)
		return
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < leastTimeout || d > mostTimeout {
		p.add(n.line, place, fmt.Sprintf("%q is no such time", shown(s)), hint)
		return
	}
	e.timeout = d
}

func (p *parser) channels(n *node, place string, e *entry) {
	if n == nil {
		return
	}
	const hint = `It must be a list of channels, by id or name, and "direct" for direct messages: ["C0123", "support", "direct"]; ["*"] means all.`
	if n.value != kindList {
		p.add(n.line, place, "it is "+n.is(), hint)
		return
	}
	if len(n.list) == 0 {
		p.add(n.line, place, "it is empty", hint+` To leave the server out: "disabled": true.`)
	}
	e.channels = nil
	for _, c := range n.list {
		s, ok := c.value.(string)
		name := strings.TrimPrefix(strings.TrimSpace(s), "#")
		if !ok || name == "" || strings.ContainsAny(name, " ,") || strings.Contains(name, "*") && name != "*" {
			p.add(c.line, place, "it has "+c.is()+" that names no channel", hint)
			continue
		}
		e.channels = append(e.channels, name)
	}
}

func (p *parser) rules(n *node, place string, e *entry) {
	if n == nil {
		return
	}
	const words = "ask (the person is asked before each call), dm (unasked in direct messages), everywhere (never asks), off"
	if n.value != kindObject {
		p.add(n.line, place, "it is "+n.is(), `It must be an object with a policy for names or patterns: {"search": "everywhere", "*": "ask"}. Policies are `+words+".")
		return
	}
	if len(n.pairs) > mostRules {
		p.add(n.line, place, fmt.Sprintf("it has %d policies", len(n.pairs)), fmt.Sprintf("%d are the most: use patterns with *.", mostRules))
		return
	}
	e.rules = map[string]Policy{}
	for _, r := range p.keys(n, place) {
		s, ok := r.node.value.(string)
		policy := Policy(s)
		switch {
		case r.key == "":
			p.add(r.line, place, "a policy has an empty name", `"*" stands for all tools.`)
		case !ok:
			p.add(r.node.line, place+"."+r.key, "it is "+r.node.is(), "A policy is one of "+words+".")
		case !slices.Contains(policies(), policy):
			hint := "There are " + words + "."
			if near := nearest(s, []string{string(PolicyAsk), string(PolicyDM), string(PolicyEverywhere), string(PolicyOff)}); near != "" {
				hint = fmt.Sprintf("Is %q meant? ", near) + hint
			}
			p.add(r.node.line, place+"."+r.key, fmt.Sprintf("%q is no policy", shown(s)), hint)
		default:
			e.rules[r.key] = policy
		}
	}
}
