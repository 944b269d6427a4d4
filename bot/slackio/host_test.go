package slackio

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/slack-go/slack"

	"llmbot/bot/attach"
	"llmbot/llm/llmsim/memnet"
)

// web answers for every host, over http and https; every address either redirects or has content.
type web struct {
	mu       sync.Mutex        // guards asked
	asked    []string          // addresses, with " bearer" if the token came
	leads    map[string]string // address → Location
	status   int
	contents string
}

// ServeHTTP is part of http.Handler.
func (w *web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	address := r.Host + r.URL.RequestURI()
	_ = r.ParseForm()
	secret := ""
	if strings.Contains(r.Header.Get("Authorization")+r.Form.Get("token"), "xoxb-hunter2") {
		secret = " bearer"
	}
	w.asked = append(w.asked, address+secret)
	if to, ok := w.leads[address]; ok {
		rw.Header().Set("Location", to)
		rw.WriteHeader(w.status)
		return
	}
	_, _ = rw.Write([]byte(w.contents))
}

// inWeb makes a Slack whose requests all end at w.
func inWeb(t *testing.T, w http.Handler, api string) *Slack {
	t.Helper()
	n := memnet.Serve(w)
	client := &http.Client{Transport: &http.Transport{DialContext: n.Dial, DialTLSContext: n.Dial}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		_ = n.Close()
	})
	return New(Config{AppToken: "xapp-hunter2", BotToken: "xoxb-hunter2", APIURL: api, HTTP: client, Log: slog.New(slog.DiscardHandler)})
}

func TestFilesComeFromSlackOnly(t *testing.T) {
	const (
		simAPI = "http://sim:8080/api/"
		first  = "https://files.slack.com/files-pri/T1-F1/x.txt"
	)
	for name, tt := range map[string]struct {
		api, from string
		leads     map[string]string
		want      []string // what was asked; the file came if the last of it has no lead
		err       string   // part of the error; empty: none
	}{
		"straight":                 {"", first, nil, []string{"files.slack.com/files-pri/T1-F1/x.txt bearer"}, ""},
		"another of Slack's hosts": {"", first, map[string]string{"files.slack.com/files-pri/T1-F1/x.txt": "https://files-origin.slack.com/x"}, []string{"files.slack.com/files-pri/T1-F1/x.txt bearer", "files-origin.slack.com/x bearer"}, ""},
		"its content servers":      {"", first, map[string]string{"files.slack.com/files-pri/T1-F1/x.txt": "https://a.slack-edge.com/x"}, []string{"files.slack.com/files-pri/T1-F1/x.txt bearer", "a.slack-edge.com/x"}, ""},
		"GovSlack":                 {"https://slack-gov.com/api/", "https://files.slack-gov.com/x", nil, []string{"files.slack-gov.com/x bearer"}, ""},
		"relative":                 {"", first, map[string]string{"files.slack.com/files-pri/T1-F1/x.txt": "/y"}, []string{"files.slack.com/files-pri/T1-F1/x.txt bearer", "files.slack.com/y bearer"}, ""},
		"elsewhere":                {"", first, map[string]string{"files.slack.com/files-pri/T1-F1/x.txt": "https://me:pw@evil.test/x?q=hunter2"}, []string{"files.slack.com/files-pri/T1-F1/x.txt bearer"}, "at https://evil.test, "},
		"down to http":             {"", first, map[string]string{"files.slack.com/files-pri/T1-F1/x.txt": "http://files.slack.com/x"}, []string{"files.slack.com/files-pri/T1-F1/x.txt bearer"}, "at http://files.slack.com, "},
		"another port":             {"", first, map[string]string{"files.slack.com/files-pri/T1-F1/x.txt": "https://files.slack.com:8443/x"}, []string{"files.slack.com/files-pri/T1-F1/x.txt bearer"}, "at https://files.slack.com:8443, "},
		"elsewhere at the second":  {"", first, map[string]string{"files.slack.com/files-pri/T1-F1/x.txt": "https://a.slack-edge.com/x", "a.slack-edge.com/x": "https://evil.test/"}, []string{"files.slack.com/files-pri/T1-F1/x.txt bearer", "a.slack-edge.com/x"}, "evil.test"},
		"round and round":          {"", first, map[string]string{"files.slack.com/files-pri/T1-F1/x.txt": first}, slices.Repeat([]string{"files.slack.com/files-pri/T1-F1/x.txt bearer"}, 1+maxHops), "on and on"},
		"to sign in":               {"", first, map[string]string{"files.slack.com/files-pri/T1-F1/x.txt": "https://acme.slack.com/?redir=%2Ffiles-pri%2FT1-F1%2Fx.txt"}, []string{"files.slack.com/files-pri/T1-F1/x.txt bearer"}, "sign-in page"},
		"the emulator":             {simAPI, "http://sim:8080/files/T1-F1/x", nil, []string{"sim:8080/files/T1-F1/x bearer"}, ""},
		"the emulator, lost":       {simAPI, "http://sim:8080/files/T1-F1/x", map[string]string{"sim:8080/files/T1-F1/x": "http://sim:8081/x"}, []string{"sim:8080/files/T1-F1/x bearer"}, "at http://sim:8081, "},
		"the emulator's other way": {simAPI, "https://sim:8080/x", nil, nil, "at https://sim:8080, "},
		"http":                     {"", "http://files.slack.com/x", nil, nil, "at http://files.slack.com, "},
		"a look-alike":             {"", "https://evilslack.com/x", nil, nil, "evilslack.com"},
		"another look-alike":       {"", "https://slack.com.evil.test/x", nil, nil, "slack.com.evil.test"},
		"with a user":              {"", "https://files.slack.com@evil.test/x", nil, nil, "at https://evil.test, "},
		"a file of this machine":   {"", "file:///etc/passwd", nil, nil, "none of Slack's"},
		"nothing":                  {"", "", nil, nil, "none of Slack's"},
		"a user beside the token":  {"", "https://me:pw@files.slack.com/x", nil, []string{"files.slack.com/x bearer"}, ""},
	} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			w := &web{leads: tt.leads, status: status, contents: "zq"}
			s := inWeb(t, w, tt.api)
			var got bytes.Buffer
			_, err := s.fetch(t.Context(), tt.from, &got)
			if !slices.Equal(w.asked, tt.want) {
				t.Errorf("%s, %d: asked %q", name, status, w.asked)
			}
			switch {
			case tt.err == "":
				if err != nil || got.String() != "zq" {
					t.Errorf("%s, %d: %q, %v", name, status, got.String(), err)
				}
			case err == nil || !errors.Is(err, attach.ErrNoFile) || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "pw@"):
				t.Errorf("%s, %d: %v", name, status, err)
			}
		}
	}
}

