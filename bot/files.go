package bot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"llmbot/bot/prompt"
	"llmbot/llm"
)

// Limits of what people attach; the figures are the project's own.
const (
	maxTextFile  = 10 << 20         // bytes of a text file that is read at all
	maxImageFile = 20 << 20         // and of a picture
	maxFileRunes = 100_000          // characters of a file that go to the model, if its window is large enough
	minFileRunes = 2_000            // and if it is not
	unknownRunes = 24_000           // if nobody says how large it is
	maxPictures  = 4                // the newest of a thread: servers refuse too many
	maxFiles     = 20               // the newest of a thread, pictures among them
	maxReads     = 4                // files of all threads that are fetched or read at a time: each is held in memory meanwhile
	maxTicks     = 31               // backticks in a row that stay in a file: its fence must be longer than any
	filesTimeout = 30 * time.Second // all files of a turn together
	maxFileCache = 64 << 20         // bytes of files that are remembered for the next turns
	maxFilesKept = 10_000           // and how many: what is said of one that was not read is short
	maxBlind     = 100              // models that are remembered to take no pictures
	textOnlyFor  = 10 * time.Minute // how long it is believed that a model takes no pictures: it may be another one after a restart
)

// Errors of Files.
var (
	// ErrNoFile says that a file may not be read, or is not there: what came was no content of it.
	ErrNoFile = errors.New("file is not readable")
	// ErrLargeFile says that a file is larger than wanted.
	ErrLargeFile = errors.New("file is too large")
)

// Files reads what people attach.
type Files interface {
	// File returns what Slack says of a file and its content. It blocks for the network, at most until ctx ends. Of a file of more than most
	// bytes it reads nothing: ErrLargeFile. What is not the file's own content, such as a sign-in page, is ErrNoFile.
	File(ctx context.Context, id string, most int64) (File, []byte, error)
}

// attachment is a file as the model gets it.
type attachment struct {
	text    string     // for the prompt, with the name
	image   *llm.Image // nil: none
	picture bool       // it is one, also if there is no image of it
	said    string     // what the person should know about it; empty: nothing
}

func (a attachment) size() int {
	n := len(a.text)
	if a.image != nil {
		n += len(a.image.Data)
	}
	return n
}

// kind is what can be done with a file, as far as its type and name tell.
type fileKind int

const (
	fileOther fileKind = iota
	fileText
	filePicture
)

func (f File) kind() fileKind {
	mime, _, _ := strings.Cut(strings.ToLower(f.MIME), ";")
	switch mime {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		return filePicture
	case "application/json", "application/xml", "application/yaml", "application/x-yaml", "application/toml", "application/javascript",
		"application/x-javascript", "application/sql", "application/x-sh", "application/x-ndjson", "application/x-subrip", "image/svg+xml":
		return fileText
	case "", "application/octet-stream", "binary":
		if textName(f.Name) {
			return fileText
		}
		return fileOther
	}
	if strings.HasPrefix(mime, "text/") || strings.HasSuffix(mime, "+json") || strings.HasSuffix(mime, "+xml") {
		return fileText
	}
	return fileOther
}

// textName knows files that Slack calls binary and people read.
func textName(name string) bool {
	i := strings.LastIndexByte(name, '.')
	return i >= 0 && slices.Contains(strings.Fields("txt md log csv tsv json yaml yml toml ini cfg conf env go py js ts tsx jsx rs c h cc cpp hpp java kt rb php sh bash "+
		"sql xml html css diff patch tex rst proto tf hcl lua pl r swift scala ex exs erl hs ml vue svelte dockerfile makefile ipynb"), strings.ToLower(name[i+1:]))
}

// unreadable is the answer to a message that is nothing but files that cannot be read; empty: one can.
func (t *turnRun) unreadable(files []File) Refusal {
	if slices.ContainsFunc(files, func(f File) bool { return f.kind() != fileOther || f.MIME == "" }) {
		return ""
	}
	return "I can't read this kind of file; I read text and pictures. Please paste the text that I should look at, with your question."
}

// fileLimits is what may still be read for a prompt.
type fileLimits struct{ files, pictures int }

