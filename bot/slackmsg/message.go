package slackmsg

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
)

// Message is a Slack message as it was decoded. Fields that are missing or of an odd type have
// their zero value.
type Message struct {
	Type, Subtype string
	Hidden        bool

	TS, ThreadTS string
	LatestReply  string // of a message that opens a thread: ts of the newest reply
	Replies      int    // of a message that opens a thread: how many it has, as Slack tells
	Edited       string // ts of its newest edit; empty: none

	User     string // who wrote it: a person, or the user of a bot
	BotID    string // of the app that posted it; empty: none did
	Username string // what the app calls itself in this message
	BotName  string // the app's own name

	UserTeam, SourceTeam string // teams of authors of other organisations

	Text  string // in Slack's own writing
	Files []File
	Meta  Metadata

	// As they came: a page has a thousand messages, and decoded they take ten times the memory.
	blocks, attachments []json.RawMessage
	more                bool // blocks or attachments were left out
}

// Size returns how many bytes a message takes, nearly.
func (m Message) Size() int {
	n := len(m.Text) + 1<<10
	for _, list := range [][]json.RawMessage{m.blocks, m.attachments} {
		for _, data := range list {
			n += len(data)
		}
	}
	return n + len(m.Files)<<10
}

// File is a file of a message, as far as the message tells.
type File struct {
	ID, Name, Title string
	MIME            string
	Type            string // Slack's own word: png, list, quip, …
	Subtype         string // slack_audio, slack_video, …
	Mode            string // hosted, snippet, external, quip, list, tombstone, …
	Size            int64  // bytes
	External        bool   // it is on another host
	Link            string // the address of its page at Slack
	Address         string // of its content at Slack
	Thumb           string // the address of the largest picture that Slack made of it; empty: none

	Transcript string // what Slack hears in a clip, or its beginning; empty: it does not say
	Unfinished bool   // the transcript goes on
}

// Metadata is what an app attached to its message.
type Metadata struct {
	Type   string
	Values map[string]string // those that are strings
}

// Errors of Decode.
var (
	ErrNoObject = errors.New("no JSON object")
	ErrNoTS     = errors.New("no ts")
)

// Decode decodes one message, or as much of it as is readable. It returns ErrNoObject or ErrNoTS
// for what is no message at all; with ErrNoTS come the other fields.
func Decode(data []byte) (Message, error) {
	top := fields(data)
	if top == nil {
		return Message{}, ErrNoObject
	}
	m := decode(top)
	if m.TS == "" {
		return m, ErrNoTS
	}
	return m, nil
}

// decode decodes the fields of a message.
func decode(top raw) Message {
	m := Message{
		Type: top.str("type"), Subtype: top.str("subtype"), Hidden: top.flag("hidden"),
		TS: top.key("ts"), ThreadTS: top.key("thread_ts"), LatestReply: top.key("latest_reply"), Replies: top.count("reply_count"), Edited: top.fields("edited").key("ts"),
		User: top.str("user"), BotID: top.str("bot_id"), Username: top.str("username"), BotName: top.fields("bot_profile").str("name"),
		UserTeam: top.str("user_team"), SourceTeam: top.str("source_team"),
		Text: top.str("text"),
	}
	meta := top.fields("metadata")
	m.Meta.Type = meta.str("event_type")
	payload := meta.fields("event_payload")
	for name := range payload {
		if v := payload.str(name); v != "" {
			if m.Meta.Values == nil {
				m.Meta.Values = map[string]string{}
			}
			m.Meta.Values[name] = v
		}
	}
	budget := maxRich
	parts := func(name string) (out []json.RawMessage) {
		for _, data := range top.list(name, &m.more) {
			if len(data) > budget {
				m.more = true
				continue
			}
			budget -= len(data)
			out = append(out, data)
		}
		return out
	}
	for _, o := range decoded(parts("files")) {
		m.Files = append(m.Files, file(o))
	}
	m.blocks, m.attachments = parts("blocks"), parts("attachments")
	return m
}

// raw is a JSON object whose fields are not decoded yet.
type raw map[string]json.RawMessage

