package bot

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"llmbot/bot/thread"
)

// TestFullMemoriesForgetTheOldest: what the bot remembers has a bound, and who fills it makes it
// forget what nobody used for longest, not all.
func TestFullMemoriesForgetTheOldest(t *testing.T) {
	where := func(i int) thread.ID { return thread.ID{Channel: "C", TS: strconv.Itoa(i)} }
	for name, start := range map[string]func() (most int, note func(i int), known func(i int) bool){
		"who has written in a thread": func() (int, func(int), func(int) bool) {
			c := newParticipants()
			return maxParticipants, func(i int) { c.note(where(i), "U", "1.0") }, func(i int) bool { return c.get(where(i)).Before("2.0", "V") }
		},
		"what people think of answers": func() (int, func(int), func(int) bool) {
			r := newRatings()
			return maxRatings, func(i int) { r.take(strconv.Itoa(i), "U", PressUp) }, func(i int) bool {
				word, _ := r.take(strconv.Itoa(i), "U", PressUp)
				return word == ""
			}
		},
		"what people were told": func() (int, func(int), func(int) bool) {
			n := newNotifier(nil, nil)
			return maxTold, func(i int) { n.due(strconv.Itoa(i), time.Hour) }, func(i int) bool { return !n.due(strconv.Itoa(i), time.Hour) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			most, note, known := start()
			for i := range most {
				note(i)
			}
			if !known(0) {
				t.Error("the first one is forgotten before there are too many")
			}
			for i := range 10 {
				note(most + i)
			}
			if !known(0) || !known(most-1) || !known(most+9) {
				t.Error("what was used lately is forgotten")
			}
			if known(1) {
				t.Error("what nobody used for longest is still known: there is no bound")
			}
		})
	}
}

// TestOneThanksForManyPresses: whatever a person presses at the same time, they are thanked once,
// and each of the two counts once.
func TestOneThanksForManyPresses(t *testing.T) {
	r := newRatings()
	var thanked, good, bad atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			p := PressUp
			if i%2 == 1 {
				p = PressDown
			}
			for range 20 {
				word, first := r.take("1.0", "U", p)
				if word == thanks {
					thanked.Add(1)
				}
				switch {
				case first && p == PressUp:
					good.Add(1)
				case first:
					bad.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if thanked.Load() != 1 || good.Load() != 1 || bad.Load() != 1 {
		t.Errorf("thanked %d times, counted %d and %d", thanked.Load(), good.Load(), bad.Load())
	}
}
