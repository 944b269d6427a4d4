package llm

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
)

// A lossless WebP may bring thousands of groups of Huffman tables, each for some tiles of the
// picture. A group takes 54 kB and more of a decoder's memory and 200 bytes of the file, or 2.7 kB
// and three bytes, whatever the size of the picture. How many there are, and how large, stands
// behind transforms and a small picture, which are compressed themselves. So this reads a file as
// golang.org/x/image does, but keeps nothing of it. The format: RFC 9649.

const (
	groupBytes = 5 * (24 + 4<<7) // of the decoder's five trees: a slice and a table each
	nodeBytes  = 8               // of a node in a tree
	workBytes  = 8               // for each letter of a tree's alphabet, while it is built
	mostGroups = 2600            // the decoder takes no more, nor do other programs write more
	mostAlpha  = 1 << 14         // pixels of a side: the decoder takes no compressed alpha with more
	betweenCtx = 4096            // pixels between two looks at the context
)

var errDamaged = errors.New("it is damaged")

// losslessTables returns what the Huffman tables of the lossless data in a WebP take in memory, in
// bytes; 0: it has none. It ends soon after ctx: a tree of one symbol takes no bits, so a few bytes
// can stand for as many pixels as their file claims. It refuses the chunks that its decoder refuses
// too: a second VP8X, an ALPH that no VP8X announces, and data of another size than the VP8X says.
func losslessTables(ctx context.Context, data []byte) (int64, error) {
	const header, chunkHeader, extended, alphaBit = 12, 8, 10, 1 << 4
	total, width, height := int64(0), 0, 0 // no width: there was no VP8X
	alpha := false                         // an ALPH is to come
	for at := header; at+chunkHeader <= len(data); {
		size := int(binary.LittleEndian.Uint32(data[at+4:]))
		body := data[at+chunkHeader:]
		body = body[:min(size, len(body))]
		r := tables{in: bits{r: bytes.NewReader(body)}}
		switch string(data[at : at+4]) {
		case "VP8X":
			if width > 0 || size != extended || len(body) < extended {
				return 0, errDamaged
			}
			alpha = body[0]&alphaBit != 0
			width = 1 + int(body[4]) + int(body[5])<<8 + int(body[6])<<16
			height = 1 + int(body[7]) + int(body[8])<<8 + int(body[9])<<16
		case "VP8 ": // the decoder reads nothing behind it
			return roomy(total), nil
		case "VP8L":
			r.in.take(8) // its mark
			w, h := 1+r.in.take(14), 1+r.in.take(14)
			r.in.take(4)
			if width > 0 && (w != width || h != height) {
				return 0, errDamaged
			}
			r.picture(ctx, w, h)
			return roomy(total + r.bytes), r.in.err
		case "ALPH": // has no header
			if !alpha {
				return 0, errDamaged
			}
			alpha = false
			if how := r.in.take(8); how&3 == 1 {
				if max(width, height) > mostAlpha {
					return 0, errDamaged
				}
				r.picture(ctx, width, height)
			}
			if total += r.bytes; r.in.err != nil {
				return roomy(total), r.in.err
			}
		}
		at += chunkHeader + size + size&1
	}
	return roomy(total), nil
}

// roomy returns how much memory Go takes for so many bytes: its pieces come in sizes, of which the
// next larger one is up to an eighth larger.
func roomy(bytes int64) int64 { return bytes + bytes/8 }

// bits reads bits, the lowest of each byte first. It remembers the first error, and reads zeros
// from then on.
type bits struct {
	r   io.ByteReader
	acc uint64
	n   int
	err error
}

func (b *bits) take(n int) int {
	for b.n < n && b.err == nil {
		c, err := b.r.ReadByte()
		if err != nil {
			b.err = errDamaged
		}
		b.acc |= uint64(c) << b.n
		b.n += 8
	}
	if b.err != nil {
		return 0
	}
	v := int(b.acc & (1<<n - 1))
	b.acc >>= n
	b.n -= n
	return v
}

func (b *bits) fail() {
	if b.err == nil {
		b.err = errDamaged
	}
}

// stop makes an error of the end of ctx.
func (b *bits) stop(ctx context.Context) {
	if b.err == nil && ctx.Err() != nil {
		b.err = context.Cause(ctx)
	}
}

// tables counts the bytes of the tables in one picture.
type tables struct {
	in    bits
	bytes int64
}

// picture reads the transforms and all tables of a picture.
func (t *tables) picture(ctx context.Context, w, h int) {
	for seen := 0; t.in.take(1) == 1; {
		kind := t.in.take(2)
		if seen&(1<<kind) != 0 {
			t.in.fail()
		}
		seen |= 1 << kind
		switch kind {
		case 0, 1: // they differ from tile to tile
			bits := 2 + t.in.take(3)
			t.pixels(ctx, tiles(w, bits), tiles(h, bits))
		case 3: // a palette
			colours := 1 + t.in.take(8)
			t.pixels(ctx, colours, 1)
			for _, packed := range [...]int{16, 4, 2} {
				if colours <= packed {
					w = tiles(w, 1)
				}
			}
		}
	}
	cache := t.cache()
	if t.in.take(1) == 0 {
		t.group(cache, true)
		return
	}
	bits := 2 + t.in.take(3)
	used := t.pixels(ctx, tiles(w, bits), tiles(h, bits))
	last := 0
	for i := range used {
		last = max(last, i)
	}
	if last >= mostGroups {
		t.in.fail()
	}
	few := last < 1000 && last < tiles(w, bits)*tiles(h, bits) // then it keeps those too that nothing uses
	for i := 0; i <= last && t.in.err == nil; i++ {
		t.in.stop(ctx)
		t.group(cache, few || used[i])
	}
}

