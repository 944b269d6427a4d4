package slacksim

import (
	"bufio"
	"encoding/binary"
	"net"
	"net/http"
)

// watched is a connection that notes which WebSocket messages of the app came in several frames.
// Slack ignores such messages (facts: slack.md §7.2 on slack-go's dialer, §8.4), and the WebSocket
// library hides them. Only the reader of the socket uses it.
type watched struct {
	net.Conn

	head  []byte // of the frame that is being read, as far as it is here
	skip  uint64 // bytes of that frame's payload that are still to come
	split bool   // the present message has several frames
	sent  int    // messages that are complete
	parts map[int]bool
}

// hijacked is a response whose connection is watched from the handshake on.
type hijacked struct {
	http.ResponseWriter

	conn *watched
}

// Hijack returns the watched connection.
func (h *hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.conn = &watched{Conn: c, parts: map[int]bool{}}
	return h.conn, rw, nil
}

// Read reads, and follows the frames in what it read.
func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.follow(b[:n])
	return n, err
}

// follow goes through the heads of frames (RFC 6455 §5.2).
func (w *watched) follow(b []byte) {
	for len(b) > 0 {
		if w.skip > 0 {
			n := min(w.skip, uint64(len(b)))
			w.skip -= n
			b = b[n:]
			continue
		}
		w.head = append(w.head, b[0])
		b = b[1:]
		if len(w.head) < 2 {
			continue
		}
		size, need := uint64(w.head[1]&0x7f), 2
		switch size {
		case 126:
			need = 4
		case 127:
			need = 10
		}
		mask := 0
		if w.head[1]&0x80 != 0 {
			mask = 4
		}
		if len(w.head) < need+mask {
			continue
		}
		switch need {
		case 4:
			size = uint64(binary.BigEndian.Uint16(w.head[2:]))
		case 10:
			size = binary.BigEndian.Uint64(w.head[2:])
		}
		w.frame(w.head[0]&0x80 != 0, w.head[0]&0x0f)
		w.head, w.skip = w.head[:0], size
	}
}

// frame notes the head of one frame. Control frames (opcodes from 8 on) belong to no message.
func (w *watched) frame(last bool, opcode byte) {
	if opcode >= 8 {
		return
	}
	w.split = w.split || !last
	if last {
		w.parts[w.sent] = w.split
		w.sent++
		w.split = false
	}
}

// fragmented reports whether the message with that number, from 0, came in several frames.
func (w *watched) fragmented(number int) bool {
	split := w.parts[number]
	delete(w.parts, number)
	return split
}
