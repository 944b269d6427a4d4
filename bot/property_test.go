package bot_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/bot/thread"
	"llmbot/llm/llmsim"
)

var (
	propertySeeds = flag.Int("property.seeds", 40, "how many random worlds TestRandomWorlds plays")
	propertyFirst = flag.Uint64("property.first", 1, "the seed of the first of them")
)

// wonder is a question of a person in a random world.
type wonder struct {
	thread  int
	n, v    int // number and version: its text says `q7v2`
	ts      string
	user    string
	edited  bool // after it may have been answered
	deleted bool
	stopped bool // a stop came after it
}

func (q *wonder) tag() string { return fmt.Sprintf("q%dv%d", q.n, q.v) }

// randomWorld does random things in a few threads. Everything that people write there is addressed
// to the bot.
type randomWorld struct {
	*world

	rng     *rand.Rand
	threads []string // ts of their first messages
	all     []*wonder
	cut     time.Time // when the model server last cut all streams
}

// note says what was done, for the log of a test that fails.
func (r *randomWorld) note(format string, args ...any) {
	r.t.Logf(time.Now().Format(clock)+" "+format, args...)
}

func (r *randomWorld) post() {
	q := &wonder{thread: r.rng.IntN(3), n: len(r.all), user: []string{"alice", "bob", "carol"}[r.rng.IntN(3)]}
	text := r.slack.Mention() + " " + q.tag() + fmt.Sprintf(" t%d.", q.thread)
	if q.thread >= len(r.threads) {
		q.thread = len(r.threads)
		text = r.slack.Mention() + " " + q.tag() + fmt.Sprintf(" t%d.", q.thread)
		q.ts = r.slack.Say(q.user, "general", "", text)
		r.threads = append(r.threads, q.ts)
	} else {
		if r.rng.IntN(2) == 0 {
			text = strings.TrimPrefix(text, r.slack.Mention()+" ")
		}
		q.ts = r.slack.Say(q.user, "general", r.threads[q.thread], text)
	}
	r.all = append(r.all, q)
	r.note("%s posts %s in %d (%s)", q.user, q.tag(), q.thread, q.ts)
}

// live are the questions of a thread that are still there.
func (r *randomWorld) live(thread int) []*wonder {
	var out []*wonder
	for _, q := range r.all {
		if q.thread == thread && !q.deleted {
			out = append(out, q)
		}
	}
	return out
}

func (r *randomWorld) step() {
	if len(r.threads) == 0 {
		r.post()
		return
	}
	thread := r.rng.IntN(len(r.threads))
	live := r.live(thread)
	switch n := r.rng.IntN(100); {
	case n < 45 || len(live) == 0:
		r.post()
	case n < 60: // an edit, mostly of the last one
		q := live[len(live)-1]
		if r.rng.IntN(4) == 0 {
			q = live[r.rng.IntN(len(live))]
			q.edited = true
		}
		for _, later := range r.all { // an answer to what was deleted stays, and is newer
			q.edited = q.edited || later.thread == q.thread && later.deleted && later.n > q.n
		}
		q.v++
		r.note("edit to %s", q.tag())
		r.edit(q.user, "general", q.ts, fmt.Sprintf("%s %s t%d.", r.slack.Mention(), q.tag(), q.thread))
	case n < 68: // not the first one: its thread would go, too
		if q := live[len(live)-1]; q.ts != r.threads[thread] {
			q.deleted = true
			r.note("delete %s", q.tag())
			r.delete(q.user, "general", q.ts)
		}
	case n < 76:
		r.note("stop in %d", thread)
		r.slack.Say("alice", "general", r.threads[thread], "stop")
		for _, q := range live {
			q.stopped = true
		}
	case n < 82:
		for _, m := range r.answers("general", r.threads[thread]) {
			if slices.Contains(m.Buttons(), "llmbot_regenerate") && r.rng.IntN(2) == 0 {
				r.note("regenerate in %d", thread)
				_ = r.slack.Click(r.t.Context(), live[0].user, "general", m.TS, "llmbot_regenerate")
				break
			}
		}
	case n < 86 && time.Since(r.cut) > 30*time.Second: // a second one in the same answer ends it, and is said in it
		r.cut = time.Now()
		r.note("cut")
		r.model.Interrupt(llmsim.Tape{llmsim.Cut()})
	case n < 93:
		r.model.SetSpeed([]float64{5, 20, 100, 500}[r.rng.IntN(4)])
	default:
		f := slacksim.EventFault{
			Times: 1 + r.rng.IntN(3), Duplicate: r.rng.IntN(3), Delay: time.Duration(r.rng.IntN(4)) * time.Second, LoseAck: r.rng.IntN(3) == 0,
		}
		r.note("%+v", f)
		r.slack.FailEvent(f)
	}
}

