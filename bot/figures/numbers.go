package figures

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Thousands returns n with a comma between each three digits: `1,234,567`.
func Thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Plural returns what, with an s unless n is 1.
func Plural(n int, what string) string {
	if n == 1 {
		return what
	}
	return what + "s"
}

// Count returns a number of things: `1 answer`, `1,234 tokens`.
func Count(n int, what string) string { return Thousands(n) + " " + Plural(n, what) }

// Tokens returns a context length as people compare it: `131,072 tokens (128k)`.
func Tokens(n int) string {
	s := Thousands(n) + " tokens"
	if n >= 1024 && n%1024 == 0 {
		s += fmt.Sprintf(" (%dk)", n/1024)
	}
	return s
}

// Number returns a number with the digits that people compare it by: `1,235`, `12.3`, `0.45`.
func Number(f float64) string {
	switch {
	case f >= 100 || f == math.Trunc(f):
		return Thousands(int(math.Round(f)))
	case f >= 1:
		return fmt.Sprintf("%.1f", f)
	default:
		return fmt.Sprintf("%.2f", f)
	}
}

// Seconds returns a duration in plain seconds, never in minutes: figures that are compared look
// alike.
func Seconds(d time.Duration, digits int) string {
	s := strconv.FormatFloat(d.Seconds(), 'f', digits, 64)
	whole, rest, _ := strings.Cut(s, ".")
	n, err := strconv.Atoi(whole)
	if err != nil || n < 1000 {
		return s + "s"
	}
	return Thousands(n) + "." + rest + "s"
}

// Latency returns a short duration with the digits that matter: `40 ms`, `1.25s`.
func Latency(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return Seconds(d, 2)
}

// Span returns a duration as people say it: `2 h 5 min`.
func Span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%d days", int(d.Hours())/24)
	}
}

// Roughly returns how long something takes so far, in coarse steps, for each new step costs an edit
// in every thread that waits. It returns nothing for what is not worth a word.
func Roughly(d time.Duration) string {
	switch m := int(d.Minutes()); {
	case d < 20*time.Second:
		return ""
	case m < 1:
		return "some seconds"
	case m == 1:
		return "a minute"
	case m < 5:
		return fmt.Sprintf("%d minutes", m)
	default:
		return fmt.Sprintf("%d minutes", m/5*5)
	}
}
