package llm

import "strings"

// Some marks of models consist of words alone, or are what a server leaves of Harmony's when it
// skips special tokens: analysis…assistantfinal… (gpt-oss; thinking-machines-lab/tinker-cookbook
// #239, NousResearch/hermes-agent PR #84231), and functools[{…}] (Phi-4-mini's chat template,
// vLLM's phi4_mini_json parser). They count where a message may begin: at the start of a line, or
// behind a sentence. Thoughts that begin with a word and end by themselves without their end mark
// were the answer.

// bareEnd ends thoughts whose special tokens were skipped.
const bareEnd = "assistantfinal"

func bareMark() thinkMark { return thinkMark{begin: "analysis", end: bareEnd, special: true} }

// bareTrigger reports whether a mark of words may begin with b.
func bareTrigger(b byte) bool { return b == 'a' || b == 'f' || b == 'c' || b == 't' }

// bareAt returns the mark of words at the start of s. more: s may become one. head: s is at the
// start of a line; start: and of the answer.
func bareAt(s string, last, head, start bool) (tok token, more bool) {
	for _, w := range [...]struct {
		word        string
		kind        tokenKind
		head, start bool // it counts there only
	}{
		{word: bareEnd, kind: tokenThought},
		{word: "assistantanalysis", kind: tokenThink},
		{word: "assistantcommentary", kind: tokenDrop},
		{word: "assistantcommentary to=", kind: tokenCall},
		{word: "assistant to=", kind: tokenCall},
		{word: "functools[", kind: tokenCall},
		{word: "to=functions.", kind: tokenCall, head: true},
		{word: "commentary to=", kind: tokenCall, head: true},
		{word: "analysis to=", kind: tokenCall, head: true},
		{word: "analysis", kind: tokenThink, start: true},
		{word: "commentary", kind: tokenDrop, start: true},
	} {
		switch {
		case w.start && !start || w.head && !head && !start:
		case !strings.HasPrefix(s, w.word):
			more = more || !last && strings.HasPrefix(w.word, s)
		case w.kind == tokenCall:
			return bareCall(s, len(w.word), last)
		default:
			var short bool
			if tok, short = bareHead(s, len(w.word), w.start, last); tok.n > 0 {
				tok.kind, tok.mark, tok.sure = w.kind, bareMark(), true
			}
			more = more || short
		}
	}
	if more {
		return token{}, true
	}
	return tok, false
}

// bareHead returns the head of a message, of n bytes, unless the word goes on behind them. At the start
// of an answer a capital or a quotation mark follows it: "analysis是…" is an answer about the word.
func bareHead(s string, n int, start, last bool) (tok token, more bool) {
	if n == len(s) {
		if last && !start {
			tok.n = n
		}
		return tok, !last
	}
	switch c := s[n]; {
	case c >= 'a' && c <= 'z' || c == '_', start && (c < 'A' || c > 'Z') && c != '"':
		return token{}, false
	}
	return token{n: n}, false
}

// bareCall returns the head of a call up to its JSON value, or what stands there instead of one.
// Behind the name of the tool the head has at most one more word (json, code). What goes on as a
// sentence is none.
func bareCall(s string, from int, last bool) (tok token, more bool) {
	short := !last && len(s) < longestToken
	if s[0] == 'f' { // functools[{…}]
		body := strings.TrimLeft(s[from:], " \n")
		switch {
		case body == "":
			return token{}, short
		case body[0] != '{':
			return token{}, false
		}
		return token{kind: tokenCall, n: from - 1, sure: true}, false
	}
	at, words := from, 0
	for ; at < len(s) && at < longestToken && strings.IndexByte("{<\n", s[at]) < 0; at++ {
		if s[at] == ' ' && at+1 < len(s) && strings.IndexByte(" {<\n", s[at+1]) < 0 {
			words++
		}
	}
	body := strings.TrimLeft(s[at:], " \n")
	switch {
	case words > 1:
		return token{}, false
	case body == "" && short:
		return token{}, true
	case body != "" && body[0] == '{':
		return token{kind: tokenCall, n: len(s) - len(body), sure: true}, false
	case at >= longestToken:
		return token{}, false
	case at < len(s) && s[at] == '\n':
		at++
	}
	return token{kind: tokenDrop, n: at, name: loneHead}, false
}

// loneHead is the name of a call that is nothing but its head.
const loneHead = "to="

// bareEnding returns where thoughts end whose special tokens were skipped, as ending does.
func bareEnding(in string, last bool) (at, length, keep int) {
	const role = "assistant"
	for from := 0; ; {
		i := strings.Index(in[from:], role)
		if i < 0 {
			return -1, 0, overlap(in, role)
		}
		at = from + i
		from = at + len(role)
		for _, next := range [...]string{bareEnd[len(role):], "commentary", " to="} {
			switch rest := in[from:]; {
			case strings.HasPrefix(rest, next) && role+next == bareEnd:
				return at, len(bareEnd), 0
			case strings.HasPrefix(rest, next):
				return at, 0, 0
			case !last && strings.HasPrefix(next, rest):
				return -1, 0, len(in) - at
			}
		}
	}
}
