package term

import (
	"bytes"
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"llmbot/bot/answer"
)

// mostReply is how much of a reply is kept: nothing that is longer allows anything.
const mostReply = 1000 // bytes

// asking is a question for leave that waits for its reply.
type asking struct {
	question question
	reply    chan bool // takes one
}

// questioner is a draft that shows questions for leave below the answer. Nobody sets an answer
// while it does.
type questioner interface {
	// ask shows a question with what is typed behind it; nil: it is over. Its error is one of the
	// terminal.
	ask(ctx context.Context, q *question, typed string) error
}

// leaveBy returns what asks the person for leave, over questions, and blocks for the reply. The
// error is ctx's cause.
func leaveBy(questions chan<- asking) func(context.Context, question) (bool, error) {
	return func(ctx context.Context, q question) (bool, error) {
		a := asking{q, make(chan bool, 1)}
		select {
		case questions <- a:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
		select {
		case yes := <-a.reply:
			return yes, nil
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// leaveDesk is the question for leave that the person has before them. It belongs to the goroutine
// that has the keyboard.
type leaveDesk struct {
	now   *asking // nil: none
	typed reply
}

func (l *leaveDesk) isOpen() bool { return l.now != nil }

// open shows a question. A place that cannot show one means no.
func (l *leaveDesk) open(ctx context.Context, a asking, kb *keyboard, draft answer.Draft) error {
	shows, ok := draft.(questioner)
	if !ok || kb.ended() {
		a.reply <- false
		return nil
	}
	l.now, l.typed = &a, reply{}
	l.typed.begin(kb)
	return shows.ask(ctx, &a.question, l.typed.shown())
}

// take takes keys behind the question. The end of the keyboard means no.
func (l *leaveDesk) take(ctx context.Context, got keys, kb *keyboard, draft answer.Draft) error {
	kb.took(got)
	yes, decided := l.typed.take(kb, got.bytes)
	shows, _ := draft.(questioner)
	if !decided && got.err == nil {
		return shows.ask(ctx, &l.now.question, l.typed.shown())
	}
	err := shows.ask(ctx, nil, "") // the draft is the answer's again before that goes on
	l.now.reply <- yes && err == nil
	l.now = nil
	return err
}

// reply is what is typed behind a question. What is pasted there is none, and is kept for the next
// prompt.
type reply struct {
	line  []byte
	paste bool   // in one
	part  []byte // of a mark of a paste
}

// begin takes over what was typed before the question came, and not ended by Enter: the person may
// be in the middle of something else, and sees it stand there.
func (r *reply) begin(kb *keyboard) {
	n := len(kb.ahead) - halfMark(kb.ahead)
	r.part, kb.ahead = bytes.Clone(kb.ahead[n:]), kb.ahead[:n]
	if r.paste = inPaste(kb.ahead); r.paste {
		return
	}
	i := bytes.LastIndexAny(kb.ahead, "\r\n") + 1
	if strings.ContainsFunc(string(kb.ahead[i:]), unicode.IsControl) {
		return
	}
	r.line, kb.ahead = bytes.Clone(kb.ahead[i:]), kb.ahead[:i]
}

// take takes keys up to the one that decides. What is typed behind it, and a line that is no reply,
// is kept for the next prompt.
func (r *reply) take(kb *keyboard, b []byte) (yes, decided bool) {
	if r.paste && bytes.Equal(b, []byte{keyCtrlC}) {
		kb.endPaste()
		return false, true
	}
	b = append(r.part, b...)
	n := len(b) - halfMark(b)
	b, r.part = b[:n], bytes.Clone(b[n:])
	for i := 0; i < len(b); i++ {
		if r.paste || bytes.HasPrefix(b[i:], []byte(pasteMark)) {
			end := bytes.Index(b[i:], []byte(pasteEnds))
			if r.paste = end < 0; r.paste {
				kb.keep(b[i:])
				return false, false
			}
			end += i + len(pasteEnds)
			kb.keep(b[i:end])
			i = end - 1
			continue
		}
		switch c := b[i]; c {
		case keyCtrlC, keyCtrlD:
			kb.keep(b[i+1:])
			return false, true
		case '\r', '\n':
			rest := b[i+1:]
			if c == '\r' {
				rest = bytes.TrimPrefix(rest, []byte("\n"))
			}
			yes, known := r.means()
			if !known {
				kb.keep(append(bytes.Clone(r.line), c))
			}
			kb.keep(rest)
			return yes, true
		case 0x7f, '\b':
			_, n := utf8.DecodeLastRune(r.line)
			r.line = r.line[:len(r.line)-n]
		case 0x15: // Ctrl-U
			r.line = nil
		case 0x1b:
			n := escapeLen(b[i:])
			if n == 0 {
				n = len(b) - i
			}
			i += n - 1
		default:
			if c >= ' ' && len(r.line) < mostReply {
				r.line = append(r.line, c)
			}
		}
	}
	return false, false
}

// means reports whether a reply allows the call, and whether it is one: what is neither yes nor no
// was meant for something else, and allows nothing.
func (r *reply) means() (yes, known bool) {
	switch strings.ToLower(strings.TrimSpace(string(r.line))) {
	case "y", "yes":
		return true, true
	case "", "n", "no":
		return false, true
	}
	return false, false
}

// shown returns the reply as it stands behind the question.
func (r *reply) shown() string { return Clean(string(r.line)) }
