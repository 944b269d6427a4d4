package sqlstore

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"llmbot/bot/turn"
)

// patience is how long a test waits for anything. It is only reached by a test that fails.
const patience = 2 * time.Minute

// refuses checks that calls fail at once, with a hint, and say what.
func refuses(t *testing.T, s *Store, what string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for name, err := range map[string]error{
		"check": s.Check(ctx),
		"watch": s.Watch(ctx, "", func(string, []byte) {}),
	} {
		e, ok := errors.AsType[*Error](err)
		if !ok || !strings.Contains(err.Error(), what) || e.Hint() == "" || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want %q and a hint", name, err, what)
		}
	}
}

func TestDamagedFile(t *testing.T) {
	good := t.TempDir()
	s := open(t, Config{Dir: good})
	for key := range strings.FieldsSeq("a b c d e f g h") {
		if err := s.Update(t.Context(), key, func([]byte) ([]byte, error) { return bytes.Repeat([]byte(key), 10_000), nil }); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	sound, err := os.ReadFile(filepath.Join(good, fileName))
	if err != nil {
		t.Fatal(err)
	}
	middle := bytes.Clone(sound)
	copy(middle[8192:], bytes.Repeat([]byte("garbage!"), 2048))
	for name, content := range map[string][]byte{
		"something else": []byte(strings.Repeat("This is no database. ", 500)),
		"middle":         middle,
		"cut off":        sound[:len(sound)/2],
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, fileName)
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			refuses(t, open(t, Config{Dir: dir}), "damaged")
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, content) {
				t.Errorf("the damaged file was changed (%v)", err)
			}
		})
	}
}

func TestFolderIsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refuses(t, open(t, Config{Dir: path}), "cannot be written")
}

func TestNewerSchema(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	count(t, s, "n", 1)
	if _, err := s.db.exec(t.Context(), s.db.writes, `UPDATE llmbot_state SET version = $1`, schemaVersion+1); err != nil {
		t.Fatal(err)
	}
	refuses(t, open(t, Config{Dir: dir}), "schema 2")
	// A watch that runs already notices too: its process should be replaced.
	if err := s.Watch(t.Context(), "", func(string, []byte) {}); err == nil || !strings.Contains(err.Error(), "schema 2") {
		t.Errorf("watch beside a newer schema: %v", err)
	}
}

func TestDiskFull(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	count(t, s, "n", 1)
	limit := func(pages string) { // of the only connection that writes
		t.Helper()
		if _, err := s.db.exec(t.Context(), s.db.writes, "PRAGMA max_page_count = "+pages); err != nil {
			t.Fatal(err)
		}
	}
	fill := func(key string) error {
		return s.Update(t.Context(), key, func([]byte) ([]byte, error) { return make([]byte, 200_000), nil })
	}
	limit("20")
	err := fill("big")
	e, ok := errors.AsType[*Error](err)
	if !ok || !strings.Contains(err.Error(), "full") || e.Hint() == "" {
		t.Fatalf("disk full: %v", err)
	}
	wantCount(t, s, "n", 1)
	// The connection was given up, and the limit with it: as if there were room again.
	if err := fill("big"); err != nil {
		t.Errorf("with room again: %v", err)
	}
	count(t, s, "n", 1)
	wantCount(t, s, "n", 2)
}

