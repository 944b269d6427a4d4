package slackio

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// envelope is an event, command or press, as a socket delivers it.
type envelope struct {
	ID      string
	Type    string
	Attempt int
	Payload json.RawMessage

	kind string // for Hooks
}

// frame is one message of a socket.
type frame struct {
	envelope

	reason      string // of a disconnect
	connections int    // of a hello
}

// maxEnvelopeID bounds an envelope's id in bytes, so that its ack fits a frame; Slack's ids are
// UUIDs.
const maxEnvelopeID = 255

// decodeFrame reads a frame. Only what is needed must be as Slack writes it: an odd retry_attempt
// costs no event. With an error, the frame has the envelope id that could be found, if any. It is
// pure.
func decodeFrame(data []byte) (frame, error) {
	var fields map[string]json.RawMessage
	var err error
	if len(data) > maxFrame {
		err = fmt.Errorf("more than %d bytes", maxFrame)
	} else {
		err = json.Unmarshal(data, &fields)
	}
	if err != nil {
		return frame{envelope: envelope{ID: goodID(idOf(data))}}, err
	}
	f := frame{
		envelope: envelope{
			ID: goodID(textOf(fields["envelope_id"])), Type: textOf(fields["type"]), Attempt: numberOf(fields["retry_attempt"]), Payload: fields["payload"],
		},
		reason: textOf(fields["reason"]), connections: numberOf(fields["num_connections"]),
	}
	switch {
	case f.Type == "hello", f.Type == "disconnect":
	case f.ID == "":
		return f, errors.New("no envelope id")
	case f.Type == "":
		return f, errors.New("no type")
	}
	return f, nil
}

// textOf returns a JSON string; empty if raw is something else.
func textOf(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// numberOf returns a JSON number, also one in quotes; 0 if raw is something else, or no count.
func numberOf(raw json.RawMessage) int {
	n, err := strconv.Atoi(string(bytes.Trim(raw, `" `)))
	if err != nil || n < 0 || n > math.MaxInt32 {
		return 0
	}
	return n
}

func goodID(id string) string {
	if len(id) > maxEnvelopeID {
		return ""
	}
	return id
}

// idOf returns the envelope id in data that is not valid JSON as a whole: cut off, or nested too
// deeply. It reads token by token, so that no depth costs stack.
func idOf(data []byte) string {
	d := json.NewDecoder(bytes.NewReader(data))
	depth, isKey, key := 0, false, ""
	for {
		t, err := d.Token()
		if err != nil {
			return ""
		}
		switch v := t.(type) {
		case json.Delim:
			switch v {
			case '{', '[':
				if depth == 0 && v == '[' {
					return ""
				}
				depth++
			default:
				depth--
			}
			isKey = depth == 1
			continue
		case string:
			if depth == 1 && isKey {
				key, isKey = v, false
				continue
			}
			if depth == 1 && key == "envelope_id" {
				return v
			}
		}
		isKey = depth == 1
	}
}
