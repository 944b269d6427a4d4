package llm

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"llmbot/llm/llmsim"
	"llmbot/llm/llmsim/memnet"
)

// TestTranscribe: a recording goes to the server whole, under a name of ours, and its words come back.
func TestTranscribe(t *testing.T) {
	sim := llmsim.New(llmsim.Config{Model: "whisper", APIKey: "hunter2", Hear: func(data []byte) string { return "you said " + string(data) }})
	n := memnet.Serve(sim)
	t.Cleanup(func() { _ = n.Close() })
	client := func(key, model string) *Client {
		c, err := New(Config{BaseURL: "http://audio/v1", APIKey: key, Model: model, HTTP: n.Client()})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for name, want := range map[string]string{
		"audio_message.mp4 video/mp4": "clip.mp4", "a.M4A audio/mp4": "clip.m4a", "a\"; x=\r\n.exe audio/x-wav": "clip.wav", "none audio/webm": "clip.webm", "x audio/strange": "clip.mp4",
	} {
		i := strings.LastIndexByte(name, ' ')
		got, err := client("hunter2", "").Transcribe(t.Context(), name[:i], name[i+1:], []byte("zq\r\n--zq"))
		if err != nil || got != "you said zq\r\n--zq" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		list := sim.Recordings()
		if rec := list[len(list)-1]; rec.Name != want || rec.Model != "whisper" || rec.Type != name[i+1:] || rec.Format != "json" {
			t.Errorf("%s: %+v", name, rec)
		}
	}
	for name, c := range map[string]*Client{"unauthorized": client("", "whisper"), "no_model": client("hunter2", "other")} {
		var e *Error
		if _, err := c.Transcribe(t.Context(), "a.mp4", "", []byte("zq")); !errors.As(err, &e) || e.Kind.String() != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOddTranscripts: what is no transcript, or has no end, is an error and takes no memory.
func TestOddTranscripts(t *testing.T) {
	for name, body := range map[string]string{
		"empty": "", "a page": "<html>hello</html>", "no text": `{"segments":[]}`, "another type": `{"text":7}`, "null": `{"text":null}`,
		"endless": `{"text":"` + strings.Repeat("a", 2*maxTranscript) + `"}`,
	} {
		n := memnet.Serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		c, err := New(Config{BaseURL: "http://audio/v1", Model: "m", HTTP: n.Client()})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Transcribe(t.Context(), "a.mp4", "audio/mp4", nil); err == nil || got != "" || len(err.Error()) > 1000 {
			t.Errorf("%s: %q, %.200v", name, got, err)
		}
		_ = n.Close()
	}
}

// TestTranscribeVariables: what goes wrong with the server for clips names its own variables.
func TestTranscribeVariables(t *testing.T) {
	names := Variables{Address: "LLM_TRANSCRIBE_URL", Key: "LLM_TRANSCRIBE_API_KEY", Model: "LLM_TRANSCRIBE_MODEL"}
	for address, want := range map[string]string{"": names.Address, "ftp://x": names.Address, "http://%zz": names.Address, "http://ok/v1": names.Key} {
		if _, err := New(Config{BaseURL: address, APIKey: "a\nb", Variables: names}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "LLM_BASE_URL") {
			t.Errorf("%s: %v", address, err)
		}
	}
	for name, tt := range map[string]struct {
		reply func(http.ResponseWriter, *http.Request)
		want  string
	}{
		"no such endpoint": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, `{"detail":"Not Found"}`, 404) }, names.Address},
		"without the key": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"error":"Unauthorized"}`, http.StatusUnauthorized)
		}, names.Key},
		"a page": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, `<html>`, 404) }, names.Address},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://evil.test/", http.StatusTemporaryRedirect)
		}, names.Address},
		"behind a gateway": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad gateway", http.StatusBadGateway) }, names.Address},
		"another model": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "{\"error\":{\"message\":\"The model `m` does not exist.\",\"code\":404}}", 404)
		}, names.Model},
	} {
		n := memnet.Serve(http.HandlerFunc(tt.reply))
		c, err := New(Config{BaseURL: "http://audio/v1", Model: "m", Variables: names, HTTP: n.Client()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Transcribe(t.Context(), "a.mp4", "audio/mp4", nil)
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("%s: %v", name, err)
		}
		if all := e.Error() + e.Hint(); !strings.Contains(all, tt.want) || strings.Contains(all, "LLM_BASE_URL") || strings.Contains(all, "LLM_MODEL") || strings.Contains(all, "LLM_API_KEY") {
			t.Errorf("%s: %s", name, all)
		}
		_ = n.Close()
	}
}

// TestRetryAfterOnEachPath: a gateway that asks to be left alone is heard on every path, also before the chat has a model's name.
func TestRetryAfterOnEachPath(t *testing.T) {
	c, err := New(Config{BaseURL: "http://m.test", HTTP: &http.Client{Transport: refusing{}}})
	if err != nil {
		t.Fatal(err)
	}
	_, chat := c.Stream(t.Context(), Request{}, func(Delta) error { return nil })
	_, models := c.Model(t.Context(), "")
	_, heard := c.Transcribe(t.Context(), "a.mp4", "video/mp4", []byte("x"))
	_, _, count := c.Tokenize(t.Context(), "m", nil)
	for name, err := range map[string]error{"chat": chat, "models": models, "transcribe": heard, "tokenize": count} {
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Kind != KindOverloaded || e.RetryAfter != time.Hour {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// refusing answers every request with 429.
type refusing struct{}

func (refusing) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"3600"}}, Body: http.NoBody, Request: r}, nil
}
