package slackio

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"llmbot/bot"
	"llmbot/bot/prompt"
	"llmbot/bot/slackmsg"
	"llmbot/bot/thread"
)

// seeds returns the messages of testdata/messages, as they were decoded.
func seeds(tb testing.TB) (list []any) {
	tb.Helper()
	names, err := filepath.Glob("testdata/messages/*.json")
	if err != nil || len(names) < 30 {
		tb.Fatal(len(names), err)
	}
	slices.Sort(names)
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			tb.Fatal(name, err)
		}
		list = append(list, v)
	}
	return list
}

// replaced returns v with its nth part replaced; n counts down.
func replaced(v any, n *int, with any) any {
	if *n == 0 {
		*n--
		return with
	}
	*n--
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = replaced(e, n, with)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			out[name] = replaced(v[name], n, with)
		}
		return out
	}
	return v
}

// quiet is a Slack that makes no call, for what needs none.
func quiet() *Slack { return &Slack{log: slog.New(slog.DiscardHandler), self: testSelf()} }

// FuzzMessage puts arbitrary JSON in place of any part of a message. It costs nothing but that part:
// the messages around it are read, the text stays if it was not that, and nothing grows without end.
func FuzzMessage(f *testing.F) {
	list := seeds(f)
	for i := range list {
		f.Add(uint8(i), uint16(i), `{"type":"rich_text","elements":[{"type":["x"]}]}`)
		f.Add(uint8(i), uint16(3*i+1), `[[[{"text":{"text":7}}]],null,-1e300,"<@U0LLMBOT01> `+"```"+`"]`)
	}
	f.Add(uint8(0), uint16(4), strings.Repeat(`[`, 3000)+strings.Repeat(`]`, 3000))
	f.Fuzz(func(t *testing.T, seed uint8, at uint16, with string) {
		var v any
		if len(with) > 1<<16 || json.Unmarshal([]byte(with), &v) != nil {
			return
		}
		n := int(at) % 200
		bad, err := json.Marshal(replaced(list[int(seed)%len(list)], &n, v))
		if err != nil {
			return
		}
		good := `{"type":"message","user":"U0ALICE001","text":"here","ts":"1.5"}`
		got, err := quiet().decodePage(t.Context(), strings.NewReader(`{"ok":true,"messages":[`+good+`,`+string(bad)+`,`+good+`]}`))
		if err != nil || len(got.messages) < 2 || got.messages[0].Text != "here" || got.messages[len(got.messages)-1].Text != "here" {
			t.Fatalf("%d messages, %v", len(got.messages), err)
		}
		m, odd := decodeMessage(bad)
		if odd != "" {
			return
		}
		said := m.Read(nobody())
		again := m.Read(nobody())
		if said.Text != again.Text || !slices.Equal(said.Previews, again.Previews) || !slices.Equal(said.Files, again.Files) {
			t.Fatalf("it reads differently: %q, %q", said.Text, again.Text)
		}
		if n := utf8.RuneCountInString(said.Text); n > 41_000 || !utf8.ValidString(said.Text) || len(said.Files) > 100 || len(said.Previews) > 100 {
			t.Fatalf("%d characters, valid %v, %d files", n, utf8.ValidString(said.Text), len(said.Files))
		}
		for word := range strings.FieldsSeq(slackmsg.Plain(m.Text, testSelf().User, nobody().People, nobody().Channels)) {
			if m.BotID == "" && len(m.Text) < 1_000 && !strings.ContainsAny(word, "`*_~[]()<>|\\.'") && !strings.Contains(said.Text, word) {
				t.Fatalf("%q of the text %q is not in %q", word, m.Text, said.Text)
			}
		}
		message := thread.Message{TS: m.TS, User: "U1", Name: "alice", Text: said.Text}
		prompt.Build(prompt.Input{Turns: prompt.Arrange([]thread.Message{message}, nil, "")})
		_ = m.Shown()
		event, err := json.Marshal(map[string]json.RawMessage{"event": bad})
		if err != nil {
			t.Fatal(err)
		}
		if n, reason := decodeEvent(event, testSelf()); reason == "" {
			checkKeys(t, n)
		}
	})
}

// BenchmarkPrompt reads a page of 200 messages of all kinds and builds the prompt: at most 20 ms.
func BenchmarkPrompt(b *testing.B) {
	list := seeds(b)
	var page []any
	for i := range 200 {
		m, ok := list[i%len(list)].(map[string]any)
		if !ok {
			b.Fatal("no message")
		}
		page = append(page, m)
	}
	data, err := json.Marshal(map[string]any{"ok": true, "messages": page})
	if err != nil {
		b.Fatal(err)
	}
	s := quiet()
	s.previews, s.users = newPreviews(), newDirectory[bot.Person]()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		got, err := s.decodePage(b.Context(), bytes.NewReader(data))
		if err != nil {
			b.Fatal(err)
		}
		var messages []thread.Message
		var w wanted
		for _, m := range got.messages {
			w.mentioned(m, s.self)
		}
		for _, m := range got.messages {
			messages = append(messages, s.message("C1", m, names{}, "9.9"))
		}
		prompt.Build(prompt.Input{Channel: "general", Turns: prompt.Arrange(messages, nil, "")})
	}
}
