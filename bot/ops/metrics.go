package ops

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"llmbot/bot"
	"llmbot/bot/attach"
	"llmbot/bot/quota"
	"llmbot/llm"
)

// prefix begins the name of every metric of ours.
const prefix = "llmbot_"

// labelOther is the value for what is on no list.
const labelOther = "other"

// Description describes a metric.
type Description struct {
	Name, Type, Help string
	Labels           []string
}

// Build is what llmbot_build_info says.
type Build struct{ Version, Commit, Go string }

// Metrics counts what the hooks of the other packages report. Its methods have the signatures of
// these hooks, and are safe for concurrent use. [New] adds what is read at the moment of a scrape.
type Metrics struct {
	registry *prometheus.Registry
	table    []Description // complete after New

	events, redeliveries        *prometheus.CounterVec
	ack                         *prometheus.HistogramVec
	socketOpens, socketCloses   *prometheus.CounterVec
	gap                         prometheus.Histogram
	unread                      prometheus.Counter
	answers, ratings            *prometheus.CounterVec
	answer, visible             prometheus.Histogram
	staleness, endLag           prometheus.Histogram
	queueWait                   prometheus.Histogram
	overQuota, links, files     *prometheus.CounterVec
	fileTime                    *prometheus.HistogramVec
	toolCalls                   *prometheus.HistogramVec
	leaves                      *prometheus.HistogramVec
	requests, modelErrors       *prometheus.CounterVec
	firstToken, speed           prometheus.Histogram
	prompt, cached              prometheus.Counter
	completion, reasoning       prometheus.Counter
	away                        prometheus.Counter
	calls, refusals, refusedFor *prometheus.CounterVec
	store                       *prometheus.HistogramVec
	storeErrors, renewals       *prometheus.CounterVec
	takeovers                   *prometheus.CounterVec
	claimsLost                  prometheus.Counter
	storeUp                     prometheus.Gauge
	storeOutage                 prometheus.Counter

	kinds []string // of model errors

	serversMu sync.Mutex // guards servers
	servers   []string   // of tools, that have a label of their own
}

// Buckets of the histograms, in the metric's unit.
func ackBuckets() []float64 {
	return []float64{0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5}
}

func storeBuckets() []float64 {
	return []float64{0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2}
}

func seenBuckets() []float64 { // what a reader waits for
	return []float64{0.1, 0.15, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 8, 12, 20, 30, 60, 120, 300}
}

func longBuckets() []float64 {
	return []float64{0.1, 0.5, 1, 2, 3, 5, 8, 12, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1800}
}

func firstBuckets() []float64 {
	return []float64{0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 8, 12, 20, 40, 60, 120, 300, 600}
}

func speedBuckets() []float64 {
	return []float64{1, 2, 5, 10, 15, 20, 25, 30, 35, 40, 50, 60, 80, 100, 150, 200, 300}
}

