//go:build unix && !linux

package keeper

import "syscall"

// endWithParent does nothing: only Linux knows that. The end of its input tells the child.
func endWithParent(*syscall.SysProcAttr) {}
