package llmsim

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxAudio is how many bytes a recording may have (vLLM's VLLM_MAX_AUDIO_CLIP_FILESIZE_MB, 25).
const maxAudio = 25 << 20

// Recording is a recording that came to /v1/audio/transcriptions.
type Recording struct {
	At            time.Time
	Model, Name   string
	Type, Format  string // of the part; response_format
	Authorization string
	Data          []byte
	Status        int
}

// Recordings returns the recordings that came, oldest first.
func (s *Server) Recordings() []Recording {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.heard)
}

// transcribe serves /v1/audio/transcriptions as vLLM does for Whisper.
func (s *Server) transcribe(w http.ResponseWriter, r *http.Request) {
	rec := Recording{At: time.Now(), Authorization: r.Header.Get("Authorization")}
	text, bad := s.hear(r, &rec)
	rec.Status = http.StatusOK
	if bad != nil {
		rec.Status = bad.status
	}
	s.mu.Lock()
	if s.heard = append(s.heard, rec); len(s.heard) > keptRequests {
		s.heard = s.heard[1:]
	}
	s.mu.Unlock()
	if bad != nil {
		s.fail(w, bad, s.shape)
		return
	}
	out, _ := json.Marshal(text) // a string always marshals
	body := `{"text":` + string(out) + `,"usage":{"type":"duration","seconds":5}}`
	writeBody(w, s.shape, http.StatusOK, "application/json", []byte(body))
}

// hear reads the form of a request, and returns what is said in the recording.
func (s *Server) hear(r *http.Request, rec *Recording) (string, *apiError) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return "", validation("body.file", "1 validation error:\n  {'type': 'missing', 'loc': 'body.file', 'msg': 'Field required', 'input': 'None'}")
	}
	form := multipart.NewReader(r.Body, params["boundary"])
	file := false
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", badRequest("There was an error parsing the body", "")
		}
		data, err := io.ReadAll(io.LimitReader(part, maxAudio+1))
		switch {
		case err != nil:
			return "", badRequest("There was an error parsing the body", "")
		case len(data) > maxAudio:
			return "", badRequest("Maximum file size exceeded (parameter=audio_filesize_mb, value=25)", "audio_filesize_mb")
		}
		switch part.FormName() {
		case "model":
			rec.Model = string(data)
		case "response_format":
			rec.Format = string(data)
		case "file":
			file = true
			rec.Name, rec.Type, rec.Data = part.FileName(), part.Header.Get("Content-Type"), data
		}
	}
	if !file {
		return "", validation("body.file", "1 validation error:\n  {'type': 'missing', 'loc': 'body.file', 'msg': 'Field required', 'input': 'None'}")
	}
	if _, ok := s.served(rec.Model, s.shape); !ok {
		return "", s.unknownModel(rec.Model, s.shape)
	}
	if rec.Format != "" && !strings.Contains("json text verbose_json", rec.Format) {
		return "", badRequest("Currently only support response_format: `text`, `json` or `verbose_json`", "")
	}
	if s.cfg.Hear == nil {
		return "", badRequest("The model does not support Transcriptions API", "")
	}
	return s.cfg.Hear(rec.Data), nil
}
