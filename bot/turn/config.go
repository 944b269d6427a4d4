package turn

import (
	"log/slog"
	"time"
)

// Defaults of Config. The figures are the project's own, not anybody's limits.
const (
	DefaultTTL    = 6 * time.Second
	DefaultPrefix = "thread/"
	DefaultLimit  = 64 // as many as BOT_MAX_ANSWERS

	DefaultLookAfter = 70 * time.Second // longer than most freezes that a process survives
)

// Config is what a Coordinator needs to know. It must not change after NewCoordinator.
type Config struct {
	// Owner is the unique id of this start of this process. It is required, and no other start may
	// ever use it again.
	Owner string
	// TTL is how long an owner may be silent; 0 means DefaultTTL. It is the same in all processes.
	TTL time.Duration
	// Prefix begins the keys in the store; "" means DefaultPrefix. Nothing but thread records may
	// lie under it.
	Prefix string
	// Limit bounds the leases that were taken over and are held at once; 0 means DefaultLimit.
	// Leases that Ask returned do not count.
	Limit int
	// Alone reports whether no other process uses the store at this moment. Then any other owner is
	// dead, and its threads are taken over at once. nil means never. The Coordinator calls it with
	// a lock held: it does no I/O worth the name.
	Alone func() bool

	// Owed receives each lease that no Ask returned: a thread was owed an answer and had no live
	// owner. It must not block, and must not call the Coordinator or the Lease in the same
	// goroutine, except for what does no I/O. The callee ends the lease with Done or Release. nil
	// means that this process takes nothing over.
	Owed func(*Lease, Record)

	// Look receives a thread whose answer somebody has to look at once more: an owner that was
	// taken for dead may have woken and written over it, or whoever was to tidy it is gone. The call
	// comes LookAfter, and up to a quarter more, after this process saw that, and again at doubled
	// intervals until somebody has called TakeLook, and End of what that returns. With Record.Hurry
	// it comes within a twentieth of that time, with Record.Tidier a TTL after that was heard of
	// last, and at once if this process is alone. It must not block, nor call the Coordinator. nil
	// means that nobody looks.
	Look      func(key string, r Record)
	LookAfter time.Duration // 0 = DefaultLookAfter

	// Noted receives a thread when the store has taken an ask that Later kept, with the record as
	// it is then. It must not block, nor call the Coordinator. nil: nobody is told.
	Noted func(key string, r Record)

	Log   *slog.Logger // nil: silent
	Hooks Hooks
}

// Hooks receive what happens, for metrics. They must not block. The Coordinator calls none that is
// nil.
type Hooks struct {
	// Renewed is called after each try to renew a lease.
	Renewed func(took time.Duration, err error)
	// Took is called before each call of Config.Owed. dead: the owner before fell silent.
	Took func(key string, r Record, dead bool)
	// Lost is called when another process has a thread of which this one held the lease.
	Lost func(key string, epoch uint64)
	// Store is called when the store stops answering, and when it answers again after silent.
	Store func(answers bool, silent time.Duration)
	// Asked is called after each Ask and Note. fresh: it was news.
	Asked func(took time.Duration, fresh bool, err error)
}
