package scenario

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"llmbot/bot/slacksim"
)

// The times that a scenario waits if it does not say.
const (
	defaultPatience = 10 * time.Second // for an expectation
	defaultStart    = 30 * time.Second // for the app's first socket
	// defaultEnd is for what must be true at the end: acks may take so long.
	defaultEnd = slacksim.AckTimeout
)

// Scenario is a script that was read without a problem.
type Scenario struct {
	Name, About string

	file      string
	start     time.Duration // for the first socket
	patience  time.Duration
	workspace args
	users     []slacksim.User // nil: the usual ones
	channels  []slacksim.Channel
	steps     []step
	finally   []step
}

// step is one line of the script.
type step struct {
	line   int
	name   string // of the action, or of the clause that is expected
	args   args
	do     func(context.Context, *run, args) error // nil: it expects
	check  func(*run, args) result
	within time.Duration
}

// Load reads a file. Its error is a [*Error] if the file can be read.
func Load(file string) (*Scenario, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the scenario: %w", err)
	}
	return Parse(file, text)
}

// Parse reads a scenario; name is what problems call the file. Its error is a [*Error] with all
// that is wrong.
func Parse(name string, text []byte) (*Scenario, error) {
	p := &reader{}
	s := &Scenario{file: name, start: defaultStart, patience: defaultPatience}
	root := p.readYAML(text)
	if len(p.list) == 0 {
		s.read(p, root)
	}
	if err := problemsOf(name, p.list); err != nil {
		return nil, err
	}
	s.Name = cmp.Or(s.Name, name)
	return s, nil
}

func (s *Scenario) read(p *reader, root node) {
	keys := []string{"name", "about", "workspace", "start", "patience", "steps", "finally"}
	if root.kind != mapping {
		p.addf(root.line, "its keys are: "+strings.Join(keys, ", "), "a scenario has keys with values; here is %s", root.kind)
		return
	}
	at := func(key string) node {
		for _, f := range root.fields {
			if f.key == key {
				return f.value
			}
		}
		return node{kind: nothing, line: 1}
	}
	for _, f := range root.fields {
		if !slices.Contains(keys, f.key) {
			p.addf(f.line, oneOf(f.key, keys), "a scenario has no %s", f.key)
		}
	}
	s.Name, s.About = at("name").text, at("about").text
	for key, to := range map[string]*time.Duration{"patience": &s.patience, "start": &s.start} {
		if n := at(key); n.kind != nothing {
			if v, ok := p.value(key, n, duration, nil); ok {
				*to = v.d
			}
		}
	}
	s.readWorkspace(p, at("workspace"))
	nm := s.names()
	steps := at("steps")
	if steps.kind != list || len(steps.list) == 0 {
		p.addf(steps.line, "such as\nsteps:\n  - say: {as: alice, in: general, text: hello}", "a scenario needs steps, as a list")
	}
	for _, n := range steps.list {
		s.steps = append(s.steps, p.step(n, nm, s.patience))
	}
	if end := at("finally"); end.kind == list {
		for _, n := range end.list {
			s.finally = append(s.finally, p.clause("finally", n, nm, defaultEnd))
		}
	} else if end.kind != nothing {
		p.addf(end.line, "such as\nfinally:\n  - notified: {count: 0}", "finally must be a list")
	}
}

// readWorkspace reads what the workspace is like.
func (s *Scenario) readWorkspace(p *reader, n node) {
	lists := map[string]node{}
	rest := node{kind: n.kind, line: n.line}
	for _, f := range n.fields {
		if f.key == "users" || f.key == "channels" {
			lists[f.key] = f.value
		} else {
			rest.fields = append(rest.fields, f)
		}
	}
	s.workspace = p.args("workspace", rest, []arg{
		optional("limiter", text), optional("latency", duration), optional("agent", truth), optional("no_charts", truth), optional("bot", text),
		optional("scopes", texts), optional("events", texts), optional("commands", texts), optional("hold_events", number), optional("seed", number),
	}, &names{})
	limiters := []string{string(slacksim.LimiterWindow), string(slacksim.LimiterBucket), string(slacksim.LimiterOff)}
	if l := s.workspace.text("limiter"); s.workspace.has("limiter") && !slacksim.Limiter(l).Known() {
		p.addf(s.workspace.m["limiter"].line, oneOf(l, limiters), "workspace.limiter is %q", l)
	}
	for _, one := range lists["users"].list {
		a := p.args("users", one, []arg{needed("name", text), optional("real_name", text), optional("guest", truth), optional("team", text), optional("bot", truth)}, &names{})
		u := slacksim.User{ID: id("U0", a.text("name")), Name: a.text("name"), RealName: cmp.Or(a.text("real_name"), a.text("name")), Guest: a.ok("guest")}
		if a.has("team") {
			u.TeamID = id("T0", a.text("team"))
		}
		if a.ok("bot") {
			u.BotID = id("B0", a.text("name"))
		}
		s.users = append(s.users, u)
	}
	people := s.names().people
	for _, one := range lists["channels"].list {
		a := p.args("channels", one, []arg{
			needed("name", text), optional("private", truth), optional("shared", truth), optional("group", truth), optional("no_bot", truth), optional("members", texts),
		}, &names{})
		name := strings.TrimPrefix(a.text("name"), "#")
		c := slacksim.Channel{ID: id("C0", name), Name: name, Private: a.ok("private"), ExtShared: a.ok("shared"), Group: a.ok("group"), NoBot: a.ok("no_bot")}
		for _, m := range a.m["members"].texts {
			if !slices.Contains(people, m) {
				p.addf(one.line, oneOf(m, people), "channels.members: there is no person %q", m)
			}
			for _, u := range s.everybody() {
				if u.Name == m {
					c.Members = append(c.Members, u.ID)
				}
			}
		}
		s.channels = append(s.channels, c)
	}
}

