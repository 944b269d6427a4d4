package status

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"llmbot/bot/figures"
	"llmbot/llm"
)

const (
	// Timeout is how long the model server may take: Slack wants the answer to a command within 3 s
	// (facts/slack.md §5.5).
	Timeout = 2 * time.Second
	// nameShown is how many characters of a model's name are shown: a path has its place, a page of
	// text has not.
	nameShown = 200
	// fewAnswers are too few to speak of their slowest 5 %, or of percentiles that a histogram
	// estimates.
	fewAnswers = 20
)

// Server is what is asked of the model server. Its methods block for at most their ctx.
type Server interface {
	// Model returns what is known of a model. An empty name means what an empty Request.Model means.
	Model(ctx context.Context, name string) (llm.ModelInfo, error)
	Version(ctx context.Context) (string, error)
	Metrics(ctx context.Context) (llm.Metrics, error)
}

// SlackUse is how much of Slack's edits the bot uses.
type SlackUse struct {
	Edits, Limit int // in the last minute, and how many there may be
	Refused      int // calls that Slack refused for their rate since the start
}

// Config is what a Board needs of others.
type Config struct {
	Server  Server
	GPUs    func(ctx context.Context) ([]llm.GPU, error) // nil: nobody tells of GPUs
	Use     func() SlackUse                              // nil: not known
	Work    func() (live, queued int)                    // threads at work, and waiting for a slot
	Version string                                       // of the bot; empty: not known
	Log     *slog.Logger
}

// Board knows how the server and the bot are doing. Its methods are safe for concurrent use.
type Board struct {
	cfg     Config
	monitor monitor
	speeds  speeds
	since   time.Time // when this process began
}

// New returns a Board of a process that begins now.
func New(cfg Config) *Board { return &Board{cfg: cfg, since: time.Now()} }

// Answered records how fast an answer was, as it stands under the answer.
func (b *Board) Answered(r llm.Result) { b.speeds.add(r, time.Now()) }

// snapshot is all that a report asks of the server.
type snapshot struct {
	model   llm.ModelInfo
	version string
	metrics llm.Metrics
	gpus    []llm.GPU
	err     error // it is not there
	gpuErr  error
}

// look asks the server everything at once.
func (b *Board) look(ctx context.Context) snapshot {
	var all sync.WaitGroup
	var s snapshot
	var versErr error // not every server has one: only whether it is there counts
	all.Go(func() { s.metrics, s.model, s.err = b.readServer(ctx) })
	all.Go(func() { s.version, versErr = b.cfg.Server.Version(ctx) })
	if b.cfg.GPUs != nil {
		all.Go(func() { s.gpus, s.gpuErr = b.cfg.GPUs(ctx) })
	}
	all.Wait()
	if s.err != nil && versErr == nil && s.version != "" && away(s.err) != nil {
		s.err = nil // a server of which one page is slow is not down
	}
	b.monitor.take(time.Now(), s.metrics, s.err)
	return s
}

// Report asks the server and gathers the figures. details adds those for people who tune the
// server. It blocks for at most ctx.
func (b *Board) Report(ctx context.Context, details bool) Report {
	s, now := b.look(ctx), time.Now()
	if s.err != nil {
		b.cfg.Log.WarnContext(ctx, "status_model_away", "error", s.err)
	}
	readings := b.monitor.span(now, historyKept)
	r := Report{Groups: []Group{b.glance(s, now), b.speedsGroup(s, now), b.nowGroup(s, readings)}}
	if details {
		r.Groups = append(r.Groups, b.detailsGroup(s, readings))
	}
	r.Groups = append(r.Groups, b.selfGroup(s, now))
	r.Charts = charts(now, readings, b.speeds.interactive().median, b.speeds.firstTokens)
	return r
}