var tagRE = regexp.MustCompile(`q(\d+)v(\d+) t(\d+)`)

// TestRandomWorlds: at most one generation a thread, every question is answered by a turn that saw
// it, and none is answered twice, whatever people, Slack and the model server do, in which order.
func TestRandomWorlds(t *testing.T) {
	t.Parallel()
	seeds := *propertySeeds
	if raceDetector {
		seeds = min(seeds, 10)
	}
	for i := range seeds {
		seed := *propertyFirst + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomWorldOf(t, seed) })
	}
}

func randomWorldOf(t *testing.T, seed uint64) {
	cfg := worldConfig{
		slack:    slacksim.Config{Latency: 50 * time.Millisecond, Seed: seed, HoldEvents: 100, Limiter: slacksim.LimiterOff},
		model:    llmsim.Config{Speed: 20, FirstToken: 100 * time.Millisecond, Answer: numbered(4)},
		bot:      bot.Config{Settings: bot.Settings{FollowUps: thread.FollowAlways}},
		lateAcks: true,
	}
	inWorld(t, cfg, func(t *testing.T, w *world) {
		r := &randomWorld{world: w, rng: rand.New(rand.NewPCG(seed, 0))}
		for range 40 {
			r.step()
			time.Sleep(time.Duration(r.rng.IntN(4000)) * time.Millisecond)
		}
		w.slack.Heal()
		w.model.SetSpeed(200)
		time.Sleep(10 * time.Minute) // redeliveries, and whatever is still to be written
		r.oneAtATime()
		r.everythingSeen()
		r.nothingTwice()
		if t.Failed() {
			t.Logf("log:\n%s", w.log.tail(20_000))
		}
	})
}

// oneAtATime: the requests of a thread do not overlap.
func (r *randomWorld) oneAtATime() {
	r.t.Helper()
	ended := map[string]time.Time{}
	for _, q := range r.model.Requests() {
		if q.Chat == nil {
			continue
		}
		_, all := conversation(q.Chat)
		m := tagRE.FindStringSubmatch(all)
		if m == nil {
			r.t.Errorf("a request without a question: %s", all)
			continue
		}
		if q.At.Before(ended[m[3]].Add(-10 * time.Millisecond)) {
			r.t.Errorf("two generations at once in thread %s: at %s, the other until %s", m[3], q.At.Format(clock), ended[m[3]].Format(clock))
		}
		if !q.Ended {
			r.t.Errorf("a request has not ended")
		}
		ended[m[3]] = q.EndAt
	}
}

// everythingSeen: what is still there was read by a turn that was written to its end.
func (r *randomWorld) everythingSeen() {
	r.t.Helper()
	var seen strings.Builder
	for _, q := range r.model.Requests() {
		if q.Finish != "" && q.Chat != nil {
			_, all := conversation(q.Chat)
			seen.WriteString(all + "\n")
		}
	}
	for _, q := range r.all {
		switch {
		case q.deleted || q.stopped:
		case q.edited && strings.Contains(seen.String(), fmt.Sprintf("q%dv", q.n)): // an older one: its edit may do nothing
		case !strings.Contains(seen.String(), q.tag()+" "):
			r.t.Errorf("%s in thread %d (%s) was never answered", q.tag(), q.thread, q.ts)
		}
	}
}

// nothingTwice: each question has at most one answer, each answer one footer, and nothing is left
// half written.
func (r *randomWorld) nothingTwice() {
	r.t.Helper()
	for i, ts := range r.threads {
		byAsked := map[string][]slacksim.Message{}
		for _, m := range r.answers("general", ts) {
			payload, _ := m.Metadata["event_payload"].(map[string]any)
			asked, _ := payload["asked"].(string)
			byAsked[asked] = append(byAsked[asked], m)
			if strings.Contains(m.Plain, "writing…") || slices.Contains(m.Buttons(), "llmbot_stop") {
				r.t.Errorf("thread %d: left half written: %s", i, m.Plain)
			}
		}
		for asked, messages := range byAsked {
			all := text(messages)
			ends := strings.Count(all, "first token ") + strings.Count(all, "stopped before it began")
			if asked == "" || ends != 1 {
				r.t.Errorf("thread %d: the answer to %q has %d ends in %d messages: %s", i, asked, ends, len(messages), all)
			}
			if n := strings.Count(all, "Sentence 0 "); n > 1 {
				r.t.Errorf("thread %d: the answer to %q begins %d times", i, asked, n)
			}
		}
	}
}
