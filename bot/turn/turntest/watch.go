package turntest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"llmbot/bot/turn"
)

func testWatchNow(t *testing.T, p pair) {
	for n := range 100 {
		set(t, p.a, "n/"+strconv.Itoa(n), []byte("v"+strconv.Itoa(n)))
	}
	set(t, p.a, "n/7", nil)
	v := watch(t, p.b, "n/", nil)
	for n := range 100 {
		if n != 7 {
			v.is(t, "n/"+strconv.Itoa(n), "v"+strconv.Itoa(n))
		}
	}
	v.stop(t)
	if s, ok := v.last["n/7"]; ok && s != deleted {
		t.Errorf("a record deleted before the watch is told as %q", s)
	}
}

// testWatchAll: also of more records than a store reads at once, and of none, and once only.
func testWatchAll(t *testing.T, p pair) {
	const records = 450
	for n := range records {
		set(t, p.a, "n/"+strconv.Itoa(n), []byte("v"))
	}
	for prefix, want := range map[string]int{"n/": records, "none/": 0} {
		v := watch(t, p.b, prefix, nil)
		v.until(t, "that all is told", func(map[string]string) bool { return v.known >= 0 })
		set(t, p.a, prefix+"later", []byte("v"))
		v.is(t, prefix+"later", "v")
		v.stop(t)
		if v.known != want {
			t.Errorf("%d records were told before the word that these are all, want %d", v.known, want)
		}
	}
}

func testWatchLast(t *testing.T, p pair) {
	v := watch(t, p.b, "", nil)
	for n := range 300 {
		set(t, p.a, "k", []byte(strconv.Itoa(n)))
		if n%100 == 99 {
			v.is(t, "k", strconv.Itoa(n))
		}
	}
	set(t, p.a, "k", []byte("last"))
	v.is(t, "k", "last")
	// What is left as it is, or fails, changes nothing; a change back to an earlier value is a
	// change.
	set(t, p.a, "k", []byte("0"))
	v.is(t, "k", "0")
	v.stop(t)
	// A watch that begins while others write sees the last state too.
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := range 100 {
			set(t, p.a, "k", []byte(strconv.Itoa(n)))
		}
		set(t, p.a, "k", []byte("end"))
	})
	for range 5 {
		v := watch(t, p.b, "", nil)
		defer v.stop(t)
		defer v.is(t, "k", "end")
	}
	wg.Wait()
}

func testWatchDelete(t *testing.T, p pair) {
	set(t, p.a, "k", []byte("there"))
	v := watch(t, p.b, "", nil)
	v.is(t, "k", "there")
	set(t, p.a, "k", nil)
	v.is(t, "k", deleted)
	set(t, p.a, "k", []byte("again"))
	v.is(t, "k", "again")
	for range 20 {
		set(t, p.a, "k", nil)
		set(t, p.a, "k", []byte("flicker"))
	}
	set(t, p.a, "k", nil)
	v.is(t, "k", deleted)
	set(t, p.a, "k2", []byte("x"))
	set(t, p.a, "k2", nil)
	set(t, p.a, "k3", []byte("barrier"))
	v.is(t, "k3", "barrier")
	v.stop(t)
	if s, ok := v.last["k2"]; ok && s != deleted {
		t.Errorf("a record that came and went is left as %q", s)
	}
}

