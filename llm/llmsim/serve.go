package llmsim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// ServeHTTP serves the routes of the dialect.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v1/chat/completions" && r.Method == http.MethodPost {
		s.chat(w, r)
		return
	}
	if s.refused(w, r, false) {
		return
	}
	if strings.HasPrefix(r.URL.Path, "/v1") && !s.authorized(r) {
		s.unauthorized(w)
		return
	}
	if r.URL.Path == "/v1/audio/transcriptions" && r.Method == http.MethodPost {
		s.transcribe(w, r)
		return
	}
	s.side(w, r)
}

// refused answers as the server's mode wants it.
func (s *Server) refused(w http.ResponseWriter, r *http.Request, chat bool) bool {
	s.mu.Lock()
	mode := s.mode
	s.mu.Unlock()
	switch mode {
	case Refusing:
		panic(http.ErrAbortHandler)
	case Hanging:
		_, _ = io.Copy(io.Discard, r.Body) // only then the client's end is noticed
		<-r.Context().Done()
	case BadGateway:
		writeBody(w, shape{server: "nginx/1.27.0"}, http.StatusBadGateway, "text/html", []byte(nginx("502 Bad Gateway")))
	case Unavailable:
		writeBody(w, shape{server: "nginx/1.27.0"}, http.StatusServiceUnavailable, "text/html", []byte(nginx("503 Service Temporarily Unavailable")))
	case Loading:
		e := &apiError{status: http.StatusServiceUnavailable, typ: "unavailable_error", message: "Loading model"}
		writeBody(w, shape{server: "llama.cpp"}, e.status, "application/json; charset=utf-8", e.body(errorLlama, ""))
	case Draining:
		if chat {
			s.fail(w, internalError(textDraining), s.shape)
		}
		return chat
	case EngineDead:
		if chat {
			s.fail(w, s.shape.engineDead(), s.shape)
		}
		return chat
	case HugeMetrics:
		if r.URL.Path != "/metrics" {
			return false
		}
		typ, page, _ := s.exposition()
		w.Header().Set("Content-Type", typ)
		for sent := 0; sent < hugeMetrics && r.Context().Err() == nil; sent += len(page) {
			if _, err := w.Write(page); err != nil {
				break
			}
		}
	default:
		return false
	}
	return true
}

// hugeMetrics is how long /metrics is with HugeMetrics, in bytes.
const hugeMetrics = 31 << 20

func (s *Server) authorized(r *http.Request) bool {
	return s.cfg.APIKey == "" || r.Header.Get("Authorization") == "Bearer "+s.cfg.APIKey
}

func (s *Server) unauthorized(w http.ResponseWriter) {
	sh := s.shape
	e := &apiError{status: http.StatusUnauthorized, typ: "authentication_error", message: "Unauthorized", plain: true}
	if sh.family == familyLlama {
		writeBody(w, sh, e.status, "application/json; charset=utf-8", []byte(`{"error":{"message":"Invalid API Key","type":"authentication_error","code":401}}`))
		return
	}
	s.fail(w, e, sh)
	w.Header().Del("Vary")
}

// chat answers a chat completion.
func (s *Server) chat(w http.ResponseWriter, r *http.Request) {
	rec := &Request{At: time.Now(), Header: r.Header.Clone()}
	raw, bad := readBody(r)
	rec.Raw = raw
	_ = json.Unmarshal(raw, &rec.Body) // stays nil when it is no object
	s.record(rec)
	refuse := func(code int) {
		s.note(rec, func(q *Request) { q.Status, q.Ended, q.EndAt = code, true, time.Now() })
	}
	refuse(0) // until it is accepted
	if s.refused(w, r, true) {
		return
	}
	if !s.authorized(r) {
		refuse(http.StatusUnauthorized)
		s.unauthorized(w)
		return
	}
	script := s.takeScript()
	c, err := s.accept(rec, bad, script)
	if err != nil {
		s.giveBack(script)
		refuse(err.status)
		s.fail(w, err, script.shape)
		return
	}
	c.ctx, c.w, c.rc = r.Context(), w, http.NewResponseController(w)
	defer s.forget(c)
	t := script.Tape
	if len(t) == 0 {
		t = s.defaultTape(c.chat, script.shape)
	}
	if full := s.shape.emptyOnFull && rec.Prompt > s.cfg.MaxModelLen; full {
		t = Tape{Finish("stop"), Done()}
	}
	c.play(t)
}

