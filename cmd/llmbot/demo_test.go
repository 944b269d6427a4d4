package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"llmbot/bot/slacksim"
	"llmbot/cmd/llmbot/keeper"
	"llmbot/llm"
	"llmbot/llm/llmsim"
)

// madeDemo returns a demo as run builds it, without anything that runs.
func madeDemo(t *testing.T, args []string, env ...string) *demo {
	t.Helper()
	var out bytes.Buffer
	p := process{env: env, out: &out, err: &out}
	f, err := parseDemo(p, args)
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	p.env = append(p.env, f.vars()...)
	cfg, err := loadConfig(p.env, "")
	if err != nil {
		t.Fatal(err)
	}
	d := &demo{process: p, flags: f, cfg: cfg, logTo: io.Discard, at: where{local: "http://127.0.0.1:1"}}
	if d.sim, err = f.config(appManifest("llm", cfg.Command)); err != nil {
		t.Fatal(err)
	}
	d.sim.Users = demoPeople(f.people)
	d.folder = demoFolder{path: t.TempDir()}
	if err := d.build(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.slack.Close)
	return d
}

// What the page is told and may do, without a bot.
func TestDemoEndpoints(t *testing.T) {
	d := madeDemo(t, nil, "LLM_BASE_URL=http://gpu:8000/v1")
	ask := func(method, path, body string) (int, string) {
		t.Helper()
		w := httptest.NewRecorder()
		r := httptest.NewRequest(method, "http://localhost/page/demo/"+path, strings.NewReader(body))
		r.RemoteAddr = "127.0.0.1:1"
		d.slack.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	status, body := ask("GET", "state", "")
	var s demoState
	if err := json.Unmarshal([]byte(body), &s); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	if s.Bot.State != keeper.Ended || s.Bot.Log == nil || s.Model.Answers == nil || s.Model.Waiting != nil || s.Model.Knob != "ok" || len(s.Try) != 3 || s.ID == "" || s.Dir != "" {
		t.Errorf("%s", body)
	}
	for _, c := range []struct {
		want               int
		method, path, body string
		says               string
	}{
		{409, "POST", "kill", "", "The bot cannot be killed: it is not running"},
		{200, "POST", "restart", "{}", "{}"},
		{200, "POST", "model", `{"knob":"slow"}`, "{}"},
		{422, "POST", "model", `{"knob":"faster"}`, "one of ok, slow, dead"},
		{422, "POST", "model", `{}`, "one of ok, slow, dead"},
		{400, "POST", "model", `{`, "Send JSON"},
		{400, "POST", "model", `{"knob":"` + strings.Repeat("x", 10_000) + `"}`, "Send JSON"},
		{404, "POST", "nothing", "{}", ""},
		{405, "GET", "kill", "", ""},
		{405, "POST", "state", "", ""},
	} {
		if status, body := ask(c.method, c.path, c.body); status != c.want || !strings.Contains(body, c.says) {
			t.Errorf("%s %s %.40s: %d %s", c.method, c.path, c.body, status, body)
		}
	}
	if k := d.relay.Knob(); k != "slow" {
		t.Errorf("the knob is %s", k)
	}
}

// The bot gets the demo's environment, and of its secrets only what is for the server that it asks.
func TestDemoBotVariables(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app")
	if err := os.WriteFile(file, []byte("xapp-real"), 0o600); err != nil {
		t.Fatal(err)
	}
	set := []string{
		"PATH=/bin", "SLACK_BOT_TOKEN=xoxb-real", "SLACK_APP_TOKEN_FILE=" + file, "SLACK_EDITS_PER_MINUTE=70", "STATE_URL=postgres://u:hunter2@db/x", "STATE_DIR=/var/lib",
		"LLM_API_KEY=hunter2", "LLM_PROXY=http://proxy:1", "BOT_MAX_ANSWERS=3", "LLMBOT_DEMO_RELAY=http://elsewhere",
	}
	var real, found map[string]string
	for _, c := range []struct {
		to   *map[string]string
		more []string
	}{{&real, []string{"LLM_BASE_URL=http://gpu:8000/v1"}}, {&found, nil}} {
		d := madeDemo(t, nil, append(slices.Clone(set), c.more...)...)
		*c.to = map[string]string{}
		for _, v := range d.botVariables("http://relay/x") {
			name, value, _ := strings.Cut(v, "=")
			if _, twice := (*c.to)[name]; twice {
				t.Errorf("%s stands twice", name)
			}
			(*c.to)[name] = value
		}
		if got := (*c.to)["STATE_DIR"]; got != filepath.Join(d.folder.path, "bot") {
			t.Errorf("STATE_DIR is %s", got)
		}
	}
	for name, want := range map[string]string{
		"PATH": "/bin", "SLACK_BOT_TOKEN": slacksim.DefaultBotToken, "SLACK_APP_TOKEN": slacksim.DefaultAppToken, "SLACK_API_URL": "http://127.0.0.1:1/api/",
		"SLACK_APP_TOKEN_FILE": "", "STATE_URL": "", "LLM_API_KEY": "hunter2", "LLM_PROXY": "http://proxy:1", "LLM_BASE_URL": "http://gpu:8000/v1",
		"SLACK_EDITS_PER_MINUTE": "70", "BOT_MAX_ANSWERS": "3", "LLMBOT_DEMO_RELAY": "http://relay/x", "OPS_ADDR": "off", "BOT_DRAIN_TIMEOUT": "2s",
	} {
		if real[name] != want {
			t.Errorf("%s is %q, want %q", name, real[name], want)
		}
	}
	// A key and a proxy that are for a server which somebody has in mind go to no other one.
	for _, name := range []string{"LLM_API_KEY", "LLM_PROXY"} {
		if found[name] != "" {
			t.Errorf("%s is %q for a server that nobody named", name, found[name])
		}
	}
}

// A bot whose demo has another one of its variables finds no relay, and says so.
func TestDemoBotAlone(t *testing.T) {
	err := runDemoBot(t.Context(), process{out: io.Discard, err: io.Discard}, nil)
	if err == nil || !strings.Contains(err.Error(), "only `llmbot demo` starts this") {
		t.Errorf("%v", err)
	}
}

// Who comes from the network, or through a proxy, reads neither the bot's log nor where the demo
// keeps things.
func TestOpenDemoTellsNoSecrets(t *testing.T) {
	for _, args := range [][]string{nil, {"--public"}, {"--url", "https://demo.lan"}, {"--host", "demo.lan"}} {
		open := args != nil
		d := madeDemo(t, args, "LLM_BASE_URL=http://gpu:8000/v1")
		d.folder.kept = true
		ended := make(chan struct{}, 10)
		d.bot = keeper.New(keeper.Config{
			Command: func() *exec.Cmd { return exec.Command("sh", "-c", "echo a secret of the log; exit 1") },
			Pause:   time.Hour, Ended: func(keeper.End) { ended <- struct{}{} },
		})
		go d.bot.Run(t.Context())
		<-ended
		b, err := json.Marshal(d.state())
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte("a secret of the log")) == open || bytes.Contains(b, []byte(d.folder.path)) == open {
			t.Errorf("%v: %s", args, b)
		}
	}
}

