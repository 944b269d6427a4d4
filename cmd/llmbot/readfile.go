package main

import (
	"bytes"
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
	mostCA       = 1 << 20   // bytes; the bundles of whole systems have 200 kB
)

// readFile reads a text of at most most bytes, without the byte order mark that Windows puts before
// UTF-8. A larger file, one without an end, and one in UTF-16 are errors.
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
	if bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")) {
		return nil, fmt.Errorf("%s is in UTF-16: save it as UTF-8", path)
	}
	return bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), nil
}
