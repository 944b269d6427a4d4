package slackio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/slack-go/slack"

	"llmbot/bot"
	"llmbot/bot/fair"
	"llmbot/bot/pace"
	"llmbot/bot/thread"
	"llmbot/bot/wait"
)

const (
	methodUser      pace.Method = "users.info"
	methodChannel   pace.Method = "conversations.info"
	methodEphemeral pace.Method = "chat.postEphemeral"

	methodConversations pace.Method = "users.conversations"

	// namesPart is the part of the budgets of users.info and conversations.info that look-ups of
	// mere names may use. The rest is for look-ups that decide: who may ask, and which settings a
	// channel has.
	namesPart = 0.4
	// maxNames is how many people and channels that one message mentions get their names; the
	// others keep their ids.
	maxNames = 20
	// maxName is how many bytes of a name are kept; Slack allows 80 characters.
	maxName = 200
	// decideFirst and decideMost are the first and the longest pause of decide while Slack fails.
	decideFirst, decideMost = 500 * time.Millisecond, 5 * time.Second
)

// errNoBudget reports that there is no budget for a mere name now.
var errNoBudget = errors.New("no budget for names")

// Person looks a user up, at most once an hour. The result decides who may ask, so Person waits for
// its budget until ctx ends, and for a Slack that fails for [bot.WhoTimeout]: all who ask for the
// same user meanwhile share that time. An error is a [bot.ErrNoPerson] if Slack itself refused.
func (s *Slack) Person(ctx context.Context, user string) (bot.Person, error) {
	if user == "" {
		return bot.Person{}, errNobody
	}
	ctx = fair.With(ctx, user) // whoever asks: it decides what becomes of theirs
	who, err := s.users.get(ctx, user, tryLong, func(ctx context.Context) (bot.Person, error) {
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

// Full reports whether somebody is a full member of the workspace, as Slack told in the last
// minute: no guest, no app, of no other organisation, and in no other workspace of the same one,
// which sees none of its public channels. The result decides what somebody may read, so whatever
// cannot be found out now is an error: an older role may be another one.
func (s *Slack) Full(ctx context.Context, user string) (bool, error) {
	if user == "" {
		return false, errNobody
	}
	who, err := s.users.fresh(ctx, user, roleTTL, func(ctx context.Context) (bot.Person, error) {
		return lookUp(ctx, s, methodUser, func(ctx context.Context) (bot.Person, error) { return s.person(ctx, user) })
	}, isMissing)
	if err != nil {
		return false, fmt.Errorf("look up the role of %s: %w", user, err)
	}
	return !who.Guest && !who.External && !who.Elsewhere && !who.Bot, nil
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
		Elsewhere: u.TeamID != "" && u.TeamID != s.self.Team && !slices.Contains(u.Enterprise.Teams, s.self.Team),
	}, nil
}

// userName returns a user's name, or the id if the name is not known and there is no budget for it
// now.
func (s *Slack) userName(ctx context.Context, user string) string {
	if !isID(user) {
		return user
	}
	who, err := s.users.get(ctx, user, tryOnce, func(ctx context.Context) (bot.Person, error) {
		return spared(ctx, s, methodUser, func(ctx context.Context) (bot.Person, error) { return s.person(ctx, user) })
	}, isMissing)
	if err != nil {
		return user
	}
	return cmp.Or(who.Name, user)
}

// colleague reports whether a user of another workspace is of the same organisation (Enterprise
// Grid).
func (s *Slack) colleague(u *slack.User) bool {
	return s.self.Enterprise != "" && u.Enterprise.EnterpriseID == s.self.Enterprise
}

// Channel returns the name of a channel, looked up at most once an hour; empty for a direct
// message.
func (s *Slack) Channel(ctx context.Context, channel string) (string, error) {
	name, err := s.channels.get(ctx, channel, tryFewTimes, func(ctx context.Context) (string, error) {
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

// channelName returns the name of a channel, or the id if the name is not known and there is no
// budget for it now.
func (s *Slack) channelName(ctx context.Context, channel string) string {
	if !isID(channel) {
		return channel
	}
	name, err := s.channels.get(ctx, channel, tryOnce, func(ctx context.Context) (string, error) {
		return spared(ctx, s, methodChannel, func(ctx context.Context) (string, error) { return s.channel(ctx, channel) })
	}, isMissing)
	if err != nil {
		return channel
	}
	return cmp.Or(name, channel)
}

// isNo reports whether Slack itself refused a look-up, rather than a proxy or a time-out.
func isNo(err error) bool {
	_, ok := errors.AsType[slack.SlackErrorResponse](err)
	return ok && classify(err).kind == denied
}

// isMissing reports whether Slack refused a look-up because of the id. Such a refusal will last, so
// it is remembered. What is wrong with the token is not remembered, for an operator may mend it.
func isMissing(err error) bool { return isNo(err) && !classify(err).badToken() }

// spared makes a look-up that may be left out. It uses only namesPart of the budget, does not wait
// for it, and tries once.
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
		s.pace.Refused(fair.With(ctx, ""), m, f.retryAfter) // TryTake has counted it for nobody
	}
	return v, err
}

// decide makes a look-up until Slack answers, has failed for [bot.WhoTimeout], or ctx ends. A Slack
// that has no budget for us has not failed.
func decide[T any](ctx context.Context, s *Slack, m pace.Method, call func(context.Context) (T, error)) (T, error) {
	var failing time.Time // since when it fails; zero: it does not
	for pause := decideFirst; ; {
		if err := s.pace.Take(ctx, m); err != nil {
			var none T
			return none, err
		}
		began := time.Now()
		v, err := timed(ctx, call)
		f := classify(err)
		switch {
		case err == nil, isNo(err), ctx.Err() != nil:
			return v, err
		case f.kind == limited: // the next Take waits
			s.limited()
			s.pace.Refused(ctx, m, f.retryAfter)
			failing = time.Time{}
			continue
		case failing.IsZero():
			failing = began
		case time.Since(failing) >= bot.WhoTimeout:
			return v, err
		}
		if ended := wait.For(ctx, pause); ended != nil {
			return v, fmt.Errorf("%w: %w", ended, err)
		}
		pause = min(2*pause, decideMost)
	}
}

// Conversations returns the ids of the conversations that the bot is in.
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

// lookUp makes a read within its budget. It repeats one that is refused for its rate until ctx
// ends, and one that fails readTries times.
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
			s.pace.Refused(ctx, m, f.retryAfter)
		case f.kind != transient || try == readTries || ctx.Err() != nil:
			return v, err
		}
	}
}

// Whisper shows text to one user only: in the thread, or in the channel if t has no TS.
func (s *Slack) Whisper(ctx context.Context, t thread.ID, user, text string) error {
	options := []slack.MsgOption{
		slack.MsgOptionText(mrkdwn(text).Text, false), slack.MsgOptionBlocks(slack.NewSectionBlock(mrkdwn(text), nil, nil)),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
	}
	if t.TS != "" {
		options = append(options, slack.MsgOptionTS(t.TS))
	}
	_, err := lookUp(fair.With(ctx, user), s, methodEphemeral, func(ctx context.Context) (string, error) {
		return s.api.PostEphemeralContext(ctx, t.Channel, user, options...)
	})
	if err != nil {
		return fmt.Errorf("whisper in %s: %w", t, err)
	}
	return nil
}
