package bot_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot"
	"llmbot/bot/answer"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
	"llmbot/llm"
)

// The times of a scene. All of it is virtual.
const (
	ttl = turn.DefaultTTL

	readTakes = 50 * time.Millisecond // of a thread
	firstText = 0
	restTakes = 10 * time.Second // from the model's first text to its last

	// quiet is longer than all that may follow an event: a takeover (ttl), two answers (restTakes),
	// and both looks at what a frozen owner may have written over (10 s after the end, and 70 to 88
	// s).
	quiet = 3 * time.Minute
)

// thread1 is the thread in which people talk if a test does not say another.
var thread1 = thread.ID{Channel: "C", TS: "1.0"}

// scene is a Slack, a model and a store for bots without clients. It shows what the bots make of
// what is said, by whichever process, without limits, markup and latency. Its options are set
// before a bot runs.
type scene struct {
	t     *testing.T
	store *turn.Mem

	readTakes time.Duration // a read of a thread
	firstText time.Duration // from the request to the model's first text, "half"
	restTakes time.Duration // from there to the rest, " whole"
	endTakes  time.Duration // until Slack has taken the end of an answer

	mu      sync.Mutex // guards all below
	said    map[thread.ID][]thread.Message
	prompts []string  // the last message of each request to the model
	reads   int       // of threads, begun
	closing int       // ends of answers, begun
	ends    []outcome // in the order in which Slack took them
	fails   int       // so many of the next requests to the model break off after the first text
	panics  bool      // the next request to the model panics
	stuck   bool      // Slack takes no end of an answer before the process ends
}

// outcome is how an answer ended in one process.
type outcome struct {
	For   string
	Phase answer.Phase
	Text  string
	Small string   // compared up to the length that is wanted
	Adopt []string // the messages that it was given; nil wants any

	notice string
	letGo  bool // its process ended before: nothing was shown
}

// newScene returns a scene in which these messages stand in thread1.
func newScene(t *testing.T, messages ...thread.Message) *scene {
	t.Helper()
	return &scene{
		t: t, store: turn.NewMem(), said: map[thread.ID][]thread.Message{thread1: messages},
		readTakes: readTakes, firstText: firstText, restTakes: restTakes,
	}
}

// inScene runs a test in a bubble, with a scene in which these messages stand in thread1.
func inScene(t *testing.T, messages []thread.Message, test func(s *scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newScene(t, messages...)) })
}

// q returns a question to the bot.
func q(ts, text string) thread.Message {
	return thread.Message{TS: ts, User: "U", Name: "U", Text: text, Mentioned: true}
}

// ours returns a message of the bot: the answer to the questions from one to another (for), begun
// under a lease of that epoch. A whole one has ended. Epoch 0 is an answer that a version before
// decision 0023 wrote without a lease, while the store was away: such threads are still met.
func ours(ts, from, to string, epoch uint64, whole bool) thread.Message {
	return thread.Message{TS: ts, Self: true, From: from, For: to, Since: to, Epoch: epoch, Text: "so", Shown: 2, Ended: whole, Whole: whole}
}

// justAfter returns the time that such a version left in the record of a thread that was to be read
// again: a moment after ts, with seven decimals.
func justAfter(ts string) turn.TS { return turn.TS(ts + "000001") }

// edited returns m as it is after an edit.
func edited(m thread.Message, text, at string) thread.Message {
	m.Text, m.Edited = text, at
	return m
}

// event returns what Slack tells a process of m.
func event(where thread.ID, m thread.Message) bot.Asked {
	return bot.Asked{Question: thread.Question{Thread: where, TS: m.TS, User: m.User, Text: m.Text, Mentioned: m.Mentioned, Edited: m.Edited}}
}

// deadOwner leaves thread1 as a process does that is killed in its answer to everything up to what:
// it has the lease, and ids are the answer's messages that were recorded.
func (s *scene) deadOwner(what turn.TS, ids ...string) *turn.Lease {
	s.t.Helper()
	c := s.coordinator("dead")
	a, err := c.Ask(s.t.Context(), thread1.String(), what)
	if err != nil || a.Lease == nil {
		s.t.Fatalf("the owner that is to die got %+v, %v", a, err)
	}
	if len(ids) > 0 {
		if err := a.Lease.Reply(s.t.Context(), ids); err != nil {
			s.t.Fatal(err)
		}
	}
	return a.Lease
}

