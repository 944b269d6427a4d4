package scenario

import (
	"fmt"
	"slices"
	"strings"

	"llmbot/bot/slacksim"
)

// clause is what a scenario may expect.
type clause struct {
	args  []arg
	check func(*run, args) result
}

// result is how an expectation stands.
type result struct {
	ok    bool
	want  string // in words
	seen  string // what there is instead
	found thing  // the first message that fits
}

// shows are the keys that look at what a reader reads.
func shows(more ...arg) []arg {
	return append(more, optional("text", text), optional("contains", texts), optional("lacks", texts), optional("matches", pattern))
}

// messages are the keys that look at messages.
func messages(more ...arg) []arg {
	return append(shows(more...), optional("by", text), optional("stream", text), optional("edited", truth), optional("versions", howMany), optional("button", text),
		optional("block", text), optional("file", text), optional("reaction", text), optional("count", howMany), optional("id", newID))
}

// clauses returns all clauses by name.
func clauses() map[string]clause {
	return map[string]clause{
		"reply": {args: messages(needed("to", ref)), check: func(r *run, a args) result {
			t := r.ids[a.text("to")]
			return r.among(a, r.sim.Replies(t.channel, t.root))
		}},
		"message":   {args: messages(needed("in", place)), check: func(r *run, a args) result { return r.among(a, r.sim.Channel(a.text("in"))) }},
		"ephemeral": {args: messages(needed("to", person)), check: func(r *run, a args) result { return r.among(a, r.sim.Ephemerals(a.text("to"))) }},
		"gone": {args: []arg{needed("message", ref)}, check: func(r *run, a args) result {
			t := r.ids[a.text("message")]
			m, ok := r.sim.Message(t.channel, t.ts)
			if eph := r.ephemeral(t); eph != nil {
				m, ok = *eph, true
			}
			return result{ok: !ok || m.Deleted, want: a.text("message") + " is deleted", seen: "seen: " + m.Plain}
		}},
		"home": {args: shows(needed("of", person)), check: func(r *run, a args) result {
			h, _ := r.sim.Home(a.text("of"))
			return one(a, h.Plain)
		}},
		"view": {args: shows(needed("of", person), optional("callback", text), optional("title", text), optional("open", truth)), check: checkView},
		"status": {args: shows(needed("of", ref)), check: func(r *run, a args) result {
			t := r.ids[a.text("of")]
			return one(a, r.sim.Status(t.channel, t.root))
		}},
		"session": {args: []arg{needed("of", ref), needed("is", text)}, check: func(r *run, a args) result {
			t := r.ids[a.text("of")]
			got := r.sim.Session(t.channel, t.root)
			return result{ok: got == a.text("is"), want: "the session is " + a.text("is"), seen: "seen: " + got}
		}},
		"assistant": {args: []arg{needed("of", ref), optional("as", person), optional("title", text), optional("prompt", text), optional("loading", text)}, check: checkAssistant},
		"calls":     {args: []arg{optional("method", text), optional("error", text), optional("arg", text), optional("count", howMany)}, check: checkCalls},
		"events":    {args: []arg{optional("type", text), optional("acked", truth), optional("count", howMany)}, check: checkEvents},
		"sockets": {args: []arg{optional("count", howMany), optional("opened", howMany)}, check: func(r *run, a args) result {
			open, ever := r.sim.Sockets(), r.sim.Opened()
			out := result{ok: a.count().holds(open), want: a.count().String() + " open sockets", seen: fmt.Sprintf("seen: %d open, %d in all", open, ever)}
			if a.has("opened") {
				c := a.m["opened"].count
				out.ok = c.holds(ever) && (!a.has("count") || out.ok)
				out.want = c.String() + " sockets opened"
			}
			return out
		}},
		"notified": {args: []arg{optional("count", howMany)}, check: func(r *run, a args) result {
			var who []string
			for _, p := range r.sim.Notified() {
				who = append(who, p.Who+" by "+p.Method)
			}
			return counted(a, "people notified", who)
		}},
		"unfurled": {args: []arg{optional("count", howMany)}, check: func(r *run, a args) result {
			var urls []string
			for _, u := range r.sim.Unfurled() {
				urls = append(urls, u.URL)
			}
			return counted(a, "addresses that Slack would fetch", urls)
		}},
	}
}

