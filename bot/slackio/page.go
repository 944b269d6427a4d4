package slackio

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"llmbot/bot/fair"
	"llmbot/bot/pace"
	"llmbot/bot/slackmsg"
	"llmbot/bot/thread"
)

// What the reading of history may take of memory; the figures are the project's own. All together
// are below the 150 MB that the reading of what people send may cost (issue 14), beside files
// (package attach) and pictures (package llm).
const (
	// maxPage is the most that is read of one page: 1,000 messages of 4 kB each. Usual ones have
	// two. Slack's largest message comes to some 600 kB: where a page has more, fewer messages are
	// asked for, fewestMessages at least.
	maxPage        = 4 << 20
	fewestMessages = 6
	// maxKept is how much is kept of a thread, or of a channel: its first message and the newest.
	// It is as much as any model reads.
	maxKept = 12 << 20
	// maxRead is how much of a thread is read at all.
	maxRead = 64 << 20
	// readers is how many pages are read at a time, or made use of, half of them at most for one
	// person.
	readers = 4
	// longReaders is how many threads have more than one page at a time, maxKept at most, and one
	// of them at most for one person.
	longReaders = 2
)

// errLargePage reports that a page of history has more than maxPage bytes. Another try would bring
// the same.
var errLargePage = errors.New("the page is too large")

// page is a page of history as it was decoded, without what could not be read.
type page struct {
	messages []slackmsg.Message
	next     string // the cursor of the next page; empty: it is the last
	limit    string // how many messages were asked for
	came     int    // how many came, also of a page that was too large
	left     int    // how many of them could not be read
}

// reading is what is read of a thread or a channel, page by page. Who waits for the budget of a
// page has no place among the readers meanwhile. So what is kept of the pages before has a bound of
// its own: whoever needs a second page has one of the longReaders, or lets go of the first and
// waits for that.
type reading struct {
	s        *Slack
	place    *fair.Hold // nil: it reads nothing now
	long     *fair.Hold // nil: it has no more than one page
	messages []slackmsg.Message
	size     int  // of messages, in bytes
	all      int  // bytes of all that was read
	part     bool // messages were dropped, or could not be read
}

// take waits for the budget of a page and for a place to read it, and has neither meanwhile.
func (r *reading) take(ctx context.Context, m pace.Method) error {
	r.leave()
	err := r.s.pace.TakeWith(ctx, m, func() bool {
		r.place = r.s.readers.Try(ctx, fair.OnePlace())
		return r.place != nil
	})
	if err != nil {
		r.leave()
	}
	return err
}

// leave gives the place back.
func (r *reading) leave() {
	if r.place != nil {
		r.place.Give()
		r.place = nil
		r.s.pace.Look(methodReplies, methodHistory)
	}
}

// close gives everything back. The messages are of no use afterwards.
func (r *reading) close() {
	r.leave()
	if r.long != nil {
		r.long.Give()
	}
}

// add takes messages of one page.
func (r *reading) add(list []slackmsg.Message) error {
	size := 0
	for _, m := range list {
		size += m.Size()
	}
	if r.all += size; r.all > maxRead {
		return fmt.Errorf("%w: more than %d MB", errLargePage, maxRead>>20)
	}
	r.messages, r.size = append(r.messages, list...), r.size+size
	return nil
}

// more is to be called before a second page is read. It returns the cursor of the next page: next,
// or none if the reading has to begin anew, for it has waited for the right to have more than one
// page, and has none left.
func (r *reading) more(ctx context.Context, next string) (cursor string, err error) {
	if r.long == nil {
		r.long = r.s.longReaders.Try(ctx, fair.OnePlace())
	}
	if r.long != nil {
		return next, nil
	}
	r.messages, r.size, r.all, r.part = nil, 0, 0, false
	r.leave()
	if r.long, err = r.s.longReaders.Take(ctx, fair.OnePlace()); err != nil {
		return "", fmt.Errorf("wait for the reads of other long threads: %w", err)
	}
	return "", nil
}

// shorten drops messages behind the first one until there are at most so many, of at most maxKept
// bytes.
func (r *reading) shorten(most int) {
	drop := 0
	for n := len(r.messages); n-drop > 2 && (n-drop > most || r.size > maxKept); {
		drop++
		r.size -= r.messages[drop].Size()
	}
	if drop > 0 {
		r.messages, r.part = slices.Delete(r.messages, 1, 1+drop), true
	}
}

// whole reports whether all messages of a thread are there for sure: Slack counts no more replies
// than were read, and none was left out. Slack shows no deleted reply, and may show the deleted
// first message.
func (r *reading) whole(t thread.ID) bool {
	if r.part || len(r.messages) == 0 || r.messages[0].TS != t.TS {
		return false
	}
	replies := r.messages[0].Replies
	return replies > 0 && len(r.messages)-1 >= replies && !slices.ContainsFunc(r.messages, func(m slackmsg.Message) bool {
		return m.Subtype != "tombstone" && !slices.Contains(saidBy(), m.Subtype)
	})
}

// readPage makes one read within its budget. It repeats one that is refused for its rate until ctx
// ends, and one that fails readTries times. Where a page is too large it asks for fewer messages.
func (r *reading) readPage(ctx context.Context, m pace.Method, args url.Values) (page, error) {
	for {
		got, err := r.tryPage(ctx, m, args)
		got.limit = args.Get("limit")
		limit, odd := strconv.Atoi(got.limit)
		if !errors.Is(err, errLargePage) || odd != nil || limit <= fewestMessages {
			return got, err
		}
		// as many as fit, nearly
		args.Set("limit", strconv.Itoa(max(min(got.came, limit)*3/4, fewestMessages)))
	}
}

