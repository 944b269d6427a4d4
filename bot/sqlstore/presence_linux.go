package sqlstore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
)

// Commands of fcntl(2) that package syscall does not name. These locks belong to the open file, so
// that two Stores of one process see each other, and the kernel releases them when a process dies.
const (
	ofdGetLock = 36 // F_OFD_GETLK
	ofdSetLock = 37 // F_OFD_SETLK
)

// maxPresent bounds how many Stores use one file at once.
const maxPresent = 1024

// presence is a lock on one byte of a file that all Stores of a folder share. Each Store locks a
// byte of its own while it lives.
type presence struct {
	mu   sync.Mutex // guards all below
	file *os.File
}

// enter locks the first byte that is free. A second call changes nothing.
func (p *presence) enter(path string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file != nil {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	for at := range int64(maxPresent) {
		err = syscall.FcntlFlock(f.Fd(), ofdSetLock, &syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart, Start: at, Len: 1})
		if err == nil {
			p.file = f
			return nil
		}
		if !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EACCES) {
			break
		}
	}
	return errors.Join(fmt.Errorf("lock a byte of %s: %w", path, err), f.Close())
}

// alone reports whether nobody else has locked a byte.
func (p *presence) alone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil {
		return false
	}
	probe := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	err := syscall.FcntlFlock(p.file.Fd(), ofdGetLock, &probe)
	return err == nil && probe.Type == syscall.F_UNLCK
}

func (p *presence) release() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil {
		return nil
	}
	f := p.file
	p.file = nil
	return f.Close()
}
