package llm

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
)

// scansJPEG is a progressive JPEG of one component whose scans say that nothing changes: some ten bytes for all of its blocks.
func scansJPEG(side uint16, scans int) []byte {
	b := []byte{0xFF, 0xD8, 0xFF, 0xC2, 0, 11, 8}
	b = binary.BigEndian.AppendUint16(b, side)
	b = binary.BigEndian.AppendUint16(b, side)
	b = append(b, 1, 1, 0x11, 0)
	b = append(b, 0xFF, 0xDB, 0, 67, 0)
	b = append(b, bytes.Repeat([]byte{1}, 64)...)
	// One code, of one bit: no coefficients in 2^14 and more blocks.
	b = append(b, 0xFF, 0xC4, 0, 20, 0x10, 1)
	b = append(b, make([]byte, 15)...)
	b = append(b, 0xE0)
	blocks := int(side+7) / 8 * (int(side+7) / 8)
	var body []byte
	acc, n := uint(0), 0
	for ; blocks > 0; blocks -= 1<<15 - 1 {
		acc, n = acc<<15|1<<14-1, n+15
		for ; n >= 8; n -= 8 {
			c := byte(acc >> (n - 8))
			if body = append(body, c); c == 0xFF {
				body = append(body, 0)
			}
		}
		acc &= 1<<n - 1
	}
	body = append(body, byte(acc<<(8-n)), 0)
	for range scans {
		b = append(b, 0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 0x3F, 0x10)
		b = append(b, body...)
	}
	return append(b, 0xFF, 0xD9)
}

// emptyPNG is a PNG whose pixels are all zero.
func emptyPNG(side uint32, depth, kind, interlace byte, bytesPerPixel int) []byte {
	b := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(name string, data []byte) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
		at := len(b)
		b = append(append(b, name...), data...)
		b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[at:]))
	}
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, side), side)
	chunk("IHDR", append(head, depth, kind, 0, 0, interlace))
	if kind == 3 {
		chunk("PLTE", []byte{1, 2, 3})
	}
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	row := make([]byte, 1+int(side)*bytesPerPixel)
	for range side {
		if bytesPerPixel == 0 {
			break // the header is all that is wanted
		}
		if _, err := w.Write(row); err != nil {
			panic(err)
		}
	}
	if interlace != 0 && bytesPerPixel > 0 { // some rows more: the passes have filter bytes of their own
		for range side {
			if _, err := w.Write(make([]byte, 1)); err != nil {
				panic(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	chunk("IDAT", z.Bytes())
	chunk("IEND", nil)
	return b
}

// noiseWebP is a lossy WebP whose data are noise, and all of it is read before the first pixel is decoded.
func noiseWebP(side int, noise []byte) []byte {
	const first = 1<<19 - 1
	frame := []byte{first << 5 & 0xE0, first >> 3 & 0xFF, first >> 11 & 0xFF, 0x9D, 1, 0x2A, byte(side), byte(side >> 8), byte(side), byte(side >> 8)}
	frame[0] |= 1 << 4 // it is shown
	modes := bytes.Clone(noise[:first])
	clear(modes[:8]) // no segments, one partition
	frame = append(append(frame, modes...), noise...)
	b := []byte("RIFF")
	b = binary.LittleEndian.AppendUint32(b, uint32(len(frame)+12))
	b = append(b, "WEBPVP8 "...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(frame)))
	return append(b, frame...)
}
