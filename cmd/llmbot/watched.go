package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// watchedPoll is how often a file is looked at: a mounted ConfigMap changes without a signal.
const watchedPoll = 2 * time.Second

// watched is a file that is read again at a SIGHUP and when it was changed. One goroutine at a time
// may use it.
type watched struct {
	path string // empty: there is none
	most int64  // bytes
	use  func(text []byte) error
	text []byte // as last read
	bad  string // what is wrong with that text; empty: nothing
}

// load reads the file, and reports whether its text has changed. It returns what is wrong with the
// file as long as that is so.
func (w *watched) load() (changed bool, err error) {
	text, err := readFile(w.path, w.most)
	if err != nil {
		return false, err
	}
	if w.text != nil && bytes.Equal(text, w.text) {
		return false, w.wrong()
	}
	w.text, w.bad = text, ""
	if err := w.use(text); err != nil {
		w.bad = fmt.Sprintf("%s: %v", w.path, err)
	}
	return true, w.wrong()
}

func (w *watched) wrong() error {
	if w.bad == "" {
		return nil
	}
	return errors.New(w.bad)
}

// watch loads the file again until ctx ends. It calls loaded after each change, and broken once for
// each thing that is wrong; both also when a SIGHUP asked.
func (w *watched) watch(ctx context.Context, broken func(error), loaded func()) {
	if w.path == "" {
		return
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	poll := time.NewTicker(watchedPoll)
	defer poll.Stop()
	said := ""
	for {
		asked := false
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		case <-hup:
			asked = true
		}
		if asked { // a file beside it may be another, such as one with a secret
			w.text = nil
		}
		changed, err := w.load()
		switch {
		case err != nil && (asked || err.Error() != said):
			said = err.Error()
			broken(err)
		case err == nil && (asked || changed):
			said = ""
			loaded()
		}
	}
}
