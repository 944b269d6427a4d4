package bot_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"llmbot/bot"
	"llmbot/bot/slackio"
	"llmbot/bot/slacksim"
	"llmbot/bot/turn"
	"llmbot/llm"
	"llmbot/llm/llmsim"
	"llmbot/llm/llmsim/memnet"
)

var realTime = flag.Bool("slack.real", false, "run BenchmarkSlack in real time instead of in a bubble")

// scenario is a row of the table in docs/decisions/0004-pace.md: threads that ask within half a
// second.
type scenario struct {
	name     string
	threads  int
	channels int
	limiter  slacksim.Limiter
	refuse   bool // every edit is refused from 0.5 s before the last token on, with Retry-After 5
	tokens   int
	most     figures // a goal is not tested if it is 0
}

func scenarios() []scenario {
	return []scenario{
		{name: "alone", threads: 1, channels: 1, limiter: slacksim.LimiterWindow, most: figures{first: 0.12, stale: 0.56, stall: 0.05, lag: 0.2, calls: 14}},
		{name: "alone, the final refused", threads: 1, channels: 1, limiter: slacksim.LimiterWindow, refuse: true, most: figures{lag: 0.2}},
		{name: "10 threads, window", threads: 10, channels: 1, limiter: slacksim.LimiterWindow, most: figures{stall: 0.4, lag: 0.15, lagMax: 0.3}},
		{name: "10 threads, bucket", threads: 10, channels: 1, limiter: slacksim.LimiterBucket, most: figures{stall: 0.4, lag: 1.2, lagMax: 2.2, refused: 3}},
		{name: "30 threads in 6 channels, window", threads: 30, channels: 6, limiter: slacksim.LimiterWindow, most: figures{stall: 1.3, lagMax: 2.2}},
		{name: "30 threads in 6 channels, bucket", threads: 30, channels: 6, limiter: slacksim.LimiterBucket, most: figures{stall: 1.3, lagMax: 2.2, refused: 3}},
		{name: "30 threads in one channel, window", threads: 30, channels: 1, limiter: slacksim.LimiterWindow, most: figures{stall: 8}},
		{name: "30 threads in one channel, bucket", threads: 30, channels: 1, limiter: slacksim.LimiterBucket, most: figures{stall: 8, refused: 3}},
	}
}

// prose is an answer of exactly n tokens (the end token among them) whose Markdown is its text.
func prose(n int) string {
	var b strings.Builder
	for i := 0; ; i++ {
		word := fmt.Sprintf("word%d ", i%89)
		if i%12 == 11 {
			word += "and so on.\n\n"
		}
		if llmsim.CountTokens(b.String()+word) >= n {
			return strings.TrimSpace(b.String())
		}
		b.WriteString(word)
	}
}

