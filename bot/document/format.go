package document

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// format is what a number format makes of a number, as far as it is another thing then: a date, a
// time, a share. Thousands separators and currencies are left out.
type format struct {
	date, clock, elapsed, percent bool
}

// formatOf reads a number format such as `[$-409]d-mmm-yy;@`. Its first section counts.
func formatOf(code string) (f format) {
	code = strings.ToLower(code)
	if strings.Contains(code, "general") {
		return format{}
	}
	month := false
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case ';':
			i = len(code)
		case '"':
			if n := strings.IndexByte(code[i+1:], '"'); n >= 0 {
				i += n + 1
			} else {
				i = len(code)
			}
		case '\\', '_', '*':
			i++
		case '[':
			n := strings.IndexByte(code[i:], ']')
			if n < 0 {
				i = len(code)
				continue
			}
			if in := strings.Trim(code[i+1:i+n], "hms"); in == "" && n > 1 {
				f.elapsed = true
			}
			i += n
		case 'y', 'd':
			f.date = true
		case 'h', 's':
			f.clock = true
		case 'm':
			month = true
		case '%':
			f.percent = true
		}
	}
	if month && !f.clock && !f.elapsed {
		f.date = true
	}
	return f
}

// maxSerial is the last day that Excel has: 9999-12-31.
const maxSerial = 2_958_465

// show returns a number as a person sees it. epoch is 1904 or 0, for 1900. What is no number stays.
func (f format) show(value string, epoch int) string {
	v, err := strconv.ParseFloat(value, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return oneLine(value)
	}
	switch {
	case f.elapsed && math.Abs(v) < maxSerial:
		s := int64(math.Round(math.Abs(v) * 24 * 3600))
		sign := ""
		if v < 0 {
			sign = "-"
		}
		return fmt.Sprintf("%s%d:%02d:%02d", sign, s/3600, s/60%60, s%60)
	case (f.date || f.clock) && v >= 0 && v <= maxSerial:
		t := serial(v, epoch)
		switch {
		case !f.date && v < 1:
			return t.Format("15:04:05")
		case !f.clock && v == math.Trunc(v):
			return t.Format("2006-01-02")
		case !f.clock && f.date:
			return t.Format("2006-01-02")
		}
		return t.Format("2006-01-02 15:04:05")
	case f.percent:
		return number(v*100) + "%"
	}
	return number(v)
}

// serial returns the time that a number of days stands for. Excel believes that 1900 was a leap
// year.
func serial(v float64, epoch int) time.Time {
	begin := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case epoch == 1904:
		begin = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	case v < 60:
		begin = begin.AddDate(0, 0, 1)
	}
	days := math.Trunc(v)
	return begin.AddDate(0, 0, int(days)).Add(time.Duration(math.Round((v-days)*24*3600)) * time.Second)
}

// number returns a number with the 15 digits that Excel shows.
func number(v float64) string {
	s := strconv.FormatFloat(v, 'g', 15, 64)
	r, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s
	}
	if a := math.Abs(r); a >= 1e15 || a > 0 && a < 1e-6 {
		return strconv.FormatFloat(r, 'g', -1, 64)
	}
	return strconv.FormatFloat(r, 'f', -1, 64)
}
