package llm

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sashabaranov/go-openai"
)

const (
	// tailTimeout is how long the usage and [DONE] may take after the finish reason. vLLM sends them
	// with it.
	tailTimeout = 3 * time.Second
	// drainTimeout is how long the last HTTP chunk may take after [DONE].
	drainTimeout = 100 * time.Millisecond
	// mostMute is how many events in a row may bring nothing for anybody: parts of a call of a tool
	// that nobody offered, or tokens that are left out. A model that goes round in circles there is
	// noticed by nobody else. A call of a tool that was offered has a bound in bytes (calls.go).
	mostMute = 1 << 14
)

var (
	errNoFirstToken = errors.New("no token came in time")
	errNoNextToken  = errors.New("no further token came in time")
	errNoFinish     = errors.New("the stream ended without a finish reason")
)

// Stream asks for one completion and calls on for every delta, in order, from the calling
// goroutine. It blocks until the stream has ended.
//
// The Result is as complete as possible also with an error. An error from on ends the request, and
// Stream returns it as it is. So does the end of ctx, whose error it returns. Everything else is an
// [*Error]. After an error the deltas that on got are valid, but the answer is not complete.
func (c *Client) Stream(ctx context.Context, req Request, on func(Delta) error) (Result, error) {
	name, guessed, err := c.modelName(ctx, req.Model)
	if err != nil {
		return Result{}, err
	}
	for {
		plain := c.plain.Load()
		a := &answer{client: c, req: &req, model: name, on: on, unthinking: c.thinkingOff(&req), offered: req.offers()}
		err := a.run(ctx, &req, plain)
		a.log(ctx, req.ID, err)
		e, ok := errors.AsType[*Error](err)
		// A server that fails in mid-stream takes tools.
		if ok && (!a.open || e.Status < http.StatusInternalServerError) && e.refusesTools(&req) {
			e.Kind = KindNoTools
		}
		if !ok || a.begun {
			return a.res, err
		}
		switch {
		case e.Kind == KindNoModel:
			c.forgetModels()
			if !guessed {
				return a.res, err
			}
			// The server was restarted with another model since we looked.
			m, lookErr := c.Model(ctx, "")
			if lookErr != nil || m.ID == name {
				return a.res, err
			}
			c.log.InfoContext(ctx, "model_changed", "was", name, "model", m.ID)
			name, guessed = m.ID, false
		case e.Kind == KindBadRequest && plain < 2 && contains(strings.ToLower(e.Message), "stream_options", "stream options", "continuous_usage"):
			c.log.InfoContext(ctx, "stream_options_refused", "model", name, "request", req.ID)
			c.plain.CompareAndSwap(plain, plain+1)
		default:
			return a.res, err
		}
	}
}

// log notes the end of an attempt. It is apart from Stream for its size on the stack.
func (a *answer) log(ctx context.Context, id string, err error) {
	a.client.log.DebugContext(ctx, "chat_ended", "request", id, "model", a.model, "finish", a.res.Finish, "prompt_tokens", a.res.Usage.PromptTokens,
		"completion_tokens", a.res.Usage.CompletionTokens, "ttft_ms", a.res.TTFT.Milliseconds(), "elapsed_ms", a.res.Elapsed.Milliseconds(), "calls", len(a.res.Calls), "err", err)
}

// answer is one attempt.
type answer struct {
	client *Client
	req    *Request
	model  string
	on     func(Delta) error
	res    Result
	open   bool // the server answered with a stream
	begun  bool // an event came

	split     *splitter
	wroteText bool // some text other than white space
	thought   bool // some reasoning
	tool      bool
	tokens    int // the last running count that on was told
	mute      int // events since there was something for on

	unthinking  bool            // the request switched thinking off
	reasoned    strings.Builder // with unthinking: what came in the field of the reasoning
	marked      strings.Builder // and what marks in the text made reasoning
	retractable strings.Builder // and the text that such a mark may yet take back

	offered  bool // the model may call tools
	calls    assembler
	written  int             // bytes of calls in the text
	withheld strings.Builder // text that is given out at the end; see withhold
	pondered strings.Builder // with offered: the reasoning, in which a call may be

	sent, firstThought, lastThought, firstText time.Time

	heard atomic.Int64 // nanoseconds from sent to the last event; read by watch
}

