package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/thread"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
	"llmbot/bot/wait"
)

const (
	// repairTimeout is how long a repair waits for the answer of the process that took the thread
	// over.
	repairTimeout = 15 * time.Minute
	// repairLook is how often a repair looks at the record meanwhile.
	repairLook = time.Second
)

const (
	// lookBackAfter is how long after the end of an answer that was taken over the bot looks at it
	// again: a process that was frozen for somewhat more than a lease has woken by then. A minute
	// later the coordinator has whichever process lives then look once more.
	lookBackAfter = 10 * time.Second
	// lookBackTimeout is how long one such look may take, and the repair after it: the next ones
	// wait for it.
	lookBackTimeout = 30 * time.Second
)

// mender mends answers that are complete: what a process that froze has written over, and what their
// messages still wait for. Its methods may be called from any goroutine.
type mender struct {
	replier     Replier
	history     History
	coordinator *turn.Coordinator
	records     transcript.Records
	repairs     pool             // that wait for the answer of another process
	lookBacks   queue[takenOver] // at answers that were taken over
	lastLooks   queue[oneLook]   // later ones, see lookOnce
	cleanups    cleanups         // that answers which are complete still wait for
	log         *slog.Logger
}

// run does what is to be mended, until work ends; it looks at nothing new when ctx has ended.
func (m *mender) run(ctx, work context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { m.repairs.run(work) })
	all.Go(func() { m.lookBacks.run(work, m.lookBack) })
	all.Go(func() { m.lastLooks.run(ctx, m.lookOnce) })
	all.Go(func() { m.cleanups.run(work, m.cleanedUp) })
}

// takenOver is an answer that was taken over, and is complete.
type takenOver struct {
	thread thread.ID
	entry  transcript.Entry
	upto   turn.TS
}

// lookBack looks at an answer that was taken over, some time after it is complete. Its owner before
// may have been frozen, not dead: when it wakes, a write that it had begun goes out. Should it die
// before it repairs that, nobody else knows.
func (m *mender) lookBack(ctx context.Context, o takenOver) (cost bool) {
	ctx, cancel := context.WithTimeout(ctx, lookBackTimeout)
	defer cancel()
	messages, err := m.history.Messages(ctx, o.thread)
	if err != nil {
		m.log.WarnContext(ctx, "history_unread", "thread", o.thread.String(), "error", err)
		return true
	}
	if late := overwritten(messages, o.entry); len(late) > 0 {
		if restored, err := m.restore(ctx, o.thread, o.entry.For, o.upto, late); !restored {
			m.notRepaired(ctx, o.thread, o.entry.For, err)
		}
	}
	return true
}

// oneLook is a thread that is to be looked at once more.
type oneLook struct {
	key  string
	seen turn.Record // as it was when that was due
}

// lookAgain takes a thread that is to be looked at once more.
func (m *mender) lookAgain(key string, seen turn.Record) { m.lastLooks.add(oneLook{key, seen}) }

// lookOnce looks at the answers of a thread once more: some time after one of them was taken over,
// for whoever has written over them, and whoever knew, may be dead; or when the process is gone that
// was to tidy one up. If live ends, for this process drains, it leaves that to others.
func (m *mender) lookOnce(live context.Context, l oneLook) (cost bool) {
	t, ok := thread.Parse(l.key)
	if !ok {
		return false
	}
	ctx, cancel := context.WithTimeout(live, closeTimeout)
	defer cancel()
	right, err := m.coordinator.TakeLook(ctx, l.key, l.seen)
	if err != nil {
		m.log.WarnContext(ctx, "thread_unknown", "thread", t.String(), "error", err)
	}
	if right == nil {
		return false // another process has looked, or is at it
	}
	end := right.End
	switch done := m.mendAll(ctx, t, right); {
	case done:
	case live.Err() != nil:
		end = right.Leave
	default:
		end = right.Again
	}
	// A look that took all of its time is noted too: nobody else would look again.
	noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*storeTimeout)
	defer cancel()
	if err := end(noting); err != nil {
		m.log.WarnContext(ctx, "look_not_noted", "thread", t.String(), "error", err)
	}
	return true
}

