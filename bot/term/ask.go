package term

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/figures"
	"llmbot/llm"
)

// ErrStopped reports that the person stopped the answer.
var ErrStopped = errors.New("stopped")

// What an answer is doing before there is text.
const (
	statusWaiting  = "waiting"
	statusThinking = "thinking"
)

// shortText is how many bytes of text before the call of a tool are no answer yet.
const shortText = 200

// Settings are how the model is asked. Zero values leave it to the server.
type Settings struct {
	System        string
	Temperature   *float64
	MaxTokens     int
	Effort        string
	ShowReasoning bool // dimmed, above the answer
}

// Place is where answers appear.
type Place interface {
	// Open begins an answer.
	Open(ctx context.Context) (answer.Draft, error)
}

// Server is what is asked of the model server besides completions. Its methods block for at most
// their ctx.
type Server interface {
	// Model returns what is known of a model. An empty name means what an empty Request.Model means.
	Model(ctx context.Context, name string) (llm.ModelInfo, error)
	Version(ctx context.Context) (string, error)
	Metrics(ctx context.Context) (llm.Metrics, error)
}

// asker asks one question after the other and shows the answers. It belongs to one goroutine at a
// time.
type asker struct {
	model    answer.Model
	server   Server
	settings Settings
	log      *slog.Logger
	wait     bool // for a server that is away
	talk     talk
	told     int                                           // turns of whose leaving the person knows
	tools    Tools                                         // nil: none
	servers  ToolServers                                   // of them; nil: nobody waits for them
	leave    func(context.Context, question) (bool, error) // asks the person for leave; nil: nobody can be asked
	toolless bool                                          // the person knows that the server takes no tools
	toldOf   map[string]string                             // servers that are not there, as the person knows
	more     string                                        // tells how to have an answer go on that ended early; empty: it cannot
}

// outcome is the result of a question.
type outcome struct {
	answer answer.Snapshot // in its final phase
	result llm.Result
	err    error // why it is not complete; nil if it is
}

// writing is one answer being written. It is the [answer.Requests] of its question.
type writing struct {
	asker    *asker
	draft    answer.Draft
	question string
	limit    int           // tokens that the prompt may take; 0: not known
	sent     []llm.Message // the last prompt
	size     int           // of sent in tokens, by our estimate
	wanted   bool          // the person wants more, also of what repeats itself
	trimmed  bool          // limit was lowered, which is done once
	noTools  bool          // the prompt says that there are no tools, which is done once
	result   llm.Result    // of the last request

	notice  string // about turns left out
	text    strings.Builder
	shown   string // the longest text so far: it stays until a new try has overtaken it
	thought strings.Builder
	came    bool // something of the last request, if only a thought
	tokens  int  // the server's running count
	loops   answer.Loops

	choking  answer.Choking // on the definitions of tools
	rounds   *answer.Rounds // of tools; nil: none are offered
	rounded  bool           // there was one
	head     string         // the text of the rounds before this one
	thoughts string         // and what the model thought in them
	room     int            // tokens of limit that are left for the conversation; 0: not known
	status   string         // of the call in hand; empty: there is none
	did      []string       // what became of calls, for the person
	says     string         // sentences on tools that are not there
}

// ask asks until there is an answer, the reason why not is final, or ctx ends; see [answer.Retry].
// A cause of ErrStopped is the person's wish.
func (a *asker) ask(ctx context.Context, draft answer.Draft, question string) outcome {
	return a.write(ctx, &writing{asker: a, draft: draft, question: question})
}

// goOn asks for more of the last answer, without the check for loops: people do ask for a line a
// hundred times.
func (a *asker) goOn(ctx context.Context, draft answer.Draft) outcome {
	return a.write(ctx, &writing{asker: a, draft: draft, question: goesOn, wanted: true})
}

const goesOn = "Please go on exactly where you stopped, and do not repeat what is there."

func (a *asker) write(ctx context.Context, w *writing) outcome {
	w.show()
	var err error
	if w.limit, err = answer.Budget(ctx, a.server, "", a.settings.MaxTokens); err != nil {
		a.log.WarnContext(ctx, "model_unknown", "error", err) // the question itself will tell
	}
	err = w.answer(ctx)
	failure, known := errors.AsType[*llm.Error](err)
	switch {
	case err == nil:
		return w.done()
	case ctx.Err() != nil:
		return w.ended(context.Cause(ctx))
	case answer.LoopSentence(err) != "":
		return w.looped(err, answer.LoopSentence(err))
	case errors.Is(err, answer.ErrOnlyCalls):
		return w.failed(err, answer.SaysOnlyCalls, "")
	case !known:
		return w.failed(err, "Something went wrong inside llmbot.", "")
	}
	return w.failed(err, failure.User()+answer.Asks(failure), failure.Hint())
}

