package llm

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/gif" // decoders register themselves
	"image/jpeg"
	"image/png"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp" // decoders register themselves
)

const (
	// pictureSide is the longest side of a picture that goes to the model, in pixels: vision models work on less, and each pixel costs
	// prompt tokens.
	pictureSide = 1536
	// pictureAsIs is how many bytes a picture may have that is sent as it came.
	pictureAsIs = 1 << 20
	// mostPixels bounds what is decoded: a small file may unpack to gigabytes.
	mostPixels = 50_000_000
	// jpegQuality is Go's way to say: hardly any difference to see.
	jpegQuality = 85
)

// Picture makes of a picture (PNG, JPEG, GIF, WebP) an image that every model server decodes: PNG or JPEG, at most 1,536 pixels wide and high. One that
// is so already, and at most 1 MB large, stays as it is. It is pure; a large picture takes some 100 ms of processor time.
func Picture(mime string, data []byte) (Image, error) {
	cfg, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return Image{}, fmt.Errorf("read a picture of type %s: %w", mime, err)
	}
	if cfg.Width <= 0 || cfg.Height <= 0 || cfg.Width > mostPixels/cfg.Height {
		return Image{}, errors.New("a picture has too many pixels")
	}
	img, _, err := image.Decode(bytes.NewReader(data)) // also of one that is sent as it came: it may be cut
	if err != nil {
		return Image{}, fmt.Errorf("read a picture of type %s: %w", mime, err)
	}
	known := format == "png" || format == "jpeg"
	if known && max(cfg.Width, cfg.Height) <= pictureSide && len(data) <= pictureAsIs {
		return Image{MIME: "image/" + format, Data: data}, nil
	}
	img = scaled(img)
	var out bytes.Buffer
	if opaque, ok := img.(interface{ Opaque() bool }); ok && !opaque.Opaque() {
		err = png.Encode(&out, img)
		mime = "image/png"
	} else {
		err = jpeg.Encode(&out, img, &jpeg.Options{Quality: jpegQuality})
		mime = "image/jpeg"
	}
	if err != nil {
		return Image{}, fmt.Errorf("write a picture: %w", err)
	}
	return Image{MIME: mime, Data: out.Bytes()}, nil
}

func scaled(img image.Image) image.Image {
	size := img.Bounds().Size()
	long := max(size.X, size.Y)
	if long <= pictureSide {
		return img
	}
	to := image.NewRGBA(image.Rect(0, 0, max(size.X*pictureSide/long, 1), max(size.Y*pictureSide/long, 1)))
	draw.CatmullRom.Scale(to, to.Bounds(), img, img.Bounds(), draw.Src, nil)
	return to
}
