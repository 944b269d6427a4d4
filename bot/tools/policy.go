package tools

import (
	"slices"
	"strings"
)

// policies returns all policies, the strictest first.
func policies() []Policy { return []Policy{PolicyOff, PolicyAsk, PolicyDM, PolicyEverywhere} }

// looser reports whether p lets a tool run where q would not.
func (p Policy) looser(q Policy) bool {
	return slices.Index(policies(), p) > slices.Index(policies(), q)
}

// policy returns what the file says of a tool: the rule with its exact name, else the longest
// pattern that matches, of equally long ones the strictest, else ask.
func (e *entry) policy(tool string) Policy {
	if p, ok := e.rules[tool]; ok {
		return p
	}
	best, longest := PolicyAsk, -1
	for pattern, p := range e.rules {
		if !strings.Contains(pattern, "*") || !matches(pattern, tool) {
			continue
		}
		if len(pattern) > longest || len(pattern) == longest && best.looser(p) {
			best, longest = p, len(pattern)
		}
	}
	return best
}

// matches reports whether a name matches a pattern, in which each * stands for any characters.
func matches(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	last := len(parts) - 1
	if last == 0 {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, parts[0])
	if !ok || len(name) < len(parts[last]) || !strings.HasSuffix(name, parts[last]) {
		return false
	}
	name = name[:len(name)-len(parts[last])]
	for _, part := range parts[1:last] {
		_, rest, found := strings.Cut(name, part)
		if !found {
			return false
		}
		name = rest
	}
	return true
}

// directChannel is the entry of channels that stands for direct messages.
const directChannel = "direct"

// fits reports whether the tools of a server may be offered at a place.
func (e *entry) fits(p Place) bool {
	return slices.ContainsFunc(e.channels, func(c string) bool {
		switch {
		case c == "*", p.Channel != "" && c == p.Channel:
			return true
		case p.Direct:
			return c == directChannel
		}
		return p.Name != "" && c == p.Name && c != directChannel // a channel of that name has an id
	})
}

// unmatched returns the names and patterns of the rules that no tool has, sorted.
func (e *entry) unmatched(tools []string) []string {
	var out []string
	for rule := range e.rules {
		if rule != "*" && !slices.ContainsFunc(tools, func(tool string) bool { return matches(rule, tool) }) {
			out = append(out, rule)
		}
	}
	slices.Sort(out)
	return out
}
