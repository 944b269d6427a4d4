package slackio

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestKeys(t *testing.T) {
	for _, ts := range []string{"1700000000.000100", "946684800.000001", "1.0", "0000000000.000000"} {
		if !isTS(ts) {
			t.Errorf("%q is no ts", ts)
		}
	}
	for _, ts := range oddTS() {
		if isTS(ts) {
			t.Errorf("%.40q is a ts", ts)
		}
	}
	for _, id := range []string{"C1", "U0LLMBOT01", "USLACKBOT", "D0ABCDEFGHI", strings.Repeat("C", 64)} {
		if !isID(id) {
			t.Errorf("%q is no id", id)
		}
	}
	for _, id := range oddIDs() {
		if isID(id) {
			t.Errorf("%.40q is an id", id)
		}
	}
}

func oddTS() []string {
	return []string{
		"NaN", "Inf", "1/2/3", "1\n2.3", "1.2\n", " 1.2", "1", ".5", "1.", "1.2.3", "-1.2", "+1.2", "1e9.0", "0x1.2", "1_0.0", "١٢.٣", "1.2\x00", "\xff.\xff",
		strings.Repeat("9", 800), strings.Repeat("9", 800) + ".000001", "1." + strings.Repeat("0", 800), strings.Repeat("1.2", 1<<12),
	}
}

func oddIDs() []string {
	return []string{"", "c1", "C 1", "C1/2", "C1\n", "Č1", "С1", "C-1", "<C1>", "C1|x", "\xff", "C1\x00", strings.Repeat("C", 65), strings.Repeat("C", 1<<14)}
}

// oddPayloads are envelopes with what would become a key, odd in every place in which one can be.
func oddPayloads(self string) map[string]string {
	quote := func(s string) string {
		raw, _ := json.Marshal(s)
		return string(raw)
	}
	event := `{"envelope_id":"x","type":"events_api","payload":{"event":%s}}`
	out := map[string]string{}
	for i, ts := range oddTS() {
		q := quote(ts)
		for place, ev := range map[string]string{
			"ts":        `{"type":"app_mention","user":"U1","channel":"C1","text":"<@%[1]s> hi","ts":%[2]s}`,
			"thread_ts": `{"type":"message","user":"U1","channel":"C1","text":"<@%[1]s> hi","ts":"1.5","thread_ts":%[2]s}`,
			"direct":    `{"type":"message","channel_type":"im","user":"U1","channel":"D1","text":"hi","ts":%[2]s}`,
			"edited":    `{"type":"message","subtype":"message_changed","channel":"D1","ts":"1.6","message":{"user":"U1","text":"b","ts":"1.5","edited":{"ts":%[2]s}},"previous_message":{"text":"a"}}`,
			"edit's":    `{"type":"message","subtype":"message_changed","channel":"D1","ts":%[2]s,"message":{"user":"U1","text":"b","ts":"1.5"},"previous_message":{"text":"a"}}`,
			"changed":   `{"type":"message","subtype":"message_changed","channel":"D1","ts":"1.6","message":{"user":"U1","text":"b","ts":%[2]s,"edited":{"ts":"1.6"}},"previous_message":{"text":"a"}}`,
			"deleted":   `{"type":"message","subtype":"message_deleted","channel":"D1","deleted_ts":%[2]s,"event_ts":"1.6","previous_message":{"user":"U1","text":"b"}}`,
			"deletion":  `{"type":"message","subtype":"message_deleted","channel":"D1","deleted_ts":"1.5","event_ts":%[2]s,"previous_message":{"user":"U1","text":"b"}}`,
			"stopped":   `{"type":"agent_session_stopped","user":"U1","channel":"D1","thread_ts":%[2]s,"event_ts":"1.5"}`,
			"stop":      `{"type":"agent_session_stopped","user":"U1","channel":"D1","thread_ts":"1.5","event_ts":%[2]s}`,
			"home":      `{"type":"app_home_opened","tab":"home","user":"U1","channel":"D1","event_ts":%[2]s}`,
		} {
			out[fmt.Sprintf("%s %d", place, i)] = fmt.Sprintf(event, fmt.Sprintf(ev, self, q))
		}
		press := `{"envelope_id":"x","type":"interactive","payload":{"type":"block_actions","user":{"id":"U1"},"container":{"channel_id":"C1","message_ts":%s,"thread_ts":%s},` +
			`"actions":[{"action_id":"llmbot_stop","value":%s,"action_ts":%s}]}}`
		out[fmt.Sprint("press message ", i)] = fmt.Sprintf(press, q, `"1.5"`, `"1.5|U1"`, `"1.6"`)
		out[fmt.Sprint("press thread ", i)] = fmt.Sprintf(press, `"1.5"`, q, `"1.5|U1"`, `"1.6"`)
		out[fmt.Sprint("press value ", i)] = fmt.Sprintf(press, `"1.5"`, `"1.5"`, quote(ts+"|U1"), `"1.6"`)
		out[fmt.Sprint("press time ", i)] = fmt.Sprintf(press, `"1.5"`, `"1.5"`, `"1.5|U1"`, q)
	}
	for i, id := range oddIDs()[1:] {
		q := quote(id)
		out[fmt.Sprint("channel ", i)] = fmt.Sprintf(event, fmt.Sprintf(`{"type":"app_mention","user":"U1","channel":%s,"text":"<@%s> hi","ts":"1.5"}`, q, self))
		out[fmt.Sprint("user ", i)] = fmt.Sprintf(event, fmt.Sprintf(`{"type":"app_mention","user":%s,"channel":"C1","text":"<@%s> hi","ts":"1.5"}`, q, self))
		out[fmt.Sprint("home user ", i)] = fmt.Sprintf(event, fmt.Sprintf(`{"type":"app_home_opened","tab":"home","user":%s,"channel":"D1","event_ts":"1.5"}`, q))
		command := `{"envelope_id":"x","type":"slash_commands","payload":{"command":"/llm-status","user_id":%s,"channel_id":%s}}`
		out[fmt.Sprint("command user ", i)] = fmt.Sprintf(command, q, `"C1"`)
		out[fmt.Sprint("command channel ", i)] = fmt.Sprintf(command, `"U1"`, q)
	}
	return out
}

