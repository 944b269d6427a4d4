package llm

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// given is all that a caller gets of one transcript, but for times.
type given struct {
	File, Text, Reasoning string
	Deltas                int
	Retracted             bool
	Model, ID             string
	Finish                Finish
	StopReason            string
	Usage                 Usage
	Kind                  string
	Again                 bool
	Error, User, Hint     string
}

// TestRealGolden holds that the captures of live servers give what they gave before structural tokens and loops were looked for, to the byte.
func TestRealGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/real/*.http")
	if err != nil || len(files) < 138 {
		t.Fatalf("%d captures, %v", len(files), err)
	}
	var got []given
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c, err := New(Config{BaseURL: "http://model.test/v1", Model: "tiny", HTTP: rawClient(t, raw, 1<<20)})
		if err != nil {
			t.Fatal(err)
		}
		a := ask(t.Context(), c, Request{Messages: []Message{{Role: RoleUser, Content: "hi"}}})
		g := given{
			File: filepath.Base(file), Text: a.text, Reasoning: a.reasoning, Deltas: a.deltas, Retracted: a.retracted, Model: a.res.Model, ID: a.res.ID,
			Finish: a.res.Finish, StopReason: a.res.StopReason, Usage: a.res.Usage, Kind: kindName(a.err),
		}
		if e, ok := errors.AsType[*Error](a.err); ok {
			g.Again, g.Error, g.User, g.Hint = e.Again(), e.Error(), e.User(), e.Hint()
		}
		got = append(got, g)
	}
	const golden = "testdata/real.golden.json"
	out, err := json.MarshalIndent(got, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(golden, out, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	var want []given
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) != len(got) {
		t.Fatalf("%d captures, %d in %s", len(got), len(want), golden)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%s:\n got %+v\nwant %+v", got[i].File, got[i], want[i])
		}
	}
}
