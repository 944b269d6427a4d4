package tools

import "syscall"

// endWithParent has the kernel kill the child when the thread that starts it ends.
func endWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
