//go:build linux

package bot_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"llmbot/bot/slacksim"
)

// tortureRunRestart kills a lone bot in mid-answer, and measures from the start of the next process
// to its first edit of that answer.
func tortureRunRestart(t *testing.T, binary string) {
	const speed = 60
	a := newArena(t, arenaConfig{
		binary: binary, speed: speed, env: []string{"STATE_DIR=" + t.TempDir()},
		slack: slacksim.Config{Channels: tortureRooms(1), Redeliver: tortureSchedule(t)},
	})
	p := &People{a: a}
	l := a.start(0)
	a.must("both sockets are open", 30*time.Second, func() bool { return a.slack.Sockets() == 2 })
	var first, open []time.Duration
	for i := range *tortureRestarts {
		d := &dialog{user: "alice", channel: "room-0"}
		p.ask(d, "alice", question{id: i + 1, sentences: 30})
		a.must("a part of the answer is visible", 30*time.Second, func() bool { return len(sentences(a.visible(d))[i+1]) >= 5 })
		a.kill(l)
		time.Sleep(500 * time.Millisecond) // the supervisor's
		l = a.start(0)
		id := l.id
		edited := func() (at time.Time) {
			a.eye.mu.Lock()
			defer a.eye.mu.Unlock()
			i := slices.IndexFunc(a.eye.writes, func(w write) bool { return w.life == id && w.asked == d.ts && w.method == "chat.update" })
			if i >= 0 {
				at = a.eye.writes[i].at
			}
			return at
		}
		a.until(10*time.Second, func() bool { return a.slack.Sockets() == 2 })
		open = append(open, time.Since(l.begin))
		a.must("the next process edits the answer", 30*time.Second, func() bool { return !edited().IsZero() })
		first = append(first, edited().Sub(l.begin))
	}
	a.settle(p.dialogs)
	bad := a.endAll(40 * time.Second)
	r := a.report(p.dialogs)
	f := tally{title: fmt.Sprintf("restart of a lone bot on SQLite, killed in %d answers", *tortureRestarts)}
	f.add("first edit of the interrupted answer, from the start", "≤ 2s", "%s", spread(first))
	f.add("both sockets open, from the start", "", "%s", spread(open))
	r.figures(&f)
	f.print(t)
	r.explain(t)
	for _, l := range bad {
		t.Errorf("p%d ended badly: %s\n%s", l.id, l.cmd.ProcessState, l.logTail(12))
	}
}

// visible is what a thread shows of the bot's.
func (a *arena) visible(d *dialog) string {
	var b strings.Builder
	for _, m := range a.slack.Replies(d.channel, d.ts) {
		if m.BotID != "" {
			b.WriteString(m.Plain + "\n")
		}
	}
	return b.String()
}

// tortureRunDeploy starts a new process beside one that has answers under way, and sends SIGTERM to
// the old one. Of the two, the process in the seat old is of -torture.old, if that is given.
func tortureRunDeploy(t *testing.T, binary string, drain time.Duration, old int) {
	const (
		rooms = 10
		speed = 40
		late  = 5 // questions while the old one drains
	)
	state, store := tortureState(t)
	a := newArena(t, arenaConfig{
		binary: binary, speed: speed, env: append(state, "BOT_DRAIN_TIMEOUT="+drain.String(), "BOT_MAX_ANSWERS=200"),
		slack: slacksim.Config{Channels: tortureRooms(rooms), Redeliver: tortureSchedule(t)}, old: []int{old},
	})
	p := &People{a: a, rand: rand.New(rand.NewPCG(1, 1))}
	first := a.start(0)
	a.must("both sockets are open", 30*time.Second, func() bool { return a.slack.Sockets() == 2 })
	ask := func(n int) {
		for range n {
			p.asked++
			p.ask(&dialog{user: "alice", channel: fmt.Sprintf("room-%d", p.asked%rooms)}, "alice", question{id: p.asked, sentences: 32})
		}
	}
	ask(*tortureDeploy)
	running := slices.Clone(p.dialogs)
	a.must("all answers have begun", time.Minute, func() bool {
		return !slices.ContainsFunc(running, func(d *dialog) bool { return len(sentences(a.visible(d))) == 0 })
	})
	a.start(1)
	a.must("the new process is there", 30*time.Second, func() bool { return a.slack.Sockets() == 4 })
	left := a.model.Running()
	a.term(first)
	time.Sleep(500 * time.Millisecond)
	ask(late)
	a.settle(p.dialogs)
	var took time.Duration
	if first.over() {
		first.mu.Lock()
		took = first.end.Sub(first.asked)
		first.mu.Unlock()
	}
	bad := a.endAll(40 * time.Second)
	r := a.report(p.dialogs)
	var gaps, stalls, delays []time.Duration
	for i, d := range running {
		began := a.asksModel(d.questions[0].id)
		for _, ans := range r.verdicts[i].answers {
			gaps, stalls = append(gaps, ans.gap), append(stalls, ans.stall)
			if !ans.finished.IsZero() {
				delays = append(delays, ans.finished.Sub(began)-d.questions[0].need(speed))
			}
		}
	}
	f := tally{title: fmt.Sprintf("rolling deploy%s on %s, %d answers running (%d at SIGTERM), %d asked during the drain, drain time %s", tortureWay(old), store, len(running), left, late, drain)}
	f.add("longest pause between two visible versions of an answer", "≤ 3s", "%s", spread(gaps))
	f.add("  until there is more text than before", "", "%s", spread(stalls))
	f.add("complete so much later than the model needs", "≤ 3s", "%s", spread(delays))
	f.add("the old process ended, after SIGTERM", "", "%s", seconds1(took))
	r.figures(&f)
	f.print(t)
	r.explain(t)
	for _, l := range bad {
		t.Errorf("p%d ended badly: %s\n%s", l.id, l.cmd.ProcessState, l.logTail(12))
	}
}

