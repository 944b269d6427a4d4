// Package bench measures a model server: how long one person waits for the first word, how fast the
// answer then comes, and how much the server writes for many at once.
//
// # Promises
//
//   - The numbers mean what `vllm bench serve` (0.32) means by them, word for word ([Report]).
//     Counts of tokens are the server's own.
//   - A stream that ends in an error is a failed request, whatever text came before it. It is
//     counted and named, and is in no average.
//   - Every prompt begins with words with which no earlier prompt began, in this run or another, so
//     that the server's prefix cache helps nobody. What was served from a cache all the same is
//     reported.
//   - Never more than [Config.Concurrency] requests are in progress. What is sent before the
//     measurement is not in the report.
//   - When the context is cancelled, the requests end on the server, and the report is of what was
//     finished until then.
//
// The package knows no network and no terminal: it asks a [Server], and reports its progress
// through a callback.
package bench

import (
	"cmp"
	"context"
	"slices"
	"time"

	"llmbot/llm"
)

// Server is what is measured. [*llm.Client] is one.
type Server interface {
	Model(ctx context.Context, name string) (llm.ModelInfo, error)
	Stream(ctx context.Context, req llm.Request, on func(llm.Delta) error) (llm.Result, error)
}

// Defaults of [Config]. The product is asked to answer ten prompts at once (issue 4). 128 output
// tokens are the default of `vllm bench serve`, whose 1024 input tokens would not fit every small
// model.
const (
	DefaultPrompts      = 10
	DefaultInputTokens  = 128
	DefaultOutputTokens = 128
	// maxDefaultWarmUps bounds the warm-up of a run with very many requests at once.
	maxDefaultWarmUps = 16
)

// EOS is whether the model may end an answer before it has its full length.
type EOS int

// The choices. Only vLLM and SGLang are known to take ignore_eos; others may refuse a field that
// they do not know.
const (
	EOSAuto   EOS = iota // ignored if the server is vLLM or SGLang (owned_by in /v1/models)
	EOSIgnore            // ignore_eos is sent
	EOSObey              // it is not; the prompt asks for a long answer instead
)

// Config says how to load the server. The zero value is one request at a time, ten in all.
type Config struct {
	Name   string // of the server, for the report
	Client string // version of the program that measures, for the report
	SLO    SLO    // what a good request meets; zero: goodput is not counted
	Model  string // empty: the client's own

	// Concurrency is how many requests are in progress at most; 0: 1, which is one person who waits
	// for each answer. A new request is sent when one ends (a closed loop).
	Concurrency int
	// Prompts is how many requests are measured, at least Concurrency; 0: DefaultPrompts.
	Prompts int
	// RequestRate, if not 0, is how many requests a second arrive (a Poisson process, as with vLLM's
	// --request-rate). Those that find Concurrency requests in progress wait. That wait is a row
	// of its own, and not in the latencies. A Concurrency of 0 then means no limit.
	RequestRate float64

	InputTokens  int // the prompt's text, without the chat template, on average; 0: DefaultInputTokens
	OutputTokens int // max_tokens; 0: DefaultOutputTokens
	EOS          EOS
	Temperature  *float64       // nil: the server decides, as in vLLM's benchmark
	Extra        map[string]any // merged into each request, see [llm.Request]

	// WarmUps is the number of full-length requests before the measurement, which are not counted; 0:
	// as many as Concurrency, at most 16; negative: none. Five short requests that measure how many
	// tokens a word has come before them in any case.
	WarmUps int

	// Seed chooses the words and the arrival times. The first words of each prompt are new in every
	// run, whatever the seed.
	Seed uint64
	// Salt chooses these first words; 0: random. Only a test wants to set it.
	Salt uint64
}