// glance returns a line on whether the server is up, and what it is.
func (b *Board) glance(s snapshot, now time.Time) Group {
	state, since, _ := b.monitor.now()
	line := "Model server: " + string(state)
	switch d, up := now.Sub(since), now.Sub(s.metrics.Started); {
	case state == stateUp && s.err == nil && !s.metrics.Started.IsZero() && up >= time.Second:
		line += " for " + figures.Span(up) // its own time, which may be longer than ours
	case since.IsZero() || d < time.Second:
	case state == stateUp: // it does not say since when
		line += ", as I have seen for " + figures.Span(d)
	default:
		line += " for " + figures.Span(d)
	}
	g := Group{Title: line}
	if s.err != nil {
		g.Title += ". " + unreachable(s.err)
		return g
	}
	g.Lines = append(g.Lines, "Model: "+llm.Printable(s.model.ID, nameShown))
	if s.model.MaxModelLen > 0 {
		g.Lines = append(g.Lines, "Context length: "+figures.Tokens(s.model.MaxModelLen))
	}
	if s.version != "" {
		g.Lines = append(g.Lines, "Version: "+llm.Printable(s.version, nameShown))
	}
	return g
}

// speedsGroup shows the two speeds, which are both true.
func (b *Board) speedsGroup(at snapshot, now time.Time) Group {
	g := Group{
		Title: "Two speeds",
		Note: "Interactive speed: the tokens of an answer, divided by all seconds from sending the request to the last token: what stands under it. " +
			"System throughput: the tokens of all requests, divided by the seconds in which one ran. Both are true.",
	}
	own := b.speeds.interactive()
	switch s := own; {
	case s.n == 0:
		g.Lines = append(g.Lines, "Interactive speed (what one person sees): no answer yet since I started")
	case s.n < fewAnswers:
		g.Lines = append(g.Lines, fmt.Sprintf("Interactive speed (what one person sees): %.1f tok/s median, first token %s median, %s p95 (last %d %s)",
			s.median, figures.Seconds(s.ttft, 2), figures.Seconds(s.ttft95, 2), s.n, figures.Plural(s.n, "answer")))
	default:
		g.Lines = append(g.Lines, fmt.Sprintf("Interactive speed (what one person sees): %.1f tok/s median, %.1f tok/s in the slowest 5 %%, first token %s median, %s p95 (last %d %s)",
			s.median, s.slow, figures.Seconds(s.ttft, 2), figures.Seconds(s.ttft95, 2), s.n, figures.Plural(s.n, "answer")))
	}
	switch t := throughputOf(b.monitor.span(now, time.Minute), own.median); {
	case !t.known && at.metrics.TooLarge:
		g.Lines = append(g.Lines, "System throughput (all together): not known (the server's /metrics page is too large to be read)")
	case !t.known:
		g.Lines = append(g.Lines, "System throughput (all together): not known (the server has no metrics, or I have just started)")
	case t.rate() == 0:
		g.Lines = append(g.Lines, "System throughput (all together): idle (last minute)")
	default:
		g.Lines = append(g.Lines, fmt.Sprintf("System throughput (all together): %s tok/s, shared by %s at once on average (last minute)", figures.Number(t.rate()), requests(t.requests)))
	}
	return g
}

func requests(n float64) string {
	if n < 1.05 {
		return "1 request"
	}
	return fmt.Sprintf("%.1f requests", n)
}

// nowGroup shows what the server is busy with.
func (b *Board) nowGroup(s snapshot, readings []reading) Group {
	g := Group{Title: "Now"}
	if m := s.metrics; s.err == nil && m.Known {
		line := fmt.Sprintf("Requests: %.0f running, %.0f waiting", m.Running, m.Waiting)
		if m.KVCacheKnown {
			line += fmt.Sprintf(" · KV cache %.0f %%", 100*m.KVCacheUsage)
		}
		g.Lines = append(g.Lines, line)
		if hit := hitRate(m, readings); hit >= 0 {
			g.Lines = append(g.Lines, fmt.Sprintf("Prefix cache: %.0f %% of prompt tokens found · preemptions: %s", 100*hit, figures.Thousands(int(m.Preemptions))))
		}
	}
	if s.metrics.TooLarge {
		g.Lines = append(g.Lines, "Requests: not known (the server's /metrics page is too large to be read)")
	}
	busy, queued := b.cfg.Work()
	g.Lines = append(g.Lines, fmt.Sprintf("Answers in progress here: %d, queued: %d", max(busy-queued, 0), queued))
	for _, gpu := range s.gpus {
		g.Lines = append(g.Lines, gpuLine(gpu))
	}
	if s.gpuErr != nil {
		g.Lines = append(g.Lines, "GPU: the exporter does not answer")
	}
	return g
}

