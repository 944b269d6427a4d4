package llm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"time"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

const (
	// pictureSide is the longest side of a picture that goes to the model, in pixels. Vision models
	// work on less, and each pixel costs prompt tokens.
	pictureSide = 1536
	// pictureAsIs is how many bytes a picture may have that is sent as it came.
	pictureAsIs = 1 << 20
	// mostPNG is how many bytes a picture with transparent parts may have; a larger one gets a white
	// ground. Four of them, in base64, are below the 32 MB that vLLM's front end takes.
	mostPNG = 4 << 20
	// jpegQuality is Go's way to say: hardly any difference to see.
	jpegQuality = 85
	// decoders is how many pictures are decoded at a time: each may take a core.
	decoders = 2
	// pictureTime is how long one picture may take, scaling included. The largest that is accepted
	// takes a second of a core.
	pictureTime = 10 * time.Second
	// piece is how many bytes a decoder gets at once. It notices the end of its context at the next
	// piece: 64 bytes of deflate unpack to 64 kB at most, and 40 bytes can be a whole scan of a JPEG.
	piece = 64
)

// Why a picture was not read, apart from damage.
var (
	// ErrLargePicture reports that a picture takes too much memory when it is unpacked, however small
	// its file is.
	ErrLargePicture = errors.New("picture has too many pixels")
	// ErrScans reports that a JPEG has more passes than any program writes.
	ErrScans = errors.New("picture has too many passes")
	// ErrSlowPicture reports that we gave up a picture that took too long.
	ErrSlowPicture = errors.New("picture took too long")
	// ErrBusyPictures reports that time ran out while others were decoded.
	ErrBusyPictures = errors.New("too many pictures at once")
	// ErrNoRoom reports that the caller has no memory for the picture just now.
	ErrNoRoom = errors.New("no room for the picture")
)

// Pictures reads the pictures that people attach, two at a time. It is safe for concurrent use and
// owns no goroutines.
type Pictures struct {
	slots chan struct{}
	time  time.Duration // for one picture; less in tests
}

// NewPictures returns a reader of pictures. A process needs one.
func NewPictures() *Pictures {
	return &Pictures{slots: make(chan struct{}, decoders), time: pictureTime}
}

// Picture makes of a picture (PNG, JPEG, GIF, WebP) an image that every model server decodes: a PNG
// or JPEG, at most 1,536 pixels wide and high. A picture that is one already, of at most 1 MB,
// stays as it is. Of an animation it takes the first frame. A picture that is stored on its side,
// or mirrored, is turned as its Exif tag says, and has no such tag any more.
//
// It bounds what a file claims before it unpacks anything: to 64 MB of memory, and 50 scans of a
// JPEG. It asks room whether there are so many bytes of memory for the picture, the copies that are
// made of it included (90 MB at most); nil: there are. It does not wait for them: if room reports
// false, it returns ErrNoRoom. It blocks until ctx ends at the latest, and decodes for at most 10 s.
// It returns the cause of ctx, ErrBusyPictures if ctx ended before its turn came, or ErrSlowPicture.
func (p *Pictures) Picture(ctx context.Context, mime string, data []byte, room func(bytes int64) bool) (Image, error) {
	format, err := pictureFormat(data)
	if err != nil {
		return Image{}, fmt.Errorf("read a picture of type %s: %w", mime, err)
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return Image{}, outOfTime(ctx)
	}
	img, limited, err := p.read(ctx, format, data, room)
	switch { // whatever the decoder made of it
	case ctx.Err() != nil:
		return Image{}, outOfTime(ctx)
	case limited:
		return Image{}, ErrSlowPicture
	}
	if err != nil {
		return Image{}, fmt.Errorf("read a picture of type %s: %w", mime, err)
	}
	return img, nil
}

// read reads a picture if there is room for it. late reports that its time was over.
func (p *Pictures) read(ctx context.Context, f format, data []byte, room func(bytes int64) bool) (_ Image, late bool, err error) {
	limited, cancel := context.WithTimeout(ctx, p.time)
	defer cancel()
	cfg, bytes, err := f.checked(limited, data)
	if err != nil || limited.Err() != nil {
		return Image{}, limited.Err() != nil, err
	}
	if room != nil && !room(bytes+copies(cfg)) {
		return Image{}, false, ErrNoRoom
	}
	img, err := f.read(limited, data)
	return img, limited.Err() != nil, err
}