// NewMetrics returns metrics with a registry of their own, which also has those of the process and
// of the Go runtime.
func NewMetrics(b Build) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), kinds: errorKinds()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	info := m.gauge("build_info", "Always 1; the labels say what runs.", "version", "commit", "go")
	info.WithLabelValues(b.Version, b.Commit, b.Go).Set(1)

	m.events = m.counter("events_total", "Events from Slack by kind and by what became of them.", "kind", "outcome")
	m.redeliveries = m.counter("event_redeliveries_total", "Events that Slack delivered again because no ack had come.", "kind")
	m.ack = m.histogram("event_ack_seconds", "From an event's arrival to its ack. Slack waits 3 s.", ackBuckets(), "kind")
	m.socketOpens = m.counter("socket_opens_total", "How often a socket to Slack has opened.", "socket")
	m.socketCloses = m.counter("socket_closes_total", "How often a socket to Slack has closed.", "socket")
	m.gap = one(m.histogram("socket_gap_seconds", "Times in which no socket was open, each when it is over.", longBuckets()))
	m.unread = single(m.counter("slack_messages_unread_total", "Messages of threads and channels that could not be read, and were left out."))

	m.answers = m.counter("answers_total", "Answers by how they ended.", "outcome")
	m.answer = one(m.histogram("answer_seconds", "From the question to the end of its answer.", longBuckets()))
	m.visible = one(m.histogram("answer_first_visible_seconds", "From the question to the first message of its answer.", seenBuckets()))
	m.staleness = one(m.histogram("answer_staleness_seconds", "At each call that shows text: how old the oldest text was that it made visible.", seenBuckets()))
	m.endLag = one(m.histogram("answer_end_lag_seconds", "From the last token to the complete answer being visible.", seenBuckets()))
	m.ratings = m.counter("ratings_total", "What people think of answers. Whoever changes a rating counts once as good and once as bad.", "rating")
	m.queueWait = one(m.histogram("queue_wait_seconds", "How long an answer waited for one of the BOT_MAX_ANSWERS slots.", longBuckets()))
	m.overQuota = m.counter("quota_refusals_total", "Answers refused because a person, or a channel, has had its share.", "of", "limit")
	m.links = m.counter("linked_messages_total", "Links to Slack messages in what the model was to read, by what became of them.", "outcome")
	m.toolCalls = m.histogram("tool_call_seconds", "Calls of tools by their server and by how they ended.", longBuckets(), "server", "outcome")
	m.leaves = m.histogram("tool_leave_wait_seconds", "How long answers waited for leave to run a tool, by what was decided.", longBuckets(), "decision")

	m.files = m.counter("files_total", "Files that were to be read for the model, by kind and by what became of them. One that is remembered does not count again.", "kind", "outcome")
	m.fileTime = m.histogram("file_seconds", "How long it took to fetch and read a file, waiting for others included.", longBuckets(), "kind")

	m.requests = m.counter("model_requests_total", "Requests to the model server by outcome.", "outcome")
	m.modelErrors = m.counter("model_errors_total", "Failed requests to the model server by kind.", "kind")
	m.firstToken = one(m.histogram("model_first_token_seconds", "From sending a request to its first token.", firstBuckets()))
	m.speed = one(m.histogram("model_output_tokens_per_second", "Interactive speed: tokens of a request by its seconds, time to first token included.", speedBuckets()))
	m.prompt = single(m.counter("model_prompt_tokens_total", "Prompt tokens as the server counts them."))
	m.cached = single(m.counter("model_cached_tokens_total", "Prompt tokens that the server had in its prefix cache."))
	m.completion = single(m.counter("model_completion_tokens_total", "Tokens that the model wrote, reasoning included."))
	m.reasoning = single(m.counter("model_reasoning_tokens_total", "Tokens that the model thought in, where the server says so."))
	m.away = single(m.counter("model_away_seconds_total", "Seconds that answers waited for a model server that was away, added up over the answers."))

	m.calls = m.counter("slack_calls_total", "Calls that write answers, by method and by why they were made.", "method", "reason")
	m.refusals = m.counter("slack_refusals_total", "Calls that Slack refused for their rate (HTTP 429).", "method")
	m.refusedFor = m.counter("slack_refused_seconds_total", "Seconds for which Slack told us to wait.", "method")

	m.store = m.histogram("store_seconds", "Writes to the store by what they are for.", storeBuckets(), "op")
	m.storeErrors = m.counter("store_errors_total", "Writes to the store that failed.", "op")
	m.renewals = m.counter("lease_renewals_total", "Tries to renew a lease.", "outcome")
	m.takeovers = m.counter("takeovers_total", "Threads taken over, from a process that fell silent or as left by one that stopped.", "from")
	m.claimsLost = single(m.counter("claims_lost_total", "Answers given up because another process has the thread."))
	m.storeUp = m.gauge("store_up", "1: the store answered its last call.").WithLabelValues()
	m.storeUp.Set(1)
	m.storeOutage = single(m.counter("store_outage_seconds_total", "Seconds in which the store did not answer, counted when it answers again."))
	m.zeros()
	return m
}