// Through the relay the bot reaches a server as it would without: by the proxy, with the
// authorities, with the key.
func TestRelayTakesTheUsualWay(t *testing.T) {
	sim := llmsim.New(llmsim.Config{Model: "far", APIKey: "hunter2"})
	server := httptest.NewTLSServer(sim)
	defer server.Close()
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		far, err := net.Dial("tcp", server.Listener.Addr().String())
		if r.Method != http.MethodConnect || err != nil {
			t.Errorf("%s %s: %v", r.Method, r.Host, err)
			return
		}
		near, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			_, _ = io.Copy(far, near)
			_ = far.Close()
		}()
		_, _ = io.Copy(near, far)
		_ = near.Close()
	}))
	defer proxy.Close()
	ask := func(vars ...string) (string, error) {
		t.Helper()
		d := madeDemo(t, nil, append([]string{"LLM_BASE_URL=https://example.com/v1", "LLM_PROXY=" + proxy.URL}, vars...)...)
		relayed := httptest.NewServer(d.relay)
		defer relayed.Close()
		at, err := url.Parse(relayed.URL + d.relay.Path())
		if err != nil {
			t.Fatal(err)
		}
		d.cfg.relay = at
		client, err := llm.New(d.cfg.botModelConfig(nil))
		if err != nil {
			t.Fatal(err)
		}
		m, err := client.Model(t.Context(), "")
		return m.ID, err
	}
	if name, err := ask("LLM_API_KEY=hunter2", "LLM_CA_FILE="+authority); err != nil || name != "far" || asked.Load() == 0 {
		t.Errorf("%q, %v; the proxy was asked %d times", name, err, asked.Load())
	}
	for what, vars := range map[string][]string{"unauthorized": {"LLM_CA_FILE=" + authority}, "x509": {"LLM_API_KEY=hunter2"}} {
		if _, err := ask(vars...); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("want %s: %v", what, err)
		}
	}
}

