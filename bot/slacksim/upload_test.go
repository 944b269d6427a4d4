package slacksim_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"llmbot/bot/slacksim"
)

func (s *space) put(url, body string) int {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, url, strings.NewReader(body))
	must(s.t, err)
	res, err := s.http.Do(req)
	must(s.t, err)
	_ = res.Body.Close()
	return res.StatusCode
}

// TestUpload: the three steps, as slack-go makes them and by hand; what is completed once is
// refused then, and can be looked up.
func TestUpload(t *testing.T) {
	scopes := append(slacksim.DefaultScopes(), "files:write")
	bubble(t, slacksim.Config{Scopes: scopes}, func(t *testing.T, s *space) {
		root := s.Say("alice", "general", "", "hello")
		api := slack.New(s.BotToken(), slack.OptionAPIURL("http://slack/api/"), slack.OptionHTTPClient(s.http))
		f, err := api.UploadFileContext(t.Context(), slack.UploadFileParameters{
			Filename: "answer.md", FileSize: 7, Content: "# Hällo"[:7], Channel: s.ChannelID("general"), ThreadTimestamp: root, Title: "All of it",
		})
		must(t, err)
		if n := len(s.Replies("general", root)); n != 0 {
			t.Errorf("%d messages at once", n)
		}
		time.Sleep(time.Second)
		got := s.Replies("general", root)
		if len(got) != 1 || len(got[0].Files) != 1 || got[0].Files[0]["title"] != "All of it" || got[0].Files[0]["mimetype"] != "text/markdown" {
			t.Fatalf("%+v", got)
		}
		var b bytes.Buffer
		if err := api.GetFileContext(context.WithoutCancel(t.Context()), fmt.Sprint(got[0].Files[0]["url_private"]), &b); err != nil || b.String() != "# Hällo"[:7] {
			t.Errorf("%q, %v", b.String(), err)
		}
		for id, want := range map[string]string{f.ID: "file_not_found", "F1": "file_not_found"} {
			if r := s.call("files.completeUploadExternal", "files", `[{"id":"`+id+`"}]`, "channel_id", s.ChannelID("general")); r.err() != want {
				t.Errorf("%s: %v", id, r)
			}
		}
		if r := s.call("files.info", "file", f.ID); r.err() != "" {
			t.Error(r)
		}

		place := s.call("files.getUploadURLExternal", "filename", "x.md", "length", "3")
		url, id := fmt.Sprint(place["upload_url"]), fmt.Sprint(place["file_id"])
		if r := s.call("files.info", "file", id); r.err() != "file_not_found" {
			t.Error(r)
		}
		complete := []string{"files", `[{"id":"` + id + `"}]`, "channel_id", s.ChannelID("general")}
		if r := s.call("files.completeUploadExternal", complete...); r.err() != "file_not_found" {
			t.Error("before its bytes came: ", r)
		}
		for body, want := range map[string]int{"ab": 400, "abcd": 400, strings.Repeat("x", 1<<20): 400} {
			if n := s.put(url, body); n != want {
				t.Errorf("%d bytes: %d", len(body), n)
			}
		}
		if n := s.put(url, "abc"); n != 200 {
			t.Error(n)
		}
		if r := s.call("files.completeUploadExternal", complete...); r.err() != "" {
			t.Error(r)
		}
		for args, want := range map[[4]string]string{
			{"filename", "x", "length", "0"}: "missing_argument", {"filename", "x", "length", "x"}: "invalid_arguments",
			{"filename", "x", "length", "2000000000"}: "file_upload_size_restricted",
		} {
			if r := s.call("files.getUploadURLExternal", args[:]...); r.err() != want {
				t.Errorf("%v: %v", args, r)
			}
		}
		time.Sleep(time.Second) // net/http's server leaves a connection whose body was too long only after half a second
	})
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		r := s.call("files.getUploadURLExternal", "filename", "x.md", "length", "3")
		if provided, _ := r["provided"].(string); r.err() != "missing_scope" || r["needed"] != "files:write" || slices.Contains(strings.Split(provided, ","), "files:write") {
			t.Error(r)
		}
	})
}

// TestDeleteFile: a file of the bot's own can be deleted, once; its message stays, and says so.
// Another's cannot.
func TestDeleteFile(t *testing.T) {
	bubble(t, slacksim.Config{Scopes: append(slacksim.DefaultScopes(), "files:write")}, func(t *testing.T, s *space) {
		root := s.Say("alice", "general", "", "hello")
		theirs := s.Upload("alice", "general", root, "", slacksim.Upload{Name: "a.txt", Data: []byte("x")})
		api := slack.New(s.BotToken(), slack.OptionAPIURL("http://slack/api/"), slack.OptionHTTPClient(s.http))
		up := func() string {
			f, err := api.UploadFileContext(t.Context(), slack.UploadFileParameters{Filename: "answer.md", FileSize: 3, Content: "abc", Channel: s.ChannelID("general"), ThreadTimestamp: root})
			must(t, err)
			return f.ID
		}
		shown := up()
		time.Sleep(time.Second)
		early := up()
		must(t, api.DeleteFileContext(t.Context(), early))
		time.Sleep(time.Second)
		must(t, api.DeleteFileContext(t.Context(), shown))
		asked, _ := s.Message("general", theirs)
		got := s.Replies("general", root)
		if len(got) != 2 || fmt.Sprint(got[1].Files) != fmt.Sprint([]map[string]any{{"id": shown, "mode": "tombstone"}}) {
			t.Errorf("%+v", got)
		}
		for id, want := range map[string]string{shown: "file_deleted", "F1": "file_not_found", fmt.Sprint(asked.Files[0]["id"]): "cant_delete_file"} {
			if r := s.call("files.delete", "file", id); r.err() != want {
				t.Errorf("%s: %v, want %s", id, r, want)
			}
		}
		if r := s.call("files.info", "file", shown); r.err() != "file_deleted" {
			t.Error(r)
		}
	})
}
