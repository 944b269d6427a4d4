package bot

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"llmbot/bot/fair"
	"llmbot/bot/leave"
	"llmbot/bot/recent"
	"llmbot/bot/status"
	"llmbot/bot/thread"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
)

// How long a button may take, and what it needs to know: Slack wants the ack within 3 s
// (facts/slack.md §5.6).
const (
	pressDeadline = 2500 * time.Millisecond
	pressTimeout  = time.Second // to read the thread
)

// Sentences for people who pressed or typed something that has no effect.
const (
	notYours   = "Only people who have written in this thread can do that."
	notNewest  = "Only the newest answer of a thread can be written anew."
	nothingNow = "I am not writing anything here at the moment."
	atIt       = "I am already at it."
	thanks     = "Thank you, noted."
	otherwise  = "Your rating is changed."
	noMore     = "I don't have this answer any more, so I can't go on with it. Please ask again."
	helpText   = "Mention me to ask something. In a thread in which only you and I talk, and in direct messages, you need not mention me again.\n" +
		"`stop` ends the answer that I am writing, `!remove` in a thread takes back my newest answer to you, " +
		"`!status` says how the model server is doing, `!help` shows this.\n" +
		"Edit your last question, and I answer it anew; delete a question, and its answer goes, too, unless others have written after it. " +
		"I read text, PDF, Word, Excel and PowerPoint files and, if the model can, pictures."
)

// controls are what people press, and the words by which they order something.
type controls struct {
	*intake // makes what they order durable

	access       *access
	records      transcript.Records
	participants *participants
	history      History
	room         Room
	desk         *leave.Desk
	leaves       Leaves // nil: nobody is asked for leave
	report       func(ctx context.Context, c Command) status.Report
	onRated      func(good bool) // nil: nobody counts
	ratings      ratings
}

// obey does what a word to the bot says.
func (c *controls) obey(ctx context.Context, w thread.Command, ev thread.Question) error {
	t := ev.Thread
	if ev.Opens() && !ev.Direct {
		t.TS = "" // a thread without messages shows nothing
	}
	switch w {
	case thread.CommandStop:
		if ev.Direct && ev.Opens() {
			return c.haltAll(ctx, ev)
		}
		return c.halt(ctx, ev.Thread, t, ev.User, ev.TS)
	case thread.CommandRemove:
		return c.takeBack(ctx, ev, t)
	case thread.CommandHelp:
		c.notifier.tell(t, ev.User, helpText)
	case thread.CommandStatus:
		c.notifier.jobs.add("status", func(ctx context.Context) {
			if ok, _ := c.access.allowed(ctx, t, ev.User, nil); ok {
				r := c.report(ctx, Command{User: ev.User, Channel: ev.Thread.Channel, Text: ev.Text})
				c.notifier.whisper(ctx, t, ev.User, r.Text())
			}
		})
	case thread.NoCommand:
	}
	return nil
}

// haltAll stops what is written in a direct conversation: a stop beside the threads means all of
// them.
func (c *controls) haltAll(ctx context.Context, ev thread.Question) error {
	where := thread.ID{Channel: ev.Thread.Channel}
	var threads []thread.ID
	for _, key := range c.coordinator.Owed(where.Channel + "/") { // whichever process answers them
		if t, ok := thread.Parse(key); ok {
			threads = append(threads, t)
		}
	}
	if len(threads) == 0 {
		c.notifier.tell(where, ev.User, nothingNow)
		return nil
	}
	if ok, _ := c.access.allowed(ctx, where, ev.User, nil); !ok {
		return nil
	}
	var err error
	for _, t := range threads {
		err = errors.Join(err, c.stop(ctx, t, where, ev.User, func(turn.Record) turn.TS { return turn.TS(ev.TS) }))
	}
	return err
}

// halt stops what is asked in a thread up to ts, if somebody may do that. What there is to say is
// said where.
func (c *controls) halt(ctx context.Context, t, where thread.ID, user, ts string) error {
	ok, sure := c.access.allowed(ctx, where, user, func() bool { return c.isTheirs(t, user) })
	if !ok {
		return nil
	}
	return c.stop(ctx, t, where, user, func(record turn.Record) turn.TS {
		if !sure && !t.Direct() {
			return record.For // what is theirs is stopped; what others have asked since is not
		}
		return turn.TS(ts)
	})
}