// id returns an id of Slack's form for a name.
func id(prefix, name string) string {
	return prefix + strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return unicode.ToUpper(r)
		}
		return -1
	}, name)
}

func (s *Scenario) everybody() []slacksim.User {
	if s.users != nil {
		return s.users
	}
	return slacksim.DefaultUsers()
}

func (s *Scenario) names() *names {
	var n names
	channels := s.channels
	if channels == nil {
		channels = slacksim.DefaultChannels()
	}
	for _, c := range channels {
		n.places = append(n.places, c.Name)
	}
	for _, u := range s.everybody() {
		n.people = append(n.people, u.Name)
		if u.BotID == "" {
			n.places = append(n.places, "@"+u.Name)
		}
	}
	return &n
}

// Config returns cfg with what the scenario says of the workspace.
func (s *Scenario) Config(cfg slacksim.Config) slacksim.Config {
	w := s.workspace
	for name, to := range map[string]*[]string{"scopes": &cfg.Scopes, "events": &cfg.Events, "commands": &cfg.Commands} {
		if w.has(name) {
			*to = w.m[name].texts
		}
	}
	if w.has("limiter") {
		cfg.Limiter = slacksim.Limiter(w.text("limiter"))
	}
	if w.has("latency") {
		cfg.Latency = w.d("latency")
	}
	if w.has("seed") {
		cfg.Seed = uint64(max(0, w.n("seed")))
	}
	if w.has("bot") {
		if cfg.Bot.UserID == "" {
			cfg.Bot = slacksim.Bot{UserID: "U0LLMBOT01", BotID: "B0LLMBOT01", AppID: "A0LLMBOT01"}
		}
		cfg.Bot.Name = w.text("bot")
	}
	cfg.Agent, cfg.NoCharts = cfg.Agent || w.ok("agent"), cfg.NoCharts || w.ok("no_charts")
	if w.has("hold_events") {
		cfg.HoldEvents = w.n("hold_events")
	}
	if s.users != nil {
		cfg.Users = s.users
	}
	if s.channels != nil {
		cfg.Channels = s.channels
	}
	return cfg
}

// step reads one step: a mapping with one key, the action.
func (p *reader) step(n node, nm *names, patience time.Duration) step {
	known := actions()
	all := append(keysOf(known), "expect")
	slices.Sort(all)
	if i := slices.IndexFunc(n.fields, func(f field) bool { return f.key == "within" }); i >= 0 && len(n.fields) == 2 && n.fields[1-i].key == "expect" {
		look := n.fields[1-i].value // beside expect it means the same as in it
		look.fields = append(slices.Clone(look.fields), n.fields[i])
		return p.clause("expect", look, nm, patience)
	}
	if n.kind != mapping || len(n.fields) != 1 {
		p.addf(n.line, "such as - say: {as: alice, in: general, text: hello}\nthe actions are: "+strings.Join(all, ", "), "a step has one key, its action")
		return step{line: n.line}
	}
	f := n.fields[0]
	if f.key == "expect" {
		return p.clause("expect", f.value, nm, patience)
	}
	a, ok := known[f.key]
	if !ok {
		p.addf(f.line, oneOf(f.key, all), "there is no action %s", f.key)
		return step{line: f.line}
	}
	value := f.value
	if a.short != "" && value.kind == scalar { // such as wait: 2s
		value = node{kind: mapping, line: f.line, fields: []field{{key: a.short, line: f.line, value: value}}}
	}
	return step{line: f.line, name: f.key, args: p.args(f.key, value, a.args, nm), do: a.do}
}

// clause reads one expectation: a mapping with one key, what is looked at, and perhaps within.
func (p *reader) clause(where string, n node, nm *names, patience time.Duration) step {
	known := clauses()
	out := step{line: n.line, within: patience}
	found := false
	for _, f := range n.fields {
		if f.key == "within" {
			if v, ok := p.value("within", f.value, duration, nm); ok {
				out.within = v.d
			}
			continue
		}
		c, ok := known[f.key]
		switch {
		case !ok:
			p.addf(f.line, oneOf(f.key, append(keysOf(known), "within")), "%s knows no %s", where, f.key)
		case found:
			p.addf(f.line, "write a second one: - "+where+": …", "%s looks at one thing, and here is %s too", where, f.key)
		default:
			out.line, out.name, out.args, out.check = f.line, f.key, p.args(f.key, f.value, c.args, nm), c.check
		}
		found = true
	}
	if !found {
		p.addf(n.line, "it may be: "+strings.Join(keysOf(known), ", "), "%s does not say what to look at", where)
	}
	return out
}

func keysOf[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
