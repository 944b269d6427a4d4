// Package sqlstore keeps turn's records in a database: an SQLite file in a folder (the default,
// which several processes of one machine may share), or PostgreSQL (for replicas). It implements
// turn.Store on database/sql, with the same statements for both.
//
// # What is promised
//
// An Update that returned nil is on the disk: SQLite runs with WAL and synchronous=FULL, PostgreSQL
// commits as its server is set up to. An Update that returned an error may have been made or not.
// Updates of one process that wait are committed together (group commit), so that many cost little
// more than one. At most maxWaiting updates wait; more block until there is room or their ctx ends.
//
// Every commit takes the next number of one counter, writes it into its rows, and holds the counter
// until the commit is durable. So numbers become visible in their order, and a watcher that has
// seen number n misses no change when it asks for what is above n. A deleted record stays as a row
// without a value for tombstoneKeep. A Watch learns of this process's changes at once. It learns of
// others' changes within 250 ms (SQLite, by polling), or as soon as NOTIFY reports them and within
// a second without it (PostgreSQL behind PgBouncer). Rows outside a Watch's prefix cost it next to
// nothing, because polling reads an index that holds the keys.
//
// # A database that is away
//
// Open touches nothing; calls open the database. While the database cannot be reached, an Update
// retries until its ctx ends, and a Watch returns the error. What waiting does not mend is reported
// at once: a full disk, a folder that cannot be written, a file that is no database, a schema newer
// than this program, a wrong password. Such errors are Errors, with a Hint for the operator. The
// store never deletes or replaces data to become usable. Check tries a durable write.
//
// No transaction on PostgreSQL stays open while this process thinks: a write is one statement,
// which checks that the rows are still as they were read. A frozen process therefore blocks nobody.
// On SQLite a process may hold the file's lock if it is frozen in the milliseconds of a commit; the
// others wait.
//
// # Backup
//
// SQLite: `sqlite3 state.db "VACUUM INTO 'backup.db'"` while the bot runs makes one consistent
// file; after a clean stop, copy state.db. Never copy state.db alone while the bot runs, since the
// newest commits are in state.db-wal. PostgreSQL: pg_dump -t 'llmbot_*'. To restore, stop all
// processes, put the file back without state.db-wal and state.db-shm, and start.
//
// # Goroutines and locks
//
// Each Store has one writer at most. An Update that finds none starts it, and it ends when nothing
// waits. On PostgreSQL each Watch has one listener and waits for it. Close waits for the writer and
// for all polls. Store.mu is held only for moments, never across I/O.
package sqlstore
