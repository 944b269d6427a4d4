package permalink

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
	"unicode/utf8"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"llmbot/bot/prompt"
	"llmbot/bot/recent"
	"llmbot/bot/thread"
	"llmbot/llm"
)

// MaxLinks is how many links of a turn are followed (issue 14).
const MaxLinks = 3

// Limits; the figures are issue 14's, but for those that it leaves open.
const (
	maxReads    = 3
	maxMessages = 20               // of a thread
	keepFor     = 10 * time.Minute // messages are remembered
	maxKept     = 200              // threads: at most some 16 MB
	maxRunes    = 4_000            // of one message
	leastRunes  = 80               // of one message of a thread, however short the budget
	longestFile = 255              // characters of a file's name: file systems allow no more
	totalTime   = 10 * time.Second // all links of a turn together
)

// Place is a conversation as the bot sees it.
type Place struct {
	Name   string // without #; empty: it has none
	Public bool   // each full member of the workspace can read it
	Inside bool   // the bot is in it
}

// Source is where the messages are. Its methods block for the network, at most until ctx ends.
type Source interface {
	// Place returns what a conversation is now. It fails for one that the bot cannot see.
	Place(ctx context.Context, channel string) (Place, error)
	// Members reports whether all these people are members of a conversation now.
	Members(ctx context.Context, channel string, people []string) (bool, error)
	// Page returns the first 1,000 messages of a thread, or one message if it opens none or is a
	// reply. It is one read.
	Page(ctx context.Context, t thread.ID) ([]thread.Message, error)
}

// Full reports whether somebody is a full member of the workspace now: no guest, no app, and of no
// other organisation or workspace. It blocks for the network, at most until ctx ends. Who it fails
// for counts as none.
type Full func(ctx context.Context, user string) (bool, error)

// Person is somebody who asks, or who pasted a link.
type Person struct {
	ID    string
	Guest bool // no full member, whatever Full says
}

// Message is a message that may have links.
type Message struct {
	ID, Text string
	By       string // who wrote it; empty: not known, and nothing that it links to is quoted
}

// Reader quotes messages. Its methods are safe for concurrent use.
type Reader struct {
	from  Source
	full  Full
	hosts []string
	self  string // the bot's name
	log   *slog.Logger

	mu    sync.Mutex // guards known
	known *simplelru.LRU[Link, kept]
}

type kept struct {
	messages []thread.Message
	all      int  // messages of the thread
	part     bool // of the linked one the beginning is kept
	until    time.Time
}

// New returns a Reader of links to these hosts, which are those of the workspace. self is the bot's
// name.
func New(from Source, full Full, hosts []string, self string, log *slog.Logger) *Reader {
	return &Reader{from: from, full: full, hosts: hosts, self: self, log: log, known: recent.New[Link, kept](maxKept)}
}

// Quotes is what Quote found.
type Quotes struct {
	Text   map[string]string // by the id of the message that has the links: Markdown
	Hidden map[string]bool   // messages with a link to what the people who ask may not see
	Unread map[string]bool   // messages with a link that could not be read
	// Surplus: messages with more links than MaxLinks, or with one that is older than these
	Surplus map[string]bool
	Shown   int // links that are quoted
	Denied  int // links to what they may not see
	Failed  int // links that could not be read

	hosts  []string
	quoted map[Link]bool // the messages of which all is quoted, without their threads
}

