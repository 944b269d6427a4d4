package llm

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// chunk is what one event of a stream says, whatever the dialect. Its strings are its own.
type chunk struct {
	id, model       string
	choice          bool // it has a choice with index 0: a token, or the end
	text, reasoning string
	split           bool // the delta has a reasoning field, also null: the server splits reasoning off
	tool            bool // part of a tool call
	calls           []callPiece
	finish          string
	stopReason      string
	usage           Usage
	timing          Timing
	err             *apiError

	// The first half of a character whose second comes in a later chunk; see joinHalves.
	half, halfThought, halfArgs string
}

var errNoObject = errors.New("an event of the stream is not a JSON object")

// parseChunk reads one payload into c. It takes every field as optional and null as absent. It
// leaves out fields of another type than expected, unless text could be lost: then it returns an
// error.
func parseChunk(raw []byte, c *chunk) error {
	id, model := c.id, c.model
	halves := chunk{half: c.half, halfThought: c.halfThought, halfArgs: c.halfArgs}
	*c = halves
	if c.half == "" && c.halfThought == "" && fastChunk(raw, c, id, model) {
		return nil
	}
	*c = halves
	return fullChunk(raw, c)
}

// fullChunk reads any shape; c is empty, but for halves of characters.
func fullChunk(raw []byte, c *chunk) error {
	var w wireChunk
	if len(raw) == 0 || (raw[0] != '{' && string(raw) != "null") {
		return errNoObject
	}
	if err := json.Unmarshal(raw, &w); err != nil {
		return err
	}
	c.id, c.model = string(w.ID), string(w.Model)
	if !isNull(w.Error) || (w.Choices == nil && w.Usage.is == nil && w.Timings.is == nil && w.Metrics.is == nil) {
		if e, ok := parseError(raw); ok {
			c.err = &e
			return nil
		}
	}
	for i := range w.Choices {
		if w.Choices[i].Index.int() == 0 {
			if err := w.Choices[i].into(c); err != nil {
				return err
			}
		}
	}
	if w.Usage.is != nil {
		c.usage = w.Usage.is.usage()
	}
	if t := w.Timings.is; t != nil && t.PredictedMS > 0 {
		c.timing = Timing{FirstToken: ms(t.PromptMS), Generation: ms(t.PredictedMS), Rate: float64(t.Rate), Known: true}
		if !c.usage.Known && t.PredictedN > 0 {
			// prompt_n are the tokens that had to be computed; cache_n came from the cache.
			c.usage = Usage{
				PromptTokens: t.PromptN.int() + t.CacheN.int(), CachedTokens: t.CacheN.int(), CompletionTokens: t.PredictedN.int(), Known: true,
			}
		}
	}
	if m := w.Metrics.is; m != nil {
		c.timing = Timing{Queue: ms(m.Queue), FirstToken: ms(m.FirstToken), Generation: ms(m.Generation), Rate: float64(m.Rate), Known: true}
	}
	return nil
}

type wireChunk struct {
	ID      text              `json:"id"`
	Model   text              `json:"model"`
	Choices []wireChoice      `json:"choices"`
	Usage   object[wireUsage] `json:"usage"`
	Error   json.RawMessage   `json:"error"`
	Timings object[struct {
		PromptN     number `json:"prompt_n"`
		PromptMS    number `json:"prompt_ms"`
		PredictedN  number `json:"predicted_n"`
		PredictedMS number `json:"predicted_ms"`
		Rate        number `json:"predicted_per_second"`
		CacheN      number `json:"cache_n"`
	}] `json:"timings"` // llama.cpp
	Metrics object[struct {
		FirstToken number `json:"time_to_first_token_ms"`
		Generation number `json:"generation_time_ms"`
		Queue      number `json:"queue_time_ms"`
		Rate       number `json:"tokens_per_second"`
	}] `json:"metrics"` // vLLM --enable-per-request-metrics
}

type wireChoice struct {
	Index      number          `json:"index"`
	Delta      wireDelta       `json:"delta"`
	Message    *wireDelta      `json:"message"` // an answer in one piece
	Finish     text            `json:"finish_reason"`
	StopReason json.RawMessage `json:"stop_reason"`
}

type wireDelta struct {
	Content          json.RawMessage `json:"content"`
	Reasoning        json.RawMessage `json:"reasoning"`
	ReasoningContent json.RawMessage `json:"reasoning_content"`
	ToolCalls        json.RawMessage `json:"tool_calls"`
	FunctionCall     json.RawMessage `json:"function_call"`
}

func (w *wireChoice) into(c *chunk) error {
	d := &w.Delta
	if w.Message != nil {
		d = w.Message
	}
	c.choice = true
	said, err := readContent(d.Content, &c.half, &c.halfThought)
	if err != nil {
		return err
	}
	c.text += said.text
	// The two names are copies of each other (vLLM 0.11.1 to 0.15): one of them, never both.
	reasoning := d.Reasoning
	if stringOnly(reasoning) == "" {
		reasoning = d.ReasoningContent
	}
	c.reasoning += stringOnly(joinHalves(reasoning, &c.halfThought)) + said.thinking
	c.split = c.split || d.Reasoning != nil || d.ReasoningContent != nil
	if !isNull(d.ToolCalls) && string(d.ToolCalls) != "[]" {
		c.tool = true
		c.calls = append(c.calls, callPieces(d.ToolCalls, &c.halfArgs)...)
	} else if !isNull(d.FunctionCall) { // of before there were tools; some servers send both
		c.tool = true
		c.calls = append(c.calls, callPieces(d.FunctionCall, &c.halfArgs)...)
	}
	if w.Finish != "" {
		c.finish = string(w.Finish)
	}
	c.stopReason += loose(w.StopReason)
	return nil
}

