package llm

import "strings"

// Names of tokens in the form of a tag, in small letters. A call ends with the closing tag. The
// others are left out by themselves.
const (
	tagCalls = " tool_call tool_calls toolcall tool_response " + // Qwen, GLM, Nemotron
		"function_call function_calls invoke function " + // Qwen3-Coder, fine-tunes
		"minimax:tool_call longcat_tool_call seed:tool_call atem:function_calls atem:invoke " +
		"dots_function_call ifm|tool_calls ifm|tool_call parameter " + // DOTS, K2 Horizon; Qwen3-Coder that forgets <function=
		claude + ":function_calls " + claude + ":invoke " + // fine-tunes on Claude's answers
		xaiCall + " " + // Grok, and fine-tunes on its answers (opencode #2288)
		startCall + " "
	startCall = "start_function_call" // FunctionGemma; end_function_call ends it
	claude    = "antml"
	xaiCall   = "xai:function_call"
	tagTurns  = " start_of_turn end_of_turn " // Gemma
	tagsLast  = tagsFirst +                   // only the last thing of an answer
		"eop eos unk eod endoftext " + // GLM, and those of many
		"eoa eoh reserved_106 reserved_107 " + // InternLM, Baichuan 2
		"seed:eos seed:pad eos_token pad_token unk_token " + // Seed-OSS; Cohere
		"end_of_utterance " // Idefics3, SmolVLM
	tagsFirst = " sop bos pad seed:bos bos_token longcat_s " // and the first one; </longcat_s> is LongCat's end
	tagsSys   = " <sys> </sys> "                             // Llama 2
	unused    = "unused"                                     // Gemma's, with a number
	special   = "special_"                                   // Nemotron's, with a number: <SPECIAL_12> ends an answer
)

func tagKind(name string) tokenKind {
	if base, _, ok := strings.Cut(name, ":"); ok && (base == "tool_call" || base == "tool_calls") { // Hunyuan, with a suffix of its own
		name = base
	}
	switch in := " " + name + " "; {
	case strings.Contains(tagCalls, in):
		return tokenCall
	case name == "start_of_turn":
		return tokenHead
	case name == "end_of_turn":
		return tokenTurnEnd
	case strings.Contains(tagsLast, in), numbered(name, special) && len(name) > len(special):
		return tokenAtEnd
	case strings.Contains(tagsSys, in), name == "end_function_call", numbered(name, unused) && len(name) > len(unused):
		return tokenDrop
	}
	return tokenNone
}

// numbered reports whether a name is that of a token of which a vocabulary has many, by their numbers,
// or its beginning.
func numbered(name, kind string) bool {
	return strings.HasPrefix(name, kind) && strings.Trim(name[len(kind):], "0123456789") == ""
}

// bracketAt returns the tokens in brackets: Mistral's, MiniMax's, GLM's masks, and those of others.
func bracketAt(s string) (tok token, more bool) {
	for _, b := range [...]struct {
		text string
		tok  token
	}{
		{"[TOOL_CALLS]", token{kind: tokenCall}},
		{"[TOOL_RESULTS]", token{kind: tokenCall, ends: "[/TOOL_RESULTS]"}},
		{"[/TOOL_RESULTS]", token{kind: tokenDrop}},
		{"[AVAILABLE_TOOLS]", token{kind: tokenCall, ends: "[/AVAILABLE_TOOLS]"}},
		{"[/AVAILABLE_TOOLS]", token{kind: tokenDrop}},
		{"[SYSTEM_PROMPT]", token{kind: tokenDrop}},
		{"[/SYSTEM_PROMPT]", token{kind: tokenDrop}},
		{"[TOOL_REQUEST]", token{kind: tokenCall, ends: "[END_TOOL_REQUEST]"}}, // LM Studio's own
		{"[END_TOOL_REQUEST]", token{kind: tokenDrop}},
		{"[unused11]", token{kind: tokenCall, ends: "[unused12]"}}, // Pangu
		{"[unused12]", token{kind: tokenDrop}},
		{"[unused10]", token{kind: tokenTurnEnd}},
		{"[INST]", token{kind: tokenDrop}},
		{"[/INST]", token{kind: tokenDrop}},
		{"]<]minimax[>[", token{kind: tokenDrop}},       // before each of MiniMax M3's tags
		{"]~b]", token{kind: tokenHead, sure: true}},    // MiniMax M2: a role follows
		{"]~!b[", token{kind: tokenDrop, sure: true}},   // its beginning of a conversation
		{"[e~[", token{kind: tokenTurnEnd, sure: true}}, // its end of a turn
		{"]!p~[", token{kind: tokenDrop, sure: true}},   // its padding
		{"[gMASK]", token{kind: tokenDrop}},
		{"[GMASK]", token{kind: tokenDrop}},
		{"[sMASK]", token{kind: tokenDrop}},
		{"[EOS]", token{kind: tokenAtEnd}},
		{"[END FINAL RESPONSE]", token{kind: tokenDrop}}, // Apriel; what begins its response ends its thoughts
		{"[|endofturn|]", token{kind: tokenTurnEnd}},     // EXAONE 3
		{"[|assistant|]", token{kind: tokenTurnEnd, head: true}},
		{"[|user|]", token{kind: tokenOther, head: true}},
		{"[|system|]", token{kind: tokenOther, head: true}},
		{"[|tool|]", token{kind: tokenOther, head: true}},
		{"[UNUSED_TOKEN_145]", token{kind: tokenTurnEnd, sure: true}}, // InternLM 2 without its own names
		{"[UNUSED_TOKEN_146]", token{kind: tokenHead, sure: true}},
	} {
		if strings.HasPrefix(s, b.text) {
			b.tok.n, b.tok.name = len(b.text), b.text
			return b.tok, false
		}
		more = more || strings.HasPrefix(b.text, s)
	}
	return token{}, more
}

