//go:build !unix

package tools

import "os/exec"

// alone leaves the child as it is: there are no process groups.
func alone(*exec.Cmd, bool) {}

func termGroup(c *exec.Cmd) { _ = c.Process.Kill() }
func killGroup(c *exec.Cmd) { _ = c.Process.Kill() }

// lookPath returns the path of a program.
func lookPath(program, _, path string) (string, error) {
	at, err := exec.LookPath(program)
	if err != nil {
		return "", &missingError{program, path}
	}
	return at, nil
}

// killOwnGroup ends the program.
func killOwnGroup(c *exec.Cmd) { _ = c.Process.Kill() }
