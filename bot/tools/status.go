package tools

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ServerStatus is how a server is doing, for people. No secret is in it.
type ServerStatus struct {
	Name      string
	Transport string // "stdio: npx", "http", "sse", "in this program"
	Channels  []string
	Timeout   time.Duration // of a call

	Connected bool
	Since     time.Time // when it was connected, or lost; zero: it was not connected yet
	Why       string    // it is not connected; empty: it is, or is being connected for the first time
	Said      string    // the server's last words at that, for its operator: arguments and results may be in them
	Hint      string    // what to do about it; may be empty
	Protocol  string    // the version that is spoken

	Tools    []ToolStatus // those that may be offered somewhere
	Off      []string     // titles of those with the policy off
	Troubles []string     // what is wrong with tools and policies

	Calls, Failures, Running int // since the start
}

// ToolStatus is one tool.
type ToolStatus struct {
	Tool

	Bytes int // of its definition, see DefinitionBytes
}

// Status returns how the servers are doing, sorted by name. It never blocks.
func (s *Servers) Status() []ServerStatus {
	servers := s.known()
	twice := s.collisions(servers)
	all := make([]ServerStatus, 0, len(servers))
	for _, srv := range servers {
		st := srv.status()
		for _, t := range st.Tools {
			if names := twice[t.Name]; len(names) > 0 {
				st.Troubles = append(st.Troubles, fmt.Sprintf("the tool %s is left out: %s have one with the same name %s; rename one of the servers in the file, or set one of the tools to off", t.Title, strings.Join(names, " and "), t.Name))
			}
		}
		st.Tools = slices.DeleteFunc(st.Tools, func(t ToolStatus) bool { return len(twice[t.Name]) > 0 })
		all = append(all, st)
	}
	return all
}

func (s *server) status() ServerStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := ServerStatus{
		Name: s.name, Transport: s.link.shown(), Channels: slices.Clone(s.entry.channels), Timeout: s.entry.timeout, Connected: s.session != nil, Since: s.since,
		Why: s.shown(s.why), Hint: hintOf(s.why), Troubles: slices.Clone(s.troubles),
		Calls: s.count.calls, Failures: s.count.failures, Running: s.count.running,
	}
	if said, ok := errors.AsType[*saidError](s.why); ok && said.said != "" {
		st.Said = s.shown(errors.New(said.said))
	}
	if s.session != nil {
		st.Protocol = s.session.mcp.InitializeResult().ProtocolVersion
	}
	for _, o := range s.offers {
		st.Tools = append(st.Tools, ToolStatus{o.Tool, DefinitionBytes([]Tool{o.Tool})})
	}
	slices.SortFunc(st.Tools, func(a, b ToolStatus) int { return strings.Compare(a.Name, b.Name) })
	for _, t := range s.told {
		if s.entry.policy(t.Name) == PolicyOff {
			st.Off = append(st.Off, titleOf(t.Name))
		}
	}
	return st
}

// shown returns how a server is reached, in a word.
func (l link) shown() string {
	switch {
	case l.inside != nil:
		return "in this program"
	case l.command != "":
		return "stdio: " + word(l.command)
	case l.way == "":
		return wayHTTP
	}
	return l.way
}
