// Package bot is the heart of llmbot: the life of a mention, from the event to the finished answer. It knows no Slack wire and no HTTP.
//
// # Promises
//
// An ask is answered exactly once: [Bot.Handle] notes it in the store (package turn) before it returns, and whoever holds the claim
// answers. A thread has at most one turn at a time; what comes meanwhile is answered together by the next one. Partial text is kept
// and marked, never replaced by an error. Nothing that a person reads holds an address or Go's own text.
//
// # Goroutines
//
//	Handle (the caller's) ─► actor, one a live thread ─► turn, at most one an actor ─► Draft (the Replier's)
//
// The actor owns the state of its thread and never does I/O. The turn does: it reads the history, asks the model, and hands the text so
// far to the Draft, which never blocks it. [Bot.Run] returns after all of them did.
//
// Locks: Bot.mu guards the table of actors and is a leaf; nothing is called while it is held.
package bot
