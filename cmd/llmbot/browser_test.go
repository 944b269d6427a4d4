package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Alice and her channel in the emulated workspace.
const (
	alice   = "U0ALICE001"
	general = "C0GENERAL1"
)

// browser does what the page of the emulated Slack does, for Alice. It is the page's address, with
// or without the slash.
type browser struct{ url string }

func (b browser) do(what string, body map[string]string) (string, error) {
	body["user"], body["channel"] = alice, general
	data, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(b.url, "/")+"/page/"+what, bytes.NewReader(data))
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var out struct{ TS, Error string }
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		return "", fmt.Errorf("%s: HTTP %d: %w", what, res.StatusCode, err)
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: HTTP %d: %s", what, res.StatusCode, out.Error)
	}
	return out.TS, nil
}

// say posts a message, as an answer in a thread if one is named, and returns its ts.
func (b browser) say(thread, text string) (string, error) {
	return b.do("say", map[string]string{"thread_ts": thread, "text": text})
}

// slash gives a command and returns the ts of what came back.
func (b browser) slash(command string) (string, error) {
	return b.do("command", map[string]string{"command": command})
}

// shown is a message as the page gets it.
type shown struct {
	TS       string
	ThreadTS string `json:"thread_ts"`
	Bot      bool
	Deleted  bool
	Blocks   []struct {
		Type     string
		Text     json.RawMessage
		Elements []struct{ Text json.RawMessage }
	}
}

// String is what a person reads, a line for each block.
func (m shown) String() string {
	var parts []string
	for _, b := range m.Blocks {
		var plain strings.Builder
		plain.WriteString(textOf(b.Text)) // a block without text has elements
		for _, e := range b.Elements {
			plain.WriteString(textOf(e.Text))
		}
		parts = append(parts, plain.String())
	}
	return strings.Join(parts, "\n")
}

// textOf reads a string, or a text object.
func textOf(raw json.RawMessage) string {
	var plain string
	var object struct{ Text string }
	if json.Unmarshal(raw, &plain) != nil && json.Unmarshal(raw, &object) == nil {
		plain = object.Text
	}
	return plain
}

// see waits until a message of the bot, in the thread of ts or with this very ts, matches.
func (b browser) see(ts string, re *regexp.Regexp) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(b.url, "/")+"/page/events?user="+url.QueryEscape(alice), nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var seen []string
	events := bufio.NewScanner(res.Body)
	events.Buffer(nil, 4<<20)
	for events.Scan() {
		data, ok := strings.CutPrefix(events.Text(), "data: ")
		if !ok {
			continue
		}
		var d struct{ Messages []shown }
		if err := json.Unmarshal([]byte(data), &d); err != nil {
			return "", err
		}
		for _, m := range d.Messages {
			if !m.Bot || m.Deleted || m.ThreadTS != ts && m.TS != ts {
				continue
			}
			text := m.String()
			if re.MatchString(text) {
				return text, nil
			}
			seen = append(seen, text)
		}
	}
	return "", fmt.Errorf("no message for %s matches %q within %s; there were\n%s", ts, re, patience.Round(time.Second), strings.Join(seen, "\n---\n"))
}
