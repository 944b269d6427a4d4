package llm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"testing"
)

// bitWriter writes bits, the lowest of each byte first.
type bitWriter struct {
	out []byte
	n   int
}

func (w *bitWriter) put(v, n int) {
	for i := range n {
		if w.n%8 == 0 {
			w.out = append(w.out, 0)
		}
		w.out[w.n/8] |= byte(v>>i&1) << (w.n % 8)
		w.n++
	}
}

// simple writes a tree of one symbol.
func (w *bitWriter) simple(symbol int) {
	w.put(1, 1)
	w.put(0, 1)
	w.put(1, 1)
	w.put(symbol, 8)
}

// full writes a tree in which each letter has a code, of the two lengths that fit, in few bits: nearly all lengths repeat the one before.
func (w *bitWriter) full(letters int) {
	bits := 1
	for 1<<bits < letters {
		bits++
	}
	short := 1<<bits - letters // codes of one bit less
	order := []int{17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	w.put(0, 1)
	w.put(len(order)-4, 4)
	two := short > 0
	for _, i := range order {
		n := 0
		switch {
		case i == 16:
			n = 1
		case i == bits && two, i == bits-1 && two:
			n = 2
		case i == bits:
			n = 1
		}
		w.put(n, 3)
	}
	// Codes by length, then by value, their first bit first.
	var lengths bitWriter
	written := 0
	write := func(n, length int) {
		for first := true; n > 0; first = false {
			written++
			if !first && n >= 3 {
				k := min(n, 6)
				lengths.put(map[bool]int{true: 0, false: 1}[two], 1)
				lengths.put(k-3, 2)
				n -= k
				continue
			}
			switch n--; {
			case !two:
				lengths.put(0, 1)
			case length == bits-1:
				lengths.put(1, 2)
			default:
				lengths.put(3, 2)
			}
		}
	}
	write(short, bits-1)
	write(letters-short, bits)
	w.put(1, 1) // so many lengths, the rest is zero
	w.put(5, 3)
	w.put(written-2, 12)
	for i := range lengths.n {
		w.put(int(lengths.out[i/8]>>(i%8)&1), 1)
	}
}

// groupsWebP is a lossless WebP of one colour with so many groups of Huffman tables, full ones or the least that there are.
func groupsWebP(side, groups int, full, alpha bool) []byte {
	const cacheBits, tileBits = 11, 2
	var w bitWriter
	w.put(0, 1) // no transform
	w.put(1, 1) // a cache
	w.put(cacheBits, 4)
	w.put(1, 1) // groups
	w.put(tileBits-2, 3)
	w.put(0, 1) // no cache in the picture of their numbers
	for range 2 {
		w.full(256)
	}
	w.simple(0)
	w.simple(0)
	w.simple(0)
	code := func(v int) { // eight bits each, the first bit first
		for i := 7; i >= 0; i-- {
			w.put(v>>i&1, 1)
		}
	}
	n := tiles(side, tileBits)
	for i := range n * n {
		group := i % groups
		code(group & 255)
		code(group >> 8)
	}
	for range groups {
		for i, letters := range []int{256 + 24 + 1<<cacheBits, 256, 256, 256, 40} {
			if full {
				w.full(letters)
			} else {
				w.simple(i)
			}
		}
	}
	w.put(0, 64) // and no pixels
	var body []byte
	name := "VP8L"
	if alpha {
		name = "ALPH"
		body = []byte{1}
	} else {
		s := side - 1
		body = []byte{0x2f, byte(s), byte(s>>8) | byte(s<<6), byte(s >> 2), byte(s >> 10)}
	}
	body = append(body, w.out...)
	if len(body)%2 == 1 {
		body = append(body, 0)
	}
	var chunks []byte
	if alpha {
		s := side - 1
		chunks = append(chunks, "VP8X\x0a\x00\x00\x00\x10\x00\x00\x00"...)
		chunks = append(chunks, byte(s), byte(s>>8), byte(s>>16), byte(s), byte(s>>8), byte(s>>16))
	}
	chunks = append(chunks, name...)
	chunks = binary.LittleEndian.AppendUint32(chunks, uint32(len(body)))
	chunks = append(chunks, body...)
	b := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(chunks)+4))
	return append(append(b, "WEBP"...), chunks...)
}

// allocated returns what a decoder allocates for a picture.
func allocated(f format, data []byte) (bytes_ int64, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = f.decode(bytes.NewReader(data))
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc), err
}

// TestTablesOfLossless holds what is said of the Huffman tables of a WebP to what the decoder allocates for them.
func TestTablesOfLossless(t *testing.T) {
	for _, tt := range []struct {
		side, groups int
		full, alpha  bool
		large        bool
	}{
		{side: 204, groups: 2600, full: true, large: true},
		{side: 204, groups: 2600, full: true, alpha: true, large: true},
		{side: 204, groups: 2600},
		{side: 120, groups: 400, full: true, alpha: true},
		{side: 204, groups: 600, full: true},
		{side: 64, groups: 200, full: true},
		{side: 8, groups: 1, full: true},
		{side: 900, groups: 30, full: true},
		{side: 16, groups: 14},
	} {
		data := groupsWebP(tt.side, tt.groups, tt.full, tt.alpha)
		f, err := pictureFormat(data)
		if err != nil {
			t.Fatal(err)
		}
		cfg, said, err := f.check(t.Context(), data)
		if errors.Is(err, ErrLargePicture) != tt.large || err != nil && !tt.large {
			t.Errorf("%+v, %d kB: %v", tt, len(data)>>10, err)
		}
		if tt.alpha {
			continue
		}
		took, err := allocated(f, data)
		t.Logf("%+v: %d kB of file took %d kB, and was judged to take %d (%v)", tt, len(data)>>10, took>>10, said>>10, err)
		if took > said+int64(len(data))+1<<19 {
			t.Errorf("%+v: %d kB of file took %d kB, and was judged to take %d (%v)", tt, len(data)>>10, took>>10, said>>10, err)
		}
		if said > took+took/6+8*pixels(cfg)+1<<17 {
			t.Errorf("%+v took %d kB, and was judged to take %d", tt, took>>10, said>>10)
		}
	}
}
