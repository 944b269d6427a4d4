package bench

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"llmbot/llm"
)

// session is a server that is ready to be measured.
type session struct {
	srv      Server
	cfg      Config // with defaults, model and salt
	version  string // of the server; empty: it does not say
	ignore   bool   // the end token is ignored
	words    int    // of each prompt
	next     int    // number of the next full prompt: none is sent twice
	progress func(Progress)
}

// The vocabulary is counted in countParts parts, because all of it need not fit a small window. A
// prompt of fewWords words tells the share of the chat template.
const (
	countParts = 4
	fewWords   = 8
)

// mostVersion is how many characters of the version are kept that a server gives itself.
const mostVersion = 100

// prepare looks at the server, finds the length of the prompts, and warms up.
func prepare(ctx context.Context, srv Server, cfg Config, progress func(Progress)) (*session, error) {
	cfg = cfg.withDefaults()
	if progress == nil {
		progress = func(Progress) {}
	}
	s := &session{srv: srv, progress: progress}
	progress(Progress{Name: cfg.Name, Phase: PhasePrepare, Concurrency: cfg.Concurrency})
	info, err := srv.Model(ctx, "")
	if err != nil && cfg.Model == "" {
		return nil, fmt.Errorf("ask for the model: %w", err)
	}
	if v, ok := srv.(interface {
		Version(ctx context.Context) (string, error)
	}); ok {
		if version, err := v.Version(ctx); err == nil {
			s.version = llm.Printable(version, mostVersion)
		}
	}
	window := info.MaxModelLen
	if cfg.Model == "" {
		cfg.Model = info.ID
	} else if cfg.Model != info.ID {
		window = 0 // that of another model
	}
	for cfg.Salt == 0 {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails
		cfg.Salt = binary.LittleEndian.Uint64(b[:])
	}
	s.cfg = cfg
	s.ignore = cfg.EOS == EOSIgnore || cfg.EOS == EOSAuto && takesIgnoreEOS(info.OwnedBy)
	base, perWord, err := s.calibrate(ctx)
	if err != nil {
		return nil, fmt.Errorf("count the tokens of a short prompt: %w", err)
	}
	text := cfg.InputTokens
	if !s.ignore {
		text -= len(strings.Fields(askLong)) // about a token a word; base has it already
	}
	s.words = max(int(math.Round(float64(text)/perWord)), 1)
	if prompt := base + int(float64(s.words)*perWord); window > 0 && prompt+cfg.OutputTokens > window {
		return nil, &WindowError{Prompt: prompt, Template: base, Answer: cfg.OutputTokens, Window: window}
	}
	if cfg.WarmUps == 0 {
		return s, nil
	}
	warm := cfg
	warm.Prompts, warm.RequestRate = cfg.WarmUps, 0
	warm.Concurrency = min(max(cfg.Concurrency, 1), cfg.WarmUps)
	outs, _ := s.load(ctx, warm, Progress{Phase: PhaseWarmUp})
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("warm up: %w", err)
	}
	for _, o := range outs {
		if o.err != nil {
			return nil, fmt.Errorf("warm up: %w", o.err)
		}
	}
	return s, nil
}

// WindowError reports that the requests do not fit the model's window. All numbers are tokens.
type WindowError struct {
	Prompt   int // with the chat template
	Template int // the chat template alone
	Answer   int
	Window   int
}

// Error returns the numbers.
func (e *WindowError) Error() string {
	return fmt.Sprintf("%d tokens of prompt (with the chat template) and %d of answer do not fit the model's window of %d tokens",
		e.Prompt, e.Answer, e.Window)
}

// takesIgnoreEOS reports whether a server takes ignore_eos, by what it says of itself in /v1/models
// (owned_by).
func takesIgnoreEOS(ownedBy string) bool {
	o := strings.ToLower(ownedBy)
	return strings.Contains(o, "vllm") || strings.Contains(o, "sglang")
}

// calibrate asks for one token each after prompts that hold the whole vocabulary once. It returns
// what the server counts for the chat template alone, and for a word on average. It takes a server
// that tells no usage to count a token a word.
func (s *session) calibrate(ctx context.Context) (base int, perWord float64, err error) {
	tail := ""
	if !s.ignore {
		tail = askLong
	}
	count := func(words []string) (int, error) {
		o := s.ask(ctx, strings.Join(words, " ")+tail, 1, time.Now(), nil)
		if e, ok := errors.AsType[*llm.Error](o.err); o.err != nil && (!ok || e.Kind != llm.KindEmpty) {
			return 0, o.err
		}
		return o.input, nil
	}
	words := vocabulary()
	few, err := count(words[:fewWords])
	if err != nil || few == 0 {
		return 0, 1, err
	}
	sum := 0
	for part := range slices.Chunk(words, len(words)/countParts) {
		n, err := count(part)
		if err != nil {
			return 0, 1, err
		}
		sum += n
	}
	// few = base + fewWords·perWord and sum = countParts·base + all words·perWord.
	perWord = float64(sum-countParts*few) / float64(len(words)-countParts*fewWords)
	if perWord < 0.25 || perWord > 16 { // the server counts something else
		return 0, 1, nil
	}
	return max(few-int(math.Round(fewWords*perWord)), 0), perWord, nil
}

