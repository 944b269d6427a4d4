package slackio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slack-go/slack"

	"llmbot/bot"
	"llmbot/bot/pace"
	"llmbot/bot/thread"
)

const (
	methodUser      pace.Method = "users.info"
	methodChannel   pace.Method = "conversations.info"
	methodEphemeral pace.Method = "chat.postEphemeral"

	methodConversations pace.Method = "users.conversations"

	// namesPart is the part of the budgets of users.info and conversations.info that names in texts may use. The rest is for what decides: who may
	// ask, and which settings a channel has.
	namesPart = 0.4
	// maxNames is how many people and channels that a message mentions are named; the ids of the others stand there.
	maxNames = 20
	// maxName is how many bytes of a name are kept; Slack allows 80 characters.
	maxName = 200
	// Pauses between the tries of what decides, when Slack fails.
	decideFirst, decideMost = 500 * time.Millisecond, 5 * time.Second
)

// errNoBudget says that a name is not worth a look-up now.
var errNoBudget = errors.New("no budget for names")

// Person looks a user up, at most once an hour. It decides who may ask, so it waits for its budget, and for a Slack that fails, until ctx ends. An error
// is a [bot.ErrNoPerson] if Slack has said no.
func (s *Slack) Person(ctx context.Context, user string) (bot.Person, error) {
	if user == "" {
		return bot.Person{}, errNobody
	}
	who, err := s.users.get(ctx, user, func(ctx context.Context) (bot.Person, error) {
		return decide(ctx, s, methodUser, func(ctx context.Context) (bot.Person, error) { return s.person(ctx, user) })
	}, isMissing)
	if err == nil {
		return who, nil
	}
	if isNo(err) {
		err = fmt.Errorf("%w: %w", bot.ErrNoPerson, err)
	}
	return bot.Person{ID: user, Name: user}, fmt.Errorf("look up user %s: %w", user, err)
}

// person asks Slack for a user.
func (s *Slack) person(ctx context.Context, user string) (bot.Person, error) {
	u, err := s.api.GetUserInfoContext(ctx, user)
	if err != nil {
		return bot.Person{}, err
	}
	return bot.Person{
		ID: user, Name: cut(cmp.Or(u.Profile.DisplayName, u.RealName, u.Profile.RealName, u.Name, user), maxName),
		Guest: u.IsRestricted || u.IsUltraRestricted, External: u.IsStranger || u.TeamID != "" && u.TeamID != s.self.Team && !s.colleague(u), Bot: u.IsBot,
	}, nil
}

// userName is what a user is called; the id if that is not known and no look-up can be spared for it now.
func (s *Slack) userName(ctx context.Context, user string) string {
	if !isID(user) {
		return user
	}
	who, err := s.users.get(ctx, user, func(ctx context.Context) (bot.Person, error) {
		return spared(ctx, s, methodUser, func(ctx context.Context) (bot.Person, error) { return s.person(ctx, user) })
	}, isMissing)
	if err != nil {
		return user
	}
	return cmp.Or(who.Name, user)
}

// colleague says whether a user of another workspace is of the same organisation (Enterprise Grid).
func (s *Slack) colleague(u *slack.User) bool {
	return s.self.Enterprise != "" && u.Enterprise.EnterpriseID == s.self.Enterprise
}

// Channel is the name of a channel, looked up at most once an hour; empty for a direct message.
func (s *Slack) Channel(ctx context.Context, channel string) (string, error) {
	name, err := s.channels.get(ctx, channel, func(ctx context.Context) (string, error) {
		return lookUp(ctx, s, methodChannel, func(ctx context.Context) (string, error) { return s.channel(ctx, channel) })
	}, isMissing)
	if err != nil {
		return "", fmt.Errorf("look up channel %s: %w", channel, err)
	}
	return name, nil
}

// channel asks Slack for the name of a channel.
func (s *Slack) channel(ctx context.Context, channel string) (string, error) {
	c, err := s.api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: channel})
	if err != nil {
		return "", err
	}
	return cut(c.Name, maxName), nil
}

// channelName is the name of a channel, for people; its id if that is not known and no look-up can be spared for it now.
func (s *Slack) channelName(ctx context.Context, channel string) string {
	if !isID(channel) {
		return channel
	}
	name, err := s.channels.get(ctx, channel, func(ctx context.Context) (string, error) {
		return spared(ctx, s, methodChannel, func(ctx context.Context) (string, error) { return s.channel(ctx, channel) })
	}, isMissing)
	if err != nil {
		return channel
	}
	return cmp.Or(name, channel)
}

// isNo says that Slack itself has refused a look-up, not a proxy, or the time.
func isNo(err error) bool {
	_, ok := errors.AsType[slack.SlackErrorResponse](err)
	return ok && classify(err).kind == denied
}

// isMissing says that it has refused it for what was asked for, so that it will for some time: that is remembered. What is wrong with the token is not, for
// it may be mended.
func isMissing(err error) bool { return isNo(err) && !classify(err).badToken() }

// spared makes a look-up that can be done without: out of a part of the budget, without waiting for it, once.
func spared[T any](ctx context.Context, s *Slack, m pace.Method, call func(context.Context) (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if !s.pace.TryTake(m, namesPart) {
		return none, errNoBudget
	}
	v, err := timed(ctx, call)
	if f := classify(err); f.kind == limited {
		s.limited()
		s.pace.Refused(m, f.retryAfter)
	}
	return v, err
}

// decide makes a look-up until Slack answers it, or ctx ends.
func decide[T any](ctx context.Context, s *Slack, m pace.Method, call func(context.Context) (T, error)) (T, error) {
	for pause := decideFirst; ; {
		if err := s.pace.Take(ctx, m); err != nil {
			var none T
			return none, err
		}
		v, err := timed(ctx, call)
		f := classify(err)
		switch {
		case err == nil, isNo(err), ctx.Err() != nil:
			return v, err
		case f.kind == limited: // the next Take waits
			s.limited()
			s.pace.Refused(m, f.retryAfter)
			continue
		}
		if ended := wait(ctx, pause); ended != nil {
			return v, fmt.Errorf("%w: %w", ended, err)
		}
		pause = min(2*pause, decideMost)
	}
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
func (s *Slack) Whisper(ctx context.Context, t thread.ID, user, text string) error {
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
