package ops

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"llmbot/bot"
	"llmbot/bot/pace"
	"llmbot/llm"
)

// wantsJSON reports whether ?format=json was asked for.
func wantsJSON(r *http.Request) bool { return r.URL.Query().Get("format") == "json" }

// show writes a page as text, or v as JSON if that was asked for.
func show(w http.ResponseWriter, r *http.Request, status int, v any, text func(io.Writer)) {
	kind := "text/plain; charset=utf-8"
	if wantsJSON(r) {
		kind = "application/json"
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	if !wantsJSON(r) {
		text(w)
		return
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // the client has gone
}

func (s *Server) index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, `<!doctype html><html lang="en"><head><title>llmbot</title><style>body{font:16px/1.5 sans-serif;margin:2em}dt{font-family:monospace}dd{margin:0 0 .6em 2em}</style></head>
<body><h1>llmbot %s</h1><p>Up for %s.</p><dl>
`, escape(s.cfg.Version), lasted(time.Since(s.since)))
	for _, p := range []struct{ path, what string }{
		{"/readyz", "may questions come: sockets, store, and how the model server is"},
		{"/livez", "does the process still do anything"},
		{"/metrics", "figures for Prometheus"},
		{"/debug/threads", "what is being done for each live thread"},
		{"/debug/pace", "Slack's edit budget: what is left, who waits for it"},
		{"/debug/tools", "servers of tools: connected or why not, tools with their policy, calls"},
		{"/debug/pprof/", "profiles of the process, for go tool pprof"},
	} {
		fmt.Fprintf(w, "<dt><a href=\"%s\">%s</a></dt><dd>%s</dd>\n", p.path, p.path, p.what)
	}
	fmt.Fprint(w, "</dl><p>The pages that are text are JSON with <code>?format=json</code>.</p></body></html>\n")
}

// mostShown is how much a page shows of what somebody else calls himself or says, in characters.
const mostShown = 300

// shown returns what a server, or an event of Slack, says of itself in a form that may stand in a
// page: it must not steer a terminal.
func shown(s string) string { return llm.Printable(s, mostShown) }

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// livez takes the bot's locks: a bot that is stuck does not answer, and whoever asks gives up.
func (s *Server) livez(w http.ResponseWriter, r *http.Request) {
	s.cfg.threads()
	s.cfg.pace()
	up := time.Since(s.since)
	show(w, r, http.StatusOK, map[string]any{"alive": true, "up_s": up.Seconds()}, func(w io.Writer) {
		fmt.Fprintf(w, "alive, for %s\n", lasted(up))
	})
}

// Health is /readyz as JSON.
type Health struct {
	Ready       bool   `json:"ready"`
	Why         string `json:"why,omitempty"` // it is not
	Stopping    bool   `json:"stopping"`
	Sockets     int    `json:"sockets"`
	Connections int    `json:"connections"`       // of the app, as Slack counted; 0: not known
	Trouble     string `json:"trouble,omitempty"` // why sockets are not open
	State       string `json:"state,omitempty"`   // where it is kept
	Store       string `json:"store"`
	Model       string `json:"model"`
	Version     string `json:"version"`
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	store := s.store.now(r.Context())
	model := s.model.now(r.Context())
	h := Health{
		Stopping: s.cfg.stopping(), Sockets: s.cfg.sockets(), Connections: s.cfg.connections(), Trouble: s.cfg.trouble(), Store: "usable", Model: "up: " + shown(model.text),
		State: shown(s.cfg.State), Version: s.cfg.Version,
	}
	var why []string
	if h.Stopping {
		why = append(why, "it is stopping")
	}
	if h.Sockets == 0 {
		why = append(why, "no socket to Slack is open")
	}
	switch {
	case s.store == nil, !store.asked.IsZero() && store.err == nil:
	case store.err != nil:
		h.Store = "not usable: " + shown(store.err.Error())
		why = append(why, "the store is not usable")
	default:
		h.Store = "not known yet"
		why = append(why, "the store was not asked yet")
	}
	switch {
	case model.err != nil:
		h.Model = "down: " + shown(model.err.Error())
	case model.asked.IsZero():
		h.Model = "not known"
	}
	h.Ready, h.Why = len(why) == 0, strings.Join(why, ", ")
	status := http.StatusOK
	if !h.Ready {
		status = http.StatusServiceUnavailable
	}
	show(w, r, status, h, func(w io.Writer) {
		if h.Ready {
			fmt.Fprintln(w, "ready")
		} else {
			fmt.Fprintf(w, "not ready: %s\n", h.Why)
		}
		fmt.Fprintf(w, "sockets: %d open", h.Sockets)
		if h.Connections > 0 {
			fmt.Fprintf(w, ", Slack counted %d of the app", h.Connections)
		}
		if h.Trouble != "" {
			fmt.Fprintf(w, "\nnot open: %s", h.Trouble)
		}
		fmt.Fprintf(w, "\nstore: %s\nmodel server: %s\n", h.Store, h.Model)
	})
}

