package llm

import "strings"

// thinkMark is how models write thoughts into the content when the server does not split them off.
type thinkMark struct {
	begin, end string // begin is empty where only the template begins the thoughts
	// special: the marks are tokens of their own in the model's vocabulary, in a form that nobody
	// writes in prose. Others begin thoughts only at the start of a line.
	special bool
	first   bool // words of the language: they count at the start of an answer only
	// word: documents have elements of that name. They begin thoughts at the start of an answer, and
	// later if they did so there.
	word bool
	// late: the end is an end mark only behind the begin mark. Elsewhere it is another token, or text.
	late bool
}

// thinkMarks yields all marks that are known to be in use. The sources are the reasoning parsers of
// vLLM (vllm/reasoning) and SGLang (Reasoning Parser page), unless another one is named. Yielded
// one by one, the table lies once on the stack, and not as a copy in each caller.
func thinkMarks(yield func(thinkMark) bool) {
	for _, m := range []thinkMark{
		{begin: "<think>", end: "</think>"},                                                                    // Qwen, DeepSeek, GLM, MiniMax M2, Nemotron, Olmo 3, Step, Ernie …
		{begin: "<thinking>", end: "</thinking>"},                                                              // fine-tunes; Open WebUI's list
		{begin: "<Think>", end: "</Think>", word: true},                                                        // fine-tunes; OpenClaw takes it in any case
		{begin: "<Thinking>", end: "</Thinking>", word: true},                                                  // fine-tunes; OpenClaw takes it in any case
		{begin: "<THINK>", end: "</THINK>"},                                                                    // fine-tunes; OpenClaw takes it in any case
		{begin: "<antThinking>", end: "</antThinking>"},                                                        // fine-tunes on Claude's answers; OpenClaw's list
		{begin: "<antthinking>", end: "</antthinking>"},                                                        // OpenClaw's list
		{begin: "<thought>", end: "</thought>", word: true},                                                    // fine-tunes; Open WebUI's list
		{begin: "<Thought>", end: "</Thought>", word: true},                                                    // fine-tunes; Open WebUI's list
		{begin: "<reason>", end: "</reason>", word: true},                                                      // fine-tunes; Open WebUI's list
		{begin: "<reasoning>", end: "</reasoning>", word: true},                                                // fine-tunes; Open WebUI's list
		{begin: "<seed:think>", end: "</seed:think>", special: true},                                           // Seed-OSS
		{begin: "<mm:think>", end: "</mm:think>", special: true},                                               // MiniMax M3
		{begin: "<longcat_think>", end: "</longcat_think>", special: true},                                     // LongCat
		{begin: "<think:opensource>", end: "</think:opensource>", special: true},                               // Hunyuan
		{begin: "<ifm|think>", end: "</ifm|think>", special: true},                                             // K2 Horizon
		{begin: "<ifm|think_fast>", end: "</ifm|think_fast>", special: true},                                   // K2 Horizon
		{begin: "<ifm|think_faster>", end: "</ifm|think_faster>", special: true},                               // K2 Horizon
		{begin: "<details type=\"reasoning\"", end: "</details>", late: true},                                  // Open WebUI as a server (open-webui #24635)
		{begin: "<|content_thinking|>", end: "<|end_message|>", special: true, late: true},                     // Inkling
		{begin: "<|plamo:begin_think:plamo|>", end: "<|plamo:end_think:plamo|>", special: true},                // PLaMo 3
		{begin: "to=self<|message|>", end: "<|eom|>", special: true, late: true},                               // Muse Glimmer
		{begin: "<|start|>assistant to=self<|message|>", end: "<|eom|>", special: true, late: true},            // Muse Glimmer
		{begin: "<|think|>", end: "<|end|>", special: true, late: true},                                        // Solar Open
		{begin: "[THINK]", end: "[/THINK]"},                                                                    // Magistral
		{begin: "[unused16]", end: "[unused17]", special: true},                                                // Pangu
		{begin: "◁think▷", end: "◁/think▷", special: true},                                                     // Kimi
		{begin: "<|open|>think<|sep|>", end: "<|close|>think<|sep|>", special: true},                           // Kimi K3
		{begin: "<unused94>thought", end: "<unused95>", special: true},                                         // MedGemma
		{begin: "<|channel>thought", end: "<channel|>", special: true},                                         // Gemma 4
		{begin: "<|START_THINKING|>", end: "<|END_THINKING|>", special: true},                                  // Command A
		{begin: "<|inner_prefix|>", end: "<|inner_suffix|>", special: true},                                    // Apertus
		{begin: "<|begin_of_thought|>", end: "<|end_of_thought|>", special: true},                              // OpenThinker, Sky-T1
		{begin: "Here is my thought process:", end: "Here is my response:", first: true},                       // Granite 3.2
		{begin: "Here's my thought process:", end: "Here's my response:", first: true},                         // Granite 3.2, quantized
		{end: "[BEGIN FINAL RESPONSE]", word: true},                                                            // Apriel, whose template begins them
		{begin: "<|channel|>analysis<|message|>", end: "<|end|>", special: true, late: true},                   // gpt-oss (Harmony)
		{begin: "<|channel|>thought<|message|>", end: "<|end|>", special: true, late: true},                    // its imitators
		{begin: "<|start|>assistant<|channel|>analysis<|message|>", end: "<|end|>", special: true, late: true}, // gpt-oss, with the turn's head
	} {
		if !yield(m) {
			return
		}
	}
}

// tokenKind is what a structural token means for what follows it.
type tokenKind uint8

const (
	tokenNone    tokenKind = iota
	tokenDrop              // nothing: it is left out
	tokenTurnEnd           // a turn or a message ends: so does a call
	tokenOther             // the turn of somebody else follows
	tokenHead              // a role, and the end of a line or another token, follow
	tokenChannel           // Harmony: the name of a channel follows, up to <|message|>
	tokenCall              // the call of a tool follows
	tokenAtEnd             // it is left out at the end of an answer only: elsewhere it may be meant
	tokenThink             // thoughts begin
	tokenThought           // thoughts end
)

// token is a structural token at the start of a text.
type token struct {
	kind tokenKind
	n    int       // its bytes
	ends string    // tokenCall: the name whose end ends it
	name string    // its name, in small letters, with _ and |
	mark thinkMark // tokenThink, tokenThought
	sure bool      // nobody writes it in prose
	head bool      // it counts only where a message may begin: F# writes arrays so
}

// longestToken is after how many bytes what may be a structural token is taken for text. The
// longest that is known has 40 characters, and DeepSeek's have three bytes for some of them.
const longestToken = 160

// namedToken returns the token of a name in the form <|name|>, <｜name｜> or <|name>. Every other
// name in the first two forms that has a word is left out, too: models have hundreds of them
// (fim_prefix, vision_start, reserved_token_7 …), and nobody writes them in prose. Sources: the
// chat templates and tokenizer configurations of the models, and vLLM's tool parsers.
func namedToken(name string) (tok token, known bool) {
	call := func(ends string) (token, bool) { return token{kind: tokenCall, ends: ends}, true }
	switch name {
	case "im_end", "end", "return", "call", "eot_id", "eom_id", "eot", "eom", "end_of_sentence", "endoftext", "end_of_text", "end_of_turn",
		"end_of_turn_token", "eos", "end_message", "content_model_end_sampling",
		"assistant":
		return token{kind: tokenTurnEnd}, true
	case "user", "system", "observation": // Zephyr, Phi, GLM
		return token{kind: tokenOther}, true
	case "im_start", "start", "begin", "start_header_id", "header_start", "start_of_role", "role", "turn",
		"im_assistant", "im_user", "im_system", "bot": // Kimi; Step
		return token{kind: tokenHead}, true
	case "channel":
		return token{kind: tokenChannel}, true
	case "tool_call", "tool_calls", "tool_response": // Granite, Phi-4
		return call("/" + name)
	case "tool_calls_section_begin": // Kimi K2
		return call("tool_calls_section_end")
	case "tool_call_begin", "tool_call_start": // Kimi K2, DeepSeek; LFM2
		return call("tool_call_end")
	case "tool_calls_begin": // DeepSeek V3
		return call("tool_calls_end")
	case "tool_outputs_begin": // DeepSeek V3
		return call("tool_outputs_end")
	case "function_call", "function_calls": // GigaChat
		return call("/" + name)
	case "open tools": // Kimi K3
		return call("close tools")
	case "content_invoke_tool_json", "content_invoke_tool_text": // Inkling
		return call("end_message")
	case "plamo:begin_tool_requests:plamo", "plamo:begin_tool_request:plamo": // PLaMo 3
		return call(strings.Replace(name, "begin", "end", 1))
	case "python_start": // Llama 4
		return call("python_end")
	case "tools_prefix": // Apertus
		return call("tools_suffix")
	case "python_tag": // Llama 3
		return call("eom_id")
	case "action_start": // InternLM
		return call("action_end")
	case "start_action": // Command A
		return call("end_action")
	case "dsml|function_calls", "dsml|tool_calls", "dsml|calls": // DeepSeek V3.2, V4, V4.1
		return call("/" + name)
	}
	return token{}, false
}

