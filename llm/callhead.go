package llm

import "strings"

// A model may call a tool in its text, and it may write about the tokens of calls: "Hermes marks a
// call with <tool_call>." What follows the token tells which it is. JSON that begins as that of calls
// do is a call. So is the name of a tool with its arguments, right behind the token or on a line of its
// own. What also prose may look like (a word and a parenthesis) needs its end token on the same page.

// longestPrefix is how many bytes may stand before what tells a call from prose: white space, and the
// name of a tool.
const longestPrefix = 200

// callAt returns the call that begins behind its token; nil: it is none, but prose about the token.
// more: that is not known yet. mid: the token stands within a sentence.
func callAt(s string, tok token, mid, last bool) (_ *toolCall, more bool) {
	body := strings.TrimLeft(s, " \t\r\n")
	space := s[:len(s)-len(body)]
	line := strings.Contains(space, "\n")
	raw := &toolCall{ends: tok.ends, raw: true}
	switch {
	case body == "" && !last && len(space) < longestPrefix:
		return nil, true
	case body == "" && (last && (line || !mid) || tok.sure):
		return raw, false
	case body == "":
		return nil, false
	case tok.sure && body[0] != '{' && body[0] != '[':
		about, more := prose(s, last)
		if about || more {
			return nil, more
		}
		return raw, false
	}
	if body[0] == '{' || body[0] == '[' {
		is, more := jsonCall(body, last)
		switch {
		case more:
			return nil, true
		case is, tok.sure:
			return &toolCall{ends: tok.ends}, false
		}
	}
	if body[0] == '<' || space != "" && !line {
		return tagged(body, raw, mid && !line, last)
	}
	return named(s, len(space), raw, last)
}

// named returns the call that begins with the name of a tool, at a place in s.
func named(s string, from int, raw *toolCall, last bool) (_ *toolCall, more bool) {
	at := from
	for at < len(s) && at-from < longestPrefix && (letter(s[at]) || s[at] >= '0' && s[at] <= '9' || strings.IndexByte("_-.:", s[at]) >= 0) {
		at++
	}
	switch name := s[from:at]; {
	case at == len(s) && !last && len(name) < longestPrefix:
		return nil, true
	case at == len(s):
		return nil, false
	case name == "":
		if strings.IndexByte("{[<`", s[at]) >= 0 {
			return enclosed(s, raw, last)
		}
		return nil, false
	case !letter(name[0]) && name[0] != '_', strings.IndexByte(".:", name[len(name)-1]) >= 0:
		return nil, false
	}
	rest := s[at:]
	switch rest[0] {
	case '{':
		return &toolCall{ends: raw.ends, prefix: at}, false
	case '[': // name[ARGS]{…}, name[CALL_ID]x[ARGS]{…}
		for _, key := range [...]string{"[ARGS]", "[CALL_ID]"} {
			value := strings.IndexByte(rest, '{')
			switch {
			case strings.HasPrefix(rest, key) && value >= 0:
				return &toolCall{ends: raw.ends, prefix: at + value}, false
			case strings.HasPrefix(rest, key) && (last || len(rest) >= longestPrefix):
				return raw, false
			case strings.HasPrefix(rest, key), !last && strings.HasPrefix(key, rest):
				return nil, true
			}
		}
		return enclosed(s, raw, last)
	case '(':
		return enclosed(s, raw, last)
	case '<':
		if len(rest) == 1 && !last {
			return nil, true
		}
		if len(rest) > 1 && (letter(rest[1]) || rest[1] == '/' || rest[1] == '|') {
			return raw, false
		}
	case '\n', '\r':
		body := strings.TrimLeft(rest, " \t\r\n")
		switch {
		case body == "" && !last && len(rest) < longestPrefix:
			return nil, true
		case body != "" && body[0] == '<':
			return tagged(body, raw, false, last)
		case body != "" && body[0] == '{':
			is, more := jsonCall(body, last)
			if is || more {
				return &toolCall{ends: raw.ends, prefix: len(s) - len(body)}, more
			}
		}
	}
	return nil, false
}

