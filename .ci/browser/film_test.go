package browser_test

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const (
	filmWidth, filmHeight = 960, 600
	filmScale             = 0.75 // of a window of 1280 × 800
	frameEvery            = 200 * time.Millisecond
	lastFrame             = 300 // of a picture that moves, in hundredths of a second
	mostFilm              = 1_500_000
)

// TestFilm makes the moving picture of the README: FILM=docs/demo.gif (seen from the repository).
// It asks in two threads at once, and goes back to the first.
func TestFilm(t *testing.T) {
	path := os.Getenv("FILM")
	if path == "" {
		t.Skip("FILM names no file")
	}
	v := visit(t, startDemo(t))
	v.do(chromedp.EmulateViewport(filmWidth/filmScale, filmHeight/filmScale, chromedp.EmulateScale(filmScale)), chromedp.WaitVisible(chromedp.CSS(`#link.up`)))
	v.run(`document.querySelector('.tour-close').click()`) // the film is a tour itself
	v.run(`document.querySelector('#box textarea').focus()`)
	var film film
	stop, filmed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(filmed)
		for {
			select {
			case <-stop:
				return
			case <-time.After(frameEvery):
				film.add(v)
			}
		}
	}()
	v.write("#box", "@llm how do I write a parser? With code, please")
	v.do(chromedp.WaitVisible(chromedp.CSS(`#thread`)))
	v.finished(1)
	v.write("#reply", "and in five words?")
	v.finished(2)
	close(stop)
	<-filmed
	film.add(v)
	var out bytes.Buffer
	if err := gif.EncodeAll(&out, film.encoded()); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d frames, %d bytes", len(film.frames), out.Len())
	if out.Len() > mostFilm {
		t.Fatalf("%d bytes are too many", out.Len())
	}
	if err := os.WriteFile(filepath.Join("..", "..", path), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// film is what the screen showed.
type film struct {
	frames []image.Image
	at     []time.Time
}

// add takes a picture, unless it is the same as the last one.
func (f *film) add(v *visitor) {
	shot, err := chromedp.Run(v.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		v.t.Errorf("no frame: %v", err)
		return
	}
	picture, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		v.t.Errorf("no frame: %v", err)
		return
	}
	if n := len(f.frames); n > 0 && changed(f.frames[n-1], picture).Empty() {
		return
	}
	f.frames, f.at = append(f.frames, picture), append(f.at, time.Now())
}

// encoded returns the film with the 256 colours that it needs most. Of each frame it keeps the part
// that has changed.
func (f *film) encoded() *gif.GIF {
	colours := f.palette()
	nearest := map[color.RGBA]uint8{}
	out := &gif.GIF{Config: image.Config{ColorModel: colours, Width: filmWidth, Height: filmHeight}}
	for i, frame := range f.frames {
		part := frame.Bounds()
		if i > 0 {
			part = changed(f.frames[i-1], frame)
		}
		p := image.NewPaletted(part, colours)
		for y := part.Min.Y; y < part.Max.Y; y++ {
			for x := part.Min.X; x < part.Max.X; x++ {
				c := rgba(frame.At(x, y))
				index, known := nearest[c]
				if !known {
					index = uint8(colours.Index(c))
					nearest[c] = index
				}
				p.SetColorIndex(x, y, index)
			}
		}
		shown := lastFrame
		if i+1 < len(f.at) {
			shown = int(f.at[i+1].Sub(f.at[i]) / (10 * time.Millisecond))
		}
		out.Image, out.Delay, out.Disposal = append(out.Image, p), append(out.Delay, shown), append(out.Disposal, gif.DisposalNone)
	}
	return out
}

// palette returns the colours that most pixels of a few frames have. Vivid ones count more: of code
// in colours, few pixels are not grey.
func (f *film) palette() color.Palette {
	count := map[color.RGBA]int{}
	for i := 0; i < len(f.frames); i += max(1, len(f.frames)/8) {
		b := f.frames[i].Bounds()
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				count[rgba(f.frames[i].At(x, y))]++
			}
		}
	}
	var all []color.RGBA
	for c := range count {
		all = append(all, c)
	}
	weight := func(c color.RGBA) int {
		vivid := max(c.R, c.G, c.B) - min(c.R, c.G, c.B)
		return count[c] * (8 + int(vivid))
	}
	slices.SortFunc(all, func(a, b color.RGBA) int { return cmp.Compare(weight(b), weight(a)) })
	var p color.Palette
	for _, c := range all[:min(256, len(all))] {
		p = append(p, c)
	}
	return p
}

// changed returns the part in which two pictures differ.
func changed(a, b image.Image) image.Rectangle {
	var part image.Rectangle
	bounds := b.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			if rgba(a.At(x, y)) != rgba(b.At(x, y)) {
				part = part.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return part
}

func rgba(c color.Color) color.RGBA { return color.RGBAModel.Convert(c).(color.RGBA) }
