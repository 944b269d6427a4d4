package slackmsg

import (
	"encoding/json"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestLargestMessages: a message of as many elements as are looked at is read in a moment. It takes
// 20 ms; where the work was quadratic it took up to 13 s. What is counted is the processor's time
// of this thread, which a busy machine changes little.
func TestLargestMessages(t *testing.T) {
	type obj = map[string]any
	const most = 2 * time.Second
	many := func(e any) []any {
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		out := make([]any, min(maxElements, (maxRich-1000)/(len(raw)+1)))
		for i := range out {
			out[i] = e
		}
		return out
	}
	word := strings.Repeat("a", 30)
	text := obj{"type": "text", "text": word}
	block := func(b obj) obj { return obj{"ts": "1.1", "user": "U1", "blocks": []obj{b}} }
	attached := func(a obj) obj { return obj{"ts": "1.1", "user": "U1", "attachments": []obj{a}} }
	for name, message := range map[string]obj{
		"fields of a section": block(obj{"type": "section", "fields": many(word)}),
		"items of a list": block(obj{"type": "rich_text", "elements": []obj{
			{"type": "rich_text_list", "elements": many(text)},
		}}),
		"lines of rich text":         block(obj{"type": "rich_text", "elements": many(text)}),
		"tasks":                      block(obj{"type": "plan", "tasks": many(obj{"title": word})}),
		"sources of a task":          block(obj{"type": "task_card", "title": "x", "sources": many(obj{"text": word})}),
		"fields of an attachment":    attached(obj{"fields": many(obj{"value": word})}),
		"attachments in one another": attached(obj{"attachments": many(obj{"text": word})}),
		"files":                      attached(obj{"files": many(obj{"id": word})}),
		"buttons":                    attached(obj{"actions": many(obj{"text": word})}),
	} {
		t.Run(name, func(t *testing.T) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			before := threadTime(t)
			read(t, message)
			took := threadTime(t) - before
			t.Log(took)
			if took > most {
				t.Errorf("%v, at most %v", took, most)
			}
		})
	}
}

// threadTime returns the processor time that this thread has had.
func threadTime(t *testing.T) time.Duration {
	t.Helper()
	const thread = 1 // RUSAGE_THREAD
	var use syscall.Rusage
	if err := syscall.Getrusage(thread, &use); err != nil {
		t.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
