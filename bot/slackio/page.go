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
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"llmbot/bot/pace"
	"llmbot/bot/slackmsg"
)

// maxPage is the most that is read of one page of history: 1,000 messages of 64 kB each. Slack's
// largest message comes to some 600 kB, and usual ones to two.
const maxPage = 64 << 20

// errLargePage reports that a page of history has more than maxPage bytes. Another try would bring
// the same.
var errLargePage = errors.New("the page is too large")

// page is a page of history as it was decoded, without what could not be read.
type page struct {
	messages []slackmsg.Message
	next     string // the cursor of the next page; empty: it is the last
}

// readPage makes one read within its budget. It repeats one that is refused for its rate until ctx
// ends, and one that fails readTries times.
func (s *Slack) readPage(ctx context.Context, m pace.Method, args url.Values) (page, error) {
	for try := 1; ; try++ {
		if err := s.pace.Take(ctx, m); err != nil {
			return page{}, err
		}
		got, err := timed(ctx, func(ctx context.Context) (page, error) { return s.fetchPage(ctx, m, args) })
		if err == nil {
			return got, nil
		}
		f := classify(err)
		if f.kind == limited {
			s.limited()
			s.pace.Refused(m, f.retryAfter)
			continue // the next Take waits, until ctx ends
		}
		if f.kind != transient || try == readTries || ctx.Err() != nil || errors.Is(err, errLargePage) {
			return page{}, err
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
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxPage+1))
	switch {
	case err != nil:
		return page{}, fmt.Errorf("read the page: %w", err)
	case len(data) > maxPage:
		return page{}, fmt.Errorf("%w: more than %d bytes", errLargePage, maxPage)
	}
	return s.decodePage(ctx, data)
}

// decodePage decodes a page message by message. It leaves out, and counts, those that cannot be
// read.
func (s *Slack) decodePage(ctx context.Context, data []byte) (page, error) {
	var reply struct {
		OK       bool            `json:"ok"`
		Error    json.RawMessage `json:"error"`
		Needed   json.RawMessage `json:"needed"`
		Provided json.RawMessage `json:"provided"`
		Messages json.RawMessage `json:"messages"`
		Meta     json.RawMessage `json:"response_metadata"`
	}
	if err := json.Unmarshal(data, &reply); err != nil {
		return page{}, fmt.Errorf("decode the page: %w", err)
	}
	text := func(raw json.RawMessage) (s string) {
		if json.Unmarshal(raw, &s) != nil {
			return ""
		}
		return s
	}
	if !reply.OK {
		return page{}, slack.SlackErrorResponse{Err: text(reply.Error), Needed: text(reply.Needed), Provided: text(reply.Provided)}
	}
	var list []json.RawMessage
	if len(reply.Messages) > 0 {
		if err := json.Unmarshal(reply.Messages, &list); err != nil {
			return page{}, fmt.Errorf("decode the page's messages: %w", err)
		}
	}
	var out page
	var meta struct {
		Next json.RawMessage `json:"next_cursor"`
	}
	if len(reply.Meta) > 0 && json.Unmarshal(reply.Meta, &meta) == nil {
		out.next = text(meta.Next)
	}
	left, why := 0, ""
	for _, raw := range list {
		m, odd := decodeMessage(raw)
		if odd != "" {
			left, why = left+1, odd
			continue
		}
		out.messages = append(out.messages, m)
	}
	if left > 0 {
		s.log.WarnContext(ctx, "messages_unreadable", "left_out", left, "of", len(list), "reason", why)
		if h := s.cfg.Hooks.Unread; h != nil {
			h(left)
		}
	}
	return out, nil
}

// decodeMessage returns a message of a page, or why it is left out.
func decodeMessage(raw []byte) (m slackmsg.Message, odd string) {
	m, err := slackmsg.Decode(raw)
	if err != nil {
		return m, unreadable + ": " + err.Error()
	}
	return m, oddMessage(m)
}
