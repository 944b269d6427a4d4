package slackio

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"llmbot/bot"
	"llmbot/bot/attach"
	"llmbot/bot/pace"
	"llmbot/bot/thread"
)

const (
	methodUpload pace.Method = "files.getUploadURLExternal"
	methodShare  pace.Method = "files.completeUploadExternal"
	methodUnfile pace.Method = "files.delete"

	// scopeUpload is the scope that uploads need. It is optional, and not in the app's manifest.
	scopeUpload = "files:write"
	// uploadTries is how often a file is sent, each time to a new address.
	uploadTries = 2
)

// granted records the scopes that a response of Slack lists, if it does.
func (s *Slack) granted(_ string, h http.Header) {
	scopes := h.Get("X-Oauth-Scopes")
	if scopes == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scopes = scopes
}

// Scopes returns those that Slack granted the bot token; empty: it has not said so yet.
func (s *Slack) Scopes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.FieldsFunc(s.scopes, func(r rune) bool { return r == ',' || r == ' ' })
}

// mayUpload reports whether uploads are worth a try. They are while nothing is known.
func (s *Slack) mayUpload() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.scopes == "" {
		return !s.noUploads
	}
	return slices.ContainsFunc(strings.Split(s.scopes, ","), func(scope string) bool { return strings.TrimSpace(scope) == scopeUpload })
}

// Upload sends a file to Slack and returns its id. Nobody sees the file before Share; without it,
// Slack deletes the file after a while.
func (s *Slack) Upload(ctx context.Context, name, text string) (id string, err error) {
	for range uploadTries {
		if !s.mayUpload() {
			return "", fmt.Errorf("upload %s: the scope %s is not granted: %w", name, scopeUpload, bot.ErrNoUpload)
		}
		if id, err = s.upload(ctx, name, text); classify(err).kind != transient || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return "", fmt.Errorf("upload %s: %w", name, err)
	}
	return id, nil
}

func (s *Slack) upload(ctx context.Context, name, text string) (id string, err error) {
	to, err := lookUp(ctx, s, methodUpload, func(ctx context.Context) (*slack.GetUploadURLExternalResponse, error) {
		return s.api.GetUploadURLExternalContext(ctx, slack.GetUploadURLExternalParameters{FileName: name, FileSize: len(text)})
	})
	switch f := classify(err); {
	case f.reason == "missing_scope":
		s.mu.Lock()
		s.noUploads = true
		s.mu.Unlock()
		return "", errors.Join(err, bot.ErrNoUpload)
	case strings.HasPrefix(f.reason, "file_upload"), f.reason == "file_type_not_allowed":
		// The workspace does not take the file.
		return "", errors.Join(err, bot.ErrNoUpload)
	case err != nil:
		return "", err
	}
	_, err = timed(ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.api.UploadToURL(ctx, slack.UploadToURLParameters{UploadURL: to.UploadURL, Content: text, Filename: name})
	})
	return to.FileID, err
}

// Share shows an uploaded file in a thread. Slack does that once for a file and refuses it after
// that; Share returns nil then, for the file is there.
func (s *Slack) Share(ctx context.Context, t thread.ID, id, title string) error {
	_, err := lookUp(ctx, s, methodShare, func(ctx context.Context) (struct{}, error) {
		_, err := s.api.CompleteUploadExternalContext(ctx, slack.CompleteUploadExternalParameters{
			Files: []slack.FileSummary{{ID: id, Title: title}}, Channel: t.Channel, ThreadTimestamp: t.TS,
		})
		return struct{}{}, err
	})
	if err == nil {
		return nil
	}
	_, there := lookUp(ctx, s, methodFile, func(ctx context.Context) (*slack.File, error) {
		info, _, _, err := s.api.GetFileInfoContext(ctx, id, 0, 0)
		return info, err
	})
	switch {
	case there == nil:
		return nil
	case classify(there).reason == "file_not_found":
		return fmt.Errorf("share file %s: %w: %w", id, attach.ErrNoFile, err)
	}
	return fmt.Errorf("share file %s: %w", id, err)
}

// Delete deletes a file that the bot has uploaded. The message that shared it stays in Slack, with a
// note that the file was deleted.
func (s *Slack) Delete(ctx context.Context, id string) error {
	_, err := lookUp(ctx, s, methodUnfile, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.api.DeleteFileContext(ctx, id)
	})
	switch f := classify(err); {
	case err == nil, f.reason == "file_deleted", f.reason == "file_not_found":
		return nil
	case f.kind == denied:
		return fmt.Errorf("delete file %s: %w: %w", id, bot.ErrFileStays, err)
	}
	return fmt.Errorf("delete file %s: %w", id, err)
}

var _ bot.Uploads = (*Slack)(nil)
