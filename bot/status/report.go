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

// Chart is a few series over the same times: the last minutes, one after the other, whatever
// happened in them.
type Chart struct {
	Title  string
	Unit   string
	Labels []string // of the points, oldest first; all different
	Series []Series
	// Gaps reports that a point of 0 is no measurement but the lack of one, so that the points are
	// bars: a line would lead through it.
	Gaps bool
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
	minutes := 0
	for _, c := range charts {
		minutes = max(minutes, len(c.Labels))
	}
	lines := []string{"The last " + figures.Count(minutes, "minute") + ", oldest first:"}
	for _, c := range charts {
		for _, s := range c.Series {
			low, high := math.Inf(1), 0.0
			for _, p := range s.Points {
				if p != 0 || !c.Gaps {
					low, high = min(low, p), max(high, p)
				}
			}
			name := s.Name
			if len(c.Series) == 1 {
				name = c.Title
			}
			lines = append(lines, fmt.Sprintf("%s %s (%s to %s %s)", sparkline(s.Points, high, c.Gaps), name, figures.Number(low), figures.Number(high), c.Unit))
		}
	}
	return strings.Join(lines, "\n")
}

func sparkline(points []float64, high float64, gaps bool) string {
	blocks := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, p := range points {
		if gaps && p == 0 {
			b.WriteRune('·')
			continue
		}
		i := 0
		if high > 0 {
			i = int(math.Round(p / high * float64(len(blocks)-1)))
		}
		b.WriteRune(blocks[min(max(i, 0), len(blocks)-1)])
	}
	return b.String()
}

// charts draws the last 20 minutes, a minute a point, from the first one of which something is
// known. The throughput of a minute is over the seconds in which a request ran, and the requests
// are those at once on average over the whole minute. alone is that of throughputOf. firstTokens
// returns the median of the bot's own answers that ended between two times, 0 for none: the figure
// that stands under the answers, and in the report. The server's histogram knows no median.
func charts(now time.Time, readings []reading, alone float64, firstTokens func(from, to time.Time) float64) []Chart {
	if len(readings) < 2 {
		return nil
	}
	var labels []string
	var rate, running, waiting, first []float64
	some := false // there was a first token
	for i := range chartPoints {
		to := now.Add(-time.Duration(chartPoints-1-i) * time.Minute)
		from := to.Add(-time.Minute)
		in := within(readings, from, to)
		if len(in) < 2 {
			if len(labels) == 0 {
				continue // from before anything was known
			}
			in = nil // the server was away
		}
		t := throughputOf(in, alone)
		labels, rate = append(labels, to.Format("15:04")), append(rate, round(t.rate()))
		running = append(running, round(t.requests*t.busy.Minutes()))
		waiting = append(waiting, round(average(in, func(m llm.Metrics) float64 { return m.Waiting })))
		ttft := round(firstTokens(from, to))
		first, some = append(first, ttft), some || ttft > 0
	}
	if len(labels) < 2 { // a single point is no course
		return nil
	}
	out := []Chart{
		{Title: "System throughput", Unit: "tok/s", Labels: labels, Series: []Series{{"tok/s", rate}}},
		{Title: "Requests at once, average of each minute", Unit: "requests", Labels: labels, Series: []Series{{"running", running}, {"waiting", waiting}}},
	}
	if some {
		out = append(out, Chart{Title: "First token, median of my answers", Unit: "s", Labels: labels, Series: []Series{{"seconds", first}}, Gaps: true})
	}
	return out
}

// average returns the average of a gauge over the time between readings.
func average(readings []reading, of func(llm.Metrics) float64) float64 {
	sum, took := 0.0, 0.0
	for i := 1; i < len(readings); i++ {
		d := readings[i].at.Sub(readings[i-1].at).Seconds()
		sum += (of(readings[i-1].metrics) + of(readings[i].metrics)) / 2 * d
		took += d
	}
	if took <= 0 {
		return 0
	}
	return sum / took
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
