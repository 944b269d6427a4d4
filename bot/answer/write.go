package answer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"llmbot/bot/figures"
	"llmbot/bot/prompt"
	"llmbot/bot/turn"
	"llmbot/llm"
)

const (
	awaySay = 3 * time.Second // a blip that is shorter is not worth a message
	// mostUnsure is after how many bytes we stop asking whether they are a continuation.
	mostUnsure = 4 << 10
)

// errNoContinuation reports that what came is no continuation of the answer: the next request
// writes the answer from its beginning.
var errNoContinuation = errors.New("the server did not continue the answer")

// What ends a request that would not end.
var (
	errEndless     = errors.New("the answer is longer than anybody is shown")
	errOverthought = errors.New("the model thinks without end")
)

// FinishCut reports that an answer ended because it would not end by itself.
const FinishCut llm.Finish = "cut"

// Write asks the model until there is an answer, the reason why not is final, or ctx ends; see
// [Retry]. It resumes the answer that from has. The caller has entered.
func (w *Writer) Write(ctx context.Context, in prompt.Input, req llm.Request, from Partial) *Outcome {
	w.shared.window.fit(w.task.Thread, &in)
	if most, ok := w.shared.vision.most(w.model); ok {
		w.see(&in, most)
	}
	w.startFrom(ctx, from)
	r := &requests{Writer: w, in: in, req: req, budget: in.Budget, most: req.MaxTokens}
	err := r.answer(ctx)
	out := w.outcome(ctx, r, err)
	if w.rounds != nil {
		out.Answer.Text = strings.TrimRight(out.Answer.Text, "\n") // no round has followed
		out.Answer.Steps, out.Used = slices.Clone(w.steps), w.rounds.Used()
	}
	return out
}

// outcome returns what the requests for an answer have come to, of which the last ended with err.
func (w *Writer) outcome(ctx context.Context, r *requests, err error) *Outcome {
	failure, known := errors.AsType[*llm.Error](err)
	switch {
	case err == nil:
		return new(w.done(r.res))
	case ctx.Err() != nil:
		return new(w.Ended(context.Cause(ctx), r.res))
	case errors.Is(err, turn.ErrLost):
		return new(w.Ended(err, r.res))
	case LoopSentence(err) != "":
		return new(w.looped(err, LoopSentence(err), r.res))
	case errors.Is(err, errOverthought):
		return new(w.failed(err, "I have stopped the model: it went on thinking without end.", r.res))
	case !known:
		return new(w.failed(err, "Something went wrong inside me.", r.res))
	case errors.Is(err, errAsksLong):
		return new(w.failed(err, failure.User()+Asks(failure)+" Please ask again after that.", r.res))
	case errors.Is(err, errWaitedLong):
		return new(w.failed(err, failure.User()+" I have waited for half an hour; please ask again later.", r.res))
	}
	if failure.Kind == llm.KindLoop {
		return new(w.looped(err, failure.User(), r.res))
	}
	return new(w.failed(err, failure.User(), r.res))
}

// requests are the [Requests] of one call of Write.
type requests struct {
	*Writer

	in      prompt.Input
	built   prompt.Output // of in
	trimmed bool          // in was made shorter, which is done once
	noTools bool          // the prompt says that there are no tools, which is done once
	anew    bool          // the next request does not go on from what the last one brought
	budget  int           // tokens that the prompt may take, with tools and rounds; 0: not known
	most    int           // tokens that the whole answer may have; 0: the server decides
	req     llm.Request   // without its messages
	res     llm.Result    // of the last request
	choking Choking       // on the definitions of tools
	refused *llm.Error    // of a request with tools; nil: none, or it was told
	tried   bool          // there was one
	paused  time.Duration // since the slot was given back
}

// answer makes requests until one brings no calls of tools, and does the calls in between.
func (r *requests) answer(ctx context.Context) error {
	for {
		if r.rounds != nil {
			if err := r.rounds.Run(ctx, r.stepped); err != nil {
				return err
			}
		}
		r.prepare(ctx)
		err := Retry{Log: r.shared.cfg.Log.With("request", r.id), Wait: true}.Do(ctx, r)
		if err == nil {
			r.tellRefused(ctx)
		}
		if err != nil || !r.nextRound() {
			return err
		}
	}
}

// prepare builds the prompt of a round: what tools and rounds take is not there for the thread.
func (r *requests) prepare(ctx context.Context) {
	if r.rounds != nil {
		if left := r.rounds.Fit(r.budget, r.in.Ratio); left > 0 {
			r.in.Budget = left
		}
	}
	r.built = r.fit(ctx, &r.in)
}