func (a *answer) run(parent context.Context, req *Request, plain int32) error {
	ctx, cancel := context.WithCancelCause(parent)
	a.split = newSplitter(a.client.opensThinking(a.habit()))
	if last := len(req.Messages) - 1; req.Continue && last >= 0 {
		a.split.goOn(req.Messages[last].Content)
	}
	a.split.keep = a.offered
	a.sent = time.Now()
	timer := newTimer(cancel, a.client.cfg.FirstTokenTimeout, errNoFirstToken)
	defer timer.stop()
	watch := a.startWatch(ctx, cancel)
	defer func() {
		cancel(nil)
		watch.stop()
	}()
	wire := &call{client: a.client, model: a.model, req: req, plain: plain}
	stream, err := a.request(ctx, wire)
	if err != nil {
		return a.failed(parent, ctx, err)
	}
	defer func() {
		if a.res.Finish != "" {
			timer.set(drainTimeout, nil)
		} else {
			cancel(nil) // nothing more is wanted
		}
		_ = stream.Close()
	}()
	a.open = true
	return a.end(parent, ctx, a.read(stream, wire.sse, timer))
}

// request sends the request, and returns its stream. It is apart from run so that its variables do
// not lie on the stack as long as the stream lasts: every live answer has one.
func (a *answer) request(ctx context.Context, wire *call) (*openai.ChatCompletionStream, error) {
	cfg := openai.DefaultConfig(a.client.cfg.APIKey)
	cfg.BaseURL = a.client.base
	cfg.HTTPClient = wire
	return openai.NewClientWithConfig(cfg).CreateChatCompletionStream(ctx, chatRequest(wire.req))
}

// read hands the events on until the stream ends; nil means [DONE].
func (a *answer) read(stream *openai.ChatCompletionStream, sse *sseReader, timer *timer) error {
	var ch chunk
	for {
		raw, err := stream.RecvRaw()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if failure := sse.failure(); failure != nil {
			raw = failure
		}
		if err := parseChunk(raw, &ch); err != nil {
			return &Error{Kind: KindCut, Op: "chat", Message: snippet(string(raw)), Err: fmt.Errorf("an unreadable event: %w", err)}
		}
		a.begun = true
		if ch.err != nil {
			return a.serverError(ch.err)
		}
		if ch.text != "" || ch.reasoning != "" || ch.tool || ch.finish != "" {
			sse.spoke()
		}
		if err := a.take(&ch, timer); err != nil {
			return &callbackError{err}
		}
	}
}

// callbackError carries an error of on through the layers untouched.
type callbackError struct{ err error }

func (e *callbackError) Error() string { return e.err.Error() }
func (e *callbackError) Unwrap() error { return e.err }

// take accounts for one chunk and hands its text on. Only on's errors come back.
func (a *answer) take(ch *chunk, timer *timer) error {
	r := &a.res
	if r.ID == "" {
		r.ID = ch.id
	}
	if r.Model == "" {
		r.Model = ch.model
	}
	if ch.usage.Known {
		r.Usage = ch.usage
	}
	if ch.timing.Known {
		r.Server = ch.timing
	}
	if !ch.choice {
		return nil
	}
	now := time.Now()
	r.Elapsed = now.Sub(a.sent)
	a.heard.Store(int64(r.Elapsed))
	if ch.split {
		a.split.field()
	}
	d := Delta{Reasoning: ch.reasoning}
	if ch.text != "" {
		s := a.split.feed(ch.text)
		d.Text, d.Retract = s.text, s.retract
		d.Reasoning += s.reasoning
		a.setAside(s)
	}
	if r.TTFT == 0 && (ch.text != "" || ch.reasoning != "") {
		r.TTFT = max(now.Sub(a.sent), 1)
	}
	if a.unthinking && !a.wroteText {
		a.reasoned.WriteString(ch.reasoning)
	}
	a.tool = a.tool || ch.tool
	if ch.finish != "" {
		r.Finish, r.StopReason = finishOf(ch.finish), ch.stopReason
		timer.set(tailTimeout, nil)
	} else if r.Finish == "" && (r.TTFT > 0 || a.tool) {
		timer.set(a.client.cfg.IdleTimeout, errNoNextToken)
	}
	if ch.usage.CompletionTokens > a.tokens {
		a.tokens = ch.usage.CompletionTokens
		d.CompletionTokens = a.tokens
	}
	d.Call = a.offered && a.hear(ch, d.Reasoning)
	if a.mute++; d.Text != "" || d.Reasoning != "" || d.Call || ch.text == "" && !ch.tool {
		a.mute = 0
	}
	if a.mute > mostMute || a.calls.over || a.split.over {
		return a.endless()
	}
	a.withhold(&d)
	return a.give(d, now)
}

