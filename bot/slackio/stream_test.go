package slackio

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/answer"
	"llmbot/bot/slacksim"
	"llmbot/bot/thread"
)

// lines is text that grows.
func lines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "Line %d says <a> thing.\n\n", i)
	}
	return b.String()
}

// grow shows n lines, one every 100 ms.
func grow(d answer.Draft, n int) {
	for i := range n {
		d.Set(answer.Snapshot{Text: lines(i + 1), Small: "writing…", Status: "is thinking…", Phase: answer.Writing})
		time.Sleep(100 * time.Millisecond)
	}
}

func dm(sim *slacksim.Sim) thread.ID {
	return thread.ID{Channel: sim.ChannelID("@alice"), TS: sim.Say("alice", "@alice", "", "question")}
}

func TestStreamSwitch(t *testing.T) {
	for name, tt := range map[string]struct {
		stream, channel string
		native, grows   bool
	}{
		"default, direct": {"", "@alice", true, true}, "default, channel": {"", "general", false, true},
		"auto, direct": {StreamAuto, "@alice", true, true}, "auto, channel": {StreamAuto, "general", false, true},
		"edit, direct": {StreamEdit, "@alice", false, true}, "edit, channel": {StreamEdit, "general", false, true},
		"native, direct": {StreamNative, "@alice", true, true}, "native, channel": {StreamNative, "general", true, true},
		"off, direct": {StreamOff, "@alice", false, false}, "off, channel": {StreamOff, "general", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			inSlack(t, slacksim.Config{Latency: 50 * time.Millisecond}, func(t *testing.T, s *Slack, sim *slacksim.Sim, _ thread.ID) {
				s.cfg.Stream = tt.stream
				root := thread.ID{Channel: sim.ChannelID(tt.channel), TS: sim.Say("alice", tt.channel, "", "question")}
				d, err := s.Open(t.Context(), root, bot.Reply{For: root.TS, User: sim.UserID("alice")})
				if err != nil {
					t.Fatal(err)
				}
				grow(d, 60)
				if status := sim.Status(root.Channel, root.TS); tt.grows != (status == "") {
					t.Errorf("status %q", status)
				}
				if err := d.Close(t.Context(), answer.Snapshot{Text: lines(60), Small: "the footer", Phase: answer.Done}); err != nil {
					t.Error(err)
				}
				all, messages := written(sim, root)
				if len(messages) != 1 || strings.Count(all, "Line 59") != 1 || strings.Count(all, "the footer") != 1 || strings.Contains(all, "writing…") {
					t.Errorf("%d messages: %s", len(messages), all)
				}
				if m := messages[0]; (m.Stream == slacksim.StreamStopped) != tt.native || len(m.Versions) > 3 != tt.grows || !tt.grows && len(m.Versions) != 1 {
					t.Errorf("%q, %d versions", m.Stream, len(m.Versions))
				}
				if tt.native && tt.channel == "general" && messages[0].Recipient != sim.UserID("alice") {
					t.Errorf("for %q", messages[0].Recipient)
				}
				if status := sim.Status(root.Channel, root.TS); status != "" {
					t.Errorf("status %q stays", status)
				}
			})
		})
	}
}

// TestOffTellsThatItWaits: silence is for growing text, not for a server that is away.
func TestOffTellsThatItWaits(t *testing.T) {
	inSlack(t, slacksim.Config{}, func(t *testing.T, s *Slack, sim *slacksim.Sim, root thread.ID) {
		s.cfg.Stream = StreamOff
		d, err := s.Open(t.Context(), root, bot.Reply{For: root.TS})
		if err != nil {
			t.Fatal(err)
		}
		d.Set(answer.Snapshot{Notice: "The server is away."})
		time.Sleep(5 * time.Second)
		if all, _ := written(sim, root); !strings.Contains(all, "away") {
			t.Errorf("%q", all)
		}
		grow(d, 30)
		if err := d.Close(t.Context(), answer.Snapshot{Text: lines(30), Small: "the footer", Phase: answer.Done}); err != nil {
			t.Error(err)
		}
		if all, messages := written(sim, root); len(messages) != 1 || strings.Contains(all, "away") || !strings.Contains(all, "Line 29") {
			t.Errorf("%d: %q", len(messages), all)
		}
	})
}