// hitRate returns the hit rate of the prefix cache in the last 20 minutes, else over the server's
// whole life; -1: nothing was looked up.
func hitRate(m llm.Metrics, readings []reading) float64 {
	if len(readings) > 1 {
		if r := llm.Rates(readings[0].metrics, m, 0); r.Known && r.PrefixHitRate >= 0 {
			return r.PrefixHitRate
		}
	}
	return m.HitRate()
}

func gpuLine(g llm.GPU) string {
	line := "GPU " + g.ID
	if g.Name != "" {
		line += " (" + g.Name + ")"
	}
	line += fmt.Sprintf(": %.1f of %.1f GB", g.UsedGB, g.TotalGB)
	if g.LoadKnown {
		line += fmt.Sprintf(", load %.0f %%", g.Load)
	}
	return line
}

// detailsGroup shows the figures for those who tune the server.
func (b *Board) detailsGroup(s snapshot, readings []reading) Group {
	g := Group{Title: "Details (from the server's own metrics)"}
	if len(readings) > 1 {
		g.Title = "Details (the last " + figures.Span(readings[len(readings)-1].at.Sub(readings[0].at)) + ", from the server's own metrics)"
	} else {
		g.Lines = append(g.Lines, "No metrics yet.")
		return g
	}
	r := llm.Rates(readings[0].metrics, readings[len(readings)-1].metrics, 0)
	for _, row := range []struct {
		name string
		q    llm.Quantiles
	}{{"First token (TTFT)", r.TTFT}, {"Inter-token latency (ITL)", r.ITL}, {"Whole request (E2E)", r.E2E}, {"Time in the queue", r.Queue}} {
		if row.q.Count > 0 {
			line := fmt.Sprintf("%s: mean %s", row.name, figures.Latency(row.q.Mean))
			if row.q.Count >= fewAnswers { // of a few the buckets say next to nothing
				line += fmt.Sprintf(", half %s, 95 %% %s, 99 %% %s",
					bounded(row.q.Half, row.q.P50), bounded(row.q.Most, row.q.P95), bounded(row.q.Nearly, row.q.P99))
			}
			g.Lines = append(g.Lines, fmt.Sprintf("%s (%s)", line, figures.Thousands(int(row.q.Count))))
		}
	}
	g.Lines = append(g.Lines, fmt.Sprintf("Prompt tokens: %s a second · generated: %s a second · requests: %s a minute",
		figures.Number(r.PromptRate), figures.Number(r.GenerationRate), figures.Number(60*r.RequestRate)))
	if m := s.metrics; m.KVCacheTokens > 0 {
		g.Lines = append(g.Lines, fmt.Sprintf("KV cache: %s tokens, %.1f requests of full length", figures.Thousands(m.KVCacheTokens), m.MaxConcurrency))
	}
	if r.AcceptanceRate >= 0 {
		g.Lines = append(g.Lines, fmt.Sprintf("Speculative decoding: %.0f %% of draft tokens accepted", 100*r.AcceptanceRate))
	}
	return g
}

// bounded writes what a histogram knows of a percentile: the bound that it does not exceed, and of
// one above the last bound that it is longer. A value from the middle of a bucket would look exact,
// and be none.
func bounded(within, last time.Duration) string {
	if within == 0 {
		return "over " + figures.Latency(last)
	}
	return "within " + figures.Latency(within)
}

// selfGroup shows how the bot is doing.
func (b *Board) selfGroup(_ snapshot, now time.Time) Group {
	g := Group{Title: "The bot"}
	if b.cfg.Use != nil {
		u := b.cfg.Use()
		g.Lines = append(g.Lines, fmt.Sprintf("Slack edits in the last minute: %d of %d · refused by Slack (429) since I started: %d", u.Edits, u.Limit, u.Refused))
	}
	line := "up for " + figures.Span(now.Sub(b.since))
	if b.cfg.Version != "" {
		line = "llmbot " + b.cfg.Version + " · " + line
	}
	g.Lines = append(g.Lines, line)
	return g
}

// away returns err if it means that the server is not there, else nil.
func away(err error) error {
	if e, ok := errors.AsType[*llm.Error](err); ok && e.Away() || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

func unreachable(err error) string {
	if e, ok := errors.AsType[*llm.Error](err); ok {
		return e.User()
	}
	return "It did not answer within " + figures.Seconds(Timeout, 0) + "."
}
