package llmsim

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// end closes the books of a call, and its connection if the tape says so.
func (c *call) end(err error) {
	if c.timer != nil {
		c.timer.Stop()
	}
	now := time.Now()
	gone := c.ctx.Err() != nil
	c.s.mu.Lock()
	c.rec.Ended, c.rec.EndAt = true, now
	switch {
	case errors.Is(err, errDone) || errors.Is(err, errEOF):
	case gone:
		c.rec.Cancel = true
		c.s.cancels++ // in none of vLLM's own counters (facts §1.1)
	}
	if c.finished && !c.rec.Cancel {
		c.s.m.finishedLocked(c, now)
	}
	c.s.mu.Unlock()
	switch {
	case gone:
	case errors.Is(err, errCut):
		panic(http.ErrAbortHandler)
	case !c.chat.Stream && !c.ended:
		c.whole()
	}
}

// fail sends an error in mid-stream, or as the whole answer when nothing is streamed.
func (c *call) fail(st Step) error {
	e := c.enc.engineDead()
	if st.text != "" {
		typ, message, _ := strings.Cut(st.text, "\x00")
		e = &apiError{status: st.n, typ: typ, message: message}
	} else if c.enc.cutOnDeath {
		return errCut
	}
	if err := c.flushPend(); err != nil {
		return err
	}
	if !c.chat.Stream {
		c.ended = true
		c.status(e.status)
		c.s.fail(c.w, e, c.enc.shape)
		return errDone
	}
	switch {
	// A chunk without a model, then the end (real/ollama-runner_killed_stream.sse).
	case c.enc.family == familyOllama:
		c.enc.model = ""
		if err := c.send(piece{kind: pieceText}); err != nil {
			return err
		}
		return errEOF
	case c.enc.errorLine:
		c.line("error: " + string(e.body(errorLlama, ""))[len(`{"error":`):len(e.body(errorLlama, ""))-1])
		c.line("")
		return c.done()
	}
	sep := " "
	if c.enc.compactError || c.enc.family != familyVLLM {
		sep = ""
	}
	c.line("data:" + c.space() + string(e.body(c.enc.errors, sep)))
	c.line("")
	if err := c.flush(); err != nil {
		return err
	}
	return c.done()
}

// reply gives a prepared answer, if none was begun.
func (c *call) reply(st Step) {
	c.ended = true
	if c.headers {
		return
	}
	c.status(st.n)
	c.s.note(c.rec, func(r *Request) { r.Ended, r.EndAt = true, time.Now() })
	sh := c.enc.shape
	sh.server = ""
	if after := st.h.Get("Retry-After"); after != "" {
		c.w.Header().Set("Retry-After", after)
	}
	writeBody(c.w, sh, st.n, st.h.Get("Content-Type"), []byte(st.text))
}

func (c *call) status(code int) {
	c.s.note(c.rec, func(r *Request) { r.Status = code })
}

// whole writes the answer of a request without streaming.
func (c *call) whole() {
	c.status(http.StatusOK)
	e := &c.enc
	msg := c.wholeMessage()
	finish := string(appendNullable(nil, c.finishPiece.finish))
	var b []byte
	switch e.family {
	case familyLlama:
		b = fmt.Appendf(nil, `{"choices":[{"finish_reason":%s,"index":0,"message":%s}],"created":%d,"model":%s,"system_fingerprint":"b0-unknown",`+
			`"object":"chat.completion","usage":`, finish, msg, e.created, appendString(nil, e.model))
		b = fmt.Appendf(e.llamaUsage(b), `,"id":%s`, appendString(nil, e.id))
		b = append(e.timings(b), '}')
	case familyOllama, familyOpenAI:
		b = fmt.Appendf(nil, `{"id":%s,"object":"chat.completion","created":%d,"model":%s,"choices":[{"index":0,"message":%s,"finish_reason":%s}],"usage":`,
			appendString(nil, e.id), e.created, appendString(nil, e.model), msg, finish)
		b = append(e.plainUsage(b), '}')
	default:
		b = c.wholeVLLM(msg, finish)
	}
	writeBody(c.w, e.shape, http.StatusOK, "application/json", b)
}

func (c *call) wholeMessage() []byte {
	e := &c.enc
	content := appendString(nil, c.content.String())
	thought := []byte("null")
	if c.thought.Len() > 0 {
		thought = appendString(nil, c.thought.String())
		if c.content.Len() == 0 && e.family == familyVLLM {
			content = []byte("null") // all of it was reasoning
		}
	}
	b := fmt.Appendf(nil, `{"role":"assistant","content":%s`, content)
	if e.family == familyVLLM {
		b = append(b, `,"refusal":null,"annotations":null,"audio":null,"function_call":null`...)
	}
	if c.thought.Len() > 0 || e.family == familyVLLM || e.family == familyRust {
		for _, name := range e.reasoning {
			b = fmt.Appendf(b, `,"%s":%s`, name, thought)
		}
	}
	b = append(b, c.wholeCalls()...)
	return append(b, '}')
}

func (c *call) wholeVLLM(msg []byte, finish string) []byte {
	e := &c.enc
	b := append(e.head(nil), `,"choices":[{"index":0,"message":`...)
	b = append([]byte(strings.Replace(string(b), "chat.completion.chunk", "chat.completion", 1)), msg...)
	b = fmt.Appendf(b, `,"logprobs":null,"finish_reason":%s,"stop_reason":%s,"token_ids":null`, finish, appendNullable(nil, c.finishPiece.stop))
	details, thoughts := "null", "null"
	if e.details {
		details = fmt.Sprintf(`{"cached_tokens":%d,"created_cache_tokens":%d}`, e.cached, (e.prompt-e.cached)/blockSize*blockSize)
	}
	if e.thinks || e.family == familyRust {
		thoughts = fmt.Sprintf(`{"reasoning_tokens":%d}`, e.thoughts)
	}
	usage := fmt.Appendf(e.counts(nil), `,"prompt_tokens_details":%s,"completion_tokens_details":%s}`, details, thoughts)
	if e.family == familyRust {
		return fmt.Appendf(b, `}],"usage":%s,"system_fingerprint":null,"prompt_logprobs":null,"prompt_token_ids":null,"kv_transfer_params":null,"ec_transfer_params":null}`, usage)
	}
	b = append(b, `,"routed_experts":null`...)
	if e.kvParams {
		b = append(b, `,"weight_versions":null`...)
	}
	return fmt.Appendf(b, `}],"service_tier":null,"system_fingerprint":%s,"usage":%s,"prompt_logprobs":null,"prompt_token_ids":null,"prompt_text":null,`+
		`"kv_transfer_params":null,"ec_transfer_params":null,"metrics":null}`, appendString(nil, e.fingerprint()), usage)
}
