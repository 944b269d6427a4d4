package tools

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"
)

// TestDemo has a clock and a directory that run unasked, and one tool that asks and changes something.
func TestDemo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := started(t, Config{File: Demo(time.Now)})
		s.Settle(t.Context())
		if got := offered(s); got != "team_add_note team_clock team_find_person" {
			t.Fatalf("%s: %+v", got, s.Status())
		}
		do := func(name, args, want string, failed bool) {
			t.Helper()
			r := s.Call(t.Context(), Call{Tool: named(t, s, "team_"+name), Place: Place{Channel: "C1"}, Arguments: json.RawMessage(args)})
			if r.Text != want || r.Failed != failed {
				t.Errorf("%s: %+v", name, r)
			}
		}
		do("clock", `{}`, "Saturday, 1 January 2000, 00:00 UTC", false)
		do("clock", `{"zone":"Mars"}`, `there is no time zone "Mars"; they look like Europe/Prague`, true)
		do("find_person", `{"query":"on call"}`, "Ben Okafor: on call this week; desk 2.11; time zone Africa/Lagos", false)
		do("add_note", `{"person":"ben","note":"likes tea"}`, "Noted for Ben Okafor.", false)
		do("find_person", `{"query":"Ben"}`, "Ben Okafor: on call this week; desk 2.11; time zone Africa/Lagos; note: likes tea", false)
		do("find_person", `{"query":"nobody"}`, "Nobody in the team fits that.", false)
		do("add_note", `{"person":"zoe","note":"x"}`, `nobody in the team is called "zoe"`, true)
		for name, want := range map[string]bool{"team_clock": true, "team_find_person": true, "team_add_note": false} {
			if tool := named(t, s, name); tool.ReadOnly != want || tool.Unasked(Place{Channel: "C1"}) != want {
				t.Errorf("%+v", tool)
			}
		}
		if got := s.Status()[0]; got.Transport != "in this program" || !got.Connected {
			t.Errorf("%+v", got)
		}
	})
}
