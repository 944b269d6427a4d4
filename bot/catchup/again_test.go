package catchup

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/turn"
)

// missed returns a town where nobody listened for an hour: in C1 somebody began a thread and wrote
// in an older one, which the bot knows, in C2 somebody began one. Two questions have no reply.
func missed(t *testing.T) (_ *town, want []string) {
	t.Helper()
	w := &town{Store: turn.NewMem()}
	first, stop := w.watch(t, "A")
	first.SocketOpened(Opened{})
	old := w.says("C1", true)
	raw, err := turn.Record{Asked: turn.TS(old), Answered: turn.TS(old), For: turn.TS(old)}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Update(t.Context(), turn.DefaultPrefix+"C1/"+old, func([]byte) ([]byte, error) { return raw, nil }); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Minute)
	stop()
	time.Sleep(time.Hour)
	want = append(want, "C1/"+w.says("C1", true))
	time.Sleep(time.Second)
	want = append(want, "C2/"+w.says("C2", true))
	time.Sleep(time.Second)
	want = append(want, "C1/"+w.reply("C1", old, true))
	time.Sleep(time.Hour)
	slices.Sort(want)
	return w, want
}

// TestWhatFailsForAWhileIsReadLater: a gap is closed only when everything in it was read and asked
// for. What failed is tried again; what was read, is not read again.
func TestWhatFailsForAWhileIsReadLater(t *testing.T) {
	failed := errors.New("internal_error")
	for name, fails := range map[string]func(what string) bool{
		"the list of conversations": func(what string) bool { return what == "list" },
		"a conversation":            func(what string) bool { return what == "C1" },
		"all conversations":         func(what string) bool { return strings.HasPrefix(what, "C") },
		"the threads":               func(what string) bool { return what[0] >= '0' && what[0] <= '9' },
		"the deletions":             func(what string) bool { return what == "gone" },
		"the asks":                  func(what string) bool { return what == "ask" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, want := missed(t)
				until := time.Now().Add(90 * time.Second)
				w.fails = func(what string) error {
					if fails(what) && time.Now().Before(until) {
						return failed
					}
					return nil
				}
				next, stop := w.watch(t, "B")
				defer stop()
				next.SocketOpened(Opened{})
				time.Sleep(time.Minute)
				if w.noted(t).Gap.IsZero() {
					t.Error("the gap is closed while something fails")
				}
				time.Sleep(2 * time.Minute)
				w.heardAll(t, want)
				if s := w.noted(t); !s.Gap.IsZero() {
					t.Errorf("the gap is still noted: %+v", s)
				}
				if len(w.reads) > 20 {
					t.Errorf("%d reads", len(w.reads))
				}
				if len(w.told) < len(want) {
					t.Errorf("deletions were looked for in %v alone", w.told)
				}
			})
		})
	}
}

// TestAStartWhileTheStoreIsAwayWaitsForIt: nothing is concluded from its silence. When it is back,
// at whatever moment, also the old threads are looked at.
func TestAStartWhileTheStoreIsAwayWaitsForIt(t *testing.T) {
	for i := range 30 { // a note is made every 5 s, and the store is listened to again every 1.5 s
		away := time.Minute + time.Duration(i)*500*time.Millisecond + time.Millisecond
		synctest.Test(t, func(t *testing.T) {
			w, want := missed(t)
			w.away.Store(true)
			next, stop := w.watch(t, "B")
			defer stop()
			next.SocketOpened(Opened{})
			time.Sleep(away)
			if got := w.heard(); len(got) != 0 {
				t.Errorf("away for %s: asked %v without a store", away, got)
			}
			w.away.Store(false)
			time.Sleep(time.Minute)
			w.heardAll(t, want, "away for", away)
		})
	}
}

// TestTheStoreLeavesDuringACatchUp: what was found just then is asked for when the store is back.
func TestTheStoreLeavesDuringACatchUp(t *testing.T) {
	for _, away := range []time.Duration{3 * time.Second, 10 * time.Second, 5 * time.Minute} {
		t.Run(away.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, want := missed(t)
				began := time.Time{}
				w.fails = func(what string) error {
					if what == "C1" && began.IsZero() {
						began = time.Now()
						w.away.Store(true)
						time.AfterFunc(away, func() { w.away.Store(false) })
					}
					return nil
				}
				next, stop := w.watch(t, "B")
				defer stop()
				next.SocketOpened(Opened{})
				time.Sleep(away + time.Minute)
				w.heardAll(t, want)
				if s := w.noted(t); !s.Gap.IsZero() {
					t.Errorf("the gap is still noted: %+v", s)
				}
			})
		})
	}
}

// TestWhatFailsForGoodCostsLittle: a conversation that fails for two days is tried more and more
// seldom, nothing else is read again, and no other process begins anew. At last it is given up.
func TestWhatFailsForGoodCostsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, want := missed(t)
		w.fails = func(what string) error {
			if what == "C2" {
				return errors.New("odd_error")
			}
			return nil
		}
		next, stop := w.watch(t, "B")
		defer stop()
		other, stopOther := w.watch(t, "C")
		defer stopOther()
		next.SocketOpened(Opened{})
		other.SocketOpened(Opened{})
		time.Sleep(time.Hour)
		if got := w.heard(); len(got) != len(want)-1 {
			t.Errorf("asked %v", got)
		}
		if len(w.reads) > 20 || w.lists > 2 {
			t.Errorf("%d reads and %d lists in an hour", len(w.reads), w.lists)
		}
		if w.noted(t).Gap.IsZero() {
			t.Error("the gap is closed")
		}
		time.Sleep(2 * gapMost)
		if s := w.noted(t); !s.Gap.IsZero() {
			t.Errorf("the gap is noted for ever: %+v", s)
		}
	})
}

// TestAnotherGapWhileOneIsOpen: sockets close again before all was read. Everything is looked
// through once more, from the first gap on.
func TestAnotherGapWhileOneIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, want := missed(t)
		broken := true
		w.fails = func(what string) error {
			if what == "C2" && broken {
				return errors.New("internal_error")
			}
			return nil
		}
		next, stop := w.watch(t, "B")
		defer stop()
		next.SocketOpened(Opened{})
		time.Sleep(time.Minute)
		next.SocketsClosed()
		began := time.Now()
		time.Sleep(time.Minute)
		want = append(want, "C1/"+w.says("C1", true))
		slices.Sort(want)
		broken = false
		time.Sleep(time.Minute)
		next.SocketOpened(Opened{Since: began})
		time.Sleep(time.Minute)
		w.heardAll(t, want)
	})
}

// TestTriesShareTheRates: what failed is read again within the bounds of all reads, of which the
// live questions have the rest.
func TestTriesShareTheRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := missed(t)
		for range 25 {
			w.reply("C1", w.says("C1", true), true)
			time.Sleep(time.Second)
		}
		w.fails = func(what string) error {
			if what[0] >= '0' && what[0] <= '9' {
				return errors.New("internal_error")
			}
			return nil
		}
		next, stop := w.watch(t, "B")
		defer stop()
		next.SocketOpened(Opened{})
		time.Sleep(10 * time.Minute)
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.threads) < 60 {
			t.Errorf("%d reads of threads", len(w.threads))
		}
		for i := mostThreads; i < len(w.threads); i++ {
			if took := w.threads[i].Sub(w.threads[i-mostThreads]); took < threadsWithin {
				t.Fatalf("%d reads of threads within %s, up to the %dth", mostThreads+1, took, i)
			}
		}
	})
}
