package slacksim

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"time"
)

// A response_url may be used five times within 30 minutes (facts: slack.md §5.5).
const (
	responseUses = 5
	responseFor  = 30 * time.Minute
	maxResponses = 10_000 // at once: a flood of clicks must not fill the memory
)

// responseURL is a place where the app may answer a command or a click.
type responseURL struct {
	channel, user string
	about         string // ts of the clicked message
	uses          int
	until         time.Time
}

func (s *Sim) responseURLLocked(channel, user, about string) string {
	now := time.Now()
	for len(s.responseIDs) > 0 { // oldest first
		if id := s.responseIDs[0]; len(s.responseIDs) >= maxResponses || now.After(s.responses[id].until) {
			delete(s.responses, id)
			s.responseIDs = s.responseIDs[1:]
			continue
		}
		break
	}
	// Whoever knows the id may speak as the app.
	id := s.idLocked("r") + "-" + rand.Text()
	s.responseIDs = append(s.responseIDs, id)
	s.responses[id] = &responseURL{channel: channel, user: user, about: about, until: time.Now().Add(responseFor)}
	return s.cfg.BaseURL + "/response/" + id
}

// serveResponse handles an answer to a command or a click.
func (s *Sim) serveResponse(w http.ResponseWriter, r *http.Request, id string) {
	s.mu.Lock()
	known := s.responses[id] != nil
	s.mu.Unlock()
	if !known {
		http.Error(w, "expired_url", http.StatusNotFound)
		return
	}
	body, free, err := s.readBody(w, r, maxBody)
	if err != nil {
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	defer free()
	s.mu.Lock()
	u := s.responses[id]
	ok := u != nil && u.uses < responseUses && time.Now().Before(u.until)
	if ok {
		u.uses++
	}
	s.calls.add(Call{
		Method: "response_url", At: time.Now(), Done: time.Now(), OK: ok, Carried: ok,
		Args: map[string]string{"payload": string(body)}, Status: http.StatusOK, seq: s.touchLocked(),
	}, len(body))
	s.mu.Unlock()
	if !ok {
		http.Error(w, "expired_url", http.StatusNotFound)
		return
	}
	latency := s.latency()
	if !s.sleep(r.Context(), latency/2) {
		return
	}
	_, no := s.respond(body, u.channel, u.user, u.about)
	s.sleep(r.Context(), latency-latency/2)
	if no != nil {
		http.Error(w, no.name, http.StatusBadRequest)
		return
	}
	_, _ = io.WriteString(w, "ok")
}

// respond shows an answer from an ack or a response_url. An empty answer shows nothing. The Message
// is zero unless the result is an ephemeral message.
func (s *Sim) respond(payload json.RawMessage, channel, user, about string) (Message, *refusal) {
	var raw map[string]json.RawMessage
	if len(payload) == 0 || json.Unmarshal(payload, &raw) != nil || len(raw) == 0 {
		return Message{}, nil
	}
	args := map[string]string{}
	for k, v := range raw {
		var text string
		if json.Unmarshal(v, &text) == nil {
			args[k] = text
		} else {
			args[k] = string(v)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	body, no := s.parseContentLocked(args)
	if no != nil {
		return Message{}, no
	}
	c := s.channels[channel]
	old := c.find(about)
	if i := slices.IndexFunc(s.ephemerals.list, func(m *message) bool { return m.ts == about }); i >= 0 {
		old = s.ephemerals.list[i]
	}
	replace := args["replace_original"] == "true"
	switch {
	case args["delete_original"] == "true" && old != nil:
		if old.ephemeral != "" {
			old.deleted = true // no event, for it is in no history
			s.changedLocked(old)
		} else {
			s.removeLocked(c, old)
		}
		return Message{}, nil
	case body.empty():
		return Message{}, nil
	case replace && old != nil:
		s.replaceLocked(c, old, body)
		s.watchLocked(&call{method: "response_url", args: args}, old)
		return Message{}, nil
	}
	m := &message{user: s.cfg.Bot.UserID, botID: s.cfg.Bot.BotID, text: body.text, blocks: body.blocks, attachments: body.attachments, noUnfurl: isFalse(args["unfurl_links"]) && isFalse(args["unfurl_media"])}
	if ts := args["thread_ts"]; ts != "" {
		m.thread = c.root(ts)
	}
	from := &call{method: "response_url", args: args}
	if args["response_type"] == "in_channel" {
		s.addLocked(c, m)
		s.watchLocked(from, m)
		s.newMessageEventsLocked(c, m)
		return Message{}, nil
	}
	s.addEphemeralLocked(channel, user, m)
	s.watchLocked(from, m)
	return s.viewLocked(m), nil
}

// replaceLocked puts new content into the message that a response_url is about. If that message is
// in the channel's history, the app gets the change as an event.
func (s *Sim) replaceLocked(c *channel, m *message, body content) {
	before := s.messageLocked(c, m, true)
	m.text, m.blocks, m.attachments = body.text, body.blocks, body.attachments
	m.keepChosen()
	s.changedLocked(m)
	if m.ephemeral == "" {
		s.messageEventLocked(c, obj{
			"type": "message", "subtype": "message_changed", "hidden": true, "message": s.messageLocked(c, m, true), "previous_message": before,
		})
	}
}
