package llm

import (
	"net/http"
	"regexp"
)

// refusesTools reports whether the server refused a request because of its tools. It says so in
// many ways, of which these are known:
//
//   - vLLM, 400: "auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be
//     set; tool_choice="required" requires --tool-call-parser to be set; and what it says of a list
//     that it cannot read, with the place: body.tools.0.function.name
//   - Ollama, 400: registry.ollama.ai/library/gemma3:4b does not support tools
//   - llama.cpp, 500: tools param requires --jinja flag
//   - SGLang before 0.5.3, 500: Internal server error: Unsupported tool_call_parser: None
//   - gateways: No endpoints found that support tool use; UnsupportedParamsError … ['tools']
//
// A chat template that has no place for results of tools refuses them as an order of roles. A
// request that was too long, or that came at a bad time, has another kind by then.
func (e *Error) refusesTools(req *Request) bool {
	if e.Status != 0 && e.Status < http.StatusBadRequest || e.Kind != KindBadRequest && e.Kind != KindServer || !req.usesTools() {
		return false
	}
	return mentionsTools.MatchString(e.Message) || refusesRoles.MatchString(e.Message) && req.sendsResults()
}

// sendsResults reports whether results of tools are sent back.
func (r *Request) sendsResults() bool {
	for i := range r.Messages {
		if r.Messages[i].Role == RoleTool {
			return true
		}
	}
	return false
}

var (
	mentionsTools = regexp.MustCompile(`(?i)\btool[ _-]?(?:s\b|use\b|calls?\b|calling\b|choice\b|call[_-]parser)|--jinja|\bfunction[ _-]?call(?:s|ing)?\b`)
	refusesRoles  = regexp.MustCompile(`(?i)roles? must alternate|(?:unknown|unexpected|unsupported|invalid|only) [^.]{0,20}\brole|\brole[^.]{0,40}(?:unknown|not supported|unsupported|invalid)`)
)

// toolsHint says what lets a server take tools.
func (e *Error) toolsHint() string {
	switch low := lower(e.Message); {
	case contains(low, "--enable-auto-tool-choice", "--tool-call-parser"):
		return "Start vLLM with --enable-auto-tool-choice and --tool-call-parser for the model (hermes, qwen3_xml, llama3_json, mistral; gpt-oss: openai)."
	case contains(low, "jinja"):
		return "Start llama-server with --jinja."
	case contains(low, "does not support tools"):
		return "The model's template in Ollama has no tools: take a model that ollama.com lists with the tag tools."
	case contains(low, "tool_call_parser"):
		return "Start SGLang with --tool-call-parser for the model (qwen25, llama3, mistral, deepseekv3, gpt-oss)."
	default:
		return "Start the server so that it takes tools (vLLM: --enable-auto-tool-choice --tool-call-parser NAME; SGLang: --tool-call-parser NAME; " +
			"llama.cpp: --jinja), or take a model whose chat template knows tools; or leave BOT_TOOLS_FILE empty."
	}
}

// lostCallHint says what is known to lose calls.
const lostCallHint = "The server lost the call of a tool: its --tool-call-parser may be of another model, or it is a bug of this version " +
	"(vLLM: --stream-interval 1, and no speculative decoding); look at its log."

// unreadCallHint says why a call stays in the text.
const unreadCallHint = "The server left the call of a tool in the text, in a form that cannot be read: start it with the --tool-call-parser of the model " +
	"(vLLM: with --enable-auto-tool-choice, too; llama.cpp: --jinja)."
