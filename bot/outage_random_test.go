//go:build linux

package bot_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

var (
	outageSeeds = flag.Int("outage.seeds", 6, "how many worlds TestRandomOutages plays")
	outageFirst = flag.Uint64("outage.first", 1, "the seed of the first of them")
)

// outageWorld is three replicas, a store, and people.
type outageWorld struct {
	*world

	rng     *rand.Rand
	store   *awayStore
	live    []int // the processes that are not dead, of w.procs
	dialogs []*dialog
	asked   int
	link    func(i int) *awayStore // from a process to the store
	gone    sync.WaitGroup
	story   []string // what happened, with its time

	tell sync.Mutex // guards story

	mu     sync.Mutex // guards all below
	away   bool
	frozen map[int]bool
}

func (o *outageWorld) note(format string, args ...any) {
	o.tell.Lock()
	defer o.tell.Unlock()
	o.story = append(o.story, time.Now().Format(clock)+" --- "+fmt.Sprintf(format, args...))
}

func (o *outageWorld) start() {
	o.again()
	o.live = append(o.live, len(o.procs)-1)
	o.note("p%d starts", len(o.procs)-1)
}

func (o *outageWorld) thaw(i int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.frozen[i] {
		delete(o.frozen, i)
		o.note("p%d goes on", i)
		o.procs[i].thaw()
	}
}

func (o *outageWorld) freeze(i int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.frozen[i] {
		o.note("p%d freezes", i)
		o.frozen[i] = true
		o.procs[i].freeze()
	}
}

func (o *outageWorld) leave() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.away {
		o.note("the store is away")
		o.away = true
		o.store.leave()
	}
}

func (o *outageWorld) back() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.away {
		o.away = false
		o.note("the store is back")
		o.store.back()
	}
}

// cut takes the store from one process for a while.
func (o *outageWorld) cut(i int, wait time.Duration) {
	link := o.link(i)
	if !link.there() {
		return
	}
	o.note("p%d cannot reach the store", i)
	link.leave()
	time.AfterFunc(wait, func() {
		o.note("p%d can reach the store", i)
		link.back()
	})
}

func (o *outageWorld) step() {
	seat := o.rng.IntN(len(o.live))
	i := o.live[seat]
	switch n := o.rng.IntN(100); {
	case n < 50:
		o.ask()
	case n < 55 && len(o.dialogs) > 0:
		d := o.dialogs[o.rng.IntN(len(o.dialogs))]
		d.stops = append(d.stops, o.slack.Say("alice", d.channel, d.ts, "stop"))
		o.note("stop in %s", d.ts)
	case n < 71:
		o.note("p%d is killed", i)
		o.procs[i].kill()
		o.thaw(i)
		o.gone.Go(o.old[i]) // what is left of it in this bubble ends
		o.live = append(o.live[:seat], o.live[seat+1:]...)
		o.start()
	case n < 80:
		o.cut(i, time.Second+time.Duration(o.rng.IntN(20_000))*time.Millisecond)
	case n < 89:
		o.freeze(i)
		time.AfterFunc(time.Second+time.Duration(o.rng.IntN(7000))*time.Millisecond, func() { o.thaw(i) })
	default:
		o.leave()
		time.AfterFunc(3*time.Second+time.Duration(o.rng.IntN(10_000))*time.Millisecond, o.back)
	}
}

func (o *outageWorld) ask() {
	o.asked++
	q := question{id: o.asked, sentences: 4 + o.rng.IntN(14)}
	text := o.slack.Mention() + " " + q.words()
	if n := len(o.dialogs); n < 2 || n < 8 && o.rng.IntN(2) == 0 {
		q.ts = o.slack.Say("alice", "general", "", text)
		o.dialogs = append(o.dialogs, &dialog{channel: "general", ts: q.ts, questions: []question{q}})
	} else {
		d := o.dialogs[o.rng.IntN(n)]
		q.ts = o.slack.Say("alice", d.channel, d.ts, text)
		d.questions = append(d.questions, q)
	}
	o.note("q%d is asked (%s)", q.id, q.ts)
}

// TestRandomOutages is the torture program in virtual time: replicas are killed and frozen while
// the store comes and goes, and people ask, follow up and stop. Every question has one complete
// answer in the end.
func TestRandomOutages(t *testing.T) {
	t.Parallel()
	seeds := *outageSeeds
	if raceDetector {
		seeds = min(seeds, 4)
	}
	for i := range seeds {
		seed := *outageFirst + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomOutages(t, seed) })
	}
}

func randomOutages(t *testing.T, seed uint64) {
	store := &awayStore{}
	cfg := replicas()
	link := cfg.linked(store)
	cfg.slack = slacksim.Config{Latency: 30 * time.Millisecond, Seed: seed, HoldEvents: 100, Limiter: slacksim.LimiterOff}
	cfg.model = llmsim.Config{Speed: 60, FirstToken: 100 * time.Millisecond, Answer: func(c *llmsim.Chat) string {
		text, _, _ := numberedAnswer(c.Messages)
		return text
	}}
	cfg.edits, cfg.lateAcks = 100_000, true
	inWorld(t, cfg, func(t *testing.T, w *world) {
		o := &outageWorld{world: w, rng: rand.New(rand.NewPCG(seed, 0)), store: store, frozen: map[int]bool{}, live: []int{0}, link: link}
		o.start()
		o.start()
		time.Sleep(5 * time.Second)
		for range 60 {
			o.step()
			time.Sleep(time.Duration(o.rng.IntN(2500)) * time.Millisecond)
		}
		o.back()
		for i := range o.procs {
			o.thaw(i)
		}
		time.Sleep(redelivered + quiet)
		for _, d := range o.dialogs {
			v := judge(d, w.slack.Replies(d.channel, d.ts))
			if bad := v.bad(); len(bad) > 0 {
				t.Errorf("thread %s, %s:\n%s\n%s", d.ts, v.kinds(), strings.Join(bad, "\n"), o.tale(d))
			}
		}
		o.gone.Wait()
	})
}

var reTaleTime = regexp.MustCompile(`^time=\S+T(\S+?)(Z|[+-]\d\d:\d\d) `)

// tale is what happened in a thread.
func (o *outageWorld) tale(d *dialog) string {
	lines := slices.Clone(o.story)
	for line := range strings.Lines(o.log.String()) {
		if m := reTaleTime.FindStringSubmatch(line); m != nil && strings.Contains(line, d.ts) && !strings.Contains(line, "level=DEBUG") {
			lines = append(lines, m[1]+" "+strings.TrimSpace(line[len(m[0]):]))
		}
	}
	for _, m := range o.slack.Replies(d.channel, d.ts) {
		what, _ := payload(m, "asked")
		epoch, _ := payload(m, "epoch")
		for _, v := range m.Versions {
			lines = append(lines, fmt.Sprintf("%s     %s (to %s, epoch now %s, gone %v) shows %s", v.At.Format(clock), m.TS, what, epoch, m.Deleted, ending(v.Plain)))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
