package catchup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

// TestMissed says for each state of the note, and of this process, from when on something was
// missed.
func TestMissed(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	opened := func(since time.Time) *Opened { return &Opened{Since: since} }
	mine := ago(5 * time.Second)
	never := time.Time{}
	tests := map[string]struct {
		l    listener
		last seen
		want time.Time
	}{
		"a new store":                          {listener{opened: opened(never)}, seen{}, never},
		"a start soon after":                   {listener{opened: opened(never)}, seen{At: ago(10 * time.Second)}, never},
		"a start, alone, soon after":           {listener{opened: opened(never), alone: true}, seen{At: ago(10 * time.Second)}, ago(20 * time.Second)},
		"a start after a minute":               {listener{opened: opened(never)}, seen{At: ago(time.Minute)}, ago(time.Minute + gapBack)},
		"a start after a week":                 {listener{opened: opened(never)}, seen{At: ago(7 * 24 * time.Hour)}, ago(gapMost)},
		"nothing new":                          {listener{noted: mine}, seen{At: mine}, never},
		"another one notes, too":               {listener{noted: mine}, seen{At: ago(time.Second)}, never},
		"this process was slow":                {listener{noted: ago(time.Minute)}, seen{At: ago(time.Minute)}, never},
		"sockets were closed":                  {listener{noted: mine, opened: opened(ago(30 * time.Second))}, seen{At: ago(32 * time.Second)}, ago(32*time.Second + gapBack)},
		"another one's were open":              {listener{noted: mine, opened: opened(ago(30 * time.Second))}, seen{At: ago(2 * time.Second)}, never},
		"closed in a new store":                {listener{opened: opened(ago(30 * time.Second))}, seen{}, ago(30*time.Second + gapBack)},
		"the store was away":                   {listener{noted: ago(time.Minute), silent: true}, seen{At: ago(time.Minute)}, ago(time.Minute + gapBack)},
		"the store was away for a moment":      {listener{noted: mine, silent: true}, seen{At: mine}, never},
		"another one is at a gap":              {listener{noted: mine}, seen{At: mine, Gap: ago(time.Hour), Look: ago(10 * time.Second)}, never},
		"who was at a gap has died":            {listener{noted: mine}, seen{At: mine, Gap: ago(time.Hour), Look: ago(3 * time.Minute)}, ago(time.Hour)},
		"a start, alone, with a gap":           {listener{opened: opened(never), alone: true}, seen{At: ago(time.Second), Gap: ago(time.Hour), Look: ago(time.Second)}, ago(time.Hour)},
		"a later gap does not hide an earlier": {listener{opened: opened(never)}, seen{At: ago(time.Minute), Gap: ago(time.Hour), Look: ago(time.Minute)}, ago(time.Hour)},
		"an earlier gap":                       {listener{opened: opened(never)}, seen{At: ago(2 * time.Hour), Gap: ago(time.Hour), Look: ago(time.Minute)}, ago(2*time.Hour + gapBack)},
	}
	for name, tt := range tests {
		if got := tt.l.missed(tt.last, now); !got.Equal(tt.want) {
			t.Errorf("%s: from %v, want %v", name, got, tt.want)
		}
	}
}

// TestTheOldestNewsCounts: of sockets that open one after the other.
func TestTheOldestNewsCounts(t *testing.T) {
	now := time.Now()
	var l listener
	for _, since := range []time.Time{now, {}, now.Add(-time.Minute), now.Add(-time.Second)} {
		l.hear(Opened{Since: since})
	}
	if !l.opened.Since.Equal(now.Add(-time.Minute)) {
		t.Errorf("since %v", l.opened.Since)
	}
}