// attach reads the files of a message for the model. It says to the person what was not read, or not whole. What it reads it takes from left:
// also what turns out to be damaged has cost its work.
func (t *turnRun) attach(ctx context.Context, files []File, runes int, left *fileLimits) (text string, images []llm.Image, said []string) {
	var b strings.Builder
	for _, f := range files {
		a := leftOut(f)
		if left.files > 0 && (left.pictures > 0 || f.kind() != filePicture) {
			left.files--
			a = t.attachment(ctx, f, max(runes/len(files), minFileRunes))
			if a.picture {
				left.pictures--
			}
			if a.image != nil && left.pictures < 0 { // its type was not known before
				a = leftOut(f)
			}
		}
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

// leftOut is a file that is not read, because there are too many.
func leftOut(f File) attachment {
	if f.kind() == filePicture {
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

func (t *turnRun) attachment(ctx context.Context, f File, runes int) attachment {
	c := &t.bot.files
	key := fmt.Sprintf("%s/%d", f.ID, runes)
	if a, ok := c.get(key); ok {
		return a
	}
	a, keep := t.load(ctx, f, runes)
	if keep {
		c.put(key, a)
	}
	return a
}

// load reads one file. keep says that another try would bring nothing else.
func (t *turnRun) load(ctx context.Context, f File, runes int) (_ attachment, keep bool) {
	cannot := func(why, said string) attachment {
		return attachment{text: fmt.Sprintf("(attached file %s, which you cannot read: %s)", quoteName(f.Name), why), said: said}
	}
	if t.bot.dep.Files == nil || f.ID == "" || f.MIME != "" && f.kind() == fileOther {
		return cannot("its type is "+cmp.Or(f.MIME, "unknown"), fmt.Sprintf("I can't read %s: I read text and pictures.", quoteName(f.Name))), true
	}
	select {
	case t.bot.reads <- struct{}{}:
		defer func() { <-t.bot.reads }()
	case <-ctx.Done():
		return cannot("there was no time for it", fmt.Sprintf("I did not read %s: too many files are being read at the moment. Please ask again.", quoteName(f.Name))), false
	}
	most := int64(maxTextFile)
	if f.kind() == filePicture {
		most = maxImageFile
	}
	full, data, err := t.bot.dep.Files.File(ctx, f.ID, most)
	if full.Name != "" {
		f = full
	}
	switch {
	case errors.Is(err, ErrLargeFile):
		return cannot("it is too large", fmt.Sprintf("I did not read %s: it is too large (at most %d MB).", quoteName(f.Name), most>>20)), true
	case errors.Is(ctx.Err(), context.Canceled): // the answer is stopped
		return cannot("it was not fetched", ""), false
	case err != nil:
		t.bot.log.WarnContext(ctx, "file_unread", "thread", t.thread.String(), "file", f.ID, "type", f.MIME, "bytes", f.Size, "error", err)
		return cannot("it could not be fetched", fmt.Sprintf("I could not get %s from Slack.", quoteName(f.Name))), false
	}
	switch f.kind() {
	case filePicture:
		return t.picture(ctx, f, data)
	case fileText:
		text, all, ok := plainText(data, runes)
		if !ok {
			return cannot("it is no text", fmt.Sprintf("I can't read %s: it is no text.", quoteName(f.Name))), true
		}
		return inline(f.Name, text, all), true
	case fileOther:
	}
	return cannot("its type is "+cmp.Or(f.MIME, "unknown"), fmt.Sprintf("I can't read %s: I read text and pictures.", quoteName(f.Name))), true
}

// picture reads a picture. keep says that another try would bring nothing else.
func (t *turnRun) picture(ctx context.Context, f File, data []byte) (_ attachment, keep bool) {
	name := quoteName(f.Name)
	image, err := t.bot.pics.Picture(ctx, f.MIME, data)
	if err == nil {
		return attachment{text: fmt.Sprintf("(attached picture %s)", name), image: &image, picture: true}, true
	}
	why, said, keep := "it is damaged", fmt.Sprintf("I can't read the picture %s.", name), true
	switch {
	case errors.Is(err, llm.ErrLargePicture):
		why, said = "it is too large", fmt.Sprintf("I did not look at %s: it has too many pixels. Please send a smaller copy.", name)
	case errors.Is(err, llm.ErrScans):
		why, said = "it has too many passes", fmt.Sprintf("I did not look at %s: it is a progressive JPEG with too many passes. Please save it anew.", name)
	case errors.Is(err, llm.ErrSlowPicture):
		why, said = "reading it took too long", fmt.Sprintf("I gave %s up: reading it took too long. Please send a smaller copy.", name)
	case errors.Is(ctx.Err(), context.Canceled): // the answer is stopped
		return attachment{picture: true}, false
	case errors.Is(err, llm.ErrBusyPictures):
		why, said, keep = "there was no time for it", fmt.Sprintf("I had no time to look at %s. Please ask again.", name), false
	}
	t.bot.log.WarnContext(ctx, "picture_unread", "thread", t.thread.String(), "file", f.ID, "type", f.MIME, "bytes", len(data), "error", err)
	return attachment{text: fmt.Sprintf("(attached picture %s, which you cannot see: %s)", name, why), picture: true, said: said}, keep
}

// quoteName is a file's name on one line.
func quoteName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == '`' {
			return ' '
		}
		return r
	}, strings.TrimSpace(name))
	return cmp.Or(name, "without a name")
}

// blind makes turns for a model that takes no pictures.
func blind(turns []prompt.Turn) []prompt.Turn {
	out := slices.Clone(turns)
	for i := range out {
		if len(out[i].Images) > 0 {
			out[i].Images = nil
			out[i].Files += "\n(You cannot see pictures. Say so if the question is about one.)"
		}
	}
	return out
}

// cannotSee is what a person is told whose picture was not shown to the model.
const cannotSee = "The model that I use reads text only: I did not see the picture."

// fileCache keeps attachments for the next turns of their threads: those that were used last.
type fileCache struct {
	mu    sync.Mutex // guards all below
	known *simplelru.LRU[string, attachment]
	bytes int
}

func newFileCache() fileCache { return fileCache{known: newest[string, attachment](maxFilesKept)} }

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

// sight remembers which models refused pictures.
type sight struct {
	mu   sync.Mutex // guards none
	none *simplelru.LRU[string, time.Time]
}

func newSight() sight { return sight{none: newest[string, time.Time](maxBlind)} }

func (s *sight) refused(model string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.none.Add(model, time.Now())
}

func (s *sight) blind(model string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.none.Get(model)
	return ok && time.Since(at) < textOnlyFor
}