// Quote quotes what the newest links in these messages (oldest first) lead to, if all these people,
// and who wrote the message with the link, can see it. here is the thread of the question, which is
// not quoted; runes is how many characters all quotations may have. It blocks for the network, for
// at most 10 s.
func (r *Reader) Quote(ctx context.Context, here thread.ID, people []Person, messages []Message, runes int) Quotes {
	out := Quotes{
		Text: map[string]string{}, Hidden: map[string]bool{}, Unread: map[string]bool{}, Surplus: map[string]bool{},
		hosts: r.hosts, quoted: map[Link]bool{},
	}
	ctx, cancel := context.WithTimeout(ctx, totalTime)
	defer cancel()
	left, reads := MaxLinks, maxReads
	roles := map[string]bool{}
	for _, m := range slices.Backward(messages) {
		var parts []string
		for _, l := range Find(ownWords(m.Text), r.hosts) {
			if l.root() == here || l.Channel == here.Channel && l.TS == here.TS {
				continue
			}
			if left == 0 {
				out.Surplus[m.ID] = true
				parts = append(parts, "(A further linked message is left out.)")
				break
			}
			left--
			text, whole, err := r.quote(ctx, l, readers(people, m.By), roles, runes/MaxLinks, &reads)
			switch {
			case err == nil:
				out.Shown++
				if whole {
					out.quoted[Link{Channel: l.Channel, TS: l.TS}] = true
				}
			case errors.Is(err, errHidden):
				out.Denied++
				out.Hidden[m.ID] = true
				text = "(A linked message is left out: whoever asks, or whoever pasted the link, may not be able to see it.)"
			default:
				out.Failed++
				out.Unread[m.ID] = true
				text = "(A linked message could not be read.)"
			}
			if err != nil && ctx.Err() == nil {
				r.log.InfoContext(ctx, "link_not_quoted", "thread", here.String(), "message", m.ID, "channel", l.Channel, "error", err)
			}
			parts = append(parts, text)
		}
		if len(parts) > 0 {
			out.Text[m.ID] = strings.Join(parts, "\n\n")
		}
	}
	return out
}

// Errors of quote.
var (
	errHidden  = errors.New("not everybody who asks, and who pasted the link, is known to see it")
	errNoReads = errors.New("the turn has made all its reads")
	errGone    = errors.New("the message is not there")
)

// quote returns a quotation, and whether it has all of the linked message. It asks first who may
// see the message, and reads it only then.
func (r *Reader) quote(ctx context.Context, l Link, people []Person, roles map[string]bool, runes int, reads *int) (text string, whole bool, err error) {
	place, err := r.visible(ctx, l.Channel, people, roles)
	if err != nil {
		return "", false, err
	}
	k, err := r.read(ctx, l, reads)
	if err != nil {
		return "", false, err
	}
	text, whole = r.quotation(l, place, k, runes)
	return text, whole, nil
}

// readers returns everybody who must be able to see what a message links to: whoever asks, and
// whoever pasted the link. Nobody: that is not known.
func readers(people []Person, by string) []Person {
	switch {
	case by == "":
		return nil
	case slices.ContainsFunc(people, func(p Person) bool { return p.ID == by }):
		return people
	}
	return append(slices.Clone(people), Person{ID: by})
}

// visible returns a conversation that all these people can see. roles remembers who is a full
// member, for the links of one turn.
func (r *Reader) visible(ctx context.Context, channel string, people []Person, roles map[string]bool) (Place, error) {
	place, err := r.from.Place(ctx, channel)
	if err != nil {
		return place, fmt.Errorf("%w: %w", errHidden, err)
	}
	if !place.Inside || len(people) == 0 {
		return place, errHidden
	}
	var ids []string
	for _, p := range people {
		if (!place.Public || !r.isFull(ctx, p, roles)) && !slices.Contains(ids, p.ID) {
			ids = append(ids, p.ID)
		}
	}
	if len(ids) == 0 {
		return place, nil
	}
	all, err := r.from.Members(ctx, channel, ids)
	switch {
	case err != nil:
		return place, fmt.Errorf("%w: %w", errHidden, err)
	case !all:
		return place, errHidden
	}
	return place, nil
}

// isFull reports whether somebody is a full member, as far as that can be found out.
func (r *Reader) isFull(ctx context.Context, p Person, roles map[string]bool) bool {
	if p.Guest {
		return false
	}
	full, known := roles[p.ID]
	if !known {
		var err error
		if full, err = r.full(ctx, p.ID); err != nil {
			r.log.InfoContext(ctx, "role_unknown", "user", p.ID, "error", err)
			full = false
		}
		roles[p.ID] = full
	}
	return full
}

