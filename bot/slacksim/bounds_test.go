package slacksim_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"llmbot/bot/slacksim"
)

// dial opens a raw connection.
func (s *space) dial() net.Conn {
	s.t.Helper()
	c, err := s.net.Dial(s.t.Context(), "", "")
	must(s.t, err)
	return c
}

// raw sends bytes, and returns the statuses of all answers until the server closes the connection
// or nothing comes for a second.
func (s *space) raw(request string) (statuses []int) {
	s.t.Helper()
	c := s.dial()
	defer c.Close()
	go func() { _, _ = io.WriteString(c, request) }()
	r := bufio.NewReader(c)
	for {
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			return statuses
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		statuses = append(statuses, res.StatusCode)
	}
}

// Whoever has no token of ours leaves nothing behind: not its body, not that it was there. (Seen:
// 60 posts of 4 MB, 330 MB for good.)
func TestStrangersLeaveNothing(t *testing.T) {
	sim := slacksim.New(slacksim.Config{})
	defer sim.Close()
	big := strings.Repeat("x", 900<<10)
	before := heap()
	for i := range 60 {
		switch i % 5 {
		case 0:
			ask(sim, "POST", "/api/anything", "text="+big, "127.0.0.1:1", "localhost", "Content-Type", "application/x-www-form-urlencoded")
		case 1:
			ask(sim, "POST", "/api/chat.postMessage", `{"text":"`+big+`"}`, "127.0.0.1:1", "localhost", "Content-Type", "application/json", "Authorization", "Bearer xoxb-wrong")
		case 2:
			ask(sim, "POST", "/response/r404", `{"text":"`+big+`"}`, "127.0.0.1:1", "localhost")
		case 3:
			ask(sim, "GET", "/files/T1-F1/"+big[:60<<10], "", "127.0.0.1:1", "localhost")
		case 4:
			ask(sim, "POST", "/api/"+big[:60<<10], "token=xoxb-wrong", "127.0.0.1:1", "localhost", "Content-Type", "application/x-www-form-urlencoded")
		}
	}
	if calls := sim.Calls(); len(calls) != 0 {
		t.Errorf("%d calls of strangers are kept", len(calls))
	}
	if grown := heap() - before; grown > 4<<20 {
		t.Errorf("%d MB are kept", grown>>20)
	}
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// A request without a token of ours uses up no fault that is meant for the bot, and counts against
// no limit.
func TestStrangersUseNothingUp(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		s.Fail(slacksim.Fault{Method: "auth.test", Error: "fatal_error"})
		for range 300 {
			if r, _ := s.callAs("xoxb-wrong", "users.info", "user", "U0ALICE001"); r.err() != "invalid_auth" {
				t.Fatal(r)
			}
		}
		if r, _ := s.callAs("", "auth.test"); r.err() != "not_authed" {
			t.Error(r)
		}
		if e := s.call("auth.test").err(); e != "fatal_error" {
			t.Error(e)
		}
		if e := s.call("users.info", "user", "U0ALICE001").err(); e != "" {
			t.Error(e)
		}
	})
}

