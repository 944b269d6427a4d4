// Package llm is the client of a local OpenAI-compatible model server: vLLM first, and Ollama,
// llama.cpp, SGLang, LM Studio, TGI and routers in front of them.
//
// # Promises
//
//   - A stream counts as complete only when the server said why it ended (finish_reason).
//     Everything else is an [*Error] with a [Kind], and the text that came before it was delivered.
//     Errors never travel as text.
//   - Reasoning never arrives as answer text: not in either field name, not in marks, not in marks
//     that are split over deltas. One case cannot be known in advance, a template that opened the
//     mark in the prompt. [Delta.Retract] takes that text back.
//   - Structural tokens of the model, and calls of tools, never arrive as text, except in code. What
//     arrives does not depend on how the server cuts the text.
//   - A call of a tool is one only if the request offered tools. It is in [Result.Calls] when the
//     server said why the answer ended, and never before: half a call is none. Its arguments are one
//     JSON object, or it says what is wrong with them. How servers' pieces are put together is in
//     calls.go, and calls that a server left in the text in textcall.go.
//   - With thinking switched off by the request, an answer that came in the field of the reasoning is
//     the answer. It arrives as text at its end: only then it is known that no other comes.
//   - There is no total timeout: one timer runs until the first token, another between tokens.
//     Cancelling the context closes the connection, which ends the request on the server.
//   - Numbers (tokens, limits) are the server's own: nothing is estimated. A chunk is not a token.
//
// # How it fits together
//
// go-openai is the client for chat. It cannot send all that servers take, and misreads some of what
// they send. wire.go and sse.go put that right, and nothing else does: call (wire.go) completes the
// request's body, and sseReader (sse.go) hands go-openai only lines that it reads safely.
package llm

