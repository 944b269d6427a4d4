package ops

import (
	"github.com/prometheus/client_golang/prometheus"

	"llmbot/bot"
)

// gauges are what is read at the moment of a scrape.
type gauges struct {
	cfg   Config
	model *asking

	sockets, connections, threads, queued, held, left, lanes, modelUp *prometheus.Desc
}

// addGauges adds them to the registry and to the table.
func (m *Metrics) addGauges(cfg Config, model *asking) {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(m.describe("gauge", name, help, labels), help, labels, nil)
	}
	m.registry.MustRegister(&gauges{
		cfg: cfg, model: model,
		sockets:     desc("sockets_open", "Sockets to Slack that are open; two are wanted."),
		connections: desc("app_connections", "Connections of the Slack app as Slack counted them when a socket last opened, those of other programs among them."),
		threads:     desc("threads", "Live threads by what the bot is doing for them.", "phase"),
		queued:      desc("queue_length", "Answers that wait for a slot."),
		held:        desc("held_threads", "Threads where something waits for the database to answer."),
		left:        desc("slack_budget_left_calls", "Calls of a method that could be made at once now.", "method"),
		lanes:       desc("slack_unfinished_answers", "Answers that are not wholly visible in Slack yet."),
		modelUp:     desc("model_up", "1: the model server is well, as far as asked in the last seconds."),
	})
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.sockets, g.connections, g.threads, g.queued, g.held, g.left, g.lanes, g.modelUp} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. It does not block: the model server was asked before.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	send(g.sockets, float64(g.cfg.sockets()))
	send(g.connections, float64(g.cfg.connections()))
	phases := map[string]int{}
	for _, t := range g.cfg.threads() {
		phases[known(t.Phase, bot.ThreadPhases())]++
	}
	for _, phase := range bot.ThreadPhases() {
		send(g.threads, float64(phases[phase]), phase)
	}
	send(g.queued, float64(g.cfg.queued()))
	send(g.held, float64(g.cfg.held()))
	snap := g.cfg.pace()
	for method, b := range snap.Methods { // those that were called yet
		send(g.left, float64(b.Now), string(method))
	}
	send(g.lanes, float64(len(snap.Lanes)))
	if s := g.model.known(); !s.asked.IsZero() {
		up := 0.0
		if s.err == nil {
			up = 1
		}
		send(g.modelUp, up)
	}
}
