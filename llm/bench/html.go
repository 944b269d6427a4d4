package bench

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
)

//go:embed report.html
var page string

// HTML writes a page about the reports: a summary, charts and all numbers. The page refers to
// nothing outside itself, works in any browser, and prints. It shows reports of several levels of
// concurrency against each other.
func HTML(w io.Writer, reports ...Report) error {
	return writePage(w, nil, reports)
}

// HTML writes a page about the comparison: see [HTML].
func (c Comparison) HTML(w io.Writer) error {
	return writePage(w, &c, append(append([]Report{}, c.A...), c.B...))
}

// Shown values of the page.
type (
	view struct {
		Title    string
		When     string
		Explain  []string
		Compare  *Comparison
		A, B     string
		Clear    string
		Overview []template.HTML

		CompareCharts []template.HTML
		Sections      []section
	}
	section struct {
		Title, Load string
		Facts       []fact
		Latencies   []latency
		Doubts      []string
		Charts      []template.HTML
	}
	fact    struct{ Name, Value, Unit string }
	latency struct {
		Name, Plain                                string
		Mean, Median, Std, P90, P95, P99, Min, Max string
	}
)

func writePage(w io.Writer, c *Comparison, reports []Report) error {
	t, err := template.New("report").Funcs(template.FuncMap{"span": span, "times": times}).Parse(page)
	if err != nil {
		return fmt.Errorf("read the page's template: %w", err)
	}
	v := view{Title: "Model server benchmark", Compare: c}
	if c != nil {
		v.A, v.B, v.Clear = sideName(c.A, "A"), sideName(c.B, "B"), c.whatIsClear()
		if v.CompareCharts, err = drawn(comparePlots(*c)); err != nil {
			return err
		}
	}
	if v.Overview, err = drawn(sweepPlots(reports)); err != nil {
		return err
	}
	for i, r := range reports {
		if v.When == "" && !r.StartedAt.IsZero() {
			v.When = r.StartedAt.UTC().Format(time.RFC1123)
		}
		s, err := r.section(i)
		if err != nil {
			return err
		}
		v.Sections = append(v.Sections, s)
	}
	v.Explain = explain(reports)
	if err := t.Execute(w, v); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func (r Report) section(i int) (section, error) {
	s := section{Doubts: doubts(r)}
	var names []string
	for _, n := range []string{r.Name, r.Model} {
		if n != "" {
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		names = []string{fmt.Sprintf("Run %d", i+1)}
	}
	s.Title = strings.Join(names, " · ")
	if r.Round > 0 {
		s.Title += fmt.Sprintf(" · round %d", r.Round)
	}
	switch r.MaxConcurrency {
	case 0:
		s.Load = "no limit of requests at once"
	case 1:
		s.Load = "one request at a time"
	default:
		s.Load = fmt.Sprintf("%d requests at once", r.MaxConcurrency)
	}
	if r.RequestRate > 0 {
		s.Load += fmt.Sprintf(", %g arriving a second", r.RequestRate)
	}
	s.Load += fmt.Sprintf(" · %d prompts of about %d tokens · answers of up to %d tokens", r.Prompts, r.InputTokens, r.OutputTokens)
	if r.IgnoreEOS {
		s.Load += ", end token ignored"
	}
	var by []string
	if r.Server != "" {
		by = append(by, "server version "+r.Server)
	}
	if r.Client != "" {
		by = append(by, "measured by llmbot "+r.Client)
	}
	if len(by) > 0 {
		s.Load += " · " + strings.Join(by, ", ")
	}
	f2 := func(x float64) string { return fmt.Sprintf("%.2f", x) }
	s.Facts = []fact{
		{"Interactive speed (median; first token included)", f2(r.InteractiveSpeed()), "tok/s"},
		{"Decode speed (1 / median TPOT)", f2(r.DecodeSpeed()), "tok/s"},
		{"Output token throughput", f2(r.OutputThroughput), "tok/s"},
		{"Peak output token throughput", f2(r.PeakOutputThroughput), "tok/s"},
		{"Total token throughput", f2(r.TotalThroughput), "tok/s"},
		{"Request throughput", f2(r.RequestThroughput), "req/s"},
		{"Successful requests", fmt.Sprint(r.Completed), ""},
		{"Failed requests", fmt.Sprint(r.Failed), ""},
		{"Benchmark duration", f2(r.DurationS), "s"},
		{"Total input tokens", fmt.Sprint(r.TotalInput), "tok"},
		{"Input tokens from the prefix cache", fmt.Sprint(r.Cached), "tok"},
		{"Total generated tokens", fmt.Sprint(r.TotalOutput), "tok"},
		{"Peak concurrent requests", fmt.Sprint(r.PeakConcurrency), ""},
	}
	if (r.SLO != SLO{}) {
		s.Facts = append(s.Facts, fact{fmt.Sprintf("Request goodput (%s)", r.SLO), f2(r.Goodput), "req/s"})
	}
	for _, m := range metrics() {
		d := m.of(r)
		if m.rare && d.Count == 0 {
			continue
		}
		of := d.shown
		s.Latencies = append(s.Latencies, latency{
			m.name, m.plain, of(func(d Distribution) float64 { return d.MeanMS }), of(func(d Distribution) float64 { return d.MedianMS }),
			of(func(d Distribution) float64 { return d.StdMS }), of(func(d Distribution) float64 { return d.P90MS }), of(func(d Distribution) float64 { return d.P95MS }),
			of(func(d Distribution) float64 { return d.P99MS }), of(func(d Distribution) float64 { return d.MinMS }), of(func(d Distribution) float64 { return d.MaxMS }),
		})
	}
	var err error
	s.Charts, err = drawn(append([]plot{
		histogramPlot("Time to first token: requests by ms", r.TTFT),
		histogramPlot("Inter-token latency: gaps by ms", r.ITL),
	}, timelinePlots(r)...))
	return s, err
}

func drawn(ps []plot) ([]template.HTML, error) {
	var out []template.HTML
	for _, p := range ps {
		svg, err := p.svg()
		if err != nil {
			return nil, err
		}
		if svg != "" {
			out = append(out, svg)
		}
	}
	return out, nil
}
