package bot_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCitedFactsExist: each comment, page and test that cites facts/PAGE.md, and a section or an item
// of it, cites one that is in docs/facts.
func TestCitedFactsExist(t *testing.T) {
	pages := factPages(t)
	cites := regexp.MustCompile(`\b(?:facts/|facts: )([a-z]+)\.md((?:,? (?:and )?(?:§[0-9]+(?:\.[0-9]+)*|[A-Z][0-9]+\b))*)`)
	wrap := regexp.MustCompile(`\s*\n\s*(?://|#)?\s*`)
	found := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata" || path == filepath.Join("..", "docs", "facts")):
			return filepath.SkipDir
		case d.IsDir(), d.Name() == "docs_test.go", filepath.Ext(path) != ".go" && filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range cites.FindAllStringSubmatch(wrap.ReplaceAllString(string(text), " "), -1) {
			found++
			page, known := pages[m[1]]
			if !known {
				t.Errorf("%s cites %s: there is no such page", path, m[0])
				continue
			}
			for _, place := range regexp.MustCompile(`§[0-9.]*[0-9]|[A-Z][0-9]+`).FindAllString(m[2], -1) {
				if !page.has(place) {
					t.Errorf("%s cites %s.md %s: there is no such section", path, m[1], place)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 50 {
		t.Errorf("only %d citations were found", found)
	}
}

// factPage is a page of facts.
type factPage string

// has reports whether the page has a section (§3.2), the item of a section's list (§0.4), or an item
// with a name (A11).
func (p factPage) has(place string) bool {
	if number, ok := strings.CutPrefix(place, "§"); ok {
		heading := regexp.MustCompile(`(?m)^##+ ` + regexp.QuoteMeta(number) + `[. ]`)
		section, item, _ := strings.Cut(number, ".")
		list := regexp.MustCompile(`(?ms)^## ` + section + `\. [^#]*^` + regexp.QuoteMeta(item) + `\. `)
		return heading.MatchString(string(p)) || item != "" && list.MatchString(string(p))
	}
	return strings.Contains(string(p), "**"+place+" ")
}

func factPages(t *testing.T) map[string]factPage {
	t.Helper()
	names, err := filepath.Glob("../docs/facts/*.md")
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]factPage{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		pages[strings.TrimSuffix(filepath.Base(name), ".md")] = factPage(text)
	}
	return pages
}

// TestWhereItIs: each file that docs/architecture.md sends a reader to is there.
func TestWhereItIs(t *testing.T) {
	text, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	files := regexp.MustCompile("`([a-z]+/[a-z/]+\\.go)`").FindAllStringSubmatch(string(text), -1)
	for _, m := range files {
		if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
			t.Error(err)
		}
	}
	if len(files) < 40 {
		t.Errorf("only %d files are named", len(files))
	}
}

// TestNamedTestsExist: each test that a page names is there, so that its claim is checked.
func TestNamedTestsExist(t *testing.T) {
	declared := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Z]\w*)\(`).FindAllStringSubmatch(string(text), -1) {
			declared[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, page := range append(pages, "../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("`(?:[a-z/]+: )?((?:Test|Fuzz|Benchmark)[A-Z]\\w*)(?:/[^`]*)?`").FindAllStringSubmatch(string(text), -1) {
			if named++; !declared[m[1]] {
				t.Errorf("%s names %s, which is nowhere", page, m[1])
			}
		}
	}
	if named < 80 {
		t.Errorf("only %d tests are named", named)
	}
}
