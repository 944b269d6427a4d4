package attach

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"llmbot/bot/document"
	"llmbot/bot/prompt"
	"llmbot/bot/recent"
	"llmbot/bot/thread"
	"llmbot/llm"
)

// Limits of what people attach; the figures are the project's own.
const (
	maxTextFile  = 10 << 20         // bytes of a text file that is read at all
	maxImageFile = 20 << 20         // and of a picture
	maxFileRunes = 100_000          // characters of a file that go to the model, if its window allows
	minFileRunes = 2_000            // and if it is not
	unknownRunes = 24_000           // if nobody says how large it is
	maxPictures  = 4                // the newest of a thread: servers refuse too many
	maxFiles     = 20               // the newest of a thread, pictures among them
	maxReads     = 4                // files of all threads read at a time, half of them for one person at most
	maxUnpacked  = 2                // pictures unpacked at a time, and PDF files: as many as llm and package pdf allow
	maxHeld      = 80 << 20         // bytes of memory that reading them may take together (see memory, weight)
	maxClips     = 4                // clips that a server writes down at a time
	maxClipsHeld = 50 << 20         // and their bytes, out of maxHeld
	maxWeight    = 60 << 20         // and one of them that is no picture
	maxName      = 255              // characters of a file's name: file systems allow no more
	maxTicks     = 31               // backticks in a row that stay in a file: its fence must be longer
	filesTimeout = 30 * time.Second // all files of a turn together
	maxFileCache = 64 << 20         // bytes of files that are remembered for the next turns
	maxFilesKept = 10_000           // and how many: what is said of one that was not read is short
)

// Errors of Files.
var (
	// ErrNoFile reports that a file may not be read, or is not there: we got something else than
	// its content.
	ErrNoFile = errors.New("file is not readable")
	// ErrLargeFile reports that a file is larger than the caller allows.
	ErrLargeFile = errors.New("file is too large")
	// ErrElsewhere reports that a file lies on another host than Slack's, where we fetch nothing.
	ErrElsewhere = errors.New("file is not kept by Slack")
)

// Files fetches what people attach.
type Files interface {
	// Info returns what Slack says of a file, with the addresses of its content and of the largest
	// smaller picture that Slack made of it. It blocks for Slack's budget and the network, at most
	// until ctx ends. It returns ErrElsewhere, with the file, for one that Slack does not keep.
	Info(ctx context.Context, id string) (thread.File, error)
	// File returns the content of a file, from its address. It blocks for the network, at most
	// until ctx ends. It returns ErrLargeFile for a file of more than most bytes, of which it reads
	// nothing, and ErrNoFile for what is not the file's own content, such as a sign-in page.
	File(ctx context.Context, f thread.File, most int64) ([]byte, error)
	// Thumbnail returns the picture at the address that the file has for it, a JPEG or PNG of about
	// 1,024 pixels. It blocks as File does, and returns ErrNoFile if there is no address.
	Thumbnail(ctx context.Context, f thread.File, most int64) ([]byte, error)
}

// PDFs reads PDF files.
type PDFs interface {
	// Read returns the text of a file. It blocks for seconds, at most until ctx ends. Its errors
	// are those of package document.
	Read(ctx context.Context, data []byte, limits document.Limits) (document.Text, error)
}

// Reader reads the files of threads. Its methods are safe for concurrent use.
type Reader struct {
	files Files       // nil: files are not read
	pdfs  PDFs        // nil: PDF files are not read
	ears  Transcriber // nil: only Slack's own transcripts are read
	done  func(Kind, Outcome, time.Duration)
	log   *slog.Logger
	held  *memory
	pics  *llm.Pictures
	cache fileCache
}

