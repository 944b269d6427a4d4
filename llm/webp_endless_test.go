package llm

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"
)

// webpOf is a WebP of these chunks.
func webpOf(chunks ...[]byte) []byte {
	all := bytes.Join(chunks, nil)
	b := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(all)+4))
	return append(append(b, "WEBP"...), all...)
}

func webpChunk(name string, body ...byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(name), uint32(len(body)))
	if b = append(b, body...); len(body)%2 == 1 {
		b = append(b, 0)
	}
	return b
}

// canvas is a VP8X, with an alpha channel or not.
func canvas(w, h int, flags byte) []byte {
	w, h = w-1, h-1
	return webpChunk("VP8X", flags, 0, 0, 0, byte(w), byte(w>>8), byte(w>>16), byte(h), byte(h>>8), byte(h>>16))
}

// freePixels begins a picture with a transform whose trees have one symbol each: its pixels take no bits.
func freePixels() []byte { return free(false) }

// freePicture is such a picture up to its end: all its trees have one symbol.
func freePicture() []byte { return free(true) }

func free(whole bool) []byte {
	var w bitWriter
	w.put(1, 1)
	w.put(0, 2)
	w.put(0, 3)
	w.put(0, 1)
	for range 5 {
		w.put(1, 4)
	}
	if whole {
		w.put(0, 3) // no more transforms, no cache, no groups
		for range 5 {
			w.put(1, 4)
		}
	}
	return w.out
}

const alphaFlag = 1 << 4

// endlessWebP are files whose tables would be read for very long. No decoder takes them.
func endlessWebP() map[string][]byte {
	alpha := webpChunk("ALPH", append([]byte{1}, freePixels()...)...)
	many := [][]byte{canvas(2800, 2800, alphaFlag)}
	ended := webpChunk("ALPH", append([]byte{1}, freePicture()...)...)
	for size := 0; size < 20<<20; size += len(ended) {
		many = append(many, ended)
	}
	huge := append([]byte{0x2f, 0xff, 0xff, 0xff, 0x0f}, freePixels()...) // 16,384 by 16,384
	return map[string][]byte{
		"a second canvas":         webpOf(canvas(16, 16, alphaFlag), canvas(1<<24, 1<<24, 0), alpha),
		"a second, smaller one":   webpOf(canvas(16, 16, alphaFlag), canvas(8, 8, alphaFlag), alpha),
		"alpha many times":        webpOf(many...),
		"lossless of other size":  webpOf(canvas(16, 16, alphaFlag), webpChunk("VP8L", huge...)),
		"the same without alpha":  webpOf(canvas(16, 16, 0), webpChunk("VP8L", huge...)),
		"alpha of a long strip":   webpOf(canvas(1<<15, 16, alphaFlag), alpha),
		"alpha, and then too big": webpOf(canvas(16, 16, alphaFlag), alpha, webpChunk("VP8L", huge...)),
	}
}

// TestEndlessWebP: a file of some bytes does not keep the reading of its tables busy, by claiming more pixels where its decoder refuses it.
func TestEndlessWebP(t *testing.T) {
	for name, data := range endlessWebP() {
		began := time.Now()
		if _, err := NewPictures().Picture(t.Context(), "image/webp", data, nil); !errors.Is(err, errDamaged) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(began); took > patienceForDecoders {
			t.Errorf("%s: %d bytes took %v", name, len(data), took)
		}
	}
}

// TestTablesEndWithContext: whatever a file claims, the reading of its tables ends with its context.
func TestTablesEndWithContext(t *testing.T) {
	gone := errors.New("stopped")
	ctx, stop := context.WithCancelCause(t.Context())
	stop(gone)
	for name, data := range map[string][]byte{
		"pixels":       webpOf(canvas(2800, 2800, alphaFlag), webpChunk("ALPH", append([]byte{1}, freePixels()...)...)),
		"groups":       groupsWebP(204, 2600, true, false),
		"one group":    groupsWebP(8, 1, true, false),
		"alpha groups": groupsWebP(204, 600, true, true),
	} {
		if _, err := losslessTables(ctx, data); !errors.Is(err, gone) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBehindLossy: nothing that stands behind the lossy data of a WebP is read, as its decoder does not.
func TestBehindLossy(t *testing.T) {
	huge := append([]byte{0x2f, 0xff, 0xff, 0xff, 0x0f}, freePixels()...)
	data := webpOf(canvas(64, 64, 0), webpChunk("VP8 ", noiseWebP(64, make([]byte, 1<<20))[20:]...), webpChunk("VP8L", huge...))
	if _, err := NewPictures().Picture(t.Context(), "image/webp", data, nil); err != nil {
		t.Error(err)
	}
}
