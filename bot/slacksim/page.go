package slacksim

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"regexp"
	"unicode/utf8"
)

//go:embed web
var web embed.FS

// permalinkTS is the last part of a message's address, which has its time without the dot.
var permalinkTS = regexp.MustCompile(`^p(\d{1,12})(\d{6})$`)

// maxPageBody is how many bytes one request of the page may have: a few files in base64.
const maxPageBody = 32 << 20

// The bounds on what the page sends, for it asks nobody who they are.
const (
	maxUploads = 10        // files of one message, as in Slack
	maxStored  = 256 << 20 // bytes of all messages and files ever written on the page
	cellBytes  = 64        // what a pasted cell takes besides its content
	entryBytes = 1 << 10   // what a message or a file takes besides its content, at most
)

// newPage serves the browser page and its endpoints:
//
//	GET  /                 the page, with /app.js and /style.css
//	GET  /archives/C…/p…   a message's address, which leads to the page
//	GET  /page/state       people, channels, commands, the notice, and whether there is a demo
//	GET, POST /page/demo/… Config.Demo
//	GET  /page/file?user=U…&id=F…       a file
//	GET  /page/events?user=U…&after=0   server-sent events: what changed since, for this person
//	POST /page/forward, /page/table, /page/me, /page/permalink,
//	POST /page/say, /page/command, /page/click, /page/home, /page/click-home, /page/stop,
//	     /page/edit, /page/delete       JSON, as that person
//
// and those of the panel (panelRoutes).
//
// Whoever reaches the page may speak as anybody. Sim.refused decides who reaches it.
func (s *Sim) newPage() http.Handler {
	mux := http.NewServeMux()
	files, err := fs.Sub(web, "web")
	if err != nil {
		panic(err) // the folder is embedded
	}
	mux.Handle("GET /", http.FileServerFS(files))
	if s.cfg.Demo != nil {
		// Two patterns, for one without a method would conflict with "GET /".
		mux.Handle("GET /page/demo/", s.cfg.Demo)
		mux.Handle("POST /page/demo/", s.cfg.Demo)
	}
	mux.HandleFunc("GET /archives/{channel}/{message}", pageMessage)
	mux.HandleFunc("GET /page/state", s.pageState)
	mux.HandleFunc("GET /page/events", s.pageEvents)
	mux.HandleFunc("GET /page/file", s.pageFile)
	mux.HandleFunc("POST /page/say", s.pageDo(func(_ *http.Request, q pageRequest) (any, error) {
		ts, err := s.say(q.User, q.Channel, q.ThreadTS, q.Text, q.Files...)
		return obj{"ts": ts}, err
	}))
	mux.HandleFunc("POST /page/forward", s.pageDo(func(_ *http.Request, q pageRequest) (any, error) {
		ts, err := s.Forward(q.User, q.Channel, q.ThreadTS, q.Text, q.From, q.TS)
		return obj{"ts": ts}, err
	}))
	mux.HandleFunc("POST /page/table", s.pageDo(func(_ *http.Request, q pageRequest) (any, error) {
		ts, err := s.Table(q.User, q.Channel, q.ThreadTS, q.Text, q.Cells)
		return obj{"ts": ts}, err
	}))
	mux.HandleFunc("POST /page/me", s.pageDo(func(_ *http.Request, q pageRequest) (any, error) {
		ts, err := s.TryPost(Post{User: q.User, Channel: q.Channel, ThreadTS: q.ThreadTS, Text: q.Text, Me: true})
		return obj{"ts": ts}, err
	}))
	mux.HandleFunc("POST /page/permalink", s.pageDo(func(_ *http.Request, q pageRequest) (any, error) {
		link, err := s.Permalink(q.Channel, q.TS)
		return obj{"link": link}, err
	}))
	mux.HandleFunc("POST /page/command", s.pageDo(func(r *http.Request, q pageRequest) (any, error) {
		m, err := s.Command(r.Context(), q.User, q.Channel, q.Command, q.Text)
		return obj{"ts": m.TS}, err
	}))
	mux.HandleFunc("POST /page/invite", s.pageDo(func(_ *http.Request, q pageRequest) (any, error) {
		return obj{}, s.inviteBy(q.User, q.Channel)
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
	s.panelRoutes(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

// pageMessage leads from a message's address to the page, which goes to the message.
func pageMessage(w http.ResponseWriter, r *http.Request) {
	m := permalinkTS.FindStringSubmatch(r.PathValue("message"))
	if m == nil {
		http.NotFound(w, r)
		return
	}
	to := url.Values{"channel": {r.PathValue("channel")}, "message": {m[1] + "." + m[2]}}
	http.Redirect(w, r, "/?"+to.Encode(), http.StatusSeeOther)
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
	From     string `json:"from"` // the channel of a message that is forwarded

	Cells cells `json:"cells"` // that were pasted

	Files uploads `json:"files"` // with name, type and data in base64
}

// uploads are a message's files. They are counted while being read, because a small body may have
// very many.
type uploads []Upload

// UnmarshalJSON reads at most maxUploads files.
func (u *uploads) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return err // null
	}
	for d.More() {
		if len(*u) >= maxUploads {
			return fmt.Errorf("more than %d files", maxUploads)
		}
		var f struct { // the page sends no more, and what else an Upload has is not counted
			Name, Type string
			Data       []byte
		}
		if err := d.Decode(&f); err != nil {
			return err
		}
		*u = append(*u, Upload{Name: shortName(f.Name), Type: cutRunes(f.Type, maxFileName), Data: f.Data})
	}
	return nil
}

// cells are a pasted table. They are bounded while being read, because a small body may have very
// many.
type cells [][]string

// UnmarshalJSON reads at most maxTableRows rows of maxTableCells cells, which is what a table block
// takes.
func (c *cells) UnmarshalJSON(data []byte) error {
	if len(data) > maxPageBody/16 {
		return errors.New("too many cells")
	}
	var rows [][]string
	if err := json.Unmarshal(data, &rows); err != nil {
		return err
	}
	if len(rows) > maxTableRows {
		return fmt.Errorf("more than %d rows", maxTableRows)
	}
	for _, row := range rows {
		if len(row) > maxTableCells {
			return fmt.Errorf("more than %d cells in a row", maxTableCells)
		}
	}
	*c = rows
	return nil
}

// keep counts what a request of the page leaves in the workspace, and refuses what would be too
// much.
func (s *Sim) keep(q pageRequest) error {
	if utf8.RuneCountInString(q.Text) > cutPostText || utf8.RuneCountInString(q.Value) > cutPostText {
		return fmt.Errorf("%w: at most %d characters", ErrTooLong, cutPostText)
	}
	n := len(q.Text) + len(q.Value) + entryBytes
	for _, row := range q.Cells {
		for _, cell := range row {
			n += len(cell) + cellBytes
		}
	}
	for _, f := range q.Files {
		n += len(f.Data) + len(f.Name) + len(f.Type) + entryBytes
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stored+n > maxStored {
		return ErrFull
	}
	s.stored += n
	return nil
}

// pageDo decodes a request of the page and does it. If it fails, the answer is what a person would
// read.
func (s *Sim) pageDo(do func(*http.Request, pageRequest) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, free, err := s.readBody(w, r, maxPageBody)
		if err != nil {
			http.Error(w, "The request did not come whole, or is too large.", http.StatusBadRequest)
			return
		}
		defer free()
		var q pageRequest
		if err := json.Unmarshal(body, &q); err != nil {
			http.Error(w, "not JSON", http.StatusBadRequest)
			return
		}
		var out any
		if err = s.keep(q); err == nil {
			out, err = do(r, q)
		}
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
		"demo": s.cfg.Demo != nil,
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	s.writeJSON(w, state)
}
