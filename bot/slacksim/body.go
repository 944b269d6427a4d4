package slacksim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// The bounds on what a request sends before we know who sends it.
const (
	// maxBody is how many bytes of a Web API request are read. Slack's largest, a view of 250 kB,
	// is three times that as a form.
	maxBody = 1 << 20
	// maxArgs is how many arguments a request may have. No method takes more than 20.
	maxArgs = 200
	// bodyWithin is how long a body may take to arrive.
	bodyWithin = 30 * time.Second
	// bodyBudget is how many bytes of bodies may be in memory at a time, over all requests. More
	// are refused.
	bodyBudget = 64 << 20
)

// limitBody ends a body that does not arrive in time, even one that nobody reads, for the server
// reads a body to its end before it goes on. It does not limit requests without a body, such as
// event streams and sockets.
func limitBody(w http.ResponseWriter, r *http.Request) {
	if r.Body != nil && r.Body != http.NoBody {
		// A recorder of tests has no deadline.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyWithin))
	}
}

// readBody reads the whole body of a request, of at most so many bytes. The caller calls free when
// it no longer needs the body.
func (s *Sim) readBody(w http.ResponseWriter, r *http.Request, most int64) (body []byte, free func(), err error) {
	defer func() {
		if err != nil {
			w.Header().Set("Connection", "close")
		}
	}()
	if r.ContentLength > most {
		return nil, nil, fmt.Errorf("a body of %d bytes; at most %d are taken", r.ContentLength, most)
	}
	held, src, chunk := int64(0), http.MaxBytesReader(w, r.Body, most), make([]byte, 16<<10)
	free = func() { s.bodies.Add(-held) }
	for {
		n, err := src.Read(chunk)
		held += int64(n)
		if s.bodies.Add(int64(n)) > bodyBudget {
			err = errors.New("too much is being sent at once")
		}
		body = append(body, chunk[:n]...)
		switch {
		case errors.Is(err, io.EOF):
			// The body has arrived; the answer may take longer.
			_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
			return body, free, nil
		case err != nil:
			free()
			return nil, nil, fmt.Errorf("read the body: %w", err)
		}
	}
}

// parseArgs reads a form, a multipart form or a JSON body; the query counts too. Nested JSON values
// stay JSON text. bad is Slack's name for what is wrong; free is never nil.
func (s *Sim) parseArgs(w http.ResponseWriter, r *http.Request) (args map[string]string, free func(), bad string) {
	args = map[string]string{}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		kind = ""
	}
	body, free, err := s.readBody(w, r, maxBody)
	if err != nil {
		return args, func() {}, "request_timeout" // Slack's error for a truncated body too
	}
	if kind == "application/json" {
		if args, err = jsonArgs(body); err != nil {
			return args, free, "invalid_json"
		}
		return args, free, ""
	}
	if strings.Count(r.URL.RawQuery, "&") >= maxArgs || kind != "multipart/form-data" && bytes.Count(body, []byte{'&'}) >= maxArgs {
		return args, free, "invalid_form_data"
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if kind == "multipart/form-data" {
		err = r.ParseMultipartForm(maxBody) //nolint:gosec // bounded: more than there is, so nothing goes to a file
	} else {
		err = r.ParseForm()
	}
	if err != nil || len(r.Form) > maxArgs {
		return args, free, "invalid_form_data"
	}
	for k, v := range r.Form {
		args[k] = v[0]
	}
	return args, free, ""
}

// jsonArgs reads an object of arguments. It counts them while reading, because a small body may
// have very many.
func jsonArgs(body []byte) (map[string]string, error) {
	args := map[string]string{}
	if len(bytes.TrimSpace(body)) == 0 {
		return args, nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return args, errors.New("no object")
	}
	for n := 0; d.More(); n++ {
		key, err := d.Token()
		if err != nil {
			return args, err
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return args, err
		}
		if n >= maxArgs {
			return args, fmt.Errorf("more than %d arguments", maxArgs)
		}
		var text string
		switch k, _ := key.(string); {
		case string(raw) == "null":
		case json.Unmarshal(raw, &text) == nil:
			args[k] = text
		default:
			args[k] = string(raw)
		}
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return args, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return args, errors.New("something stands behind the object")
	}
	return args, nil
}

// sizeOf returns about how many bytes of memory arguments take.
func sizeOf(args map[string]string) int {
	n := 0
	for k, v := range args {
		n += len(k) + len(v)
	}
	return n
}
