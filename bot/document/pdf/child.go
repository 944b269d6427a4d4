package pdf

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"llmbot/bot/document"
)

// maxOrder is how long the order may be, in bytes.
const maxOrder = 64 << 10

// Serve is the child's whole life: it reads an order and a file from in, and writes what it finds
// to out. It bounds its own process for good; no other work may be done in it afterwards.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	bound()
	from := bufio.NewReader(in)
	o, err := readOrder(from)
	if err != nil {
		return err
	}
	if o.Idle {
		yield()
	}
	to := json.NewEncoder(out)
	say := func(m message) error {
		if err := to.Encode(m); err != nil {
			return fmt.Errorf("tell the bot: %w", err)
		}
		return nil
	}
	compile := executable()
	p, err := load(ctx, o.Cache, compile)
	if err != nil {
		return err
	}
	denyExecutable()
	if err := say(message{Ready: true, Interpreted: !compile}); err != nil || o.Load {
		return err
	}
	data := make([]byte, o.Bytes)
	if _, err := io.ReadFull(from, data); err != nil {
		return fmt.Errorf("read the file: %w", err)
	}
	return read(p, data, o, say)
}

// Compiles reports whether this machine lets PDFium be compiled. Where it does not, files are
// interpreted, sixty times slower.
func Compiles() bool { return executable() }

// readOrder reads the first line.
func readOrder(from *bufio.Reader) (o order, err error) {
	var line []byte
	for len(line) == 0 || line[len(line)-1] != '\n' {
		c, err := from.ReadByte()
		if err != nil {
			return o, fmt.Errorf("read the order: %w", err)
		}
		if line = append(line, c); len(line) > maxOrder {
			return o, errors.New("the order is too long")
		}
	}
	if err := json.Unmarshal(line, &o); err != nil {
		return o, fmt.Errorf("read the order: %w", err)
	}
	if o.Bytes < 0 || o.Bytes > document.MaxBytes {
		return o, fmt.Errorf("a file of %d bytes is too large", o.Bytes)
	}
	return o, nil
}
