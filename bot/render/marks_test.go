package render

import (
	"strings"
	"testing"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
)

// seen is what a reader of CommonMark sees: {bold}, /italic/, -struck-, [code], ⏎ for a break, a cell in ‹›.
func seen(page string) string {
	src := []byte(page)
	var b strings.Builder
	_ = ast.Walk(commonMark().Parse(text.NewReader(src)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		pair := func(begin, end string) {
			if entering {
				b.WriteString(begin)
			} else {
				b.WriteString(end)
			}
		}
		switch n := n.(type) {
		case *ast.Emphasis:
			if n.Level == 2 {
				pair("{", "}")
			} else {
				pair("/", "/")
			}
		case *extast.Strikethrough:
			pair("-", "-")
		case *ast.CodeSpan:
			pair("[", "]")
		case *extast.TableCell:
			pair("‹", "›")
		case *ast.Heading:
			pair("# ", "\n")
		case *ast.List:
			pair("(", ")")
		case *ast.Blockquote:
			pair("> ", "")
		case *ast.Paragraph, *ast.TextBlock, *extast.TableRow, *extast.TableHeader:
			pair("", "\n")
		case *ast.Text:
			if entering {
				b.WriteString(strings.ReplaceAll(string(n.Segment.Value(src)), joiner, ""))
				if n.HardLineBreak() {
					b.WriteString("⏎")
				} else if n.SoftLineBreak() {
					b.WriteString(" ")
				}
			}
		}
		return ast.WalkContinue, nil
	})
	return strings.NewReplacer(`\~`, "~", `\_`, "_", "&lt;", "<").Replace(strings.TrimSpace(b.String()))
}