// mendAll mends, under a right, what is not as it should be of a thread's answers. It reports false
// if somebody has to look again.
func (m *mender) mendAll(ctx context.Context, t thread.ID, right *turn.Tidying) bool {
	own, err := m.records.Entries(ctx, t)
	if err != nil {
		m.log.WarnContext(ctx, "answers_unread", "thread", t.String(), "error", err)
		return false
	}
	messages, err := m.history.Messages(ctx, t)
	// What cannot be read, now or later, cannot be mended.
	if err != nil && !errors.Is(err, thread.ErrUnreadable) {
		m.log.WarnContext(ctx, "history_unread", "thread", t.String(), "error", err)
		return false
	}
	check := func() error { return mayPass(right.Check()) }
	for _, w := range own {
		late := overwritten(messages, w)
		if !w.Phase.Final() || len(late) == 0 && !w.Untidy {
			continue
		}
		w.IDs = thread.Union(w.IDs, posted(messages, w))
		if !m.mend(ctx, t, w, late, check) {
			return false
		}
	}
	return true
}

// posted returns the messages of an answer that a thread has. Whoever has mended it may have died
// before the store knew of all of them.
func posted(messages []thread.Message, mine transcript.Entry) (ids []string) {
	for _, m := range messages {
		if m.Self && m.For == mine.For && m.Epoch == mine.Epoch {
			ids = append(ids, m.TS)
		}
	}
	return ids
}

// overwritten returns the messages that an owner before has written to, or posted, after the answer
// was complete. It returns none if there is no such answer any more.
func overwritten(messages []thread.Message, mine transcript.Entry) (late []string) {
	there := false
	for _, m := range messages {
		if !m.Self || m.For != mine.For || m.Epoch > mine.Epoch {
			continue
		}
		ours := slices.Contains(mine.IDs, m.TS)
		there = there || ours || m.Epoch == mine.Epoch
		if m.Epoch < mine.Epoch || ours && m.TS == mine.IDs[len(mine.IDs)-1] && !m.Ended {
			late = append(late, m.TS)
		}
	}
	if !there {
		return nil
	}
	return late
}

// repair waits until another process is done with a question, and makes good what this one may have
// written over, or beside, its answer.
func (m *mender) repair(ctx context.Context, t thread.ID, question string, upto turn.TS, lates []string) {
	restored, err := m.restore(ctx, t, question, upto, lates)
	if !restored && err == nil {
		err = m.removeBeside(ctx, t, question, lates)
	}
	if err != nil {
		m.notRepaired(ctx, t, question, err)
	}
}

func (m *mender) notRepaired(ctx context.Context, t thread.ID, question string, err error) {
	m.log.WarnContext(ctx, "answer_not_repaired", "thread", t.String(), "ask", question, "error", err)
}

// restore waits until the thread is answered up to a time, and shows again the answer to a question
// that the store has. It deletes a message of ours that is none of that answer's. It reports false
// if the store has none, or if ctx ends before, with its cause.
func (m *mender) restore(ctx context.Context, t thread.ID, question string, upto turn.TS, lates []string) (bool, error) {
	kept, err := m.answeredElsewhere(ctx, t, question, upto)
	if err != nil || len(kept.IDs) == 0 {
		return false, err
	}
	m.mend(ctx, t, kept, lates, nil)
	return true, nil
}

