package slacksim

import (
	"errors"
	"slices"
	"time"
)

// sessionFor is how long an agent session stays "processing" without an update (facts: slack.md
// §4).
const sessionFor = time.Hour

// ErrNothingToStop reports that no agent session of the thread shows a stop button.
var ErrNothingToStop = errors.New("nothing to stop")

// session is an agent session: what the app reports about its work in a thread.
type session struct {
	status, title string
	until         time.Time
}

func (se *session) now(now time.Time) string {
	switch {
	case se == nil:
		return ""
	case se.status == "processing" && !now.Before(se.until):
		return "active"
	}
	return se.status
}

// setSessionLocked implements agents.sessions.setStatus. Only apps that are declared as agents have
// sessions (Config.Agent).
func (s *Sim) setSessionLocked(c *call) (obj, *refusal) {
	if !s.cfg.Agent {
		return nil, refuse("not_agent_app")
	}
	ch, no := s.botChannelLocked(c.args["channel_id"])
	if no != nil {
		if no.name == "not_in_channel" {
			no = refuse("not_authorized")
		}
		return nil, no
	}
	if c.args["thread_ts"] == "" {
		return nil, refuse("thread_ts_required")
	}
	root := ch.root(c.args["thread_ts"])
	if root == "" {
		return nil, refuse("invalid_thread_ts") // a guess: the method's page has no error for it
	}
	status := c.args["status"]
	if !sessionStatus(status) {
		return nil, refuse("invalid_status")
	}
	se := s.noteSessionLocked(threadKey{ch.ID, root}, status)
	if se.title == "" {
		se.title = c.args["title"]
	}
	out := obj{"status": status, "agent_status": status, "title": se.title}
	if !slices.Contains(s.cfg.Events, "agent_session_stopped") { // the stop button cannot work then
		out["warning"] = "missing_agent_session_stopped_event_subscription"
		out["response_metadata"] = obj{"warnings": []string{"missing_agent_session_stopped_event_subscription"}}
	}
	return out, nil
}

func (s *Sim) noteSessionLocked(key threadKey, status string) *session {
	se := s.sessions[key]
	if se == nil {
		se = &session{}
		s.sessions[key] = se
	}
	se.status, se.until = status, time.Now().Add(sessionFor)
	if m := s.channels[key.channel].byTS[key.ts]; m != nil {
		m.rev = s.touchLocked()
	}
	return se
}

// Session returns the status of the agent session of a thread: active, processing, suspended or
// closed; "" if there is none.
func (s *Sim) Session(channel, threadTS string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.channelLocked(channel)
	if err != nil {
		return ""
	}
	return s.sessions[threadKey{c.ID, threadTS}].now(time.Now())
}

// StopSession presses Slack's own stop button in a thread. The button is there if the app
// subscribes to agent_session_stopped, while the session is "processing" or a stream of the bot is
// live there; otherwise the error is ErrNothingToStop. The app gets the event. From then on,
// appending to the thread's streams fails with stopped_by_user; stopping them does not.
func (s *Sim) StopSession(user, channel, threadTS string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, c, err := s.memberLocked(user, channel)
	if err != nil {
		return err
	}
	live := []any{}
	for _, m := range c.messages {
		if m.thread == threadTS && !m.deleted && s.streamLocked(m) == StreamLive {
			live = append(live, m.ts)
		}
	}
	if !s.stoppableLocked(threadKey{c.ID, threadTS}, len(live) > 0) {
		return ErrNothingToStop
	}
	for _, ts := range live {
		c.byTS[str(ts)].stream.byUser = true
	}
	s.touchLocked()
	s.eventLocked("agent_session_stopped", "", c, obj{
		"type": "agent_session_stopped", "channel": c.ID, "thread_ts": threadTS, "user": u.ID, "streaming_message_ts": live, "event_ts": s.nextTSLocked(),
	})
	return nil
}

// stoppableLocked reports whether a thread shows Slack's stop button.
func (s *Sim) stoppableLocked(key threadKey, streaming bool) bool {
	processing := s.sessions[key].now(time.Now()) == "processing"
	return s.cfg.Agent && slices.Contains(s.cfg.Events, "agent_session_stopped") && (processing || streaming)
}

// stoppableThreadsLocked returns the threads in which a person sees Slack's stop button.
func (s *Sim) stoppableThreadsLocked(u *User) []any {
	list := []any{}
	if !s.cfg.Agent {
		return list
	}
	found := map[threadKey]bool{} // true: a stream is live there
	for key := range s.sessions {
		found[key] = false
	}
	for _, c := range s.channels {
		for _, m := range c.messages {
			if m.stream != nil && !m.deleted && s.streamLocked(m) == StreamLive {
				found[threadKey{c.ID, m.thread}] = true
			}
		}
	}
	for key, streaming := range found {
		if s.channels[key.channel].members[u.ID] && s.stoppableLocked(key, streaming) {
			list = append(list, obj{"channel": key.channel, "thread_ts": key.ts})
		}
	}
	return list
}

// sessionStatus reports whether Slack knows a session's status (agents.sessions.setStatus,
// chat.stopStream).
func sessionStatus(status string) bool {
	return slices.Contains([]string{"active", "processing", "suspended", "closed"}, status)
}
