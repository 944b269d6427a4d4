package llm

import "strings"

// toolCall is the call of a tool in the content. It ends with its end token, with the end of the
// turn, or, if it is JSON, with the value.
type toolCall struct {
	ends    string // the name of the token that ends it; empty: it has none
	to      string // whom Harmony's head names
	others  bool   // it is no call, but the turn of somebody else
	prefix  int    // bytes before the JSON value
	raw     bool   // it is no JSON
	jsonEnd        // of the value
}

// dropCall takes out what belongs to the call, and returns the rest. It keeps it only for a request
// that offered tools. out has what was given out before.
func (s *splitter) dropCall(in string, out *split) string {
	to, others := s.call.to, s.call.others
	rest := s.skipCall(in, out)
	if !s.keep || others {
		return rest
	}
	s.body.WriteString(in[:len(in)-len(rest)-len(s.held)])
	if s.bodies+s.body.Len() > mostAllCalls || s.body.Len() > mostTextCall {
		s.over = true
	}
	if s.state != inCall {
		s.keepCall(to)
	}
	return rest
}

// keepCall keeps the call that has ended.
func (s *splitter) keepCall(to string) {
	if len(s.found) < mostCalls && !s.over {
		s.found = append(s.found, textCall{to, s.body.String()})
		s.bodies += s.body.Len()
	}
	s.body.Reset()
}

// skipCall passes over what belongs to the call, and returns the rest.
func (s *splitter) skipCall(in string, out *split) string {
	c := &s.call
	for i := 0; i < len(in); i++ {
		if c.prefix > 0 {
			c.prefix--
			continue
		}
		b := in[i]
		if b == '<' || b == '[' && (c.raw || c.done || strings.HasPrefix(c.ends, "[")) {
			tok, more := tokenAt(in[i:], s.last)
			switch {
			case more:
				s.held = in[i:]
				return ""
			case tok.kind == tokenNone:
			case c.ends != "" && tok.name == c.ends:
				inside, more := false, false
				if c.quoted {
					inside, more = stringEnds(in[i:], s.last)
				}
				switch {
				case more:
					s.held = in[i:]
					return ""
				case !inside:
					s.endCall(out)
					return in[i+tok.n:]
				}
			case c.depth > 0: // part of the value
			case tok.kind == tokenTurnEnd:
				s.endCall(out)
				return in[i+tok.n:]
			case c.done, tok.kind == tokenHead && tok.sure, tok.kind == tokenChannel:
				s.endCall(out)
				return in[i:]
			default:
				i += tok.n - 1
				continue
			}
		}
		switch {
		case c.done && b != ' ' && b != '\n' && b != '\t' && b != '\r':
			s.endCall(out)
			return in[i:]
		case !c.raw && !c.done:
			c.step(b)
		}
	}
	return ""
}

// stringEnds reports whether s stands in a string of JSON: the string ends on this line, and goes
// on as JSON does. Else what ends a call ends it also there, for models forget to end their
// strings.
func stringEnds(s string, last bool) (is, more bool) {
	wait := !last && len(s) < mostHeld
	s = s[:min(len(s), mostHeld)]
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '\n':
			return false, false
		case '"':
			rest := strings.TrimLeft(s[i+1:], " \t\r\n")
			if rest == "" {
				return false, wait
			}
			return strings.IndexByte(",:}]", rest[0]) >= 0, false
		}
	}
	return false, wait
}

// emit gives text out. A call with an answer behind it does not matter.
func (s *splitter) emit(text string, out *split) {
	out.text += text
	s.called = s.called && strings.TrimSpace(text) == ""
}

// endCall goes on with the answer.
func (s *splitter) endCall(out *split) {
	s.toText(out)
	s.cut = s.state == atStart
}

func letter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

// roleHead returns how many bytes of the head of a turn stand at the start of s: a role, and the
// end of its line.
func roleHead(s string, last bool) (n int, more bool) {
	const longestRole = 40
	at := 0
	for at < len(s) && at < longestRole && (letter(s[at]) || s[at] == '_' || s[at] == ' ') {
		at++
	}
	switch role := strings.TrimSpace(s[:at]); {
	case at == len(s) && !last:
		return 0, true
	case !isRole(role):
		return 0, false
	case at < len(s) && s[at] == '\n':
		return at + 1, false
	case at == len(s), strings.HasPrefix(s[at:], "<|"):
		return at, false
	case !last && s[at:] == "<":
		return 0, true
	case strings.HasPrefix(s[at:], "to=") || strings.HasSuffix(s[:at], " to"): // Harmony names the one who is called
		end := strings.Index(s, "<|")
		if end < 0 {
			return 0, !last && len(s) < longestToken
		}
		return end, false
	}
	return 0, false
}

// isOthers reports whether the head of a turn is that of somebody else: some models go on with what
// the person may say next.
func isOthers(head string) bool {
	switch strings.TrimSpace(head) {
	case "user", "system", "tool", "developer", "function", "ipython":
		return true
	}
	return false
}

func isRole(s string) bool {
	switch s {
	case "assistant", "ai", "user", "system", "model", "tool", "developer", "function", "ipython", "final", "assistant to":
		return true
	}
	return false
}

// recipient returns whom a Harmony header calls; empty: nobody.
func recipient(head string) string {
	_, to, _ := strings.Cut(head, "to=")
	if end := strings.IndexAny(to, " \t\n<"); end >= 0 {
		to = to[:end]
	}
	return to
}

// channelHead returns how many bytes of a Harmony header stand at the start of s, up to and with
// <|message|>, and whether the message is the call of a tool. A commentary to nobody may be a word
// to the person: it is a call only if it is JSON.
func channelHead(s string, last bool) (n int, isCall, more bool) {
	const message = "<|message|>"
	const longestHead = 200
	at := strings.Index(s, message)
	if at < 0 && !last && len(s) < longestHead && !strings.Contains(s, "\n") {
		return 0, false, true
	}
	if at < 0 || at > longestHead {
		word := 0
		for word < len(s) && letter(s[word]) {
			word++
		}
		switch s[:word] {
		case "analysis", "commentary", "final", "thought":
			return word, false, false
		}
		return 0, false, false
	}
	name, to, _ := strings.Cut(s[:at], "to=")
	body := strings.TrimLeft(s[at+len(message):], " \t\r\n")
	switch {
	case strings.Contains(name, "final"):
	case to != "" && !strings.HasPrefix(to, "user"):
		isCall = true
	case strings.Contains(name, "commentary"):
		if body == "" && !last && len(s) < mostHeld {
			return 0, false, true
		}
		isCall = strings.HasPrefix(body, "{")
	}
	return at + len(message), isCall, false
}
