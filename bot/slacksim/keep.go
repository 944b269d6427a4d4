package slacksim

import (
	"cmp"
	"slices"
	"time"
)

const (
	// keepAfter is how long changes are collected before they are written: an answer that grows
	// changes several times a second.
	keepAfter = 200 * time.Millisecond
	// keepShare is how many times as long as the last writing took is waited before the next one, so
	// that a large workspace on a slow disk costs a tenth of it at most.
	keepShare = 10
	// keepAgain is when writing is tried again that failed.
	keepAgain = 5 * time.Second
)

// saved is what a folder has of a channel.
type saved struct {
	rev      uint64 // of the newest message
	messages int    // how many there were
	bot      bool   // the bot is a member
}

// keeping writes a workspace into its folder. It belongs to the goroutine that keeps, and after
// that to Close.
type keeping struct {
	folder *Folder
	done   map[string]saved  // by channel
	files  map[string]string // checksums of the uploaded files that are in the folder, by id
	failed bool              // the last try did
}

// keepRun writes what changes until the workspace is closed.
func (s *Sim) keepRun(k *keeping) {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		began := time.Now()
		s.save(k)
		pause := max(keepAfter, keepShare*time.Since(began))
		var again <-chan time.Time
		if k.failed {
			again = time.After(keepAgain)
		}
		select {
		case <-changed:
		case <-again:
		case <-s.done:
			return
		}
		if timer := time.NewTimer(pause); true {
			select {
			case <-timer.C:
			case <-s.done:
				timer.Stop()
				return
			}
		}
	}
}

// save writes the channels that have changed since they were written. A failure is told once; what
// was not written is tried again.
func (s *Sim) save(k *keeping) {
	var err error
	for _, c := range s.unsaved(k) {
		if e := k.write(c); e != nil {
			err = e
			continue
		}
		k.done[c.ID] = c.state
	}
	if s.cfg.KeepFailed != nil && (err != nil) != k.failed {
		s.cfg.KeepFailed(err)
	}
	k.failed = err != nil
}

// write writes a channel, its uploaded files first: no message is kept before its file is.
func (k *keeping) write(c keptChannel) error {
	for _, f := range c.uploaded {
		if _, there := k.files[f.id]; there {
			continue
		}
		if err := k.folder.writeFile(f.id, f.data); err != nil {
			return err
		}
		k.files[f.id] = checksum(f.data)
	}
	for _, m := range c.Messages {
		for i, f := range m.Files {
			m.Files[i].Sum = k.files[f.ID]
		}
	}
	return k.folder.writeChannel(c)
}

// unsaved returns the channels that are not in the folder as they are now.
func (s *Sim) unsaved(k *keeping) []keptChannel {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []keptChannel
	for _, id := range s.chanOrder {
		c := s.channels[id]
		now := saved{messages: len(c.messages), bot: c.members[s.cfg.Bot.UserID]}
		for _, m := range c.messages {
			now.rev = max(now.rev, m.rev)
		}
		was, known := k.done[id]
		if was == now && known || !known && len(c.messages) == 0 && now.bot == !c.NoBot && !c.invited {
			continue
		}
		kept := s.keptChannelLocked(c)
		kept.state = now
		out = append(out, kept)
	}
	return out
}

// keptChannel is a channel as it is on disk.
type keptChannel struct {
	Channel

	IM       string        `json:",omitempty"` // the person, if it is a direct message
	Bot      bool          // the bot is a member
	People   []User        // who wrote here
	Messages []keptMessage // oldest first
	LastID   int           // of the workspace

	state    saved
	uploaded []*file
}

// keptMessage is a message as it is on disk. Each field is message's own of that name.
type keptMessage struct {
	TS, Thread        string
	User, BotID       string
	Text              string     `json:",omitempty"`
	Blocks            []obj      `json:",omitempty"`
	Edited, Editor    string     `json:",omitempty"`
	Metadata          obj        `json:",omitempty"`
	NoUnfurl, Deleted bool       `json:",omitempty"`
	Tombstone         bool       `json:",omitempty"`
	Broadcast         bool       `json:",omitempty"`
	Attachments       []any      `json:",omitempty"`
	Rich              []any      `json:",omitempty"`
	App               App        `json:",omitzero"`
	Subtype           string     `json:",omitempty"`
	Reactions         []Reaction `json:",omitempty"`
	Versions          int        `json:",omitempty"` // how many there were
	Files             []keptFile `json:",omitempty"`
	Stream            *keptStream
}

