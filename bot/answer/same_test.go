package answer

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"llmbot/llm"
)

// TestSameArguments: texts of the same value are the same arguments, and no others are.
func TestSameArguments(t *testing.T) {
	for _, same := range [][]string{
		{`{"a":1,"b":2}`, `{"b":2,"a":1}`, `{"a":1, "b":2.0}`, `{"b":20e-1,"a":1}`},
		{`{"a":"é<"}`, `{"a":"\u00e9\u003c"}`},
		{`{"o":{"x":[1,{"y":0,"z":1}]}}`, `{"o":{"x":[1,{"z":1,"y":0.0}]}}`},
		{`{"n":9007199254740993}`},
		{`{"n":9007199254740992}`},
		{`{"n":1e999999999}`},
		{`{"a":[1,2]}`},
		{`{"a":[2,1]}`},
		{`{"a":"1"}`},
		{`{"a":1}`},
		{`{"a":1} `, `{"a": 1}`},
		{`{"a":1}}`},
		{`{`},
	} {
		for _, raw := range same[1:] {
			if canonical(raw) != canonical(same[0]) {
				t.Errorf("%s and %s are others", same[0], raw)
			}
		}
	}
	if canonical(`{"n":9007199254740993}`) == canonical(`{"n":9007199254740992}`) || canonical(`{"a":[1,2]}`) == canonical(`{"a":[2,1]}`) || canonical(`{"a":"1"}`) == canonical(`{"a":1}`) {
		t.Error("others are the same")
	}
}

// TestNobodyIsAskedTwiceForTheSame: what was not allowed is not asked for again, whatever came between.
func TestNobodyIsAskedTwiceForTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, calls := 0, 0
		b := &box{}
		b.leave = func(_ context.Context, asks func()) (bool, string, error) {
			if calls++; calls > 1 { // only the first is one to drop
				return true, "", nil
			}
			asks()
			asked++
			return false, "no", nil
		}
		var steps []step
		for i := range 5 {
			steps = append(steps, calling("", `{"drop":true,"n":[1]}`), calling("", `{"look":`+strings.Repeat("1", i+1)+`}`))
		}
		s := &scripted{steps: append(steps, writes("so"))}
		out, _ := withTools(t.Context(), s, b, nil, Partial{}, 0)
		drops := 0
		for _, c := range s.got[len(s.got)-1].Messages {
			if c.Role == llm.RoleTool && strings.Contains(c.Content, "was not allowed before") {
				drops++
			}
		}
		if out.Err != nil || asked != 1 || drops != 4 || len(b.ran) != 5 {
			t.Errorf("%v, %d questions, %d refused, ran %q", out.Err, asked, drops, b.ran)
		}
	})
}
