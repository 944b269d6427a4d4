// Command slackgo is an app on slack-go, as anybody may write one. Nothing in it knows that Slack
// is emulated. It has a module of its own, so that its version of slack-go is not llmbot's.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"
)

type app struct {
	api     *slack.Client
	socket  *socketmode.Client
	channel string // of /form
}

func main() {
	api := slack.New(os.Getenv("SLACK_BOT_TOKEN"), slack.OptionAppLevelToken(os.Getenv("SLACK_APP_TOKEN")), slack.OptionAPIURL(os.Getenv("SLACK_API_URL")), slack.OptionRetry(2))
	a := &app{api: api, socket: socketmode.New(api)}
	ctx := context.Background()
	go a.events(ctx)
	if err := a.socket.RunContext(ctx); err != nil {
		complain(err)
		os.Exit(1)
	}
}

func complain(err error) { fmt.Println("[ERROR] app:", err) }

func (a *app) events(ctx context.Context) {
	for e := range a.socket.Events {
		switch e.Type {
		case socketmode.EventTypeEventsAPI, socketmode.EventTypeSlashCommand, socketmode.EventTypeInteractive:
			go func() {
				if err := a.handle(ctx, e); err != nil {
					complain(err)
				}
			}()
		case socketmode.EventTypeErrorBadMessage, socketmode.EventTypeErrorWriteFailed, socketmode.EventTypeConnectionError:
			complain(fmt.Errorf("%s: %v", e.Type, e.Data))
		default:
		}
	}
}

func (a *app) handle(ctx context.Context, e socketmode.Event) error {
	switch data := e.Data.(type) {
	case slackevents.EventsAPIEvent:
		if err := a.socket.Ack(*e.Request); err != nil {
			return err
		}
		switch ev := data.InnerEvent.Data.(type) {
		case *slackevents.AppMentionEvent:
			return a.mention(ctx, ev, data.TeamID)
		case *slackevents.MessageEvent:
			return a.message(ctx, ev)
		case *slackevents.AppHomeOpenedEvent:
			view := slack.HomeTabViewRequest{Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: []slack.Block{
				slack.NewSectionBlock(slack.NewTextBlockObject("mrkdwn", "welcome home", false, false), nil, nil),
			}}}
			_, err := a.api.PublishViewContext(ctx, slack.PublishViewContextRequest{UserID: ev.User, View: view})
			return err
		}
	case slack.SlashCommand:
		return a.command(ctx, e, data)
	case slack.InteractionCallback:
		return a.interaction(ctx, e, data)
	}
	return nil
}

func (a *app) mention(ctx context.Context, ev *slackevents.AppMentionEvent, team string) error {
	thread := ev.ThreadTimeStamp
	if thread == "" {
		thread = ev.TimeStamp
	}
	post := func(options ...slack.MsgOption) (string, error) {
		_, ts, err := a.api.PostMessageContext(ctx, ev.Channel, append(options, slack.MsgOptionTS(thread))...)
		return ts, err
	}
	switch has := func(word string) bool { return strings.Contains(ev.Text, word) }; {
	case has("hello"):
		ts, err := post(slack.MsgOptionText("hello", false))
		if err != nil {
			return err
		}
		if _, _, _, err := a.api.UpdateMessageContext(ctx, ev.Channel, ts, slack.MsgOptionText("hello <@"+ev.User+">", false)); err != nil {
			return err
		}
		list, _, _, err := a.api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{ChannelID: ev.Channel, Timestamp: thread})
		if err == nil && len(list) < 2 {
			err = fmt.Errorf("the thread has %d messages", len(list))
		}
		return err
	case has("markdown"):
		_, err := post(slack.MsgOptionText("a title", false), slack.MsgOptionBlocks(slack.NewMarkdownBlock("", "# A title\n\n**bold** and `code`")))
		return err
	case has("stream"), has("chunks"):
		return a.stream(ctx, ev, thread, team)
	case has("button"):
		button := slack.NewButtonBlockElement("go", "", slack.NewTextBlockObject("plain_text", "Go", false, false))
		_, err := post(slack.MsgOptionText("press", false), slack.MsgOptionBlocks(slack.NewActionBlock("", button)))
		return err
	case has("file"):
		const text = "from the app"
		_, err := a.api.UploadFileContext(ctx, slack.UploadFileParameters{
			Channel: ev.Channel, ThreadTimestamp: thread, Filename: "notes.txt", Content: text, FileSize: len(text), InitialComment: "here",
		})
		return err
	case has("secret"):
		_, err := a.api.PostEphemeralContext(ctx, ev.Channel, ev.User, slack.MsgOptionText("only for you", false))
		return err
	case has("react"):
		return a.api.AddReactionContext(ctx, "eyes", slack.NewRefToMessage(ev.Channel, ev.TimeStamp))
	}
	return nil
}

