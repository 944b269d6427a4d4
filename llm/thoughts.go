package llm

import "strings"

// start looks for marks behind white space.
func (s *splitter) start(in string, out *split) string {
	body := strings.TrimLeft(in, " \t\r\n")
	if len(in)-len(body) > mostHeld { // so much is text: who reads it notices a loop
		s.state, s.cut = inText, false
		return in
	}
	if body == "" {
		if s.last && !s.cut {
			out.text += in
			return ""
		}
		s.held = in
		if s.last {
			s.held = ""
		}
		return ""
	}
	if m, n, more := s.begins(body); n > 0 {
		s.beginThoughts(m, body[:n])
		return body[n:]
	} else if more {
		s.held = in
		return ""
	}
	if lost, more := lostToken(body, s.last); more {
		s.held = in
		return ""
	} else if lost != "" {
		return lost + body
	}
	tok, more := token{}, false
	if trigger(body[0]) {
		tok, more = tokenAt(body, s.last)
	} else if bareTrigger(body[0]) {
		tok, more = bareAt(body, s.last, true, true)
	}
	switch {
	case more:
		s.held = in
		return ""
	case tok.kind == tokenThink && tok.mark.end == bareEnd:
		s.beginThoughts(tok.mark, body[:tok.n])
		return body[tok.n:]
	case tok.kind == tokenDrop && bareTrigger(body[0]) && tok.name == "":
		s.stray, s.cut = false, true
		return body[tok.n:]
	case tok.kind == tokenThought && !(tok.mark.word && s.stray):
		s.learned = s.learned || s.stray && tok.mark.end != bareEnd
		s.stray, s.cut = false, true
		return body[tok.n:]
	case tok.kind == tokenAtEnd && strings.Contains(tagsFirst, " "+tok.name+" "), strings.HasPrefix(body, strike):
		n := max(tok.n, len(strike)) // tok is none for <s>
		meant, more := meant(body[:n], body[n:], s.cut, s.last)
		switch {
		case more:
			s.held = in
			return ""
		case !meant:
			s.cut = true
			return body[n:]
		}
	}
	if s.cut {
		for _, tag := range [...]string{"<answer>", "<response>"} { // Hunyuan; Ernie 4.5
			switch {
			case strings.HasPrefix(body, tag):
				s.wrapped = "</" + tag[1:]
				return body[len(tag):]
			case !s.last && strings.HasPrefix(tag, body):
				s.held = in
				return ""
			}
		}
	}
	s.state = inText
	if s.cut || tok.kind != tokenNone {
		s.cut = false
		return body
	}
	return in
}

// beginThoughts begins thoughts at the start of the answer. Those that a mark of words begins may
// turn out to be the answer.
func (s *splitter) beginThoughts(m thinkMark, begin string) {
	s.state, s.mark, s.opened, s.stray, s.maybe = inThought, m, false, false, m.first || m.end == bareEnd
	s.kept.Reset()
	if s.maybe {
		s.kept.WriteString(begin)
	}
}

// begins returns the mark at the start of in that begins thoughts; more: in may become one.
func (s *splitter) begins(in string) (m thinkMark, n int, more bool) {
	for m := range thinkMarks {
		if m.word && !s.stray && s.mark != m { // thoughts came in another form: it is an element of a document
			continue
		}
		if m.begin == "" {
			continue
		}
		if strings.HasPrefix(in, m.begin) {
			return m, len(m.begin), false
		}
		more = more || !s.last && strings.HasPrefix(m.begin, in)
	}
	return thinkMark{}, 0, more
}

// thought looks for the end mark.
func (s *splitter) thought(in string, out *split) string {
	if s.opened && s.kept.Len() == 0 {
		// The template's mark may be repeated by the model.
		body := strings.TrimLeft(in, " \t\r\n")
		far := len(in)-len(body) > mostHeld
		if m, n, more := s.begins(body); n > 0 && !far {
			s.beginThoughts(m, body[:n])
			return body[n:]
		} else if more && !far {
			s.held = in
			return ""
		}
	}
	at, length, keep := s.ending(in)
	if at >= 0 {
		s.think(in[:at], out)
		if s.opened, s.maybe, s.cut = false, false, true; s.mark.end == bareEnd {
			s.code = code{} // another message begins
		}
		s.toText(out)
		return in[at+length:]
	}
	s.think(in[:len(in)-keep], out)
	s.held = in[len(in)-keep:]
	return ""
}

// toText goes on with the answer: at its start, if there is none yet.
func (s *splitter) toText(out *split) {
	if s.state = atStart; s.wrote || strings.TrimSpace(out.text) != "" {
		s.state = inText
	}
}

func (s *splitter) think(t string, out *split) {
	out.reasoning += t
	if s.maybe {
		s.kept.WriteString(t)
	}
}

// ending returns where the thoughts end; at < 0: not in in, of which the last keep bytes may be the
// beginning of an end mark.
func (s *splitter) ending(in string) (at, length, keep int) {
	switch s.mark.end {
	case "":
		at = -1
		for m := range thinkMarks {
			if m.late {
				continue
			}
			if i := strings.Index(in, m.end); i >= 0 && (at < 0 || i < at) {
				at, length = i, len(m.end)
			}
			keep = max(keep, overlap(in, m.end))
		}
		return at, length, keep
	case harmonyEnd:
		return s.harmonyEnding(in)
	case bareEnd:
		return bareEnding(in, s.last)
	}
	return strings.Index(in, s.mark.end), len(s.mark.end), overlap(in, s.mark.end)
}

// harmonyEnd ends thoughts in Harmony's form. The model forgets it, and begins another message.
const harmonyEnd = "<|end|>"

func (s *splitter) harmonyEnding(in string) (at, length, keep int) {
	for i := 0; i < len(in); i++ {
		if in[i] != '<' {
			continue
		}
		tok, more := tokenAt(in[i:], s.last)
		switch {
		case more:
			return -1, 0, len(in) - i
		case tok.kind == tokenTurnEnd:
			return i, tok.n, 0
		case tok.kind == tokenHead && tok.sure, tok.kind == tokenChannel, tok.kind == tokenThink && tok.mark.special:
			return i, 0, 0
		}
	}
	return -1, 0, 0
}

func overlap(in, tag string) int {
	for n := min(len(tag)-1, len(in)); n > 0; n-- {
		if strings.HasSuffix(in, tag[:n]) {
			return n
		}
	}
	return 0
}