// A body ends: one that dribbles, one that never comes, one without end. What is answered late, and
// what has no end, goes on.
func TestSlowBodiesEnd(t *testing.T) {
	const form = "Content-Type: application/x-www-form-urlencoded\r\n"
	for name, c := range map[string]struct {
		head string
		drip string // sent every second
	}{
		"API":                   {"POST /api/auth.test HTTP/1.1\r\nHost: localhost\r\n" + form + "Content-Length: 1000\r\n\r\n", "x"},
		"API, chunked":          {"POST /api/auth.test HTTP/1.1\r\nHost: localhost\r\n" + form + "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"},
		"API, nothing comes":    {"POST /api/auth.test HTTP/1.1\r\nHost: localhost\r\n" + form + "Content-Length: 1000\r\n\r\n", ""},
		"page":                  {"POST /page/say HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n", " "},
		"refused":               {"POST /page/say HTTP/1.1\r\nHost: evil.test\r\nContent-Length: 1000\r\n\r\n", " "},
		"response_url":          {"POST /response/r1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n", " "},
		"nobody reads it":       {"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n", " "},
		"a GET with a body":     {"GET /page/state HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n", " "},
		"a file with a body":    {"GET /files/T1-F1/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"},
		"a socket with a body":  {"GET /link/?ticket=x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n", " "},
		"a stream with a body":  {"GET /page/events?user=nobody HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n", " "},
		"waits to be continued": {"POST /api/auth.test HTTP/1.1\r\nHost: localhost\r\n" + form + "Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
				conn := s.dial()
				start := time.Now()
				gone := make(chan struct{})
				go func() {
					_, _ = io.Copy(io.Discard, conn)
					close(gone)
				}()
				_, err := io.WriteString(conn, c.head)
				for err == nil && time.Since(start) < 10*time.Minute {
					time.Sleep(time.Second)
					_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
					if c.drip != "" {
						_, err = io.WriteString(conn, c.drip)
					}
					select {
					case <-gone:
						err = io.EOF
					default:
					}
				}
				if took := time.Since(start); took > 40*time.Second {
					t.Errorf("after %s it was still open", took)
				}
				_ = conn.Close()
				<-gone
			})
		})
	}
}

func TestLongAnswersGoOn(t *testing.T) {
	bubble(t, slacksim.Config{Latency: 50 * time.Second}, func(t *testing.T, s *space) {
		if e := s.call("auth.test").err(); e != "" {
			t.Errorf("a call that is answered after 50 s: %s", e)
		}
		l := s.link(ackAll)
		res := s.page("GET", "/page/events?user=bob", "")
		defer res.Body.Close()
		read := make(chan struct{})
		beats := 0
		go func() {
			defer close(read)
			for lines := bufio.NewScanner(res.Body); lines.Scan(); {
				beats++
			}
		}()
		time.Sleep(time.Hour)
		s.Say("alice", "@alice", "", "still there?")
		synctest.Wait()
		if len(l.events()) != 1 || beats < 700 {
			t.Errorf("after an hour: %d events, %d beats", len(l.events()), beats)
		}
		res.Body.Close()
		<-read
	})
}

// No form, JSON or multipart of small size becomes a large one in memory, and none is read beyond
// its bound.
func TestBombs(t *testing.T) {
	manyParts := func() (string, string) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for i := range 3000 {
			_ = w.WriteField(fmt.Sprint(i), "")
		}
		_ = w.Close()
		return b.String(), w.FormDataContentType()
	}
	parts, partsType := manyParts()
	const form, js = "application/x-www-form-urlencoded", "application/json"
	for name, c := range map[string]struct{ path, body, typ, want string }{
		"a large form":      {"/api/auth.test", "text=" + strings.Repeat("x", 2<<20), form, "request_timeout"},
		"large JSON":        {"/api/auth.test", `{"text":"` + strings.Repeat("x", 2<<20) + `"}`, js, "request_timeout"},
		"many arguments":    {"/api/auth.test", strings.Repeat("a=&", 300_000), form, "invalid_form_data"},
		"many names":        {"/api/auth.test", "{" + strings.TrimSuffix(strings.Repeat(`"a":1,`, 150_000), ",") + "}", js, "invalid_json"},
		"deep JSON":         {"/api/auth.test", `{"a":` + strings.Repeat("[", 500_000), js, "invalid_json"},
		"two objects":       {"/api/auth.test", `{} {}`, js, "invalid_json"},
		"many parts":        {"/api/auth.test", parts, partsType, "invalid_form_data"},
		"no boundary":       {"/api/auth.test", "x", "multipart/form-data", "invalid_form_data"},
		"many query params": {"/api/auth.test?" + strings.Repeat("a&", 20_000), "", form, "invalid_form_data"},
		"many files":        {"/page/say", `{"user":"U0ALICE001","channel":"C0GENERAL1","files":[` + strings.TrimSuffix(strings.Repeat("{},", 200_000), ",") + "]}", js, "not JSON"},
		"a deep page":       {"/page/say", `{"files":` + strings.Repeat("[", 500_000), js, "not JSON"},
		"a large page":      {"/page/say", strings.Repeat(" ", 33<<20), js, "too large"},
		"a long message":    {"/page/say", `{"user":"U0ALICE001","channel":"C0GENERAL1","text":"` + strings.Repeat("x", 40_001) + `"}`, js, "too long"},
	} {
		sim := slacksim.New(slacksim.Config{})
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		before := m.TotalAlloc
		header := []string{"Content-Type", c.typ}
		if strings.HasPrefix(c.path, "/api/") {
			header = append(header, "Authorization", "Bearer "+sim.BotToken())
		}
		start := time.Now()
		w := ask(sim, "POST", c.path, c.body, "127.0.0.1:1", "localhost", header...)
		runtime.ReadMemStats(&m)
		if !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %.200s, want %s", name, w.Body, c.want)
		}
		if used, most := m.TotalAlloc-before, uint64(10*len(c.body)+8<<20); used > most {
			t.Errorf("%s: %d kB become %d MB", name, len(c.body)>>10, used>>20)
		}
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("%s: %s", name, took)
		}
		if len(sim.Channel("general")) != 0 {
			t.Errorf("%s had an effect", name)
		}
		sim.Close()
	}
}

