package slacksim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// The bounds on the event streams of the page.
const (
	// pageBeat is how often the page gets an event without a change, so that it sees the status
	// line and the budget expire.
	pageBeat = 5 * time.Second
	// maxStreams is how many streams are open at a time. A further one ends the oldest.
	maxStreams = 32
	// streamWithin is how long the reader of a stream may take for one event. A slower one is
	// dropped.
	streamWithin = 15 * time.Second
	// leaveWithin is how long a stream that is dropped may take to read the reason.
	leaveWithin = 2 * time.Second
	// maxEvent is about how many bytes of messages one event carries; more come with the next.
	maxEvent = 256 << 10
)

// pageStream is one open event stream.
type pageStream struct {
	out *http.ResponseController
	// Closed when the stream is dropped. Sim.mu guards it, and out too, while the stream is in
	// Sim.streams.
	evict  chan struct{}
	reason string
}

// openStream adds a stream. If there are too many, it drops the oldest.
func (s *Sim) openStream(w http.ResponseWriter) *pageStream {
	st := &pageStream{out: http.NewResponseController(w), evict: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.streams) >= maxStreams {
		old := s.streams[0]
		s.streams = slices.Delete(s.streams, 0, 1)
		old.reason = fmt.Sprintf("more than %d pages are open: this was the oldest. Reload it to go on here", maxStreams)
		close(old.evict)
		// It may hang in a write to somebody who does not read.
		_ = old.out.SetWriteDeadline(time.Now().Add(leaveWithin))
	}
	s.streams = append(s.streams, st)
	return st
}

func (s *Sim) closeStream(st *pageStream) {
	s.mu.Lock()
	s.streams = slices.DeleteFunc(s.streams, func(o *pageStream) bool { return o == st })
	s.mu.Unlock()
	_ = st.out.SetWriteDeadline(time.Time{})
}

// send writes one event, and reports whether it was read in time.
func (s *Sim) send(w http.ResponseWriter, st *pageStream, event string) bool {
	s.mu.Lock()
	select {
	case <-st.evict: // it has its own deadline
	default:
		_ = st.out.SetWriteDeadline(time.Now().Add(streamWithin))
	}
	s.mu.Unlock()
	_, err := fmt.Fprintf(w, "%s\n\n", event) //nolint:gosec // JSON in an event stream, which no browser takes for a page
	if err = cmp.Or(err, st.out.Flush()); err != nil {
		s.log.Debug("event stream dropped: it was not read in time, or its reader left", "error", err)
	}
	return err == nil
}

// seenBefore returns the change up to which a page knows this workspace; 0 for a page that begins.
func (s *Sim) seenBefore(r *http.Request) uint64 {
	q := r.URL.Query()
	since, err := strconv.ParseUint(q.Get("since"), 10, 64)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || q.Get("boot") != s.boot || since > s.rev {
		return 0
	}
	return since
}

// pageEvents streams what changes: all, or since a change that the page names. It queues nothing:
// each event carries the newest state of all that changed since the last one, so a slow browser
// skips versions and never falls behind. A stream that is dropped gets the reason in an event named
// "dropped".
func (s *Sim) pageEvents(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	u, err := s.userLocked(r.URL.Query().Get("user"))
	s.mu.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	// The connection ends with the stream, so that nothing is left of one that was dropped.
	w.Header().Set("Connection", "close")
	st := s.openStream(w)
	defer s.closeStream(st)
	beat := time.NewTicker(pageBeat)
	defer beat.Stop()
	atOnce := make(chan struct{})
	close(atOnce)
	seen := s.seenBefore(r)
	for {
		s.mu.Lock()
		changed := s.changed
		data, upTo := s.pageChangesLocked(u, seen)
		if seen = upTo; seen < s.rev {
			changed = atOnce // the rest
		}
		s.mu.Unlock()
		if !s.send(w, st, "data: "+data) {
			return
		}
		select {
		case <-st.evict:
			s.send(w, st, "event: dropped\ndata: "+st.reason)
			return
		case <-r.Context().Done():
			return
		case <-s.done:
			return
		case <-changed:
		case <-beat.C:
		}
	}
}

