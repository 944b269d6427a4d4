package llm

import "strings"

// splitter takes out of content what is no answer: thoughts, structural tokens, and calls of tools.
// What comes of a text does not depend on how it is cut into pieces: what could still become a mark
// is held back. In code (fences and backticks) all marks are text: people ask about them.
//
// Thoughts:
//
//   - A begin mark counts at the start of the answer, before any other text than white space. Later
//     it counts at the start of a line, or anywhere if it is a token that nobody writes in prose.
//     Elsewhere it is text: an answer may be about such marks.
//   - An end mark without a begin mark means that the chat template opened it in the prompt. All
//     text before it was reasoning, and the caller is told to take it back (retract). It does not
//     count so after reasoning in any form, nor after a begin mark in the text: then it is left out.
//     The client remembers the model: after two such answers in a row the next one starts as
//     reasoning.
//   - An answer that started as reasoning because of that memory, and ended by itself without an
//     end mark, was no reasoning. It is delivered as text at its end. So is one that began with a mark
//     of words ("Here is my thought process:").
//   - White space after an end mark is dropped.
//   - A second block of thoughts counts at the start of a line, without a margin and not right below
//     a line that is a tag: documents have elements of such names. <reason>, <reasoning> and <thought>
//     count later only if the same mark began the thoughts at the start.
//
// Structural tokens are left out. Those in the form <|name|> are known by that form, for nobody
// writes them in prose. But the name must be like a token's: it is known, or has a word of four
// letters or two parts of two, so <|o_o|> and <|x|> stay. In a sentence about one of those only the
// token is left out. Others (<tool_call>, [TOOL_CALLS], </s>) are listed in tags.go, and count only
// where they can be meant: <tool_call> with what looks like a call behind it, or alone on its line;
// </tool_call> not in a sentence, nor behind a <tool_call> that stayed; </s> at the end only, and
// <bos> also at the start, see first.go. Elsewhere they stay, with what follows them. Marks of
// words alone are in bare.go. What a model writes as somebody else's turn (<|im_start|>user) is
// left out up to its own next one.
//
// A call of a tool is left out with all that belongs to it, up to its end; see call.go. If tools were
// offered, it is kept beside the text; see textcall.go.
//
// Code is also that by indentation, which a list has not; see code.go. A backtick that is never closed
// opens no span, so what stands behind one waits for the end of its paragraph, 4 KB at most.
//
// What a server sends has bounds: a token has 160 bytes at most; at the end of an answer 256 bytes of
// </s> and its like are left out, and where more come all are text, whose loop is noticed; 4 KB of
// white space are held back; and 16,384 events in a row that bring nothing for anybody (a call without
// end) end the request.
type splitter struct {
	state   int
	held    string          // may become a mark
	last    bool            // nothing follows
	whole   bool            // and the model ended by itself
	mark    thinkMark       // of the thoughts; zero: any end mark ends them
	opened  bool            // started as reasoning on the template's account
	maybe   bool            // so, or by a mark of words: without an end mark it was text
	kept    strings.Builder // with maybe: that text
	stray   bool            // a stray end mark still means something
	goesOn  bool            // what comes follows an unfinished answer
	wrote   bool            // text other than white space was given out
	cut     bool            // drop white space before the next text
	flood   bool            // so many tokens that may end an answer came that they are text, and nothing since
	literal int             // begin marks that are text: so are their end marks
	struck  bool            // HTML's <s> is text: so is its </s>, in the same line
	talk    int             // begin tokens of calls that are text: so are their end tokens
	wrapped string          // what ends the element that the answer is in; empty: it is in none
	code    code            // where in the Markdown the text is
	call    toolCall

	keep   bool            // tools were offered: calls in the text are kept
	to     string          // whom the head of the turn names (Harmony)
	body   strings.Builder // of the call, as far as it is there
	bodies int             // bytes of found
	found  []textCall
	over   bool // there are more bytes of calls than are kept

	called    bool // a call of a tool was left out, and no text followed it
	learned   bool // it turned out that the template opens the mark
	unlearned bool // it turned out that it does not
}

