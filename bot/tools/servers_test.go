package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// newest returns a server of the SDK, which speaks the newest version, with tools that echo.
func newest(tools ...string) *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	for _, name := range tools {
		addEcho(s, name)
	}
	return s
}

func addEcho(s *mcp.Server, name string) {
	s.AddTool(&mcp.Tool{Name: name, Description: "echoes", InputSchema: map[string]any{"type": "object"}}, func(_ context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: name + string(r.Params.Arguments)}}}, nil
	})
}

func TestOfferAndCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		n.at("http://a", sdk(newest("search", "delete", "read.page")))
		n.at("http://b", plainServer(nil))
		var heard []string
		slow := func(l link) (mcp.Transport, func(), error) {
			time.Sleep(time.Second) // so that there is a time before it connects
			return n.transport(l)
		}
		s := started(t, Config{transport: slow, File: parsed(t, `{"mcpServers": {
			"a": {"url": "http://a", "tools": {"search": "everywhere", "delete": "off"}, "timeout": "5s"},
			"b": {"url": "http://b", "channels": ["direct"], "tools": {"t": "dm"}}
		}}`), Hooks: Hooks{Called: func(server, tool, outcome string, took time.Duration) {
			heard = append(heard, server+" "+tool+" "+outcome)
		}}})
		if got := offered(s); got != "" {
			t.Errorf("before it connects: %s", got)
		}
		s.Settle(t.Context())
		if got := offered(s); got != "a_read_page a_search" {
			t.Errorf("%s", got)
		}
		direct := s.Offer(Place{Channel: "D1", Direct: true})
		if len(direct) != 4 || direct[2].Name != "b_t" || !direct[2].ReadOnly || direct[2].Policy != PolicyDM || direct[3].ReadOnly || direct[3].Policy != PolicyAsk {
			t.Errorf("%+v", direct)
		}
		search := named(t, s, "a_search")
		if search.Title != "search" || search.Timeout != 5*time.Second || search.Server != "a" || search.Policy != PolicyEverywhere || string(search.Schema) != `{"properties":{},"type":"object"}` {
			t.Errorf("%+v %s", search, search.Schema)
		}
		if r := calls(t, s, "a_search"); r.Failed || r.Text != `search{"a":1}` {
			t.Errorf("%+v", r)
		}
		if r := calls(t, s, "a_read_page"); r.Failed || r.Text != `read.page{"a":1}` {
			t.Errorf("%+v", r)
		}
		if r := s.Call(t.Context(), Call{Tool: direct[2], Place: Place{Direct: true}, Arguments: nil}); r.Failed || r.Text != "done" {
			t.Errorf("%+v", r)
		}
		if r := s.Call(t.Context(), Call{Tool: direct[2], Place: Place{Channel: "C1"}}); !r.Failed || !strings.Contains(r.Text, "not made") {
			t.Errorf("where its server may not be used: %+v", r)
		}
		if r := s.Call(t.Context(), Call{Tool: search, Arguments: json.RawMessage(`[1]`)}); !r.Failed || !strings.Contains(r.Text, "JSON object") {
			t.Errorf("%+v", r)
		}
		st := s.Status()
		if len(st) != 2 || !st[0].Connected || st[0].Calls != 3 || st[0].Failures != 1 || len(st[0].Tools) != 2 || fmt.Sprint(st[0].Off) != "[delete]" || st[1].Protocol != "2025-06-18" {
			t.Errorf("%+v", st)
		}
		if len(heard) != 5 || heard[0] != "a a_search ok" {
			t.Errorf("%q", heard)
		}
		if got := DefinitionBytes([]Tool{search}); got < 60 || got > 200 {
			t.Errorf("%d bytes", got)
		}
	})
}

func TestListChangeIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, version := range map[string]string{"newest": "", "handshake": oldVersion} {
			n := newNetwork(t)
			server := newest("one")
			n.at("http://s", sdk(server))
			s := started(t, Config{transport: func(l link) (mcp.Transport, func(), error) {
				if version != "" && n.dialled("http://s") == 0 { // the first fails, the second asks for the old version
					n.dials["http://s"]++
					return nil, nil, context.DeadlineExceeded
				}
				return n.transport(l)
			}, File: one(t, "")})
			time.Sleep(5 * time.Second)
			if got := offered(s); got != "s_one" {
				t.Fatalf("%s: %s", name, got)
			}
			if got := s.Status()[0].Protocol; version != "" && got != version {
				t.Errorf("%s: %s", name, got)
			}
			addEcho(server, "two")
			time.Sleep(5 * time.Second)
			if got := offered(s); got != "s_one s_two" {
				t.Errorf("%s: %s", name, got)
			}
			server.RemoveTools("one")
			time.Sleep(5 * time.Second)
			if got := offered(s); got != "s_two" {
				t.Errorf("%s: %s", name, got)
			}
		}
	})
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		for _, url := range []string{"http://a", "http://b", "http://c"} {
			n.at(url, sdk(newest("x", "y")))
		}
		s := started(t, Config{transport: n.transport, File: parsed(t, `{"mcpServers": {"a": {"url": "http://a"}, "b": {"url": "http://b"}}}`)})
		s.Settle(t.Context())
		before := named(t, s, "a_x")
		s.Reload(parsed(t, `{"mcpServers": {"a": {"url": "http://a", "tools": {"x": "off", "y": "everywhere"}, "timeout": "1m"}, "b": {"url": "http://c"}, "c": {"url": "http://c", "disabled": true}}}`))
		if got := offered(s); got != "a_y" && got != "a_y b_x b_y" { // the new session of b may be up already
			t.Errorf("at once: %s", got)
		}
		s.Settle(t.Context())
		if got := offered(s); got != "a_y b_x b_y" {
			t.Errorf("%s", got)
		}
		if n.dialled("http://a") != 1 || n.dialled("http://c") != 1 {
			t.Errorf("%v", n.dials)
		}
		if y := named(t, s, "a_y"); y.Policy != PolicyEverywhere || y.Timeout != time.Minute {
			t.Errorf("%+v", y)
		}
		if r := s.Call(t.Context(), Call{Tool: before}); !r.Failed || !strings.Contains(r.Text, "not made") {
			t.Errorf("a tool that is off now: %+v", r)
		}
		y := named(t, s, "a_y")
		s.Reload(parsed(t, `{"mcpServers": {"a": {"url": "http://a", "tools": {"y": "ask"}}}}`))
		if r := s.Call(t.Context(), Call{Tool: y}); !r.Failed || !strings.Contains(r.Text, "rules for this tool have changed") {
			t.Errorf("a tool that asks now: %+v", r)
		}
		s.Reload(File{})
		time.Sleep(time.Minute)
		if got := offered(s); got != "" || len(s.Status()) != 0 {
			t.Errorf("%s", got)
		}
		if r := s.Call(t.Context(), Call{Tool: before}); !r.Failed {
			t.Errorf("%+v", r)
		}
	})
}

// TestReconnects opens a broken session anew, with pauses that grow, and keeps the tools offered for
// a minute.
func TestReconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		mortal := plainServer(map[string]func(id, params json.RawMessage) ([]string, bool){"tools/call": func(json.RawMessage, json.RawMessage) ([]string, bool) { return nil, false }})
		n.at("http://s", mortal)
		s := started(t, Config{transport: n.transport, File: one(t, "")})
		s.Settle(t.Context())
		n.at("http://s", nil)
		if r := calls(t, s, "s_w"); !r.Failed || !strings.Contains(r.Text, "not known whether") || r.Took > time.Second {
			t.Errorf("%+v", r)
		}
		time.Sleep(30 * time.Second)
		if got := offered(s); got != "s_t s_w" {
			t.Errorf("in the minute: %q", got)
		}
		if r := calls(t, s, "s_w"); !r.Failed || !strings.Contains(r.Text, "not made") || r.Took != defaultTimeout {
			t.Errorf("%+v", r)
		}
		time.Sleep(9 * time.Minute)
		if got := offered(s); got != "" {
			t.Errorf("after ten minutes: %q", got)
		}
		st := s.Status()[0]
		if st.Connected || st.Why != "connection refused" || st.Failures != 2 {
			t.Errorf("%+v", st)
		}
		if d := n.dialled("http://s"); d < 14 || d > 30 {
			t.Errorf("%d dials in ten minutes", d)
		}
		n.at("http://s", plainServer(nil))
		time.Sleep(2 * time.Minute)
		if r := calls(t, s, "s_t"); r.Failed {
			t.Errorf("%+v", r)
		}
	})
}