// read returns the messages of a link, as they are or were a few minutes ago.
func (r *Reader) read(ctx context.Context, l Link, reads *int) (kept, error) {
	now := time.Now()
	r.mu.Lock()
	k, ok := r.known.Get(l)
	r.mu.Unlock()
	if ok && now.Before(k.until) {
		return k, nil
	}
	page, err := r.page(ctx, l.root(), reads)
	if err == nil && !slices.ContainsFunc(page, func(m thread.Message) bool { return m.TS == l.TS }) && l.Thread != "" {
		// It is beyond the first page, or the thread that the link names is another.
		page, err = r.page(ctx, thread.ID{Channel: l.Channel, TS: l.TS}, reads)
	}
	if err != nil {
		return kept{}, err
	}
	at := slices.IndexFunc(page, func(m thread.Message) bool { return m.TS == l.TS })
	if at < 0 {
		return kept{}, errGone
	}
	k = kept{messages: around(page, at), all: len(page), part: utf8.RuneCountInString(page[at].Text) > maxRunes, until: now.Add(keepFor)}
	for i, m := range k.messages {
		k.messages[i] = thread.Message{
			TS: m.TS, User: m.User, Name: m.Name, Self: m.Self, Bot: m.Bot, App: m.App, Behalf: m.Behalf, Text: cut(m.Text, maxRunes), Files: m.Files,
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known.Add(l, k)
	return k, nil
}

func (r *Reader) page(ctx context.Context, t thread.ID, reads *int) ([]thread.Message, error) {
	if *reads == 0 {
		return nil, errNoReads
	}
	*reads--
	page, err := r.from.Page(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("read a linked message: %w", err)
	}
	return page, nil
}

// around returns the first message of a thread and those around the one at an index, at most
// maxMessages.
func around(page []thread.Message, at int) []thread.Message {
	if len(page) <= maxMessages {
		return slices.Clone(page)
	}
	const rest = maxMessages - 1
	from := min(max(at-rest/2, 1), len(page)-rest)
	return append([]thread.Message{page[0]}, page[from:from+rest]...)
}

// quotation writes a quotation of at most so many characters, in which the linked message comes
// first: its thread has what it leaves, or leastRunes a message. whole reports that all of the
// linked one is there. Nobody speaks for others in it: every further line of a message has a
// margin, and names are those of the prompt.
func (r *Reader) quotation(l Link, place Place, k kept, runes int) (text string, whole bool) {
	where := "a conversation"
	if place.Name != "" {
		where = "#" + prompt.CleanName(place.Name)
	}
	head := "Linked message in " + where + ":"
	if len(k.messages) > 1 {
		head = "Linked message in " + where + ", with its thread:"
	}
	all := []string{head}
	linked := ""
	for _, m := range k.messages {
		if m.TS == l.TS {
			linked = strings.TrimSpace(m.Text)
		}
	}
	size := utf8.RuneCountInString(linked)
	whole = !k.part && size <= runes
	each := max((runes-size)/len(k.messages), leastRunes)
	turns := make([]prompt.Turn, len(k.messages))
	for i, m := range k.messages {
		turns[i] = speaker(m)
	}
	label := prompt.Labels(turns, r.self)
	for i, m := range k.messages {
		name := "you" // Labels gives everybody else of that name their id
		if !m.Self {
			name = label(turns[i])
		}
		if len(k.messages) > 1 && m.TS == l.TS {
			name += " (the linked one)"
		}
		said := cut(strings.TrimSpace(m.Text), each)
		if m.TS == l.TS {
			said = cut(linked, runes)
		}
		for _, f := range m.Files {
			said = strings.TrimSpace(said + "\n(with the file " + llm.Printable(f.Name, longestFile) + ")")
		}
		all = append(all, "> "+strings.ReplaceAll(prompt.Spoken(name, said), "\n", "\n> "))
	}
	if n := k.all - len(k.messages); n > 0 {
		all = append(all, fmt.Sprintf("(%d further messages of the thread are left out.)", n))
	}
	return strings.Join(all, "\n"), whole
}

// speaker returns who wrote a message, without what they said.
func speaker(m thread.Message) prompt.Turn {
	t := prompt.Turn{Who: prompt.Person, Name: cmp.Or(m.Name, "somebody"), By: m.User}
	switch {
	case m.Self:
		t.Who = prompt.Self
	case m.Bot && !m.Behalf:
		t.Who, t.By = prompt.Other, cmp.Or(m.App, m.User)
	}
	return t
}

// cut returns the beginning of a text, and says that it is one.
func cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + " …"
}
