// Package leave decides whether a call of a tool is made: who allows it, and that it is made at
// most once.
//
// # Promises
//
//   - A call that its policy does not allow at its place is made only after the person who asked has
//     pressed a button. Nobody else's press counts, no second one, and none that comes late. No
//     decision within [Wait] means no.
//   - A call of a tool that may change something is noted in the store before it is made. Whoever goes
//     on with the answer does not make it again. While the store is away such a call waits.
//   - What is asked and what is decided is in the store: it survives the process, and any process may
//     get the press.
//   - No argument and no result is logged above debug.
//
// # How a decision finds the owner of the answer
//
//	owner    AskLeave: a question with an id of its own ─► buttons, for one person alone
//	anybody  DecideLeave: writes the decision if the question is that one, and undecided
//	owner    reads the question every second, until it is decided, its time is over, or the answer ends
//
// The owner asks the store rather than to watch it: a live lease costs a write every 1.5 s anyway,
// and a watch of its own would cost PostgreSQL a connection for each question. A successor asks
// again, under a new id, so that the buttons from before are stale. What was decided meanwhile
// counts.
//
// # A frozen owner
//
// A successor claims the rounds before it goes on. From then on an earlier owner cannot note a
// call, and so makes none. What it had noted before nobody makes again.
package leave
