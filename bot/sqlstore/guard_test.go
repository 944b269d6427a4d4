package sqlstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// checked opens the store in a folder and writes to it.
func checked(t *testing.T, dir string) error {
	t.Helper()
	s, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Check(t.Context())
	if closeErr := s.Close(); closeErr != nil {
		t.Error(closeErr)
	}
	return err
}

// No file of the state is a link to somewhere else; folders may be.
func TestLinksAreNotFollowed(t *testing.T) {
	for _, name := range stateFiles() {
		for _, there := range []bool{true, false} {
			dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
			if there {
				if err := os.WriteFile(victim, nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink(victim, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			err := checked(t, dir)
			e, ok := errors.AsType[*Error](err)
			if !ok || !strings.Contains(e.Error(), "symbolic link") || !strings.Contains(e.Hint(), "STATE_DIR") {
				t.Errorf("%s: %v", name, err)
			}
			if info, err := os.Stat(victim); there && (err != nil || info.Size() > 0) || !there && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: what it leads to was touched: %v", name, err)
			}
			if left, _ := os.ReadDir(dir); len(left) != 1 {
				t.Errorf("%s: other files were made: %v", name, left)
			}
		}
	}
	volume, above := t.TempDir(), t.TempDir() // as Kubernetes mounts: data -> ..data -> ..2026_11_30
	if err := errors.Join(os.Symlink(volume, filepath.Join(above, "..data")), os.Symlink("..data", filepath.Join(above, "data"))); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Join(above, "data"), filepath.Join(above, "data", "made", "here")} {
		if err := checked(t, dir); err != nil {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// What others may read or write is named, with what to do; what the store makes by itself is not.
func TestLooseModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it has other permissions")
	}
	dir := filepath.Join(t.TempDir(), "a", "state")
	if got := LooseModes(dir); len(got) != 0 {
		t.Errorf("of nothing: %+v", got)
	}
	s, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := LooseModes(dir); len(got) != 0 {
		t.Errorf("of what was made just now: %+v", got)
	}
	made, err := os.ReadDir(dir)
	if err != nil || len(made) < 3 {
		t.Fatalf("%v %v", made, err)
	}
	for _, f := range made {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", f.Name(), info.Mode(), err)
		}
	}
	for path, mode := range map[string]fs.FileMode{dir: 0o750, filepath.Join(dir, fileName): 0o604, filepath.Join(dir, fileName+"-wal"): 0o620} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		got := LooseModes(dir)
		if len(got) != 1 || got[0].Path != path || got[0].Mode != mode || !strings.Contains(got[0].Hint, "chmod "+map[bool]string{true: "700", false: "600"}[path == dir]+" "+path) {
			t.Errorf("%s with %o: %+v", path, mode, got)
		}
		if err := os.Chmod(path, map[bool]fs.FileMode{true: 0o700, false: 0o600}[path == dir]); err != nil {
			t.Fatal(err)
		}
	}
}
