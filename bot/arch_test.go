package bot_test

import (
	"go/build"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestImports holds the dependency table of docs/architecture.md: who may enter which room. Test
// code may import anything.
func TestImports(t *testing.T) {
	const (
		slackGo  = "github.com/slack-go/slack"
		openAI   = "github.com/sashabaranov/go-openai"
		pdfium   = "github.com/klippa-app/go-pdfium"
		wazero   = "github.com/tetratelabs/wazero"
		simNet   = "llmbot/llm/llmsim/memnet"
		anything = "*"
	)
	own := map[string][]string{ // of ours; a room that is not here may import nothing of ours
		"cmd/llmbot":        {anything},
		"bot":               {"bot/wait", "bot/fair", "bot/recent", "bot/answer", "bot/attach", "bot/catchup", "bot/permalink", "bot/thread", "bot/figures", "bot/held", "bot/leave", "bot/status", "bot/tools", "bot/transcript", "bot/turn", "bot/prompt", "bot/quota", "llm"},
		"bot/figures":       {"llm"},
		"bot/status":        {"bot/figures", "llm"},
		"bot/document":      {"bot/figures"},
		"bot/document/pdf":  {"bot/document"},
		"bot/thread":        {"bot/turn"},
		"bot/attach":        {"bot/fair", "bot/lines", "bot/wait", "bot/document", "bot/recent", "bot/figures", "bot/prompt", "bot/thread", "llm"},
		"bot/permalink":     {"bot/prompt", "bot/recent", "bot/thread", "llm"},
		"bot/answer":        {"bot/fair", "bot/wait", "bot/recent", "bot/figures", "bot/prompt", "bot/tools", "bot/turn", "llm"},
		"bot/pace":          {"bot/fair"},
		"bot/quota":         {"bot/turn"},
		"bot/tools":         {"bot/typos", "bot/wait", "llm", "llm/egress"},
		"bot/slackio":       {"bot/wait", "bot/fair", "bot/leave", "bot/permalink", "bot/slackmsg", "bot/turn", "bot/answer", "bot/attach", "bot/recent", "bot/thread", "bot", "bot/status", "bot/pace", "bot/render", "llm/egress"},
		"bot/term":          {"bot/answer", "bot/figures", "bot/prompt", "bot/render", "bot/tools", "llm"},
		"bot/prompt":        {"bot/lines", "bot/thread", "bot/turn", "llm"},
		"bot/catchup":       {"bot/wait", "bot/thread", "bot/turn"},
		"bot/held":          {"bot/thread", "bot/turn", "bot/wait"},
		"bot/transcript":    {"bot/answer", "bot/thread", "bot/tools", "bot/turn", "llm"},
		"bot/leave":         {"bot/answer", "bot/thread", "bot/tools", "bot/transcript", "bot/turn", "bot/wait"},
		"bot/sqlstore":      {"bot/turn"},
		"bot/turn/turntest": {"bot/turn"},
		"bot/ops":           {"bot", "bot/attach", "bot/tools", "bot/transcript", "bot/thread", "bot/pace", "bot/quota", "bot/turn", "llm"},
		"bot/slackmsg":      {"bot/lines"},
		"llm":               {"llm/egress"},
		"llm/bench":         {"llm"},

		"bot/slacksim/scenario": {"bot/slacksim", "bot/typos"},
	}
	only := map[string]string{slackGo: "bot/slackio", openAI: "llm", pdfium: "bot/document/pdf", wazero: "bot/document/pdf", "golang.org/x/text": "bot/prompt", "github.com/modelcontextprotocol/go-sdk": "bot/tools"}       // who alone may import it
	std := []string{"bot/fair", "bot/lines", "bot/typos", "bot/wait", "bot/slackmsg", "bot/catchup", "bot/held", "bot/thread", "bot/figures", "bot/render", "bot/pace", "bot/turn", "bot/quota", "llm/egress", "llm/llmsim"} // nothing of others
	witness := []string{"github.com/gorilla/websocket", "github.com/yuin/goldmark"}                                                                                                                                          // all that the emulated Slack may have of others
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	rooms := 0
	err = filepath.WalkDir(root, func(dir string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		name := e.Name()
		if dir != root && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata") {
			return filepath.SkipDir
		}
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); dir != root && err == nil {
			return filepath.SkipDir
		}
		pkg, err := build.ImportDir(dir, 0)
		if err != nil {
			return nil //nolint:nilerr // no Go files
		}
		rooms++
		rel, err := filepath.Rel(root, dir)
		if err != nil {
			return err
		}
		room := filepath.ToSlash(rel)
		for _, imp := range pkg.Imports {
			ours, isOurs := strings.CutPrefix(imp, "llmbot/")
			allowed := own[room]
			switch {
			case imp == simNet:
				t.Errorf("%s imports %s: it is for tests", room, imp)
			case isOurs && !slices.Contains(allowed, ours) && !slices.Contains(allowed, anything):
				t.Errorf("%s may not import %s", room, imp)
			case !isOurs && slices.Contains(std, room) && strings.Contains(strings.Split(imp, "/")[0], "."):
				t.Errorf("%s imports %s, and should need the standard library only", room, imp)
			case room == "bot/slacksim/scenario" && strings.HasPrefix(imp, "github.com/goccy/go-yaml/"): // its files are YAML
			case strings.HasPrefix(room, "bot/slacksim") && !isOurs && strings.Contains(imp, ".") && !slices.ContainsFunc(witness, func(lib string) bool { return imp == lib || strings.HasPrefix(imp, lib+"/") }):
				t.Errorf("%s imports %s", room, imp)
			}
			for lib, one := range only {
				if (imp == lib || strings.HasPrefix(imp, lib+"/")) && room != one {
					t.Errorf("%s imports %s: only %s may", room, imp, one)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if rooms < 9 {
		t.Errorf("only %d packages under %s", rooms, path.Base(root))
	}
}