// measure runs the load of cfg and reports it. It sends at least as many requests as may be in
// progress at once: with fewer, nobody would see so many.
func (s *session) measure(ctx context.Context, cfg Config, round int) (Report, error) {
	cfg.Prompts = max(cfg.Prompts, cfg.Concurrency)
	started := time.Now()
	outs, took := s.load(ctx, cfg, Progress{Phase: PhaseMeasure, Round: round})
	r := report(outs, took, cfg.SLO)
	r.Server, r.Client, r.Round = s.version, cfg.Client, round
	r.Name, r.Model, r.StartedAt = cfg.Name, cfg.Model, started.UTC().Truncate(time.Millisecond)
	r.MaxConcurrency, r.RequestRate, r.Prompts = cfg.Concurrency, cfg.RequestRate, cfg.Prompts
	r.InputTokens, r.OutputTokens, r.IgnoreEOS, r.Seed = cfg.InputTokens, cfg.OutputTokens, s.ignore, cfg.Seed
	for _, o := range outs {
		if o.err == nil && o.output < cfg.OutputTokens && o.finish != llm.FinishLength {
			r.Short++
		}
	}
	r.Interrupted = len(outs) < cfg.Prompts || r.Unfinished > 0
	s.progress(Progress{Name: cfg.Name, Phase: PhaseMeasure, Round: round, Concurrency: cfg.Concurrency, Total: cfg.Prompts, Done: r.Completed, Failed: r.Failed, Elapsed: took, Ended: &r})
	if r.Interrupted {
		return r, context.Cause(ctx)
	}
	return r, nil
}

// live is what the requests in progress add up to, for the progress line.
type live struct{ tokens, running atomic.Int64 }

// load sends cfg.Prompts requests, at most cfg.Concurrency at once, and returns their outcomes when
// all have ended. It sends no more after the end of ctx.
func (s *session) load(ctx context.Context, cfg Config, p Progress) ([]outcome, time.Duration) {
	p.Name, p.Concurrency, p.Total, p.Expected = cfg.Name, cfg.Concurrency, cfg.Prompts, cfg.Prompts*cfg.OutputTokens
	make1 := prompts{seed: cfg.Seed, salt: cfg.Salt, words: s.words, askLong: !s.ignore}
	first := s.next
	s.next += cfg.Prompts
	workers := cfg.Concurrency
	if workers == 0 || workers > cfg.Prompts {
		workers = cfg.Prompts
	}
	var now live
	jobs := make(chan job)
	done := make(chan outcome, cfg.Prompts) // so that a slow progress callback keeps nobody waiting
	start := time.Now()
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(jobs)
		dispatch(ctx, cfg, start, jobs)
	})
	for range workers {
		wg.Go(func() {
			for j := range jobs {
				text := make1.text(first + j.number)
				now.running.Add(1)
				o := s.ask(ctx, text, cfg.OutputTokens, start, &now)
				if cfg.RequestRate > 0 && cfg.Concurrency > 0 {
					o.queued, o.queues = max(o.sent-j.due, 0), true
				}
				now.running.Add(-1)
				done <- o
			}
		})
	}
	go func() {
		wg.Wait()
		close(done)
	}()
	return s.collect(done, start, p, &now), time.Since(start)
}

// job is a request to send.
type job struct {
	number int
	due    time.Duration // since the start of the run; with a rate only
}

