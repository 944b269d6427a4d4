package bench

import (
	"fmt"
	"slices"
	"strings"
)

// Benchstat returns reports in Go's benchmark format, a line for each sample. Above them stands what
// was measured with what, in lines that benchstat passes over. A sample's name has its lengths and
// its concurrency; it has the server only if there are several, so that files of two servers are
// compared. It is empty for no reports, and ends with a newline.
func Benchstat(reports ...Report) string {
	var b strings.Builder
	for line := range strings.Lines(Heading(reports...)) {
		b.WriteString("# " + strings.TrimSpace(line) + "\n")
	}
	several := slices.ContainsFunc(reports, func(r Report) bool { return r.Name != reports[0].Name })
	for _, r := range reports {
		server := ""
		if several {
			server = "/server=" + benchName(r.Name)
		}
		fmt.Fprintf(&b, "BenchmarkServe%s/in=%d/out=%d/concurrency=%d %d", server, r.InputTokens, r.OutputTokens, r.MaxConcurrency, max(r.Completed, 1))
		for _, m := range metrics() {
			if d := m.of(r); d.Count > 0 {
				fmt.Fprintf(&b, " %.4f ms/%s", d.MedianMS, strings.ReplaceAll(strings.ToLower(m.name), " ", "-"))
			}
		}
		fmt.Fprintf(&b, " %.3f output-tok/s %.4f req/s", r.OutputThroughput, r.RequestThroughput)
		for _, v := range []struct {
			value float64
			known bool
			unit  string
		}{
			{r.Interactive, r.Interactive > 0, "interactive-tok/s"},
			{r.Decode, r.Decode > 0, "decode-tok/s"},
			{r.Goodput, r.SLO != SLO{}, "good-req/s"},
		} {
			if v.known {
				fmt.Fprintf(&b, " %.4f %s", v.value, v.unit)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// benchName returns a server's name as a part of a benchmark's: printable, without spaces and /.
func benchName(name string) string {
	name = strings.Map(func(c rune) rune {
		if c <= ' ' || c == '/' || c > '~' {
			return '_'
		}
		return c
	}, name)
	if name == "" {
		return "server"
	}
	return name
}
