// Package catchup finds what was said while nobody listened.
//
// Slack tells of each message once, over a socket. What is said while no process has a socket open,
// or while the store takes no question, comes by no event any more. So whoever has a socket open
// notes that in the store, every 5 s, in one record for all processes. The note is one conditional
// write: who overwrites a note that is too old has found the gap, and looks through the
// conversations for what came in it.
//
// # Promises
//
// A gap stays noted until everything in it was read and asked for, and Gone has taken what was
// deleted. What fails is tried again, more and more seldom, until the gap is two days old; only
// what can never be read ([thread.ErrUnreadable]) is left out. If its finder dies, another process
// takes the gap over, and reads all of it. A start while the store is away waits for it, and for
// all that it tells of threads; nothing is concluded from its silence. Of the processes that share
// a store one catches up at a time. What has its answer, and what is being answered, is asked for
// by nobody. It looks at each conversation once and at each thread once, at 40 and 30 a minute at
// most, those that are tried again among them: reads come out of the budget that answers need (50
// of each kind). A look is one read, but where much was said it reads several pages, of a
// conversation five at most. These further ones are in no such rate: History bounds them. A
// catch-up goes back a day at most.
//
// [Watcher.Run] is the one goroutine; it does all the I/O. The other methods never block.
package catchup
