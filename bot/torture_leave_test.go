//go:build linux

package bot_test

import (
	"database/sql"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"llmbot/bot/slacksim"
	"llmbot/bot/turn"
)

// reMoment is a time that versions before decision 0023 left in the record of a thread that was to
// be read again.
var reMoment = regexp.MustCompile(`\.\d{7,}$`)

// tortureRunLeave leaves in a folder what two processes leave that are killed in the middle of an
// outage, the second within a minute: the state, and what their threads show. The folders in
// testdata/state were made so.
func tortureRunLeave(t *testing.T, binary, dir string) {
	folder, err := slacksim.OpenFolder(filepath.Join(dir, "slack"))
	if err != nil {
		t.Fatal(err)
	}
	a := newArena(t, arenaConfig{
		binary: binary, speed: 40, env: []string{"STATE_DIR=" + tortureAbs(t, dir)},
		slack: slacksim.Config{Channels: tortureRooms(1), Redeliver: tortureSchedule(t), Folder: folder},
	})
	first, second := a.start(0), a.start(1)
	a.must("all sockets are open", 30*time.Second, func() bool { return a.slack.Sockets() == 4 })
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "state.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	state, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	do := func(what string) {
		t.Helper()
		if _, err := state.ExecContext(t.Context(), what); err != nil {
			t.Fatal(err)
		}
		a.note(nil, "the state: %s", what)
	}
	p := &People{a: a, rand: rand.New(rand.NewPCG(1, 1))}
	ask := func(d *dialog, sentences int) *dialog {
		if d == nil {
			d = &dialog{user: "alice", channel: "room-0"}
		}
		p.asked++
		p.ask(d, "alice", question{id: p.asked, sentences: sentences})
		return d
	}
	answered := func(all ...*dialog) func() bool { // the first question of each
		return func() bool {
			return !slices.ContainsFunc(all, func(d *dialog) bool {
				return len(sentences(a.visible(d))[d.questions[0].id]) < d.questions[0].sentences
			})
		}
	}
	moments := func() (n int) {
		rows, err := state.QueryContext(t.Context(), `SELECT value FROM llmbot_records WHERE key LIKE 'thread/%'`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var value []byte
			if err := rows.Scan(&value); err != nil {
				t.Fatal(err)
			}
			if r, err := turn.Decode(value); err == nil && reMoment.MatchString(string(r.Asked)) {
				n++
			}
		}
		return n
	}

	old := ask(nil, 3)
	a.must("the first answer", 30*time.Second, answered(old))
	ask(nil, 60) // is being written when the state goes, and when it is back
	time.Sleep(2 * time.Second)
	do("BEGIN IMMEDIATE") // nobody else can write
	ask(old, 3)
	var short []*dialog
	for range 5 {
		short = append(short, ask(nil, 3))
	}
	ask(short[0], 4)
	a.must("answers from memory", time.Minute, answered(short...))
	do("ROLLBACK")
	a.must("threads that are to be read again", 30*time.Second, func() bool { return moments() >= 2 })
	do("BEGIN IMMEDIATE")
	ask(short[1], 3) // in a thread that is to be read again
	half := ask(nil, 60)
	a.must("half an answer from memory", 30*time.Second, func() bool { return len(sentences(a.visible(half))[p.asked]) >= 4 })
	a.kill(first)
	a.kill(second)
	t.Logf("%d threads, %d to be read again", len(p.dialogs), moments())
	do("ROLLBACK")
	for _, d := range p.dialogs {
		t.Logf("%s: %s", d.ts, strings.Join(judge(d, a.slack.Thread(d.channel, d.ts)).bad(), "; "))
	}
}
