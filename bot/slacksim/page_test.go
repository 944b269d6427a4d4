package slacksim_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"llmbot/bot/slacksim"
)

// page sends a request of the browser page.
func (s *space) page(method, path, body string, header ...string) *http.Response {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, "http://localhost:8080"+path, strings.NewReader(body))
	must(s.t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	if h := req.Header.Get("Host"); h != "" {
		req.Host = h
	}
	res, err := s.http.Do(req)
	must(s.t, err)
	return res
}

func TestPage(t *testing.T) {
	bubble(t, slacksim.Config{Notice: "a simulated model", Hosts: []string{"demo.lan"}}, func(t *testing.T, s *space) {
		status := func(method, path, body string, header ...string) int {
			res := s.page(method, path, body, header...)
			_ = res.Body.Close()
			return res.StatusCode
		}
		say := `{"user":"U0ALICE001","channel":"C0GENERAL1","text":"hi @llm"}`
		for _, c := range []struct {
			want         int
			method, path string
			body         string
			header       []string
		}{
			{200, "GET", "/", "", nil},
			{200, "GET", "/app.js", "", nil},
			{200, "GET", "/panel.js", "", nil},
			{200, "GET", "/panel-calls.js", "", nil},
			{200, "GET", "/panel-knobs.js", "", nil},
			{200, "GET", "/panel-model.js", "", nil},
			{200, "GET", "/panel.css", "", nil},
			{200, "GET", "/style.css", "", nil},
			{200, "GET", "/", "", []string{"Host", "127.0.0.1:99"}},
			{200, "GET", "/", "", []string{"Host", "[::1]:99"}},
			{200, "GET", "/", "", []string{"Host", "demo.lan"}},
			{200, "GET", "/archives/C0GENERAL1/p1796052954088427", "", nil},
			{404, "GET", "/archives/C0GENERAL1/p17.5", "", nil},
			{404, "GET", "/archives/C0GENERAL1", "", nil},
			{403, "GET", "/archives/C0GENERAL1/p1796052954088427", "", []string{"Host", "evil.example"}},
			{403, "GET", "/", "", []string{"Host", "evil.example"}},
			{403, "GET", "/page/events?user=alice", "", []string{"Host", "localhost.evil.example:8080"}},
			{403, "POST", "/page/say", say, []string{"Origin", "https://evil.example"}},
			{403, "POST", "/page/say", say, []string{"Sec-Fetch-Site", "cross-site"}},
			{200, "POST", "/page/say", say, []string{"Sec-Fetch-Site", "same-origin"}},
			{400, "POST", "/page/say", "{", nil},
			{422, "POST", "/page/say", `{"user":"U404","channel":"C0GENERAL1","text":"x"}`, nil},
			{422, "POST", "/page/say", `{"user":"U0ALICE001","channel":"C0GENERAL1","text":"  "}`, nil},
			{422, "POST", "/page/command", `{"user":"U0ALICE001","channel":"C0GENERAL1","command":"/llm-status"}`, nil},
			{404, "GET", "/page/events?user=U404", "", nil},
		} {
			if got := status(c.method, c.path, c.body, c.header...); got != c.want {
				t.Errorf("%s %s %v: %d, want %d", c.method, c.path, c.header, got, c.want)
			}
		}
		if n := len(s.Channel("general")); n != 1 {
			t.Errorf("%d messages", n)
		}
		res := s.page("GET", "/page/state", "")
		defer res.Body.Close()
		var state struct {
			Notice   string
			Channels []map[string]any
		}
		must(t, json.NewDecoder(res.Body).Decode(&state))
		if state.Notice != "a simulated model" || len(state.Channels) != 11 {
			t.Errorf("%+v", state)
		}
	})
}

// TestPageHasItsModules asks for every script that the page or another script names. A browser runs
// a module only if its type is JavaScript's.
func TestPageHasItsModules(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		named := regexp.MustCompile(`(?:src|href|from|import) ?[=(]? ?["'](?:\./)?(\w+\.(?:js|css))["']`)
		seen := map[string]bool{}
		for todo := []string{""}; len(todo) > 0; todo = todo[1:] {
			res := s.page("GET", "/"+todo[0], "")
			body, err := io.ReadAll(res.Body)
			must(t, err)
			must(t, res.Body.Close())
			want := "text/javascript"
			if strings.HasSuffix(todo[0], ".css") {
				want = "text/css"
			}
			if got := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || todo[0] != "" && !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s, %s", todo[0], res.Status, got)
			}
			for _, m := range named.FindAllStringSubmatch(string(body), -1) {
				if !seen[m[1]] {
					seen[m[1]] = true
					todo = append(todo, m[1])
				}
			}
		}
		if len(seen) < 15 {
			t.Errorf("only %v", seen)
		}
	})
}

// TestMessageHasAnAddress follows what chat.getPermalink gives: it leads to the page of the
// message.
func TestMessageHasAnAddress(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		ts := s.Say("alice", "general", "", "x")
		link, err := s.Permalink("general", ts)
		must(t, err)
		at, err := url.Parse(link)
		must(t, err)
		res := s.page("GET", at.RequestURI(), "")
		must(t, res.Body.Close())
		want := url.Values{"channel": {s.ChannelID("general")}, "message": {ts}}.Encode()
		if got := res.Request.URL; got.Path != "/" || got.RawQuery != want {
			t.Errorf("%s leads to %s", link, got)
		}
	})
}

func TestPageIsLive(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		res := s.page("GET", "/page/events?user=bob", "")
		defer res.Body.Close()
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 1<<20)
		next := func() (d struct {
			Messages []struct{ Text, Channel string }
			Statuses []struct{ Text string }
			Updates  int
		},
		) {
			for lines.Scan() {
				if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
					must(t, json.Unmarshal([]byte(data), &d))
					return d
				}
			}
			t.Fatal("the stream ended")
			return d
		}
		if d := next(); len(d.Messages) != 0 {
			t.Errorf("%+v", d)
		}
		s.Say("alice", "@alice", "", "private")
		if d := next(); len(d.Messages) != 0 {
			t.Errorf("bob sees %+v", d)
		}
		synctest.Wait()
		ts := s.Say("alice", "general", "", "public")
		if d := next(); len(d.Messages) != 1 || d.Messages[0].Text != "public" {
			t.Errorf("%+v", d)
		}
		s.call("assistant.threads.setStatus", "channel_id", s.ChannelID("general"), "thread_ts", ts, "status", "is thinking…")
		for {
			if d := next(); len(d.Statuses) == 1 && d.Statuses[0].Text == "is thinking…" {
				break
			}
		}
		r := s.call("chat.postMessage", "channel", s.ChannelID("general"), "thread_ts", ts, "text", "x")
		mine, _ := r["ts"].(string)
		s.call("chat.update", "channel", s.ChannelID("general"), "ts", mine, "text", "y")
		for {
			if d := next(); len(d.Statuses) == 0 && d.Updates == 1 {
				break
			}
		}
	})
}