// tagged returns the call whose first tag may begin body: one of those that calls have inside, or the
// end of the call.
func tagged(body string, raw *toolCall, mid, last bool) (_ *toolCall, more bool) {
	if body[0] != '<' || mid {
		return nil, false
	}
	for _, tag := range [...]string{
		"<arg_key>", "<function=", "<function>", "<invoke", "<parameter", "<tool_sep", "<tool_call", "<ifm|", "<seed:", "<atem:", "<minimax:", "<longcat_", "<" + raw.ends + ">",
	} {
		switch {
		case strings.HasPrefix(body, tag):
			return raw, false
		case !last && strings.HasPrefix(tag, body):
			more = true
		}
	}
	if more {
		return nil, true
	}
	return enclosed(body, raw, last)
}

// enclosed returns the call that its end token ends on this page.
func enclosed(s string, raw *toolCall, last bool) (_ *toolCall, more bool) {
	ends := raw.ends
	if ends == "" {
		return nil, false
	}
	if ends[0] != '[' {
		ends = "<" + ends + ">"
	}
	if strings.Contains(s[:min(len(s), mostHeld)], ends) {
		return raw, false
	}
	return nil, !last && len(s) < mostHeld
}

// jsonCall reports whether s, which begins with a bracket, begins as the JSON of calls does: objects
// with a key, or nothing in them.
func jsonCall(s string, last bool) (is, more bool) {
	const blank = " \t\r\n"
	rest := s
	if rest[0] == '[' {
		rest = strings.TrimLeft(rest[1:], blank)
		if rest != "" && rest[0] != '{' {
			return rest[0] == ']', false
		}
	}
	if rest != "" {
		rest = strings.TrimLeft(rest[1:], blank)
	}
	if rest == "" {
		return last, !last && len(s) < longestPrefix
	}
	return strings.IndexByte(`"'}`, rest[0]) >= 0, false
}

// prose reports whether s goes on as a sentence does behind one of its words: with a sign, a word
// behind a space, or a letter that no name of a tool has.
func prose(s string, last bool) (is, more bool) {
	const longestWord = 40
	switch {
	case s == "":
		return false, !last
	case strings.IndexByte(".,;:!?)'\"", s[0]) >= 0, s[0] >= 0x80 && !strings.HasPrefix(s, "◁"):
		return true, false
	case s[0] != ' ':
		return false, false
	}
	at := 1
	for at < len(s) && at < longestWord && (letter(s[at]) || s[at] >= 0x80) {
		at++
	}
	if at == len(s) && at < longestWord {
		return last && at > 1, !last
	}
	return at > 1 && (at == longestWord || strings.IndexByte(" .,;:!?)'\"\n-/", s[at]) >= 0), false
}

// noCall decides on the begin token of a call that is none. One that nobody writes in prose is left
// out, and one that stands alone on its line.
func (s *splitter) noCall(in string, tok token) (decision, int) {
	rest := strings.TrimLeft(in[tok.n:], " \t\r")
	alone := s.code.head() && (rest == "" || rest[0] == '\n')
	if n, _ := barAt(in[1:]); n > 0 || alone {
		return isDropped, tok.n
	}
	s.talk++
	return isText, tok.n
}

// aboutTag decides on a tag that is left out, but in a sentence about it; not known: it is no tag, or
// in none.
func (s *splitter) aboutTag(in string, tok token) (d decision, known bool) {
	switch {
	case tok.sure || tok.name == loneHead || bareTrigger(in[0]):
		return 0, false
	case s.talk > 0:
		s.talk--
		return isText, true
	case !s.code.mid:
		return 0, false
	}
	about, more := prose(in[tok.n:], s.last)
	if more {
		return isHeld, true
	}
	return isText, about
}
