package llm

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Kind is the sort of failure, as far as it matters to what is done next.
type Kind int

// The kinds of failure.
const (
	KindServer       Kind = iota // any other failure of the server
	KindDown                     // refused, reset before an answer, unknown host, 502, 504
	KindLoading                  // the model is being loaded or scaled
	KindRestarting               // draining, or the engine died
	KindOverloaded               // its queue is full
	KindUnauthorized             // 401, 403
	KindNoModel                  // the server does not serve this model
	KindContext                  // the prompt does not fit; Limit and Prompt if the server said them
	KindBadRequest               // the request is refused as it is
	KindCut                      // the stream ended without a finish reason
	KindSilent                   // a timer of this client ran out
	KindAborted                  // finish_reason abort, and we did not ask for it
	KindEmpty                    // the answer has no text
	KindTool                     // the model called a tool that nobody offered, or in a way that nobody can read
	KindFiltered                 // a filter ended the answer
	KindLoop                     // the server ended the answer because it repeated itself
	KindEnded                    // the answer ended with a finish reason that is not known
	KindNoTools                  // the server refuses requests with tools
	KindLostCall                 // the server says that the model called a tool, and the call is missing
)

// String names the kind for logs and metrics labels.
func (k Kind) String() string {
	names := [...]string{
		"server", "down", "loading", "restarting", "overloaded", "unauthorized", "no_model", "context", "bad_request", "cut", "silent",
		"aborted", "empty", "tool", "filtered", "loop", "ended", "no_tools", "lost_call",
	}
	if k < 0 || int(k) >= len(names) {
		return fmt.Sprintf("kind_%d", int(k))
	}
	return names[k]
}

// Error is every failure of the server or of the way to it. A cancelled context is none: it comes
// back as the context's own error.
type Error struct {
	Kind    Kind
	Op      string // what was asked: chat, models, health …
	Status  int    // HTTP status, or the code of an error in the stream; 0: none
	Limit   int    // tokens, KindContext: the model's window; 0: not said
	Prompt  int    // tokens, KindContext: the prompt ; 0: not said
	AtLeast bool   // Prompt is a lower bound: vLLM stops counting one token behind its window
	Message string // the server's own words, cut; for the log, not for people
	Err     error  // the cause below, if any
	// RetryAfter is how long the server wants to be left alone (HTTP's header); 0: it does not say.
	RetryAfter time.Duration

	again   bool // worth one more try although its kind is not
	thought bool // KindEmpty: only reasoning came, or could have come
	length  bool // KindEmpty: the length limit ended it
	text    bool // KindTool, KindFiltered, KindLoop, KindEnded, KindLostCall: there is some text
	offered bool // KindTool: tools were offered
	endless bool // KindTool: tools were offered, and the call does not end

	notServer bool // what answered is no model server

	variables Variables // of the client; zero: the usual ones
}

// Error returns a text for the log, which may hold addresses and Go's own text.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("llm")
	if e.Op != "" {
		b.WriteString(" " + e.Op)
	}
	b.WriteString(": " + e.Kind.String())
	if e.Status != 0 {
		fmt.Fprintf(&b, " (%d)", e.Status)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ": %q", e.Message)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Away reports whether the server is away or full: wait with backoff and ask again.
func (e *Error) Away() bool {
	switch e.Kind {
	case KindDown, KindLoading, KindRestarting, KindOverloaded:
		return true
	default:
		return false
	}
}

// Again reports whether one more try, at once, is worth it: the answer broke off for a reason that
// need not come back.
func (e *Error) Again() bool {
	switch e.Kind {
	case KindCut, KindSilent, KindAborted:
		return true
	default:
		return e.again
	}
}

// NoImages reports whether the server refused the request because its model takes no pictures.
func (e *Error) NoImages() bool {
	if e.Status != 0 && e.Status < http.StatusBadRequest {
		return false
	}
	return contains(lower(e.Message), "not a multimodal model", "unsupported multimodal content", "image input is not supported", "does not support image",
		"doesn't support image", "images are not supported", "no support for image", "not support multimodal", "does not support vision", "missing mmproj")
}