// What the bot advises when it does not reach the server is the same through the relay.
func TestDemoRelayKeepsHints(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that do not trust it
	server.StartTLS()
	defer server.Close()
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Host {
		case "who.test:443":
			w.WriteHeader(http.StatusProxyAuthRequired)
		case "forbidden.test:443":
			w.WriteHeader(http.StatusForbidden)
		default:
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	defer proxy.Close()
	port := server.Listener.Addr().(*net.TCPAddr).Port
	for want, vars := range map[string][]string{
		"its authority in LLM_CA_FILE": {fmt.Sprintf("LLM_BASE_URL=https://127.0.0.1:%d/v1", port)},
		"is for another host name":     {fmt.Sprintf("LLM_BASE_URL=https://localhost:%d/v1", port), "LLM_CA_FILE=" + authority},
		"wants to know who asks":       {"LLM_BASE_URL=https://who.test/v1", "LLM_PROXY=" + proxy.URL},
		"its rules must allow":         {"LLM_BASE_URL=https://forbidden.test/v1", "LLM_PROXY=" + proxy.URL},
		"cannot reach the model":       {"LLM_BASE_URL=https://down.test/v1", "LLM_PROXY=" + proxy.URL},
		"does not answer: correct it":  {"LLM_BASE_URL=https://down.test/v1", "LLM_PROXY=http://127.0.0.1:1"},
		"Start the model server":       {"LLM_BASE_URL=http://127.0.0.1:1/v1"},
	} {
		d := madeDemo(t, nil, vars...)
		relayed := httptest.NewServer(d.relay)
		defer relayed.Close()
		at, err := url.Parse(relayed.URL + d.relay.Path())
		if err != nil {
			t.Fatal(err)
		}
		d.cfg.relay = at
		for way, cfg := range map[string]llm.Config{"straight": d.cfg.modelConfig(nil), "through the relay": d.cfg.botModelConfig(nil)} {
			client, err := llm.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.Model(t.Context(), "")
			failed, ok := errors.AsType[*llm.Error](err)
			if !ok || !strings.Contains(failed.Hint(), want) {
				t.Errorf("%v, %s: %v, hint %q", vars, way, err, hintOf(err))
			}
		}
	}
}

func TestDemoPeople(t *testing.T) {
	for _, n := range []int{1, usualPeople, 4, mostPeople} {
		people := demoPeople(n)
		colleagues, seen := 0, map[string]bool{}
		for _, u := range people {
			if u.BotID == "" && !u.Guest && u.TeamID == "" {
				colleagues++
			}
			if seen[u.ID] || seen[u.Name] || len(u.ID) < 9 || strings.ToUpper(u.ID) != u.ID {
				t.Errorf("%+v", u)
			}
			seen[u.ID], seen[u.Name] = true, true
		}
		if colleagues != n || len(people) != n+3 {
			t.Errorf("%d colleagues of %d, want %d", colleagues, len(people), n)
		}
	}
	slacksim.New(slacksim.Config{Users: demoPeople(mostPeople)}).Close() // panics if two have one id
}

// A folder is one demo's, and is free again after it; a temporary one is gone.
func TestDemoFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	first, err := openDemoFolder(dir)
	if err != nil || !first.kept || first.workspace == nil {
		t.Fatalf("%+v, %v", first, err)
	}
	if _, err := openDemoFolder(dir); !errors.Is(err, errLocked) || hintOf(err) == "" {
		t.Errorf("a second one: %v, %q", err, hintOf(err))
	}
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
	again, err := openDemoFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	_ = again.close()
	temp, err := openDemoFolder("")
	if err != nil || temp.kept {
		t.Fatalf("%+v, %v", temp, err)
	}
	if err := temp.close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(temp.path); left != nil {
		t.Errorf("left: %v", left)
	}
}

// Before a server that takes no tools the demo proposes none, offers none of its own, and tells
// which flags are missing.
func TestDemoBesideAServerWithoutTools(t *testing.T) {
	for name, takes := range map[string]bool{"without": false, "with": true} {
		server := httptest.NewServer(llmsim.New(llmsim.Config{Tools: takes}))
		defer server.Close()
		d := madeDemo(t, nil, "LLM_BASE_URL="+server.URL+"/v1")
		var out strings.Builder
		var err error
		d.out = &out
		if d.model, err = findModel(t.Context(), &d.cfg, "LLM_BASE_URL", 0); err != nil {
			t.Fatal(err)
		}
		d.lookAtTools(t.Context())
		d.greet()
		said := out.String()
		if got := strings.Contains(said, "--enable-auto-tool-choice"); got == takes {
			t.Errorf("%s tools: the flags are in it: %v\n%s", name, got, said)
		}
		if got := strings.Contains(said, "before it uses a tool"); got != takes || d.ownTools() != takes {
			t.Errorf("%s tools: proposed %v, own tools %v\n%s", name, got, d.ownTools(), said)
		}
	}
}

// A simulated model is there for the other commands too, and the demo tells where.
func TestDemoTellsWhereItsModelIs(t *testing.T) {
	d := madeDemo(t, nil)
	var out strings.Builder
	d.out, d.model, d.cfg.BaseURL = &out, demoModel{simulated: true}, "http://127.0.0.1:4711/v1"
	d.greet()
	if !strings.Contains(out.String(), "export LLM_BASE_URL=http://127.0.0.1:4711/v1\n") {
		t.Error(out.String())
	}
}
