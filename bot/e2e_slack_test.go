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

// numbered is an answer of n sentences that can be counted.
func numbered(n int) func(*llmsim.Chat) string {
	return func(*llmsim.Chat) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, unit, i)
			if i%7 == 6 {
				b.WriteString("\n\n")
			}
		}
		return b.String()
	}
}

// TestSecondPageComesInTime: an answer that needs more messages goes on growing in them; nothing
// else is to be done, and there is budget.
func TestSecondPageComesInTime(t *testing.T) {
	t.Parallel()
	for _, speed := range []float64{25, 40, 100} {
		t.Run(fmt.Sprint(speed, " tok/s"), func(t *testing.T) {
			cfg := worldConfig{slack: slacksim.Config{Latency: 100 * time.Millisecond}, model: llmsim.Config{Speed: speed, Answer: numbered(450)}}
			inWorld(t, cfg, func(t *testing.T, w *world) {
				ts := w.ask("alice", "general", "", "count")
				got := w.answered("general", ts, 1)
				complete(t, text(got), unit, 450)
				var changes []time.Time
				for _, m := range got {
					for _, v := range m.Versions {
						changes = append(changes, v.At)
					}
				}
				slices.SortFunc(changes, time.Time.Compare)
				for i := 1; i < len(changes); i++ {
					if d := changes[i].Sub(changes[i-1]); d > 5*time.Second {
						t.Errorf("no change for %s, %s after the first", d, changes[i-1].Sub(changes[0]))
					}
				}
			})
		})
	}
}

const unit = "Sentence %d is here and says <a> thing. "

// TestRefusedCallsLoseAndDoubleNothing spoils the calls of an answer in every way that Slack has.
func TestRefusedCallsLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	const post, edit = "chat.postMessage", "chat.update"
	tests := map[string]struct {
		sentences int
		faults    []slacksim.Fault
		rest      bool // the answer may go on in a new message, the first one ending early
		plain     bool
	}{
		"post 503 before":      {40, []slacksim.Fault{{Method: post, Status: 503, Times: 3}}, false, false},
		"post 503 after":       {40, []slacksim.Fault{{Method: post, Status: 503, Carry: true}}, false, false},
		"post lost":            {40, []slacksim.Fault{{Method: post, Hang: true}}, false, false},
		"post lost after":      {40, []slacksim.Fault{{Method: post, Hang: true, Carry: true}}, false, false},
		"post late":            {40, []slacksim.Fault{{Method: post, Delay: 10 * time.Second}}, false, false},
		"2nd page 500 after":   {500, []slacksim.Fault{{Method: post, Skip: 1, Error: "internal_error", Carry: true}}, false, false},
		"2nd page, read 429":   {500, []slacksim.Fault{{Method: post, Skip: 1, Status: 500, Carry: true}, {Method: "conversations.replies", Status: 429, RetryAfter: 7}}, false, false},
		"post 429":             {40, []slacksim.Fault{{Method: post, Status: 429, RetryAfter: 6, Times: 2}}, false, false},
		"edit 429":             {40, []slacksim.Fault{{Method: edit, Status: 429, RetryAfter: 5, Times: 2}}, true, false},
		"edits 429 for long":   {500, []slacksim.Fault{{Method: edit, Skip: 2, Status: 429, RetryAfter: 30, Times: 2}}, true, false},
		"edit ratelimited":     {40, []slacksim.Fault{{Method: edit, Error: "ratelimited", Times: 2}}, true, false},
		"edit 500":             {40, []slacksim.Fault{{Method: edit, Status: 500, Times: 4}}, false, false},
		"edit 500 for long":    {40, []slacksim.Fault{{Method: edit, Status: 500, Times: 12}}, true, false},
		"edit carried, 502":    {40, []slacksim.Fault{{Method: edit, Status: 502, Times: 3, Carry: true}}, false, false},
		"edit hangs":           {40, []slacksim.Fault{{Method: edit, Skip: 1, Hang: true}}, true, false},
		"post invalid blocks":  {40, []slacksim.Fault{{Method: post, Error: "invalid_blocks"}}, false, false},
		"post too long":        {500, []slacksim.Fault{{Method: post, Skip: 1, Error: "msg_blocks_too_long"}}, false, false},
		"edit invalid blocks":  {500, []slacksim.Fault{{Method: edit, Skip: 4, Error: "invalid_blocks"}}, false, false},
		"edit refused twice":   {500, []slacksim.Fault{{Method: edit, Skip: 4, Error: "invalid_blocks", Times: 2}}, false, true},
		"edit refused 5 times": {300, []slacksim.Fault{{Method: edit, Skip: 1, Error: "msg_too_long", Times: 5}}, false, true},
		"no edits at all":      {300, []slacksim.Fault{{Method: edit, Error: "edit_window_closed", Times: -1}}, true, false},
		"edits end":            {300, []slacksim.Fault{{Method: edit, Skip: 3, Error: "cant_update_message", Times: -1}}, true, false},
		"status unknown":       {40, []slacksim.Fault{{Method: "assistant.threads.setStatus", Error: "unknown_method", Times: -1}}, false, false},
		"status hangs":         {40, []slacksim.Fault{{Method: "assistant.threads.setStatus", Hang: true, Times: -1}}, false, false},
		"history 429":          {40, []slacksim.Fault{{Method: "conversations.replies", Status: 429, RetryAfter: 60, Times: -1}}, false, false},
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
				ts := w.ask("alice", "general", "", "hello")
				w.answered("general", ts, 1)
				time.Sleep(2 * time.Minute)
				got := w.answers("general", ts)
				all := text(got)
				complete(t, all, unit, tt.sentences)
				is(t, "footers", footers(got), 1)
				if !tt.rest {
					oneFooter(t, got)
				}
				if !tt.plain && strings.Contains(all, "&amp;lt;") {
					t.Error("escaped twice")
				}
				if most := tt.sentences*len(unit)/9_000 + 1; !tt.plain && !tt.rest && len(got) > 2*most {
					t.Errorf("%d messages", len(got))
				}
				t.Logf("%d messages, %d edits, %s", len(got), len(w.slack.Calls(edit)), w.slack.Status("general", ts))
			})
		})
	}
}

