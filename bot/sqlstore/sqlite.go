package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"modernc.org/sqlite"
)

const (
	fileName  = "state.db"
	lockName  = "state.lock"
	readers   = 4                      // connections for reading; more readers wait
	pollLocal = 250 * time.Millisecond // finds what other processes wrote
	// busyWrite bounds SQLite's own waiting for a lock: 1, 2, 5 and 10 ms, and then 25 to 100 ms,
	// which is long when a commit takes one. After that we retry ourselves.
	busyWrite = 18 * time.Millisecond
	busyRead  = time.Second // readers wait only while a process opens or recovers the file
	maxWAL    = 64 << 20    // bytes to which state.db-wal is cut when it is empty
	// maxVerify is the largest file, in bytes, that is checked as a whole at the start.
	maxVerify = 32 << 20
)

// The result codes of SQLite: https://www.sqlite.org/rescode.html. The low byte is the kind.
const (
	codePerm             = 3
	codeBusy             = 5
	codeLocked           = 6
	codeReadonly         = 8
	codeIOErr            = 10
	codeCorrupt          = 11
	codeFull             = 13
	codeCantOpen         = 14
	codeProtocol         = 15
	codeNotADB           = 26
	codeReadonlyRecovery = 8 | 1<<8 // another process is opening the file
	codeReadonlyCantInit = 8 | 5<<8
)

// file is an SQLite database in a folder.
type file struct {
	dir, path string
	db        *backend
	lock      *presence // set once by open, under Store.opening; read after Store.opened
}

// openSQLite returns the backend for SQLite. It touches nothing yet.
func openSQLite(dir string, _ *slog.Logger) (*backend, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("folder for the SQLite file: %w", err)
	}
	f := &file{dir: dir, path: filepath.Join(dir, fileName), lock: &presence{}}
	writes, err := f.handle(busyWrite, 1)
	if err != nil {
		return nil, err
	}
	reads, err := f.handle(busyRead, readers)
	if err != nil {
		return nil, errors.Join(err, writes.Close())
	}
	f.db = &backend{
		name: "sqlite", where: f.path, writes: writes, reads: reads, local: true, chunk: 1, poll: pollLocal,
		words: strings.NewReplacer(
			"{begin}", "BEGIN IMMEDIATE", "{guard}", "", "{lock}", "",
			"{there}", "SELECT count(*) FROM sqlite_master WHERE name = 'llmbot_state'",
			"{bytes}", "blob", "{bytewise}", "", "{now}", "unixepoch()",
			"{count}", "", "{counter}", "llmbot_state WHERE id = 1", "{notify}", ", ''",
		),
		open: f.open, trouble: fileTrouble, unmade: func(err error) bool { return fileTrouble(err) == busy },
		hints: f.hints, alone: f.lock.alone, release: f.lock.release,
	}
	return f.db, nil
}

func (f *file) handle(wait time.Duration, conns int) (*sql.DB, error) {
	u := url.URL{Scheme: "file", Path: f.path, RawQuery: url.Values{"_pragma": {
		fmt.Sprintf("busy_timeout(%d)", wait.Milliseconds()), "synchronous(FULL)", fmt.Sprintf("journal_size_limit(%d)", maxWAL),
	}}.Encode()}
	c, err := sqlite.NewConnector(u.String())
	if err != nil {
		return nil, fmt.Errorf("SQLite file %s: %w", f.path, err)
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// open makes the folder and the file. Before it writes anything, it makes this process visible to
// Alone.
func (f *file) open(ctx context.Context) error {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	if err := f.linked(); err != nil {
		return err
	}
	if err := f.lock.enter(filepath.Join(f.dir, lockName)); err != nil {
		return err
	}
	if err := f.create(); err != nil {
		return err
	}
	// Processes that start together on a new file get BUSY here in spite of busy_timeout; the
	// caller retries.
	var mode string
	if err := f.db.writes.QueryRowContext(ctx, `PRAGMA journal_mode = WAL`).Scan(&mode); err != nil {
		return fmt.Errorf("switch to WAL: %w", err)
	}
	if mode != "wal" {
		return &Error{what: "SQLite cannot use its write-ahead log in " + f.dir, hint: "Use a folder on a local disk; network file systems do not work."}
	}
	return f.verify(ctx)
}

// create makes an empty file that only this user can read. It links the file into place instead of
// opening it there, because closing a file makes this process lose all locks that SQLite holds on
// it for another Store (fcntl(2)).
func (f *file) create() (err error) {
	if _, err := os.Lstat(f.path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	tmp, err := os.CreateTemp(f.dir, ".new-*") // 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(tmp.Name())) }()
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), f.path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// verify reads the whole file if it is small, so that damage is found at the start, not in the
// middle of an answer.
func (f *file) verify(ctx context.Context) error {
	info, err := os.Stat(f.path)
	if err != nil || info.Size() > maxVerify {
		return err
	}
	var said string
	if err := f.db.writes.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&said); err != nil {
		return fmt.Errorf("verify the file: %w", err)
	}
	if said != "ok" {
		return f.damaged(errors.New(said))
	}
	return nil
}

func fileCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

func fileTrouble(err error) trouble {
	switch code := fileCode(err); {
	case code == codeReadonlyRecovery, code == codeReadonlyCantInit:
		return busy
	case code&0xff == codeBusy, code&0xff == codeLocked, code&0xff == codeProtocol:
		return busy
	}
	return lasting
}

func (f *file) damaged(err error) *Error {
	return &Error{
		what: f.path + " is damaged or no SQLite database",
		hint: "Stop all llmbot processes, keep a copy of the folder, and put a backup of " + fileName + " in its place (without " + fileName + "-wal and -shm). " +
			"Without a backup, `sqlite3 " + fileName + " .recover` saves what can be read. llmbot never deletes it by itself.",
		err: err,
	}
}

func (f *file) hints(err error) (what, hint string) {
	switch code := fileCode(err) & 0xff; {
	case code == codeFull, errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "the disk of " + f.dir + " is full", "Make room; llmbot goes on by itself then."
	case code == codeReadonly, code == codeCantOpen, code == codePerm, errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR):
		return "the state folder " + f.dir + " cannot be written", fmt.Sprintf("Let user %d read and write it and what is in it, or name another folder in STATE_DIR.", os.Getuid())
	case code == codeCorrupt, code == codeNotADB:
		e := f.damaged(nil)
		return e.what, e.hint
	case code == codeIOErr:
		return "the disk of " + f.dir + " failed", "See the system's log. STATE_DIR has to be on a local disk that works and has room."
	}
	return "", ""
}