// asymmetric are the names in Gemma's form, <|name> … <name|>.
const asymmetric = " channel turn tool tool_call tool_response think image audio "

// tokenAt returns the structural token at the start of s, which is not empty. more: s may become
// one. last: nothing follows s.
func tokenAt(s string, last bool) (tok token, more bool) {
	if tok, more = anyTokenAt(s, last); last {
		return tok, false
	}
	return tok, more
}

func anyTokenAt(s string, last bool) (tok token, more bool) {
	if s[0] != ']' {
		tok, more = markAt(s)
	}
	if tok.kind != tokenNone || more && !last && len(s) < longestToken {
		return tok, more
	}
	switch {
	case s[0] == '[', s[0] == ']':
		tok, short := bracketAt(s)
		return tok, more || short
	case s[0] != '<':
		return token{}, more
	case len(s) == 1:
		return token{}, true
	}
	if bar, short := barAt(s[1:]); bar > 0 || short {
		return barToken(s, bar, short)
	}
	return tagAt(s)
}

// markAt returns the mark of thoughts at the start of s.
func markAt(s string) (tok token, more bool) {
	for m := range thinkMarks {
		if m.first {
			continue
		}
		switch {
		case strings.HasPrefix(s, m.begin) && len(m.begin) > tok.n:
			tok = token{kind: tokenThink, n: len(m.begin), mark: m}
		case strings.HasPrefix(s, m.end) && len(m.end) > tok.n && !m.late:
			tok = token{kind: tokenThought, n: len(m.end), mark: m}
		case len(s) < len(m.begin) && strings.HasPrefix(m.begin, s), len(s) < len(m.end) && strings.HasPrefix(m.end, s):
			more = true
		}
	}
	if tok.kind != tokenNone {
		more = false
	}
	return tok, more
}

const wideBar = "｜" // DeepSeek writes its tokens with it

// barAt returns how many bytes the bar at the start of s has; 0: there is none. short: s is the
// beginning of one.
func barAt(s string) (n int, short bool) {
	switch {
	case s == "":
		return 0, false
	case s[0] == '|':
		return 1, false
	case strings.HasPrefix(s, wideBar):
		return len(wideBar), false
	}
	return 0, strings.HasPrefix(wideBar, s)
}

