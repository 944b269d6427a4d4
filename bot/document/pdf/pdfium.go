package pdf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"github.com/klippa-app/go-pdfium"
	pdfiumerrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// maxMemory is what PDFium itself may take: the file, and what it makes of it.
const maxMemory = 256 << 20

// linear is PDFium's memory. It never moves: the default doubles and copies. What PDFium does not
// touch of it takes none.
type linear struct{ all []byte }

// Reallocate is part of experimental.LinearMemory. nil: malloc fails.
func (l *linear) Reallocate(size uint64) []byte {
	if size > uint64(cap(l.all)) {
		return nil
	}
	l.all = l.all[:size]
	return l.all
}

// Free is part of experimental.LinearMemory.
func (l *linear) Free() {}

// load returns a PDFium without files and network. cache is where its machine code is kept; empty:
// nowhere. A folder that takes nothing costs time, and no file.
func load(ctx context.Context, cache string, compile bool) (pdfium.Pdfium, error) {
	if cache != "" {
		if p, err := loadFrom(ctx, cache, compile); err == nil {
			return p, nil
		}
	}
	return loadFrom(ctx, "", compile)
}

func loadFrom(ctx context.Context, cache string, compile bool) (pdfium.Pdfium, error) {
	ctx = experimental.WithCompilationWorkers(ctx, runtime.GOMAXPROCS(0))
	ctx = experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(func(_, _ uint64) experimental.LinearMemory {
		return &linear{make([]byte, 0, maxMemory)}
	}))
	config := wazero.NewRuntimeConfigInterpreter()
	if compile {
		config = wazero.NewRuntimeConfigCompiler()
	}
	config = config.WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling)
	var known []string
	if cache != "" && compile {
		known = entries(cache)
		c, err := wazero.NewCompilationCacheWithDir(cache)
		if err != nil {
			return nil, fmt.Errorf("open the folder of its machine code: %w", err)
		}
		config = config.WithCompilationCache(c)
	}
	pool, err := webassembly.Init(webassembly.Config{
		Context: ctx, MaxIdle: 1, MaxTotal: 1, RuntimeConfig: config, FSConfig: wazero.NewFSConfig(), Stdout: io.Discard, Stderr: io.Discard,
	})
	if err != nil {
		return nil, fmt.Errorf("load PDFium: %w", err)
	}
	debug.FreeOSMemory() // of the compiler
	p, err := pool.GetInstanceWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("start PDFium: %w", err)
	}
	if cache != "" && compile && len(entries(cache)) > len(known) { // of a new version: what was there is of no use
		for _, old := range known {
			_ = os.Remove(old) // 21 MB; the next version tries again
		}
	}
	return p, nil
}

// entries returns the files in the folder of machine code.
func entries(cache string) []string {
	list, err := filepath.Glob(filepath.Join(cache, "wazero-*", "*"))
	if err != nil {
		return nil
	}
	return list
}

// read says what is in a file, page after page.
func read(p pdfium.Pdfium, data []byte, o order, say func(message) error) error {
	doc, err := p.OpenDocument(&requests.OpenDocument{File: &data})
	switch {
	case errors.Is(err, pdfiumerrors.ErrPassword), errors.Is(err, pdfiumerrors.ErrSecurity):
		return say(message{End: endPassword})
	case err != nil:
		return say(message{End: endDamaged})
	}
	count, err := p.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: doc.Document})
	if err != nil || count.PageCount <= 0 {
		return say(message{End: endDamaged})
	}
	if err := say(message{Pages: count.PageCount}); err != nil {
		return err
	}
	left := o.Runes
	for i := range count.PageCount {
		if left <= 0 || i >= o.Pages {
			return say(message{End: endFull})
		}
		text, cut := page(p, doc.Document, i, left)
		left -= utf8.RuneCountInString(text)
		if err := say(message{Page: text, Blank: strings.TrimSpace(text) == ""}); err != nil {
			return err
		}
		if cut {
			return say(message{End: endFull})
		}
	}
	return say(message{End: endAll})
}

// page returns the text of a page, up to a number of characters. One that is damaged has none.
func page(p pdfium.Pdfium, doc references.FPDF_DOCUMENT, index, most int) (text string, cut bool) {
	loaded, err := p.FPDF_LoadPage(&requests.FPDF_LoadPage{Document: doc, Index: index})
	if err != nil {
		return "", false
	}
	defer func() { _, _ = p.FPDF_ClosePage(&requests.FPDF_ClosePage{Page: loaded.Page}) }()
	of := requests.Page{ByReference: &loaded.Page}
	t, err := p.FPDFText_LoadPage(&requests.FPDFText_LoadPage{Page: of})
	if err != nil {
		return "", false
	}
	defer func() { _, _ = p.FPDFText_ClosePage(&requests.FPDFText_ClosePage{TextPage: t.TextPage}) }()
	n, err := p.FPDFText_CountChars(&requests.FPDFText_CountChars{TextPage: t.TextPage})
	if err != nil || n.Count <= 0 {
		return "", false
	}
	got, err := p.FPDFText_GetText(&requests.FPDFText_GetText{TextPage: t.TextPage, Count: min(n.Count, most)})
	if err != nil {
		return "", false
	}
	return tidy(got.Text), n.Count > most
}

// tidy returns the text of a page as people would type it. PDFium writes a hyphen at the end of a
// line as one of two characters that are no text.
func tidy(text string) string {
	text = strings.NewReplacer("\x02\r\n", "", "\ufffe\r\n", "", "\x02", "-", "\ufffe", "-", "\r\n", "\n", "\r", "\n", "\u00a0", " ").Replace(text)
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.Map(func(r rune) rune {
			if r < ' ' && r != '\t' || r == 0x7f {
				return -1
			}
			return r
		}, strings.ToValidUTF8(line, "\ufffd"))
		lines = append(lines, strings.TrimRight(line, " \t"))
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}
