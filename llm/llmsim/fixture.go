package llmsim

import (
	"bytes"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strconv"
)

// Fixture serves the file name of fsys byte for byte, whatever is asked.
//
// It sends a raw capture (*.http) as it came off its server, headers and chunk framing included,
// over a connection that it then closes: one that was cut is cut here. It reads the body of the
// request first. It sends other files as a body with the content type of their ending, one event of
// an *.sse to an HTTP chunk, and with status 200 unless the name says otherwise
// (http_404_model.json). It panics if there is no such file: fixtures belong to tests.
func Fixture(fsys fs.FS, name string) http.Handler {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		panic("llmsim: " + err.Error())
	}
	if path.Ext(name) == ".http" {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { replay(w, r, data) })
	}
	typ, ok := map[string]string{
		".sse": "text/event-stream; charset=utf-8", ".json": "application/json", ".prom": "text/plain; version=1.0.0; charset=utf-8", ".html": "text/html",
	}[path.Ext(name)]
	if !ok {
		typ = "text/plain; charset=utf-8"
	}
	status := fixtureStatus(path.Base(name))
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", typ)
		w.WriteHeader(status)
		if path.Ext(name) != ".sse" {
			_, _ = w.Write(data) // a client that is gone gets nothing
			return
		}
		rc := http.NewResponseController(w)
		for ev := range bytes.SplitAfterSeq(data, []byte("\n\n")) {
			if _, err := w.Write(ev); err != nil || rc.Flush() != nil {
				return
			}
		}
	})
}

// fixtureStatus finds the HTTP status in a file name like http_404_model.json or
// other_nginx_502.html.
func fixtureStatus(base string) int {
	if m := regexp.MustCompile(`(?:^|[_-])([45]\d\d)(?:[_.]|$)`).FindStringSubmatch(base); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			return n
		}
	}
	return http.StatusOK
}

// replay sends a captured response on the raw connection and closes it.
func replay(w http.ResponseWriter, r *http.Request, data []byte) {
	_, _ = readBody(r) // its errors do not matter: the answer is fixed
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2 or a recorder: there is no raw connection to replay on
	}
	defer func() { _ = conn.Close() }()
	if _, err := buf.Write(data); err != nil {
		return // the client is gone
	}
	_ = buf.Flush()
}
