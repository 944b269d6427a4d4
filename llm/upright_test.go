package llm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"
	"time"
)

// exif returns Exif data whose first directory has an orientation, after an entry of another kind.
func exif(order binary.AppendByteOrder, value uint16) []byte {
	b := []byte("II*\x00")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		b = []byte("MM\x00*")
	}
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 2)
	for _, e := range [][2]uint16{{0x010F, 7}, {0x0112, value}} {
		b = order.AppendUint16(b, e[0])
		b = order.AppendUint16(b, 3)
		b = order.AppendUint32(b, 1)
		b = order.AppendUint16(b, e[1])
		b = order.AppendUint16(b, 0)
	}
	return order.AppendUint32(b, 0)
}

// inJPEG returns a JPEG with more segments behind its start: one of another program's, and Exif.
func inJPEG(picture, exif []byte) []byte {
	segment := func(body string) []byte {
		return append(binary.BigEndian.AppendUint16([]byte{0xFF, 0xE1}, uint16(len(body)+2)), body...)
	}
	out := append([]byte{0xFF, 0xD8}, segment("http://ns.adobe.com/xap/1.0/\x00<x/>")...)
	out = append(out, segment("Exif\x00\x00"+string(exif))...)
	return append(out, picture[2:]...)
}

// inPNG returns a PNG with Exif data behind its header.
func inPNG(picture, exif []byte) []byte {
	const header = 8 + 8 + 13 + 4
	chunk := append([]byte("eXIf"), exif...)
	out := binary.BigEndian.AppendUint32(bytes.Clone(picture[:header]), uint32(len(exif)))
	out = binary.BigEndian.AppendUint32(append(out, chunk...), crc32.ChecksumIEEE(chunk))
	return append(out, picture[header:]...)
}

// corners are the colours of a picture's corners: top left, top right, bottom left, bottom right.
func corners() [4]color.RGBA {
	return [4]color.RGBA{{255, 0, 0, 255}, {0, 255, 0, 255}, {0, 0, 255, 255}, {255, 255, 255, 255}}
}

// lying returns a picture of 2:1 whose corners are in an order.
func lying(wide, high int, order [4]int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, wide, high))
	for y := range high {
		for x := range wide {
			img.SetRGBA(x, y, corners()[order[2*(2*y/high)+2*x/wide]])
		}
	}
	return img
}

// TestPicturesAreUpright: whatever side of the sensor was up, the model gets a picture as people see
// it, large or small, and no tag is left by which a server would turn it again.
func TestPicturesAreUpright(t *testing.T) {
	seen := map[int][4]int{ // which corner is stored top left, top right, bottom left, bottom right
		1: {0, 1, 2, 3}, 2: {1, 0, 3, 2}, 3: {3, 2, 1, 0}, 4: {2, 3, 0, 1},
		5: {0, 2, 1, 3}, 6: {1, 3, 0, 2}, 7: {3, 1, 2, 0}, 8: {2, 0, 3, 1},
	}
	for o, order := range seen {
		for _, side := range []int{64, 1600, 3200} {
			if side > 2*pictureSide && o != 6 {
				continue
			}
			small := side <= pictureSide
			wide, high := side, side/2
			if o >= 5 {
				wide, high = high, wide
			}
			var jpg, pngs bytes.Buffer
			if err := jpeg.Encode(&jpg, lying(wide, high, order), &jpeg.Options{Quality: 95}); err != nil {
				t.Fatal(err)
			}
			files := map[string][]byte{"JPEG, low byte first": inJPEG(jpg.Bytes(), exif(binary.LittleEndian, uint16(o)))}
			if small { // the rest is the same for large ones
				if err := png.Encode(&pngs, lying(wide, high, order)); err != nil {
					t.Fatal(err)
				}
				files["JPEG, high byte first"] = inJPEG(jpg.Bytes(), exif(binary.BigEndian, uint16(o)))
				files["PNG"] = inPNG(pngs.Bytes(), exif(binary.BigEndian, uint16(o)))
			}
			for name, data := range files {
				what := fmt.Sprintf("%s, orientation %d, %d pixels", name, o, side)
				got, err := NewPictures().Picture(t.Context(), "", data, nil)
				if err != nil {
					t.Errorf("%s: %v", what, err)
					continue
				}
				img, _, err := image.Decode(bytes.NewReader(got.Data))
				if err != nil {
					t.Fatal(err)
				}
				b := img.Bounds()
				if b.Dx() != min(side, pictureSide) || b.Dy() != min(side, pictureSide)/2 {
					t.Errorf("%s: %v", what, b)
				}
				for i, want := range corners() {
					at := image.Pt(b.Dx()*(1+2*(i%2))/4, b.Dy()*(1+2*(i/2))/4)
					if is := color.RGBAModel.Convert(img.At(at.X, at.Y)).(color.RGBA); far(is.R, want.R) || far(is.G, want.G) || far(is.B, want.B) {
						t.Errorf("%s: corner %d is %v, want %v", what, i, is, want)
					}
				}
				if again := orientation(got.MIME, got.Data); o != upright && again != upright {
					t.Errorf("%s: a server would turn it again, by %d", what, again)
				}
			}
		}
	}
}

