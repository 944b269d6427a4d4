package term

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"path"
	"strings"
	"sync"

	"github.com/alecthomas/chroma/v2"
)

// zipped are chroma's lexers as XML. TestLexers -update writes it from chroma's package lexers.
// That one reads all of them when a program starts: 10 ms and 3 MB for every command, serve too.
//
//go:embed lexers.zip
var zipped []byte

// related are languages whose lexers are Go code in chroma, and the nearest that is XML.
func related(lang string) string {
	switch lang {
	case "erb", "html+erb", "html+ruby", "rhtml", "svelte", "go-html-template":
		return "html"
	case "phtml", "html+php":
		return "php"
	case "yaml+jinja", "salt", "sls", "ansible":
		return "yaml"
	case "hx", "haxe", "hxsl":
		return "java"
	case "perl6", "pl6", "raku":
		return "perl"
	}
	return lang
}

// known are all lexers. They never change; the first who needs one waits about 20 ms.
var known = sync.OnceValue(newLexers) //nolint:gochecknoglobals // a table that is read when it is needed

// lexerOf returns the lexer of a language; nil: it is not known.
func lexerOf(lang string) chroma.Lexer { return known().Get(related(strings.ToLower(lang))) }

// newLexers returns the registry of all lexers. Each reads its rules when it is first used.
func newLexers() *chroma.LexerRegistry {
	registry := chroma.NewLexerRegistry()
	files, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	if err != nil {
		return registry // TestLexers reads it
	}
	for _, f := range files.File {
		if path.Ext(f.Name) != ".xml" {
			continue
		}
		if l, err := chroma.NewXMLLexer(files, f.Name); err == nil {
			registry.Register(l)
		}
	}
	return registry
}
