package llmsim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// apiError is an error as a server sends it.
type apiError struct {
	status  int
	typ     string
	param   string // empty: null
	message string
	ctx     [2]int // prompt and limit, for llama.cpp
	plain   bool   // the body is {"error":"message"} whatever the dialect
}

func badRequest(message, param string) *apiError {
	return &apiError{status: http.StatusBadRequest, typ: "BadRequestError", param: param, message: message}
}

func validation(param, message string) *apiError {
	return &apiError{status: http.StatusBadRequest, typ: "Bad Request", param: param, message: message}
}

func internalError(message string) *apiError {
	return &apiError{status: http.StatusInternalServerError, typ: "InternalServerError", message: message}
}

const (
	textEngineDead   = "EngineCore encountered an issue. See stack trace (above) for the root cause."
	textEngineDead33 = "The server had an error while processing your request."
	textDraining     = "cannot schedule new futures after shutdown"
	textQueueFull    = "The engine is currently busy and cannot accept new requests. Please try again later or on a different instance."
)

func (sh shape) engineDead() *apiError {
	if sh.compactError {
		return internalError(textEngineDead33)
	}
	return internalError(textEngineDead)
}

func queueFull() *apiError {
	return &apiError{status: http.StatusServiceUnavailable, typ: "Service Unavailable", message: textQueueFull}
}

func (s *Server) unknownModel(name string, sh shape) *apiError {
	e := &apiError{status: http.StatusNotFound, typ: "NotFoundError", param: "model", message: "The model `" + name + "` does not exist."}
	switch {
	case sh.family == familyOllama:
		e.typ, e.param, e.message = "api_error", "", fmt.Sprintf("model %q not found, try pulling it first", name)
	case sh.family == familyVLLM && !sh.oldOverflow:
		e.message += " Valid aliases: " + strings.Join(s.models(), ", ") + "."
	}
	return e
}

// maxCharsPerToken is vLLM's bound: it refuses a prompt of more than 32 characters for each token
// of context unread.
const maxCharsPerToken = 32

// checkWindow returns what the server says when prompt and max_tokens do not fit; nil: they fit.
func (s *Server) checkWindow(c *Chat, prompt, chars int, sh shape) *apiError {
	limit := s.cfg.MaxModelLen
	what := fmt.Sprintf("This model's maximum context length is %d tokens. However, ", limit)
	switch {
	case sh.truncates, sh.emptyOnFull:
		return nil
	case sh.family == familyLlama:
		if prompt >= limit {
			e := badRequest(fmt.Sprintf("request (%d tokens) exceeds the available context size (%d tokens), try increasing it", prompt, limit), "")
			e.typ, e.ctx = "exceed_context_size_error", [2]int{prompt, limit}
			return e
		}
		return nil
	case sh.errors == errorTGI:
		if prompt+max(c.MaxTokens, 1) > limit {
			return badRequest(fmt.Sprintf("Input validation error: `inputs` tokens + `max_new_tokens` must be <= %d. Given: %d `inputs` tokens and %d `max_new_tokens`",
				limit, prompt, c.MaxTokens), "")
		}
		return nil
	case sh.harmony && prompt >= limit:
		return badRequest(fmt.Sprintf("Input length (%d) exceeds model's maximum context length (%d).", prompt, limit), "")
	case sh.oldOverflow && prompt+max(c.MaxTokens, 1) > limit:
		out := max(c.MaxTokens, 1)
		return badRequest(what+fmt.Sprintf("you requested %d output tokens and your prompt contains %d input tokens, for a total of %d tokens. "+
			"Please reduce the length of the input prompt or the number of requested output tokens.", out, prompt, prompt+out), "input_tokens")
	case sh.family == familyRust:
		return s.checkWindowRust(prompt, limit, what, sh)
	case chars > maxCharsPerToken*limit:
		return badRequest(what+fmt.Sprintf("your prompt contains %d characters (more than %d characters, which is the upper bound for %d input tokens). "+
			"Please reduce the length of the input prompt. (parameter=input_text, value=%[1]d)", chars, maxCharsPerToken*limit, limit), "input_text")
	case prompt > limit:
		return badRequest(what+fmt.Sprintf("your prompt contains at least %d input tokens, which exceeds this limit even without any output tokens. "+
			"Please reduce the length of the input prompt. (parameter=input_tokens, value=%[1]d)", limit+1), "input_tokens")
	case prompt == limit:
		return badRequest("max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)", "max_tokens")
	case c.MaxTokens > limit:
		return badRequest(fmt.Sprintf("max_tokens=%d cannot be greater than max_model_len=%d. Please request fewer output tokens. (parameter=max_tokens, value=%[1]d)",
			c.MaxTokens, limit), "max_tokens")
	}
	return nil
}