// A body without end is cut at its bound, whoever sends it.
func TestEndlessBody(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		conn := s.dial()
		defer conn.Close()
		go func() { _, _ = io.Copy(io.Discard, conn) }()
		_, err := io.WriteString(conn, "POST /api/auth.test HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
		must(t, err)
		chunk := fmt.Sprintf("%x\r\n%s\r\n", 16<<10, strings.Repeat(" ", 16<<10))
		sent := 0
		for ; err == nil && sent < 100<<20; sent += len(chunk) {
			_, err = io.WriteString(conn, chunk)
		}
		if sent > 2<<20 {
			t.Errorf("%d MB were taken", sent>>20)
		}
	})
}

// Bodies of many requests at once are bounded together; what is over is refused, and what ends
// makes room.
func TestBodiesTogether(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		most := 1<<20 - 1
		var all sync.WaitGroup
		conns := make([]net.Conn, 66)
		for i := range conns {
			conns[i] = s.dial()
			all.Go(func() { _, _ = io.Copy(io.Discard, conns[i]) })
			all.Go(func() {
				_, _ = fmt.Fprintf(conns[i], "POST /api/auth.test HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", most+1, strings.Repeat(" ", most))
			})
			synctest.Wait() // one after the other: of those that grow together more may be refused than the last two
		}
		if e := s.call("auth.test", "text", strings.Repeat("x", 900<<10)).err(); e != "request_timeout" {
			t.Errorf("with 64 MB in flight: %q", e)
		}
		for _, c := range conns {
			_ = c.Close()
		}
		all.Wait()
		synctest.Wait()
		if e := s.call("auth.test", "text", strings.Repeat("x", 900<<10)).err(); e != "" {
			t.Errorf("afterwards: %q", e)
		}
	})
}

// What stands in a body is no request, however its length is told.
func TestSmuggling(t *testing.T) {
	inner := "POST /page/say HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60\r\n\r\n" + `{"user":"U0ALICE001","channel":"C0GENERAL1","text":"stolen"}`
	for name, request := range map[string]string{
		"length and chunks":  "POST /page/say HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + "",
		"two lengths":        "POST /page/say HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 200\r\n\r\n" + inner,
		"odd encoding":       "POST /page/say HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n" + inner,
		"encoding with tab":  "POST /page/say HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding:\tchunked, identity\r\n\r\n" + inner,
		"space before colon": "POST /page/say HTTP/1.1\r\nHost: localhost\r\nContent-Length : 0\r\n\r\n" + inner,
		"signed length":      "POST /page/say HTTP/1.1\r\nHost: localhost\r\nContent-Length: +0\r\n\r\n" + inner,
		"two hosts":          "POST /page/say HTTP/1.1\r\nHost: localhost\r\nHost: evil.test\r\nContent-Length: 0\r\n\r\n",
		"in a refused body":  fmt.Sprintf("POST /page/say HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.test\r\nContent-Length: %d\r\n\r\n%s", len(inner), inner),
		"in a large one":     fmt.Sprintf("POST /page/say HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.test\r\nContent-Length: %d\r\n\r\n%s%s", len(inner)+300<<10, strings.Repeat(" ", 300<<10), inner),
		"in a form":          fmt.Sprintf("POST /api/auth.test HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(inner), inner),
		"absolute address":   "POST http://evil.test/page/say HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
		"a line feed alone":  "GET /page/state HTTP/1.1\nHost: evil.test\n\n",
		"HTTP/1.0, no host":  "GET /page/state HTTP/1.0\r\n\r\n",
	} {
		bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
			for _, status := range s.raw(request) {
				if status == 200 && name != "in a form" {
					t.Errorf("%s: served", name)
				}
			}
			if m := s.Channel("general"); len(m) != 0 {
				t.Errorf("%s: %q was written", name, m[0].Text)
			}
		})
	}
}

