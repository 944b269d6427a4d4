package slacksim

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

//go:embed web
var web embed.FS

// pageBeat is how often the page hears from us without a change, so that it sees the status line and the budget expire.
const pageBeat = 5 * time.Second

// maxPageBody is how much one request of the page may bring, in bytes: a few files in base64.
const maxPageBody = 32 << 20

// newPage serves the browser page and its endpoints:
//
//	GET  /                 the page, with /app.js and /style.css
//	GET  /page/state       people, channels, commands and the notice
//	GET  /page/file?user=U…&id=F…       a file
//	GET  /page/events?user=U…&after=0   server-sent events: what changed since, for this person
//	POST /page/say, /page/command, /page/click, /page/home, /page/click-home, /page/stop, /page/edit, /page/delete   JSON, as that person
//
// It is for one machine: only loopback hosts (and Config.Hosts) are served, against DNS rebinding, and no other origin may post.
func (s *Sim) newPage() http.Handler {
	mux := http.NewServeMux()
	files, err := fs.Sub(web, "web")
	if err != nil {
		panic(err) // the folder is embedded
	}
	mux.Handle("GET /", http.FileServerFS(files))
	mux.HandleFunc("GET /page/state", s.pageState)
	mux.HandleFunc("GET /page/events", s.pageEvents)
	mux.HandleFunc("GET /page/file", s.pageFile)
	mux.HandleFunc("POST /page/say", s.pageDo(func(_ *http.Request, q pageRequest) (any, error) {
		ts, err := s.say(q.User, q.Channel, q.ThreadTS, q.Text, q.Files...)
		return obj{"ts": ts}, err
	}))
	mux.HandleFunc("POST /page/command", s.pageDo(func(r *http.Request, q pageRequest) (any, error) {
		m, err := s.Command(r.Context(), q.User, q.Channel, q.Command, q.Text)
		return obj{"ts": m.TS}, err
	}))
	mux.HandleFunc("POST /page/click", s.pageDo(func(r *http.Request, q pageRequest) (any, error) {
		return obj{}, s.ClickValue(r.Context(), q.User, q.Channel, q.TS, q.ActionID, q.Value)
	}))
	mux.HandleFunc("POST /page/home", s.pageDo(func(_ *http.Request, q pageRequest) (any, error) {
		return obj{}, s.OpenHome(q.User)
	}))
	mux.HandleFunc("POST /page/click-home", s.pageDo(func(r *http.Request, q pageRequest) (any, error) {
		return obj{}, s.ClickHome(r.Context(), q.User, q.ActionID, q.Value)
	}))
	mux.HandleFunc("POST /page/stop", s.pageDo(func(_ *http.Request, q pageRequest) (any, error) {
		return obj{}, s.StopSession(q.User, q.Channel, q.ThreadTS)
	}))
	mux.HandleFunc("POST /page/edit", s.pageDo(func(_ *http.Request, q pageRequest) (any, error) {
		return obj{}, s.Edit(q.User, q.Channel, q.TS, q.Text)
	}))
	mux.HandleFunc("POST /page/delete", s.pageDo(func(r *http.Request, q pageRequest) (any, error) {
		return obj{}, s.Delete(q.User, q.Channel, q.TS)
	}))
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.hostAllowed(r.Host) {
			http.Error(w, "This page is only for this machine: open it as http://localhost or http://127.0.0.1.", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-store")
		guarded.ServeHTTP(w, r)
	})
}

func (s *Sim) hostAllowed(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.Trim(name, "[]")
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback() || slices.Contains(s.cfg.Hosts, name)
}

type pageRequest struct {
	User     string `json:"user"`
	Channel  string `json:"channel"`
	ThreadTS string `json:"thread_ts"`
	TS       string `json:"ts"`
	Text     string `json:"text"`
	Command  string `json:"command"`
	ActionID string `json:"action_id"`
	Value    string `json:"value"`

	Files []Upload `json:"files"` // with name, type and data in base64
}

// pageDo decodes a request of the page, and answers with what a person would read if it fails.
func (s *Sim) pageDo(do func(*http.Request, pageRequest) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q pageRequest
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxPageBody)).Decode(&q); err != nil {
			http.Error(w, "not JSON", http.StatusBadRequest)
			return
		}
		out, err := do(r, q)
		w.Header().Set("Content-Type", "application/json")
		if err != nil {
			w.WriteHeader(http.StatusUnprocessableEntity)
			out = obj{"error": err.Error(), "command": q.Command, "no_socket": errors.Is(err, ErrDispatchFailed)}
		}
		s.writeJSON(w, out)
	}
}

