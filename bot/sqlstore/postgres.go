package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	channel        = "llmbot"        // of NOTIFY
	pollServer     = time.Second     // finds what NOTIFY did not report, as behind PgBouncer
	connectTimeout = 3 * time.Second // if the URL sets none
	serverConns    = 4
	// connLife bounds the life of a connection, so that a server that has moved behind its name or
	// a proxy is found.
	connLife = 30 * time.Minute
)

// openPostgres returns the backend for PostgreSQL. It does not connect yet.
func openPostgres(address string, _ *slog.Logger) (*backend, error) {
	cfg, err := pgx.ParseConfig(address)
	// The error's text may repeat the address, and with it the password.
	if err != nil {
		return nil, &Error{what: "the address of the database cannot be read", hint: "It looks like postgres://USER@HOST:5432/DATABASE?sslmode=require, with the password after USER and a colon; " +
			"characters such as / ? # @ in a password are written as %2F %3F %23 %40."}
	}
	// PgBouncer's transaction mode works too without named prepared statements and settings of the
	// session.
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectTimeout
	}
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "llmbot"
	}
	db := stdlib.OpenDB(*cfg)
	db.SetMaxOpenConns(serverConns)
	db.SetMaxIdleConns(serverConns)
	db.SetConnMaxLifetime(connLife)
	where := fmt.Sprintf("%s:%d/%s", cfg.Host, cfg.Port, cfg.Database)
	return &backend{
		name: "postgres", where: where, writes: db, reads: db, chunk: maxBatch, poll: pollServer,
		words: strings.NewReplacer(
			// If this process is frozen in a transaction, the server ends the transaction, for
			// others wait.
			"{begin}", "BEGIN", "{guard}", "SET LOCAL idle_in_transaction_session_timeout = '2s'",
			"{lock}", "SELECT pg_advisory_xact_lock(7811886512001)", // any number that nobody else uses
			"{there}", "SELECT count(*) FROM pg_catalog.pg_class WHERE relname = 'llmbot_state' AND pg_catalog.pg_table_is_visible(oid)",
			"{bytes}", "bytea", "{bytewise}", `COLLATE "C"`, "{now}", "extract(epoch FROM now())::bigint",
			"{count}", "WITH counter AS ("+countSQL+" RETURNING seq) ", "{counter}", "counter", "{notify}", ", pg_notify('"+channel+"', key)::text",
		),
		open:    func(context.Context) error { return nil },
		listen:  func(ctx context.Context, hint func(key string)) error { return listen(ctx, cfg, hint) },
		trouble: serverTrouble, unmade: serverUnmade,
		hints: func(err error) (string, string) { return serverHints(err, where) },
		alone: func() bool { return false }, release: func() error { return nil },
	}, nil
}

// errPooled reports that notifications cannot arrive, so that polling has to do.
var errPooled = errors.New("a connection pooler is in between")

// listen passes on the keys that PostgreSQL's notifications name, this process's too, until it
// fails.
func listen(ctx context.Context, cfg *pgx.ConnConfig, hint func(key string)) (err error) {
	conn, err := pgx.ConnectConfig(ctx, cfg.Copy())
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		err = errors.Join(err, conn.Close(ctx))
	}()
	// A pooler such as PgBouncer gives its clients another process number than the server's. A
	// LISTEN would stay with a server connection that then serves others, and PgBouncer 1.18 has
	// crashed on the notifications.
	var pid uint32
	if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		return err
	}
	if pid != conn.PgConn().PID() {
		return errPooled
	}
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		hint(n.Payload)
	}
}

// serverTrouble classifies an error by the codes of
// https://www.postgresql.org/docs/current/errcodes-appendix.html.
func serverTrouble(err error) trouble {
	e, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case unreachable(err):
		return away
	case !ok:
		return lasting
	case e.Code == "40001", e.Code == "40P01": // serialization failure, deadlock
		return busy
	case strings.HasPrefix(e.Code, "08"), strings.HasPrefix(e.Code, "57P0"):
		// Connection; shutdown or start of the server.
		return away
	case e.Code == "53300", e.Code == "25006", e.Code == "57014":
		// Too many connections; a standby; cancelled by a time limit.
		return away
	}
	return lasting
}

// unreachable reports whether err concerns the way to the server, or its silence, rather than an
// answer of it.
func unreachable(err error) bool {
	if _, ok := errors.AsType[*pgconn.PgError](err); ok || err == nil {
		return false
	}
	_, dial := errors.AsType[*pgconn.ConnectError](err)
	_, wire := errors.AsType[net.Error](err)
	return dial || wire || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || pgconn.SafeToRetry(err)
}

// serverUnmade reports whether a statement was certainly not carried out, because the server says
// so or the driver sent nothing.
func serverUnmade(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code != "08007" && e.Code != "40003" // outcome unknown
	}
	return errors.Is(err, driver.ErrBadConn) || pgconn.SafeToRetry(err)
}

func serverHints(err error, where string) (what, hint string) {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if unreachable(err) {
		return "PostgreSQL at " + where + " does not answer", "Is the server up, and is the address in STATE_URL right?"
	}
	switch {
	case !ok:
	case strings.HasPrefix(e.Code, "28"):
		return "PostgreSQL at " + where + " refuses the login", "Correct user and password in STATE_URL."
	case e.Code == "3D000":
		return "PostgreSQL at " + where + " has no such database", "Make it (createdb), or correct STATE_URL."
	case e.Code == "42501":
		return "PostgreSQL at " + where + " does not let this user do that", "Grant it CREATE on the schema (once, for the tables), and everything on the tables llmbot_records and llmbot_state."
	case e.Code == "53100":
		return "the disk of PostgreSQL at " + where + " is full", "Make room there; llmbot goes on by itself then."
	}
	return "", ""
}
