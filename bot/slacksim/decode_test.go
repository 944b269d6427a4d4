package slacksim_test

import (
	"context"
	"strconv"
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

// TestRealClientUnderstands sends everything that the workspace can tell an app through slack-go,
// which rejects a whole event for one bad field, and uses its own calls for streams, files, views
// and sessions.
func TestRealClientUnderstands(t *testing.T) {
	events := append(slacksim.DefaultEvents(), "agent_session_stopped")
	bubble(t, slacksim.Config{Agent: true, Events: events}, func(t *testing.T, s *space) {
		api := slack.New(s.BotToken(), slack.OptionAppLevelToken(s.AppToken()), slack.OptionAPIURL("http://slack/api/"), slack.OptionHTTPClient(s.http))
		sm := socketmode.New(api, socketmode.OptionDialer(&websocket.Dialer{NetDialContext: s.net.Dial, HandshakeTimeout: 10 * time.Second, WriteBufferSize: 32 << 10}))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		wg.Go(func() { _ = sm.RunContext(ctx) })
		seen := map[string]int{}
		wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case ev := <-sm.Events:
					if ev.Type == socketmode.EventTypeErrorBadMessage {
						t.Errorf("bad message: %v", ev.Data)
					}
					if ev.Request != nil && (ev.Type == socketmode.EventTypeEventsAPI || ev.Type == socketmode.EventTypeInteractive) {
						if err := sm.Ack(*ev.Request); err != nil {
							t.Error(err)
						}
					}
					if in, ok := ev.Data.(slackevents.EventsAPIEvent); ok {
						name := in.InnerEvent.Type
						if m, ok := in.InnerEvent.Data.(*slackevents.MessageEvent); ok {
							name += " " + m.SubType
						}
						seen[name]++
					}
				}
			}
		})
		must(t, s.Wait(ctx, func(sim *slacksim.Sim) bool { return sim.Sockets() == 1 }))

		general := s.ChannelID("general")
		asked := s.Upload("alice", "general", "", "@llm see https://example.org", slacksim.Upload{Name: "a.go", Data: []byte("package a")})
		s.Upload("erik", "shared-extern", "", "x", slacksim.Upload{Name: "a.png", Data: []byte("\x89PNG\r\n\x1a\n")})
		must(t, s.UnfurlLink("general", asked))
		must(t, s.Edit("alice", "general", asked, "@llm again"))

		to := []slack.MsgOption{slack.MsgOptionTS(asked), slack.MsgOptionRecipientUserID(s.UserID("alice")), slack.MsgOptionRecipientTeamID("T0ACME0001")}
		_, ts, err := api.StartStreamContext(ctx, general, append(to, slack.MsgOptionChunks(slack.NewMarkdownTextChunk("a")))...)
		must(t, err)
		task := slack.NewTaskUpdateChunk("1", "look")
		task.Status = slack.TaskCardStatusComplete
		_, _, err = api.AppendStreamContext(ctx, general, ts, slack.MsgOptionChunks(task, slack.NewPlanUpdateChunk("plan"), slack.NewMarkdownTextChunk("b")))
		must(t, err)
		fb := slack.NewContextActionsBlock("", slack.NewFeedbackButtonsBlockElement("fb",
			slack.NewFeedbackButton(slack.NewTextBlockObject("plain_text", "Good", false, false), "up"),
			slack.NewFeedbackButton(slack.NewTextBlockObject("plain_text", "Bad", false, false), "down")))
		_, _, err = api.StopStreamContext(ctx, general, ts, slack.MsgOptionBlocks(fb))
		must(t, err)
		must(t, s.ClickValue(ctx, "bob", "general", ts, "fb", "down"))

		chart := slack.NewDataVisualizationBlock("t", slack.NewDataVisualizationPieChart(slack.NewDataVisualizationSegment("a", 1)))
		_, err = api.PublishViewContext(ctx, slack.PublishViewContextRequest{UserID: s.UserID("alice"), View: slack.HomeTabViewRequest{Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: []slack.Block{chart}}}})
		must(t, err)
		must(t, s.OpenHome("alice"))
		_, err = api.SetAgentSessionStatusContext(ctx, slack.AgentSessionSetStatusParameters{ChannelID: general, ThreadTS: asked, Status: slack.AgentSessionStatusProcessing})
		must(t, err)
		must(t, s.StopSession("alice", "general", asked))
		file, _, _, err := api.GetFileInfoContext(ctx, s.Channel("general")[0].Files[0]["id"].(string), 0, 0)
		must(t, err)
		if file.Mode != "snippet" || file.Size != 9 || file.URLPrivateDownload == "" {
			t.Errorf("%+v", file)
		}
		list, _, _, err := api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{ChannelID: general, Timestamp: asked})
		must(t, err)
		if len(list) != 2 || len(list[0].Files) != 1 || list[0].SubType != "file_share" {
			t.Errorf("%+v", list)
		}
		must(t, s.Delete("alice", "general", asked))
		api2 := slack.New(s.BotToken(), slack.OptionAPIURL("http://slack/api/"), slack.OptionHTTPClient(s.http))
		_, _, err = api2.DeleteMessageContext(ctx, general, ts)
		must(t, err)
		time.Sleep(10 * time.Minute)
		cancel()
		synctest.Wait()
		for name, n := range map[string]int{
			"message file_share": 2, "app_mention": 2, "message message_changed": 4, "message ": 1, "message message_deleted": 1, "app_home_opened": 1, "agent_session_stopped": 1,
		} {
			if seen[name] != n {
				t.Errorf("%s came %d times, want %d: %v", name, seen[name], n, seen)
			}
		}
	})
}

// TestHammerFeatures uses streams, files, views and clicks at once, for the race detector and for
// deadlocks.
func TestHammerFeatures(t *testing.T) {
	bubble(t, slacksim.Config{Agent: true, Limiter: slacksim.LimiterOff, Latency: 3 * time.Millisecond}, func(t *testing.T, s *space) {
		s.link(ackAll)
		page := s.page("GET", "/page/events?user=bob", "")
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				ts, call := s.streaming("general", "chunks", chunk("x"))
				for j := range 20 {
					call("chat.appendStream", "chunks", chunk(strconv.Itoa(j)))
					s.MessageFor("bob", "general", ts)
				}
				call("chat.stopStream", "blocks", clickable)
				if err := s.ClickValue(t.Context(), "bob", "general", ts, "fb", "down"); err != nil {
					t.Error(err)
				}
				mine := s.Upload("bob", "general", "", "x https://example.org", slacksim.Upload{Name: "f.txt", Data: []byte{byte(i)}})
				s.call("views.publish", "user_id", s.UserID("alice"), "view", view("["+section("x")+"]"))
				for _, err := range []error{s.UnfurlLink("general", mine), s.Edit("bob", "general", mine, "y"), s.Delete("bob", "general", mine), s.OpenHome("alice")} {
					if err != nil {
						t.Error(err)
					}
				}
				s.Home("alice")
				s.call("agents.sessions.setStatus", "channel_id", s.ChannelID("general"), "thread_ts", ts, "status", "processing")
				_ = s.StopSession("bob", "general", ts)
			})
		}
		wg.Wait()
		_ = page.Body.Close()
		for _, m := range s.Channel("general") {
			for _, r := range s.Replies("general", m.TS) {
				if r.Stream != slacksim.StreamStopped || r.Text != "x012345678910111213141516171819" {
					t.Errorf("%s: %q", r.Stream, r.Text)
				}
			}
		}
	})
}
