package llm

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"iter"

	"golang.org/x/image/draw"
)

// upright is the orientation of a picture whose pixels are stored as they are looked at.
const upright = 1

// mostExif is how many bytes of a picture's Exif data are looked at. A JPEG has no more in one
// segment; other formats may claim any size.
const mostExif = 1 << 16

// orientation returns how a picture has to be turned: 1 (not at all) to 8, as Exif counts them
// (CIPA DC-008, tag 0x0112). Telephones store pictures as the sensor lies, and write there which
// side is up. It returns 1 for data that has no such tag, or that it cannot read.
func orientation(mime string, data []byte) int {
	var found iter.Seq[[]byte]
	switch mime {
	case "image/jpeg":
		found = exifOfJPEG(data)
	case "image/png":
		found = chunks(data, 8, "eXIf", 4, binary.BigEndian)
	case "image/webp":
		found = chunks(data, 12, "EXIF", 0, binary.LittleEndian)
	default:
		return upright
	}
	for exif := range found {
		exif = bytes.TrimPrefix(exif, []byte("Exif\x00\x00"))
		if o := orientationOf(exif[:min(len(exif), mostExif)]); o != 0 {
			return o
		}
	}
	return upright
}

// orientationOf reads the orientation from Exif data, which is written as a small TIFF: a header,
// and directories of entries, the first of which describes the picture. It returns 0 if there is
// none.
func orientationOf(tiff []byte) int {
	const (
		head, entry = 8, 12 // bytes
		tag         = 0x0112
		short, long = 3, 4
	)
	var order binary.ByteOrder
	switch {
	case len(tiff) < head:
		return 0
	case string(tiff[:4]) == "II*\x00":
		order = binary.LittleEndian
	case string(tiff[:4]) == "MM\x00*":
		order = binary.BigEndian
	default:
		return 0
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 0
	}
	entries := tiff[at+2:]
	for n := order.Uint16(tiff[at:]); n > 0 && len(entries) >= entry; n-- {
		e := entries[:entry]
		entries = entries[entry:]
		if order.Uint16(e) != tag || order.Uint32(e[4:]) != 1 {
			continue
		}
		value := uint32(0)
		switch order.Uint16(e[2:]) {
		case short:
			value = uint32(order.Uint16(e[8:]))
		case long:
			value = order.Uint32(e[8:])
		}
		if value >= 1 && value <= 8 {
			return int(value)
		}
	}
	return 0
}

// exifOfJPEG returns the Exif segments that come before the picture.
func exifOfJPEG(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		const app1 = 0xE1
		for marker, body := range segments(data) {
			if marker == app1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")) && !yield(body) {
				return
			}
		}
	}
}

// chunks returns the chunks of one kind in a PNG or a RIFF file, which begin at a place. trailer is
// how many bytes follow each chunk. The name comes first in RIFF, and the length in PNG.
func chunks(data []byte, at int, kind string, trailer int64, order binary.ByteOrder) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		const head = 8
		rest := data[min(at, len(data)):]
		for len(rest) >= head {
			name, size := string(rest[:4]), int64(order.Uint32(rest[4:]))
			if order == binary.ByteOrder(binary.BigEndian) {
				name, size = string(rest[4:8]), int64(order.Uint32(rest))
			} else {
				trailer = size & 1 // RIFF pads to an even length
			}
			rest = rest[head:]
			if size > int64(len(rest)) {
				return
			}
			if name == kind && !yield(rest[:size]) {
				return
			}
			rest = rest[min(size+trailer, int64(len(rest))):]
		}
	}
}

// turned returns a picture as it is to be looked at, from one that is stored with an orientation.
// It needs four bytes a pixel, twice, so the picture is made small before.
func turned(ctx context.Context, img image.Image, orientation int) (image.Image, error) {
	if orientation == upright {
		return img, nil
	}
	from, ok := img.(*image.RGBA)
	if !ok || from.Rect.Min != (image.Point{}) {
		from = image.NewRGBA(image.Rectangle{Max: img.Bounds().Size()})
		draw.Draw(from, from.Rect, img, img.Bounds().Min, draw.Src)
	}
	w, h := from.Rect.Dx(), from.Rect.Dy()
	to := image.NewRGBA(from.Rect)
	if orientation >= 5 { // it lies on its side
		to = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	for y := range to.Rect.Dy() {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("turn it: %w", err)
		}
		for x := range to.Rect.Dx() {
			at := stored(orientation, x, y, w, h)
			copy(to.Pix[to.PixOffset(x, y):][:4], from.Pix[from.PixOffset(at.X, at.Y):][:4])
		}
	}
	return to, nil
}

// stored returns where the pixel that is seen at x, y is stored, in a picture that is stored w
// pixels wide and h high.
func stored(orientation, x, y, w, h int) image.Point {
	right, low := w-1, h-1
	switch orientation {
	case 2:
		return image.Pt(right-x, y)
	case 3:
		return image.Pt(right-x, low-y)
	case 4:
		return image.Pt(x, low-y)
	case 5:
		return image.Pt(y, x)
	case 6:
		return image.Pt(y, low-x)
	case 7:
		return image.Pt(right-y, low-x)
	case 8:
		return image.Pt(right-y, x)
	}
	return image.Pt(x, y)
}
