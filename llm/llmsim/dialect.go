package llmsim

import (
	"fmt"
	"time"
)

// Dialect names a server and a version of it, as far as its answers differ on the wire.
type Dialect string

// The dialects. Facts: vllm.md §1 and §4; testdata/ has transcripts of most.
const (
	VLLM010   Dialect = "vllm-0.10"      // ≤ 0.11.0: reasoning_content, old errors and metrics
	VLLM012   Dialect = "vllm-0.12"      // 0.11.1–0.15: reasoning in both fields, the same text
	VLLM032   Dialect = "vllm-0.32"      // ≥ 0.16: reasoning. The default
	VLLM033   Dialect = "vllm-0.33"      // kv_transfer_params, weight_versions, compact error events
	GPTOSS    Dialect = "vllm-gptoss"    // 0.32 with gpt-oss: thinks, 20 tokens a chunk, Harmony
	Rust032   Dialect = "vllm-rust-0.32" // the Rust front end: nulls omitted, string codes
	Rust033   Dialect = "vllm-rust-0.33" // the same with the Python errors
	Ollama    Dialect = "ollama"
	LlamaCPP  Dialect = "llamacpp"
	LlamaOld  Dialect = "llamacpp-2025" // mid-stream errors as "error: {…}" lines
	SGLang    Dialect = "sglang"
	LMStudio  Dialect = "lmstudio"
	TGI       Dialect = "tgi"
	VLLMRoute Dialect = "router" // a router or gateway before vLLM 0.32: errors are strings
)

// Dialects returns all dialects.
func Dialects() []Dialect {
	return []Dialect{
		VLLM010, VLLM012, VLLM032, VLLM033, GPTOSS, Rust032, Rust033, Ollama, LlamaCPP, LlamaOld, SGLang, LMStudio, TGI, VLLMRoute,
	}
}

// Wire bends the form of a stream, whatever the dialect.
type Wire struct {
	CRLF         bool // lines end in \r\n
	NoSpace      bool // data:{…}
	EventLines   bool // event: message before each data line
	ThinkTags    bool // reasoning comes as <think>…</think> in the content
	Ragged       bool // text is cut into 1–5 runes instead of tokens; each counts as one
	TextInFinish bool // the last text comes in the finish chunk
	UsageInLast  bool // usage in the finish chunk instead of one of its own
	EmptyDeltas  bool // an empty delta after each third token
	NoDone       bool // no [DONE]
	ZeroUsage    bool // all counts of usage are 0
	// NoThinkingField: with thinking switched off, the answer comes in the field of the reasoning, as
	// with a reasoning parser that does not know of the switch.
	NoThinkingField bool
	// Interval is how many tokens a chunk carries after the first, which comes alone
	// (--stream-interval); 0: one.
	Interval int
	Calls    CallForm // of tools
	// KeepAlive sends a comment after so much silence; 0: what the dialect does.
	KeepAlive time.Duration
}

type family uint8

const (
	familyVLLM family = iota
	familyRust
	familyOllama
	familyLlama
	familyOpenAI // the plain form: SGLang, LM Studio, TGI
)

type errorForm uint8

const (
	errorObject   errorForm = iota // {"error":{"message","type","param","code":int}}
	errorCodeText                  // the same with a string code (Rust ≤ 0.32)
	errorCodeNull                  // the same with a null code (Ollama)
	errorLlama                     // {"error":{"code","message","type"}}
	errorString                    // {"error":"…"}
	errorTGI                       // {"error":"…","error_type":"…"}
	errorFlat                      // {"object":"error","message":…} (SGLang; vLLM before 0.10.1)
)

// shape is what a dialect means.
type shape struct {
	family  family
	errors  errorForm
	version string
	server  string // Server header
	content string // Content-Type of a stream
	ownedBy string

	reasoning      []string // names of the field
	kvParams       bool     // "kv_transfer_params":null, "weight_versions":null
	finishBare     bool     // the finish delta is {}; the last text comes before it
	joinFirst      bool     // role chunk and first text in one HTTP chunk
	joinLast       bool     // finish and usage in one HTTP chunk
	lateHeaders    bool     // headers only when scheduled
	firstHeaders   bool     // headers only with the first chunk
	continuous     bool     // knows continuous_usage_stats
	compactError   bool     // error events without spaces
	errorLine      bool     // error events as "error: {…}"
	cutOnDeath     bool     // an engine death cuts the stream
	oldOverflow    bool     // context texts of vLLM ≤ 0.28, where prompt + max_tokens must fit too
	truncates      bool     // silently cuts prompts that are too long
	emptyOnFull    bool     // 200 without text when the prompt is too long
	harmony        bool     // gpt-oss
	noContinue     bool     // continue_final_message means nothing
	onlyMaxTokens  bool     // max_completion_tokens means nothing, nor do limits < 1
	anyModel       bool     // takes any model name
	anyTemperature bool
	emptyChatOK    bool
	noSideRoutes   bool // no /version, /metrics, /tokenize, /load
	noModelLen     bool // models without max_model_len
	keepAlive      time.Duration
	comment        string // keep-alive comment, with its colon
	interval       int
	calls          CallForm
}

