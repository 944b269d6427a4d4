package sqlstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// stateFiles returns the names of all files in a state folder. SQLite makes some of them.
func stateFiles() []string {
	return []string{fileName, fileName + "-wal", fileName + "-shm", fileName + "-journal", lockName}
}

// linked returns an error for a file that is a symbolic link, because whoever made the link could
// choose what this user overwrites. A folder that is a link, the state folder or one above, is
// fine: volumes are mounted that way.
func (f *file) linked() error {
	for _, name := range stateFiles() {
		path := filepath.Join(f.dir, name)
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case info.Mode()&fs.ModeSymlink != 0:
			return &Error{
				what: path + " is a symbolic link, which is not followed",
				hint: "Is the link yours? Then name the folder that it leads to in STATE_DIR, or put the file itself in its place while no llmbot runs. If it is not, remove it.",
			}
		}
	}
	return nil
}

// Loose is a state folder, or a file in one, that others than its owner may read or write.
type Loose struct {
	Path string
	Mode fs.FileMode // permissions only
	Hint string      // what to do
}

// LooseModes returns them for the folder of an SQLite store. It ignores what does not exist, and
// returns nothing on systems with other permissions.
func LooseModes(dir string) []Loose {
	if runtime.GOOS == "windows" {
		return nil
	}
	var found []Loose
	look := func(path, mode string, more string) {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm()&0o077 == 0 {
			return
		}
		found = append(found, Loose{path, info.Mode().Perm(), fmt.Sprintf("chmod %s %s%s", mode, path, more)})
	}
	look(dir, "700", ", or name a folder in it in STATE_DIR, which llmbot then makes for itself alone")
	for _, name := range stateFiles() {
		look(filepath.Join(dir, name), "600", "")
	}
	return found
}
