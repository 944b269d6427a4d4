package slacksim

import (
	"cmp"
	"strconv"
	"time"
)

// panelCallsLocked returns the newest calls, oldest first, each with its number from 1. It tells
// where a call went and what for, but no more of any message than a few words of its thread's
// first.
func (s *Sim) panelCallsLocked(now time.Time) obj {
	list := s.calls.list
	from := max(0, len(list)-panelCalls)
	newest := make([]any, 0, panelCalls)
	for i := range list[from:] {
		newest = append(newest, s.panelCallLocked(s.calls.total-len(list)+from+i+1, &list[from+i], now))
	}
	return obj{"total": s.calls.total, "newest": newest}
}

func (s *Sim) panelCallLocked(n int, c *Call, now time.Time) obj {
	what := s.methods[c.Method].what
	if c.Method == "response_url" {
		what = "answers a command or a button"
	}
	if size := len(c.Args["text"]) + len(c.Args["blocks"]) + len(c.Args["markdown_text"]) + len(c.Args["chunks"]) + len(c.Args["view"]); size > 0 {
		what += " · " + bytesText(size)
	}
	for _, k := range []string{"name", "title", "filename"} {
		if v := c.Args[k]; v != "" {
			what += " · " + short(v, panelWords)
			break
		}
	}
	where, thread := s.aboutLocked(c.Args)
	o := obj{
		"n": n, "method": short(c.Method, panelWords), "at": c.At.UnixMilli(), "ms": nil, "for_ms": nil, "ok": c.OK, "status": c.Status,
		"error": short(c.Error, panelWords), "wait": c.RetryAfter, "what": what, "where": where, "thread": thread,
	}
	if c.Done.IsZero() {
		o["for_ms"] = now.Sub(c.At).Milliseconds()
	} else {
		o["ms"] = c.Done.Sub(c.At).Milliseconds()
	}
	return o
}

// aboutLocked returns what a call is about: a channel or a person, and the first words of the
// thread.
func (s *Sim) aboutLocked(args map[string]string) (where, thread string) {
	id := cmp.Or(args["channel"], args["channel_id"])
	if id == "" {
		if user := cmp.Or(args["user"], args["user_id"]); user != "" {
			return "@" + short(s.nameLocked(user), panelWords), ""
		}
		return "", ""
	}
	where = s.placeLocked(id)
	c := s.channels[id]
	if c == nil {
		return where, ""
	}
	ts := cmp.Or(args["thread_ts"], args["ts"], args["message_ts"], args["timestamp"])
	m := c.byTS[ts]
	if m != nil && m.thread != "" {
		m = c.byTS[m.thread]
	}
	if m == nil || m.deleted {
		return where, ""
	}
	// A long text is cut before its names are put in: an id is as long as many words.
	return where, short(s.plainTextLocked(cutRunes(m.text, 8*panelWords)), panelWords)
}

// placeLocked returns how people call a channel.
func (s *Sim) placeLocked(id string) string {
	c := s.channels[id]
	switch {
	case c == nil:
		return short(id, panelWords)
	case c.im != "":
		return "DM " + short(s.nameLocked(c.im), panelWords)
	case c.Name == "":
		return "group DM"
	}
	return "#" + short(c.Name, panelWords)
}

// bytesText returns a size as people read it.
func bytesText(n int) string {
	if n < 1000 {
		return strconv.Itoa(n) + " B"
	}
	return strconv.FormatFloat(float64(n)/1000, 'f', 1, 64) + " kB"
}
