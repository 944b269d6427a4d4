package term

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"
)

// goLexers are lexers that are Go code in chroma: their base is XML there.
func goLexers() []string { return []string{"common_lisp", "emacslisp", "go_template"} }

// TestLexers: lexers.zip has what chroma has. With -update it is written.
func TestLexers(t *testing.T) {
	want := map[string][]byte{}
	for i, l := range lexers.GlobalLexerRegistry.Lexers {
		if b := asXML(l); b != nil {
			want[fmt.Sprintf("%03d.xml", i)] = b
		}
	}
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/alecthomas/chroma/v2").Output()
	if err != nil {
		t.Skip("chroma's sources are not here")
	}
	for _, name := range goLexers() {
		b, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "lexers", "embedded", name+".xml"))
		if err != nil {
			t.Fatal(err)
		}
		want[name+".xml"] = b
	}
	if *update {
		writeLexers(t, want)
		return
	}
	got := readLexers(t)
	if len(got) != len(want) || len(got) < 280 {
		t.Fatalf("%d lexers, want %d: go test ./bot/term -run TestLexers -update", len(got), len(want))
	}
	for name, b := range want {
		if sorted(got[name]) != sorted(b) {
			t.Errorf("%s is not what chroma has: go test ./bot/term -run TestLexers -update", name)
		}
	}
}

// sorted returns the lines of a text in order: chroma writes the states of a lexer in any.
func sorted(text []byte) string {
	lines := strings.Split(string(text), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// asXML returns a lexer as XML; nil: it cannot be.
func asXML(l chroma.Lexer) []byte {
	if v := reflect.Indirect(reflect.ValueOf(l)); v.Kind() == reflect.Struct {
		if inner := v.FieldByName("Lexer"); inner.IsValid() && inner.CanInterface() {
			l, _ = reflect.TypeAssert[chroma.Lexer](inner) // one that looks into its own text, such as Markdown's
		}
	}
	r, ok := l.(*chroma.RegexLexer)
	if !ok {
		return nil
	}
	rules, err := r.Rules()
	if err != nil {
		return nil
	}
	for _, state := range rules {
		for i := range state {
			state[i].Type = withoutCode(state[i].Type)
		}
	}
	r, err = chroma.NewLexer(r.Config(), func() chroma.Rules { return rules })
	if err != nil {
		return nil
	}
	b, err := chroma.Marshal(r)
	if err != nil {
		return nil
	}
	return b
}

// withoutCode returns an emitter without Go code: Go's templates in strings, code in
// reStructuredText and the like are strings.
func withoutCode(e chroma.Emitter) chroma.Emitter {
	if _, isFunc := e.(chroma.EmitterFunc); isFunc {
		return chroma.LiteralString
	}
	if v := reflect.Indirect(reflect.ValueOf(e)); v.Kind() == reflect.Struct && v.CanSet() {
		if f := v.FieldByName("Emitters"); f.IsValid() {
			all, _ := reflect.TypeAssert[chroma.Emitters](f)
			for i := range all {
				all[i] = withoutCode(all[i])
			}
		}
	}
	return e
}

func writeLexers(t *testing.T, files map[string][]byte) {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(files[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("lexers.zip", out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readLexers(t *testing.T) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = b
	}
	return files
}