// town is a workspace, with a store that may be away.
type town struct {
	turn.Store

	away atomic.Bool

	mu       sync.Mutex // guards all below
	channels map[string][]thread.Message
	asked    []string
	told     []thread.ID // to Gone
	reads    []time.Time // of both kinds
	convs    []time.Time // of conversations
	threads  []time.Time
	took     time.Duration
	lists    int
	fails    func(what string) error     // is asked of each call: "list", a channel, a thread, "gone", "ask"; nil: none fails
	replies  map[string][]thread.Message // to the messages that open a thread, by ts
}

// fail returns the error of a call, if it is to fail.
func (w *town) fail(what string) error {
	w.mu.Lock()
	fails := w.fails
	w.mu.Unlock()
	if fails == nil {
		return nil
	}
	return fails(what)
}

func (w *town) Update(ctx context.Context, key string, fn func([]byte) ([]byte, error)) error {
	if w.away.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return w.Store.Update(ctx, key, fn)
}

// Watch fails at once while the store is away, as a connection does.
func (w *town) Watch(ctx context.Context, prefix string, fn func(string, []byte)) error {
	if w.away.Load() {
		return errors.New("connection refused")
	}
	return w.Store.Watch(ctx, prefix, fn)
}

func (w *town) Conversations(context.Context) ([]string, error) {
	err := w.fail("list")
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lists++; err != nil {
		return nil, err
	}
	var ids []string
	for id := range w.channels {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, nil
}

func (w *town) Recent(_ context.Context, channel, after, before string) ([]thread.Message, error) {
	time.Sleep(w.took)
	err := w.fail(channel)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads, w.convs = append(w.reads, time.Now()), append(w.convs, time.Now())
	if channel == "C-secret" {
		err = fmt.Errorf("not_in_channel: %w", thread.ErrUnreadable)
	}
	if err != nil {
		return nil, err
	}
	var out []thread.Message
	for _, m := range w.channels[channel] {
		if turn.TS(m.TS).After(turn.TS(after)) && turn.TS(before).After(turn.TS(m.TS)) {
			out = append(out, m)
		}
	}
	return out, nil
}

func (w *town) Messages(_ context.Context, t thread.ID) ([]thread.Message, error) {
	err := w.fail(t.TS)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads, w.threads = append(w.reads, time.Now()), append(w.threads, time.Now())
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(w.channels[t.Channel], func(m thread.Message) bool { return m.TS == t.TS })
	if i < 0 {
		return nil, thread.ErrUnreadable
	}
	return append(w.channels[t.Channel][i:i+1:i+1], w.replies[t.TS]...), nil
}

// reply adds a message to a thread, and returns its ts.
func (w *town) reply(channel, root string, mentioned bool) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	ts := string(turn.At(time.Now()))
	if w.replies == nil {
		w.replies = map[string][]thread.Message{}
	}
	w.replies[root] = append(w.replies[root], thread.Message{TS: ts, User: "U1", Text: "and?", Mentioned: mentioned})
	for i, m := range w.channels[channel] {
		if m.TS == root {
			w.channels[channel][i].Latest = ts
		}
	}
	return ts
}

// noted returns the record of what was seen.
func (w *town) noted(t *testing.T) (s seen) {
	t.Helper()
	err := w.Store.Update(t.Context(), seenKey, func(old []byte) ([]byte, error) { return nil, errors.Join(json.Unmarshal(old, &s), turn.ErrKeep) })
	if err != nil && !errors.Is(err, turn.ErrKeep) {
		t.Fatal(err)
	}
	return s
}

// grown gives a thread a reply.
func (w *town) grown(channel, ts string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.channels[channel] {
		if m := &w.channels[channel][i]; m.TS == ts {
			m.Latest = ts
		}
	}
}

// says adds a message that opens a thread, and returns its ts.
func (w *town) says(channel string, mentioned bool) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	ts := string(turn.At(time.Now()))
	if w.channels == nil {
		w.channels = map[string][]thread.Message{}
	}
	w.channels[channel] = append(w.channels[channel], thread.Message{TS: ts, User: "U1", Text: "why?", Mentioned: mentioned})
	return ts
}