// copies returns how many bytes are made of a picture, beside what it takes unpacked: it is made
// smaller, turned, and given a white ground.
func copies(cfg image.Config) int64 {
	const each = 3 * 4
	size := scaledSize(image.Pt(cfg.Width, cfg.Height))
	return each * int64(size.X) * int64(size.Y)
}

// outOfTime returns the error of a context that has ended.
func outOfTime(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ErrBusyPictures
	}
	return context.Cause(ctx)
}

// format is one way to write pictures.
type format struct {
	mime   string
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
	// unpacked is how many bytes decode allocates for a picture with this header.
	unpacked func(ctx context.Context, data []byte, cfg image.Config) (int64, error)
}

// pictureFormat recognises a format by its first bytes. It does not use image's registry: other
// packages may have registered anything there.
func pictureFormat(data []byte) (format, error) {
	has := func(magic string) bool { return bytes.HasPrefix(data, []byte(magic)) }
	switch {
	case has("\x89PNG\r\n\x1a\n"):
		return format{"image/png", png.DecodeConfig, png.Decode, unpackedPNG}, nil
	case has("\xff\xd8"):
		return format{"image/jpeg", jpeg.DecodeConfig, jpeg.Decode, unpackedJPEG}, nil
	case has("GIF8"):
		return format{"image/gif", gif.DecodeConfig, gif.Decode, unpackedGIF}, nil
	case has("RIFF") && len(data) > 12 && string(data[8:12]) == "WEBP":
		return format{"image/webp", webp.DecodeConfig, webp.Decode, unpackedWebP}, nil
	}
	return format{}, errors.New("it is no PNG, JPEG, GIF or WebP")
}

// check returns an error if a picture must not be decoded, by what its file claims.
// It returns what the picture takes unpacked, in bytes.
func (f format) check(ctx context.Context, data []byte) (image.Config, int64, error) {
	cfg, err := f.config(newPieces(ctx, data))
	if err != nil {
		return cfg, 0, err //nolint:wrapcheck // Picture says what was being done
	}
	switch {
	case cfg.Width <= 0 || cfg.Height <= 0:
		return cfg, 0, errors.New("it has no pixels")
	case max(cfg.Width, cfg.Height) > mostSide || cfg.Width > mostUnpacked/cfg.Height:
		return cfg, 0, fmt.Errorf("%w: %d by %d", ErrLargePicture, cfg.Width, cfg.Height)
	}
	n, err := f.unpacked(ctx, data, cfg)
	if err == nil && n > mostUnpacked {
		err = fmt.Errorf("%w: %d by %d, %d MB in memory", ErrLargePicture, cfg.Width, cfg.Height, n>>20)
	}
	return cfg, n, err
}

// checked is check, whatever the decoder of the header makes of what anybody may have written.
func (f format) checked(ctx context.Context, data []byte) (cfg image.Config, bytes int64, err error) {
	defer recovered(&err)
	return f.check(ctx, data)
}

// recovered makes an error of a bug of a decoder.
func recovered(err *error) {
	if bug := recover(); bug != nil {
		*err = fmt.Errorf("the decoder failed: %v", bug)
	}
}

// read decodes and scales a picture. It ends soon after ctx.
func (f format) read(ctx context.Context, data []byte) (_ Image, err error) {
	defer recovered(&err)
	cfg, _, err := f.check(ctx, data)
	if err != nil {
		return Image{}, err
	}
	img, err := f.decode(newPieces(ctx, data)) // also of one that is sent as it came: it may be cut
	if err != nil {
		return Image{}, err //nolint:wrapcheck // Picture says what was being done
	}
	up := orientation(f.mime, data)
	known := f.mime == "image/png" || f.mime == "image/jpeg"
	if known && up == upright && max(cfg.Width, cfg.Height) <= pictureSide && len(data) <= pictureAsIs {
		return Image{MIME: f.mime, Data: data}, nil
	}
	if img, err = scaled(ctx, img); err != nil {
		return Image{}, err
	}
	if img, err = turned(ctx, img, up); err != nil {
		return Image{}, err
	}
	return written(img)
}

