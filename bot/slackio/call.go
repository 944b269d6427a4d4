package slackio

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/slack-go/slack"

	"llmbot/bot"
	"llmbot/bot/answer"
	"llmbot/bot/render"
	"llmbot/bot/slackmsg"
	"llmbot/bot/thread"
)

// metadataType marks the messages of answers. Anybody in the workspace can read metadata, so it
// holds no secret (facts/slack.md §5.4).
const metadataType = "llmbot_answer"

// The keys of the metadata's payload.
const (
	metaAsked  = "asked"  // ts of the question; of several, the last
	metaFrom   = "from"   // ts of the first of them
	metaUser   = "user"   // who asked
	metaSince  = "since"  // when the newest of them got its text, if not at asked
	metaEpoch  = "epoch"  // of the lease
	metaPage   = "page"   // of the answer, from 0
	metaNotice = "notice" // "true": a notice, no answer
	metaEnd    = "end"    // in the last message of an answer that has ended: endWhole or endBroken

	endWhole  = "whole"
	endBroken = "broken"
)

// call is one write of an answer.
type call struct {
	thread  thread.ID
	reply   bot.Reply
	at      int // the message's index in the answer
	content content
	page    pageRef // the page that content is
	// The text's offset up to which the message shows it then; negative: what is visible does not
	// change.
	end   int
	ts    string    // of the message; empty: a new one
	known []string  // the messages of this answer, by ts
	began time.Time // when it was decided
	// When a start began that failed, but may have made a stream; zero: none did.
	tried time.Time

	// Only for streams:
	chunk  string        // text to append
	steps  []answer.Step // calls of tools to show
	hidden string        // end of the page that is not appended yet
	bare   bool          // stop it with nothing
	late   bool          // append in a stop's place
}

func (c call) options(links render.Links) []slack.MsgOption {
	return append(c.content.options(links), c.metadata())
}

func (c call) metadata() slack.MsgOption {
	payload := map[string]any{
		metaAsked: c.reply.For, metaEpoch: strconv.FormatUint(c.reply.Epoch, 10), metaPage: strconv.Itoa(c.at),
	}
	for key, value := range map[string]string{metaFrom: c.reply.From, metaUser: c.reply.User, metaSince: c.reply.Since} {
		if value != "" && !(key == metaSince && value == c.reply.For) {
			payload[key] = value
		}
	}
	if c.content.markdown == "" && !c.bare {
		payload[metaNotice] = "true"
	}
	switch c.content.ending {
	case answer.EndingWhole:
		payload[metaEnd] = endWhole
	case answer.EndingBroken:
		payload[metaEnd] = endBroken
	case answer.EndingOpen:
	}
	return slack.MsgOptionMetadata(slack.SlackMetadata{EventType: metadataType, EventPayload: payload})
}

// posted is the result of a post or a start.
type posted struct {
	ts    string
	found bool // an earlier call had made it, perhaps with an older text
	live  bool // it is a native stream
}

// post posts a message. With unsure, an earlier post of it may have been carried out; then post
// looks through the thread first, so that no page is doubled.
func (s *Slack) post(ctx context.Context, c call, unsure bool) (posted, error) {
	if unsure {
		p, err := s.find(ctx, c)
		switch {
		case p.found:
			return p, nil
		case classify(err).kind == denied:
			// The thread may not be read. A page that stands there twice is better than none.
			s.log.WarnContext(ctx, "post_unsure", "thread", c.thread.String(), "ask", c.reply.For, "error", err)
		case err != nil:
			return posted{}, err
		}
	}
	ts, err := timed(ctx, func(ctx context.Context) (string, error) {
		_, ts, err := s.api.PostMessageContext(ctx, c.thread.Channel, append(c.options(s.cfg.Links),
			slack.MsgOptionTS(c.thread.TS), slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())...)
		return named(ts, "chat.postMessage", err)
	})
	return posted{ts: ts}, err
}

// named returns the ts of a message that a call made, or an error if Slack named none.
func named(ts, method string, err error) (string, error) {
	if err != nil {
		return "", fmt.Errorf("%s: %w", method, err)
	}
	if ts == "" {
		return "", errNoText
	}
	if !isTS(ts) {
		return "", fmt.Errorf("%s: slack says that the message is %q, which is no timestamp", method, cut(ts, shownKey))
	}
	return ts, nil
}

