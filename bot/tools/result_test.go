package tools

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func TestResultText(t *testing.T) {
	for name, c := range map[string]struct {
		result mcp.CallToolResult
		want   string
	}{
		"text":        {mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "a"}, &mcp.TextContent{Text: "b"}}}, "a\n\nb"},
		"nothing":     {mcp.CallToolResult{}, "(The tool returned nothing.)"},
		"structured":  {mcp.CallToolResult{StructuredContent: map[string]any{"n": 1}}, `{"n":1}`},
		"both":        {mcp.CallToolResult{StructuredContent: map[string]any{"n": 1}, Content: []mcp.Content{&mcp.TextContent{Text: "one"}}}, "one"},
		"empty text":  {mcp.CallToolResult{StructuredContent: []any{1}, Content: []mcp.Content{&mcp.TextContent{Text: " "}}}, " \n\n[1]"},
		"picture":     {mcp.CallToolResult{Content: []mcp.Content{&mcp.ImageContent{MIMEType: "image/png", Data: make([]byte, 7)}}}, "[a picture, image/png, 7 bytes: it cannot be shown here]"},
		"sound":       {mcp.CallToolResult{Content: []mcp.Content{&mcp.AudioContent{Data: make([]byte, 7)}}}, "[a sound, 7 bytes: it cannot be shown here]"},
		"link":        {mcp.CallToolResult{Content: []mcp.Content{&mcp.ResourceLink{Name: "plan", URI: "file:///plan\n"}}}, "[a link to plan: file:///plan]"},
		"file":        {mcp.CallToolResult{Content: []mcp.Content{&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: "a.txt", Text: "inside"}}}}, "inside"},
		"binary file": {mcp.CallToolResult{Content: []mcp.Content{&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: "a.bin", Blob: []byte{1}}}}}, "[the file a.bin, 1 bytes: it cannot be shown here]"},
		"no file":     {mcp.CallToolResult{Content: []mcp.Content{&mcp.EmbeddedResource{}}}, "(The tool returned nothing.)"},
		"null":        {mcp.CallToolResult{Content: []mcp.Content{nil}}, "[a part of a kind that cannot be shown]"},
	} {
		if got := resultText(&c.result); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	many := mcp.CallToolResult{}
	for range 1000 {
		many.Content = append(many.Content, &mcp.TextContent{Text: "x"})
	}
	if got := resultText(&many); !strings.HasSuffix(got, "[800 further parts are left out]") {
		t.Errorf("%q", got[len(got)-50:])
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"a\r\nb\rc\u2028d":          "a\nb\nc\nd",
		"tab\tstays":                "tab\tstays",
		"\x1b[31mred\x00\x7f\u009b": "[31mred",
		"bad \xff\xfe utf8":         "bad \ufffd utf8",
		"a\U000e0041\U000e0042b":    "ab",
		"\u202eright to left":       "right to left",
		"\ufeffmark":                "mark",
		"👩\u200d💻":                  "👩\u200d💻",
	} {
		if got := clean(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	if got := Cut("short", 100); got != "short" {
		t.Errorf("%q", got)
	}
	long := strings.Repeat("0123456789", 100)
	got := Cut(long, 200)
	if len(got) > 200 || !strings.HasPrefix(got, "0123456789") || !strings.HasSuffix(got, "0123456789") || !strings.Contains(got, "characters are left out here") {
		t.Errorf("%q", got)
	}
	lines := strings.Repeat("a line of forty characters, or nearly..\n", 100)
	for part := range strings.SplitSeq(Cut(lines, 2000), "\n") {
		if part != "" && len(part) != 39 && !strings.HasPrefix(part, "[...") {
			t.Errorf("cut in a line: %q", part)
		}
	}
	for most := -1; most < 50; most++ {
		if got := Cut(long, most); len(got) > max(most, 0) {
			t.Errorf("%d: %d", most, len(got))
		}
	}
	big := strings.Repeat("ä", 8<<20)
	if got := bounded(big); len(got) > MostResult || !strings.Contains(got, fmt.Sprint(8<<20-strings.Count(got, "ä"))) {
		t.Errorf("%d bytes", len(got))
	}
}

func FuzzCut(f *testing.F) {
	f.Add("some text\nwith lines\n", 60)
	f.Add(strings.Repeat("äöü€😀\n", 100), 200)
	f.Add("\xff\xfe\x00", 1)
	f.Fuzz(func(t *testing.T, text string, most int) {
		got := Cut(text, most)
		switch {
		case len(text) <= most && got != text:
			t.Errorf("a text that fits was changed: %q", got)
		case len(got) > max(most, 0):
			t.Errorf("%d bytes of %d", len(got), most)
		case utf8.ValidString(text) && !utf8.ValidString(got):
			t.Errorf("cut in a character: %q", got)
		}
		if begin, rest, found := strings.Cut(got, "\n[... "); found && got != text {
			n, end, _ := strings.Cut(rest, " characters are left out here ...]\n")
			if utf8.ValidString(text) && n != fmt.Sprint(utf8.RuneCountInString(text)-utf8.RuneCountInString(begin)-utf8.RuneCountInString(end)) && !strings.Contains(text, "[... ") {
				t.Errorf("%q: %s are missing", got, n)
			}
		}
		if c := clean(text); !utf8.ValidString(c) || clean(c) != c {
			t.Errorf("%q is not clean", c)
		}
		if b := bounded(text); len(b) > MostResult || !utf8.ValidString(b) {
			t.Errorf("%d bytes", len(b))
		}
	})
}