func testWatchPrefix(t *testing.T, p pair) {
	keys := []string{
		"a", "a/", "a/b", "a/b/", "a/b/c", "a/bc", "a0", "a.", "A/b", "a%", "a%b", "a_b", "axb", "b", "ab", "", "a\U0010FFFF", "a\U0010FFFFx", "a\U0010FFFE", `a\b`,
		"xa/b/c", "xa%b", "xa_b", `xa\b`, "xa\U0010FFFF",
	}
	prefixes := []string{"", "a", "a/", "a/b", "a%", "a_", "a\U0010FFFF", `a\`, "nothing", "a/b/c"}
	views := make([]*view, len(prefixes))
	for i, prefix := range prefixes {
		views[i] = watch(t, p.b, prefix, nil)
	}
	for _, key := range keys {
		if key != "" {
			set(t, p.a, key, []byte("v"))
		}
	}
	for i, prefix := range prefixes {
		n := 0
		for _, key := range keys {
			if key != "" && strings.HasPrefix(key, prefix) {
				views[i].is(t, key, "v")
				n++
			}
		}
		views[i].stop(t)
		if len(views[i].last) != n {
			t.Errorf("watch of %q told %d keys, want %d: %v", prefix, len(views[i].last), n, views[i].last)
		}
	}
}

func testWatchSeveral(t *testing.T, p pair) {
	var views []*view
	for i := range 6 {
		s := p.a
		if i%2 == 1 {
			s = p.b
		}
		views = append(views, watch(t, s, []string{"", "k"}[i/3], nil))
	}
	for n := range 20 {
		set(t, p.a, "k"+strconv.Itoa(n%3), []byte(strconv.Itoa(n)))
	}
	views[0].stop(t) // one that leaves takes nothing from the others
	set(t, p.b, "k", []byte("end"))
	for _, v := range views[1:] {
		v.is(t, "k", "end")
		v.is(t, "k0", "18")
		v.is(t, "k1", "19")
		v.is(t, "k2", "17")
		v.stop(t)
	}
}

func testWatchSlow(t *testing.T, p pair) {
	gate := make(chan struct{})
	slow := watch(t, p.a, "", func() { <-gate })
	set(t, p.a, "first", []byte("x"))
	slow.is(t, "first", "x") // and now it hangs in fn
	quick := watch(t, p.a, "", nil)
	for n := range 200 {
		set(t, p.a, "k"+strconv.Itoa(n%20), []byte(strconv.Itoa(n)))
	}
	for n := range 20 {
		quick.is(t, "k"+strconv.Itoa(n), strconv.Itoa(180+n))
	}
	quick.stop(t)
	close(gate)
	for n := range 20 {
		slow.is(t, "k"+strconv.Itoa(n), strconv.Itoa(180+n))
	}
	slow.stop(t)
}

func testWatchUpdates(t *testing.T, p pair) {
	var once sync.Once
	v := watch(t, p.a, "", func() {
		once.Do(func() {
			if err := p.a.Update(t.Context(), "by watch", func([]byte) ([]byte, error) { return []byte("y"), nil }); err != nil {
				t.Errorf("update within a watch: %v", err)
			}
		})
	})
	set(t, p.a, "k", []byte("x"))
	v.is(t, "by watch", "y")
	v.stop(t)
}

func testWatchContext(t *testing.T, p pair) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.a.Watch(ctx, "", func(string, []byte) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("watch with an ended context: %v", err)
	}
	// A watch that is ended while it is told things is not told anything after it returned.
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		var over atomic.Bool
		begun, ended := make(chan struct{}), make(chan error, 1)
		var once sync.Once
		set(t, p.a, "k", []byte("begin"))
		go func() {
			err := p.b.Watch(ctx, "", func(string, []byte) {
				once.Do(func() { close(begun) })
				if over.Load() {
					t.Error("told something after Watch returned")
				}
			})
			over.Store(true)
			ended <- err
		}()
		<-begun
		for n := range 20 {
			set(t, p.a, "k", []byte(strconv.Itoa(n)))
			if n == 10 {
				cancel()
			}
		}
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("watch ended with %v", err)
		}
		cancel()
	}
}

func testClose(t *testing.T, p pair) {
	set(t, p.a, "k", []byte("x"))
	views := []*view{watch(t, p.a, "", nil), watch(t, p.a, "nothing", nil)}
	views[0].is(t, "k", "x")
	var wg sync.WaitGroup
	for range 4 { // updates under way end, one way or the other
		wg.Go(func() {
			for {
				if err := p.a.Update(t.Context(), "k", add2); err != nil {
					if !errors.Is(err, turn.ErrClosed) {
						t.Errorf("update while the store is closed: %v", err)
					}
					return
				}
			}
		})
	}
	if err := p.a.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	wg.Wait()
	for _, v := range views {
		if err := v.wait(t); !errors.Is(err, turn.ErrClosed) {
			t.Errorf("watch of a closed store ended with %v, want ErrClosed", err)
		}
		v.cancel()
	}
	if err := p.a.Update(t.Context(), "k", add2); !errors.Is(err, turn.ErrClosed) {
		t.Errorf("update of a closed store: %v, want ErrClosed", err)
	}
	if err := p.a.Watch(t.Context(), "", func(string, []byte) {}); !errors.Is(err, turn.ErrClosed) {
		t.Errorf("watch of a closed store: %v, want ErrClosed", err)
	}
	if err := p.a.Close(); err != nil && !errors.Is(err, turn.ErrClosed) {
		t.Errorf("second close: %v", err)
	}
}

// add2 lengthens a value; it is pure.
func add2(old []byte) ([]byte, error) { return fmt.Appendf(nil, "x%.20s", old), nil }
