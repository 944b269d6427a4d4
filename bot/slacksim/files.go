package slacksim

import (
	"fmt"
	"html"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Upload is a file that a person attaches.
type Upload struct {
	Name string
	Type string // mimetype; empty: by the name's ending, else by the content
	Data []byte

	// Kind is what else it may be than a file: see the constants.
	Kind Kind
	// Title is what people call it; empty: its name.
	Title string
	// Thumb is the JPEG that Slack makes of a picture that browsers cannot show.
	Thumb []byte
	// Transcript is what Slack hears in a voice clip; empty: it does not say.
	Transcript string
	// At is the address of a file on another host.
	At string
}

// Kind is what an upload is.
type Kind string

// The kinds. The page makes a canvas of a file that ends in .canvas, a list of one that ends in
// .slacklist, and a voice clip of one that is called audio_message.
const (
	KindFile     Kind = ""
	KindVoice    Kind = "voice"    // a clip that somebody spoke; Slack calls it video/mp4 or audio/mp4
	KindCanvas   Kind = "canvas"   // its data is HTML
	KindList     Kind = "list"     // a Slack list
	KindExternal Kind = "external" // on another host; Slack has only its address
)

// file is an uploaded file. It never changes: one that is deleted gives way to another with the
// same id.
type file struct {
	id, user, channel string
	name, title, mime string
	data              []byte
	made              time.Time
	up                Upload // as it was uploaded
	gone              bool   // it was deleted: nothing but its id is left
}

// previewRunes is how much of a snippet its file object shows.
const previewRunes = 500

// maxFileName is how many characters a file's name, title and type have at most: what the usual
// file systems take as a name.
const maxFileName = 255

// Upload writes a message with files as a person, like Say; the text may be empty. The app gets a
// message event with subtype file_share and files[]; its app_mention, if the message mentions the
// bot, has no files.
func (s *Sim) Upload(user, channel, threadTS, text string, files ...Upload) string {
	ts, err := s.say(user, channel, threadTS, text, files...)
	if err != nil {
		panic(err)
	}
	return ts
}

func (s *Sim) addFilesLocked(user, channel string, list []Upload) []*file {
	var out []*file
	for _, u := range list {
		u.Name, u.Title, u.Type = shortName(u.Name), cutRunes(u.Title, maxFileName), cutRunes(u.Type, maxFileName)
		f := &file{id: s.idLocked("F"), user: user, channel: channel, name: path.Base("/" + u.Name), mime: u.Type, data: u.Data, made: time.Now()}
		if f.name == "/" {
			f.name = "file"
		}
		f.up = u.kind()
		if f.title = f.up.Title; f.title == "" {
			f.title = strings.TrimSuffix(strings.TrimSuffix(f.name, ".canvas"), ".slacklist")
		}
		switch f.up.Kind {
		case KindCanvas:
			f.mime = "application/vnd.slack-docs"
		case KindList:
			f.mime = "application/vnd.slack-list"
		case KindVoice:
			if f.mime == "" {
				f.mime = "video/mp4"
			}
		case KindFile, KindExternal:
		}
		if f.mime == "" {
			f.mime, _ = fileKind(f.name)
		}
		if f.mime == "" {
			f.mime, _, _ = strings.Cut(http.DetectContentType(u.Data), ";")
		}
		s.files[f.id] = f
		out = append(out, f)
	}
	return out
}

// shortName returns a file's name of at most maxFileName characters, with its ending.
func shortName(name string) string {
	if utf8.RuneCountInString(name) <= maxFileName {
		return name
	}
	name = name[strings.LastIndexByte(name, '/')+1:]
	ending := path.Ext(name)
	if n := utf8.RuneCountInString(ending); n < maxFileName/2 {
		return cutRunes(strings.TrimSuffix(name, ending), maxFileName-n) + ending
	}
	return cutRunes(name, maxFileName)
}

// fileKind returns the mimetype and Slack's filetype for a name's ending. Slack calls source code
// text/plain.
func fileKind(name string) (mimetype, filetype string) {
	ending := strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
	switch ending {
	case "":
		return "", ""
	case "png", "gif", "webp":
		return "image/" + ending, ending
	case "heic", "heif":
		return "image/heic", "heic"
	case "jpg", "jpeg":
		return "image/jpeg", "jpg"
	case "pdf":
		return "application/pdf", "pdf"
	case "zip":
		return "application/zip", "zip"
	case "csv":
		return "text/csv", "csv"
	case "md":
		return "text/markdown", "markdown"
	case "html":
		return "text/html", "html"
	case "json":
		return "application/json", "json"
	}
	for filetype, endings := range map[string]string{
		"text": "txt log conf ini env", "python": "py", "javascript": "js", "typescript": "ts", "shell": "sh bash", "go": "go",
		"yaml": "yaml yml", "xml": "xml", "sql": "sql", "c": "c h", "cpp": "cc cpp hpp", "java": "java", "rust": "rs", "ruby": "rb",
		"css": "css", "diff": "diff patch", "tsv": "tsv", "kotlin": "kt", "swift": "swift", "php": "php",
	} {
		if slices.Contains(strings.Fields(endings), ending) {
			return "text/plain", filetype
		}
	}
	return "", ending
}

// textual reports whether Slack keeps the file as a snippet: text that was uploaded, or typed as a
// snippet.
func (f *file) textual() bool {
	return strings.HasPrefix(f.mime, "text/") || f.mime == "application/json"
}

// objLocked returns a file object, as in events, conversations.replies and files.info. hidden is
// the form of files of another organisation: nothing but the id, to be looked up with files.info
// (facts: slack.md §5.7).
func (f *file) objLocked(s *Sim, hidden bool) obj {
	if f.gone {
		return obj{"id": f.id, "mode": "tombstone"}
	}
	o := obj{"id": f.id, "created": f.made.Unix(), "timestamp": f.made.Unix(), "user": f.user}
	if hidden {
		o["mode"], o["file_access"] = "file_access", "check_file_info"
		return o
	}
	_, filetype := fileKind(f.name)
	if filetype == "" {
		if filetype = "binary"; f.textual() {
			filetype = "text"
		}
	}
	root := s.cfg.BaseURL + "/files/" + s.cfg.Team.ID + "-" + f.id
	name := url.PathEscape(strings.ToLower(strings.ReplaceAll(f.name, " ", "_")))
	o["name"], o["title"], o["mimetype"], o["filetype"], o["pretty_type"] = f.name, f.title, f.mime, filetype, strings.ToUpper(filetype)
	team := s.cfg.Team.ID
	if u := s.users[f.user]; u != nil {
		team = u.TeamID
	}
	o["user_team"], o["mode"], o["size"], o["editable"], o["file_access"] = team, "hosted", len(f.data), false, "visible"
	o["is_external"], o["external_type"], o["is_public"], o["public_url_shared"], o["display_as_bot"], o["username"] = false, "", true, false, false, ""
	o["url_private"], o["url_private_download"] = root+"/"+name, root+"/download/"+name
	o["permalink"] = "https://" + s.cfg.Team.Domain + ".slack.com/files/" + f.user + "/" + f.id + "/" + name
	o["has_rich_preview"], o["is_starred"] = false, false
	if f.textual() {
		text := string(f.data)
		lines := strings.Count(text, "\n") + 1
		o["mode"], o["editable"] = "snippet", true
		o["preview"], o["preview_is_truncated"] = cutRunes(text, previewRunes), len(cutRunes(text, previewRunes)) < len(text)
		o["lines"], o["lines_more"], o["preview_highlight"] = lines, max(0, lines-5), "<pre>"+html.EscapeString(cutRunes(text, previewRunes))+"</pre>"
	}
	f.special(o, root)
	return o
}

// foreignLocked reports whether a file comes from another organisation.
func (f *file) foreignLocked(s *Sim) bool {
	u := s.users[f.user]
	return u != nil && u.TeamID != s.cfg.Team.ID
}

func (s *Sim) fileObjsLocked(files []*file) []any {
	var out []any
	for _, f := range files {
		out = append(out, f.objLocked(s, f.foreignLocked(s)))
	}
	return out
}

func (s *Sim) fileInfoLocked(c *call) (obj, *refusal) {
	f := s.files[c.args["file"]]
	if f == nil || f.user != s.cfg.Bot.UserID && !s.channels[f.channel].members[s.cfg.Bot.UserID] {
		return nil, refuse("file_not_found")
	}
	if f.gone {
		return nil, refuse("file_deleted")
	}
	return obj{"file": f.objLocked(s, false), "comments": []any{}, "response_metadata": obj{"next_cursor": ""}}, nil
}

// deleteFileLocked implements files.delete. The message that shared the file stays, with the note
// that it was deleted (slack-cleaner issue 56, wee-slack 641); so it is with several.
func (s *Sim) deleteFileLocked(c *call) (obj, *refusal) {
	f := s.files[c.args["file"]]
	switch {
	case f == nil, f.user != s.cfg.Bot.UserID && (s.channels[f.channel] == nil || !s.channels[f.channel].members[s.cfg.Bot.UserID]):
		return nil, refuse("file_not_found")
	case f.gone:
		return nil, refuse("file_deleted")
	case f.user != s.cfg.Bot.UserID:
		return nil, refuse("cant_delete_file")
	}
	left := &file{id: f.id, user: f.user, channel: f.channel, made: f.made, gone: true}
	s.files[f.id] = left
	for _, id := range s.chanOrder {
		ch := s.channels[id]
		for _, m := range ch.messages {
			i := slices.Index(m.files, f)
			if i < 0 {
				continue
			}
			before := s.messageLocked(ch, m, true)
			m.files = slices.Clone(m.files)
			m.files[i] = left
			s.changedLocked(m)
			s.messageEventLocked(ch, obj{"type": "message", "subtype": "message_changed", "hidden": true, "message": s.messageLocked(ch, m, true), "previous_message": before})
		}
	}
	return obj{}, nil
}

// serveFile serves url_private and url_private_download to the bot. Without rights the answer is
// the workspace's sign-in page, with status 200. The request is listed among the calls as
// "url_private" and takes faults under that name.
func (s *Sim) serveFile(w http.ResponseWriter, r *http.Request) {
	id, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/files/"), "/")
	_, id, _ = strings.Cut(id, "-")
	secret, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	f := s.files[id]
	known := !s.unknown(secret)
	ok := f != nil && !f.gone && secret == s.cfg.BotToken && s.scopeLocked("files:read") && s.channels[f.channel] != nil && s.channels[f.channel].members[s.cfg.Bot.UserID]
	var fault *Fault
	if known {
		fault = s.faultLocked("url_private", "")
	}
	thumb := strings.HasSuffix(r.URL.Path, "/"+thumbName)
	call := Call{Method: "url_private", At: time.Now(), Args: map[string]string{"file": id}, OK: ok, Carried: ok, Status: http.StatusOK}
	if !ok {
		call.Error = "sign-in page"
	}
	if fault != nil && fault.Status != 0 {
		call.OK, call.Refused, call.Carried, call.Status, call.Error = false, true, false, fault.Status, "http "+strconv.Itoa(fault.Status)
	}
	if call.Done = call.At; known {
		call.seq = s.touchLocked()
		s.calls.add(call, len(id))
	}
	s.mu.Unlock()
	if fault != nil {
		if no := s.sabotage(r, fault); no != nil {
			if no.retryAfter > 0 {
				w.Header().Set("Retry-After", strconv.Itoa(no.retryAfter))
			}
			http.Error(w, no.name, max(no.status, http.StatusBadRequest))
			return
		}
	}
	if !s.sleep(r.Context(), s.latency()) {
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if !ok {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, "<!DOCTYPE html><html><head><title>Sign in | Slack</title></head><body><h1>Sign in to %s</h1></body></html>", html.EscapeString(s.cfg.Team.Name))
		return
	}
	if thumb {
		s.sendFile(w, &file{name: thumbName, mime: "image/jpeg", data: f.up.Thumb}, false)
		return
	}
	s.sendFile(w, f, true)
}

// sendFile writes a file. A download is never shown, so that no file becomes a page of ours.
func (s *Sim) sendFile(w http.ResponseWriter, f *file, download bool) {
	kind := f.mime
	if f.up.Kind == KindCanvas {
		kind = "text/html"
	}
	if strings.HasPrefix(kind, "text/") {
		kind += "; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(f.data)))
	if download {
		w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.name}))
	}
	// It is a download, or an image whose type is not guessed.
	if _, err := w.Write(f.data); err != nil {
		s.log.Debug("file not written", "error", err)
	}
}

// pageFile serves a file to a reader of the page: an image to be shown, all else as a download.
func (s *Sim) pageFile(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	f := s.files[r.URL.Query().Get("id")]
	u, err := s.userLocked(r.URL.Query().Get("user"))
	ok := f != nil && !f.gone && err == nil && s.channels[f.channel] != nil && s.channels[f.channel].members[u.ID]
	s.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	inline := []string{"image/png", "image/jpeg", "image/gif", "image/webp"}
	s.sendFile(w, f, !slices.Contains(inline, f.mime))
}