const (
	atStart   = iota // nothing but white space so far
	inThought        // between the marks
	inText           // the answer
	inCall           // the call of a tool
)

// What is held back at most, in bytes, and what a look at it costs: a server may send a megabyte.
const (
	mostHeld  = 4 << 10 // until it is known whether it is code, or what follows white space
	mostAtEnd = 256     // tokens that are left out only at the end of an answer
)

// split is a piece of content without its marks.
type split struct {
	text, reasoning string
	retract         bool // all text before this piece was reasoning
}

func newSplitter(opened bool) *splitter {
	s := &splitter{stray: true}
	if opened {
		s.state, s.opened, s.maybe, s.stray = inThought, true, true, false
	}
	return s
}

// goOn makes s split what follows an unfinished answer. Nothing before it was reasoning.
func (s *splitter) goOn(text string) {
	s.state, s.goesOn, s.opened, s.maybe, s.stray = inText, true, false, false, false
	for i := range len(text) {
		s.code.step(text[i])
	}
}

// field records that the server splits reasoning off by itself.
func (s *splitter) field() {
	s.stray = false
	if s.opened && s.kept.Len() == 0 && s.held == "" {
		s.opened, s.maybe, s.state, s.unlearned = false, false, atStart, true
	}
}

// feed takes the next piece of content.
func (s *splitter) feed(piece string) split {
	var out split
	in := piece
	if s.held != "" {
		in = s.held + piece
		s.held = ""
	}
	for in != "" {
		switch s.state {
		case atStart:
			in = s.start(in, &out)
		case inThought:
			in = s.thought(in, &out)
		case inCall:
			in = s.dropCall(in, &out)
		default:
			in = s.answer(in, &out)
		}
	}
	s.wrote = s.wrote || strings.TrimSpace(out.text) != ""
	return out
}

// trigger reports whether a mark may begin with b. All begin with ASCII, but Kimi's.
func trigger(b byte) bool { return b == '<' || b == '[' || b == ']' || b == "◁"[0] }

// ordinary reports whether b is neither a mark's beginning nor of any meaning for code.
func ordinary(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == ' ' || b == ',' || b > 0xE2
}

// answer passes text on, without marks.
func (s *splitter) answer(in string, out *split) string {
	if s.cut {
		body := strings.TrimLeft(in, " \t\r\n")
		switch blank := len(in) - len(body); {
		case blank > mostHeld: // so much is text: who reads it notices a loop
		case body == "" && !s.last:
			s.held = in
			return ""
		default:
			in = body
		}
		s.cut = false
	}
	from := 0
	for i := 0; i < len(in); {
		b := in[i]
		switch {
		case trigger(b), !s.code.mid && bareTrigger(b):
		case !ordinary(b) || !s.code.inner || s.code.run > 0 || s.code.closing:
			s.code.step(b)
			s.flood = s.flood && b <= ' '
			s.struck = s.struck && b != '\n' // else a leaked </s> far behind an open <s> would stay
			fallthrough
		case b == ' ':
			i++
			continue
		default:
			s.code.end, s.code.mid, s.flood = b, true, false
			for i++; i < len(in) && ordinary(in[i]); i++ {
			}
			continue
		}
		s.code.settle()
		d, n := s.judge(in[i:], out, in[from:i])
		switch d {
		case isText:
			for range n {
				s.code.step(in[i])
				i++
			}
		case isHeld:
			s.emit(in[from:i], out)
			s.held = in[i:]
			return ""
		case isDropped:
			s.emit(in[from:i], out)
			i += n
			from = i
			if s.toText(out); s.state == atStart {
				s.cut = true
				return in[from:]
			}
		case isOther:
			return in[i+n:]
		}
	}
	s.emit(in[from:], out)
	return ""
}

// decision is what becomes of the text at a place where a mark may begin.
type decision uint8

const (
	isText    decision = iota // it stays
	isHeld                    // it is not known yet
	isDropped                 // it is left out
	isOther                   // another state goes on behind it; what stood before it has been given out
)

