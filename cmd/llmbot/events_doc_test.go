package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestEventsPage: docs/events.md has every event that the program logs from info on, with its
// level, and no other.
func TestEventsPage(t *testing.T) {
	t.Parallel()
	logged := loggedEvents(t)
	b, err := os.ReadFile(filepath.Join(repository(), "docs", "events.md"))
	if err != nil {
		t.Fatal(err)
	}
	told := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]+) \\| ([a-z, ]+) \\|").FindAllStringSubmatch(string(b), -1) {
		for _, name := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[1], -1) {
			if told[name[1]] != nil {
				t.Errorf("%s is there twice", name[1])
			}
			told[name[1]] = strings.Split(row[2], ", ")
		}
	}
	for name, levels := range logged {
		if told[name] == nil {
			t.Errorf("docs/events.md has no row for %s (%s)", name, strings.Join(levels, ", "))
		}
		for _, level := range told[name] {
			if len(told[name]) == 1 && !slices.Contains(levels, level) {
				t.Errorf("docs/events.md says %s of %s, the program %v", level, name, levels)
			}
		}
	}
	for name := range told {
		if logged[name] == nil {
			t.Errorf("docs/events.md has %s, which is not logged", name)
		}
	}
}

// loggedEvents returns the events of the program's sources from info on, with their levels.
func loggedEvents(t *testing.T) map[string][]string {
	t.Helper()
	methods := map[string]string{"Info": "info", "Warn": "warn", "Error": "error", "InfoContext": "info", "WarnContext": "warn", "ErrorContext": "error", "Log": "info"}
	event := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	out := map[string][]string{}
	for _, root := range []string{"bot", "cmd", "llm"} {
		err := filepath.WalkDir(filepath.Join(repository(), root), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "slacksim" || d.Name() == "llmsim" || d.Name() == "testdata"):
				return fs.SkipDir
			case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				sel, ok := call.Fun.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				level := methods[sel.Sel.Name]
				if level == "" {
					return true
				}
				for _, arg := range call.Args[:min(len(call.Args), 3)] {
					lit, ok := arg.(*ast.BasicLit)
					if !ok || lit.Kind != token.STRING {
						continue
					}
					if name, err := strconv.Unquote(lit.Value); err == nil && event.MatchString(name) && !slices.Contains(out[name], level) {
						out[name] = append(out[name], level)
					}
					break
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}
