package render

import (
	"strings"
	"testing"
	"unsafe"
)

// TestPageIsNoCopy: an answer that is shown as the model writes it is in memory once, however often it is drawn.
func TestPageIsNoCopy(t *testing.T) {
	d := New(Limits{Chars: 12_000})
	var b strings.Builder
	for range 60 {
		b.WriteString("A sentence of the answer. It has *two* parts.\n\n- one\n- `two`\n\n")
		text := b.String()
		pages := d.Set(text+"Then", false)
		if got := pages[len(pages)-1].Markdown; len(pages) > 1 || got != text+"Then" {
			t.Fatalf("%d pages, %q", len(pages), got)
		}
	}
	text := b.String() + "Then"
	at, end := uintptr(unsafe.Pointer(unsafe.StringData(text))), uintptr(len(text))
	pages := d.Set(text, false)
	if page := uintptr(unsafe.Pointer(unsafe.StringData(pages[0].Markdown))); page < at || page >= at+end {
		t.Error("the page is a copy of the text")
	}
	if settled := uintptr(unsafe.Pointer(unsafe.StringData(d.text))); settled != at {
		t.Error("the settled text is a copy")
	}
}
