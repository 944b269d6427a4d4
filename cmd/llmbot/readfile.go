package main

import (
	"fmt"
	"io"
	"os"
)

// Limits of what is read of files that are named in the configuration.
const (
	mostEnvFile  = 1 << 20   // bytes
	mostPrompt   = 1 << 20   // bytes; no window holds more
	mostChannels = 512 << 10 // bytes; a thousand channels with 500 bytes each
	mostManifest = 512 << 10 // bytes
)

// readFile reads a file of at most most bytes. A larger file, or one without an end, is an error.
func readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > most {
		return nil, fmt.Errorf("%s has more than %d kB, which is the most that is read", path, most>>10)
	}
	return b, nil
}