// tiles returns how many tiles of so many bits there are in a length.
func tiles(n, bits int) int { return (n + 1<<bits - 1) >> bits }

// cache reads the size of the colour cache.
func (t *tables) cache() int {
	if t.in.take(1) == 0 {
		return 0
	}
	n := t.in.take(4)
	if n < 1 || n > 11 {
		t.in.fail()
		return 0
	}
	return 1 << n
}

// group reads the five trees of a group, which the decoder keeps or not.
func (t *tables) group(cache int, kept bool) (trees [5]tree) {
	for i, letters := range [...]int{256 + 24 + cache, 256, 256, 256, 40} {
		trees[i] = t.tree(letters, kept)
	}
	if kept {
		t.bytes += groupBytes
	}
	return trees
}

// pixels reads a picture within the picture. It returns the numbers of the groups that its pixels
// name, if that is what they are for: all of them are written once, and repeated from there.
func (t *tables) pixels(ctx context.Context, w, h int) map[int]bool {
	const literals, lengths = 256, 24
	cache := t.cache()
	trees := t.group(cache, true)
	used := map[int]bool{}
	for n, rounds := 0, 0; n < w*h && t.in.err == nil; n, rounds = n+1, rounds+1 {
		if rounds%betweenCtx == 0 {
			t.in.stop(ctx)
		}
		switch green := trees[0].next(&t.in); {
		case green < literals:
			red := trees[1].next(&t.in)
			trees[2].next(&t.in)
			trees[3].next(&t.in)
			used[red<<8|green] = true
		case green < literals+lengths:
			n += t.parameter(green-literals) - 1
			t.parameter(trees[4].next(&t.in))
		default:
			used[0] = true // of the cache, which begins empty
		}
	}
	return used
}

// parameter reads a length or a distance.
func (t *tables) parameter(symbol int) int {
	if symbol < 4 {
		return symbol + 1
	}
	extra := (symbol - 2) >> 1
	return (2+symbol&1)<<extra + t.in.take(extra) + 1
}

// tree is a Huffman tree: how many codes there are of each length, and what they stand for, in order.
type tree struct {
	count   [16]int
	symbols []int
}

// next reads a symbol.
func (t *tree) next(in *bits) int {
	if len(t.symbols) == 1 {
		return t.symbols[0]
	}
	code, first, index := 0, 0, 0
	for length := 1; length < len(t.count) && in.err == nil; length++ {
		code |= in.take(1)
		n := t.count[length]
		if code-first < n {
			return t.symbols[index+code-first]
		}
		index += n
		first = (first + n) << 1
		code <<= 1
	}
	in.fail()
	return 0
}

// grow makes a tree of the lengths of its codes.
func (t *tables) grow(lengths []int) (out tree) {
	for _, n := range lengths {
		if n > 0 {
			out.count[n]++
		}
	}
	for length := 1; length < len(out.count); length++ {
		for symbol, n := range lengths {
			if out.count[length] == 0 {
				break
			}
			if n == length {
				out.symbols = append(out.symbols, symbol)
			}
		}
	}
	if len(out.symbols) == 0 {
		t.in.fail()
	}
	return out
}

// tree reads a tree.
func (t *tables) tree(letters int, kept bool) tree {
	if t.in.take(1) == 1 { // one symbol or two
		n := 1 + t.in.take(1)
		out := tree{symbols: []int{t.in.take(1 + 7*t.in.take(1))}}
		if n == 2 {
			out.symbols = append(out.symbols, t.in.take(8))
			out.count[1] = 2
		}
		for _, symbol := range out.symbols {
			if symbol >= letters {
				t.in.fail()
			}
		}
		t.took(n, 0, kept)
		return out
	}
	order := [...]int{17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	n := 4 + t.in.take(4)
	if n > len(order) {
		t.in.fail()
		return tree{}
	}
	var lengths [len(order)]int
	for _, i := range order[:n] {
		lengths[i] = t.in.take(3)
	}
	out := t.grow(t.lengths(letters, t.grow(lengths[:])))
	t.took(len(out.symbols), letters, kept)
	return out
}

// took counts what the decoder takes for a tree.
func (t *tables) took(symbols, letters int, kept bool) {
	t.bytes += workBytes * int64(letters)
	if kept {
		t.bytes += nodeBytes * int64(max(2*symbols-1, 1))
	}
}

// lengths reads the lengths of a tree's codes, which are written with another tree.
func (t *tables) lengths(letters int, by tree) []int {
	const same, zeros, manyZeros = 16, 17, 18
	out := make([]int, 0, letters)
	written := letters
	if t.in.take(1) == 1 {
		n := 2 + 2*t.in.take(3)
		if written = 2 + t.in.take(n); written > letters {
			t.in.fail()
		}
	}
	last := 8
	for ; written > 0 && len(out) < letters && t.in.err == nil; written-- {
		n, length := 1, by.next(&t.in)
		switch length {
		case same:
			n, length = 3+t.in.take(2), last
		case zeros:
			n, length = 3+t.in.take(3), 0
		case manyZeros:
			n, length = 11+t.in.take(7), 0
		case 0:
		default:
			last = length
		}
		if len(out)+n > letters {
			t.in.fail()
			break
		}
		for range n {
			out = append(out, length)
		}
	}
	return out
}
