package transcript

import (
	"errors"
	"strings"
	"testing"

	"llmbot/bot/answer"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
	"llmbot/llm"
)

// TestRoundsHaveOneOwner: only the newest owner of a turn writes its rounds, and they are of one
// turn.
func TestRoundsHaveOneOwner(t *testing.T) {
	r, at := Records{Store: turn.NewMem()}, thread.ID{Channel: "C", TS: "1.0"}
	of, later := Of{For: "1.0", Upto: "1.0"}, Of{For: "2.0", Upto: "2.0"}
	made := []answer.Round{{Text: "a", Calls: []answer.Call{{ToolCall: llm.ToolCall{Name: "x", Arguments: "{}"}, Begun: true}}}}
	keep := func(of Of, epoch uint64, lost bool) {
		t.Helper()
		if err := r.KeepRounds(t.Context(), at, of, epoch, made); errors.Is(err, turn.ErrLost) != lost || !lost && err != nil {
			t.Errorf("epoch %d: %v", epoch, err)
		}
	}
	claim := func(of Of, epoch uint64, n int) {
		t.Helper()
		if got, _, err := r.ClaimRounds(t.Context(), at, of, epoch); err != nil || len(got) != n {
			t.Errorf("epoch %d claims %d rounds, %v", epoch, len(got), err)
		}
	}
	keep(of, 1, false)
	keep(of, 1, false)
	claim(of, 2, 1)
	keep(of, 1, true) // it was frozen
	keep(of, 2, false)
	claim(later, 3, 0) // of another turn
	keep(of, 2, true)
	keep(later, 3, false)
	if _, _, err := r.ClaimRounds(t.Context(), at, later, 2); !errors.Is(err, turn.ErrLost) {
		t.Errorf("an old owner claims: %v", err)
	}
}

// TestRoundsFitIntoTheStore: the oldest results become shorter; what cannot is an error.
func TestRoundsFitIntoTheStore(t *testing.T) {
	r, at, of := Records{Store: turn.NewMem()}, thread.ID{Channel: "C", TS: "1.0"}, Of{For: "1.0"}
	var made []answer.Round
	for range 10 {
		round := answer.Round{}
		for range 16 {
			round.Calls = append(round.Calls, answer.Call{Over: true, Result: strings.Repeat("\u0007<", 15_000)}) // JSON makes much of it
		}
		made = append(made, round)
	}
	if err := r.KeepRounds(t.Context(), at, of, 1, made); err != nil {
		t.Fatal(err)
	}
	got, _, err := r.ClaimRounds(t.Context(), at, of, 2)
	if err != nil || len(got) != 10 {
		t.Fatal(len(got), err)
	}
	if first, last := len(got[0].Calls[0].Result), len(got[9].Calls[15].Result); first > last || len(made[0].Calls[0].Result) != 30_000 {
		t.Errorf("the oldest has %d bytes, the newest %d", first, last)
	}
	made[0].Text = strings.Repeat("x", 2*maxRounds)
	if err := r.KeepRounds(t.Context(), at, of, 2, made); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}
