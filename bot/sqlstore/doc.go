// Package sqlstore keeps turn's records in a database: an SQLite file in a folder (the default; several processes of one machine may
// share it), or PostgreSQL (for replicas). It is turn.Store on database/sql, with the same statements on both.
//
// # What is promised
//
// An Update that returned nil is on the disk: SQLite runs with WAL and synchronous=FULL, PostgreSQL commits as its server is set up to. An Update
// that returned an error was made or was not. Updates of one process that wait are committed together, so that many cost little more than one.
// At most maxWaiting updates wait; more block until there is room or their ctx ends.
//
// Every commit takes the next number of one counter and writes it into its rows, and holds the counter until it is durable. So
// numbers become visible in their order, and a watcher that has seen number n never misses a change by asking for what is above n.
// Deletions are rows without a value for tombstoneKeep. A Watch hears of this process's changes at once, and of others' within
// 250 ms (SQLite, by polling) or as soon as NOTIFY says so, and within a second without it (PostgreSQL behind PgBouncer). Rows
// outside a Watch's prefix cost it next to nothing: polling reads an index that holds the keys.
//
// # A database that is away
//
// Open touches nothing. Calls open the database; while it cannot be reached an Update tries again until its ctx ends, and a
// Watch returns the error. What will not go away by waiting is told at once: a full disk, a folder that cannot be written, a file that is no
// database, a schema newer than this program, a wrong password. Such errors are Errors, with a Hint for the operator. Nothing is ever thrown
// away or made anew to get going. Check tries a durable write.
//
// No transaction of PostgreSQL stays open while this process thinks: a write is one statement that checks that the rows are
// still as they were read. A process that is frozen therefore stops nobody. On SQLite it may hold the file's lock
// if it is frozen in the milliseconds of a commit; the others wait.
//
// # Backup
//
// SQLite: `sqlite3 state.db "VACUUM INTO 'backup.db'"` while the bot runs gives one consistent file; after a clean stop, copy state.db.
// Never copy state.db alone while the bot runs, since the newest commits are in state.db-wal. PostgreSQL: pg_dump -t 'llmbot_*'. To restore, stop
// all processes, put the file back without state.db-wal and state.db-shm, and start.
//
// # Goroutines and locks
//
// One writer a Store, started by an Update that finds none, and ended when nothing waits; one listener a Watch on PostgreSQL, which
// Watch waits for. Close waits for the writer and for all polls. Store.mu is held only for moments, never across I/O.
package sqlstore
