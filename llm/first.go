package llm

import "strings"

// strike is the token that begins a text in the vocabularies of SentencePiece, and the element of
// HTML that strikes a text out.
const strike = "<s>"

// meant reports whether an answer that begins with a token such as <bos> is about it, or, with <s>,
// has HTML's element: then the token is text. rest is what follows it. behind: another token, or
// thoughts, came before it.
func meant(tok, rest string, behind, last bool) (is, more bool) {
	word := tok == strike && rest != "" && (rest[0] >= 0x80 || rest[0] == '"' || rest[0] == '\'') // the answer's first
	if !behind && !word {
		if is, more = sentence(rest, last); is || more {
			return is, more
		}
	}
	if tok != strike {
		return false, false
	}
	const end = "</s>"
	const longest = 200 // of what is struck out: nothing is shown until it is known
	wait := !last && len(rest) < longest
	line, _, ended := strings.Cut(rest[:min(len(rest), longest)], "\n")
	at := strings.Index(line, end)
	if at < 0 {
		return false, wait && !ended
	}
	// If nothing but tokens follows its end, both are tokens.
	for rest = rest[at+len(end):]; ; {
		if rest = strings.TrimLeft(rest, " \t\r\n"); rest == "" {
			return false, wait
		}
		next, more := tokenAt(rest, last)
		switch {
		case more:
			return false, wait
		case next.kind != tokenAtEnd && next.kind != tokenTurnEnd:
			return true, false
		}
		rest = rest[next.n:]
	}
}

// sentence reports whether s goes on as a sentence does that begins with a token. What begins with a
// capital is no such: SentencePiece writes a space behind a token.
func sentence(s string, last bool) (is, more bool) {
	if len(s) > 1 && s[0] == ' ' && (s[1] < 'a' || s[1] > 'z') {
		return false, false
	}
	return prose(s, last)
}

// lostToken returns the first token of a Harmony message whose head stands at the start of an
// answer without it: some parsers take it out (vLLM #32587). more: s may become such a head.
func lostToken(s string, last bool) (tok string, more bool) {
	for _, head := range [...][2]string{
		{"analysis<|message|>", "<|channel|>"},
		{"commentary<|message|>", "<|channel|>"},
		{"final<|message|>", "<|channel|>"},
		{"assistant<|channel|>", "<|start|>"},
		{"assistant<|message|>", "<|start|>"},
	} {
		if strings.HasPrefix(s, head[0]) {
			return head[1], false
		}
		more = more || !last && strings.HasPrefix(head[0], s)
	}
	if !strings.HasPrefix(s, "commentary to=") && !strings.HasPrefix(s, "analysis to=") {
		return "", more
	}
	end := strings.IndexAny(s[:min(len(s), longestToken)], "<{\n")
	if end < 0 {
		return "", !last && len(s) < longestToken
	}
	for _, next := range [...]string{"<|message|>", "<|constrain|>"} {
		if strings.HasPrefix(s[end:], next) {
			return "<|channel|>", false
		}
		more = more || !last && strings.HasPrefix(next, s[end:])
	}
	return "", more
}
