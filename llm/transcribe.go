package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"path"
	"strings"

	"llmbot/llm/egress"
)

// maxTranscript is how many bytes of an answer with a transcript are read: an hour of speech has
// some 60 kB of words.
const maxTranscript = 1 << 20

const opTranscribe = "transcriptions"

// Transcribe has the server write down what is said in a recording, by the audio/transcriptions of
// OpenAI's API, which vLLM serves for Whisper and the like. The ending of name tells the server how
// to read it. It blocks until ctx ends at the latest, and has no time-out of its own. The model is
// the one that an empty [Request.Model] means.
func (c *Client) Transcribe(ctx context.Context, name, kind string, data []byte) (string, error) {
	words, err := c.transcribe(ctx, name, kind, data)
	if e, ok := errors.AsType[*Error](err); ok {
		e.variables = c.cfg.Variables
	}
	return words, err
}

func (c *Client) transcribe(ctx context.Context, name, kind string, data []byte) (string, error) {
	const op = opTranscribe
	model, _, err := c.modelName(ctx, "")
	if err != nil {
		return "", err
	}
	head, tail, contentType, err := recording(model, name, kind)
	if err != nil {
		return "", fmt.Errorf("llm %s: %w", op, err)
	}
	// The recording goes out as it is: a copy of it would be 25 MB.
	form := func() io.ReadCloser {
		return io.NopCloser(io.MultiReader(bytes.NewReader(head), bytes.NewReader(data), bytes.NewReader(tail)))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/audio/transcriptions", form())
	if err != nil {
		return "", fmt.Errorf("llm %s: %w", op, egress.WithoutAddress(err))
	}
	req.ContentLength = int64(len(head) + len(data) + len(tail))
	req.GetBody = func() (io.ReadCloser, error) { return form(), nil } // a connection that was closed meanwhile
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Accept", "application/json")
	c.authorize(req)
	resp, err := c.http.Do(req)
	if err != nil {
		return "", transportError(ctx, op, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= http.StatusMultipleChoices {
		return "", refusal(op, resp)
	}
	got, err := readLimited(resp.Body, maxTranscript+1)
	if err != nil {
		return "", transportError(ctx, op, err)
	}
	var heard struct {
		Text *string `json:"text"`
	}
	switch err := json.Unmarshal(got, &heard); {
	case len(got) > maxTranscript:
		return "", &Error{Kind: KindServer, Op: op, Status: resp.StatusCode, Message: fmt.Sprintf("the answer has more than %d kB", maxTranscript>>10), Err: errTooLarge}
	case err != nil || heard.Text == nil:
		return "", &Error{Kind: KindServer, Op: op, Status: resp.StatusCode, Message: "no transcript came: " + snippet(string(got)), Err: err}
	}
	return *heard.Text, nil
}

// recording returns what stands before and behind the recording in the multipart body of a request,
// and its type. Of the name goes only the ending: the rest is a person's own words.
func recording(model, name, kind string) (before, behind []byte, contentType string, err error) {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, field := range [][2]string{{"model", model}, {"response_format", "json"}} {
		if err := form.WriteField(field[0], field[1]); err != nil {
			return nil, nil, "", err
		}
	}
	head := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name="file"; filename="clip.%s"`, audioEnding(name, kind))}}
	head.Set("Content-Type", "application/octet-stream")
	if kind, _, err := mime.ParseMediaType(kind); err == nil {
		head.Set("Content-Type", kind)
	}
	if _, err := form.CreatePart(head); err != nil {
		return nil, nil, "", err
	}
	before = bytes.Clone(b.Bytes())
	b.Reset()
	if err := form.Close(); err != nil {
		return nil, nil, "", err
	}
	return before, b.Bytes(), form.FormDataContentType(), nil
}

// audioEnding returns the ending by which servers know a format: the name's if they know it, else
// that of its type. Slack's own clips are MP4.
func audioEnding(name, kind string) string {
	const known = "flac mp3 mp4 mpeg mpga m4a ogg oga opus wav webm aac"
	ending := strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
	for k := range strings.FieldsSeq(known) {
		if k == ending {
			return k
		}
	}
	_, sub, _ := strings.Cut(strings.ToLower(kind), "/")
	sub = strings.TrimPrefix(sub, "x-")
	for k := range strings.FieldsSeq(known) {
		if k == sub {
			return k
		}
	}
	return "mp4"
}
