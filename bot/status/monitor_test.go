package status

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"llmbot/llm"
)

func TestMonitorStates(t *testing.T) {
	at := time.Unix(1_000_000, 0)
	quiet, queue := llm.Metrics{Known: true}, llm.Metrics{Known: true, Waiting: 3}
	loading, busy := &llm.Error{Kind: llm.KindLoading}, &llm.Error{Kind: llm.KindOverloaded}
	steps := []struct {
		metrics llm.Metrics
		err     error
		want    serverState
		since   int // the step at which this state began
	}{
		{quiet, nil, stateUp, 0},
		{queue, nil, stateUp, 0},
		{queue, nil, stateUp, 0},
		{queue, nil, stateOverloaded, 3}, // one reading would be a burst
		{queue, nil, stateOverloaded, 3},
		{quiet, nil, stateUp, 5},
		{llm.Metrics{}, errors.New("refused"), stateDown, 6},
		{llm.Metrics{}, &llm.Error{Kind: llm.KindDown}, stateDown, 6},
		{llm.Metrics{}, loading, stateLoading, 8},
		{llm.Metrics{}, busy, stateOverloaded, 9},
		{llm.Metrics{}, nil, stateUp, 10}, // a server without metrics
	}
	var m monitor
	for i, s := range steps {
		m.take(at.Add(time.Duration(i)*pollEvery), s.metrics, s.err)
		if state, since, _ := m.now(); state != s.want || !since.Equal(at.Add(time.Duration(s.since)*pollEvery)) {
			t.Errorf("step %d: %s since %s", i, state, since.Sub(at))
		}
	}
}

func TestMonitorForgets(t *testing.T) {
	at := time.Unix(1_000_000, 0)
	var m monitor
	const hours = 3
	last := hours * int(time.Hour/pollEvery)
	for i := range last + 1 {
		m.take(at.Add(time.Duration(i)*pollEvery), llm.Metrics{Known: true, GenerationTokens: float64(i)}, nil)
	}
	now := at.Add(time.Duration(last) * pollEvery)
	if n, most := len(m.readings), int(historyKept/pollEvery)+2; n > most {
		t.Errorf("%d readings are kept, want %d at most", n, most)
	}
	minute := m.span(now, time.Minute)
	if first := minute[0].at; len(minute) != 14 || now.Sub(first) != time.Minute+pollEvery {
		t.Errorf("%d readings, the first %s ago", len(minute), now.Sub(first))
	}
	if old := m.span(now.Add(time.Hour), time.Minute); old != nil {
		t.Errorf("an hour later: %d readings of the last minute", len(old))
	}
}

func TestThroughputOf(t *testing.T) {
	type look struct{ tokens, running float64 }
	tests := map[string]struct {
		looks          []look // 5 s apart
		alone          float64
		known          bool
		rate, requests float64
	}{
		"nothing":              {nil, 0, false, 0, 0},
		"one reading":          {[]look{{9, 1}}, 40, false, 0, 0},
		"idle":                 {[]look{{9, 0}, {9, 0}, {9, 0}}, 40, true, 0, 0},
		"one all the time":     {[]look{{0, 1}, {200, 1}, {400, 1}}, 0, true, 40, 1},
		"three all the time":   {[]look{{0, 3}, {600, 3}, {1200, 3}}, 0, true, 120, 3},
		"edges":                {[]look{{0, 0}, {100, 1}, {300, 1}, {400, 0}, {400, 0}}, 0, true, 40, 1}, // 2.5 s + 5 s + 2.5 s
		"between two readings": {[]look{{0, 0}, {80, 0}, {80, 0}}, 40, true, 40, 1},                      // 2 s of 5 at the known speed
		"speed not known":      {[]look{{0, 0}, {80, 0}}, 0, true, 16, 1},
		"a restart":            {[]look{{0, 1}, {200, 1}, {0, 1}, {200, 1}}, 0, true, 40, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var readings []reading
			for i, l := range tt.looks {
				at := time.Unix(int64(5*i), 0)
				readings = append(readings, reading{at, llm.Metrics{Known: true, At: at, GenerationTokens: l.tokens, Running: l.running}})
			}
			got := throughputOf(readings, tt.alone)
			if got.known != tt.known || math.Abs(got.rate()-tt.rate) > 0.01 || math.Abs(got.requests-tt.requests) > 0.01 {
				t.Errorf("%+v, %.2f tok/s, want %.2f of %.2f requests", got, got.rate(), tt.rate, tt.requests)
			}
		})
	}
}

