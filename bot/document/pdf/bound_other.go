//go:build !linux

package pdf

import "runtime"

func bound() {}

func yield() {}

// executable reports whether the runtime has a compiler for this machine.
func executable() bool { return runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64" }

func denyExecutable() {}
