package bot

import (
	"fmt"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// newest returns a map that keeps as many entries as size says: those that were used last. Who has it guards it.
func newest[K comparable, V any](size int) *simplelru.LRU[K, V] {
	m, err := simplelru.NewLRU[K, V](size, nil)
	if err != nil {
		panic(fmt.Sprint("newest: ", err)) // only a size below 1 is an error
	}
	return m
}
