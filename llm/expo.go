package llm

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// parseMetrics reads the text format and OpenMetrics. Only the lines of families that we know reach the parser, which stops at
// the first line it does not understand: routers join expositions, repeat TYPE lines, and add their own.
func parseMetrics(body []byte, at time.Time) (Metrics, error) {
	m := Metrics{At: at}
	known := families()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	got, err := parser.TextToMetricFamilies(bytes.NewReader(wanted(body, known)))
	if err != nil && len(got) == 0 {
		return m, &Error{Kind: KindServer, Op: "metrics", Message: snippet(string(body)), Err: err}
	}
	taken := map[string]bool{}
	for _, f := range known {
		fam := got[f.name]
		if fam == nil {
			fam = got[f.name+"_total"]
		}
		if fam == nil || (f.slot != "" && taken[f.slot]) {
			continue
		}
		taken[f.slot] = true
		m.Known = m.Known || strings.Contains(f.name, ":")
		for _, sample := range fam.GetMetric() {
			f.take(&m, sample)
		}
	}
	return m, nil
}

func (f family) take(m *Metrics, sample *dto.Metric) {
	if f.hist != nil {
		f.hist(m).add(sample.GetHistogram())
		return
	}
	v := sample.GetUntyped().GetValue()
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	labels := map[string]string{}
	for _, l := range sample.GetLabel() {
		labels[l.GetName()] = l.GetValue()
	}
	f.set(m, v, labels)
}

// wanted returns the sample lines of known families, each histogram announced by one TYPE line; the rest is untyped.
func wanted(body []byte, known []family) []byte {
	var head, out bytes.Buffer
	names := map[string]bool{}
	for _, f := range known {
		if f.hist == nil {
			names[f.name], names[f.name+"_total"] = true, true
			continue
		}
		fmt.Fprintf(&head, "# TYPE %s histogram\n", f.name)
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			names[f.name+suffix] = true
		}
	}
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Bytes()
		end := bytes.IndexAny(line, "{ \t")
		if end <= 0 || line[0] == '#' || !names[string(line[:end])] {
			continue
		}
		if i := bytes.Index(line, []byte(" # {")); i > 0 {
			line = line[:i] // an OpenMetrics exemplar
		}
		out.Write(bytes.TrimRight(line, " \t\r"))
		out.WriteByte('\n')
	}
	return append(head.Bytes(), out.Bytes()...)
}

// add adds another histogram of the same family (another engine, model or server).
func (h *Histogram) add(d *dto.Histogram) {
	if d == nil {
		return
	}
	var in Histogram
	for _, b := range d.GetBucket() {
		n := float64(b.GetCumulativeCount())
		if b.CumulativeCountFloat != nil {
			n = b.GetCumulativeCountFloat()
		}
		in.Bounds, in.Counts = append(in.Bounds, b.GetUpperBound()), append(in.Counts, n)
	}
	in.Sum, in.Count = d.GetSampleSum(), float64(d.GetSampleCount())
	if d.SampleCountFloat != nil {
		in.Count = d.GetSampleCountFloat()
	}
	in.sort()
	h.merge(in)
}