func (s *Sim) writeJSON(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.log.Debug("answer not written", "error", err)
	}
}

func (s *Sim) pageState(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	users, channels := []any{}, []any{}
	for _, id := range s.userOrder {
		u := s.users[id]
		users = append(users, obj{"id": u.ID, "name": u.Name, "real_name": u.RealName, "bot": u.BotID != "", "guest": u.Guest, "external": u.TeamID != s.cfg.Team.ID})
	}
	for _, id := range s.chanOrder {
		c := s.channels[id]
		channels = append(channels, obj{
			"id": c.ID, "name": c.Name, "kind": c.kind(), "im": c.im, "shared": c.ExtShared,
			"bot": c.members[s.cfg.Bot.UserID], "members": c.Members,
		})
	}
	state := obj{
		"team": obj{"name": s.cfg.Team.Name}, "bot": obj{"id": s.cfg.Bot.UserID, "name": s.cfg.Bot.Name}, "users": users,
		"channels": channels, "commands": s.cfg.Commands, "notice": s.cfg.Notice,
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	s.writeJSON(w, state)
}

// pageEvents streams what changed. Nothing is queued: each event carries the newest state of all that changed since the last
// one, so a slow browser skips versions and never falls behind.
func (s *Sim) pageEvents(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	u, err := s.userLocked(r.URL.Query().Get("user"))
	s.mu.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	beat := time.NewTicker(pageBeat)
	defer beat.Stop()
	var seen uint64
	for {
		s.mu.Lock()
		changed := s.changed
		data := jsonText(s.pageChangesLocked(u, seen))
		seen = s.rev
		s.mu.Unlock()
		if _, err := fmt.Fprintf(w, "data: %s\n\n", data); err != nil || out.Flush() != nil {
			return
		}
		select {
		case <-changed:
		case <-beat.C:
		case <-r.Context().Done():
			return
		case <-s.done:
			return
		}
	}
}

// pageChangesLocked is all that a person sees and that changed after a change.
func (s *Sim) pageChangesLocked(u *User, seen uint64) obj {
	now := time.Now()
	messages, statuses := []any{}, []any{}
	show := func(c *channel, m *message) {
		text, blocks, all := s.shownLocked(m, u.ID)
		o := obj{
			"channel": m.channel, "ts": m.ts, "thread_ts": m.thread, "user": m.user, "bot": m.botID != "", "text": text, "edited": m.edited != "",
			"deleted": m.deleted && !m.tombstone, "tombstone": m.tombstone, "ephemeral": m.ephemeral != "", "broadcast": m.broadcast, "edits": len(m.versions) - 1,
		}
		if m.botID != "" {
			o["blocks"] = blocks
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
				files = append(files, obj{"id": f.id, "name": f.name, "type": f.mime, "size": len(f.data)})
			}
			o["files"] = files
		}
		if m.ephemeral == "" && m.thread == "" {
			rs := c.replies(m.ts)
			o["replies"] = len(rs)
			if len(rs) > 0 {
				o["last_reply"] = rs[len(rs)-1].ts
			}
		}
		messages = append(messages, o)
	}
	for _, id := range s.chanOrder {
		c := s.channels[id]
		if !c.members[u.ID] || c.im != "" && c.im != u.ID {
			continue
		}
		for _, m := range c.messages {
			if m.rev > seen {
				show(c, m)
			}
		}
	}
	for _, m := range s.ephemerals {
		if m.rev > seen && m.ephemeral == u.ID {
			show(s.channels[m.channel], m)
		}
	}
	for k, st := range s.status {
		if text := st.now(now); text != "" && s.channels[k.channel].members[u.ID] {
			statuses = append(statuses, obj{"channel": k.channel, "thread_ts": k.ts, "text": text})
		}
	}
	var view any // of the Home tab, if it changed
	if h := s.homes[u.ID]; h != nil && h.rev > seen {
		view = h.Blocks
	}
	return obj{
		"boot": s.boot, "home": view, "stoppable": s.stoppableThreadsLocked(u),
		"rev": s.rev, "messages": messages, "statuses": statuses, "sockets": len(s.sockets),
		"updates": len(s.limits.used("chat.update", now)), "updates_limit": tier3,
	}
}
