package slackio

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"

	"llmbot/bot"
	"llmbot/bot/thread"
)

// actionPrefix begins the action ids of the bot's buttons; the rest is the bot.Press.
const actionPrefix = "llmbot_"

// rawPress is the payload of an interactive envelope.
type rawPress struct {
	Type string `json:"type"`
	User struct {
		ID string `json:"id"`
	} `json:"user"`
	Channel struct {
		ID string `json:"id"`
	} `json:"channel"`
	Container struct {
		Channel  string `json:"channel_id"`
		Message  string `json:"message_ts"`
		ThreadTS string `json:"thread_ts"`
	} `json:"container"`
	Message struct {
		TS       string `json:"ts"`
		ThreadTS string `json:"thread_ts"`
	} `json:"message"`
	ResponseURL string `json:"response_url"`
	Actions     []struct {
		ID    string `json:"action_id"`
		Value string `json:"value"`
		TS    string `json:"action_ts"`
	} `json:"actions"`
}

// decodePress returns the press of a button in an interaction, or the reason why there is none. It
// is pure.
func decodePress(payload []byte) (bot.Pressed, string) {
	var raw rawPress
	if err := json.Unmarshal(payload, &raw); err != nil {
		return bot.Pressed{}, unreadable
	}
	if raw.Type != "block_actions" || len(raw.Actions) == 0 {
		return bot.Pressed{}, "type " + raw.Type
	}
	a := raw.Actions[0]
	press, ours := strings.CutPrefix(a.ID, actionPrefix)
	what, asker, ok := strings.Cut(a.Value, "|")
	message := cmp.Or(raw.Container.Message, raw.Message.TS)
	p := bot.Pressed{
		Thread: thread.ID{
			Channel: cmp.Or(raw.Container.Channel, raw.Channel.ID),
			TS:      cmp.Or(raw.Container.ThreadTS, raw.Message.ThreadTS, message),
		},
		TS: a.TS, User: raw.User.ID, Message: message, Press: bot.Press(press), For: what, Asker: asker,
	}
	switch {
	case !ours || !ok:
		return bot.Pressed{}, "not our button"
	case p.User == "" || p.TS == "" || p.Thread.Channel == "" || p.Thread.TS == "":
		return bot.Pressed{}, "incomplete"
	}
	return p, firstOdd(
		idField("channel", p.Thread.Channel), idField("user", p.User), tsField("thread", p.Thread.TS), tsField("press", p.TS), tsField("message", p.Message),
		tsField("for", p.For), idField("asker", p.Asker),
	)
}

// pressed hands a press to the bot once, and acks it when it is durable.
func (in *intake) pressed(ctx context.Context, env envelope, ack func(payload any)) {
	if p, ours, reason := decodeLeave(env.Payload); ours {
		if reason != "" {
			in.slack.ignored(ctx, env, reason)
			ack(nil)
			return
		}
		in.once(ctx, env, "leave/"+p.Thread.String()+"/"+p.TS, ack, func() error { return in.handler.Handle(ctx, p) })
		return
	}
	p, reason := decodePress(env.Payload)
	if reason != "" {
		in.slack.ignored(ctx, env, reason)
		ack(nil)
		return
	}
	in.once(ctx, env, "pressed/"+p.Thread.String()+"/"+p.TS, ack, func() error { return in.handler.Handle(ctx, p) })
}
