package bot_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

const (
	start  = "chat.startStream"
	extend = "chat.appendStream"
	stop   = "chat.stopStream"
)

// streamed fails if a stream of the messages was not stopped, or a message is not marked as the
// bot's answer.
func streamed(t *testing.T, messages []slacksim.Message) {
	t.Helper()
	for i, m := range messages {
		if m.Stream == slacksim.StreamLive || m.Stream == slacksim.StreamBroken {
			t.Errorf("message %d of %d is %s", i+1, len(messages), m.Stream)
		}
		if m.Metadata["event_type"] != "llmbot_answer" {
			t.Errorf("message %d of %d has the metadata %v", i+1, len(messages), m.Metadata)
		}
	}
}

// seen is what can be seen of the messages: a page that begins with a number may have an invisible
// joiner before it.
func seen(messages []slacksim.Message) string {
	return strings.ReplaceAll(text(messages), "\u2060", "")
}

func TestDirectMessageIsStreamed(t *testing.T) {
	inWorld(t, worldConfig{
		slack: slacksim.Config{Latency: 100 * time.Millisecond},
		model: llmsim.Config{Speed: 50, Answer: numbered(40)},
	}, func(t *testing.T, w *world) {
		ts := w.slack.Say("alice", "@alice", "", "hello")
		got := w.answered("@alice", ts, 1)
		size(t, "messages", got, 1)
		is(t, "stream", got[0].Stream, slacksim.StreamStopped)
		atMost(t, "least of the versions", 8, len(got[0].Versions))
		streamed(t, got)
		oneFooter(t, got)
		complete(t, seen(got), unit, 40)
		is(t, "posts and edits", len(w.slack.Calls("chat.update", "chat.postMessage")), 0)
		for i, v := range got[0].Versions[1:] { // it only grows
			if !strings.HasPrefix(v.Text, got[0].Versions[i].Text) {
				t.Errorf("version %d is no continuation: %q", i+1, v.Text)
			}
		}
		asked := w.slack.Say("alice", "@alice", ts, "and why?")
		w.answered("@alice", ts, 2)
		has(t, w.model.Last().Chat.Messages[0].Content, "direct message")
		if m := w.model.Last().Chat.Messages; len(m) < 3 || !strings.Contains(fmt.Sprint(m), "Sentence 39") {
			t.Errorf("the streamed answer is not in the context of %s: %+v", asked, m)
		}
	})
}

// TestStreamsThatAreRefused spoils each call of a stream.
func TestStreamsThatAreRefused(t *testing.T) {
	t.Parallel()
	type test struct {
		sentences int
		faults    []slacksim.Fault
		rest      bool // the answer may go on in a new message
	}
	tests := map[string]test{
		"start late":           {40, []slacksim.Fault{{Method: start, Delay: 20 * time.Second}}, false},
		"start lost, no read":  {40, []slacksim.Fault{{Method: start, Hang: true, Carry: true}, {Method: "conversations.replies", Status: 429, RetryAfter: 5}}, false},
		"start 429":            {40, []slacksim.Fault{{Method: start, Status: 429, RetryAfter: 30}}, false},
		"append 429":           {40, []slacksim.Fault{{Method: extend, Skip: 2, Status: 429, RetryAfter: 3}}, false},
		"append 429 for long":  {60, []slacksim.Fault{{Method: extend, Skip: 1, Status: 429, RetryAfter: 30, Times: -1}}, true},
		"stop 429":             {40, []slacksim.Fault{{Method: stop, Status: 429, RetryAfter: 5}}, false},
		"stop 429 for long":    {500, []slacksim.Fault{{Method: stop, Status: 429, RetryAfter: 40, Times: 2}}, true},
		"stop ratelimited":     {40, []slacksim.Fault{{Method: stop, Error: "rate_limited", Times: 2}}, false},
		"both 429":             {40, []slacksim.Fault{{Method: stop, Status: 429, RetryAfter: 20}, {Method: extend, Skip: 3, Status: 429, RetryAfter: 20, Times: -1}}, true},
		"stop never":           {40, []slacksim.Fault{{Method: stop, Error: "unknown_method", Times: 2}}, false},
		"stop and edit 500":    {40, []slacksim.Fault{{Method: stop, Status: 500, Carry: true}, {Method: "chat.update", Status: 500, Times: 3}}, false},
		"append, edit refused": {300, []slacksim.Fault{{Method: extend, Skip: 3, Error: "msg_too_long"}, {Method: "chat.update", Error: "invalid_blocks"}}, false},
		"2nd start fails":      {500, []slacksim.Fault{{Method: start, Skip: 1, Error: "internal_error"}}, false},
		"2nd start lost":       {500, []slacksim.Fault{{Method: start, Skip: 1, Error: "internal_error", Carry: true}}, false},
		"2nd start 429":        {500, []slacksim.Fault{{Method: start, Skip: 1, Status: 429, RetryAfter: 30}}, false},
	}
	for method, errs := range map[string][]string{
		start:  {"channel_type_not_supported", "user_not_found", "unknown_method", "missing_scope", "invalid_chunks", "messages_tab_disabled"},
		extend: {"message_not_in_streaming_state", "stopped_by_user", "streaming_mode_mismatch", "msg_too_long", "missing_scope", "invalid_chunks"},
		stop:   {"message_not_in_streaming_state", "streaming_mode_mismatch", "msg_too_long", "invalid_blocks", "msg_blocks_too_many"},
	} {
		for _, e := range errs {
			tests[method+" "+e] = test{40, []slacksim.Fault{{Method: method, Error: e}}, false}
		}
		for _, carry := range []bool{false, true} {
			tests[fmt.Sprint(method, " 503 ", carry)] = test{40, []slacksim.Fault{{Method: method, Status: 503, Carry: carry}}, false}
			tests[fmt.Sprint(method, " lost ", carry)] = test{40, []slacksim.Fault{{Method: method, Hang: true, Carry: carry}}, false}
			tests[fmt.Sprint(method, " 500 again ", carry)] = test{60, []slacksim.Fault{{Method: method, Status: 500, Carry: carry, Times: 3}}, false}
		}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inWorld(t, worldConfig{
				slack: slacksim.Config{Latency: 100 * time.Millisecond},
				model: llmsim.Config{Speed: 100, MaxModelLen: 100_000, Answer: numbered(tt.sentences)},
			}, func(t *testing.T, w *world) {
				for _, f := range tt.faults {
					w.slack.Fail(f)
				}
				ts := w.slack.Say("alice", "@alice", "", "hello")
				w.answered("@alice", ts, 1)
				time.Sleep(2 * time.Minute)
				got := w.answers("@alice", ts)
				complete(t, seen(got), unit, tt.sentences)
				streamed(t, got)
				oneFooter(t, got)
				if len(got) > 1 && tt.sentences < 100 && !tt.rest {
					t.Errorf("%d messages", len(got))
				}
			})
		})
	}
}