// answered leaves everything up to what as answered.
func (s *scene) answered(what turn.TS) {
	s.t.Helper()
	if more, err := s.deadOwner(what).Done(s.t.Context(), what); more || err != nil {
		s.t.Fatalf("more is owed: %v, %v", more, err)
	}
}

// coordinator returns one that does not run: what it leaves, a dead process has left.
func (s *scene) coordinator(owner string) *turn.Coordinator {
	return turn.NewCoordinator(s.store, turn.Config{Owner: owner})
}

// noted leaves thread1 owed an answer to each of these, with whatever owner it has.
func (s *scene) noted(all ...turn.TS) {
	s.t.Helper()
	for _, ts := range all {
		if _, err := s.coordinator("other").Note(s.t.Context(), thread1.String(), ts); err != nil {
			s.t.Fatal(err)
		}
	}
}

// keep puts a value into the store, beside the record of thread1: kind is its prefix.
func (s *scene) keep(kind, value string) {
	s.t.Helper()
	if err := s.store.Update(s.t.Context(), kind+"/"+thread1.String(), func([]byte) ([]byte, error) { return []byte(value), nil }); err != nil {
		s.t.Fatal(err)
	}
}

// kept returns a value of the store, beside the record of thread1: kind is its prefix.
func (s *scene) kept(kind string) (value string) {
	s.t.Helper()
	err := s.store.Update(s.t.Context(), kind+"/"+thread1.String(), func(old []byte) ([]byte, error) {
		value = string(old)
		return nil, turn.ErrKeep
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return value
}

// member is one process.
type member struct {
	*bot.Bot

	s    *scene
	stop func() // ends it, and waits
}

// run runs a process until stop or the end of the test.
func (s *scene) run(owner string, options ...func(*bot.Config, *bot.Deps)) *member {
	s.t.Helper()
	cfg := bot.Config{Owner: owner, Durable: true}
	deps := bot.Deps{Model: s, Server: s, Replier: s, History: s, Room: s, Store: s.store, Log: slog.New(slog.DiscardHandler)}
	for _, option := range options {
		option(&cfg, &deps)
	}
	b := bot.New(cfg, deps)
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := b.Run(ctx); err != nil {
			s.t.Errorf("process %s: %v", owner, err)
		}
	}()
	m := &member{Bot: b, s: s, stop: func() { cancel(); <-done }}
	s.t.Cleanup(m.stop)
	return m
}

// told hands an event to the process.
func (m *member) told(ev bot.Event) {
	m.s.t.Helper()
	if err := m.Handle(m.s.t.Context(), ev); err != nil {
		m.s.t.Errorf("%T: %v", ev, err)
	}
}

// hears tells the process of messages in thread1.
func (m *member) hears(all ...thread.Message) {
	m.s.t.Helper()
	for _, msg := range all {
		m.told(event(thread1, msg))
	}
}

// hearsEdit tells the process that one of the questions in thread1 has become msg.
func (m *member) hearsEdit(msg thread.Message) {
	m.s.t.Helper()
	m.told(bot.Edited{Asked: event(thread1, msg), WasMentioned: true})
}

// say puts messages into thread1, or replaces those with the same TS. No process is told.
func (s *scene) say(all ...thread.Message) {
	for _, m := range all {
		s.sayIn(thread1, m)
	}
}

func (s *scene) sayIn(where thread.ID, m thread.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, known := slices.BinarySearchFunc(s.said[where], m.TS, func(m thread.Message, ts string) int { return turn.TS(m.TS).Compare(turn.TS(ts)) })
	if known {
		s.said[where][i] = m
		return
	}
	s.said[where] = slices.Insert(s.said[where], i, m)
}

// remove deletes a message of thread1. No process is told.
func (s *scene) remove(ts string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said[thread1] = slices.DeleteFunc(s.said[thread1], func(m thread.Message) bool { return m.TS == ts })
}

// set changes what the scene does while bots run.
func (s *scene) set(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

// until waits for what ok reports, which may read what mu guards.
func (s *scene) until(what string, ok func() bool) {
	s.t.Helper()
	holds := func() (yes bool) { s.set(func() { yes = ok() }); return yes }
	for end := time.Now().Add(quiet); !holds(); time.Sleep(readTakes / 10) {
		if time.Now().After(end) {
			s.t.Fatalf("not within %s: %s\n%s", quiet, what, s.story())
		}
	}
}

// untilAsked waits until the model has begun so many requests.
func (s *scene) untilAsked(n int) {
	s.t.Helper()
	s.until(fmt.Sprintf("request %d", n), func() bool { return len(s.prompts) >= n })
}

// rest waits until nothing happens any more, and fails if thread1 is still owed an answer.
func (s *scene) rest() {
	s.t.Helper()
	time.Sleep(quiet)
	synctest.Wait()
	if r, err := s.coordinator("reader").Record(s.t.Context(), thread1.String()); err != nil || r.Owed() {
		s.t.Errorf("after %s the thread is owed an answer: %+v, %v\n%s", quiet, r, err, s.story())
	}
}

// story tells what happened, for a test that fails.
func (s *scene) story() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "prompts: %q\nends: %+v\n", s.prompts, s.ends)
	for _, m := range s.said[thread1] {
		if m.Self {
			fmt.Fprintf(&b, "message %s answers %s..%s, epoch %d, ended %v, whole %v\n", m.TS, m.From, m.For, m.Epoch, m.Ended, m.Whole)
		}
	}
	return b.String()
}

