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

// TestFinishedPageHoldsNoText: a page that changes no more does not keep alive the text of the
// moment in which it ended, nor does what is reopened on the pages after it.
func TestFinishedPageHoldsNoText(t *testing.T) {
	for name, part := range map[string]string{
		"prose": "A sentence of the answer. It has *two* parts.\n\n- one\n- `two`\n\n",
		"code":  "x = 1\ny = 2\n",
		"table": "| some | cells |\n",
	} {
		begin := map[string]string{"code": "```python\n", "table": "| head | of it |\n|---|---|\n"}[name]
		for how, end := range map[string]func(d *Doc){
			"full":   func(*Doc) {},
			"broken": func(d *Doc) { d.Break() },
		} {
			d := New(Limits{Chars: 3000})
			b := []byte(begin)
			var texts []string // of each moment
			for n := range 300 {
				b = append(b, part...)
				texts = append(texts, string(b))
				if pages := d.Set(texts[n], false); len(pages) == 1 && n == 20 {
					end(d)
				}
			}
			pages := d.Set(texts[len(texts)-1], false)
			if len(pages) < 2 {
				t.Fatalf("%s, %s: %d pages", name, how, len(pages))
			}
			kept := []string{d.table.head, d.table.resume, d.fence.info, d.pre}
			for _, page := range pages[:len(pages)-1] {
				kept = append(kept, page.Markdown, page.Open)
			}
			for _, s := range kept {
				for _, text := range texts {
					at := uintptr(unsafe.Pointer(unsafe.StringData(text)))
					if page := uintptr(unsafe.Pointer(unsafe.StringData(s))); s != "" && page >= at && page < at+uintptr(len(text)) {
						t.Errorf("%s, %s: %.20q is a part of a text of %d bytes", name, how, s, len(text))
					}
				}
			}
		}
	}
}