// judge decides on the beginning of s, and returns of how many bytes. before is the text that has
// not been given out yet.
func (s *splitter) judge(in string, out *split, before string) (decision, int) {
	tok, more := s.tokenAt(in)
	if more {
		return isHeld, 0
	}
	s.flood = s.flood && (tok.kind == tokenAtEnd || tok.kind == tokenTurnEnd)
	switch {
	case s.wrapped != "" && strings.HasPrefix(in, s.wrapped) && !s.inCode(in):
		return isDropped, len(s.wrapped)
	case s.wrapped != "" && !s.last && strings.HasPrefix(s.wrapped, in):
		return isHeld, 0
	case tok.kind == tokenNone:
		if s.last && trigger(in[0]) && cutToken(in, s.whole) && !s.inCode(in) {
			return isDropped, len(in)
		}
		if in[0] == '<' && beginsElement(in) {
			s.stray = false
			s.literal++ // so is its end mark
		}
		if strings.HasPrefix(in, strike) && s.code.span == 0 && !s.code.fenced() {
			rest := in[len(strike):]
			if rest == "" && !s.last {
				return isHeld, 0
			}
			// A sentence goes on behind the name of the token, and text behind the element's.
			s.struck = s.struck || rest != "" && strings.IndexByte(" .,;:!?)\n", rest[0]) < 0
		}
		return isText, 1
	case s.code.fenced():
		// A fence that is not closed: the end of the answer is no code.
		if tok.kind == tokenTurnEnd || tok.kind == tokenAtEnd {
			return s.atEnd(in, tok)
		}
		return isText, tok.n
	case s.code.span > 0:
		inside, known := spanned(s.code, in[:min(len(in), mostHeld)])
		far := len(in) >= mostHeld
		if !known && !s.last && !far {
			return isHeld, 0
		}
		if inside || !known && far {
			return isText, tok.n
		}
		s.code.span = 0
	}
	return s.mean(in, tok, out, before)
}

// tokenAt returns the structural token at the start of in.
func (s *splitter) tokenAt(in string) (tok token, more bool) {
	if bareTrigger(in[0]) {
		return bareAt(in, s.last, s.code.head(), false)
	}
	return tokenAt(in, s.last)
}

// beginsElement reports whether in begins an element of a document that has the name of a mark of
// thoughts, and attributes.
func beginsElement(in string) bool {
	for m := range thinkMarks {
		if tag, ok := strings.CutSuffix(m.begin, ">"); ok && strings.HasPrefix(in, tag+" ") {
			return true
		}
	}
	return false
}

// inCode reports whether the text at in is code; nothing follows in.
func (s *splitter) inCode(in string) bool {
	if s.code.span > 0 {
		is, _ := spanned(s.code, in[:min(len(in), mostHeld)])
		return is
	}
	return s.code.fenced()
}

