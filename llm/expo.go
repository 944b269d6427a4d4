package llm

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Limits of an exposition. vLLM writes 54 kB and 460 lines for an engine (testdata/real), of which
// we know about 200.
const (
	maxExposition = 2 << 20  // bytes that are read
	maxExpoLine   = 64 << 10 // bytes of a line that are looked at
	maxSample     = 8 << 10  // bytes of a line of a known family; vllm:cache_config_info has 1 kB
	// The parser's time grows with the square of the labels of a line. vllm:cache_config_info has 37,
	// all other families have fewer than fewLabels.
	maxLabels  = 64 // equals signs in a line; one with more is passed over
	fewLabels  = 16
	maxMany    = 100    // lines with more than fewLabels; more of them are passed over
	maxSamples = 20_000 // lines of known families: a hundred engines behind a router
	maxBuckets = 200    // bounds of a histogram, after all that is joined; vLLM's have up to 30
	maxReasons = 16     // finish reasons; vLLM has five
	maxReason  = 32     // bytes of one
)

// errTooLarge reports that a page is larger than what is read of it.
var errTooLarge = errors.New("the page is larger than what is read of it")

// parseMetrics reads the text format and OpenMetrics. It gives the parser only the lines of
// families that we know, since the parser stops at the first line that it does not understand:
// routers join expositions, repeat TYPE lines, and add their own. A page that is too large is an
// error: sums over a part of the engines would be wrong.
func parseMetrics(page io.Reader, at time.Time) (Metrics, error) {
	m := Metrics{At: at}
	known := families()
	names := map[string]bool{}
	var head bytes.Buffer
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
	lines, begin, err := wanted(page, names)
	if errors.Is(err, errTooLarge) {
		m.TooLarge = true
		return m, nil
	}
	if err != nil {
		return m, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	got, err := parser.TextToMetricFamilies(io.MultiReader(&head, bytes.NewReader(lines)))
	if err != nil && len(got) == 0 {
		return m, &Error{Kind: KindServer, Op: "metrics", Message: snippet(begin), Err: err}
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
	f.set(m, v, labelsOf(sample))
}

func labelsOf(sample *dto.Metric) map[string]string {
	labels := make(map[string]string, len(sample.GetLabel()))
	for _, l := range sample.GetLabel() {
		labels[l.GetName()] = l.GetValue()
	}
	return labels
}

// wanted reads a page line by line, and returns the sample lines of these names, untyped. It
// forgets the rest at once. begin is the beginning of the page, for an error. It returns
// errTooLarge when it has read enough.
func wanted(page io.Reader, names map[string]bool) (lines []byte, begin string, err error) {
	limited := &io.LimitedReader{R: page, N: maxExposition + 1}
	in := bufio.NewReaderSize(limited, maxExpoLine)
	samples, many, inLong := 0, 0, false
	for {
		line, err := in.ReadSlice('\n')
		if limited.N <= 0 || samples > maxSamples {
			return nil, begin, errTooLarge
		}
		if begin == "" {
			begin = string(line[:min(len(line), maxMessage)])
		}
		long := err == bufio.ErrBufferFull //nolint:errorlint // ReadSlice's own
		if !long && !inLong && len(line) <= maxSample {
			if end := bytes.IndexAny(line, "{ \t"); end > 0 && line[0] != '#' && names[string(line[:end])] {
				samples++
				labels := bytes.Count(line, []byte("="))
				if labels > fewLabels {
					many++
				}
				if labels <= fewLabels || labels <= maxLabels && many <= maxMany {
					lines = append(append(lines, sampleOf(line)...), '\n')
				}
			}
		}
		inLong = long
		switch {
		case err == nil, long:
		case errors.Is(err, io.EOF):
			return lines, begin, nil
		default:
			return nil, begin, err
		}
	}
}

// sampleOf returns a line without its OpenMetrics exemplar.
func sampleOf(line []byte) []byte {
	if i := bytes.Index(line, []byte(" # {")); i > 0 {
		line = line[:i]
	}
	return bytes.TrimRight(line, " \t\r\n")
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
		if math.IsNaN(b.GetUpperBound()) {
			continue
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
