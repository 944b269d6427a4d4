package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// schemaVersion is the version that this program reads and writes. It refuses a newer schema and
// migrates an older one.
const schemaVersion = 1

// schemaSteps returns the statements that lead from each version to the next one. Old programs may
// run beside a new one during a deploy, so a step only adds. Columns that a poll needs come before
// the value, which may be long. {bytes} is the type of values.
func schemaSteps() [][]string {
	return [][]string{
		{
			`CREATE TABLE llmbot_state (id integer PRIMARY KEY, version integer NOT NULL, seq bigint NOT NULL, purged bigint NOT NULL)`,
			`INSERT INTO llmbot_state (id, version, seq, purged) VALUES (1, 0, 0, 0)`,
			`CREATE TABLE llmbot_records (key text {bytewise} NOT NULL PRIMARY KEY, rev bigint NOT NULL, seq bigint NOT NULL, updated bigint NOT NULL, value {bytes})`,
			`CREATE INDEX llmbot_records_seq ON llmbot_records (seq, key)`,
		},
	}
}

// backend holds what differs between the databases.
type backend struct {
	name, where string
	writes      *sql.DB
	reads       *sql.DB // may be the same as writes
	// A file: calls are short and need no deadline, and a write is a transaction of several
	// statements.
	local bool
	chunk int // rows in one statement
	poll  time.Duration

	words *strings.Replacer // the dialect's words for the placeholders in statements

	open    func(ctx context.Context) error // called before the first statement
	listen  func(ctx context.Context, hint func(key string)) error
	trouble func(err error) trouble // classifies an error before anything was written
	unmade  func(err error) bool    // reports whether a write with this error was certainly not made
	hints   func(err error) (what, hint string)
	alone   func() bool
	release func() error // called after the handles were closed
}

// querier is a *sql.DB or a *sql.Conn.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func (b *backend) close() error {
	err := b.writes.Close()
	if b.reads != b.writes {
		err = errors.Join(err, b.reads.Close())
	}
	return errors.Join(err, b.release())
}

// explain adds what an operator should know about an error.
func (b *backend) explain(err error) error {
	if _, ok := errors.AsType[*Error](err); ok || err == nil {
		return err
	}
	if what, hint := b.hints(err); what != "" {
		return &Error{what: what, hint: hint, err: err, lasting: b.trouble(err) == lasting}
	}
	return err
}

func (b *backend) exec(ctx context.Context, q querier, text string, args ...any) (int, error) {
	if text = b.words.Replace(text); text == "" {
		return 0, nil // the dialect needs no such statement
	}
	res, err := q.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// number returns the result of a query for one number.
func (b *backend) number(ctx context.Context, q querier, text string) (n int, err error) {
	rows, err := q.QueryContext(ctx, b.words.Replace(text))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return 0, err
		}
	}
	return n, rows.Err()
}

// version returns the schema's version; 0: there is no schema.
func (b *backend) version(ctx context.Context, q querier) (int, error) {
	there, err := b.number(ctx, q, `{there}`)
	if err != nil || there == 0 {
		return 0, err
	}
	return b.number(ctx, q, `SELECT version FROM llmbot_state WHERE id = 1`)
}

// migrate makes the schema, or brings it to schemaVersion. Several processes may do so at once.
func (b *backend) migrate(ctx context.Context) error {
	have, err := b.version(ctx, b.writes)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if have >= schemaVersion {
		return tooNew(have)
	}
	return b.transact(ctx, func(q querier) error {
		if _, err := b.exec(ctx, q, `{lock}`); err != nil {
			return err
		}
		have, err := b.version(ctx, q) // another process may have been quicker
		if err != nil || have >= schemaVersion {
			return errors.Join(err, tooNew(have))
		}
		for _, step := range schemaSteps()[have:] {
			for _, text := range step {
				if _, err := b.exec(ctx, q, text); err != nil {
					return fmt.Errorf("make the schema: %w", err)
				}
			}
		}
		_, err = b.exec(ctx, q, `UPDATE llmbot_state SET version = $1 WHERE id = 1`, schemaVersion)
		return err
	})
}

