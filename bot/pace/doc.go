// Package pace spends one budget of Slack calls on all answers of a workspace.
//
// Slack counts chat.update per app and workspace: about 50 calls a minute, however many answers are
// being written. A [Scheduler] decides which answer gets the next call; a [Lane] is one answer; the
// [Sender] of a lane makes the call.
//
// In the field's terms: the text of a lane is coalesced, that is, a call shows the newest text and
// skips all states between. Each method has a budget, which is a sliding window and a token bucket,
// learned from what Slack refuses (see limiter). A Retry-After is Slack's backpressure: it pauses
// the method. It does not reach whoever writes text, for that text is coalesced meanwhile.
//
// The promises:
//
//   - A lane has at most one call under way, and a call shows the newest text: nothing stale is
//     sent again.
//   - Over all answers, the earliest deadline goes first. A reader reads about 24 characters a
//     second, so when text for k seconds of reading has become visible, the next edit is due in k
//     seconds.
//   - Finals are safe: an edit in between is sent only if the finals that may come in the next
//     seconds can still be served. A final that cannot be served within two seconds is asked for as
//     a new message ([Continue]).
//   - A call that Slack refuses pauses its method for Retry-After, and teaches what Slack's limiter
//     allows.
//   - Nobody who writes text ever waits: [Lane.Set] stores and returns.
//
// The decisions are a pure core (values and now in, calls out); [Scheduler.Run] is the one
// goroutine that calls it.
package pace
