package slacksim_test

import (
	"context"
	"fmt"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"

	"llmbot/bot/slacksim"
)

// echo is the bot of the examples: it answers each mention in its thread, and /echo in the ack. It
// is written with slack-go, as a bot is that has never heard of this package.
func echo(ctx context.Context, srv *slacksim.Server) {
	api := slack.New(srv.BotToken(), slack.OptionAppLevelToken(srv.AppToken()), slack.OptionAPIURL(srv.APIURL()), slack.OptionRetry(2))
	socket := socketmode.New(api)
	go func() { _ = socket.RunContext(ctx) }()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-socket.Events:
			switch data := e.Data.(type) {
			case slackevents.EventsAPIEvent:
				_ = socket.Ack(*e.Request)
				if m, ok := data.InnerEvent.Data.(*slackevents.AppMentionEvent); ok {
					_, _, err := api.PostMessage(m.Channel, slack.MsgOptionText("I heard you", false), slack.MsgOptionTS(m.TimeStamp))
					if err != nil {
						fmt.Println("the bot:", err)
					}
				}
			case slack.SlashCommand:
				_ = socket.Ack(*e.Request, map[string]any{"response_type": "ephemeral", "text": "you said " + data.Text})
			}
		}
	}
}

// start serves a workspace with the bot in it, for an example.
func start(cfg slacksim.Config) (*slacksim.Server, context.Context, func()) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	srv, err := slacksim.Serve(ctx, "127.0.0.1:0", cfg)
	if err != nil {
		panic(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		echo(ctx, srv)
	}()
	_ = srv.Wait(ctx, func(s *slacksim.Sim) bool { return s.Sockets() > 0 })
	return srv, ctx, func() {
		cancel()
		<-ended
		srv.Close()
	}
}

// A person mentions the bot, and the test waits for the answer in the thread.
func Example() {
	srv, ctx, stop := start(slacksim.Config{})
	defer stop()

	question := srv.Say("alice", "#general", "", "@llm are you there?")
	err := srv.Wait(ctx, func(s *slacksim.Sim) bool { return len(s.Replies("#general", question)) > 0 })
	if err != nil {
		fmt.Println("no answer:", err)
	}
	for _, m := range srv.Thread("#general", question) {
		fmt.Println(srv.Name(m.User)+":", m.Plain)
	}
	// Output:
	// alice: @llm are you there?
	// llm: I heard you
}

// A slash command whose ack has an answer.
func ExampleSim_Command() {
	srv, ctx, stop := start(slacksim.Config{Commands: []string{"/echo"}})
	defer stop()

	m, err := srv.Command(ctx, "bob", "#random", "/echo", "hello")
	fmt.Println(m.Plain, err)
	// Output: you said hello <nil>
}

// Slack refuses a call once with 429 and Retry-After. A bot that repeats it answers all the same.
func ExampleSim_Fail() {
	srv, ctx, stop := start(slacksim.Config{})
	defer stop()

	srv.Fail(slacksim.Fault{Method: "chat.postMessage", Status: 429, RetryAfter: 1})
	question := srv.Say("alice", "#general", "", "@llm once more")
	_ = srv.Wait(ctx, func(s *slacksim.Sim) bool { return len(s.Replies("#general", question)) > 0 })
	for _, c := range srv.Calls("chat.postMessage") {
		fmt.Println(c.Method, c.Status, c.Error)
	}
	// Output:
	// chat.postMessage 429 ratelimited
	// chat.postMessage 200
}

// An event comes twice, as after an ack that was lost. This bot does not notice, and answers twice.
func ExampleSim_FailEvent() {
	srv, ctx, stop := start(slacksim.Config{})
	defer stop()

	srv.FailEvent(slacksim.EventFault{Type: "app_mention", Duplicate: 1})
	question := srv.Say("alice", "#general", "", "@llm hello")
	_ = srv.Wait(ctx, func(s *slacksim.Sim) bool { return len(s.Replies("#general", question)) > 1 })
	fmt.Println(len(srv.Replies("#general", question)), "answers")
	// Output: 2 answers
}

// Edits are refused for a while, as when others have used up the limit; a good bot waits as long as
// Retry-After tells it, and goes on.
func ExampleSim_RefuseEdits() {
	srv, ctx, stop := start(slacksim.Config{})
	defer stop()

	api := slack.New(srv.BotToken(), slack.OptionAPIURL(srv.APIURL()))
	_, ts, _ := api.PostMessageContext(ctx, srv.ChannelID("general"), slack.MsgOptionText("one", false))
	srv.RefuseEdits(10 * time.Second)
	_, _, _, err := api.UpdateMessageContext(ctx, srv.ChannelID("general"), ts, slack.MsgOptionText("two", false))
	fmt.Println(err)
	for _, b := range srv.Budgets() {
		if b.Method == "chat.update" {
			fmt.Printf("%d of %d used, %d refused, %d left\n", b.Used, b.Limit, b.Refused, b.Left)
		}
	}
	// Output:
	// slack rate limit exceeded, retry after 10s
	// 0 of 50 used, 1 refused, 0 left
}

// An event that the bot acked comes once more, as when the ack got lost on its way. This bot
// answers again; one that remembers event ids would not.
func ExampleSim_Redeliver() {
	srv, ctx, stop := start(slacksim.Config{Events: []string{"app_mention"}})
	defer stop()

	question := srv.Say("alice", "#general", "", "@llm hello")
	acked := func(s *slacksim.Sim) bool { e := s.Envelopes(); return len(e) > 0 && !e[0].Acked.IsZero() }
	fmt.Println(srv.Wait(ctx, acked), srv.Redeliver(""))
	_ = srv.Wait(ctx, func(s *slacksim.Sim) bool { return len(s.Replies("#general", question)) > 1 })
	fmt.Println(len(srv.Replies("#general", question)), "answers")
	// Output:
	// <nil> <nil>
	// 2 answers
}

// What a bot did to Slack: a call that the limits of a message refuse, and a ping of a whole
// channel.
func ExampleSim_Notified() {
	srv, ctx, stop := start(slacksim.Config{})
	defer stop()

	api := slack.New(srv.BotToken(), slack.OptionAPIURL(srv.APIURL()))
	_, _, err := api.PostMessageContext(ctx, srv.ChannelID("general"), slack.MsgOptionBlocks(slack.NewMarkdownBlock("", "<!channel> look")))
	fmt.Println(err, srv.Notified()[0].Who)
	_, _, err = api.PostMessageContext(ctx, srv.ChannelID("general"), slack.MsgOptionBlocks(slack.NewHeaderBlock(slack.NewTextBlockObject("mrkdwn", "*big*", false, false))))
	fmt.Println(err)
	// Output:
	// <nil> channel
	// invalid_blocks
}
