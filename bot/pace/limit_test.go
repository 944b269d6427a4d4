package pace

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// at is a moment of a test.
func at(s float64) time.Time { return simTime(s) }

// use makes a call at t that returns at once.
func use(l *limiter, t float64) {
	l.accepted(at(t), l.spend(at(t)))
}

func TestWindow(t *testing.T) {
	l := newLimiter(50, 1)
	for i := range 50 {
		if l.within(at(float64(i)/10), 0) == 0 {
			t.Fatalf("no budget for call %d", i)
		}
		use(l, float64(i)/10)
	}
	if n := l.within(at(5), 0); n != 0 {
		t.Errorf("%d calls left after 50", n)
	}
	if got := l.soonest(at(5), 1); !got.Equal(at(60)) {
		t.Errorf("next call at %v s, want 60", simSeconds(got))
	}
	if got := l.soonest(at(5), 11); !got.Equal(at(61)) {
		t.Errorf("eleventh call at %v s, want 61", simSeconds(got))
	}
	if n := l.within(at(5), 56*time.Second); n != 11 {
		t.Errorf("%d calls within 56 s, want 11", n)
	}
	if n := l.within(at(60), 0); n != 1 {
		t.Errorf("%d calls at 60 s, want 1", n)
	}
}

// Slack counts a call at some moment between its sending and its return. Whatever that moment is, a
// call that the window allows is never one too many.
func TestWindowIsExactWhateverTheLatency(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	l := newLimiter(50, 1)
	type flight struct {
		back       float64
		overBucket bool
	}
	var flights []flight
	var counted []float64
	for now := 0.0; now < 600; now += 0.05 {
		flights = slices.DeleteFunc(flights, func(f flight) bool {
			if f.back <= now {
				l.accepted(at(now), f.overBucket)
			}
			return f.back <= now
		})
		if r.Float64() < 0.2 && l.within(at(now), 0) > 0 {
			overBucket := l.spend(at(now))
			back := now + r.Float64()*2
			flights = append(flights, flight{back, overBucket})
			counted = append(counted, now+r.Float64()*(back-now))
		}
	}
	if len(counted) < 300 {
		t.Fatalf("only %d calls in ten minutes", len(counted))
	}
	for _, a := range counted {
		n := 0
		for _, b := range counted {
			if b >= a && b < a+60 {
				n++
			}
		}
		if n > 50 {
			t.Fatalf("%d calls in the minute from %.2f s", n, a)
		}
	}
}

func TestLearning(t *testing.T) {
	refuse := func(l *limiter, t, after float64) {
		l.refused(at(t), seconds(after), l.spend(at(t)))
	}
	t.Run("a bucket", func(t *testing.T) {
		l := newLimiter(50, 1)
		for i := range 12 {
			use(l, float64(i)/10)
		}
		refuse(l, 1.2, 2)
		if !l.bucketed() {
			t.Fatal("the bucket is not believed after a refusal of the 13th call")
		}
		if n := l.within(at(3), 0); n != 0 {
			t.Errorf("%d calls during Retry-After", n)
		}
		if n := l.within(at(3.2), 0); n != 1 {
			t.Errorf("%d calls after Retry-After, want 1: what refilled", n)
		}
		if b := l.size(); b < 9 || b > 10 {
			t.Errorf("burst %v, want about ten: what went through", b)
		}
		if l.within(at(1.2+301), 0); l.bucketed() {
			t.Error("the window is not tried again after five minutes")
		}
		for i := range 12 {
			use(l, 310+float64(i)/10)
		}
		refuse(l, 311.2, 2)
		if l.within(at(311.2+599), 0); !l.bucketed() {
			t.Error("the bucket is not believed for ten minutes the second time")
		}
	})
	t.Run("a small burst", func(t *testing.T) {
		l := newLimiter(50, 1)
		for i := range 3 {
			use(l, float64(i)/10)
		}
		refuse(l, 0.3, 1)
		if n := l.within(at(60), 0); n != 2 {
			t.Errorf("burst %d, want 2", n)
		}
	})
	t.Run("the window's own refusal", func(t *testing.T) {
		l := newLimiter(50, 1)
		for i := range 48 {
			use(l, float64(i)/10)
		}
		refuse(l, 10, 3)
		if l.bucketed() {
			t.Error("a refusal near 50 taught a bucket")
		}
		if l.within(at(12), 0) != 0 || l.within(at(13), 0) != 2 {
			t.Error("want a pause until 13 s, then what the window has left")
		}
		refuse(l, 14, 1)
		if !l.bucketed() {
			t.Error("the second refusal within a minute did not teach a bucket")
		}
	})
	t.Run("several under way together", func(t *testing.T) {
		l := newLimiter(50, 1)
		l.spend(at(0))
		l.spend(at(0))
		l.refused(at(0.1), time.Second, false)
		l.refused(at(0.1), time.Second, false)
		if l.slow != 1 || l.flying != 0 {
			t.Errorf("slow %v, flying %d; want one lesson from one refusal", l.slow, l.flying)
		}
	})
	t.Run("smooth pacing is refused", func(t *testing.T) {
		l := newLimiter(50, 1)
		refuse(l, 0, 1)
		refuse(l, 5, 1)
		if l.slow != slower {
			t.Errorf("rate scaled by %v, want %v: somebody else spends too", l.slow, slower)
		}
	})
}