func TestSweep(t *testing.T) {
	test := func(t *testing.T, s *Store) {
		for _, key := range []string{"new", "old", "gone"} {
			count(t, s, key, 1)
		}
		age := func(key string, by time.Duration) {
			t.Helper()
			if _, err := s.db.exec(t.Context(), s.db.writes, `UPDATE llmbot_records SET updated = updated - $1 WHERE key = $2`, int64(by/time.Second), key); err != nil {
				t.Fatal(err)
			}
		}
		told := make(chan string, 100)
		ended := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			ended <- s.Watch(ctx, "", func(key string, value []byte) { told <- key + "=" + string(value) })
		}()
		for range 4 { // the fourth says that these are all
			<-told
		}
		if err := s.Update(t.Context(), "gone", func([]byte) ([]byte, error) { return nil, nil }); err != nil {
			t.Fatal(err)
		}
		if got := <-told; got != "gone=" {
			t.Errorf("told %s", got)
		}
		age("old", keepRecords+time.Minute)
		age("new", keepRecords-time.Minute)
		if n, err := s.Sweep(t.Context()); n != 1 || err != nil {
			t.Errorf("swept %d, %v", n, err)
		}
		if got := <-told; got != "old=" {
			t.Errorf("told %s", got)
		}
		wantCount(t, s, "old", 0)
		wantCount(t, s, "new", 1)
		rows := func() int {
			n, err := s.db.number(t.Context(), s.db.writes, `SELECT count(*) FROM llmbot_records`)
			if err != nil {
				t.Error(err)
			}
			return n
		}
		if n := rows(); n != 3 {
			t.Errorf("%d rows with deletions, want 3", n)
		}
		age("gone", tombstoneKeep+time.Minute)
		age("old", tombstoneKeep+time.Minute)
		if n, err := s.Sweep(t.Context()); n != 0 || err != nil {
			t.Errorf("swept %d, %v", n, err)
		}
		if n := rows(); n != 1 {
			t.Errorf("%d rows after deletions were forgotten, want 1", n)
		}
		// The watcher had heard of both: it goes on. One that has not has to begin anew.
		count(t, s, "old", 1)
		if got := <-told; got != "old=1" {
			t.Errorf("told %s", got)
		}
		if _, _, err := s.poll(t.Context(), "", place{seq: 3}); !errors.Is(err, errBehind) {
			t.Errorf("poll of what was forgotten: %v", err)
		}
		if _, _, err := s.poll(t.Context(), "", place{seq: 1000}); !errors.Is(err, errBehind) {
			t.Errorf("poll of a database from before: %v", err)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("watch: %v", err)
		}
	}
	t.Run("sqlite", func(t *testing.T) { test(t, open(t, Config{Dir: t.TempDir()})) })
	t.Run("postgres", func(t *testing.T) { test(t, open(t, Config{URL: server(t)})) })
}

// A deletion between two pages of a Watch's first listing is told.
func TestDeletedWhileListed(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	for i := range 2 * pageRows {
		count(t, s, "k"+string(rune('a'+i/26))+string(rune('a'+i%26)), 1)
	}
	first, at, err := s.poll(t.Context(), "", place{})
	if err != nil || len(first) != pageRows {
		t.Fatalf("%d rows, %v", len(first), err)
	}
	if err := s.Update(t.Context(), first[0].key, func([]byte) ([]byte, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	heard := false
	for at.key != "" {
		var more []change
		if more, at, err = s.poll(t.Context(), "", at); err != nil {
			t.Fatal(err)
		}
		for _, c := range more {
			heard = heard || c.key == first[0].key && c.value == nil
		}
	}
	if !heard {
		t.Error("the deletion was not told")
	}
}

func TestBadConfig(t *testing.T) {
	for _, cfg := range []Config{{}, {URL: "mysql://root:secret@host/x"}, {URL: "memory:"}} {
		if _, err := Open(cfg); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v: %v", cfg, err)
		}
	}
	s := open(t, Config{Dir: t.TempDir()})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sweep(t.Context()); !errors.Is(err, turn.ErrClosed) {
		t.Errorf("sweep of a closed store: %v", err)
	}
}

// A process that is frozen in a commit keeps the file locked. Who starts meanwhile can tell that from
// a file that cannot be written.
func TestLocked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	frozen, starts := open(t, Config{Dir: dir}), open(t, Config{Dir: dir})
	count(t, frozen, "a", 1)
	if err := starts.Check(t.Context()); err != nil { // it is open now: that takes long on a slow disk
		t.Fatal(err)
	}
	conn, err := frozen.db.writes.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := starts.Check(ctx); !Locked(err) {
		t.Errorf("behind a frozen process: %v", err)
	}
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := starts.Check(t.Context()); err != nil {
		t.Errorf("after it: %v", err)
	}
	if Locked(context.DeadlineExceeded) || Locked(nil) {
		t.Error("another error counts as a lock")
	}
}