// New returns a Reader of the files that files fetches; nil: files are not read. pdfs reads PDF
// files, and ears writes down what is said in voice clips; nil: nobody does.
// done hears what became of each file that was read, by its kind and outcome; nil: nobody does. It
// must not block.
func New(files Files, pdfs PDFs, ears Transcriber, done func(Kind, Outcome, time.Duration), log *slog.Logger) *Reader {
	return &Reader{
		done: done, files: files, pdfs: pdfs, ears: ears, log: log, held: newMemory(), pics: llm.NewPictures(), cache: newFileCache(),
	}
}

// Fill puts the newest files of a thread, at most maxFiles, into the turns of its conversation.
// files has them by the id of their message, where names the thread in the log, and budget is how
// many tokens the prompt may take; 0: not known. Fill returns what the person should know about the
// files of the messages that are answered. It blocks for the network, for at most half a minute.
func (r *Reader) Fill(
	ctx context.Context, where string, turns []prompt.Turn, files map[string][]thread.File, budget int,
	answered func(id string) bool,
) (said []string) {
	if len(files) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, filesTimeout)
	defer cancel()
	runes := unknownRunes
	if budget > 0 { // half of the window, at the lowest estimate: it must not change from turn to turn
		runes = min(max(int(float64(budget)*prompt.BytesPerToken/2), minFileRunes), maxFileRunes)
	}
	left := fileLimits{files: maxFiles, pictures: maxPictures}
	for i, turn := range slices.Backward(turns) {
		list := files[turn.ID]
		if len(list) == 0 {
			continue
		}
		text, images, words := r.attach(ctx, where, list, runes, &left)
		turns[i].Files = strings.TrimSpace(text)
		turns[i].Images = images
		if answered(turn.ID) {
			said = append(said, words...)
		}
	}
	return said
}

// attachment is a file as the model gets it.
type attachment struct {
	text    string     // for the prompt, with the name
	image   *llm.Image // nil: none
	picture bool       // it is one, also if there is no image of it
	read    bool       // the model has it, or a part of it
	kind    Kind
	outcome Outcome
	said    string // what the person should know about it; empty: nothing
}

func (a attachment) size() int {
	n := len(a.text)
	if a.image != nil {
		n += len(a.image.Data)
	}
	return n
}

// Unreadable returns what to tell a person whose message is nothing but files that we cannot read;
// empty: we can read one.
func Unreadable(files []thread.File) string {
	for _, f := range files {
		a, gone := absent(f)
		switch {
		case gone && len(files) == 1:
			return a.said
		case !gone && (kindOf(f) != fileOther || f.MIME == ""):
			return ""
		}
	}
	return "I can't read this kind of file; I read " + whatIRead + ". Please paste the text that I should look at, with your question."
}

// whatIRead says which files are read.
const whatIRead = "text, pictures, voice clips, canvases, and PDF, Word, Excel, PowerPoint and CSV files"

// fileLimits is what may still be read for a prompt.
type fileLimits struct{ files, pictures int }

// attach reads the files of a message for the model. said tells the person what it did not read, or
// not whole. attach takes what it reads from left, also a file that turns out to be damaged: it has
// cost its work.
func (r *Reader) attach(
	ctx context.Context, where string, files []thread.File, runes int, left *fileLimits,
) (text string, images []llm.Image, said []string) {
	all := make([]attachment, len(files))
	for i, f := range slices.Backward(files) { // the last one is the newest
		a := leftOut(f)
		if left.files > 0 && (left.pictures > 0 || kindOf(f) != filePicture) {
			left.files--
			a = r.attachment(ctx, where, f, max(runes/len(files), minFileRunes))
			if a.picture {
				left.pictures--
			}
			if a.image != nil && left.pictures < 0 { // its type was not known before
				a = leftOut(f)
			}
		}
		all[i] = a
	}
	var b strings.Builder
	for _, a := range all {
		b.WriteString("\n\n" + a.text)
		if a.image != nil {
			images = append(images, *a.image)
		}
		if a.said != "" {
			said = append(said, a.said)
		}
	}
	return b.String(), images, said
}

