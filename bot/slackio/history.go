package slackio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"llmbot/bot/pace"
	"llmbot/bot/slackmsg"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

const (
	methodReplies pace.Method = "conversations.replies"
	methodHistory pace.Method = "conversations.history"

	// repliesPage is how many messages a page has: as many as Slack allows (facts/slack.md §1.3),
	// for every page costs budget.
	repliesPage  = 1000
	repliesPages = 5   // pages kept of a longer thread: its first message and the newest
	recentPage   = 200 // messages a page, as Slack recommends (facts/slack.md §1.3)
	recentPages  = 5   // pages that Recent reads at most
	readTries    = 4   // how often a read that fails is made
)

// namesTimeout is how long the names of a thread's people may take together; after that their ids
// are shown.
const namesTimeout = 5 * time.Second

// Messages returns a thread's messages, oldest first. It waits for the budget of reads, which
// delays no edit.
func (s *Slack) Messages(ctx context.Context, t thread.ID) ([]thread.Message, error) {
	r := &reading{s: s}
	defer r.close()
	list, err := s.replies(ctx, r, t, "")
	if err != nil {
		return nil, err
	}
	all := r.whole(t)
	messages := s.messages(ctx, t.Channel, list)
	if len(messages) > 0 {
		messages[0].All = all
	}
	return messages, nil
}

// Recent returns the top-level messages between two times, oldest first.
func (s *Slack) Recent(ctx context.Context, channel, after, before string) ([]thread.Message, error) {
	r := &reading{s: s}
	defer r.close()
	cursor, limit := "", strconv.Itoa(recentPage)
	for { // the newest come first
		got, err := r.readPage(ctx, methodHistory, url.Values{
			"channel": {channel}, "cursor": {cursor}, "oldest": {after}, "latest": {before}, "limit": {limit}, "include_all_metadata": {"1"},
		})
		if err == nil {
			err = r.add(got.messages)
		}
		if err != nil {
			return nil, fmt.Errorf("read channel %s: %w", channel, unread(err))
		}
		cursor, limit = got.next, got.limit
		if cursor == "" || len(r.messages) >= recentPages*recentPage || r.size > maxKept {
			break
		}
		if cursor, err = r.more(ctx, cursor); err != nil {
			return nil, fmt.Errorf("read channel %s: %w", channel, err)
		}
	}
	list := r.messages
	// A reply that was also sent to the channel belongs to its thread.
	list = slices.DeleteFunc(list, func(m slackmsg.Message) bool { return m.ThreadTS != "" && m.ThreadTS != m.TS })
	slices.Reverse(list)
	return s.messages(ctx, channel, list), nil
}

// unread marks the error of a read that no other try changes.
func unread(err error) error {
	if noThread(classify(err).reason) {
		return fmt.Errorf("%w: %w", thread.ErrUnreadable, err)
	}
	return err
}

// messages returns what people and apps wrote, without joins, changes of the topic and deleted
// messages.
func (s *Slack) messages(ctx context.Context, channel string, list []slackmsg.Message) []thread.Message {
	out := make([]thread.Message, 0, len(list))
	ctx, cancel := context.WithTimeout(ctx, namesTimeout)
	defer cancel()
	list = slices.DeleteFunc(list, func(m slackmsg.Message) bool { return !slices.Contains(saidBy(), m.Subtype) })
	var w wanted
	// The newest matter most, and who writes matters more than who is mentioned. Of what an app
	// posted with a user, the user tells whether that is a person.
	for _, m := range slices.Backward(list) {
		if !s.own(m) {
			w.add(&w.users, m.User)
		}
	}
	for _, m := range slices.Backward(list) {
		if !s.own(m) {
			w.mentioned(m, s.self)
		}
	}
	names := s.names(ctx, w)
	// A preview that is new stands behind all that was read with it.
	var newest turn.TS
	for _, m := range list {
		newest = newest.Max(turn.TS(m.TS))
	}
	now := string(turn.At(newest.Time().Add(time.Microsecond)))
	for _, m := range list {
		out = append(out, s.message(channel, m, names, now))
	}
	return out
}

// saidBy returns the subtypes of messages in which people and apps say something. Others tell of
// joins, topics and deletions.
func saidBy() []string {
	return []string{
		"", "bot_message", "file_share", "thread_broadcast", "reply_broadcast", "me_message", "file_comment", "file_mention", "document_mention", "slackbot_response",
	}
}