// counted compares a number of things.
func counted(a args, what string, list []string) result {
	return result{ok: a.count().holds(len(list)), want: a.count().String() + " " + what, seen: lines("seen", list)}
}

// lines returns what is there as a hint, a few of many.
func lines(head string, list []string) string {
	const most = 6
	if len(list) == 0 {
		return head + ": nothing"
	}
	out := make([]string, 0, most+1)
	for i, l := range list {
		if i == most {
			out = append(out, fmt.Sprintf("and %d more", len(list)-most))
			break
		}
		out = append(out, head+": "+l)
	}
	return strings.Join(out, "\n")
}

// wrong returns what a text does not fulfil; empty: it fits.
func wrong(a args, shown string) string {
	switch {
	case a.has("text") && shown != a.text("text"):
		return fmt.Sprintf("text %q", a.text("text"))
	case a.has("matches") && !a.m["matches"].re.MatchString(shown):
		return "matches " + a.text("matches")
	}
	for _, t := range a.m["contains"].texts {
		if !strings.Contains(shown, t) {
			return fmt.Sprintf("contains %q", t)
		}
	}
	for _, t := range a.m["lacks"].texts {
		if strings.Contains(shown, t) {
			return fmt.Sprintf("lacks %q", t)
		}
	}
	return ""
}

// one looks at a single text.
func one(a args, shown string) result {
	bad := wrong(a, shown)
	if bad == "" && shown == "" && !a.has("text") {
		bad = "is there"
	}
	return result{ok: bad == "", want: bad, seen: fmt.Sprintf("seen: %q", shown)}
}

// among looks for messages that fit.
func (r *run) among(a args, list []slacksim.Message) result {
	var fit []slacksim.Message
	var seen []string
	for _, m := range list {
		bad := wrong(a, m.Plain)
		if bad == "" {
			bad = r.wrongMessage(a, m)
		}
		if bad == "" {
			fit = append(fit, m)
		}
		line := fmt.Sprintf("%s wrote %.200q", r.author(m), m.Plain)
		if m.Stream != "" {
			line += ", stream " + string(m.Stream)
		}
		if bad != "" {
			line += ": not " + bad
		}
		seen = append(seen, line)
	}
	out := result{ok: a.count().holds(len(fit)), want: a.count().String() + " messages" + wants(a), seen: lines("seen", seen)}
	if len(fit) > 0 {
		m := fit[0]
		out.found = thing{channel: m.Channel, ts: m.TS, root: firstOf(m.ThreadTS, m.TS)}
	}
	return out
}

// wants says in words what is looked for.
func wants(a args) string {
	var b strings.Builder
	for _, k := range []string{"text", "matches", "by", "stream", "button", "block", "file", "reaction"} {
		if a.has(k) {
			fmt.Fprintf(&b, ", %s %q", k, a.text(k))
		}
	}
	for _, k := range []string{"contains", "lacks"} {
		for _, t := range a.m[k].texts {
			fmt.Fprintf(&b, ", %s %q", k, t)
		}
	}
	for _, k := range []string{"edited", "versions"} {
		if a.has(k) {
			fmt.Fprintf(&b, ", %s %s", k, a.text(k))
		}
	}
	return b.String()
}

// wrongMessage returns what a message does not fulfil besides its text; empty: it fits.
func (r *run) wrongMessage(a args, m slacksim.Message) string {
	has := func(list []map[string]any, key, want string) bool {
		return slices.ContainsFunc(list, func(o map[string]any) bool { return o[key] == want })
	}
	author := a.text("by")
	switch {
	case a.has("by") && author == "bot" && m.BotID != r.sim.Bot().BotID, a.has("by") && author != "bot" && r.author(m) != author:
		return "by " + author
	case a.has("stream") && string(m.Stream) != a.text("stream"):
		return "stream " + a.text("stream")
	case a.has("edited") && m.Edited != a.ok("edited"):
		return "edited " + a.text("edited")
	case a.has("versions") && !a.m["versions"].count.holds(len(m.Versions)):
		return fmt.Sprintf("%s versions (it has %d)", a.m["versions"].count, len(m.Versions))
	case a.has("button") && !slices.Contains(m.Buttons(), a.text("button")):
		return "button " + a.text("button")
	case a.has("block") && !has(m.Blocks, "type", a.text("block")):
		return "block " + a.text("block")
	case a.has("file") && !has(m.Files, "name", a.text("file")):
		return "file " + a.text("file")
	case a.has("reaction") && !slices.ContainsFunc(m.Reactions, func(e slacksim.Reaction) bool { return e.Name == strings.Trim(a.text("reaction"), ":") }):
		return "reaction " + a.text("reaction")
	}
	return ""
}

