// Package answer writes one answer: it waits for a slot, asks the model, shows the text as it
// grows, and tries again, goes on, or gives up, whatever the server does.
//
// # Promises
//
// What a reader has seen of an answer never becomes shorter, but when it is written anew in another
// form of its question. Partial text is kept and marked, never replaced by an error. A server that
// is away is waited for, and people are told so. No request goes on without end. Nothing that a
// person reads holds an address or Go's own text.
//
// # How it fits together
//
//	Shared, one a process ─► Writer, one an answer ─► Write: the loop over requests ─► try: one request ─► Draft.Set
//
// [Shared] has the slots and what was learnt of the model: how much text fits into its window, and
// whether it takes pictures. A [Writer] belongs to one goroutine. It never waits for a place that
// shows the text: [Draft].Set takes the newest and returns.
package answer
