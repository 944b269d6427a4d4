package ops_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"llmbot/bot"
	"llmbot/bot/ops"
	"llmbot/bot/pace"
	"llmbot/bot/slackio"
	"llmbot/bot/slacksim"
	"llmbot/bot/turn"
	"llmbot/llm"
	"llmbot/llm/llmsim"
	"llmbot/llm/llmsim/memnet"
)

// world is a workspace, a model server, the bot between them, and its ops server.
type world struct {
	t     *testing.T
	slack *slacksim.Sim
	model *llmsim.Server
	ops   *http.Client
}

func inWorld(t *testing.T, slackCfg slacksim.Config, modelCfg llmsim.Config, maxAnswers int, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, slack: slacksim.New(slackCfg), model: llmsim.New(modelCfg)}
		slackNet, modelNet := memnet.Serve(w.slack), memnet.Serve(w.model)
		log := slog.New(slog.DiscardHandler)
		metrics := ops.NewMetrics(ops.Build{Version: "test"})
		modelHTTP, slackHTTP := modelNet.Client(), slackNet.Client()
		client, err := llm.New(llm.Config{BaseURL: "http://model/v1", HTTP: modelHTTP, Log: log})
		if err != nil {
			t.Fatal(err)
		}
		s := slackio.New(slackio.Config{
			AppToken: slacksim.DefaultAppToken, BotToken: slacksim.DefaultBotToken, APIURL: "http://slack/api/", HTTP: slackHTTP,
			Dialer: &websocket.Dialer{NetDialContext: slackNet.Dial}, Command: "/llm-status", Log: log, Pace: pace.Config{Hooks: metrics.Pace()},
			Hooks: slackio.Hooks{Event: metrics.Event, Acked: metrics.Acked, Socket: metrics.Socket, Gap: metrics.Gap, Unread: metrics.Unread},
		})
		ctx, cancel := context.WithCancel(t.Context())
		self, err := s.Connect(ctx)
		if err != nil {
			t.Fatal(err)
		}
		store := turn.NewMem()
		b := bot.New(bot.Config{Owner: "test", Name: self.Name, MaxAnswers: maxAnswers}, bot.Deps{
			Model: client, Server: client, Replier: s, History: s, Room: s, Files: s, Store: store, Log: log, Hooks: metrics.Bot(),
		})
		opsNet := memnet.Serve(ops.New(ops.Config{
			Metrics: metrics, Sockets: s.Sockets, Connections: s.Connections, Threads: b.Threads, Queued: b.Queued, Pace: s.Pace, Log: log,
			Stopping: func() bool { return ctx.Err() != nil },
			Model:    func(ctx context.Context) (string, error) { return "", client.Health(ctx) },
		}))
		w.ops = opsNet.Client()
		var all sync.WaitGroup
		sockets, closeSockets := context.WithCancel(context.WithoutCancel(ctx))
		all.Go(func() { _ = s.Run(sockets, b) })
		all.Go(func() {
			_ = b.Run(ctx)
			closeSockets()
		})
		defer func() {
			cancel()
			all.Wait()
			for _, c := range []*http.Client{slackHTTP, modelHTTP, w.ops} {
				c.CloseIdleConnections()
			}
			_ = store.Close()
			w.slack.Close()
			for _, n := range []*memnet.Net{slackNet, modelNet, opsNet} {
				_ = n.Close()
			}
		}()
		time.Sleep(5 * time.Second)
		test(w)
	})
}

func (w *world) get(path string) string {
	w.t.Helper()
	resp, err := w.ops.Get("http://ops" + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(body)
}

// sum is a metric's value, added up over the labels that are not given; of a histogram the number
// of observations and their sum.
func (w *world) sum(name string, labels ...string) (value, total float64) {
	w.t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader([]byte(w.get("/metrics"))))
	if err != nil {
		w.t.Fatal(err)
	}
rows:
	for _, row := range families["llmbot_"+name].GetMetric() {
		for i := 0; i < len(labels); i += 2 {
			found := false
			for _, l := range row.GetLabel() {
				found = found || l.GetName() == labels[i] && l.GetValue() == labels[i+1]
			}
			if !found {
				continue rows
			}
		}
		value += row.GetCounter().GetValue() + row.GetGauge().GetValue() + float64(row.GetHistogram().GetSampleCount())
		total += row.GetHistogram().GetSampleSum()
	}
	return value, total
}

func (w *world) wants(want float64, name string, labels ...string) {
	w.t.Helper()
	if got, _ := w.sum(name, labels...); got != want {
		w.t.Errorf("%s%v is %v, want %v", name, labels, got, want)
	}
}

// near wants the one observation of a histogram to be about so much.
func (w *world) near(want, off float64, name string) {
	w.t.Helper()
	if n, sum := w.sum(name); n != 1 || sum < want-off || sum > want+off {
		w.t.Errorf("%s has %v observations of %v, want one of %v", name, n, sum, want)
	}
}

const secret = "zq-secret-bread"

