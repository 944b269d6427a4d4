package llm

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"
)

// TestHeadersAreJudged: what would take too much is refused before anything is unpacked.
func TestHeadersAreJudged(t *testing.T) {
	header := func(side uint32, depth, kind, interlace byte) []byte { // the header is all that is looked at
		return emptyPNG(side, depth, kind, interlace, 0)
	}
	rgb := bytes.Replace(scansJPEG(4000, 1), []byte{8, 0x0F, 0xA0, 0x0F, 0xA0, 1, 1, 0x11, 0}, []byte{8, 0x0F, 0xA0, 0x0F, 0xA0, 3, 'R', 0x11, 0, 'G', 0x11, 0, 'B', 0x11, 0}, 1)
	rgb[5] = 17 // length of its frame header
	rgb[3] = 0xC0
	ycc := bytes.Replace(rgb, []byte{'R', 0x11, 0, 'G', 0x11, 0, 'B'}, []byte{1, 0x11, 0, 2, 0x11, 0, 3}, 1)
	adobe := append(bytes.Clone(ycc), "\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"...)
	for name, tt := range map[string]struct {
		data []byte
		want error // nil: it may be decoded
	}{
		"300 scans":                       {scansJPEG(7000, 300), ErrScans},
		"51 scans":                        {scansJPEG(64, 51), ErrScans},
		"50 scans":                        {scansJPEG(64, 50), nil},
		"scans behind fill bytes":         {bytes.ReplaceAll(scansJPEG(64, 51), []byte{0xFF, 0xDA}, []byte{0xFF, 0xFF, 0xFF, 0xDA}), ErrScans},
		"progressive, 3,700 wide":         {scansJPEG(3700, 1), ErrLargePicture},
		"progressive, 3,600 wide":         {scansJPEG(3600, 1), nil},
		"RGB in a JPEG":                   {rgb, ErrLargePicture},
		"YCbCr of the same size":          {ycc, nil},
		"and RGB by Adobe":                {adobe, ErrLargePicture},
		"16 bits, 7,000 wide":             {header(7000, 16, 6, 0), ErrLargePicture},
		"16 bits without alpha":           {header(3000, 16, 2, 0), ErrLargePicture},
		"8 bits, 4,096 wide":              {header(4096, 8, 6, 0), nil},
		"8 bits, 4,097 wide":              {header(4097, 8, 2, 0), ErrLargePicture},
		"the same interlaced":             {header(4000, 8, 6, 1), ErrLargePicture},
		"a palette":                       {header(8192, 8, 3, 0), nil},
		"a palette, interlaced":           {header(8192, 8, 3, 1), ErrLargePicture},
		"grey":                            {header(8192, 8, 0, 0), nil},
		"grey with a transparent shade":   {append(header(8192, 8, 0, 0), "tRNS"...), ErrLargePicture},
		"one bit each":                    {header(9000, 1, 0, 0), ErrLargePicture},
		"17 gigapixels":                   {header(1<<17, 8, 6, 0), ErrLargePicture},
		"GIF":                             {[]byte("GIF89a\xff\xff\xff\xff\x00\x00\x00"), ErrLargePicture},
		"WebP, lossy":                     {noiseWebP(5000, make([]byte, 1<<20)), ErrLargePicture},
		"WebP, lossless":                  {lossless(4000), ErrLargePicture},
		"WebP, lossless, of a usual size": {groupsWebP(2000, 30, true, false), nil},
		"WebP with a canvas":              {[]byte("RIFF\x16\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x10\x00\x00\x00\xff\xff\x00\xff\x1f\x00"), ErrLargePicture},
	} {
		f, err := pictureFormat(tt.data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, _, err := f.check(t.Context(), tt.data); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, not %v", name, err, tt.want)
		}
	}
	if _, err := NewPictures().Picture(t.Context(), "image/webp", append([]byte("RIFF\xff\xff\xff\x7fWEBPVP8 \xf0\xff\xff\x7f"), noiseWebP(64, make([]byte, 1<<20))[20:]...), nil); err == nil {
		t.Error("a WebP that claims two gigabytes was read")
	}
}

// lossless is the beginning of a lossless WebP.
func lossless(side int) []byte {
	n := side - 1
	b := []byte("RIFF\x20\x00\x00\x00WEBPVP8L\x10\x00\x00\x00\x2f")
	b = append(b, byte(n), byte(n>>8)|byte(n<<6), byte(n>>2), byte(n>>10))
	return append(b, make([]byte, 16)...)
}

