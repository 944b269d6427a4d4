package pace

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestRefusedDraftPausesAndTheNewestIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refusals []time.Duration
		s := start(t, Config{Hooks: Hooks{Refused: func(_ Method, d time.Duration) { refusals = append(refusals, d) }}})
		var edits []time.Time
		snd := &script{latency: 100 * time.Millisecond}
		snd.refuse = func(k Kind, n int) (Outcome, bool) {
			if k == Edit {
				edits = append(edits, time.Now())
			}
			return Outcome{RetryAfter: 3 * time.Second}, n == 1
		}
		l := s.Open("C1", snd)
		snd.write(l, 400)
		if err := snd.close(t.Context(), l, 1600); err != nil {
			t.Fatal(err)
		}
		if len(refusals) != 1 || refusals[0] != 3*time.Second {
			t.Fatalf("refusals %v", refusals)
		}
		if gap := edits[1].Sub(edits[0]); gap < 3*time.Second || gap > 4*time.Second {
			t.Errorf("next edit %v after the refused one, want Retry-After", gap)
		}
		if b := s.Snapshot().Methods[MethodEdit]; b.Model != "bucket" {
			t.Errorf("budget %+v, want the bucket learnt", b)
		}
	})
}

func TestSlowCallsCoalesce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Config{})
		snd := &script{latency: 5 * time.Second}
		l := s.Open("C1", snd)
		snd.write(l, 600)
		if err := snd.close(t.Context(), l, 2400); err != nil {
			t.Fatal(err)
		}
		if snd.most != 1 || len(snd.calls) > 4 || snd.shown != 2400 {
			t.Errorf("%d calls, %d at once, %d visible", len(snd.calls), snd.most, snd.shown)
		}
	})
}

func TestFinalRefusedIsContinuedThenTidied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lags []time.Duration
		s := start(t, Config{Hooks: Hooks{EndLag: func(d time.Duration) { lags = append(lags, d) }}})
		snd := &script{latency: 100 * time.Millisecond}
		until := time.Now().Add(17 * time.Second)
		snd.refuse = func(k Kind, _ int) (Outcome, bool) {
			left := time.Until(until)
			return Outcome{RetryAfter: left}, k == Edit && left > 0 && left < 5500*time.Millisecond
		}
		l := s.Open("C1", snd)
		snd.write(l, 600)
		began := time.Now()
		if err := snd.close(t.Context(), l, 2400); err != nil {
			t.Fatal(err)
		}
		if lag := time.Since(began); lag > 200*time.Millisecond || len(lags) != 1 || lags[0] != lag {
			t.Errorf("end lag %v, hook %v", lag, lags)
		}
		if k := snd.calls[len(snd.calls)-1]; k != Continue {
			t.Errorf("last call %v, want a continuation message", k)
		}
		if err := s.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if k := snd.calls[len(snd.calls)-1]; k != Edit || time.Now().Before(until) {
			t.Errorf("last call %v, want the button taken away after the pause", k)
		}
	})
}

func TestErrorsOfAFinal(t *testing.T) {
	broken := errors.New("503")
	for name, c := range map[string]struct {
		out   Outcome
		want  error
		calls int
	}{
		"passes":    {Outcome{Err: broken}, broken, 1 + maxTries},
		"permanent": {Outcome{Err: broken, Failed: true}, broken, 2},
		"unnamed":   {Outcome{Failed: true}, ErrFailed, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, Config{})
				snd := &script{latency: 100 * time.Millisecond}
				snd.refuse = func(k Kind, _ int) (Outcome, bool) { return c.out, k == Edit }
				l := s.Open("C1", snd)
				snd.set(l, 10)
				synctest.Wait()
				err := snd.close(t.Context(), l, 20)
				if !errors.Is(err, c.want) || len(snd.calls) > c.calls {
					t.Errorf("error %v after %d calls", err, len(snd.calls))
				}
				if again := l.Close(t.Context(), Load{}); !errors.Is(again, c.want) {
					t.Errorf("second Close: %v", again)
				}
				if n := len(s.Snapshot().Lanes); n != 0 {
					t.Errorf("%d lanes left", n)
				}
			})
		})
	}
}

func TestCloseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Config{})
		snd := &script{latency: time.Hour}
		l := s.Open("C1", snd)
		snd.set(l, 10)
		gone := errors.New("lease lost")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, gone)
		defer cancel()
		if err := snd.close(ctx, l, 20); !errors.Is(err, gone) {
			t.Errorf("error %v", err)
		}
		if err := s.Idle(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestAbandonedLaneMakesNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Config{})
		snd := &script{}
		l := s.Open("C1", snd)
		l.Abandon()
		snd.set(l, 10)
		if err := snd.close(t.Context(), l, 20); !errors.Is(err, ErrAbandoned) || len(snd.calls) != 0 {
			t.Errorf("error %v, calls %v", err, snd.calls)
		}
	})
}

func TestNothingToShow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Config{})
		snd := &script{}
		if err := s.Open("C1", snd).Close(t.Context(), Load{}); err != nil || len(snd.calls) != 0 {
			t.Errorf("error %v, calls %v", err, snd.calls)
		}
	})
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = s.Run(ctx) })
		a, b := &script{latency: time.Second}, &script{latency: time.Second}
		la, lb := s.Open("C1", a), s.Open("C1", b)
		var errA, errB error
		wg.Go(func() { errA = a.close(t.Context(), la, 20) })
		b.set(lb, 10)
		synctest.Wait()
		cancel()
		wg.Wait()
		if errB = b.close(t.Context(), lb, 20); errA != nil || !errors.Is(errB, ErrStopped) {
			t.Errorf("errors %v and %v; want the final that was under way to count, the other to be told", errA, errB)
		}
		if err := s.Take(t.Context(), "conversations.replies"); !errors.Is(err, ErrStopped) {
			t.Errorf("Take: %v", err)
		}
	})
}

func TestTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const m = Method("conversations.replies")
		s := start(t, Config{})
		began := time.Now()
		for range 50 {
			if err := s.Take(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		if time.Since(began) != 0 {
			t.Fatalf("50 calls took %v", time.Since(began))
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		var served []int
		for i := range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			wg.Go(func() {
				if err := s.Take(ctx, m); err == nil {
					mu.Lock()
					served = append(served, i)
					mu.Unlock()
				}
			})
			synctest.Wait()
			if i == 1 {
				cancel() // the second one leaves the queue
				synctest.Wait()
			}
		}
		if n := s.Snapshot().Methods[m].Waiting; n != 2 {
			t.Errorf("%d wait, want 2", n)
		}
		snd := &script{} // others are not delayed
		l := s.Open("C1", snd)
		if err := snd.close(t.Context(), l, 20); err != nil || time.Since(began) > 100*time.Millisecond {
			t.Errorf("error %v after %v", err, time.Since(began))
		}
		wg.Wait()
		slices.Sort(served) // both are served at the same moment
		if !slices.Equal(served, []int{0, 2}) || time.Since(began) != minute+takeTime {
			t.Errorf("served %v after %v", served, time.Since(began))
		}
		s.Refused(t.Context(), m, 7*time.Second)
		began = time.Now()
		if err := s.Take(t.Context(), m); err != nil || time.Since(began) < 7*time.Second {
			t.Errorf("error %v, %v after a refusal for 7 s", err, time.Since(began))
		}
	})
}

func TestStreamFits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		for i := range cautiousBurst {
			if !s.StreamFits() {
				t.Fatalf("no room for stream %d", i)
			}
			s.Open("D", &script{}).Set(Load{Next: Start})
		}
		if s.StreamFits() {
			t.Error("room for a stream whose stop may find no budget")
		}
	})
}

func TestSnapshotIsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Config{Share: 0.5})
		snd := &script{latency: time.Second}
		snd.set(s.Open("C1", snd), 10)
		synctest.Wait()
		snap := s.Snapshot()
		if _, err := json.Marshal(snap); err != nil {
			t.Fatal(err)
		}
		if len(snap.Lanes) != 1 || !snap.Lanes[0].Flying || snap.Flying != 1 || snap.Channels["C1"].InMinute != 1 {
			t.Errorf("%+v", snap)
		}
		if s.Left(MethodEdit, 0) != 25 {
			t.Errorf("%d edits left of half the budget", s.Left(MethodEdit, 0))
		}
		s.SetShare(1)
		if s.Left(MethodEdit, 0) != 50 {
			t.Errorf("%d edits left of the whole budget", s.Left(MethodEdit, 0))
		}
	})
}

// TestHammer is for the race detector: answers, readers and takers at once, with calls that fail.
func TestHammer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Config{Limits: map[Method]int{MethodEdit: 5000}, Hooks: Hooks{
			Call: func(Method, string) {}, Refused: func(Method, time.Duration) {}, Left: func(int) {},
			EndLag: func(time.Duration) {}, Staleness: func(time.Duration) {},
		}})
		ctx, cancel := context.WithCancel(t.Context())
		var wg, others sync.WaitGroup
		for range 4 {
			others.Go(func() {
				for ctx.Err() == nil {
					_ = s.Snapshot()
					_ = s.Left(MethodEdit, time.Second)
					s.SetShare(1)
					_ = s.Take(ctx, "conversations.replies")
					s.Refused(t.Context(), "conversations.replies", 10*time.Millisecond)
					<-time.After(7 * time.Millisecond)
				}
			})
		}
		for i := range 16 {
			wg.Go(func() {
				for j := range 8 {
					snd := &script{latency: time.Duration(i*7+1) * time.Millisecond}
					snd.refuse = func(_ Kind, n int) (Outcome, bool) {
						switch (n + i + j) % 11 {
						case 3:
							return Outcome{RetryAfter: 50 * time.Millisecond}, true
						case 5:
							return Outcome{Err: errors.New("503")}, true
						case 7:
							return Outcome{Skipped: true}, true
						}
						return Outcome{}, false
					}
					l := s.Open(string(rune('A'+i%5)), snd)
					snd.write(l, 40+i)
					switch {
					case j == 3:
						l.Abandon()
					default:
						var both sync.WaitGroup
						both.Go(func() { snd.set(l, 500) })
						if err := snd.close(ctx, l, 1000); err != nil {
							t.Errorf("answer %d of %d: %v", j, i, err)
						}
						both.Wait()
					}
					if snd.most > 1 {
						t.Errorf("%d calls of a lane at once", snd.most)
					}
				}
			})
		}
		wg.Wait()
		if err := s.Idle(ctx); err != nil {
			t.Error(err)
		}
		cancel()
		others.Wait()
	})
}

// BenchmarkSet is what the token loop pays, with a thousand answers open.
func BenchmarkSet(b *testing.B) {
	s := New(Config{})
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	lanes := make([]*Lane, 1000)
	for i := range lanes {
		lanes[i] = s.Open("C1", &script{})
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		lanes[n%1000].Set(Load{Text: n, Dirty: true})
	}
}

// BenchmarkLook is one decision with a thousand answers open.
func BenchmarkLook(b *testing.B) {
	s := New(Config{})
	for i := range 1000 {
		s.Open(string(rune('A'+i%50)), &script{}).Set(Load{Text: i, Dirty: true})
	}
	now := time.Now()
	for b.Loop() {
		now = now.Add(20 * time.Millisecond)
		s.look(now)
	}
}