// nextRound begins a round if the last request ended in calls that may be made, and reports whether
// it did.
func (r *requests) nextRound() bool {
	if r.rounds == nil {
		return false
	}
	all := r.whole(r.res)
	all.Usage.CompletionTokens = max(all.Usage.CompletionTokens, r.tokens) - r.head.Tokens
	all.Elapsed -= r.head.Elapsed
	if !r.rounds.Add(r.text[len(r.head.Text):], r.reasoning.String(), all) {
		return false
	}
	r.head = headOf(r.rounds.all)
	r.from, r.text, r.tokens, r.before = r.head, r.head.Text, r.head.Tokens, max(r.before, r.head.Tokens)
	if len(r.shown) < len(r.text) {
		r.shown = r.text
	}
	r.tried, r.trimmed, r.room, r.res, r.choking = false, false, 0, llm.Result{}, Choking{}
	return true
}

// Try makes one request, and a second one if the server did not continue the answer. It takes the
// slot again if Away has given it back.
func (r *requests) Try(ctx context.Context) (Tried, error) {
	if r.tried {
		if !r.anew {
			r.resume(ctx, r.res)
		}
		r.anew, r.res = false, llm.Result{}
	}
	if !r.inside {
		if r.paused > 0 {
			r.shared.cfg.Hooks.away(r.paused)
			r.paused = 0
		}
		if err := r.Enter(ctx); err != nil {
			return Tried{}, err
		}
	}
	r.tried = true
	err := r.request(ctx)
	failure, known := errors.AsType[*llm.Error](err)
	refused := known && failure.Kind == llm.KindBadRequest && r.part() != "" && !r.from.Asked
	if (refused || errors.Is(err, errNoContinuation)) && ctx.Err() == nil {
		r.shared.cfg.Log.InfoContext(ctx, "answer_not_continued", "request", r.id, "error", err)
		r.noResume, r.from = true, r.head
		err = r.request(ctx)
	}
	out := Tried{Bytes: len(r.text) - len(r.from.Text)}
	if err != nil && out.Bytes >= progress && ctx.Err() == nil {
		out.Resumes = r.resumable(ctx, Partial{Text: r.text, Asked: r.from.Asked})
	}
	return out, err
}

// request makes one request, and records what it took.
func (r *requests) request(ctx context.Context) (err error) {
	req := r.next()
	if req == nil {
		r.text, r.res = r.from.Text, llm.Result{Finish: llm.FinishLength, Usage: llm.Usage{Known: true}}
		return nil
	}
	if r.built.LeftOut > 0 {
		r.Say("Older messages of this thread were left out: it is longer than the model can read.")
	}
	r.res, err = r.try(ctx, req)
	return r.record(ctx, req, err)
}

// next returns the next request; nil: the answer is as long as it may be.
func (r *requests) next() *llm.Request {
	r.req.Messages = r.built.Messages
	if r.noTools {
		r.req.Messages = WithoutTools(r.req.Messages)
	}
	req := r.req
	if r.rounds != nil {
		req = r.rounds.Request(req)
	}
	if req.MaxTokens = r.left(); r.most > 0 && req.MaxTokens < 1 {
		return nil
	}
	return &req
}

// record records what a request took that ended with err, and returns what that is to the answer.
func (r *requests) record(ctx context.Context, req *llm.Request, err error) error {
	if errors.Is(err, errEndless) {
		r.res, err = r.cut(r.res), nil
	}
	counted := err
	if LoopSentence(err) != "" {
		counted = &llm.Error{Kind: llm.KindLoop, Op: "chat", Err: err}
	}
	r.shared.cfg.Hooks.streamed(r.res, counted)
	r.task.Spent(r.used(ctx, r.res, r.built.Tokens))
	if err == nil && r.from == (Partial{}) { // else its count is of more than the prompt
		r.shared.window.learn(r.task.Thread, r.in, r.built.LeftOut, *req, r.res.Usage)
	}
	return err
}

// left returns how many tokens the next request may bring, so that all parts of the answer together
// stay within its limit; 0 also: there is no limit. Each round of tools may have as many: else a
// model that thinks before each call would have nothing left for its answer.
func (r *requests) left() int {
	if r.most == 0 || r.part() == "" {
		return r.most
	}
	has := r.from.Tokens - r.before
	if r.from.Tokens == r.head.Tokens { // the server does not count while it writes
		has = prompt.Estimate(r.part(), r.in.Ratio)
	}
	return r.most - max(has, 0)
}