func far(a, b uint8) bool { return max(a, b)-min(a, b) > 40 }

// TestOddExif: what is not there, not right, or not to be believed, turns nothing.
func TestOddExif(t *testing.T) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, lying(16, 8, [4]int{0, 1, 2, 3}), nil); err != nil {
		t.Fatal(err)
	}
	good := exif(binary.LittleEndian, 6)
	beyond := bytes.Clone(good)
	binary.LittleEndian.PutUint32(beyond[4:], 1<<32-1)
	many := bytes.Clone(good)
	binary.LittleEndian.PutUint16(many[8:], 65535)
	none := bytes.Clone(good)
	binary.LittleEndian.PutUint16(none[8:], 0)
	for name, tt := range map[string]struct {
		exif []byte
		want int
	}{
		"as it should be": {good, 6}, "nine": {exif(binary.LittleEndian, 9), 1}, "zero": {exif(binary.BigEndian, 0), 1}, "nothing": {nil, 1},
		"another order": {append([]byte("XX*\x00"), good[4:]...), 1}, "a directory beyond the end": {beyond, 1}, "more entries than there are": {many, 6},
		"no entries": {none, 1}, "cut": {good[:len(good)-10], 1},
	} {
		if got := orientation("image/jpeg", inJPEG(b.Bytes(), tt.exif)); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
	webp := append([]byte("RIFF\x00\x00\x00\x00WEBPVP8 \x03\x00\x00\x00abc\x00EXIF"), binary.LittleEndian.AppendUint32(nil, uint32(len(good)))...)
	if got := orientation("image/webp", append(webp, good...)); got != 6 {
		t.Errorf("WebP: %d", got)
	}
}

// FuzzOrientation: whatever a picture claims, reading its orientation ends soon, and gives one.
func FuzzOrientation(f *testing.F) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, lying(16, 8, [4]int{0, 1, 2, 3}), nil); err != nil {
		f.Fatal(err)
	}
	for i := range uint16(10) {
		f.Add(inJPEG(b.Bytes(), exif(binary.LittleEndian, i)))
		f.Add(inJPEG(b.Bytes(), exif(binary.BigEndian, i)))
		f.Add(exif(binary.BigEndian, i))
	}
	f.Add([]byte("RIFF\xff\xff\xff\xffWEBPEXIF\xff\xff\xff\xffII*\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		began := time.Now()
		for _, mime := range []string{"image/jpeg", "image/png", "image/webp", "image/gif"} {
			if o := orientation(mime, data); o < 1 || o > 8 {
				t.Fatalf("%s: %d", mime, o)
			}
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Fatalf("%d bytes took %s", len(data), took)
		}
		if o := orientationOf(data); o < 0 || o > 8 {
			t.Fatalf("%d", o)
		}
		if img, err := NewPictures().Picture(t.Context(), "", data, nil); err == nil && len(img.Data) == 0 {
			t.Fatal("a picture without data")
		}
	})
}

