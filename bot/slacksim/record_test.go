package slacksim

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// A record is bounded in number and in bytes, and keeps what is newest.
func TestRecord(t *testing.T) {
	var r record[int]
	for i := range 3 * logBound {
		r.add(i, 1)
		if len(r.list) > logBound || len(r.list) != len(r.sizes) || r.bytes != len(r.list) || r.list[len(r.list)-1] != i {
			t.Fatalf("after %d: %d entries, %d sizes, %d bytes", i, len(r.list), len(r.sizes), r.bytes)
		}
	}
	r = record[int]{}
	for i := range 10_000 {
		r.add(i, 1<<20)
		if r.bytes > logBytes || r.list[len(r.list)-1] != i {
			t.Fatalf("after %d: %d MB", i, r.bytes>>20)
		}
	}
	if len(r.list) < logBytes>>21 {
		t.Errorf("%d entries of 1 MB are kept", len(r.list))
	}
	r.add(7, 2*logBytes) // more than there is room for: it alone is kept
	if r.list[len(r.list)-1] != 7 {
		t.Error(r.list)
	}
	r = record[int]{}
	for i := range 100 {
		r.add(i, 1)
	}
	if r.grow(99, logBytes); len(r.list) != 50 || r.list[49] != 99 {
		t.Errorf("%d entries", len(r.list))
	}
}

// The workspace is full one day, and says so.
func TestFull(t *testing.T) {
	s := New(Config{})
	defer s.Close()
	s.stored = maxStored - 3*entryBytes
	say := func() string {
		r := httptest.NewRequest("POST", "http://localhost/page/say", strings.NewReader(`{"user":"U0ALICE001","channel":"C0GENERAL1","text":"x"}`))
		r.RemoteAddr = "127.0.0.1:1"
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Body.String()
	}
	for range 2 {
		if body := say(); !strings.Contains(body, `"ts"`) {
			t.Error(body)
		}
	}
	if body := say(); !strings.Contains(body, "full: start it anew") {
		t.Error(body)
	}
}

// A flood of clicks leaves a bounded number of addresses to answer at; those that are over go with
// the oldest.
func TestResponseURLs(t *testing.T) {
	s := New(Config{})
	defer s.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.responseURLLocked("C0GENERAL1", "U0ALICE001", "")
	for range maxResponses + 10 {
		s.responseURLLocked("C0GENERAL1", "U0ALICE001", "")
	}
	if len(s.responses) != maxResponses || len(s.responseIDs) != maxResponses {
		t.Errorf("%d, %d", len(s.responses), len(s.responseIDs))
	}
	if s.responses[first[strings.LastIndexByte(first, '/')+1:]] != nil {
		t.Error("the oldest is kept")
	}
}
