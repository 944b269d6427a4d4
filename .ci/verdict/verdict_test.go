package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pkg makes the events of a package, with its lines as the output of its test Test; a line that
// begins with ! is an action of it.
func pkg(name, result string, lines ...string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	put := func(e event) {
		if err := enc.Encode(e); err != nil {
			panic(err)
		}
	}
	put(event{Action: "start", Package: name})
	for _, line := range lines {
		if action, ok := strings.CutPrefix(line, "!"); ok {
			put(event{Action: action, Package: name, Test: "Test"})
			continue
		}
		put(event{Action: "output", Package: name, Test: "Test", Output: line + "\n"})
	}
	put(event{Action: result, Package: name})
	return b.String()
}

const (
	tsan = `ThreadSanitizer: CHECK failed: tsan_rtl.cpp:327 "((thr->fast_state)) != (0)"`
	segv = "SIGSEGV: segmentation violation"
)

func TestVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		events string
		again  string // packages
		why    string
	}{
		"the detector crashed":           {pkg("a", "pass", "!pass") + pkg("b", "fail", "!run", tsan, "FAIL b 1s"), "b", "in b"},
		"it crashed in two":              {pkg("a", "fail", segv, "PC=0x1 m=1") + pkg("b", "fail", tsan), "a, b", "in a, b"},
		"a test failed":                  {pkg("a", "fail", "x_test.go:1: no", "!fail"), "", "Test of a failed"},
		"and the detector crashed":       {pkg("a", "fail", "!fail") + pkg("b", "fail", tsan), "", "Test of a failed"},
		"in the package that crashed":    {pkg("a", "fail", "!fail", tsan), "", "Test of a failed"},
		"another one went without words": {pkg("a", "fail", tsan) + pkg("b", "fail", "exit status 3"), "", "b failed, and not of"},
		"a data race":                    {pkg("a", "fail", "==================", "WARNING: DATA RACE", tsan), "", "DATA RACE"},
		"a panic":                        {pkg("a", "fail", "panic: boom", "[signal SIGSEGV: segmentation violation code=0x1]"), "", "panic"},
		"a deadlock":                     {pkg("a", "fail", "fatal error: all goroutines are asleep - deadlock!", segv), "", "fatal error"},
		"a nil pointer is no detector":   {pkg("a", "fail", "[signal SIGSEGV: segmentation violation code=0x1]"), "", "a failed"},
		"a test that quotes it":          {pkg("a", "fail", "x_test.go:1: got ThreadSanitizer: CHECK failed"), "", "a failed"},
		"a panic that one passed with":   {pkg("a", "pass", "panic: expected") + pkg("b", "fail", tsan), "b", "in b"},
		"not built":                      {`{"ImportPath":"a [a.test]","Action":"build-fail"}` + pkg("a", "fail") + pkg("b", "fail", tsan), "", "not built"},
		"not built, without the event":   {pkg("a", "fail", "FAIL\ta [build failed]"), "", "a failed"},
		"nothing failed":                 {pkg("a", "pass"), "", "no package"},
		"no log":                         {"", "", "no package"},
		"half a log":                     {pkg("b", "fail", tsan) + `{"Action":"out`, "", "read the events"},
		"not JSON":                       {"FAIL a", "", "read the events"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "log")
			if err := os.WriteFile(file, []byte(c.events), 0o600); err != nil {
				t.Fatal(err)
			}
			again, why, err := verdict([]string{file})
			if err != nil {
				why = err.Error()
			}
			if strings.Join(again, ", ") != c.again || !strings.Contains(why, c.why) {
				t.Errorf("again: %q, because %q; want %q, because %q", again, why, c.again, c.why)
			}
		})
	}
	for _, args := range [][]string{nil, {"race"}, {filepath.Join(t.TempDir(), "none")}} {
		if again, why, err := verdict(args); again != nil || err == nil {
			t.Errorf("%q: %v %q", args, again, why)
		}
	}
}
