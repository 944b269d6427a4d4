package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"llmbot/bot/typos"
)

// ourNames returns the names that the program knows.
func ourNames() []string {
	var out []string
	for _, name := range secretNames() {
		out = append(out, name+fileSuffix)
	}
	for f := range reflect.TypeFor[Config]().Fields() {
		if name := f.Tag.Get("env"); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// misspelt returns problems with those of vars that the program does not know, and that look like
// one that is not in set. A misspelt BOT_ALLOW_USERS would let everybody in.
func misspelt(vars, set map[string]string) []problem {
	known := ourNames()
	var out []problem
	for name := range vars {
		if slices.Contains(known, name) {
			continue
		}
		for _, k := range known {
			if _, there := set[k]; !there && (strings.EqualFold(name, k) || typos.Distance(name, k) <= typos.Most && strings.HasPrefix(name, k[:strings.Index(k, "_")+1])) {
				out = append(out, problem{name + " is not a variable of llmbot", fmt.Sprintf("Is %s meant? Else leave it out.", k)})
				break
			}
		}
	}
	slices.SortFunc(out, func(a, b problem) int { return strings.Compare(a.what, b.what) })
	return out
}
