package llm

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"iter"
)

// What a picture may cost. The figures are the project's own.
const (
	// mostUnpacked bounds the bytes that a decoder allocates: 44 megapixels of a photo (JPEG), 16 of a
	// screenshot (PNG).
	mostUnpacked = 64 << 20
	// mostSide bounds either side: a picture that is one pixel high cannot be scaled in proportion.
	mostSide = 1 << 15
	// mostScans bounds the scans of a JPEG, each of which goes over the whole picture. Programs write
	// up to ten or so.
	mostScans = 50
)

// perPixel returns how many bytes Go's decoders take for a pixel of a colour model.
func perPixel(m color.Model) int64 {
	switch m {
	case color.GrayModel, color.AlphaModel:
		return 1
	case color.Gray16Model:
		return 2
	case color.RGBA64Model, color.NRGBA64Model:
		return 8
	case color.RGBAModel, color.NRGBAModel, color.CMYKModel, color.YCbCrModel, color.NYCbCrAModel:
		return 4
	}
	if _, ok := m.(color.Palette); ok {
		return 1
	}
	return 8
}

func pixels(cfg image.Config) int64 { return int64(cfg.Width) * int64(cfg.Height) }

// unpackedPNG returns the cost of a PNG. An interlaced one is held twice: whole, and its passes.
func unpackedPNG(_ context.Context, data []byte, cfg image.Config) (int64, error) {
	const interlace = 28 // where it stands in the header, which comes first
	each := perPixel(cfg.ColorModel)
	// Grey with a transparent shade gets an alpha channel.
	if (each <= 2) && bytes.Contains(data, []byte("tRNS")) {
		each *= 4
	}
	if len(data) > interlace && data[interlace] != 0 {
		each *= 2
	}
	return each * pixels(cfg), nil
}

// unpackedGIF returns the cost of a GIF's first frame, of which an interlaced one is held twice.
func unpackedGIF(_ context.Context, _ []byte, cfg image.Config) (int64, error) {
	return 2 * pixels(cfg), nil
}

// unpackedWebP returns the cost of a WebP. A lossy one with an alpha channel, and a lossless one
// with a palette, take eight bytes a pixel, and lossless data have tables beside them. A file that
// claims to be longer than it is could make its decoder allocate all that it claims. It ends soon
// after ctx.
func unpackedWebP(ctx context.Context, data []byte, cfg image.Config) (int64, error) {
	if claimed := int64(binary.LittleEndian.Uint32(data[4:8])); claimed > int64(len(data)) {
		return 0, errors.New("it is cut")
	}
	if cfg.ColorModel == color.YCbCrModel && !bytes.Contains(data, []byte("VP8L")) {
		return lossyWebP * pixels(cfg), nil
	}
	n := losslessWebP * pixels(cfg)
	if n > mostUnpacked {
		return n, nil // its tables do not matter any more
	}
	tables, err := losslessTables(ctx, data)
	return n + tables, err
}

// Bytes a pixel. A lossy WebP takes two, but its decoder works for long on what it has read, and
// cannot be interrupted.
const (
	lossyWebP    = 4
	losslessWebP = 8
)

// unpackedJPEG returns the cost of a JPEG: its samples, in whole blocks. To that come the
// coefficients if it is progressive, which are four times as large, and what it is converted to if
// it is RGB or CMYK. It refuses a file with too many scans.
func unpackedJPEG(_ context.Context, data []byte, cfg image.Config) (int64, error) {
	if n := scans(data); n > mostScans {
		return 0, fmt.Errorf("%w: %d", ErrScans, n)
	}
	frame, progressive, err := jpegFrame(data)
	if err != nil {
		return 0, err
	}
	parts := frame[6:]
	// The first component has the most blocks.
	wide, high := int64(parts[1]>>4), int64(parts[1]&15)
	if len(parts) == 3 {
		wide, high = 1, 1
	}
	if wide == 0 || high == 0 {
		return 0, errors.New("it has no samples")
	}
	units := up(int64(cfg.Width), 8*wide) * up(int64(cfg.Height), 8*high)
	samples := int64(0)
	for ; len(parts) >= 3; parts = parts[3:] {
		blocks := int64(parts[1]>>4) * int64(parts[1]&15)
		if len(frame) == 9 {
			blocks = 1
		}
		samples += blocks * units * 64
	}
	cost := samples
	if progressive {
		cost += 4 * samples
	}
	if converted(data, frame) {
		cost += 4 * pixels(cfg)
	}
	return cost, nil
}

// up returns how many times by fits into n, rounded up.
func up(n, by int64) int64 { return (n + by - 1) / by }

// scans counts the scans of a JPEG. It finds all that its decoder takes: each begins with marker,
// length, and number of components. It also finds those of embedded previews, and one in a terabyte
// of noise.
func scans(data []byte) int {
	n := 0
	for i := bytes.Index(data, []byte{0xFF, 0xDA, 0}); i >= 0 && i+5 <= len(data); {
		if parts := data[i+4]; parts >= 1 && parts <= 4 && data[i+3] == 6+2*parts {
			n++
		}
		next := bytes.Index(data[i+2:], []byte{0xFF, 0xDA, 0})
		if next < 0 {
			break
		}
		i += 2 + next
	}
	return n
}

// converted reports whether a decoded JPEG may become a picture of four bytes a pixel: it has four
// components, or three that are RGB.
func converted(data, frame []byte) bool {
	if len(frame) >= 6+3*4 || len(frame) == 6+3*3 && frame[6] == 'R' && frame[9] == 'G' && frame[12] == 'B' {
		return true
	}
	// Adobe's segment says there of which kind the components are; 0: they are no YCbCr.
	const transform = 11
	adobe := []byte("Adobe")
	for i := bytes.Index(data, adobe); i >= 0; {
		if i+transform < len(data) && data[i+transform] == 0 {
			return true
		}
		next := bytes.Index(data[i+1:], adobe)
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return false
}

// jpegFrame finds the frame header as Go's decoder does.
func jpegFrame(data []byte) (frame []byte, progressive bool, err error) {
	const (
		sof0, sof1, sof2 = 0xC0, 0xC1, 0xC2
		shortest         = 9
	)
	for marker, body := range segments(data) {
		switch {
		case marker != sof0 && marker != sof1 && marker != sof2:
		case len(body) < shortest:
			return nil, false, errNoFrame
		default:
			return body, marker == sof2, nil
		}
	}
	return nil, false, errNoFrame
}

var errNoFrame = errors.New("it has no frame")

// segments returns the segments of a JPEG before its first scan, as Go's decoder finds them: it
// takes some noise between them.
func segments(data []byte) iter.Seq2[byte, []byte] {
	const (
		sos, eoi   = 0xDA, 0xD9
		rst0, rst7 = 0xD0, 0xD7
	)
	return func(yield func(byte, []byte) bool) {
		for i := 2; ; {
			for i < len(data) && data[i] != 0xFF {
				i++
			}
			for i < len(data) && data[i] == 0xFF {
				i++
			}
			if i+3 > len(data) {
				return
			}
			marker := data[i]
			i++
			if marker == 0 || marker >= rst0 && marker <= rst7 {
				continue
			}
			n := int(binary.BigEndian.Uint16(data[i:]))
			if marker == sos || marker == eoi || n < 2 || i+n > len(data) || !yield(marker, data[i+2:i+n]) {
				return
			}
			i += n
		}
	}
}
