package bot_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestClientsComeFromEgress: an HTTP client that is made elsewhere than in package egress would
// follow redirects, with keys and conversations.
func TestClientsComeFromEgress(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		name := e.Name()
		switch {
		case err != nil:
			return err
		case e.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "egress" || name == "memnet"):
			return filepath.SkipDir
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		files++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, at := range clientsMade(file) {
			t.Errorf("%s: clients come from package egress", set.Position(at))
		}
		return nil
	})
	if err != nil || files < 100 {
		t.Errorf("%d files, %v", files, err)
	}
}

// clientsMade is where a file makes an HTTP client, or uses Go's own. A pointer to one that others
// made is fine.
func clientsMade(file *ast.File) (at []token.Pos) {
	pkg := ""
	for _, imp := range file.Imports {
		if imp.Path.Value == `"net/http"` {
			if pkg = "http"; imp.Name != nil {
				pkg = imp.Name.Name
			}
		}
	}
	pointers := map[ast.Expr]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StarExpr:
			pointers[n.X] = true
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if ok && pkg != "" && x.Name == pkg && !pointers[n] &&
				slices.Contains([]string{"Client", "DefaultClient", "DefaultTransport", "Get", "Head", "Post", "PostForm"}, n.Sel.Name) {
				at = append(at, n.Pos())
			}
		}
		return true
	})
	if pkg == "." {
		at = append(at, file.Pos())
	}
	return at
}

func TestClientsAreFound(t *testing.T) {
	for code, want := range map[string]int{
		`import "net/http"; var c = &http.Client{}`: 1, `import "net/http"; var c http.Client`: 1, `import "net/http"; var c = new(http.Client)`: 1,
		`import h "net/http"; func f() { h.Get("x") }`: 1, `import "net/http"; var c = http.DefaultClient`: 1, `import . "net/http"; var c Client`: 1,
		`import "net/http"; func f(c *http.Client) { d := *c; _ = d }`: 0, `import "net/http"; type t struct { c *http.Client }`: 0,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x; "+code, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(clientsMade(file)); got != want {
			t.Errorf("%s: %d", code, got)
		}
	}
}