// written returns a picture as a file: a PNG if parts of it are transparent and that is not too
// large, else a JPEG.
func written(img image.Image) (Image, error) {
	var out bytes.Buffer
	if opaque, ok := img.(interface{ Opaque() bool }); ok && !opaque.Opaque() {
		if err := png.Encode(&out, img); err != nil {
			return Image{}, fmt.Errorf("write it anew: %w", err)
		}
		if out.Len() <= mostPNG {
			return Image{MIME: "image/png", Data: out.Bytes()}, nil
		}
		out.Reset()
		white := image.NewRGBA(img.Bounds())
		draw.Draw(white, white.Rect, image.White, image.Point{}, draw.Src)
		draw.Draw(white, white.Rect, img, white.Rect.Min, draw.Over)
		img = white
	}
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: jpegQuality}); err != nil {
		return Image{}, fmt.Errorf("write it anew: %w", err)
	}
	return Image{MIME: "image/jpeg", Data: out.Bytes()}, nil
}

// scaled makes a picture as small as it has to be. A pixel becomes the average of what it covers. It
// goes through the picture once, row by row, and keeps nothing but the result and a few rows: a
// picture of 64 MB, halved some times, took as much again.
func scaled(ctx context.Context, img image.Image) (image.Image, error) {
	from := img.Bounds()
	to := image.NewRGBA(image.Rectangle{Max: scaledSize(from.Size())})
	if to.Rect.Size() == from.Size() {
		return img, nil
	}
	wide, high, w, h := from.Dx(), from.Dy(), to.Rect.Dx(), to.Rect.Dy()
	row := image.NewRGBA(image.Rect(0, 0, wide, 1))
	across := make([]uint64, 4*w) // of the row, in 1/w of a pixel
	sums := make([]uint64, 4*w)   // of the row of the result, in 1/(w*h)
	all := uint64(wide) * uint64(high)
	for y := range high {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("scale it: %w", err)
		}
		draw.Draw(row, row.Rect, img, from.Min.Add(image.Pt(0, y)), draw.Src)
		average(across, row.Pix, wide, w)
		at := y * h / high
		over := (y+1)*h - (at+1)*high // so much of the row belongs to the next one of the result
		if over < 0 {
			add(sums, across, h)
			continue
		}
		add(sums, across, h-over)
		for i, sum := range sums {
			to.Pix[at*to.Stride+i] = byte((sum + all/2) / all)
		}
		clear(sums)
		add(sums, across, over)
	}
	return to, nil
}

// scaledSize returns the size of a picture as the model gets it.
func scaledSize(size image.Point) image.Point {
	long := max(size.X, size.Y)
	if long <= pictureSide {
		return size
	}
	return image.Pt(max(size.X*pictureSide/long, 1), max(size.Y*pictureSide/long, 1))
}

// average sets sums to what w pixels cover of a row of wide pixels.
func average(sums []uint64, row []byte, wide, w int) {
	var left [4]uint64 // what the pixel before has left over of the last one that it covers
	x := 0
	for i := range w {
		end := (i + 1) * wide // in 1/w of a pixel
		var r, g, b, a uint64
		for ; (x+1)*w <= end; x++ {
			p := row[4*x : 4*x+4 : 4*x+4]
			r, g, b, a = r+uint64(p[0]), g+uint64(p[1]), b+uint64(p[2]), a+uint64(p[3])
		}
		sum := [4]uint64{r, g, b, a}
		part := uint64(end - x*w) // of a pixel that belongs to two
		for c := range sum {
			sums[4*i+c] = left[c] + sum[c]*uint64(w)
			if part > 0 {
				v := uint64(row[4*x+c])
				sums[4*i+c] += v * part
				left[c] = v * (uint64(w) - part)
			} else {
				left[c] = 0
			}
		}
		if part > 0 {
			x++
		}
	}
}

// add adds a row, so many times.
func add(sums, row []uint64, times int) {
	for i, v := range row {
		sums[i] += v * uint64(times)
	}
}

// pieces reads data a little at a time, until its context ends: so a decoder ends, too.
type pieces struct {
	data  []byte
	ended func() error
}

func newPieces(ctx context.Context, data []byte) *pieces { return &pieces{data, ctx.Err} }

// Read implements io.Reader.
func (p *pieces) Read(to []byte) (int, error) {
	if err := p.ended(); err != nil {
		return 0, err
	}
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(to, p.data[:min(piece, len(p.data))])
	p.data = p.data[n:]
	return n, nil
}
