package slackio

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"llmbot/bot"
	"llmbot/bot/pace"
	"llmbot/bot/thread"
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
	raw, err := s.replies(ctx, t, "")
	if err != nil {
		return nil, err
	}
	return s.messages(ctx, raw), nil
}

// Recent returns the top-level messages between two times, oldest first.
func (s *Slack) Recent(ctx context.Context, channel, after, before string) ([]thread.Message, error) {
	var raw []slack.Message
	cursor := ""
	for range recentPages {
		page, err := readPage(ctx, s, methodHistory, func(ctx context.Context) ([]slack.Message, error) {
			page, err := s.api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
				ChannelID: channel, Cursor: cursor, Oldest: after, Latest: before, Limit: recentPage, IncludeAllMetadata: true,
			})
			if err != nil {
				return nil, err
			}
			cursor = page.ResponseMetaData.NextCursor
			return page.Messages, nil
		})
		if err != nil {
			return nil, fmt.Errorf("read channel %s: %w", channel, err)
		}
		if raw = append(raw, page...); cursor == "" {
			break
		}
	}
	// A reply that was also sent to the channel belongs to its thread.
	raw = slices.DeleteFunc(raw, func(m slack.Message) bool {
		return m.ThreadTimestamp != "" && m.ThreadTimestamp != m.Timestamp
	})
	slices.Reverse(raw)
	return s.messages(ctx, raw), nil
}

// messages returns what people and apps wrote, without joins, changes of the topic and deleted
// messages.
func (s *Slack) messages(ctx context.Context, raw []slack.Message) []thread.Message {
	out := make([]thread.Message, 0, len(raw))
	ctx, cancel := context.WithTimeout(ctx, namesTimeout)
	defer cancel()
	raw = slices.DeleteFunc(raw, func(m slack.Message) bool {
		odd := oddMessage(m)
		if odd != "" {
			s.log.WarnContext(ctx, "message_unreadable", "reason", odd)
		}
		return odd != "" || !slices.Contains([]string{"", "bot_message", "file_share", "thread_broadcast"}, m.SubType)
	})
	var w wanted
	// The newest matter most, and who writes matters more than who is mentioned.
	for _, m := range slices.Backward(raw) {
		if !s.own(m) && m.BotID == "" {
			w.add(&w.users, m.User)
		}
	}
	for _, m := range slices.Backward(raw) {
		w.mention(textOfMessage(m), s.self.User)
	}
	names := s.names(ctx, w)
	for _, m := range raw {
		out = append(out, s.message(m, names))
	}
	return out
}

// oddMessage returns why a message is left out because of its keys; empty: it is not.
func oddMessage(m slack.Message) string {
	if m.Timestamp == "" {
		return unreadable + ": no ts"
	}
	edited := ""
	if m.Edited != nil {
		edited = m.Edited.Timestamp
	}
	return firstOdd(
		idField("user", m.User), tsField("ts", m.Timestamp), tsField("thread_ts", m.ThreadTimestamp), tsField("edited.ts", edited), tsField("latest_reply", m.LatestReply),
	)
}

// replies reads the messages of a thread page by page, from oldest on; empty: all.
func (s *Slack) replies(ctx context.Context, t thread.ID, oldest string) ([]slack.Message, error) {
	var out []slack.Message
	cursor := ""
	for page := 0; ; page++ {
		messages, next, err := s.repliesPage(ctx, slack.GetConversationRepliesParameters{
			ChannelID: t.Channel, Timestamp: t.TS, Cursor: cursor, Limit: repliesPage, Oldest: oldest, Inclusive: true, IncludeAllMetadata: true,
		})
		if noThread(classify(err).reason) {
			return nil, fmt.Errorf("read thread %s: %w: %w", t, bot.ErrNoThread, err)
		}
		if err != nil {
			return nil, fmt.Errorf("read thread %s: %w", t, err)
		}
		if page > 0 && len(messages) > 0 && messages[0].Timestamp == t.TS {
			messages = messages[1:] // some pages begin with the thread's first message again
		}
		out = append(out, messages...)
		if len(out) > repliesPages*repliesPage { // keep the first message and the newest
			out = append(out[:1], out[len(out)-(repliesPages-1)*repliesPage:]...)
		}
		if next == "" {
			return out, nil
		}
		cursor = next
	}
}

