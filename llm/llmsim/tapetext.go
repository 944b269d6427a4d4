package llmsim

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseTape reads the text form of a tape, one step a line. It skips empty lines and those that
// begin with #:
//
//	text WORDS | reason WORDS      token by token, at the server's speed
//	chunk WORDS | thought WORDS    one delta, counted as one token
//	role | usage | done | cut | eof | stall | refuse | death | harmony | 502
//	delta OBJECT | busy RETRY-AFTER
//	finish REASON | comment TEXT | raw TEXT | wait 3s | hold 5s
//	error CODE TYPE MESSAGE
//	reply CODE CONTENT-TYPE BODY
//
// WORDS, TEXT, MESSAGE and BODY may be a Go string in double quotes, for leading spaces and line
// ends.
func ParseTape(s string) (Tape, error) {
	var t Tape
	n := 0
	for line := range strings.SplitSeq(s, "\n") {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		st, err := parseStep(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		t = append(t, st)
	}
	return t, nil
}

func parseStep(line string) (Step, error) {
	word, arg, _ := strings.Cut(line, " ")
	arg = strings.TrimSpace(arg)
	switch word {
	case "wait", "hold":
		d, err := time.ParseDuration(arg)
		if err != nil || d < 0 {
			return Step{}, fmt.Errorf("%s wants a time like 3s, not %q", word, arg)
		}
		if word == "hold" {
			return HoldHeaders(d), nil
		}
		return Wait(d), nil
	case "error", "reply":
		f := strings.SplitN(arg, " ", 3)
		code, err := strconv.Atoi(f[0])
		if err != nil || len(f) < 3 || code < 200 || code > 599 {
			return Step{}, fmt.Errorf("%s wants a status, a type and a text, not %q", word, arg)
		}
		text, err := unquote(f[2])
		if word == "error" {
			return Fail(code, f[1], text), err
		}
		return Reply(code, f[1], text), err
	}
	if st, ok := bareStep(word); ok {
		return st, nil
	}
	text, err := unquote(arg)
	if err != nil {
		return Step{}, err
	}
	switch word {
	case "text":
		return Text(text), nil
	case "reason":
		return Reason(text), nil
	case "chunk":
		return Chunk(text, 1), nil
	case "thought":
		return Thought(text, 1), nil
	case "comment":
		return Comment(text), nil
	case "delta":
		return Delta(text), nil
	case "busy":
		return Busy(text), nil
	case "raw":
		return Raw(text), nil
	case "finish":
		return Finish(text), nil
	}
	return Step{}, fmt.Errorf("unknown step %q", word)
}

// bareStep returns a step without an argument.
func bareStep(word string) (Step, bool) {
	st, ok := map[string]Step{
		"role": Role(), "usage": Usage(), "done": Done(), "cut": Cut(), "eof": EOF(), "stall": Stall(), "refuse": Refuse(),
		"death": EngineDeath(), "harmony": HarmonyError(), "502": Nginx502(),
	}[word]
	return st, ok
}

func unquote(s string) (string, error) {
	if !strings.HasPrefix(s, `"`) {
		return s, nil
	}
	out, err := strconv.Unquote(s)
	if err != nil {
		return "", fmt.Errorf("a text in quotes: %w", err)
	}
	return out, nil
}
