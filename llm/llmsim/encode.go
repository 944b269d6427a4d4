package llmsim

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// piece is one event of an answer.
type piece struct {
	kind    pieceKind
	text    string
	thought bool   // text is reasoning
	finish  string // for pieceFinish
	stop    string // the stop string that was hit
	delta   string // the delta as it is; empty: made of text
}

type pieceKind uint8

const (
	pieceRole pieceKind = iota
	pieceText
	pieceFinish
	pieceUsage
)

// encoder writes the events of one answer in one dialect.
type encoder struct {
	shape
	id, model string
	created   int64
	usage     bool // asked for
	each      bool // in every chunk
	inFinish  bool // Wire.UsageInLast
	details   bool // prompt_tokens_details
	thinks    bool // a reasoning parser is set
	hides     bool // include_reasoning: false
	noCounts  bool // Wire.ZeroUsage
	prompt    int
	cached    int
	tokens    int
	thoughts  int
	took      time.Duration // generating so far
	first     time.Duration // until the first token
}

// chunk appends the JSON of one event.
func (e *encoder) chunk(b []byte, p piece) []byte {
	if p.kind == pieceRole && e.tokens > 0 { // it tells of no token yet
		was, thoughts := e.tokens, e.thoughts
		e.tokens, e.thoughts = 0, 0
		defer func() { e.tokens, e.thoughts = was, thoughts }()
	}
	if e.noCounts {
		was := *e
		e.prompt, e.tokens, e.thoughts, e.cached = 0, 0, 0, 0
		defer func() { e.prompt, e.tokens, e.thoughts, e.cached = was.prompt, was.tokens, was.thoughts, was.cached }()
	}
	switch e.family {
	case familyRust:
		return e.rust(b, p)
	case familyOllama:
		return e.ollama(b, p)
	case familyLlama:
		return e.llama(b, p)
	case familyOpenAI:
		return e.openAI(b, p)
	}
	return e.vllm(b, p)
}

func (e *encoder) head(b []byte) []byte {
	b = append(b, `{"id":`...)
	b = appendString(b, e.id)
	b = append(b, `,"object":"chat.completion.chunk","created":`...)
	b = strconv.AppendInt(b, e.created, 10)
	b = append(b, `,"model":`...)
	return appendString(b, e.model)
}

// delta appends the delta object of a text.
func (e *encoder) delta(b []byte, p piece) []byte {
	if p.delta != "" {
		return append(b, p.delta...)
	}
	b = append(b, '{')
	if p.thought {
		for i, name := range e.reasoning {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, '"')
			b = append(b, name...)
			b = append(b, `":`...)
			b = appendString(b, p.text)
		}
		return append(b, '}')
	}
	b = append(b, `"content":`...)
	b = appendString(b, p.text)
	if e.hides && e.thinks && e.family == familyVLLM {
		b = append(b, `,"reasoning":null`...)
	}
	return append(b, '}')
}

func (e *encoder) counts(b []byte) []byte {
	return fmt.Appendf(b, `{"prompt_tokens":%d,"total_tokens":%d,"completion_tokens":%d`, e.prompt, e.prompt+e.tokens, e.tokens)
}