// dispatch hands out the requests when they are due.
func dispatch(ctx context.Context, cfg Config, start time.Time, jobs chan<- job) {
	var due []float64
	if cfg.RequestRate > 0 {
		due = arrivals(cfg.Seed, cfg.Prompts, cfg.RequestRate)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := range cfg.Prompts {
		next := job{number: i}
		if due != nil {
			next.due = time.Duration(due[i] * float64(time.Second))
			timer.Reset(time.Until(start.Add(next.due)))
			select {
			case <-timer.C:
			case <-ctx.Done():
				return
			}
		}
		if ctx.Err() != nil {
			return
		}
		select {
		case jobs <- next:
		case <-ctx.Done():
			return
		}
	}
}

// collect owns the outcomes and the progress until done is closed.
func (s *session) collect(done <-chan outcome, start time.Time, p Progress, now *live) []outcome {
	var outs []outcome
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	rate := rater{}
	say := func() {
		p.Tokens, p.Running, p.Elapsed = int(now.tokens.Load()), int(now.running.Load()), time.Since(start)
		p.Rate = rate.add(p.Elapsed, p.Tokens)
		s.progress(p)
	}
	say()
	for {
		select {
		case o, ok := <-done:
			if !ok {
				say()
				return outs
			}
			outs = append(outs, o)
			switch {
			case o.err == nil:
				p.Done++
			case !o.unfinished:
				p.Failed++
			}
		case <-tick.C:
		}
		say()
	}
}

// rater tells a rate over about the last second.
type rater struct{ seen []event }

func (r *rater) add(at time.Duration, tokens int) float64 {
	r.seen = append(r.seen, event{at, tokens})
	for len(r.seen) > 2 && r.seen[1].at <= at-time.Second {
		r.seen = r.seen[1:]
	}
	old := r.seen[0]
	return per(tokens-old.tokens, at-old.at)
}

// ask sends one request and watches it to its end. start is when the run began.
func (s *session) ask(ctx context.Context, text string, tokens int, start time.Time, now *live) outcome {
	req := llm.Request{
		Model: s.cfg.Model, Messages: []llm.Message{{Role: llm.RoleUser, Content: text}}, MaxTokens: tokens, Temperature: s.cfg.Temperature,
		Extra: maps.Clone(s.cfg.Extra),
	}
	if s.ignore {
		if req.Extra == nil {
			req.Extra = map[string]any{}
		}
		if _, set := req.Extra["ignore_eos"]; !set {
			req.Extra["ignore_eos"] = true
		}
	}
	var o outcome
	counted := 0 // tokens that the server told on the way
	var came streamed
	began := time.Now()
	res, err := s.srv.Stream(ctx, req, func(d llm.Delta) error {
		at := time.Since(began)
		n := 1 // unless the server says otherwise, an event is a token
		if d.CompletionTokens > 0 {
			n = max(d.CompletionTokens-counted, 0)
			counted = d.CompletionTokens
		}
		came.take(d, n)
		switch {
		case d.Retract:
			o.ttfw = 0
		case o.ttfw == 0 && strings.TrimSpace(d.Text) != "":
			o.ttfw = max(at, 1)
		}
		if len(o.events) == 0 {
			o.ttft = at
		} else {
			o.gaps = append(o.gaps, at-o.e2el)
		}
		o.e2el = at
		o.events = append(o.events, event{at, n})
		if now != nil {
			now.tokens.Add(int64(n))
		}
		return nil
	})
	ended := time.Since(began)
	// The last event with a choice may have had no text: a bare finish reason. The client timed it,
	// from the same moment.
	if len(o.events) > 0 && res.Elapsed > o.e2el {
		o.gaps = append(o.gaps, res.Elapsed-o.e2el)
		o.e2el = res.Elapsed
	}
	o.sent = began.Sub(start)
	o.ended = o.sent + ended
	for i := range o.events {
		o.events[i].at += o.sent
	}
	o.finish, o.input, o.cached = res.Finish, res.Usage.PromptTokens, res.Usage.CachedTokens
	o.output, o.counted = res.Usage.CompletionTokens, res.Usage.Known
	if !o.counted || o.output == 0 { // zeros are no count
		o.output, o.counted = max(len(o.events), counted), false
	}
	if o.hidden = came.less(o.output, res.Usage.ReasoningTokens); o.hidden && came.jumped() {
		o.events[0].tokens = 1 // the others did not come then
	}
	o.err = verdict(res, err, len(o.events))
	o.unfinished = o.err != nil && ctx.Err() != nil
	return o
}

// streamed is what came of an answer, to tell whether all its tokens did.
type streamed struct {
	events, bytes int
	reasoned      bool
	first, most   int // tokens of the first event, and the most of a later one
}

func (s *streamed) take(d llm.Delta, tokens int) {
	if s.events == 0 {
		s.first = tokens
	} else {
		s.most = max(s.most, tokens)
	}
	s.events++
	s.bytes += len(d.Text) + len(d.Reasoning)
	s.reasoned = s.reasoned || d.Reasoning != "" || d.Retract
}

// Marks of tokens that nobody streamed.
const (
	leastJump = 16 // tokens of a first event that are more than a bundle
	jumpTimes = 4  // how many times as many as any later event has
	mostWords = 2  // tokens for each byte of text: even with special tokens among them there are fewer
)

// jumped reports whether the server had counted tokens before its first event: one comes alone, or
// as a bundle like the later ones.
func (s *streamed) jumped() bool { return s.first >= leastJump && s.first >= jumpTimes*s.most }

// less reports whether fewer than output tokens were streamed: the time between the events is then
// not the time of the tokens. Servers hide reasoning in this way, and some bring a whole answer in
// one event. reasoning is the number of reasoning tokens that the server tells.
func (s *streamed) less(output, reasoning int) bool {
	return reasoning > 0 && !s.reasoned || output > 1 && s.events == 1 || s.jumped() || output > mostWords*s.bytes
}

// verdict returns why a request did not end well; nil: it did. So did an answer without visible
// text that the server ended properly: it may be all reasoning, or white space, and its tokens were
// as much work as any.
func verdict(res llm.Result, err error, events int) error {
	if e, ok := errors.AsType[*llm.Error](err); ok && e.Kind == llm.KindEmpty && events > 0 &&
		(res.Finish == llm.FinishLength || res.Finish == llm.FinishStop) {
		return nil
	}
	if err == nil && events == 0 {
		return &llm.Error{Kind: llm.KindEmpty, Op: "bench"}
	}
	return err
}