// Adapt leaves out pictures that the model does not take, ends tools after a call that nobody can
// read, tells a model once that there are no tools, and shortens a prompt that is too long: first the part of an answer that is to go on,
// then, once, the thread.
func (r *requests) Adapt(ctx context.Context, failure *llm.Error) bool {
	takes, refused := refusedPictures(failure, pictures(r.in.Turns))
	switch {
	case refused:
		r.shared.vision.learn(r.model, takes)
		r.see(&r.in, takes)
	case failure.Kind == llm.KindNoTools:
		return r.withoutTools(ctx, failure)
	case failure.Kind == llm.KindTool && r.rounds != nil && !r.rounds.Over():
		r.rounds.End()
		r.anew = true
		return true
	case failure.Kind == llm.KindTool && !r.noTools && len(r.text)-len(r.from.Text) < progress:
		r.noTools, r.anew = true, true
		return true
	case r.rounds != nil && r.choking.May(failure, r.came):
		return r.withoutTools(ctx, failure)
	case failure.Kind != llm.KindContext:
		return false
	case r.shorten():
		return true
	case r.rounds != nil && r.rounds.Squeeze():
		return true
	case !r.trimmed && len(r.in.Turns) > 1:
		r.trimmed = true
		r.budget -= r.in.Budget
		r.in.Budget = lowerBudget(failure, r.built.Tokens)
		r.budget = max(r.budget, 0) + r.in.Budget
	default: // the definitions of tools may be what is too long
		return r.withoutTools(ctx, failure)
	}
	r.built = prompt.Build(r.in)
	return true
}

// Away shows that the server is away, if it takes longer than a moment, and gives the slot back:
// others may have another server, or none to wait for.
func (r *requests) Away(failure *llm.Error, waited, pause time.Duration) {
	r.task.Progress()
	r.is(ActivityAway)
	r.paused = pause
	r.Leave()
	if waited+pause <= awaySay || r.belowVisible() {
		return
	}
	phase, text := Waiting, r.shown
	if text == "" {
		text = r.fallback.Text
	}
	if text = r.bound.shown(text, false); text != "" {
		phase = Writing
	}
	notice := failure.User() + Asks(failure)
	if d := figures.Roughly(waited); d != "" {
		notice += " I have been waiting for " + d + "."
	}
	notice += " I will answer as soon as it is there again."
	r.draft.Set(Snapshot{Text: text, Notice: notice, Phase: phase, Controls: CanStop, Steps: slices.Clone(r.steps)})
}

// fit builds the prompt. It keeps a place in the window for an answer that is to go on: at most
// half of the window, for the end of the answer.
func (w *Writer) fit(ctx context.Context, in *prompt.Input) prompt.Output {
	need := prompt.Estimate(w.part(), in.Ratio)
	if need == 0 || in.Budget <= 0 {
		return buildExact(ctx, w.shared.cfg.Counter, in, w.model)
	}
	all := in.Budget
	in.Budget -= min(need, all/2)
	built := buildExact(ctx, w.shared.cfg.Counter, in, w.model)
	if room := all - built.Tokens; room < need {
		w.room = max(room, minTail)
	}
	return built
}

// shorten halves what the model gets of the answer that is to go on. It reports false if there is
// none, or little left.
func (w *Writer) shorten() bool {
	if w.part() == "" {
		return false
	}
	if w.room == 0 {
		w.room = prompt.Estimate(w.part(), 0)
	}
	w.room /= 2
	return w.room >= minTail
}

// startFrom takes what there is of an answer, and shows it at once unless much more is visible.
func (w *Writer) startFrom(ctx context.Context, from Partial) {
	if w.head.Text != "" && !strings.HasPrefix(from.Text, w.head.Text) { // the rounds are saved at once, the text now and then
		from = w.head
	}
	w.from = w.head
	w.shown, w.text, w.tokens = from.Text, from.Text, from.Tokens
	// What a killed process left of a part that a person had asked for knows of it by Before alone.
	w.wanted, w.before = from.Asked || from.Before > 0, max(from.Before, w.head.Tokens)
	if w.resumable(ctx, from) {
		w.from = from
	}
	if from.Text != "" && utf8.RuneCountInString(from.Text)*4 >= w.minVisible*3 {
		w.minVisible = 0
		w.draft.Set(Snapshot{
			Text: w.bound.shown(from.Text, false), Small: figures.Live(from.Tokens, from.Elapsed),
			Phase: Writing, Controls: CanStop,
		})
	}
}