func (c Config) withDefaults() Config {
	if c.Concurrency <= 0 && c.RequestRate <= 0 {
		c.Concurrency = 1
	}
	c.Prompts = cmp.Or(max(c.Prompts, 0), DefaultPrompts)
	c.InputTokens = cmp.Or(max(c.InputTokens, 0), DefaultInputTokens)
	c.OutputTokens = cmp.Or(max(c.OutputTokens, 0), DefaultOutputTokens)
	c.Concurrency, c.RequestRate = max(c.Concurrency, 0), max(c.RequestRate, 0)
	switch {
	case c.WarmUps < 0:
		c.WarmUps = 0
	case c.WarmUps == 0:
		c.WarmUps = min(max(c.Concurrency, 1), maxDefaultWarmUps)
	}
	return c
}

// Phase is what a run is doing.
type Phase string

// The phases, in their order.
const (
	PhasePrepare Phase = "prepare" // looking at the model, counting tokens
	PhaseWarmUp  Phase = "warm-up"
	PhaseMeasure Phase = "measure"
)

// Progress is how far a run is. It is for a live line, not for results.
type Progress struct {
	Name        string // Config.Name
	Phase       Phase
	Round       int // of a comparison, from 1; 0: there are no rounds
	Concurrency int
	Total       int // requests of this phase
	Done        int // ended well
	Failed      int
	Running     int
	Tokens      int           // output tokens so far in this phase, those of running requests included
	Expected    int           // output tokens of this phase, if every answer has its full length
	Ended       *Report       // of a measurement that has just ended; nil: none has
	Elapsed     time.Duration // of this phase
	Rate        float64       // output tokens a second over about the last second
}

// Left estimates how long the phase will go on; 0: not known yet. It takes the share of the
// requests or of the tokens that are done, whichever is larger: answers may be shorter than asked.
func (p Progress) Left() time.Duration {
	done := 0.0
	if p.Total > 0 {
		done = float64(p.Done+p.Failed) / float64(p.Total)
	}
	if p.Expected > 0 {
		done = min(max(done, float64(p.Tokens)/float64(p.Expected)), 1)
	}
	if done < leastDone || p.Ended != nil {
		return 0
	}
	return time.Duration(float64(p.Elapsed) * (1 - done) / done)
}

// leastDone is the share of a phase below which nothing is estimated: the first requests wait
// longest.
const leastDone = 0.02

// progressEvery is how often a run reports its progress, besides at the end of each request.
const progressEvery = 200 * time.Millisecond

// Run measures srv once. It blocks until every request has ended. It calls progress, which may be
// nil, from its own goroutine only; a slow progress does not hold the requests up.
//
// When ctx ends, Run returns ctx's error together with the report of what was finished
// ([Report.Interrupted]). Any other error means that there was no measurement: the server could not
// be asked, the prompts do not fit its window, or a warm-up failed. Requests that fail in the
// measurement are in the report, and no error of Run.
func Run(ctx context.Context, srv Server, cfg Config, progress func(Progress)) (Report, error) {
	s, err := prepare(ctx, srv, cfg, progress)
	if err != nil {
		return Report{Interrupted: ctx.Err() != nil}, err
	}
	return s.measure(ctx, s.cfg, 0)
}

// Sweep measures srv at several levels of concurrency, in the order given, after one warm-up; a
// level may come again, for another sample. When ctx ends, Sweep returns the reports so far, the
// last of them interrupted. See [Run].
func Sweep(ctx context.Context, srv Server, cfg Config, levels []int, progress func(Progress)) ([]Report, error) {
	for _, n := range levels {
		cfg.Concurrency = max(cfg.Concurrency, n)
	}
	s, err := prepare(ctx, srv, cfg, progress)
	if err != nil {
		return nil, err
	}
	var out []Report
	times := map[int]int{}
	for _, n := range levels {
		cfg := s.cfg
		cfg.Concurrency = max(n, 1)
		round := 0
		if times[n]++; len(levels) > len(slices.Compact(slices.Sorted(slices.Values(levels)))) {
			round = times[n]
		}
		r, err := s.measure(ctx, cfg, round)
		out = append(out, r)
		if err != nil {
			return out, err
		}
	}
	return out, nil
}
