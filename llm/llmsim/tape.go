package llmsim

import (
	"net/http"
	"time"
)

// Tape is what the server does for one request, step by step. The server completes a tape that ends
// by itself as a healthy one would: finish reason "stop", usage if it was asked for, [DONE]. A tape
// may send nothing at all.
//
// max_tokens and stop strings apply to [Text] and [Reason] steps only. What they leave of a tape is
// skipped.
type Tape []Step

// Step is one thing that happens. Make it with the functions below.
type Step struct {
	op   op
	text string
	d    time.Duration
	n    int
	h    http.Header

	calls []Call
}

type op uint8

const (
	opText op = iota + 1
	opReason
	opChunk
	opThought
	opRole
	opRaw
	opComment
	opWait
	opHold
	opStall
	opFinish
	opUsage
	opDone
	opError
	opCut
	opEOF
	opRefuse
	opReply
	opDelta
	opCalls
)

// Text streams s token by token at the server's speed.
func Text(s string) Step { return Step{op: opText, text: s} }

// Reason streams s as reasoning, token by token at the server's speed.
func Reason(s string) Step { return Step{op: opReason, text: s} }

// Chunk sends s at once in one delta; it counts as n tokens. An empty s is an empty delta.
func Chunk(s string, n int) Step { return Step{op: opChunk, text: s, n: n} }

// Thought sends s at once in one delta of reasoning; it counts as n tokens.
func Thought(s string, n int) Step { return Step{op: opThought, text: s, n: n} }

// Role sends the role chunk now, ahead of the first token. Without it the role comes with the first
// output, as in vLLM.
func Role() Step { return Step{op: opRole} }

// Raw sends s as it is, in an HTTP chunk of its own.
func Raw(s string) Step { return Step{op: opRaw, text: s} }

// Comment sends the SSE comment ": s".
func Comment(s string) Step { return Step{op: opComment, text: s} }

// Wait lets time pass. The dialects that do so send their headers first. Keep-alive comments go on.
func Wait(d time.Duration) Step { return Step{op: opWait, d: d} }

// HoldHeaders, as the first step, sends the headers only after d.
func HoldHeaders(d time.Duration) Step { return Step{op: opHold, d: d} }

// Stall stays silent until the client goes away or [Server.Interrupt] comes. Keep-alive comments go
// on.
func Stall() Step { return Step{op: opStall} }

// Finish sends the finish chunk. The tape then goes on (usage, [DONE]) unless the next step says
// otherwise.
func Finish(reason string) Step { return Step{op: opFinish, text: reason} }

// Usage sends the usage chunk, also unasked.
func Usage() Step { return Step{op: opUsage} }

// Done sends [DONE] and ends the answer, whatever is missing before it.
func Done() Step { return Step{op: opDone} }

// Fail sends an error event in the form of the dialect, then [DONE] where the dialect does so, and
// ends the answer. Without streaming it is an HTTP error of that code.
func Fail(code int, typ, message string) Step {
	return Step{op: opError, n: code, d: 0, text: typ + "\x00" + message}
}

// EngineDeath returns the error event of a vLLM whose engine process died.
func EngineDeath() Step { return Step{op: opError, n: http.StatusInternalServerError} }

// HarmonyError returns the error event of gpt-oss when its output cannot be parsed (facts §1.3).
func HarmonyError() Step {
	return Fail(http.StatusInternalServerError, "InternalServerError", "Unexpected token 200002 while expecting start token 200006")
}

// Cut closes the connection without ending the body, as a killed process does.
func Cut() Step { return Step{op: opCut} }

// EOF ends the body properly, without finish reason and without [DONE].
func EOF() Step { return Step{op: opEOF} }

// Refuse, as the first step, closes the connection without an answer.
func Refuse() Step { return Step{op: opRefuse} }

// Reply, as the first step, sends the whole answer: a status, a content type and a body.
func Reply(status int, contentType, body string) Step {
	return Step{op: opReply, n: status, text: body, h: http.Header{"Content-Type": {contentType}}}
}

// Delta sends one delta object as it is; it counts as one token.
func Delta(object string) Step { return Step{op: opDelta, text: object} }

// ToolCall sends the call of a tool that nobody offered, in two deltas as vLLM's parsers do.
func ToolCall(name, arguments string) Tape {
	return Tape{
		Delta(`{"tool_calls":[{"id":"chatcmpl-tool-1","type":"function","index":0,"function":{"name":` + string(appendString(nil, name)) + `,"arguments":""}}]}`),
		Delta(`{"tool_calls":[{"index":0,"function":{"arguments":` + string(appendString(nil, arguments)) + `}}]}`),
		Finish("tool_calls"),
	}
}

// Busy, as the first step, is a gateway's 429. retryAfter is its header, in seconds or as a date;
// empty: it sends none.
func Busy(retryAfter string) Step {
	st := Reply(http.StatusTooManyRequests, "application/json", `{"error":{"message":"Rate limit reached","type":"throttling_error","code":"429"}}`)
	if retryAfter != "" {
		st.h.Set("Retry-After", retryAfter)
	}
	return st
}

// Nginx502 returns what a proxy says when the server behind it is away.
func Nginx502() Step { return Reply(http.StatusBadGateway, "text/html", nginx("502 Bad Gateway")) }

func nginx(title string) string {
	return "<html>\n<head><title>" + title + "</title></head>\n<body>\n<center><h1>" + title +
		"</h1></center>\n<hr><center>nginx/1.27.0</center>\n</body>\n</html>\n"
}