func (r *reading) tryPage(ctx context.Context, m pace.Method, args url.Values) (page, error) {
	s := r.s
	for try := 1; ; try++ {
		if err := r.take(ctx, m); err != nil {
			return page{}, err
		}
		got, err := timed(ctx, func(ctx context.Context) (page, error) { return s.fetchPage(ctx, m, args) })
		if err == nil {
			return got, nil
		}
		f := classify(err)
		if f.kind == limited {
			s.limited()
			s.pace.Refused(ctx, m, f.retryAfter)
			continue // the next Take waits, until ctx ends
		}
		if f.kind != transient || try == readTries || ctx.Err() != nil || errors.Is(err, errLargePage) {
			return page{came: got.came}, err
		}
	}
}

// fetchPage asks Slack for a page of history. It does so without slack-go, whose decoder refuses
// the whole page for one block that it does not know (decision 0027). Its errors are slack-go's.
func (s *Slack) fetchPage(ctx context.Context, m pace.Method, args url.Values) (page, error) {
	form := url.Values{}
	for name, v := range args {
		if v[0] != "" {
			form[name] = v
		}
	}
	address := cmp.Or(s.cfg.APIURL, slack.APIURL) + string(m)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return page{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer "+s.cfg.BotToken)
	resp, err := s.cfg.HTTP.Do(req)
	if err != nil {
		return page{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		if after, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && resp.StatusCode == http.StatusTooManyRequests {
			return page{}, &slack.RateLimitedError{RetryAfter: time.Duration(after) * time.Second}
		}
		return page{}, slack.StatusCodeError{Code: resp.StatusCode, Status: resp.Status}
	}
	s.granted(string(m), resp.Header)
	body := &io.LimitedReader{R: resp.Body, N: maxPage + 1}
	got, err := s.decodePage(ctx, body)
	if body.N <= 0 {
		return page{came: got.came}, fmt.Errorf("%w: more than %d bytes", errLargePage, maxPage)
	}
	return got, err
}

// decodePage decodes a page message by message, so that no more than one is there twice. It leaves
// out, and counts, those that cannot be read.
func (s *Slack) decodePage(ctx context.Context, body io.Reader) (page, error) {
	from := json.NewDecoder(body)
	var out page
	all, left, why := 0, 0, ""
	fields := map[string]json.RawMessage{}
	if t, err := from.Token(); err != nil || t != json.Delim('{') {
		return page{}, fmt.Errorf("decode the page: %w", cmp.Or(err, errNoObject))
	}
	for from.More() {
		t, err := from.Token()
		if err != nil {
			return page{}, fmt.Errorf("decode the page: %w", err)
		}
		name, _ := t.(string)
		if name != "messages" {
			var value json.RawMessage
			if err := from.Decode(&value); err != nil {
				return page{}, fmt.Errorf("decode the page: %w", err)
			}
			fields[name] = value
			continue
		}
		if t, err = from.Token(); err == nil && t == nil {
			continue // null
		}
		if err != nil || t != json.Delim('[') {
			return page{}, fmt.Errorf("decode the page's messages: %w", cmp.Or(err, errNoList))
		}
		for from.More() {
			var raw json.RawMessage
			if err := from.Decode(&raw); err != nil {
				return page{came: all}, fmt.Errorf("decode the page's messages: %w", err)
			}
			all++
			m, odd := decodeMessage(raw)
			if odd != "" {
				left, why = left+1, odd
				continue
			}
			out.messages = append(out.messages, m)
		}
		if _, err := from.Token(); err != nil { // ]
			return page{}, fmt.Errorf("decode the page's messages: %w", err)
		}
	}
	if _, err := from.Token(); err != nil { // }: what broke off may lack messages
		return page{}, fmt.Errorf("decode the page: %w", err)
	}
	text := func(raw json.RawMessage) (s string) {
		if json.Unmarshal(raw, &s) != nil {
			return ""
		}
		return s
	}
	if string(fields["ok"]) != "true" {
		return page{}, slack.SlackErrorResponse{Err: text(fields["error"]), Needed: text(fields["needed"]), Provided: text(fields["provided"])}
	}
	var meta struct {
		Next json.RawMessage `json:"next_cursor"`
	}
	if raw := fields["response_metadata"]; len(raw) > 0 && json.Unmarshal(raw, &meta) == nil {
		out.next = text(meta.Next)
	}
	if out.left = left; left > 0 {
		s.log.WarnContext(ctx, "messages_unreadable", "left_out", left, "of", all, "reason", why)
		if h := s.cfg.Hooks.Unread; h != nil {
			h(left)
		}
	}
	return out, nil
}

// Errors of decodePage.
var (
	errNoObject = errors.New("it is no JSON object")
	errNoList   = errors.New("they are no list")
)

// decodeMessage returns a message of a page, or why it is left out.
func decodeMessage(raw []byte) (m slackmsg.Message, odd string) {
	m, err := slackmsg.Decode(raw)
	if err != nil {
		return m, unreadable + ": " + err.Error()
	}
	return m, oddMessage(m)
}