// wantPrompts fails unless the model was asked exactly this.
func (s *scene) wantPrompts(want ...string) {
	s.t.Helper()
	s.mu.Lock()
	got := slices.Clone(s.prompts)
	s.mu.Unlock()
	if !slices.Equal(got, want) {
		s.t.Errorf("the model was asked %q, want %q\n%s", got, want, s.story())
	}
}

// wantAsked fails unless a prompt has these words.
func (s *scene) wantAsked(words string) {
	s.t.Helper()
	s.mu.Lock()
	asked := slices.ContainsFunc(s.prompts, func(p string) bool { return strings.Contains(p, words) })
	s.mu.Unlock()
	if !asked {
		s.t.Errorf("%q reached no prompt\n%s", words, s.story())
	}
}

// wantEnd fails unless an answer ended like this, and was shown.
func (s *scene) wantEnd(want outcome) {
	s.t.Helper()
	s.mu.Lock()
	ended := slices.ContainsFunc(s.ends, func(got outcome) bool {
		return got.For == want.For && got.Phase == want.Phase && got.Text == want.Text && !got.letGo &&
			strings.HasPrefix(got.Small, want.Small) && (want.Adopt == nil || slices.Equal(got.Adopt, want.Adopt))
	})
	s.mu.Unlock()
	if !ended {
		s.t.Errorf("no answer ended as %+v\n%s", want, s.story())
	}
}

// wantNoEnd fails if an answer ended in such a phase.
func (s *scene) wantNoEnd(phases ...answer.Phase) {
	s.t.Helper()
	s.mu.Lock()
	ended := slices.ContainsFunc(s.ends, func(got outcome) bool { return slices.Contains(phases, got.Phase) })
	s.mu.Unlock()
	if ended {
		s.t.Errorf("an answer ended in one of the phases %v\n%s", phases, s.story())
	}
}

// wantMessages fails unless exactly these messages of the bot stand in thread1.
func (s *scene) wantMessages(want ...string) {
	s.t.Helper()
	var got []string
	s.set(func() {
		for _, m := range s.said[thread1] {
			if m.Self {
				got = append(got, m.TS)
			}
		}
	})
	if !slices.Equal(got, want) {
		s.t.Errorf("the messages %q stand, want %q\n%s", got, want, s.story())
	}
}

// says returns a message of thread1, or the zero one if it is gone.
func (s *scene) says(ts string) (m thread.Message) {
	s.set(func() {
		if i := slices.IndexFunc(s.said[thread1], func(m thread.Message) bool { return m.TS == ts }); i >= 0 {
			m = s.said[thread1][i]
		}
	})
	return m
}

