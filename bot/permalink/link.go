package permalink

import (
	"net/url"
	"regexp"
	"strings"

	"llmbot/bot/thread"
)

// Link is an address of a message.
type Link struct {
	Channel, TS string
	// Thread is the ts of the thread that it is a reply in; empty: it is none, or that is not said
	Thread string
}

// root returns the thread in which the message is, as far as the link tells.
func (l Link) root() thread.ID {
	if l.Thread != "" {
		return thread.ID{Channel: l.Channel, TS: l.Thread}
	}
	return thread.ID{Channel: l.Channel, TS: l.TS}
}

// mostLength is how many bytes of a text are searched for links.
const mostLength = 100_000

var (
	// address is how Slack writes an address: p and the message's ts without its dot.
	address = regexp.MustCompile(`(?i:https?)://([A-Za-z0-9.-]+)(?::\d{1,5})?/archives/([CDG][A-Z0-9]{2,30})/p(\d{9,11})(\d{6})(?:\?([A-Za-z0-9_.=&;%-]{1,200}))?`)
	tsForm  = regexp.MustCompile(`^\d{9,11}\.\d{6}$`)
)

// Find returns the links to messages at these hosts, each once, in the order of the text.
func Find(text string, hosts []string) []Link {
	var out []Link
	known := map[Link]bool{}
	for _, m := range address.FindAllStringSubmatch(text[:min(len(text), mostLength)], -1) {
		if !oneOf(m[1], hosts) {
			continue
		}
		l := Link{Channel: m[2], TS: m[3] + "." + m[4]}
		if q, err := url.ParseQuery(strings.TrimRight(strings.ReplaceAll(m[5], "&amp;", "&"), ".;")); err == nil {
			in := q.Get("thread_ts")
			if cid := q.Get("cid"); (cid == "" || cid == l.Channel) && tsForm.MatchString(in) && in <= l.TS {
				l.Thread = in
			}
		}
		if !known[l] {
			known[l] = true
			out = append(out, l)
		}
	}
	return out
}

func oneOf(host string, hosts []string) bool {
	for _, h := range hosts {
		if h != "" && strings.EqualFold(h, host) {
			return true
		}
	}
	return false
}

// ownWords returns a message without what Slack shows of others in it: forwards and previews, which
// package slackmsg writes as a head with the link, and a quotation below it. They are there
// already. What people quote themselves, they ask about.
func ownWords(text string) string {
	return without(text, func(head string) bool {
		return strings.HasPrefix(head, "Forwarded message") || strings.HasPrefix(head, "Preview of ")
	})
}

// WithoutPreviews returns a message without Slack's previews of messages that are quoted. It keeps
// those of which not all is quoted: a preview may have more.
func (q Quotes) WithoutPreviews(text string) string {
	if len(q.quoted) == 0 || !strings.Contains(text, linkedPreview) {
		return text
	}
	return strings.TrimSpace(without(text, func(head string) bool {
		links := Find(head, q.hosts)
		return strings.HasPrefix(head, linkedPreview) && len(links) == 1 && q.quoted[Link{Channel: links[0].Channel, TS: links[0].TS}]
	}))
}

// linkedPreview is how package slackmsg begins the preview of a message.
const linkedPreview = "Preview of a linked message"

// without returns a message without quotations whose heads are such.
func without(text string, such func(head string) bool) string {
	var own []string
	shown := false // the lines are those of a forward or a preview
	for line := range strings.Lines(text) {
		if strings.HasSuffix(strings.TrimSpace(line), ":") && such(line) {
			shown = true
			continue
		}
		if shown = shown && strings.HasPrefix(line, ">"); !shown {
			own = append(own, line)
		}
	}
	return strings.Join(own, "")
}
