package answer

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/prompt"
	"llmbot/llm"
)

// fault is what one request of a row comes to.
type fault struct {
	kind  llm.Kind
	tried Tried
	mends bool          // Adapt can do something about it
	took  time.Duration // that the request took
}

// row plays faults, and after them answers.
type row struct {
	faults []fault
	n      int
	waits  []time.Duration
	waited time.Duration // as Away was told last
}

func (r *row) Try(context.Context) (Tried, error) {
	r.n++
	if r.n > len(r.faults) {
		return Tried{}, nil
	}
	f := r.faults[r.n-1]
	time.Sleep(f.took)
	return f.tried, &llm.Error{Kind: f.kind}
}

func (r *row) Adapt(context.Context, *llm.Error) bool { return r.faults[r.n-1].mends }

func (r *row) Away(_ *llm.Error, waited, pause time.Duration) {
	r.waits, r.waited = append(r.waits, pause), waited
}

func TestRetry(t *testing.T) {
	var (
		down     = fault{kind: llm.KindDown}
		slowDown = fault{kind: llm.KindDown, took: 5 * time.Second}
		midway   = fault{kind: llm.KindDown, took: 5 * time.Second, tried: Tried{Bytes: 1}}
		cut      = fault{kind: llm.KindCut}
		goesOn   = fault{kind: llm.KindCut, tried: Tried{Bytes: progress, Resumes: true}}
		anew     = fault{kind: llm.KindCut, tried: Tried{Bytes: progress}}
		refused  = fault{kind: llm.KindUnauthorized}
		mended   = fault{kind: llm.KindContext, mends: true}
	)
	const s = time.Second
	for name, tt := range map[string]struct {
		faults   []fault
		noWait   bool
		requests int
		failed   bool
		waits    []time.Duration
		waited   time.Duration // before the last pause
	}{
		"at once":                             {requests: 1},
		"the pauses double up to 8 s":         {faults: slices.Repeat([]fault{down}, 6), requests: 7, waits: []time.Duration{s, 2 * s, 4 * s, 8 * s, 8 * s, 8 * s}, waited: 23 * s},
		"a slow refusal counts as waiting":    {faults: []fault{slowDown}, requests: 2, waits: []time.Duration{s}, waited: 5 * s},
		"time in which text came does not":    {faults: []fault{midway}, requests: 2, waits: []time.Duration{s}},
		"a server that was there begins anew": {faults: []fault{down, down, cut, down}, requests: 5, waits: []time.Duration{s, 2 * s, s}},
		"not waited for":                      {faults: []fault{down}, noWait: true, requests: 1, failed: true},
		"one more try":                        {faults: []fault{cut}, requests: 2},
		"and no other":                        {faults: []fault{cut, cut}, requests: 2, failed: true},
		"each that goes on does not count":    {faults: []fault{goesOn, goesOn, goesOn, cut}, requests: 5},
		"each that begins anew counts":        {faults: []fault{anew, anew}, requests: 2, failed: true},
		"what is final":                       {faults: []fault{refused}, requests: 1, failed: true},
		"what is mended does not count":       {faults: []fault{mended, mended, cut}, requests: 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &row{faults: tt.faults}
				err := Retry{Log: slog.New(slog.DiscardHandler), Wait: !tt.noWait}.Do(t.Context(), r)
				if failed := err != nil; failed != tt.failed || r.n != tt.requests {
					t.Errorf("%v after %d requests, want %d", err, r.n, tt.requests)
				}
				if !slices.Equal(r.waits, tt.waits) || r.waited != tt.waited {
					t.Errorf("waited %v, at last %v; want %v, %v", r.waits, r.waited, tt.waits, tt.waited)
				}
			})
		})
	}
}