func TestMessageDeletedInMidAnswer(t *testing.T) {
	inWorld(t, worldConfig{model: llmsim.Config{Speed: 30, Answer: numbered(40)}}, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "hello")
		w.until("some text", time.Minute, func() bool { return len(w.answers("general", ts)) == 1 })
		w.slack.Fail(slacksim.Fault{Method: "chat.update", Error: "message_not_found"})
		w.answered("general", ts, 1)
		time.Sleep(time.Minute)
		got := w.answers("general", ts)
		complete(t, got[len(got)-1].Plain, unit, 40)
	})
}

func TestHistoryThatIsRefusedDelaysNobodyElse(t *testing.T) {
	inWorld(t, worldConfig{model: llmsim.Config{Speed: 50}}, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "in 5 words")
		w.answered("general", ts, 1)
		w.slack.Fail(slacksim.Fault{Method: "conversations.replies", Status: 429, RetryAfter: 15})
		began := time.Now()
		w.ask("bob", "general", ts, "and why in 6 words")
		other := w.ask("carol", "random", "", "write 50 tokens")
		w.answered("random", other, 1)
		atMost(t, "the other thread took", time.Since(began), 5*time.Second)
		w.answered("general", ts, 2)
		atMost(t, "the answer took", time.Since(began), 20*time.Second)
		if m := w.model.Last().Chat.Messages; len(m) != 4 {
			t.Errorf("%+v", m)
		}
	})
}

func TestHistoryThatCannotBeReadIsSaid(t *testing.T) {
	inWorld(t, worldConfig{model: llmsim.Config{Speed: 50}}, func(t *testing.T, w *world) {
		ts := w.slack.Say("alice", "general", "", "the build is slow")
		w.slack.Fail(slacksim.Fault{Method: "conversations.replies", Status: 429, RetryAfter: 90, Times: -1})
		w.ask("bob", "general", ts, "why in 6 words")
		has(t, text(w.answered("general", ts, 1)), "I could not read the earlier messages")
	})
}

func TestTermLetsTheAnswerFinish(t *testing.T) {
	inWorld(t, worldConfig{lateAcks: true, model: llmsim.Config{Speed: 20}}, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "write 200 tokens")
		time.Sleep(3 * time.Second)
		w.term()
		time.Sleep(time.Second)
		late := w.ask("bob", "general", "", "too late")
		w.slack.FailEvent(slacksim.EventFault{Times: -1, Drop: true})
		w.stop()
		oneFooter(t, w.answered("general", ts, 1))
		is(t, "answers", len(w.answers("general", late)), 0)
		for _, e := range w.slack.Envelopes() {
			if strings.Contains(string(e.Payload), "too late") && !e.Acked.IsZero() {
				t.Error("acked what is not answered")
			}
		}
		is(t, "cancelled requests", w.model.Cancelled(), 0)
	})
}

func TestDrainThatTakesTooLongMarksTheAnswer(t *testing.T) {
	for channel, stream := range map[string]slacksim.StreamState{"general": "", "@alice": slacksim.StreamStopped} {
		inWorld(t, worldConfig{lateAcks: true, bot: bot.Config{DrainTimeout: 5 * time.Second}, model: llmsim.Config{Speed: 20}}, func(t *testing.T, w *world) {
			ts := w.ask("alice", channel, "", "write 2000 tokens")
			time.Sleep(3 * time.Second)
			w.slack.Fail(slacksim.Fault{Method: stop, Status: 429, RetryAfter: 2})
			began := time.Now()
			w.stop()
			atMost(t, "stopping took", time.Since(began), 11*time.Second)
			got := w.answers(channel, ts)
			size(t, "messages", got, 1)
			is(t, "stream", got[0].Stream, stream)
			streamed(t, got)
			has(t, text(got), "interrupted because I am being restarted", "ou asked")
			hasNot(t, text(got), "writing…")
			w.until("the server is free", time.Second, func() bool { return w.model.Running() == 0 })
		})
	}
}