// tortureWay says between which versions a deploy goes, if there are two.
func tortureWay(old int) string {
	if *tortureOld == "" {
		return ""
	}
	return []string{" from -torture.old", " back to -torture.old"}[old]
}

// asksModel is when a question first came to the model.
func (a *arena) asksModel(id int) time.Time {
	a.eye.mu.Lock()
	defer a.eye.mu.Unlock()
	for _, q := range a.eye.requests {
		if slices.Contains(q.questions, id) {
			return q.at
		}
	}
	return time.Time{}
}

// tortureRunCrowd measures one process with very many live answers.
func tortureRunCrowd(t *testing.T, binary string) {
	const (
		rooms = 50
		rate  = 50 // questions a second
	)
	n, speed := *tortureCrowd, *tortureCrowdSpeed
	a := newArena(t, arenaConfig{
		binary: binary, speed: float64(speed), env: []string{"STATE_DIR=" + t.TempDir(), fmt.Sprintf("BOT_MAX_ANSWERS=%d", 2*n)},
		slack: slacksim.Config{Channels: tortureRooms(rooms), Redeliver: tortureSchedule(t)},
	})
	l := a.start(0)
	a.must("both sockets are open", 30*time.Second, func() bool { return a.slack.Sockets() == 2 })
	p := &People{a: a, rand: rand.New(rand.NewPCG(1, 1))}
	long := time.Duration(n)*time.Second/rate + *tortureCrowdFor + 30*time.Second
	tick := time.NewTicker(time.Second / rate)
	defer tick.Stop()
	for i := range n {
		<-tick.C
		p.ask(&dialog{user: persons[i%3], channel: fmt.Sprintf("room-%d", i%rooms)}, persons[i%3], question{id: i + 1, sentences: int(long.Seconds() * float64(speed) / 11)})
	}
	a.must("all answers are live", 2*time.Minute, func() bool { return a.model.Running() >= n })
	count := func() (tokens int) {
		for _, r := range a.model.Requests() {
			tokens += r.Tokens
		}
		return tokens
	}
	from, used, tokens := time.Now(), l.cpu(t), count()
	time.Sleep(*tortureCrowdFor)
	span := time.Since(from).Seconds()
	cores, written := (l.cpu(t)-used).Seconds()/span, float64(count()-tokens)/span
	now, most := l.memory(t)
	live := a.model.Running()
	f := tally{title: fmt.Sprintf("crowd: %d live answers at %d tok/s in one process, SQLite, %s", n, speed, *tortureCrowdFor)}
	f.add("still live at the end", "", "%d", live)
	f.add("tokens a second that the model wrote", "", "%.0f (%.0f wanted; less: this machine is too slow for both sides)", written, float64(n*speed))
	lost := len(l.logLines("lease_lost"))
	f.add("leases lost", "0", "%d", lost)
	f.add("not acked, because the store was late", "0", "%d", len(l.logLines("ask_not_noted")))
	f.add("cores", "≤ 1", "%.2f", cores)
	f.add("memory", "≤ 200 MB", "%d MB, most %d MB", now, most)
	f.print(t)
	if lost > 0 {
		t.Errorf("%d leases lost:\n%s", lost, strings.Join(l.logLines("lease_lost"), "\n"))
	}
}
