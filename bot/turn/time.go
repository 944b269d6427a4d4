package turn

import (
	"strconv"
	"time"
)

// ClockSkew is how far Slack's clock may be ahead of ours.
const ClockSkew = time.Minute

// Time returns the time that a timestamp names; the zero time if it names none.
func (a TS) Time() time.Time {
	seconds, err := strconv.ParseFloat(string(a), 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMicro(int64(seconds * 1e6))
}

// At returns a time as a Slack timestamp, in microseconds.
func At(t time.Time) TS { return TS(strconv.FormatFloat(float64(t.UnixMicro())/1e6, 'f', 6, 64)) }