import (
	"cmp"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Role says who speaks in a [Message].
type Role string

// The roles that every server knows.
const (
	RoleSystem    Role = "system"
	RoleUser      Role = "user"
	RoleAssistant Role = "assistant"
)

// Image is a picture in a message, sent inline.
type Image struct {
	MIME string // such as image/png
	Data []byte
}

// Message is one message of the conversation.
type Message struct {
	Role    Role
	Content string
	Images  []Image

	// Calls are the calls of tools in an assistant's message; Reasoning is what it thought before
	// them. Servers want both back within one turn (facts/tools.md §2.2).
	Calls     []ToolCall
	Reasoning string
	CallID    string // with RoleTool: the call whose result this is
}

// Request asks for one completion.
type Request struct {
	Model           string // empty: [Config.Model], and if that is empty the first served model
	Messages        []Message
	Temperature     *float64       // nil: the server decides; 0 is really sent
	MaxTokens       int            // 0: the server decides
	ReasoningEffort string         // empty: unset. gpt-oss takes low, medium, high and refuses others
	Extra           map[string]any // merged into the JSON body last; nil removes a field
	// Continue says that the last message is an unfinished answer: only what follows it comes back
	// (vLLM, not gpt-oss).
	Continue bool
	ID       string // X-Request-Id; empty: none

	Tools      []Tool // that the model may call; empty: the request has no such field
	ToolChoice ToolChoice
}

// Delta is a piece of an answer. A delta is not a token: servers send none, one or many tokens in
// it.
type Delta struct {
	Text, Reasoning  string
	CompletionTokens int // the server's running count, reasoning included; 0: not said
	// Retract says that the Text of all earlier deltas of this stream was reasoning and must be
	// dropped: the chat template opened the thinking tag in the prompt, and only the closing tag came.
	// It happens at most once in a stream, and only in a model's first answers: then the client knows.
	Retract bool
	// Call says that the model writes the call of a tool that was offered: something of it came. The
	// call itself is in [Result.Calls], when the stream has ended.
	Call bool
}

// Finish is why the server stopped, in its own word.
type Finish string

// The finish reasons known to be sent (vLLM).
const (
	FinishStop       Finish = "stop"
	FinishLength     Finish = "length"
	FinishAbort      Finish = "abort"
	FinishToolCalls  Finish = "tool_calls"
	FinishRepetition Finish = "repetition"
	FinishFiltered   Finish = "content_filter"
)

// Usage is the server's own count of tokens.
type Usage struct {
	PromptTokens     int
	CachedTokens     int // of PromptTokens; 0 also when the server does not say
	CompletionTokens int // reasoning included
	// ReasoningTokens is a part of CompletionTokens. It is 0 also when the server does not say, and
	// wrong with some vLLM parsers.
	ReasoningTokens int
	Known           bool
}

// Timing is what the server itself measured (vLLM --enable-per-request-metrics, llama.cpp timings).
// Zero: it did not say.
type Timing struct {
	Queue      time.Duration // waiting to be scheduled
	FirstToken time.Duration // from being scheduled to the first token, so without Queue
	Generation time.Duration // first token to last
	Rate       float64       // tokens a second
	Known      bool
}

// Result is what is known of a stream when it has ended, also when it ended with an error.
type Result struct {
	Model      string // as the server names it
	ID         string
	Finish     Finish // empty: none came
	StopReason string // the stop string or token id that ended it, if the server says
	Usage      Usage
	// TTFT is the time from sending the request to the first delta with text or reasoning; 0: none
	// came.
	TTFT time.Duration
	// FirstWord is the time from sending the request to the first text that is not white space; 0:
	// none came.
	FirstWord time.Duration
	Elapsed   time.Duration // from sending the request to the last token
	Thought   time.Duration // first reasoning delta to first text delta (or to the last reasoning)
	// Calls are the calls of tools, whatever Finish says, in their order. They are complete, and only
	// of a request that offered tools; nil with an error.
	Calls  []ToolCall
	Server Timing
}

// ModelInfo is one card of /v1/models.
type ModelInfo struct {
	ID, Root, Parent, OwnedBy string
	MaxModelLen               int // tokens; 0: the server does not say
}

// Defaults of [Config] (design §5).
const (
	DefaultFirstTokenTimeout = 10 * time.Minute
	DefaultIdleTimeout       = 60 * time.Second
)

// Config says where the server is and how patient to be.
type Config struct {
	// BaseURL is the OpenAI-compatible root. A trailing slash, a missing /v1 and a missing http:// are
	// forgiven. Health, metrics, version and tokenize are asked one level above /v1.
	BaseURL string
	APIKey  string // sent as a Bearer token; empty: none
	Model   string // empty: the first served model
	// Proxy is asked for every request: http, https, socks5 or socks5h. nil: none, whatever the
	// environment says.
	Proxy *url.URL
	// Roots are the authorities that the server's certificate may have; nil: the system's.
	Roots *x509.CertPool
	// HTTP makes the requests, instead of Proxy and Roots. It is not changed, and its Timeout does not
	// apply to streams. nil: a transport without a total timeout, which drops idle connections before
	// vLLM does.
	HTTP *http.Client
	// FirstTokenTimeout runs from sending to the first text or reasoning; 0: DefaultFirstTokenTimeout;
	// negative: none.
	FirstTokenTimeout time.Duration
	IdleTimeout       time.Duration // between deltas after that; 0: DefaultIdleTimeout; negative: none
	Extra             map[string]any
	Log               *slog.Logger // nil: no log
	Variables         Variables    // what errors tell the operator to change
}

// Variables are the names of the environment variables that say where a server is and what it
// wants.
type Variables struct {
	Address, Key, Model string // empty: LLM_BASE_URL, LLM_API_KEY, LLM_MODEL
}

func (v Variables) orOurs() Variables {
	return Variables{cmp.Or(v.Address, "LLM_BASE_URL"), cmp.Or(v.Key, "LLM_API_KEY"), cmp.Or(v.Model, "LLM_MODEL")}
}

// in returns a text about the usual variables with these in their place.
func (v Variables) in(text string) string {
	v = v.orOurs()
	return strings.NewReplacer("LLM_BASE_URL", v.Address, "LLM_API_KEY", v.Key, "LLM_MODEL", v.Model).Replace(text)
}
