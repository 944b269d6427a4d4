package slackio

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"llmbot/bot/attach"
)

// TestWhatComesForAFile: a text may begin like a web page; the sign-in page is never taken for a file.
func TestWhatComesForAFile(t *testing.T) {
	const (
		page    = "<!DOCTYPE html><html><body>zq</body></html>"
		signin  = "<!DOCTYPE html><html lang=\"en\"><head><title>Sign in | Slack</title></head></html>"
		text    = "text/plain; charset=utf-8"
		webpage = "text/html; charset=utf-8"
	)
	file := func(mime, kind string, size int) map[string]any {
		return map[string]any{"id": "F1", "name": "x." + kind, "mimetype": mime, "filetype": kind, "size": size, "url_private": "https://files.slack.com/x"}
	}
	with := func(f map[string]any, key string, value any) map[string]any { f[key] = value; return f }
	for name, tt := range map[string]struct {
		file         map[string]any
		served, body string
		err          error
	}{
		"a text":                          {file("text/plain", "txt", len(page)), text, page, nil},
		"a text without a size":           {file("text/plain", "php", 0), text, page, nil},
		"served as bytes":                 {file("text/plain", "vue", 0), "application/octet-stream", page, nil},
		"a page without a size":           {file("text/html", "html", 0), webpage, page, nil},
		"no rights: a text":               {file("text/plain", "txt", 0), webpage, signin, attach.ErrNoFile},
		"no rights: another size":         {file("text/plain", "txt", 7), text, signin, attach.ErrNoFile},
		"no rights: a picture":            {file("image/png", "png", 0), webpage, signin, attach.ErrNoFile},
		"no rights: a picture, as bytes":  {file("image/png", "png", 0), "application/octet-stream", signin, attach.ErrNoFile},
		"no rights: a page":               {file("text/html", "html", 0), webpage, signin, attach.ErrNoFile},
		"no rights: a canvas":             {file("application/vnd.slack-docs", "quip", 900), webpage, signin, attach.ErrNoFile},
		"a canvas, of another size":       {file("application/vnd.slack-docs", "quip", 900), webpage, page, nil},
		"a canvas by its mode":            {with(file("", "quip", 900), "mode", "quip"), webpage, "<h1>zq</h1>", nil},
		"on another host":                 {with(file("text/plain", "txt", 0), "is_external", true), text, page, attach.ErrElsewhere},
		"on another host, by its mode":    {with(file("text/plain", "txt", 0), "mode", "external"), text, page, attach.ErrElsewhere},
		"larger than it may be":           {file("text/plain", "txt", 5000), text, page, attach.ErrLargeFile},
		"larger than it says that it is":  {file("text/plain", "txt", 0), text, strings.Repeat("x", 5000), attach.ErrLargeFile},
		"a text that says what it is not": {file("", "", 0), "", page, attach.ErrNoFile},
	} {
		asked := 0
		s := inWeb(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/api/") {
				_ = json.NewEncoder(w).Encode(map[string]any{"ok": true, "file": tt.file})
				return
			}
			asked++
			w.Header().Set("Content-Type", tt.served)
			_, _ = w.Write([]byte(tt.body))
		}), "")
		var data []byte
		f, err := s.Info(context.Background(), "F1")
		if err == nil {
			data, err = s.File(context.Background(), f, 1000)
		}
		if !errors.Is(err, tt.err) || err == nil && string(data) != tt.body || f.Type != tt.file["filetype"] {
			t.Errorf("%s: %q, %+v, %v", name, data, f, err)
		}
		if errors.Is(tt.err, attach.ErrElsewhere) && asked > 0 {
			t.Errorf("%s: it was fetched", name)
		}
	}
}
