package bench

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
)

// parsed checks that a picture is XML in which nothing refers to anything, and returns how often each element is there.
func parsed(t *testing.T, svg string) map[string]int {
	t.Helper()
	count := map[string]int{}
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return count
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		count[e.Name.Local]++
		for _, a := range e.Attr {
			if strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Name.Local, "href") || strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
				t.Errorf("%s has %s=%q", e.Name.Local, a.Name.Local, a.Value)
			}
		}
	}
}

func TestCharts(t *testing.T) {
	labels := func(n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprint(i))
		}
		return out
	}
	ramp := func(n int) (out []float64) {
		for i := range n {
			out = append(out, float64(i)*1.5)
		}
		return out
	}
	for _, c := range []struct {
		name string
		plot plot
		want map[string]int
	}{
		{"nothing", plot{}, nil},
		{"no labels", plot{rows: [][]float64{{1}}}, nil},
		{"bars", plot{title: "t", x: "ms", labels: labels(30), rows: [][]float64{ramp(30)}, bars: true}, map[string]int{"rect": 30, "polyline": 0, "circle": 0}},
		{"two servers", plot{labels: labels(3), names: []string{"a", "b"}, rows: [][]float64{ramp(3), ramp(3)}, bars: true}, map[string]int{"rect": 6 + 2}},
		{"a line", plot{labels: labels(12), rows: [][]float64{ramp(12)}}, map[string]int{"polyline": 1, "circle": 12}},
		{"a long line", plot{labels: labels(500), rows: [][]float64{ramp(500)}}, map[string]int{"polyline": 1, "circle": 0}},
		{"one point", plot{labels: labels(1), rows: [][]float64{{7}}}, map[string]int{"polyline": 1, "circle": 1}},
		{"zeros", plot{labels: labels(2), rows: [][]float64{{0, 0}}, bars: true}, map[string]int{"rect": 2}},
		{"no numbers", plot{labels: labels(4), rows: [][]float64{{math.NaN(), math.Inf(1), math.Inf(-1), -3}}}, map[string]int{"polyline": 1}},
		{"tiny and huge", plot{labels: labels(2), rows: [][]float64{{1e-9, 1e12}}}, map[string]int{"polyline": 1}},
		{"markup", plot{title: `<script>x()</script>"'&`, x: "<b>", labels: []string{`"><img src=x onerror=x()>`}, names: []string{"</text><script>x()</script>" + strings.Repeat("x", 500)}, rows: [][]float64{{1}}, bars: true}, map[string]int{"script": 0, "img": 0, "b": 0, "rect": 2}},
	} {
		svg, err := c.plot.svg()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.want == nil {
			if svg != "" {
				t.Errorf("%s: %s", c.name, svg)
			}
			continue
		}
		got := parsed(t, string(svg))
		for e, n := range c.want {
			if got[e] != n {
				t.Errorf("%s: %d %s, want %d", c.name, got[e], e, n)
			}
		}
		if n := got["text"]; n > 40 {
			t.Errorf("%s: %d texts", c.name, n)
		}
	}
}

// The value axis ends at a round number that no value exceeds, and is not reached for nothing.
func TestChartAxis(t *testing.T) {
	for _, top := range []float64{0.2, 1, 3, 7, 10, 99, 101, 12_345, 1e9} {
		most, steps := plot{rows: [][]float64{{0, top}}}.axis()
		if most < top || most > 2*top || steps < 1 || steps > 10 {
			t.Errorf("up to %g: %g in %d steps", top, most, steps)
		}
	}
}

// Labels of any length have room, and few bars have their numbers.
func TestChartLabelsDoNotOverlap(t *testing.T) {
	for _, label := range []string{"1", "1400", "123456", "a label of some length"} {
		for _, n := range []int{1, 2, 5, 12, 13, 24, 25, 60, 500} {
			p := plot{x: "ms", bars: true, rows: [][]float64{make([]float64, n)}}
			for range n {
				p.labels = append(p.labels, label)
			}
			d := p.draw()
			for i := 1; i < len(d.Ticks); i++ {
				a, _ := strconv.ParseFloat(d.Ticks[i-1].X, 64)
				b, _ := strconv.ParseFloat(d.Ticks[i].X, 64)
				if b-a < float64(charWidth*len(label)) {
					t.Errorf("%d labels %q: %.0f apart", n, label, b-a)
				}
			}
		}
	}
	d := plot{labels: []string{"1", "10"}, rows: [][]float64{{20.5, 0}}, bars: true}.draw()
	if d.Bars[0].Above != "20.5" || d.Bars[1].Above != "" {
		t.Errorf("%+v", d.Bars)
	}
	top, _ := strconv.ParseFloat(d.Grid[len(d.Grid)-1].Y, 64)
	if top < 60 { // the title and the legend end above
		t.Errorf("the highest line is at %v", top)
	}
}
