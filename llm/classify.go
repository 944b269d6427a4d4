package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"llmbot/llm/egress"
)

// maxMessage is how many bytes of the server's own words are kept. vLLM sends validation errors of
// 1.8 kB.
const maxMessage = 300

// apiError is an error object of any dialect.
type apiError struct {
	message, kind, code, param string
	prompt, limit              int // llama.cpp says the numbers in fields
}

// parseError reads an error body: an object or a string under "error", vLLM's flat form of before
// 0.10.1, or FastAPI's "detail". It reports false when it finds none.
func parseError(body []byte) (apiError, bool) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(body, &m); err != nil || m == nil {
		return apiError{}, false
	}
	if raw, ok := m["error"]; ok && !isNull(raw) {
		var s string
		if json.Unmarshal(raw, &s) == nil {
			return apiError{message: s, kind: loose(m["error_type"]), code: loose(m["code"])}, true
		}
		var in map[string]json.RawMessage
		if json.Unmarshal(raw, &in) != nil || in == nil {
			return apiError{message: loose(raw)}, true
		}
		if deeper, ok := in["error"]; ok && !isNull(deeper) {
			if e, ok := parseError(raw); ok {
				return e, true
			}
		}
		return errorFields(in), true
	}
	if raw, ok := m["detail"]; ok {
		e := errorFields(m)
		e.message = loose(raw)
		return e, true
	}
	if _, ok := m["message"]; ok && m["choices"] == nil {
		return errorFields(m), true
	}
	return apiError{}, false
}

func errorFields(m map[string]json.RawMessage) apiError {
	return apiError{
		message: loose(m["message"]), kind: loose(m["type"]), code: loose(m["code"]), param: loose(m["param"]),
		prompt: looseInt(m["n_prompt_tokens"]), limit: looseInt(m["n_ctx"]),
	}
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(bytes.TrimSpace(raw)) == "null" }