// zeros creates the series that alerts ask for before they first count: Prometheus does not see the
// rate of a counter that begins at 1.
func (m *Metrics) zeros() {
	for _, end := range bot.Ends() {
		m.answers.WithLabelValues(string(end))
	}
	for _, kind := range m.kinds {
		m.modelErrors.WithLabelValues(kind)
	}
	for _, outcome := range []string{"ok", "error", "cancelled"} {
		m.requests.WithLabelValues(outcome)
	}
	for _, op := range []string{opAsk, opRenew} {
		m.store.WithLabelValues(op)
		m.storeErrors.WithLabelValues(op)
	}
	for _, outcome := range []string{"ok", "error"} {
		m.renewals.WithLabelValues(outcome)
	}
	for _, from := range []string{"dead", "released"} {
		m.takeovers.WithLabelValues(from)
	}
	for _, outcome := range []string{"quoted", "hidden", "failed"} {
		m.links.WithLabelValues(outcome)
	}
	for _, d := range decisions() {
		m.leaves.WithLabelValues(d)
	}
	for _, kind := range attach.Kinds() {
		for _, outcome := range attach.Outcomes() {
			m.files.WithLabelValues(string(kind), string(outcome))
		}
	}
	for _, rating := range []string{"good", "bad"} {
		m.ratings.WithLabelValues(rating)
	}
	for _, of := range []quota.Of{quota.Person, quota.Channel} {
		for _, limit := range []quota.Limit{quota.AnswersPerMinute, quota.TokensPerDay} {
			m.overQuota.WithLabelValues(string(of), string(limit))
		}
	}
	for _, kind := range []string{"other", "pressed", "command"} { // of a message the kind is not known
		m.events.WithLabelValues(kind, "panicked")
		m.events.WithLabelValues(kind, "unreadable")
	}
	for _, socket := range []string{"0", "1"} {
		m.socketOpens.WithLabelValues(socket)
		m.socketCloses.WithLabelValues(socket)
	}
}

// errorKinds returns the kinds of package llm, and one for whatever else may fail.
func errorKinds() []string {
	var kinds []string
	for k := llm.Kind(0); !strings.HasPrefix(k.String(), "kind_"); k++ {
		kinds = append(kinds, k.String())
	}
	return append(kinds, labelOther)
}

// Table describes all metrics of ours, by name.
func (m *Metrics) Table() []Description {
	t := slices.Clone(m.table)
	slices.SortFunc(t, func(a, b Description) int { return cmp.Compare(a.Name, b.Name) })
	return t
}

// describe adds a metric to the table and returns its full name.
func (m *Metrics) describe(kind, name, help string, labels []string) string {
	m.table = append(m.table, Description{Name: prefix + name, Type: kind, Help: help, Labels: labels})
	return prefix + name
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.describe("counter", name, help, labels), Help: help}, labels)
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.describe("gauge", name, help, labels), Help: help}, labels)
	m.registry.MustRegister(g)
	return g
}

func (m *Metrics) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: m.describe("histogram", name, help, labels), Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(h)
	return h
}

// one returns the histogram of a vector without labels.
func one(v *prometheus.HistogramVec) prometheus.Histogram {
	h, ok := v.WithLabelValues().(prometheus.Histogram)
	if !ok {
		panic("ops: a histogram vector without histograms")
	}
	return h
}

// single returns the counter of a vector without labels.
func single(v *prometheus.CounterVec) prometheus.Counter { return v.WithLabelValues() }

// known returns v if it is on the list, so that nothing from outside can become a label.
func known(v string, list []string) string {
	if slices.Contains(list, v) {
		return v
	}
	return labelOther
}
