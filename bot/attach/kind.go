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
	fileClip     // somebody speaks
)

// kindOf returns what can be done with a file.
func kindOf(f thread.File) fileKind {
	switch {
	case isClip(f):
		return fileClip
	case documentOf(f) != document.None:
		return fileDocument
	}
	mime, _, _ := strings.Cut(strings.ToLower(f.MIME), ";")
	switch mime {
	case "application/json", "application/xml", "application/yaml", "application/x-yaml", "application/toml", "application/javascript",
		"application/x-javascript", "application/sql", "application/x-sh", "application/x-ndjson", "application/x-subrip", "image/svg+xml":
		return fileText
	case "", "application/octet-stream", "binary":
		switch {
		case textName(f.Name):
			return fileText
		case pictureName(f.Name):
			return filePicture
		}
		return fileOther
	}
	if strings.HasPrefix(mime, "image/") {
		return filePicture
	}
	if strings.HasPrefix(mime, "text/") || strings.HasSuffix(mime, "+json") || strings.HasSuffix(mime, "+xml") {
		return fileText
	}
	return fileOther
}

// documentOf returns which document a file is.
func documentOf(f thread.File) document.Kind { return document.KindOf(f.MIME, f.Type, f.Name) }

// mostBytes returns how large a file may be that is read.
func mostBytes(f thread.File) int64 {
	switch kind := documentOf(f); {
	case kindOf(f) == fileClip:
		return maxClip
	case kindOf(f) == filePicture:
		return maxImageFile
	case kind != document.None && kind != document.Rows && kind != document.Canvas:
		return document.MaxBytes
	}
	return maxTextFile
}

// weight returns how many bytes of memory reading a file takes at most: the file, and what is made
// of it. What an unpacked picture takes comes to that (see hold), and PDFs are read by a child.
func weight(f thread.File) int64 {
	size := mostBytes(f)
	if f.Size > 0 && !changes(f) {
		size = min(size, f.Size)
	}
	switch kind := documentOf(f); {
	case kindOf(f) == fileClip, kindOf(f) == filePicture, kind == document.PDF:
	case kind == document.None, kind == document.Rows, kind == document.Canvas:
		size *= 3 // its characters, and Markdown of them
	default:
		size += document.MaxWork
	}
	return min(size, maxWeight)
}

// changes reports whether people can write on in a file: it keeps its id, and Slack is not known to
// say when that was. So it is read anew in each turn. A snippet can be edited too, but seldom is,
// and then has another size.
func changes(f thread.File) bool {
	return documentOf(f) == document.Canvas || slices.Contains([]string{"canvas", "quip", "post", "space"}, f.Mode)
}

// decodable reports whether a picture is of a kind that we decode ourselves, as far as its type
// tells. Of the other kinds (HEIC, TIFF, BMP, AVIF, …) we take the thumbnail that Slack makes.
func decodable(f thread.File) bool {
	mime, _, _ := strings.Cut(strings.ToLower(f.MIME), ";")
	return slices.Contains([]string{"image/png", "image/apng", "image/jpeg", "image/jpg", "image/pjpeg", "image/gif", "image/webp"}, mime)
}

// pictureName reports whether a name is that of a picture which Slack may call binary.
func pictureName(name string) bool { return hasEnding(name, "heic heif avif tif tiff bmp jxl") }

// textName reports whether a name is that of text: it knows files that Slack calls binary and
// people read.
func textName(name string) bool {
	return hasEnding(name, "txt md log csv tsv json yaml yml toml ini cfg conf env go py js ts tsx jsx rs c h cc cpp hpp java kt rb php sh bash "+
		"sql xml html css diff patch tex rst proto tf hcl lua pl r swift scala ex exs erl hs ml vue svelte dockerfile makefile ipynb")
}

func hasEnding(name, endings string) bool {
	i := strings.LastIndexByte(name, '.')
	return i >= 0 && slices.Contains(strings.Fields(endings), strings.ToLower(name[i+1:]))
}
