package llm

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
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
	finish          string
	stopReason      string
	usage           Usage
	timing          Timing
	err             *apiError
}

var errNoObject = errors.New("an event of the stream is not a JSON object")

// parseChunk reads one payload into c. It takes every field as optional and null as absent. It
// leaves out fields of another type than expected, unless text could be lost: then it returns an
// error.
func parseChunk(raw []byte, c *chunk) error {
	id, model := c.id, c.model
	*c = chunk{}
	if fastChunk(raw, c, id, model) {
		return nil
	}
	*c = chunk{}
	return fullChunk(raw, c)
}

// fullChunk reads any shape; c is empty.
func fullChunk(raw []byte, c *chunk) error {
	var w wireChunk
	if len(raw) == 0 || (raw[0] != '{' && string(raw) != "null") {
		return errNoObject
	}
	if err := json.Unmarshal(raw, &w); err != nil {
		return err
	}
	c.id, c.model = string(w.ID), string(w.Model)
	if !isNull(w.Error) || (w.Choices == nil && w.Usage == nil && w.Timings == nil && w.Metrics == nil) {
		if e, ok := parseError(raw); ok {
			c.err = &e
			return nil
		}
	}
	for i := range w.Choices {
		if w.Choices[i].Index.int() == 0 {
			w.Choices[i].into(c)
		}
	}
	if w.Usage != nil {
		c.usage = w.Usage.usage()
	}
	if t := w.Timings; t != nil && t.PredictedMS > 0 {
		c.timing = Timing{FirstToken: ms(t.PromptMS), Generation: ms(t.PredictedMS), Rate: float64(t.Rate), Known: true}
		if !c.usage.Known && t.PredictedN > 0 {
			// prompt_n are the tokens that had to be computed; cache_n came from the cache.
			c.usage = Usage{
				PromptTokens: t.PromptN.int() + t.CacheN.int(), CachedTokens: t.CacheN.int(), CompletionTokens: t.PredictedN.int(), Known: true,
			}
		}
	}
	if m := w.Metrics; m != nil {
		c.timing = Timing{Queue: ms(m.Queue), FirstToken: ms(m.FirstToken), Generation: ms(m.Generation), Rate: float64(m.Rate), Known: true}
	}
	return nil
}

type wireChunk struct {
	ID      text            `json:"id"`
	Model   text            `json:"model"`
	Choices []wireChoice    `json:"choices"`
	Usage   *wireUsage      `json:"usage"`
	Error   json.RawMessage `json:"error"`
	Timings *struct {
		PromptN     number `json:"prompt_n"`
		PromptMS    number `json:"prompt_ms"`
		PredictedN  number `json:"predicted_n"`
		PredictedMS number `json:"predicted_ms"`
		Rate        number `json:"predicted_per_second"`
		CacheN      number `json:"cache_n"`
	} `json:"timings"` // llama.cpp
	Metrics *struct {
		FirstToken number `json:"time_to_first_token_ms"`
		Generation number `json:"generation_time_ms"`
		Queue      number `json:"queue_time_ms"`
		Rate       number `json:"tokens_per_second"`
	} `json:"metrics"` // vLLM --enable-per-request-metrics
}

type wireChoice struct {
	Index      number          `json:"index"`
	Delta      wireDelta       `json:"delta"`
	Message    *wireDelta      `json:"message"` // an answer in one piece
	Finish     text            `json:"finish_reason"`
	StopReason json.RawMessage `json:"stop_reason"`
}

type wireDelta struct {
	Content          content         `json:"content"`
	Reasoning        json.RawMessage `json:"reasoning"`
	ReasoningContent json.RawMessage `json:"reasoning_content"`
	ToolCalls        json.RawMessage `json:"tool_calls"`
	FunctionCall     json.RawMessage `json:"function_call"`
}

func (w *wireChoice) into(c *chunk) {
	d := &w.Delta
	if w.Message != nil {
		d = w.Message
	}
	c.choice = true
	c.text += d.Content.text
	// The two names are copies of each other (vLLM 0.11.1 to 0.15): one of them, never both.
	reasoning := stringOnly(d.Reasoning)
	if reasoning == "" {
		reasoning = stringOnly(d.ReasoningContent)
	}
	c.reasoning += reasoning + d.Content.thinking
	c.split = c.split || d.Reasoning != nil || d.ReasoningContent != nil
	c.tool = c.tool || (!isNull(d.ToolCalls) && string(d.ToolCalls) != "[]") || !isNull(d.FunctionCall)
	if w.Finish != "" {
		c.finish = string(w.Finish)
	}
	c.stopReason += loose(w.StopReason)
}

func stringOnly(raw json.RawMessage) string {
	if len(raw) == 0 || raw[0] != '"' {
		return ""
	}
	return loose(raw)
}

type wireUsage struct {
	Prompt     number `json:"prompt_tokens"`
	Completion number `json:"completion_tokens"`
	PromptMore *struct {
		Cached number `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
	CompletionMore *struct {
		Reasoning number `json:"reasoning_tokens"`
	} `json:"completion_tokens_details"`
}

func (w *wireUsage) usage() Usage {
	u := Usage{PromptTokens: w.Prompt.int(), CompletionTokens: w.Completion.int(), Known: true}
	if w.PromptMore != nil {
		u.CachedTokens = w.PromptMore.Cached.int()
	}
	if w.CompletionMore != nil {
		u.ReasoningTokens = w.CompletionMore.Reasoning.int()
	}
	return u
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

// content is a string or, with Mistral's servers, a list of parts.
type content struct{ text, thinking string }

func (c *content) UnmarshalJSON(raw []byte) error {
	switch raw = bytes.TrimSpace(raw); {
	case isNull(raw):
		return nil
	case raw[0] == '"':
		return json.Unmarshal(raw, &c.text)
	}
	type part struct {
		Type     text    `json:"type"`
		Text     text    `json:"text"`
		Thinking content `json:"thinking"`
	}
	var parts []part
	if err := json.Unmarshal(raw, &parts); err != nil {
		return err
	}
	for _, p := range parts {
		switch p.Type {
		case "thinking", "reasoning":
			c.thinking += string(p.Text) + p.Thinking.text
		default:
			c.text += string(p.Text)
		}
	}
	return nil
}
