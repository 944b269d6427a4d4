package bench

import (
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

//go:embed chart.svg
var chart string

// Size of a chart in its own units; the page scales it. The plot stands between the edges.
const (
	chartWidth  = 720
	chartHeight = 300
	chartLeft   = 60
	chartRight  = chartWidth - 14
	chartTop    = 78
	chartBottom = chartHeight - 44

	mostTicks = 12 // labels under a chart, and points that are marked
	mostName  = 36 // characters of a name in the legend
	charWidth = 7  // of the legend's letters, about
	mostBar   = 56 // width of a bar

	mostNumbers = 24 // bars that have their number above them
)

// plot is what a chart shows: one or several rows of numbers over labels.
type plot struct {
	title, x string
	labels   []string
	names    []string    // of the rows; empty: no legend
	rows     [][]float64 // in the unit that the title says
	bars     bool
}

// Shown values of a chart; coordinates are as they stand in the picture.
type (
	drawing struct {
		Width, Height, Left, Right, LabelX, TickY, AxisY, MiddleX int

		Title, Axis                     string
		Legend, Grid, Bars, Dots, Ticks []mark
		Lines                           []mark
	}
	mark struct {
		X, Y, W, H   string
		TextX, TextY string
		Text, Color  string
		Above        string // number over a bar
		Points       string
		Base         bool
	}
)

// svg draws a plot as an inline SVG picture that refers to nothing outside. It is empty when there
// is nothing to draw.
func (p plot) svg() (template.HTML, error) {
	if len(p.rows) == 0 || len(p.labels) == 0 {
		return "", nil
	}
	t, err := template.New("chart").Parse(chart)
	if err != nil {
		return "", fmt.Errorf("read the chart's template: %w", err)
	}
	var out strings.Builder
	if err := t.Execute(&out, p.draw()); err != nil {
		return "", fmt.Errorf("draw %q: %w", p.title, err)
	}
	return template.HTML(out.String()), nil //nolint:gosec // a template of html/template made it
}

// draw places everything.
func (p plot) draw() drawing {
	d := drawing{
		Width: chartWidth, Height: chartHeight, Left: chartLeft, Right: chartRight, LabelX: chartLeft - 8, TickY: chartBottom + 16,
		AxisY: chartHeight - 8, MiddleX: (chartLeft + chartRight) / 2, Title: p.title, Axis: p.x,
	}
	at := 12
	for i, name := range p.names {
		name = cutName(name)
		d.Legend = append(d.Legend, mark{X: strconv.Itoa(at), TextX: strconv.Itoa(at + 16), Text: name, Color: colour(i)})
		at += 36 + charWidth*len([]rune(name))
	}
	most, steps := p.axis()
	y := func(v float64) float64 { return chartBottom - v/most*(chartBottom-chartTop) }
	for i := range steps + 1 {
		v := most * float64(i) / float64(steps)
		d.Grid = append(d.Grid, mark{Y: px(y(v)), TextY: px(y(v) + 4), Text: short(v), Base: i == 0})
	}
	slot := float64(chartRight-chartLeft) / float64(len(p.labels))
	middle := func(i int) float64 { return chartLeft + slot*(float64(i)+0.5) }
	every := p.everyLabel(slot)
	for i, label := range p.labels {
		if i%every == 0 {
			d.Ticks = append(d.Ticks, mark{X: px(middle(i)), Text: label})
		}
	}
	for k, row := range p.rows {
		var points []string
		for i, v := range row {
			v = finite(v)
			about := p.labels[i] + " " + p.x + ": " + short(v)
			if p.bars {
				n := float64(len(p.rows))
				w := min(slot*0.8/n, mostBar)
				bar := mark{X: px(middle(i) + w*(float64(k)-n/2)), Y: px(y(v)), W: px(w), H: px(chartBottom - y(v)), Color: colour(k), Text: about}
				if s := short(v); v > 0 && float64(utf8.RuneCountInString(s)*charWidth) <= w && len(p.labels)*len(p.rows) <= mostNumbers {
					bar.Above, bar.TextX, bar.TextY = s, px(middle(i)+w*(float64(k)-n/2+0.5)), px(y(v)-4)
				}
				d.Bars = append(d.Bars, bar)
				continue
			}
			points = append(points, px(middle(i))+","+px(y(v)))
			if len(row) <= mostTicks {
				d.Dots = append(d.Dots, mark{X: px(middle(i)), Y: px(y(v)), Color: colour(k), Text: about})
			}
		}
		if points != nil {
			d.Lines = append(d.Lines, mark{Points: strings.Join(points, " "), Color: colour(k)})
		}
	}
	return d
}

// everyLabel returns of how many labels one has room below slots of this width.
func (p plot) everyLabel(slot float64) int {
	longest := 0
	for _, l := range p.labels {
		longest = max(longest, utf8.RuneCountInString(l))
	}
	room := int(math.Ceil(float64(longest*charWidth+charWidth) / slot)) // with a letter's width between two
	return max((len(p.labels)+mostTicks-1)/mostTicks, room, 1)
}

// axis returns the end of a value axis that begins at 0, and how many steps of a round width lead
// there.
func (p plot) axis() (most float64, steps int) {
	top := 0.0
	for _, row := range p.rows {
		for _, v := range row {
			top = max(top, finite(v))
		}
	}
	step := roundStep(top / 5)
	if step == 0 {
		return 1, 1
	}
	steps = max(1, int(math.Ceil(top/step*(1-1e-9))))
	return float64(steps) * step, steps
}

// finite returns a number that can be drawn: 0 for what is none, or is negative.
func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return max(v, 0)
}

