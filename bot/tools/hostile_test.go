package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"
)

// text is a result with one text, which stands there as it is.
func text(id json.RawMessage, s string) string {
	return reply(id, `{"content":[{"type":"text","text":"`+s+`"}]}`)
}

// TestHostileCalls: whatever a server does in a call, the call ends within its time, with a bounded
// clean text, and the next one works.
func TestHostileCalls(t *testing.T) {
	silent := func(json.RawMessage, json.RawMessage) ([]string, bool) { return nil, true }
	says := func(lines ...string) func(id, _ json.RawMessage) ([]string, bool) {
		return func(id, _ json.RawMessage) ([]string, bool) {
			var out []string
			for _, l := range lines {
				out = append(out, strings.ReplaceAll(l, "ID", string(id)))
			}
			return out, true
		}
	}
	result := func(s string) string { return `{"jsonrpc":"2.0","id":ID,"result":` + s + `}` }
	for name, c := range map[string]struct {
		call func(id, params json.RawMessage) ([]string, bool)
		want string // in the text
		ok   bool   // it is no failure
	}{
		"hangs": {silent, "did not answer within 30s. It is not known", false},
		"dies":  {func(json.RawMessage, json.RawMessage) ([]string, bool) { return nil, false }, "broke off", false},
		"1 MB": {func(id, _ json.RawMessage) ([]string, bool) {
			return []string{text(id, strings.Repeat("x", 1<<20))}, true
		}, "characters are left out here", true},
		"10 MB": {func(id, _ json.RawMessage) ([]string, bool) {
			return []string{text(id, strings.Repeat("x", 10<<20))}, true
		}, "too long", false},
		"invalid UTF-8": {func(id, _ json.RawMessage) ([]string, bool) { return []string{text(id, "a\xff\xfeb")}, true }, "\ufffd", true},
		"control tokens": {func(id, _ json.RawMessage) ([]string, bool) {
			return []string{text(id, `a\u0000\u001b[31mb\udb40\udc41c\u202ed`)}, true
		}, "a[31mbcd", true},
		"tool's failure": {says(result(`{"isError":true,"content":[{"type":"text","text":"no such page"}]}`)), "no such page", false},
		"refusal":        {says(`{"jsonrpc":"2.0","id":ID,"error":{"code":-32602,"message":"bad\nargument"}}`), "The server refused the call: bad", false},
		"refusal, SDK's": {says(`{"jsonrpc":"2.0","id":ID,"error":{"code":-32004,"message":"x"}}`), "broke off", false},
		"long refusal": {func(id, _ json.RawMessage) ([]string, bool) {
			return []string{fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":1,"message":%q}}`, id, strings.Repeat("x", 1<<20))}, true
		}, "characters are left out", false},
		"null result":      {says(result("null")), "returned nothing", true},
		"no result":        {says(`{"jsonrpc":"2.0","id":ID}`), "", false},
		"empty result":     {says(result("{}")), "returned nothing", true},
		"null content":     {says(result(`{"content":null}`)), "returned nothing", true},
		"nulls in content": {says(result(`{"content":[null]}`)), "", false},
		"wrong types":      {says(result(`{"content":"text"}`)), "could not be read", false},
		"unknown content":  {says(result(`{"content":[{"type":"hologram"}]}`)), "could not be read", false},
		"number":           {says(result(`17`)), "could not be read", false},
		"deep": {func(id, _ json.RawMessage) ([]string, bool) {
			return []string{reply(id, `{"structuredContent":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+`}`)}, true
		}, "", false},
		"wants input":      {says(result(`{"resultType":"input_required","inputRequests":{"a":{"method":"elicitation/create","params":{"message":"?","requestedSchema":{"type":"object"}}}}}`)), "", false},
		"another's answer": {says(`{"jsonrpc":"2.0","id":9999,"result":{}}`, `{"jsonrpc":"2.0","id":"x","result":{}}`), "did not answer", false},
		"answers twice":    {says(result(`{"content":[{"type":"text","text":"one"}]}`), result(`{"content":[{"type":"text","text":"two"}]}`)), "one", true},
		"no JSON":          {says("Listening on port 3000", "{oops", result(`{"content":[{"type":"text","text":"fine"}]}`)), "fine", true},
		"asks for sampling": {says(`{"jsonrpc":"2.0","id":"q","method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}`,
			`{"jsonrpc":"2.0","id":"r","method":"roots/list"}`, `{"jsonrpc":"2.0","id":"e","method":"elicitation/create","params":{"message":"password?"}}`, result(`{"content":[{"type":"text","text":"fine"}]}`)), "fine", true},
		"structured": {says(result(`{"content":[],"structuredContent":{"a":[1,2]}}`)), `{"a":[1,2]}`, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t)
			var kind atomic.Bool
			n.at("http://s", plainServer(map[string]func(id, params json.RawMessage) ([]string, bool){"tools/call": func(id, params json.RawMessage) ([]string, bool) {
				if !kind.Load() {
					return c.call(id, params)
				}
				return []string{text(id, "done")}, true
			}}))
			s := started(t, Config{transport: n.transport, File: one(t, "")})
			s.Settle(t.Context())
			r := calls(t, s, "s_w")
			if r.Failed == c.ok || !strings.Contains(r.Text, c.want) || r.Text == "" || r.Took > defaultTimeout {
				t.Errorf("%s: %.300q, failed %v, after %s", name, r.Text, r.Failed, r.Took)
			}
			decent(t, name, r.Text)
			kind.Store(true)
			time.Sleep(5 * time.Second)
			if r := calls(t, s, "s_w"); r.Failed || r.Text != "done" {
				t.Errorf("after %s: %+v", name, r)
			}
		})
	}
}

// decent checks what every text for the model must be.
func decent(t *testing.T, name, s string) {
	t.Helper()
	if len(s) > MostResult || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t' || r >= 0xe0000 && r <= 0xe007f
	}) {
		t.Errorf("%s: %d bytes: %.100q", name, len(s), s)
	}
}

