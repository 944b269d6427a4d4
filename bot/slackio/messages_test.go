package slackio

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"llmbot/bot"
	"llmbot/bot/slackmsg"
)

// TestMessages reads each message of testdata/messages as one of a page of history, and compares what
// it says with what stands in its .golden. As an event it has to say the same.
func TestMessages(t *testing.T) {
	names, err := filepath.Glob("testdata/messages/*.json")
	if err != nil || len(names) < 30 {
		t.Fatal(len(names), err)
	}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		m, odd := decodeMessage(raw)
		if odd != "" {
			t.Errorf("%s: %s", name, odd)
			continue
		}
		said := m.Read(nobody())
		got := shownReading(said)
		golden := strings.TrimSuffix(name, ".json") + ".golden"
		if update := flag.Lookup("update"); update != nil && update.Value.String() == "true" {
			if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil || got != string(want) {
			t.Errorf("%s:\n%s\nwant\n%s%v", name, got, want, err)
		}
		live(t, name, raw, said)
	}
}

// live reads a message as an event of a direct message. What an app posted is no question.
func live(t *testing.T, name string, raw []byte, said slackmsg.Reading) {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	m["channel"], m["channel_type"], m["event_ts"] = "D0ALICE001", "im", m["ts"]
	payload, err := json.Marshal(map[string]any{"type": "event_callback", "event": m})
	if err != nil {
		t.Fatal(err)
	}
	n, reason := decodeEvent(payload, testSelf())
	if m["bot_id"] != nil {
		if reason == "" {
			t.Errorf("%s: what an app posted is asked", name)
		}
		return
	}
	if reason != "" {
		t.Errorf("%s: ignored: %s", name, reason)
		return
	}
	ask, ok := n.event(n.Read(nobody()), testSelf()).(bot.Asked)
	if !ok || ask.Text != whole(said) || len(ask.Files) != len(said.Files) {
		t.Errorf("%s: live it says %q, %d files", name, ask.Text, len(ask.Files))
	}
}

// shownReading writes what a message says.
func shownReading(said slackmsg.Reading) string {
	var b strings.Builder
	b.WriteString(said.Text + "\n")
	for _, p := range said.Previews {
		b.WriteString("\n== preview\n" + p + "\n")
	}
	for _, f := range said.Files {
		fmt.Fprintf(&b, "\n== file %+v\n", f)
	}
	return b.String()
}