func tooNew(have int) error {
	if have <= schemaVersion {
		return nil
	}
	return &Error{
		what: fmt.Sprintf("the database has schema %d, and this program knows up to %d", have, schemaVersion),
		hint: "A newer llmbot has used it. Start that version, or restore a backup made before the upgrade.",
	}
}

// transact runs fn in a transaction. It discards a connection after an error.
func (b *backend) transact(ctx context.Context, fn func(q querier) error) (err error) {
	conn, err := b.writes.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if closing := conn.Close(); err == nil { // after an error it may be closed already
			err = closing
		}
	}()
	if _, err := b.exec(ctx, conn, `{begin}`); err != nil {
		return err
	}
	_, err = b.exec(ctx, conn, `{guard}`)
	if err == nil {
		err = fn(conn)
	}
	if err == nil {
		_, err = b.exec(ctx, conn, `COMMIT`)
	}
	if errors.Is(err, errNothing) {
		if _, undo := b.exec(ctx, conn, `ROLLBACK`); undo == nil {
			return err
		}
	}
	if err != nil {
		// Whatever the connection's state, closing it undoes what was not committed. Raw returns
		// fn's error.
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	return err
}

// sweep deletes old records and forgets old deletions.
func (b *backend) sweep(ctx context.Context) (n int, err error) {
	err = b.transact(ctx, func(q querier) error {
		if _, err := b.exec(ctx, q, countSQL); err != nil {
			return err
		}
		old := int64(keepRecords / time.Second)
		if n, err = b.exec(ctx, q, `UPDATE llmbot_records SET value = NULL, rev = rev + 1, updated = {now}, `+
			`seq = (SELECT seq FROM llmbot_state WHERE id = 1) WHERE value IS NOT NULL AND updated < {now} - $1`, old); err != nil {
			return err
		}
		// A watcher that has not polled since then has to start over.
		gone := int64(tombstoneKeep / time.Second)
		const those = ` FROM llmbot_records WHERE value IS NULL AND updated < {now} - $1`
		if _, err := b.exec(ctx, q, `UPDATE llmbot_state SET purged = (SELECT max(seq)`+those+`) WHERE id = 1 AND purged < (SELECT max(seq)`+those+`)`, gone); err != nil {
			return err
		}
		_, err := b.exec(ctx, q, `DELETE`+those, gone)
		return err
	})
	return n, err
}

// countSQL takes the counter's next number. Nobody else can take one until the transaction ends.
const countSQL = `UPDATE llmbot_state SET seq = seq + 1 WHERE id = 1`

// readSQL returns the statement that reads n records by their keys.
func readSQL(n int) string {
	var b strings.Builder
	b.WriteString(`SELECT key, rev, value FROM llmbot_records WHERE key IN ($1`)
	for i := range n - 1 {
		b.WriteString(`, $` + strconv.Itoa(i+2))
	}
	b.WriteByte(')')
	return b.String()
}

// writeSQL returns the statement that writes n records, each as key, revision and value. It leaves
// out a record that is no longer at the revision before, and returns the keys that were written.
func writeSQL(n int) string {
	var b strings.Builder
	b.WriteString(`{count}INSERT INTO llmbot_records (key, rev, value, updated, seq) VALUES `)
	for i := range n {
		if i > 0 {
			b.WriteString(`, `)
		}
		fmt.Fprintf(&b, `($%d, $%d, $%d, {now}, (SELECT seq FROM {counter}))`, 3*i+1, 3*i+2, 3*i+3)
	}
	b.WriteString(` ON CONFLICT (key) DO UPDATE SET rev = excluded.rev, value = excluded.value, updated = excluded.updated, seq = excluded.seq ` +
		`WHERE llmbot_records.rev = excluded.rev - 1 RETURNING key{notify}`)
	return b.String()
}

// changesSQL reads a page of changes from a place on, in the order of (seq, key).
const changesSQL = `SELECT seq, key, value FROM llmbot_records WHERE (seq, key) > ($1, $2) AND substr(key, 1, $3) = $4 ORDER BY seq, key LIMIT $5`