// TestLateAnswer gives up a call in time; an answer that comes after it is nobody's. After three
// such calls in a row there is a new session.
func TestLateAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		n.at("http://s", plainServer(map[string]func(id, params json.RawMessage) ([]string, bool){"tools/call": func(id, _ json.RawMessage) ([]string, bool) {
			time.Sleep(40 * time.Second)
			return []string{text(id, "late "+string(id))}, true
		}}))
		s := started(t, Config{transport: n.transport, File: one(t, "")})
		s.Settle(t.Context())
		for i := range mostLate {
			if d := n.dialled("http://s"); d != 1 {
				t.Errorf("after %d calls: %d sessions", i, d)
			}
			if r := calls(t, s, "s_w"); !r.Failed || r.Took != defaultTimeout || !strings.Contains(r.Text, "did not answer within 30s") {
				t.Errorf("%+v", r)
			}
		}
		time.Sleep(2 * time.Minute)
		if d := n.dialled("http://s"); d != 2 {
			t.Errorf("%d sessions", d)
		}
	})
}

// TestHostileSessions: a server that cannot be talked with is away, and says why; Run ends all the
// same.
func TestHostileSessions(t *testing.T) {
	type changes = map[string]func(id, params json.RawMessage) ([]string, bool)
	silent := func(json.RawMessage, json.RawMessage) ([]string, bool) { return nil, true }
	always := func(result string) func(id, _ json.RawMessage) ([]string, bool) {
		return func(id, _ json.RawMessage) ([]string, bool) { return []string{reply(id, result)}, true }
	}
	page := 0
	for name, c := range map[string]struct {
		serve   func(net.Conn)
		offered string
		told    string
	}{
		"silent":            {plainServer(changes{"initialize": silent, "server/discover": silent}), "", "did not answer in time"},
		"silent to the new": {plainServer(changes{"server/discover": silent}), "s_t s_w", ""},
		"dies at the new":   {plainServer(changes{"server/discover": func(json.RawMessage, json.RawMessage) ([]string, bool) { return nil, false }}), "s_t s_w", ""},
		"reads nothing": {func(c net.Conn) {
			for _, err := c.Write(nil); err == nil; _, err = c.Write(nil) { // until the other end closes
				time.Sleep(time.Second)
			}
		}, "", "did not answer in time"},
		"closes": {func(c net.Conn) { _ = c.Close() }, "", ""},
		"speaks HTTP": {raw(func(string, json.RawMessage, json.RawMessage) ([]string, bool) {
			return []string{"HTTP/1.1 400 Bad Request"}, true
		}), "", ""},
		"unknown version": {plainServer(changes{"initialize": always(`{"protocolVersion":"1999-01-01","capabilities":{},"serverInfo":{"name":"x","version":"1"}}`)}), "", "1999"},
		"no tools at all": {plainServer(changes{"tools/list": func(id, _ json.RawMessage) ([]string, bool) {
			return []string{fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}`, id)}, true
		}}), "", "no tools"},
		"an empty list": {plainServer(changes{"tools/list": always(`{"tools":[]}`)}), "", "no tools"},
		"null list":     {plainServer(changes{"tools/list": always(`{"tools":null}`)}), "", "no tools"},
		"null tools":    {plainServer(changes{"tools/list": always(`{"tools":[null,{"name":"t","inputSchema":{"type":"object"}},null]}`)}), "s_t", ""},
		"odd tools":     {plainServer(changes{"tools/list": always(`{"tools":[{"name":"","inputSchema":{}},{"name":"a","inputSchema":"x"},{"name":"b","inputSchema":{"type":"array"}},{"name":"c"},{"name":"c"}]}`)}), "s_c", "the tool a is left out"},
		"endless pages": {plainServer(changes{"tools/list": func(id, _ json.RawMessage) ([]string, bool) {
			page++
			return []string{reply(id, fmt.Sprintf(`{"tools":[],"nextCursor":"%d"}`, page))}, true
		}}), "", "no end"},
		"the same page": {plainServer(changes{"tools/list": always(`{"tools":[{"name":"t"}],"nextCursor":"1"}`)}), "s_t", "no end"},
		"many tools": {plainServer(changes{"tools/list": func(id, _ json.RawMessage) ([]string, bool) {
			var all []string
			for i := range 5000 {
				all = append(all, fmt.Sprintf(`{"name":"t%04d"}`, i))
			}
			return []string{reply(id, `{"tools":[`+strings.Join(all, ",")+`]}`)}, true
		}}), "s_t0000", "more than 128 tools"},
		"hidden in a tool": {plainServer(changes{"tools/list": always(`{"tools":[{"name":"t\u0000\udb40\udc41","description":"a\u001b\udb40\udc41` + strings.Repeat("x", 9000) + `","inputSchema":{"type":"object","description":"\udb40\udc41"}}]}`)}), "s_t__", ""},
		"large schema":     {plainServer(changes{"tools/list": always(`{"tools":[{"name":"t","inputSchema":{"type":"object","description":"` + strings.Repeat("x", 40<<10) + `"}}]}`)}), "", "more than 32 kB"},
		"deep schema":      {plainServer(changes{"tools/list": always(`{"tools":[{"name":"t","inputSchema":{"type":"object","a":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}}]}`)}), "", "more than 64 levels"},
		"line end of old":  {plainServer(changes{"tools/list": always(`{"tools":[{"name":"t","inputSchema":{"type":"object","description":"a\u0085b\u2028c"}}]}`)}), "s_t", ""},
		"one name":         {plainServer(changes{"tools/list": always(`{"tools":[{"name":"t.x"},{"name":"u"},{"name":"t_x"}]}`)}), "s_u", "another with the same name s_t_x"},
		"changes without end": {plainServer(changes{"notifications/initialized": func(json.RawMessage, json.RawMessage) ([]string, bool) {
			var all []string
			for range 5000 {
				all = append(all, `{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
			}
			return all, true
		}}), "s_t s_w", ""},
		"logs without end": {plainServer(changes{"notifications/initialized": func(json.RawMessage, json.RawMessage) ([]string, bool) {
			var all []string
			for range 2000 {
				all = append(all, `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"`+strings.Repeat("x", 10_000)+`"}}`)
			}
			return all, true
		}}), "s_t s_w", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t)
			n.at("http://s", c.serve)
			s := started(t, Config{transport: n.transport, File: one(t, "")})
			time.Sleep(3 * time.Minute)
			st := s.Status()[0]
			if got := offered(s); got != c.offered && !(name == "many tools" && strings.HasPrefix(got, c.offered)) {
				t.Errorf("%s: offered %q: %+v", name, got, st)
			}
			if told := st.Why + strings.Join(st.Troubles, "\n"); !strings.Contains(told, c.told) {
				t.Errorf("%s: %q", name, told)
			}
			if st.Connected == (st.Why != "") {
				t.Errorf("%s: connected %v, and %q", name, st.Connected, st.Why)
			}
			for _, tool := range s.Offer(Place{Channel: "C1"}) {
				decent(t, name, tool.Name+tool.Title+tool.Description+string(tool.Schema))
				if !json.Valid(tool.Schema) || len(tool.Description) > mostDescription {
					t.Errorf("%s: %+v", name, tool)
				}
			}
		})
	}
}