// leftOut returns what stands in place of a file that is not read because there are too many.
func leftOut(f thread.File) attachment {
	if kindOf(f) == filePicture {
		return attachment{
			text: fmt.Sprintf("(attached picture %s, left out)", quoteName(f.Name)),
			said: fmt.Sprintf("I look at the newest %d pictures of a thread, and left the others out.", maxPictures),
		}
	}
	return attachment{
		text: fmt.Sprintf("(attached file %s, left out)", quoteName(f.Name)),
		said: fmt.Sprintf("I read the newest %d files of a thread, and left the others out.", maxFiles),
	}
}

// attachment reads one file, or remembers it.
func (r *Reader) attachment(ctx context.Context, where string, f thread.File, runes int) attachment {
	c := &r.cache
	key := fmt.Sprintf("%s/%d/%s/%d", f.ID, f.Size, f.Mode, runes) // a snippet that was edited has another size, a deleted file another mode
	if a, ok := c.get(key); ok {
		return a
	}
	began := time.Now()
	a, keep := r.load(ctx, where, f, runes)
	if r.done != nil {
		r.done(a.kind, a.outcome, time.Since(began))
	}
	if keep {
		c.put(key, a)
	}
	return a
}

// cannot returns what stands in place of a file that the model does not get.
func cannot(f thread.File, why, said string) attachment {
	return attachment{text: fmt.Sprintf("(attached file %s, which you cannot read: %s)", quoteName(f.Name), why), said: said}
}

// absent returns what stands in place of a file of which the message says already that it is not
// there: it was deleted, it is hidden, or it lies elsewhere. Nobody is asked for it.
func absent(f thread.File) (attachment, bool) {
	name := cmp.Or(llm.Printable(f.Name, maxName), "a file")
	switch {
	case f.Mode == "tombstone":
		return cannot(f, "it was deleted", fmt.Sprintf("I can't read %s: it was deleted.", name)), true
	case f.Mode == "hidden_by_limit":
		return cannot(f, "Slack hides it", fmt.Sprintf("I can't read %s: Slack hides it, for the workspace has reached the limit of its plan.", name)), true
	case f.External || f.Mode == "external":
		return keptElsewhere(f), true
	}
	return attachment{}, false
}

// keptElsewhere returns what stands in place of a file that lies on another host.
func keptElsewhere(f thread.File) attachment {
	return cannot(f, "it is kept on another host than Slack's", fmt.Sprintf("I did not read %s: it is kept outside of Slack, and I fetch files from Slack alone. Please upload it here.", quoteName(f.Name)))
}

// otherKind returns what stands in place of a file that nobody here can read.
func otherKind(f thread.File) attachment {
	name := quoteName(f.Name)
	return attachment{
		text: fmt.Sprintf("(attached file %s, which you cannot read: its type is %s)", name, cmp.Or(f.MIME, "unknown")),
		said: fmt.Sprintf("I can't read %s: I read %s.", name, whatIRead),
	}
}

// quoteName returns a file's name on one line, or its beginning.
func quoteName(name string) string {
	return cmp.Or(llm.Printable(strings.ReplaceAll(name, "`", " "), maxName), "without a name")
}

// fileCache keeps attachments for the next turns of their threads: those that were used last.
type fileCache struct {
	mu    sync.Mutex // guards all below
	known *simplelru.LRU[string, attachment]
	bytes int
}

func newFileCache() fileCache { return fileCache{known: recent.New[string, attachment](maxFilesKept)} }

func (c *fileCache) get(key string) (attachment, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known.Get(key)
}

func (c *fileCache) put(key string, a attachment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known.Contains(key) {
		return
	}
	for n := c.known.Len(); n > 0 && (n >= maxFilesKept || c.bytes+a.size() > maxFileCache); n-- {
		_, old, _ := c.known.RemoveOldest()
		c.bytes -= old.size()
	}
	c.known.Add(key, a)
	c.bytes += a.size()
}