// removeBeside removes those of lates that are in the way of what the thread shows of an answer that
// the store has not, or that nobody wrote: its question was stopped, or is gone. A late write that
// ended the answer may be all that there is of it, and the reason why nobody else wrote: then all
// stays.
func (m *mender) removeBeside(ctx context.Context, t thread.ID, question string, lates []string) error {
	messages, err := m.history.Messages(ctx, t)
	if err != nil {
		return fmt.Errorf("read what stands beside late writes: %w", err)
	}
	var ended, half []string
	for _, o := range messages {
		switch late := slices.Contains(lates, o.TS); {
		case !o.Self || o.For != question:
		case o.Ended && !late:
			ended = append(ended, o.TS)
		case o.Ended:
			return nil
		case late:
			half = append(half, o.TS)
		}
	}
	if len(ended) > 0 {
		stale := thread.Stale(messages, ended)
		half = slices.DeleteFunc(half, func(id string) bool { return !slices.Contains(stale, id) })
	}
	if len(half) == 0 {
		return nil
	}
	_, err = m.showAgain(ctx, t, Reply{For: question, Adopt: half}, answer.Snapshot{Phase: answer.Removed})
	m.log.InfoContext(ctx, "answer_repaired", "thread", t.String(), "ask", question, "late", half, "error", err)
	return nil
}

// mend shows an answer again, and removes what is none of it. It returns when nothing is left to be
// tidied; should this process end before, the store says that of the answer once it is in a further
// message. Before each write it asks check; nil: nothing. It reports false if it was not done with
// that in time, or may not write any more: somebody has to look again. What Slack refuses for good
// is done.
func (m *mender) mend(ctx context.Context, t thread.ID, kept transcript.Entry, lates []string, check func() error) bool {
	reply := Reply{For: kept.For, From: kept.From, Since: kept.Since, User: kept.Asker, Epoch: kept.Epoch, Adopt: kept.IDs, Check: check}
	var mu sync.Mutex // guards now: of a call that was given up, the message may come later
	now := kept
	reply.Posted = func(id string) {
		mu.Lock()
		now.IDs, now.Untidy = thread.Union(now.IDs, []string{id}), true
		untidy := now
		mu.Unlock()
		if err := m.records.Keep(ctx, t, untidy); err != nil {
			m.log.WarnContext(ctx, "cleanup_not_noted", "thread", t.String(), "ask", kept.For, "error", err)
		}
	}
	shown := kept.Snapshot()
	shown.Phase = max(shown.Phase, answer.Done)
	draft, err := m.showAgain(ctx, t, reply, shown)
	if d, ok := draft.(tidying); ok && err == nil {
		d.Tidy(check)
		err = tidied(ctx, d)
	}
	for _, id := range lates {
		if id != "" && !slices.Contains(kept.IDs, id) {
			reply.Adopt = []string{id}
			_, one := m.showAgain(ctx, t, reply, answer.Snapshot{Phase: answer.Removed})
			err = errors.Join(err, one)
		}
	}
	mu.Lock()
	tidy := now
	mu.Unlock()
	m.log.InfoContext(ctx, "answer_repaired", "thread", t.String(), "ask", kept.For, "messages", tidy.IDs, "late", lates, "error", err)
	switch {
	case ctx.Err() != nil, errors.Is(err, turn.ErrLost):
		return false
	case !tidy.Untidy:
		return true
	}
	tidy.Untidy = false
	return m.records.Keep(ctx, t, tidy) == nil
}

func (m *mender) showAgain(ctx context.Context, t thread.ID, r Reply, a answer.Snapshot) (answer.Draft, error) {
	draft, err := m.replier.Open(ctx, t, r)
	if err != nil {
		return nil, err
	}
	return draft, draft.Close(ctx, a)
}

// tidied waits until the messages of a draft are tidy. It returns the cause of ctx if that ends
// before.
func tidied(ctx context.Context, d tidying) error {
	for d.Untidy() {
		if err := wait.For(ctx, cleanupEvery); err != nil {
			return fmt.Errorf("tidy up an answer: %w", err)
		}
	}
	return nil
}

