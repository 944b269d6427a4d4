// Package turn decides which thread is owed an answer, and which process writes it. It is a
// protocol over a Store with an atomic read-modify-write and a watch. It knows neither Slack nor a
// model.
//
// # One record a thread
//
// A Record is a level, not a log. A thread is owed an answer iff Asked > Answered. To ask is to
// take the maximum. So a redelivered event, the two events of one post, and a second replica need
// no table of events: each finds that nothing is new.
//
// Asking and claiming are one write. There is no moment in which a question is known and nobody is
// responsible for it: the record has an Owner, or every process with room tries to claim it.
//
// # One axis of time
//
// Everything that can make a thread owed has a timestamp of Slack's: a message, an edit, a press of
// a button, a stop, a deletion. So Asked, Answered, For, Stop and Changed lie on one axis and are
// compared with each other. All but For are high-water marks: they only grow. An answer that is
// under way answers everything up to For. An edit is a later Asked with the same message, a press
// is one without a message, a stop is what For must be later than. None of them needs a clock of
// ours.
//
// # One owner at a time
//
// Every write of an owner is conditional on (Owner, Epoch). Epoch is the fencing token: a claim
// raises it, so that all later writes of the owner before fail. At most one process holds a Lease
// whose Check passes. A process has at most one live Lease a thread. Nothing is answered without
// one.
//
// # A lease without clocks
//
// An owner changes Heartbeat every TTL/4. Another process takes over when it has seen the same
// (Owner, Epoch, Heartbeat) for a TTL, on its own monotonic clock, from the moment when it saw it.
// The write of the takeover is conditional on the record still being the same.
//
// The owner trusts its lease for 3/4 TTL from the start of its last write that succeeded. The other
// process saw that write after it was made, and it was made after its start. So the other's TTL
// ends at least TTL/4 after the owner stopped trusting, whatever the clocks say: only durations are
// measured, each by one process. TTL/4 is the time that a write to Slack may take which was
// allowed.
//
// No lease can rule out a process that is frozen between Check and its write: Check again after the
// write. A taker that was frozen itself is safe, since Heartbeat never returns to an earlier value
// in an Epoch.
//
// # Nothing is lost
//
// Done marks what was answered and releases the thread in one write. If more was asked meanwhile,
// the lease stays and For moves on. A write whose outcome is unknown (a timeout) is safe to repeat.
// It is also safe not to: a process that finds itself named in a record without a lease claims the
// thread again. A Done that the store did not take is written later, in the background.
//
// An owner that dies leaves For and Reply. Its successor goes on with the same answer in the same
// messages. Blame counts these deaths, so that a thread that kills its owners gets a sentence
// instead of an answer (poison-message detection). A death counts less if the owner was busy with
// other threads too, and an answer that has made Progress since is blamed for none.
//
// Takeovers go oldest ask first; after a start, TTL/64 is left for hearing of all. A process holds
// at most Config.Limit of them at once.
//
// # The store is away
//
// Later keeps what Ask could not write. The Coordinator asks again as soon as the store answers,
// and the thread is then taken over like any other that is owed. A lease that cannot be renewed
// lapses, and Settled waits until it is known whether it is still ours. A process that is alone
// keeps its leases: nobody else can have taken them. When the store is back, all owners get a TTL
// to renew before anybody takes over. An owner that fell silent in an outage is hardly blamed for
// it: it could not release.
//
// # A frozen owner wakes
//
// It may write once more to messages that are not its own any more. Look in the record is set from
// the end of an answer that was taken over until somebody has looked at it, whoever that is. It is
// set, too, when an owner has something left to do after the end, for which it may not live long
// enough. Tidier names that owner, which renews as a lease is renewed (see Tidying). If it falls
// silent for a TTL, somebody else looks, and takes the right from it. An owner that ends in order
// sets Hurry, so that others look at once; so does a process that is alone.
//
// # Costs
//
// Ask, Note, Stop, Reply, Done and Release make one write each at most, and block for the store
// until ctx ends. A live lease costs a write every TTL/4, and so does a thread that is being tidied.
// Check, For, Epoch, Stopped, Lost, Later, Pending, Drain and Owners do no I/O. Hooks and log lines
// run on the goroutine that caused them, without locks. Config.Owed is called in the order of the
// asks within a batch.
package turn
