// Package turntest says what a turn.Store has to do, as tests that every store runs.
//
// TestStore and TestPair run outside synctest bubbles, against real databases too; TestBubble runs
// the same cases each in a bubble of its own, for stores that do no network I/O. The suite waits by
// events, never by sleeping; patience bounds how long a store may take to tell a change (PostgreSQL
// behind PgBouncer polls once a second).
package turntest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/turn"
)

// patience is how long a store may take for anything before the suite gives up.
const patience = 2 * time.Minute

// pair is two handles on the same records; they may be the same handle.
type pair struct{ a, b turn.Store }

type test struct {
	name string
	run  func(t *testing.T, p pair)
}

func tests() []test {
	return []test{
		{"create change delete", testBasics},
		{"fn's error leaves the record", testFnError},
		{"values are copies", testCopies},
		{"odd keys", testOddKeys},
		{"what is no key", testNoKeys},
		{"big values", testBig},
		{"updates are atomic", testAtomic},
		{"updates of many keys at once", testManyKeys},
		{"fn does not run after Update", testFnEnds},
		{"update ends with its context", testUpdateContext},
		{"watch tells what is there", testWatchNow},
		{"watch tells when it has told all", testWatchAll},
		{"watch never misses the last state", testWatchLast},
		{"watch tells deletions", testWatchDelete},
		{"watch keeps to its prefix", testWatchPrefix},
		{"several watches", testWatchSeveral},
		{"a slow watch blocks nobody", testWatchSlow},
		{"a watch may update", testWatchUpdates},
		{"watch ends with its context", testWatchContext},
		{"close ends everything", testClose},
	}
}

// TestStore runs the suite. open returns a fresh store without records each time and arranges for
// whatever has to be cleaned up.
func TestStore(t *testing.T, open func(t *testing.T) turn.Store) {
	t.Helper()
	for _, tc := range tests() {
		t.Run(tc.name, func(t *testing.T) {
			s := open(t)
			tc.run(t, pair{s, s})
			closeStore(t, s)
		})
	}
}

// TestPair runs the suite on two handles of the same fresh records, as two processes have them.
func TestPair(t *testing.T, open func(t *testing.T) (a, b turn.Store)) {
	t.Helper()
	for _, tc := range tests() {
		t.Run(tc.name, func(t *testing.T) {
			a, b := open(t)
			tc.run(t, pair{a, b})
			closeStore(t, a)
			closeStore(t, b)
		})
	}
}

// TestBubble is TestStore with each case in a synctest bubble, in which open is called too.
func TestBubble(t *testing.T, open func(t *testing.T) turn.Store) {
	t.Helper()
	for _, tc := range tests() {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t)
				tc.run(t, pair{s, s})
				closeStore(t, s)
			})
		})
	}
}

func closeStore(t *testing.T, s turn.Store) {
	t.Helper()
	if err := s.Close(); err != nil && !errors.Is(err, turn.ErrClosed) {
		t.Errorf("close: %v", err)
	}
}

// set writes one value; nil deletes.
func set(t *testing.T, s turn.Store, key string, value []byte) {
	t.Helper()
	if err := s.Update(t.Context(), key, func([]byte) ([]byte, error) { return value, nil }); err != nil {
		t.Fatalf("update %q: %v", key, err)
	}
}

// get reads one value.
func get(t *testing.T, s turn.Store, key string) []byte {
	t.Helper()
	var got []byte
	err := s.Update(t.Context(), key, func(old []byte) ([]byte, error) {
		got = bytes.Clone(old)
		return []byte("must not be written"), turn.ErrKeep
	})
	if err != nil {
		t.Fatalf("read %q: %v", key, err)
	}
	return got
}

func want(t *testing.T, s turn.Store, key, value string) {
	t.Helper()
	got := get(t, s, key)
	if string(got) != value || (value == "") != (got == nil) {
		t.Errorf("record %q is %.60q (nil: %v), want %.60q", key, got, got == nil, value)
	}
}

// view collects what a Watch tells.
type view struct {
	mu   sync.Mutex // guards all below
	last map[string]string
	told int
	// known is how many records were told when fn heard that these are all; -1: it has not.
	known int
	busy  bool // fn is running
	news  chan struct{}

	cancel context.CancelFunc
	ended  chan error
}

const deleted = "(deleted)"

