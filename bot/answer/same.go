package answer

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"
)

// again returns why c is not made again: calls of the same tool with the same arguments were made
// before, or were begun, or one was not allowed; empty: it may be made.
func (r *Rounds) again(c *Call) string {
	made := 0
	for _, round := range r.all {
		for i := range round.Calls {
			other := &round.Calls[i]
			if !other.Over || other.Name != c.Name || r.canonical(other.Arguments) != r.canonical(c.Arguments) {
				continue
			}
			if other.Refused {
				return refusedAgain
			}
			if other.Ran || other.Begun {
				made++
			}
		}
	}
	if made >= mostSame {
		return sameAgain
	}
	return ""
}

// canonical returns what other arguments with the same meaning have as well; see canonical.
func (r *Rounds) canonical(raw string) string {
	if r.sames == nil {
		r.sames = map[string]string{}
	}
	same, known := r.sames[raw]
	if !known {
		same = canonical(raw)
		r.sames[raw] = same
	}
	return same
}

// canonical returns JSON in the one form that all texts of the same value have: without space, names
// sorted, characters as themselves, 2.0 as 2. What is no JSON stays as it is.
func canonical(raw string) string {
	dec := json.NewDecoder(strings.NewReader(raw))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return raw
	}
	if _, err := dec.Token(); err != io.EOF {
		return raw
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(numbers(v)) != nil {
		return raw
	}
	return b.String()
}

// numbers returns a value in which numbers that are equal are written in one way.
func numbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = numbers(v[name])
		}
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case json.Number:
		// Above that, two integers may have the same float64.
		const exact = 1 << 53
		if f, err := v.Float64(); err == nil && math.Abs(f) < exact && v.String() != "-0" {
			return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
		}
	}
	return v
}