// answeredElsewhere waits until the thread is answered up to a time, and returns what the store has
// of the answer to a question: a zero Entry if it has none. It returns the cause of ctx if that ends
// before.
func (m *mender) answeredElsewhere(ctx context.Context, t thread.ID, question string, upto turn.TS) (transcript.Entry, error) {
	tick := time.NewTicker(repairLook)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return transcript.Entry{}, context.Cause(ctx)
		}
		record, err := m.coordinator.Record(ctx, t.String())
		if err != nil || upto.After(record.Answered) || record.Owner != "" {
			continue // not yet, or something newer is being written, perhaps in the same messages
		}
		own, err := m.records.Entries(ctx, t)
		if err != nil {
			continue
		}
		return own[question], nil
	}
}

const (
	// cleanupEvery is how often the bot looks whether an answer is tidy by now.
	cleanupEvery = time.Second
	// cleanupLasts is for how long: pace gives a cleanup up after 62 s without budget.
	cleanupLasts = 70 * time.Second
)

// tidying is a draft whose messages may still wait for their cleanup after the answer is complete,
// such as an earlier page that says "writing…". Tidy sets what the draft asks before each call of
// that cleanup, in place of its Reply's Check.
type tidying interface {
	Untidy() bool
	Tidy(check func() error)
}

// cleanup is an answer that is complete, and not tidy yet. Its draft does the cleanup, as soon as
// Slack's budget allows it, under the right to tidy, which the coordinator renews. If this process
// ends before, others do it. That of one that is killed lapses; one that drains tells them
// (HandOver).
type cleanup struct {
	thread thread.ID
	entry  transcript.Entry
	draft  tidying
	right  *turn.Tidying
	since  time.Time
}

// cleanups are those of this process, maxDelayed at most: what is beyond is left to others.
type cleanups struct {
	mu  sync.Mutex // guards all
	all []cleanup
}

// add reports false if there is no room.
func (c *cleanups) add(one cleanup) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.all) >= maxDelayed {
		return false
	}
	c.all = append(c.all, one)
	return true
}

// take returns the cleanups that are over, and with left the others too, and forgets them.
func (c *cleanups) take(left bool) (taken []cleanup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = slices.DeleteFunc(c.all, func(one cleanup) bool {
		over := left || !one.draft.Untidy() || time.Since(one.since) > cleanupLasts
		if over {
			taken = append(taken, one)
		}
		return over
	})
	return taken
}

// run calls over with each cleanup that is over, until ctx ends.
func (c *cleanups) run(ctx context.Context, over func(context.Context, cleanup)) {
	tick := time.NewTicker(cleanupEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for _, one := range c.take(false) {
			over(ctx, one)
		}
	}
}

// cleanUp has a cleanup watched until it is over, or leaves it to others if there is no room.
func (m *mender) cleanUp(ctx context.Context, c cleanup) {
	if !m.cleanups.add(c) {
		m.cleanedUp(ctx, c)
	}
}

// cleanedUp notes that an answer is tidy, so that nobody else need write to its messages, or leaves
// it to others: they look at once.
func (m *mender) cleanedUp(ctx context.Context, c cleanup) {
	ctx, cancel := context.WithTimeout(ctx, 2*storeTimeout)
	defer cancel()
	if c.draft.Untidy() {
		err := c.right.Leave(ctx)
		m.log.InfoContext(ctx, "cleanup_left", "thread", c.thread.String(), "ask", c.entry.For, "error", err)
		return
	}
	if err := errors.Join(m.records.Tidied(ctx, c.thread, c.entry), c.right.End(ctx)); err != nil {
		m.log.WarnContext(ctx, "cleanup_not_noted", "thread", c.thread.String(), "ask", c.entry.For, "error", err)
	}
}

// HandOver leaves to others what answers of this process still wait for. It is called once, when
// Run and the last call to Slack are over and the store is still open, and blocks for the store,
// for storeTimeout at most.
func (b *Bot) HandOver(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	for _, c := range b.mender.cleanups.take(true) {
		b.mender.cleanedUp(ctx, c)
	}
}
