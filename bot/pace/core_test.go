package pace

import (
	"errors"
	"testing"
	"time"
)

// rig drives a core by hand.
type rig struct {
	*testing.T
	c   *core
	now float64
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return &rig{T: t, c: newCore(nil, 1)}
}

// look decides at s seconds.
func (r *rig) look(s float64) []call {
	r.Helper()
	r.now = s
	calls, next := r.c.decide(at(s), 16)
	if !next.After(at(s)) {
		r.Fatalf("at %v s: look again at %v, which is not later", s, next)
	}
	return calls
}

// one wants exactly one call of a kind and reason at s seconds.
func (r *rig) one(s float64, k Kind, why reason) call {
	r.Helper()
	calls := r.look(s)
	if len(calls) != 1 || calls[0].kind != k || calls[0].why != why {
		r.Fatalf("at %v s: calls %v, want one %v (%v)", s, describe(calls), k, why)
	}
	return calls[0]
}

// none wants no call.
func (r *rig) none(s float64) {
	r.Helper()
	if calls := r.look(s); len(calls) != 0 {
		r.Fatalf("at %v s: calls %v, want none", s, describe(calls))
	}
}

func describe(calls []call) (s []string) {
	for _, k := range calls {
		s = append(s, k.kind.String()+" "+k.why.String())
	}
	return s
}

func (r *rig) set(s float64, l *lane, text int) {
	r.c.set(at(s), l, Load{Text: text, Dirty: true}, at(s))
}

func (r *rig) close(s float64, l *lane, text int) {
	r.c.set(at(s), l, Load{Text: text, Dirty: true, Closing: true}, at(s))
}

// shown says that a call made so much visible, and what is left is as in the lane.
func (r *rig) shown(s float64, k call, text int) {
	load := k.lane.load
	load.Dirty = load.Text > text || load.Closing && !k.final
	r.c.done(at(s), k, Outcome{Shown: text, Load: load})
}

// posted is a lane that shows so many characters since s.
func (r *rig) posted(s float64, text int) *lane {
	r.Helper()
	l := r.c.open(at(s), "C")
	r.set(s, l, text)
	r.shown(s+0.1, r.c.send(&plan{now: at(s), firsts: map[string]int{}}, wish{lane: l, kind: Post, why: first}, Post), text)
	if l.shown != text {
		r.Fatalf("%d visible, want %d", l.shown, text)
	}
	return l
}

// spendAll leaves no edits, and none for a while.
func (r *rig) spendAll(s float64) {
	lim := r.c.limit(MethodEdit)
	for range 50 {
		lim.accepted(at(s), lim.spend(at(s)))
	}
}

func TestDeadlineIsWhenTheReaderRunsOut(t *testing.T) {
	r := newRig(t)
	for range 12 { // so many that liveliness has nothing to spend
		r.posted(0, 240) // ten seconds of reading
	}
	l := r.c.lanes[0]
	r.set(5, l, 2000)
	r.none(5)
	if _, next := r.c.decide(at(6), 16); next.After(at(10.001)) {
		t.Errorf("looks again at %v s, which is after the deadline", simSeconds(next))
	}
	r.none(9.9)
	r.set(10.01, l, 2100)
	k := r.one(10.01, Edit, read)
	r.set(10.05, l, 2200)
	r.none(10.05) // one in flight
	r.shown(10.1, k, 2100)
	r.none(12) // a minute and more to read
}

func TestNewestTextWaitsForThePieceThatComes(t *testing.T) {
	r := newRig(t)
	l := r.posted(0, 4)
	r.set(0.17, l, 40)
	r.none(0.19)
	if !l.wantText {
		t.Fatal("the call that is due does not ask for the next piece of text")
	}
	r.set(0.2, l, 44)
	r.one(0.2, Edit, read)
}