// keptStream is a native stream as it is on disk.
type keptStream struct {
	Recipient string
	Private   bool
	Mode      string
	Started   time.Time
	State     StreamState
	Text      string
	Chars     int
	Blocks    int
	First     []obj
	FirstText string
	ByUser    bool
	Pinged    int
}

// keptFile is an uploaded file as it is on disk, without its data.
type keptFile struct {
	ID, User, Name, Title, MIME string
	Made                        time.Time
	Sum                         string // checksum of the data
	Kind                        Kind   `json:",omitempty"`
	Thumb                       []byte `json:",omitempty"`
	Transcript, At              string `json:",omitempty"`
	Gone                        bool   `json:",omitempty"` // it was deleted
}

// keptChannelLocked returns a channel's copy, which shares only what never changes. Of what was
// deleted it has nothing.
func (s *Sim) keptChannelLocked(c *channel) keptChannel {
	out := keptChannel{Channel: c.Channel, IM: c.im, Bot: c.members[s.cfg.Bot.UserID], LastID: s.lastID}
	out.Members = slices.Clone(c.Members)
	who := map[string]bool{}
	var there []*message
	var list []entry
	for _, m := range c.messages {
		if !m.deleted || m.tombstone {
			there, list = append(there, m), append(list, entry{ts: m.ts, thread: m.thread})
		}
	}
	keep := newest(list, mostKept, mostKeptBytes)
	for i, m := range there {
		if !keep[i] {
			continue
		}
		if u := s.users[m.user]; u != nil && !who[u.ID] && u.ID != s.cfg.Bot.UserID {
			who[u.ID] = true
			out.People = append(out.People, *u)
		}
		kept := keptMessage{
			TS: m.ts, Thread: m.thread, User: m.user, BotID: m.botID, Text: m.text, Blocks: m.blocks, Edited: m.edited, Editor: m.editor,
			Metadata: m.metadata, NoUnfurl: m.noUnfurl, Deleted: m.deleted, Tombstone: m.tombstone, Broadcast: m.broadcast,
			Attachments: m.attachments, Rich: m.rich, App: m.app, Subtype: m.subtype, Versions: len(m.versions),
		}
		if m.deleted { // nothing is left of what it said
			kept.Text, kept.Blocks, kept.Metadata, kept.Attachments, kept.Rich = "", nil, nil, nil, nil
			out.Messages = append(out.Messages, kept)
			continue
		}
		for _, r := range m.reactions {
			kept.Reactions = append(kept.Reactions, Reaction{Name: r.Name, Users: slices.Clone(r.Users)})
		}
		for _, f := range m.files {
			kept.Files = append(kept.Files, keptFile{
				ID: f.id, User: f.user, Name: f.name, Title: f.title, MIME: f.mime, Made: f.made,
				Kind: f.up.Kind, Thumb: f.up.Thumb, Transcript: f.up.Transcript, At: f.up.At, Gone: f.gone,
			})
			if !f.gone {
				out.uploaded = append(out.uploaded, f)
			}
		}
		if st := m.stream; st != nil {
			kept.Stream = &keptStream{
				Recipient: st.recipient, Private: st.private, Mode: st.mode, Started: st.started, State: st.state, Text: st.text.String(),
				Chars: st.chars, Blocks: st.blocks, First: st.first, FirstText: st.firstText, ByUser: st.byUser, Pinged: st.pinged,
			}
		}
		out.Messages = append(out.Messages, kept)
	}
	return out
}

// idGap is how far the ids of a workspace are from those of its former life, which may have given
// some that were not written.
const idGap = 1_000_000

