package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Bounds of the demo's notes.
const (
	mostNotes = 20  // of a person
	mostNote  = 300 // characters of one
)

// directory is the small team of the demo.
type directory struct {
	mu    sync.Mutex // guards notes
	notes map[string][]string
}

// person is somebody in the directory.
type person struct{ name, role, desk, zone string }

func team() []person {
	return []person{
		{"Ada Novak", "runs the model servers", "2.14", "Europe/Prague"},
		{"Ben Okafor", "on call this week", "2.11", "Africa/Lagos"},
		{"Chen Wei", "data and search", "remote", "Asia/Taipei"},
		{"Dora Silva", "answers for the product", "2.02", "America/Sao_Paulo"},
	}
}

// Demo returns a file with one server in this process, so that a visitor sees tools without one of
// theirs: a clock and a team directory, which run unasked, and add_note, which changes something
// and asks before each call. now is the clock.
func Demo(now func() time.Time) File {
	d := &directory{notes: map[string][]string{}}
	s := mcp.NewServer(&mcp.Implementation{Name: "llmbot demo", Version: "1"}, nil)
	mcp.AddTool(s, &mcp.Tool{
		Name: "clock", Description: "Tells the date and the time now.", Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true},
	}, func(_ context.Context, _ *mcp.CallToolRequest, in struct {
		Zone string `json:"zone,omitempty" jsonschema:"a time zone such as Europe/Prague; without one UTC"`
	},
	) (*mcp.CallToolResult, any, error) {
		zone, err := time.LoadLocation(in.Zone)
		if err != nil {
			return nil, nil, fmt.Errorf("there is no time zone %q; they look like Europe/Prague", word(in.Zone))
		}
		return said(now().In(zone).Format("Monday, 2 January 2006, 15:04 MST")), nil, nil
	})
	mcp.AddTool(s, &mcp.Tool{
		Name: "find_person", Description: "Looks up people of the team by a part of their name or of what they do: role, desk, time zone, notes.", Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true},
	}, func(_ context.Context, _ *mcp.CallToolRequest, in struct {
		Query string `json:"query,omitempty" jsonschema:"a part of a name or of a role; without one everybody"`
	},
	) (*mcp.CallToolResult, any, error) {
		return said(d.find(in.Query)), nil, nil
	})
	mcp.AddTool(s, &mcp.Tool{
		Name: "add_note", Description: "Adds a note to somebody in the team directory.",
	}, func(_ context.Context, _ *mcp.CallToolRequest, in struct {
		Person string `json:"person" jsonschema:"the name"`
		Note   string `json:"note" jsonschema:"what is to be noted"`
	},
	) (*mcp.CallToolResult, any, error) {
		text, err := d.note(in.Person, in.Note)
		if err != nil {
			return nil, nil, err
		}
		return said(text), nil, nil
	})
	return File{servers: []entry{{
		name: "team", link: link{inside: s}, channels: []string{"*"}, timeout: defaultTimeout,
		rules: map[string]Policy{"clock": PolicyEverywhere, "find_person": PolicyEverywhere, "add_note": PolicyAsk},
	}}}
}

func said(text string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}
}

// find returns the people that a query fits.
func (d *directory) find(query string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var lines []string
	for _, p := range team() {
		if !strings.Contains(strings.ToLower(p.name+" "+p.role), strings.ToLower(strings.TrimSpace(query))) {
			continue
		}
		parts := []string{fmt.Sprintf("%s: %s; desk %s; time zone %s", p.name, p.role, p.desk, p.zone)}
		for _, note := range d.notes[p.name] {
			parts = append(parts, "note: "+note)
		}
		lines = append(lines, strings.Join(parts, "; "))
	}
	if len(lines) == 0 {
		return "Nobody in the team fits that."
	}
	return strings.Join(lines, "\n")
}

// note adds a note to the one whose name it is.
func (d *directory) note(name, note string) (string, error) {
	all := team()
	at := slices.IndexFunc(all, func(p person) bool {
		return strings.Contains(strings.ToLower(p.name), strings.ToLower(strings.TrimSpace(name)))
	})
	note = strings.TrimSpace(note)
	switch {
	case strings.TrimSpace(name) == "" || at < 0:
		return "", fmt.Errorf("nobody in the team is called %q", word(name))
	case note == "" || len([]rune(note)) > mostNote:
		return "", fmt.Errorf("a note has 1 to %d characters", mostNote)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	who := all[at].name
	if len(d.notes[who]) >= mostNotes {
		return "", fmt.Errorf("%s has %d notes, which is the most", who, mostNotes)
	}
	d.notes[who] = append(d.notes[who], note)
	return "Noted for " + who + ".", nil
}
