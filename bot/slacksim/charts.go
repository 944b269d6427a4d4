package slacksim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The limits on data_visualization and data_table blocks, in characters and items (facts: slack.md
// §4.1).
const (
	maxChartTitle  = 50
	maxChartSeries = 6 // segments of a pie, too
	maxChartPoints = 20
	maxChartLabel  = 20
	maxAxisLabel   = 50
	maxPageSize    = 100
	maxTableRows   = 100
	maxTableCells  = 20
	maxTableText   = 10_000 // all cells together
)

// problems collects what is wrong with a block.
type problems []string

func (p *problems) addf(format string, a ...any) { *p = append(*p, fmt.Sprintf(format, a...)) }

// label checks a text of 1 (0, if optional) to most characters.
func (p *problems) label(v any, at string, most int, optional bool) string {
	text, ok := v.(string)
	switch n := utf8.RuneCountInString(text); {
	case v == nil && optional:
	case !ok || n == 0 && !optional:
		p.addf("must be more than 0 characters [json-pointer:%s]", at)
	case n > most:
		p.addf("must be less than %d characters [json-pointer:%s]", most+1, at)
	}
	return text
}

// checkChart returns what is wrong with a data_visualization block.
func checkChart(b obj, at string) []string {
	var p problems
	p.label(b["title"], at+"/title", maxChartTitle, false)
	chart, _ := b["chart"].(obj)
	at += "/chart"
	switch chart["type"] {
	case "pie":
		p.each(chart["segments"], at+"/segments", 1, maxChartSeries, func(seg obj, at string) {
			p.label(seg["label"], at+"/label", maxChartLabel, false)
			if v, ok := seg["value"].(float64); !ok || v <= 0 {
				p.addf("must be more than 0 [json-pointer:%s/value]", at)
			}
		})
	case "line", "bar", "area":
		p.series(chart, at)
	default:
		p.addf("unsupported type: %s [json-pointer:%s/type]", str(chart["type"]), at)
	}
	return p
}

func (p *problems) series(chart obj, at string) {
	axis, _ := chart["axis_config"].(obj)
	raw, _ := axis["categories"].([]any)
	var categories []string
	if len(raw) == 0 || len(raw) > maxChartPoints {
		p.addf("must have 1 to %d items [json-pointer:%s/axis_config/categories]", maxChartPoints, at)
	}
	for i, c := range raw {
		at := fmt.Sprintf("%s/axis_config/categories/%d", at, i)
		name := p.label(c, at, maxChartLabel, false)
		if slices.Contains(categories, name) {
			p.addf("must be unique [json-pointer:%s]", at)
		}
		categories = append(categories, name)
	}
	p.label(axis["x_label"], at+"/axis_config/x_label", maxAxisLabel, true)
	p.label(axis["y_label"], at+"/axis_config/y_label", maxAxisLabel, true)
	seen := map[string]bool{}
	p.each(chart["series"], at+"/series", 1, maxChartSeries, func(s obj, at string) {
		name := p.label(s["name"], at+"/name", maxChartLabel, false)
		if seen[name] {
			p.addf("must be unique [json-pointer:%s/name]", at)
		}
		seen[name] = true
		left, points := slices.Clone(categories), 0
		p.each(s["data"], at+"/data", 1, maxChartPoints, func(point obj, at string) {
			points++
			k := slices.Index(left, p.label(point["label"], at+"/label", maxChartLabel, false))
			if k < 0 {
				p.addf("must be one of the categories, once [json-pointer:%s/label]", at)
			} else {
				left = slices.Delete(left, k, k+1)
			}
			if _, ok := point["value"].(float64); !ok {
				p.addf("must be a number [json-pointer:%s/value]", at)
			}
		})
		if points != len(categories) {
			p.addf("must have one point for every category [json-pointer:%s/data]", at)
		}
	})
}

// checkTable returns what is wrong with a table or data_table block.
func checkTable(b obj, at string) []string {
	var p problems
	rows, _ := b["rows"].([]any)
	if len(rows) == 0 || len(rows) > maxTableRows {
		p.addf("must have 1 to %d rows [json-pointer:%s/rows]", maxTableRows, at)
	}
	size := 0
	for i, r := range rows {
		p.each(r, fmt.Sprintf("%s/rows/%d", at, i), 1, maxTableCells, func(cell obj, at string) {
			size += utf8.RuneCountInString(cellText(cell))
			p.cell(cell, at, b["type"] == "data_table" && i == 0)
		})
	}
	if size > maxTableText {
		p.addf("must be less than %d characters [json-pointer:%s/rows]", maxTableText+1, at)
	}
	if n, ok := b["page_size"].(float64); ok && (n < 1 || n > maxPageSize) {
		p.addf("must be 1 to %d [json-pointer:%s/page_size]", maxPageSize, at)
	}
	return p
}

// cell checks a cell of a table. Those of the first row of a data_table are its headers.
func (p *problems) cell(cell obj, at string, header bool) {
	if header && cell["type"] != "raw_text" {
		p.addf("the first row must be raw_text [json-pointer:%s/type]", at)
	}
	switch cell["type"] {
	case "raw_text":
		if _, ok := cell["text"].(string); !ok {
			p.addf("missing required field: text [json-pointer:%s]", at)
		}
	case "raw_number":
		if _, ok := cell["value"].(float64); !ok {
			p.addf("missing required field: value [json-pointer:%s]", at)
		}
	case "rich_text":
		p.richText(cell, at)
	case "action_cell":
		if e, _ := cell["element"].(obj); e["type"] != "button" {
			p.addf("must be a button [json-pointer:%s/element]", at)
			return
		}
		p.element(cell["element"], at+"/element", inActions)
	default:
		p.addf("unsupported type: %s [json-pointer:%s/type]", str(cell["type"]), at)
	}
}

// cellText returns what a cell shows.
func cellText(cell obj) string {
	if text := str(cell["text"]); text != "" {
		return text
	}
	if n, ok := cell["value"].(float64); ok {
		return number(n)
	}
	var parts []string
	for _, t := range textsOf(cell) {
		parts = append(parts, t.text)
	}
	return strings.Join(parts, "")
}

func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// plainChart and plainTable return such blocks in words: the title, then a line for each series or
// row.
func plainChart(b obj) string {
	chart, _ := b["chart"].(obj)
	lines := []string{str(b["title"])}
	for _, seg := range objs(chart["segments"]) {
		n, _ := seg["value"].(float64)
		lines = append(lines, str(seg["label"])+": "+number(n))
	}
	for _, s := range objs(chart["series"]) {
		var line strings.Builder
		line.WriteString(str(s["name"]) + ":")
		for _, point := range objs(s["data"]) {
			n, _ := point["value"].(float64)
			line.WriteString(" " + number(n))
		}
		lines = append(lines, line.String())
	}
	return strings.Join(lines, "\n")
}

func plainTable(b obj) string {
	var lines []string
	if caption := str(b["caption"]); caption != "" {
		lines = append(lines, caption)
	}
	rows, _ := b["rows"].([]any)
	for _, r := range rows {
		var cells []string
		for _, cell := range objs(r) {
			cells = append(cells, cellText(cell))
		}
		lines = append(lines, strings.Join(cells, " | "))
	}
	return strings.Join(lines, "\n")
}
