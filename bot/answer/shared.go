package answer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"llmbot/llm"
)

// Server is what is asked of the model server beside completions. It blocks for at most its ctx.
type Server interface {
	// Model returns what is known of a model. An empty name means what an empty Request.Model means.
	Model(ctx context.Context, name string) (llm.ModelInfo, error)
}

// Config is what answers need of others.
type Config struct {
	Model      Model
	Server     Server
	Counter    Counter // nil: prompts are estimated only
	Resume     Resume
	MaxAnswers int  // in progress at a time
	MaxChars   int  // of an answer that are shown
	Durable    bool // another process goes on with what this one does not finish
	Log        *slog.Logger
	Hooks      Hooks
}

// Hooks report what happens. Each may be nil, must not block, and is called from any goroutine.
type Hooks struct {
	// Waited reports how long an answer waited for a slot; mostly 0.
	Waited func(d time.Duration)
	// Streamed reports that one request to the model is over, with the results of Model.Stream.
	Streamed func(r llm.Result, err error)
	// Complete reports that a request has brought a complete answer, or the rest of one. r is of the
	// whole answer: of all requests, those of an owner before too, as it stands under the answer.
	Complete func(r llm.Result)
	// Away reports how long an answer waited, between two requests, for a model server that is away.
	Away func(d time.Duration)
}

func (h *Hooks) waited(since time.Time) {
	if h.Waited != nil {
		h.Waited(time.Since(since))
	}
}

func (h *Hooks) streamed(r llm.Result, err error) {
	if h.Streamed != nil {
		h.Streamed(r, err)
	}
}

func (h *Hooks) away(d time.Duration) {
	if h.Away != nil {
		h.Away(d)
	}
}

func (h *Hooks) complete(r llm.Result) {
	if h.Complete != nil {
		h.Complete(r)
	}
}

// The causes that end an answer early, beside [turn.ErrLost]. Any other is the end of the process.
var (
	// ErrStopped ends an answer because a person wanted so.
	ErrStopped = errors.New("stopped by a person")
	// ErrSuperseded ends an answer because its question was changed or deleted. Another answer takes
	// its place, and its messages.
	ErrSuperseded = errors.New("the question was changed")
)

// Shared is what all answers of a process share: the slots, and what was learnt of the model. Its
// methods are safe for concurrent use.
type Shared struct {
	cfg    Config
	slots  *slots
	window window
	vision vision

	toolless atomic.Bool // the operator was told that the server takes no tools
	choked   atomic.Bool // … that it cannot read the definitions of these
	unread   atomic.Bool // … that it cannot read back what they brought
}

// New returns what the answers of a process share.
func New(cfg Config) *Shared {
	return &Shared{cfg: cfg, slots: newSlots(cfg.MaxAnswers), window: newWindow(), vision: newVision()}
}

// Queued returns how many answers wait for a slot.
func (s *Shared) Queued() int { return s.slots.queued() }

// Budget returns how many tokens a prompt for a model may take, when an answer may take maxTokens;
// 0: not known. It asks the server, and blocks for 2 s at most.
func (s *Shared) Budget(ctx context.Context, model string, maxTokens int) int {
	budget, err := Budget(ctx, s.cfg.Server, model, maxTokens)
	if err != nil { // the refusal of a prompt that is too long tells
		return 0
	}
	return budget
}

// Budget asks the server how many tokens a prompt for a model may take, when an answer may take
// maxTokens; 0: it does not say. It blocks for 2 s at most.
func Budget(ctx context.Context, s Server, model string, maxTokens int) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, ModelTimeout)
	defer cancel()
	m, err := s.Model(ctx, model)
	if err != nil {
		return 0, fmt.Errorf("ask for the model's window: %w", err)
	}
	return PromptBudget(m.MaxModelLen, maxTokens), nil
}

// Bounded cuts what there is of an answer where its request would have ended. An earlier version or
// configuration may have let it grow further.
func (s *Shared) Bounded(p Partial) Partial {
	if most := firstChars(p.Text, endAfter*s.cfg.MaxChars); most < len(p.Text) {
		p.Text, p.Finish = p.Text[:most], cmp.Or(p.Finish, FinishCut)
	}
	return p
}
