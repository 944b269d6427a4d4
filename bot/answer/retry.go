package answer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"llmbot/bot/figures"
	"llmbot/bot/wait"
	"llmbot/llm"
)

// How long and how often requests for one answer are repeated.
const (
	// The pauses while a server is away double from awayFirst to awayMost. They must stay under
	// 15 s: an answer comes by itself within 15 s after the server is back.
	awayFirst = time.Second
	awayMost  = 8 * time.Second
	awayTotal = 30 * time.Minute
	// extraTries is how many more requests a stream that broke off gets.
	extraTries = 1
	// mostMends is how many requests in a row Adapt may change. An honest one needs less: halving what
	// a prompt has is done some fifteen times for each of its parts.
	mostMends = 40
	// progress is how many bytes a request must have brought, and the server can go on from, not to
	// count as one of them.
	progress = 200
	// longestAsked is how long a server may ask to be left alone. One that asks for longer has a quota
	// that is used up: people are told at once (issue 15).
	longestAsked = 10 * time.Minute
)

// errWaitedLong reports that the server was away for awayTotal.
var errWaitedLong = errors.New("the server did not come back")

// errAsksLong reports that the server wants to be left alone for more than longestAsked.
var errAsksLong = errors.New("the server asks to wait for long")

// Asks returns a sentence about how long the server asks to wait, with a space before it; empty: it
// does not ask.
func Asks(failure *llm.Error) string {
	if failure.RetryAfter < time.Second {
		return ""
	}
	return " It asks to wait for " + figures.Span(failure.RetryAfter) + "."
}

// Requests are the requests for one answer, as [Retry] sees them.
type Requests interface {
	// Try makes one request and blocks until its response has ended. The error is nil if the answer
	// is complete, and an [*llm.Error] if another request may do better.
	Try(ctx context.Context) (Tried, error)
	// Adapt changes the next request so that the same failure cannot come again: it shortens what
	// was too long, or leaves out what the model does not take. It reports whether it could, and
	// changes nothing if not.
	Adapt(ctx context.Context, failure *llm.Error) bool
	// Away tells people that the server has been away for waited, and will be asked again after
	// pause. It does not block.
	Away(failure *llm.Error, waited, pause time.Duration)
}

// Tried is what a request that failed has brought.
type Tried struct {
	Bytes   int  // of the answer
	Resumes bool // the next request goes on from them
}

// Retry is the one policy of how a request that failed is repeated.
//
//	failure                         next request             how often
//	Adapt can mend the prompt       at once                  as often as it can, 40 times at most
//	the server is away (if Wait)    after 1, 2, 4, 8, 8 … s  until it was away for 30 minutes
//	  and says for how long         not before that          not if it says more than 10 minutes
//	the stream broke off, or only   at once                  once; a request that made progress
//	thoughts came                                            and is continued does not count
//	any other                       none
type Retry struct {
	Log  *slog.Logger
	Wait bool // for a server that is away; false: that is a failure like any other
}

// Do makes requests, one after the other in this goroutine, until one succeeds (nil), a failure is
// final (its error), or ctx ends (its cause).
func (p Retry) Do(ctx context.Context, r Requests) error {
	var (
		awaySince time.Time // zero: the last request found the server there
		pause     time.Duration
		tries     int
		mends     int
	)
	for {
		sent := time.Now()
		tried, err := r.Try(ctx)
		failure, known := errors.AsType[*llm.Error](err)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !known:
			return err
		case mends < mostMends && r.Adapt(ctx, failure):
			mends++
		case failure.Away() && p.Wait:
			if awaySince.IsZero() {
				awaySince, pause = time.Now(), awayFirst
				if tried.Bytes == 0 {
					awaySince = sent // a connection that nobody takes fails only after some seconds
				}
			}
			waited := time.Since(awaySince)
			if failure.RetryAfter > longestAsked {
				return fmt.Errorf("%w: %w", errAsksLong, failure)
			}
			if waited > awayTotal {
				return fmt.Errorf("%w: %w", errWaitedLong, failure)
			}
			p.Log.WarnContext(ctx, "model_away", "kind", failure.Kind.String(), "hint", failure.Hint(),
				"error", failure, "waited_s", int(waited.Seconds()), "retry_after_s", int(failure.RetryAfter.Seconds()))
			next := max(pause, failure.RetryAfter)
			r.Away(failure, waited, next)
			if err := wait.For(ctx, next); err != nil {
				return err
			}
			pause = min(2*pause, awayMost)
			continue
		case failure.Again() && tries < extraTries:
			if tried.Bytes < progress || !tried.Resumes {
				tries++
			}
		default:
			return err
		}
		p.Log.WarnContext(ctx, "answer_tried_again", "kind", failure.Kind.String(), "error", err)
		awaySince = time.Time{}
	}
}