// answer makes requests until one brings no calls of tools, and does the calls in between.
func (w *writing) answer(ctx context.Context) error {
	w.offer(ctx)
	for {
		if w.rounds != nil {
			if err := w.rounds.Run(ctx, w.stepped); err != nil {
				return err
			}
		}
		w.fit()
		if err := (answer.Retry{Log: w.asker.log, Wait: w.asker.wait}).Do(ctx, w); err != nil {
			return err
		}
		if !w.nextRound() {
			break
		}
	}
	if w.rounds != nil && len(w.result.Calls) > 0 && strings.TrimSpace(w.text.String()) == "" {
		return answer.ErrOnlyCalls
	}
	return nil
}

// Try makes one request and shows the text as it grows. It does not continue the text of a request
// that failed: it writes the answer from its beginning.
func (w *writing) Try(ctx context.Context) (answer.Tried, error) {
	a := w.asker
	w.sent, w.size = a.talk.messages(w.question, w.room)
	w.size += w.limit - w.room
	if w.noTools {
		w.sent = answer.WithoutTools(w.sent)
	}
	w.notice, w.loops = a.leftOut(), answer.Loops{}
	w.text.Reset()
	w.thought.Reset()
	w.tokens, w.came = 0, false
	var err error
	req := llm.Request{
		Messages: w.sent, Temperature: a.settings.Temperature, MaxTokens: a.settings.MaxTokens,
		ReasoningEffort: a.settings.Effort,
	}
	if w.rounds != nil {
		req = w.rounds.Request(req)
		w.sent = req.Messages
	}
	w.result, err = a.model.Stream(ctx, req, w.take)
	return answer.Tried{Bytes: w.text.Len()}, err
}

// take adds a delta to the text, and shows it.
func (w *writing) take(d llm.Delta) error {
	w.came = true
	var circles error
	if !w.wanted { // else somebody wants it to go on
		d, circles = w.loops.Take(d)
	}
	if d.Retract {
		w.thought.WriteString(w.text.String())
		w.text.Reset()
		w.shown = w.head
	}
	w.thought.WriteString(d.Reasoning)
	w.text.WriteString(d.Text)
	w.tokens = max(w.tokens, d.CompletionTokens)
	if len(w.head)+w.text.Len() >= len(w.shown) {
		w.shown = w.whole()
	}
	w.status = ""
	w.show()
	return circles
}

// Adapt leaves out old turns, once, of a conversation that is too long, and tells a model once that
// there are no tools.
func (w *writing) Adapt(ctx context.Context, failure *llm.Error) bool {
	a := w.asker
	if failure.Kind == llm.KindNoTools || w.rounds != nil && w.choking.May(failure, w.came) {
		return w.withoutTools(ctx, failure)
	}
	if failure.Kind == llm.KindTool && w.rounds != nil && !w.rounds.Over() {
		w.rounds.End()
		return true
	}
	if failure.Kind == llm.KindTool && !w.noTools && w.text.Len() < shortText {
		w.noTools = true
		return true
	}
	if failure.Kind == llm.KindContext && w.rounds != nil && w.rounds.Squeeze() {
		return true
	}
	if failure.Kind != llm.KindContext {
		return false
	}
	if w.trimmed || len(a.talk.turns) <= a.talk.left {
		return w.withoutTools(ctx, failure) // their definitions may be what is too long
	}
	w.trimmed = true
	sent := w.sent
	if w.rounds != nil { // the definitions of tools are in the count, too
		sent = nil
	}
	w.limit = a.refused(failure, sent, w.size)
	w.fit()
	return true
}

// fit keeps a place in the prompt for tools and their results.
func (w *writing) fit() {
	w.room = w.limit
	if w.rounds != nil {
		w.room = w.rounds.Fit(w.limit, w.asker.talk.ratio)
	}
}

// Away shows that the server is away.
func (w *writing) Away(failure *llm.Error, _, _ time.Duration) {
	w.draft.Set(answer.Snapshot{
		Text: w.shown, Status: statusWaiting, Phase: answer.Waiting,
		Notice: failure.User() + answer.Asks(failure) + " The answer comes as soon as it is there again; Ctrl-C stops waiting.\n→ " + failure.Hint(),
	})
}

// refused learns from the refusal of a prompt that was too long, and returns the new budget. tokens
// is the size of the prompt by our estimate.
func (a *asker) refused(e *llm.Error, sent []llm.Message, tokens int) int {
	a.talk.known = 0
	switch {
	case e.Limit > 0 && e.AtLeast && tokens > e.Prompt: // the server stopped counting
		return answer.PromptBudget(e.Limit, a.settings.MaxTokens)
	case e.Limit > 0 && e.AtLeast: // by how much it was too long, nobody knows
		a.talk.learn(sent, e.Prompt)
		return answer.PromptBudget(e.Limit, a.settings.MaxTokens) / 2
	case e.Limit > 0 && e.Prompt > 0:
		a.talk.learn(sent, e.Prompt)
		return answer.PromptBudget(e.Limit, a.settings.MaxTokens)
	}
	return max(tokens/2, 1)
}