func (r *run) author(m slacksim.Message) string {
	if m.BotID != "" && m.BotID == r.sim.Bot().BotID {
		return "bot"
	}
	return r.sim.Name(m.User)
}

// ephemeral returns a message that only one person saw; nil: there is none, or it is deleted.
func (r *run) ephemeral(t thing) *slacksim.Message {
	for _, u := range r.sim.People() {
		for _, m := range r.sim.Ephemerals(u.ID) {
			if m.TS == t.ts {
				return &m
			}
		}
	}
	return nil
}

func checkView(r *run, a args) result {
	v, open := r.sim.View(a.text("of"))
	if a.has("open") && !a.ok("open") {
		return result{ok: !open, want: "no view is open", seen: fmt.Sprintf("seen: %q", v.Plain)}
	}
	out := one(a, v.Plain)
	switch {
	case !open:
		out.ok, out.want = false, "a view is open"
	case a.has("callback") && v.Callback != a.text("callback"):
		out.ok, out.want, out.seen = false, "callback "+a.text("callback"), "seen: "+v.Callback
	case a.has("title") && v.Title != a.text("title"):
		out.ok, out.want, out.seen = false, "title "+a.text("title"), "seen: "+v.Title
	}
	return out
}

func checkAssistant(r *run, a args) result {
	t := r.ids[a.text("of")]
	var got slacksim.Assistant
	for _, u := range r.sim.People() {
		if x, ok := r.sim.Assistant(u.ID, t.root); ok {
			got = x
		}
	}
	out := result{ok: true, seen: fmt.Sprintf("seen: %+v", got)}
	for _, c := range []struct {
		key string
		ok  bool
	}{
		{"title", got.Title == a.text("title")},
		{"prompt", slices.ContainsFunc(got.Prompts, func(p slacksim.Prompt) bool { return p.Title == a.text("prompt") || p.Message == a.text("prompt") })},
		{"loading", slices.Contains(got.Loading, a.text("loading"))},
	} {
		if a.has(c.key) && !c.ok {
			out.ok, out.want = false, c.key+" "+a.text(c.key)
		}
	}
	return out
}

// checkCalls counts Web API calls. error: any counts those that failed with whatever, none those
// that did not fail.
func checkCalls(r *run, a args) result {
	var list []string
	for _, c := range r.sim.Calls() {
		want := a.text("error")
		fits := !a.has("error") || want == c.Error || want == "any" && !c.OK || want == "none" && c.OK
		if c.Done.IsZero() || !fits || a.has("method") && c.Method != a.text("method") {
			continue
		}
		if a.has("arg") {
			key, value, _ := strings.Cut(a.text("arg"), "=")
			if got, ok := c.Args[key]; !ok || !strings.Contains(got, value) {
				continue
			}
		}
		line := c.Method
		if c.Error != "" {
			line += " with " + c.Error
		}
		list = append(list, line)
	}
	what := strings.TrimSpace("calls of " + firstOf(a.text("method"), "any method"))
	if a.has("error") {
		what += ", error " + a.text("error")
	}
	return counted(a, what, list)
}

// checkEvents takes an event for acked if one of its sendings was: a socket may close under the ack
// of the first, and Slack sends it again.
func checkEvents(r *run, a args) result {
	var list []string
	all, known := r.sim.Envelopes(), map[string]bool{}
	for _, e := range all {
		if e.EventID != "" && !e.Acked.IsZero() {
			known[e.EventID] = true
		}
	}
	for _, e := range all {
		acked := !e.Acked.IsZero() || known[e.EventID]
		if a.has("type") && e.Type != a.text("type") || a.has("acked") && acked != a.ok("acked") {
			continue
		}
		list = append(list, fmt.Sprintf("%s, attempt %d, acked %v", e.Type, e.Attempt, acked))
	}
	return counted(a, strings.TrimSpace("envelopes "+a.text("type")), list)
}
