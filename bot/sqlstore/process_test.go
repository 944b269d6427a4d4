//go:build linux

package sqlstore

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A test runs its own binary again as another process, with what it has to do in this variable.
const childEnv = "LLMBOT_SQLSTORE_CHILD"

func TestMain(m *testing.M) {
	if job := os.Getenv(childEnv); job != "" {
		if err := child(job); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child does one job: "count DIR KEY N" or "check DIR". It says "begin", works when its input ends, and says how it went.
func child(job string) error {
	words := strings.Fields(job)
	s, err := Open(Config{Dir: words[1]})
	if err != nil {
		return err
	}
	defer s.Close()
	fmt.Println("begin")
	if _, err := io.ReadAll(os.Stdin); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute) // each update waits for the disk
	defer cancel()
	switch words[0] {
	case "count":
		n, _ := strconv.Atoi(words[3])
		for i := range n {
			if err := s.Update(ctx, words[2], add); err != nil {
				return err
			}
			fmt.Println(i + 1)
		}
	case "check":
		err := s.Check(ctx)
		hint := ""
		if e, ok := errors.AsType[*Error](err); ok {
			hint = e.Hint()
		}
		fmt.Printf("%v|%s\n", err, hint)
	}
	return nil
}

// process is a child.
type process struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Scanner
	errs *bytes.Buffer
}

func start(t *testing.T, binary, job string, as *syscall.Credential) *process {
	t.Helper()
	p := &process{cmd: exec.Command(binary, "-test.run=^$"), errs: &bytes.Buffer{}}
	p.cmd.Env = append(os.Environ(), childEnv+"="+job)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	p.cmd.Stderr = p.errs
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.in, p.out = in, bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !p.out.Scan() || p.out.Text() != "begin" {
		t.Fatalf("child did not begin: %s", p.errs)
	}
	return p
}

// lines lets the child work to its end, and returns what it said.
func (p *process) lines() (said []string, err error) {
	err = p.in.Close()
	for p.out.Scan() {
		said = append(said, p.out.Text())
	}
	return said, errors.Join(err, p.cmd.Wait())
}

func TestProcessesShareAFile(t *testing.T) {
	const processes, each = 4, 500
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	count(t, s, "n", 1)
	seen := make(chan struct{})
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	wg.Go(func() {
		_ = s.Watch(ctx, "n", func(_ string, v []byte) {
			if string(v) == strconv.Itoa(1+processes*each) {
				close(seen)
			}
		})
	})
	var children []*process
	for range processes {
		children = append(children, start(t, os.Args[0], fmt.Sprintf("count %s n %d", dir, each), nil))
	}
	begin := time.Now()
	var all sync.WaitGroup
	for _, p := range children {
		all.Go(func() {
			if _, err := p.lines(); err != nil {
				t.Errorf("%v: %s", err, p.errs)
			}
		})
	}
	all.Wait()
	t.Logf("%d updates of %d processes in %s", processes*each, processes, time.Since(begin).Round(time.Millisecond))
	wantCount(t, s, "n", 1+processes*each)
	select {
	case <-seen:
	case <-time.After(patience):
		t.Error("the last state was not told")
	}
	cancel()
	wg.Wait()
}

func TestProcessesStartOnAnEmptyFolder(t *testing.T) {
	for range 3 {
		dir := filepath.Join(t.TempDir(), "made", "with", "parents")
		var children []*process
		for range 8 {
			children = append(children, start(t, os.Args[0], "count "+dir+" n 5", nil))
		}
		var wg sync.WaitGroup
		for _, p := range children {
			wg.Go(func() {
				if _, err := p.lines(); err != nil {
					t.Errorf("%v: %s", err, p.errs)
				}
			})
		}
		wg.Wait()
		wantCount(t, open(t, Config{Dir: dir}), "n", 40)
		left, _ := filepath.Glob(filepath.Join(dir, ".new-*"))
		if len(left) > 0 {
			t.Errorf("left over: %v", left)
		}
		if info, err := os.Stat(filepath.Join(dir, fileName)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("file: %v %v", info.Mode(), err)
		}
	}
}

func TestKilledInMidWrite(t *testing.T) {
	dir := t.TempDir()
	told := 0
	for round := range 8 {
		p := start(t, os.Args[0], "count "+dir+" n 100000", nil)
		p.in.Close()
		last := 0
		for range 3 + 7*round {
			if !p.out.Scan() {
				t.Fatalf("child ended: %s", p.errs)
			}
		}
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for { // what it said before it died is durable
			last, _ = strconv.Atoi(p.out.Text())
			if !p.out.Scan() {
				break
			}
		}
		_ = p.cmd.Wait()
		s := open(t, Config{Dir: dir})
		n := value(t, s, "n")
		if n != told+last && n != told+last+1 { // it may have died between the commit and saying so
			t.Fatalf("record is %d, was told %d+%d", n, told, last)
		}
		told = n
		if !s.Alone() {
			t.Error("a dead process counts as present")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAlone(t *testing.T) {
	dir := t.TempDir()
	a := open(t, Config{Dir: dir})
	if a.Alone() {
		t.Error("alone before anything is known")
	}
	count(t, a, "n", 1)
	if !a.Alone() {
		t.Error("not alone")
	}
	b := open(t, Config{Dir: dir})
	count(t, b, "n", 1)
	if a.Alone() || b.Alone() {
		t.Error("alone beside another handle of the same process")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if !a.Alone() {
		t.Error("not alone after the other has left")
	}
	p := start(t, os.Args[0], "count "+dir+" n 1000000", nil)
	p.in.Close()
	p.out.Scan() // it has written
	if a.Alone() {
		t.Error("alone beside another process")
	}
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if a.Alone() {
		t.Error("a frozen process is no dead one")
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	if !a.Alone() {
		t.Error("not alone beside a dead process")
	}
}

// publicDir returns a folder that every user can enter.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sqlstore-test-") //nolint:usetesting // t.TempDir lies in a folder of this user alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// asNobody checks dir in a process without root's power to write everywhere.
func asNobody(t *testing.T, dir string) string {
	t.Helper()
	binary := os.Args[0]
	var as *syscall.Credential
	if os.Getuid() == 0 {
		as = &syscall.Credential{Uid: 65534, Gid: 65534}
		place := publicDir(t)
		program, err := os.ReadFile(binary)
		if err != nil {
			t.Fatal(err)
		}
		binary = filepath.Join(place, "child")
		if err := os.WriteFile(binary, program, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p := start(t, binary, "check "+dir, as)
	said, err := p.lines()
	if err != nil {
		t.Fatalf("%v: %s", err, p.errs)
	}
	return strings.Join(said, "\n")
}

func TestFolderThatCannotBeWritten(t *testing.T) {
	base := publicDir(t)
	empty, used := filepath.Join(base, "empty"), filepath.Join(base, "used")
	if err := os.Mkdir(empty, 0o555); err != nil {
		t.Fatal(err)
	}
	s := open(t, Config{Dir: used})
	count(t, s, "n", 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(used, "*"))
	for _, f := range files {
		if err := os.Chmod(f, 0o444); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(used, 0o555); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{empty, filepath.Join(empty, "below"), used} {
		said := asNobody(t, dir)
		if !strings.Contains(said, "cannot be written") || !strings.Contains(said, "STATE_DIR") {
			t.Errorf("%s: %s", dir, said)
		}
	}
}