func TestLongAnswersRollOver(t *testing.T) {
	t.Parallel()
	for _, chars := range []int{13_000, 40_000, 120_000} {
		t.Run(fmt.Sprint(chars), func(t *testing.T) {
			if raceDetector && chars > 40_000 {
				t.Skip("takes long")
			}
			n := chars / len(unit)
			inWorld(t, worldConfig{
				slack: slacksim.Config{Latency: 100 * time.Millisecond},
				model: llmsim.Config{Speed: 400, MaxModelLen: 200_000, Answer: numbered(n)},
				bot:   bot.Config{MaxChars: 200_000},
			}, func(t *testing.T, w *world) {
				ts := w.slack.Say("alice", "@alice", "", "hello")
				w.answered("@alice", ts, 1)
				time.Sleep(time.Minute)
				got := w.answers("@alice", ts)
				complete(t, seen(got), unit, n)
				streamed(t, got)
				oneFooter(t, got)
				starts, stops := len(w.slack.Calls(start)), len(w.slack.Calls(stop))
				if starts < 2 || starts != stops {
					t.Errorf("%d starts, %d stops", starts, stops)
				}
				if most := chars/7_500 + 2; len(got) > most {
					t.Errorf("%d messages", len(got))
				}
			})
		})
	}
}

// fenced is a long answer with code in it.
func fenced(n int) func(*llmsim.Chat) string {
	return func(*llmsim.Chat) string {
		var b strings.Builder
		for i := range n {
			if i%400 == 20 {
				b.WriteString("\n\n```go\n")
			}
			fmt.Fprintf(&b, unit, i)
			if i%400 > 20 && i%400 < 320 {
				b.WriteString("\n")
			}
			if i%400 == 320 {
				b.WriteString("\n```\n\n")
			}
		}
		return b.String()
	}
}

func TestLongCodeStaysCode(t *testing.T) {
	t.Parallel()
	n := 120_000 / len(unit)
	if raceDetector { // ten times slower
		n /= 5
	}
	for _, channel := range []string{"general", "@alice"} {
		t.Run(channel, func(t *testing.T) {
			inWorld(t, worldConfig{
				slack: slacksim.Config{Latency: 100 * time.Millisecond},
				model: llmsim.Config{Speed: 400, MaxModelLen: 200_000, Answer: fenced(n)},
				bot:   bot.Config{MaxChars: 200_000},
			}, func(t *testing.T, w *world) {
				w.slack.Fail(slacksim.Fault{Method: "chat.update", Skip: 9, Status: 429, RetryAfter: 40, Times: 2})
				ts := w.ask("alice", channel, "", "hello")
				w.answered(channel, ts, 1)
				time.Sleep(2 * time.Minute)
				got := w.answers(channel, ts)
				streamed(t, got)
				oneFooter(t, got)
				var all strings.Builder
				for i, m := range got {
					if strings.Count(m.Plain, "```")%2 != 0 {
						t.Errorf("message %d has an open fence", i)
					}
					for line := range strings.Lines(m.Plain) {
						if !strings.HasPrefix(line, "```") {
							all.WriteString(line)
						}
					}
				}
				complete(t, strings.ReplaceAll(all.String(), "\u2060", ""), unit, n)
			})
		})
	}
}

