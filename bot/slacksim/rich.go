package slacksim

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// App is an app of the workspace that is not the bot.
type App struct {
	ID   string // bot_id
	Name string // of its bot_profile
	As   string // username: what it calls itself in one message; empty: nothing
}

// Post is a message with whatever a message of Slack's may have. Blocks and Attachments go out as
// they are, whatever is in them: other apps send what no library knows.
type Post struct {
	User              string // id or name; empty: an app without a user, such as a webhook
	App               App    // that posts it, as itself or for User; the zero App: nobody does
	Channel, ThreadTS string
	Text              string // as Slack's composer takes it, see Sim.Say
	Me                bool   // written with /me
	Broadcast         bool   // a reply that is sent to the channel too
	Blocks            []any
	Attachments       []any
	Files             []Upload
}

// Post writes a message with whatever a message may have, and returns its timestamp. Like Say, it
// panics if the script is wrong.
func (s *Sim) Post(p Post) string {
	ts, err := s.TryPost(p)
	if err != nil {
		panic(err)
	}
	return ts
}

// TryPost is like Post, and returns as an error what Post panics with.
func (s *Sim) TryPost(p Post) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.postLocked(p)
}

func (s *Sim) postLocked(p Post) (string, error) {
	c, err := s.channelLocked(p.Channel)
	if err != nil {
		return "", err
	}
	m := &message{text: s.typedLocked(p.Text), rich: p.Blocks, attachments: p.Attachments, botID: p.App.ID, app: p.App, broadcast: p.Broadcast}
	if p.User != "" {
		u, _, err := s.memberLocked(p.User, p.Channel)
		if err != nil {
			return "", err
		}
		if m.user = u.ID; m.botID == "" {
			m.botID = u.BotID
		}
	}
	switch {
	case m.user == "" && m.botID == "":
		return "", fmt.Errorf("%w: nobody posts", ErrUserNotFound)
	case m.user == "":
		m.subtype = "bot_message"
	case p.Me:
		m.subtype = "me_message"
	}
	if strings.TrimSpace(p.Text) == "" && len(p.Blocks)+len(p.Attachments)+len(p.Files) == 0 {
		return "", ErrNoText
	}
	if p.ThreadTS != "" {
		if m.thread = c.root(p.ThreadTS); m.thread == "" {
			return "", fmt.Errorf("%w: thread %s", ErrMessageNotFound, p.ThreadTS)
		}
	}
	m.files = s.addFilesLocked(m.user, c.ID, p.Files)
	s.addLocked(c, m)
	s.newMessageEventsLocked(c, m)
	return m.ts, nil
}

// Forward shares a message as a person, into a channel or a thread, with a comment or without. The
// forward is an attachment with is_share, and the files of the message are in it.
func (s *Sim) Forward(user, channel, threadTS, comment, fromChannel, ts string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, from, err := s.memberLocked(user, fromChannel)
	if err != nil {
		return "", err
	}
	m := from.find(ts)
	if m == nil {
		return "", fmt.Errorf("%w: %s", ErrMessageNotFound, ts)
	}
	share := s.quotedLocked(from, m, s.permalinkOfLocked(from, m))
	share["is_share"] = true
	if len(m.files) > 0 {
		share["files"] = s.fileObjsLocked(m.files)
	}
	return s.postLocked(Post{User: user, Channel: channel, ThreadTS: threadTS, Text: comment, Attachments: []any{share}})
}

// Table writes a message with cells that a person pasted: a text and a table block in an
// attachment, as Slack's composer makes them.
func (s *Sim) Table(user, channel, threadTS, text string, cells [][]string) (string, error) {
	var rows []any
	for _, row := range cells {
		var out []any
		for _, cell := range row {
			out = append(out, obj{"type": "raw_text", "text": cell})
		}
		rows = append(rows, out)
	}
	table := obj{"id": 1, "fallback": "[no preview available]", "blocks": []any{obj{"type": "table", "block_id": "t1", "rows": rows}}}
	return s.TryPost(Post{User: user, Channel: channel, ThreadTS: threadTS, Text: text, Attachments: []any{table}})
}

// Permalink returns the address of a message.
func (s *Sim) Permalink(channel, ts string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.channelLocked(channel)
	if err != nil {
		return "", err
	}
	m := c.find(ts)
	if m == nil {
		return "", fmt.Errorf("%w: %s", ErrMessageNotFound, ts)
	}
	return s.permalinkOfLocked(c, m), nil
}

func (s *Sim) permalinkOfLocked(c *channel, m *message) string {
	link := s.cfg.BaseURL + "/archives/" + c.ID + "/p" + strings.Replace(m.ts, ".", "", 1)
	if m.thread != "" {
		link += "?thread_ts=" + m.thread + "&cid=" + c.ID
	}
	return link
}

// quotedLocked returns the attachment that shows a message elsewhere: in a forward, or as the
// preview of its link.
func (s *Sim) quotedLocked(c *channel, m *message, link string) obj {
	o := obj{
		"id": 1, "ts": m.ts, "channel_id": c.ID, "channel_team": s.cfg.Team.ID, "is_msg_unfurl": true, "is_thread_root_unfurl": m.thread == "",
		"from_url": link, "original_url": link, "text": m.text, "mrkdwn_in": []string{"text"}, "footer": "Posted in a conversation",
	}
	if c.Name != "" {
		o["channel_name"] = c.Name
	}
	name := m.app.Name
	if m.app.As != "" {
		name = m.app.As
	}
	if u := s.users[m.user]; u != nil {
		name = u.Name
		o["author_id"] = u.ID
	} else if m.botID != "" {
		o["bot_id"] = m.botID
	}
	o["author_name"], o["author_subname"] = name, name
	shown := s.messageLocked(c, m, false)
	if b, ok := shown["blocks"]; ok {
		o["message_blocks"] = []any{obj{"team": s.cfg.Team.ID, "channel": c.ID, "ts": m.ts, "message": obj{"blocks": b}}}
	}
	if len(m.attachments) > 0 && !previewed(m.attachments) {
		o["attachments"] = m.attachments
	}
	o["fallback"] = "[" + m.ts + "] " + name + ": " + m.text
	return o
}

// previewed reports whether attachments are previews of links.
func previewed(list []any) bool {
	return slices.ContainsFunc(list, func(a any) bool {
		o, ok := a.(obj)
		return ok && o["original_url"] != nil && o["is_share"] == nil
	})
}

// archive is the path of a message's address.
var archive = regexp.MustCompile(`/archives/([A-Z0-9]+)/p(\d+)(\d{6})`)

// linkedLocked returns the message that an address leads to, if it is one of this workspace.
func (s *Sim) linkedLocked(link string) (*channel, *message) {
	p := archive.FindStringSubmatch(link)
	if p == nil || s.channels[p[1]] == nil {
		return nil, nil
	}
	c := s.channels[p[1]]
	return c, c.find(p[2] + "." + p[3])
}
