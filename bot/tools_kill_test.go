package bot_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
)

var toolSeeds = flag.Int("tools.seeds", 24, "how many kills at a step of a round with a tool")

// TestKilledInARoundWithATool: processes die at any step of a round, by any way to die: at a write to
// the store, before or after it, in the call, or at any moment. The tool ran once at most, and not at
// all unless its asker allowed that; they were asked once, or again after a restart; the answer comes.
func TestKilledInARoundWithATool(t *testing.T) {
	t.Parallel()
	for seed := range *toolSeeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { killedInARound(t, rand.New(rand.NewPCG(uint64(seed), 16))) })
	}
}

func killedInARound(t *testing.T, r *rand.Rand) {
	tool := []string{"drop", "post", "peek"}[r.IntN(3)] // peek only reads, and asks
	asks := tool != "post"
	presses := []string{"run", "run", "dont", "never"}[r.IntN(4)]
	store := &nthWrite{awayStore: &awayStore{}}
	var died atomic.Int64
	inShed(t, func(w *world, s *shed, m *mind) {
		m.says = []string{"", "Let me see."}[r.IntN(2)]
		where := []string{"general", "@alice"}[r.IntN(2)]
		ts := w.ask("alice", where, "", "call look, "+tool)
		pressed := 0
		s.mu.Lock()
		s.opens = time.Duration(r.IntN(2)*r.IntN(15_000)) * time.Millisecond // of those that go on
		s.mu.Unlock()
		for range 1 + r.IntN(2) { // a third death may end the answer
			was, kill := died.Load(), w.kill
			die := sync.OnceFunc(func() {
				died.Add(1)
				kill()
			})
			switch r.IntN(3) {
			case 0:
				store.arm(1+r.IntN(24), r.IntN(2) == 0, die)
			case 1:
				later := time.Duration(r.IntN(1200)) * time.Millisecond
				s.when(tool, func() { time.AfterFunc(later, die) }) // in the call, or a moment after it
			}
			at := time.Now().Add(time.Duration(1+r.IntN(20)) * time.Second)
			for time.Now().Before(at) && died.Load() == was {
				time.Sleep(100 * time.Millisecond)
				if q := w.questions("alice"); len(q) > pressed && presses != "never" && r.IntN(20) == 0 {
					_ = w.slack.Click(w.t.Context(), "alice", q[len(q)-1].Channel, q[len(q)-1].TS, map[bool]string{true: "llmbot_leave_run", false: "llmbot_leave_dont"}[presses == "run"])
					pressed = len(w.questions("alice"))
				}
			}
			s.when("", nil)
			die() // at the latest
			time.Sleep(time.Duration(r.IntN(10_000)) * time.Millisecond)
			w.again()
		}
		store.arm(0, false, nil)
		for end := time.Now().Add(30 * time.Minute); footers(w.answers(where, ts)) == 0 && time.Now().Before(end); time.Sleep(time.Second) {
			if q := w.questions("alice"); len(q) > 0 && presses != "never" {
				_ = w.slack.Click(w.t.Context(), "alice", q[len(q)-1].Channel, q[len(q)-1].TS, map[bool]string{true: "llmbot_leave_run", false: "llmbot_leave_dont"}[presses == "run"])
			}
		}
		deaths := int(died.Load())
		what := fmt.Sprintf("%s, %s, %d deaths", tool, presses, deaths)
		got := text(w.answers(where, ts))
		if n := s.count(tool); n > 1 || asks && presses != "run" && n > 0 {
			t.Errorf("%s: it ran %d times", what, n)
		} else if n == 0 && !strings.Contains(got, "I do not know whether") && (!asks || presses == "run") {
			t.Errorf("%s: it did not run, and nobody knows why: %s", what, got)
		}
		if n := strings.Count(got, "The answer is whole."); n != 1 {
			t.Errorf("%s: %d answers: %s\n%s", what, n, got, w.log.tail(3000))
		}
		asked := 0
		for _, c := range w.slack.Calls("chat.postEphemeral") {
			if c.OK && strings.Contains(c.Args["blocks"], "May I run") {
				asked++
			}
		}
		if !asks && asked > 0 || asked > deaths+1 {
			t.Errorf("%s: asked %d times", what, asked)
		}
	}, func(c *worldConfig) {
		c.lateAcks, c.edits = true, 100_000
		c.slack = slacksim.Config{Latency: 20 * time.Millisecond, Limiter: slacksim.LimiterOff}
		c.bot = bot.Config{Durable: true}
		c.store = store.keeps
	})
}
