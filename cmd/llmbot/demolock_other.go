//go:build !unix

package main

import (
	"fmt"
	"os"
)

// lockFile makes a file if it is missing. Here it locks nothing.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	return f, nil
}