// restoreLocked fills the workspace with what its folder has.
func (s *Sim) restoreLocked(f *Folder) *keeping {
	k := &keeping{folder: f, done: map[string]saved{}, files: map[string]string{}}
	s.lastID = max(s.lastID, f.lastID)
	for _, c := range f.channels {
		s.lastID = max(s.lastID, c.LastID+idGap)
		for _, u := range c.People {
			if s.users[u.ID] == nil { // somebody who is not there this time
				s.users[u.ID] = &u
				s.userOrder = append(s.userOrder, u.ID)
			}
		}
		ch := s.channels[c.ID]
		if ch == nil {
			s.addChannel(c.Channel, c.IM)
			ch = s.channels[c.ID]
		}
		for _, u := range c.People {
			if u.BotID == "" && !ch.members[u.ID] {
				ch.members[u.ID] = true
				ch.Members = append(ch.Members, u.ID)
			}
		}
		if c.Bot && !ch.members[s.cfg.Bot.UserID] {
			ch.members[s.cfg.Bot.UserID], ch.NoBot, ch.invited = true, false, true
		}
		for _, m := range c.Messages {
			if m.Thread == "" {
				s.restoreMessageLocked(ch, m, f.data)
			}
		}
		for _, m := range c.Messages {
			if ch.byTS[m.Thread] != nil { // a reply to nobody is shown nowhere
				s.restoreMessageLocked(ch, m, f.data)
			}
			for _, up := range m.Files {
				k.files[up.ID] = up.Sum
			}
		}
		slices.SortStableFunc(ch.messages, func(a, b *message) int { return cmp.Compare(tsMicro(a.ts), tsMicro(b.ts)) })
		for _, m := range ch.messages {
			m.rev = s.touchLocked()
		}
		k.done[c.ID] = saved{rev: s.rev, messages: len(ch.messages), bot: ch.members[s.cfg.Bot.UserID]}
	}
	f.channels, f.data = nil, nil
	return k
}

func (s *Sim) restoreMessageLocked(ch *channel, kept keptMessage, data map[string][]byte) {
	if tsMicro(kept.TS) <= 0 || ch.byTS[kept.TS] != nil {
		return
	}
	m := &message{
		channel: ch.ID, ts: kept.TS, thread: kept.Thread, user: kept.User, botID: kept.BotID, text: kept.Text, blocks: kept.Blocks,
		edited: kept.Edited, editor: kept.Editor, metadata: kept.Metadata, noUnfurl: kept.NoUnfurl, deleted: kept.Deleted, tombstone: kept.Tombstone,
		broadcast: kept.Broadcast, attachments: kept.Attachments, rich: kept.Rich, app: kept.App, subtype: kept.Subtype, reactions: kept.Reactions,
	}
	s.lastMicro = max(s.lastMicro, tsMicro(kept.TS))
	for _, f := range kept.Files {
		up := Upload{Name: f.Name, Type: f.MIME, Data: data[f.ID], Kind: f.Kind, Title: f.Title, Thumb: f.Thumb, Transcript: f.Transcript, At: f.At}
		one := &file{id: f.ID, user: f.User, channel: ch.ID, name: f.Name, title: f.Title, mime: f.MIME, data: data[f.ID], made: f.Made, up: up, gone: f.Gone}
		s.files[one.id] = one
		m.files = append(m.files, one)
		s.stored += len(one.data) + entryBytes
	}
	s.stored += len(kept.Text) + entryBytes
	now := Version{At: time.Now(), Text: m.text, Blocks: m.blocks, Plain: s.plainLocked(m.text, m.blocks)}
	for range min(kept.Versions, mostKept) { // their number is shown; what they were is forgotten
		m.versions = append(m.versions, now)
	}
	if st := kept.Stream; st != nil {
		m.stream = &stream{
			recipient: st.Recipient, private: st.Private, mode: st.Mode, started: st.Started, state: st.State, chars: st.Chars, blocks: st.Blocks,
			first: st.First, firstText: st.FirstText, byUser: st.ByUser, pinged: st.Pinged, ended: make(chan struct{}),
		}
		m.stream.text.WriteString(st.Text)
		if st.State == StreamLive {
			s.goLocked(func() { s.expire(m) })
		} else {
			close(m.stream.ended)
		}
	}
	ch.messages = append(ch.messages, m)
	ch.byTS[m.ts] = m
}