func TestDetailsOfManyRequests(t *testing.T) {
	at := time.Unix(1_000_000, 0)
	queue := llm.Histogram{Bounds: []float64{0.3, 0.5, math.Inf(1)}, Counts: []float64{90, 100, 100}, Sum: 4, Count: 100}
	empty := llm.Histogram{Bounds: queue.Bounds, Counts: make([]float64, 3)}
	g := (&Board{}).detailsGroup(snapshot{}, []reading{
		{at, llm.Metrics{Known: true, At: at, Queue: empty}},
		{at.Add(time.Minute), llm.Metrics{Known: true, At: at.Add(time.Minute), Queue: queue}},
	})
	if want := "Time in the queue: mean 40 ms, half within 300 ms, 95 % within 500 ms, 99 % within 500 ms (100)"; g.Lines[0] != want {
		t.Errorf("got  %q\nwant %q", g.Lines[0], want)
	}
}

// TestChartsHaveTimeAsTheirAxis: every minute has its place in every chart, also those in which nothing happened, and what ran for a
// part of a minute counts as that part.
func TestChartsHaveTimeAsTheirAxis(t *testing.T) {
	began := time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)
	var readings []reading
	for i := range 61 { // five minutes; a request runs for ten seconds of the second
		m := llm.Metrics{Known: true, At: began.Add(time.Duration(i) * pollEvery)}
		if i > 15 {
			m.GenerationTokens = 200
		}
		if i > 16 {
			m.GenerationTokens = 400
		}
		if i == 15 || i == 16 {
			m.Running = 1
		}
		if i == 15 {
			m.GenerationTokens = 0
		}
		readings = append(readings, reading{m.At, m})
	}
	var s speeds
	answer := func(at time.Duration, ttft time.Duration) {
		s.add(llm.Result{Usage: llm.Usage{Known: true, CompletionTokens: 400}, Elapsed: 10 * time.Second, TTFT: ttft}, began.Add(at))
	}
	answer(85*time.Second, 300*time.Millisecond)
	answer(86*time.Second, 500*time.Millisecond)
	answer(200*time.Second, 700*time.Millisecond)
	got := charts(began.Add(5*time.Minute), readings, 40, s.firstTokens)
	if len(got) != 3 {
		t.Fatalf("%+v", got)
	}
	for _, c := range got {
		if !slices.Equal(c.Labels, []string{"10:01", "10:02", "10:03", "10:04", "10:05"}) {
			t.Errorf("%s: %v", c.Title, c.Labels)
		}
		for _, s := range c.Series {
			if len(s.Points) != len(c.Labels) {
				t.Errorf("%s: %v", c.Title, s)
			}
		}
	}
	if got[0].Series[0].Points[1] != 40 || got[0].Series[0].Points[2] != 0 {
		t.Errorf("throughput: %v", got[0].Series[0].Points)
	}
	if r := got[1].Series[0].Points; r[0] != 0 || r[1] < 0.1 || r[1] > 0.2 || r[2] != 0 {
		t.Errorf("running: %v", r)
	}
	if f := got[2]; !f.Gaps || !slices.Equal(f.Series[0].Points, []float64{0, 0.4, 0, 0.7, 0}) {
		t.Errorf("first token: %+v", f)
	}
	if line := Sparklines(got[2:]); !strings.HasPrefix(line, "The last 5 minutes, oldest first:\n") || !strings.Contains(line, "·▅·█· First token, median of my answers (0.40 to 0.70 s)") {
		t.Error(line)
	}
	if got := charts(began.Add(30*time.Second), readings[:7], 40, s.firstTokens); len(got) > 0 {
		t.Errorf("after half a minute: %+v", got)
	}
}

// TestUptimeIsTheServersOwn: the bot may have begun long after it.
func TestUptimeIsTheServersOwn(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	tests := map[string]struct {
		started time.Time
		err     error
		want    string
	}{
		"it says so":      {now.Add(-16 * time.Minute), nil, "Model server: up for 16 min"},
		"it does not":     {time.Time{}, nil, "Model server: up, as I have seen for 7 s"},
		"its clock is on": {now.Add(time.Hour), nil, "Model server: up, as I have seen for 7 s"},
		"it is away":      {now.Add(-16 * time.Minute), &llm.Error{Kind: llm.KindDown}, "Model server: down for 7 s. The model server is not reachable"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var b Board
			m := llm.Metrics{Known: true, Started: tt.started}
			b.monitor.take(now.Add(-7*time.Second), m, tt.err)
			if got := b.glance(snapshot{metrics: m, err: tt.err}, now).Title; !strings.HasPrefix(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