// The figures of one answer are what they are known to be, and no page shows what was said.
func TestOneAnswer(t *testing.T) {
	answer := func(*llmsim.Chat) string { return strings.Repeat(secret+" ", 40) }
	inWorld(t, slacksim.Config{Latency: 100 * time.Millisecond},
		llmsim.Config{Speed: 20, FirstToken: 2 * time.Second, PromptDetails: true, Answer: answer}, 0, func(w *world) {
			w.slack.Say("alice", "general", "", w.slack.Mention()+" tell me about "+secret)
			time.Sleep(time.Second)
			thinking := w.get("/debug/threads")
			if !strings.Contains(thinking, "1 live thread,") || !strings.Contains(thinking, "thinking") {
				t.Errorf("after a second:\n%s", thinking)
			}
			time.Sleep(4 * time.Second)
			writing := w.get("/debug/threads") + w.get("/debug/pace") + w.get("/debug/threads?format=json")
			if !strings.Contains(writing, "writing") || !strings.Contains(writing, "1 unfinished answer") {
				t.Errorf("after 5 s:\n%s", writing)
			}
			w.wants(1, "threads", "phase", "writing")
			time.Sleep(time.Minute)

			w.wants(1, "answers_total", "outcome", "done")
			w.wants(1, "answers_total")
			w.wants(1, "events_total", "kind", "asked", "outcome", "handled")
			w.wants(1, "events_total", "kind", "asked", "outcome", "duplicate") // app_mention and message
			w.wants(0, "threads")
			w.wants(2, "sockets_open")
			w.wants(2, "app_connections")
			w.wants(1, "model_up")
			w.wants(1, "model_requests_total", "outcome", "ok")
			w.wants(1, "slack_calls_total", "method", "chat.postMessage")
			w.wants(1, "slack_calls_total", "reason", "final")
			w.wants(0, "slack_refusals_total")
			w.near(2, 0.1, "model_first_token_seconds")
			w.near(2.2, 0.3, "answer_first_visible_seconds")
			w.near(0.15, 0.1, "answer_end_lag_seconds")
			w.near(0, 0.01, "queue_wait_seconds")
			tokens, _ := w.sum("model_completion_tokens_total")
			if _, took := w.sum("answer_seconds"); took < tokens/20+2 || took > tokens/20+3 {
				t.Errorf("%v tokens took %v s", tokens, took)
			}
			w.near(tokens/(2+tokens/20), 0.5, "model_output_tokens_per_second")
			if edits, _ := w.sum("slack_calls_total", "method", "chat.update"); edits != float64(len(w.slack.Calls("chat.update"))) {
				t.Errorf("%v edits, Slack saw %d", edits, len(w.slack.Calls("chat.update")))
			}
			acks, late := w.sum("event_ack_seconds")
			if acks < 2 || late/acks > 1 {
				t.Errorf("%v acks took %v s", acks, late)
			}
			for _, page := range []string{thinking, writing, w.get("/"), w.get("/readyz"), w.get("/metrics"), w.get("/debug/pprof/goroutine?debug=1")} {
				for _, word := range []string{secret, slacksim.DefaultAppToken, slacksim.DefaultBotToken} {
					if strings.Contains(page, word) {
						t.Errorf("%q shows in\n%s", word, page)
					}
				}
			}
		})
}

// What goes wrong is counted: a queue, a stop of the server, refusals for the rate, sockets that
// break.
func TestTroubleIsCounted(t *testing.T) {
	inWorld(t, slacksim.Config{}, llmsim.Config{Speed: 20}, 1, func(w *world) {
		w.slack.Say("alice", "general", "", w.slack.Mention()+" write 100 tokens")
		time.Sleep(time.Second)
		w.slack.Say("bob", "general", "", w.slack.Mention()+" write 100 tokens")
		time.Sleep(2 * time.Second)
		w.wants(1, "queue_length")
		w.wants(1, "threads", "phase", "queued")
		w.slack.Fail(slacksim.Fault{Method: "chat.update", Status: http.StatusTooManyRequests, RetryAfter: 3, Times: 1})
		time.Sleep(30 * time.Second)
		w.wants(2, "answers_total", "outcome", "done")
		w.wants(2, "queue_wait_seconds")
		w.wants(1, "slack_refusals_total", "method", "chat.update")
		w.wants(3, "slack_refused_seconds_total", "method", "chat.update")

		w.model.SetMode(llmsim.Loading)
		w.slack.Say("alice", "general", "", w.slack.Mention()+" write 10 tokens")
		time.Sleep(10 * time.Second)
		w.wants(1, "threads", "phase", "away")
		w.wants(0, "model_up")
		if body := w.get("/readyz"); !strings.HasPrefix(body, "ready") || !strings.Contains(body, "model server: down") {
			t.Errorf("readyz: %s", body)
		}
		w.model.SetMode(llmsim.Up)
		time.Sleep(20 * time.Second)
		w.wants(3, "answers_total", "outcome", "done")
		errs, _ := w.sum("model_errors_total", "kind", "loading")
		away, _ := w.sum("model_away_seconds_total")
		if errs < 3 || away < 7 || away > 16 {
			t.Errorf("%v errors, %v s away", errs, away)
		}

		w.slack.RefuseSockets(-1, "link_disabled")
		w.slack.Cut()
		time.Sleep(4 * time.Second)
		if body := w.get("/readyz"); !strings.Contains(body, "not ready: no socket to Slack is open") {
			t.Errorf("readyz: %s", body)
		}
		w.slack.RefuseSockets(0, "")
		time.Sleep(3 * time.Minute)
		w.wants(2, "sockets_open")
		w.wants(1, "socket_gap_seconds")
		opens, _ := w.sum("socket_opens_total")
		closes, _ := w.sum("socket_closes_total")
		if opens != 4 || closes != 2 {
			t.Errorf("%v opens, %v closes", opens, closes)
		}
	})
}
