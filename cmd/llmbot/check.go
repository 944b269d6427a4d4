package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"llmbot/llm"
)

// checkTimeout bounds the whole check: nothing in it takes that long but a model that is very slow.
const checkTimeout = 3 * time.Minute

// How a finding is.
const (
	findingOK      = "ok"
	findingWarning = "warning" // it works, less well than it could
	findingError   = "error"   // it does not work
	findingLook    = "look"    // these tokens can't tell: a person has to look
)

// finding is one thing that was looked at.
type finding struct {
	Check  string `json:"check"`
	Status string `json:"status"`
	Text   string `json:"text"`
	Next   string `json:"next,omitempty"` // what to do
}

// checker looks at everything that the bot needs, one thing after the other, and prints at once
// what it finds.
type checker struct {
	offers bool // the model is to be offered tools
	cfg    Config
	tell   func(finding)
	found  []finding
	http   *http.Client // to the model server; nil: llm's own
	// service is the folder of the service's state; empty: there is none.
	service string
}

// mostFinding is how many characters of a finding are printed: servers may have long names for
// themselves.
const mostFinding = 1000

func (c *checker) add(check, status, text, next string) {
	hide := c.cfg.redactor()
	shown := func(s string) string { return llm.Printable(hide.clean(s), mostFinding) }
	f := finding{Check: check, Status: status, Text: shown(text), Next: shown(next)}
	c.found = append(c.found, f)
	c.tell(f)
}

func (c *checker) ok(check, format string, args ...any) {
	c.add(check, findingOK, fmt.Sprintf(format, args...), "")
}
func (c *checker) warn(check, text, next string) { c.add(check, findingWarning, text, next) }
func (c *checker) fail(check, text, next string) { c.add(check, findingError, text, next) }
func (c *checker) look(check, text, next string) { c.add(check, findingLook, text, next) }

// failed prints an error with its own hint, or with next if it has none.
func (c *checker) failed(check string, err error, next string) {
	if hinted, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok && hinted.Hint() != "" {
		next = hinted.Hint()
	}
	c.fail(check, oneLine(err.Error()), next)
}

// count returns the number of findings of a status.
func (c *checker) count(status string) int {
	n := 0
	for _, f := range c.found {
		if f.Status == status {
			n++
		}
	}
	return n
}

func runCheck(ctx context.Context, p process, args []string) error {
	f := flags(p, "check", "looks at everything that the bot needs: tokens, scopes, socket, model server, state; each finding with the next step")
	var file string
	envFileFlag(f, &file)
	asJSON := f.Bool("json", false, "as one JSON object, at the end")
	live := f.Bool("live", false, "only whether the bot on OPS_ADDR answers (for a container's health check); status 0 also if OPS_ADDR is off")
	if err := parse(p, f, args); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	c := checker{service: serviceState, tell: func(f finding) { tellFinding(p.out, f) }}
	if *asJSON {
		c.tell = func(finding) {}
	}
	if *live {
		cfg, err := loadConfig(p.env, file)
		if err != nil {
			return err
		}
		return checkLive(ctx, opsClient(), cfg.OpsAddr)
	}
	cfg, err := loadConfig(p.env, file, (*Config).channels)
	if err != nil { // the tokens are looked at with Slack, if it comes to that
		_, err = loadConfig(p.env, file, (*Config).tokens, (*Config).channels)
	}
	bad, isConfig := errors.AsType[*configError](err)
	switch {
	case isConfig:
		for _, problem := range bad.problems {
			c.fail("configuration", problem.what, problem.hint)
		}
		if doubted, ok := errors.AsType[*doubtedError](err); ok {
			for _, d := range doubted.doubts {
				c.warn("configuration", d.what, d.hint)
			}
		}
	case err != nil:
		return err
	default:
		for _, d := range cfg.doubts {
			c.warn("configuration", d.what, d.hint)
		}
		c.cfg, c.offers = cfg, cfg.tools != nil
		c.all(limited)
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	if *asJSON {
		if err := c.json(p.out); err != nil {
			return err
		}
	}
	return c.verdict(p.out, *asJSON)
}

// all looks at everything.
func (c *checker) all(ctx context.Context) {
	runs := c.running(ctx)
	c.slack(ctx, runs)
	c.model(ctx)
	c.clips(ctx)
	c.gpus(ctx)
	c.state(ctx, runs)
	c.readers()
	c.toolServers(ctx)
}

// verdict returns the last line, and the error that makes the exit status 1.
func (c *checker) verdict(w io.Writer, quiet bool) error {
	errs, warnings := c.count(findingError), c.count(findingWarning)
	if errs > 0 {
		return fmt.Errorf("the check found %s and %s", counted(errs, "error"), counted(warnings, "warning"))
	}
	if !quiet {
		fmt.Fprintf(w, "\nNo errors, %s.\n", counted(warnings, "warning"))
	}
	return nil
}

func (c *checker) json(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	err := e.Encode(struct {
		OK       bool      `json:"ok"`
		Errors   int       `json:"errors"`
		Warnings int       `json:"warnings"`
		Version  string    `json:"version"`
		Findings []finding `json:"findings"`
	}{c.count(findingError) == 0, c.count(findingError), c.count(findingWarning), buildInfo().short(), c.found})
	if err != nil {
		return fmt.Errorf("write the findings: %w", err)
	}
	return nil
}

// tellFinding writes a finding in a line, with its next step in a second one.
func tellFinding(w io.Writer, f finding) {
	fmt.Fprintf(w, "%-8s %-16s %s\n", f.Status, f.Check, f.Text)
	if f.Next != "" {
		fmt.Fprintf(w, "%-9s→ %s\n", "", f.Next)
	}
}

// oneLine returns text without its line breaks.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// counted returns `no errors`, `1 error`, `2 errors`.
func counted(n int, what string) string {
	switch n {
	case 0:
		return "no " + what + "s"
	case 1:
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
