package slacksim

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The page sizes of conversations.replies and conversations.history (facts: slack.md §1.3).
const (
	pageDefault = 1000
	pageMost    = 1000
)

func (s *Sim) convObjLocked(c *channel) obj {
	o := obj{"id": c.ID, "created": 1, "is_archived": false, "is_im": c.im != "", "is_org_shared": false, "context_team_id": s.cfg.Team.ID}
	if c.im != "" {
		o["user"], o["is_user_deleted"], o["priority"] = c.im, s.users[c.im].Deleted, 0
		return o
	}
	o["name"], o["name_normalized"] = c.Name, c.Name
	o["is_channel"], o["is_group"], o["is_mpim"] = !c.Group, false, c.Group
	o["is_private"], o["is_general"], o["is_member"] = c.Private || c.Group, c.Name == "general", c.members[s.cfg.Bot.UserID]
	o["is_shared"], o["is_ext_shared"], o["num_members"] = c.ExtShared, c.ExtShared, len(c.Members)
	o["topic"], o["purpose"] = obj{"value": "", "creator": "", "last_set": 0}, obj{"value": "", "creator": "", "last_set": 0}
	return o
}

// visibleLocked reports whether the bot can know of the channel.
func (s *Sim) visibleLocked(c *channel) bool {
	return c != nil && (c.kind() == "channel" || c.members[s.cfg.Bot.UserID])
}

func (s *Sim) infoLocked(c *call) (obj, *refusal) {
	ch := s.channels[c.args["channel"]]
	if !s.visibleLocked(ch) {
		return nil, refuse("channel_not_found")
	}
	return obj{"channel": s.convObjLocked(ch)}, nil
}

func (s *Sim) convListLocked(c *call) (obj, *refusal) {
	types := c.args["types"]
	if types == "" {
		types = "public_channel"
	}
	names := map[string]string{"channel": "public_channel", "group": "private_channel", "im": "im", "mpim": "mpim"}
	list := []any{}
	for _, id := range s.chanOrder {
		ch := s.channels[id]
		member := c.method != "users.conversations" || ch.members[s.cfg.Bot.UserID]
		if s.visibleLocked(ch) && member && slices.Contains(strings.Split(types, ","), names[ch.kind()]) {
			list = append(list, s.convObjLocked(ch))
		}
	}
	return obj{"channels": list, "response_metadata": obj{"next_cursor": ""}}, nil
}

func (s *Sim) membersLocked(c *call) (obj, *refusal) {
	ch := s.channels[c.args["channel"]]
	if !s.visibleLocked(ch) {
		return nil, refuse("channel_not_found")
	}
	members := slices.Clone(ch.Members)
	if ch.members[s.cfg.Bot.UserID] {
		members = append(members, s.cfg.Bot.UserID)
	}
	return obj{"members": members, "response_metadata": obj{"next_cursor": ""}}, nil
}

func (s *Sim) convOpenLocked(c *call) (obj, *refusal) {
	ch := s.channels[c.args["channel"]]
	switch users := c.args["users"]; {
	case ch != nil && !s.visibleLocked(ch), ch == nil && c.args["channel"] != "":
		return nil, refuse("channel_not_found")
	case ch != nil && ch.im == "" && !ch.Group:
		return nil, refuse("method_not_supported_for_channel_type")
	case ch == nil && users == "":
		return nil, refuse("users_list_not_supplied")
	case ch == nil: // one person; group messages are not made here
		if ch = s.dmLocked(users); ch == nil {
			return nil, refuse("user_not_found")
		}
	}
	return obj{"channel": s.convObjLocked(ch), "already_open": true, "no_op": true}, nil
}

// timestamp is what oldest and latest may be: seconds, with a fraction or without.
var timestamp = regexp.MustCompile(`^\d{1,12}(?:\.\d{0,9})?$`)

// span is the requested part of a conversation.
type span struct {
	oldest, latest int64
	inclusive      bool
	limit          int
	after          int64 // from the cursor
}

func parseSpan(c *call) (span, *refusal) {
	p := span{oldest: tsMicro(c.args["oldest"]), latest: tsMicro(c.args["latest"]), inclusive: c.bool("inclusive"), limit: pageDefault}
	if l := c.args["limit"]; l != "" && l != "0" {
		n, err := strconv.Atoi(l)
		if err != nil || n < 1 {
			return p, refuse("invalid_limit")
		}
		p.limit = min(n, pageMost)
	}
	for _, key := range []string{"oldest", "latest"} {
		if v := c.args[key]; v != "" && !timestamp.MatchString(v) && (key == "oldest" || v != "now") {
			return p, refuse("invalid_ts_" + key)
		}
	}
	if cur := c.args["cursor"]; cur != "" {
		raw, err := base64.StdEncoding.DecodeString(cur)
		ts, ok := strings.CutPrefix(string(raw), "next_ts:")
		if err != nil || !ok {
			return p, refuse("invalid_cursor")
		}
		if p.after, err = strconv.ParseInt(ts, 10, 64); err != nil {
			return p, refuse("invalid_cursor")
		}
	}
	return p, nil
}

func (p span) has(ts string) bool {
	t := tsMicro(ts)
	if p.inclusive && (t == p.oldest || t == p.latest) {
		return true
	}
	return t > p.oldest && (p.latest == 0 || t < p.latest)
}

func cursor(ts string) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "next_ts:%d", tsMicro(ts)))
}

// repliesLocked returns a thread: the parent first, on every page, then the replies from the oldest
// on. A page has at most limit messages with the parent (but at least one reply). For the ts of a
// reply it returns just that reply.
func (s *Sim) repliesLocked(c *call) (obj, *refusal) {
	ch, no := s.botChannelLocked(c.args["channel"])
	if no != nil {
		return nil, no
	}
	p, no := parseSpan(c)
	if no != nil {
		return nil, no
	}
	m := ch.byTS[c.args["ts"]]
	if m == nil || m.deleted && !m.tombstone {
		return nil, refuse("thread_not_found")
	}
	meta := c.bool("include_all_metadata")
	list := []any{s.messageLocked(ch, m, meta)}
	more, next := false, ""
	for _, r := range ch.replies(m.ts) {
		if !p.has(r.ts) || tsMicro(r.ts) < p.after {
			continue
		}
		if len(list) >= max(2, p.limit) {
			more, next = true, cursor(r.ts)
			break
		}
		list = append(list, s.messageLocked(ch, r, meta))
	}
	reply := obj{"messages": list, "has_more": more}
	if more {
		reply["response_metadata"] = obj{"next_cursor": next}
	}
	return reply, nil
}

// historyLocked returns the messages outside of threads, the newest first.
func (s *Sim) historyLocked(c *call) (obj, *refusal) {
	ch, no := s.botChannelLocked(c.args["channel"])
	if no != nil {
		return nil, no
	}
	p, no := parseSpan(c)
	if no != nil {
		return nil, no
	}
	list := []any{}
	more, next := false, ""
	for _, m := range slices.Backward(ch.messages) {
		gone := m.deleted && !m.tombstone || m.thread != "" && !m.broadcast
		if gone || !p.has(m.ts) || p.after > 0 && tsMicro(m.ts) > p.after {
			continue
		}
		if len(list) == p.limit {
			more, next = true, cursor(m.ts)
			break
		}
		list = append(list, s.messageLocked(ch, m, c.bool("include_all_metadata")))
	}
	reply := obj{"messages": list, "has_more": more, "pin_count": 0}
	if more {
		reply["response_metadata"] = obj{"next_cursor": next}
	}
	return reply, nil
}
