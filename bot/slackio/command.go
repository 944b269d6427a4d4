package slackio

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"llmbot/bot"
	"llmbot/bot/status"
)

// rawCommand is the payload of a slash_commands envelope.
type rawCommand struct {
	Command   string `json:"command"`
	Text      string `json:"text"`
	UserID    string `json:"user_id"`
	ChannelID string `json:"channel_id"`

	ResponseURL string `json:"response_url"`
}

// chartsWait is how long the ack waits for the charts, which go another way, so that the figures
// stand below them: the newest message is the one that people see. Slack waits 3 s for the ack, and
// the report took up to status.Timeout of them.
const chartsWait = 600 * time.Millisecond

// command answers a slash command in its ack, so that the answer needs no post. Slack waits 3 s for
// it. The charts go to the response_url before: an ack with a block that Slack refuses would show
// nothing, and nobody would learn of it.
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
	var charts sync.WaitGroup
	defer charts.Wait()
	shown := make(chan struct{})
	charts.Go(func() {
		defer close(shown)
		s.drawCharts(ctx, c.ResponseURL, report.Charts)
	})
	patience := time.NewTimer(chartsWait)
	defer patience.Stop()
	select {
	case <-shown:
	case <-patience.C:
	}
	ack(commandAck(env.ID, report))
}