// resume makes the next request go on from what a stream that broke off has brought, if the server
// can continue an answer. res is the result of that stream.
func (w *Writer) resume(ctx context.Context, res llm.Result) {
	if w.text == w.from.Text {
		return // nothing came
	}
	all := w.whole(res)
	now := Partial{
		Text: w.text, Tokens: max(w.tokens, all.Usage.CompletionTokens), Elapsed: all.Elapsed,
		TTFT: all.TTFT, FirstWord: all.FirstWord, Asked: w.from.Asked, Before: w.before,
	}
	w.from = w.head
	if w.resumable(ctx, now) {
		w.from = now
	}
}

// Think shows that the model is at work and has not written anything yet.
func (w *Writer) Think() {
	w.is(ActivityThinking)
	w.showThinking()
}

// showThinking shows that the model thinks, and since when, as long as there is no text.
func (w *Writer) showThinking() {
	if w.began.IsZero() {
		w.began = time.Now()
	}
	if w.shown == "" {
		w.draft.Set(Snapshot{Status: StatusThinking, Since: w.began, Thinking: w.thinking})
	}
}

// show hands the text to the draft; it does not block.
func (w *Writer) show() {
	if len(w.text) >= len(w.shown) {
		w.shown = w.text
	}
	w.grown = true
	elapsed := w.from.Elapsed + time.Since(w.sent)
	if w.task.Note != nil && w.shown == w.text {
		w.task.Note(w.text, w.tokens, elapsed, w.from.TTFT)
	}
	if w.belowVisible() {
		return
	}
	shown, small := w.bound.shown(w.shown, false), figures.Live(w.tokens, elapsed)
	if w.bound.chars > w.bound.max {
		small = figures.Join(small, "longer than is shown here")
	}
	w.draft.Set(Snapshot{Text: shown, Small: small, Phase: Writing, Controls: CanStop, Steps: slices.Clone(w.steps)})
}

// part returns what the current request continues of its own round; empty: it begins it.
func (w *Writer) part() string { return w.from.Text[len(w.head.Text):] }

// reasoned keeps what the model thinks in a round that may end in calls.
func (w *Writer) reasoned(text string) {
	if w.rounds != nil && w.reasoning.Len() <= mostReasoning {
		w.reasoning.WriteString(text)
	}
}

// belowVisible reports whether a killed process left more visible than there is now. What it left
// stays until it is overtaken.
func (w *Writer) belowVisible() bool {
	if w.minVisible > 0 && utf8.RuneCountInString(w.shown) >= w.minVisible {
		w.minVisible = 0
	}
	return w.minVisible > 0
}

// fallsBack reports whether an answer that ends now keeps the text from before this Writer: nothing
// has come, or less than is visible.
func (w *Writer) fallsBack() bool {
	return !w.grown || w.belowVisible() && len(w.fallback.Text) > len(w.shown)
}

// Enter waits for a slot, and shows the place in the queue as long as there is no text. After it
// the caller must Leave. The error is ctx's cause.
func (w *Writer) Enter(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	since := time.Now()
	err := w.shared.slots.take(ctx, w.task.Person, func(place int) {
		w.queued = true
		w.is(ActivityQueued)
		if w.shown == "" {
			w.draft.Set(Snapshot{Status: fmt.Sprintf("is busy with other answers: you are number %d in the queue", place), Since: since})
		}
	})
	w.shared.cfg.Hooks.waited(since)
	w.inside = err == nil
	return err
}

// Leave gives the slot back, if there is one.
func (w *Writer) Leave() {
	if w.inside {
		w.inside = false
		w.shared.slots.give(w.task.Person)
	}
}

// Say adds a sentence to others, once.
func Say(sentences, more string) string {
	if strings.Contains(sentences, more) {
		return sentences
	}
	return strings.TrimSpace(sentences + " " + more)
}

// used returns the tokens of one request, prompt and answer, as the server counted them; its
// running count if the stream broke off. If a person ended the request before the server had
// counted anything, the prompt counts as we estimate it: else the longest ones would cost nothing.
func (w *Writer) used(ctx context.Context, res llm.Result, estimated int) int {
	read := res.Usage.PromptTokens
	if cause := context.Cause(ctx); read == 0 && (errors.Is(cause, ErrStopped) || errors.Is(cause, ErrSuperseded)) {
		read = estimated
	}
	return read + max(res.Usage.CompletionTokens, w.tokens-w.from.Tokens)
}
