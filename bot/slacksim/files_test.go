package slacksim_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/slack-go/slack"

	"llmbot/bot/slacksim"
)

// fetch gets a file's URL with a token.
func (s *space) fetch(url, token string) (body, kind string, status int) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, url, http.NoBody)
	must(s.t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := s.http.Do(req)
	must(s.t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(s.t, err)
	return string(b), res.Header.Get("Content-Type"), res.StatusCode
}

func filesOf(m map[string]any) []map[string]any {
	list, _ := m["files"].([]any)
	var out []map[string]any
	for _, e := range list {
		f, _ := e.(map[string]any)
		out = append(out, f)
	}
	return out
}

func TestFiles(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		png := append([]byte("\x89PNG\r\n\x1a\n"), 1, 2, 3)
		ts := s.Upload("alice", "general", "", "@llm look", slacksim.Upload{Name: "My Notes.go", Data: []byte("package x\n<b>&\n")}, slacksim.Upload{Name: "shot", Data: png})
		alone := s.Upload("bob", "general", ts, "", slacksim.Upload{Name: "a.pdf", Type: "application/pdf", Data: []byte("%PDF")})
		synctest.Wait()
		var kinds []string
		for _, e := range l.events() {
			typ, _ := e["type"].(string)
			sub, _ := e["subtype"].(string)
			kinds = append(kinds, typ+" "+sub)
			if typ == "app_mention" && (len(filesOf(e)) > 0 || e["upload"] != nil) {
				t.Errorf("a mention with files: %v", e)
			}
			if typ == "message" && e["ts"] == ts && len(filesOf(e)) != 2 {
				t.Errorf("%v", e)
			}
		}
		slices.Sort(kinds)
		if want := []string{"app_mention ", "message file_share", "message file_share"}; !slices.Equal(kinds, want) {
			t.Errorf("%v", kinds)
		}
		r := s.call("conversations.replies", "channel", s.ChannelID("general"), "ts", ts)
		list, _ := r["messages"].([]any)
		first, _ := list[0].(map[string]any)
		second, _ := list[1].(map[string]any)
		files := filesOf(first)
		if len(files) != 2 || len(filesOf(second)) != 1 || second["ts"] != alone {
			t.Fatalf("%v", r)
		}
		notes, shot := files[0], files[1]
		if notes["name"] != "My Notes.go" || notes["mimetype"] != "text/plain" || notes["filetype"] != "go" || notes["mode"] != "snippet" || notes["size"] != 15.0 || notes["preview"] == "" {
			t.Errorf("%v", notes)
		}
		if shot["mimetype"] != "image/png" || shot["mode"] != "hosted" {
			t.Errorf("%v", shot)
		}
		info := s.call("files.info", "file", notes["id"].(string))
		if f, _ := info["file"].(map[string]any); f["url_private"] != notes["url_private"] {
			t.Errorf("%v", info)
		}
		if e := s.call("files.info", "file", "F404").err(); e != "file_not_found" {
			t.Error(e)
		}
		for _, k := range []string{"url_private", "url_private_download"} {
			url, _ := notes[k].(string)
			if body, kind, _ := s.fetch(url, s.BotToken()); body != "package x\n<b>&\n" || !strings.HasPrefix(kind, "text/plain") {
				t.Errorf("%s: %q, %s", url, body, kind)
			}
			for _, token := range []string{"", "xoxb-wrong", s.AppToken()} {
				if body, kind, status := s.fetch(url, token); !strings.Contains(body, "Sign in") || !strings.HasPrefix(kind, "text/html") || status != 200 {
					t.Errorf("with %q: %q, %s, %d", token, body, kind, status)
				}
			}
		}
		s.Fail(slacksim.Fault{Method: "url_private", Status: 503})
		if _, _, status := s.fetch(shot["url_private"].(string), s.BotToken()); status != 503 {
			t.Error(status)
		}
		if n := len(s.Calls("url_private")); n != 5 { // without those that came without a token of ours
			t.Errorf("%d downloads were noted", n)
		}
		api := slack.New(s.BotToken(), slack.OptionAPIURL("http://slack/api/"), slack.OptionHTTPClient(s.http))
		var got bytes.Buffer
		must(t, api.GetFileContext(t.Context(), shot["url_private_download"].(string), &got))
		if !bytes.Equal(got.Bytes(), png) {
			t.Errorf("%q", got.Bytes())
		}
	})
}

func TestFilesWithoutRights(t *testing.T) {
	bubble(t, slacksim.Config{Scopes: []string{"chat:write", "channels:history"}}, func(t *testing.T, s *space) {
		m, _ := s.Message("general", s.Upload("alice", "general", "", "x", slacksim.Upload{Name: "a.txt", Data: []byte("secret")}))
		if body, _, status := s.fetch(m.Files[0]["url_private"].(string), s.BotToken()); strings.Contains(body, "secret") || status != 200 {
			t.Errorf("%q", body)
		}
		if e := s.call("files.info", "file", m.Files[0]["id"].(string)).err(); e != "missing_scope" {
			t.Error(e)
		}
	})
}

// Files of other organisations come as a bare id; files.info tells the rest.
func TestFilesFromOutside(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		ts := s.Upload("erik", "shared-extern", "", "hello", slacksim.Upload{Name: "a.txt", Data: []byte("hi")})
		r := s.call("conversations.replies", "channel", s.ChannelID("shared-extern"), "ts", ts)
		list, _ := r["messages"].([]any)
		m, _ := list[0].(map[string]any)
		f := filesOf(m)[0]
		if f["file_access"] != "check_file_info" || f["url_private"] != nil || f["name"] != nil {
			t.Errorf("%v", f)
		}
		info, _ := s.call("files.info", "file", f["id"].(string))["file"].(map[string]any)
		if body, _, _ := s.fetch(info["url_private"].(string), s.BotToken()); body != "hi" || info["file_access"] != "visible" {
			t.Errorf("%q, %v", body, info)
		}
	})
}

func TestPageFiles(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		say, err := json.Marshal(map[string]any{
			"user": "alice", "channel": "leads", "text": "",
			"files": []any{map[string]any{"name": "<x>.html", "type": "text/html", "data": base64.StdEncoding.EncodeToString([]byte("<script>"))}},
		})
		must(t, err)
		res := s.page("POST", "/page/say", string(say))
		defer res.Body.Close()
		var out struct{ TS string }
		must(t, json.NewDecoder(res.Body).Decode(&out))
		m, _ := s.Message("leads", out.TS)
		if len(m.Files) != 1 || m.Files[0]["name"] != "<x>.html" {
			t.Fatalf("%+v", m)
		}
		id := m.Files[0]["id"].(string)
		for _, c := range []struct {
			user string
			want int
		}{{"bob", 200}, {"erik", 404}, {"nobody", 404}} {
			res := s.page("GET", "/page/file?user="+c.user+"&id="+id, "")
			_ = res.Body.Close()
			if res.StatusCode != c.want || c.want == 200 && !strings.HasPrefix(res.Header.Get("Content-Disposition"), "attachment") {
				t.Errorf("%s: %d, %v", c.user, res.StatusCode, res.Header)
			}
		}
	})
}