func (w *town) heard() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.asked)
}

// heardAll fails unless just these were asked, in any order; when says in which case.
func (w *town) heardAll(t *testing.T, want []string, when ...any) {
	t.Helper()
	got := w.heard()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%v: asked %v, want %v", when, got, want)
	}
}

// watch starts a Watcher of the town; stop waits for its end.
func (w *town) watch(t *testing.T, owner string) (_ *Watcher, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	log := slog.New(slog.DiscardHandler)
	desk := turn.NewCoordinator(w, turn.Config{Owner: owner, Log: log})
	watcher := New(Config{
		Owner: owner, Durable: true, Store: w, Threads: desk, History: w, Places: w,
		FollowUps: func(context.Context, string) thread.FollowUps { return thread.FollowSolo },
		Read:      func(thread.ID, []thread.Message) {},
		Gone: func(_ context.Context, t thread.ID, _ turn.Record, _ []thread.Message) error {
			if err := w.fail("gone"); err != nil {
				return err
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.told = append(w.told, t)
			return nil
		},
		Ask: func(ctx context.Context, q thread.Question) error {
			if err := w.fail("ask"); err != nil {
				return err
			}
			w.mu.Lock()
			w.asked = append(w.asked, q.Thread.Channel+"/"+q.TS)
			w.mu.Unlock()
			_, err := desk.Note(ctx, q.Thread.String(), q.Since())
			return err
		},
		Log: log,
	})
	var all sync.WaitGroup
	all.Go(func() { _ = desk.Run(ctx) })
	all.Go(func() { watcher.Run(ctx) })
	return watcher, func() { cancel(); all.Wait() }
}

// TestWhatWasSaidMeanwhileIsAskedOnce: of all conversations, in each of them the oldest first, and
// only what is a question.
func TestWhatWasSaidMeanwhileIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{Store: turn.NewMem()}
		first, stop := w.watch(t, "A")
		first.SocketOpened(Opened{})
		time.Sleep(time.Minute)
		stop()
		time.Sleep(time.Hour)
		second := w.says("C2", true)
		time.Sleep(time.Second)
		third := w.says("C1", true)
		time.Sleep(time.Second)
		fourth := w.says("C1", true)
		w.says("C1", false)
		w.says("C-secret", true)
		time.Sleep(time.Hour)
		next, stop := w.watch(t, "B")
		next.SocketOpened(Opened{})
		time.Sleep(time.Minute)
		stop()
		if s := w.noted(t); !s.Gap.IsZero() {
			t.Errorf("the gap stays noted for a conversation that is never readable: %+v", s)
		}
		if got, want := w.heard(), []string{"C1/" + third, "C1/" + fourth, "C2/" + second}; !slices.Equal(got, want) {
			t.Errorf("asked %v, want %v", got, want)
		}
		if len(w.reads) != 3 {
			t.Errorf("%d reads, want one for each conversation", len(w.reads))
		}
		again, stop := w.watch(t, "C")
		again.SocketOpened(Opened{Since: time.Now().Add(-time.Minute)})
		time.Sleep(time.Minute)
		stop()
		if got := w.heard(); len(got) != 3 {
			t.Errorf("what was asked is asked again: %v", got)
		}
	})
}