// openStream opens an event stream over a connection of its own, and reads its first byte.
func (s *space) openStream() (net.Conn, *bufio.Reader) {
	s.t.Helper()
	c := s.dial()
	_, err := io.WriteString(c, "GET /page/events?user=alice HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	must(s.t, err)
	r := bufio.NewReader(c)
	_, err = r.Peek(1)
	must(s.t, err)
	return c, r
}

// Streams that nobody reads are ended; of too many, the oldest; and who reads is told why. (Seen:
// 1,500 unread streams, 250 MB, no limit.)
func TestStreamsAreBounded(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		first, r := s.openStream()
		told := make(chan string, 1)
		go func() {
			all, _ := io.ReadAll(r)
			told <- string(all)
		}()
		var unread []net.Conn
		for range 32 {
			c, _ := s.openStream()
			unread = append(unread, c)
		}
		time.Sleep(time.Second)
		select {
		case text := <-told:
			if !strings.Contains(text, "event: dropped\ndata: more than 32 pages are open") || !strings.HasSuffix(text, "0\r\n\r\n") {
				t.Errorf("%q", text)
			}
		default:
			t.Error("the oldest was not ended")
		}
		_ = first.Close()
		last, r := s.openStream() // one of those that do not read has to go
		go func() { _, _ = io.Copy(io.Discard, r) }()
		s.Say("alice", "general", "", strings.Repeat("x", 10_000))
		time.Sleep(20 * time.Second)
		for i, c := range unread {
			_ = c.SetReadDeadline(time.Now().Add(time.Second))
			if _, err := io.Copy(io.Discard, c); err != nil {
				t.Errorf("stream %d was not read, and is open after 20 s: %v", i, err)
			}
			_ = c.Close()
		}
		_ = last.Close()
	})
}

// A long history comes in several events, each of a bounded size, and completely.
func TestHistoryInParts(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		want := map[string]bool{}
		for i := range 30 {
			want[s.Say("alice", "general", "", fmt.Sprint(i)+strings.Repeat("x", 30_000))] = true
		}
		root := s.Say("alice", "general", "", "root")
		s.Say("alice", "general", root, "a reply changes its parent, too")
		res := s.page("GET", "/page/events?user=bob", "")
		defer res.Body.Close()
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 8<<20)
		events, got := 0, map[string]bool{}
		for lines.Scan() {
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			if !ok {
				continue
			}
			events++
			if len(data) > 400<<10 {
				t.Errorf("an event of %d kB", len(data)>>10)
			}
			for _, part := range strings.Split(data, `"ts":"`)[1:] {
				ts, _, _ := strings.Cut(part, `"`)
				got[ts] = true
			}
			if strings.Contains(data, `"more":false`) {
				break
			}
		}
		for ts := range want {
			if !got[ts] {
				t.Errorf("%s is missing", ts)
			}
		}
		if events < 3 || !got[root] {
			t.Errorf("%d events", events)
		}
	})
}

// A frame of the app's is not taken into memory whole before it is found too long.
func TestEndlessFrame(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		must(t, l.ws.WriteMessage(websocket.TextMessage, []byte(strings.Repeat("x", 50<<20))))
		s.Say("alice", "@alice", "", "still there?")
		synctest.Wait()
		if n := len(l.events()); n != 1 {
			t.Errorf("%d events", n)
		}
	})
}