// joinHalves mends characters that came in two halves: servers that escape everything beyond ASCII
// cut between the two escapes of a surrogate pair, and each alone reads as U+FFFD. It puts the half
// that came before in front of a JSON string, and keeps a first half at the string's end for the
// next.
func joinHalves(raw json.RawMessage, half *string) json.RawMessage {
	const escape = len(`\ud83d`)
	if len(raw) <= len(`""`) || raw[0] != '"' {
		return raw
	}
	if *half != "" {
		raw = slices.Concat([]byte{'"'}, []byte(*half), raw[1:])
		*half = ""
	}
	at := len(raw) - 1 - escape
	if at < 1 || !firstHalf(raw[at:at+escape]) {
		return raw
	}
	if slashes := len(raw[:at]) - len(bytes.TrimRight(raw[:at], `\`)); slashes%2 != 0 { // a backslash, and not an escape
		return raw
	}
	*half = string(raw[at : at+escape])
	return append(slices.Clip(raw[:at]), '"')
}

// firstHalf reports whether an escape is the first half of a surrogate pair.
func firstHalf(escape []byte) bool {
	if !bytes.HasPrefix(escape, []byte(`\u`)) {
		return false
	}
	n, err := strconv.ParseUint(string(escape[2:]), 16, 16)
	return err == nil && n >= 0xD800 && n < 0xDC00
}

func stringOnly(raw json.RawMessage) string {
	if len(raw) == 0 || raw[0] != '"' {
		return ""
	}
	return loose(raw)
}

// none reports whether a usage is all zeros, as of a gateway that does not count. A prompt has
// tokens.
func (u Usage) none() bool { return u.PromptTokens == 0 && u.CompletionTokens == 0 }

type wireUsage struct {
	Prompt     number `json:"prompt_tokens"`
	Completion number `json:"completion_tokens"`
	PromptMore object[struct {
		Cached number `json:"cached_tokens"`
	}] `json:"prompt_tokens_details"`
	CompletionMore object[struct {
		Reasoning number `json:"reasoning_tokens"`
	}] `json:"completion_tokens_details"`
}

func (w *wireUsage) usage() Usage {
	u := Usage{PromptTokens: w.Prompt.int(), CompletionTokens: w.Completion.int(), Known: true}
	if u.none() {
		return Usage{}
	}
	if more := w.PromptMore.is; more != nil {
		u.CachedTokens = more.Cached.int()
	}
	if more := w.CompletionMore.is; more != nil {
		u.ReasoningTokens = more.Reasoning.int()
	}
	return u
}

// object is a JSON object; another type reads as none.
type object[T any] struct{ is *T }

func (o *object[T]) UnmarshalJSON(raw []byte) error {
	if raw[0] != '{' {
		return nil
	}
	o.is = new(T)
	return json.Unmarshal(raw, o.is)
}

// text is a string; another type reads as empty.
type text string

func (t *text) UnmarshalJSON(raw []byte) error {
	*t = text(stringOnly(raw))
	return nil
}

// number is a number, also in quotes; another type reads as 0.
type number float64

func (n *number) UnmarshalJSON(raw []byte) error {
	f, err := strconv.ParseFloat(strings.Trim(string(raw), `"`), 64)
	if err != nil || math.IsNaN(f) {
		f = 0
	}
	*n = number(f)
	return nil
}

// int returns n within what a count can be.
func (n number) int() int { return int(min(max(n, 0), 1<<40)) }

func ms(n number) time.Duration {
	return time.Duration(min(max(float64(n), 0), 1e12) * float64(time.Millisecond))
}

// content is what a delta says, and what it thinks.
type content struct{ text, thinking string }

// readContent reads the content of a delta: a string or, with Mistral's servers, a list of parts. half
// and halfThought are first halves of characters; see joinHalves.
func readContent(raw json.RawMessage, half, halfThought *string) (c content, err error) {
	switch raw = bytes.TrimSpace(raw); {
	case isNull(raw):
		return content{}, nil
	case raw[0] == '"':
		return content{text: stringOnly(joinHalves(raw, half))}, nil
	}
	var parts []struct {
		Type     text            `json:"type"`
		Text     json.RawMessage `json:"text"`
		Thinking json.RawMessage `json:"thinking"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return content{}, err
	}
	for _, p := range parts {
		switch p.Type {
		case "thinking", "reasoning":
			inner, err := readContent(p.Thinking, halfThought, halfThought)
			if err != nil {
				return content{}, err
			}
			c.thinking += stringOnly(joinHalves(p.Text, halfThought)) + inner.text
		default:
			c.text += stringOnly(joinHalves(p.Text, half))
		}
	}
	return c, nil
}
