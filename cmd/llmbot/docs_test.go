package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// pages returns all Markdown pages of the repository, by their paths.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(repository(), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && (e.Name() == ".git" || e.Name() == "testdata" || e.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) == ".md" {
			b, err := os.ReadFile(path)
			found[path] = string(b)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// prose returns a page without its fenced code.
func prose(page string) string {
	var b strings.Builder
	code := false
	for line := range strings.Lines(page) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			code = !code
			continue
		}
		if !code {
			b.WriteString(line)
		}
	}
	return b.String()
}

// anchors returns the names under which a page's headings can be linked to, as GitHub makes them.
func anchors(page string) map[string]bool {
	found := map[string]bool{}
	for line := range strings.Lines(prose(page)) {
		text, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if !strings.HasPrefix(line, "#") || !ok {
			continue
		}
		text = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(text, "$1")
		found[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(text))] = true
	}
	return found
}

// No link of ours leads nowhere: neither to a file nor to a heading.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	links := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	all := pages(t)
	for path, page := range all {
		for _, m := range links.FindAllStringSubmatch(prose(page), -1) {
			to, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
				continue
			}
			target := path
			if to != "" {
				target = filepath.Join(filepath.Dir(path), to)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which is not there", path, m[1])
				continue
			}
			if anchor != "" && !anchors(all[target])[anchor] {
				t.Errorf("%s links to %s, and there is no such heading", path, m[1])
			}
		}
	}
}

// Every page of docs/ is linked from another one: a reader finds it.
func TestPagesAreLinked(t *testing.T) {
	t.Parallel()
	all := pages(t)
	linked := map[string]bool{}
	for path, page := range all {
		for _, m := range regexp.MustCompile(`\]\(([^)#\s]+)`).FindAllStringSubmatch(page, -1) {
			if target := filepath.Join(filepath.Dir(path), m[1]); target != path {
				linked[target] = true
			}
		}
	}
	docs := filepath.Join(repository(), "docs")
	for path := range all {
		if filepath.Dir(path) == docs && !linked[path] {
			t.Errorf("nothing links to %s", path)
		}
	}
}

// Every variable that a page names is one that the program reads.
func TestPagesNameRealVariables(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, v := range documented() {
		known[v.name] = true
	}
	for _, name := range secretNames() {
		known[name+fileSuffix] = true
	}
	names := regexp.MustCompile(`\b(?:BOT|LLM|SLACK|STATE|OPS|LOG|GPU)_[A-Z_]*[A-Z]\b`)
	for path, page := range pages(t) {
		if filepath.Base(path) == "CHANGELOG.md" {
			continue // names that are gone may be there
		}
		for _, name := range names.FindAllString(page, -1) {
			if !known[name] {
				t.Errorf("%s names %s, which nobody reads", path, name)
			}
		}
	}
}

// TestGettingStarted: every command of docs/getting-started.md is run by its script, or the script
// says why not.
func TestGettingStarted(t *testing.T) {
	t.Parallel()
	page, script := repositoryFile(t, "docs/getting-started.md"), repositoryFile(t, "cmd/llmbot/testdata/script/getting_started.txtar")
	code, lines := false, 0
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "```"):
			code = !code
		case code && line != "":
			lines++
			if !strings.Contains(script, "# doc: "+line+"\n") && !strings.Contains(script, "# not run: "+line+" (") {
				t.Errorf("nobody runs %q", line)
			}
		}
	}
	if want := strings.Count(script, "# doc: ") + strings.Count(script, "# not run: "); lines != want {
		t.Errorf("the page has %d commands, the script %d", lines, want)
	}
	for _, m := range regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindAllString(page, -1) {
		if m != "http://"+demoAddress {
			t.Errorf("the page says %s, the demo %s", m, demoAddress)
		}
	}
}

// TestInstallSteps: docs/operations.md installs the bot by the same commands as the heads of the
// unit and of the compose file.
func TestInstallSteps(t *testing.T) {
	t.Parallel()
	page := repositoryFile(t, "docs/operations.md")
	command := regexp.MustCompile(`(?m)^#   ((?:CGO_ENABLED|SLACK_|\(umask|cp |docker |echo |install |journalctl |systemctl ).*?)(?: {5}.*)?$`)
	for file, least := range map[string]int{"deploy/llmbot.service": 10, "deploy/compose.yaml": 4} {
		steps := command.FindAllStringSubmatch(repositoryFile(t, file), -1)
		if len(steps) < least {
			t.Errorf("%s shows only %d commands", file, len(steps))
		}
		for _, step := range steps {
			if !strings.Contains(page, "\n"+step[1]) {
				t.Errorf("%s has %q, and docs/operations.md has not", file, step[1])
			}
		}
	}
}
