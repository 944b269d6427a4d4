package transcript

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
		if err := r.KeepRounds(t.Context(), at, of, epoch, "U1", made); errors.Is(err, turn.ErrLost) != lost || !lost && err != nil {
			t.Errorf("epoch %d: %v", epoch, err)
		}
	}
	claim := func(of Of, epoch uint64, n int) {
		t.Helper()
		if got, _, err := r.ClaimRounds(t.Context(), at, of, epoch, "U1"); err != nil || len(got) != n {
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
	if _, _, err := r.ClaimRounds(t.Context(), at, later, 2, "U1"); !errors.Is(err, turn.ErrLost) {
		t.Errorf("an old owner claims: %v", err)
	}
}

// TestAnOldOwnerForgetsNothingOfTheNext: an owner that has ended its answer forgets its rounds
// late, when the next one has noted a call.
func TestAnOldOwnerForgetsNothingOfTheNext(t *testing.T) {
	r, at := Records{Store: turn.NewMem()}, thread.ID{Channel: "C", TS: "1.0"}
	first, next := Of{For: "1.0", First: "1.0"}, Of{For: "2.0", First: "2.0"}
	made := []answer.Round{begins("x")}
	if err := r.KeepRounds(t.Context(), at, first, 1, "U1", made); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.ClaimRounds(t.Context(), at, next, 2, "U1"); err != nil {
		t.Fatal(err)
	}
	if err := r.KeepRounds(t.Context(), at, next, 2, "U1", made); err != nil {
		t.Fatal(err)
	}
	if err := r.ForgetRounds(t.Context(), at, 1); err != nil {
		t.Fatal(err)
	}
	if got, before, err := r.ClaimRounds(t.Context(), at, next, 3, "U1"); err != nil || len(got) != 1 || len(before) != 0 {
		t.Errorf("its successor finds %+v, and %+v of others, %v", got, before, err)
	}
	if err := r.ForgetRounds(t.Context(), at, 3); err != nil {
		t.Fatal(err)
	}
	if got, before, err := r.ClaimRounds(t.Context(), at, next, 4, "U1"); err != nil || len(got) != 0 || len(before) != 1 {
		t.Errorf("after its end there are %+v, and %+v of others, %v", got, before, err)
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
	if err := r.KeepRounds(t.Context(), at, of, 1, "U1", made); err != nil {
		t.Fatal(err)
	}
	got, _, err := r.ClaimRounds(t.Context(), at, of, 2, "U1")
	if err != nil || len(got) != 10 {
		t.Fatal(len(got), err)
	}
	if first, last := len(got[0].Calls[0].Result), len(got[9].Calls[15].Result); first > last || len(made[0].Calls[0].Result) != 30_000 {
		t.Errorf("the oldest has %d bytes, the newest %d", first, last)
	}
	made[0].Text = strings.Repeat("x", 2*maxRounds)
	if err := r.KeepRounds(t.Context(), at, of, 2, "U1", made); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

// begins is a round whose calls have begun, of these tools.
func begins(names ...string) (r answer.Round) {
	for i, name := range names {
		r.Calls = append(r.Calls, answer.Call{ToolCall: llm.ToolCall{Name: name, Arguments: fmt.Sprintf(`{"n":%d}`, i)}, Begun: true, Over: true, Ran: true})
	}
	return r
}

// TestNoToolThatRanIsForgotten: however many calls an answer has begun, the next one to the same
// question knows of every tool that has run, and the record has a bound.
func TestNoToolThatRanIsForgotten(t *testing.T) {
	var distinct []string
	for i := range 160 {
		distinct = append(distinct, fmt.Sprintf("tool_%d", i))
	}
	for name, tt := range map[string]struct {
		answers [][]string // the tools that they ran, in this order
		tools   int        // of which the next answer knows
	}{
		"one often":        {[][]string{append([]string{"create_ticket"}, slices.Repeat([]string{"set_label"}, 33)...)}, 2},
		"one in each edit": {append([][]string{{"create_ticket"}}, slices.Repeat([][]string{{"set_label"}}, 200)...), 2},
		"all different":    {[][]string{distinct}, 160},
		"and once more":    {slices.Repeat([][]string{distinct}, 20), 160},
	} {
		r, at := Records{Store: turn.NewMem()}, thread.ID{Channel: "C", TS: "1.0"}
		of := func(n int) Of { return Of{For: "1.0", First: "1.0", Since: fmt.Sprintf("%d.0", n)} }
		for n, ran := range tt.answers {
			if err := r.KeepRounds(t.Context(), at, of(n), uint64(n+1), "U1", []answer.Round{begins(ran...)}); err != nil {
				t.Fatal(err)
			}
		}
		_, before, err := r.ClaimRounds(t.Context(), at, of(len(tt.answers)), uint64(len(tt.answers)+1), "U1")
		known := map[string]bool{}
		for _, c := range before {
			known[c.Name] = true
		}
		if err != nil || len(known) != tt.tools || len(before) > max(mostArgued, tt.tools) {
			t.Errorf("%s: %d calls of %d tools are known, %v", name, len(before), len(known), err)
		}
		if tt.tools < mostArgued && slices.ContainsFunc(before, func(c answer.Ran) bool { return c.Arguments == "" }) {
			t.Errorf("%s: without arguments: %+v", name, before)
		}
	}
}

// TestWhatRanHasABound: a thread in which many questions have run many tools still takes rounds.
func TestWhatRanHasABound(t *testing.T) {
	r, at := Records{Store: turn.NewMem()}, thread.ID{Channel: "C", TS: "1.0"}
	for n := range 20 {
		var round answer.Round
		for i := range 160 {
			round.Calls = append(round.Calls, answer.Call{ToolCall: llm.ToolCall{Name: fmt.Sprintf("%064d", n*1000+i), Arguments: strings.Repeat("\u0007", 500)}, Begun: true})
		}
		of := Of{For: fmt.Sprintf("17%08d.000000", n), First: fmt.Sprintf("17%08d.000000", n)}
		if err := r.KeepRounds(t.Context(), at, of, uint64(n+1), "U1", []answer.Round{round}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := r.ClaimRounds(t.Context(), at, Of{For: "1800000000.000000"}, 21, "U1"); err != nil {
		t.Fatal(err)
	}
	var raw json.RawMessage
	if err := r.read(t.Context(), roundsKey(at), &raw); err != nil || len(raw) > maxRounds/2 {
		t.Errorf("the record has %d bytes, %v", len(raw), err)
	}
}