// isTheirs reports whether all that is being answered in a thread was asked by one person, who was
// allowed to, or is about to be refused. What another process answers is not known here.
func (c *controls) isTheirs(t thread.ID, user string) bool {
	if t.Direct() {
		return true
	}
	a := c.actors.get(t)
	if a == nil {
		return false
	}
	w := a.work.Load()
	return w != nil && len(w.askers) == 1 && w.askers[0] == user
}

// stop stops what is asked in a thread up to the time that upto finds; empty: what is being
// answered.
func (c *controls) stop(ctx context.Context, t, where thread.ID, user string, upto func(turn.Record) turn.TS) error {
	ctx, cancel := context.WithTimeout(ctx, 2*storeTimeout)
	defer cancel()
	record, err := c.coordinator.Record(ctx, t.String())
	if err == nil && !record.Owed() {
		c.notifier.tell(where, user, nothingNow)
		return nil
	}
	err = c.coordinator.Stop(ctx, t.String(), upto(record))
	c.log.InfoContext(ctx, "stop_asked", "thread", t.String(), "user", user, "error", err)
	if err != nil { // an answer of this process has heard of it all the same
		c.stopLater(t, upto(record))
		return ErrNotDurable
	}
	return nil
}

// pressed takes the press of a button, if the person may press it.
func (c *controls) pressed(ctx context.Context, ev Pressed) error {
	c.log.InfoContext(ctx, "button_pressed", "thread", ev.Thread.String(), "button", string(ev.Press), "user", ev.User, "ask", ev.For)
	ctx, cancel := context.WithTimeout(ctx, pressDeadline)
	defer cancel()
	// Who asked was allowed to.
	if ok, _ := c.access.allowed(ctx, ev.Thread, ev.User, func() bool { return ev.User == ev.Asker }); !ok {
		return nil
	}
	refusal := c.mayPress(ctx, ev)
	if refusal == "" {
		switch ev.Press {
		case PressStop:
			// What others have asked since is answered.
			return c.stop(ctx, ev.Thread, ev.Thread, ev.User, func(r turn.Record) turn.TS {
				if r.For == "" {
					return "" // the store is away: this process may know
				}
				return r.For.Max(turn.TS(ev.For))
			})
		case PressRegenerate, PressContinue:
			return c.redo(ctx, ev)
		case PressUp, PressDown:
			c.rate(ev)
		}
	}
	if refusal != "" {
		c.notifier.tell(ev.Thread, ev.User, refusal)
	}
	return nil
}

// mayPress returns why somebody may not press a button; empty: they may. It reads the thread, but
// not when those who asked press Stop.
func (c *controls) mayPress(ctx context.Context, ev Pressed) string {
	anew := ev.Press == PressRegenerate || ev.Press == PressContinue
	if ev.User == ev.Asker && !anew || ev.Thread.Direct() && !anew {
		return ""
	}
	read, cancel := context.WithTimeout(fair.With(ctx, ev.User), pressTimeout)
	defer cancel()
	messages, err := c.history.Messages(read, ev.Thread)
	if err != nil {
		c.log.WarnContext(ctx, "thread_unread", "thread", ev.Thread.String(), "error", err)
		return notKnown
	}
	c.participants.see(ev.Thread, messages)
	switch {
	case ev.User != ev.Asker && !slices.Contains(thread.People(messages), ev.User):
		return notYours
	case !anew:
		return ""
	}
	for _, m := range messages {
		if m.Self && turn.TS(m.For).After(turn.TS(ev.For)) {
			return notNewest
		}
	}
	return ""
}

// isWanted reports whether a request for the last answer is being carried out in a thread: pressing
// twice asks once.
func (c *controls) isWanted(ctx context.Context, t thread.ID) bool {
	record, err := c.coordinator.Record(ctx, t.String())
	if err != nil || !record.Owed() {
		return false
	}
	w, err := c.records.Redo(ctx, t)
	return err == nil && turn.TS(w.TS).After(record.Answered)
}