// start begins a native stream, in chunks mode, for a stream is locked to the mode of its first
// text (facts/slack.md §2.2). Metadata comes with the stop.
func (s *Slack) start(ctx context.Context, c call) (string, error) {
	options := []slack.MsgOption{slack.MsgOptionTS(c.thread.TS), c.chunks()}
	if !direct(c.thread.Channel) {
		options = append(options, slack.MsgOptionRecipientUserID(c.reply.User), slack.MsgOptionRecipientTeamID(s.self.Team))
	}
	return timed(ctx, func(ctx context.Context) (string, error) {
		_, ts, err := s.api.StartStreamContext(ctx, c.thread.Channel, options...)
		return named(ts, "chat.startStream", err)
	})
}

func (s *Slack) appendTo(ctx context.Context, c call) error {
	_, err := timed(ctx, func(ctx context.Context) (struct{}, error) {
		_, _, err := s.api.AppendStreamContext(ctx, c.thread.Channel, c.ts, c.chunks())
		return struct{}{}, err
	})
	if err != nil {
		return fmt.Errorf("chat.appendStream: %w", err)
	}
	return nil
}

// stop ends a native stream with the rest of its text and the blocks under it.
func (s *Slack) stop(ctx context.Context, c call) error {
	options := []slack.MsgOption{c.metadata()}
	if c.chunk != "" || len(c.steps) > 0 {
		options = append(options, c.chunks())
	}
	if under := c.content.under(); len(under) > 0 && !c.bare {
		options = append(options, slack.MsgOptionBlocks(under...))
	}
	_, err := timed(ctx, func(ctx context.Context) (struct{}, error) {
		_, _, err := s.api.StopStreamContext(ctx, c.thread.Channel, c.ts, options...)
		return struct{}{}, err
	})
	if err != nil {
		return fmt.Errorf("chat.stopStream: %w", err)
	}
	return nil
}

func (c call) chunks() slack.MsgOption {
	var cards, text []slack.StreamChunk
	runs := false
	for _, s := range c.steps {
		cards = append(cards, card(s))
		runs = runs || s.State == answer.StepRuns
	}
	if c.chunk != "" || len(cards) == 0 {
		text = append(text, slack.NewMarkdownTextChunk(c.chunk))
	}
	if c.ts == "" && !runs { // the first text follows what is done
		return slack.MsgOptionChunks(append(cards, text...)...)
	}
	return slack.MsgOptionChunks(append(text, cards...)...)
}

func (s *Slack) edit(ctx context.Context, c call) error {
	_, err := timed(ctx, func(ctx context.Context) (struct{}, error) {
		_, _, _, err := s.api.UpdateMessageContext(ctx, c.thread.Channel, c.ts, c.options(s.cfg.Links)...)
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

// find looks in the thread for the message that an earlier try of c may have made.
func (s *Slack) find(ctx context.Context, c call) (posted, error) {
	r := &reading{s: s}
	defer r.close()
	messages, err := s.replies(ctx, r, c.thread, c.reply.For)
	if err != nil {
		return posted{}, err
	}
	for _, m := range messages {
		if !s.own(m) || slices.Contains(c.known, m.TS) {
			continue
		}
		asked, page := metadata(m, metaAsked), metadata(m, metaPage)
		if asked == c.reply.For && page == strconv.Itoa(c.at) {
			return posted{ts: m.TS, found: true}, nil
		}
		// A stream carries no metadata before its stop, so its time must do.
		if asked == "" && len(m.Files) == 0 && !c.tried.IsZero() && at(m.TS).After(c.tried.Add(-clockSkew)) {
			return posted{ts: m.TS, found: true, live: true}, nil
		}
	}
	return posted{}, nil
}

// at returns the time of a message; zero if ts is no timestamp.
func at(ts string) time.Time {
	seconds, err := strconv.ParseFloat(ts, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMicro(int64(seconds * 1e6))
}

// metadata returns a string of a message's metadata; empty if the metadata is not ours or has none.
func metadata(m slackmsg.Message, key string) string {
	if m.Meta.Type != metadataType {
		return ""
	}
	return m.Meta.Values[key]
}

func (s *Slack) own(m slackmsg.Message) bool {
	return m.User == s.self.User && s.self.User != "" || m.BotID == s.self.Bot && s.self.Bot != ""
}