// TestSeen says what a reader of CommonMark sees of what readers take for something else.
func TestSeen(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"**注意：**正文", "{注意：}正文"},
		{"含**「重点」**内容", "含{「重点」}内容"},
		{"これは**「重要」**です。**注：**次", "これは{「重要」}です。{注：}次"},
		{"이것은 **\"중요\"**는 **(참고)**입니다", "이것은 {\"중요\"}는 {(참고)}입니다"},
		{"**ข้อควรระวัง:**ข้อความ", "{ข้อควรระวัง:}ข้อความ"},
		{"**ຫມາຍເຫດ:**ຂໍ້ **ចំណាំ៖**អត្ថបទ", "{ຫມາຍເຫດ:}ຂໍ້ {ចំណាំ៖}អត្ថបទ"},
		{"~~删除。~~正文", "-删除。-正文"},
		{"***注意：***正文", "/{注意：}/正文"},
		{"**重点**和**「引用」**，完", "{重点}和{「引用」}，完"},
		{"**“重点”**内容、含**（a）**b", "{“重点”}内容、含{（a）}b"},
		{"- **步骤一：**打开\n- 含**「二」**内容", "({步骤一：}打开\n含{「二」}内容\n)"},
		{"# **注：**正文", "# {注：}正文"},
		{"> **注：**正文", "> {注：}正文"},
		{"| **注意：**正文 | 含**「重点」**内容 |\n|---|---|\n| ~~删。~~正 | a |", "‹{注意：}正文›‹含{「重点」}内容›\n‹-删。-正›‹a›"},
		{"[**注：**正文](https://x.test)", "{注：}正文"},
		{"面积=长*（宽+1）*2", "面积=长*（宽+1）*2"},
		{"**a** b **c:** d", "{a} b {c:} d"},
		{"**注：*斜。*正**文", "{注：/斜。/正}文"},

		{"*注意：*正文", "/注意：/正文"},
		{"含*「重点」*内容", "含/「重点」/内容"},
		{"これは*「重要」*です。*注。*次", "これは/「重要」/です。/注。/次"},
		{"*이것：*은 *（참고。）*입니다", "/이것：/은 *（참고。）*입니다"},
		{"长*（宽+1）*高，（长）*宽*（高）", "长*（宽+1）*高，（长）/宽/（高）"},
		{"__粗体__中文", "{粗体}中文"},
		{"中文__粗体__中文，__注意：__正文", "中文{粗体}中文，{注意：}正文"},
		{"这是__bold__文字", "这是{bold}文字"},
		{"含__「重点」__内容", "含{「重点」}内容"},
		{"_斜体_中文 _x_", "/斜体/中文 /x/"},
		{"__bold__ and __Two words__ here", "{bold} and {Two words} here"},
		{"__init__ and __main__", "__init__ and __main__"},
		{"def __init__(self): a.__call__() or __FILE__", "def __init__(self): a.__call__() or __FILE__"},
		{"这是__init__方法，__post_init__也是", "这是__init__方法，__post_init__也是"},
		{"see __init__.py, __my_own__ and **__all__**", "see __init__.py, __my_own__ and {__all__}"},
		{"**__Note:__ it** and snake_case_name, 用户_名_表", "{{Note:} it} and snake_case_name, 用户_名_表"},
		{"src/__tests__/a.js and foo/__pycache__/", "src/__tests__/a.js and foo/__pycache__/"},
		{"| __init__ | __粗体__中 | __x__ |\n|---|---|---|\n| a.__call__() | *注：*正 | _x_ |", "‹__init__›‹{粗体}中›‹{x}›\n‹a.__call__()›‹/注：/正›‹/x/›"},
		{"# __init__ 与__粗体__中\n- __new__ 和*注：*正", "# __init__ 与{粗体}中\n(__new__ 和/注：/正\n)"},

		{"takes ~3~5 minutes", "takes ~3~5 minutes"},
		{"~3~5 and 4~6, ~/a~ ~b~", "~3~5 and 4~6, ~/a~ ~b~"},
		{"~~gone~~ ~3~5", "-gone- ~3~5"},
		{"约3~5天，4~6天", "约3~5天，4~6天"},
		{"~~a ~3~5 b~~", "-a ~3~5 b-"},
		{"| ~3~5 | ~~x~~ |\n|---|---|\n| 3~5~7 | |", "‹~3~5›‹-x-›\n‹3~5~7›‹›"},
		{"~a\nb~ c", "~a b~ c"},
		{"`~a~` ~/x", "[~a~] ~/x"},

		{"one<br>two", "one⏎two"},
		{"one<br/>two <BR /> three</br>four", "one⏎two⏎three⏎four"},
		{"one<br><br>two", "one⏎two"},
		{"one<br>\ntwo", "one⏎two"},
		{"one<br>\n\ntwo", "one\ntwo"},
		{"<br>one<br>", "one"},
		{"one\n<br>\ntwo", "one\ntwo"},
		{"a<br># b<br>- c<br>1. d<br>```<br>> e", "a⏎# b⏎- c⏎1. d⏎```⏎> e"},
		{"**a<br>b** c", "{a⏎b} c"},
		{"**a<br>** c", "{a}⏎c"},
		{"# a<br>b", "# a b"},
		{"- a<br>b\n- c", "(a⏎b\nc\n)"},
		{"> a<br>b", "> a⏎b"},
		{"> - a<br>b", "> (a⏎b\n)"},
		{"1. a<br>   b\n   - c<br>d", "(a⏎b\n(c⏎d\n))"},
		{"`a<br>b` &lt;br> \\<br>", "[a<br>b] <br> <br>"},
		{"<b>x</b> <brx>", "<b>x</b> <brx>"},
		{"[a<br>b](https://x.test)", "a / b"},
		{"| a | b |\n|---|---|\n| 1 | stop it<br>start it |\n| 2 | |\n| 3 |<br>|\n| 4 || \n|<br>a <br/> b<br>| `x<br>y` |\n| | |", "‹a›‹b›\n‹1›‹stop it / start it›\n‹2›‹›\n‹3›‹›\n‹4›‹›\n‹a / b›‹[x<br>y]›\n‹›‹›"},
	} {
		p := New(MessageLimits()).Set(tc.text, true)
		if len(p) != 1 || seen(p[0].Markdown) != tc.want {
			t.Errorf("%q is\n%s%q\nwant %q", tc.text, show(p), seen(p[0].Markdown), tc.want)
			continue
		}
		every := make([]int, len(tc.text))
		for i := range every {
			every[i] = i
		}
		for _, lim := range []Limits{MessageLimits(), {Chars: MinLimit}} {
			for _, ops := range [][]op{nil, {{at: len(tc.text) / 3}, {at: len(tc.text) / 2}}} {
				if err := check(tc.text, lim, every, ops...); err != "" {
					t.Errorf("%q: %s", tc.text, err)
				}
			}
		}
	}
}

// TestAddressesKeepTheirUnderscores: what can be clicked is written as it stands.
func TestAddressesKeepTheirUnderscores(t *testing.T) {
	for _, text := range []string{
		"See https://github.com/graphql/graphql-js/blob/master/src/__tests__/build-test.js#L821 now", "See https://x.test/a/__init__.py, www.x.test/__init__ too",
		"[x](https://x.test/__tests__/a)", "https://x.test/中文__粗体__中 路径", "| https://x.test/__tests__/a |\n|---|\n| https://x.test/中__文__中 |",
	} {
		if p := New(MessageLimits()).Set(text, true); len(p) != 1 || strings.TrimSpace(p[0].Markdown) != text {
			t.Errorf("%q is\n%s", text, show(p))
		}
	}
}

// TestBreaksInFallback says that a notification shows no HTML.
func TestBreaksInFallback(t *testing.T) {
	if got := Fallback("one<br>two\n\n| a<br/>b | c |\n|---|---|\n"); got != "one two\n\na b · c" {
		t.Errorf("%q", got)
	}
}