// ages are how long the streams of a world lived.
func ages(w *world) []time.Duration {
	began := map[string]time.Time{}
	for _, c := range w.slack.Calls(start) {
		if ts, _ := c.Result["ts"].(string); ts != "" {
			began[ts] = c.At
		}
	}
	var out []time.Duration
	for _, c := range w.slack.Calls(stop) {
		if c.OK {
			out = append(out, c.Done.Sub(began[c.Args["ts"]]))
		}
	}
	return out
}

func TestSlowAnswersRollOver(t *testing.T) {
	t.Parallel()
	for name, limiter := range map[string]slacksim.Limiter{"window": slacksim.LimiterWindow, "bucket": slacksim.LimiterBucket} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, worldConfig{
				slack: slacksim.Config{Latency: 100 * time.Millisecond, Limiter: limiter},
				model: llmsim.Config{Speed: 4, Answer: numbered(150)},
			}, func(t *testing.T, w *world) {
				ts := w.slack.Say("alice", "@alice", "", "hello")
				w.until("it is complete", 15*time.Minute, func() bool { return footers(w.answers("@alice", ts)) == 1 })
				got := w.answers("@alice", ts)
				complete(t, seen(got), unit, 150)
				streamed(t, got)
				oneFooter(t, got)
				old := ages(w)
				if len(old) < 2 || slices.Max(old) >= 240*time.Second {
					t.Errorf("streams of %v", old)
				}
				atMost(t, "edits", len(w.slack.Calls("chat.update")), 0)
			})
		})
	}
}

// TestStreamThatExpires lets no stop through until Slack itself has ended the stream.
func TestStreamThatExpires(t *testing.T) {
	inWorld(t, worldConfig{model: llmsim.Config{Speed: 4, Answer: numbered(120)}}, func(t *testing.T, w *world) {
		ts := w.slack.Say("alice", "@alice", "", "hello")
		w.slack.Fail(slacksim.Fault{Method: stop, Status: 503, Times: -1})
		time.Sleep(slacksim.StreamFor + 20*time.Second)
		w.slack.Heal()
		w.until("it is complete", 15*time.Minute, func() bool { return footers(w.answers("@alice", ts)) == 1 })
		time.Sleep(time.Minute)
		got := w.answers("@alice", ts)
		complete(t, seen(got), unit, 120)
		streamed(t, got)
		oneFooter(t, got)
	})
}

func TestManyDirectMessagesAtOnce(t *testing.T) {
	t.Parallel()
	for name, limiter := range map[string]slacksim.Limiter{"window": slacksim.LimiterWindow, "bucket": slacksim.LimiterBucket} {
		t.Run(name, func(t *testing.T) {
			cfg := slacksim.Config{Latency: 100 * time.Millisecond, Limiter: limiter}
			for i := range 25 {
				cfg.Users = append(cfg.Users, slacksim.User{ID: fmt.Sprintf("U0PERSON%02d", i), Name: fmt.Sprintf("person%d", i)})
			}
			inWorld(t, worldConfig{slack: cfg, model: llmsim.Config{Speed: 50, Answer: numbered(60)}}, func(t *testing.T, w *world) {
				asked := map[string]string{}
				rounds := 3
				if raceDetector {
					rounds = 1
				}
				for round := range rounds {
					for i := range 25 {
						who := fmt.Sprintf("person%d", i)
						asked[fmt.Sprint(who, " ", w.slack.Say(who, "@"+who, "", "hello"))] = who
					}
					time.Sleep(time.Duration(20+round) * time.Second)
				}
				native := 0
				for key, who := range asked {
					_, ts, _ := strings.Cut(key, " ")
					got := w.answered("@"+who, ts, 1)
					complete(t, seen(got), unit, 60)
					streamed(t, got)
					if got[0].Stream != "" {
						native++
					}
				}
				if native < 8 || native > len(asked)*4/5 {
					t.Errorf("%d of %d answers were streamed", native, len(asked))
				}
				refused := 0
				for _, c := range w.slack.Calls(start, extend, stop) {
					if c.Refused && c.Method == extend { // what it takes to learn that it is a bucket
						refused++
					} else if c.Refused {
						t.Errorf("%s was refused at %s: %s", c.Method, c.At.Format(clock), c.Error)
					}
				}
				if refused > 3 {
					t.Errorf("%d refused", refused)
				}
				t.Logf("%d streamed, %d refused", native, refused)
			})
		})
	}
}