func (s *Server) checkWindowRust(prompt, limit int, what string, sh shape) *apiError {
	switch {
	case prompt >= limit && sh.errors == errorCodeText:
		return badRequest(fmt.Sprintf("this model's maximum context length is %d tokens, but the prompt contains %d input tokens", limit, prompt), "")
	case prompt > limit:
		return badRequest(what+fmt.Sprintf("your prompt contains %d input tokens, which exceeds this limit even without any output tokens. "+
			"Please reduce the length of the input prompt.", prompt), "input_tokens")
	case prompt == limit:
		return badRequest(what+fmt.Sprintf("your prompt fills it with %d input tokens, leaving no room for output tokens.", prompt), "input_tokens")
	}
	return nil
}

// body returns the error in the dialect's form. sep stands after colons and commas (a space in
// vLLM's SSE errors).
func (e *apiError) body(form errorForm, sep string) []byte {
	q := func(s string) string { return string(appendString(nil, s)) }
	param := "null"
	if e.param != "" {
		param = q(e.param)
	}
	code, typ := strconv.Itoa(e.status), e.typ
	switch {
	case e.plain:
		form = errorString
	case form == errorCodeText:
		typ, code = "invalid_request_error", `"invalid_request_error"`
		switch {
		case e.status >= http.StatusInternalServerError:
			typ, code = "server_error", `"server_error"`
		case e.status == http.StatusNotFound:
			code = `"model_not_found"`
		case strings.Contains(e.message, "json_invalid"):
			code = `"json_parse_error"`
		}
	case form == errorCodeNull:
		code = "null"
	}
	var s string
	switch form {
	case errorString:
		s = `{"error":` + q(e.message) + `}`
	case errorTGI:
		typ = "validation"
		if e.status >= http.StatusInternalServerError {
			typ = "generation"
		}
		s = `{"error":` + q(e.message) + `,"error_type":` + q(typ) + `}`
	case errorFlat:
		s = `{"object":"error","message":` + q(e.message) + `,"type":` + q(typ) + `,"param":` + param + `,"code":` + code + `}`
	case errorLlama:
		s = `{"error":{"code":` + code + `,"message":` + q(e.message) + `,"type":` + q(typ)
		if e.ctx[1] > 0 {
			s += fmt.Sprintf(`,"n_prompt_tokens":%d,"n_ctx":%d`, e.ctx[0], e.ctx[1])
		}
		s += `}}`
	default:
		s = `{"error":` + sep + `{"message":` + sep + q(e.message) + `,` + sep + `"type":` + sep + q(typ) + `,` + sep + `"param":` + sep + param +
			`,` + sep + `"code":` + sep + code + `}}`
	}
	return []byte(s)
}

// fail answers with an error.
func (s *Server) fail(w http.ResponseWriter, e *apiError, sh shape) {
	writeBody(w, sh, e.status, "application/json", e.body(sh.errors, ""))
}

// writeBody answers with a whole body.
func writeBody(w http.ResponseWriter, sh shape, status int, contentType string, body []byte) {
	h := w.Header()
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	setServer(h, sh)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone has its context cancelled
}

func setServer(h http.Header, sh shape) {
	if sh.server != "" {
		h.Set("Server", sh.server)
	}
	if sh.server == "uvicorn" {
		h.Set("Vary", "Origin")
	}
}
