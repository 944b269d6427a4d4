package slackio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot"
	"llmbot/bot/answer"
	"llmbot/bot/render"
	"llmbot/bot/slacksim"
	"llmbot/bot/thread"
	"llmbot/llm/llmsim/memnet"
)

// inSlack runs a test with a Slack that paces, without sockets, in a bubble. root is a thread to answer in.
func inSlack(t *testing.T, cfg slacksim.Config, test func(t *testing.T, s *Slack, sim *slacksim.Sim, root thread.ID)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sim := slacksim.New(cfg)
		net := memnet.Serve(sim)
		client := net.Client()
		s := New(Config{
			AppToken: slacksim.DefaultAppToken, BotToken: slacksim.DefaultBotToken, APIURL: "http://slack/api/", HTTP: client,
			Log: slog.New(slog.DiscardHandler),
		})
		if _, err := s.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _ = s.pace.Run(ctx) })
		defer func() {
			cancel()
			all.Wait()
			client.CloseIdleConnections()
			sim.Close()
			_ = net.Close()
		}()
		test(t, s, sim, thread.ID{Channel: sim.ChannelID("general"), TS: sim.Say("alice", "general", "", "question")})
	})
}

func written(sim *slacksim.Sim, root thread.ID) (all string, messages []slacksim.Message) {
	for _, m := range sim.Replies(root.Channel, root.TS) {
		if !m.Deleted {
			all += m.Plain + "\n"
			messages = append(messages, m)
		}
	}
	return all, messages
}

// refusals are what Slack does to calls in TestDraftRandom.
func refusals() []slacksim.Fault {
	return []slacksim.Fault{
		{Error: "invalid_blocks"},
		{Error: "msg_too_long"},
		{Status: 503},
		{Status: 503, Carry: true},
		{Status: 429, RetryAfter: 5},
		{Status: 429, RetryAfter: 40},
		{Error: "internal_error", Carry: true},
		{Error: "ratelimited"},
		{Delay: 3 * time.Second},
		{Method: "chat.update", Error: "edit_window_closed"},
		{Method: "chat.update", Error: "message_not_found"},
	}
}

// streamRefusals are those that only streams meet.
func streamRefusals() []slacksim.Fault {
	return []slacksim.Fault{
		{Method: "chat.appendStream", Error: "message_not_in_streaming_state"},
		{Method: "chat.stopStream", Error: "message_not_in_streaming_state"},
		{Method: "chat.appendStream", Error: "stopped_by_user"},
		{Method: "chat.appendStream", Error: "streaming_mode_mismatch"},
		{Hang: true},
		{Hang: true, Carry: true},
		{Method: "chat.startStream", Error: "user_not_found"},
		{Method: "chat.startStream", Delay: 20 * time.Second},
		{Method: "chat.startStream", Error: "unknown_method"},
		{Method: "chat.appendStream", Error: "missing_scope"},
	}
}

// TestDraftRandom writes answers that grow, are written anew and meet all kinds of refusals, in a channel and in direct messages: at the
// end the newest text is there in full, with one footer, and nothing else is left of what was there before but marked pieces.
func TestDraftRandom(t *testing.T) {
	for seed := range uint64(70) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			inSlack(t, slacksim.Config{Latency: 50 * time.Millisecond, Seed: seed}, func(t *testing.T, s *Slack, sim *slacksim.Sim, root thread.ID) {
				faults, methods := refusals(), []string{"chat.update", "chat.postMessage"}
				if seed%2 == 1 {
					ts := sim.Say("alice", "@alice", "", "question")
					root = thread.ID{Channel: sim.ChannelID("@alice"), TS: ts}
					faults = append(faults, streamRefusals()...)
					methods = append(methods, "chat.startStream", "chat.appendStream", "chat.appendStream", "chat.stopStream", "chat.stopStream")
				}
				for range r.IntN(5) {
					f := faults[r.IntN(len(faults))]
					f.Skip, f.Times = r.IntN(6), 1+r.IntN(2)
					if f.RetryAfter > 30 {
						f.Times = 1 // twice is longer than a cleanup waits: then another process's look tidies up
					}
					if f.Method == "" {
						f.Method = methods[r.IntN(len(methods))]
					}
					if f.Method == "chat.startStream" {
						f.Skip = r.IntN(2)
					}
					sim.Fail(f)
				}
				tidy := randomDraft(t, r, s, sim, root)
				frozen := slices.ContainsFunc(sim.Calls("chat.update"), func(c slacksim.Call) bool { return c.Error == "edit_window_closed" || c.Error == "message_not_found" })
				if t.Failed() || !tidy && !frozen {
					t.Error("small print is left")
				}
			})
		})
	}
}