// watch starts a Watch. Its slowness is called within fn, without locks.
func watch(t *testing.T, s turn.Store, prefix string, slowness func()) *view {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	v := &view{last: map[string]string{}, known: -1, news: make(chan struct{}, 1), cancel: cancel, ended: make(chan error, 1)}
	go func() {
		v.ended <- s.Watch(ctx, prefix, func(key string, value []byte) {
			if key == "" {
				v.toldAll(t)
				return
			}
			v.tell(t, key, value)
			if slowness != nil {
				slowness()
			}
			v.mu.Lock()
			v.busy = false
			v.mu.Unlock()
		})
	}()
	return v
}

func (v *view) toldAll(t *testing.T) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.known >= 0 {
		t.Error("fn hears twice that all was told")
	}
	v.known = len(v.last)
	select {
	case v.news <- struct{}{}:
	default:
	}
}

func (v *view) tell(t *testing.T, key string, value []byte) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.busy {
		t.Error("fn of one Watch runs twice at once")
	}
	v.busy = true
	v.told++
	v.last[key] = string(value)
	if value == nil {
		v.last[key] = deleted
	} else if len(value) == 0 {
		t.Errorf("record %q told with an empty value that is not nil", key)
	}
	clear(value) // a copy: must hurt nobody
	select {
	case v.news <- struct{}{}:
	default:
	}
}

// until waits for ok, which sees the newest value of each key.
func (v *view) until(t *testing.T, what string, ok func(last map[string]string) bool) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		v.mu.Lock()
		good := ok(v.last)
		v.mu.Unlock()
		if good {
			return
		}
		select {
		case <-v.news:
		case err := <-v.ended:
			t.Fatalf("waiting for %s: watch ended: %v", what, err)
		case <-timer.C:
			t.Fatalf("waiting for %s: not told within %s", what, patience)
		}
	}
}

func (v *view) is(t *testing.T, key, value string) {
	t.Helper()
	v.until(t, fmt.Sprintf("%q = %.40q", key, value), func(last map[string]string) bool { return last[key] == value })
}

// stop ends the Watch by its context and checks the error.
func (v *view) stop(t *testing.T) {
	t.Helper()
	v.cancel()
	if err := v.wait(t); !errors.Is(err, context.Canceled) {
		t.Errorf("watch ended with %v, want context.Canceled", err)
	}
}

func (v *view) wait(t *testing.T) error {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-v.ended:
		return err
	case <-timer.C:
		t.Fatalf("watch did not end within %s", patience)
		return nil
	}
}

func testBasics(t *testing.T, p pair) {
	want(t, p.a, "k", "")
	set(t, p.a, "k", nil) // deleting nothing is no error
	want(t, p.b, "k", "")
	set(t, p.a, "k", []byte("one"))
	want(t, p.a, "k", "one")
	want(t, p.b, "k", "one")
	set(t, p.b, "k", []byte{0, 255, '\'', 0})
	want(t, p.a, "k", "\x00\xff'\x00")
	want(t, p.a, "other", "")
	set(t, p.a, "k", nil)
	want(t, p.b, "k", "")
	set(t, p.a, "k", []byte("two"))
	set(t, p.a, "k", []byte{}) // length 0 deletes as well
	want(t, p.b, "k", "")
}

func testFnError(t *testing.T, p pair) {
	mine := errors.New("mine")
	for _, before := range []string{"", "kept"} {
		if before != "" {
			set(t, p.a, "k", []byte(before))
		}
		err := p.a.Update(t.Context(), "k", func([]byte) ([]byte, error) { return []byte("never"), mine })
		if !errors.Is(err, mine) {
			t.Errorf("fn's error came back as %v", err)
		}
		want(t, p.b, "k", before)
		err = p.a.Update(t.Context(), "k", func([]byte) ([]byte, error) { return nil, fmt.Errorf("wrapped: %w", turn.ErrKeep) })
		if err != nil {
			t.Errorf("a wrapped ErrKeep came back as %v", err)
		}
		want(t, p.b, "k", before)
	}
}

