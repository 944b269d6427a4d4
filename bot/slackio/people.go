package slackio

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"llmbot/bot"
	"llmbot/bot/pace"
)

const (
	methodUser      pace.Method = "users.info"
	methodChannel   pace.Method = "conversations.info"
	methodEphemeral pace.Method = "chat.postEphemeral"

	methodConversations pace.Method = "users.conversations"

	peopleTTL = time.Hour // names and roles change rarely
	maxPeople = 20_000    // entries; the cache is emptied when it is full
)

// people remembers users and channels.
type people struct {
	mu       sync.Mutex // guards all below
	users    map[string]known[bot.Person]
	channels map[string]known[string]
}

type known[T any] struct {
	value T
	until time.Time
}

func newPeople() people {
	return people{users: map[string]known[bot.Person]{}, channels: map[string]known[string]{}}
}

// Person looks a user up, at most once an hour.
func (s *Slack) Person(ctx context.Context, user string) (bot.Person, error) {
	if user == "" {
		return bot.Person{}, errNobody
	}
	p := &s.people
	p.mu.Lock()
	k, ok := p.users[user]
	p.mu.Unlock()
	if ok && time.Now().Before(k.until) {
		return k.value, nil
	}
	u, err := lookUp(ctx, s, methodUser, func(ctx context.Context) (*slack.User, error) { return s.api.GetUserInfoContext(ctx, user) })
	if err != nil {
		if ok { // stale beats none
			return k.value, nil
		}
		return bot.Person{ID: user, Name: user}, fmt.Errorf("look up user %s: %w", user, err)
	}
	who := bot.Person{
		ID: user, Name: cmp.Or(u.Profile.DisplayName, u.RealName, u.Profile.RealName, u.Name, user),
		Guest: u.IsRestricted || u.IsUltraRestricted, External: u.IsStranger || u.TeamID != "" && u.TeamID != s.self.Team && !s.colleague(u), Bot: u.IsBot,
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.users) >= maxPeople {
		clear(p.users)
	}
	p.users[user] = known[bot.Person]{value: who, until: time.Now().Add(peopleTTL)}
	return who, nil
}

// colleague says whether a user of another workspace is of the same organisation (Enterprise Grid).
func (s *Slack) colleague(u *slack.User) bool {
	return s.self.Enterprise != "" && u.Enterprise.EnterpriseID == s.self.Enterprise
}

// Channel is the name of a channel, looked up at most once an hour; empty for a direct message.
func (s *Slack) Channel(ctx context.Context, channel string) (string, error) {
	p := &s.people
	p.mu.Lock()
	k, ok := p.channels[channel]
	p.mu.Unlock()
	if ok && time.Now().Before(k.until) {
		return k.value, nil
	}
	c, err := lookUp(ctx, s, methodChannel, func(ctx context.Context) (*slack.Channel, error) {
		return s.api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: channel})
	})
	if err != nil {
		if ok {
			return k.value, nil
		}
		return "", fmt.Errorf("look up channel %s: %w", channel, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.channels) >= maxPeople {
		clear(p.channels)
	}
	p.channels[channel] = known[string]{value: c.Name, until: time.Now().Add(peopleTTL)}
	return c.Name, nil
}

// Conversations lists the ids of the conversations that the bot is in.
func (s *Slack) Conversations(ctx context.Context) ([]string, error) {
	var ids []string
	for cursor := ""; ; {
		page, err := lookUp(ctx, s, methodConversations, func(ctx context.Context) ([]slack.Channel, error) {
			page, next, err := s.api.GetConversationsForUserContext(ctx, &slack.GetConversationsForUserParameters{
				Cursor: cursor, Types: []string{"public_channel", "private_channel", "mpim", "im"}, Limit: repliesPage, ExcludeArchived: true,
			})
			cursor = next
			return page, err
		})
		if err != nil {
			return nil, fmt.Errorf("list the bot's conversations: %w", err)
		}
		for _, c := range page {
			if isID(c.ID) {
				ids = append(ids, c.ID)
			}
		}
		if cursor == "" {
			return ids, nil
		}
	}
}

// lookUp makes a read within its budget; one that is refused is made again until ctx ends.
func lookUp[T any](ctx context.Context, s *Slack, m pace.Method, call func(context.Context) (T, error)) (T, error) {
	for try := 1; ; try++ {
		if err := s.pace.Take(ctx, m); err != nil {
			var none T
			return none, err
		}
		v, err := timed(ctx, call)
		f := classify(err)
		switch {
		case f.kind == limited:
			s.limited()
			s.pace.Refused(m, f.retryAfter)
		case f.kind != transient || try == readTries || ctx.Err() != nil:
			return v, err
		}
	}
}

// Whisper shows text to one person only: in the thread, or in the channel if there is no TS.
func (s *Slack) Whisper(ctx context.Context, t bot.Thread, user, text string) error {
	options := []slack.MsgOption{
		slack.MsgOptionText(mrkdwn(text).Text, false), slack.MsgOptionBlocks(slack.NewSectionBlock(mrkdwn(text), nil, nil)),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
	}
	if t.TS != "" {
		options = append(options, slack.MsgOptionTS(t.TS))
	}
	_, err := lookUp(ctx, s, methodEphemeral, func(ctx context.Context) (string, error) {
		return s.api.PostEphemeralContext(ctx, t.Channel, user, options...)
	})
	if err != nil {
		return fmt.Errorf("whisper in %s: %w", t, err)
	}
	return nil
}