func TestEarliestDeadlineFirst(t *testing.T) {
	r := newRig(t)
	a, b, d := r.posted(0, 60), r.posted(0, 40), r.posted(0, 50)
	for _, l := range r.c.lanes {
		r.set(4, l, 400)
	}
	calls, _ := r.c.decide(at(4), 4) // three senders for drafts
	if len(calls) != 3 || calls[0].lane != b || calls[1].lane != d || calls[2].lane != a {
		t.Fatalf("%d calls in the wrong order", len(calls))
	}
}

func TestFinalGoesFirst(t *testing.T) {
	r := newRig(t)
	a, b := r.posted(0, 4), r.posted(0, 4)
	r.set(3, a, 400)
	r.close(3, b, 400)
	calls := r.look(3)
	if len(calls) != 2 || calls[0].lane != b || !calls[0].final || calls[0].why != final {
		t.Fatalf("calls %v, want the final first", describe(calls))
	}
}

func TestDraftsLeaveRoomForFinals(t *testing.T) {
	r := newRig(t)
	lim := r.c.limit(MethodEdit)
	a := r.posted(0, 4)
	for i := range 5 {
		r.posted(float64(i)/10, 500)
	}
	for lim.windowWithin(at(10), 0) > 5 {
		lim.accepted(at(10), lim.spend(at(10)))
	}
	r.set(11, a, 300)
	r.none(11) // five edits, six answers that may end any moment
	for _, l := range r.c.lanes[1:] {
		r.close(11.1, l, 600)
	}
	if calls := r.look(11.1); len(calls) != 5 {
		t.Fatalf("calls %v, want the five finals", describe(calls))
	}
}

func TestRefusedFinal(t *testing.T) {
	t.Run("for five seconds: continued at once", func(t *testing.T) {
		r := newRig(t)
		l := r.posted(0, 100)
		r.close(2, l, 300)
		k := r.one(2, Edit, final)
		r.c.done(at(2.1), k, Outcome{Shown: 100, Load: l.load, RetryAfter: 5 * time.Second})
		k = r.one(2.1, Continue, continuation)
		load := l.load
		load.Next = Edit
		r.c.done(at(2.2), k, Outcome{Shown: 300, Load: load}) // the button is still there
		if !l.visible || l.over {
			t.Fatal("want the answer visible, and its lane alive")
		}
		r.none(3)
		r.none(7)
		k = r.one(9, Edit, cleanup)
		r.shown(9.1, k, 300)
		if !l.over || l.err != nil {
			t.Error("the lane is not over after the tidying up")
		}
	})
	t.Run("for a second, with text to read: the edit", func(t *testing.T) {
		r := newRig(t)
		l := r.posted(0, 100)
		r.close(2, l, 300)
		k := r.one(2, Edit, final)
		r.c.done(at(2.1), k, Outcome{Shown: 100, Load: l.load, RetryAfter: time.Second})
		r.none(2.2)
		k = r.one(3.2, Edit, final)
		r.shown(3.3, k, 300)
		if !l.over {
			t.Error("the lane is not over")
		}
	})
	t.Run("for a second, with nothing to read: continued", func(t *testing.T) {
		r := newRig(t)
		l := r.posted(0, 4)
		r.close(2, l, 300)
		k := r.one(2, Edit, final)
		r.c.done(at(2.1), k, Outcome{Shown: 4, Load: l.load, RetryAfter: time.Second})
		r.one(2.11, Continue, continuation)
	})
	t.Run("small print only: waits, and is not continued", func(t *testing.T) {
		r := newRig(t)
		l := r.posted(0, 100)
		r.spendAll(1)
		r.close(2, l, 100)
		r.none(2)
		r.none(30)
		r.one(61.1, Edit, final)
	})
}

