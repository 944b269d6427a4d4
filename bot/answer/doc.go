// Package answer writes one answer: it waits for a slot, asks the model, shows the text as it
// grows, and tries again, goes on, or gives up, whatever the server does.
//
// # Promises
//
// What a reader has seen of an answer never becomes shorter, except when it is written again for
// another version of its question. Partial text is kept and marked, never replaced by an error. A
// server that is away is waited for, and people are told so. No request goes on without end.
// Nothing that a person reads holds an address or Go's own text.
//
// # How it fits together
//
//	Shared, one a process ─► Writer, one an answer ─► Retry ─► Writer.try, one a request ─► Draft.Set
//
// [Shared] has the slots and what was learnt of the model: how much text fits into its window, and
// whether it takes pictures. A [Writer] belongs to one goroutine. It never waits for a place that
// shows the text: [Draft].Set takes the newest and returns. [Retry] alone decides whether a request
// that failed is repeated, and when; the conversation in a terminal (bot/term) uses it too.
//
// # The text of an answer
//
// A server may die in the middle of an answer, and so may this process. The next request then
// either continues the text (vLLM can) or writes it from its beginning. A Writer keeps three texts
// apart:
//
//	from    the beginning that the current request continues; empty: it writes from the beginning
//	text    from, and what the current request has brought
//	shown   the longest text so far: readers see it until text has overtaken it
//
// Two limits protect what readers saw before this Writer began: it shows fallback again if nothing
// comes, and shows nothing that has fewer characters than minVisible.
package answer
