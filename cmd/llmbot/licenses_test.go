package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// released are the systems that the program is built for: their modules differ.
var released = []string{"linux/amd64", "linux/arm64", "darwin/arm64", "windows/amd64"}

// module is one that is in the binary, with the notices of its folder and of those above the
// packages that are used.
type module struct {
	name    string // with its version
	dir     string
	notices []string // paths within dir
}

var notice = regexp.MustCompile(`(?i)^(licen[cs]e|notice|copying|patents|authors|copyright)`)

// TestLicenses compares licenses.txt with the modules that the program is built from.
func TestLicenses(t *testing.T) {
	modules := linked(t)
	want := licenseText(t, modules)
	if *update {
		if err := os.WriteFile("licenses.txt", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got := licenses; got != want {
		for _, m := range modules {
			if !strings.Contains(got, "\n"+m.name+"\n") {
				t.Errorf("%s is in the binary, and its notices are not in licenses.txt", m.name)
			}
		}
		t.Error("licenses.txt is not what the modules say: go test ./cmd/llmbot -run TestLicenses -update")
	}
}

// TestLicensesArePermissive looks at each module's own words: what may be in the binary asks for
// its notice and for nothing else.
func TestLicensesArePermissive(t *testing.T) {
	good := regexp.MustCompile(`Permission is hereby granted, free of charge|Redistribution and use in source and binary forms|Apache License\s+Version 2\.0|Permission to use, copy, modify, and/?o?r? ?distribute`)
	bad := regexp.MustCompile(`(?i)general public licen[cs]e|freetype|mozilla public|common development and distribution|eclipse public|server side public|business source|commons clause`)
	// The Mozilla licence asks for the source of its own files alone, which its module's address
	// gives.
	weak := map[string]string{"github.com/hashicorp/golang-lru/v2": "mozilla public"}
	for _, m := range linked(t) {
		var all strings.Builder
		for _, n := range m.notices {
			if strings.Contains(n, "3RD-PARTY") {
				continue // of modernc.org: it names the modules of its tools, too. Those that are linked are in this list themselves
			}
			all.WriteString(read(t, filepath.Join(m.dir, n)))
		}
		switch text := strings.Join(strings.Fields(all.String()), " "); {
		case weak[pathOf(m.name)] != "" && strings.EqualFold(bad.FindString(text), weak[pathOf(m.name)]):
		case !good.MatchString(text):
			t.Errorf("%s: no licence that is known here as permissive, in %q", m.name, m.notices)
		case bad.MatchString(text):
			t.Errorf("%s: %q stands in its notices: look for another library", m.name, bad.FindString(text))
		}
	}
}

// linked lists Go's own library, then the modules of all released systems, sorted.
func linked(t *testing.T) []module {
	t.Helper()
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("the go command is not here")
	}
	byName := map[string]*module{}
	for _, system := range released {
		goos, arch, _ := strings.Cut(system, "/")
		cmd := exec.CommandContext(t.Context(), goTool, "list", "-deps", "-json=Dir,Module", "llmbot/cmd/llmbot")
		cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+arch, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", cmd, err)
		}
		for d := json.NewDecoder(bytes.NewReader(out)); ; {
			var p struct {
				Dir    string
				Module *struct{ Path, Version, Dir string }
			}
			if err := d.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if p.Module == nil || p.Module.Version == "" {
				continue // Go's own, and ours
			}
			name := p.Module.Path + " " + p.Module.Version
			m := byName[name]
			if m == nil {
				m = &module{name: name, dir: p.Module.Dir}
				byName[name] = m
			}
			m.add(t, p.Dir)
		}
	}
	root, err := exec.CommandContext(t.Context(), goTool, "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	std := module{name: "The Go standard library", dir: strings.TrimSpace(string(root))}
	std.add(t, std.dir)
	all := []module{std}
	for _, m := range byName {
		slices.Sort(m.notices)
		all = append(all, *m)
	}
	slices.SortFunc(all[1:], func(a, b module) int { return strings.Compare(a.name, b.name) })
	return all
}

// add notes the notices of a folder and of those above it in the module.
func (m *module) add(t *testing.T, dir string) {
	t.Helper()
	for ; ; dir = filepath.Dir(dir) {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			rel, err := filepath.Rel(m.dir, filepath.Join(dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			if f.Type().IsRegular() && notice.MatchString(f.Name()) && filepath.Ext(f.Name()) != ".go" && !slices.Contains(m.notices, rel) {
				m.notices = append(m.notices, rel)
			}
		}
		if dir == m.dir || len(dir) <= len(m.dir) {
			return
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), "\r\n", "\n")
}

func licenseText(t *testing.T, modules []module) string {
	t.Helper()
	var b strings.Builder
	rule := strings.Repeat("=", 80)
	fmt.Fprintf(&b, "llmbot\n\n%s\n%s\nllmbot has the following software in it. What its authors ask to be said follows.\n", strings.TrimSpace(read(t, filepath.Join("..", "..", "LICENSE"))), rule)
	for _, m := range modules {
		if len(m.notices) == 0 {
			t.Errorf("%s says nothing of its licence", m.name)
		}
		fmt.Fprintf(&b, "\n%s\n%s\n", rule, m.name)
		for _, n := range m.notices {
			fmt.Fprintf(&b, "\n--- %s\n\n%s\n", filepath.ToSlash(n), strings.TrimSpace(read(t, filepath.Join(m.dir, n))))
		}
	}
	fmt.Fprintf(&b, "\n%s\n%s", rule, read(t, "notices_pdfium.txt")) // go-pdfium ships it, and none of its notices
	fmt.Fprintf(&b, "\n%s\n%s", rule, read(t, "notices_emoji.txt"))  // of the page of the emulated Slack
	return b.String()
}

// pathOf is a module's path without its version.
func pathOf(name string) string {
	path, _, _ := strings.Cut(name, " ")
	return path
}