// scripted is a script with its dialect resolved.
type scripted struct {
	Script
	shape shape
	taken bool
}

func (s *Server) takeScript() scripted {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := scripted{shape: s.shape}
	if len(s.next) > 0 {
		out.Script, out.taken = s.next[0], true
		s.next = s.next[1:]
		if out.Dialect != "" {
			out.shape = out.Dialect.shape()
		}
	}
	return out
}

// giveBack puts a script back: the request it was taken for was refused.
func (s *Server) giveBack(sc scripted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sc.taken {
		s.next = append([]Script{sc.Script}, s.next...)
	}
}

// accept checks a request as the server does before it answers 200, and enters it.
func (s *Server) accept(rec *Request, bad *apiError, sc scripted) (*call, *apiError) {
	if bad != nil {
		return nil, bad
	}
	sh := sc.shape
	chat, err := s.parseChat(rec.Raw, sh)
	if err != nil {
		return nil, err
	}
	model, ok := s.served(chat.Model, sh)
	if !ok {
		return nil, s.unknownModel(chat.Model, sh)
	}
	tokens := append(Tokens(string(chat.rawTools)), promptTokens(chat.Messages, !chat.Continue, chat.Continue)...)
	chars := 0
	for _, m := range chat.Messages {
		chars += len([]rune(m.Content))
	}
	if err := s.checkWindow(chat, len(tokens), chars, sh); err != nil {
		return nil, err
	}
	prompt := len(tokens)
	limit := s.cfg.MaxModelLen - prompt
	if sh.truncates {
		prompt = min(prompt, s.cfg.MaxModelLen)
		tokens = tokens[len(tokens)-prompt:]
		limit = s.cfg.MaxModelLen
	}
	if chat.MaxTokens > 0 {
		limit = min(limit, chat.MaxTokens)
	}
	wire := s.cfg.Wire
	if sc.Wire != nil {
		wire = *sc.Wire
	}
	chat.Usage = chat.Usage || wire.UsageInLast
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cfg.MaxQueued > 0 && len(s.live) >= s.cfg.MaxQueued {
		s.m.rejected++
		return nil, queueFull()
	}
	rec.Chat, rec.Prompt, rec.Cached, rec.Ended, rec.EndAt = chat, prompt, s.cacheLocked(tokens), false, time.Time{}
	thinks := s.cfg.Reasoning || sh.harmony
	c := &call{
		s: s, rec: rec, chat: chat, wire: wire, limit: limit, brk: make(chan Tape, 1),
		enc: encoder{
			shape: sh, id: rec.ID, model: model, created: rec.At.Unix(), usage: chat.Usage, each: chat.Continuous, inFinish: wire.UsageInLast, noCounts: wire.ZeroUsage,
			details: s.cfg.PromptDetails, thinks: thinks, hides: chat.HideThought, prompt: prompt, cached: rec.Cached,
		},
	}
	s.live[c] = struct{}{}
	return c, nil
}

// served resolves a model name; an empty one is the first.
func (s *Server) served(name string, sh shape) (string, bool) {
	if name == "" || sh.anyModel {
		return s.cfg.Model, true
	}
	for _, m := range s.models() {
		if m == name {
			return m, true
		}
	}
	return "", false
}

func (s *Server) forget(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, c)
}