// TestHammer calls, reloads and looks at once, at servers that die, hang and come back.
func TestHammer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		wild := plainServer(map[string]func(id, params json.RawMessage) ([]string, bool){"tools/call": func(id, _ json.RawMessage) ([]string, bool) {
			switch rand.IntN(6) {
			case 0:
				return nil, false
			case 1:
				return nil, true
			case 2:
				time.Sleep(time.Duration(rand.IntN(5000)) * time.Millisecond)
			case 3:
				return []string{`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`, text(id, "x")}, true
			}
			return []string{text(id, "done")}, true
		}})
		n.at("http://a", wild)
		n.at("http://b", wild)
		files := []File{
			parsed(t, `{"mcpServers": {"a": {"url": "http://a", "timeout": "2s", "tools": {"*": "everywhere"}}, "b": {"url": "http://b", "timeout": "1s"}}}`),
			parsed(t, `{"mcpServers": {"a": {"url": "http://b", "timeout": "1s", "tools": {"*": "everywhere"}}}}`),
			parsed(t, `{"mcpServers": {"a": {"url": "http://a", "timeout": "2s", "tools": {"t": "off"}}, "c": {"url": "http://c"}}}`),
		}
		s := started(t, Config{transport: n.transport, File: files[0]})
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				for range 50 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(4000))*time.Millisecond)
					for _, tool := range s.Offer(Place{Channel: "C1"}) {
						if r := s.Call(ctx, Call{Tool: tool, Place: Place{Channel: "C1"}}); r.Text == "" || r.Took > tool.Timeout {
							t.Errorf("%+v", r)
						}
					}
					cancel()
					time.Sleep(time.Duration(rand.IntN(1000)) * time.Millisecond)
				}
			})
		}
		all.Go(func() {
			for range 100 {
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Millisecond)
				s.Reload(files[rand.IntN(len(files))])
				_ = s.Status()
			}
		})
		all.Wait()
	})
}
