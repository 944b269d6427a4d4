package slacksim

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The bounds on what is kept on disk. What is more is not kept, the oldest first.
const (
	mostKept      = 3000     // messages of a channel
	mostKeptBytes = 16 << 20 // of a channel's file
	mostKeptFiles = maxStored
	mostChannels  = 500
	// mostKeptMessage is how many bytes a message may have where not all of a channel is kept: more
	// than the longest text with the largest table has.
	mostKeptMessage = mostKeptBytes / 4
)

const (
	// keptHead is how a channel's file begins; behind it stands the checksum of the rest.
	keptHead = "slacksim-channel 1 "
	// keptEnding is how the name of a channel's file ends.
	keptEnding = ".json"
	// brokenEnding is what is added to the name of what is set aside; a number may follow.
	brokenEnding = ".broken"
	// mostID is above every number that a workspace gives its files: ten digits.
	mostID = 10_000_000_000
	// tempBegins is how the name of a file begins that is being written.
	tempBegins = ".writing-"
)

// Folder keeps a workspace on disk: one file for each channel with its messages, and one for each
// file that was uploaded. A workspace that is given it as Config.Folder begins with what is in it.
//
// Files are written as a whole under another name, brought to the disk and then renamed, and carry
// a checksum. So a file is the old one or the new one, whenever the process or the machine dies.
// One that is damaged all the same is never read as if it were whole: it is set aside.
//
// An uploaded file that no message has is removed when the folder is opened. But while the folder
// has something that was not read, all of them stay: nobody knows which of them belong to it.
//
// One workspace at a time may have a folder: the caller sees to that.
type Folder struct {
	path     string
	aside    []string
	unread   bool // it has channels or files that belong to somebody and were not read
	channels []keptChannel
	data     map[string][]byte // of the files by id; given away by New
	lastID   int               // the highest number in the names of the files, read or not
}

// OpenFolder reads a folder, which it makes if it is missing. It fails if the folder cannot be read
// or takes no files; what is damaged in it is no failure, see [Folder.Aside].
func OpenFolder(path string) (*Folder, error) {
	if path == "" {
		return nil, errors.New("the workspace's folder has no name")
	}
	f := &Folder{path: path, data: map[string][]byte{}}
	if err := os.MkdirAll(f.filesPath(), 0o700); err != nil {
		return nil, fmt.Errorf("make the workspace's folder: %w", err)
	}
	if err := f.write(filepath.Join(path, "probe"), []byte("probe")); err != nil {
		return nil, err
	}
	_ = os.Remove(filepath.Join(path, "probe")) // in the way of nobody
	names, err := f.names()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		var c keptChannel
		switch err := f.readChannel(name, &c); {
		case err == nil:
			f.channels = append(f.channels, c)
		case errors.Is(err, errDamaged):
			f.unread = true
			f.setAside(name, err)
		default:
			return nil, err
		}
	}
	f.readFiles(mostKeptFiles)
	f.sweep()
	return f, nil
}

// Aside returns a line for people about each thing that was not read, because it is damaged or too
// much: what it was, and where it is now.
func (f *Folder) Aside() []string { return f.aside }

func (f *Folder) filesPath() string { return filepath.Join(f.path, "files") }

// names returns the names of the channels' files. It removes what was being written when the
// process died.
func (f *Folder) names() ([]string, error) {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return nil, fmt.Errorf("read the workspace's folder: %w", err)
	}
	var names []string
	more := 0
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasPrefix(name, tempBegins):
			_ = os.Remove(filepath.Join(f.path, name)) // else it stays, and is in the way of nobody
		case strings.Contains(name, keptEnding+brokenEnding):
			f.unread = true // it was set aside earlier
		case !strings.HasSuffix(name, keptEnding) || !e.Type().IsRegular():
		case len(names) >= mostChannels:
			more++
		default:
			names = append(names, name)
		}
	}
	if more > 0 {
		f.unread = true
		f.aside = append(f.aside, fmt.Sprintf("The folder %s has %d channels more than the %d that are read: they are not shown, and their files stay.", f.path, more, mostChannels))
	}
	return names, nil
}

