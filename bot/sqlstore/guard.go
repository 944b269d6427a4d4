package sqlstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// stateFiles are all files of a state folder that hold something, or are written to. SQLite makes some of them.
func stateFiles() []string {
	return []string{fileName, fileName + "-wal", fileName + "-shm", fileName + "-journal", lockName}
}

// linked refuses files that are symbolic links: what this user may write, whoever made the link chose. A folder that is one, above or as the state
// folder, is fine: volumes are mounted like that.
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

// Loose is a folder or a file of the state that others than its owner may read or write.
type Loose struct {
	Path string
	Mode fs.FileMode // permissions only
	Hint string      // what to do
}

// LooseModes looks for such in the folder of an SQLite store. It returns nothing for what is not there, or on systems with other permissions.
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
