// Package bot is the heart of llmbot: the life of a mention, from the event to the finished answer.
// It knows no Slack wire and no HTTP.
//
// # Promises
//
// An ask is answered exactly once. [Bot.Handle] records it in the store (package turn) before it
// returns, and whoever has the lease answers. A thread has at most one turn at a time; the next one
// answers everything together that came meanwhile. Partial text is kept and marked, never replaced
// by an error. Nothing that a person reads holds an address or Go's own text.
//
// # Its parts
//
// Each has its own state. An arrow goes to what a part calls:
//
//	Handle ─► follower ─► controls ─► intake ─► actors ─► turnRun ─► mender
//	          follow-ups  presses,    store,    live      answers    what is complete, and
//	          without a   orders      held      threads              not as it should be
//	          mention
//
// Most of them ask access who may use the bot, and have notifier tell people what only they see.
//
// # Where is it?
//
//	an event comes            intake.go; follow.go, if it names nobody; held when the store is away
//	a button or a word        control.go, command.go; access.go (who may, and what they are told)
//	a thread                  actor.go, live.go (what it does, for others to see)
//	an edit meanwhile         actor.go, inhand.go (what is being answered)
//	a turn                    turn.go (its phases), assignment.go (what they share)
//	it finds out what to do   read.go (early.go: the status meanwhile), plan.go, admit.go, quota.go
//	it writes                 write.go, input.go and links.go (the prompt), kit.go (tools)
//	it ends                   finish.go (what is shown), offer.go (the file of a long answer),
//	                          end.go (what the store hears)
//	an answer is removed      remove.go (who wants it), erase.go
//	a process froze           repair.go, also for what is to be tidied
//	in the background         jobs.go
//
// # Goroutines
//
//	Handle (the caller's) ─► actor, one a live thread ─► turn, one an actor at most ─► Draft
//
// The actor owns the state of its thread and never does I/O. The turn does: it reads the history,
// asks the model, and hands the text so far to the Draft (the Replier's), which never blocks it.
// [Bot.Run] returns after all of them did.
//
// Locks: actors.mu guards the table of the live threads, and their inboxes. While it is held nothing
// blocks, and no other lock is taken. Under the others nothing blocks, either.
package bot