// Stream is the model.
func (s *scene) Stream(ctx context.Context, r llm.Request, on func(llm.Delta) error) (llm.Result, error) {
	s.mu.Lock()
	s.prompts = append(s.prompts, r.Messages[len(r.Messages)-1].Content)
	fails, panics := s.fails > 0, s.panics
	s.fails, s.panics = max(0, s.fails-1), false
	s.mu.Unlock()
	if panics {
		panic("a bug")
	}
	if err := after(ctx, s.firstText); err != nil {
		return llm.Result{}, err
	}
	if err := on(llm.Delta{Text: "half"}); err != nil {
		return llm.Result{}, err
	}
	if err := after(ctx, s.restTakes); err != nil {
		return llm.Result{}, err
	}
	if fails {
		return llm.Result{}, errors.New("boom")
	}
	return llm.Result{Finish: llm.FinishStop}, on(llm.Delta{Text: " whole"})
}

// after waits for d.
func after(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Messages returns the thread as it was when the read began.
func (s *scene) Messages(ctx context.Context, where thread.ID) ([]thread.Message, error) {
	s.mu.Lock()
	s.reads++
	messages := slices.Clone(s.said[where])
	s.mu.Unlock()
	return messages, after(ctx, s.readTakes)
}

func (*scene) Recent(context.Context, string, string, string) ([]thread.Message, error) {
	return nil, nil
}

func (*scene) Model(context.Context, string) (llm.ModelInfo, error) { return llm.ModelInfo{}, nil }
func (*scene) Version(context.Context) (string, error)              { return "", nil }
func (*scene) Metrics(context.Context) (llm.Metrics, error)         { return llm.Metrics{}, nil }

func (*scene) Person(_ context.Context, u string) (bot.Person, error) {
	return bot.Person{ID: u, Name: u}, nil
}

func (*scene) Channel(context.Context, string) (string, error)          { return "c", nil }
func (*scene) Whisper(context.Context, thread.ID, string, string) error { return nil }

func (s *scene) Open(_ context.Context, where thread.ID, r bot.Reply) (answer.Draft, error) {
	return &sceneDraft{s: s, where: where, r: r}, nil
}

// sceneDraft posts one message with the first text, unless it was given some, and marks it at the
// end.
type sceneDraft struct {
	s     *scene
	where thread.ID
	r     bot.Reply
	ts    string // of the message; empty: none was posted
}

func (*sceneDraft) Room(text string, _ bool) int { return len(text) }

func (d *sceneDraft) Set(a answer.Snapshot) {
	if a.Text == "" || d.ts != "" || len(d.r.Adopt) > 0 {
		return
	}
	d.s.set(func() {
		newest := d.where.TS
		if all := d.s.said[d.where]; len(all) > 0 {
			newest = all[len(all)-1].TS
		}
		whole, _, _ := strings.Cut(newest, ".")
		d.ts = fmt.Sprintf("%s.9%05d", whole, len(d.s.said[d.where])) // after all that was said
	})
	m := ours(d.ts, d.r.From, d.r.For, d.r.Epoch, false)
	m.Since, m.Text, m.Shown = d.r.Since, a.Text, len(a.Text)
	d.s.sayIn(d.where, m)
	d.r.Posted(d.ts)
}

func (d *sceneDraft) Close(ctx context.Context, a answer.Snapshot) error {
	s := d.s
	var stuck bool
	s.set(func() { s.closing++; stuck = s.stuck })
	if stuck {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	_ = after(ctx, s.endTakes)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends = append(s.ends, outcome{d.r.For, a.Phase, a.Text, a.Small, d.r.Adopt, a.Notice, ctx.Err() != nil})
	if ctx.Err() != nil {
		return nil
	}
	mine := func(m thread.Message) bool { return m.TS == d.ts || slices.Contains(d.r.Adopt, m.TS) }
	if a.Phase == answer.Removed {
		s.said[d.where] = slices.DeleteFunc(s.said[d.where], mine)
		return nil
	}
	for i, m := range s.said[d.where] {
		if a.Phase.Final() && mine(m) {
			m.Ended, m.Whole = a.Ending != answer.EndingOpen, a.Ending == answer.EndingWhole
			m.For, m.From, m.Since, m.Epoch = d.r.For, d.r.From, d.r.Since, d.r.Epoch
			s.said[d.where][i] = m
		}
	}
	return nil
}
