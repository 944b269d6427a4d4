//go:build linux

package bot_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"llmbot/bot/slacksim"
)

const (
	tortureTail  = 1500 * time.Millisecond // the faults go on for so long after the last question
	tortureQuiet = 3500 * time.Millisecond // so long nothing is written before it counts as over: longer than until a redelivery
)

// tortureRunKills is the torture: replicas on one state, and all faults.
func tortureRunKills(t *testing.T, binary string, seed uint64) {
	state, store := tortureState(t)
	const rooms = 8
	old := make([]int, *tortureReplicas)
	for seat := range old {
		old[seat] = seat
	}
	a := newArena(t, arenaConfig{
		binary: binary, speed: *tortureSpeed, env: append(state, "BOT_MAX_ANSWERS=200"),
		slack: slacksim.Config{Seed: seed, Channels: tortureRooms(rooms), Users: torturePeople(*tortureThreads), Redeliver: tortureSchedule(t)},
		old:   old,
	})
	if *tortureDouble > 0 {
		a.slack.FailEvent(slacksim.EventFault{Times: -1, Share: *tortureDouble, Duplicate: 1})
	}
	p := &People{a: a, rand: rand.New(rand.NewPCG(seed, 1)), rooms: rooms}
	p.arrange(*tortureThreads, *tortureRate)

	stay, leave := context.WithCancel(t.Context())
	defer leave()
	s := &seats{a: a}
	s.fill(stay, *tortureReplicas, *tortureDown)
	a.must("all sockets are open", time.Minute, func() bool { return a.slack.Sockets() >= 2**tortureReplicas })
	c := &chaos{a: a, seats: s, rand: rand.New(rand.NewPCG(seed, 2))}
	trouble, calm := context.WithCancel(stay)
	defer calm()
	var faults sync.WaitGroup
	faults.Go(func() { c.run(trouble, *tortureEvery) })
	p.run()
	time.Sleep(tortureTail)
	calm()
	faults.Wait()
	a.note(nil, "the faults are over")
	over := time.Now()
	a.settle(p.dialogs)
	settled := time.Since(over)
	leave()
	bad := a.endAll(40 * time.Second)

	r := a.report(p.dialogs)
	f := tally{title: fmt.Sprintf("torture on %s, seed %d: %d replicas, %d threads, %d questions in %s; %d kills, %d freezes, %d restarts of the model, %d of the database, %d replicas deployed",
		store, seed, *tortureReplicas, len(p.dialogs), p.asked, time.Since(a.begin).Round(time.Second), c.kills, c.freezes, c.restarts, c.outages, c.deploys)}
	r.figures(&f)
	f.add("all answered after the last fault", "", "%s", seconds1(settled))
	f.add("processes that ended badly", "0", "%d", len(bad))
	f.print(t)
	r.explain(t)
	for _, l := range bad {
		t.Errorf("p%d ended badly: %s\n%s", l.id, l.cmd.ProcessState, l.logTail(12))
	}
}

// settle waits until every thread looks as it should and nothing happens any more, or for as long
// as -torture.wait allows.
func (a *arena) settle(dialogs []*dialog) {
	open := slices.Clone(dialogs)
	a.until(*tortureWait, func() bool {
		open = slices.DeleteFunc(open, func(d *dialog) bool { return len(judge(d, a.slack.Thread(d.channel, d.ts)).bad()) == 0 })
		time.Sleep(200 * time.Millisecond)
		return len(open) == 0
	})
	a.until(5*tortureQuiet, func() bool { return a.eye.quietFor() > tortureQuiet && a.model.Running() == 0 })
}

// report is what came out of a run.
type report struct {
	a         *arena
	dialogs   []*dialog
	verdicts  []*verdict
	questions int
	takeovers []takeover
}

// takeover is an answer that was under way in a process when that was killed.
type takeover struct {
	d     *dialog
	asked string
	took  time.Duration // until another process wrote to it; zero: none did
	fair  bool          // another process ran all that time, and it had not been silent before
}

func (a *arena) report(dialogs []*dialog) *report {
	r := &report{a: a, dialogs: dialogs}
	for _, d := range dialogs {
		r.questions += len(d.questions)
		r.verdicts = append(r.verdicts, judge(d, a.slack.Thread(d.channel, d.ts)))
	}
	r.findTakeovers()
	return r
}

