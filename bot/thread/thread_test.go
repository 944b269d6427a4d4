package thread

import (
	"slices"
	"testing"
)

func TestWordOf(t *testing.T) {
	for text, want := range map[string]Command{
		"stop": CommandStop, "!stop": CommandStop, " Stop! ": CommandStop, ": STOP.": CommandStop, "!help": CommandHelp, "!status": CommandStatus,
		"!status details": CommandStatus, "!remove": CommandRemove, " !Delete. ": CommandRemove, "remove": NoCommand, "delete": NoCommand, "!remove it": NoCommand, "help": NoCommand, "status": NoCommand, "stop it": NoCommand, "!stop it": NoCommand, "!helpless": NoCommand, "": NoCommand, "!": NoCommand,
	} {
		if got := CommandOf(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestKeyOfAThread(t *testing.T) {
	id := ID{Channel: "D1", TS: "1.000001"}
	if got, ok := Parse(id.String()); !ok || got != id || !id.Direct() {
		t.Errorf("%+v %v", got, ok)
	}
	if _, ok := Parse("C1"); ok {
		t.Error("took a key without a ts")
	}
}

// TestParticipantsInAnyOrder: whoever wrote before a message is known in whichever order the messages
// come.
func TestParticipantsInAnyOrder(t *testing.T) {
	type said struct{ who, ts string }
	all := []said{{"a", "1.0"}, {"b", "2.0"}, {"a", "3.0"}, {"c", "4.0"}}
	var permute func(done, left []said)
	permute = func(done, left []said) {
		if len(left) > 0 {
			for i, s := range left {
				permute(append(slices.Clone(done), s), slices.Concat(left[:i], left[i+1:]))
			}
			return
		}
		var k Participants
		for _, s := range done {
			k = k.With(s.who, s.ts)
		}
		if !k.Multiple() || k.Before("1.5", "a") || !k.Before("1.5", "b") || !k.Before("2.5", "a") || !k.Before("4.0", "c") {
			t.Errorf("%v: %+v", done, k)
		}
	}
	permute(nil, all)
	if alone := (Participants{}).With("a", "1.0").With("a", "2.0"); alone.Multiple() || alone.Before("3.0", "a") {
		t.Errorf("%+v", alone)
	}
}

// TestMerge: what a reader came too early for is added, and an older form gives way to a newer one.
func TestMerge(t *testing.T) {
	read := []Message{{TS: "1.0", User: "a", Name: "Ann", Text: "old", Files: []File{{ID: "F"}}}, {TS: "3.0", Self: true}}
	got := Merge(read, []Question{{TS: "1.0", Edited: "4.0", User: "a", Text: "new", FilesPending: true}, {TS: "2.0", User: "b", Text: "late"}}, func(user string) string { return "name of " + user })
	if len(got) != 3 || got[0].Text != "new" || got[0].Name != "Ann" || len(got[0].Files) != 1 || got[1].Text != "late" || got[1].Name != "name of b" || read[0].Text != "old" {
		t.Errorf("%+v", got)
	}
}