// threadJSON is a row of /debug/threads as JSON.
type threadJSON struct {
	Thread string  `json:"thread"`
	Ask    string  `json:"ask,omitempty"`
	Phase  string  `json:"phase"`
	For    float64 `json:"for_s"` // in this phase
	Age    float64 `json:"age_s"` // since the question came
	Asks   int     `json:"asks_waiting"`
}

func (s *Server) threads(w http.ResponseWriter, r *http.Request) {
	threads, queued := s.cfg.threads(), s.cfg.queued()
	rows := make([]threadJSON, 0, len(threads))
	for _, t := range threads {
		rows = append(rows, threadJSON{
			Thread: shown(t.Thread.String()), Ask: shown(t.Ask), Phase: shown(t.Phase), For: since(t.Since), Age: since(t.Came), Asks: t.Asks,
		})
	}
	show(w, r, http.StatusOK, map[string]any{"threads": rows, "queued": queued}, func(w io.Writer) {
		fmt.Fprintf(w, "%d live %s, %d of them wait for a slot\n", len(threads), plural(len(threads), "thread"), queued)
		if len(threads) == 0 {
			return
		}
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "\nthread\tanswers\tphase\tfor\tasked ago\tmore asks")
		for i, row := range rows {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\n", row.Thread, dash(row.Ask), row.Phase, ago(threads[i].Since), ago(threads[i].Came), row.Asks)
		}
		_ = t.Flush()
		fmt.Fprintln(w, "\n"+phasesExplained)
	})
}

const phasesExplained = `phases: ` + bot.ThreadIdle + ` (no turn runs), ` + bot.ThreadReading + ` (the thread, who asked), ` + bot.ThreadPreparing + ` (the prompt), ` +
	bot.ThreadQueued + ` (for a slot), ` + bot.ThreadThinking + ` (no token yet), ` + bot.ThreadReasoning + `, ` + bot.ThreadWriting + `, ` +
	bot.ThreadAway + ` (the model server is), ` + bot.ThreadClosing + ` (the end is being shown)`

func (s *Server) pace(w http.ResponseWriter, r *http.Request) {
	snap := s.cfg.pace()
	show(w, r, http.StatusOK, snap, func(w io.Writer) { paceText(w, snap) })
}

func paceText(w io.Writer, p pace.Snapshot) {
	fmt.Fprintf(w, "%d %s under way; this process may use %.0f %% of the budget\n", p.Flying, plural(p.Flying, "call"), 100*p.Share)
	fmt.Fprintf(w, "a call takes %.2f s, the model writes %.0f characters a second, the text of nine of ten answers grows for at most %.0f s\n", p.Latency, p.Speed, p.Lasts)
	fmt.Fprintf(w, "a first post waits %.1f s; for liveliness there is an edit every %.1f s\n", p.PostWait, p.Lively)

	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nbudget of\tnow\tlast minute\tbelieved to be\tpaused for\twaiting")
	budget := func(name string, b pace.Budget) {
		model := "a window of a minute"
		if b.Model == "bucket" {
			model = fmt.Sprintf("a bucket with bursts of %.0f, for %s more", b.Burst, lasted(time.Duration(b.Smooth*float64(time.Second))))
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%.1f s\t%d\n", name, b.Now, b.InMinute, model, b.Paused, b.Waiting)
	}
	for _, name := range sortedKeys(p.Methods) {
		budget(string(name), p.Methods[name])
	}
	for _, name := range sortedKeys(p.Channels) {
		budget("posts in "+shown(name), p.Channels[name])
	}
	_ = t.Flush()

	fmt.Fprintln(w, "\ncalls so far, by why they were made:")
	for _, why := range sortedKeys(p.Calls) {
		fmt.Fprintf(w, "  %s %d", why, p.Calls[why])
	}
	fmt.Fprintf(w, "\n\n%d unfinished %s\n", len(p.Lanes), plural(len(p.Lanes), "answer"))
	if len(p.Lanes) == 0 {
		return
	}
	fmt.Fprintln(t, "channel\topen for\tcharacters\tvisible\tunread for\tnext\tstate")
	for _, l := range p.Lanes {
		fmt.Fprintf(t, "%s\t%.1f s\t%d\t%d\t%.1f s\t%s\t%s\n", shown(l.Channel), l.Age, l.Text, l.Shown, l.ReadsFor, l.Next, laneState(l))
	}
	_ = t.Flush()
}

func laneState(l pace.LaneState) string {
	var words []string
	for word, is := range map[string]bool{
		"to be shown": l.Dirty, "complete": l.Closing, "a call is under way": l.Flying, "continued in a new message": l.Continued, "failed before": l.Tries > 0,
	} {
		if is {
			words = append(words, word)
		}
	}
	slices.Sort(words)
	return dash(strings.Join(words, ", "))
}

func sortedKeys[K ~string, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// since returns how many seconds ago something was; 0 if it is not known.
func since(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return time.Since(t).Seconds()
}

func ago(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return lasted(time.Since(t))
}

// lasted returns a duration for people: `4.2s`, `12m30s`.
func lasted(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func plural(n int, what string) string {
	if n == 1 {
		return what
	}
	return what + "s"
}
