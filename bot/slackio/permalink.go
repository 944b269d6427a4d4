package slackio

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/slack-go/slack"

	"llmbot/bot/pace"
	"llmbot/bot/permalink"
	"llmbot/bot/thread"
)

const (
	methodMembers pace.Method = "conversations.members"
	// membersPages is how many pages of members are looked through. In a private conversation of more
	// people than that, nobody counts as a member.
	membersPages = 10
)

// Hosts returns the hosts at which the workspace's messages have their addresses. Connect must have
// returned before. An emulator has them at its own.
func (s *Slack) Hosts() []string {
	var out []string
	if u, err := url.Parse(s.self.URL); err == nil && u.Hostname() != "" {
		out = append(out, u.Hostname())
	}
	if u, err := url.Parse(s.cfg.APIURL); err == nil && u.Hostname() != "" && !slices.ContainsFunc(strings.Fields(slackDomains), func(domain string) bool {
		return u.Hostname() == domain || strings.HasSuffix(u.Hostname(), "."+domain)
	}) {
		out = append(out, u.Hostname())
	}
	return out
}

// Place returns what a conversation is now. It asks Slack each time.
func (s *Slack) Place(ctx context.Context, channel string) (permalink.Place, error) {
	c, err := lookUp(ctx, s, methodChannel, func(ctx context.Context) (*slack.Channel, error) {
		return s.api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: channel})
	})
	if err != nil {
		return permalink.Place{}, fmt.Errorf("look up conversation %s: %w", channel, err)
	}
	direct := c.IsIM || c.IsMpIM
	place := permalink.Place{Public: !c.IsPrivate && !direct && !c.IsGroup, Inside: c.IsMember || direct}
	if !direct {
		place.Name = cut(c.Name, maxName)
	}
	return place, nil
}

// Members reports whether all these people are members of a conversation now. It asks Slack each
// time.
func (s *Slack) Members(ctx context.Context, channel string, people []string) (bool, error) {
	missing := slices.Clone(people)
	cursor := ""
	for range membersPages {
		var next string
		members, err := lookUp(ctx, s, methodMembers, func(ctx context.Context) (list []string, err error) {
			list, next, err = s.api.GetUsersInConversationContext(ctx, &slack.GetUsersInConversationParameters{ChannelID: channel, Cursor: cursor, Limit: repliesPage})
			return list, err
		})
		if err != nil {
			return false, fmt.Errorf("list the members of %s: %w", channel, err)
		}
		missing = slices.DeleteFunc(missing, func(user string) bool { return slices.Contains(members, user) })
		if len(missing) == 0 || next == "" {
			break
		}
		cursor = next
	}
	return len(missing) == 0, nil
}

// Page returns the first page of a thread, or one message. It is one read.
func (s *Slack) Page(ctx context.Context, t thread.ID) ([]thread.Message, error) {
	r := &reading{s: s}
	defer r.close()
	got, err := r.readPage(ctx, methodReplies, url.Values{
		"channel": {t.Channel}, "ts": {t.TS}, "limit": {strconv.Itoa(repliesPage)}, "inclusive": {"1"}, "include_all_metadata": {"1"},
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", t, err)
	}
	return s.messages(ctx, t.Channel, got.messages), nil
}