// findTakeovers finds, for each kill, what the process had under way, and when somebody else went
// on with it.
func (r *report) findTakeovers() {
	a := r.a
	a.eye.mu.Lock()
	defer a.eye.mu.Unlock()
	type act struct {
		at    time.Time
		life  int
		epoch int // of a write; 0: a call to the model
	}
	acts := map[string][]act{} // by what is answered
	for _, w := range a.eye.writes {
		if w.asked != "" {
			acts[w.asked] = append(acts[w.asked], act{w.at, w.life, w.epoch})
		}
	}
	for _, q := range a.eye.requests {
		acts[q.asked] = append(acts[q.asked], act{q.at, q.life, 0})
	}
	for _, list := range acts {
		slices.SortFunc(list, func(a, b act) int { return a.at.Compare(b.at) })
	}
	for i, v := range r.verdicts {
		for _, ans := range v.answers {
			list := acts[ans.asked]
			for _, l := range a.lives {
				killed := l.killedAt()
				if killed.IsZero() || !ans.over.IsZero() && ans.over.Before(killed) {
					continue
				}
				next := slices.IndexFunc(list, func(x act) bool { return x.at.After(killed) })
				if next < 0 {
					next = len(list)
				}
				if next == 0 || list[next-1].life != l.id {
					continue // it was not the one that was at work on it
				}
				// One that was frozen may wake now and write a last time; who takes over has a
				// later epoch.
				epoch, wrote := 0, false
				for _, x := range list[:next] {
					epoch, wrote = max(epoch, x.epoch), wrote || x.life == l.id && x.epoch > 0
				}
				if !wrote {
					epoch++
				}
				t := takeover{d: r.dialogs[i], asked: ans.asked}
				for _, x := range list[next:] {
					if x.epoch > epoch && x.life != l.id {
						t.took = x.at.Sub(killed)
						t.fair = l.awake(killed.Add(-6*time.Second), killed) && slices.ContainsFunc(a.lives, func(o *life) bool { return o.seat != l.seat && o.ran(killed, x.at) })
						break
					}
				}
				r.takeovers = append(r.takeovers, t)
			}
		}
	}
}

// figures adds the figures of a run to a table.
func (r *report) figures(f *tally) {
	var lost, doubled, half, stale, answers, complete, stopped, repaired, again, shrank int
	var took []time.Duration
	least := 1.0
	writers := r.writers()
	for _, v := range r.verdicts {
		lost, doubled, half, stale = lost+len(v.lost), doubled+len(v.doubled), half+len(v.half), stale+len(v.stale)
		for _, a := range v.answers {
			answers++
			if a.complete {
				complete++
				took = append(took, a.finished.Sub(slackTime(a.asked)))
			} else if a.good {
				stopped++
			}
			if a.repaired > 0 {
				repaired++
			}
			if len(writers[a.asked]) > 1 {
				again++
			}
			if least = min(least, a.least); a.least < 0.5 {
				shrank++
			}
		}
	}
	calls, most := 0, 0
	r.a.eye.mu.Lock()
	for _, n := range r.a.eye.accepted {
		calls += n
		most = max(most, n)
	}
	continued := r.a.eye.continued
	r.a.eye.mu.Unlock()
	f.add("lost: questions without a complete answer", "0", "%d of %d", lost, r.questions)
	f.add("doubled: questions answered twice", "0", "%d", doubled)
	f.add("half: answers left unfinished", "0", "%d", half)
	f.add("stale: complete ones that were overwritten", "0", "%d", stale)
	f.add("answers", "", "%d complete, %d stopped; %d by several processes", complete, stopped, again)
	f.add("overwritten and repaired", "", "%d", repaired)
	f.add("visible words fell below half of what was there", "0", "%d of %d answers, least %.2f", shrank, answers, least)
	f.add("model calls a question", "1 without faults", "%.2f, most %d; %d of %d went on with a text", float64(calls)/float64(max(1, r.questions)), most, continued, calls)
	var all, others []time.Duration
	never := 0
	for _, t := range r.takeovers {
		if t.took == 0 {
			never++
			continue
		}
		all = append(all, t.took)
		if t.fair {
			others = append(others, t.took)
		}
	}
	if len(r.takeovers) > 0 {
		f.add("takeover after kill -9", "", "%s; never %d", spread(all), never)
		f.add("  while another replica was untouched, TTL 6s", "p50 ≤ 6s, p99 ≤ 10s", "%s", spread(others))
	}
	f.add("from a question to its complete answer", "", "%s", spread(took))
}

// writers are the processes that wrote to each answer.
func (r *report) writers() map[string]map[int]bool {
	r.a.eye.mu.Lock()
	defer r.a.eye.mu.Unlock()
	out := map[string]map[int]bool{}
	for _, w := range r.a.eye.writes {
		if out[w.asked] == nil {
			out[w.asked] = map[int]bool{}
		}
		out[w.asked][w.life] = true
	}
	return out
}

// slackTime is when a message was written.
func slackTime(ts string) time.Time {
	var seconds, micro int64
	if _, err := fmt.Sscanf(strings.Replace(ts, ".", " ", 1), "%d %d", &seconds, &micro); err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, micro*1000)
}

// spread says how durations lie.
func spread(d []time.Duration) string {
	if len(d) == 0 {
		return "none"
	}
	slices.Sort(d)
	at := func(p float64) string { return seconds1(d[min(len(d)-1, int(p*float64(len(d))))]) }
	return fmt.Sprintf("p50 %s, p99 %s, most %s (%d)", at(0.5), at(0.99), seconds1(d[len(d)-1]), len(d))
}

func seconds1(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }
