package slacksim

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// keptIn returns a workspace that is kept in a folder, and what was not read.
func keptIn(t *testing.T, dir string, cfg Config) (*Sim, string) {
	t.Helper()
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Folder = f
	s := New(cfg)
	t.Cleanup(s.Close)
	return s, strings.Join(f.Aside(), "\n")
}

// uploadsIn counts the uploaded files in a folder.
func uploadsIn(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "files"))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// The files of a channel that is set aside stay, however often the folder is opened and whatever is
// uploaded: whoever mends the channel's file has all of it again.
func TestFilesOfADamagedChannelStay(t *testing.T) {
	dir := t.TempDir()
	s, _ := keptIn(t, dir, Config{})
	ts := s.Upload("alice", "general", "", "mine", Upload{Name: "a.txt", Data: []byte("what is in it")})
	s.Close()
	file := filepath.Join(dir, "C0GENERAL1.json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, 100); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s, _ = keptIn(t, dir, Config{})
		s.Upload("alice", "leads", "", "another", Upload{Name: "b.txt", Data: []byte("bbb")})
		s.Close()
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s, aside := keptIn(t, dir, Config{})
	if m, _ := s.Message("general", ts); aside != "" || len(m.Files) != 1 || m.Files[0]["preview"] != "what is in it" {
		t.Errorf("not whole again: %v, told %q", m.Files, aside)
	}
	if n := uploadsIn(t, dir); n != 4 {
		t.Errorf("%d files", n)
	}
}

// Of too many channels the rest stays in the folder with its files, and it is told.
func TestTooManyChannels(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{}
	for i := range mostChannels + 2 {
		cfg.Channels = append(cfg.Channels, Channel{ID: fmt.Sprintf("C0%07d", i), Name: fmt.Sprint("c", i)})
	}
	s, _ := keptIn(t, dir, cfg)
	for i := range 3 {
		s.Upload("alice", fmt.Sprint("c", mostChannels-1+i), "", "a file", Upload{Name: "a.txt", Data: []byte{byte(i)}})
	}
	for i := range mostChannels - 1 {
		s.Say("alice", fmt.Sprint("c", i), "", "text")
	}
	s.Close()
	_, aside := keptIn(t, dir, Config{})
	if n := uploadsIn(t, dir); n != 3 || !strings.Contains(aside, "2 channels") {
		t.Errorf("%d files are left of 3, told %q", n, aside)
	}
}

// Of too many bytes the newest are read, and the rest stays, and it is told.
func TestTooManyUploads(t *testing.T) {
	dir := t.TempDir()
	s, _ := keptIn(t, dir, Config{})
	for _, c := range []string{"random", "general", "leads"} { // whose files are read in another order
		s.Upload("alice", c, "", "in "+c, Upload{Name: c + ".bin", Data: make([]byte, 100)})
	}
	s.Close()
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	f.data = map[string][]byte{}
	f.readFiles(250)
	f.sweep()
	var left []string
	for _, c := range f.channels {
		for _, m := range c.Messages {
			for _, k := range m.Files {
				left = append(left, k.Name)
			}
		}
	}
	said := strings.Join(f.Aside(), "\n")
	if len(left) != 2 || strings.Contains(fmt.Sprint(left), "random") || uploadsIn(t, dir) != 3 || !strings.Contains(said, "files, 1,") {
		t.Errorf("read: %v, in the folder: %d, told %q", left, uploadsIn(t, dir), said)
	}
}

// A folder without a name makes nothing where the process happens to be.
func TestFolderWithoutAName(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := OpenFolder(""); err == nil {
		t.Error("it can be used")
	}
	if left, _ := filepath.Glob("*"); left != nil {
		t.Errorf("it made %v", left)
	}
}