// defaultTape returns the answer of a request for which nothing was scripted.
func (s *Server) defaultTape(c *Chat, sh shape) Tape {
	if s.cfg.Script != nil {
		if t := s.cfg.Script(c); len(t) > 0 {
			return t
		}
	}
	asked := *c
	partial := ""
	if c.Continue {
		last := len(c.Messages) - 1
		asked.Messages, partial = c.Messages[:last], c.Messages[last].Content
	}
	if t := s.toolTape(c); len(t) > 0 {
		if c.Thinking && (s.cfg.Reasoning || sh.harmony || s.cfg.Wire.ThinkTags) {
			return append(Tape{Reason(thought(c))}, t...)
		}
		return t
	}
	text := Text(rest(s.cfg.Answer(&asked), partial))
	if partial == "" && c.Thinking && (s.cfg.Reasoning || sh.harmony || s.cfg.Wire.ThinkTags) {
		return Tape{Reason(thought(&asked)), text}
	}
	return Tape{text}
}

// rest returns the part of an answer that follows what is written already. Where partial differs
// from answer, it stands for as much of it, and is not written again.
func rest(answer, partial string) string {
	if after, ok := strings.CutPrefix(answer, partial); ok {
		return after
	}
	trimmed := strings.TrimRight(partial, " \n")
	if after, ok := strings.CutPrefix(answer, trimmed); ok {
		return strings.TrimLeft(after, " \n")
	}
	n := min(len(answer), len(trimmed))
	if i := strings.IndexAny(answer[n:], " \n"); i >= 0 {
		return answer[n+i:]
	}
	return ""
}

// side serves all but chat completions.
func (s *Server) side(w http.ResponseWriter, r *http.Request) {
	sh := s.shape
	want := http.MethodGet
	var serve func() (string, []byte, *apiError)
	jsonType := "application/json"
	known := !sh.noSideRoutes
	switch r.URL.Path {
	case "/v1/models":
		known, serve = true, func() (string, []byte, *apiError) { return jsonType, s.modelList(), nil }
	case "/health", "/ping":
		s.health(w, r)
		return
	case "/":
		known = sh.family == familyOllama
		serve = func() (string, []byte, *apiError) {
			return "text/plain; charset=utf-8", []byte("Ollama is running"), nil
		}
	case "/version":
		serve = func() (string, []byte, *apiError) { return jsonType, s.version(), nil }
	case "/load":
		serve = func() (string, []byte, *apiError) { return jsonType, []byte(`{"server_load":0}`), nil }
	case "/metrics":
		serve = func() (string, []byte, *apiError) { return s.exposition() }
	case "/tokenize":
		want = http.MethodPost
		serve = func() (string, []byte, *apiError) { return s.tokenize(r) }
	default:
		known = false
	}
	if !known {
		s.notFound(w)
		return
	}
	if r.Method != want && (r.Method != http.MethodHead || want != http.MethodGet) {
		w.Header().Set("Allow", want)
		writeBody(w, sh, http.StatusMethodNotAllowed, jsonType, []byte(`{"detail":"Method Not Allowed"}`))
		return
	}
	typ, body, err := serve()
	if err != nil {
		s.fail(w, err, sh)
		return
	}
	writeBody(w, sh, http.StatusOK, typ, body)
}

func (s *Server) notFound(w http.ResponseWriter) {
	switch s.shape.family {
	case familyRust:
		writeBody(w, s.shape, http.StatusNotFound, "", nil)
	case familyOllama:
		writeBody(w, s.shape, http.StatusNotFound, "text/plain", []byte("404 page not found"))
	case familyLlama:
		writeBody(w, s.shape, http.StatusNotFound, "application/json; charset=utf-8", []byte(`{"error":{"message":"File Not Found","type":"not_found_error","code":404}}`))
	default:
		writeBody(w, s.shape, http.StatusNotFound, "application/json", []byte(`{"detail":"Not Found"}`))
	}
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	dead := s.mode == EngineDead
	s.mu.Unlock()
	switch {
	case s.shape.family == familyLlama && r.URL.Path == "/health":
		writeBody(w, s.shape, http.StatusOK, "application/json; charset=utf-8", []byte(`{"status":"ok"}`))
	case s.shape.noSideRoutes, r.URL.Path == "/ping" && s.shape.family == familyRust:
		s.notFound(w)
	case dead:
		writeBody(w, s.shape, http.StatusServiceUnavailable, "", nil)
	default:
		writeBody(w, s.shape, http.StatusOK, "", nil)
	}
}

