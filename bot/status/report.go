package status

import (
	"fmt"
	"math"
	"strings"
	"time"

	"llmbot/bot/figures"
	"llmbot/llm"
)

// chartPoints is how many points a chart has, a minute each: the most that Slack takes
// (facts/slack.md §4.1).
const chartPoints = 20

// Report says how the server and the bot are doing, for one person.
type Report struct {
	Groups []Group
	Charts []Chart // of the last 20 minutes; none without metrics
}

// Group is a few lines about one thing.
type Group struct {
	Title string
	Lines []string
	Note  string // what the figures mean; small
}

// Chart is a few series over the same times.
type Chart struct {
	Title  string
	Unit   string
	Labels []string // of the points, oldest first; all different
	Series []Series
}

// Series is one line of a chart.
type Series struct {
	Name   string
	Points []float64 // as many as the chart has labels
}

// Text returns the report in words, its charts as lines of block characters, for places that draw
// nothing.
func (r Report) Text() string {
	var b strings.Builder
	for i, g := range r.Groups {
		if i > 0 {
			b.WriteString("\n")
		}
		if g.Title != "" {
			b.WriteString(g.Title + "\n")
		}
		for _, line := range g.Lines {
			b.WriteString(line + "\n")
		}
		if g.Note != "" {
			b.WriteString(g.Note + "\n")
		}
	}
	if len(r.Charts) > 0 {
		b.WriteString("\n" + Sparklines(r.Charts) + "\n")
	}
	return strings.TrimSpace(b.String())
}

// Sparklines draws charts with block characters, a line for each series.
func Sparklines(charts []Chart) string {
	lines := []string{"The last 20 minutes, oldest first:"}
	for _, c := range charts {
		for _, s := range c.Series {
			low, high := math.Inf(1), 0.0
			for _, p := range s.Points {
				low, high = min(low, p), max(high, p)
			}
			name := s.Name
			if len(c.Series) == 1 {
				name = c.Title
			}
			lines = append(lines, fmt.Sprintf("%s %s (%s to %s %s)", sparkline(s.Points, high), name, figures.Number(low), figures.Number(high), c.Unit))
		}
	}
	return strings.Join(lines, "\n")
}

func sparkline(points []float64, high float64) string {
	blocks := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, p := range points {
		i := 0
		if high > 0 {
			i = int(math.Round(p / high * float64(len(blocks)-1)))
		}
		b.WriteRune(blocks[min(max(i, 0), len(blocks)-1)])
	}
	return b.String()
}

// charts draws the last 20 minutes, a minute a point. The throughput of a minute is over the
// seconds in which a request ran; alone is that of throughputOf.
func charts(now time.Time, readings []reading, alone float64) []Chart {
	if len(readings) < 2 {
		return nil
	}
	var labels, firstLabels []string
	var rate, running, waiting, first []float64
	for i := range chartPoints {
		to := now.Add(-time.Duration(chartPoints-1-i) * time.Minute)
		label := to.Format("15:04")
		in := within(readings, to.Add(-time.Minute), to)
		if len(in) < 2 {
			if len(labels) == 0 {
				continue // from before anything was known
			}
			in = in[:0] // the server was away
		}
		labels = append(labels, label)
		rate, running, waiting = append(rate, 0), append(running, 0), append(waiting, 0)
		if len(in) == 0 {
			continue
		}
		at := len(labels) - 1
		rate[at] = round(throughputOf(in, alone).rate())
		for _, r := range in[1:] {
			running[at] = max(running[at], r.metrics.Running)
			waiting[at] = max(waiting[at], r.metrics.Waiting)
		}
		// A minute without a request has no TTFT, not one of 0 s.
		if q := llm.Rates(in[0].metrics, in[len(in)-1].metrics, 0).TTFT; q.Count > 0 {
			firstLabels, first = append(firstLabels, label), append(first, round(q.P50.Seconds()))
		}
	}
	var out []Chart
	add := func(c Chart) {
		if len(c.Labels) > 1 { // a single point is no course
			out = append(out, c)
		}
	}
	add(Chart{Title: "System throughput", Unit: "tok/s", Labels: labels, Series: []Series{{"tok/s", rate}}})
	add(Chart{Title: "Requests", Unit: "requests", Labels: labels, Series: []Series{{"running", running}, {"waiting", waiting}}})
	add(Chart{Title: "First token, median", Unit: "s", Labels: firstLabels, Series: []Series{{"seconds", first}}})
	return out
}

// within returns the readings between two times, and the one before them.
func within(readings []reading, from, to time.Time) []reading {
	first, last := -1, -1
	for i, r := range readings {
		if !r.at.After(from) {
			first = i
		}
		if !r.at.After(to) {
			last = i
		}
	}
	if last < 0 {
		return nil
	}
	return readings[max(first, 0) : last+1]
}

func round(f float64) float64 { return math.Round(f*100) / 100 }
