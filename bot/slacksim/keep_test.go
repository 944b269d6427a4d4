package slacksim_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/slacksim"
)

// opened returns a workspace that is kept in a folder, and what was set aside.
func opened(t *testing.T, dir string, cfg slacksim.Config) (*slacksim.Sim, []string) {
	t.Helper()
	f, err := slacksim.OpenFolder(dir)
	must(t, err)
	cfg.Folder = f
	s := slacksim.New(cfg)
	t.Cleanup(s.Close)
	return s, f.Aside()
}

// told is all that people see of a workspace, in words.
func told(s *slacksim.Sim) string {
	var b strings.Builder
	for _, c := range []string{"general", "leads", "no-bot", "@alice"} {
		for _, m := range s.Channel(c) {
			for _, m := range append([]slacksim.Message{m}, s.Replies(c, m.TS)...) {
				fmt.Fprintf(&b, "%s %s/%s %s: %q blocks %v edited %t deleted %t stream %q %v\n", c, m.ThreadTS, m.TS, m.User, m.Text, m.Blocks, m.Edited, m.Deleted, m.Stream, m.Reactions)
				for _, f := range m.Files {
					fmt.Fprintf(&b, "  file %s %s %v bytes, %v\n", f["id"], f["name"], f["size"], f["mimetype"])
				}
			}
		}
	}
	return b.String()
}

// What was said is there again: threads, edits, files, reactions, streams, and where the bot was
// invited.
func TestWorkspaceSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	var before, root, doomed string
	bubbleIn(t, dir, slacksim.Config{}, func(t *testing.T, s *space) {
		root = s.Say("alice", "general", "", "hello @llm & <friends>")
		reply := s.Say("bob", "general", root, "a reply")
		must(t, s.Edit("bob", "general", reply, "a better reply"))
		must(t, s.React("carol", "general", root, "eyes"))
		s.Upload("alice", "general", root, "a file", slacksim.Upload{Name: "a.txt", Data: []byte("what is in it")}, slacksim.Upload{Name: "empty.bin"})
		doomed = s.Say("bob", "general", "", "to be deleted hunter2")
		must(t, s.Delete("bob", "general", doomed))
		s.Say("alice", "leads", "", "private")
		s.Say("alice", "@alice", "", "direct")
		must(t, s.Invite("no-bot"))
		general := s.ChannelID("general")
		s.call("chat.postMessage", "channel", general, "thread_ts", root, "text", "x", "blocks", `[{"type":"markdown","text":"**bold**"}]`, "metadata", `{"event_type":"a","event_payload":{"n":1}}`)
		live := s.call("chat.startStream", "channel", general, "thread_ts", root, "recipient_user_id", s.UserID("alice"), "recipient_team_id", "T0ACME0001", "markdown_text", "it grows")
		before = told(s.Sim)
		if live["ok"] != true || !strings.Contains(before, `stream "live"`) {
			t.Fatalf("%v\n%s", live, before)
		}
	})
	bubbleIn(t, dir, slacksim.Config{}, func(t *testing.T, s *space) {
		if after := told(s.Sim); after != before {
			t.Errorf("after the restart:\n%s\nbefore:\n%s", after, before)
		}
		if _, there := s.Message("general", doomed); there {
			t.Error("a deleted message is there again")
		}
		// It goes on: the stream, the thread, new timestamps and ids.
		stream := s.Replies("general", root)
		last := stream[len(stream)-1]
		if r := s.call("chat.appendStream", "channel", last.Channel, "ts", last.TS, "markdown_text", " on"); r["ok"] != true {
			t.Errorf("the stream does not go on: %v", r)
		}
		if r := s.call("chat.stopStream", "channel", last.Channel, "ts", last.TS); r["ok"] != true {
			t.Errorf("the stream does not end: %v", r)
		}
		ts := s.Upload("alice", "general", root, "", slacksim.Upload{Name: "b.txt", Data: []byte("b")})
		if m, _ := s.Message("general", ts); ts <= last.TS || m.Files[0]["id"] == "F0000000001" {
			t.Errorf("%s after %s, %v", ts, last.TS, m.Files[0]["id"])
		}
		res := s.page("GET", "/page/file?user=U0ALICE001&id=F0000000003", "")
		_ = res.Body.Close()
		if res.StatusCode == 200 {
			t.Error("ids begin anew") // an event has that number
		}
		if r := s.call("conversations.replies", "channel", s.ChannelID("no-bot"), "ts", "1.000000"); r["error"] == "not_in_channel" {
			t.Error("the bot is no longer where it was invited")
		}
	})
	if text := allOf(t, dir); strings.Contains(text, "hunter2") {
		t.Error("what was deleted is on the disk")
	}
}

