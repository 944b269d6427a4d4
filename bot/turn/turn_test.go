package turn_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"llmbot/bot/turn"
)

func TestTSOrder(t *testing.T) {
	// Each group is one moment; the groups ascend.
	groups := [][]turn.TS{
		{""},
		{"0", "0.0", "000.000000"},
		{"0.000001"},
		{"0.1", "0.100000", "00.10"},
		{"9.999999"},
		{"10", "10.000000", "010.0"},
		{"946684800.000000"}, // synctest's year 2000: nine digits
		{"946684800.000001"},
		{"999999999.999999"},
		{"1000000000.000000"},
		{"1700000000.000100"},
		{"1700000000.000200", "1700000000.0002"},
		{"1700000001.000100"},
		{"99999999999999999999999999.1"},
	}
	for i, as := range groups {
		for j, bs := range groups {
			for _, a := range as {
				for _, b := range bs {
					if got := a.Compare(b); got != cmp.Compare(i, j) {
						t.Errorf("%q.Compare(%q) = %d, want %d", a, b, got, cmp.Compare(i, j))
					}
					if a.After(b) != (i > j) {
						t.Errorf("%q.After(%q) = %v", a, b, a.After(b))
					}
					if got := a.Max(b); i >= j && got != a || i < j && got != b {
						t.Errorf("%q.Max(%q) = %q", a, b, got)
					}
				}
			}
		}
	}
}

func FuzzTSOrder(f *testing.F) {
	f.Add("1700000000.000100", "999.1", "")
	f.Add("x", "1.2.3", "-5")
	f.Fuzz(func(t *testing.T, x, y, z string) {
		s := []turn.TS{turn.TS(x), turn.TS(y), turn.TS(z)}
		for _, a := range s {
			for _, b := range s {
				if a.Compare(b) != -b.Compare(a) {
					t.Errorf("%q and %q are not opposite", a, b)
				}
				if a.Max(b).Compare(b.Max(a)) != 0 {
					t.Errorf("Max of %q and %q depends on the order", a, b)
				}
				if a != "" && !a.After("") {
					t.Errorf("%q is not after never", a)
				}
			}
		}
		slices.SortFunc(s, turn.TS.Compare)
		if s[0].Compare(s[2]) > 0 {
			t.Errorf("not transitive: %q", s)
		}
	})
}

func TestOwedAndStopped(t *testing.T) {
	for _, tc := range []struct {
		r             turn.Record
		owed, stopped bool
	}{
		{turn.Record{}, false, false},
		{turn.Record{Asked: "1.0"}, true, false},
		{turn.Record{Asked: "1.0", Answered: "1.0"}, false, false},
		{turn.Record{Asked: "1.0", Answered: "1.000"}, false, false},
		{turn.Record{Asked: "1000000000.1", Answered: "999999999.9"}, true, false},
		{turn.Record{Asked: "1.0", Answered: "2.0"}, false, false},
		{turn.Record{Asked: "2.0", For: "2.0", Stop: "1.0"}, true, false},
		{turn.Record{Asked: "2.0", For: "2.0", Stop: "2.0"}, true, true},
		{turn.Record{Asked: "2.0", For: "2.0", Stop: "3.0"}, true, true},
		{turn.Record{Asked: "2.0", Stop: "3.0"}, true, false}, // nothing under way
	} {
		if tc.r.Owed() != tc.owed || tc.r.Stopped() != tc.stopped {
			t.Errorf("%+v: owed %v, stopped %v", tc.r, tc.r.Owed(), tc.r.Stopped())
		}
	}
}

func TestRecordJSON(t *testing.T) {
	full := turn.Record{
		Asked: "1700000000.000200", Answered: "1.0", Stop: "2.0", For: "3.0", Reply: []string{"4.0", "5.0"},
		Owner: "me", Epoch: math.MaxUint64, Heartbeat: 7, Load: 3, Blame: 2,
	}
	for _, r := range []turn.Record{{}, {Asked: "1.0"}, full} {
		b, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := turn.Decode(b)
		if err != nil || !back.Equal(r) {
			t.Errorf("%s came back as %+v, %v", b, back, err)
		}
	}
	b, err := full.Encode()
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"among":3,"answered":"1.0","asked":"1700000000.000200","beat":7,"blame":2,"epoch":18446744073709551615,"for":"3.0","owner":"me","reply":["4.0","5.0"],"stop":"2.0"}`
	if string(b) != want {
		t.Errorf("encoded as\n%s, want\n%s", b, want)
	}
}

func TestUnknownFieldsSurvive(t *testing.T) {
	const in = `{"asked":"1.0","Asked":"trap","draft":{"n":1.50,"big":123456789012345678901234567890},"note":null,"zero":0,"epoch":3}`
	r, err := turn.Decode([]byte(in))
	if err != nil || r.Asked != "1.0" || r.Epoch != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	r.Asked, r.Epoch = "2.0", 0
	b, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]json.RawMessage
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"asked": `"2.0"`, "Asked": `"trap"`, "draft": `{"n":1.50,"big":123456789012345678901234567890}`, "note": "null", "zero": "0",
	}
	if len(got) != len(want) {
		t.Errorf("fields: %s", b)
	}
	for name, value := range want {
		if string(got[name]) != value {
			t.Errorf("%s = %s, want %s", name, got[name], value)
		}
	}
}

func TestCorruptRecords(t *testing.T) {
	for _, in := range []string{"x", "null", "[]", "7", `"s"`, "{", `{"asked":7}`, `{"epoch":-1}`, `{"reply":"x"}`, `{} {}`} {
		if r, err := turn.Decode([]byte(in)); !errors.Is(err, turn.ErrCorrupt) {
			t.Errorf("%s: %+v, %v", in, r, err)
		}
	}
	store := turn.NewMem()
	put := func([]byte) ([]byte, error) { return []byte("junk"), nil }
	if err := store.Update(t.Context(), "thread/k", put); err != nil {
		t.Fatal(err)
	}
	c := turn.NewCoordinator(store, turn.Config{Owner: "a"})
	if _, err := c.Ask(t.Context(), "k", "1.0"); !errors.Is(err, turn.ErrCorrupt) {
		t.Errorf("asking over a corrupt record: %v", err)
	}
	err := store.Update(t.Context(), "thread/k", func(old []byte) ([]byte, error) {
		if string(old) != "junk" {
			return nil, fmt.Errorf("overwritten with %s", old)
		}
		return nil, turn.ErrKeep
	})
	if err != nil {
		t.Error(err)
	}
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"asked":"1.0","x":[1,2]}`))
	f.Add([]byte(`{"reply":[],"tries":-1}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := turn.Decode(in)
		if err != nil {
			return
		}
		b, err := r.Encode()
		if err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		again, err := turn.Decode(b)
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		c, err := again.Encode()
		if err != nil || string(b) != string(c) {
			t.Errorf("%s is not stable: %s, %v", b, c, err)
		}
	})
}

// TestOldTries: a record of an older version counts whole deaths under another name, and that
// version does not take ours for three of them.
func TestOldTries(t *testing.T) {
	r, err := turn.Decode([]byte(`{"asked":"1.0","tries":2}`))
	if err != nil || r.Blame != 2*turn.BlameUnit {
		t.Fatalf("%+v, %v", r, err)
	}
	b, err := r.Encode()
	if err != nil || strings.Contains(string(b), `"tries"`) {
		t.Errorf("%s, %v", b, err)
	}
}
