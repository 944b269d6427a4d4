package answer

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"llmbot/bot/prompt"
	"llmbot/llm"
)

// step plays one request.
type step func(on func(llm.Delta) error) (llm.Result, error)

// scripted is a model server that plays one step for each request.
type scripted struct {
	steps []step
	got   []llm.Request
	owner string // who serves the model; empty: not said
}

func (s *scripted) Stream(ctx context.Context, req llm.Request, on func(llm.Delta) error) (llm.Result, error) {
	next := s.steps[min(len(s.got), len(s.steps)-1)]
	s.got = append(s.got, req)
	return next(func(d llm.Delta) error {
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		return on(d)
	})
}

func (s *scripted) Model(context.Context, string) (llm.ModelInfo, error) {
	return llm.ModelInfo{ID: "m", OwnedBy: s.owner}, nil
}

// page is a Draft that remembers all that it was to show.
type page struct{ shown []Snapshot }

func (p *page) Set(a Snapshot)                            { p.shown = append(p.shown, a) }
func (p *page) Close(_ context.Context, a Snapshot) error { p.Set(a); return nil }
func (*page) Room(text string, _ bool) int                { return len(text) }

// say brings words, one after the other.
func say(on func(llm.Delta) error, words []string) error {
	for i, w := range words {
		if err := on(llm.Delta{Text: w, CompletionTokens: i + 1}); err != nil {
			return err
		}
	}
	return nil
}

// fails is a step that brings words and then fails.
func fails(kind llm.Kind, words ...string) step {
	return func(on func(llm.Delta) error) (llm.Result, error) {
		return llm.Result{}, cmp.Or(say(on, words), error(&llm.Error{Kind: kind}))
	}
}

// writes is a step that brings words and ends.
func writes(words ...string) step {
	return func(on func(llm.Delta) error) (llm.Result, error) {
		res := llm.Result{Finish: llm.FinishStop, Usage: llm.Usage{Known: true, PromptTokens: 9, CompletionTokens: len(words)}, Elapsed: time.Second}
		return res, say(on, words)
	}
}

type modelServer interface {
	Model
	Server
}

// trial is how a test has an answer written.
type trial struct {
	shared *Shared
	task   Task         // what a turn would put into it besides is put there
	in     prompt.Input // without turns: one question
	req    llm.Request
	from   Partial
}

// with are the parts of a bot whose model is m.
func with(m modelServer, hooks Hooks, log slog.Handler) *Shared {
	return New(Config{Model: m, Server: m, Resume: ResumeAuto, MaxAnswers: 1, MaxChars: DefaultMaxChars, Log: slog.New(log), Hooks: hooks})
}

func (tr trial) write(ctx context.Context) (Outcome, *page) {
	p := &page{}
	task := tr.task
	task.Thread, task.Draft, task.ID, task.Progress, task.Spent = "C/1", p, "id", func() {}, func(int) {}
	tr.in.Tools = task.Toolbox != nil
	if tr.in.Turns == nil {
		tr.in.Turns = []prompt.Turn{{ID: "1", Name: "Ann", Text: "q"}}
	}
	w := tr.shared.Writer(task)
	if err := w.Enter(ctx); err != nil {
		return w.Ended(err, llm.Result{}), p
	}
	defer w.Leave()
	w.Think()
	tr.req.ID = "id"
	return *w.Write(ctx, tr.in, tr.req, tr.from), p
}

// write has the answer to a question written by a model that follows a script.
func write(ctx context.Context, s *scripted, hooks Hooks) (Outcome, *page) {
	return trial{shared: with(s, hooks, slog.DiscardHandler)}.write(ctx)
}

// neverShorter holds that no text that readers saw becomes shorter.
func neverShorter(t *testing.T, p *page) {
	t.Helper()
	most := 0
	for _, a := range p.shown {
		n := utf8.RuneCountInString(a.Text)
		if n < most {
			t.Errorf("%q after %d characters", a.Text, most)
		}
		most = max(most, n)
	}
}

func TestAnswerGrowsAndIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, p := write(t.Context(), &scripted{steps: []step{writes("one ", "two ", "three")}}, Hooks{})
		if out.Err != nil || out.Answer.Text != "one two three" || out.Answer.Phase != Done || out.Answer.Ending != EndingWhole {
			t.Errorf("%+v", out)
		}
		if p.shown[0].Status != StatusThinking || p.shown[0].Text != "" {
			t.Errorf("first %+v", p.shown[0])
		}
		neverShorter(t, p)
	})
}

func TestServerThatIsAwayIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := fails(llm.KindDown)
		var waited []time.Duration
		out, p := write(t.Context(), &scripted{steps: []step{down, down, down, writes("here")}},
			Hooks{Away: func(d time.Duration) { waited = append(waited, d) }})
		if out.Err != nil || out.Answer.Text != "here" || out.Answer.Notice != "" {
			t.Errorf("%+v", out)
		}
		if want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}; !slices.Equal(waited, want) {
			t.Errorf("waited %v, want %v", waited, want)
		}
		if !slices.ContainsFunc(p.shown, func(a Snapshot) bool { return strings.Contains(a.Notice, "as soon as it is there again") }) {
			t.Errorf("nobody was told: %+v", p.shown)
		}
	})
}

// TestReadersSeeNoLess: a stream breaks off, and what the next request writes anew overtakes what
// was seen before it takes its place.
func TestReadersSeeNoLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{steps: []step{fails(llm.KindCut, "one ", "two ", "three "), writes("1 ", "2 ", "3 ", "4 ", "5 ", "and more")}}
		out, p := write(t.Context(), s, Hooks{})
		if out.Err != nil || out.Answer.Text != "1 2 3 4 5 and more" || len(s.got) != 2 {
			t.Errorf("%+v after %d requests", out, len(s.got))
		}
		neverShorter(t, p)
	})
}

// TestServerThatContinuesIsAskedTo: vLLM gets what there is, and what it brings goes behind that.
func TestServerThatContinuesIsAskedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{owner: "vllm", steps: []step{fails(llm.KindCut, "one ", "two "), writes("three ", "four")}}
		out, p := write(t.Context(), s, Hooks{})
		if out.Err != nil || out.Answer.Text != "one two three four" || out.Result.Usage.CompletionTokens != 4 {
			t.Errorf("%+v", out)
		}
		last := s.got[1].Messages[len(s.got[1].Messages)-1]
		if !s.got[1].Continue || last.Role != llm.RoleAssistant || last.Content != "one two " {
			t.Errorf("asked %+v", s.got[1])
		}
		neverShorter(t, p)
	})
}

// TestStopKeepsTheText: what was written when a person stopped it stays, and says so.
func TestStopKeepsTheText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(250*time.Millisecond, func() { stop(ErrStopped) })
		out, _ := write(ctx, &scripted{steps: []step{writes("one ", "two ", "three ", "four")}}, Hooks{})
		if out.Answer.Text != "one two " || out.Answer.Phase != Stopped || out.Answer.Ending != EndingBroken || !strings.HasPrefix(out.Answer.Small, "stopped") {
			t.Errorf("%+v", out)
		}
	})
}

// TestFailureIsMarked: a reason that no further try can change is said beside the text, never in
// its place.
func TestFailureIsMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, _ := write(t.Context(), &scripted{steps: []step{fails(llm.KindUnauthorized, "one ", "two ")}}, Hooks{})
		if out.Err == nil || out.Answer.Text != "one two " || out.Answer.Phase != Failed || out.Answer.Notice == "" {
			t.Errorf("%+v", out)
		}
	})
}
