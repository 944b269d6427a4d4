package slacksim

import (
	"fmt"
	"net/http/httptest"
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

// One message that is too large to be kept costs none of the others.
func TestMessageTooLargeToKeep(t *testing.T) {
	dir := t.TempDir()
	s, _ := keptIn(t, dir, Config{})
	for i := range 20 {
		s.Say("alice", "general", "", fmt.Sprint("number ", i))
	}
	s.Upload("bob", "general", "", "large", Upload{Name: "audio_message.mp4", Transcript: strings.Repeat("words ", mostKeptBytes/6+1)})
	s.Say("alice", "general", "", "the newest")
	s.Close()
	s, aside := keptIn(t, dir, Config{})
	if list := s.Channel("general"); len(list) != 21 || list[20].Text != "the newest" || aside != "" {
		t.Errorf("%d messages, told %q", len(list), aside)
	}
}

// What the page sends besides a file's name, type and data is no matter, and names are cut, so that
// nothing is kept that was not counted.
func TestPageFilesAreBounded(t *testing.T) {
	dir := t.TempDir()
	s, _ := keptIn(t, dir, Config{})
	long := strings.Repeat("x", 3<<20)
	files := fmt.Sprintf(`[{"name":"a/%s.pdf","type":"%s","data":"aGVsbG8=","title":"%s","thumb":"%s","transcript":"%s","kind":"%s","at":"%s"}]`, long, long, long, long, long, long, long)
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "http://localhost/page/say", strings.NewReader(`{"user":"alice","channel":"general","text":"x","files":`+files+`}`))
	r.RemoteAddr = "127.0.0.1:1"
	r.Header.Set("Content-Type", "application/json")
	s.ServeHTTP(w, r)
	list := s.Channel("general")
	if len(list) != 1 || len(list[0].Files) != 1 {
		t.Fatalf("%d %.200s", w.Code, w.Body)
	}
	if name, _ := list[0].Files[0]["name"].(string); len(name) != maxFileName || !strings.HasSuffix(name, "xxx.pdf") {
		t.Errorf("the name is %.300s", name)
	}
	s.Close()
	if info, err := os.Stat(filepath.Join(dir, "C0GENERAL1.json")); err != nil || info.Size() > 10<<10 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestNewest(t *testing.T) {
	list := func(text string) (out []entry) { // such as "a b:a c*9": a reply of a's, and one of 9 bytes
		for f := range strings.FieldsSeq(text) {
			e := entry{size: 1}
			f, size, _ := strings.Cut(f, "*")
			_, _ = fmt.Sscan(size, &e.size)
			e.ts, e.thread, _ = strings.Cut(f, ":")
			out = append(out, e)
		}
		return out
	}
	const large = mostKeptMessage + 1
	for _, c := range []struct {
		list       string
		most, room int
		want       string
	}{
		{"", 3, 9, ""},
		{"a b c", 3, 9, "abc"},
		{"a b c", 2, 9, "bc"},
		{"a b c", 9, 2, "bc"},
		{"a b c d:a", 3, 9, "acd"},
		{"a b c:a d:a", 3, 9, "acd"},
		{"a b c:a d:a", 9, 3, "acd"},
		{"a b:a c:a d:a", 3, 9, "acd"},
		{"a b c:a", 1, 9, ""}, // a reply without its parent is none
		{"b:a c d:c e:z", 9, 9, "cd"},
		{fmt.Sprintf("a b*%d c", large), 9, 9, "ac"},
		{fmt.Sprintf("a*%d b:a c", large), 9, 9, "c"},
		{"a b*5 c", 9, 5, "c"},
	} {
		var got strings.Builder
		for i, keep := range newest(list(c.list), c.most, c.room) {
			if keep {
				got.WriteString(list(c.list)[i].ts)
			}
		}
		if got.String() != c.want {
			t.Errorf("%q, at most %d in %d bytes: %q, want %q", c.list, c.most, c.room, got.String(), c.want)
		}
	}
}

// A thread that is longer than what is kept has its first message after a restart.
func TestParentIsKeptWithItsReplies(t *testing.T) {
	dir := t.TempDir()
	s, _ := keptIn(t, dir, Config{})
	root := s.Say("alice", "general", "", "the first")
	for i := range mostKept + 50 {
		s.Say("bob", "general", root, fmt.Sprint("reply ", i))
	}
	s.Close()
	s, _ = keptIn(t, dir, Config{})
	if n := len(s.Replies("general", root)); len(s.Channel("general")) != 1 || n != mostKept-1 {
		t.Errorf("%v, with %d replies", s.Channel("general"), n)
	}
}

// A reply to a message that is not there is left out, whoever wrote the folder, and a call that
// names it is refused.
func TestReplyWithoutParent(t *testing.T) {
	dir := t.TempDir()
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.writeChannel(keptChannel{Channel: Channel{ID: "C0GENERAL1"}, Messages: []keptMessage{{TS: "1700000002.000000", Thread: "1700000001.000000", User: "U0ALICE001", Text: "an answer"}, {TS: "1700000003.000000", User: "U0ALICE001", Text: "a question"}}}); err != nil {
		t.Fatal(err)
	}
	s, _ := keptIn(t, dir, Config{})
	if m, there := s.Message("general", "1700000002.000000"); there || len(s.Channel("general")) != 1 {
		t.Errorf("%+v", m)
	}
	s.mu.Lock()
	c := s.channels["C0GENERAL1"]
	c.byTS["1700000002.000000"] = &message{channel: c.ID, ts: "1700000002.000000", thread: "1700000001.000000"}
	s.mu.Unlock()
	if got := botCall(s, "assistant.threads.setStatus", `{"channel_id":"C0GENERAL1","thread_ts":"1700000002.000000","status":"thinks"}`); !strings.Contains(got, "invalid_thread_ts") {
		t.Errorf("%s", got)
	}
}

// A call that panics leaves the workspace usable.
func TestPanicOfACall(t *testing.T) {
	s := New(Config{})
	defer s.Close()
	s.methods["a.panic"] = method{run: func(*Sim, *call) (obj, *refusal) { panic("on purpose") }}
	func() {
		defer func() { _ = recover() }() // as net/http does
		botCall(s, "a.panic", "{}")
	}()
	if !s.mu.TryLock() {
		t.Fatal("the workspace stands still")
	}
	s.mu.Unlock()
}

// botCall calls a method as the bot, and returns the answer.
func botCall(s *Sim, method, args string) string {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "http://localhost/api/"+method, strings.NewReader(args))
	r.RemoteAddr = "127.0.0.1:1"
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("Authorization", "Bearer "+DefaultBotToken)
	s.ServeHTTP(w, r)
	return w.Body.String()
}
