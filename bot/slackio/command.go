package slackio

import (
	"context"
	"encoding/json"
	"time"

	"llmbot/bot"
	"llmbot/bot/status"
	"llmbot/bot/wait"
)

// rawCommand is the payload of a slash_commands envelope.
type rawCommand struct {
	Command   string `json:"command"`
	Text      string `json:"text"`
	UserID    string `json:"user_id"`
	ChannelID string `json:"channel_id"`

	ResponseURL string `json:"response_url"`
}

// chartsAfter is how long the charts wait after the ack, which goes another way, so that they stand
// under its text.
const chartsAfter = 300 * time.Millisecond

// command answers a slash command in its ack, so that the answer needs no post. Slack waits 3 s for
// it. Charts follow at the response_url: an ack with a block that Slack refuses would show nothing,
// and nobody would learn of it.
func (in *intake) command(ctx context.Context, env envelope, ack func(payload any)) {
	s := in.slack
	var c rawCommand
	err := json.Unmarshal(env.Payload, &c)
	reason := firstOdd(idField("channel", c.ChannelID), idField("user", c.UserID))
	if err != nil || c.UserID == "" {
		reason = unreadable
	}
	if reason != "" {
		s.ignored(ctx, env, reason)
		ack(nil)
		return
	}
	report := status.Report{Groups: []status.Group{{Lines: []string{"I don't know this command. I know " + s.cfg.Command + "."}}}}
	if c.Command == s.cfg.Command {
		report = in.handler.Status(ctx, bot.Command{User: c.UserID, Channel: c.ChannelID, Text: c.Text})
	}
	s.log.InfoContext(ctx, "command_answered", "command", c.Command, "user", c.UserID, "channel", c.ChannelID)
	s.record(env, OutcomeHandled)
	ack(commandAck(env.ID, report))
	if len(report.Charts) > 0 && wait.For(ctx, chartsAfter) == nil {
		s.drawCharts(ctx, c.ResponseURL, report.Charts)
	}
}
