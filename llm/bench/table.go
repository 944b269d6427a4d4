package bench

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Width of a report's table, as vLLM prints it.
const (
	tableWidth = 50
	labelWidth = 40
)

// Table returns the report for a terminal, in the rows and words of `vllm bench serve`, and what
// they mean. It ends with a newline.
func (r Report) Table() string { return Table(r) }

// Table returns one table of several reports, a column each, for a sweep or rounds. It is empty for
// none.
func Table(reports ...Report) string {
	if len(reports) == 0 {
		return ""
	}
	const column = 12
	var b strings.Builder
	width := max(tableWidth, labelWidth+1+column*len(reports)-3)
	line := func(fill, text string) {
		n := width - len([]rune(text))
		b.WriteString(strings.Repeat(fill, n/2) + text + strings.Repeat(fill, n-n/2) + "\n")
	}
	row := func(label string, cell func(Report) string) {
		var cells strings.Builder
		for _, r := range reports {
			fmt.Fprintf(&cells, "%-*s", column, cell(r))
		}
		fmt.Fprintf(&b, "%-*s %s\n", labelWidth, label, strings.TrimRight(cells.String(), " "))
	}
	count := func(label string, n func(Report) int) {
		row(label, func(r Report) string { return fmt.Sprint(n(r)) })
	}
	number := func(label string, x func(Report) float64) {
		row(label, func(r Report) string { return fmt.Sprintf("%.2f", x(r)) })
	}
	// rare rows show only where there is something to say.
	rare := func(label string, n func(Report) int) {
		for _, r := range reports {
			if n(r) > 0 {
				count(label, n)
				return
			}
		}
	}
	line("=", " Serving Benchmark Result ")
	count("Successful requests:", func(r Report) int { return r.Completed })
	count("Failed requests:", func(r Report) int { return r.Failed })
	rare("Unfinished requests (interrupted):", func(r Report) int { return r.Unfinished })
	row("Maximum request concurrency:", func(r Report) string {
		if r.MaxConcurrency == 0 {
			return "no limit"
		}
		return fmt.Sprint(r.MaxConcurrency)
	})
	if reports[0].RequestRate > 0 {
		number("Request rate configured (RPS):", func(r Report) float64 { return r.RequestRate })
	}
	number("Benchmark duration (s):", func(r Report) float64 { return r.DurationS })
	count("Total input tokens:", func(r Report) int { return r.TotalInput })
	rare("Input tokens from the prefix cache:", func(r Report) int { return r.Cached })
	count("Total generated tokens:", func(r Report) int { return r.TotalOutput })
	number("Request throughput (req/s):", func(r Report) float64 { return r.RequestThroughput })
	if (reports[0].SLO != SLO{}) {
		number("Request goodput (req/s):", func(r Report) float64 { return r.Goodput })
	}
	number("Output token throughput (tok/s):", func(r Report) float64 { return r.OutputThroughput })
	number("Peak output token throughput (tok/s):", func(r Report) float64 { return r.PeakOutputThroughput })
	count("Peak concurrent requests:", func(r Report) int { return r.PeakConcurrency })
	number("Total token throughput (tok/s):", func(r Report) float64 { return r.TotalThroughput })
	known := func(x float64) string {
		if x == 0 {
			return "-"
		}
		return fmt.Sprintf("%.2f", x)
	}
	row("Median interactive speed (tok/s):", func(r Report) string { return known(r.Interactive) })
	row("Median decode speed (tok/s):", func(r Report) string { return known(r.Decode) })
	for _, m := range metrics() {
		if m.rare && !slices.ContainsFunc(reports, func(r Report) bool { return m.of(r).Count > 0 }) {
			continue
		}
		latency := func(which string, x func(Distribution) float64) {
			row(which+" "+m.name+" (ms):", func(r Report) string { return m.of(r).shown(x) })
		}
		line("-", m.title)
		latency("Mean", func(d Distribution) float64 { return d.MeanMS })
		latency("Median", func(d Distribution) float64 { return d.MedianMS })
		latency("P99", func(d Distribution) float64 { return d.P99MS })
	}
	line("=", "")
	for _, s := range explain(reports) {
		b.WriteString(wrapped(s))
	}
	for _, r := range reports {
		for _, s := range doubts(r) {
			b.WriteString(wrapped(s))
		}
	}
	return b.String()
}

// textWidth is how wide the sentences below a table are: a terminal has at least as much.
const textWidth = 80

// wrapped returns a sentence in lines that break between words, the further ones indented.
func wrapped(s string) string {
	var b strings.Builder
	at := 0
	for i, word := range strings.Fields(s) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+n > textWidth:
			b.WriteString("\n  ")
			at = 2
		default:
			b.WriteString(" ")
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String() + "\n"
}

