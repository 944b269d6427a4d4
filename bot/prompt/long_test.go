package prompt

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestLongThreads builds prompts of threads that are far longer than any window: what leaves costs
// nothing, whatever it says.
func TestLongThreads(t *testing.T) {
	for _, unit := range []string{"x", "<", "Bob: \n", "Aa: b\n\n", "```\n", " :\n\n"} {
		text := strings.Repeat(unit, 40_000/len(unit)) // as much as Slack takes in a message
		var turns []Turn
		for i := range 1_000 {
			turns = append(turns, Turn{ID: fmt.Sprint(i), Name: fmt.Sprintf("Bob %d", i), Text: text})
		}
		for _, most := range []int{100_000, 0} {
			began := time.Now()
			out := Build(Input{Turns: turns, Budget: most})
			size := 0
			for _, m := range out.Messages {
				size += len(m.Content)
			}
			if size > 4*mostTokens || out.LeftOut == 0 {
				t.Errorf("%q: of %d turns %d were left out, and there are %d bytes", unit, len(turns), out.LeftOut, size)
			}
			// One look at what may fit takes a tenth of that; before, one at everything took 27 s.
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("%q: %v for a window of %d", unit, took, most)
			}
		}
	}
}
