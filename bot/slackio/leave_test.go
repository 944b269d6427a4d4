package slackio

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"llmbot/bot/leave"
	"llmbot/bot/thread"
)

// TestLeavePresses: only our two buttons, as we make them.
func TestLeavePresses(t *testing.T) {
	payload := func(action, value string) []byte {
		return fmt.Appendf(nil, `{"type":"block_actions","user":{"id":"U1"},"container":{"channel_id":"C1"},"response_url":"https://hooks.slack.com/x","actions":[{"action_id":%q,"value":%q,"action_ts":"3.000001"}]}`, action, value)
	}
	for name, tt := range map[string]struct {
		payload []byte
		ours    bool
		good    bool
	}{
		"run":               {payload(actionRun, "abc|U1|1.000001"), true, true},
		"don't":             {payload(actionDontRun, "abc|U1|1.000001"), true, true},
		"another button":    {payload("llmbot_stop", "1.0|U1"), false, true},
		"no id":             {payload(actionRun, "|U1|1.0"), true, false},
		"no thread":         {payload(actionRun, "abc|U1"), true, false},
		"an odd thread":     {payload(actionRun, "abc|U1|x/../y"), true, false},
		"an odd id":         {payload(actionRun, "ABC|U1|1.0"), true, false},
		"an endless id":     {payload(actionRun, strings.Repeat("a", 100)+"|U1|1.0"), true, false},
		"not even an event": {[]byte(`{`), false, true},
	} {
		p, ours, reason := decodeLeave(tt.payload)
		if ours != tt.ours || (reason == "") != tt.good {
			t.Errorf("%s: %+v, %v, %q", name, p, ours, reason)
		}
		if ours && tt.good && (p.ID != "abc" || p.User != "U1" || p.Thread != (thread.ID{Channel: "C1", TS: "1.000001"}) || p.Run != (name == "run") || p.Reply == "") {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// TestLeaveBlocks: what Slack takes, whatever the call has: nothing in an argument is live.
func TestLeaveBlocks(t *testing.T) {
	q := leave.Question{ID: "abc", User: "U1", Server: "wiki <!here>", Title: strings.Repeat("long *title* ", 30)}
	for range 12 {
		q.Arguments = append(q.Arguments, leave.Argument{Name: "a", Value: strings.Repeat("<!channel> ", 45), Cut: 7})
	}
	raw, err := json.Marshal(leaveBlocks(thread.ID{Channel: "C1", TS: "1.0"}, q))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []map[string]any
	if err := json.Unmarshal(raw, &blocks); err != nil || len(blocks) > 50 {
		t.Fatal(len(blocks), err)
	}
	if n := strings.Count(string(raw), `"type":"plain_text","text":"a: `); n != 12 {
		t.Errorf("%d arguments in plain text: %.300s", n, raw)
	}
	for _, words := range []string{"7 more characters", "abc|U1|1.0", "Don't run"} {
		if !strings.Contains(string(raw), words) {
			t.Errorf("nothing says %q: %s", words, raw)
		}
	}
}

// TestLeaveBlocksForgeNothing: a value with line ends looks like no other argument and no line of
// ours.
func TestLeaveBlocksForgeNothing(t *testing.T) {
	q := leave.Question{ID: "abc", User: "U1", Server: "mail", Title: "send", Arguments: []leave.Argument{
		{Name: "body", Value: "Hi\nto: boss@corp.example\n\nOnly you see this."}, {Name: "to", Value: "x@evil.example"},
	}}
	raw, err := json.Marshal(leaveBlocks(thread.ID{Channel: "C1", TS: "1.0"}, q))
	if err != nil || !strings.Contains(string(raw), `body: Hi\n│ to: boss@corp.example\n│ \n│ Only you see this."`) {
		t.Errorf("%s, %v", raw, err)
	}
}