// TestMemoryOfPictures holds the decoders to what their headers were judged by.
func TestMemoryOfPictures(t *testing.T) {
	gray := image.NewGray(image.Rect(0, 0, 900, 700))
	rgba := image.NewRGBA(gray.Rect)
	for i := range rgba.Pix {
		rgba.Pix[i] = byte(i * i)
	}
	made := map[string][]byte{
		"progressive": scansJPEG(900, 40), "16 bits": emptyPNG(900, 16, 6, 0, 8), "palette": emptyPNG(900, 8, 3, 0, 1),
		"lossy WebP": noiseWebP(900, make([]byte, 1<<20)),
	}
	for name, encode := range map[string]func(b *bytes.Buffer) error{
		"photo": func(b *bytes.Buffer) error { return jpeg.Encode(b, rgba, nil) }, "grey photo": func(b *bytes.Buffer) error { return jpeg.Encode(b, gray, nil) },
		"PNG": func(b *bytes.Buffer) error { return png.Encode(b, rgba) }, "GIF": func(b *bytes.Buffer) error { return gif.Encode(b, rgba, nil) },
	} {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			t.Fatal(err)
		}
		made[name] = b.Bytes()
	}
	for name, data := range made {
		f, err := pictureFormat(data)
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := f.config(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		said, err := f.unpacked(t.Context(), data, cfg)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err = f.decode(bytes.NewReader(data))
		runtime.ReadMemStats(&after)
		const tables = 1<<20 + 1<<18 // of the decoder, and rows
		if took := int64(after.TotalAlloc - before.TotalAlloc); took > said+int64(len(data))+tables {
			t.Errorf("%s took %d kB, and was judged to take %d (%v)", name, took>>10, said>>10, err)
		}
	}
}

// TestDecodingEnds: a picture that takes longer than it may is given up, and so is one that nobody waits for any more. In real time.
func TestDecodingEnds(t *testing.T) {
	bomb := scansJPEG(3600, 50)
	noise := make([]byte, 2<<20)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	for name, data := range map[string][]byte{"scans": bomb, "palette": emptyPNG(2500, 8, 3, 0, 1), "deep": emptyPNG(1500, 16, 6, 0, 8), "WebP": noiseWebP(1000, noise)} {
		t.Run(name, func(t *testing.T) {
			p := NewPictures()
			p.time = time.Millisecond
			began := time.Now()
			if _, err := p.Picture(t.Context(), "", data, nil); !errors.Is(err, ErrSlowPicture) {
				t.Errorf("%v", err)
			}
			if took := time.Since(began); took > patienceForDecoders {
				t.Errorf("it took %v", took)
			}
			p.time = time.Hour
			gone := errors.New("stopped")
			ctx, stop := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Millisecond, func() { stop(gone) })
			began = time.Now()
			if _, err := p.Picture(ctx, "", data, nil); !errors.Is(err, gone) {
				t.Errorf("%v", err)
			}
			if took := time.Since(began); took > patienceForDecoders {
				t.Errorf("it took %v after a stop", took)
			}
		})
	}
}

// patienceForDecoders is many times what they need, for busy machines.
const patienceForDecoders = 20 * time.Second

// TestTwoDecoders: no more than two work at a time; who waits too long is told so.
func TestTwoDecoders(t *testing.T) {
	p := NewPictures()
	bomb := scansJPEG(3600, 50)
	ctx, stop := context.WithCancelCause(t.Context())
	gone := errors.New("stopped")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := p.Picture(ctx, "", bomb, nil); !errors.Is(err, gone) {
				t.Errorf("%v", err)
			}
		})
	}
	for len(p.slots) < decoders {
		runtime.Gosched()
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if _, err := p.Picture(short, "", emptyPNG(20, 8, 6, 0, 4), nil); !errors.Is(err, ErrBusyPictures) {
		t.Errorf("%v", err)
	}
	stop(gone)
	all.Wait()
	if _, err := p.Picture(t.Context(), "", emptyPNG(20, 8, 6, 0, 4), nil); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestScaledLooksAlike: a picture that is halved some times keeps its colours and proportions.
func TestScaledLooksAlike(t *testing.T) {
	for _, size := range [][2]int{{8001, 2001}, {3072, 1}, {1, 9000}, {1537, 900}} {
		img := image.NewPaletted(image.Rect(0, 0, size[0], size[1]), color.Palette{color.RGBA{200, 100, 50, 255}})
		got, err := scaled(t.Context(), img)
		if err != nil {
			t.Fatal(err)
		}
		b := got.Bounds()
		if max(b.Dx(), b.Dy()) != pictureSide || b.Dx() != max(size[0]*pictureSide/max(size[0], size[1]), 1) {
			t.Errorf("%v became %v", size, b)
		}
		for _, at := range []image.Point{b.Min, {b.Dx() / 2, b.Dy() / 2}, b.Max.Sub(image.Pt(1, 1))} {
			if c := color.RGBAModel.Convert(got.At(at.X, at.Y)); c != (color.RGBA{200, 100, 50, 255}) {
				t.Errorf("%v: %v at %v", size, c, at)
			}
		}
	}
}

// TestNoiseWithOpenings: what PNG cannot make small does not fill the request.
func TestNoiseWithOpenings(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 1100, 1100))
	for i := range img.Pix {
		img.Pix[i] = byte(rand.Uint32())
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	got, err := NewPictures().Picture(t.Context(), "image/png", b.Bytes(), nil)
	if err != nil || got.MIME != "image/jpeg" || len(got.Data) > mostPNG {
		t.Errorf("%d bytes became %d of %s, %v", b.Len(), len(got.Data), got.MIME, err)
	}
}

