package slacksim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// callsOfEach is how many calls of each method TestEveryMethod makes up.
const callsOfEach = 400

// TestEveryMethod makes up calls of every method: good values and bad ones, of the right kind and
// of others, as a form, as JSON and in parts. Each answer must be one that Slack could give: never
// a status of 500 and up, JSON with ok, an error that Slack documents for this method (documented)
// or for all, and with ok what Slack's clients read (answers).
func TestEveryMethod(t *testing.T) {
	if got, want := slices.Sorted(maps.Keys(documented())), slices.Sorted(maps.Keys(methodTable())); !slices.Equal(got, want) {
		t.Fatalf("the errors of these methods are listed: %v, and these exist: %v", got, want)
	}
	seen := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(methodTable())) {
		t.Run(name, func(t *testing.T) {
			v := newInventor(t, name)
			good := 0
			for i := range callsOfEach {
				args := v.args(name)
				req := v.request(name, args)
				rec := httptest.NewRecorder()
				v.sim.ServeHTTP(rec, req)
				outcome := judge(name, rec)
				if strings.HasPrefix(outcome, "!") {
					t.Errorf("call %d, %s %v: %s", i, req.Header.Get("Content-Type"), args, outcome[1:])
				}
				if outcome == "" {
					good++
				}
				seen[name+" "+outcome]++
			}
			if good == 0 {
				t.Error("no call of these was good: the test tries nothing")
			}
		})
	}
	if testing.Verbose() {
		for _, k := range slices.Sorted(maps.Keys(seen)) {
			t.Log(k, seen[k])
		}
	}
}

// judge returns the error of an answer, empty for ok; behind a ! what Slack could not have said.
func judge(method string, rec *httptest.ResponseRecorder) string {
	var r map[string]any
	switch {
	case rec.Code != http.StatusOK:
		return fmt.Sprintf("!status %d", rec.Code)
	case json.Unmarshal(rec.Body.Bytes(), &r) != nil:
		return "!not JSON: " + rec.Body.String()
	case rec.Header().Get("Content-Type") != "application/json; charset=utf-8":
		return "!content type " + rec.Header().Get("Content-Type")
	}
	if r["ok"] == true {
		for key := range strings.FieldsSeq(answers()[method]) {
			if _, ok := r[key]; !ok {
				return "!ok without " + key
			}
		}
		if r["error"] != nil {
			return "!ok with an error"
		}
		return ""
	}
	name, _ := r["error"].(string)
	if !slices.Contains(strings.Fields(documented()[method]+" "+everywhere), name) {
		return "!error " + name
	}
	return name
}

// inventor makes up calls. What it chooses is the same on every run.
type inventor struct {
	*rand.Rand

	sim    *Sim
	values map[string][]string
}

func newInventor(t *testing.T, method string) *inventor {
	t.Helper()
	s := New(Config{
		Limiter: LimiterOff, Agent: true, Events: append(DefaultEvents(), "agent_session_stopped"),
		Scopes: append(DefaultScopes(), "files:write", "reactions:write", "reactions:read", "im:write", "team:read", "assistant:write", "channels:join"),
	})
	t.Cleanup(s.Close)
	seed := uint64(0)
	for _, b := range []byte(method) {
		seed = seed*31 + uint64(b)
	}
	v := &inventor{Rand: rand.New(rand.NewPCG(seed, 17)), sim: s}
	asked := s.Say("alice", "general", "", "hello")
	reply := s.Say("bob", "general", asked, "a reply")
	file := s.Upload("alice", "general", "", "", Upload{Name: "a.txt", Data: []byte("text")})
	general := s.ChannelID("general")
	call := func(method string, args ...string) obj {
		form := url.Values{"token": {s.BotToken()}}
		for i := 0; i < len(args); i += 2 {
			form.Set(args[i], args[i+1])
		}
		rec := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodPost, DefaultBaseURL+"/api/"+method, strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.RemoteAddr = "127.0.0.1:1"
		s.ServeHTTP(rec, req)
		var r obj
		if err := json.Unmarshal(rec.Body.Bytes(), &r); err != nil || r["ok"] != true {
			t.Fatalf("%s: %s", method, rec.Body)
		}
		return r
	}
	own := str(call("chat.postMessage", "channel", general, "text", "mine")["ts"])
	stopped := str(call("chat.startStream", "channel", general, "thread_ts", asked, "recipient_user_id", "U0ALICE001", "recipient_team_id", s.cfg.Team.ID, "chunks", `[{"type":"markdown_text","text":"x"}]`)["ts"])
	call("chat.stopStream", "channel", general, "ts", stopped)
	call("agents.sessions.setStatus", "channel_id", general, "thread_ts", asked, "status", "processing")
	streams := []string{own, stopped, asked}
	for i := range 40 {
		if method == "chat.update" || method == "chat.delete" {
			streams = append(streams, str(call("chat.postMessage", "channel", general, "text", "mine")["ts"]))
			continue
		}
		for _, name := range []string{"eyes", "thumbsup"} {
			if i == 0 {
				call("reactions.add", "channel", general, "timestamp", asked, "name", name)
			}
		}
		streams = append(streams, str(call("chat.startStream", "channel", general, "thread_ts", asked, "recipient_user_id", "U0ALICE001", "recipient_team_id", s.cfg.Team.ID)["ts"]))
	}
	var ups []string
	for range 30 {
		up := call("files.getUploadURLExternal", "filename", "up.txt", "length", "4")
		ups = append(ups, `[{"id":"`+str(up["file_id"])+`","title":"t"}]`)
	}
	s.mu.Lock()
	opened, no := s.newModalLocked(strings.Replace(invented()["view"][0], `"e"`, `"f"`, 1), nil, nil)
	if no != nil {
		t.Fatal(no.name)
	}
	s.modals["U0ALICE001"] = []*modal{opened}
	var triggers []string
	for range 60 {
		triggers = append(triggers, s.triggerLocked("U0ALICE001"))
	}
	var fileID string
	for id := range s.files {
		fileID = id
	}
	fileIDs := []string{fileID}
	if method == "files.delete" {
		mine := *s.files[fileID]
		mine.user = s.cfg.Bot.UserID
		for range 20 {
			f := mine
			f.id = s.idLocked("F")
			s.files[f.id], fileIDs = &f, append(fileIDs, f.id)
		}
	}
	for _, p := range s.uploads {
		p.data = []byte("text")
	}
	s.mu.Unlock()
	v.values = invented()
	add := func(key string, list ...string) { v.values[key] = append(v.values[key], list...) }
	add("channel", general, general, general, "C0NOBOT001", "C0LEADS001", "#general", "U0ALICE001", s.ChannelID("@alice"))
	v.values["channel_id"] = v.values["channel"]
	add("ts", streams...)
	add("ts", asked, reply, file)
	add("thread_ts", asked, asked, reply, own)
	add("message_ts", asked, own)
	add("timestamp", asked, own)
	add("file", fileIDs...)
	add("files", ups...)
	add("view_id", opened.id, opened.id)
	add("trigger_id", triggers...)
	add("recipient_team_id", s.cfg.Team.ID, s.cfg.Team.ID)
	return v
}