func testCopies(t *testing.T, p pair) {
	mine := []byte("value")
	set(t, p.a, "k", mine)
	copy(mine, "XXXXX")
	want(t, p.a, "k", "value")
	err := p.a.Update(t.Context(), "k", func(old []byte) ([]byte, error) {
		copy(old, "YYYYY")
		return nil, turn.ErrKeep
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, p.a, "k", "value")
	v := watch(t, p.a, "", nil) // it clears what it is told
	v.is(t, "k", "value")
	v.stop(t)
	want(t, p.b, "k", "value")
}

func testOddKeys(t *testing.T, p pair) {
	keys := []string{
		"a", "A", "a ", " a", "a/b", "a//b", "a%", "a_", "a*", "a?", `a\`, `a\%`, "a'", `a"`, "a;--", "a\n", "a\t", "a[b]", "ä", "a\u0308",
		"日本", "😀", "a\U0010FFFF", "a\u007f", "C0123:1700000000.000100", strings.Repeat("k", 512),
	}
	for i, key := range keys {
		set(t, p.a, key, []byte(strconv.Itoa(i)+key))
	}
	v := watch(t, p.b, "", nil)
	for i, key := range keys {
		want(t, p.b, key, strconv.Itoa(i)+key)
		v.is(t, key, strconv.Itoa(i)+key)
	}
	v.stop(t)
	if len(v.last) != len(keys) {
		t.Errorf("watch told %d keys, want %d", len(v.last), len(keys))
	}
}

func testNoKeys(t *testing.T, p pair) {
	for _, key := range []string{"", "a\x00b", "\xff", "C1/1\xc3", strings.Repeat("k", 513), strings.Repeat("k", 1<<20)} {
		err := p.a.Update(t.Context(), key, func([]byte) ([]byte, error) { return []byte("x"), nil })
		if !errors.Is(err, turn.ErrKey) || len(err.Error()) > 300 {
			t.Errorf("key %.20q of %d bytes: %.300v", key, len(key), err)
		}
	}
	set(t, p.a, "a", []byte("good"))
	want(t, p.b, "a", "good")
}

func testBig(t *testing.T, p pair) {
	big := strings.Repeat("0123456789abcde\x00", 1<<20/16)
	v := watch(t, p.b, "b", nil)
	set(t, p.a, "big", []byte(big))
	want(t, p.b, "big", big)
	v.is(t, "big", big)
	set(t, p.a, "big", []byte("small"))
	v.is(t, "big", "small")
	v.stop(t)
}

// add counts up a decimal number; it is pure.
func add(old []byte) ([]byte, error) {
	n := 0
	if len(old) > 0 {
		var err error
		if n, err = strconv.Atoi(string(old)); err != nil {
			return nil, err
		}
	}
	return []byte(strconv.Itoa(n + 1)), nil
}

func testAtomic(t *testing.T, p pair) {
	const writers, each = 8, 50
	var wg sync.WaitGroup
	for i := range writers {
		s := p.a
		if i%2 == 1 {
			s = p.b
		}
		wg.Go(func() {
			for n := range each {
				if n%5 == 4 { // a reader between the writers
					if err := s.Update(t.Context(), "n", func([]byte) ([]byte, error) { return nil, turn.ErrKeep }); err != nil {
						t.Errorf("read: %v", err)
					}
				}
				if err := s.Update(t.Context(), "n", add); err != nil {
					t.Errorf("update: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	want(t, p.a, "n", strconv.Itoa(writers*each))
}

func testManyKeys(t *testing.T, p pair) {
	const keys, writers, each = 5, 8, 10
	v := watch(t, p.b, "n/", nil)
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for n := range keys * each {
				if err := p.a.Update(t.Context(), "n/"+strconv.Itoa(n%keys), add); err != nil {
					t.Errorf("update: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	for n := range keys {
		want(t, p.b, "n/"+strconv.Itoa(n), strconv.Itoa(writers*each))
		v.is(t, "n/"+strconv.Itoa(n), strconv.Itoa(writers*each))
	}
	v.stop(t)
}

// testFnEnds lets the race detector see whether fn still runs when Update has returned, also by its
// context.
func testFnEnds(t *testing.T, p pair) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for n := range 20 {
				ctx, cancel := context.WithCancel(t.Context())
				calls := 0
				if n%4 == 3 {
					cancel()
				}
				err := p.a.Update(ctx, "k", func(old []byte) ([]byte, error) {
					calls++
					if n%4 == 2 {
						cancel()
					}
					return add(old)
				})
				calls++
				cancel()
				if err == nil && calls < 2 {
					t.Error("update succeeded without calling fn")
				}
			}
		})
	}
	wg.Wait()
}

func testUpdateContext(t *testing.T, p pair) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := p.a.Update(ctx, "k", func([]byte) ([]byte, error) { return []byte("late"), nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("update with an ended context: %v", err)
	}
	want(t, p.b, "k", "") // it had ended before: certainly not written
	ctx, cancel = context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	err = p.a.Update(ctx, "k", func([]byte) ([]byte, error) { return []byte("late"), nil })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("update after its deadline: %v", err)
	}
	set(t, p.a, "k", []byte("fine")) // and nothing is stuck
	want(t, p.b, "k", "fine")
}
