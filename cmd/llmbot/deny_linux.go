package main

import "golang.org/x/sys/unix"

// denyExecutable forbids this process to make memory executable that was written, and not its
// children: the one that reads PDF files compiles, and then forbids it to itself. It does nothing
// before Linux 6.6.
func denyExecutable() {
	_ = unix.Prctl(unix.PR_SET_MDWE, unix.PR_MDWE_REFUSE_EXEC_GAIN|unix.PR_MDWE_NO_INHERIT, 0, 0, 0)
}
