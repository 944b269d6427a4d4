package slackio

import (
	"testing"
	"time"

	"llmbot/bot/pace"
	"llmbot/bot/render"
)

// TestMendStream goes through the table of mendStreamLocked: it checks what each failure makes of a
// stream, and whether another call can be made at once.
func TestMendStream(t *testing.T) {
	stuck := stream{live: true, bare: true}
	for name, tt := range map[string]struct {
		next    pace.Kind
		stream  stream // of the message; a post and a start have none
		late    bool
		failure failure
		again   bool
		edits   bool
		want    stream
		unknown bool // what the message shows
		begun   bool // a stream may exist that we do not know
	}{
		"start limited":         {next: pace.Start, failure: failure{kind: limited}, edits: true},
		"start transient":       {next: pace.Start, failure: failure{kind: transient}, edits: true, begun: true},
		"start denied":          {next: pace.Start, failure: failure{kind: denied}, edits: true, again: true},
		"post transient":        {next: pace.Post, failure: failure{kind: transient}, edits: true},
		"append gone":           {next: pace.Append, stream: stream{live: true}, failure: failure{kind: gone}, edits: true, want: stream{live: true}},
		"append limited":        {next: pace.Append, stream: stream{live: true}, failure: failure{kind: limited}, want: stream{live: true}},
		"late append limited":   {next: pace.Append, stream: stream{live: true}, late: true, failure: failure{kind: limited}, again: true, edits: true, want: stuck},
		"append transient":      {next: pace.Append, stream: stream{live: true}, failure: failure{kind: transient}, again: true, edits: true, want: stuck, unknown: true},
		"append unstreamed":     {next: pace.Append, stream: stream{live: true}, failure: failure{kind: unstreamed}, again: true, edits: true, want: stream{bare: true}},
		"append too long":       {next: pace.Append, stream: stream{live: true}, failure: failure{kind: tooLong}, again: true, edits: true, want: stuck},
		"stop limited":          {next: pace.Stop, stream: stream{live: true}, failure: failure{kind: limited}, want: stream{live: true}},
		"stop transient":        {next: pace.Stop, stream: stream{live: true}, failure: failure{kind: transient}, want: stream{live: true}},
		"stop unstreamed":       {next: pace.Stop, stream: stream{live: true}, failure: failure{kind: unstreamed}, again: true, edits: true, unknown: true},
		"stop too long":         {next: pace.Stop, stream: stream{live: true}, failure: failure{kind: tooLong}, again: true, edits: true, want: stuck},
		"bare stop denied":      {next: pace.Stop, stream: stuck, failure: failure{kind: denied}, again: true, edits: true, want: stream{bare: true, stuck: 1}},
		"edit still streaming":  {next: pace.Edit, failure: failure{kind: uneditable, reason: errStreaming}, again: true, edits: true, want: stuck},
		"edit streams for ever": {next: pace.Edit, stream: stream{stuck: maxStuck}, failure: failure{kind: uneditable, reason: errStreaming}, want: stream{stuck: maxStuck}},
		"edit denied":           {next: pace.Edit, failure: failure{kind: denied}},
	} {
		t.Run(name, func(t *testing.T) {
			d := new(draft)
			d.reset(render.StreamLimits())
			d.streams.on = true
			d.sent = []sent{{ts: "1.1", content: content{markdown: "text"}, page: pageRef{whole: true}, stream: tt.stream}}
			c := call{late: tt.late, began: time.Unix(100, 0)}
			if tt.next == pace.Start || tt.next == pace.Post {
				c.at = 1
			}
			again := d.mendStreamLocked(c, tt.next, tt.failure)
			if again != tt.again {
				t.Errorf("another call at once: %t, want %t", again, tt.again)
			}
			if edits := !d.streams.on; edits != tt.edits {
				t.Errorf("the answer falls back to edits: %t, want %t", edits, tt.edits)
			}
			m := d.sent[0]
			if m.stream != tt.want {
				t.Errorf("the stream is %+v, want %+v", m.stream, tt.want)
			}
			if unknown := m.content == (content{}) && !m.page.whole; unknown != tt.unknown {
				t.Errorf("what the message shows is unknown: %t, want %t", unknown, tt.unknown)
			}
			if begun := d.streams.tried.Equal(c.began); begun != tt.begun {
				t.Errorf("a stream may have begun: %t, want %t", begun, tt.begun)
			}
		})
	}
}
