//go:build unix

package keeper

import (
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

// groupPause is how long EndGroup waits between two looks.
const groupPause = 10 * time.Millisecond

// Alone gives a command that is not yet started a process group of its own.
func Alone(c *exec.Cmd) {
	if c.SysProcAttr == nil {
		c.SysProcAttr = &syscall.SysProcAttr{}
	}
	c.SysProcAttr.Setpgid = true
}

// TermGroup sends SIGTERM to a child in a group of its own, and to what it has started.
func TermGroup(c *exec.Cmd) error {
	if err := syscall.Kill(-c.Process.Pid, syscall.SIGTERM); err != nil {
		return fmt.Errorf("ask it to end: %w", err)
	}
	return nil
}

// EndGroup blocks until nothing is left of what a child that was waited for has started in its
// group. After grace it kills that. A child of the child gets its signal when its parent does, and
// may have more to tidy up.
func EndGroup(c *exec.Cmd, grace time.Duration) {
	for until := time.Now().Add(grace); syscall.Kill(-c.Process.Pid, 0) == nil; <-time.After(groupPause) {
		if time.Now().After(until) {
			killGroup(c)
			return
		}
	}
}

// killGroup kills a child, and what it has started.
func killGroup(c *exec.Cmd) { _ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