func TestNoBudgetForAFinal(t *testing.T) {
	r := newRig(t)
	l := r.posted(0, 1000)
	r.spendAll(1)
	r.close(60, l, 1200) // the window is free again at 61 s, in time, and the reader has none left
	r.one(60, Continue, continuation)
	m := r.c.open(at(60), "D")
	r.set(60, m, 1000)
	k := r.one(60, Post, first)
	r.shown(60.1, k, 1000)
	r.close(60.2, m, 1200)
	r.none(60.2) // has text for 45 seconds: waits for its edit
	r.one(61.01, Edit, final)
}

func TestFirstPostWaitsUnderPressureOnly(t *testing.T) {
	r := newRig(t)
	a := r.c.open(at(0), "C")
	r.set(0, a, 4)
	r.one(0, Post, first)
	for range 29 {
		l := r.c.open(at(0), "D")
		r.set(0, l, 4)
	}
	if calls := r.look(0); len(calls) > 1 {
		t.Fatalf("%d posts at once with 30 open", len(calls))
	}
	if n := len(r.look(2)); n < 9 {
		t.Fatalf("%d posts after two seconds", n)
	}
}

func TestShortAnswerIsCompleteInItsPost(t *testing.T) {
	r := newRig(t)
	for range 10 {
		r.posted(0, 500)
	}
	l := r.c.open(at(1), "E")
	r.set(1, l, 4)
	r.none(1.01)
	r.close(1.05, l, 40)
	k := r.one(1.05, Post, first)
	r.shown(1.15, k, 40)
	if !k.final || !l.over || !l.visible {
		t.Error("want one post that is the final")
	}
}

func TestSmallPrintNeverDisplacesText(t *testing.T) {
	r := newRig(t)
	l := r.posted(0, 100)
	l.load.Dirty = true
	r.none(1)
	k := r.one(2.1, Edit, printing)
	r.shown(2.2, k, 100)
	l.load.Dirty = true
	r.set(4.2, r.posted(4.1, 4), 500)
	r.spendAll(4.1)
	r.none(4.3)
}

func TestFailedCallsAreTriedAgainThenGivenUp(t *testing.T) {
	r := newRig(t)
	l := r.posted(0, 100)
	broken := errors.New("503")
	r.set(20, l, 900)
	now, tries := 20.0, 0
	for range 8 { // drafts never end a lane
		now += 10
		r.set(now, l, 900+int(now))
		calls := r.look(now)
		if len(calls) != 1 {
			t.Fatalf("at %v s: calls %v", now, describe(calls))
		}
		r.c.done(at(now), calls[0], Outcome{Shown: 100, Load: l.load, Err: broken})
		r.none(now + 0.1)
	}
	r.close(now, l, 2000)
	for !l.over {
		now += 0.05
		for _, k := range r.look(now) {
			tries++
			r.c.done(at(now), k, Outcome{Shown: 100, Load: l.load, Err: broken})
		}
	}
	if tries != maxTries || !errors.Is(l.err, broken) || now > 130 {
		t.Errorf("%d tries until %v s, error %v", tries, now, l.err)
	}
	m := r.posted(200, 100)
	r.close(201, m, 200)
	r.c.done(at(201.1), r.one(201, Edit, final), Outcome{Failed: true})
	if !m.over || !errors.Is(m.err, ErrFailed) {
		t.Error("a permanent failure does not end the lane")
	}
}

func TestSkippedCostsNothing(t *testing.T) {
	r := newRig(t)
	l := r.posted(0, 100)
	r.set(30, l, 900)
	k := r.one(30, Edit, live)
	before := r.c.limit(MethodEdit).flying
	load := l.load
	load.Next = Post
	r.c.done(at(30), k, Outcome{Shown: 100, Load: load, Skipped: true})
	if r.c.limit(MethodEdit).flying != before-1 || r.c.limit(MethodEdit).within(at(30), 0) != 50 {
		t.Error("a call that was not made is counted")
	}
	r.one(31.1, Post, first)
}