// endless returns the error of a stream that brings nothing for anybody, and does not end.
func (a *answer) endless() error {
	e := &Error{Kind: KindLoop, Op: "chat", Message: "nothing but structural tokens came", text: a.wroteText}
	if a.called() {
		e.Kind, e.Message, e.endless = KindTool, "the model called a tool, and the call does not end", a.offered
	}
	return e
}

// give calls on, if there is something to say.
func (a *answer) give(d Delta, now time.Time) error {
	if d.Retract {
		a.wroteText, a.firstText, a.res.FirstWord = false, time.Time{}, 0
		a.thought = true
	}
	if d.Reasoning != "" {
		if a.firstThought.IsZero() {
			a.firstThought = now
		}
		a.lastThought = now
		a.thought = true
	}
	if d.Text != "" {
		if a.firstText.IsZero() {
			a.firstText = now
		}
		if !a.wroteText && strings.TrimSpace(d.Text) != "" {
			a.wroteText, a.res.FirstWord = true, max(now.Sub(a.sent), 1)
		}
	}
	if d == (Delta{}) {
		return nil
	}
	a.begun = true
	return a.on(d)
}

// end decides what the end of the stream means. err is nil after [DONE].
func (a *answer) end(parent, ctx context.Context, err error) error {
	defer a.times()
	if own, ok := errors.AsType[*callbackError](err); ok {
		return own.err
	}
	whole := a.res.Finish != ""
	rest := a.split.flush(a.res.Finish == FinishStop)
	a.setAside(rest)
	d := Delta{Text: rest.text, Reasoning: rest.reasoning, Retract: rest.retract}
	made := a.settle(&d, whole)
	if onErr := a.give(d, a.sent.Add(a.res.Elapsed)); onErr != nil {
		return onErr
	}
	switch {
	case a.split.learned && a.wroteText:
		a.client.learnThinking(a.habit(), true)
	case a.split.unlearned, whole && a.split.plain():
		a.client.learnThinking(a.habit(), false)
	}
	if a.res.Finish == FinishStop && a.reasoned.Len() == 0 {
		a.reasoned.WriteString(a.marked.String())
	}
	if whole && !a.wroteText && a.reasoned.Len() > 0 && !a.called() && len(made) == 0 {
		if onErr := a.giveReasoned(); onErr != nil {
			return onErr
		}
		made = a.settle(&Delta{}, whole)
	}
	if parent.Err() != nil && !whole {
		return ctxError(parent)
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if !whole {
		return a.failed(parent, ctx, err)
	}
	return a.verdict(made)
}

// verdict returns what is wrong with an answer whose finish reason came; nil: it is complete. Where
// the model made calls, it is a round of tools, also if the server says that it stopped.
func (a *answer) verdict(made []ToolCall) error {
	e := &Error{Op: "chat", text: a.wroteText}
	switch f := a.res.Finish; {
	case f == FinishAbort:
		e.Kind = KindAborted
	case f == "error":
		e.Kind, e.Message, e.again = KindServer, "finish_reason error", true
	case f == FinishFiltered:
		e.Kind = KindFiltered
	case f == FinishRepetition:
		e.Kind = KindLoop
	case len(made) > 0:
		a.res.Calls = made
		return nil
	case a.offered && !a.split.called && (f == FinishToolCalls || a.tool && !a.wroteText):
		e.Kind, e.Message, e.again = KindLostCall, "the answer ended with a call of a tool, and there is none", true
	case f == FinishToolCalls, a.split.called, a.tool && !a.offered:
		e.Kind, e.Message, e.offered = KindTool, "the model called a tool", a.offered
	case f != FinishStop && f != FinishLength:
		e.Kind, e.Message = KindEnded, snippet(string(f))
	case !a.wroteText:
		e.Kind, e.thought, e.length = KindEmpty, a.thought, f == FinishLength
		// The end came inside of the thoughts, by chance (vLLM issue 55420).
		e.again = e.thought && !e.length
	default:
		return nil
	}
	return e
}

// finishOf returns a finish reason in vLLM's words, as far as it is one of theirs: TGI's own, and
// those of gateways before other vendors' models, in any case and with hyphens (Gemini's STOP,
// Cohere's COMPLETE, Mistral's model_length, Zhipu's sensitive, Bedrock's guardrail_intervened).
func finishOf(word string) Finish {
	switch same := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(word)), "-", "_"); same {
	case "stop", "eos_token", "eos", "stop_sequence", "end_turn", "complete":
		return FinishStop
	case "length", "max_tokens", "max_length", "model_length", "max_output_tokens":
		return FinishLength
	case "tool_calls", "function_call", "tool_use":
		return FinishToolCalls
	case "content_filter", "content_filtered", "safety", "prohibited_content", "blocklist", "sensitive", "guardrail_intervened":
		return FinishFiltered
	}
	return Finish(word)
}

