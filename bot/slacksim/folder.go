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
	"strings"
)

// The bounds on what is kept on disk. What is more is not kept, the oldest first.
const (
	mostKept      = 3000     // messages of a channel
	mostKeptBytes = 16 << 20 // of a channel's file
	mostKeptFiles = maxStored
	mostChannels  = 500
)

const (
	// keptHead is how a channel's file begins; behind it stands the checksum of the rest.
	keptHead = "slacksim-channel 1 "
	// keptEnding is how the name of a channel's file ends.
	keptEnding = ".json"
	// tempBegins is how the name of a file begins that is being written.
	tempBegins = ".writing-"
)

// Folder keeps a workspace on disk: one file for each channel with its messages, and one for each
// file that was uploaded. A workspace that is given it as Config.Folder begins with what is in it.
//
// Files are written as a whole under another name, brought to the disk and then renamed, and carry a
// checksum. So a file is the old one or the new one, whenever the process or the machine dies. One
// that is damaged all the same is never read as if it were whole: it is set aside.
//
// One workspace at a time may have a folder: the caller sees to that.
type Folder struct {
	path     string
	aside    []string
	channels []keptChannel
	data     map[string][]byte // of the files by id; given away by New
}

// OpenFolder reads a folder, which it makes if it is missing. It fails if the folder cannot be read
// or takes no files; what is damaged in it is no failure, see [Folder.Aside].
func OpenFolder(path string) (*Folder, error) {
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
	room := mostKeptFiles
	for _, name := range names {
		var c keptChannel
		switch err := f.readChannel(name, &c); {
		case err == nil:
			f.dropLostFiles(&c, &room)
			f.channels = append(f.channels, c)
		case errors.Is(err, errDamaged):
			f.setAside(name, err)
		default:
			return nil, err
		}
	}
	f.sweep()
	return f, nil
}

// Aside returns a line for people about each thing that was damaged: what it was, and where it is
// now.
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
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasPrefix(name, tempBegins):
			_ = os.Remove(filepath.Join(f.path, name)) // else it stays, and is in the way of nobody
		case strings.HasSuffix(name, keptEnding) && e.Type().IsRegular() && len(names) < mostChannels:
			names = append(names, name)
		}
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

// dropLostFiles reads the uploaded files of a channel's messages. One that is missing or damaged is
// taken out of its message.
func (f *Folder) dropLostFiles(c *keptChannel, room *int) {
	for i := range c.Messages {
		var whole []keptFile
		for _, k := range c.Messages[i].Files {
			if !isFileID(k.ID) {
				continue
			}
			path := filepath.Join("files", k.ID)
			data, err := readBounded(filepath.Join(f.path, path), maxPageBody)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				f.aside = append(f.aside, fmt.Sprintf("The file %s of a message is missing: %s.", k.Name, filepath.Join(f.path, path)))
			case err != nil || checksum(data) != k.Sum:
				f.setAside(path, cmp.Or(err, errDamaged))
			case len(data) > *room: // more than is ever kept
			default:
				*room -= len(data)
				f.data[k.ID] = data
				whole = append(whole, k)
			}
		}
		c.Messages[i].Files = whole
	}
}

// setAside renames what is damaged, so that nobody reads it again and somebody may still look at it.
func (f *Folder) setAside(name string, why error) {
	from := filepath.Join(f.path, name)
	to := from + ".broken"
	for n := 2; n < 10; n++ {
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			break
		}
		to = fmt.Sprintf("%s.broken%d", from, n)
	}
	said := fmt.Sprintf("The file %s was not read: %s. It is now %s, and what was in it is not shown.", from, why, filepath.Base(to))
	if err := os.Rename(from, to); err != nil {
		said = fmt.Sprintf("The file %s was not read: %s. It will be overwritten.", from, why)
	}
	f.aside = append(f.aside, said)
}

// sweep removes uploaded files that no message has.
func (f *Folder) sweep() {
	entries, err := os.ReadDir(f.filesPath())
	if err != nil {
		return // they stay
	}
	for _, e := range entries {
		if name := e.Name(); f.data[name] == nil && (isFileID(name) || strings.HasPrefix(name, tempBegins)) {
			_ = os.Remove(filepath.Join(f.filesPath(), name))
		}
	}
}

// writeChannel writes a channel's file.
func (f *Folder) writeChannel(c keptChannel) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("write the channel %s: %w", c.ID, err)
	}
	for len(text) > mostKeptBytes && len(c.Messages) > 1 { // the older half goes
		c.Messages = c.Messages[(len(c.Messages)+1)/2:]
		if text, err = json.Marshal(c); err != nil {
			return fmt.Errorf("write the channel %s: %w", c.ID, err)
		}
	}
	return f.write(filepath.Join(f.path, channelFile(c.ID)), []byte(keptHead+checksum(text)+"\n"), text)
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
