package slackio

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"llmbot/bot"
	"llmbot/bot/slackmsg"
)

func testSelf() Self {
	return Self{User: "U0LLMBOT01", Bot: "B0LLMBOT01", Name: "llm", Team: "T0ACME0001"}
}

// nobody is a workspace in which ids have no names.
func nobody() slackmsg.Who {
	id := func(id string) string { return id }
	return whoIs(testSelf(), id, id)
}

// TestDecodeEvent decodes each payload of testdata/events and compares with what stands in its .golden.
func TestDecodeEvent(t *testing.T) {
	files, err := filepath.Glob("testdata/events/*.json")
	if err != nil || len(files) < 10 {
		t.Fatal(len(files), err)
	}
	for _, name := range files {
		payload, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		raw, reason := decodeEvent(payload, testSelf())
		got := "ignored: " + reason + "\n"
		if reason == "" {
			ev := raw.event(raw.Read(nobody()), testSelf())
			out, err := json.MarshalIndent(ev, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = strings.TrimPrefix(fmt.Sprintf("%T ", ev), "bot.") + string(out) + "\n"
		}
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
	}
}

func FuzzDecodeEvent(f *testing.F) {
	f.Add([]byte(`{"event":{"type":"app_mention","user":"U1","ts":"1.0","channel":"C1","text":"<@U0LLMBOT01> x"}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		raw, reason := decodeEvent(payload, testSelf())
		if raw == nil && reason == "" {
			t.Fatal("neither news nor a reason")
		}
		if reason != "" {
			return
		}
		checkKeys(t, raw)
		switch ev := raw.event(raw.Read(nobody()), testSelf()).(type) {
		case bot.Asked:
			if ev.TS == "" || ev.User == "" || ev.Thread.TS == "" || ev.Thread.Channel == "" || ev.User == testSelf().User {
				t.Fatalf("%+v", ev)
			}
		case bot.Edited:
			if ev.TS == "" || ev.User == "" || ev.Thread.Channel == "" || ev.User == testSelf().User {
				t.Fatalf("%+v", ev)
			}
		case bot.Deleted:
			if ev.TS == "" || ev.Thread.Channel == "" {
				t.Fatalf("%+v", ev)
			}
		}
	})
}

// TestMentionThatOnlySlackSees is told of a mention that does not stand in the text. The message's other
// event does not show it, so it must not be taken for the same.
func TestMentionThatOnlySlackSees(t *testing.T) {
	event := func(kind, text string) *decodedEvent {
		n, reason := decodeEvent([]byte(`{"event":{"type":"`+kind+`","user":"U1","ts":"2.5","thread_ts":"1.5","channel":"C1","text":"`+text+`","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"<@U0LLMBOT01> x"}}]}}`), testSelf())
		if reason != "" {
			t.Fatal(reason)
		}
		return n
	}
	mention, message := event("app_mention", "x"), event("message", "x")
	if !mention.mentions || message.mentions || mention.key() == message.key() {
		t.Errorf("%v, %v, keys %q and %q", mention.mentions, message.mentions, mention.key(), message.key())
	}
	mention, message = event("app_mention", "<@U0LLMBOT01> x"), event("message", "<@U0LLMBOT01> x")
	if !mention.mentions || !message.mentions || mention.key() != message.key() {
		t.Errorf("%v, %v, keys %q and %q", mention.mentions, message.mentions, mention.key(), message.key())
	}
}

func TestElsewhere(t *testing.T) {
	for text, want := range map[string]bool{
		"<@U0> hello":                      false,
		"hello <@U1>":                      true,
		"<@U1> what do you think?":         true,
		"<@U1|bob>: and you?":              true,
		"<@U1> <@U0> help us":              false,
		"<@U1> and <@U0>, please":          false,
		"<@U1> ask <@U0>":                  true,
		"<!here> lunch?":                   true,
		"<!subteam^S1|@devs> please look":  true,
		"Hey <@U1>, is it done?":           true,
		"thanks <@U1>!":                    true,
		"what does <@U1> say?":             false,
		"<https://x.io> is down":           false,
		"<!date^1392734382^{date}|Feb 18>": false,
		"":                                 false,
		"<@U1":                             false,
		"> <@U1>":                          true,
	} {
		if got := elsewhere(text, "U0"); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestClassify(t *testing.T) {
	said := func(word string) error { return fmt.Errorf("chat.update: %w", slack.SlackErrorResponse{Err: word}) }
	tests := []struct {
		err   error
		kind  kind
		after time.Duration
	}{
		{nil, fine, 0},
		{&slack.RateLimitedError{RetryAfter: 7 * time.Second}, limited, 7 * time.Second},
		{&slack.RateLimitedError{}, limited, time.Second},
		{slack.StatusCodeError{Code: 429}, limited, limitedPause},
		{slack.StatusCodeError{Code: 503}, transient, 0},
		{slack.StatusCodeError{Code: 408}, transient, 0},
		{slack.StatusCodeError{Code: 404}, denied, 0},
		{said("ratelimited"), limited, limitedPause},
		{said("rate_limited"), limited, limitedPause},
		{said("invalid_blocks"), tooLong, 0},
		{said("msg_blocks_too_long"), tooLong, 0},
		{said("msg_too_long"), tooLong, 0},
		{said("block_mismatch"), tooLong, 0},
		{said("message_not_found"), gone, 0},
		{said("edit_window_closed"), uneditable, 0},
		{said("cant_update_message"), uneditable, 0},
		{said("internal_error"), transient, 0},
		{said("fatal_error"), transient, 0},
		{said("update_failed"), transient, 0},
		{said("invalid_auth"), denied, 0},
		{said("channel_not_found"), denied, 0},
		{said("not_in_channel"), denied, 0},
		{said("what_is_this"), denied, 0},
		{context.DeadlineExceeded, transient, 0},
		{errors.New("read: connection reset"), transient, 0},
		{errNoText, transient, 0},
	}
	for _, tt := range tests {
		if got := classify(tt.err); got.kind != tt.kind || got.retryAfter != tt.after {
			t.Errorf("%v: %+v", tt.err, got)
		}
	}
}