func (s *Slack) repliesPage(ctx context.Context, p slack.GetConversationRepliesParameters) (messages []slack.Message, next string, err error) {
	messages, err = readPage(ctx, s, methodReplies, func(ctx context.Context) (page []slack.Message, err error) {
		page, _, next, err = s.api.GetConversationRepliesContext(ctx, &p)
		return page, err
	})
	return messages, next, err
}

// readPage makes one read within its budget. It repeats one that is refused for its rate until ctx
// ends, and one that fails readTries times.
func readPage(ctx context.Context, s *Slack, m pace.Method, read func(context.Context) ([]slack.Message, error)) ([]slack.Message, error) {
	for try := 1; ; try++ {
		if err := s.pace.Take(ctx, m); err != nil {
			return nil, err
		}
		messages, err := timed(ctx, read)
		if err == nil {
			return messages, nil
		}
		f := classify(err)
		if f.kind == limited {
			s.limited()
			s.pace.Refused(m, f.retryAfter)
			continue // the next Take waits, until ctx ends
		}
		if f.kind != transient || try == readTries || ctx.Err() != nil {
			return nil, err
		}
	}
}

// message returns a message as people read it.
func (s *Slack) message(m slack.Message, names names) thread.Message {
	out := thread.Message{
		TS: m.Timestamp, User: m.User, Self: s.own(m), For: metadata(m, metaAsked), Notice: metadata(m, metaNotice) != "", Ended: metadata(m, metaEnd) != "", Whole: metadata(m, metaEnd) == endWhole,
	}
	out.From, out.Since = metadata(m, metaFrom), cmp.Or(metadata(m, metaSince), out.For)
	out.Epoch, _ = strconv.ParseUint(metadata(m, metaEpoch), 10, 64)
	out.Page, _ = strconv.Atoi(metadata(m, metaPage))
	out.Bot = !out.Self && (m.BotID != "" || m.SubType == "bot_message")
	out.Mentioned, out.Elsewhere = mentions(m.Text, s.self.User), elsewhere(m.Text, s.self.User)
	if m.Edited != nil {
		out.Edited = m.Edited.Timestamp
	}
	out.Latest = m.LatestReply
	if out.Self {
		out.Shown = shown(m.Blocks)
	}
	out.Text = unescape(textOfMessage(m), s.self.User, names.of, names.of)
	for _, f := range m.Files {
		out.Files = append(out.Files, thread.File{ID: f.ID, Name: f.Name, MIME: f.Mimetype, Type: f.Filetype, Size: int64(f.Size)})
	}
	switch {
	case out.Self:
		out.Name = s.self.Name
		// A file of ours was shown by Share, and is no part of an answer.
		out.Notice = out.Notice || len(out.Files) > 0
	case out.Bot:
		out.Name = botName(m)
	default:
		out.Name = names.of(m.User)
	}
	return out
}

// shown returns how many characters blocks show, without small print and buttons. For Markdown
// Slack returns rich text and the like (facts/slack.md §3.4); in all of it the characters are in
// fields named text.
func shown(blocks slack.Blocks) int {
	raw, err := json.Marshal(blocks)
	var list []any
	if err != nil || json.Unmarshal(raw, &list) != nil {
		return 0
	}
	n := 0
	var count func(v any)
	count = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				count(e)
			}
		case map[string]any:
			if kind := v["type"]; kind == "context" || kind == "actions" || kind == "context_actions" {
				return
			}
			for name, e := range v {
				if text, ok := e.(string); ok && name == "text" {
					n += utf8.RuneCountInString(text)
				} else {
					count(e)
				}
			}
		}
	}
	count(list)
	return n
}

// textOfMessage returns what a message says, in Slack's own writing.
func textOfMessage(m slack.Message) string {
	if m.Text == "" {
		return blocksText(m.Blocks)
	}
	return m.Text
}

func botName(m slack.Message) string {
	if m.Username != "" {
		return m.Username
	}
	if m.BotProfile != nil && m.BotProfile.Name != "" {
		return m.BotProfile.Name
	}
	return "another app"
}

// blocksText returns the readable text of blocks that came without text.
func blocksText(blocks slack.Blocks) string {
	var parts []string
	for _, b := range blocks.BlockSet {
		switch b := b.(type) {
		case *slack.SectionBlock:
			if b.Text != nil {
				parts = append(parts, b.Text.Text)
			}
		case *slack.HeaderBlock:
			if b.Text != nil {
				parts = append(parts, b.Text.Text)
			}
		case *slack.MarkdownBlock:
			parts = append(parts, b.Text)
		}
	}
	return strings.Join(parts, "\n")
}

var errNobody = errors.New("no user")