func (e *encoder) vllm(b []byte, p piece) []byte {
	b = append(e.head(b), `,"choices":[`...)
	switch p.kind {
	case pieceRole:
		b = append(b, `{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}`...)
	case pieceText:
		b = append(b, `{"index":0,"delta":`...)
		b = append(e.delta(b, p), `,"logprobs":null,"finish_reason":null,"token_ids":null}`...)
	case pieceFinish:
		b = append(b, `{"index":0,"delta":`...)
		if e.finishBare {
			b = append(b, `{}`...)
		} else {
			b = e.delta(b, p)
		}
		b = append(b, `,"logprobs":null,"finish_reason":`...)
		b = append(appendString(b, p.finish), `,"stop_reason":`...)
		b = append(appendNullable(b, p.stop), `,"token_ids":null`...)
		if e.kvParams {
			b = append(b, `,"weight_versions":null`...)
		}
		b = append(b, '}')
	case pieceUsage:
		b = append(b, `],"usage":`...)
		b = e.vllmUsage(b)
		b = append(b, `,"system_fingerprint":`...)
		return append(appendString(b, e.fingerprint()), '}')
	}
	b = append(b, ']')
	switch {
	case e.each:
		b = append(b, `,"usage":`...)
		b = append(e.counts(b), `,"completion_tokens_details":`...)
		if e.thinks && p.kind != pieceRole {
			b = fmt.Appendf(b, `{"reasoning_tokens":%d}`, e.thoughts)
		} else {
			b = append(b, `null`...)
		}
		b = append(b, '}')
	case p.kind == pieceFinish && e.inFinish:
		b = e.vllmUsage(append(b, `,"usage":`...))
	}
	if p.kind == pieceFinish && !e.usage {
		b = appendString(append(b, `,"system_fingerprint":`...), e.fingerprint())
	}
	switch {
	case p.kind == pieceRole:
		b = append(b, `,"prompt_token_ids":null,"prompt_text":null`...)
	case e.kvParams:
		b = append(b, `,"kv_transfer_params":null`...)
	}
	return append(b, '}')
}

// vllmUsage returns the final usage: nulls omitted.
func (e *encoder) vllmUsage(b []byte) []byte {
	b = e.counts(b)
	if e.details {
		b = fmt.Appendf(b, `,"prompt_tokens_details":{"cached_tokens":%d,"created_cache_tokens":%d}`, e.cached, (e.prompt-e.cached)/blockSize*blockSize)
	}
	if e.thinks {
		b = fmt.Appendf(b, `,"completion_tokens_details":{"reasoning_tokens":%d}`, e.thoughts)
	}
	return append(b, '}')
}

func (e *encoder) rust(b []byte, p piece) []byte {
	b = append(e.head(b), `,"choices":[`...)
	switch p.kind {
	case pieceRole:
		b = append(b, `{"index":0,"delta":{"role":"assistant"}}`...)
	case pieceText:
		b = append(b, `{"index":0,"delta":`...)
		b = append(e.delta(b, p), '}')
	case pieceFinish:
		b = append(b, `{"index":0,"delta":{},"finish_reason":`...)
		b = appendString(b, p.finish)
		if p.stop != "" {
			b = appendString(append(b, `,"stop_reason":`...), p.stop)
		}
		b = append(b, '}')
	case pieceUsage:
	}
	b = append(b, ']')
	if e.each || p.kind == pieceUsage || (p.kind == pieceFinish && e.inFinish) {
		b = e.counts(append(b, `,"usage":`...))
		b = append(b, `,"prompt_tokens_details":`...)
		if e.details && e.cached > 0 {
			b = fmt.Appendf(b, `{"cached_tokens":%d}`, e.cached)
		} else {
			b = append(b, `null`...)
		}
		b = fmt.Appendf(b, `,"completion_tokens_details":{"reasoning_tokens":%d}}`, e.thoughts)
	}
	return append(b, '}')
}

func (e *encoder) ollama(b []byte, p piece) []byte {
	b = append(e.head(b), `,"system_fingerprint":"fp_ollama","choices":[`...)
	if p.kind != pieceUsage {
		text := p.text
		if p.thought || p.kind != pieceText {
			text = ""
		}
		b = append(b, `{"index":0,"delta":`...)
		if p.delta != "" {
			b = append(b, p.delta...)
		} else {
			b = appendString(append(b, `{"role":"assistant","content":`...), text)
			if p.thought {
				b = appendString(append(b, `,"reasoning":`...), p.text)
			}
			b = append(b, '}')
		}
		b = append(b, `,"finish_reason":`...)
		b = append(appendNullable(b, p.finish), '}')
	}
	b = append(b, ']')
	if p.kind == pieceUsage || (p.kind == pieceFinish && e.inFinish) {
		b = e.plainUsage(append(b, `,"usage":`...))
	}
	return append(b, '}')
}

func (e *encoder) plainUsage(b []byte) []byte {
	return fmt.Appendf(b, `{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}`, e.prompt, e.tokens, e.prompt+e.tokens)
}

