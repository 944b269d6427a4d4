package term

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/answer"
)

func TestPipeShowsProgressAndTakesItAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVT(t, 40, 10)
		var out strings.Builder
		p := &Pipe{Out: &out, Err: v, Progress: &Room{Out: v, Size: v.size}}
		d, err := p.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		d.Set(answer.Snapshot{Status: "waiting"})
		time.Sleep(1500 * time.Millisecond)
		if got := v.text(); !strings.HasSuffix(got, " waiting 1s") {
			t.Errorf("shown %q", got)
		}
		d.Set(answer.Snapshot{Text: "Half", Phase: answer.Writing})
		time.Sleep(time.Second)
		if got := v.text(); !strings.Contains(got, " writing ") || strings.Contains(got, "Half") {
			t.Errorf("shown %q", got)
		}
		if err := d.Close(t.Context(), answer.Snapshot{Text: "Half\x1b[m", Small: "the speed", Phase: answer.Done}); err != nil {
			t.Fatal(err)
		}
		if out.String() != "Half\x1b[m\n" {
			t.Errorf("out %q", out.String())
		}
		if got := v.text(); got != "the speed" {
			t.Errorf("shown %q", got)
		}
	})
}