// MaxImages returns how many pictures the server takes in one request, if it refused the request
// because there were more. It reports false if that was not the reason, or the server did not say
// the number. 0: the server takes none.
func (e *Error) MaxImages() (most int, ok bool) {
	if e.Status != 0 && e.Status < http.StatusBadRequest {
		return 0, false
	}
	m := mostImages.FindStringSubmatch(lower(e.Message))
	if m == nil {
		return 0, false
	}
	most, err := strconv.Atoi(m[1] + m[2] + m[3])
	return most, err == nil
}

// mostImages finds the number in vLLM's sentence (facts/reports.md A10), and in those of gateways:
// "At most 1 image(s) may be provided in one prompt." "11 images were provided, but the model
// supports a maximum of 10 images." "Request contains 52 images, exceeding the maximum of 50
// allowed per request."
var mostImages = regexp.MustCompile(`at most (\d{1,4}) (?:image|picture)|` +
	`(?:max(?:imum)?|limit)(?: number)?(?: of)? (\d{1,4}) (?:image|picture)|` +
	`\d+ (?:image|picture)s?\b[^.\n]{0,40}\bexceed(?:s|ing) the (?:maximum|limit)(?: of)? (\d{1,4})\b`)

// User returns one plain sentence for the person who asked. It has no address, no name of ours, and
// no text of Go.
func (e *Error) User() string {
	switch e.Kind {
	case KindDown:
		return "The model server is not reachable at the moment."
	case KindLoading:
		return "The model is still loading."
	case KindRestarting:
		return "The model server is restarting."
	case KindOverloaded:
		return "The model server is busy at the moment."
	case KindUnauthorized:
		return "The model server refused access (access refused)."
	case KindNoModel:
		return "There is no such model on the model server."
	case KindContext:
		if e.Limit > 0 && e.Prompt > e.Limit && e.AtLeast {
			return fmt.Sprintf("This is too long for the model: more than %s tokens, and it takes %s.", thousands(e.Prompt-1), thousands(e.Limit))
		}
		if e.Limit > 0 && e.Prompt > e.Limit {
			return fmt.Sprintf("This is too long for the model: %s tokens, and it takes %s.", thousands(e.Prompt), thousands(e.Limit))
		}
		return "This is too long for the model."
	case KindBadRequest:
		return "The model server did not accept this request."
	case KindCut:
		return "The answer was interrupted and is incomplete."
	case KindSilent:
		return "The model timed out: nothing came for too long."
	case KindAborted:
		return "The answer was interrupted by the model server and is incomplete."
	case KindEmpty:
		switch {
		case e.length && e.thought:
			return "The model reached its length limit while it was still thinking."
		case e.length:
			return "The model reached its length limit before it wrote an answer."
		case e.thought:
			return "The model thought about it and then gave an empty answer."
		default:
			return "The model gave an empty answer."
		}
	case KindNoTools:
		return "The model server takes no tools."
	case KindLostCall:
		if e.text {
			return "The model tried to use a tool, and the model server lost the call: the answer may be incomplete."
		}
		return "The model tried to use a tool, and the model server lost the call."
	case KindTool:
		switch {
		case e.endless:
			return "The model tried to use a tool, and its call did not come to an end."
		case e.offered:
			return "The model tried to use a tool, and its call cannot be read."
		}
		if e.text {
			return "The model tried to use a tool, and it has none here: the answer may be incomplete."
		}
		return "The model tried to use a tool, and it has none here."
	case KindFiltered:
		if e.text {
			return "A content filter of the model server ended the answer: it is incomplete."
		}
		return "A content filter of the model server held the answer back."
	case KindLoop:
		return "The model server ended the answer because it repeated itself."
	case KindEnded:
		reason := Printable(e.Message, longestReason)
		if reason == "" {
			return "The model server ended the answer for a reason that I do not know: it may be incomplete."
		}
		return fmt.Sprintf("The model server ended the answer for a reason that I do not know (%s): it may be incomplete.", reason)
	default:
		return "The model server reported an error."
	}
}

// longestReason is how many characters of an unknown finish reason people are shown.
const longestReason = 40

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func lower(s string) string { return strings.ToLower(s) }
