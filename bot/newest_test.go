package bot

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"llmbot/bot/prompt"
	"llmbot/llm"
)

// TestFullMemoriesForgetTheOldest: what the bot remembers has a bound, and who fills it makes it forget what nobody used for longest, not all.
func TestFullMemoriesForgetTheOldest(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	thread := func(i int) Thread { return Thread{Channel: "C", TS: strconv.Itoa(i)} }
	for name, start := range map[string]func() (most int, note func(i int), known func(i int) bool){
		"who has written in a thread": func() (int, func(int), func(int) bool) {
			c := newCrowds()
			return maxCrowds, func(i int) { c.note(thread(i), "U", "1.0") }, func(i int) bool { return c.get(thread(i)).one.person != "" }
		},
		"how much fits into a thread's prompt": func() (int, func(int), func(int) bool) {
			w, msgs := newWindow(), []llm.Message{{Content: "0123456789"}}
			return maxSeats, func(i int) { w.learn(thread(i), prompt.Input{}, 0, msgs, llm.Usage{PromptTokens: 5, Known: true}) }, func(i int) bool {
				var in prompt.Input
				w.fit(thread(i), &in)
				return in.Ratio > 0
			}
		},
		"what people think of answers": func() (int, func(int), func(int) bool) {
			r := newRatings()
			return maxRatings, func(i int) { r.news(strconv.Itoa(i), "U", PressUp) }, func(i int) bool { return !r.news(strconv.Itoa(i), "U", PressUp) }
		},
		"what is not to be done again": func() (int, func(int), func(int) bool) {
			s := newSeldom(time.Minute)
			return maxTold, func(i int) { s.due(strconv.Itoa(i), now) }, func(i int) bool { return !s.due(strconv.Itoa(i), now) }
		},
		"what people were told of their quota": func() (int, func(int), func(int) bool) {
			m := newTold()
			return maxTold, func(i int) { m.due(strconv.Itoa(i), now, now.Add(time.Hour)) }, func(i int) bool { return !m.due(strconv.Itoa(i), now, now.Add(time.Hour)) }
		},
		"models that take no pictures": func() (int, func(int), func(int) bool) {
			s := newSight()
			return maxBlind, func(i int) { s.refused(strconv.Itoa(i)) }, func(i int) bool { return s.blind(strconv.Itoa(i)) }
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

// TestFilesForgetTheOldest: files are remembered up to a number of bytes, and of files; those that were used last.
func TestFilesForgetTheOldest(t *testing.T) {
	large := attachment{image: &llm.Image{Data: make([]byte, maxFileCache/4)}}
	c := newFileCache()
	for i := range 4 {
		c.put(strconv.Itoa(i), large)
	}
	if _, ok := c.get("0"); !ok {
		t.Error("the first one is forgotten before there are too many")
	}
	c.put("4", large)
	for key, want := range map[string]bool{"0": true, "1": false, "2": true, "3": true, "4": true} {
		if _, ok := c.get(key); ok != want {
			t.Errorf("file %s is known: %v, want %v", key, ok, want)
		}
	}
	c.put("huge", attachment{image: &llm.Image{Data: make([]byte, 2*maxFileCache)}})
	if _, ok := c.get("huge"); !ok || c.known.Len() != 1 || c.bytes != 2*maxFileCache {
		t.Errorf("one that is larger than all may be: %v, with %d others, %d bytes", ok, c.known.Len()-1, c.bytes)
	}
	for i := range maxFilesKept + 10 {
		c.put(fmt.Sprint("small ", i), attachment{text: "x"})
	}
	if c.known.Len() != maxFilesKept || c.bytes != maxFilesKept {
		t.Errorf("%d files of %d bytes are known, want %d", c.known.Len(), c.bytes, maxFilesKept)
	}
}
