package keeper

import "syscall"

// endWithParent has the kernel kill the child when the thread that starts it ends: a child that is
// stopped or stuck does not see the end of its input.
func endWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
