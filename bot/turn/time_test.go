package turn

import (
	"testing"
	"time"
)

func TestTimeOfATimestamp(t *testing.T) {
	at := time.Date(2026, 11, 23, 15, 4, 5, 678901000, time.UTC)
	if got := At(at).Time(); got.Sub(at).Abs() > time.Microsecond {
		t.Errorf("%v came back as %v", at, got)
	}
	if got := At(time.Unix(946684800, 0)); got != "946684800.000000" {
		t.Errorf("got %s", got)
	}
	for _, none := range []TS{"", "x", "1.2.3"} {
		if got := none.Time(); !got.IsZero() {
			t.Errorf("%q is %v, and names no time", none, got)
		}
	}
}