// pageChangesLocked returns as JSON what a person sees and what changed since a change: all of it,
// or the oldest part that fits an event. It also returns the last change that is included.
func (s *Sim) pageChangesLocked(u *User, seen uint64) (data string, upTo uint64) {
	now := time.Now()
	statuses := []any{}
	messages, upTo := s.pageMessagesLocked(u, seen)
	for k, st := range s.status {
		if text := st.now(now); text != "" && s.channels[k.channel].members[u.ID] {
			statuses = append(statuses, obj{"channel": k.channel, "thread_ts": k.ts, "text": text})
		}
	}
	var view any // of the Home tab, if it changed
	if h := s.homes[u.ID]; h != nil && h.rev > seen {
		view = h.Blocks
	}
	return jsonText(obj{
		"boot": s.boot, "home": view, "stoppable": s.stoppableThreadsLocked(u),
		"rev": s.rev, "messages": messages, "statuses": statuses, "sockets": len(s.sockets),
		"updates": len(s.limits.used("chat.update", now)), "updates_limit": tier3,
		"more": upTo < s.rev,
	}), upTo
}

// pageMessagesLocked returns what changed in the messages that a person sees, oldest change first,
// until an event is full.
func (s *Sim) pageMessagesLocked(u *User, seen uint64) (messages []json.RawMessage, upTo uint64) {
	var changed []*message
	for _, id := range s.chanOrder {
		c := s.channels[id]
		if !c.members[u.ID] || c.im != "" && c.im != u.ID {
			continue
		}
		for _, m := range c.messages {
			if m.rev > seen {
				changed = append(changed, m)
			}
		}
	}
	for _, m := range s.ephemerals.list {
		if m.rev > seen && m.ephemeral == u.ID && !m.unseen {
			changed = append(changed, m)
		}
	}
	slices.SortStableFunc(changed, func(a, b *message) int { return cmp.Compare(a.rev, b.rev) })
	messages = []json.RawMessage{}
	size, last := 0, seen
	for _, m := range changed {
		if size > maxEvent && m.rev != last { // several may have changed at once
			return messages, last
		}
		last = m.rev
		data := jsonText(s.pageMessageLocked(m, u))
		messages = append(messages, json.RawMessage(data))
		size += len(data)
	}
	return messages, s.rev
}

// pageMessageLocked returns a message as a person sees it.
func (s *Sim) pageMessageLocked(m *message, u *User) obj {
	text, blocks, all := s.shownLocked(m, u.ID)
	o := obj{
		"channel": m.channel, "ts": m.ts, "thread_ts": m.thread, "user": m.user, "bot": m.botID != "", "text": text, "edited": m.edited != "",
		"deleted": m.deleted && !m.tombstone, "tombstone": m.tombstone, "ephemeral": m.ephemeral != "", "broadcast": m.broadcast, "edits": len(m.versions) - 1,
	}
	if m.botID != "" {
		o["blocks"] = blocks
	}
	if len(m.rich) > 0 {
		o["blocks"] = m.rich
	}
	if len(m.attachments) > 0 {
		o["attachments"] = m.attachments
	}
	if name := m.app.As; name != "" || m.app.Name != "" {
		if name == "" {
			name = m.app.Name
		}
		o["app"] = name
	}
	if m.stream != nil {
		o["stream"] = m.stream.state
		if !all {
			o["reads_along"] = s.nameLocked(m.stream.recipient)
		}
	}
	if len(m.files) > 0 {
		files := []any{}
		for _, f := range m.files {
			files = append(files, obj{"id": f.id, "name": f.name, "type": f.mime, "size": len(f.data), "gone": f.gone})
		}
		o["files"] = files
	}
	if m.ephemeral == "" && m.thread == "" {
		rs := s.channels[m.channel].replies(m.ts)
		o["replies"] = len(rs)
		if len(rs) > 0 {
			o["last_reply"] = rs[len(rs)-1].ts
		}
	}
	return o
}