func randomDraft(t *testing.T, r *rand.Rand, s *Slack, sim *slacksim.Sim, root thread.ID) (tidy bool) {
	t.Helper()
	d, err := s.Open(t.Context(), root, bot.Reply{For: root.TS, User: sim.UserID("alice")})
	if err != nil {
		t.Fatal(err)
	}
	try, text := 0, ""
	n := 20 + r.IntN(700)
	pause := 60
	if r.IntN(6) == 0 {
		pause = 1_200 // streams get old
	}
	for i := 0; i < n; i++ {
		text += fmt.Sprintf("t%d-%04d <x> word. ", try, i)
		if i%9 == 8 {
			text += "\n\n"
		}
		a := answer.Snapshot{Text: text, Small: fmt.Sprintf("writing… %d", i), Phase: answer.Writing}
		if r.IntN(4*n) == 0 {
			a.Notice = "The server is away."
		}
		d.Set(a)
		time.Sleep(time.Duration(r.IntN(pause)) * time.Millisecond)
		if r.IntN(n) == 0 && try < 2 {
			try, i, text = try+1, 0, text[:r.IntN(2)*(len(text)/2)]
			text += fmt.Sprintf("t%d-%04d <x> word. ", try, 0)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := d.Close(ctx, answer.Snapshot{Text: text, Small: "the footer", Phase: answer.Done}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Minute) // for the cleanup
	all, messages := written(sim, root)
	if strings.Count(all, "the footer") != 1 {
		t.Errorf("%d footers in %d messages", strings.Count(all, "the footer"), len(messages))
	}
	for _, m := range messages {
		if m.Stream == slacksim.StreamLive || m.Stream == slacksim.StreamBroken {
			t.Errorf("a stream is %s", m.Stream)
		}
		if m.Metadata["event_type"] != metadataType {
			t.Errorf("a message without metadata: %.100q", m.Plain)
		}
	}
	shown := all
	all = strings.Join(strings.Fields(strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(all)), "")
	at := 0
	for w := range strings.FieldsSeq(text) {
		k := strings.Index(all[at:], w)
		if k < 0 {
			t.Fatalf("%q is missing (%d messages)", w, len(messages))
		}
		at += k + len(w)
	}
	if len(messages) == 1 && strings.Count(all, strings.Fields(text)[0]) != 1 {
		t.Errorf("doubled: %.300q", all)
	}
	return !strings.Contains(shown, "writing…")
}

func TestDraftHammer(t *testing.T) {
	inSlack(t, slacksim.Config{Latency: 20 * time.Millisecond}, func(t *testing.T, s *Slack, sim *slacksim.Sim, root thread.ID) {
		var all sync.WaitGroup
		for g := range 8 {
			all.Go(func() {
				th := thread.ID{Channel: root.Channel, TS: sim.Say("bob", "general", "", "q")}
				d, err := s.Open(t.Context(), th, bot.Reply{For: th.TS})
				if err != nil {
					t.Error(err)
					return
				}
				var text strings.Builder
				for i := range 200 {
					text.WriteString(fmt.Sprintf("g%d-%d ", g, i))
					d.Set(answer.Snapshot{Text: text.String(), Small: "s", Phase: answer.Writing})
					time.Sleep(time.Millisecond)
				}
				if err := d.Close(t.Context(), answer.Snapshot{Text: text.String(), Small: "end", Phase: answer.Done}); err != nil {
					t.Error(err)
				}
				if got, _ := written(sim, th); !strings.Contains(got, fmt.Sprintf("g%d-199", g)) || !strings.Contains(got, "end") {
					t.Errorf("%q", got)
				}
			})
		}
		all.Wait()
	})
}

func TestDraftThatMayNotWrite(t *testing.T) {
	inSlack(t, slacksim.Config{}, func(t *testing.T, s *Slack, sim *slacksim.Sim, root thread.ID) {
		lost := errors.New("lost")
		open := time.Now().Add(30 * time.Second)
		for _, check := range []func() error{
			func() error { return lost },
			func() error {
				if time.Now().Before(open) {
					return fmt.Errorf("%w: lapsed", bot.ErrLeaseUncertain)
				}
				return nil
			},
		} {
			d, err := s.Open(t.Context(), root, bot.Reply{For: "1.0", Check: check})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
			err = d.Close(ctx, answer.Snapshot{Text: "text", Phase: answer.Done})
			cancel()
			_, messages := written(sim, root)
			if first := errors.Is(check(), lost); first != errors.Is(err, lost) || first != (len(messages) == 0) {
				t.Errorf("%v, %d messages", err, len(messages))
			}
		}
	})
}

func TestStatusLineIsTakenAway(t *testing.T) {
	inSlack(t, slacksim.Config{Latency: 500 * time.Millisecond}, func(t *testing.T, s *Slack, sim *slacksim.Sim, root thread.ID) {
		d, err := s.Open(t.Context(), root, bot.Reply{For: root.TS, Check: func() error { return errors.New("lost") }})
		if err != nil {
			t.Fatal(err)
		}
		d.Set(answer.Snapshot{Status: "is thinking…"})
		time.Sleep(time.Second)
		if got := sim.Status(root.Channel, root.TS); got != "is thinking…" {
			t.Errorf("%q", got)
		}
		if err := d.Close(t.Context(), answer.Snapshot{Text: "x", Phase: answer.Done}); err == nil {
			t.Error("closed")
		}
		if got := sim.Status(root.Channel, root.TS); got != "" {
			t.Errorf("%q stays", got)
		}
	})
}

func TestContents(t *testing.T) {
	pages := []render.Page{{Markdown: "one"}, {Markdown: "two"}}
	tests := map[string]struct {
		pages []render.Page
		a     answer.Snapshot
		more  bool
		want  []content
	}{
		"nothing yet":   {nil, answer.Snapshot{Small: "s"}, false, nil},
		"away":          {nil, answer.Snapshot{Notice: "away"}, false, []content{{notice: "away"}}},
		"pages":         {pages, answer.Snapshot{Small: "s", Phase: answer.Writing}, false, []content{{markdown: "one"}, {markdown: "two", small: "s"}}},
		"cut":           {pages[:1], answer.Snapshot{Small: "s", Notice: "n", Phase: answer.Failed}, false, []content{{markdown: "one", notice: "n", small: "s"}}},
		"stopped early": {nil, answer.Snapshot{Small: "stopped", Phase: answer.Stopped}, false, []content{{notice: "There is no answer: it was stopped before it began.", small: "stopped"}}},
		"print alone":   {nil, answer.Snapshot{Small: "s", Phase: answer.Done}, true, []content{{small: "s"}}},
		"all elsewhere": {nil, answer.Snapshot{Phase: answer.Done}, true, nil},
	}
	for name, tt := range tests {
		if got := contents(tt.pages, tt.a, tt.more, false); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := (content{}).options(render.Links{}); len(got) != 2 {
		t.Errorf("%d options", len(got))
	}
}

func TestFlights(t *testing.T) {
	f := newDedupe()
	var all sync.WaitGroup
	var mu sync.Mutex // guards firsts
	firsts := map[string]int{}
	for range 8 {
		all.Go(func() {
			for i := range 500 {
				key := fmt.Sprint(i)
				fl, first := f.begin(key, false)
				if first {
					mu.Lock()
					firsts[key]++
					n := firsts[key]
					mu.Unlock()
					var err error
					if i%10 == 0 && n < 3 {
						err = errors.New("not durable")
					}
					f.end(fl, err)
				}
				<-fl.over
			}
		})
	}
	all.Wait()
	for key, n := range firsts {
		if n != 1 && !strings.HasSuffix(key, "0") || n > 3 {
			t.Errorf("%s: %d", key, n)
		}
	}
	again := func(key string) bool {
		fl, first := f.begin(key, false)
		if first {
			f.end(fl, nil)
		}
		return !first
	}
	for i := range maxSeen {
		again(fmt.Sprint("x", i))
	}
	if !again("x0") {
		t.Error("the first one is forgotten before there are too many")
	}
	for i := range 10 {
		again(fmt.Sprint("y", i))
	}
	if !again("x0") || again("x1") || f.byID.Len() != maxSeen {
		t.Errorf("of too many those go first that did not come for longest: %d are known", f.byID.Len())
	}
}

// TestCompleteAnswerStandsAlone: a message that was taken over cannot be edited in time, so that the whole answer goes out as a new one. The
// old one, which shows nothing of it, is deleted; where Slack does not let it be, it says what it is.
func TestCompleteAnswerStandsAlone(t *testing.T) {
	for name, kept := range map[string]bool{"deleted": false, "may not be deleted": true} {
		t.Run(name, func(t *testing.T) {
			inSlack(t, slacksim.Config{}, func(t *testing.T, s *Slack, sim *slacksim.Sim, root thread.ID) {
				var ids []string
				posted := func(id string) { ids = append(ids, id) }
				before, err := s.Open(t.Context(), root, bot.Reply{For: root.TS, Posted: posted})
				if err != nil {
					t.Fatal(err)
				}
				before.Set(answer.Snapshot{Text: "half of", Phase: answer.Writing})
				time.Sleep(5 * time.Second)
				gone, cancel := context.WithCancel(t.Context())
				cancel()
				_ = before.Close(gone, answer.Snapshot{}) // its owner is dead
				sim.Fail(slacksim.Fault{Method: "chat.update", Times: 1, Status: 429, RetryAfter: 50})
				if kept {
					sim.Fail(slacksim.Fault{Method: "chat.delete", Times: -1, Error: "cant_delete_message"})
				}
				d, err := s.Open(t.Context(), root, bot.Reply{For: root.TS, Epoch: 2, Adopt: ids, Posted: posted})
				if err != nil {
					t.Fatal(err)
				}
				end := answer.Snapshot{Text: "another answer, all of it", Phase: answer.Done, Ending: answer.EndingWhole, Small: "footer"}
				if err := d.Close(t.Context(), end); err != nil {
					t.Fatal(err)
				}
				if all, _ := written(sim, root); !strings.Contains(all, "another answer, all of it") {
					t.Errorf("after Close: %s", all)
				}
				time.Sleep(3 * time.Minute)
				all, messages := written(sim, root)
				if n := len(messages); kept != (n == 2) || kept != strings.Contains(all, rewrittenNotice) || strings.Contains(all, "half of") {
					t.Errorf("%d messages in the end: %s", n, all)
				}
				if u := d.(interface{ Untidy() bool }).Untidy(); u {
					t.Error("still untidy")
				}
			})
		})
	}
}