// args makes up the arguments of a call: those that the method takes, mostly, and some odd ones.
func (v *inventor) args(method string) map[string]string {
	out := map[string]string{}
	for _, k := range v.sim.methods[method].required {
		if v.IntN(20) > 0 {
			out[k] = v.pick(k)
		}
	}
	keys := strings.FieldsSeq(takes()[method])
	for k := range keys {
		if v.IntN(3) == 0 {
			out[k] = v.pick(k)
		}
	}
	for range v.IntN(3) {
		all := slices.Sorted(maps.Keys(v.values))
		k := all[v.IntN(len(all))]
		if v.IntN(4) == 0 {
			out[k] = v.pick(k)
		}
	}
	return out
}

func (v *inventor) pick(key string) string {
	if v.IntN(6) == 0 {
		odd := v.values[""]
		return odd[v.IntN(len(odd))]
	}
	if list := v.values[key]; len(list) > 0 {
		picked := list[v.IntN(len(list))]
		if v.IntN(12) == 0 && picked != "" { // broken somewhere
			at := v.IntN(len(picked))
			picked = picked[:at] + string(rune(v.IntN(0x300))) + picked[at+v.IntN(len(picked)-at):]
		}
		return picked
	}
	return "x"
}

func (v *inventor) request(method string, args map[string]string) *http.Request {
	token := v.sim.BotToken()
	if v.sim.methods[method].app {
		token = v.sim.AppToken()
	}
	switch v.IntN(40) {
	case 0:
		token = v.sim.AppToken()
	case 1:
		token = "xoxb-none"
	case 2:
		token = ""
	}
	var body bytes.Buffer
	kind := "application/x-www-form-urlencoded"
	switch v.IntN(8) {
	case 0:
		kind = "application/json"
		body.WriteString(v.json(args))
	case 1:
		w := multipart.NewWriter(&body)
		for _, k := range slices.Sorted(maps.Keys(args)) {
			_ = w.WriteField(k, args[k])
		}
		_ = w.Close()
		kind = w.FormDataContentType()
	default:
		form := url.Values{}
		for k, a := range args {
			form.Set(k, a)
		}
		body.WriteString(form.Encode())
	}
	if v.IntN(60) == 0 {
		body.Truncate(body.Len() / 2)
	}
	req := httptest.NewRequest(http.MethodPost, DefaultBaseURL+"/api/"+method, &body)
	req.Header.Set("Content-Type", kind)
	req.RemoteAddr = "127.0.0.1:1"
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req
}

// json writes arguments as JSON, their own JSON as it is, as Slack's SDKs may.
func (v *inventor) json(args map[string]string) string {
	all := map[string]any{}
	for k, a := range args {
		if all[k] = a; json.Valid([]byte(a)) && v.IntN(2) == 0 {
			all[k] = json.RawMessage(a)
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		return "{"
	}
	return string(b)
}