// TestRetryHasAnEnd: a server that does not come back is waited for half an hour, and a person waits
// no longer than they like.
func TestRetryHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		err := Retry{Log: slog.New(slog.DiscardHandler), Wait: true}.Do(t.Context(), &row{faults: slices.Repeat([]fault{{kind: llm.KindDown}}, 1000)})
		failure, known := errors.AsType[*llm.Error](err)
		if took := time.Since(begun); !errors.Is(err, errWaitedLong) || !known || failure.Kind != llm.KindDown || took < awayTotal || took > awayTotal+2*awayMost {
			t.Errorf("%v after %v", err, took)
		}
		ctx, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(500*time.Millisecond, func() { stop(ErrStopped) })
		begun = time.Now()
		err = Retry{Log: slog.New(slog.DiscardHandler), Wait: true}.Do(ctx, &row{faults: []fault{{kind: llm.KindDown}}})
		if took := time.Since(begun); !errors.Is(err, ErrStopped) || took != 500*time.Millisecond {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// TestWriterSaysWhatItDoes: what a Writer does is told by itself, whatever is shown meanwhile.
func TestWriterSaysWhatItDoes(t *testing.T) {
	reasons := func(on func(llm.Delta) error) (llm.Result, error) {
		if err := on(llm.Delta{Reasoning: "hm"}); err != nil {
			return llm.Result{}, err
		}
		return writes("one ", "two ")(on)
	}
	for name, tt := range map[string]struct {
		steps  []step
		held   int    // characters that a killed process left visible
		notice string // of the bot, beside the text
		queued bool   // somebody else has the slot
		want   []Activity
	}{
		"text":      {steps: []step{writes("one")}, want: []Activity{ActivityThinking, ActivityWriting}},
		"reasoning": {steps: []step{reasons}, want: []Activity{ActivityThinking, ActivityReasoning, ActivityWriting}},
		"a notice":  {steps: []step{writes("one")}, notice: "I could not read a file.", want: []Activity{ActivityThinking, ActivityWriting}},
		"a blip":    {steps: []step{fails(llm.KindDown), writes("one")}, want: []Activity{ActivityThinking, ActivityAway, ActivityWriting}},
		"away in an answer": {
			steps: []step{fails(llm.KindDown, "one "), fails(llm.KindDown), fails(llm.KindDown), reasons},
			want:  []Activity{ActivityThinking, ActivityWriting, ActivityAway, ActivityReasoning, ActivityWriting},
		},
		"broken off": {
			steps: []step{fails(llm.KindCut, "one "), writes("one ", "two")},
			want:  []Activity{ActivityThinking, ActivityWriting, ActivityThinking, ActivityWriting},
		},
		"behind what a killed process left": {steps: []step{writes("one ", "two")}, held: 100, want: []Activity{ActivityThinking, ActivityWriting}},
		"queued":                            {steps: []step{writes("one")}, queued: true, want: []Activity{ActivityQueued, ActivityThinking, ActivityWriting}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				model := &scripted{steps: tt.steps}
				shared := with(model, Hooks{}, slog.DiscardHandler)
				if tt.queued {
					other := shared.Writer(Task{Draft: &page{}})
					if err := other.Enter(t.Context()); err != nil {
						t.Fatal(err)
					}
					time.AfterFunc(time.Minute, other.Leave)
				}
				var got []Activity
				w := shared.Writer(Task{
					Draft: &page{}, MinVisible: tt.held, Progress: func() {}, Spent: func(int) {},
					Does: func(a Activity) { got = append(got, a) },
				})
				if tt.notice != "" {
					w.Say(tt.notice)
				}
				if err := w.Enter(t.Context()); err != nil {
					t.Fatal(err)
				}
				defer w.Leave()
				w.Think()
				out := *w.Write(t.Context(), prompt.Input{Turns: []prompt.Turn{{ID: "1", Name: "Ann", Text: "q"}}}, llm.Request{}, Partial{})
				if out.Err != nil || !slices.Equal(got, tt.want) {
					t.Errorf("%v: %v, want %v", out.Err, got, tt.want)
				}
			})
		})
	}
}

// TestSlotIsFreeWhileTheServerIsAway: others may have another server.
func TestSlotIsFreeWhileTheServerIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		model := &scripted{steps: []step{fails(llm.KindDown), writes("here")}}
		shared := with(model, Hooks{}, slog.DiscardHandler)
		task := Task{Draft: &page{}, Progress: func() {}, Spent: func(int) {}}
		w, other := shared.Writer(task), shared.Writer(task)
		if err := w.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		ended := make(chan Outcome)
		go func() {
			defer w.Leave()
			ended <- *w.Write(t.Context(), prompt.Input{Turns: []prompt.Turn{{ID: "1", Text: "q"}}}, llm.Request{}, Partial{})
		}()
		synctest.Wait()
		if err := other.Enter(t.Context()); err != nil || other.Queued() {
			t.Errorf("%v, queued %v", err, other.Queued())
		}
		time.Sleep(time.Minute)
		if len(model.got) != 1 {
			t.Errorf("%d requests without a slot", len(model.got)-1)
		}
		other.Leave()
		if out := <-ended; out.Err != nil || out.Answer.Text != "here" || !w.Queued() {
			t.Errorf("%+v, queued %v", out, w.Queued())
		}
	})
}

// TestWaitedForTooLong: after half an hour the text is kept, and the person is told.
func TestWaitedForTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, _ := write(t.Context(), &scripted{owner: "vllm", steps: []step{fails(llm.KindDown, "one ", "two "), fails(llm.KindDown)}}, Hooks{})
		if out.Answer.Text != "one two " || out.Answer.Phase != Failed || !strings.Contains(out.Answer.Notice, "I have waited for half an hour") {
			t.Errorf("%+v", out)
		}
		if got := out.Result.Usage.CompletionTokens; got != 2 {
			t.Errorf("%d tokens, want 2", got)
		}
	})
}

// TestMendsAreBounded: an Adapt that believes for ever that it can mend a request does not keep it
// going.
func TestMendsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &row{}
		for range 1000 {
			r.faults = append(r.faults, fault{kind: llm.KindContext, mends: true})
		}
		err := Retry{Log: slog.New(slog.DiscardHandler), Wait: true}.Do(t.Context(), r)
		if err == nil || r.n > 100 {
			t.Errorf("%v after %d requests", err, r.n)
		}
	})
}
