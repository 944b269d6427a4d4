package attach

import (
	"fmt"
	"strconv"
	"testing"

	"llmbot/llm"
)

// TestFilesForgetTheOldest: files are remembered up to a number of bytes, and of files; those that
// were used last.
func TestFilesForgetTheOldest(t *testing.T) {
	large := attachment{image: &llm.Image{Data: make([]byte, maxFileCache/4)}}
	c := newFileCache()
	for i := range 4 {
		c.put(strconv.Itoa(i), large)
	}
	if _, ok := c.get("0"); !ok {
		t.Error("the first one is forgotten before there are too many")
	}
	c.put("4", large)
	for key, want := range map[string]bool{"0": true, "1": false, "2": true, "3": true, "4": true} {
		if _, ok := c.get(key); ok != want {
			t.Errorf("file %s is known: %v, want %v", key, ok, want)
		}
	}
	c.put("huge", attachment{image: &llm.Image{Data: make([]byte, 2*maxFileCache)}})
	if _, ok := c.get("huge"); !ok || c.known.Len() != 1 || c.bytes != 2*maxFileCache {
		t.Errorf("one that is larger than all may be: %v, with %d others, %d bytes", ok, c.known.Len()-1, c.bytes)
	}
	for i := range maxFilesKept + 10 {
		c.put(fmt.Sprint("small ", i), attachment{text: "x"})
	}
	if c.known.Len() != maxFilesKept || c.bytes != maxFilesKept {
		t.Errorf("%d files of %d bytes are known, want %d", c.known.Len(), c.bytes, maxFilesKept)
	}
}
