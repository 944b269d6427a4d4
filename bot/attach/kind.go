package attach

import (
	"slices"
	"strings"

	"llmbot/bot/document"
	"llmbot/bot/thread"
)

// fileKind is what can be done with a file, as far as its type and name tell.
type fileKind int

const (
	fileOther fileKind = iota
	fileText
	filePicture
	fileDocument // document.KindOf knows which
)

// kindOf returns what can be done with a file.
func kindOf(f thread.File) fileKind {
	if documentOf(f) != document.None {
		return fileDocument
	}
	mime, _, _ := strings.Cut(strings.ToLower(f.MIME), ";")
	switch mime {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		return filePicture
	case "application/json", "application/xml", "application/yaml", "application/x-yaml", "application/toml", "application/javascript",
		"application/x-javascript", "application/sql", "application/x-sh", "application/x-ndjson", "application/x-subrip", "image/svg+xml":
		return fileText
	case "", "application/octet-stream", "binary":
		if textName(f.Name) {
			return fileText
		}
		return fileOther
	}
	if strings.HasPrefix(mime, "text/") || strings.HasSuffix(mime, "+json") || strings.HasSuffix(mime, "+xml") {
		return fileText
	}
	return fileOther
}

// documentOf returns which document a file is.
func documentOf(f thread.File) document.Kind { return document.KindOf(f.MIME, f.Type, f.Name) }

// textName reports whether a name is that of text: it knows files that Slack calls binary and
// people read.
func textName(name string) bool {
	i := strings.LastIndexByte(name, '.')
	return i >= 0 && slices.Contains(strings.Fields("txt md log csv tsv json yaml yml toml ini cfg conf env go py js ts tsx jsx rs c h cc cpp hpp java kt rb php sh bash "+
		"sql xml html css diff patch tex rst proto tf hcl lua pl r swift scala ex exs erl hs ml vue svelte dockerfile makefile ipynb"), strings.ToLower(name[i+1:]))
}
