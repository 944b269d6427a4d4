package ops

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"

	"llmbot/bot"
	"llmbot/bot/pace"
	"llmbot/bot/quota"
	"llmbot/bot/turn"
	"llmbot/llm"
)

func TestHooksCount(t *testing.T) {
	m := NewMetrics(Build{})
	b, p := m.Bot(), m.Pace()
	m.Event("asked", "handled", false)
	m.Event("asked", "duplicate", true)
	m.Acked("asked", time.Millisecond)
	m.Socket(0, true)
	m.Socket(0, false)
	m.Socket(0, true)
	m.Gap(time.Second)
	m.Unread(2)
	b.Answered(bot.EndDone, 3*time.Second)
	b.Visible(time.Second)
	b.Waited(0)
	b.Rated(true)
	b.Rated(false)
	b.Away(2500 * time.Millisecond)
	b.OverQuota(quota.Over{Account: quota.Account{Of: quota.Channel}, Limit: quota.TokensPerDay})
	usage := llm.Usage{PromptTokens: 100, CachedTokens: 60, CompletionTokens: 50, ReasoningTokens: 20, Known: true}
	b.Streamed(llm.Result{TTFT: time.Second, Elapsed: 2 * time.Second, Usage: usage}, nil)
	b.Streamed(llm.Result{}, &llm.Error{Kind: llm.KindLoading})
	b.Streamed(llm.Result{}, fmt.Errorf("wrapped: %w", &llm.Error{Kind: llm.Kind(99)}))
	b.Streamed(llm.Result{TTFT: time.Second, Usage: usage}, errors.Join(context.Canceled, errors.New("stopped")))
	b.Streamed(llm.Result{}, errors.New("boom"))
	p.Call(pace.MethodEdit, "final")
	p.Refused(pace.MethodEdit, 5*time.Second)
	p.EndLag(time.Second)
	p.Staleness(time.Second)
	b.Turn.Renewed(time.Millisecond, nil)
	b.Turn.Renewed(time.Millisecond, turn.ErrLost)
	b.Turn.Renewed(time.Millisecond, turn.ErrLapsed)
	b.Turn.Asked(time.Millisecond, true, nil)
	b.Turn.Asked(time.Millisecond, true, context.DeadlineExceeded)
	b.Turn.Took("C/1", turn.Record{}, true)
	b.Turn.Took("C/1", turn.Record{}, false)
	b.Turn.Lost("C/1", 3)
	b.Turn.Store(false, 0)
	for _, want := range []struct {
		name   string
		labels []string
		value  float64
	}{
		{"events_total", []string{"asked", "handled"}, 1},
		{"events_total", []string{"asked", "duplicate"}, 1},
		{"event_redeliveries_total", []string{"asked"}, 1},
		{"event_ack_seconds", []string{"asked"}, 1},
		{"socket_opens_total", []string{"0"}, 2},
		{"socket_closes_total", []string{"0"}, 1},
		{"socket_opens_total", []string{"1"}, 0},
		{"socket_gap_seconds", nil, 1},
		{"slack_messages_unread_total", nil, 2},
		{"answers_total", []string{"done"}, 1},
		{"answers_total", []string{"failed"}, 0},
		{"answer_seconds", nil, 1},
		{"answer_first_visible_seconds", nil, 1},
		{"queue_wait_seconds", nil, 1},
		{"ratings_total", []string{"good"}, 1},
		{"ratings_total", []string{"bad"}, 1},
		{"model_away_seconds_total", nil, 2.5},
		{"model_requests_total", []string{"ok"}, 1},
		{"model_requests_total", []string{"error"}, 3},
		{"model_requests_total", []string{"cancelled"}, 1},
		{"model_errors_total", []string{"loading"}, 1},
		{"model_errors_total", []string{"other"}, 2},
		{"model_first_token_seconds", nil, 2},
		{"model_output_tokens_per_second", nil, 1},
		{"model_prompt_tokens_total", nil, 200},
		{"model_cached_tokens_total", nil, 120},
		{"model_completion_tokens_total", nil, 100},
		{"model_reasoning_tokens_total", nil, 40},
		{"slack_calls_total", []string{"chat.update", "final"}, 1},
		{"slack_refusals_total", []string{"chat.update"}, 1},
		{"slack_refused_seconds_total", []string{"chat.update"}, 5},
		{"answer_end_lag_seconds", nil, 1},
		{"answer_staleness_seconds", nil, 1},
		{"lease_renewals_total", []string{"ok"}, 1},
		{"lease_renewals_total", []string{"error"}, 2},
		{"store_seconds", []string{"renew"}, 3},
		{"store_errors_total", []string{"renew"}, 1},
		{"store_errors_total", []string{"ask"}, 1},
		{"takeovers_total", []string{"dead"}, 1},
		{"takeovers_total", []string{"released"}, 1},
		{"claims_lost_total", nil, 1},
		{"store_up", nil, 0},
	} {
		if got := m.value(t, want.name, want.labels...); got != want.value {
			t.Errorf("%s%v is %v, want %v", want.name, want.labels, got, want.value)
		}
	}
	b.Turn.Store(true, 90*time.Second)
	if up, out := m.value(t, "store_up"), m.value(t, "store_outage_seconds_total"); up != 1 || out != 90 {
		t.Errorf("the store is %v after an outage of %v s", up, out)
	}
}

// exposition is what a scrape of a server with all its metrics gives.
func exposition(t *testing.T, m *Metrics) []byte {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// Names have their units, help is there, and the table that docs and dashboards are compared with
// is the registry.
func TestMetricsAreWellNamed(t *testing.T) {
	m := NewMetrics(Build{})
	New(Config{Metrics: m, Log: slog.New(slog.DiscardHandler)})
	text := exposition(t, m)
	problems, err := promlint.New(bytes.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, prefix) {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	var names []string
	for _, d := range m.Table() {
		names = append(names, d.Name)
		if d.Help == "" || d.Type == "counter" != strings.HasSuffix(d.Name, "_total") {
			t.Errorf("%+v", d)
		}
	}
	for line := range strings.Lines(string(text)) {
		name, ok := strings.CutPrefix(line, "# TYPE "+prefix)
		name, _, _ = strings.Cut(name, " ")
		if ok && !slices.Contains(names, prefix+name) {
			t.Errorf("%s is in no table", name)
		}
	}
}

// Eight goroutines count and two scrape.
func TestMetricsAtOnce(t *testing.T) {
	m := NewMetrics(Build{})
	New(Config{Metrics: m, Log: slog.New(slog.DiscardHandler), Threads: func() []bot.ThreadState { return []bot.ThreadState{{Phase: "writing"}} }})
	const each = 200
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for range each {
				m.Event("asked", "handled", true)
				m.Acked("asked", time.Millisecond)
				m.Answered(bot.EndDone, time.Second)
				m.Streamed(llm.Result{}, &llm.Error{Kind: llm.Kind(n)})
				m.Store(n%2 == 0, time.Second)
			}
		})
	}
	for range 2 {
		all.Go(func() {
			for range 5 {
				exposition(t, m)
			}
		})
	}
	all.Wait()
	if got := m.value(t, "answers_total", "done"); got != 8*each {
		t.Errorf("%v answers", got)
	}
}
