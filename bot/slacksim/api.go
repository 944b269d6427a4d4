package slacksim

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// call is a request on its way through the Web API.
type call struct {
	method string
	args   map[string]string
	app    bool // called with the app-level token
}

// method is one method of the Web API.
type method struct {
	what     string                            // the bot does with it, for people
	run      func(*Sim, *call) (obj, *refusal) // called with the lock held
	tier     int                               // calls a minute
	perChan  bool                              // the tier counts per channel
	scope    string                            // needed; "*:read" means that of the channel's kind
	app      bool                              // takes the app-level token instead
	required []string
}

func methodTable() map[string]method {
	return map[string]method{
		"auth.test":                 {what: "asks who it is", run: (*Sim).authTestLocked},
		"apps.connections.open":     {what: "asks for a socket", run: (*Sim).connectionsOpenLocked, tier: tier3, scope: "connections:write", app: true},
		"chat.postMessage":          {what: "posts a message", run: (*Sim).postMessageLocked, tier: tierPost, perChan: true, scope: "chat:write", required: []string{"channel"}},
		"chat.update":               {what: "edits a message", run: (*Sim).updateLocked, tier: tier3, scope: "chat:write", required: []string{"channel", "ts"}},
		"chat.delete":               {what: "deletes a message", run: (*Sim).deleteLocked, tier: tier3, scope: "chat:write", required: []string{"channel", "ts"}},
		"chat.startStream":          {what: "starts a stream", run: (*Sim).startStreamLocked, tier: tier2, scope: "chat:write", required: []string{"channel"}},
		"chat.appendStream":         {what: "adds to a stream", run: (*Sim).appendStreamLocked, tier: tier4, scope: "chat:write", required: []string{"channel", "ts"}},
		"chat.stopStream":           {what: "ends a stream", run: (*Sim).stopStreamLocked, tier: tier2, scope: "chat:write", required: []string{"channel", "ts"}},
		"chat.postEphemeral":        {what: "shows one person a message", run: (*Sim).postEphemeralLocked, tier: tier4, scope: "chat:write", required: []string{"channel", "user"}},
		"chat.getPermalink":         {what: "asks for a link", run: (*Sim).permalinkLocked, required: []string{"channel", "message_ts"}},
		"conversations.info":        {what: "asks what a channel is", run: (*Sim).infoLocked, tier: tier3, scope: "*:read", required: []string{"channel"}},
		"conversations.list":        {what: "lists channels", run: (*Sim).convListLocked, tier: tier2, scope: "*:read"},
		"users.conversations":       {what: "lists its channels", run: (*Sim).convListLocked, tier: tier3, scope: "*:read"},
		"conversations.members":     {what: "lists who is in a channel", run: (*Sim).membersLocked, tier: tier4, scope: "*:read", required: []string{"channel"}},
		"conversations.replies":     {what: "reads a thread", run: (*Sim).repliesLocked, tier: tier3, scope: "*:history", required: []string{"channel", "ts"}},
		"conversations.history":     {what: "reads a channel", run: (*Sim).historyLocked, tier: tier3, scope: "*:history", required: []string{"channel"}},
		"conversations.open":        {what: "opens direct messages", run: (*Sim).convOpenLocked, tier: tier3, scope: "im:write"},
		"users.info":                {what: "asks who somebody is", run: (*Sim).userInfoLocked, tier: tier4, scope: "users:read", required: []string{"user"}},
		"users.list":                {what: "lists people", run: (*Sim).userListLocked, tier: tier2, scope: "users:read"},
		"files.info":                {what: "asks about a file", run: (*Sim).fileInfoLocked, tier: tier4, scope: "files:read", required: []string{"file"}},
		"files.delete":              {what: "deletes a file", run: (*Sim).deleteFileLocked, tier: tier3, scope: "files:write", required: []string{"file"}},
		"bots.info":                 {what: "asks about a bot", run: (*Sim).botInfoLocked, tier: tier3, scope: "users:read"},
		"team.info":                 {what: "asks about the workspace", run: (*Sim).teamInfoLocked, tier: tier3, scope: "team:read"},
		"conversations.join":        {what: "joins a channel", run: (*Sim).joinLocked, tier: tier3, scope: "channels:join", required: []string{"channel"}},
		"reactions.add":             {what: "adds a reaction", run: (*Sim).reactionsAddLocked, tier: tier3, scope: "reactions:write", required: []string{"channel", "name", "timestamp"}},
		"reactions.remove":          {what: "removes a reaction", run: (*Sim).reactionsRemoveLocked, tier: tier2, scope: "reactions:write", required: []string{"channel", "name", "timestamp"}},
		"reactions.get":             {what: "reads reactions", run: (*Sim).reactionsGetLocked, tier: tier3, scope: "reactions:read", required: []string{"channel", "timestamp"}},
		"views.open":                {what: "opens a modal", run: (*Sim).openViewLocked, tier: tier4, required: []string{"view"}},
		"views.push":                {what: "opens a modal over another", run: (*Sim).pushViewLocked, tier: tier4, required: []string{"view"}},
		"views.update":              {what: "changes a modal", run: (*Sim).updateViewLocked, tier: tier4, required: []string{"view"}},
		"views.publish":             {what: "publishes a Home tab", run: (*Sim).publishLocked, tier: tier4, required: []string{"user_id", "view"}},
		"agents.sessions.setStatus": {what: "sets a session's status", run: (*Sim).setSessionLocked, tier: tier3, scope: "chat:write", required: []string{"status"}},
		"agents.sessions.rename":    {what: "renames a session", run: (*Sim).renameSessionLocked, tier: tier3, scope: "chat:write", required: []string{"title"}},
		// Slack's page calls the tier "special" and publishes no figure.
		"assistant.threads.setStatus":           {what: "sets the status line", run: (*Sim).setStatusLocked, tier: tier4, scope: "chat:write", required: []string{"channel_id", "thread_ts", "status"}},
		"assistant.threads.setTitle":            {what: "names a thread", run: (*Sim).setTitleLocked, tier: tier4, scope: "assistant:write", required: []string{"channel_id", "thread_ts", "title"}},
		"assistant.threads.setSuggestedPrompts": {what: "suggests prompts", run: (*Sim).setPromptsLocked, tier: tier4, scope: "assistant:write", required: []string{"channel_id", "prompts"}},

		"files.getUploadURLExternal":   {what: "asks where to upload", run: (*Sim).uploadURLLocked, tier: tier4, scope: "files:write", required: []string{"filename", "length"}},
		"files.completeUploadExternal": {what: "shares an upload", run: (*Sim).completeUploadLocked, tier: tier4, scope: "files:write", required: []string{"files"}},
	}
}

