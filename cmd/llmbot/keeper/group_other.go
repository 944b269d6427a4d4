//go:build !unix

package keeper

import (
	"fmt"
	"os/exec"
	"time"
)

// Alone does nothing: there are no process groups.
func Alone(*exec.Cmd) {}

// TermGroup kills the child: there is no SIGTERM.
func TermGroup(c *exec.Cmd) error {
	if err := c.Process.Kill(); err != nil {
		return fmt.Errorf("end it: %w", err)
	}
	return nil
}

// EndGroup does nothing: there are no process groups.
func EndGroup(*exec.Cmd, time.Duration) {}

func killGroup(c *exec.Cmd) { _ = c.Process.Kill() }
