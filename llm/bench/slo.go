package bench

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SLO is what a request has to meet to be a good one, as with --goodput of `vllm bench serve`; zero
// fields ask for nothing. Goodput is the good requests a second.
type SLO struct {
	TTFTMS float64 `json:"ttft_ms,omitempty"`
	TPOTMS float64 `json:"tpot_ms,omitempty"`
	E2ELMS float64 `json:"e2el_ms,omitempty"`
}

// ParseSLO reads a list such as ttft=500ms,tpot=50ms,e2el=10s. A bare number is milliseconds, and :
// may stand for =, as vLLM writes them.
func ParseSLO(text string) (SLO, error) {
	var s SLO
	for pair := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			name, value, ok = strings.Cut(strings.TrimSpace(pair), ":")
		}
		if !ok {
			return SLO{}, fmt.Errorf("%q is no NAME=DURATION", pair)
		}
		d, err := time.ParseDuration(value)
		if n, e := strconv.ParseFloat(value, 64); e == nil {
			d, err = time.Duration(n*float64(time.Millisecond)), nil
		}
		if err != nil || d <= 0 {
			return SLO{}, fmt.Errorf("%s is %q, which is no duration above 0", name, value)
		}
		into := map[string]*float64{"ttft": &s.TTFTMS, "tpot": &s.TPOTMS, "e2el": &s.E2ELMS}[strings.ToLower(name)]
		switch {
		case into == nil:
			return SLO{}, fmt.Errorf("%q is none of ttft, tpot, e2el", name)
		case *into != 0:
			return SLO{}, fmt.Errorf("%s is given twice", name)
		}
		*into = ms(d)
	}
	return s, nil
}

// met reports whether a request that ended well meets all that is asked. What is not known is not
// met: the time of tokens that were not streamed.
func (s SLO) met(o outcome) bool {
	switch {
	case s == SLO{}:
		return false
	case s.TTFTMS > 0 && ms(o.ttft) > s.TTFTMS, s.E2ELMS > 0 && ms(o.e2el) > s.E2ELMS:
		return false
	}
	return s.TPOTMS == 0 || !o.hidden && ms(o.tpot()) <= s.TPOTMS
}

// String returns the list as people read it.
func (s SLO) String() string {
	var out []string
	for _, p := range []struct {
		name string
		ms   float64
	}{{"TTFT", s.TTFTMS}, {"TPOT", s.TPOTMS}, {"E2EL", s.E2ELMS}} {
		if p.ms > 0 {
			out = append(out, fmt.Sprintf("%s ≤ %s ms", p.name, short(p.ms)))
		}
	}
	return strings.Join(out, ", ")
}