// fields returns the fields of a JSON object; nil: it is none.
func fields(data []byte) raw {
	if len(data) == 0 || bytes.IndexByte(data, '{') < 0 {
		return nil
	}
	var r raw
	if json.Unmarshal(data, &r) != nil {
		return nil
	}
	return r
}

func (r raw) str(name string) string {
	var s string
	if v := r[name]; len(v) == 0 || v[0] != '"' || json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

// key returns a timestamp or an id by which things are found. One of an odd type comes as its JSON,
// so that it is refused and not taken for missing: a reply without its thread_ts would open a
// thread.
func (r raw) key(name string) string {
	v := r[name]
	if len(v) == 0 || string(v) == "null" {
		return ""
	}
	if v[0] == '"' {
		return r.str(name)
	}
	return string(v[:min(len(v), maxLine)])
}

func (r raw) count(name string) int {
	var n int
	if json.Unmarshal(r[name], &n) != nil {
		return 0
	}
	return n
}

func (r raw) flag(name string) bool { return string(r[name]) == "true" }

func (r raw) fields(name string) raw { return fields(r[name]) }

// list returns the elements of a list, at most maxParts.
func (r raw) list(name string, more *bool) []json.RawMessage {
	v := r[name]
	var list []json.RawMessage
	if len(v) == 0 || v[0] != '[' || json.Unmarshal(v, &list) != nil {
		return nil
	}
	if len(list) > maxParts {
		list, *more = list[:maxParts], true
	}
	return list
}

// decoded decodes blocks, attachments or files. It leaves out what is no object.
func decoded(list []json.RawMessage) []object {
	var out []object
	for _, data := range list {
		var o object
		if json.Unmarshal(data, &o) == nil && o != nil {
			out = append(out, o)
		}
	}
	return out
}

// object is a decoded JSON object.
type object map[string]any

func (o object) str(name string) string {
	s, _ := o[name].(string)
	return s
}

func (o object) flag(name string) bool {
	b, _ := o[name].(bool)
	return b
}

func (o object) number(name string) (float64, bool) {
	n, ok := o[name].(float64)
	return n, ok
}

// whole returns a number as an integer from 0 on; 0: it is none, or out of range.
func (o object) whole(name string, most int64) int64 {
	n, ok := o.number(name)
	if !ok || math.IsNaN(n) || n < 0 || n > float64(most) {
		return 0
	}
	return int64(n)
}

func (o object) object(name string) object { return asObject(o[name]) }

func (o object) list(name string) []any {
	l, _ := o[name].([]any)
	return l
}

// objects returns the objects of a list.
func (o object) objects(name string) []object {
	var out []object
	for _, v := range o.list(name) {
		if e := asObject(v); e != nil {
			out = append(out, e)
		}
	}
	return out
}

func asObject(v any) object {
	m, _ := v.(map[string]any)
	return m
}

// file returns what an object says of a file.
func file(o object) File {
	f := File{
		ID: o.str("id"), Name: o.str("name"), Title: o.str("title"), MIME: o.str("mimetype"), Type: o.str("filetype"), Subtype: o.str("subtype"),
		Mode: o.str("mode"), Size: o.whole("size", 1<<50), External: o.flag("is_external") || o.str("mode") == "external", Link: o.str("permalink"),
	}
	if f.Address = o.str("url_private_download"); f.Address == "" {
		f.Address = o.str("url_private")
	}
	if f.Name == "" {
		f.Name = f.Title
	}
	// The shape of a transcription is not confirmed (facts/reports.md, A11).
	if t := o.object("transcription"); t.str("status") == "complete" {
		preview := t.object("preview")
		f.Transcript, f.Unfinished = strings.TrimSpace(preview.str("content")), preview.flag("has_more")
	}
	for _, name := range []string{"thumb_1024", "thumb_960", "thumb_800", "thumb_720", "thumb_480", "thumb_360"} {
		if f.Thumb = o.str(name); f.Thumb != "" {
			break
		}
	}
	return f
}

// list reports whether the file is a Slack list.
func (f File) list() bool {
	return f.Type == "list" || f.Mode == "list" || f.MIME == "application/vnd.slack-list"
}

// canvas reports whether the file is a canvas.
func (f File) canvas() bool {
	return f.Type == "quip" || f.Type == "canvas" || f.Mode == "quip" || f.MIME == "application/vnd.slack-docs"
}
