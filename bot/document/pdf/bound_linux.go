package pdf

import (
	"os"

	"golang.org/x/sys/unix"
)

// Bounds of the child; the figures are the project's own.
const (
	childData  = 1 << 30   // bytes of memory that it may ask for: 370 MB for compiling, 256 MB for PDFium, of which it uses what a file takes
	childCPU   = 120       // seconds of a core: compiling takes 6, interpreting is ended by the bot
	childFiles = 64        // open files
	childFile  = 256 << 20 // bytes of a file that it writes: the machine code is 21 MB
)

// bound bounds this process. What a hardened service forbids to set is left: the bot looks at the
// clock, and PDFium has its own bound of memory.
func bound() {
	for what, most := range map[int]uint64{
		unix.RLIMIT_DATA: childData, unix.RLIMIT_CPU: childCPU, unix.RLIMIT_NOFILE: childFiles, unix.RLIMIT_FSIZE: childFile, unix.RLIMIT_CORE: 0,
	} {
		var is unix.Rlimit
		if unix.Getrlimit(what, &is) == nil {
			_ = unix.Setrlimit(what, &unix.Rlimit{Cur: min(most, is.Max), Max: min(most, is.Max)})
		}
	}
	// If memory runs out, it is this process that ends, and not the bot.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
}

// idleNice is how much this process gives way to others when nobody waits for it.
const idleNice = 10

// yield has this process give way to others. It sets that for its group, in which it is alone:
// Linux takes "this process" for the one thread that calls.
func yield() { _ = unix.Setpriority(unix.PRIO_PGRP, 0, idleNice) }

// executable reports whether memory that was written may become executable.
func executable() bool {
	m, err := unix.Mmap(-1, 0, unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Munmap(m) }()
	return unix.Mprotect(m, unix.PROT_READ|unix.PROT_EXEC) == nil
}

// denyExecutable forbids this process to make written memory executable. Kernels before 6.3 do not
// know that.
func denyExecutable() { _ = unix.Prctl(unix.PR_SET_MDWE, unix.PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) }