func (s *Server) version() []byte {
	v := appendString(nil, s.cfg.Version)
	if s.shape.family == familyRust {
		return fmt.Appendf(nil, `{"version":%s,"rust_frontend_version":%s}`, v, v)
	}
	return fmt.Appendf(nil, `{"version":%s}`, v)
}

func (s *Server) modelList() []byte {
	sh, now := s.shape, time.Now().Unix()
	b := []byte(`{"object":"list","data":[`)
	for i, m := range s.models() {
		if i > 0 {
			b = append(b, ',')
		}
		id := appendString(nil, m)
		switch {
		case sh.family == familyLlama:
			b = fmt.Appendf(b, `{"id":%s,"aliases":[%s],"tags":[],"object":"model","created":%d,"owned_by":"llamacpp","meta":{"n_ctx":%d,"n_ctx_train":%d}}`,
				id, id, now, s.cfg.MaxModelLen, s.cfg.MaxModelLen)
		case sh.noModelLen:
			b = fmt.Appendf(b, `{"id":%s,"object":"model","created":%d,"owned_by":"%s"}`, id, now, sh.ownedBy)
		case sh.family == familyVLLM:
			b = fmt.Appendf(b, `{"id":%s,"object":"model","created":%d,"owned_by":"vllm","root":%s,"parent":null,"max_model_len":%d,"permission":[{"id":"modelperm-%016x",`+
				`"object":"model_permission","created":%d,"allow_create_engine":false,"allow_sampling":true,"allow_logprobs":true,"allow_search_indices":false,`+
				`"allow_view":true,"allow_fine_tuning":false,"organization":"*","group":null,"is_blocking":false}]}`,
				id, now, appendString(nil, "/models/"+s.cfg.Model), s.cfg.MaxModelLen, i+1, now)
		default:
			b = fmt.Appendf(b, `{"id":%s,"object":"model","created":%d,"owned_by":"%s","root":%s,"parent":null,"max_model_len":%d}`, id, now, sh.ownedBy, id, s.cfg.MaxModelLen)
		}
	}
	return append(b, `]}`...)
}

// tokenize counts the tokens of a prompt or a chat, with the tokenizer that usage comes from.
func (s *Server) tokenize(r *http.Request) (string, []byte, *apiError) {
	raw, bad := readBody(r)
	if bad != nil {
		return "", nil, bad
	}
	var q struct {
		Prompt              *string           `json:"prompt"`
		Messages            []json.RawMessage `json:"messages"`
		AddGenerationPrompt *bool             `json:"add_generation_prompt"`
		Continue            bool              `json:"continue_final_message"`
		Strs                bool              `json:"return_token_strs"`
	}
	if err := json.Unmarshal(raw, &q); err != nil {
		return "", nil, jsonError(err, len(raw))
	}
	var toks []string
	if q.Prompt != nil {
		toks = Tokens(*q.Prompt)
	} else {
		var ms []Message
		for i, m := range q.Messages {
			msg, err := s.parseMessage(i, m)
			if err != nil {
				return "", nil, err
			}
			ms = append(ms, msg)
		}
		if err := checkResults(ms); err != nil {
			return "", nil, err
		}
		if err := s.checkTemplate(ms); err != nil {
			return "", nil, err
		}
		toks = promptTokens(ms, (q.AddGenerationPrompt == nil || *q.AddGenerationPrompt) && !q.Continue, q.Continue)
	}
	ids := make([]int, len(toks))
	for i, t := range toks {
		ids[i] = tokenID(t)
	}
	out := struct {
		Count    int      `json:"count"`
		MaxLen   int      `json:"max_model_len"`
		Tokens   []int    `json:"tokens"`
		TokenStr []string `json:"token_strs"`
	}{len(toks), s.cfg.MaxModelLen, ids, nil}
	if q.Strs {
		out.TokenStr = toks
	}
	b, err := json.Marshal(out)
	if err != nil {
		return "", nil, internalError(err.Error())
	}
	return "application/json", b, nil
}
