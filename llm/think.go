package llm

import "strings"

// tagPairs returns the tags in which models write reasoning into the content when the server does
// not split it off: Qwen and DeepSeek (think), some fine-tunes (thinking, thought), Seed,
// Magistral, Kimi.
func tagPairs() [6][2]string {
	return [...][2]string{
		{"<think>", "</think>"},
		{"<thinking>", "</thinking>"},
		{"<thought>", "</thought>"},
		{"<seed:think>", "</seed:think>"},
		{"[THINK]", "[/THINK]"},
		{"◁think▷", "◁/think▷"},
	}
}

// splitter takes reasoning out of content. Its rules:
//
//   - An opening tag counts at the start of the answer, before any other text than white space.
//     Later it is text: an answer may be about such tags. What could still become a tag is held
//     back.
//   - A closing tag without an opening one means that the chat template opened it in the prompt.
//     All text before it was reasoning, and the caller is told to take it back (retract). Such a
//     tag does not count in backticks or a code fence, nor after reasoning in any form, nor after
//     an opening tag in the text. The client remembers the model: after two such answers in a row
//     the next one starts as reasoning.
//   - An answer that started as reasoning because of that memory, and ended by itself without a
//     closing tag, was no reasoning. It is delivered as text at its end.
//
// White space after a closing tag is dropped.
type splitter struct {
	state  int
	held   string          // may become a tag
	end    string          // the closing tag that ends the reasoning; "": any
	opened bool            // started as reasoning on the template's account
	kept   strings.Builder // what an opened splitter gave out as reasoning
	stray  bool            // a stray closing tag still means something
	wrote  bool            // text other than white space was given out
	ticks  int             // backticks at the end of the text so far
	fence  bool            // in a code fence
	cut    bool            // drop white space before the next text

	learned   bool // it turned out that the template opens the tag
	unlearned bool // it turned out that it does not
}

const (
	atStart   = iota // nothing but white space so far
	inThought        // between the tags
	inText           // the answer
)

// split is a piece of content without its tags.
type split struct {
	text, reasoning string
	retract         bool // all text before this piece was reasoning
}

func newSplitter(opened bool) *splitter {
	s := &splitter{stray: true}
	if opened {
		s.state, s.opened, s.stray = inThought, true, false
	}
	return s
}

// field records that the server splits reasoning off by itself.
func (s *splitter) field() {
	s.stray = false
	if s.opened && s.kept.Len() == 0 && s.held == "" {
		s.opened, s.state, s.unlearned = false, atStart, true
	}
}

// feed takes the next piece of content.
func (s *splitter) feed(piece string) split {
	var out split
	in := s.held + piece
	s.held = ""
	for in != "" {
		switch s.state {
		case atStart:
			in = s.start(in, &out)
		case inThought:
			in = s.thought(in, &out)
		default:
			in = s.answer(in, &out)
		}
	}
	if out.text != "" {
		s.wrote = true
	}
	return out
}

// start looks for an opening tag (or a closing one: some parsers leave it) after white space.
func (s *splitter) start(in string, out *split) string {
	body := strings.TrimLeft(in, " \t\r\n")
	if body == "" {
		s.held = in
		return ""
	}
	for _, p := range tagPairs() {
		if rest, ok := strings.CutPrefix(body, p[0]); ok {
			s.state, s.end, s.stray = inThought, p[1], false
			return rest
		}
		if rest, ok := strings.CutPrefix(body, p[1]); ok {
			s.learned = s.learned || s.stray
			s.stray, s.cut = false, true
			return rest
		}
	}
	for _, p := range tagPairs() {
		if strings.HasPrefix(p[0], body) || strings.HasPrefix(p[1], body) {
			s.held = in
			return ""
		}
	}
	s.state = inText
	if s.cut {
		s.cut = false
		return body
	}
	return in
}

