package slacksim

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// maxUpload is the largest file that the app may upload, in bytes. Slack takes 1 GB; this is a
	// test's memory.
	maxUpload = 16 << 20
	// maxPending is how many uploads may wait to be completed. A further one drops the oldest;
	// Slack drops them after some time.
	maxPending = 64
	// shareAfter is how long after files.completeUploadExternal the message appears. Slack works on
	// the file first, and its answer names no message.
	shareAfter = 300 * time.Millisecond
)

// pending is a file that the app is uploading, until it is completed.
type pending struct {
	id, name string
	size     int
	data     []byte // nil: not sent yet
}

// uploadURLLocked implements files.getUploadURLExternal.
func (s *Sim) uploadURLLocked(c *call) (obj, *refusal) {
	size, err := strconv.Atoi(c.args["length"])
	switch {
	case err != nil, c.args["filename"] == "":
		return nil, refuse("invalid_arguments")
	case size <= 0: // "typically only occurs when the length provided is 0"
		return nil, refuse("missing_argument")
	case size > maxUpload:
		return nil, refuse("file_upload_size_restricted")
	}
	p := &pending{id: s.idLocked("F"), name: shortName(c.args["filename"]), size: size}
	if s.uploads = append(s.uploads, p); len(s.uploads) > maxPending {
		s.uploads = s.uploads[1:]
	}
	return obj{"upload_url": s.cfg.BaseURL + "/upload/v1/" + p.id, "file_id": p.id}, nil
}

// pendingLocked finds an upload that is not completed.
func (s *Sim) pendingLocked(id string) (at int, p *pending) {
	for i, p := range s.uploads {
		if p.id == id {
			return i, p
		}
	}
	return -1, nil
}

// serveUpload takes the bytes of a file, raw or as a form, as Slack's upload server does. The
// request is listed among the calls as "upload" and takes faults under that name.
func (s *Sim) serveUpload(w http.ResponseWriter, r *http.Request, id string) {
	s.mu.Lock()
	_, p := s.pendingLocked(id)
	var fault *Fault
	// Strangers leave nothing behind and use nothing up.
	if p != nil {
		fault = s.faultLocked("upload", "")
		now := time.Now()
		c := Call{Method: "upload", At: now, Done: now, Args: map[string]string{"file": id}, OK: fault == nil, seq: s.touchLocked()}
		s.calls.add(c, len(id))
	}
	s.mu.Unlock()
	if fault != nil {
		if no := s.sabotage(r, fault); no != nil {
			http.Error(w, no.name, max(no.status, http.StatusBadRequest))
			return
		}
	}
	if p == nil || r.Method != http.MethodPost || !s.sleep(r.Context(), s.latency()) {
		http.Error(w, "no such upload", http.StatusBadRequest)
		return
	}
	body, free, err := s.readBody(w, r, int64(p.size)+4096)
	var data []byte
	if err == nil {
		defer free()
		data, err = uploaded(bytes.NewReader(body), r.Header.Get("Content-Type"))
	}
	if err != nil || len(data) != p.size {
		http.Error(w, "not "+strconv.Itoa(p.size)+" bytes", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	p.data = data
	s.mu.Unlock()
	_, _ = io.WriteString(w, "OK - "+strconv.Itoa(len(data)))
}

// uploaded returns the file in a body.
func uploaded(body io.Reader, contentType string) ([]byte, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" {
		return io.ReadAll(body)
	}
	return firstPart(body, params["boundary"])
}

// completeUploadLocked implements files.completeUploadExternal. It "can only be called once" for a
// file. Which error a second call gets is not documented; here there is no such upload then. A
// completed file can be looked up at once; its message comes a little later.
func (s *Sim) completeUploadLocked(c *call) (obj, *refusal) {
	var list []struct{ ID, Title string }
	if json.Unmarshal([]byte(c.args["files"]), &list) != nil || len(list) == 0 {
		return nil, refuse("invalid_arguments")
	}
	var ch *channel
	if id := c.args["channel_id"]; id != "" {
		var no *refusal
		if ch, no = s.botChannelLocked(id); no != nil {
			return nil, no
		}
	}
	var files []*file
	var out []any
	for _, f := range list {
		at, p := s.pendingLocked(f.ID)
		if p == nil || p.data == nil {
			return nil, refuse("file_not_found")
		}
		s.uploads = append(s.uploads[:at:at], s.uploads[at+1:]...)
		done := &file{id: p.id, user: s.cfg.Bot.UserID, name: p.name, title: cutRunes(f.Title, maxFileName), data: p.data, made: time.Now()}
		if done.title == "" {
			done.title = p.name
		}
		if done.mime, _ = fileKind(p.name); done.mime == "" {
			done.mime, _, _ = strings.Cut(http.DetectContentType(p.data), ";")
		}
		if ch != nil {
			done.channel = ch.ID
		}
		s.files[done.id] = done
		files = append(files, done)
		out = append(out, obj{"id": done.id, "title": done.title})
	}
	if ch != nil {
		s.goLocked(func() { s.share(ch, c.args["thread_ts"], c.args["initial_comment"], files) })
	}
	return obj{"files": out}, nil
}

// share posts the message of files that were completed.
func (s *Sim) share(ch *channel, thread, comment string, files []*file) {
	timer := time.NewTimer(shareAfter)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.done:
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range files {
		files[i] = s.files[f.id]
	}
	if !slices.ContainsFunc(files, func(f *file) bool { return !f.gone }) {
		return // deleted before anybody saw them
	}
	m := &message{user: s.cfg.Bot.UserID, botID: s.cfg.Bot.BotID, text: comment, files: files}
	if thread != "" {
		m.thread = ch.root(thread)
	}
	s.addLocked(ch, m)
	s.newMessageEventsLocked(ch, m)
}

// firstPart returns the first part of a form that has a file name.
func firstPart(body io.Reader, boundary string) ([]byte, error) {
	for form := multipart.NewReader(body, boundary); ; {
		part, err := form.NextPart()
		if err != nil {
			return nil, err
		}
		if part.FileName() != "" {
			return io.ReadAll(part)
		}
	}
}