func TestMerge(t *testing.T) {
	for _, c := range []struct {
		name           string
		set, out, want Load
		fresh          bool
	}{
		{"no set meanwhile", Load{Text: 9, Dirty: true}, Load{Text: 9, Next: Edit}, Load{Text: 9, Next: Edit}, false},
		{"closing stays", Load{Text: 9, Closing: true}, Load{Text: 9, Dirty: true}, Load{Text: 9, Dirty: true, Closing: true}, true},
		{"no revisions", Load{Text: 9, Dirty: true, Next: Post}, Load{Text: 5, Next: Edit}, Load{Text: 9, Dirty: true, Next: Edit}, true},
		{"set is newer", Load{Text: 9, Dirty: true, Next: Edit, Rev: 3}, Load{Text: 5, Rev: 2}, Load{Text: 9, Dirty: true, Next: Edit, Rev: 3}, true},
		{"outcome is newer", Load{Text: 9, Dirty: true, Rev: 3}, Load{Text: 9, Next: Edit, Rev: 4}, Load{Text: 9, Next: Edit, Rev: 4}, true},
	} {
		if got := merge(c.set, c.out, c.fresh); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestNativeStream(t *testing.T) {
	r := newRig(t)
	l := r.c.open(at(0), "D")
	r.c.set(at(0), l, Load{Text: 4, Dirty: true, Next: Start}, at(0))
	k := r.one(0, Start, first)
	r.c.done(at(0.1), k, Outcome{Shown: 4, Load: Load{Text: 4, Next: Append}})
	r.spendAll(0.1) // edits are no matter of a stream
	r.c.set(at(3), l, Load{Text: 99, Dirty: true, Next: Append}, at(3))
	k = r.one(3, Append, read)
	r.c.done(at(3.1), k, Outcome{Shown: 99, Load: Load{Text: 99, Next: Append}})
	r.c.set(at(4), l, Load{Text: 120, Dirty: true, Closing: true, Next: Stop}, at(4))
	k = r.one(4, Stop, final)
	r.c.done(at(4.1), k, Outcome{Shown: 120, Load: Load{Text: 120, Next: Edit}})
	if !l.over || l.err != nil {
		t.Error("the stop did not end the lane")
	}
}

// A crowd in an installation whose limits were raised takes turns: liveliness has a most of its
// own.
func TestLivelinessHasAMost(t *testing.T) {
	for n, want := range map[int]int{50: 50, 1000: liveMost} { // answers, calls a second
		r := &rig{T: t, c: newCore(map[Method]int{MethodEdit: 1_000_000}, 1)}
		r.c.scale = 20_000
		for range n {
			r.posted(0, 10_000) // minutes of reading
		}
		calls := 0
		const from, to = 17, 84 // four turns
		for s := 1.0; s < to; s += 0.05 {
			for _, l := range r.c.lanes {
				if !l.flying {
					r.set(s, l, l.load.Text+4)
				}
			}
			for _, k := range r.look(s) {
				if k.why != live {
					t.Fatalf("at %v s: %v", s, k.why)
				}
				if s >= from {
					calls++
				}
				r.shown(s+0.01, k, k.lane.load.Text)
			}
		}
		if got := float64(calls) / (to - from); got < 0.9*float64(want) || got > 1.1*float64(want) {
			t.Errorf("%d answers: %.0f calls a second, want %d", n, got, want)
		}
	}
}

// A final that is late already, as after a freeze, waits for an edit that is due any moment.
func TestLateFinalWaitsForAnEditThatIsNear(t *testing.T) {
	r := &rig{T: t, c: newCore(map[Method]int{MethodEdit: 600}, 1)}
	l := r.posted(0, 100)
	r.close(1, l, 200)
	lim := r.c.limit(MethodEdit)
	var overBucket []bool
	for lim.can(at(10)) { // what goes beyond the bucket goes a few at a time
		overBucket = append(overBucket, lim.spend(at(10)))
	}
	r.none(10)
	for _, was := range overBucket {
		lim.accepted(at(10.1), was)
	}
	r.one(10.1, Edit, final)
}
