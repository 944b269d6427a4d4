//go:build linux

package bot_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The torture program: real processes of the built binary between both simulators, which the test
// serves on 127.0.0.1, while processes are killed and frozen, events come twice, people follow up
// and stop, and the model server and the database go away. Then it counts.
//
//	go test ./bot -run Torture -v                             # all scenarios, short: 25 to 30 s
//	go test ./bot -run Torture/kills -v -torture.threads 200 -torture.seed 7
//	.ci/postgres go test ./bot -run Torture/kills -v          # on PostgreSQL
//
// The long runs of issue 7, without Slack's limits (with them about 0.7 threads a second can be
// asked for long), 15 to 20 minutes each:
//
//	go test ./bot -run Torture/kills -v -timeout 3h -torture.threads 2000 -torture.rate 4 -torture.wait 7m -torture.redeliver slack \
//	    -torture.long 0.05 -torture.model 90s -torture.modeldown 10s -torture.env=SLACK_EDITS_PER_MINUTE=100000
//	.ci/postgres go test ./bot -run Torture/kills -v -timeout 3h -torture.threads 2000 -torture.rate 4 -torture.wait 7m -torture.redeliver slack \
//	    -torture.long 0.05 -torture.model 0 -torture.postgres 2m -torture.postgresdown 10s -torture.env=SLACK_EDITS_PER_MINUTE=100000
//	go test ./bot -run Torture/kills -v -torture.threads 100 -torture.every 0 -torture.double 0 -torture.model 0    # no faults: one call a question
//	go test ./bot -run Torture/kills -v -torture.threads 100 -torture.every 12s -torture.kills 1 -torture.model 0   # takeovers, others alive
//	go test ./bot -run Torture/restart -v -torture.restarts 20
//	go test ./bot -run Torture/deploy -v -torture.deploy 20
//	go test ./bot -run Torture/crowd -v -torture.crowd 1000 -torture.env=SLACK_EDITS_PER_MINUTE=100000
//
// What a run does is drawn from -torture.seed, which is printed; when processes do it is not, so
// that a seed gives the same faults at the same moments, but not always the same failure.
// -torture.binary takes a binary that is there, to compare versions. The logs of the processes stay
// with -artifacts.
//
// With -torture.old, deploys go from that binary to this one and back: in the deploy scenarios, and
// in kills, where a replica at a time is replaced, first with this one, then with the old one, and so
// on until the faults are over. What is owed then, this one has to answer.
//
//	go test ./bot -run 'Torture/(kills|deploy|back)' -v -torture.threads 100 -torture.old /path/to/llmbot
//	.ci/postgres go test ./bot -run Torture/kills -v -torture.threads 100 -torture.old /path/to/llmbot -torture.postgres 20s -torture.model 0
var (
	tortureThreads      = flag.Int("torture.threads", 12, "kills: how many threads are asked")
	tortureRate         = flag.Float64("torture.rate", 3.5, "kills: threads asked in a second")
	tortureReplicas     = flag.Int("torture.replicas", 3, "kills: processes that share the state")
	tortureEvery        = flag.Duration("torture.every", 1500*time.Millisecond, "kills: a process is killed or frozen so often; 0: never")
	tortureKills        = flag.Float64("torture.kills", 0.5, "kills: share of these faults that are kill -9; the others are SIGSTOP")
	tortureDown         = flag.Duration("torture.down", 500*time.Millisecond, "kills: how long a killed process stays away")
	tortureFreeze       = flag.Duration("torture.freeze", 8*time.Second, "kills: the longest freeze; the shortest is 1 s")
	tortureDouble       = flag.Float64("torture.double", 0.1, "kills: share of the events that come twice")
	tortureFollow       = flag.Float64("torture.follow", 0.3, "kills: share of the threads with a follow-up; half of them with two")
	tortureStop         = flag.Float64("torture.stop", 0.1, "kills: share of the threads in which somebody types stop")
	tortureModel        = flag.Duration("torture.model", 6*time.Second, "kills: the model server restarts so often; 0: never")
	tortureModelDown    = flag.Duration("torture.modeldown", time.Second, "kills: how long it is away then")
	torturePostgres     = flag.Duration("torture.postgres", 0, "kills: PostgreSQL is stopped so often, if .ci/postgres started it; 0: never")
	torturePostgresDown = flag.Duration("torture.postgresdown", 10*time.Second, "kills: how long it is away then")
	tortureSpeed        = flag.Float64("torture.speed", 80, "kills: tokens a second of each answer")
	tortureSentences    = flag.Int("torture.sentences", 18, "kills: the longest answer in sentences of about 11 tokens; the shortest is a third of it")
	tortureLong         = flag.Float64("torture.long", 0, "kills: share of the questions whose answer takes two messages")
	tortureDirect       = flag.Float64("torture.direct", 0, "kills: share of the threads that are direct messages")
	tortureRedeliver    = flag.String("torture.redeliver", "3s,3s,4s,5s,10s,60s", "when an event that was not acked comes again; slack: as Slack does, up to 5 minutes later")
	tortureWait         = flag.Duration("torture.wait", time.Minute, "how long what is owed may take after the last fault")
	tortureRestarts     = flag.Int("torture.restarts", 2, "restart: how often the lone bot is killed")
	tortureDeploy       = flag.Int("torture.deploy", 20, "deploy: answers that are running")
	tortureCrowd        = flag.Int("torture.crowd", 0, "crowd: live answers; 0: all the other scenarios instead")
	tortureCrowdFor     = flag.Duration("torture.crowdfor", 40*time.Second, "crowd: how long they are watched when all are live")
	tortureCrowdSpeed   = flag.Int("torture.crowdspeed", 50, "crowd: tokens a second of each answer; fewer where others share the machine: memory hardly hangs on it")
	tortureStories      = flag.Int("torture.stories", 3, "of so many threads a failed run tells the story")
	tortureSeed         = flag.Uint64("torture.seed", 0, "of every random choice; 0: another one each time")
	tortureOld          = flag.String("torture.old", "", "another version of the program, in whose place this one is deployed; empty: none")
	tortureRoll         = flag.Duration("torture.roll", 4*time.Second, "kills: so often a replica is replaced with the other version")
	tortureLeave        = flag.String("torture.leave", "", "leave: a folder for what processes leave that are killed in an outage; empty: all the other scenarios instead")
	tortureBinary       = flag.String("torture.binary", "", "the program; empty: it is built")
	tortureEnv          = flag.String("torture.env", "", "more environment for the processes: NAME=value,NAME=value")
)

