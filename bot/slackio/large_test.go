package slackio

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"llmbot/bot/pace"
	"llmbot/bot/thread"
)

// archive is a Slack in which a thread has so many messages of so many bytes.
type archive struct {
	messages, size int
	blocks         string // a JSON array that each message has as well; empty: none
	calls          atomic.Int32
}

func (a *archive) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "conversations.replies") && !strings.HasSuffix(r.URL.Path, "conversations.history") {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"ok":false,"error":"user_not_found"}`))}, nil
	}
	a.calls.Add(1)
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	from, _ := strconv.Atoi(r.Form.Get("cursor"))
	limit, _ := strconv.Atoi(r.Form.Get("limit"))
	to := min(from+limit, a.messages)
	next := ""
	if to < a.messages {
		next = strconv.Itoa(to)
	}
	body, w := io.Pipe()
	go func() { // ends with the reader
		_, err := io.WriteString(w, `{"ok":true,"messages":[`)
		comma := ""
		blocks := a.blocks
		if blocks == "" {
			blocks = "[]"
		}
		for n := from; n < to && err == nil; n++ {
			_, err = fmt.Fprintf(w, `%s{"ts":"17000%05d.000100","thread_ts":"1700000000.000100","bot_id":"B1","text":"%d %s","blocks":%s}`, comma, n, n, strings.Repeat("zq ", a.size/3), blocks)
			comma = ","
		}
		_, _ = fmt.Fprintf(w, `],"response_metadata":{"next_cursor":%q}}`, next)
		_ = w.CloseWithError(err)
	}()
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: body}, nil
}

func (a *archive) slack() *Slack {
	s := New(Config{BotToken: "xoxb-1", APIURL: "http://slack.test/api/", HTTP: &http.Client{Transport: a}, Log: slog.New(slog.DiscardHandler), Pace: pace.Config{Scale: 1e6}})
	s.self = Self{User: "U0", Team: "T1"}
	return s
}

// peak returns by how much the heap grew at most while f ran.
func peak(f func()) int {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, most := m.HeapAlloc, uint64(0)
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			runtime.GC() // what is in use, without what is left over
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
			select {
			case <-end:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	f()
	close(end)
	<-done
	return int(max(most, before) - before)
}

// mostHistory is how much memory all reads of history may take together, what they return not counted.
const mostHistory = 100 << 20

// TestLargeThreads: a thread is read whatever its messages take. Of too much the first message and the newest are
// kept, and many reads at once take no more memory than a few.
func TestLargeThreads(t *testing.T) {
	deep, err := json.Marshal([]any{map[string]any{"type": "section", "fields": slices.Repeat([]any{map[string]any{"type": "mrkdwn", "text": "a"}}, 2000)}})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		of    *archive
		kept  int // messages at least
		calls int // at most
	}{
		"usual":         {&archive{messages: 1000, size: 2000}, 1000, 1},
		"long":          {&archive{messages: 4500, size: 300}, 4500, 5},
		"long messages": {&archive{messages: 300, size: 40_000}, 250, 6},
		"many blocks":   {&archive{messages: 200, size: 10, blocks: string(deep)}, 100, 6},
		"Slack's limit": {&archive{messages: 60, size: 600_000}, 15, 20},
	} {
		s := tt.of.slack()
		var got []thread.Message
		grew := peak(func() { got, err = s.Messages(t.Context(), thread.ID{Channel: "C1", TS: "1700000000.000100"}) })
		t.Logf("%s: %d messages, %d calls, %d MB", name, len(got), tt.of.calls.Load(), grew>>20)
		if err != nil || len(got) < tt.kept || got[0].TS != "1700000000.000100" || got[len(got)-1].TS != fmt.Sprintf("17000%05d.000100", tt.of.messages-1) || int(tt.of.calls.Load()) > tt.calls {
			t.Errorf("%s: %d messages, %v", name, len(got), err)
		}
	}
	var all sync.WaitGroup
	grew := peak(func() {
		s := (&archive{messages: 150, size: 40_000}).slack()
		for range 6 {
			all.Go(func() {
				if _, err := s.Messages(t.Context(), thread.ID{Channel: "C1", TS: "1700000000.000100"}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})
	t.Logf("6 at once: %d MB", grew>>20)
	if grew > mostHistory {
		t.Errorf("%d MB", grew>>20)
	}
}