// TestOddKeysAreRefusedAtTheDoor: what is no timestamp or id reaches nobody as one. It is acked, counted, and said in a line of bounded length.
func TestOddKeysAreRefusedAtTheDoor(t *testing.T) {
	inLinks(t, Hooks{}, func(t *testing.T, l *linked) {
		l.bothOpen()
		l.sim.Disconnect("refresh_requested") // one socket is enough; the other comes later
		time.Sleep(10 * time.Second)
		before := l.h.count()
		for name, frame := range oddPayloads(l.self.User) {
			refused, acked, lines := l.seen.of(OutcomeUnreadable), len(l.sim.StrayAcks()), l.log.Len()
			l.sim.Inject([]byte(frame), false)
			time.Sleep(time.Second)
			if n := l.seen.of(OutcomeUnreadable) - refused; n != 2 {
				t.Errorf("%s: %d refused", name, n)
			}
			if n := len(l.sim.StrayAcks()) - acked; n != 2 {
				t.Errorf("%s: %d acked", name, n)
			}
			if n := l.log.Len() - lines; n == 0 || n > 2_000 {
				t.Errorf("%s: %d bytes of log", name, n)
			}
		}
		if n := l.h.count() - before; n != 0 {
			t.Errorf("%d events came through", n)
		}
	})
}

// TestOddMessagesOfAThread: a thread that Slack gives back with odd timestamps is read without them.
func TestOddMessagesOfAThread(t *testing.T) {
	for i, ts := range oddTS() {
		raw := `{"ts":"1.5","user":"U1","text":"good"}`
		good, odd := decodeMessage([]byte(raw))
		if odd != "" {
			t.Fatal(odd)
		}
		bad := good
		bad.TS = ts
		if oddMessage(good) != "" || oddMessage(bad) == "" || len(oddMessage(bad)) > 300 {
			t.Errorf("%d: %q, %.300q", i, oddMessage(good), oddMessage(bad))
		}
	}
}

func FuzzDecodeFrame(f *testing.F) {
	for _, tt := range oddFrames() {
		if len(tt.data) < 1<<10 {
			f.Add([]byte(tt.data))
		}
	}
	for name, frame := range oddPayloads("U0LLMBOT01") {
		if strings.HasSuffix(name, " 0") {
			f.Add([]byte(frame))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeFrame(data)
		if len(got.ID) > maxEnvelopeID {
			t.Fatalf("id of %d bytes", len(got.ID))
		}
		control := slices.Contains([]string{"hello", "disconnect"}, got.Type)
		if err == nil && !control && (got.ID == "" || got.Type == "") {
			t.Fatalf("%+v", got)
		}
		if err != nil || control {
			return
		}
		if ack, err := encodeAck(got.ID, nil); err != nil || !json.Valid(ack) {
			t.Fatalf("ack of %q: %q, %v", got.ID, ack, err)
		}
		// Whatever its type says, no decoder may let a key through that is none.
		if n, reason := decodeEvent(got.Payload, testSelf()); reason == "" {
			checkKeys(t, n)
		}
		if p, reason := decodePress(got.Payload); reason == "" && (!isID(p.Thread.Channel) || !isTS(p.Thread.TS) || !isTS(p.TS) || !isID(p.User)) {
			t.Fatalf("%+v", p)
		}
	})
}

// checkKeys fails if an event has a key that is none.
func checkKeys(t *testing.T, n *decodedEvent) {
	t.Helper()
	if !isTS(n.TS) || n.kind != home && (!isID(n.channel) || !isTS(n.root())) || n.kind != halted && !isID(n.User) || n.Edited != "" && !isTS(n.Edited) {
		t.Fatalf("%+v", n)
	}
}
