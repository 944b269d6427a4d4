package main

import (
	"fmt"
	"log/slog"
	"unicode/utf8"
)

const (
	// maxLogValue is how many bytes of one value a line of the log holds: what others send can be of
	// any length.
	maxLogValue = 1_000
	// maxLogStack is the same for the stack of a panic, which is ours.
	maxLogStack = 8_000
)

// cutLogValue is a slog ReplaceAttr. It cuts a value that is too long, and says in its place how
// long it was. It leaves out an error that did not happen: who searches for errors finds none
// there.
func cutLogValue(_ []string, a slog.Attr) slog.Attr {
	if a.Key == "error" && a.Value.Kind() == slog.KindAny && a.Value.Any() == nil {
		return slog.Attr{}
	}
	most := maxLogValue
	if a.Key == "stack" {
		most = maxLogStack
	}
	switch a.Value.Kind() {
	case slog.KindString:
		if s := a.Value.String(); len(s) > most {
			a.Value = slog.StringValue(cutText(s, most))
		}
	case slog.KindAny:
		if s := textOfAny(a.Value.Any()); len(s) > most {
			a.Value = slog.StringValue(cutText(s, most))
		}
	default: // numbers and times have no length
	}
	if len(a.Key) > maxLogValue {
		a.Key = cutText(a.Key, maxLogValue)
	}
	return a
}

// textOfAny returns a value as the text of a log shows it, or nearly.
func textOfAny(v any) string {
	switch v := v.(type) {
	case error:
		return v.Error()
	case []byte:
		return string(v)
	}
	return fmt.Sprintf("%+v", v)
}

// cutText returns the beginning of s, of at most most bytes, with a mark that says how much is
// missing.
func cutText(s string, most int) string {
	if len(s) <= most {
		return s
	}
	end := most
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return fmt.Sprintf("%s… (cut, %d bytes in all)", s[:end], len(s))
}
