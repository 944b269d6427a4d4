package held

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

// town is what people see, and a history that other processes write.
type town struct {
	*Questions

	mu       sync.Mutex // guards all below
	refuses  bool       // statuses
	live     map[thread.ID]bool
	status   map[thread.ID]string
	shown    int // statuses in all
	words    []string
	reads    int
	asked    int
	answered map[thread.ID]string // ts of the newest question with an answer
}

// newTown returns a town whose questions are told of until the test ends.
func newTown(t *testing.T) *town {
	t.Helper()
	w := &town{live: map[thread.ID]bool{}, status: map[thread.ID]string{}, answered: map[thread.ID]string{}}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	w.Questions = New(Config{
		Status: w.show, Whisper: w.whisper, History: w,
		IsLive: func(id thread.ID) bool { defer w.lock()(); return w.live[id] },
	})
	all.Go(func() { w.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		all.Wait()
	})
	return w
}

func (w *town) lock() (unlock func()) {
	w.mu.Lock()
	return w.mu.Unlock
}

// works has this process be at work on a thread, or not any more.
func (w *town) works(t thread.ID, live bool) {
	defer w.lock()()
	w.live[t] = live
}

func (w *town) show(_ context.Context, t thread.ID, text string) bool {
	defer w.lock()()
	if w.refuses {
		return false
	}
	w.status[t] = text
	w.shown++
	return true
}

func (w *town) whisper(_ context.Context, t thread.ID, user, text string) {
	defer w.lock()()
	w.words = append(w.words, user+" in "+t.String()+": "+text)
}

func (w *town) Recent(context.Context, string, string, string) (out []thread.Message, _ error) {
	defer w.lock()()
	w.reads++
	for t, upto := range w.answered {
		out = append(out, thread.Message{TS: t.TS, Latest: string(turn.At(turn.TS(upto).Time().Add(time.Second)))})
	}
	return out, nil
}

func (w *town) Messages(_ context.Context, t thread.ID) ([]thread.Message, error) {
	defer w.lock()()
	w.reads++
	return []thread.Message{{TS: t.TS}, {Self: true, For: w.answered[t]}}, nil
}

// ask has somebody ask, and returns the thread.
func (w *town) ask(user string) (id thread.ID, ts string) {
	unlock := w.lock()
	w.asked++
	ts = string(turn.At(time.Now().Add(time.Duration(w.asked) * time.Microsecond)))
	unlock()
	id = thread.ID{Channel: "C", TS: ts}
	w.Add(thread.Question{Thread: id, TS: ts, User: user}, thread.ID{Channel: "C"})
	return id, ts
}

// shows returns how often a status was set or taken away.
func (w *town) shows() int {
	synctest.Wait()
	defer w.lock()()
	return w.shown
}

// sees fails the test unless a thread's status is a text.
func (w *town) sees(t *testing.T, id thread.ID, want string) {
	t.Helper()
	synctest.Wait()
	defer w.lock()()
	if got := w.status[id]; got != want {
		t.Errorf("status %q, want %q", got, want)
	}
}

// heard fails the test unless these were all words, in that order.
func (w *town) heard(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	defer w.lock()()
	if !slices.Equal(w.words, want) {
		t.Errorf("words %q, want %q", w.words, want)
	}
}

// TestStatusSaysThatAQuestionWaits: within 3 s, as long as it waits, and no longer.
func TestStatusSaysThatAQuestionWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		id, _ := w.ask("alice")
		quick, ts := w.ask("bob")
		w.Drop(quick, func(one string) bool { return one == ts })
		time.Sleep(tellAfter - time.Millisecond)
		w.sees(t, id, "")
		time.Sleep(time.Second)
		w.sees(t, id, statusHeld)
		w.sees(t, quick, "")
		time.Sleep(tellAgain)
		if n := w.shows(); n != 2 {
			t.Errorf("shown %d times, want twice: Slack takes a status away after two minutes", n)
		}
		w.Drop(id, func(string) bool { return false })
		w.sees(t, id, statusHeld)
		w.Drop(id, nil)
		time.Sleep(lookAround)
		w.sees(t, id, "")
		w.heard(t)
	})
}

// TestStatusStaysWhileSomethingIsWritten: the draft's own status is not taken away, and what is left
// of ours is when the thread is at rest.
func TestStatusStaysWhileSomethingIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		id, _ := w.ask("alice")
		time.Sleep(3 * time.Second)
		w.works(id, true)
		w.Drop(id, nil)
		time.Sleep(time.Minute)
		w.sees(t, id, statusHeld)
		w.works(id, false)
		time.Sleep(lookAround)
		w.sees(t, id, "")
		time.Sleep(10 * time.Minute)
		if n := w.shows(); n != 2 {
			t.Errorf("a status was set or taken away %d times, want 2", n)
		}
	})
}