// stream writes a native stream; slack-go has no helper for it.
func (a *app) stream(ctx context.Context, ev *slackevents.AppMentionEvent, thread, team string) error {
	words := []string{strings.Repeat("one two three ", 20), strings.Repeat("one two three ", 20)}
	end := []slack.MsgOption{}
	if strings.Contains(ev.Text, "chunks") {
		words = []string{"all ", "of it"}
		end = append(end, slack.MsgOptionBlocks(slack.NewContextBlock("", slack.NewTextBlockObject("mrkdwn", "the end", false, false))))
	}
	channel, ts, err := a.api.StartStreamContext(ctx, ev.Channel, slack.MsgOptionTS(thread), slack.MsgOptionRecipientUserID(ev.User),
		slack.MsgOptionRecipientTeamID(team), slack.MsgOptionChunks(slack.NewMarkdownTextChunk(words[0])))
	if err != nil {
		return err
	}
	if _, _, err := a.api.AppendStreamContext(ctx, channel, ts, slack.MsgOptionChunks(slack.NewMarkdownTextChunk(words[1]))); err != nil {
		return err
	}
	_, _, err = a.api.StopStreamContext(ctx, channel, ts, end...)
	return err
}

func (a *app) message(ctx context.Context, ev *slackevents.MessageEvent) error {
	if ev.BotID != "" || ev.Message == nil {
		return nil
	}
	for _, f := range ev.Message.Files {
		var b bytes.Buffer
		if err := a.api.GetFileContext(ctx, f.URLPrivate, &b); err != nil {
			return err
		}
		if _, _, err := a.api.PostMessageContext(ctx, ev.Channel, slack.MsgOptionText(f.Name+": "+b.String(), false), slack.MsgOptionTS(ev.TimeStamp)); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) command(ctx context.Context, e socketmode.Event, c slack.SlashCommand) error {
	if c.Command == "/form" {
		a.channel = c.ChannelID
		if err := a.socket.Ack(*e.Request); err != nil {
			return err
		}
		name := slack.NewInputBlock("name", slack.NewTextBlockObject("plain_text", "Name", false, false), nil, slack.NewPlainTextInputBlockElement(nil, "name"))
		_, err := a.api.OpenViewContext(ctx, c.TriggerID, slack.ModalViewRequest{
			Type: slack.VTModal, CallbackID: "form", Title: slack.NewTextBlockObject("plain_text", "A form", false, false),
			Submit: slack.NewTextBlockObject("plain_text", "Send", false, false), Blocks: slack.Blocks{BlockSet: []slack.Block{name}},
		})
		return err
	}
	if err := a.socket.Ack(*e.Request, map[string]any{"response_type": "ephemeral", "text": "ack: " + c.Text}); err != nil {
		return err
	}
	return respond(ctx, c.ResponseURL, map[string]any{"response_type": "in_channel", "text": "later: " + c.Text})
}

func (a *app) interaction(ctx context.Context, e socketmode.Event, cb slack.InteractionCallback) error {
	if cb.Type == slack.InteractionTypeViewSubmission {
		name := cb.View.State.Values["name"]["name"].Value
		if name == "bad" {
			return a.socket.Ack(*e.Request, slack.NewErrorsViewSubmissionResponse(map[string]string{"name": "not this one"}))
		}
		if err := a.socket.Ack(*e.Request); err != nil {
			return err
		}
		_, _, err := a.api.PostMessageContext(ctx, a.channel, slack.MsgOptionText("the form says "+name, false))
		return err
	}
	if err := a.socket.Ack(*e.Request); err != nil {
		return err
	}
	return respond(ctx, cb.ResponseURL, map[string]any{"replace_original": true, "text": "pressed by " + cb.User.ID})
}

// respond answers at a response_url.
func respond(ctx context.Context, url string, body map[string]any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("response_url: %s", res.Status)
	}
	return nil
}
