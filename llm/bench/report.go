package bench

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"llmbot/llm"
)

// Report is what one run measured. Its JSON is stable: names are never changed, only added.
//
// The definitions are those of vllm/benchmarks/serve.py, 0.32 (facts/vllm.md §3). Only requests
// that ended well count, except in DurationS, Timeline and PeakConcurrency:
//
//   - TTFT: from sending the request to its first event. vLLM counts the first event with a choice,
//     which is the chunk that only names the role. This client hears of the first one with text,
//     reasoning or a token count. On vLLM both come together (facts §1.2).
//   - E2EL: from sending the request to its last event with a choice, which the usage chunk is not.
//   - TPOT: (E2EL − TTFT) / (output tokens − 1), of each request with at least two tokens. A request
//     with tokens that were not streamed has none (vLLM gives it one that is far too good).
//   - TTFW: from sending the request to the first visible word: text that is not white space, and no
//     reasoning. vLLM does not know it.
//   - ClientQueue: with a rate and a limit, from when a request was due to when it was sent. It is in
//     none of the others. vLLM calls it client_queue_time.
//   - ITL: the gaps between the events of a request, whatever number of tokens they hold. vLLM
//     counts the gap after the role chunk too, which is about 0, so that with n tokens its mean is
//     (n−1)/n of ours.
//   - Output token throughput: the sum of all output tokens, reasoning included, over the duration
//     of the whole run.
//
// Two figures differ on purpose. PeakConcurrency is that of one moment: vLLM adds up all requests
// that touched the same second, and says 2 of one at a time. PeakOutputThroughput counts tokens
// where the server tells its running count: vLLM counts events.
type Report struct {
	Name      string    `json:"name"`
	Model     string    `json:"model"`
	StartedAt time.Time `json:"started_at"`

	MaxConcurrency int     `json:"max_concurrency"`    // as asked; 0: no limit
	RequestRate    float64 `json:"request_rate_per_s"` // as asked; 0: a closed loop
	Prompts        int     `json:"prompts"`            // as asked
	InputTokens    int     `json:"input_tokens"`       // as asked, for the text of each prompt
	OutputTokens   int     `json:"output_tokens"`      // as asked, for each answer
	IgnoreEOS      bool    `json:"ignore_eos"`
	Seed           uint64  `json:"seed"`
	Server         string  `json:"server_version"` // as it says; empty: it does not
	Client         string  `json:"llmbot_version"`
	Round          int     `json:"round,omitempty"` // of a comparison or a repetition, from 1

	Interrupted bool      `json:"interrupted"`         // the run was cancelled: this is a part of it
	Completed   int       `json:"completed_requests"`  // ended well
	Failed      int       `json:"failed_requests"`     // ended in an error
	Unfinished  int       `json:"unfinished_requests"` // were in progress when the run was cancelled
	Short       int       `json:"short_answers"`       // of Completed: shorter than asked
	Uncounted   int       `json:"uncounted_answers"`   // of Completed: their events count as tokens
	Hidden      int       `json:"hidden_answers"`      // of Completed: not all of their tokens were streamed
	Failures    []Failure `json:"failures"`            // the failed by kind, most frequent first
	DurationS   float64   `json:"duration_s"`          // from the first request to the last response
	TotalInput  int       `json:"total_input_tokens"`  // as the server counts, with its template
	Cached      int       `json:"cached_input_tokens"` // of TotalInput, from the prefix cache, if told
	TotalOutput int       `json:"total_output_tokens"` // reasoning included

	RequestThroughput    float64 `json:"request_throughput_per_s"`
	OutputThroughput     float64 `json:"output_throughput_tok_per_s"`
	PeakOutputThroughput float64 `json:"peak_output_throughput_tok_per_s"` // in the fullest second
	TotalThroughput      float64 `json:"total_throughput_tok_per_s"`       // input and output
	PeakConcurrency      int     `json:"peak_concurrency"`

	// Interactive is the median over the answers of what one reader sees, as in the line under an
	// answer of the bot: tokens by all seconds, those to the first token included. Decode is 1 /
	// median TPOT. 0: not known.
	Interactive float64 `json:"interactive_speed_tok_per_s"`
	Decode      float64 `json:"decode_speed_tok_per_s"`

	SLO     SLO     `json:"slo,omitzero"`                    // as asked
	Good    int     `json:"good_requests,omitempty"`         // of Completed: met all of SLO
	Goodput float64 `json:"request_goodput_per_s,omitempty"` // Good over the duration

	TTFT Distribution `json:"ttft"`
	TPOT Distribution `json:"tpot"`
	ITL  Distribution `json:"itl"`
	E2EL Distribution `json:"e2el"`
	TTFW Distribution `json:"ttfw"`

	ClientQueue Distribution `json:"client_queue"` // with a rate and a limit only

	Timeline []Moment  `json:"timeline"`
	Requests []Request `json:"requests"` // in the order they were sent
}

