package bot

import (
	"strconv"
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
			return maxRatings, func(i int) { r.news(strconv.Itoa(i), "U", PressUp) }, func(i int) bool { return !r.news(strconv.Itoa(i), "U", PressUp) }
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
