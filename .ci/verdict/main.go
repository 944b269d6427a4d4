// Command verdict decides whether a run of go test -json -race that failed may be repeated. It may
// if only the race detector failed, and nothing of ours did. The command reads the run's events
// from a file.
//
//	verdict FILE
//
// It exits with 0 if the run may be repeated, and with 1 if its failure counts. In doubt it counts.
// It says why on stderr; on stdout stand the packages to repeat, one a line.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

func main() {
	again, why, err := verdict(os.Args[1:])
	if err != nil {
		why = err.Error()
	}
	fmt.Fprintln(os.Stderr, why)
	if len(again) == 0 {
		os.Exit(1)
	}
	fmt.Fprintln(os.Stdout, strings.Join(again, "\n"))
}

// verdict returns the packages of the run in the file that args name which may be repeated, and why,
// or why not.
func verdict(args []string) (again []string, why string, err error) {
	if len(args) != 1 {
		return nil, "", errors.New("usage: verdict FILE, with the events of go test -json -race")
	}
	events, err := os.Open(args[0])
	if err != nil {
		return nil, "", fmt.Errorf("open the events of the run: %w", err)
	}
	defer func() { _ = events.Close() }()
	return judge(events)
}

// The race detector of Go 1.26 dies now and then in a synctest bubble: the timers of a bubble have
// one context of the detector, and several threads come to use it at once (golang/go#78156).
var (
	detectorDied = regexp.MustCompile(`(?m)^(ThreadSanitizer: CHECK failed|SIGSEGV: segmentation violation)`)
	oursDied     = regexp.MustCompile(`(?m)^(panic: |fatal error: |WARNING: DATA RACE)`)
)

// event is a line of go test -json.
type event struct {
	Action, Package, Test, Output string
}

// judge returns the packages that failed, if nothing failed but the race detector: each has died of
// it, and until then none of its tests had failed.
func judge(events io.Reader) (again []string, why string, err error) {
	output := map[string]string{} // by package
	var failed []string           // packages
	for dec := json.NewDecoder(events); ; {
		var e event
		if err := dec.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, "", fmt.Errorf("read the events of the run: %w", err)
		}
		switch {
		case e.Action == "output":
			output[e.Package] += e.Output
		case e.Action == "build-fail":
			return nil, "a package was not built", nil
		case e.Action == "fail" && e.Test != "":
			return nil, fmt.Sprintf("%s of %s failed", e.Test, e.Package), nil
		case e.Action == "fail":
			failed = append(failed, e.Package)
		}
	}
	if len(failed) == 0 {
		return nil, "the run failed, but no package did", nil
	}
	for _, pkg := range failed {
		if line := oursDied.FindString(output[pkg]); line != "" {
			return nil, fmt.Sprintf("%s died of %q", pkg, line), nil
		}
		if !detectorDied.MatchString(output[pkg]) {
			return nil, pkg + " failed, and not of the race detector", nil
		}
	}
	return failed, "the race detector itself crashed in " + strings.Join(failed, ", "), nil
}
