package llm

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"llmbot/llm/egress"
)

// Hint returns the next step for the operator. It names the variable to change, if there is one.
func (e *Error) Hint() string { return e.variables.in(e.hint()) }

func (e *Error) hint() string {
	switch e.Kind {
	case KindDown:
		return e.downHint()
	case KindLoading:
		return "The server is loading the model; wait, and look at its log if it takes more than some minutes."
	case KindRestarting:
		return "The server is stopping, restarting, or its engine died; look at its log. llmbot serve goes on by itself when it is back."
	case KindOverloaded:
		return "The server's queue is full (vLLM: --max-num-queued-reqs, --max-num-seqs); lower BOT_MAX_ANSWERS or add a server."
	case KindUnauthorized:
		if e.Status == http.StatusProxyAuthRequired {
			return proxyWantsUser
		}
		return "Set LLM_API_KEY to the key that the server was started with (vLLM: --api-key); Ollama also refuses foreign host names."
	case KindNoModel:
		if names := aliases(e.Message); names != "" {
			return "Set LLM_MODEL to a served model (" + names + "), or leave it empty for the first one."
		}
		return "Set LLM_MODEL to a name that /v1/models lists, or leave it empty for the first one."
	case KindContext:
		return "The prompt is longer than the model's window: start vLLM with a larger --max-model-len (llama.cpp: -c), or shorten LLM_SYSTEM_PROMPT."
	case KindBadRequest:
		return e.requestHint()
	case KindCut:
		return "The connection broke off in mid-answer: the server was restarted or a proxy in between timed out; check both logs and LLM_BASE_URL."
	case KindSilent:
		if errors.Is(e.Err, errNoFirstToken) {
			return "No token came in time: the server is overloaded or stuck. LLM_FIRST_TOKEN_TIMEOUT is the limit."
		}
		return "The tokens stopped coming: the server is overloaded or stuck. LLM_IDLE_TIMEOUT is the limit."
	case KindAborted:
		return "The server gave the request up, as vLLM does when it is stopped; start it with --shutdown-timeout to let answers finish."
	case KindEmpty:
		if e.length {
			return "Raise LLM_MAX_TOKENS (or the server's window), or lower LLM_REASONING_EFFORT."
		}
		return "The model ended without text: check its chat template, and whether the prompt fits (Ollama and LM Studio cut it without saying so)."
	case KindNoTools:
		return e.toolsHint()
	case KindLostCall:
		return lostCallHint
	case KindTool:
		if e.endless || e.offered {
			return unreadCallHint
		}
		return "The model calls tools although none are offered: check the server's chat template and tool parser, or tell it so in LLM_SYSTEM_PROMPT."
	case KindFiltered:
		return "A filter of the server, or of a gateway before it, ended the answer: look at its settings and its log."
	case KindLoop:
		return `Repetitions can be made less likely with LLM_EXTRA_BODY, such as {"repetition_penalty": 1.05}.`
	case KindEnded:
		return "The server ended the answer with a finish reason that is in no protocol: look at its log."
	default:
		return e.serverHint()
	}
}

func (e *Error) downHint() string {
	kind := DownKind(e.Err)
	if status, ok := strings.CutPrefix(kind, downProxy); ok {
		n, _ := strconv.Atoi(status) // 0: a status of which nothing is known
		return proxyError(n).hint()
	}
	switch kind {
	case downNoProxy:
		return "The proxy in LLM_PROXY does not answer: correct it, or leave it empty if the model server can be reached directly."
	case downSOCKS:
		return "The proxy in LLM_PROXY cannot reach the model server: check LLM_BASE_URL, and user and password in LLM_PROXY."
	case downName:
		return "The host name in LLM_BASE_URL is not known here. " + direct
	case downAuthority:
		return "The certificate behind LLM_BASE_URL is not trusted here: name its authority in LLM_CA_FILE, or use http:// if the server has no TLS."
	case downHost:
		return "The certificate behind LLM_BASE_URL is for another host name."
	case downPlain:
		return "The server behind LLM_BASE_URL speaks http, and not https: write http:// in place of https:// there."
	case downTLS:
		return wantsTLSHint
	}
	if e.Status != 0 {
		return "A proxy or router answers for LLM_BASE_URL, but the model server behind it does not; start it, or look at its log."
	}
	hint := "Start the model server, or set LLM_BASE_URL to where it listens (usually http://HOST:8000/v1; vLLM refuses connections while it loads). " + direct
	if kind == downClosed { // as uvicorn does with http at a port for https
		hint += " It closed the connection: if it speaks https, LLM_BASE_URL must begin with https://."
	}
	return hint
}