// tagAt reads <name>, </name>, <name=value>, <name key="value"> and Gemma's <name|> where the name
// is known.
func tagAt(s string) (tok token, more bool) {
	const longestName = 24
	at := 1
	closing := s[at] == '/'
	if closing {
		at++
	}
	from := at
	for ; at < len(s) && at-from <= longestName; at++ {
		if c := s[at]; !nameByte(c) && c != ':' && c != '<' && !(c == '|' && s[from:at] == "ifm") {
			break
		}
	}
	name := strings.ToLower(s[from:at])
	if at >= len(s) {
		return token{}, len(name) <= longestName && tagMayBe(name)
	}
	if strings.HasPrefix(name, "<") && s[at] == '>' { // <<SYS>>, <</SYS>>
		if kind := tagKind(name + ">"); kind != tokenNone {
			if at+1 >= len(s) {
				return token{}, true
			}
			if s[at+1] == '>' {
				return token{kind: kind, n: at + 2, name: name}, false
			}
		}
		return token{}, false
	}
	if name == "s" && closing && s[at] == '>' {
		return token{kind: tokenAtEnd, n: at + 1, name: "/s"}, false
	}
	kind := tagKind(name)
	switch c := s[at]; {
	case c == '|': // Gemma's closing form
		if !strings.Contains(asymmetric, " "+name+" ") {
			return token{}, false
		}
		if at+1 >= len(s) {
			return token{}, true
		}
		if s[at+1] != '>' {
			return token{}, false
		}
		tok = token{kind: tokenDrop, n: at + 2, name: name + "|"}
		if name == "turn" {
			tok.kind = tokenTurnEnd
		}
		return tok, false
	case kind == tokenNone:
		return token{}, false
	case c == '>' && closing:
		if kind == tokenCall {
			kind = tokenDrop
		}
		if name == "function" || name == "invoke" || name == "parameter" { // of another language's tags; ours ended with its call
			kind = tokenAtEnd
		}
		return token{kind: kind, n: at + 1, name: "/" + name}, false
	case c == '>' && !closing && (name == "function" || name == "parameter" || name == "invoke"): // an XML document may have it
		return token{}, false
	case c == '>':
		ends := "/" + name
		if name == startCall {
			ends = "end_function_call"
		}
		return token{kind: kind, n: at + 1, name: name, ends: ends}, false
	case closing || kind != tokenCall || c != '=' && (c != ' ' || name == "parameter"):
		return token{}, false
	case name != "function" && name != "parameter" && !strings.HasSuffix(name, "invoke") && name != xaiCall:
		return token{}, false
	}
	end := strings.IndexAny(s[at:], ">\n")
	switch {
	case end < 0:
		return token{}, len(s) < longestToken
	case s[at+end] == '\n':
		return token{}, false
	case s[at] == ' ' && !strings.HasPrefix(s[at:], ` name=`):
		return token{}, false
	}
	if name == "parameter" {
		return token{kind: tokenCall, n: at + end + 1, name: name, ends: "/function", sure: true}, false
	}
	return token{kind: tokenCall, n: at + end + 1, name: name, ends: "/" + name, sure: true}, false
}

// tagMayBe reports whether a tag's name may become one that is known.
func tagMayBe(name string) bool {
	if base, _, ok := strings.Cut(name, ":"); ok && tagKind(base+":") == tokenCall {
		return true
	}
	name = " " + name
	return strings.Contains(tagCalls+tagTurns+tagsLast+tagsSys+asymmetric+" s unused special_ end_function_call ", name) || numbered(name[1:], unused) || numbered(name[1:], special)
}
