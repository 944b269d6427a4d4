package slackio

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/slack-go/slack"
)

// kind is what a failed call means for the next step.
type kind int

const (
	fine       kind = iota
	limited         // refused for its rate: wait retryAfter
	tooLong         // the content is refused: make it smaller, then plain
	gone            // the message was deleted: post a new one
	uneditable      // the message can no longer be edited
	unstreamed      // the message is no live stream
	denied          // no further call will help
	transient       // 5xx, time-out, connection: the call may have been carried out
)

// failure is the meaning of a call's error.
type failure struct {
	kind       kind
	reason     string // Slack's error code; empty: none
	retryAfter time.Duration
}

// limitedPause is how long a method rests when Slack refuses a call for its rate without a
// Retry-After (HTTP 200).
const limitedPause = 5 * time.Second

// errStreaming is Slack's error for an edit of a live stream.
const errStreaming = "streaming_state_conflict"

// forGood reports whether Slack refuses a method in a way that no retry can change.
func forGood(reason string) bool {
	return slices.Contains([]string{"missing_scope", "unknown_method", "not_allowed_token_type", "method_deprecated"}, reason)
}

// noThread reports whether a thread cannot be read any more: the bot was taken out of its channel,
// or it was deleted.
func noThread(reason string) bool {
	return slices.Contains([]string{"channel_not_found", "not_in_channel", "thread_not_found", "message_not_found", "missing_scope", "not_allowed_token_type"}, reason)
}

// badToken reports whether Slack refuses the token itself, so that no retry can help. Any other
// error, such as a proxy's 403, may pass.
func (f failure) badToken() bool {
	return f.kind == denied && slices.Contains([]string{
		"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type", "missing_scope",
		"team_disabled", "user_removed_from_team", "team_access_not_granted", "no_permission", "org_login_required", "ekm_access_denied",
	}, f.reason)
}

// classify returns the meaning of an error of slack-go (facts/slack.md §1.6, §3.3). It is pure.
func classify(err error) failure {
	if err == nil {
		return failure{}
	}
	if e, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		return failure{kind: limited, reason: "ratelimited", retryAfter: max(e.RetryAfter, time.Second)}
	}
	if e, ok := errors.AsType[slack.StatusCodeError](err); ok {
		if e.Code == http.StatusTooManyRequests {
			return failure{kind: limited, reason: "ratelimited", retryAfter: limitedPause}
		}
		if e.Code < http.StatusInternalServerError && e.Code != http.StatusRequestTimeout {
			return failure{kind: denied, reason: e.Status}
		}
		return failure{kind: transient, reason: e.Status}
	}
	e, ok := errors.AsType[slack.SlackErrorResponse](err)
	if !ok {
		return failure{kind: transient}
	}
	f := failure{kind: denied, reason: e.Err}
	is := func(words ...string) bool { return slices.Contains(words, e.Err) }
	switch {
	case is("ratelimited", "rate_limited", "message_limit_exceeded"):
		f.kind, f.retryAfter = limited, limitedPause
	case is("invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_blocks_too_many", "msg_too_long", "block_mismatch", "markdown_text_conflict",
		"metadata_too_large", "no_text"):
		f.kind = tooLong
	case is("message_not_found"):
		f.kind = gone
	case is("message_not_in_streaming_state"):
		f.kind = unstreamed
	case is("cant_update_message", "edit_window_closed", errStreaming):
		f.kind = uneditable
	case is("internal_error", "fatal_error", "service_unavailable", "request_timeout", "update_failed", "team_added_to_org", "messaging_processing_failed"):
		f.kind = transient
	}
	return f
}