// serveAPI answers one Web API request.
func (s *Sim) serveAPI(w http.ResponseWriter, r *http.Request, name string) {
	secret, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if bearer && s.unknown(secret) {
		s.answer(w, 0, nil, refuse("invalid_auth"), true, false)
		return
	}
	args, free, bad := s.parseArgs(w, r)
	defer free()
	if !bearer {
		secret = args["token"]
	}
	delete(args, "token")
	if s.unknown(secret) {
		no := refuse("invalid_auth")
		if secret == "" {
			no = refuse("not_authed")
		}
		s.answer(w, 0, nil, no, true, false)
		return
	}
	c := &call{method: name, args: args}

	s.mu.Lock()
	id := s.touchLocked()
	s.calls.add(Call{Method: name, At: time.Now(), Args: args, seq: id}, len(name)+sizeOf(args))
	m := s.methods[name]
	fault := s.faultLocked(name, c.channelArg())
	var no *refusal
	limited := false
	switch {
	case m.run == nil:
		no = refuse("unknown_method")
	case bad != "":
		no = refuse(bad)
	default:
		if no = s.admitLocked(m, c, secret); no == nil && (fault == nil || fault.passes()) {
			no = s.limitLocked(m, c)
			limited = no != nil
		}
	}
	s.mu.Unlock()

	if no == nil && fault != nil {
		no = s.sabotage(r, fault)
		if !fault.Carry && no != nil {
			s.answer(w, id, nil, no, true, false)
			return
		}
	}
	if limited {
		s.answer(w, id, nil, no, true, false)
		return
	}
	latency := s.latency()
	if !s.sleep(r.Context(), latency/2) {
		s.answer(w, id, nil, &refusal{status: http.StatusServiceUnavailable}, true, false)
		return
	}
	carried := no == nil || fault != nil && fault.Carry && no.carry
	var reply obj
	if carried {
		res, failed := s.run(m, c)
		reply = res
		if no == nil {
			no = failed
		}
		carried = failed == nil
	}
	s.sleep(r.Context(), latency-latency/2)
	if fault != nil && fault.Carry && fault.Hang {
		s.hang(r)
	}
	s.answer(w, id, reply, no, no != nil && !carried && fault != nil, carried)
}

// run carries a call out. If it panics, the workspace goes on.
func (s *Sim) run(m method, c *call) (obj, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return m.run(s, c)
}

// sabotage returns how a fault replaces the answer; nil if the call goes on.
func (s *Sim) sabotage(r *http.Request, f *Fault) *refusal {
	s.sleep(r.Context(), f.Delay)
	switch {
	case f.Hang && !f.Carry:
		s.hang(r)
		return &refusal{status: http.StatusServiceUnavailable}
	case f.Status != 0:
		return &refusal{name: faultName(f), status: f.Status, retryAfter: f.RetryAfter, carry: true}
	case f.Error != "":
		return &refusal{name: f.Error, retryAfter: f.RetryAfter, carry: true}
	}
	return nil
}