// FuzzExif: directories of any form, in each kind of picture, are read in time, and turn a picture or not.
func FuzzExif(f *testing.F) {
	var asJPEG bytes.Buffer
	if err := jpeg.Encode(&asJPEG, lying(16, 8, [4]int{0, 1, 2, 3}), nil); err != nil {
		f.Fatal(err)
	}
	entry := func(order binary.ByteOrder, tag, kind uint16, count, value uint32) []byte {
		e := make([]byte, 12)
		order.PutUint16(e, tag)
		order.PutUint16(e[2:], kind)
		order.PutUint32(e[4:], count)
		order.PutUint32(e[8:], value)
		return e
	}
	for _, big := range []bool{false, true} {
		order := binary.ByteOrder(binary.LittleEndian)
		if big {
			order = binary.BigEndian
		}
		for _, kind := range []uint16{0, 1, 2, 3, 4, 5, 12, 65535} {
			for _, count := range []uint32{0, 1, 2, 1<<32 - 1} {
				f.Add(big, uint32(8), uint16(1), entry(order, 0x0112, kind, count, 6<<16|6), uint32(8), uint8(1)) // the next directory is this one
			}
		}
		f.Add(big, uint32(0), uint16(1), []byte(nil), uint32(0), uint8(1))                                            // the directory is the header
		f.Add(big, uint32(1<<32-1), uint16(9), []byte(nil), uint32(1<<32-1), uint8(3))                                // beyond the end
		f.Add(big, uint32(8), uint16(65535), bytes.Repeat(entry(order, 0x8769, 4, 1, 8), 500), uint32(8), uint8(200)) // a directory in itself
		f.Add(big, uint32(8), uint16(2), append(entry(order, 0x0112, 3, 1, 0), entry(order, 0x0112, 3, 1, 3<<16|3)...), uint32(0), uint8(1))
		f.Add(big, uint32(9), uint16(1), entry(order, 0x0112, 3, 1, 6), uint32(0), uint8(1)) // not at an even place
	}
	f.Fuzz(func(t *testing.T, big bool, at uint32, entries uint16, body []byte, next uint32, times uint8) {
		order, tiff := binary.ByteOrder(binary.LittleEndian), []byte("II*\x00")
		if big {
			order, tiff = binary.BigEndian, []byte("MM\x00*")
		}
		tiff = append(tiff, make([]byte, 6)...)
		order.PutUint32(tiff[4:], at)
		order.PutUint16(tiff[8:], entries)
		tiff = append(append(tiff, body...), 0, 0, 0, 0)
		order.PutUint32(tiff[len(tiff)-4:], next)
		if o := orientationOf(tiff); o < 0 || o > 8 {
			t.Fatal(o)
		}
		began := time.Now()
		file := asJPEG.Bytes()
		if len(tiff) < 60_000 {
			for range times % 50 {
				file = inJPEG(file, tiff)
			}
		}
		img, err := NewPictures().Picture(t.Context(), "image/jpeg", file, nil)
		if err != nil || len(img.Data) == 0 { // Exif never makes a picture unreadable
			t.Fatalf("%d bytes, %v", len(img.Data), err)
		}
		chunk := append(binary.LittleEndian.AppendUint32([]byte("EXIF"), uint32(len(tiff))), tiff...)
		for _, mime := range []string{"image/webp", "image/png"} {
			if o := orientation(mime, append([]byte("RIFF\x00\x00\x00\x00WEBP"), bytes.Repeat(chunk, int(times%50)+1)...)); o < 1 || o > 8 {
				t.Fatal(o)
			}
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Fatalf("%v", took)
		}
	})
}