// Heading returns what was measured with what, for above the table: versions, model and lengths. It
// is empty for no reports, and ends with a newline.
func Heading(reports ...Report) string {
	var lines []string
	differ := slices.ContainsFunc(reports, func(r Report) bool { return r.Prompts != reports[0].Prompts })
	for _, r := range reports {
		what := []string{}
		if r.Name != "" {
			what = append(what, r.Name)
		}
		if r.Server != "" {
			what = append(what, "version "+r.Server)
		}
		what = append(what, "model "+r.Model)
		by := ""
		if r.Client != "" {
			by = ", measured by llmbot " + r.Client
		}
		eos := ""
		if r.IgnoreEOS {
			eos = " (the end token is ignored)"
		}
		level := ""
		if differ {
			level = fmt.Sprintf("%d at once: ", r.MaxConcurrency)
		}
		for _, line := range []string{
			strings.Join(what, ", "),
			fmt.Sprintf("%s%d prompts of about %d tokens, answers of up to %d tokens%s, seed %d%s", level, r.Prompts, r.InputTokens, r.OutputTokens, eos, r.Seed, by),
		} {
			if !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(wrapped(l))
	}
	return b.String()
}

// metric is one of the latencies, in the order in which vLLM prints them. Those that it does not
// print come last.
type metric struct {
	name, title, plain string
	of                 func(Report) Distribution
	rare               bool // shown only if there are any
}

func metrics() []metric {
	return []metric{
		{name: "TTFT", title: "Time to First Token", plain: "how long one waits for the first token, reasoning included", of: func(r Report) Distribution { return r.TTFT }},
		{
			name: "TPOT", title: "Time per Output Token (excl. 1st token)", plain: "the time each further token takes, averaged over an answer",
			of: func(r Report) Distribution { return r.TPOT },
		},
		{name: "ITL", title: "Inter-token Latency", plain: "the gaps between the pieces of an answer as they arrive", of: func(r Report) Distribution { return r.ITL }},
		{name: "E2EL", title: "End-to-end Latency", plain: "how long the whole answer takes", of: func(r Report) Distribution { return r.E2EL }},
		{name: "TTFW", title: "Time to First Visible Word", plain: "how long one waits for the first word of the answer itself", of: func(r Report) Distribution { return r.TTFW }},
		{
			name: "client queue", title: "Wait in the Client (before sending)", plain: "how long a request waited here for a free slot; in none of the others",
			of: func(r Report) Distribution { return r.ClientQueue }, rare: true,
		},
	}
}

// explain returns plain lines on how fast the servers are, and what the two kinds of speed mean.
func explain(reports []Report) []string {
	var out []string
	for _, r := range reports {
		out = append(out, speeds(r)...)
	}
	if len(out) > 0 {
		out = append(out,
			"Interactive speed is what one reader sees, as in the line under llmbot's answers: the tokens of an answer by all of its seconds, those to the first token included.",
			"Decode speed is 1 / TPOT, as vLLM measures it: how fast an answer grows once it has begun. System throughput is all answers together.")
		if s := both(reports); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// both explains why two very different speeds of one server are both true; empty: it was not
// measured both with one request and with several at once.
func both(reports []Report) string {
	var alone, crowd *Report
	for i, r := range reports {
		switch {
		case r.Completed == 0:
		case r.MaxConcurrency == 1 && alone == nil:
			alone = &reports[i]
		case alone != nil && r.Name == alone.Name && r.MaxConcurrency > 1:
			crowd = &reports[i]
		}
	}
	if alone == nil || crowd == nil {
		return ""
	}
	return fmt.Sprintf("So %.1f tok/s for one person and %.1f tok/s for %d prompts at once are both correct, of the same server.",
		alone.InteractiveSpeed(), crowd.OutputThroughput, crowd.MaxConcurrency)
}

func speeds(r Report) []string {
	if r.Completed == 0 {
		return nil
	}
	what := fmt.Sprintf("with %d at once", r.MaxConcurrency)
	switch {
	case r.MaxConcurrency == 1:
		what = "one at a time"
	case r.MaxConcurrency == 0:
		what = fmt.Sprintf("at %g requests a second", r.RequestRate)
	}
	if r.Name != "" {
		what = r.Name + ", " + what
	}
	word := ""
	if r.TTFW.MedianMS > r.TTFT.MedianMS+1000 { // as in the footer of an answer
		word = fmt.Sprintf(", first visible word after %.2f s", r.TTFW.MedianMS/1000)
	}
	out := []string{fmt.Sprintf("%s: interactive speed %s (first token after %.2f s%s), decode speed %s, system throughput %.1f tok/s.",
		what, speed(r.Interactive), r.TTFT.MedianMS/1000, word, speed(r.Decode), r.OutputThroughput)}
	if (r.SLO != SLO{}) {
		out = append(out, fmt.Sprintf("%s: %d of %d requests met %s: goodput %.2f a second.", what, r.Good, r.Completed+r.Failed, r.SLO, r.Goodput))
	}
	return out
}

func speed(x float64) string {
	if x == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%.1f tok/s", x)
}

// doubts returns the reasons not to believe a report as it stands.
func doubts(r Report) []string {
	var out []string
	say := func(format string, args ...any) {
		s := fmt.Sprintf(format, args...)
		if r.Name != "" {
			s = r.Name + ": " + s
		}
		out = append(out, s)
	}
	if r.Interrupted {
		say("interrupted after %d of %d requests: the numbers are of this part.", r.Completed+r.Failed, r.Prompts)
	}
	for _, f := range r.Failures {
		say("%d failed (%s), for example: %s", f.Count, f.Kind, f.Example)
	}
	if r.Short > 0 {
		say("%d of %d answers ended before %d tokens; the throughput is lower for it.", r.Short, r.Completed, r.OutputTokens)
	}
	if r.Hidden > 0 {
		say("%d of %d answers have tokens that were not streamed (hidden reasoning, or an answer in one piece): how long each token took is not known, so they have no TPOT.", r.Hidden, r.Completed)
	}
	if q := r.ClientQueue; q.MedianMS > 1 {
		say("requests waited here %.2f s (median; at most %.2f s) for one of %d slots before they were sent: that is in none of the latencies.", q.MedianMS/1000, q.MaxMS/1000, r.MaxConcurrency)
	}
	if r.Uncounted > 0 {
		say("the server told no token counts for %d answers: each of their events is counted as one token.", r.Uncounted)
	}
	if r.TotalInput > 0 && r.Cached > r.TotalInput/4 {
		say("%d of %d input tokens came from the prefix cache, so that the first tokens came sooner than for new prompts.", r.Cached, r.TotalInput)
	}
	return out
}
