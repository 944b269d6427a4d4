package main

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
)

// Set by -ldflags -X; build information is the fallback, for a Docker build has no repository.
var version, commit string //nolint:gochecknoglobals // the linker can set nothing else

// release is the release that these sources lead to. It is the version of a binary that nothing
// else names: built without the repository, or with GOFLAGS=-buildvcs=false.
//
//go:embed version.txt
var release string

// licenses are the notices of everything in the binary. TestLicenses fails when they are not, and
// can write the file again.
//
//go:embed licenses.txt
var licenses string

// build is what we know of this binary.
type build struct {
	Version string            `json:"version"`
	Commit  string            `json:"commit,omitempty"`
	Go      string            `json:"go"`
	OS      string            `json:"os"`
	Arch    string            `json:"arch"`
	Modules map[string]string `json:"modules"`
}

func buildInfo() build {
	b := build{Version: version, Commit: commit, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, Modules: map[string]string{}}
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Commit = cmp.Or(b.Commit, s.Value)
			}
		}
		for _, m := range info.Deps {
			b.Modules[m.Path] = m.Version
		}
		if v := info.Main.Version; v != "(devel)" {
			b.Version = cmp.Or(b.Version, v)
		}
	}
	b.Version = cmp.Or(b.Version, strings.TrimSpace(release)+"-source")
	return b
}

// short returns the version as people say it.
func (b build) short() string {
	if len(b.Commit) >= 7 {
		return b.Version + " (" + b.Commit[:7] + ")"
	}
	return b.Version
}

func runVersion(_ context.Context, p process, args []string) error {
	f := flags(p, "version", "version, commit, Go and dependencies")
	asJSON := f.Bool("json", false, "as JSON, with all modules")
	notices := f.Bool("licenses", false, "the licences and notices of llmbot and of everything that is in it")
	if err := parse(p, f, args); err != nil {
		return err
	}
	if *notices {
		_, err := io.WriteString(p.out, licenses)
		return err
	}
	b := buildInfo()
	if *asJSON {
		e := json.NewEncoder(p.out)
		e.SetIndent("", "  ")
		return e.Encode(b)
	}
	_, err := fmt.Fprintf(p.out, "llmbot %s, %s, %s/%s\n", b.short(), b.Go, b.OS, b.Arch)
	return err
}
