package slackio

import "fmt"

// unreadable begins the reason why something that Slack would not write is ignored.
const unreadable = "unreadable"

const (
	maxID = 64 // bytes of an id; Slack's have about eleven, and may become longer
	// maxSeconds and maxFraction bound the digits of a timestamp. Slack's have ten before the point
	// and six after it.
	maxSeconds, maxFraction = 12, 6
	shownKey                = 40 // bytes of an odd key that are shown
)

// isTS reports whether s is a timestamp as Slack writes it: digits, a point, digits. Anything else
// must not become a key in the store, of a thread, or in the log.
func isTS(s string) bool {
	point := -1
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.' && point < 0:
			point = i
		case c < '0' || c > '9':
			return false
		}
		if i > maxSeconds+maxFraction {
			return false
		}
	}
	return point > 0 && point <= maxSeconds && len(s)-point-1 >= 1 && len(s)-point-1 <= maxFraction
}

// isID reports whether s is an id as Slack writes it: capitals and digits.
func isID(s string) bool {
	if s == "" || len(s) > maxID {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// field is a part of an event that becomes a key.
type field struct {
	name, value string
	good        func(string) bool
}

func tsField(name, value string) field { return field{name, value, isTS} }
func idField(name, value string) field { return field{name, value, isID} }

// firstOdd returns why an event is refused for its keys; empty: it is not. An empty field counts as
// absent.
func firstOdd(fields ...field) string {
	for _, f := range fields {
		if f.value != "" && !f.good(f.value) {
			return fmt.Sprintf("%s: %s %q of %d bytes", unreadable, f.name, cut(f.value, shownKey), len(f.value))
		}
	}
	return ""
}

// odd returns why an event is refused for its keys; empty: it is not.
func (n *decodedEvent) odd() string {
	if n.TS == "" {
		return unreadable + ": no ts"
	}
	fields := []field{
		idField("channel", n.channel), idField("user", n.User), tsField("ts", n.TS), tsField("thread_ts", n.ThreadTS), tsField("edited.ts", n.Edited),
	}
	if n.kind == deleted {
		fields = append(fields, tsField("event_ts", n.at))
	}
	return firstOdd(fields...)
}