// NotUp reports whether nothing is known but that the server is not there: it may not have come up.
func (e *Error) NotUp() bool {
	return e.Kind == KindDown && (DownKind(e.Err) == "" || DownKind(e.Err) == downClosed)
}

const wantsTLSHint = "The server behind LLM_BASE_URL speaks https, and not http: write https:// in place of http:// there."

// wantsTLS reports whether a server refuses http at a port for https, in the words of Go (Caddy,
// Traefik), nginx and Apache.
func wantsTLS(low string) bool {
	return contains(low, "client sent an http request to an https server", "plain http request was sent to https port", "speaking plain http to an ssl-enabled server port")
}

// direct is what a person may not expect who is used to programs that follow HTTPS_PROXY.
const direct = "No proxy is used for it but LLM_PROXY."

// proxyError is the status with which a proxy refused to connect to a server.
type proxyError int

// Error returns a text for the log.
func (r proxyError) Error() string {
	return fmt.Sprintf("the proxy of LLM_PROXY refused to connect (HTTP %d)", int(r))
}

func (r proxyError) hint() string {
	switch r {
	case http.StatusProxyAuthRequired:
		return proxyWantsUser
	case http.StatusForbidden:
		return "The proxy in LLM_PROXY does not allow connections to the address in LLM_BASE_URL: its rules must allow that host and port."
	}
	return "The proxy in LLM_PROXY cannot reach the model server: check LLM_BASE_URL, and whether the server is up."
}

const proxyWantsUser = "The proxy wants to know who asks: LLM_PROXY=http://USER:PASSWORD@HOST:PORT."

func (e *Error) requestHint() string {
	switch low := lower(e.Message); {
	case contains(low, "reasoning_effort", "harmony does not support", "not supported by harmony"):
		return "Change LLM_REASONING_EFFORT (gpt-oss takes low, medium, high), or leave it empty."
	case contains(low, "temperature"):
		return "Change LLM_TEMPERATURE (0 to 2), or leave it empty."
	case contains(low, "max_tokens", "max_completion_tokens"):
		return "Lower LLM_MAX_TOKENS, or leave it empty."
	case mostImages.MatchString(low):
		return "The server limits the images of a request: start vLLM with --limit-mm-per-prompt '{\"image\": 4}' for more."
	case contains(low, "multimodal", "image", "content part"):
		return "The model reads no images."
	case contains(low, "system role", "roles must alternate"):
		return "The model's chat template refuses this order of roles; set LLM_SYSTEM_PROMPT to nothing, or serve it with another --chat-template."
	case contains(low, "continue_final_message"):
		return "Set LLM_RESUME=restart: this server cannot continue an answer."
	default:
		return "The server refuses the request; check LLM_EXTRA_BODY and the server's log."
	}
}

func (e *Error) serverHint() string {
	if to, ok := errors.AsType[*egress.RedirectError](e.Err); ok {
		return to.Hint()
	}
	switch {
	case wantsTLS(lower(e.Message)):
		return wantsTLSHint
	case e.Op == opTranscribe && (e.notServer || e.Status == http.StatusNotFound || e.Status == http.StatusMethodNotAllowed):
		return "Nothing writes recordings down at this address: check LLM_BASE_URL. It usually ends in /v1; the server must have /audio/transcriptions, as vLLM has that serves Whisper."
	case e.notServer:
		return "LLM_BASE_URL leads to a web page, not to a model server; it usually ends in /v1."
	case e.Status == 404, e.Status == 405:
		return "There is no chat at this address: check LLM_BASE_URL (it usually ends in /v1; KServe: /openai/v1)."
	case contains(lower(e.Message), "mmproj", "image input"):
		return "The model reads no images."
	default:
		return "Look at the model server's log."
	}
}

var validAliases = regexp.MustCompile(`Valid aliases: ([^\n]*?)\.?$`)

// aliases returns the served names that vLLM lists in its refusal.
func aliases(message string) string {
	if m := validAliases.FindStringSubmatch(message); m != nil {
		return m[1]
	}
	return ""
}