// FuzzPictureHeader: whatever a file says of itself, what is let in is judged by no less than its pixels, and nothing panics.
func FuzzPictureHeader(f *testing.F) {
	for _, seed := range [][]byte{
		scansJPEG(64, 2), emptyPNG(16, 8, 3, 1, 1), emptyPNG(16, 16, 6, 0, 8), []byte("GIF89a\x10\x00\x10\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x10\x00\x10\x00\x00\x02\x0e\x84\x8f\xa9\xcb\xed\x0f\xa3\x9c\xb4\xda\x8b\xb3>\x05\x00;"),
		lossless(16), groupsWebP(16, 3, true, false), groupsWebP(16, 9, false, true), groupsWebP(64, 200, false, false), noiseWebP(16, make([]byte, 1<<19))[:200], []byte("RIFF\x16\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x10\x00\x00\x00\xff\xff\x00\xff\xff\x00"),
		[]byte("\xff\xd8\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00\xff\xc1\x00\x14\x08\x00\x10\x00\x10\x04\x01\x22\x00\x02\x11\x00\x03\x11\x00\x04\x22\x00\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"),
	} {
		f.Add(seed)
	}
	for _, seed := range endlessWebP() {
		f.Add(seed[:min(len(seed), 200)])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		format, err := pictureFormat(data)
		if err != nil {
			return
		}
		cfg, _, err := format.check(t.Context(), data)
		if err != nil {
			return
		}
		n, err := format.unpacked(t.Context(), data, cfg)
		if err != nil || n < pixels(cfg) || n > mostUnpacked {
			t.Fatalf("%d by %d: %d bytes, %v", cfg.Width, cfg.Height, n, err)
		}
		var before, after runtime.MemStats
		if n > 4<<20 {
			return // the same code with larger numbers, and a slow fuzz
		}
		runtime.ReadMemStats(&before)
		_, err = format.decode(bytes.NewReader(data))
		runtime.ReadMemStats(&after)
		const tables = 8 << 20 // also of others that run meanwhile
		if took := int64(after.TotalAlloc - before.TotalAlloc); took > n+3*int64(len(data))+tables {
			t.Fatalf("%d by %d took %d bytes, and was judged to take %d (%v)", cfg.Width, cfg.Height, took, n, err)
		}
	})
}

// TestScaledIsTheAverage compares a picture that is made smaller with the average of what each pixel covers, counted in another way.
func TestScaledIsTheAverage(t *testing.T) {
	img := image.NewNRGBA(image.Rect(3, 5, 3+2*pictureSide+7, 5+31))
	for i := range img.Pix {
		img.Pix[i] = byte(i*i>>3 + i)
	}
	got, err := scaled(t.Context(), img)
	if err != nil {
		t.Fatal(err)
	}
	size := got.Bounds().Size()
	from := img.Rect.Size()
	for y := range size.Y {
		for x := range size.X {
			var want [4]float64
			left, right := float64(x)*float64(from.X)/float64(size.X), float64(x+1)*float64(from.X)/float64(size.X)
			top, low := float64(y)*float64(from.Y)/float64(size.Y), float64(y+1)*float64(from.Y)/float64(size.Y)
			for v := int(top); v < from.Y && float64(v) < low; v++ {
				for u := int(left); u < from.X && float64(u) < right; u++ {
					part := (min(float64(u+1), right) - max(float64(u), left)) * (min(float64(v+1), low) - max(float64(v), top))
					c := color.RGBAModel.Convert(img.At(img.Rect.Min.X+u, img.Rect.Min.Y+v)).(color.RGBA)
					for i, n := range []uint8{c.R, c.G, c.B, c.A} {
						want[i] += part * float64(n) / ((right - left) * (low - top))
					}
				}
			}
			c := got.(*image.RGBA).RGBAAt(x, y)
			for i, n := range []uint8{c.R, c.G, c.B, c.A} {
				if d := float64(n) - want[i]; d > 1 || d < -1 {
					t.Fatalf("at %d, %d: %v, want %v", x, y, c, want)
				}
			}
		}
	}
}