// TestRetries makes a call again once, and only one that may be repeated.
func TestRetries(t *testing.T) {
	for _, c := range []struct {
		tool   string
		policy Policy
		fails  int // calls that break off
		sent   int
		failed bool
	}{
		{"t", PolicyEverywhere, 1, 2, false},
		{"t", PolicyEverywhere, 2, 2, true},
		{"t", PolicyAsk, 1, 1, true},
		{"t", PolicyDM, 1, 1, true}, // in a channel
		{"w", PolicyEverywhere, 1, 1, true},
		{"w", PolicyAsk, 1, 1, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t)
			sent := 0
			n.at("http://s", plainServer(map[string]func(id, params json.RawMessage) ([]string, bool){"tools/call": func(id, _ json.RawMessage) ([]string, bool) {
				if sent++; sent <= c.fails {
					return nil, false
				}
				return []string{reply(id, `{"content":[{"type":"text","text":"done"}]}`)}, true
			}}))
			s := started(t, Config{transport: n.transport, File: parsed(t, fmt.Sprintf(`{"mcpServers": {"s": {"url": "http://s", "tools": {"*": %q}}}}`, c.policy))})
			s.Settle(t.Context())
			r := calls(t, s, "s_"+c.tool)
			if sent != c.sent || r.Failed != c.failed {
				t.Errorf("%+v: sent %d times, %+v", c, sent, r)
			}
		})
	}
}

// TestCollisions offers neither of two tools with one name, and says so.
func TestCollisions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		n.at("http://a", sdk(newest("b_c", "x.y", "x_y", "z")))
		n.at("http://b", sdk(newest("c", strings.Repeat("long", 16))))
		s := started(t, Config{transport: n.transport, File: parsed(t, `{"mcpServers": {"a": {"url": "http://a", "tools": {"gone": "off", "g*": "off", "z*": "ask"}}, "a_b": {"url": "http://b"}}}`)})
		s.Settle(t.Context())
		if got := offered(s); got != "a_z" {
			t.Errorf("%s", got)
		}
		var told strings.Builder
		for _, st := range s.Status() {
			told.WriteString(strings.Join(st.Troubles, "\n") + "\n")
		}
		for _, want := range []string{"a and a_b have one with the same name a_b_c", "the tool x_y is left out", "the tool x.y is left out", "more than 64 characters", `policy for "gone"`, `policy for "g*"`} {
			if !strings.Contains(told.String(), want) {
				t.Errorf("not said: %s\n%s", want, told.String())
			}
		}
		s.Reload(parsed(t, `{"mcpServers": {"a": {"url": "http://a"}, "a_b": {"url": "http://b", "tools": {"c": "off"}}}}`))
		if got := offered(s); got != "a_b_c a_z" {
			t.Errorf("%s", got)
		}
	})
}

// TestStopped ends a call with its caller, and Run with calls in it.
func TestStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		n.at("http://s", plainServer(map[string]func(id, params json.RawMessage) ([]string, bool){"tools/call": func(json.RawMessage, json.RawMessage) ([]string, bool) { return nil, true }}))
		s, err := New(Config{transport: n.transport, File: one(t, "")})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		s.Settle(t.Context())
		tool := named(t, s, "s_w")
		asked, give := context.WithCancel(t.Context())
		time.AfterFunc(2*time.Second, give)
		if r := s.Call(asked, Call{Tool: tool}); !r.Failed || r.Took != 2*time.Second || !strings.Contains(r.Text, "stopped") {
			t.Errorf("%+v", r)
		}
		time.AfterFunc(2*time.Second, cancel)
		if r := s.Call(t.Context(), Call{Tool: tool}); !r.Failed || r.Took != 2*time.Second || !strings.Contains(r.Text, "not known") {
			t.Errorf("%+v", r)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if r := s.Call(t.Context(), Call{Tool: tool}); !r.Failed || !strings.Contains(r.Text, "not made") {
			t.Errorf("%+v", r)
		}
	})
}