// times sets what can only be known at the end.
func (a *answer) times() {
	if a.firstThought.IsZero() {
		return
	}
	until := a.firstText
	if until.IsZero() {
		until = a.lastThought
	}
	a.res.Thought = max(until.Sub(a.firstThought), 0)
}

// failed returns the error of a failure on the way: before the first event the server is down,
// after it the stream was cut.
func (a *answer) failed(parent, ctx context.Context, err error) error {
	if parent.Err() != nil {
		return ctxError(parent)
	}
	cause := context.Cause(ctx)
	if errors.Is(cause, errNoFirstToken) || errors.Is(cause, errNoNextToken) {
		return &Error{Kind: KindSilent, Op: "chat", Err: cause}
	}
	if errors.Is(cause, errGone) {
		return &Error{Kind: KindRestarting, Op: "chat", Err: cause}
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if err == nil {
		err = errNoFinish
	}
	if a.open {
		return &Error{Kind: KindCut, Op: "chat", Err: err}
	}
	return &Error{Kind: KindDown, Op: "chat", Err: err}
}

// serverError returns an error event inside a stream.
func (a *answer) serverError(api *apiError) error {
	e := api.error("chat", api.status())
	// The same request may well succeed: gpt-oss's Harmony parser fails by chance (facts/vllm.md
	// §1.3), and 0.33 no longer says why.
	e.again = e.Kind == KindServer && e.Status >= http.StatusInternalServerError
	return e
}

// timer ends the request with a cause when it runs out. It belongs to one goroutine.
type timer struct {
	cancel context.CancelCauseFunc
	t      *time.Timer
	cause  error
}

func newTimer(cancel context.CancelCauseFunc, d time.Duration, cause error) *timer {
	t := &timer{cancel: cancel}
	t.set(d, cause)
	return t
}

// set restarts the timer; d <= 0 means never.
func (t *timer) set(d time.Duration, cause error) {
	if t.t != nil && d > 0 && errors.Is(t.cause, cause) {
		t.t.Reset(d)
		return
	}
	t.stop()
	t.t, t.cause = nil, cause
	if d > 0 {
		t.t = time.AfterFunc(d, func() { t.cancel(cause) })
	}
}

func (t *timer) stop() {
	if t.t != nil {
		t.t.Stop()
	}
}

// chatRequest returns req in go-openai's types. wire.go adds what they cannot say.
func chatRequest(req *Request) openai.ChatCompletionRequest {
	out := openai.ChatCompletionRequest{
		Model:           placeholder,
		Stream:          true,
		ReasoningEffort: req.ReasoningEffort,
		Messages:        make([]openai.ChatCompletionMessage, 0, len(req.Messages)),
	}
	for _, m := range req.Messages {
		msg := openai.ChatCompletionMessage{Role: string(m.Role), Content: m.Content}
		if len(m.Images) > 0 {
			msg.Content = ""
			if m.Content != "" {
				msg.MultiContent = append(msg.MultiContent, openai.ChatMessagePart{Type: openai.ChatMessagePartTypeText, Text: m.Content})
			}
			for _, img := range m.Images {
				msg.MultiContent = append(msg.MultiContent, openai.ChatMessagePart{
					Type:     openai.ChatMessagePartTypeImageURL,
					ImageURL: &openai.ChatMessageImageURL{URL: "data:" + img.MIME + ";base64," + base64.StdEncoding.EncodeToString(img.Data)},
				})
			}
		}
		out.Messages = append(out.Messages, msg)
	}
	return out
}
