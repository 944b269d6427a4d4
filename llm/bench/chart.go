package bench

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"

	"github.com/go-analyze/charts"
)

// Size of a chart in its own units; the page scales it.
const (
	chartWidth  = 720
	chartHeight = 300
)

// plot is what a chart shows: one or several rows of numbers over labels.
type plot struct {
	title, x string
	labels   []string
	names    []string    // of the rows; empty: no legend
	rows     [][]float64 // in the unit that the title says
	bars     bool
}

// svg draws a plot as an inline SVG picture without any outside reference. It is empty when there is nothing to draw.
func (p plot) svg() (template.HTML, error) {
	if len(p.rows) == 0 || len(p.labels) == 0 {
		return "", nil
	}
	paint := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: chartWidth, Height: chartHeight, Theme: charts.GetTheme(charts.ThemeLight)})
	title := charts.TitleOption{Text: p.title, FontStyle: charts.FontStyle{FontSize: 13}}
	legend := charts.LegendOption{SeriesNames: p.names, Offset: charts.OffsetRight, Show: new(len(p.names) > 0)}
	axis := charts.CategoryAxisOption{Labels: p.labels, Title: p.x, LabelCount: min(len(p.labels), 12), BoundaryGap: new(p.bars || len(p.labels) == 1)}
	var err error
	if p.bars {
		opt := charts.NewBarChartOptionWithData(p.rows)
		opt.Title, opt.Legend, opt.CategoryAxis = title, legend, axis
		opt.ValueAxis[0].Min, opt.ValueAxis[0].Max, opt.ValueAxis[0].LabelCount = p.axis()
		opt.ValueFormatter = short
		err = paint.BarChart(opt)
	} else {
		opt := charts.NewLineChartOptionWithData(p.rows)
		opt.Title, opt.Legend, opt.XAxis = title, legend, axis
		opt.YAxis[0].Min, opt.YAxis[0].Max, opt.YAxis[0].LabelCount = p.axis()
		opt.ValueFormatter = short
		if len(p.labels) > 12 {
			opt.Symbol.Shape = charts.SymbolNone
		}
		err = paint.LineChart(opt)
	}
	if err != nil {
		return "", fmt.Errorf("draw %q: %w", p.title, err)
	}
	out, err := paint.Bytes()
	if err != nil {
		return "", fmt.Errorf("draw %q: %w", p.title, err)
	}
	return template.HTML(out), nil //nolint:gosec // the library escapes text; nothing in it comes from the server but numbers and the model's name
}

// axis returns a value axis from 0 whose labels are round numbers.
func (p plot) axis() (least, most *float64, labels int) {
	top := 0.0
	for _, row := range p.rows {
		top = max(top, slices.Max(row))
	}
	step := roundStep(top / 5)
	if step == 0 {
		return new(0.0), new(1.0), 2
	}
	n := math.Ceil(top / step * (1 - 1e-9))
	return new(0.0), new(n * step), int(n) + 1
}

// short writes a number as an axis wants it.
func short(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }

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

// sweepPlots compare runs of several levels of concurrency, a row for each server. They are nil if there is but one level.
func sweepPlots(reports []Report) []plot {
	var levels, names []string
	cell := map[[2]string]Report{}
	for _, r := range reports {
		level, name := strconv.Itoa(r.MaxConcurrency), r.Name
		if !slices.Contains(levels, level) {
			levels = append(levels, level)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		cell[[2]string{name, level}] = r // of several rounds the last
	}
	if len(levels) < 2 {
		return nil
	}
	draw := func(title string, of func(Report) float64) plot {
		p := plot{title: title, x: "requests at once", labels: levels, bars: true}
		for _, name := range names {
			row := make([]float64, len(levels))
			for i, level := range levels {
				row[i] = of(cell[[2]string{name, level}])
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
		draw("Median time to first token, ms", func(r Report) float64 { return r.TTFT.MedianMS }),
	}
}