// TestNobodyWaitsForAQuietConversation: wherever it is, a question is found within seconds of the
// start, direct messages first, and before any thread of others is read. Live questions keep a
// share of each minute's reads, and the store is told all the time that this process is at it.
func TestNobodyWaitsForAQuietConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{Store: turn.NewMem(), took: 100 * time.Millisecond}
		first, stop := w.watch(t, "A")
		first.SocketOpened(Opened{})
		time.Sleep(time.Minute)
		asked, _ := turn.NewCoordinator(w, turn.Config{Owner: "x"}).Note(t.Context(), "C00/1.0", turn.At(time.Now()))
		if !asked.New {
			t.Fatal(asked)
		}
		time.Sleep(time.Second)
		stop()
		time.Sleep(time.Hour)
		for i := range 38 {
			w.says(fmt.Sprintf("C%02d", i), i == 31)
		}
		for range 50 { // threads of people that have grown, where the bot was asked lately
			w.grown("C00", w.says("C00", false))
			time.Sleep(time.Millisecond)
		}
		w.says("D1", true)
		w.says("D2", true)
		next, stop := w.watch(t, "B")
		time.Sleep(time.Second) // it hears of the threads of the last day
		began := time.Now()
		next.SocketOpened(Opened{})
		time.Sleep(time.Second)
		if got := w.heard(); len(got) != 2 || !strings.HasPrefix(got[0], "D1/") || !strings.HasPrefix(got[1], "D2/") {
			t.Errorf("after a second: %v", got)
		}
		time.Sleep(5 * time.Second)
		if got := w.heard(); len(got) != 3 || !strings.HasPrefix(got[2], "C31/") {
			t.Errorf("after six seconds: %v", got)
		}
		for range 40 {
			time.Sleep(5 * time.Second)
			if s := w.noted(t); time.Since(s.At) > 2*seenEvery {
				t.Errorf("noted %s ago", time.Since(s.At))
			}
		}
		stop()
		for kind, reads := range map[string][]time.Time{"conversations": w.convs, "threads": w.threads} {
			most, within := mostConversations, time.Minute
			if kind == "threads" {
				most, within = mostThreads, threadsWithin
			}
			for i := range reads {
				if i >= most && reads[i].Sub(reads[i-most]) < within {
					t.Errorf("%s: read %d came %v after the one %d before", kind, i+1, reads[i].Sub(reads[i-most]), most)
				}
			}
			t.Log(kind, len(reads), reads[len(reads)-1].Sub(began))
		}
		if len(w.convs) != 40 || len(w.threads) != 51 {
			t.Errorf("%d conversations and %d threads are read", len(w.convs), len(w.threads))
		}
	})
}

// TestAGapOutlivesItsFinder: it stays noted until it was looked through, and another process looks.
func TestAGapOutlivesItsFinder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{Store: turn.NewMem()}
		first, stop := w.watch(t, "A")
		first.SocketOpened(Opened{})
		time.Sleep(time.Minute)
		stop()
		time.Sleep(time.Hour)
		for i := range mostConversations {
			w.says(fmt.Sprintf("C%02d", i), false)
		}
		w.says("C99", true)
		finder, stop := w.watch(t, "B")
		finder.SocketOpened(Opened{})
		time.Sleep(time.Second) // it pauses before it reads the last one
		stop()
		if got := w.heard(); len(got) != 0 {
			t.Fatalf("asked %v already", got)
		}
		next, stop := w.watch(t, "C")
		defer stop()
		next.SocketOpened(Opened{})
		time.Sleep(deadAfter + 2*time.Minute)
		if got := w.heard(); len(got) != 1 {
			t.Errorf("asked %v", got)
		}
		if s := w.noted(t); !s.Gap.IsZero() {
			t.Errorf("the gap is still noted: %+v", s)
		}
	})
}

// TestClosedSocketsAreNotNoted: who has none open says nothing.
func TestClosedSocketsAreNotNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{Store: turn.NewMem()}
		watcher, stop := w.watch(t, "A")
		defer stop()
		watcher.SocketOpened(Opened{})
		time.Sleep(11 * time.Second)
		watcher.SocketsClosed()
		began := time.Now()
		time.Sleep(time.Minute)
		w.says("C1", true)
		time.Sleep(time.Minute)
		watcher.SocketOpened(Opened{Since: began})
		time.Sleep(time.Minute)
		if got := w.heard(); len(got) != 1 {
			t.Errorf("asked %v, not what was said while no socket was open", got)
		}
	})
}
