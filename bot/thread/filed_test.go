package thread_test

import (
	"fmt"
	"testing"

	"llmbot/bot/thread"
)

func TestFiled(t *testing.T) {
	said := func(ts string) thread.Message { return thread.Message{TS: ts, User: "U1"} }
	wrote := func(ts, what string) thread.Message { return thread.Message{TS: ts, Self: true, For: what} }
	shared := func(ts, id string) thread.Message {
		return thread.Message{TS: ts, Self: true, Notice: true, Files: []thread.File{{ID: id}}}
	}
	two := []thread.Message{
		said("1.0"), wrote("1.1", "1.0"), wrote("1.2", "1.0"), shared("1.3", "F1"),
		said("2.0"), wrote("2.1", "2.0"), shared("2.2", "F2"), said("3.0"),
	}
	late := []thread.Message{said("1.0"), wrote("1.1", "1.0"), said("2.0"), wrote("2.1", "2.0"), shared("2.2", "F1"), shared("2.3", "F2")}
	theirs := []thread.Message{said("1.0"), wrote("1.1", "1.0"), {TS: "1.2", User: "U1", Files: []thread.File{{ID: "F9"}}}}
	for name, tt := range map[string]struct {
		messages []thread.Message
		ids      []string
		known    map[string]string
		want     string
	}{
		"the first, by its place":     {two, []string{"1.1", "1.2"}, nil, "[F1] [1.3]"},
		"the second, by its place":    {two, []string{"2.1"}, nil, "[F2] [2.2]"},
		"both":                        {two, []string{"1.1", "1.2", "2.1"}, nil, "[F1 F2] [1.3 2.2]"},
		"a part of an answer":         {two, []string{"1.1"}, nil, "[] []"},
		"none":                        {two, nil, map[string]string{"1.0": "F1"}, "[] []"},
		"known":                       {two, []string{"1.1", "1.2"}, map[string]string{"1.0": "F1", "2.0": "F2"}, "[F1] [1.3]"},
		"known, and not shown yet":    {two[:3], []string{"1.1", "1.2"}, map[string]string{"1.0": "F1"}, "[F1] []"},
		"shown late, and known":       {late, []string{"2.1"}, map[string]string{"1.0": "F1", "2.0": "F2"}, "[F2] [2.3]"},
		"shown late, and known first": {late, []string{"1.1"}, map[string]string{"1.0": "F1"}, "[F1] [2.2]"},
		"one of somebody else":        {theirs, []string{"1.1"}, nil, "[] []"},
		"another than is known":       {two, []string{"1.1", "1.2"}, map[string]string{"1.0": "F7"}, "[F7] []"},
	} {
		files, messages := thread.Filed(tt.messages, tt.ids, tt.known)
		if got := fmt.Sprint(files, messages); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}