// thought looks for the closing tag.
func (s *splitter) thought(in string, out *split) string {
	if s.opened && s.kept.Len() == 0 {
		// The template's tag may be repeated by the model.
		body := strings.TrimLeft(in, " \t\r\n")
		for _, p := range tagPairs() {
			if rest, ok := strings.CutPrefix(body, p[0]); ok {
				s.opened, s.end = false, p[1]
				return rest
			}
			if strings.HasPrefix(p[0], body) {
				s.held = in
				return ""
			}
		}
	}
	at, length := s.find(in)
	if at >= 0 {
		s.think(in[:at], out)
		s.state, s.cut, s.opened = atStart, true, false
		return in[at+length:]
	}
	keep := s.tail(in, s.end)
	s.think(in[:len(in)-keep], out)
	s.held = in[len(in)-keep:]
	return ""
}

func (s *splitter) think(t string, out *split) {
	out.reasoning += t
	if s.opened {
		s.kept.WriteString(t)
	}
}

// find returns where the first closing tag is.
func (s *splitter) find(in string) (at, length int) {
	if s.end != "" {
		return strings.Index(in, s.end), len(s.end)
	}
	at = -1
	for _, p := range tagPairs() {
		if i := strings.Index(in, p[1]); i >= 0 && (at < 0 || i < at) {
			at, length = i, len(p[1])
		}
	}
	return at, length
}

// tail returns how many bytes at the end of in may be the beginning of end, or of any closing tag.
func (s *splitter) tail(in, end string) int {
	if end != "" {
		return overlap(in, end)
	}
	longest := 0
	for _, p := range tagPairs() {
		longest = max(longest, overlap(in, p[1]))
	}
	return longest
}

func overlap(in, tag string) int {
	for n := min(len(tag)-1, len(in)); n > 0; n-- {
		if strings.HasSuffix(in, tag[:n]) {
			return n
		}
	}
	return 0
}

// answer passes text on, and looks for a stray closing tag while that still means something.
func (s *splitter) answer(in string, out *split) string {
	if !s.stray {
		out.text += in
		return ""
	}
	for i := 0; i < len(in); i++ {
		switch in[i] {
		case '`':
			if s.ticks++; s.ticks == 3 {
				s.fence = !s.fence
			}
			continue
		case '<', '[', "◁"[0]:
			if !s.fence && s.ticks == 0 {
				if n, more := s.tagAt(in[i:]); n > 0 {
					// A stray closing tag: what came before it was reasoning.
					out.retract = out.retract || s.wrote
					out.reasoning += out.text + in[:i]
					out.text = ""
					s.stray, s.state, s.cut, s.learned = false, atStart, true, true
					return in[i+n:]
				} else if more {
					out.text += in[:i]
					s.held = in[i:]
					return ""
				} else if !s.stray {
					out.text += in
					return ""
				}
			}
		}
		s.ticks = 0
	}
	out.text += in
	return ""
}

// tagAt returns the length of a closing tag at the start of in, or reports that in may become one
// (more). An opening tag ends the search for closing ones.
func (s *splitter) tagAt(in string) (length int, more bool) {
	for _, p := range tagPairs() {
		if strings.HasPrefix(in, p[1]) {
			return len(p[1]), false
		}
		if strings.HasPrefix(in, p[0]) {
			s.stray = false
		}
		more = more || strings.HasPrefix(p[1], in) || strings.HasPrefix(p[0], in)
	}
	return 0, more && s.stray
}

// plain reports whether nothing in the answer was reasoning.
func (s *splitter) plain() bool { return s.wrote && s.stray }

// flush returns what was held back. whole: the model ended by itself.
func (s *splitter) flush(whole bool) split {
	var out split
	held := s.held
	s.held = ""
	switch {
	case s.state == inThought && s.opened && whole:
		out.text = s.kept.String() + held
		s.opened, s.unlearned = false, true
	case s.state == inThought:
		out.reasoning = held
	case !whole && s.state == atStart && len(strings.TrimSpace(held)) > 2:
		out.reasoning = held // the beginning of a tag, and then the stream broke
	default:
		out.text = held
	}
	return out
}
