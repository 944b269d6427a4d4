package slackio

import (
	"context"
	"encoding/json"
	"strings"

	"llmbot/bot"
	"llmbot/bot/render"
)

// rawCommand is the payload of a slash_commands envelope.
type rawCommand struct {
	Command   string `json:"command"`
	Text      string `json:"text"`
	UserID    string `json:"user_id"`
	ChannelID string `json:"channel_id"`
}

// maxSection is how long one text object may be (facts/slack.md §3.2).
const maxSection = 3_000

// command answers a slash command in its ack, so that it needs neither a post nor a response_url. Slack waits 3 s.
func (in *intake) command(ctx context.Context, env envelope, ack func(payload any)) {
	var c rawCommand
	if err := json.Unmarshal(env.Payload, &c); err != nil {
		in.slack.log.WarnContext(ctx, "command_unreadable", "envelope", env.ID, "error", err)
		in.slack.told(env, OutcomeIgnored)
		ack(nil)
		return
	}
	text := "I don't know this command. I know " + in.slack.cfg.Command + "."
	if c.Command == in.slack.cfg.Command {
		text = in.handler.Status(ctx, bot.Command{User: c.UserID, Channel: c.ChannelID, Text: c.Text})
	}
	in.slack.log.InfoContext(ctx, "command_answered", "command", c.Command, "user", c.UserID, "channel", c.ChannelID)
	in.slack.told(env, OutcomeHandled)
	ack(ephemeral(text))
}

// ephemeral is an answer that only the person who asked sees.
func ephemeral(text string) any {
	escaped := render.Mrkdwn(text)
	for len(escaped) > maxSection { // whole lines go, from the end
		text = text[:max(strings.LastIndexByte(text, '\n'), 0)]
		escaped = render.Mrkdwn(text)
	}
	return map[string]any{
		"response_type": "ephemeral",
		"text":          escaped,
		"blocks": []any{map[string]any{
			"type": "section", "text": map[string]any{"type": "mrkdwn", "text": escaped, "verbatim": true},
		}},
	}
}
