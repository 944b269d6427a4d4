//go:build !unix

package keeper

import "os/exec"

// alone does nothing: there are no process groups.
func alone(*exec.Cmd) {}

func killGroup(c *exec.Cmd) { _ = c.Process.Kill() }
