// Package recent remembers what was used last, up to a number of things: a full memory forgets what
// nobody used for longest, not all.
package recent

import (
	"fmt"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// New returns a map that keeps as many entries as size says: those that were used last. Who has it
// guards it.
func New[K comparable, V any](size int) *simplelru.LRU[K, V] {
	m, err := simplelru.NewLRU[K, V](size, nil)
	if err != nil {
		panic(fmt.Sprint("recent: ", err)) // only a size below 1 is an error
	}
	return m
}
