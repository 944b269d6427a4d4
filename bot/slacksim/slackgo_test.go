package slacksim_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"

	"llmbot/bot/slacksim"
)

// TestRealClient lets slack-go's own clients talk to the workspace: connect, get a mention, answer,
// edit, read back.
func TestRealClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, closeAll := serve(t, slacksim.Config{Latency: 100 * time.Millisecond})
		defer closeAll()
		api := slack.New(sim.BotToken(), slack.OptionAppLevelToken(sim.AppToken()), slack.OptionAPIURL("http://slack/api/"), slack.OptionHTTPClient(sim.http))
		dialer := &websocket.Dialer{NetDialContext: sim.net.Dial, HandshakeTimeout: 10 * time.Second, WriteBufferSize: 32 << 10}
		sm := socketmode.New(api, socketmode.OptionDialer(dialer))

		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		wg.Go(func() { _ = sm.RunContext(ctx) })
		kinds := map[string]int{}
		var mu sync.Mutex
		wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case ev := <-sm.Events:
					switch ev.Type {
					case socketmode.EventTypeEventsAPI:
						in, _ := ev.Data.(slackevents.EventsAPIEvent)
						if err := sm.Ack(*ev.Request); err != nil {
							t.Error(err)
						}
						mu.Lock()
						kinds[in.InnerEvent.Type]++
						mu.Unlock()
						if m, ok := in.InnerEvent.Data.(*slackevents.AppMentionEvent); ok {
							answer(t, ctx, api, m)
						}
					case socketmode.EventTypeSlashCommand:
						if err := sm.Ack(*ev.Request, map[string]any{"response_type": "ephemeral", "text": "all *well*"}); err != nil {
							t.Error(err)
						}
					case socketmode.EventTypeErrorBadMessage:
						t.Errorf("bad message: %v", ev.Data)
					}
				}
			}
		})
		if err := sim.Wait(ctx, func(s *slacksim.Sim) bool { return s.Sockets() == 1 }); err != nil {
			t.Fatal(err)
		}
		ts := sim.Say("alice", "general", "", "@llm what is 2 & 2?")
		must(t, sim.Wait(ctx, func(s *slacksim.Sim) bool {
			r := s.Replies("general", ts)
			return len(r) == 1 && len(r[0].Versions) == 2
		}))
		got := sim.Thread("general", ts)
		if got[0].Plain != "@llm what is 2 & 2?" || got[1].Plain != "**4**, of course" || got[1].Edited {
			t.Errorf("thread: %+v", got)
		}
		m, err := sim.Command(ctx, "bob", "general", "/llm-status", "")
		if err != nil || m.Plain != "all *well*" || len(sim.Ephemerals("bob")) != 1 {
			t.Errorf("command: %+v, %v", m, err)
		}
		time.Sleep(time.Minute)
		for _, e := range sim.Envelopes() {
			if e.Acked.IsZero() || e.Attempt != 0 {
				t.Errorf("%s %s: attempt %d, acked %v", e.Kind, e.Type, e.Attempt, e.Acked)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		// The question, the answer and its edit come as message; the question as app_mention too.
		if kinds["app_mention"] != 1 || kinds["message"] != 3 {
			t.Errorf("events: %v", kinds)
		}
		if n := sim.Notified(); len(n) != 0 {
			t.Errorf("notified: %v", n)
		}
	})
}

func answer(t *testing.T, ctx context.Context, api *slack.Client, m *slackevents.AppMentionEvent) {
	t.Helper()
	auth, err := api.AuthTestContext(ctx)
	must(t, err)
	if auth.UserID == m.User || auth.BotID == "" {
		t.Errorf("auth: %+v", auth)
	}
	u, err := api.GetUserInfoContext(ctx, m.User)
	must(t, err)
	c, err := api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: m.Channel})
	must(t, err)
	if u.Name != "alice" || c.Name != "general" || !c.IsMember {
		t.Errorf("user %q, channel %q, member %v", u.Name, c.Name, c.IsMember)
	}
	must(t, api.SetAssistantThreadsStatusContext(ctx, slack.AssistantThreadsSetStatusParameters{ChannelID: m.Channel, ThreadTS: m.TimeStamp, Status: "is thinking…"}))
	meta := slack.SlackMetadata{EventType: "llm", EventPayload: map[string]any{"for": m.TimeStamp}}
	id, ts, err := api.PostMessageContext(ctx, m.Channel, slack.MsgOptionTS(m.TimeStamp), slack.MsgOptionText("4", true),
		slack.MsgOptionBlocks(slack.NewMarkdownBlock("", "**4**")), slack.MsgOptionMetadata(meta),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())
	must(t, err)
	_, _, _, err = api.UpdateMessageContext(ctx, id, ts, slack.MsgOptionText("4", true), slack.MsgOptionBlocks(slack.NewMarkdownBlock("", "**4**, of course")))
	must(t, err)
	list, _, _, err := api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{ChannelID: id, Timestamp: m.TimeStamp, IncludeAllMetadata: true})
	must(t, err)
	if len(list) != 2 || list[0].Text != "<@"+auth.UserID+"> what is 2 &amp; 2?" || list[1].Metadata.EventPayload["for"] != m.TimeStamp {
		t.Errorf("replies: %+v", list)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var _ http.Handler = (*slacksim.Sim)(nil)