// Failure counts the failed requests of one kind.
type Failure struct {
	Kind    string `json:"kind"` // of [llm.Error], or "other"
	Count   int    `json:"count"`
	Example string `json:"example"` // the first one's error: server's words, for the operator
}

// Moment is a piece of the timeline. All pieces of a report have the same width but the last, which
// is longer.
type Moment struct {
	FromS     float64 `json:"from_s"` // since the start of the run
	WidthS    float64 `json:"width_s"`
	OutputTPS float64 `json:"output_tok_per_s"`
	Running   float64 `json:"running_requests"` // on average
}

// Request is one request of a run.
type Request struct {
	StartS       float64 `json:"start_s"` // since the start of the run
	TTFTMS       float64 `json:"ttft_ms"` // 0: nothing came
	TTFWMS       float64 `json:"ttfw_ms"` // 0: no visible word came
	TPOTMS       float64 `json:"tpot_ms"` // 0: fewer than two tokens, or Hidden
	E2ELMS       float64 `json:"e2el_ms"`
	InputTokens  int     `json:"input_tokens"`
	OutputTokens int     `json:"output_tokens"`
	Finish       string  `json:"finish_reason"`
	Failure      string  `json:"failure_kind"` // empty: it ended well

	ClientQueueMS float64 `json:"client_queue_ms"` // waited for a free slot before it was sent
	Hidden        bool    `json:"hidden"`          // some of OutputTokens were not streamed
}

// InteractiveSpeed returns the tokens a second that one reader sees, the first token's wait
// included: the median over the answers; 0: not known.
func (r Report) InteractiveSpeed() float64 { return r.Interactive }

// DecodeSpeed returns the tokens a second with which an answer grows once it has begun: 1 / median
// TPOT; 0: not known.
func (r Report) DecodeSpeed() float64 { return r.Decode }

// event is the arrival of tokens.
type event struct {
	at     time.Duration // since the start of the run
	tokens int
}

// outcome is a request that has ended.
type outcome struct {
	sent, ended time.Duration // since the start of the run
	ttft, e2el  time.Duration
	ttfw        time.Duration // 0: no visible word came
	queued      time.Duration // from when it was due to when it was sent
	queues      bool          // queued is known
	hidden      bool          // some of output were not streamed
	input       int
	cached      int
	output      int
	counted     bool // output is the server's own number
	finish      llm.Finish
	events      []event
	gaps        []time.Duration
	err         error // nil: it ended well
	unfinished  bool  // the run was cancelled
}

func (o outcome) tpot() time.Duration {
	if o.err != nil || o.output < 2 || o.hidden {
		return 0
	}
	return (o.e2el - o.ttft) / time.Duration(o.output-1)
}

