package llm

import "strings"

// plain reports whether nothing in the answer was reasoning.
func (s *splitter) plain() bool { return s.wrote && s.stray }

// flush returns what was held back. whole: the model ended by itself.
func (s *splitter) flush(whole bool) split {
	held := s.held
	s.held, s.last, s.whole = "", true, whole
	switch {
	case s.state == inThought && s.opened && whole:
		s.opened, s.unlearned, s.state = false, true, atStart
		return s.finish(s.kept.String() + held)
	case s.state == inThought:
		return split{reasoning: held}
	case !whole && s.state == atStart && len(strings.TrimSpace(held)) > 2:
		return split{reasoning: held} // the beginning of a mark, and then the stream broke
	}
	return s.finish(held)
}

// finish feeds the last piece. A call whose end token is missing ends here.
func (s *splitter) finish(held string) split {
	out := s.feed(held)
	if s.keep && s.state == inCall {
		s.keepCall(s.call.to)
	}
	return out
}