// Keep-alive gaps by source: llama.cpp PR #25241; TGI: axum's default.
const (
	llamaPing = time.Second
	tgiPing   = 15 * time.Second
)

func (d Dialect) shape() shape {
	py := shape{
		version: "0.32.0", server: "uvicorn", content: "text/event-stream; charset=utf-8", ownedBy: "vllm",
		reasoning: []string{"reasoning"}, continuous: true, comment: ": keep-alive", calls: CallsBareHead,
	}
	rust := shape{
		family: familyRust, errors: errorCodeText, version: "0.32.0", content: "text/event-stream", ownedBy: "vllm-frontend-rs",
		reasoning: []string{"reasoning"}, finishBare: true, continuous: true, cutOnDeath: true, comment: ":", calls: CallsPieces,
	}
	plain := shape{
		family: familyOpenAI, content: "text/event-stream", finishBare: true, reasoning: []string{"reasoning_content"},
		noContinue: true, comment: ":", anyTemperature: true, calls: CallsPieces,
	}
	switch d {
	case VLLM010:
		py.version, py.oldOverflow, py.reasoning, py.calls = "0.10.2", true, []string{"reasoning_content"}, CallsPieces
	case VLLM012:
		py.version, py.oldOverflow, py.reasoning, py.calls = "0.12.0", true, []string{"reasoning", "reasoning_content"}, CallsPieces
	case VLLM033:
		py.version, py.kvParams, py.compactError = "0.33.0", true, true
	case GPTOSS:
		py.harmony, py.noContinue, py.finishBare, py.interval = true, true, true, 20
	case Rust032:
		return rust
	case Rust033:
		rust.version, rust.errors = "0.33.0", errorObject
		return rust
	case Ollama:
		plain.family, plain.errors, plain.version, plain.ownedBy = familyOllama, errorCodeNull, "0.6.5", "library"
		plain.reasoning, plain.joinLast, plain.truncates, plain.onlyMaxTokens = []string{"reasoning"}, true, true, true
		plain.noSideRoutes, plain.noModelLen, plain.lateHeaders, plain.calls = true, true, true, CallsWhole
		return plain
	case LlamaCPP, LlamaOld:
		plain.family, plain.errors, plain.server, plain.ownedBy = familyLlama, errorLlama, "llama.cpp", "llamacpp"
		plain.joinFirst, plain.joinLast, plain.lateHeaders, plain.anyModel = true, true, true, true
		plain.emptyChatOK, plain.noSideRoutes, plain.keepAlive, plain.version = true, true, llamaPing, "b9478"
		plain.errorLine = d == LlamaOld
		return plain
	case SGLang:
		plain.server, plain.content, plain.ownedBy, plain.version = "uvicorn", "text/event-stream; charset=utf-8", "sglang", "0.5.9"
		plain.firstHeaders, plain.continuous, plain.errors, plain.calls = true, true, errorFlat, CallsCounted
		return plain
	case LMStudio:
		plain.ownedBy, plain.emptyOnFull, plain.noSideRoutes, plain.noModelLen, plain.version = "organization_owner", true, true, true, "0.4"
		plain.errors = errorString
		return plain
	case TGI:
		plain.errors, plain.keepAlive, plain.version, plain.ownedBy = errorTGI, tgiPing, "3.3.6", "tgi"
		plain.noSideRoutes, plain.noModelLen = true, true
		return plain
	case VLLMRoute:
		py.errors = errorString
	}
	return py
}

// id makes the id of the nth answer, from the client's X-Request-Id where the server honours it.
func (sh shape) id(n uint64, asked string) string {
	x := (n + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9 // spread, so that ids look like ids
	x ^= x >> 31
	switch sh.family {
	case familyVLLM:
		if asked != "" {
			return "chatcmpl-" + asked
		}
		return fmt.Sprintf("chatcmpl-%016x", x)
	case familyRust:
		return fmt.Sprintf("chatcmpl-%08x", uint32(x))
	case familyOllama:
		return fmt.Sprintf("chatcmpl-%d", x%1000)
	case familyLlama:
		return fmt.Sprintf("chatcmpl-%032x", x)
	}
	if sh.errors == errorTGI {
		return "" // TGI sends an empty id
	}
	return fmt.Sprintf("%032x", x)
}

func (sh shape) fingerprint() string { return "vllm-" + sh.version + "-7568e26b" }