// errDamaged reports that a file does not hold what was written into it.
var errDamaged = errors.New("it is damaged")

// readChannel reads a channel's file. What does not match its checksum is damaged, whatever it
// looks like.
func (f *Folder) readChannel(name string, c *keptChannel) error {
	text, err := readBounded(filepath.Join(f.path, name), mostKeptBytes+1<<10)
	if err != nil {
		return err
	}
	head, rest, _ := bytes.Cut(text, []byte{'\n'})
	sum, ok := bytes.CutPrefix(head, []byte(keptHead))
	switch {
	case !ok && bytes.HasPrefix(head, []byte("slacksim-channel ")):
		return fmt.Errorf("%w for this program: another version has written it", errDamaged)
	case !ok:
		return fmt.Errorf("%w: its first line is not what this program writes", errDamaged)
	case string(sum) != checksum(rest):
		return fmt.Errorf("%w: its checksum is another one", errDamaged)
	}
	if err := json.Unmarshal(rest, c); err != nil || c.ID == "" || channelFile(c.ID) != name {
		return fmt.Errorf("%w: it is not the file of a channel", errDamaged)
	}
	return nil
}

// readFiles reads the uploaded files of the channels' messages, the newest first, until room bytes
// are read. One that is missing, damaged or too much is taken out of its message.
func (f *Folder) readFiles(room int) {
	var all []*keptMessage
	for _, c := range f.channels {
		for i := range c.Messages {
			if len(c.Messages[i].Files) > 0 {
				all = append(all, &c.Messages[i])
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *keptMessage) int { return cmp.Compare(tsMicro(b.TS), tsMicro(a.TS)) })
	more := 0
	for _, m := range all {
		m.Files = slices.DeleteFunc(m.Files, func(k keptFile) bool {
			if k.Gone || !isFileID(k.ID) {
				return !k.Gone
			}
			path := filepath.Join("files", k.ID)
			data, err := readBounded(filepath.Join(f.path, path), maxPageBody)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				f.aside = append(f.aside, fmt.Sprintf("The file %s of a message is missing: %s.", k.Name, filepath.Join(f.path, path)))
			case err != nil || checksum(data) != k.Sum:
				f.setAside(path, cmp.Or(err, errDamaged))
			case len(data) > room:
				more++
			default:
				room -= len(data)
				f.data[k.ID] = data
				return false
			}
			return true
		})
	}
	if more > 0 {
		f.unread = true
		f.aside = append(f.aside, fmt.Sprintf("The oldest uploaded files, %d, are not shown: more than %d MB are not read. They are still in %s.", more, mostKeptFiles>>20, f.filesPath()))
	}
}

// setAside renames what is damaged, so that nobody reads it again and somebody may still look at
// it.
func (f *Folder) setAside(name string, why error) {
	from := filepath.Join(f.path, name)
	to := from + brokenEnding
	for n := 2; n < 10; n++ {
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			break
		}
		to = fmt.Sprintf("%s%s%d", from, brokenEnding, n)
	}
	said := fmt.Sprintf("The file %s was not read: %s. It is now %s, and what was in it is not shown.", from, why, filepath.Base(to))
	if err := os.Rename(from, to); err != nil {
		said = fmt.Sprintf("The file %s was not read: %s. It will be overwritten.", from, why)
	}
	f.aside = append(f.aside, said)
}

// sweep removes uploaded files that no message has, unless something was not read. It notes the
// highest of their numbers, so that no new file takes the name of one that stays.
func (f *Folder) sweep() {
	entries, err := os.ReadDir(f.filesPath())
	if err != nil {
		return // they stay
	}
	for _, e := range entries {
		name := e.Name()
		if n, err := strconv.Atoi(strings.TrimPrefix(name, "F")); err == nil && n < mostID {
			f.lastID = max(f.lastID, n)
		}
		if strings.HasPrefix(name, tempBegins) || isFileID(name) && f.data[name] == nil && !f.unread {
			_ = os.Remove(filepath.Join(f.filesPath(), name))
		}
	}
}

