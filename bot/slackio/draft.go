package slackio

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"llmbot/bot"
	"llmbot/bot/pace"
	"llmbot/bot/render"
)

// renderEvery is how many bytes an answer grows until Set looks whether it has outgrown its page: rendering at every token would
// cost more than all the rest of a busy bot.
const renderEvery = 512

// draft is an answer in a thread. Set only stores; pace calls Send when it is this answer's turn.
type draft struct {
	s      *Slack
	thread bot.Thread
	reply  bot.Reply
	lane   *pace.Lane
	status *statusLine

	mu      sync.Mutex // guards all below; never held across a call
	answer  bot.Answer
	rev     uint64 // counts the changes of answer
	chars   int    // of answer.Text
	doc     *render.Doc
	base    int       // offset in the text at which doc begins: what is before it stands in fixed messages
	fixed   int       // messages that do not change any more
	want    []content // of the messages from fixed on, as of wantRev
	ends    []int     // offsets in the text up to which they reach
	wantRev uint64
	wantLen int // bytes of text in want
	sent    []sent
	shown   int  // characters visible
	smaller int  // how often the content was refused
	unsure  bool // a post may have been carried out although it failed
	frozen  bool // messages cannot be edited here: what is not visible yet is posted when the answer is complete
	dead    bool // no further call will help
}

// sent is a message that Slack has.
type sent struct {
	ts      string
	content content
	end     int      // offset in the text up to which it reaches
	stale   bool     // the text was written anew since: it shows some that is none any more
	tidy    *content // of a fixed one: what it is to become when all else is visible; nil: as it is
}

// Open begins an answer, or takes over one. It does not block.
func (s *Slack) Open(ctx context.Context, t bot.Thread, r bot.Reply) (bot.Draft, error) {
	d := &draft{s: s, thread: t, reply: r, doc: render.New(render.MessageLimits())}
	for _, ts := range r.Adopt {
		d.sent = append(d.sent, sent{ts: ts})
	}
	d.lane = s.pace.Open(t.Channel, d)
	d.status = s.newStatusLine(ctx, t)
	return d, nil
}

// Set takes the newest state. It never blocks for the network.
func (d *draft) Set(a bot.Answer) {
	d.mu.Lock()
	d.setLocked(a)
	load := d.loadLocked(false)
	quiet := len(d.sent) > 0
	d.mu.Unlock()
	if quiet {
		d.status.end(false)
	} else {
		d.status.set(a.Status)
	}
	d.lane.Set(load)
}

// closeAgain is the pause after pace has given up on a Slack that is away: the answer's end is worth more tries.
const closeAgain = 2 * time.Second

// Close returns when a is visible, or says why not.
func (d *draft) Close(ctx context.Context, a bot.Answer) error {
	d.mu.Lock()
	d.setLocked(a)
	load := new(d.loadLocked(true))
	d.mu.Unlock()
	var last error
	err := d.lane.Close(ctx, *load)
	for err != nil && ctx.Err() == nil && !errors.Is(err, pace.ErrStopped) {
		if load, last = d.left(), err; load == nil {
			break
		}
		if err = wait(ctx, closeAgain); err == nil {
			err = d.s.pace.Open(d.thread.Channel, d).Close(ctx, *load)
		}
	}
	d.status.end(true)
	d.status.wait()
	if err != nil {
		return fmt.Errorf("show the answer in %s: %w", d.thread, errors.Join(err, last))
	}
	return nil
}

// left is what remains to be shown; nil if no further call will help.
func (d *draft) left() *pace.Load {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return nil
	}
	return new(d.loadLocked(true))
}

func (d *draft) setLocked(a bot.Answer) {
	old := d.answer.Text
	if strings.HasPrefix(a.Text, old) {
		d.chars += utf8.RuneCountInString(a.Text[len(old):])
	} else {
		d.chars = utf8.RuneCountInString(a.Text)
		d.anewLocked(commonPrefix(old, a.Text))
	}
	d.answer = a
	d.rev++
}

// renderLocked brings want up to date.
func (d *draft) renderLocked() {
	if d.wantRev == d.rev {
		return
	}
	text, head := resume(d.answer.Text, d.base)
	pages := d.doc.Set(text, d.answer.Phase.Final())
	a := d.answer
	d.want = contents(pages, a, d.base > 0, d.smaller >= plainAfter)
	d.ends = d.ends[:0]
	for _, p := range pages {
		d.ends = append(d.ends, min(max(d.base+p.End-head, d.base), len(a.Text)))
	}
	if len(pages) > 0 && a.Phase.Final() {
		d.ends[len(pages)-1] = len(a.Text)
	}
	if len(pages) == 0 && len(d.want) > 0 {
		d.ends = append(d.ends, d.base)
	}
	d.wantRev, d.wantLen = d.rev, len(a.Text)
}

// nextLocked is the next call: which message, and what kind. The messages are made right from the first to the last, so that a
// reader never misses a piece in between.
func (d *draft) nextLocked() (int, pace.Kind) {
	if d.frozen && !d.answer.Phase.Final() {
		return 0, pace.None
	}
	for i, w := range d.want {
		at := d.fixed + i
		switch {
		case at >= len(d.sent):
			return at, pace.Post
		case d.sent[at].content != w:
			return at, pace.Edit
		}
	}
	if !d.answer.Phase.Final() {
		return 0, pace.None
	}
	if len(d.sent) > d.fixed+len(d.want) && len(d.want) > 0 {
		return len(d.sent) - 1, pace.Delete // an answer written anew was shorter
	}
	for at, m := range d.sent[:d.fixed] {
		if m.tidy != nil && m.content != *m.tidy {
			return at, pace.Edit
		}
	}
	return 0, pace.None
}

// loadLocked is what pace has to know. Unless exact is set it renders only now and then.
func (d *draft) loadLocked(exact bool) pace.Load {
	l := pace.Load{Text: d.chars, Rev: d.rev, Closing: d.answer.Phase.Final()}
	if d.frozen && !l.Closing {
		return l
	}
	if exact || d.wantLen == 0 || len(d.answer.Text) < d.wantLen || len(d.answer.Text)-d.wantLen >= renderEvery || l.Closing {
		d.renderLocked()
	}
	if d.wantRev == d.rev {
		_, l.Next = d.nextLocked()
		l.Dirty = l.Next != pace.None
		return l
	}
	l.Dirty, l.Next = true, pace.Edit
	if len(d.sent) <= d.fixed {
		l.Next = pace.Post
	}
	return l
}