// play runs a scenario with the whole bot between both simulators and measures what readers saw.
func play(tb testing.TB, sc scenario) *figures {
	tb.Helper()
	tokens := max(sc.tokens, 600)
	answer := prose(tokens)
	cfg := slacksim.Config{Latency: 100 * time.Millisecond, Limiter: sc.limiter}
	for i := range sc.channels {
		cfg.Channels = append(cfg.Channels, slacksim.Channel{ID: fmt.Sprintf("C%08d", i), Name: fmt.Sprintf("channel-%d", i)})
	}
	slack := slacksim.New(cfg)
	model := llmsim.New(llmsim.Config{Speed: 50, FirstToken: 200 * time.Millisecond, Answer: func(*llmsim.Chat) string { return answer }})
	slackNet, modelNet := memnet.Serve(slack), memnet.Serve(model)
	modelHTTP, slackHTTP := modelNet.Client(), slackNet.Client()
	log := slog.New(slog.DiscardHandler)
	client, err := llm.New(llm.Config{BaseURL: "http://model/v1", HTTP: modelHTTP, Log: log})
	if err != nil {
		tb.Fatal(err)
	}
	s := slackio.New(slackio.Config{
		AppToken: slack.AppToken(), BotToken: slack.BotToken(), APIURL: "http://slack/api/", HTTP: slackHTTP,
		Dialer: &websocket.Dialer{NetDialContext: slackNet.Dial}, Command: "/llm-status", Log: log,
	})
	ctx, stop := context.WithCancel(context.Background())
	self, err := s.Connect(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	rec := &recorder{model: client, start: time.Now(), byID: map[string]*timeline{}}
	store := turn.NewMem()
	b := bot.New(bot.Config{Owner: "bench", Name: self.Name}, bot.Deps{Model: rec, Server: client, Replier: s, History: s, Room: s, Store: store, Log: log})
	sockets, closeSockets := context.WithCancel(context.WithoutCancel(ctx))
	var all sync.WaitGroup
	all.Go(func() { _ = s.Run(sockets, b) })
	all.Go(func() { _ = b.Run(ctx); closeSockets() })
	for slack.Sockets() < 2 {
		time.Sleep(50 * time.Millisecond)
	}
	// The bot has been asked a little before: names and channels are known, as on any day.
	warm(slack, sc)
	if !*realTime {
		time.Sleep(90 * time.Second)
	}

	asked := map[string]string{} // by thread
	for i := range sc.threads {
		channel := fmt.Sprintf("channel-%d", i%sc.channels)
		asked[slack.Say("alice", channel, "", slack.Mention()+" write")] = channel
		time.Sleep(500 * time.Millisecond / time.Duration(sc.threads))
	}
	if sc.refuse {
		// The ask above waited half a second: this is 0.5 s before the last token.
		time.Sleep(200*time.Millisecond + time.Duration(tokens-50)*20*time.Millisecond)
		slack.Fail(slacksim.Fault{Method: "chat.update", Times: -1, Status: 429, RetryAfter: 5})
	}
	time.Sleep(time.Duration(tokens)*20*time.Millisecond + 40*time.Second)

	var sum figures
	for ts, channel := range asked {
		tl := rec.of(ts)
		if tl == nil || len(tl.born) == 0 {
			sum.n, sum.incomplete = sum.n+1, sum.incomplete+1
			continue
		}
		messages := slack.Replies(channel, ts)
		tl.look(messages, rec.start)
		sum.add(tl)
		sum.continued += len(messages) - 1
	}
	for _, c := range slack.Calls("chat.update", "chat.postMessage") {
		if c.Refused {
			sum.refused++
		}
	}
	stop()
	all.Wait()
	slackHTTP.CloseIdleConnections()
	modelHTTP.CloseIdleConnections()
	slack.Close()
	_ = slackNet.Close()
	_ = modelNet.Close()
	_ = store.Close()
	return sum.mean()
}

func warm(slack *slacksim.Sim, sc scenario) {
	for i := range sc.channels {
		slack.Say("alice", fmt.Sprintf("channel-%d", i), "", slack.Mention())
	}
	time.Sleep(2 * time.Second)
}

// TestSlackGoals holds the whole bot to the goals, in virtual time.
func TestSlackGoals(t *testing.T) {
	t.Parallel()
	rows := scenarios()
	if raceDetector { // ten times slower, and the figures are the same: one row has all the code in it
		rows = rows[3:4]
	}
	for _, sc := range rows {
		t.Run(sc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := play(t, sc)
				t.Log(f)
				most := sc.most
				for _, g := range []struct {
					name      string
					got, most float64
				}{
					{"first text", f.first, most.first},
					{"mean staleness", f.stale, most.stale},
					{"stall", f.stall, most.stall},
					{"end lag", f.lag, most.lag},
					{"max end lag", f.lagMax, most.lagMax},
					{"calls", f.calls, most.calls},
				} {
					if g.most > 0 && g.got > g.most+0.005 {
						t.Errorf("%s is %.3f, the goal is %.3f", g.name, g.got, g.most)
					}
				}
				if f.incomplete > 0 {
					t.Errorf("%d incomplete", f.incomplete)
				}
				if !sc.refuse && f.refused > most.refused {
					t.Errorf("%d refused calls, the goal is %d", f.refused, most.refused)
				}
			})
		})
	}
}

// BenchmarkSlack prints the table: once in virtual time, or with -slack.real in real time.
func BenchmarkSlack(b *testing.B) {
	for _, sc := range scenarios() {
		var f *figures
		b.Run(strings.ReplaceAll(sc.name, " ", "_"), func(b *testing.B) {
			if f != nil {
				return // the figures are not of the clock: once is enough
			}
			if *realTime {
				f = play(b, sc)
			} else {
				testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{
					Name: sc.name, F: func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f = play(t, sc) }) },
				}})
			}
			b.Logf("%s", f)
		})
	}
}
