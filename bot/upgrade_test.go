package bot_test

import (
	"context"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"llmbot/bot/sqlstore"
	"llmbot/bot/thread"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
)

// TestStateOfBefore opens the state that the commit before "The heart in plain rooms" left when it was
// killed in the middle of two answers. Both threads are taken over and go on from their texts, and
// the answer that was complete is there, as the context of the next one.
func TestStateOfBefore(t *testing.T) {
	t.Parallel()
	const (
		cut      = "C0GENERAL1/1796041076.603463" // in mid-answer
		answered = "C0GENERAL1/1796041051.599612" // its first question was; a follow-up was in mid-answer
		followUp = "1796041082.606587"
	)
	dir := t.TempDir()
	restore(t, filepath.Join(dir, "state.db"), "testdata/state/7c05ec4.sql")
	store, err := sqlstore.Open(sqlstore.Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { _ = store.Run(ctx) })
	taken := make(chan turn.Record, 10)
	coordinator := turn.NewCoordinator(store, turn.Config{Owner: "new", Alone: store.Alone, Owed: func(_ *turn.Lease, r turn.Record) { taken <- r }})
	all.Go(func() { _ = coordinator.Run(ctx) })
	defer func() {
		end()
		all.Wait()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	for range 2 {
		select {
		case r := <-taken:
			if r.Owner != "new" || r.Epoch < 2 || len(r.Reply) != 1 || !r.Owed() {
				t.Errorf("taken: %+v", r)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("a thread is not taken over")
		}
	}
	records := transcript.Records{Store: store}
	id := func(key string) thread.ID {
		channel, ts, _ := strings.Cut(key, "/")
		return thread.ID{Channel: channel, TS: ts}
	}
	for key, ask := range map[string]string{cut: id(cut).TS, answered: followUp} {
		c, err := records.Checkpoint(ctx, id(key), transcript.Of{For: ask, Since: ask, Upto: ask, First: ask, Asks: 1})
		if err != nil || !strings.HasPrefix(c.Text, "Sentence 0 of an answer from before. ") {
			t.Errorf("%s: the checkpoint is %+v, %v", key, c, err)
		}
	}
	own, err := records.Entries(ctx, id(answered))
	if e := own[id(answered).TS]; err != nil || !strings.HasSuffix(strings.TrimSpace(e.Text), "Sentence 59 of an answer from before.") || !e.Phase.Final() {
		t.Errorf("the answer is %+v, %v", e, err)
	}
}

// restore makes a database of a dump, whose records are of today: old ones would be deleted.
func restore(t *testing.T, path, dump string) {
	t.Helper()
	b, err := os.ReadFile(dump)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range []string{string(b), "UPDATE llmbot_records SET updated = unixepoch()"} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
}