func TestTorture(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes 25 s")
	}
	if raceDetector {
		t.Skip("the processes are built without the race detector: there is nothing to find that go test ./bot would not")
	}
	seed := *tortureSeed
	if seed == 0 {
		seed = rand.Uint64()>>32 | 1
	}
	binary := tortureBuild(t)
	if *tortureCrowd > 0 { // alone: the others would disturb what it measures
		t.Run("crowd", func(t *testing.T) { tortureRunCrowd(t, binary) })
		return
	}
	if *tortureLeave != "" {
		t.Run("leave", func(t *testing.T) { tortureRunLeave(t, binary, *tortureLeave) })
		return
	}
	scenarios := map[string]func(t *testing.T){
		"kills":           func(t *testing.T) { tortureRunKills(t, binary, seed) },
		"restart":         func(t *testing.T) { tortureRunRestart(t, binary) },
		"deploy-finish":   func(t *testing.T) { tortureRunDeploy(t, binary, 25*time.Second, 0) },
		"deploy-handover": func(t *testing.T) { tortureRunDeploy(t, binary, 2*time.Second, 0) },
	}
	if *tortureOld != "" {
		scenarios["back-finish"] = func(t *testing.T) { tortureRunDeploy(t, binary, 25*time.Second, 1) }
		scenarios["back-handover"] = func(t *testing.T) { tortureRunDeploy(t, binary, 2*time.Second, 1) }
	}
	// All at once: they mostly wait. t.Parallel would run no more of them than there are cores.
	var all sync.WaitGroup
	for name, run := range scenarios {
		all.Go(func() { t.Run(name, run) })
	}
	all.Wait()
}

// tortureBuild builds the program, without the race detector.
func tortureBuild(t *testing.T) string {
	t.Helper()
	if *tortureBinary != "" {
		return tortureAbs(t, *tortureBinary)
	}
	path := filepath.Join(t.TempDir(), "llmbot")
	cmd := exec.Command("go", "build", "-o", path, "llmbot/cmd/llmbot") // as go test has built its packages: little is left to do
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// tortureAbs is the path of a binary from every folder.
func tortureAbs(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// tortureSchedule is -torture.redeliver; nil: Slack's own.
func tortureSchedule(t *testing.T) []time.Duration {
	t.Helper()
	if *tortureRedeliver == "slack" {
		return nil
	}
	var out []time.Duration
	for word := range strings.SplitSeq(*tortureRedeliver, ",") {
		d, err := time.ParseDuration(word)
		if err != nil {
			t.Fatalf("-torture.redeliver: %v", err)
		}
		out = append(out, d)
	}
	return out
}

// tortureExtra is -torture.env.
func tortureExtra() []string {
	if *tortureEnv == "" {
		return nil
	}
	return strings.Split(*tortureEnv, ",")
}

// tally is the table that a scenario prints: what, how much, and what it is to be.
type tally struct {
	title string
	rows  [][3]string
}

func (f *tally) add(what, goal, format string, args ...any) {
	f.rows = append(f.rows, [3]string{what, fmt.Sprintf(format, args...), goal})
}

func (f *tally) print(t *testing.T) {
	t.Helper()
	var wide [2]int
	for _, r := range f.rows {
		wide[0], wide[1] = max(wide[0], len(r[0])), max(wide[1], len(r[1]))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", f.title)
	for _, r := range f.rows {
		goal := ""
		if r[2] != "" {
			goal = "goal: " + r[2]
		}
		b.WriteString(strings.TrimRight(fmt.Sprintf("  %-*s  %-*s  %s", wide[0], r[0], wide[1], r[1], goal), " ") + "\n")
	}
	fmt.Fprint(t.Output(), b.String())
}
