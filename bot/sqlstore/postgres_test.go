package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"llmbot/bot/turn"
	"llmbot/bot/turn/turntest"
)

// server returns the address of a schema of its own.
func server(tb testing.TB) string {
	tb.Helper()
	address := os.Getenv("LLMBOT_TEST_POSTGRES")
	if address == "" {
		tb.Skip("no PostgreSQL: run `.ci/postgres go test ./bot/sqlstore`, or set LLMBOT_TEST_POSTGRES=postgres://…")
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	name := fmt.Sprintf("test_%x", rand.Uint64())
	if _, err := db.Exec("CREATE SCHEMA " + name); err != nil {
		tb.Fatal(err)
	}
	joint := "?"
	if strings.Contains(address, "?") {
		joint = "&"
	}
	return address + joint + "search_path=" + name
}

func TestPostgres(t *testing.T) {
	server(t)
	turntest.TestStore(t, func(t *testing.T) turn.Store { return open(t, Config{URL: server(t)}) })
}

func TestPostgresPair(t *testing.T) {
	server(t)
	turntest.TestPair(t, func(t *testing.T) (a, b turn.Store) {
		address := server(t)
		return open(t, Config{URL: address}), open(t, Config{URL: address})
	})
}

// As behind PgBouncer: nothing is heard, only polled.
func TestPostgresPairWithoutListening(t *testing.T) {
	server(t)
	turntest.TestPair(t, func(t *testing.T) (a, b turn.Store) {
		address := server(t)
		x, y := open(t, Config{URL: address}), open(t, Config{URL: address})
		x.db.listen, y.db.listen = nil, nil
		return x, y
	})
}

func TestPostgresStartRace(t *testing.T) {
	address := server(t)
	var wg sync.WaitGroup
	for range 8 {
		s := open(t, Config{URL: address})
		wg.Go(func() { count(t, s, "n", 20) })
	}
	wg.Wait()
	wantCount(t, open(t, Config{URL: address}), "n", 160)
}

// A process that is frozen between reading and writing stops nobody.
func TestPostgresHoldsNoLockWhileItThinks(t *testing.T) {
	address := server(t)
	a, b := open(t, Config{URL: address}), open(t, Config{URL: address})
	count(t, a, "n", 1)
	thinking, done := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		var once sync.Once
		err := a.Update(t.Context(), "n", func(old []byte) ([]byte, error) {
			once.Do(func() { close(thinking); <-done })
			return add(old)
		})
		if err != nil {
			t.Errorf("update: %v", err)
		}
	})
	<-thinking
	count(t, b, "n", 10)
	close(done)
	wg.Wait()
	wantCount(t, b, "n", 12)
}

func TestPostgresStoppedAndStarted(t *testing.T) {
	address := server(t)
	ctl := strings.Fields(os.Getenv("LLMBOT_TEST_POSTGRES_CTL"))
	if len(ctl) == 0 {
		t.Skip("the server cannot be stopped: run `.ci/postgres go test ./bot/sqlstore`")
	}
	control := func(args ...string) {
		t.Helper()
		args = append(ctl[1:len(ctl):len(ctl)], args...)
		cmd := exec.Command(ctl[0], args...) // its output must not be a pipe: the server would keep it open
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
	}
	s := open(t, Config{URL: address})
	count(t, s, "n", 1)

	// Counting goes on all the time; an error means that the change may have been made.
	var made, unknown int
	stop := make(chan struct{})
	var counting, watching sync.WaitGroup
	counting.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := s.Update(t.Context(), "n", add); err != nil {
				unknown++
			} else {
				made++
			}
		}
	})
	var last atomic.Value
	ctx, cancel := context.WithCancel(t.Context())
	watching.Go(func() { // as the Coordinator does
		for ctx.Err() == nil {
			_ = s.Watch(ctx, "n", func(key string, value []byte) {
				if key != "" { // else all was told
					last.Store(string(value))
				}
			})
			s.pause(ctx, 100*time.Millisecond)
		}
	})
	for _, mode := range []string{"fast", "immediate"} {
		time.Sleep(300 * time.Millisecond)
		control("-m", mode, "stop")
		short, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		err := s.Check(short)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "does not answer") {
			t.Errorf("check while the server is away: %v", err)
		}
		if e, ok := errors.AsType[*Error](err); !ok || e.Hint() == "" {
			t.Errorf("no hint: %v", err)
		}
		control("start")
		if err := s.Check(t.Context()); err != nil {
			t.Errorf("check after the start: %v", err)
		}
	}
	time.Sleep(300 * time.Millisecond)
	close(stop)
	counting.Wait()
	n := value(t, s, "n")
	for deadline := time.Now().Add(patience); last.Load() != strconv.Itoa(n) && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	watching.Wait()
	t.Logf("counted %d, unknown %d, record %d", made, unknown, n)
	if n < 1+made || n > 1+made+unknown {
		t.Errorf("record is %d after %d updates and %d of unknown outcome", n, made+1, unknown)
	}
	if last.Load() != strconv.Itoa(n) {
		t.Errorf("watch told %v last, the record is %d", last.Load(), n)
	}
}

func TestPostgresHints(t *testing.T) {
	address := server(t)
	host := address[strings.LastIndex(address[:strings.LastIndex(address, "/")], "@")+1 : strings.LastIndex(address, "/")]
	for name, url := range map[string]string{
		"no such database": "postgres://llmbot@" + host + "/nowhere?sslmode=disable",
		"login":            "postgres://nobody:secret123@" + host + "/postgres?sslmode=disable",
	} {
		s := open(t, Config{URL: url})
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := s.Check(ctx)
		cancel()
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Hint() == "" || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "secret123") {
			t.Errorf("%s: the password is in %v", name, err)
		}
	}
	if _, err := Open(Config{URL: "postgres://user:secret123@host:port/x"}); err == nil || strings.Contains(err.Error(), "secret123") {
		t.Errorf("a bad address: %v", err)
	}
}
