package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"llmbot/llm"
)

// statusTimeout is how long the model server may take: Slack wants the answer to a command within 3 s (facts/slack.md §5.5).
const statusTimeout = 2 * time.Second

// fewAnswers are too few to speak of their slowest 5 %.
const fewAnswers = 20

// Status says how the model server is doing, one line a fact, for the person who asked. It takes 2 s at most, whatever the server does.
// Whom the policy refuses it tells so.
func (b *Bot) Status(ctx context.Context, c Command) string {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	if refusal := b.mayAsk(ctx, c); refusal != "" {
		return string(refusal)
	}
	var (
		all               sync.WaitGroup
		model             llm.ModelInfo
		version           string
		metrics           llm.Metrics
		modelErr, metrErr error
		versErr           error // not every server has one: only whether it is there counts
	)
	all.Go(func() { model, modelErr = b.dep.Server.Model(ctx, "") })
	all.Go(func() { version, versErr = b.dep.Server.Version(ctx) })
	all.Go(func() { metrics, metrErr = b.dep.Server.Metrics(ctx) })
	all.Wait()
	if modelErr == nil && away(metrErr) != nil {
		modelErr = away(versErr) // the model may be known from before; a server of which one page is slow is not down
	}

	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if modelErr != nil {
		add("Model server: %s", unreachable(modelErr))
		b.log.WarnContext(ctx, "status_model_away", "error", modelErr)
	} else {
		add("Model server: up")
		add("Model: %s", model.ID)
		if model.MaxModelLen > 0 {
			add("Context length: %s", tokens(model.MaxModelLen))
		}
		if version != "" {
			add("Version: %s", version)
		}
	}
	if metrErr == nil && metrics.Known {
		add("Requests: %.0f running, %.0f waiting", metrics.Running, metrics.Waiting)
		if metrics.KVCacheKnown {
			add("KV cache %.0f %%", 100*metrics.KVCacheUsage)
		}
	}
	switch s := b.speeds.interactive(); {
	case s.n == 0:
		add("Interactive speed: no answer yet since I started")
	case s.n < fewAnswers:
		add("Interactive speed (what one person sees): %.1f tok/s median, first token %s median (last %d %s)", s.median, seconds(s.ttft, 2), s.n, plural(s.n, "answer"))
	default:
		add("Interactive speed (what one person sees): %.1f tok/s median, %.1f tok/s in the slowest 5 %%, first token %s median, %s p95 (last %d %s)",
			s.median, s.slow, seconds(s.ttft, 2), seconds(s.ttft95, 2), s.n, plural(s.n, "answer"))
	}
	b.mu.Lock()
	busy := len(b.actors)
	b.mu.Unlock()
	add("Answers in progress here: %d, queued: %d", max(busy-b.slots.queued(), 0), b.slots.queued())
	if b.cfg.Version != "" {
		add("llmbot %s", b.cfg.Version)
	}
	return strings.Join(lines, "\n")
}

// mayAsk asks the policy about a command; where it is called does not matter, for only one person sees the answer.
func (b *Bot) mayAsk(ctx context.Context, c Command) Refusal {
	if refusal := b.cfg.Policy.Quick(c.Channel, Asked{User: c.User, Direct: true}); refusal != "" {
		return refusal
	}
	if b.cfg.Policy.AllowGuests && b.cfg.Policy.AllowExternal {
		return ""
	}
	who, err := b.dep.Room.Person(ctx, c.User)
	if err != nil {
		b.log.WarnContext(ctx, "person_unknown", "user", c.User, "error", err)
		return "" // figures about the server are no secret worth a refusal to everybody
	}
	return b.cfg.Policy.Check(who)
}

// away is err if it says that the server is not there.
func away(err error) error {
	if e, ok := asLLM(err); ok && e.Away() || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

func unreachable(err error) string {
	if e, ok := asLLM(err); ok {
		return "down. " + e.User()
	}
	return "down. It did not answer within " + seconds(statusTimeout, 0) + "."
}

// tokens is a context length as people compare it: `131,072 tokens (128k)`.
func tokens(n int) string {
	s := thousands(n) + " tokens"
	if n >= 1024 && n%1024 == 0 {
		s += fmt.Sprintf(" (%dk)", n/1024)
	}
	return s
}