// TestStreamsAreAlwaysStopped ends answers in all the ways there are.
func TestStreamsAreAlwaysStopped(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, s *Slack, sim *slacksim.Sim, d answer.Draft){
		"stopped": func(t *testing.T, _ *Slack, _ *slacksim.Sim, d answer.Draft) {
			if err := d.Close(t.Context(), answer.Snapshot{Text: lines(20), Small: "stopped", Phase: answer.Stopped}); err != nil {
				t.Error(err)
			}
		},
		"failed": func(t *testing.T, _ *Slack, _ *slacksim.Sim, d answer.Draft) {
			if err := d.Close(t.Context(), answer.Snapshot{Text: lines(20), Notice: "It broke off.", Phase: answer.Failed}); err != nil {
				t.Error(err)
			}
		},
		"all is over": func(t *testing.T, _ *Slack, _ *slacksim.Sim, d answer.Draft) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := d.Close(ctx, answer.Snapshot{Text: lines(20), Phase: answer.Failed}); err == nil {
				t.Error("closed")
			}
		},
		"in a call": func(t *testing.T, _ *Slack, sim *slacksim.Sim, d answer.Draft) {
			sim.Fail(slacksim.Fault{Method: "chat.appendStream", Delay: 10 * time.Second})
			d.Set(answer.Snapshot{Text: lines(30), Phase: answer.Writing})
			time.Sleep(2 * time.Second)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := d.Close(ctx, answer.Snapshot{Text: lines(30), Phase: answer.Failed}); err == nil {
				t.Error("closed")
			}
			time.Sleep(15 * time.Second)
		},
		"slack is slow": func(t *testing.T, _ *Slack, sim *slacksim.Sim, d answer.Draft) {
			sim.Fail(slacksim.Fault{Method: "chat.stopStream", Status: 429, RetryAfter: 100})
			sim.Fail(slacksim.Fault{Method: "chat.appendStream", Status: 429, RetryAfter: 100})
			sim.Fail(slacksim.Fault{Method: "chat.postMessage", Status: 429, RetryAfter: 100, Times: -1})
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
			defer cancel()
			if err := d.Close(ctx, answer.Snapshot{Text: lines(30), Phase: answer.Done}); err == nil {
				t.Error("closed")
			}
		},
		"nobody closes": func(t *testing.T, s *Slack, _ *slacksim.Sim, _ answer.Draft) { s.stopStreams(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			inSlack(t, slacksim.Config{Latency: 50 * time.Millisecond}, func(t *testing.T, s *Slack, sim *slacksim.Sim, _ thread.ID) {
				root := dm(sim)
				d, err := s.Open(t.Context(), root, bot.Reply{For: root.TS})
				if err != nil {
					t.Fatal(err)
				}
				grow(d, 20)
				if _, messages := written(sim, root); len(messages) != 1 || messages[0].Stream != slacksim.StreamLive {
					t.Fatalf("%d messages", len(messages))
				}
				end(t, s, sim, d)
				time.Sleep(time.Second) // a call may be under way when all is over: whoever makes it stops the stream then
				all, messages := written(sim, root)
				if len(messages) != 1 || messages[0].Stream != slacksim.StreamStopped || name != "slack is slow" && strings.Count(all, "Line 19") != 1 {
					t.Errorf("%d messages, %s: %s", len(messages), messages[0].Stream, all)
				}
				if name == "nobody closes" {
					_ = d.Close(t.Context(), answer.Snapshot{Text: lines(20), Phase: answer.Done})
				}
			})
		})
	}
}

