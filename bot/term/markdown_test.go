package term

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"llmbot/llm/llmsim"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
	}
}

// visible writes ESC as a caret, so that golden files can be read.
func visible(lines []string) string {
	return strings.ReplaceAll(strings.Join(lines, "\n"), "\x1b[", "^") + "\n"
}

func sample(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("testdata/sample.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestGolden(t *testing.T) {
	for name, look := range map[string]Look{
		"colour-80.txt":   {Width: 80, Colour: true},
		"nocolour-40.txt": {Width: 40},
		"narrow-16.txt":   {Width: 16},
		"plain-40.txt":    {Width: 40, Plain: true},
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, name, visible(NewMarkdown().Lines(sample(t), look)))
		})
	}
}

func TestNoColourMeansNoColour(t *testing.T) {
	for _, l := range NewMarkdown().Lines(sample(t), Look{Width: 60}) {
		for _, seq := range strings.Split(l, "\x1b[")[1:] {
			codes, _, _ := strings.Cut(seq, "m")
			for c := range strings.SplitSeq(codes, ";") {
				if len(c) > 1 {
					t.Fatalf("a colour in %q", l)
				}
			}
		}
	}
}

// checkLines holds what must hold for the lines of any text.
func checkLines(t *testing.T, lines []string, look Look) {
	t.Helper()
	for _, l := range lines {
		bare := stripLooks(l)
		if !clean(bare) || strings.ContainsAny(bare, "\n\t") {
			t.Fatalf("control characters in %q", l)
		}
		for _, seq := range strings.Split(l, "\x1b[")[1:] {
			codes, _, ok := strings.Cut(seq, "m")
			if !ok || strings.Trim(codes, "0123456789;") != "" {
				t.Fatalf("a sequence that is not ours in %q", l)
			}
		}
		if w := width(bare); w > look.columns() {
			t.Fatalf("%d columns in %q, of %d", w, l, look.columns())
		}
	}
}