// barToken reads <|name|>, <｜name｜>, <|name> (Gemma), and DeepSeek's <｜DSML｜name …>.
func barToken(s string, bar int, short bool) (tok token, more bool) {
	const longestName = 60
	if short {
		return token{}, true
	}
	at := 1 + bar
	for {
		if at >= len(s) {
			return token{}, len(s) < longestToken
		}
		if n, short := barAt(s[at:]); n > 0 || short {
			if short {
				return token{}, true
			}
			name := tokenName(s[1+bar : at])
			switch {
			case at+n >= len(s):
				return token{}, name != ""
			case s[at+n] == '>' && (name == "open" || name == "close"): // Kimi K3: <|open|>response<|sep|>
				return sepToken(s, name, at+n+1)
			case s[at+n] == '>':
				if tok := byName(name, at+n+1); tok.kind != tokenDrop || likeToken(name) {
					return tok, false
				}
			case name == "dsml":
				end := strings.IndexByte(s, '>')
				if end < 0 {
					return token{}, len(s) < longestToken
				}
				first, _, _ := strings.Cut(strings.TrimLeft(tokenName(s[at+n:end]), " "), " ")
				return byName("dsml|"+first, end+1), false
			}
			return token{}, false
		}
		switch c := s[at]; {
		case c == '>':
			name := tokenName(s[1+bar : at])
			if !strings.Contains(asymmetric, " "+name+" ") {
				return token{}, false
			}
			tok = byName(name, at+1)
			if tok.kind == tokenCall {
				tok.ends = name + "|" // <|tool_call> … <tool_call|>
			}
			return tok, false
		case (nameByte(c) || c == ':') && at < 1+bar+longestName:
			at++
		default:
			return token{}, false
		}
	}
}

// sepToken reads what Kimi K3 opens or closes, from behind the token that says so.
func sepToken(s, name string, at int) (tok token, more bool) {
	const sep = "<|sep|>"
	end := strings.Index(s[at:], sep)
	if end < 0 || at+end > longestToken {
		return byName(name, at), end < 0 && len(s) < longestToken && !strings.Contains(s[at:], "\n")
	}
	what, _, _ := strings.Cut(strings.TrimSpace(s[at:at+end]), " ")
	return byName(name+" "+what, at+end+len(sep)), false
}

// likeToken reports whether a name is one that models give their tokens: it has a word, or parts
// that are words or numbers (im_sep), or it is a time (0.00). Others are emoticons, or mean
// something: <|o_o|>, <|x|>.
func likeToken(name string) bool {
	const word, part = 4, 2
	if strings.Contains(" bom bos cls eod eom eop eos eot end img msg pad sep sop sys unk vad ", " "+name+" ") {
		return true
	}
	n, least := 0, len(name)
	for p := range strings.FieldsFuncSeq(name, func(r rune) bool { return strings.ContainsRune("_-./|:", r) }) {
		n++
		if least = min(least, len(p)); len(p) >= word && letter(p[0]) {
			return true
		}
	}
	return n > 1 && least >= part || strings.Contains(name, ".") && strings.Trim(name, "0123456789.") == ""
}

// byName returns the token of a name that has been read to its end.
func byName(name string, n int) token {
	tok, known := namedToken(name)
	if !known {
		tok.kind = tokenDrop
	}
	tok.n, tok.name, tok.sure = n, name, true
	return tok
}

// nameByte reports whether c may stand in the name of a token; DeepSeek writes ▁ (three bytes) for
// the space.
func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' || c == '/' ||
		c == 0xE2 || c == 0x96 || c == 0x81
}

func tokenName(s string) string { return strings.ToLower(strings.ReplaceAll(s, "▁", "_")) }

// cutToken reports whether the end of an answer is the beginning of a structural token.
func cutToken(s string, whole bool) bool {
	const enough = 5
	if len(s) > longestToken || strings.ContainsAny(s, " \t\r\n") {
		return false
	}
	if n, _ := barAt(s[1:]); s[0] == '<' && n > 0 {
		return len(s) > 1+n && (nameByte(s[1+n]) || s[1+n] == '|')
	}
	_, more := tokenAt(s, false)
	return more && !whole && len(s) >= enough
}
