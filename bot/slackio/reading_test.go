package slackio

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/fair"
	"llmbot/bot/pace"
	"llmbot/bot/thread"
)

// book is a Slack in which each thread of the channel CLONG has so many pages of one message, and each
// other one has one. Its pages take so long.
func book(pages int, takes time.Duration) answers {
	return func(r *http.Request) string {
		if !strings.HasSuffix(r.URL.Path, "conversations.replies") {
			return `{"ok":false,"error":"user_not_found"}`
		}
		time.Sleep(takes)
		if err := r.ParseForm(); err != nil {
			return ""
		}
		page, _ := strconv.Atoi(r.Form.Get("cursor"))
		next := ""
		if r.Form.Get("channel") == "CLONG" && page+1 < pages {
			next = strconv.Itoa(page + 1)
		}
		ts := r.Form.Get("ts")
		if page > 0 {
			ts = fmt.Sprintf("1700000001.%06d", page)
		}
		return fmt.Sprintf(`{"ok":true,"messages":[{"ts":%q,"thread_ts":%q,"bot_id":"B1","text":"zq"}],"response_metadata":{"next_cursor":%q}}`, ts, r.Form.Get("ts"), next)
	}
}

func (a answers) slack() *Slack {
	s := New(Config{BotToken: "xoxb-1", APIURL: "http://slack.test/api/", HTTP: &http.Client{Transport: a}, Log: slog.New(slog.DiscardHandler)})
	s.self = Self{User: "U0", Team: "T1"}
	return s
}

// TestLongThreadsHoldNobodyUp: two people with long threads wait for the budget of their pages, and the
// third one, whose thread is short, for none of them.
func TestLongThreadsHoldNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pages = 60 // more than the budget of a minute
		s := book(pages, 300*time.Millisecond).slack()
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				ctx := fair.With(t.Context(), fmt.Sprint("U", i%2))
				got, err := s.Messages(ctx, thread.ID{Channel: "CLONG", TS: fmt.Sprintf("1700000000.00010%d", i)})
				if err != nil || len(got) != pages {
					t.Errorf("%d messages, %v", len(got), err)
				}
			})
		}
		for range 5 {
			time.Sleep(10 * time.Second)
			began := time.Now()
			if _, err := s.Messages(fair.With(t.Context(), "U3"), thread.ID{Channel: "C1", TS: "1700000000.000200"}); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("a short thread took %s", took)
			}
		}
		all.Wait()
		isFree(t, s)
	})
}

// isFree fails unless every place is free.
func isFree(t *testing.T, s *Slack) {
	t.Helper()
	for name, pool := range map[string]*fair.Pool{"readers": s.readers, "long readers": s.longReaders} {
		var got []*fair.Hold
		for i := range 9 {
			if h := pool.Try(fair.With(t.Context(), fmt.Sprint(i)), fair.OnePlace()); h != nil {
				got = append(got, h)
			}
		}
		want := readers
		if name == "long readers" {
			want = longReaders
		}
		if len(got) != want {
			t.Errorf("%d %s are free", len(got), name)
		}
		for _, h := range got {
			h.Give()
		}
	}
}

// TestReadsAreCountedWhenTheyAreMade: a read that waits for a place uses no budget yet, or Slack would
// count it in a later minute than we do.
func TestReadsAreCountedWhenTheyAreMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := book(1, 10*time.Second).slack()
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				if _, err := s.Messages(fair.With(t.Context(), fmt.Sprint("U", i)), thread.ID{Channel: "C1", TS: "1700000000.000100"}); err != nil {
					t.Error(err)
				}
			})
		}
		for n := 1; n <= 4; n++ {
			synctest.Wait()
			if got := s.pace.Snapshot().Methods[methodReplies].InMinute; got != n*readers {
				t.Errorf("%d reads are counted, want %d", got, n*readers)
			}
			time.Sleep(10 * time.Second)
		}
		all.Wait()
		isFree(t, s)
	})
}

// TestReadsHammer: whoever reads, fails or gives up, at most so many pages are read at once, and in the
// end every place is free.
func TestReadsHammer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // guards now
		now := 0
		under := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			if now += n; now > readers {
				t.Errorf("%d pages at once", now)
			}
		}
		pages := book(4, 50*time.Millisecond)
		s := answers(func(r *http.Request) string {
			if !strings.HasSuffix(r.URL.Path, "conversations.replies") {
				return pages(r)
			}
			under(1)
			defer under(-1)
			return pages(r)
		}).slack()
		s.pace = pace.New(pace.Config{Scale: 20})
		var all sync.WaitGroup
		for i := range 60 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(fair.With(t.Context(), fmt.Sprint("U", i%7)), time.Duration(i)*20*time.Millisecond)
				defer cancel()
				for n := range 4 {
					_, err := s.Messages(ctx, thread.ID{Channel: []string{"CLONG", "C1"}[(i+n)%2], TS: "1700000000.000100"})
					if err != nil && ctx.Err() == nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		isFree(t, s)
	})
}