// An answer that is rendered block by block while it grows is in the end what it is when rendered at once.
func checkGrowth(t *testing.T, text string, step int, look Look) {
	t.Helper()
	d := &draft{md: NewMarkdown()}
	for n := 0; n < len(text); n += step {
		checkLines(t, d.text(text[:n], look, false), look)
	}
	got, want := d.text(text, look, true), NewMarkdown().Lines(text, look)
	if !slices.Equal(got, want) {
		t.Fatalf("grown\n%s\nat once\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestGrowth(t *testing.T) {
	for _, q := range []string{"compare a and b in a table", "write a function in Go", "list the steps", "write 900 tokens", "hello"} {
		chat := &llmsim.Chat{Messages: []llmsim.Message{{Role: "user", Content: q}}}
		checkGrowth(t, llmsim.DefaultAnswer(chat), 7, Look{Width: 60})
	}
	checkGrowth(t, sample(t), 1, Look{Width: 60})
}

func FuzzLines(f *testing.F) {
	b, err := os.ReadFile("testdata/sample.md")
	if err != nil {
		f.Fatal(err)
	}
	for part := range strings.SplitSeq(string(b), "\n\n") {
		f.Add(part, 40)
	}
	f.Add("> - > - > - > - > - > - > - > deep", 20)
	for _, lang := range []string{"go", "python", "js", "html", "php", "c++", "bash", "sql", "diff", "rust", "yaml", "markdown"} {
		f.Add("```"+lang+"\nif (x < 1) { print(\"a\\\"b\", 'c') } /* 東 */ <?php <p a=\"b\">\n```", 40)
	}
	f.Add("**注意：**正文 ~3~5 ~~x~~", 20)
	f.Add("a \x1b[2J&#27;[31m \u009b1m `\x1b]0;x\x07`", 20)
	f.Fuzz(func(t *testing.T, text string, w int) {
		look := Look{Width: 20 + max(w, -w)%100, Colour: true}
		checkLines(t, NewMarkdown().Lines(text, look), look)
		look.Plain = true
		checkLines(t, NewMarkdown().Lines(text, look), look)
		if n := NewMarkdown().Settled(Clean(text)); n < 0 || n > len(Clean(text)) {
			t.Fatalf("settled %d of %d", n, len(text))
		}
	})
}

func TestClean(t *testing.T) {
	tests := []struct{ in, want string }{
		{"a\tb\nc", "a\tb\nc"},
		{"\x1b[31mred\x1b[0m", "[31mred[0m"},
		{"\x1b]0;title\x07x", "]0;titlex"},
		{"\u009b2Jx", "2Jx"},
		{"a\r\nb\rc", "a\nb\nc"},
		{"a\u202eb\u2066c", "abc"},
		{"a\u2028b", "a\nb"},
		{"a\xffb", "a\ufffdb"},
		{"\x9b2J", "\ufffd2J"},
		{"日本語 👩‍💻", "日本語 👩‍💻"},
	}
	for _, tt := range tests {
		if got := Clean(tt.in); got != tt.want {
			t.Errorf("Clean(%q) = %q, want %q", tt.in, got, tt.want)
		}
		if got := Clean(Clean(tt.in)); got != Clean(tt.in) {
			t.Errorf("Clean twice of %q: %q", tt.in, got)
		}
	}
}

// What models write beside Chinese, Japanese and Korean, and with one tilde.
func TestMarksAsMeant(t *testing.T) {
	b := func(s string) string { return "^1m" + s + "^0m" }
	for src, want := range map[string]string{
		"**注意：**正文":                 "^1m注意：^0m正文",
		"含**「重点」**内容":               "含" + b("「重点」") + "内容",
		"これは**「大事」**です。":            "これは" + b("「大事」") + "です。",
		"정답은 **\"서울\"**입니다":         "정답은 " + b("\"서울\"") + "입니다",
		"用**(a)**和**b。**好":          "用" + b("(a)") + "和" + b("b。") + "好",
		"**粗体**普通":                  b("粗体") + "普通",
		"**a** and *b*":             b("a") + " and ^3mb^0m",
		"2 ** 3 ** 4":               "2 ** 3 ** 4",
		"** 不 **":                   "** 不 **",
		"*「斜」*体":                    "^3m「斜」^0m体",
		"***「都」***是":                "^1;3m「都」^0m是",
		"takes ~3~5 minutes":        "takes ~3~5 minutes",
		"~a~ and ~~b~~ and ~~~c":    "~a~ and ^9mb^0m and ~~~c",
		"~/x and ~/y":               "~/x and ~/y",
		"约~5分钟~10分钟":                "约~5分钟~10分钟",
		"**a*b":                     "**a*b",
		"x ~~「删」~~了":                "x ^9m「删」^0m了",
		"*注意：*正文":                   "^3m注意：^0m正文",
		"长*（宽+1）*高":                 "长*（宽+1）*高",
		"中文__粗体__中文":                "中文" + b("粗体") + "中文",
		"这是__init__方法":              "这是__init__方法",
		"__init__ and __main__":     "__init__ and __main__",
		"def __init__(self)":        "def __init__(self)",
		"_斜体_中文 and _x_":            "^3m斜体^0m中文 and ^3mx^0m",
		"snake_case_name and __b__": "snake_case_name and " + b("b"),
	} {
		if got := strings.TrimSuffix(visible(NewMarkdown().Lines(src, Look{Width: 80})), "\n"); got != want {
			t.Errorf("%s: %s, want %s", src, got, want)
		}
	}
}

func TestTableTooWideForTheScreen(t *testing.T) {
	const wide = "| Service | Owner | Endpoint | Description |\n|---|---|---|---|\n| billing | Alexandra | https://billing.internal.example/v2 | takes money, and gives it back<br>if asked |\n| x | | y | 東京の人口は多い |\n"
	for w := 12; w <= 200; w++ {
		look := Look{Width: w}
		lines := NewMarkdown().Lines(wide, look)
		checkLines(t, lines, look)
		text := strings.Join(lines, "\n")
		broken := !strings.Contains(text, "Service") || !strings.Contains(text, "Alexandra") || !strings.Contains(text, "billing")
		if broken && w > 20 || w > 60 && !strings.Contains(text, "┼") || w < 50 && strings.Contains(text, "┼") {
			t.Errorf("at %d columns:\n%s", w, stripLooks(text))
		}
	}
	const long = "| a | b |\n|---|---|\n| " + "one two three four five six seven eight nine ten eleven twelve thirteen" + " | " + "one two three four five six seven eight nine ten eleven twelve" + " |\n"
	if lines := NewMarkdown().Lines(long, Look{Width: 180}); len(lines) != 3 {
		t.Errorf("there are 180 columns for\n%s", strings.Join(lines, "\n"))
	}
}

func TestCodeInColours(t *testing.T) {
	const src = "```go\n// why\nfunc f(s string) int { return 42 + len(\"a\\x1b[2J\") }\n```\n"
	look := Look{Width: 80, Colour: true}
	got := visible(NewMarkdown().Lines(src, look))
	for _, want := range []string{"^2;3m// why^0m", "^35mfunc^0m", "^34mf^0m", "^33m42^0m", "^32m\"a"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	// With colours and without, in every language: the same letters, also while it grows.
	for _, lang := range []string{"go", "py", "js", "ts", "tsx", "rust", "c++", "bash", "sql", "yaml", "json", "html", "css", "java", "diff", "dockerfile", "makefile", "nosuch", "text", "", "php", "markdown", "console"} {
		code := "if x < 1:\n\tprint('a`b') # 東京 \"\n<p class=\"x\">&amp;</p>\n+ new\n- old\n{\"a\": [1, 2.5e3, null]}\n\n$ ls | wc\n/* open\n"
		text := "before\n\n```" + lang + "\n" + code + "```\n\nafter"
		checkGrowth(t, text, 3, look)
		var bare []string
		for _, l := range NewMarkdown().Lines(text, look) {
			bare = append(bare, stripLooks(l))
		}
		var plain []string
		for _, l := range NewMarkdown().Lines(text, Look{Width: 80}) {
			plain = append(plain, stripLooks(l))
		}
		if !slices.Equal(bare, plain) {
			t.Errorf("%s:\n%s\nwant\n%s", lang, strings.Join(bare, "\n"), strings.Join(plain, "\n"))
		}
	}
	big := "```go\n" + strings.Repeat("var x = 1\n", 20_000) + "```\n"
	if got := NewMarkdown().Lines(big, look); len(got) != 20_001 || strings.Contains(got[1], "35m") {
		t.Errorf("%d lines of a very long block, %q", len(got), got[1])
	}
}

// TestGrowingCodeIsReadOnce: while a block grows each line is coloured about once, and in the end all
// is as if it had come at once.
func TestGrowingCodeIsReadOnce(t *testing.T) {
	c := colours{wait: time.Hour} // however slow the machine is
	line := "func f(s string) int { return 42 } // why\n"
	for n := range 300 {
		c.next()
		code := strings.Repeat(line, n) + "func"
		if got := spansText(c.growing("go", code)); n > 0 && got != code {
			t.Fatalf("%d lines became %q", n, got)
		}
	}
	if want := c.coloured("go", strings.Repeat(line, 299)); len(want) == 0 || !slices.Equal(c.spans, want) {
		t.Errorf("grown otherwise than at once:\n%.500v\n%.500v", c.spans, want)
	}
	long := strings.Repeat("-", mostLine+1) + "\n"
	if c.growing("yaml", "a: 1\n") == nil {
		t.Error("a line of YAML has no colours")
	}
	if c.growing("yaml", "a: 1\n"+long) != nil || c.growing("yaml", "a: 1\n"+long+"b: 2\n") != nil || c.of("yaml", long) != nil {
		t.Error("a line that would take a lexer long")
	}
	if c.wait = 0; c.growing("rust", line) != nil {
		t.Error("what takes longer than it may has colours")
	}
	if c.growing("nosuch", line) != nil || c.growing("go", "x") != nil {
		t.Error("an unknown language, or no whole line, has colours")
	}
}

// TestBreaksOnTheirOwn: a <br> alone on a line begins a block of HTML for CommonMark, and what stands below it is Markdown for everybody else.
func TestBreaksOnTheirOwn(t *testing.T) {
	for src, want := range map[string]string{
		"One\n\n<br>\n**Two**":                 "One\n\nTwo",
		"One\n\n<br>\n\nTwo":                   "One\n\n\nTwo",
		"<BR />\n<br/>\n# Two\n</br>\n- three": "Two\n\n• three",
		"> One\n>\n> <br>\n> **Two**":          "│ One\n│\n│ Two",
		"- One\n\n  <br>\n  **Two**":           "• One\n  Two",
		"One</br>Two<br >Three":                "One\nTwo\nThree",
		"One\n\n<br>\n```\n<br>\n```\nTwo":     "One\n\n  <br>\n\nTwo",
		"```\n<br>\n</br>\n```":                "  <br>\n  </br>",
		"    <br>\n    x":                      "  <br>\n  x",
		"One\n\n<div>\n<br>\n</div>":           "One\n\n<div>\n<br>\n</div>",
		"`<br>` and `</br>`":                   "<br> and </br>",
	} {
		got := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(strings.Join(NewMarkdown().Lines(src, Look{Width: 40}), "\n"), "")
		if got = strings.ReplaceAll(got, " \n", "\n"); strings.TrimRight(got, "\n") != want {
			t.Errorf("%q is\n%q, want\n%q", src, got, want)
		}
	}
	start := time.Now()
	NewMarkdown().Lines(strings.Repeat("<br>\n# x\n", 20_000), Look{Width: 40})
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("many of them take %s", took)
	}
}