// px writes a coordinate.
func px(x float64) string { return strconv.FormatFloat(x, 'f', 1, 64) }

// colour returns the colour of the k-th row. Colours differ in lightness too, for print and for
// people who see few of them.
func colour(k int) string {
	all := []string{"#2f6fb7", "#e69138", "#3a8f5c", "#8f5bb3"}
	return all[k%len(all)]
}

func cutName(name string) string {
	if r := []rune(name); len(r) > mostName {
		return string(r[:mostName-1]) + "…"
	}
	return name
}

// short writes a number as an axis wants it.
func short(x float64) string {
	if a := math.Abs(x); a >= 1e6 || a > 0 && a < 1e-3 {
		return strconv.FormatFloat(x, 'g', 4, 64)
	} else if a >= 1000 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}

// histogramPlot shows how many durations fell into each bin.
func histogramPlot(title string, d Distribution) plot {
	p := plot{title: title, x: "ms", bars: true}
	var row []float64
	for _, b := range d.Histogram {
		p.labels = append(p.labels, short(b.FromMS))
		row = append(row, float64(b.Count))
	}
	if row != nil {
		p.rows = [][]float64{row}
	}
	return p
}

// timelinePlots show the output and the load over the run.
func timelinePlots(r Report) []plot {
	rate := plot{title: "Output tokens a second, over the run", x: "s"}
	running := plot{title: "Requests in progress, over the run", x: "s"}
	var tps, n []float64
	for _, m := range r.Timeline {
		rate.labels = append(rate.labels, short(m.FromS))
		tps, n = append(tps, m.OutputTPS), append(n, m.Running)
	}
	if tps == nil {
		return nil
	}
	running.labels = rate.labels
	rate.rows, running.rows = [][]float64{tps}, [][]float64{n}
	return []plot{rate, running}
}

// sweepPlots returns plots that compare several levels of concurrency, a row for each server; nil
// if there is but one level.
func sweepPlots(reports []Report) []plot {
	var levels, names []string
	cell := map[[2]string][]Report{}
	several := ""
	for _, r := range reports {
		level, name := strconv.Itoa(r.MaxConcurrency), r.Name
		if !slices.Contains(levels, level) {
			levels = append(levels, level)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		at := [2]string{name, level}
		if cell[at] = append(cell[at], r); len(cell[at]) > 1 {
			several = " (median of the rounds)"
		}
	}
	if len(levels) < 2 {
		return nil
	}
	draw := func(title string, of func(Report) float64) plot {
		p := plot{title: title + several, x: "requests at once", labels: levels, bars: true}
		for _, name := range names {
			row := make([]float64, len(levels))
			for i, level := range levels {
				var samples []float64
				for _, r := range cell[[2]string{name, level}] {
					samples = append(samples, of(r))
				}
				row[i] = median(samples)
			}
			p.rows = append(p.rows, row)
		}
		if len(names) > 1 {
			p.names = names
		}
		return p
	}
	return []plot{
		draw("System throughput, output tok/s", func(r Report) float64 { return r.OutputThroughput }),
		draw("Interactive speed of each answer, tok/s", Report.InteractiveSpeed),
		draw("Decode speed of each answer (1 / TPOT), tok/s", Report.DecodeSpeed),
		draw("Median time to first token, ms", func(r Report) float64 { return r.TTFT.MedianMS }),
	}
}

// comparePlots show both sides round by round.
func comparePlots(c Comparison) []plot {
	n := max(len(c.A), len(c.B))
	var out []plot
	for _, m := range []struct {
		title string
		of    func(Report) float64
	}{
		{"System throughput, output tok/s (more is better)", func(r Report) float64 { return r.OutputThroughput }},
		{"Interactive speed, tok/s (more is better)", Report.InteractiveSpeed},
		{"Median time to first token, ms (less is better)", func(r Report) float64 { return r.TTFT.MedianMS }},
		{"Median time per output token, ms (less is better)", func(r Report) float64 { return r.TPOT.MedianMS }},
	} {
		p := plot{title: m.title, x: "round", bars: true, names: []string{"A: " + sideName(c.A, "A"), "B: " + sideName(c.B, "B")}}
		for i := range n {
			p.labels = append(p.labels, strconv.Itoa(i+1))
		}
		for _, side := range [][]Report{c.A, c.B} {
			row := make([]float64, n)
			for i, r := range side {
				row[i] = m.of(r)
			}
			p.rows = append(p.rows, row)
		}
		out = append(out, p)
	}
	return out
}
