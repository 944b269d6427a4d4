package deploy

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goreleaser/fileglob"
	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

// packed returns the files of an archive of a release, by the globs of goreleaser itself, from the
// root of the repository. A file that nobody tracks lies where people keep their tokens.
func packed(t *testing.T) []string {
	t.Helper()
	project, err := config.Load("../../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir("../..")
	for _, name := range []string{"deploy/.env", "deploy/kubernetes/base/.env", "deploy/monitoring/.env"} {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, fs.ErrExist) { // a developer's own
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer os.Remove(name)
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	var out []string
	for _, f := range project.Archives[0].Files {
		found, err := fileglob.Glob(f.Source)
		if err != nil {
			t.Error(err)
		}
		if len(found) == 0 {
			t.Errorf("%s matches nothing", f.Source)
		}
		if f.Destination != "" { // of a single file only: what folders become depends on what they have in common
			if len(found) != 1 || found[0] != f.Source {
				t.Errorf("%s: dst beside a pattern", f.Source)
			}
			found = []string{f.Destination}
		}
		out = append(out, found...)
	}
	slices.Sort(out)
	return out
}

func tracked(t *testing.T, folder string) []string {
	t.Helper()
	b, err := exec.CommandContext(t.Context(), "git", "ls-files", folder).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(b))
}

// Whoever unpacks an archive finds what its pages speak of: all of deploy/ but what only tests and
// the image's build read, and nothing that is not tracked, such as a deploy/.env with tokens.
func TestArchiveHasDeploy(t *testing.T) {
	files := packed(t)
	want := slices.DeleteFunc(tracked(t, "deploy"), func(name string) bool {
		return strings.HasPrefix(name, "deploy/testdata/") || strings.HasSuffix(name, "_test.sh") || name == "deploy/Dockerfile.release"
	})
	got := slices.DeleteFunc(slices.Clone(files), func(name string) bool { return !strings.HasPrefix(name, "deploy/") })
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("%s is not packed", name)
		}
	}
	for _, name := range got {
		if !slices.Contains(want, name) {
			t.Errorf("%s is packed", name)
		}
	}
}

var pageLink = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)

// The pages in an archive link to what is in it, pictures too.
func TestArchiveLinks(t *testing.T) {
	files := packed(t)
	pages := 0
	for _, name := range files {
		if !strings.HasSuffix(name, ".md") {
			continue
		}
		pages++
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pageLink.FindAllStringSubmatch(string(b), -1) {
			to := path.Join(path.Dir(name), m[1])
			if !slices.ContainsFunc(files, func(f string) bool { return f == to || strings.HasPrefix(f, to+"/") }) {
				t.Errorf("%s links to %s, which is not packed", name, to)
			}
		}
	}
	if pages < 20 {
		t.Errorf("%d pages", pages)
	}
}