// mean decides on a structural token outside of code.
func (s *splitter) mean(in string, tok token, out *split, before string) (decision, int) {
	n := tok.n
	if tok.head && !s.code.head() {
		return isText, n
	}
	switch tok.kind {
	case tokenThought:
		return s.strayEnd(tok, out, before)
	case tokenThink:
		about, more := false, false
		if tok.mark.special && s.code.mid {
			about, more = prose(in[n:], s.last)
		}
		switch {
		case more:
			return isHeld, 0
		case in[n:] == "" && !s.last && s.anew("\n", out.text+before): // what follows decides
			return isHeld, 0
		case s.anew(in[n:], out.text+before): // the server did not go on: it begins the answer anew
		case about, !tok.mark.special && !s.code.head(), tok.mark.word && s.mark != tok.mark:
			s.stray = false
			s.literal++
			return isText, n
		}
		s.stray = false
		s.emit(before, out)
		s.state, s.mark = inThought, tok.mark
		return isOther, n
	case tokenAtEnd:
		return s.atEnd(in, tok)
	case tokenHead:
		head, more := roleHead(in[n:], s.last)
		switch {
		case more:
			return isHeld, 0
		case !isOthers(in[n : n+head]):
			s.to = recipient(in[n : n+head])
			return isDropped, n + head
		case s.code.mid && head > 0: // a turn begins behind another one, and not in a sentence
			return isDropped, n + len(strings.TrimRight(in[n:n+head], "\n"))
		}
		n += head
		fallthrough
	case tokenOther:
		if tok.kind == tokenOther {
			about, more := false, false
			switch rest := in[n:]; {
			case s.code.mid:
				about, more = prose(rest, s.last)
			case rest == "" || rest[0] == ' ': // a turn begins otherwise
				about, more = sentence(rest, s.last)
			}
			switch {
			case more:
				return isHeld, 0
			case about:
				return isDropped, n
			}
		}
		s.emit(before, out)
		s.state, s.call = inCall, toolCall{raw: true, others: true} // it ends as a call does
		return isOther, n
	case tokenChannel:
		head, isCall, more := channelHead(in[n:], s.last)
		switch {
		case more:
			return isHeld, 0
		case !isCall:
			return isDropped, n + head
		}
		s.emit(before, out)
		to := recipient(in[n : n+head])
		if to == "" {
			to = s.to
		}
		s.begin(toolCall{raw: true, to: to})
		return isOther, n + head
	case tokenCall:
		c, more := callAt(in[n:], tok, s.code.mid, s.last)
		switch {
		case more:
			return isHeld, 0
		case c == nil:
			return s.noCall(in, tok)
		}
		s.emit(before, out)
		c.to = recipient(in[:n])
		s.begin(*c)
		return isOther, n
	case tokenDrop:
		if d, known := s.aboutTag(in, tok); known {
			return d, n
		}
	}
	if tok.kind == tokenTurnEnd {
		if !tok.sure && s.code.mid { // or the sentence is about it: behind a real one a turn begins
			switch about, more := prose(in[n:], s.last); {
			case more:
				return isHeld, 0
			case about:
				return isText, n
			}
		}
		s.code = code{}
	}
	if tok.name == loneHead {
		s.emit(before, out)
		s.called = true
		s.endCall(out)
		return isOther, n
	}
	return isDropped, n
}

func (s *splitter) begin(c toolCall) {
	s.state, s.call, s.called = inCall, c, true
}

// anew reports whether the thoughts that begin before rest begin an answer, in place of going on with
// one: nothing came before them, and they have a line of their own.
func (s *splitter) anew(rest, before string) bool {
	return s.goesOn && !s.wrote && strings.TrimSpace(before) == "" && strings.HasPrefix(rest, "\n")
}

// strayEnd decides on an end mark in the answer.
func (s *splitter) strayEnd(tok token, out *split, before string) (decision, int) {
	switch {
	case tok.mark.word && (s.literal == 0 && !s.code.head()):
		return isText, tok.n // no chat template opens these
	case s.stray: // what came before it was reasoning
		out.retract = out.retract || s.wrote
		out.reasoning += out.text + before
		out.text, s.wrote = "", false
		s.learned = s.learned || tok.mark.end != bareEnd
		s.stray, s.state, s.cut, s.code = false, atStart, true, code{}
		s.found = nil // calls in thoughts
		return isOther, tok.n
	case s.literal > 0 && tok.mark.end != bareEnd:
		s.literal--
		return isText, tok.n
	}
	return isDropped, tok.n
}

// plain reports whether nothing in the answer was reasoning.
func (s *splitter) plain() bool { return s.wrote && s.stray }

// flush returns what was held back. whole: the model ended by itself.
func (s *splitter) flush(whole bool) split {
	held := s.held
	s.held, s.last, s.whole = "", true, whole
	switch {
	case s.state == inThought && s.maybe && whole:
		if s.state = inText; s.opened { // there may be marks at its beginning
			s.state, s.unlearned = atStart, true
		}
		s.opened, s.maybe = false, false
		return s.finish(s.kept.String() + held)
	case s.state == inThought:
		return split{reasoning: held}
	case !whole && s.state == atStart && len(strings.TrimSpace(held)) > 2 && !strings.HasPrefix(strings.TrimSpace(held), strike):
		return split{reasoning: held} // the beginning of a mark, and then the stream broke
	}
	return s.finish(held)
}

// finish feeds the last piece. A call whose end token is missing ends here.
func (s *splitter) finish(held string) split {
	out := s.feed(held)
	if s.keep && s.state == inCall && !s.call.others {
		s.keepCall(s.call.to)
	}
	return out
}
