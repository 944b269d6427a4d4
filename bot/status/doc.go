// Package status tells a person how the model server and the bot are doing: a [Board] reads the
// server's metrics every few seconds, remembers twenty minutes of them, and makes a [Report] of
// that on demand.
//
// # Promises
//
// A report takes no longer than its context, whatever the server does. Two speeds are shown and
// never mixed: what one person sees, and what the server writes for everybody. What is not known is
// said to be unknown; a figure of too few answers is left out.
//
// # Goroutines
//
// [Board.Run] is the caller's. The requests of one report run beside each other, and the report
// waits for all of them. What the Board remembers is guarded by two mutexes that are never held
// across I/O.
package status
