package term

import (
	"bytes"
	"iter"
)

// Bracketed paste: the terminal marks what is pasted, so that its lines are not taken for typed
// ones. A mark may come in two reads.
const (
	pasteOn   = "\x1b[?2004h"
	pasteOff  = "\x1b[?2004l"
	pasteMark = "\x1b[200~"
	pasteEnds = "\x1b[201~"
)

// during keeps keys for later, and reports whether one of them was Ctrl-C. What was typed before
// that stays, and is not asked: it stands at the next prompt. A Ctrl-C in a paste is a part of it,
// unless it comes alone: then the paste has no end.
func (k *keyboard) during(got keys) (stop bool) {
	k.took(got)
	if bytes.Equal(got.bytes, []byte{keyCtrlC}) {
		k.endPaste()
	}
	var kept []byte
	for piece, pasted := range pieces(append(k.ahead, got.bytes...)) {
		if i := bytes.LastIndexByte(piece, keyCtrlC); i >= 0 && !pasted {
			stop = true
			kept = unsent(append(kept, bytes.ReplaceAll(piece[:i], []byte{keyCtrlC}, nil)...))
			piece = piece[i+1:]
		}
		kept = append(kept, piece...)
	}
	k.ahead = nil
	k.keep(kept)
	return stop
}

// keep keeps keys for later, as many as there is room for. Of a paste that finds no room it keeps the
// marks: else Enter would not ask behind it.
func (k *keyboard) keep(b []byte) {
	all := append(k.ahead, b...)
	k.ahead = all
	if len(all) <= mostTyped {
		return
	}
	k.lost = true
	room := mostTyped
	if i := bytes.LastIndexByte(all[:room], 0x1b); i >= 0 && room-i < len(pasteMark) {
		room = i // this may be half a mark
	}
	k.ahead = bytes.Clone(all[:room])
	rest := all[room:]
	if was, is := inPaste(all[:room]), inPaste(all); is && !was {
		k.ahead = append(k.ahead, pasteMark...)
	} else if was && !is {
		k.ahead = append(k.ahead, pasteEnds...)
	}
	k.ahead = append(k.ahead, rest[len(rest)-halfMark(rest):]...)
}

// endPaste ends a paste whose end does not come.
func (k *keyboard) endPaste() {
	if inPaste(k.ahead) {
		k.ahead = append(k.ahead, pasteEnds...)
	}
}

// inPaste reports whether b ends within a paste.
func inPaste(b []byte) bool {
	return bytes.LastIndex(b, []byte(pasteMark)) > bytes.LastIndex(b, []byte(pasteEnds))
}

// halfMark returns the length of the end of b that may be the beginning of a mark; a single Esc is
// a key.
func halfMark(b []byte) int {
	for n := len(pasteMark) - 1; n > 1; n-- {
		if bytes.HasSuffix(b, []byte(pasteMark[:n])) || bytes.HasSuffix(b, []byte(pasteEnds[:n])) {
			return n
		}
	}
	return 0
}

// pieces splits keys into what was typed and what was pasted; a paste has its marks with it.
func pieces(b []byte) iter.Seq2[[]byte, bool] {
	return func(yield func(piece []byte, pasted bool) bool) {
		for len(b) > 0 {
			end := bytes.Index(b, []byte(pasteMark))
			pasted := end == 0
			if end <= 0 {
				end = len(b)
			}
			if i := bytes.Index(b, []byte(pasteEnds)); pasted && i >= 0 {
				end = i + len(pasteEnds)
			}
			if !yield(b[:end:end], pasted) {
				return
			}
			b = b[end:]
		}
	}
}

// unsent returns keys in which each Enter begins a new line in place of asking. Those at the end
// are left out.
func unsent(b []byte) []byte {
	const altEnter = "\x1b\r"
	var out []byte
	for piece, pasted := range pieces(b) {
		if pasted {
			out = append(out, piece...)
			continue
		}
		piece = bytes.ReplaceAll(piece, []byte("\r\n"), []byte("\r"))
		for i, c := range piece {
			switch {
			case c != '\r' && c != '\n':
				out = append(out, c)
			case i > 0 && piece[i-1] == altEnter[0]: // it is one already
				out = append(out, altEnter[1])
			default:
				out = append(out, altEnter...)
			}
		}
	}
	for bytes.HasSuffix(out, []byte(altEnter)) {
		out = out[:len(out)-len(altEnter)]
	}
	return out
}
