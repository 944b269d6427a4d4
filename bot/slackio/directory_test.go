package slackio

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var errGone = errors.New("no such person")

func isGone(err error) bool { return errors.Is(err, errGone) }

func TestDirectoryRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory[string]()
		asked := 0
		var fails error
		get := func() (string, error) {
			return d.get(t.Context(), "U1", tryFewTimes, func(context.Context) (string, error) {
				asked++
				return fmt.Sprint("name ", asked), fails
			}, isGone)
		}
		check := func(what, want string, wantErr error, times int) {
			t.Helper()
			if got, err := get(); err == nil && got != want || !errors.Is(err, wantErr) || asked != times {
				t.Errorf("%s: %q, %v, asked %d times", what, got, err, asked)
			}
		}
		fails = errors.New("time is up")
		check("what fails is not remembered", "", fails, 1)
		fails = errGone
		check("nobody", "", errGone, 2)
		time.Sleep(missingTTL - time.Second)
		check("nobody, remembered", "", errGone, 2)
		time.Sleep(2 * time.Second)
		fails = nil
		check("somebody", "name 3", nil, 3)
		time.Sleep(peopleTTL - time.Second)
		check("somebody, remembered", "name 3", nil, 3)
		time.Sleep(2 * time.Second)
		fails = errors.New("time is up")
		check("old beats none", "name 3", nil, 4)
		fails = errGone
		check("old beats none, once more", "name 3", nil, 5)
		check("but it is remembered", "", errGone, 5)
	})
}

// TestDirectoryFresh: where a role decides, an old one stands for nothing.
func TestDirectoryFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory[string]()
		asked := 0
		var fails error
		ask := func(context.Context) (string, error) {
			asked++
			return fmt.Sprint("role ", asked), fails
		}
		check := func(what, want string, wantErr error, times int) {
			t.Helper()
			if got, err := d.fresh(t.Context(), "U1", roleTTL, ask, isGone); err == nil && got != want || !errors.Is(err, wantErr) || asked != times {
				t.Errorf("%s: %q, %v, asked %d times", what, got, err, asked)
			}
		}
		if got, err := d.get(t.Context(), "U1", tryFewTimes, ask, isGone); got != "role 1" || err != nil {
			t.Fatal(got, err)
		}
		check("just told", "role 1", nil, 1)
		time.Sleep(roleTTL - time.Second)
		check("almost a minute old", "role 1", nil, 1)
		time.Sleep(2 * time.Second)
		check("an old role is asked for again", "role 2", nil, 2)
		time.Sleep(roleTTL + time.Second)
		fails = errors.New("time is up")
		check("an old role is none", "", fails, 3)
		if got, err := d.get(t.Context(), "U1", tryFewTimes, ask, isGone); got != "role 2" || err != nil || asked != 3 {
			t.Errorf("a name may be older: %q, %v, asked %d times", got, err, asked)
		}
		fails = errGone
		check("nobody", "", errGone, 4)
		check("nobody, remembered", "", errGone, 4)

		// Somebody waits for the look-up of another, which fails.
		fails = nil
		time.Sleep(missingTTL + time.Second)
		slow := func(ctx context.Context) (string, error) {
			time.Sleep(time.Second)
			return "", errors.New("no budget")
		}
		var all sync.WaitGroup
		all.Go(func() { _, _ = d.get(t.Context(), "U1", tryOnce, slow, isGone) })
		time.Sleep(time.Millisecond)
		check("after another's failure", "role 5", nil, 5)
		all.Wait()
	})
}

// TestDirectoryShares: a look-up that fails has failed for all who wait for it and would try no
// longer. What its caller has ended, and what was tried less, tells them nothing.
func TestDirectoryShares(t *testing.T) {
	fails := errors.New("internal_error")
	for name, tt := range map[string]struct {
		first  patience
		gives  time.Duration // 0: for ever
		shares bool
	}{
		"as patient":         {tryFewTimes, 0, true},
		"more patient":       {tryLong, 0, true},
		"less patient":       {tryOnce, 0, false},
		"its caller gave up": {tryLong, 10 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDirectory[string]()
				ask := func(ctx context.Context) (string, error) {
					select {
					case <-time.After(time.Minute):
						return "", fails
					case <-ctx.Done():
						return "", context.Cause(ctx)
					}
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.gives > 0 {
					time.AfterFunc(tt.gives, cancel)
				}
				var all sync.WaitGroup
				all.Go(func() { _, _ = d.get(ctx, "U1", tt.first, ask, isGone) })
				time.Sleep(time.Second)
				began := time.Now()
				for range 5 {
					all.Go(func() {
						if _, err := d.get(t.Context(), "U1", tryFewTimes, ask, isGone); !errors.Is(err, fails) {
							t.Errorf("%s: %v", name, err)
						}
					})
				}
				all.Wait()
				if took := time.Since(began); took > 2*time.Minute || (took < time.Minute) != tt.shares {
					t.Errorf("%s: they waited %s", name, took)
				}
			})
		})
	}
}

// TestDirectoryIsBounded: a flood of ids takes the place of what nobody asks for, and of nothing
// else.
func TestDirectoryIsBounded(t *testing.T) {
	d := newDirectory[string]()
	asked := 0
	get := func(id string) {
		_, _ = d.get(t.Context(), id, tryFewTimes, func(context.Context) (string, error) { asked++; return id, nil }, isGone)
	}
	for i := range 3 * maxPeople {
		get(fmt.Sprint("U", i))
		get("often")
	}
	if d.known.Len() != maxPeople || asked != 3*maxPeople+1 {
		t.Errorf("%d entries, asked %d times", d.known.Len(), asked)
	}
}

// TestDirectoryHammer: many ask for the same few at once; Slack is asked by one at a time for each,
// and whoever may wait gets an answer.
func TestDirectoryHammer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory[string]()
		var under [5]atomic.Int32
		var all sync.WaitGroup
		for n := range 200 {
			all.Go(func() {
				for range 50 {
					id := rand.IntN(len(under))
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+rand.IntN(100))*time.Millisecond)
					if n == 0 { // this one waits
						cancel()
						ctx, cancel = context.WithCancel(t.Context())
					}
					got, err := d.get(ctx, fmt.Sprint(id), tryFewTimes, func(ctx context.Context) (string, error) {
						if under[id].Add(1) > 1 {
							t.Error("two look-ups of the same")
						}
						defer under[id].Add(-1)
						select {
						case <-time.After(time.Duration(rand.IntN(50)) * time.Millisecond):
						case <-ctx.Done():
							return "", context.Cause(ctx)
						}
						return fmt.Sprint(id), nil
					}, isGone)
					if err == nil && got != fmt.Sprint(id) || err != nil && (n == 0 || ctx.Err() == nil) {
						t.Errorf("%q, %v", got, err)
					}
					cancel()
					if rand.IntN(10) == 0 {
						time.Sleep(peopleTTL)
					}
				}
			})
		}
		all.Wait()
		if len(d.asking) > 0 {
			t.Errorf("%d look-ups are left", len(d.asking))
		}
	})
}