func TestShare(t *testing.T) {
	c := newCore(nil, 0.5)
	if n := c.limit(MethodEdit).within(at(0), 0); n != 25 {
		t.Errorf("%d edits with half of the budget, want 25", n)
	}
	c.setShare(0.1)
	if n := c.limit(MethodEdit).within(at(1), 0); n != 5 {
		t.Errorf("%d edits with a tenth, want 5", n)
	}
	if n := c.limit(MethodEdit).cautious(at(1), 0); n != 1 {
		t.Errorf("%d edits in the cautious bucket with a tenth, want 1", n)
	}
	c.setShare(7)
	if n := c.limit(MethodEdit).within(at(2), 0); n != 50 {
		t.Errorf("%d edits with a share out of range, want all 50", n)
	}
}

func TestProbes(t *testing.T) {
	l := newLimiter(50, 1)
	for range cautiousBurst {
		use(l, 0)
	}
	flying := 0
	for range probesToTrust {
		for l.can(at(0)) {
			l.spend(at(0))
			flying++
		}
		if flying != maxProbes {
			t.Fatalf("%d calls under way beyond the burst, want %d probes", flying, maxProbes)
		}
		l.accepted(at(0), true)
		flying--
	}
	for l.can(at(0)) {
		l.spend(at(0))
		flying++
	}
	if want := 50 - cautiousBurst - probesToTrust; flying != want {
		t.Errorf("%d calls under way after as many were taken, want all %d that the window has left", flying, want)
	}
}

func TestPosts(t *testing.T) {
	l := newPostLimiter(1)
	for range 10 {
		use(l, 0)
	}
	if l.within(at(0), 0) != 0 || l.within(at(1), 0) != 1 || !l.soonest(at(1), 3).After(at(2.9)) {
		t.Error("want ten posts at once, then one a second")
	}
}

func TestEnds(t *testing.T) {
	e := newDurations()
	if p := e.chance(0, 11*time.Second); p < 0.5 || p >= 1 {
		t.Errorf("before answers were seen: %v to end within 11 s", p)
	}
	for range 200 {
		e.add(5 * time.Second)
	}
	if len(e.sorted) != remembered {
		t.Errorf("remembers %d", len(e.sorted))
	}
	for _, c := range []struct {
		age, h float64
		want   float64
	}{{0, 4, 0}, {0, 5, 1}, {4, 0.5, 0}, {4.5, 1, 1}, {8, 8, 0.5}} {
		if got := e.chance(seconds(c.age), seconds(c.h)); got != c.want {
			t.Errorf("chance(age %v s, within %v s) = %v, want %v", c.age, c.h, got, c.want)
		}
	}
	if e.quantile(longAnswer) != 5*time.Second || e.expectedEndings(6*time.Second) != 1 {
		t.Error("quantile or expectedEndings")
	}
}
