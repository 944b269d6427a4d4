//go:build unix

package tools

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// alone gives the child a process group of its own. Without a guard the child itself ends with the
// bot, where the kernel can do that.
func alone(c *exec.Cmd, guarded bool) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if !guarded {
		endWithParent(c.SysProcAttr)
	}
}

func termGroup(c *exec.Cmd) { _ = syscall.Kill(-c.Process.Pid, syscall.SIGTERM) }
func killGroup(c *exec.Cmd) { _ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }

// lookPath returns the path of a program, which it looks for in the folders of path if it has no
// slash, as a shell with that PATH would. A relative path is one below dir.
func lookPath(program, dir, path string) (string, error) {
	if strings.Contains(program, "/") {
		if at := program; filepath.IsAbs(at) || dir != "" {
			if !filepath.IsAbs(at) {
				at = filepath.Join(dir, at)
			}
			return program, executable(at)
		}
		return program, executable(program)
	}
	for _, folder := range filepath.SplitList(path) {
		if at := filepath.Join(folder, program); folder != "" && executable(at) == nil {
			return at, nil
		}
	}
	return "", &missingError{program, path}
}

// executable returns why a file cannot be started; nil: it can.
func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return &missingError{path, ""}
	case err != nil:
		return fmt.Errorf("find the program: %w", err)
	case info.IsDir() || info.Mode()&0o111 == 0:
		return fmt.Errorf("%s is no program", path)
	}
	return nil
}

// killOwnGroup ends this process, and all others of its group.
func killOwnGroup(*exec.Cmd) { _ = syscall.Kill(0, syscall.SIGKILL) }
