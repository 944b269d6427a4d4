package slackmsg

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWorkIsLinear: four times as many elements cost about four times the work. What was quadratic
// cost sixteen times as much, and took up to 13 s for a message of as much as is looked at. The work
// is the processor's time of this thread: a busy machine changes little about it.
func TestWorkIsLinear(t *testing.T) {
	type obj = map[string]any
	const times, most = 4, 9.0
	many := func(e any, part int) []any {
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		out := make([]any, min(maxElements, (maxRich-1000)/(len(raw)+1))/part)
		for i := range out {
			out[i] = e
		}
		return out
	}
	word := strings.Repeat("a", 30)
	text := obj{"type": "text", "text": word}
	block := func(b obj) obj { return obj{"ts": "1.1", "user": "U1", "blocks": []obj{b}} }
	attached := func(a obj) obj { return obj{"ts": "1.1", "user": "U1", "attachments": []obj{a}} }
	for name, message := range map[string]func(part int) obj{
		"fields of a section": func(p int) obj { return block(obj{"type": "section", "fields": many(word, p)}) },
		"items of a list": func(p int) obj {
			return block(obj{"type": "rich_text", "elements": []obj{{"type": "rich_text_list", "elements": many(text, p)}}})
		},
		"lines of rich text": func(p int) obj { return block(obj{"type": "rich_text", "elements": many(text, p)}) },
		"tasks":              func(p int) obj { return block(obj{"type": "plan", "tasks": many(obj{"title": word}, p)}) },
		"sources of a task": func(p int) obj {
			return block(obj{"type": "task_card", "title": "x", "sources": many(obj{"text": word}, p)})
		},
		"fields of an attachment":    func(p int) obj { return attached(obj{"fields": many(obj{"value": word}, p)}) },
		"attachments in one another": func(p int) obj { return attached(obj{"attachments": many(obj{"text": word}, p)}) },
		"files":                      func(p int) obj { return attached(obj{"files": many(obj{"id": word}, p)}) },
		"buttons":                    func(p int) obj { return attached(obj{"actions": many(obj{"text": word}, p)}) },
	} {
		t.Run(name, func(t *testing.T) {
			small, large := work(t, message(times)), work(t, message(1))
			if ratio := large.Seconds() / max(small, time.Millisecond).Seconds(); ratio > most {
				t.Errorf("%d times as many cost %.1f times the work (%v, %v)", times, ratio, small, large)
			}
		})
	}
}

// work returns the least processor time in which a message was read, of three times.
func work(t *testing.T, message any) time.Duration {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	least := time.Hour
	for range 3 {
		runtime.GC()
		before := threadTime(t)
		read(t, message)
		least = min(least, threadTime(t)-before)
	}
	return least
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