// loose reads a string, or the bytes of whatever else is there.
func loose(raw json.RawMessage) string {
	if isNull(raw) {
		return ""
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

func looseInt(raw json.RawMessage) int {
	n, err := strconv.Atoi(loose(raw))
	if err != nil {
		return 0
	}
	return n
}

// status returns the HTTP status that an error inside a stream stands for. String codes are those
// of vLLM's Rust front end.
func (e apiError) status() int {
	if n, err := strconv.Atoi(e.code); err == nil && n >= 400 && n < 600 {
		return n
	}
	switch {
	case e.code == "model_not_found":
		return http.StatusNotFound
	case e.code == "invalid_request_error", e.code == "json_parse_error", e.code == "context_length_exceeded",
		e.kind == "invalid_request_error", e.kind == "BadRequestError", e.kind == "validation", e.kind == "exceed_context_size_error":
		return http.StatusBadRequest
	case e.kind == "authentication_error":
		return http.StatusUnauthorized
	case e.kind == "unavailable_error", e.kind == "overloaded_error":
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// classify turns an HTTP answer that is not a success into an error with a kind.
func classify(op string, status int, body []byte) *Error {
	api, ok := parseError(body)
	if !ok {
		api.message = string(body)
	}
	return api.error(op, status)
}

func (e apiError) error(op string, status int) *Error {
	out := &Error{Op: op, Status: status, Message: snippet(e.message)}
	low := strings.ToLower(e.message)
	out.notServer = e.kind == typeNoStream
	out.Kind = kindOf(op, status, low, e)
	if out.Kind == KindContext {
		out.Limit, out.Prompt = contextNumbers(low, e)
		out.AtLeast = out.Prompt > 0 && strings.Contains(low, "prompt contains at least")
	}
	return out
}

func kindOf(op string, status int, low string, e apiError) Kind {
	switch {
	case e.kind == typeNoStream, status == http.StatusBadRequest && wantsTLS(low):
		return KindServer
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusProxyAuthRequired:
		return KindUnauthorized
	case status == http.StatusNotFound && (e.param == "model" || e.code == "model_not_found" || e.kind == "NotFoundError" || noModel(low)):
		return KindNoModel
	case status == http.StatusTooManyRequests:
		return KindOverloaded
	case status == http.StatusServiceUnavailable:
		return unavailable(op, low)
	case status == http.StatusBadGateway, status == http.StatusGatewayTimeout,
		status >= 520 && status <= 530: // Cloudflare
		return KindDown
	case isContext(low, e):
		return KindContext
	case status >= 500:
		switch {
		case contains(low, "after shutdown", "shutting down", "enginecore", "enginedead", "engine dead", "engine core",
			// vLLM 0.33 says this when its engine died, and nothing more.
			"the server had an error while processing your request"):
			return KindRestarting
		case contains(low, "loading model", "model is loading"):
			return KindLoading
		}
		return KindServer
	case noModel(low) && (status == http.StatusBadRequest || e.param == "model"):
		return KindNoModel
	case status == http.StatusBadRequest, status == http.StatusRequestEntityTooLarge, status == http.StatusUnprocessableEntity,
		status == http.StatusUnsupportedMediaType:
		return KindBadRequest
	default:
		return KindServer
	}
}

func unavailable(op, low string) Kind {
	switch {
	case contains(low, "loading", "scaling", "warming", "starting", "initializ", "not ready"):
		return KindLoading
	case contains(low, "busy", "queue", "backlog", "overload", "capacity", "too many", "please retry", "slots"):
		return KindOverloaded
	case contains(low, "shutdown", "shutting down", "draining", "enginecore", "engine"), op == "health":
		return KindRestarting
	default:
		return KindDown
	}
}

func noModel(low string) bool {
	return strings.Contains(low, "model") && contains(low, "does not exist", "not found", "no such model", "not served", "unknown model")
}

// isContext knows every text of facts/vllm.md §1.3, and SGLang's, TGI's and LM Studio's.
func isContext(low string, e apiError) bool {
	if e.kind == "exceed_context_size_error" || e.code == "context_length_exceeded" {
		return true
	}
	return contains(low, "maximum context length", "exceeds the available context size", "context size has been exceeded",
		"longer than the maximum model length", "model's context length", "the context length", "context window",
		// A prompt of exactly the window leaves no room: this is an overflow in disguise. We never send 0
		// ourselves.
		"max_tokens must be at least 1, got", "max_completion_tokens must be at least 1, got",
		"`inputs` tokens + `max_new_tokens` must be")
}

func contains(s string, any ...string) bool {
	for _, a := range any {
		if strings.Contains(s, a) {
			return true
		}
	}
	return false
}

var (
	limitNumber = regexp.MustCompile(`(?:context length (?:is|of|\() ?|context length \(|context size \(|maximum model length of |` +
		`\x60max_new_tokens\x60 must be <= )(\d+)`)
	promptNumber = regexp.MustCompile(`(?:prompt contains (?:at least )?(\d+) input tokens|fills it with (\d+) input tokens|` +
		`input length \((\d+)\)|prompt \(length (\d+)\)|request \((\d+) tokens\)|the input \((\d+) tokens\)|` +
		`given: (\d+) \x60inputs\x60|you requested (\d+) tokens in the messages|(\d+) tokens from the input messages|` +
		`(\d+) in the messages)`)
)

// contextNumbers returns the window and the prompt's length; what the server did not say is 0.
func contextNumbers(low string, e apiError) (limit, prompt int) {
	limit, prompt = firstNumber(limitNumber, low), firstNumber(promptNumber, low)
	if e.limit > 0 {
		limit = e.limit
	}
	if e.prompt > 0 {
		prompt = e.prompt
	}
	return limit, prompt
}

func firstNumber(re *regexp.Regexp, s string) int {
	m := re.FindStringSubmatch(s)
	for _, g := range m[min(1, len(m)):] {
		if n, err := strconv.Atoi(g); err == nil {
			return n
		}
	}
	return 0
}

var tags = regexp.MustCompile(`(?s)<(?:style|script)\b.*?</(?:style|script)>|<[^>]*>`)

// snippet returns the server's text on one line, without HTML, cut on a rune.
func snippet(s string) string {
	s = s[:min(len(s), 8*maxMessage)]
	if strings.HasPrefix(strings.TrimSpace(s), "<") {
		s = tags.ReplaceAllString(s, " ")
	}
	s = Printable(s, len(s))
	if len(s) <= maxMessage {
		return s
	}
	s = s[:maxMessage]
	for len(s) > 0 && !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}

// transportError returns a failure on the way, before a status came. The context's own end passes
// through: it is not ours to interpret.
func transportError(ctx context.Context, op string, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ctxError(ctx)
	}
	if e := redirected(op, err); e != nil {
		return e
	}
	return &Error{Kind: KindDown, Op: op, Err: egress.WithoutAddress(err)}
}

// redirected returns err as an Error if it is a redirect; nil: it is none. We follow no redirect:
// neither the conversation nor the key goes anywhere else. It does not count as an outage: waiting
// would not help.
func redirected(op string, err error) *Error {
	if e, ok := errors.AsType[*egress.RedirectError](err); ok {
		return &Error{Kind: KindServer, Op: op, Status: e.Status, Err: e}
	}
	return nil
}

// ctxError returns the context's error, with its cause when there is one.
func ctxError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || errors.Is(err, cause) {
		return err
	}
	return errors.Join(err, cause)
}