// oddMessage returns why a message is left out because of its keys; empty: it is not.
func oddMessage(m slackmsg.Message) string {
	if m.TS == "" {
		return unreadable + ": no ts"
	}
	return firstOdd(
		idField("user", m.User), tsField("ts", m.TS), tsField("thread_ts", m.ThreadTS), tsField("edited.ts", m.Edited), tsField("latest_reply", m.LatestReply),
	)
}

// replies reads the messages of a thread page by page, from oldest on; empty: all. Of a long one it
// keeps the first message and the newest. They are of no use when r is closed.
func (s *Slack) replies(ctx context.Context, r *reading, t thread.ID, oldest string) ([]slackmsg.Message, error) {
	cursor, limit := "", strconv.Itoa(repliesPage)
	for {
		got, err := r.readPage(ctx, methodReplies, url.Values{
			"channel": {t.Channel}, "ts": {t.TS}, "cursor": {cursor}, "oldest": {oldest}, "limit": {limit}, "inclusive": {"1"},
			"include_all_metadata": {"1"},
		})
		messages := got.messages
		r.part = r.part || got.left > 0
		if cursor != "" && len(messages) > 0 && messages[0].TS == t.TS {
			messages = messages[1:] // some pages begin with the thread's first message again
		}
		if err == nil {
			err = r.add(messages)
		}
		if err != nil {
			return nil, fmt.Errorf("read thread %s: %w", t, unread(err))
		}
		r.shorten(repliesPages * repliesPage)
		if cursor, limit = got.next, got.limit; cursor == "" {
			return r.messages, nil
		}
		if cursor, err = r.more(ctx, cursor); err != nil {
			return nil, fmt.Errorf("read thread %s: %w", t, err)
		}
	}
}

// message returns a message as people read it.
func (s *Slack) message(channel string, m slackmsg.Message, names names, now string) thread.Message {
	out := thread.Message{
		TS: m.TS, User: m.User, Self: s.own(m), For: metadata(m, metaAsked), Notice: metadata(m, metaNotice) != "", Ended: metadata(m, metaEnd) != "", Whole: metadata(m, metaEnd) == endWhole,
	}
	out.Asker = metadata(m, metaUser)
	out.From, out.Since = metadata(m, metaFrom), cmp.Or(metadata(m, metaSince), out.For)
	out.Epoch, _ = strconv.ParseUint(metadata(m, metaEpoch), 10, 64)
	out.Page, _ = strconv.Atoi(metadata(m, metaPage))
	out.Bot = !out.Self && (m.BotID != "" || m.Subtype == "bot_message")
	out.Mentioned, out.Elsewhere = mentions(m.Text, s.self.User), elsewhere(m.Text, s.self.User)
	out.Edited, out.Latest = m.Edited, m.LatestReply
	if out.Self {
		s.ownWords(&out, m, names)
		return out
	}
	said := m.Read(s.who(names))
	out.Text, out.Files = said.Text, files(said.Files)
	if m.Linked() {
		if came := s.previews.read(channel+"/"+m.TS, len(said.Previews) > 0, now); came == "" {
			out.Text = whole(said)
		} else {
			for _, p := range said.Previews {
				out.Late = append(out.Late, thread.Preview{Came: came, Text: p})
			}
		}
	}
	if out.Bot {
		out.App, out.Name = m.BotID, cmp.Or(m.Username, m.BotName, "another app")
		if who, ok := s.users.peek(m.User); ok && !who.Bot {
			out.Behalf, out.Name = true, who.Name
		}
		return out
	}
	out.Name = cmp.Or(names.of(m.User), "somebody")
	return out
}

// ownWords sets what a message of the bot itself says: what its blocks show, without notices, small
// print and buttons, for its text is a fallback of at most 3,800 bytes without code and tables.
func (s *Slack) ownWords(out *thread.Message, m slackmsg.Message, names names) {
	who := s.who(names)
	out.Name, out.Shown = s.self.Name, m.Shown()
	said := m.Read(who)
	out.Text = cmp.Or(m.Answer(who), said.Text)
	out.Files = files(said.Files)
	// A file of ours was shown by Share, and is no part of an answer.
	out.Notice = out.Notice || len(out.Files) > 0
}

var errNobody = errors.New("no user")
