package llm

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"
)

func TestPicture(t *testing.T) {
	draw := func(w, h int, opaque bool) image.Image {
		img := image.NewNRGBA(image.Rect(0, 0, w, h))
		for x := range w {
			img.Set(x, 0, color.NRGBA{uint8(x), 9, 9, 255})
			for y := 1; opaque && y < h; y++ {
				img.Set(x, y, color.NRGBA{uint8(x), uint8(y), 9, 255})
			}
		}
		return img
	}
	var small, wide, gifs, see bytes.Buffer
	for _, err := range []error{
		png.Encode(&small, draw(20, 10, true)), jpeg.Encode(&wide, draw(3000, 100, true), nil), gif.Encode(&gifs, draw(30, 30, true), nil),
		png.Encode(&see, draw(2000, 2000, false)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		data []byte
		mime string
		w, h int
	}{
		"as it came":            {small.Bytes(), "image/png", 20, 10},
		"scaled":                {wide.Bytes(), "image/jpeg", 1536, 51},
		"another format":        {gifs.Bytes(), "image/jpeg", 30, 30},
		"scaled, with openings": {see.Bytes(), "image/png", 1536, 1536},
	} {
		img, err := NewPictures().Picture(t.Context(), "image/x", tt.data, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		cfg, format, err := image.DecodeConfig(bytes.NewReader(img.Data))
		if err != nil || img.MIME != tt.mime || "image/"+format != tt.mime || cfg.Width != tt.w || cfg.Height != tt.h {
			t.Errorf("%s: %s, %s, %+v, %v", name, img.MIME, format, cfg, err)
		}
		if name == "as it came" && !bytes.Equal(img.Data, tt.data) {
			t.Error("a good picture was changed")
		}
	}
	huge := bytes.Clone(small.Bytes())
	copy(huge[16:24], []byte{0, 1, 0, 0, 0, 1, 0, 0}) // 65536 by 65536, says the header
	for _, bad := range [][]byte{nil, []byte("no picture"), small.Bytes()[:40], huge} {
		if _, err := NewPictures().Picture(t.Context(), "image/png", bad, nil); err == nil {
			t.Errorf("%d bytes were read", len(bad))
		}
	}
}
