package main

import (
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"llmbot/bot/answer"
	"llmbot/bot/sqlstore"
	"llmbot/bot/thread"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
	"llmbot/llm"
)

// TestRemovingAPerson: the statement of docs/data.md removes what names somebody, and nothing else.
func TestRemovingAPerson(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := sqlstore.Open(sqlstore.Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	records := transcript.Records{Store: s}
	ctx := t.Context()
	theirs, others := thread.ID{Channel: "C0GENERAL1", TS: "1.1"}, thread.ID{Channel: "C0GENERAL1", TS: "2.2"}
	put := func(key, value string) {
		if err := s.Update(ctx, key, func([]byte) ([]byte, error) { return []byte(value), nil }); err != nil {
			t.Fatal(err)
		}
	}
	for id, who := range map[thread.ID]string{theirs: "U0123ABCDEF", others: "U0OTHER0001"} {
		if err := records.Keep(ctx, id, transcript.Entry{For: id.TS, Text: "An answer.", Asker: who}); err != nil {
			t.Fatal(err)
		}
		record, err := turn.Record{Asked: turn.TS(id.TS), Answered: turn.TS(id.TS)}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		put("thread/"+id.String(), string(record))
		put("quota/person/"+who, `{}`)
		if err := records.KeepPreface(ctx, id, []thread.Message{{TS: "1.0", User: who, Text: "before"}}); err != nil {
			t.Fatal(err)
		}
		ran := []answer.Round{{Calls: []answer.Call{{ToolCall: llm.ToolCall{Name: "post", Arguments: `{"to":"all"}`}, Begun: true}}}}
		if err := records.KeepRounds(ctx, id, transcript.Of{For: id.TS, First: id.TS}, 1, who, ran); err != nil {
			t.Fatal(err)
		}
		if err := records.ForgetRounds(ctx, id, 1); err != nil { // the answer is over
			t.Fatal(err)
		}
		if err := records.KeepRemoval(ctx, id, transcript.Removal{TS: "3.3", By: who}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	statement := regexp.MustCompile("(?s)```sql\n(.*?)```").FindStringSubmatch(repositoryFile(t, "docs/data.md"))
	if statement == nil {
		t.Fatal("docs/data.md has no statement")
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, statement[1]); err != nil {
		t.Fatal(err)
	}
	rows, err := db.QueryContext(ctx, "SELECT key FROM llmbot_records WHERE value IS NOT NULL ORDER BY key")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var left []string
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			t.Fatal(err)
		}
		left = append(left, key)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"answers/" + others.String(), "before/" + others.String(), "gone/" + others.String(), "quota/person/U0OTHER0001",
		"thread/" + theirs.String(), "thread/" + others.String(), "tools/" + others.String(),
	}
	if !slices.Equal(left, want) {
		t.Errorf("left %q, want %q", left, want)
	}
	if err := errors.Join(rows.Close(), db.Close()); err != nil { // what sqlite3 does at its end: only then is it all in one file
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "state.db")); err != nil || strings.Contains(string(b), "U0123ABCDEF") {
		t.Errorf("the file still has the id (%v)", err)
	}
}