func (e *encoder) llama(b []byte, p piece) []byte {
	b = append(b, `{"choices":[`...)
	switch p.kind {
	case pieceRole:
		b = append(b, `{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}`...)
	case pieceText:
		b = append(b, `{"finish_reason":null,"index":0,"delta":`...)
		b = append(e.delta(b, p), '}')
	case pieceFinish:
		b = append(b, `{"finish_reason":`...)
		b = append(appendString(b, p.finish), `,"index":0,"delta":{}}`...)
	case pieceUsage:
	}
	b = fmt.Appendf(b, `],"created":%d,"id":`, e.created)
	b = append(appendString(b, e.id), `,"model":`...)
	b = append(appendString(b, e.model), `,"system_fingerprint":"b0-unknown","object":"chat.completion.chunk"`...)
	if p.kind == pieceUsage || (p.kind == pieceFinish && e.inFinish) {
		b = append(b, `,"usage":`...)
		b = e.llamaUsage(b)
	}
	if p.kind == pieceUsage || (p.kind == pieceFinish && !e.usage) {
		b = e.timings(b)
	}
	return append(b, '}')
}

func (e *encoder) llamaUsage(b []byte) []byte {
	return fmt.Appendf(b, `{"completion_tokens":%d,"prompt_tokens":%d,"total_tokens":%d,"prompt_tokens_details":{"cached_tokens":%d}}`,
		e.tokens, e.prompt, e.prompt+e.tokens, e.cached)
}

func (e *encoder) timings(b []byte) []byte {
	const tiny = 0.001 // milliseconds; never divide by zero
	pms := max(float64(e.first)/float64(time.Millisecond), tiny)
	gms := max(float64(e.took)/float64(time.Millisecond), tiny)
	pn, gn := float64(max(e.prompt-e.cached, 1)), float64(max(e.tokens, 1))
	return fmt.Appendf(b, `,"timings":{"cache_n":%d,"prompt_n":%d,"prompt_ms":%.3f,"prompt_per_token_ms":%g,"prompt_per_second":%g,`+
		`"predicted_n":%d,"predicted_ms":%.3f,"predicted_per_token_ms":%g,"predicted_per_second":%g}`,
		e.cached, max(e.prompt-e.cached, 1), pms, pms/pn, 1000*pn/pms, e.tokens, gms, gms/gn, 1000*gn/gms)
}

// openAI returns the plain form: SGLang, LM Studio, TGI.
func (e *encoder) openAI(b []byte, p piece) []byte {
	if e.firstHeaders {
		e.created = time.Now().Unix() // SGLang's changes from chunk to chunk
	}
	b = append(e.head(b), `,"choices":[`...)
	switch p.kind {
	case pieceRole:
		b = append(b, `{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}`...)
	case pieceText:
		b = append(b, `{"index":0,"delta":`...)
		b = append(e.delta(b, p), `,"logprobs":null,"finish_reason":null}`...)
	case pieceFinish:
		b = append(b, `{"index":0,"delta":{},"logprobs":null,"finish_reason":`...)
		b = appendString(b, p.finish)
		if e.errors == errorFlat {
			b = appendNullable(append(b, `,"matched_stop":`...), p.stop)
		}
		b = append(b, '}')
	case pieceUsage:
	}
	b = append(b, ']')
	if e.each || p.kind == pieceUsage || (p.kind == pieceFinish && e.inFinish) {
		b = e.plainUsage(append(b, `,"usage":`...))
	} else {
		b = append(b, `,"usage":null`...)
	}
	return append(b, '}')
}

// appendString appends s as JSON in the form in which all these servers write it: raw UTF-8 without
// HTML escapes.
func appendString(b []byte, s string) []byte {
	simple := utf8.ValidString(s)
	for i := 0; simple && i < len(s); i++ {
		simple = s[i] >= ' ' && s[i] != '"' && s[i] != '\\' && s[i] != 0x7f
	}
	if simple {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	var w sliceWriter = b
	enc := json.NewEncoder(&w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return w[:len(w)-1]
}

func appendNullable(b []byte, s string) []byte {
	if s == "" {
		return append(b, `null`...)
	}
	return appendString(b, s)
}

type sliceWriter []byte

func (w *sliceWriter) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}
