package document

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"llmbot/bot/figures"
)

// maxColumns is how many columns a table of rows may have. A wider one, in which the bars of GFM
// would be most of the text, stays as it is.
const maxColumns = 40

// rows writes a text of rows as a GFM table, or as it is if it is none.
func rows(ctx context.Context, text string, limits Limits, out *writer) (part string, err error) {
	if !strings.Contains(text, "\n") {
		text = strings.ReplaceAll(text, "\r", "\n")
	}
	comma, text := separator(text)
	all := strings.Count(strings.TrimRight(text, "\r\n"), "\n") + 1
	asIs := func() (string, error) {
		for i := 0; text != ""; i++ {
			line, rest, _ := strings.Cut(text, "\n")
			text = rest
			if err := out.addWhole(strings.TrimRight(line, "\r") + "\n"); err != nil {
				if i == 0 {
					return "", out.add(line)
				}
				return lines(i, all), err
			}
		}
		return "", nil
	}
	if comma == 0 {
		return asIs()
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord, r.ReuseRecord = comma, true, -1, false
	var table [][]string
	var stopped error
	cells, runes := 0, 0
	for stopped == nil {
		record, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			stopped = io.EOF
			continue
		case err != nil || len(record) > maxColumns:
			return asIs()
		case ctx.Err() != nil:
			stopped = fmt.Errorf("%w: %w", ErrSlow, ctx.Err())
			continue
		}
		if cells += len(record); cells > limits.Cells {
			stopped = errEnough
			continue
		}
		for _, c := range record {
			runes += len(c)
		}
		if table = append(table, record); runes > 4*out.left {
			stopped = errFull
		}
	}
	columns := widest(table)
	if columns < 2 {
		return asIs()
	}
	done, err := out.table(columns, func(yield func([]string) bool) {
		for _, r := range table {
			if !yield(r) {
				return
			}
		}
	})
	if err == nil && !errors.Is(stopped, io.EOF) {
		err = stopped
	}
	if err != nil && done == 0 { // a row that is longer than all that may be shown
		return asIs()
	}
	return lines(done, all), err
}

func lines(n, all int) string {
	return fmt.Sprintf("the first %s of %s lines", figures.Thousands(n), figures.Thousands(max(n, all)))
}

// maxProbe is how many lines tell the separator.
const maxProbe = 20

// separator returns what stands between the cells: the character that is as often in each of the
// first lines, outside of quotes, and more often than others that are. 0: there is none. Excel
// writes it into a line of its own, which is no part of the rest.
func separator(text string) (comma rune, rest string) {
	if first, rest, ok := strings.Cut(text, "\n"); ok && len(first) < 8 && strings.HasPrefix(strings.ToLower(first), "sep=") {
		if s := strings.Trim(first[4:], "\r"); len(s) == 1 && strings.Contains(",;\t|", s) {
			return rune(s[0]), rest
		}
	}
	const candidates = ",;\t|"
	var counts [len(candidates)][]int
	line := [len(candidates)]int{}
	quoted, seen, filled := false, 0, false
	for i := 0; i < len(text) && seen < maxProbe && i < 1<<20; i++ {
		c := text[i]
		switch {
		case c == '"':
			quoted = !quoted
		case c == '\n' && !quoted:
			if filled {
				seen++
				for k := range candidates {
					counts[k] = append(counts[k], line[k])
				}
			}
			line, filled = [len(candidates)]int{}, false
		case !quoted:
			filled = filled || c > ' '
			if k := strings.IndexByte(candidates, c); k >= 0 {
				line[k]++
				filled = true
			}
		}
	}
	if filled && seen < maxProbe {
		for k := range candidates {
			counts[k] = append(counts[k], line[k])
		}
	}
	best, score := rune(0), 0
	for k := range candidates {
		often := map[int]int{}
		for _, n := range counts[k] {
			often[n]++
		}
		for n, lines := range often {
			// Most lines have as many: then how many columns there are decides.
			if n == 0 || lines*2 <= len(counts[k]) {
				continue
			}
			if s := lines*1000 + n; s > score {
				best, score = rune(candidates[k]), s
			}
		}
	}
	return best, text
}
