package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"llmbot/bot/sqlstore"
)

// serviceState is the folder of the state in deploy/llmbot.service, which names it itself: whoever
// checks from a shell need not know it.
const serviceState = "/var/lib/llmbot"

const (
	stateFile = "state.db"
	stateNext = "Set STATE_DIR to a folder that this user may write to, on a local disk."
)

// state looks whether the store takes writes: that of the bot that runs here, else the one that is
// configured, else that of the service. What it makes to find out, it removes.
func (c *checker) state(ctx context.Context, bot runningBot) {
	const check = "state"
	if bot.found && bot.health.State != "" {
		if bot.health.Store != "usable" {
			c.fail(check, fmt.Sprintf("%s, of the bot that runs here, is %s", bot.health.State, bot.health.Store), "Look at its log.")
			return
		}
		c.ok(check, "%s, of the bot that runs here, takes writes", bot.health.State)
		return
	}
	cfg, where, notYet := c.cfg, "the database of STATE_URL", ""
	switch cfg.StateURL {
	case "":
		if _, err := os.Stat(filepath.Join(cfg.StateDir, stateFile)); !c.cfg.stateNamed && errors.Is(err, fs.ErrNotExist) {
			if _, err := os.Stat(c.service); err == nil && c.service != "" {
				cfg.StateDir = c.service
			}
		}
		where = filepath.Join(cfg.StateDir, stateFile)
	case "memory:":
		c.warn(check, "kept in memory: a restart forgets what is owed to whom", "Unset STATE_URL for a file in STATE_DIR.")
		return
	}
	for _, l := range looseState(cfg) {
		c.warn(check, fmt.Sprintf("others may read or write %s (%s)", l.Path, l.Mode), l.Hint)
	}
	next := stateNext
	if cfg.StateURL != "" {
		next = "Check STATE_URL, and that the database is up and reachable from here."
	} else if _, err := os.Stat(where); errors.Is(err, fs.ErrPermission) {
		c.fail(check, fmt.Sprintf("%s is not for this user", where), "Check as the user of the service, or as root: sudo llmbot check --env-file /etc/llmbot/env")
		return
	} else if errors.Is(err, fs.ErrNotExist) {
		trial, remove, err := trialFolder(cfg.StateDir)
		if err != nil {
			c.failed(check, err, next)
			return
		}
		defer remove()
		cfg.StateDir, notYet = trial, "; it is not there yet, and serve will make it"
		if !c.cfg.stateNamed {
			notYet += " (STATE_DIR is not set: the folder is seen from here)"
		}
	}
	took, err := tryStore(ctx, cfg)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%s did not take a write within %s", where, storeCheckTimeout)
	}
	if e, ok := errors.AsType[*sqlstore.Error](err); ok {
		err = e // without what the check did to find out
	}
	if err != nil {
		c.failed(check, err, next)
		return
	}
	c.ok(check, "%s takes writes (%d ms)%s", where, took.Milliseconds(), notYet)
}

// tryStore writes to a store, and returns how long that took.
func tryStore(ctx context.Context, cfg Config) (time.Duration, error) {
	s, err := openStore(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeCheckTimeout)
	defer cancel()
	began := time.Now()
	err = s.check(ctx)
	took := time.Since(began)
	return took, cmp.Or(err, s.Close())
}

// trialFolder makes a folder inside of dir for a store that is only tried. remove deletes it, and
// what of dir was not there before.
func trialFolder(dir string) (trial string, remove func(), err error) {
	var made []string // the outermost last
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			break
		}
		made = append(made, at)
	}
	removeMade := func() {
		for _, d := range made {
			_ = os.Remove(d) // not if somebody has put something there meanwhile
		}
	}
	for _, d := range slices.Backward(made) {
		if err := os.Mkdir(d, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			removeMade()
			return "", nil, fmt.Errorf("make the state folder: %w", err)
		}
	}
	trial, err = os.MkdirTemp(dir, "check-")
	if err != nil {
		removeMade()
		return "", nil, fmt.Errorf("use the state folder %s: %w", dir, err)
	}
	return trial, func() {
		_ = os.RemoveAll(trial)
		removeMade()
	}, nil
}
