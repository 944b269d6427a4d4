package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"llmbot/bot/slacksim"
)

// demoFolder is where the demo keeps things: a folder that somebody named, or a temporary one.
type demoFolder struct {
	path      string
	kept      bool // it was named, and stays
	workspace *slacksim.Folder
	lock      *os.File
}

// openDemoFolder opens a folder, which it makes if it is missing; empty: a temporary one. Only one
// demo at a time has a folder.
func openDemoFolder(dir string) (demoFolder, error) {
	if dir == "" {
		path, err := os.MkdirTemp("", "llmbot-demo-")
		if err != nil {
			return demoFolder{}, &hintError{fmt.Errorf("make a folder for the bot's state: %w", err), "Name one with --dir, or one for temporary files with TMPDIR."}
		}
		return demoFolder{path: path}, nil
	}
	path, err := filepath.Abs(dir)
	if err != nil {
		return demoFolder{}, fmt.Errorf("find the folder of --dir: %w", err)
	}
	f := demoFolder{path: path, kept: true}
	wrong := func(err error, hint string) (demoFolder, error) {
		return demoFolder{}, errors.Join(&hintError{fmt.Errorf("use the folder of --dir: %w", err), hint}, f.close())
	}
	const another = "Give --dir a folder that this user may write to; it is made if it is missing. Without --dir nothing is kept."
	if err := os.MkdirAll(f.state(), 0o700); err != nil {
		return wrong(err, another)
	}
	if f.lock, err = lockFile(filepath.Join(path, "lock")); err != nil {
		if errors.Is(err, errLocked) {
			return wrong(err, "End the other demo, or give --dir another folder.")
		}
		return wrong(err, another)
	}
	if f.workspace, err = slacksim.OpenFolder(filepath.Join(path, "workspace")); err != nil {
		return wrong(err, another)
	}
	return f, nil
}

// state returns the folder of the bot's state.
func (f demoFolder) state() string { return filepath.Join(f.path, "bot") }

// close gives the folder back, or removes it if it is temporary.
func (f demoFolder) close() error {
	if !f.kept {
		if err := os.RemoveAll(f.path); err != nil {
			return fmt.Errorf("remove the temporary folder: %w", err)
		}
		return nil
	}
	if f.lock == nil {
		return nil
	}
	if err := f.lock.Close(); err != nil { // which gives back the lock
		return fmt.Errorf("close the folder's lock: %w", err)
	}
	return nil
}

// errLocked reports that another process has a lock.
var errLocked = errors.New("another demo uses it")
