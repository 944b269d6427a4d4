package slackio

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/slack-go/slack"

	"llmbot/bot"
)

// metadataType marks the messages of answers; anybody in the workspace can read it, so it holds no secret (facts/slack.md §5.4).
const metadataType = "llmbot_answer"

// Keys of the metadata's payload.
const (
	metaAsked  = "asked"  // ts of what is answered
	metaEpoch  = "epoch"  // of the claim
	metaPage   = "page"   // 0 first
	metaNotice = "notice" // true: a word of ours, no answer
)

// call is one write of an answer.
type call struct {
	thread  bot.Thread
	reply   bot.Reply
	page    int
	content content
	end     int
	ts      string   // of the message; empty: a new one
	known   []string // messages of this answer
}

func (c call) options() []slack.MsgOption {
	payload := map[string]any{
		metaAsked: c.reply.For, metaEpoch: strconv.FormatUint(c.reply.Epoch, 10), metaPage: strconv.Itoa(c.page),
	}
	if c.content.markdown == "" {
		payload[metaNotice] = "true"
	}
	return append(c.content.options(), slack.MsgOptionMetadata(slack.SlackMetadata{EventType: metadataType, EventPayload: payload}))
}

// post posts a message. If an earlier post of it may have been carried out, the thread is looked through first: a page is never
// doubled. found says that it was, perhaps with an older text.
func (s *Slack) post(ctx context.Context, c call, unsure bool) (ts string, found bool, err error) {
	if unsure {
		ts, err := s.find(ctx, c)
		switch {
		case ts != "":
			return ts, true, nil
		case classify(err).kind == denied: // the thread may not be read: rather twice than not at all
			s.log.WarnContext(ctx, "post_unsure", "thread", c.thread.String(), "ask", c.reply.For, "error", err)
		case err != nil:
			return "", false, err
		}
	}
	ts, err = timed(ctx, func(ctx context.Context) (string, error) {
		_, ts, err := s.api.PostMessageContext(ctx, c.thread.Channel, append(c.options(),
			slack.MsgOptionTS(c.thread.TS), slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())...)
		if err != nil {
			return "", fmt.Errorf("chat.postMessage: %w", err)
		}
		if ts == "" {
			return "", errNoText
		}
		return ts, nil
	})
	return ts, false, err
}

func (s *Slack) edit(ctx context.Context, c call) error {
	_, err := timed(ctx, func(ctx context.Context) (struct{}, error) {
		_, _, _, err := s.api.UpdateMessageContext(ctx, c.thread.Channel, c.ts, c.options()...)
		return struct{}{}, err
	})
	if err != nil {
		return fmt.Errorf("chat.update: %w", err)
	}
	return nil
}

func (s *Slack) remove(ctx context.Context, c call) error {
	_, err := timed(ctx, func(ctx context.Context) (struct{}, error) {
		_, _, err := s.api.DeleteMessageContext(ctx, c.thread.Channel, c.ts)
		return struct{}{}, err
	})
	if err != nil {
		return fmt.Errorf("chat.delete: %w", err)
	}
	return nil
}

// find looks for a message of this answer and page in the thread; empty: there is none.
func (s *Slack) find(ctx context.Context, c call) (string, error) {
	messages, err := s.replies(ctx, c.thread, c.reply.For)
	if err != nil {
		return "", err
	}
	for _, m := range messages {
		asked, page := metadata(m, metaAsked), metadata(m, metaPage)
		if s.own(m) && !slices.Contains(c.known, m.Timestamp) && asked == c.reply.For && page == strconv.Itoa(c.page) {
			return m.Timestamp, nil
		}
	}
	return "", nil
}

// metadata is a string of a message's metadata; empty if it is not ours or not there.
func metadata(m slack.Message, key string) string {
	if m.Metadata.EventType != metadataType {
		return ""
	}
	v, _ := m.Metadata.EventPayload[key].(string)
	return v
}

func (s *Slack) own(m slack.Message) bool {
	return m.User == s.self.User && s.self.User != "" || m.BotID == s.self.Bot && s.self.Bot != ""
}