// redo asks for the last answer anew, or for the rest of it.
func (c *controls) redo(ctx context.Context, ev Pressed) error {
	note, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if c.isWanted(note, ev.Thread) {
		c.notifier.tell(ev.Thread, ev.User, atIt)
		return nil
	}
	w := transcript.RedoRequest{TS: ev.TS, By: ev.User}
	var err error
	if ev.Press == PressContinue {
		w.More = ev.For
		var own map[string]transcript.Entry
		if own, err = c.records.Entries(note, ev.Thread); err == nil && own[ev.For].Text == "" {
			c.notifier.tell(ev.Thread, ev.User, noMore)
			return nil
		}
	}
	if err == nil {
		err = c.records.KeepRedo(note, ev.Thread, w)
	}
	if err != nil {
		c.log.WarnContext(ctx, "press_not_noted", "thread", ev.Thread.String(), "error", err)
		return ErrNotDurable
	}
	c.ratings.forget(ev.Thread.Channel + ev.Message) // another answer stands there soon
	return c.askAgain(ctx, ev.Thread, ev.TS)
}

// decided takes the press of a button of a question for leave.
func (c *controls) decided(ctx context.Context, ev LeavePressed) error {
	ctx, cancel := context.WithTimeout(ctx, pressDeadline)
	defer cancel()
	if ok, _ := c.access.allowed(ctx, ev.Thread, ev.User, nil); !ok {
		return nil
	}
	var sentence string
	over := false
	record, err := c.coordinator.Record(ctx, ev.Thread.String())
	if err == nil {
		sentence, over, err = c.desk.Decide(ctx, ev.Press, !record.Owed() || record.Stopped())
	}
	if err != nil {
		c.log.WarnContext(ctx, "press_not_noted", "thread", ev.Thread.String(), "error", err)
		return ErrNotDurable
	}
	if !over || ev.Reply == "" || c.leaves == nil {
		c.notifier.tell(ev.Thread, ev.User, sentence)
		return nil
	}
	c.notifier.jobs.add("leave", func(ctx context.Context) {
		if err := c.leaves.TellLeave(ctx, ev.Reply, sentence); err != nil {
			c.log.WarnContext(ctx, "leave_not_told", "thread", ev.Thread.String(), "user", ev.User, "error", err)
			c.notifier.whisper(ctx, ev.Thread, ev.User, sentence)
		}
	})
	return nil
}

// ratings remembers what people think of answers, so that who presses twice counts once, and is
// thanked once. It knows of this process only.
type ratings struct {
	mu   sync.Mutex // guards last
	last *simplelru.LRU[[2]string, rating]
}

// rating is what a person thinks of an answer.
type rating struct {
	now  Press
	both bool // they have thought otherwise, too
}

// maxRatings is how many ratings are remembered.
const maxRatings = 10_000

func newRatings() ratings { return ratings{last: recent.New[[2]string, rating](maxRatings)} }

// take records what a person thinks. It returns what to tell them, empty if they have said so last,
// and reports whether they say so for the first time, which is what counts.
func (r *ratings) take(message, user string, p Press) (word string, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := [2]string{message, user}
	last, known := r.last.Get(key)
	switch {
	case !known:
		word, first = thanks, true
	case last.now == p:
		return "", false
	default:
		word, first, last.both = otherwise, !last.both, true
	}
	last.now = p
	r.last.Add(key, last)
	return word, first
}

// forget forgets what people think of an answer that is written anew.
func (r *ratings) forget(message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range r.last.Keys() {
		if key[0] == message {
			r.last.Remove(key)
		}
	}
}

// rate takes what somebody thinks of an answer. It does not block.
func (c *controls) rate(ev Pressed) {
	word, first := c.ratings.take(ev.Thread.Channel+ev.Message, ev.User, ev.Press)
	if word == "" {
		return
	}
	c.notifier.tell(ev.Thread, ev.User, word)
	if first && c.onRated != nil {
		c.onRated(ev.Press == PressUp)
	}
	c.notifier.jobs.add("rating", func(ctx context.Context) {
		var (
			link string
			err  error
		)
		if l, ok := c.room.(Linker); ok {
			link, err = l.Link(ctx, ev.Thread.Channel, ev.Message)
		}
		c.log.InfoContext(ctx, "answer_rated", "thread", ev.Thread.String(), "ask", ev.For, "good", ev.Press == PressUp, "changed", word == otherwise, "link", link, "error", err)
	})
}
