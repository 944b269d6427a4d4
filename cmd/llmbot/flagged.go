package main

import (
	"errors"
	"strings"
)

// flagged is an error for somebody who gave flags. It names flags where the configuration names the
// variables for which they stand.
type flagged struct {
	error

	names *strings.Replacer
}

func (e flagged) Error() string { return e.names.Replace(e.error.Error()) }
func (e flagged) Unwrap() error { return e.error }

// Hint returns the hint of what it wraps; empty: it has none.
func (e flagged) Hint() string { return e.names.Replace(hintOf(e.error)) }

// hintOf returns the hint of an error; empty: it has none.
func hintOf(err error) string {
	var hinted interface{ Hint() string }
	if !errors.As(err, &hinted) {
		return ""
	}
	return hinted.Hint()
}

// inFlags wraps err for somebody who gave flags. vars has the variables for which they stand, as
// NAME=value; address is the flag for LLM_BASE_URL.
func inFlags(err error, vars []string, address string) error {
	if err == nil || len(vars) == 0 {
		return err
	}
	var names []string
	for _, v := range vars {
		name, _, _ := strings.Cut(v, "=")
		if flag, ok := map[string]string{ //nolint:gosec // names, no secrets
			"LLM_BASE_URL": address, "LLM_MODEL": "--model", "LLM_TEMPERATURE": "--temperature", "LLM_MAX_TOKENS": "--max-tokens",
			"BOT_TOOLS_FILE": "--tools",
		}[name]; ok {
			names = append(names, name, flag)
		}
	}
	return flagged{err, strings.NewReplacer(names...)}
}