// A stream that was live long ago ends while the workspace is restored, without a race.
func TestLongDeadStreamIsRestored(t *testing.T) {
	dir := t.TempDir()
	bubbleIn(t, dir, slacksim.Config{}, func(t *testing.T, s *space) { // in the year 2000
		for i := range 50 {
			root := s.Say("alice", "general", "", fmt.Sprint("question ", i))
			s.call("chat.startStream", "channel", s.ChannelID("general"), "thread_ts", root, "recipient_user_id", s.UserID("alice"), "recipient_team_id", "T0ACME0001", "markdown_text", "it grows")
			time.Sleep(3 * time.Second)
		}
	})
	s, _ := opened(t, dir, slacksim.Config{})
	must(t, s.Wait(t.Context(), func(s *slacksim.Sim) bool {
		shown := told(s)
		return strings.Count(shown, `stream "broken"`) == 50 && !strings.Contains(shown, `stream "live"`)
	}))
}

// bubbleIn is bubble with a folder. The workspace is closed when f has returned.
func bubbleIn(t *testing.T, dir string, cfg slacksim.Config, f func(*testing.T, *space)) {
	t.Helper()
	folder, err := slacksim.OpenFolder(dir)
	must(t, err)
	if len(folder.Aside()) > 0 {
		t.Errorf("set aside: %v", folder.Aside())
	}
	cfg.Folder = folder
	bubble(t, cfg, f)
}

// allOf is the text of all files in a folder.
func allOf(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	must(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		b.Write(text)
		return err
	}))
	return b.String()
}

// What changes is written while the workspace runs, soon, and not only at its end.
func TestKeptWhileItRuns(t *testing.T) {
	dir := t.TempDir()
	bubbleIn(t, dir, slacksim.Config{}, func(t *testing.T, s *space) {
		ts := s.Say("alice", "general", "", "first")
		time.Sleep(time.Second)
		synctest.Wait()
		must(t, s.Edit("alice", "general", ts, "second"))
		time.Sleep(time.Second)
		synctest.Wait()
		if text := allOf(t, dir); !strings.Contains(text, "second") || strings.Contains(text, "first") {
			t.Errorf("on the disk: %s", text)
		}
	})
}

// Whatever is wrong with a file, the others are read, nothing crashes, it is said, and it is not
// overwritten.
func TestDamagedFiles(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, file string){
		"cut":        func(t *testing.T, file string) { must(t, os.Truncate(file, 200)) },
		"empty":      func(t *testing.T, file string) { must(t, os.Truncate(file, 0)) },
		"one bit":    func(t *testing.T, file string) { change(t, file, "hello", "hellp") },
		"other text": func(t *testing.T, file string) { must(t, os.WriteFile(file, []byte("\x00\xff{"), 0o600)) },
		"newer":      func(t *testing.T, file string) { change(t, file, "slacksim-channel 1 ", "slacksim-channel 2 ") },
		"huge":       func(t *testing.T, file string) { must(t, os.Truncate(file, 1<<30)) },
		"another's": func(t *testing.T, file string) {
			must(t, os.Rename(strings.Replace(file, "GENERAL1", "RANDOM01", 1), file))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, _ := opened(t, dir, slacksim.Config{})
			s.Say("alice", "general", "", "hello")
			s.Say("alice", "random", "", "unharmed")
			s.Say("alice", "leads", "", "unharmed")
			s.Close()
			file := filepath.Join(dir, "C0GENERAL1.json")
			damage(t, file)
			s, aside := opened(t, dir, slacksim.Config{})
			if len(aside) != 1 || !strings.Contains(aside[0], "C0GENERAL1.json") || !strings.Contains(aside[0], "C0GENERAL1.json.broken") {
				t.Errorf("told: %q", aside)
			}
			if len(s.Channel("general")) != 0 || len(s.Channel("leads")) != 1 {
				t.Errorf("%v, %v", s.Channel("general"), s.Channel("leads"))
			}
			s.Say("alice", "general", "", "it goes on")
			s.Close()
			s, aside = opened(t, dir, slacksim.Config{})
			if len(aside) != 0 || len(s.Channel("general")) != 1 {
				t.Errorf("the next time: %q, %v", aside, s.Channel("general"))
			}
			if _, err := os.Stat(file + ".broken"); err != nil {
				t.Error(err)
			}
		})
	}
}

func change(t *testing.T, file, from, to string) {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	if !strings.Contains(string(text), from) {
		t.Fatalf("no %q in %s", from, text)
	}
	must(t, os.WriteFile(file, []byte(strings.Replace(string(text), from, to, 1)), 0o600))
}

