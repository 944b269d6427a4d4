package slackio

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"llmbot/bot"
	"llmbot/bot/leave"
	"llmbot/bot/thread"
)

// The action ids of the two buttons of a question for leave.
const (
	actionRun     = actionPrefix + "leave_run"
	actionDontRun = actionPrefix + "leave_dont"
)

// longestLabel is how many characters of a button's text are ours; Slack takes 75.
const longestLabel = 60

// longestQuestion is how many bytes the id of a question may have; ours have 32.
const longestQuestion = 64

// AskLeave shows a question with two buttons to one person alone, in a thread.
func (s *Slack) AskLeave(ctx context.Context, t thread.ID, q leave.Question) error {
	blocks := leaveBlocks(t, q)
	options := []slack.MsgOption{
		slack.MsgOptionText(mrkdwn(fmt.Sprintf("May I run “%s”?", q.Title)).Text, false), slack.MsgOptionBlocks(blocks...), slack.MsgOptionTS(t.TS),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
	}
	_, err := lookUp(ctx, s, methodEphemeral, func(ctx context.Context) (string, error) {
		return s.api.PostEphemeralContext(ctx, t.Channel, q.User, options...)
	})
	if err != nil {
		return fmt.Errorf("ask for leave in %s: %w", t, err)
	}
	return nil
}

// furtherLine begins every line of an argument but its first: none looks like another argument, or
// like a line of ours.
const furtherLine = "│ "

// leaveBlocks returns a question: what is to run, with all arguments as they are. Arguments stand
// in plain text, where nothing is a link, a name or a sign.
func leaveBlocks(t thread.ID, q leave.Question) []slack.Block {
	blocks := []slack.Block{slack.NewSectionBlock(mrkdwn(fmt.Sprintf("May I run “%s” of “%s”?", q.Title, q.Server)), nil, nil)}
	if q.Again {
		blocks = append(blocks, slack.NewSectionBlock(mrkdwn("It has run for this question before. This would be once more."), nil, nil))
	}
	for _, a := range q.Arguments {
		text := strings.ReplaceAll(a.Value, "\n", "\n"+furtherLine)
		if a.Name != "" {
			text = a.Name + ": " + text
		}
		if a.Cut > 0 {
			text += fmt.Sprintf("… (%d more characters)", a.Cut)
		}
		blocks = append(blocks, slack.NewSectionBlock(slack.NewTextBlockObject(slack.PlainTextType, fitPlain(text), false, false), nil, nil))
	}
	blocks = append(blocks, slack.NewContextBlock("", mrkdwn("Only you see this. If nobody decides within ten minutes, it is not run.")))
	value := strings.Join([]string{q.ID, q.User, t.TS}, "|")
	button := func(id, text string, style slack.Style) slack.BlockElement {
		return slack.NewButtonBlockElement(id, value, slack.NewTextBlockObject(slack.PlainTextType, text, false, false)).WithStyle(style)
	}
	return append(blocks, slack.NewActionBlock("",
		button(actionRun, cutLabel("Run "+q.Title), slack.StylePrimary), button(actionDontRun, "Don't run", slack.StyleDefault)))
}

// fitPlain returns a plain text that a section takes.
func fitPlain(s string) string {
	r := []rune(s)
	return string(r[:min(len(r), maxSection)])
}

func cutLabel(s string) string {
	if r := []rune(strings.Join(strings.Fields(s), " ")); len(r) > longestLabel {
		return string(r[:longestLabel]) + "…"
	}
	return s
}

// TellLeave puts a sentence in the place of a question. reply is the response_url of the press.
func (s *Slack) TellLeave(ctx context.Context, reply, sentence string) error {
	return s.respond(ctx, reply, map[string]any{
		"response_type": "ephemeral", "replace_original": true, "text": mrkdwn(sentence).Text,
		"blocks": []slack.Block{slack.NewContextBlock("", mrkdwn(sentence))},
	})
}

// decodeLeave returns the press of a button of a question for leave; ours reports that it is one,
// and reason why it does not count. It is pure.
func decodeLeave(payload []byte) (p bot.LeavePressed, ours bool, reason string) {
	var raw rawPress
	if json.Unmarshal(payload, &raw) != nil || raw.Type != "block_actions" || len(raw.Actions) == 0 {
		return p, false, ""
	}
	a := raw.Actions[0]
	if a.ID != actionRun && a.ID != actionDontRun {
		return p, false, ""
	}
	id, rest, _ := strings.Cut(a.Value, "|")
	_, root, _ := strings.Cut(rest, "|") // the store knows who was asked
	p = bot.LeavePressed{
		Press: leave.Press{
			Thread: thread.ID{Channel: cmp.Or(raw.Container.Channel, raw.Channel.ID), TS: root},
			ID:     id, User: raw.User.ID, TS: a.TS, Run: a.ID == actionRun,
		},
		Reply: raw.ResponseURL,
	}
	switch {
	case p.User == "" || p.TS == "" || p.Thread.Channel == "" || root == "" || id == "":
		return p, true, "incomplete"
	case len(id) > longestQuestion || strings.Trim(id, "0123456789abcdef") != "":
		return p, true, unreadable + ": odd question"
	}
	return p, true, firstOdd(idField("channel", p.Thread.Channel), idField("user", p.User), tsField("thread", root), tsField("press", p.TS))
}