// writeChannel writes a channel's file. Of too much, it writes the newest messages.
func (f *Folder) writeChannel(c keptChannel) error {
	text, err := json.Marshal(c)
	if err == nil && len(text) > mostKeptBytes {
		if text, err = json.Marshal(c.smaller(mostKeptBytes)); err == nil && len(text) > mostKeptBytes {
			err = fmt.Errorf("it has more than %d MB besides its messages", mostKeptBytes>>20)
		}
	}
	if err != nil {
		return fmt.Errorf("write the channel %s: %w", c.ID, err)
	}
	return f.write(filepath.Join(f.path, channelFile(c.ID)), []byte(keptHead+checksum(text)+"\n"), text)
}

// smaller returns the channel with its newest messages, so that it has at most so many bytes as
// JSON. It leaves out single messages that are too large for a channel.
func (c keptChannel) smaller(most int) keptChannel {
	all := c.Messages
	c.Messages = nil
	room := most - jsonSize(c)
	list := make([]entry, len(all))
	for i, m := range all {
		list[i] = entry{ts: m.TS, thread: m.Thread, size: jsonSize(m) + len(",")}
	}
	for i, keep := range newest(list, mostKept, room) {
		if keep {
			c.Messages = append(c.Messages, all[i])
		}
	}
	return c
}

// jsonSize returns how many bytes v has as JSON.
func jsonSize(v any) int {
	text, err := json.Marshal(v)
	if err != nil {
		return 0 // writing it fails too
	}
	return len(text)
}

// entry is what counts of a message when it is decided which are kept.
type entry struct {
	ts, thread string
	size       int // bytes; 0: they do not matter
}

// newest reports for each message whether it is one of the newest, oldest first in the list, that
// fit into a number and into a room of bytes. With a reply comes the parent of its thread, however
// old, for without it nobody finds the reply. A reply without a parent is none of them, nor is a
// message that alone takes more than mostKeptMessage.
func newest(list []entry, most, room int) []bool {
	at := make(map[string]int, len(list))
	for i, e := range list {
		at[e.ts] = i
	}
	keep := make([]bool, len(list))
	for i, e := range slices.Backward(list) {
		if keep[i] || e.size > mostKeptMessage {
			continue
		}
		number, size, parent := 1, e.size, i
		if e.thread != "" && e.thread != e.ts {
			var there bool
			if parent, there = at[e.thread]; !there || list[parent].size > mostKeptMessage {
				continue
			}
			if !keep[parent] {
				number, size = 2, size+list[parent].size
			}
		}
		if most -= number; most < 0 {
			break
		}
		if room -= size; room < 0 {
			break
		}
		keep[i], keep[parent] = true, true
	}
	return keep
}

// writeFile writes an uploaded file.
func (f *Folder) writeFile(id string, data []byte) error {
	return f.write(filepath.Join(f.filesPath(), id), data)
}

// write writes a file as a whole, or leaves the old one.
func (f *Folder) write(path string, parts ...[]byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), tempBegins+"*")
	if err != nil {
		return fmt.Errorf("write into the workspace's folder: %w", err)
	}
	for _, p := range parts {
		if err == nil {
			_, err = temp.Write(p)
		}
	}
	if err == nil {
		err = temp.Sync()
	}
	if closing := temp.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temp.Name()) // it was not renamed
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// readBounded reads a file of at most so many bytes. A larger one is damaged.
func readBounded(path string, most int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the workspace's folder: %w", err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", path, err)
	case int64(len(text)) > most:
		return nil, fmt.Errorf("%w: it has more than %d bytes", errDamaged, most)
	}
	return text, nil
}

func checksum(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// channelFile returns the name of a channel's file. It has no separator, whatever the id is.
func channelFile(id string) string { return url.PathEscape(id) + keptEnding }

// isFileID reports whether an uploaded file can have this id, and so this name.
func isFileID(id string) bool {
	digits, ok := strings.CutPrefix(id, "F")
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}