// An uploaded file that is damaged or missing is taken out of its message, which stays. One that
// nobody has is removed.
func TestDamagedUploads(t *testing.T) {
	dir := t.TempDir()
	s, _ := opened(t, dir, slacksim.Config{})
	ts := s.Upload("alice", "general", "", "three files", slacksim.Upload{Name: "a.txt", Data: []byte("aaaa")}, slacksim.Upload{Name: "b.txt", Data: []byte("bbbb")}, slacksim.Upload{Name: "c.txt", Data: []byte("cccc")})
	m, _ := s.Message("general", ts)
	s.Close()
	path := func(i int) string { return filepath.Join(dir, "files", m.Files[i]["id"].(string)) }
	must(t, os.WriteFile(path(0), []byte("aaab"), 0o600))
	must(t, os.Remove(path(1)))
	must(t, os.WriteFile(filepath.Join(dir, "files", "F0000000999"), []byte("nobody's"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, ".writing-123"), []byte("half"), 0o600))
	s, aside := opened(t, dir, slacksim.Config{})
	m, _ = s.Message("general", ts)
	if len(m.Files) != 1 || m.Files[0]["name"] != "c.txt" || m.Text != "three files" || len(aside) != 2 {
		t.Errorf("%v, told %q", m.Files, aside)
	}
	for _, gone := range []string{filepath.Join(dir, "files", "F0000000999"), filepath.Join(dir, ".writing-123")} {
		if _, err := os.Stat(gone); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", gone, err)
		}
	}
}

// People and direct messages that are not there this time keep what they said.
func TestFewerPeopleTheNextTime(t *testing.T) {
	dir := t.TempDir()
	s, _ := opened(t, dir, slacksim.Config{})
	s.Say("carol", "general", "", "I was here")
	s.Say("carol", "@carol", "", "and here")
	s.Close()
	s, _ = opened(t, dir, slacksim.Config{Users: slacksim.DefaultUsers()[:2]})
	if m := s.Channel("general"); len(m) != 1 || s.Name(m[0].User) != "carol" || len(s.Channel("@carol")) != 1 {
		t.Errorf("%v, %v", m, s.Channel("@carol"))
	}
	s.Say("carol", "general", "", "and still am")
}

// A folder that cannot be used is told before anything begins.
func TestFolderThatCannotBeUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for _, dir := range []string{file, filepath.Join(file, "below"), "/proc/nowhere", ""} {
		if _, err := slacksim.OpenFolder(dir); err == nil {
			t.Errorf("%q can be used", dir)
		}
	}
}

// A folder that is gone meanwhile is told once, and again when it takes files again; nothing is
// lost.
func TestFolderThatFailsMeanwhile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "workspace")
	var mu sync.Mutex
	var said []error
	cfg := slacksim.Config{KeepFailed: func(err error) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, err)
	}}
	bubbleIn(t, dir, cfg, func(t *testing.T, s *space) {
		must(t, os.Rename(dir, dir+".away"))
		for range 3 {
			s.Say("alice", "general", "", "meanwhile")
			time.Sleep(time.Second)
		}
		synctest.Wait()
		must(t, os.Rename(dir+".away", dir))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if len(said) != 2 || said[0] == nil || said[1] != nil {
			t.Errorf("told: %v", said)
		}
		if text := allOf(t, dir); strings.Count(text, "meanwhile") != 3 {
			t.Errorf("on the disk: %s", text)
		}
	})
}

// Only so much is kept, the newest.
func TestKeptIsBounded(t *testing.T) {
	dir := t.TempDir()
	s, _ := opened(t, dir, slacksim.Config{})
	for i := range 3100 {
		s.Say("alice", "general", "", fmt.Sprint("number ", i))
	}
	s.Close()
	s, _ = opened(t, dir, slacksim.Config{})
	if m := s.Channel("general"); len(m) != 3000 || m[2999].Text != "number 3099" {
		t.Errorf("%d messages", len(m))
	}
}

// Many write while it is kept; in the end all is on the disk.
func TestKeepHammer(t *testing.T) {
	dir := t.TempDir()
	bubbleIn(t, dir, slacksim.Config{}, func(t *testing.T, s *space) {
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for n := range 30 {
					ts := s.Upload("alice", "general", "", fmt.Sprint(i, " ", n), slacksim.Upload{Name: "f.txt", Data: fmt.Append(nil, i, n)})
					_ = s.React("bob", "general", ts, "eyes")
					_ = s.Edit("alice", "general", ts, fmt.Sprint(i, " edited ", n))
					if n%5 == 0 {
						_ = s.Delete("alice", "general", ts)
					}
					time.Sleep(37 * time.Millisecond)
				}
			})
		}
		all.Wait()
	})
	s, aside := opened(t, dir, slacksim.Config{})
	if m := s.Channel("general"); len(m) != 8*24 || len(m[0].Files) != 1 || len(m[0].Reactions) != 1 || len(aside) != 0 {
		t.Errorf("%d messages, %v", len(m), aside)
	}
}