// report sums up the outcomes of a run that took so long.
func report(outs []outcome, took time.Duration, slo SLO) Report {
	r := Report{SLO: slo, DurationS: took.Seconds(), Failures: []Failure{}, Requests: []Request{}, Timeline: timeline(outs, took)}
	slices.SortStableFunc(outs, func(a, b outcome) int { return cmp.Compare(a.sent, b.sent) })
	var ttft, ttfw, tpot, itl, e2el, queue []time.Duration
	var seen []float64 // interactive speeds
	for _, o := range outs {
		r.Requests = append(r.Requests, Request{
			StartS: o.sent.Seconds(), TTFTMS: ms(o.ttft), TPOTMS: ms(o.tpot()), E2ELMS: ms(o.e2el), InputTokens: o.input, OutputTokens: o.output,
			TTFWMS: ms(o.ttfw), ClientQueueMS: ms(o.queued), Hidden: o.hidden, Finish: string(o.finish), Failure: o.failure(),
		})
		switch {
		case o.unfinished:
			r.Unfinished++
			continue
		case o.err != nil:
			r.Failed++
			r.Failures = addFailure(r.Failures, o)
			continue
		}
		r.Completed++
		r.TotalInput += o.input
		r.Cached += o.cached
		r.TotalOutput += o.output
		if !o.counted {
			r.Uncounted++
		}
		ttft, e2el, itl = append(ttft, o.ttft), append(e2el, o.e2el), append(itl, o.gaps...)
		if o.output > 0 && o.e2el > 0 {
			seen = append(seen, float64(o.output)/o.e2el.Seconds())
		}
		if slo.met(o) {
			r.Good++
		}
		if o.hidden {
			r.Hidden++
		} else if o.output > 1 {
			tpot = append(tpot, o.tpot())
		}
		if o.ttfw > 0 {
			ttfw = append(ttfw, o.ttfw)
		}
		if o.queues {
			queue = append(queue, o.queued)
		}
	}
	slices.SortStableFunc(r.Failures, func(a, b Failure) int { return cmp.Compare(b.Count, a.Count) })
	r.RequestThroughput = per(r.Completed, took)
	r.OutputThroughput = per(r.TotalOutput, took)
	r.TotalThroughput = per(r.TotalInput+r.TotalOutput, took)
	r.TTFT, r.TPOT, r.ITL, r.E2EL = distribution(ttft), distribution(tpot), distribution(itl), distribution(e2el)
	r.Interactive, r.Goodput = median(seen), per(r.Good, took)
	if r.TPOT.MedianMS > 0 {
		r.Decode = 1000 / r.TPOT.MedianMS
	}
	r.TTFW, r.ClientQueue = distribution(ttfw), distribution(queue)
	r.PeakConcurrency, r.PeakOutputThroughput = peakConcurrency(outs), peakSecond(outs)
	return r
}

func (o outcome) failure() string {
	switch {
	case o.unfinished:
		return "unfinished"
	case o.err == nil:
		return ""
	}
	if e, ok := errors.AsType[*llm.Error](o.err); ok {
		return e.Kind.String()
	}
	return "other"
}

// addFailure counts o, which failed, in list.
func addFailure(list []Failure, o outcome) []Failure {
	kind := o.failure()
	i := slices.IndexFunc(list, func(f Failure) bool { return f.Kind == kind })
	if i < 0 {
		list = append(list, Failure{Kind: kind, Example: o.err.Error()})
		i = len(list) - 1
	}
	list[i].Count++
	return list
}

// peakConcurrency returns the most requests that were in progress at one moment. A request that
// ends when another is sent makes room for it.
func peakConcurrency(outs []outcome) int {
	type edge struct {
		at   time.Duration
		step int
	}
	var edges []edge
	for _, o := range outs {
		edges = append(edges, edge{o.sent, 1}, edge{o.ended, -1})
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.step, b.step)) })
	now, peak := 0, 0
	for _, e := range edges {
		now += e.step
		peak = max(peak, now)
	}
	return peak
}

// peakSecond returns the most output tokens in one whole second, counted since the first request
// that ended well, as vLLM cuts them.
func peakSecond(outs []outcome) float64 {
	first := time.Duration(-1)
	for _, o := range outs {
		if o.err == nil && (first < 0 || o.sent < first) {
			first = o.sent
		}
	}
	seconds := map[time.Duration]int{}
	peak := 0
	for _, o := range outs {
		if o.err != nil {
			continue
		}
		for _, e := range o.events {
			at := (e.at - first) / time.Second
			seconds[at] += e.tokens
			peak = max(peak, seconds[at])
		}
	}
	return float64(peak)
}

// timelinePieces is about how many points a chart of a page's width can show.
const timelinePieces = 60

// timeline cuts the run into pieces of a round width, and counts what went on in each, failed
// requests included.
func timeline(outs []outcome, took time.Duration) []Moment {
	width := roundStep(took.Seconds() / timelinePieces)
	if width == 0 || len(outs) == 0 {
		return []Moment{}
	}
	step := time.Duration(width * float64(time.Second))
	out := make([]Moment, max(took/step, 1)) // what remains belongs to the last
	last := len(out) - 1
	for i := range out {
		out[i] = Moment{FromS: float64(i) * width, WidthS: width}
	}
	out[last].WidthS = took.Seconds() - out[last].FromS
	for _, o := range outs {
		for _, e := range o.events {
			i := min(int(e.at/step), last)
			out[i].OutputTPS += float64(e.tokens) / out[i].WidthS
		}
		for i := min(int(o.sent/step), last); i <= min(int(o.ended/step), last); i++ {
			from, to := time.Duration(i)*step, time.Duration(i+1)*step
			if i == last {
				to = took
			}
			out[i].Running += max(min(o.ended, to)-max(o.sent, from), 0).Seconds() / out[i].WidthS
		}
	}
	return out
}