// TestWordsWhereStatusesAreRefused: each who asked hears it once, where they see it.
func TestWordsWhereStatusesAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		w.refuses = true
		id, ts := w.ask("alice")
		w.Add(thread.Question{Thread: id, TS: ts, User: "alice"}, id) // the same again
		time.Sleep(2 * time.Second)
		w.Add(thread.Question{Thread: id, TS: string(turn.At(time.Now())), User: "bob"}, id)
		time.Sleep(10 * time.Minute)
		w.heard(t, "alice in C/: "+heldWord, "bob in "+id.String()+": "+heldWord)
	})
}

// TestWhatLastsIsSaidAtOnce: waiting does not help by itself.
func TestWhatLastsIsSaidAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		id, _ := w.ask("alice")
		w.Lasts(id)
		time.Sleep(lookAround)
		w.heard(t, "alice in C/: "+lastingWord)
		time.Sleep(10 * time.Minute)
		w.heard(t, "alice in C/: "+lastingWord)
		w.sees(t, id, "")
	})
}

// TestStatusesAreBounded: of many threads, those that wait longest have a status, the others a word.
func TestStatusesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		for i := range mostShown + 3 {
			w.ask(fmt.Sprint("user", i))
			time.Sleep(time.Millisecond)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		defer w.lock()()
		if len(w.status) != mostShown || len(w.words) != 3 {
			t.Errorf("%d statuses and %d words, want %d and 3", len(w.status), len(w.words), mostShown)
		}
		if !slices.ContainsFunc(w.words, func(word string) bool { return strings.HasPrefix(word, fmt.Sprint("user", mostShown+2)) }) {
			t.Errorf("the last one who asked heard nothing: %q", w.words)
		}
	})
}

// TestNothingIsSaidOfWhatAnotherProcessHasAnswered: of a question that Slack tells for the second
// time, the thread tells.
func TestNothingIsSaidOfWhatAnotherProcessHasAnswered(t *testing.T) {
	for _, refuses := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newTown(t)
			w.refuses = refuses
			ts := string(turn.At(time.Now().Add(-time.Minute)))
			id := thread.ID{Channel: "C", TS: ts}
			w.answered[id] = ts
			w.Add(thread.Question{Thread: id, TS: ts, User: "alice"}, id)
			time.Sleep(10 * time.Minute)
			w.sees(t, id, "")
			w.heard(t)
			defer w.lock()()
			if w.reads != 2 {
				t.Errorf("%d reads, want 2", w.reads)
			}
		})
	}
}

// TestLooksGoRound: a word that has to wait for a look gets one in its turn, however many threads are
// looked at again and again.
func TestLooksGoRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		for i := range 100 {
			w.ask(fmt.Sprint("user", i))
		}
		time.Sleep(10 * time.Minute) // each of their statuses has been shown again, and is looked behind
		defer w.lock()()
		w.refuses = true
		ts := string(turn.At(time.Now().Add(-time.Minute)))
		id := thread.ID{Channel: "C", TS: ts}
		w.Add(thread.Question{Thread: id, TS: ts, User: "late"}, id)
		w.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		w.mu.Lock()
		if !slices.ContainsFunc(w.words, func(word string) bool { return strings.HasPrefix(word, "late ") }) {
			t.Errorf("after a minute they have heard nothing: %d words", len(w.words))
		}
	})
}

// TestHammerQuestions: people ask, the store takes what they asked, and actors come and go, all at
// once. In the end no status is left.
func TestHammerQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				for range 5 {
					time.Sleep(time.Duration(i+1) * time.Millisecond)
					id, ts := w.ask(fmt.Sprint("user", i%7))
					time.Sleep(time.Duration(i) * 137 * time.Millisecond)
					if i%3 == 0 {
						w.Lasts(id)
					}
					w.works(id, i%2 == 0)
					w.Drop(id, func(one string) bool { return one == ts })
					time.Sleep(time.Duration(i) * 29 * time.Millisecond)
					w.works(id, false)
				}
			})
		}
		all.Wait()
		time.Sleep(time.Minute)
		synctest.Wait()
		defer w.lock()()
		for id, text := range w.status {
			if text != "" {
				t.Errorf("%s still says %q", id, text)
			}
		}
		if len(w.threads) != 0 {
			t.Errorf("%d threads are left", len(w.threads))
		}
	})
}
