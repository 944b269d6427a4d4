package bot

import (
	"strings"
	"testing"

	"llmbot/bot/thread"
)

func TestPolicy(t *testing.T) {
	p := Policy{Channels: []string{"C1"}, Users: []string{"U1", "U2"}, Deny: []string{"U2"}}
	tests := []struct {
		p             Policy
		channel, user string
		external      bool
		want          Refusal
	}{
		{Policy{}, "C9", "U9", false, ""},
		{Policy{}, "C9", "U9", true, refuseExternal},
		{Policy{AllowExternal: true}, "C9", "U9", true, ""},
		{p, "C1", "U1", false, ""},
		{p, "C2", "U1", false, refuseChannel},
		{p, "D2", "U1", false, ""},
		{p, "C1", "U2", false, refuseUser},
		{p, "C1", "U3", false, refuseUser},
	}
	for _, tt := range tests {
		if got := tt.p.Quick(tt.channel, thread.Question{User: tt.user, External: tt.external, Direct: strings.HasPrefix(tt.channel, "D")}); got != tt.want {
			t.Errorf("%+v %s %s: %q", tt.p, tt.channel, tt.user, got)
		}
	}
	for _, tt := range []struct {
		p    Policy
		who  Person
		want Refusal
	}{
		{Policy{}, Person{}, ""},
		{Policy{}, Person{Guest: true}, refuseGuest},
		{Policy{}, Person{External: true}, refuseExternal},
		{Policy{AllowGuests: true}, Person{Guest: true}, ""},
		{Policy{AllowGuests: true}, Person{Guest: true, External: true}, refuseExternal},
		{Policy{AllowExternal: true}, Person{External: true}, ""},
	} {
		if got := tt.p.Check(tt.who); got != tt.want {
			t.Errorf("%+v %+v: %q", tt.p, tt.who, got)
		}
	}
}

func TestShare(t *testing.T) {
	for _, tt := range []struct {
		owners map[string]int
		want   float64
	}{
		{nil, 1}, {map[string]int{"me": 4}, 1}, {map[string]int{"me": 1, "b": 3}, 0.25}, {map[string]int{"b": 3}, 0.25}, {map[string]int{"": 5, "me": 2, "b": 2}, 0.5},
	} {
		if got := share(tt.owners, "me"); got != tt.want {
			t.Errorf("%v: %v", tt.owners, got)
		}
	}
}
