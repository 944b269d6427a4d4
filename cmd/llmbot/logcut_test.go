package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// TestLogValuesAreCut: no value of a line is longer than its bound, whatever kind it has and
// however deep it stands.
func TestLogValuesAreCut(t *testing.T) {
	long := strings.Repeat("ä", 1<<20)
	list := make([]string, 1<<17)
	for i := range list {
		list[i] = "1700000000.000100"
	}
	for name, v := range map[string]any{
		"text": long, "error": fmt.Errorf("wrapped: %w", errors.New(long)), "list": list, "bytes": []byte(long), "map": map[string]string{"a": long},
		"struct": struct{ A string }{long}, "pointer": &struct{ A string }{long}, "group": slog.GroupValue(slog.String("a", long), slog.Any("b", errors.New(long))),
		"valuer": valuer(long), "stringer": fmt.Stringer(stringer(long)),
	} {
		for _, format := range []string{"text", "json"} {
			var b bytes.Buffer
			log := newLog(&b, Config{LogFormat: format}, slog.LevelInfo).With("with", v).WithGroup("g")
			log.Info("event", "value", v, "n", 7)
			if b.Len() > 12_000 || !utf8.Valid(b.Bytes()) || !strings.Contains(b.String(), "bytes in all") && name != "pointer" {
				t.Errorf("%s, %s: %d bytes: %.200s", name, format, b.Len(), b.String())
			}
		}
	}
	var b bytes.Buffer
	newLog(&b, Config{LogFormat: "text"}, slog.LevelInfo).Info("event", "text", strings.Repeat("a", maxLogValue), "list", []string{"a", "b"}, "error", errors.New("x"), "took", time.Second,
		"stack", strings.Repeat("s", 2*maxLogValue))
	if s := b.String(); strings.Contains(s, "cut,") || !strings.Contains(s, `list="[a b]" error=x took=1s`) {
		t.Errorf("changed what is short: %s", s)
	}
}

// TestNoErrorIsNotLogged: a line about something that went well has no word of an error.
func TestNoErrorIsNotLogged(t *testing.T) {
	for format, want := range map[string]string{"text": "msg=stop_asked user=U1\n", "json": `"msg":"stop_asked","user":"U1"}` + "\n"} {
		var b bytes.Buffer
		var err error
		newLog(&b, Config{LogFormat: format}, slog.LevelInfo).Info("stop_asked", "error", err, "user", "U1")
		if !strings.HasSuffix(b.String(), want) {
			t.Errorf("%s: %s", format, b.String())
		}
	}
}

type valuer string

func (v valuer) LogValue() slog.Value { return slog.StringValue(string(v)) }

type stringer string

func (s stringer) String() string { return string(s) }