// TestStreamOfAnotherProcess takes over a message that is still streaming.
func TestStreamOfAnotherProcess(t *testing.T) {
	inSlack(t, slacksim.Config{Latency: 50 * time.Millisecond}, func(t *testing.T, s *Slack, sim *slacksim.Sim, _ thread.ID) {
		root, lost, posted := dm(sim), false, ""
		first, err := s.Open(t.Context(), root, bot.Reply{For: root.TS, Posted: func(id string) { posted = id }, Check: func() error {
			if lost {
				return errors.New("lost")
			}
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		grow(first, 20)
		lost = true
		if err := first.Close(t.Context(), answer.Snapshot{Text: lines(20), Phase: answer.Failed}); err == nil {
			t.Error("closed")
		}
		d, err := s.Open(t.Context(), root, bot.Reply{For: root.TS, Adopt: []string{posted}})
		if err != nil {
			t.Fatal(err)
		}
		grow(d, 5)
		if err := d.Close(t.Context(), answer.Snapshot{Text: lines(40), Small: "the footer", Phase: answer.Done}); err != nil {
			t.Error(err)
		}
		all, messages := written(sim, root)
		if len(messages) != 1 || messages[0].Stream != slacksim.StreamStopped || strings.Count(all, "Line 39") != 1 || strings.Count(all, "the footer") != 1 {
			t.Errorf("%d messages: %s", len(messages), all)
		}
	})
}

// TestMethodThatDoesNotExist is asked for once.
func TestMethodThatDoesNotExist(t *testing.T) {
	inSlack(t, slacksim.Config{}, func(t *testing.T, s *Slack, sim *slacksim.Sim, _ thread.ID) {
		sim.Fail(slacksim.Fault{Method: "chat.startStream", Error: "unknown_method", Times: -1})
		for range 3 {
			root := dm(sim)
			d, err := s.Open(t.Context(), root, bot.Reply{For: root.TS})
			if err != nil {
				t.Fatal(err)
			}
			grow(d, 10)
			if err := d.Close(t.Context(), answer.Snapshot{Text: lines(10), Phase: answer.Done}); err != nil {
				t.Error(err)
			}
		}
		if n := len(sim.Calls("chat.startStream")); n != 1 {
			t.Errorf("%d calls", n)
		}
	})
}

// TestSilentStreamGetsOld: the age of a stream ends it, not the next word.
func TestSilentStreamGetsOld(t *testing.T) {
	inSlack(t, slacksim.Config{Latency: 50 * time.Millisecond}, func(t *testing.T, s *Slack, sim *slacksim.Sim, _ thread.ID) {
		root := dm(sim)
		d, err := s.Open(t.Context(), root, bot.Reply{For: root.TS})
		if err != nil {
			t.Fatal(err)
		}
		grow(d, 10)
		time.Sleep(10 * time.Minute)
		if _, messages := written(sim, root); len(messages) != 1 || messages[0].Stream != slacksim.StreamStopped {
			t.Errorf("%d messages, %s", len(messages), messages[0].Stream)
		}
		if err := d.Close(t.Context(), answer.Snapshot{Text: lines(10), Small: "the footer", Phase: answer.Done}); err != nil {
			t.Error(err)
		}
		if all, messages := written(sim, root); len(messages) != 1 || strings.Count(all, "the footer") != 1 || strings.Count(all, "Line 9") != 1 {
			t.Errorf("%d messages: %s", len(messages), all)
		}
	})
}

func TestStreamsHammer(t *testing.T) {
	inSlack(t, slacksim.Config{Latency: 20 * time.Millisecond, Limiter: slacksim.LimiterBucket}, func(t *testing.T, s *Slack, sim *slacksim.Sim, _ thread.ID) {
		var all sync.WaitGroup
		for g := range 16 {
			all.Go(func() {
				time.Sleep(time.Duration(g) * 700 * time.Millisecond)
				root := dm(sim)
				d, err := s.Open(t.Context(), root, bot.Reply{For: root.TS})
				if err != nil {
					t.Error(err)
					return
				}
				var writers sync.WaitGroup
				for range 2 { // Set may come from anywhere
					writers.Go(func() { grow(d, 40) })
				}
				writers.Wait()
				if err := d.Close(t.Context(), answer.Snapshot{Text: lines(60), Small: "the footer", Phase: answer.Done}); err != nil {
					t.Error(err)
				}
				got, messages := written(sim, root)
				if !strings.Contains(got, "Line 59") || strings.Count(got, "the footer") != 1 {
					t.Errorf("%d messages: %q", len(messages), got)
				}
			})
		}
		all.Wait()
		for _, c := range sim.Calls("chat.stopStream") {
			if c.Refused {
				t.Errorf("a stop was refused: %s", c.Error)
			}
		}
	})
}
