package slacksim_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"llmbot/bot/slacksim"
)

// point is one thing that the workspace does because Slack does it. A guess is something that Slack
// does not document and nobody measured.
type point struct {
	id, source string
	guess      bool
	cfg        slacksim.Config
	try        func(t *testing.T, s *space)
}

// points are all points of facts/slack.md §8.4 (the checklist of an emulator) and §10 (what is
// new), one test each. docs/slacksim.md has them in a table with the same names.
func points() []point { return slices.Concat(linkPoints(), apiPoints(), lengthPoints(), newPoints()) }

func TestFidelity(t *testing.T) {
	for _, p := range points() {
		t.Run(p.id, func(t *testing.T) { bubble(t, p.cfg, p.try) })
	}
}

// TestFidelityIsDocumented compares the points with the table: what is emulated or guessed has a
// row with its source, and each row that does not say "missing" has a test.
func TestFidelityIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/slacksim.md")
	must(t, err)
	type row struct{ state, source string }
	rows := map[string]row{}
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+\.\d+[^|]*?) \| [^|]+ \| (emulated|guess|missing) \| ([^|]+?) \|$`).FindAllStringSubmatch(string(text), -1) {
		if _, twice := rows[m[1]]; twice {
			t.Errorf("the table has %q twice", m[1])
		}
		rows[m[1]] = row{m[2], m[3]}
	}
	seen := map[string]bool{}
	for _, p := range points() {
		state := "emulated"
		if p.guess {
			state = "guess"
		}
		if r, ok := rows[p.id]; !ok {
			t.Errorf("docs/slacksim.md has no row: | %s | … | %s | %s |", p.id, state, p.source)
		} else if r != (row{state, p.source}) {
			t.Errorf("%s: the table says %q, the test %q", p.id, r, row{state, p.source})
		}
		seen[p.id] = true
	}
	for id, r := range rows {
		if r.state != "missing" && !seen[id] {
			t.Errorf("%s is %s, and has no test", id, r.state)
		}
	}
}

// want compares.
func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// post posts into #general as the bot and returns the ts, and the error.
func (s *space) post(args ...string) (ts, failed string) {
	s.t.Helper()
	r := s.call("chat.postMessage", append([]string{"channel", s.ChannelID("general")}, args...)...)
	ts, _ = r["ts"].(string)
	return ts, r.err()
}

// blocks posts blocks and returns the error.
func (s *space) blocks(list ...string) string {
	s.t.Helper()
	_, e := s.post("text", "x", "blocks", "["+strings.Join(list, ",")+"]")
	return e
}
