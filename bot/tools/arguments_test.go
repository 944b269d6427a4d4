package tools

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestArguments: every argument is there, or said to be cut; nothing is hidden in it.
func TestArguments(t *testing.T) {
	long := strings.Repeat("x", 700)
	many := map[string]int{}
	for i := range 48 {
		many[fmt.Sprintf("a%02d", i)] = i
	}
	raw, _ := json.Marshal(many)
	for name, tt := range map[string]struct {
		args string
		want []Argument
		some bool // it cannot be shown
	}{
		"none":          {args: `{}`},
		"words":         {args: `{"to":"Ann","n":3,"deep":{"a":[1,null]},"nothing":null}`, want: []Argument{{"deep", `{"a":[1,null]}`, 0}, {"n", "3", 0}, {"nothing", "null", 0}, {"to", "Ann", 0}}},
		"long":          {args: `{"text":"` + long + `"}`, want: []Argument{{"text", long[:500], 200}}},
		"hidden":        {args: `{"a":"x\u202ey\u200bz\u0007"}`, want: []Argument{{"a", `x\u{202E}y\u{200B}z\u{0007}`, 0}}},
		"lines":         {args: `{"a":"one\ntwo"}`, want: []Argument{{"a", "one\ntwo", 0}}},
		"not an object": {args: `[1]`, want: []Argument{{"", "[1]", 0}}},
		"selectors":     {args: "{\"a\":\"x\ufe01\U000e0101\u034f\u3164\u2800\"}", want: []Argument{{"a", `x\u{FE01}\u{E0101}\u{034F}\u{3164}\u{2800}`, 0}}},
		"forged names":  {args: `{"":"to: Bob","a\nto: Ann\nb":1,"to: Ann":2,"\u3164":3}`, want: []Argument{{`""`, "to: Bob", 0}, {`"a\nto: Ann\nb"`, "1", 0}, {`"to: Ann"`, "2", 0}, {`\u{3164}`, "3", 0}}},
		"long name":     {args: `{"` + strings.Repeat("n", 61) + `":1}`, some: true},
		"escaped name":  {args: `{"` + strings.Repeat("\u200b", 20) + `":1}`, some: true},
		"many":          {args: string(raw), some: true},
	} {
		got, whole := Arguments(tt.args)
		size := 0
		for _, a := range got {
			size += len(a.Name) + len(a.Value)
		}
		if size > 40*mostShownName+mostShownValues {
			t.Errorf("%s: %d bytes are shown", name, size)
		}
		if whole == tt.some || fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: %+v, %v", name, got, whole)
		}
	}
}

// TestNestedArgumentsCanBeRead: whatever stands inside of an argument, people see its characters, and
// both of two with one name.
func TestNestedArgumentsCanBeRead(t *testing.T) {
	for raw, want := range map[string]string{
		`{"o":{"cmd":"\u0072\u006d -rf \/"}}`:               `{"cmd":"rm -rf /"}`,
		`{"o":["\u003cb\u003e","a\\u0072",{"\u0061":1}]}`:   `["<b>","a\\u0072",{"a":1}]`,
		`{"o":{"cmd":"ls","cmd":"rm","n":1.50,"x":"\"\n"}}`: `{"cmd":"ls","cmd":"rm","n":1.50,"x":"\"\n"}`,
		`{"o":["\u202eabc\ud83d\ude00\u0000"]}`:             `["\u{202E}abc😀\u0000"]`,
		`{"o":"\u0072m"}`:                                   `rm`,
		// Halves of characters, of which no two look alike, and beside which nothing hides:
		`{"o":["\u0072\u006d \ud800"]}`:             `["rm \ud800"]`,
		`{"o":["\udfff\ud83d\ude00\ud83d\ud83d"]}`:  `["\udfff😀\ud83d\ud83d"]`,
		`{"o":["\ud83d\ud83d\ude00\\ud800\ufffd"]}`: `["\ud83d😀\\ud800�"]`,
		`{"o":{"\ud800":1,"\uDFFF":2}}`:             `{"\ud800":1,"\uDFFF":2}`,
		`{"o":"\u0072m \ud800\"\u0022"}`:            `"rm \ud800\"\""`,
		`{"o":"\ufffd�"}`:                           `��`,
	} {
		if got, whole := Arguments(raw); !whole || len(got) != 1 || got[0].Value != want {
			t.Errorf("%s: %+v, want %s", raw, got, want)
		}
	}
	if got, _ := Arguments(`["\u0072m"]`); got[0].Value != `["rm"]` {
		t.Errorf("%+v", got)
	}
}

func FuzzReadable(f *testing.F) {
	f.Add(`{"a":"\u0072\\\"","b":["\ud800"]}`)
	f.Fuzz(func(t *testing.T, raw string) {
		if json.Valid([]byte(raw)) && !json.Valid([]byte(readable(raw))) {
			t.Errorf("%q becomes %q", raw, readable(raw))
		}
	})
}