// leftOut returns a sentence about older turns that were left out; empty: the person knows of all.
func (a *asker) leftOut() string {
	if a.talk.left <= a.told {
		return ""
	}
	return "Older messages were left out: the conversation is longer than the model can read."
}

// show hands over what there is; it does not block.
func (w *writing) show() {
	if t, ok := w.draft.(interface{ think(text string) }); ok && w.asker.settings.ShowReasoning {
		t.think(w.thoughts + w.thought.String())
	}
	a := answer.Snapshot{Text: w.shown, Notice: w.says, Small: strings.Join(w.did, "\n"), Status: w.status, Phase: answer.Writing}
	switch {
	case w.status != "":
	case strings.TrimSpace(w.shown[min(len(w.head), len(w.shown)):]) == "":
		a.Phase, a.Status = answer.Waiting, statusWaiting
		if w.thought.Len() > 0 {
			a.Status = statusThinking
		}
	}
	w.draft.Set(a)
}

// done returns a complete answer, which the conversation goes on from.
func (w *writing) done() outcome {
	a := w.asker
	text := w.whole()
	if w.rounds != nil {
		text = strings.TrimRight(text, "\n")
	}
	a.talk.add(w.question, text, w.sent, w.usage())
	a.told = a.talk.left
	out := answer.Snapshot{Text: text, Notice: strings.TrimSpace(w.says + " " + w.notice), Small: w.small(w.speed(w.result)), Phase: answer.Done}
	if w.result.Finish == llm.FinishLength {
		out.Notice = strings.TrimSpace(out.Notice + " The answer stops here because it reached the length limit. " + w.asker.more)
	}
	return outcome{answer: out, result: w.result}
}

// ended returns an answer that we ended ourselves. What was written stays, and the conversation
// goes on from it.
func (w *writing) ended(cause error) outcome {
	w.trim()
	if w.shown != "" {
		w.asker.talk.add(w.question, w.shown, nil, llm.Usage{})
	}
	a := answer.Snapshot{Text: w.shown, Notice: w.says, Small: w.small("stopped" + w.dot()), Phase: answer.Stopped}
	return outcome{answer: a, result: w.result, err: cause}
}

// looped returns an answer that went round in circles, with one of them. The conversation goes on
// from it.
func (w *writing) looped(err error, sentence string) outcome {
	a := w.asker
	switch w.shown = answer.Once(w.whole()); {
	case strings.TrimSpace(w.shown) == "" && errors.Is(err, answer.ErrLoop):
		w.shown = ""
		return w.failed(err, answer.SaysBlank, "")
	case w.shown == "":
		return w.failed(err, sentence, "")
	}
	a.talk.add(w.question, w.shown, nil, llm.Usage{})
	return w.failed(err, strings.TrimSpace(sentence+" "+a.more), "")
}

// failed keeps what there is and says why it is not more. It forgets the question, which can be
// asked again.
func (w *writing) failed(err error, sentence, hint string) outcome {
	if hint != "" {
		sentence += "\n→ " + hint
	}
	w.trim()
	a := answer.Snapshot{Text: w.shown, Notice: strings.TrimSpace(w.says + " " + sentence), Small: w.small(""), Phase: answer.Failed}
	if w.shown != "" {
		a.Small = w.small("incomplete" + w.dot())
	}
	return outcome{answer: a, result: w.result, err: err}
}

// dot returns " · " and the speed of an answer that broke off, with the tokens that the server had
// counted; empty: there is none.
func (w *writing) dot() string {
	if w.shown == "" {
		return ""
	}
	res := w.result
	if !res.Usage.Known && w.tokens > 0 {
		res.Usage.Known, res.Usage.CompletionTokens = true, w.tokens
	}
	if s := w.speed(res); s != "" {
		return " · " + s
	}
	return ""
}

// speed returns a line such as `156 tokens in 4.2s = 37.1 tok/s · first token 0.31s · 2 tools 1.4s`
// for an answer whose last request brought res.
func (w *writing) speed(res llm.Result) string {
	res.Model = "" // the person chose it, and sees it at the top
	if w.rounds == nil {
		return figures.Footer(res)
	}
	return answer.Footer(w.rounds.Whole(res), w.rounds.Used())
}

// small returns the small print: what became of calls, and a last line.
func (w *writing) small(line string) string {
	return strings.TrimSpace(strings.Join(append(slices.Clip(w.did), line), "\n"))
}

// trim takes the end of a round off the text that is shown, behind which no other came.
func (w *writing) trim() {
	if w.rounded {
		w.shown = strings.TrimRight(w.shown, "\n")
	}
	if strings.TrimSpace(w.shown) == "" {
		w.shown = ""
	}
}

// whole returns the text of all rounds so far.
func (w *writing) whole() string { return w.head + w.text.String() }

// usage returns what the server has counted of the conversation; nothing if tools and their results
// were in its prompt, too.
func (w *writing) usage() llm.Usage {
	if w.rounds != nil {
		return llm.Usage{}
	}
	return w.result.Usage
}
