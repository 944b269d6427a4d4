package pace

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// FuzzPolicy runs whole answers through the core in a random world: nobody starves, every answer
// becomes complete within two seconds of its end wherever posts are to be had, and the window is
// never exceeded.
func FuzzPolicy(f *testing.F) {
	f.Add(uint64(1), uint8(10), uint8(2), false, uint8(20))
	f.Add(uint64(2), uint8(40), uint8(1), true, uint8(3))
	f.Add(uint64(3), uint8(3), uint8(1), true, uint8(0))
	f.Add(uint64(4), uint8(60), uint8(6), false, uint8(60))
	f.Fuzz(func(t *testing.T, seed uint64, n, channels uint8, bucket bool, spread uint8) {
		r := rand.New(rand.NewPCG(seed, 3))
		w := &world{}
		if bucket {
			w.burst = 10
		}
		n = n%64 + 1
		channels = channels%8 + 1
		for range n {
			asked := r.Float64() * float64(spread)
			w.answers = append(w.answers, &answer{
				asked: asked, begins: asked + simTTFT + r.ExpFloat64(),
				n: 1 + int(200*math.Exp(r.NormFloat64())), channel: r.IntN(int(channels)),
			})
		}
		slices.SortFunc(w.answers, func(a, b *answer) int { return int((a.asked - b.asked) * 1e6) })
		policyCore(w)
		if !bucket && w.refusals > 0 {
			t.Errorf("%d refusals under the window", w.refusals)
		}
		perChannel := make(map[int]int)
		for _, a := range w.answers {
			perChannel[a.channel]++
		}
		for _, a := range w.answers {
			first, _, _, lag, ok := a.measure()
			if !ok {
				t.Errorf("an answer is incomplete: %+v", a)
			}
			queue := float64(perChannel[a.channel]) // posts and continuations, one a second at worst
			if first > postWait.Seconds()+simLatency+2*queue || lag > finalWait.Seconds()+2*simLatency+2*queue {
				t.Errorf("first text after %.1f s, end lag %.1f s, %v answers in the channel", first, lag, queue)
			}
			if perChannel[a.channel] <= 5 && lag > finalWait.Seconds()+2*simLatency+1e-6 {
				t.Errorf("end lag %.2f s although posts are free", lag)
			}
		}
	})
}

// FuzzCore throws arbitrary events at the core, hostile outcomes among them.
func FuzzCore(f *testing.F) {
	f.Add([]byte("open, set, look, done, close, look, done"))
	f.Add([]byte{0, 0, 0, 1, 1, 1, 3, 3, 4, 2, 3, 5, 3, 6, 3, 7, 3, 8, 3, 9, 2, 2, 2, 3, 3, 4, 4, 4, 250, 3, 4})
	f.Fuzz(func(t *testing.T, script []byte) {
		script = script[:min(len(script), 500)]
		c := newCore(nil, 1)
		now := simTime(0)
		var flights []call
		flying := make(map[*lane]bool)
		var sent []time.Time // edits that Slack took
		look := func() {
			calls, next := c.decide(now, 8)
			if !next.After(now) {
				t.Fatal("look again is not later than now")
			}
			for _, k := range calls {
				if flying[k.lane] || k.lane.over {
					t.Fatal("a second call for a lane, or a call for a lane that is over")
				}
				if k.kind == None || k.kind == Continue && !k.lane.load.Closing {
					t.Fatalf("call %v", k.kind)
				}
				flying[k.lane] = true
				flights = append(flights, k)
				if k.kind == Edit {
					sent = append(sent, now)
				}
			}
			if len(flights) > 8 || c.flying != len(flights) {
				t.Fatalf("%d under way, the core counts %d", len(flights), c.flying)
			}
			for i := range sent {
				if j := i + 50; j < len(sent) && sent[j].Sub(sent[i]) < minute {
					t.Fatal("51 edits within a minute")
				}
			}
			for _, l := range slices.Backward(c.lanes) {
				if l.over {
					c.drop(l)
				}
			}
		}
		for i, b := range script {
			now = now.Add(time.Duration(b) * time.Millisecond * 7)
			arg := int(b) / 10
			var l *lane
			if len(c.lanes) > 0 {
				l = c.lanes[i%len(c.lanes)]
			}
			switch {
			case b%10 == 0 || l == nil:
				c.open(now, string(rune('A'+arg%3)))
			case b%10 <= 2:
				c.set(now, l, Load{Text: l.load.Text + arg*10, Dirty: true, Next: l.load.Next}, now)
			case b%10 == 3:
				c.set(now, l, Load{Text: l.load.Text + arg, Dirty: true, Closing: true, Next: l.load.Next}, now)
			case b%10 == 4 && arg%5 == 0:
				l.over = true
			case b%10 <= 8 && len(flights) > 0:
				k := flights[0]
				flights = flights[1:]
				delete(flying, k.lane)
				out := Outcome{Shown: k.lane.load.Text, Load: Load{Text: k.lane.load.Text, Next: Edit}}
				switch arg % 8 {
				case 1:
					out = Outcome{Shown: k.lane.shown, Load: k.lane.load, RetryAfter: time.Duration(arg) * time.Second}
				case 2:
					out = Outcome{Shown: k.lane.shown, Load: k.lane.load, Err: errors.New("x")}
				case 3:
					out = Outcome{Shown: k.lane.shown, Load: k.lane.load, Skipped: true}
				case 4:
					out = Outcome{Failed: true}
				case 5:
					out.Load.Next, out.Load.Dirty = Post, true
				}
				if k.kind == Edit && (out.Skipped || out.RetryAfter > 0) {
					sent = slices.Delete(sent, len(sent)-1, len(sent))
				}
				c.done(now, k, out)
			}
			look()
		}
	})
}
