package llm

import "strings"

// atEnd decides on a token that is left out only where nothing but its like follows it. A sentence
// that ends in such a token's name, without a full stop, loses it: some servers write a space
// before a leaked token, so the two look alike, and leaked ones are more.
func (s *splitter) atEnd(in string, tok token) (decision, int) {
	if s.flood {
		return isText, tok.n
	}
	if s.struck && tok.name == "/s" {
		s.struck = false
		return isText, tok.n
	}
	for rest := in[tok.n:]; ; {
		if len(in)-len(rest) > mostAtEnd { // a look at each would cost the square of their number
			s.flood = true
			return isText, tok.n
		}
		rest = strings.TrimLeft(rest, " \t\r\n")
		if rest == "" {
			if s.last {
				return isDropped, len(in)
			}
			break
		}
		next, more := tokenAt(rest, s.last)
		if more {
			break
		}
		if next.kind != tokenAtEnd && next.kind != tokenTurnEnd {
			return isText, tok.n
		}
		rest = rest[next.n:]
	}
	if len(in) > mostHeld { // white space behind them
		return isText, tok.n
	}
	return isHeld, 0
}
