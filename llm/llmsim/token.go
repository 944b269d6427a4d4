package llmsim

import (
	"hash/fnv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The tokenizer cuts text as byte-pair tokenizers do on average, into about four characters a token
// in English. A word of at most pieceRunes runes is one token with the space before it; longer
// words are several. Digits go in threes, other signs alone, line ends by themselves. Joining the
// tokens of a text gives the text.
const (
	pieceRunes = 7
	digitRunes = 3
)

type class uint8

const (
	classOther class = iota
	classLetter
	classDigit
	classSpace
	classLine
)

func classOf(r rune) class {
	switch {
	case r == '\n':
		return classLine
	case r == ' ' || r == '\t':
		return classSpace
	case unicode.IsLetter(r) || unicode.IsMark(r):
		return classLetter
	case unicode.IsDigit(r):
		return classDigit
	}
	return classOther
}

// Tokens cuts s into the tokens of the simulated model.
func Tokens(s string) []string {
	var out []string
	for s != "" {
		n := tokenLen(s)
		out = append(out, s[:n])
		s = s[n:]
	}
	return out
}

// CountTokens returns len(Tokens(s)) without the slice.
func CountTokens(s string) int {
	n := 0
	for s != "" {
		s = s[tokenLen(s):]
		n++
	}
	return n
}

// tokenLen returns the length in bytes of the first token of s, at least 1 for a non-empty s.
func tokenLen(s string) int {
	n := 0
	if strings.HasPrefix(s, " ") { // one space belongs to the word after it
		n = 1
		if n == len(s) {
			return n
		}
		if next, _ := utf8.DecodeRuneInString(s[1:]); classOf(next) == classSpace || classOf(next) == classLine {
			return run(s, 0, classSpace, 16)
		}
	}
	r, size := utf8.DecodeRuneInString(s[n:])
	switch c := classOf(r); c {
	case classLetter:
		return run(s, n, c, pieceRunes)
	case classDigit:
		return run(s, n, c, digitRunes)
	case classSpace:
		return run(s, n, c, 16)
	case classLine:
		return run(s, n, c, 2)
	default:
		// Runs of signs are one token in practice.
		if r == '-' || r == '=' || r == '`' || r == '#' || r == '*' || r == '|' || r == '/' {
			end := n + size
			for end < len(s) && s[end] == byte(r) && end-n < 16 {
				end++
			}
			return end
		}
		return n + size
	}
}

// run returns the end of the run of class c that starts at from, of at most limit runes.
func run(s string, from int, c class, limit int) int {
	end := from
	for range limit {
		r, size := utf8.DecodeRuneInString(s[end:])
		if size == 0 || classOf(r) != c {
			break
		}
		end += size
	}
	return end
}

// ragged cuts s into pieces of 1 to 5 runes, whatever they mean; the same s gives the same pieces.
func ragged(s string) []string {
	var out []string
	for i := 0; s != ""; i++ {
		n := 0
		for range 1 + (i*7+len(s))%5 {
			_, size := utf8.DecodeRuneInString(s[n:])
			n += size
		}
		out = append(out, s[:n])
		s = s[n:]
	}
	return out
}

// promptTokens renders a chat as a ChatML template does and cuts it into tokens. Earlier turns give
// the same tokens when later ones are added, so that the prefix cache works. With open, the last
// message is not closed.
func promptTokens(ms []Message, generation, open bool) []string {
	var out []string
	for i, m := range ms {
		out = append(out, "<|im_start|>")
		out = append(out, Tokens(m.Role)...)
		if m.Name != "" {
			out = append(out, Tokens(" name="+m.Name)...)
		}
		out = append(out, "\n")
		out = append(out, Tokens(m.Content)...)
		for _, call := range m.Calls {
			out = append(out, Tokens("\n"+call.Name+" "+call.Arguments)...)
		}
		if open && i == len(ms)-1 {
			return out
		}
		out = append(out, "<|im_end|>", "\n")
	}
	if generation {
		out = append(out, "<|im_start|>", "assistant", "\n")
	}
	return out
}

const (
	vocabulary = 151936 // Qwen's
	blockSize  = 16     // tokens of a block of the prefix cache, vLLM's default on GPUs
	kvBlocks   = 1 << 16
)

// tokenID gives a token a number. Two tokens may share one.
func tokenID(tok string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(tok))
	return int(h.Sum32() % vocabulary)
}

// cacheLocked looks a prompt up in the prefix cache and adds it. It returns how many leading tokens
// lay in full known blocks. The last token is always computed, as in vLLM.
func (s *Server) cacheLocked(tokens []string) int {
	h := fnv.New64a()
	hit, known := 0, true
	for i := 0; i+blockSize <= len(tokens); i += blockSize {
		for _, t := range tokens[i : i+blockSize] {
			_, _ = h.Write([]byte(t))
			_, _ = h.Write([]byte{0})
		}
		key := h.Sum64()
		_, ok := s.blocks[key]
		if known = known && ok; known && i+blockSize < len(tokens) {
			hit += blockSize
		}
		if len(s.blocks) >= kvBlocks {
			clear(s.blocks) // full: start over; vLLM evicts the oldest
		}
		s.blocks[key] = struct{}{}
	}
	return hit
}
