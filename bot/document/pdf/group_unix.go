//go:build unix

package pdf

import (
	"os/exec"
	"syscall"
)

// alone gives the child a process group of its own, and kills that.
func alone(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
}