func faultName(f *Fault) string {
	if f.Error == "" && f.Status == http.StatusTooManyRequests {
		return "ratelimited"
	}
	return f.Error
}

// hang holds a request until its client leaves.
func (s *Sim) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.done:
	}
}

// unknown reports whether a token is none of ours. A request without one of ours leaves nothing
// behind, so that whoever may not speak cannot fill the memory either.
func (s *Sim) unknown(secret string) bool {
	return secret != s.cfg.AppToken && secret != s.cfg.BotToken
}

// admitLocked checks the token's kind, the scope and the required arguments.
func (s *Sim) admitLocked(m method, c *call, secret string) *refusal {
	c.app = secret == s.cfg.AppToken
	if c.app != m.app {
		return refuse("not_allowed_token_type")
	}
	if needed := s.missingScopeLocked(m.scope, c); needed != "" {
		return &refusal{name: "missing_scope", extra: obj{"needed": needed, "provided": strings.Join(s.cfg.Scopes, ",")}}
	}
	var missing []string
	for _, k := range m.required {
		if _, ok := c.args[k]; !ok {
			missing = append(missing, "[ERROR] missing required field: "+k)
		}
	}
	if missing != nil {
		return &refusal{name: "invalid_arguments", extra: obj{"response_metadata": obj{"messages": missing}}}
	}
	return nil
}

// missingScopeLocked returns the scope that is needed and was not granted.
func (s *Sim) missingScopeLocked(scope string, c *call) string {
	if scope == "" || c.app || slices.Contains(s.cfg.Scopes, scope) {
		return ""
	}
	what, wild := strings.CutPrefix(scope, "*:")
	if !wild {
		return scope
	}
	if ch := s.channels[c.args["channel"]]; ch != nil {
		if scope = ch.family() + ":" + what; slices.Contains(s.cfg.Scopes, scope) {
			return ""
		}
		return scope
	}
	var needed []string
	for _, family := range []string{"channels", "groups", "im", "mpim"} {
		if slices.Contains(s.cfg.Scopes, family+":"+what) {
			return ""
		}
		needed = append(needed, family+":"+what)
	}
	return strings.Join(needed, ",")
}

func (s *Sim) limitLocked(m method, c *call) *refusal {
	now := time.Now()
	after := s.refusedEditLocked(c.method, now)
	if after == 0 {
		_, after = s.limits.take(s.limitKeyLocked(m, c.method, c.args), m.tier, now)
	}
	if after > 0 {
		return &refusal{name: "ratelimited", status: http.StatusTooManyRequests, retryAfter: after}
	}
	return nil
}

// limitKeyLocked returns what a call is counted under: the method, or the method and the channel,
// whichever of its names the call has.
func (s *Sim) limitKeyLocked(m method, name string, args map[string]string) string {
	if !m.perChan {
		return name
	}
	to := args["channel"]
	if c, _ := s.botChannelLocked(to); c != nil { // a refusal with a channel is: not in it
		to = c.ID
	}
	return name + " " + to
}

// answer writes the reply and records it with the call of that number.
func (s *Sim) answer(w http.ResponseWriter, id uint64, reply obj, no *refusal, refused, carried bool) {
	status, name := http.StatusOK, ""
	if no != nil {
		reply = obj{"ok": false, "error": no.name}
		maps.Copy(reply, no.extra)
		if name = no.name; no.status != 0 {
			status = no.status
		}
		if name == "" {
			name = "http " + strconv.Itoa(status)
		}
		if no.retryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(no.retryAfter))
		}
		refused = refused || status == http.StatusTooManyRequests
	} else {
		reply["ok"] = true
	}
	body := jsonText(reply)
	s.mu.Lock()
	if i, ok := slices.BinarySearchFunc(s.calls.list, id, func(c Call, id uint64) int { return int(c.seq) - int(id) }); ok {
		c := &s.calls.list[i]
		c.Done, c.OK, c.Error, c.Refused, c.Carried, c.Status, c.Result = time.Now(), no == nil, name, refused, carried, status, reply
		if no != nil {
			c.RetryAfter = no.retryAfter
		}
		s.calls.grow(i, len(body))
		s.touchLocked()
	}
	s.mu.Unlock()

	if status >= http.StatusInternalServerError {
		http.Error(w, "upstream error", status)
		return
	}
	h := w.Header()
	h.Set("X-Oauth-Scopes", strings.Join(s.cfg.Scopes, ","))
	h.Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if _, err := io.WriteString(w, body+"\n"); err != nil {
		s.log.Debug("answer not written", "error", err)
	}
}

// channelArg returns the channel that a call is about; setStatus names it differently.
func (c *call) channelArg() string {
	if id := c.args["channel"]; id != "" {
		return id
	}
	return c.args["channel_id"]
}

func (c *call) bool(key string) bool { return c.args[key] == "true" || c.args[key] == "1" }