// TestCallsFollowNothing: whatever call is redirected, no token and no text goes there, and the error says what to change.
func TestCallsFollowNothing(t *testing.T) {
	calls := map[string]func(s *Slack) error{
		"users.info": func(s *Slack) error { _, err := s.api.GetUserInfoContext(t.Context(), "U1"); return err },
		"chat.postMessage": func(s *Slack) error {
			_, _, err := s.api.PostMessageContext(t.Context(), "C1", slack.MsgOptionText("zq", false))
			return err
		},
		"apps.connections.open": func(s *Slack) error { _, _, err := s.opener.StartSocketModeContext(t.Context()); return err },
		"auth.test, checked":    func(s *Slack) error { _, err := CheckBot(t.Context(), s.cfg); return err },
		"the socket, checked":   func(s *Slack) error { _, err := CheckApp(t.Context(), s.cfg); return err },
		"files.getUploadURLExternal": func(s *Slack) error {
			_, err := s.api.UploadFileContext(t.Context(), slack.UploadFileParameters{Filename: "x", FileSize: 2, Content: "zq", Channel: "C1"})
			return err
		},
		"response_url": func(s *Slack) error {
			return s.respond(t.Context(), strings.TrimSuffix(s.cfg.APIURL, "api/")+"api/respond", map[string]any{"text": "zq"})
		},
	}
	for name, call := range calls {
		for _, api := range []string{"https://slack.com/api/", "http://sim:8080/api/"} {
			for location, target := range map[string]string{"https://evil.test/x?q=hunter2": "https://evil.test", "http://slack.com/api/": "http://slack.com", "https://slack.com:99/x": "https://slack.com:99"} {
				for _, status := range []int{301, 302, 303, 307, 308} {
					u, err := url.Parse(api)
					if err != nil {
						t.Fatal(err)
					}
					w := &web{leads: map[string]string{}, status: status}
					for _, method := range []string{"users.info", "chat.postMessage", "apps.connections.open", "auth.test", "files.getUploadURLExternal", "respond"} {
						w.leads[u.Host+"/api/"+method] = location
					}
					err = call(inWeb(t, w, api))
					if err == nil || !strings.Contains(err.Error(), target+" ") || !strings.Contains(err.Error(), "SLACK_API_URL") || strings.Contains(err.Error(), "hunter2") {
						t.Errorf("%s, %d: %v", name, status, err)
					}
					if len(w.asked) != 1 || !strings.HasPrefix(w.asked[0], u.Host) {
						t.Errorf("%s, %d: asked %q", name, status, w.asked)
					}
				}
			}
		}
	}
}

func TestResponsesGoToSlackOnly(t *testing.T) {
	for address, sent := range map[string]bool{
		"https://hooks.slack.com/commands/T1/2/abc": true, "http://hooks.slack.com/x": false, "https://evil.test/x": false, "https://hooks.slack.com:1/x": false, "\x00": false,
	} {
		w := &web{}
		err := inWeb(t, w, "").respond(t.Context(), address, map[string]any{})
		if sent != (err == nil) || sent != (len(w.asked) == 1) {
			t.Errorf("%q: %v, asked %q", address, err, w.asked)
		}
	}
}

func TestBounded(t *testing.T) {
	b := &bounded{most: 10}
	if n, err := bytes.NewReader(make([]byte, 100)).WriteTo(b); n != 0 || !errors.Is(err, errTooMuch) {
		t.Errorf("%d, %v", n, err)
	}
	w := &web{contents: strings.Repeat("x", 1<<20)}
	b = &bounded{most: 100_000}
	if _, err := inWeb(t, w, "").fetch(t.Context(), "https://files.slack.com/x", b); !errors.Is(err, errTooMuch) || b.all.Len() > 100_000 {
		t.Errorf("%d bytes, %v", b.all.Len(), err)
	}
}
