package sqlstore

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/turn"
)

func TestHammer(t *testing.T) {
	test := func(t *testing.T, open func() *Store) {
		const writers, each, keys = 8, 60, 7
		a, b := open(), open()
		mine := errors.New("mine")
		var wg sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex // guards last
		last := make([]map[string]string, 4)
		var watchers sync.WaitGroup
		for i := range last {
			last[i] = map[string]string{}
			watchers.Go(func() {
				err := []*Store{a, b}[i%2].Watch(ctx, "k", func(key string, value []byte) {
					if key != "" { // else all was told
						mu.Lock()
						defer mu.Unlock()
						last[i][key] = string(value)
					}
				})
				if !errors.Is(err, context.Canceled) {
					t.Errorf("watch: %v", err)
				}
			})
		}
		for i := range writers {
			s := []*Store{a, b}[i%2]
			wg.Go(func() {
				for n := range each {
					key := "k" + strconv.Itoa(n%keys)
					if err := s.Update(t.Context(), key, add); err != nil {
						t.Errorf("update: %v", err)
					}
					// Others in the same batch fail, keep, or leave without doing harm.
					if err := s.Update(t.Context(), key, func([]byte) ([]byte, error) { return []byte("x"), mine }); !errors.Is(err, mine) {
						t.Errorf("fn's error: %v", err)
					}
					short, cancel := context.WithTimeout(t.Context(), time.Duration(n%3)*time.Millisecond)
					_ = s.Update(short, "text/"+key, func([]byte) ([]byte, error) { return bytes.Repeat([]byte("t"), 1000+n), nil })
					cancel()
				}
			})
		}
		wg.Wait()
		for k := range keys {
			key := "k" + strconv.Itoa(k)
			times := each / keys
			if k < each%keys {
				times++
			}
			wantCount(t, b, key, writers*times)
		}
		// A last write of each kind is told to all, and then the end.
		count(t, a, "k0", 1)
		end := value(t, b, "k0")
		told := func() bool {
			mu.Lock()
			defer mu.Unlock()
			return !slices.ContainsFunc(last, func(l map[string]string) bool { return l["k0"] != strconv.Itoa(end) || len(l) != keys })
		}
		for deadline := time.Now().Add(patience); !told() && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
		watchers.Wait()
		if !told() {
			t.Errorf("the watchers know %v, want k0 = %d", last, end)
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		dir := t.TempDir()
		test(t, func() *Store { return open(t, Config{Dir: dir}) })
	})
	t.Run("postgres", func(t *testing.T) {
		address := server(t)
		test(t, func() *Store { return open(t, Config{URL: address}) })
	})
}

// What waits is committed together: the counter takes one number for each commit.
func TestUpdatesThatWaitAreCommittedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Config{Dir: t.TempDir()})
		count(t, s, "n", 1)
		inside, gate := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			_ = s.Update(t.Context(), "n", func([]byte) ([]byte, error) {
				close(inside)
				<-gate
				return nil, turn.ErrKeep
			})
		})
		<-inside
		var late atomic.Int32
		for i := range 100 {
			wg.Go(func() { count(t, s, "k"+strconv.Itoa(i), 1) })
		}
		wg.Go(func() { // has left before its turn comes: certainly not made
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			err := s.Update(ctx, "late", func([]byte) ([]byte, error) { late.Add(1); return []byte("x"), nil })
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("update that waited too long: %v", err)
			}
		})
		time.Sleep(2 * time.Second)
		before, _, err := s.db.state(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		close(gate)
		wg.Wait()
		after, _, err := s.db.state(t.Context())
		if err != nil || after != before+1 {
			t.Errorf("%d commits for 100 updates that waited, %v", after-before, err)
		}
		if late.Load() != 0 {
			t.Error("fn of an update that had left ran")
		}
	})
}

// Many updates more than may wait: all are made, none is lost.
func TestMoreThanMayWait(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	var wg sync.WaitGroup
	for range maxWaiting + 500 {
		wg.Go(func() { count(t, s, "n", 1) })
	}
	wg.Wait()
	wantCount(t, s, "n", maxWaiting+500)
}

func TestRunSweeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := open(t, Config{Dir: t.TempDir(), Log: slog.New(slog.NewTextHandler(&log, nil))})
		count(t, s, "n", 1)
		if _, err := s.db.exec(t.Context(), s.db.writes, `UPDATE llmbot_records SET updated = 0`); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
		wantCount(t, s, "n", 0)
		if !strings.Contains(log.String(), "records_swept") {
			t.Errorf("log: %s", log.String())
		}
	})
}

func TestRunEndsWithTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Config{Dir: t.TempDir()})
		var wg sync.WaitGroup
		wg.Go(func() { _ = s.Run(t.Context()) })
		synctest.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
}

// A poll reads what changed by one index, in its order, and nothing of what is outside its prefix but the key.
func TestPollReadsTheIndex(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	count(t, s, "n", 1)
	rows, err := s.db.reads.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+changesSQL, 0, "", 1, "n", pageRows)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var a, b, c int
		var text string
		if err := rows.Scan(&a, &b, &c, &text); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, text)
	}
	if got := strings.Join(plan, "; "); !strings.HasPrefix(got, "SEARCH llmbot_records USING INDEX llmbot_records_seq ((seq,key)>(?,?))") || len(plan) != 1 {
		t.Errorf("plan: %s", got)
	}
}
