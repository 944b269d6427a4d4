package render

import (
	"strings"
	"testing"
)

// TestLinks says what becomes of addresses.
func TestLinks(t *testing.T) {
	show, defang := Links{}, Links{Defang: true}
	allow := Links{Defang: true, Hosts: []string{"bank.test"}}
	for _, tc := range []struct {
		links      Links
		text, want string
	}{
		{show, "https://a.test/x_y and [text](https://a.test/a_b \"t\").", "https://a.test/x_y and [text](https://a.test/a_b \"t\")."},
		{show, "![pic](https://a.test/p.png)", "[pic](https://a.test/p.png)"},
		{show, "![](https://a.test/p.png)", "[https://a.test/p.png](https://a.test/p.png)"},
		{show, "[https://bank.test](https://evil.test/?q=1)", "[https://bank.test (evil.test)](https://evil.test/?q=1)"},
		{show, "[my **bank**.test now](https://bank.test@evil.test)", "[my **bank**.test now (evil.test)](https://bank.test@evil.test)"},
		{show, "[`bank.test`](https://evil.test)", "[`bank.test` (evil.test)](https://evil.test)"},
		{show, "[bank&#46;test](https://evil.test)", "[bank&#46;test (evil.test)](https://evil.test)"},
		{show, "[bank\u200b.test](https://evil.test)", "[bank.test (evil.test)](https://evil.test)"},
		{show, "[pay@bank.test](mailto:me@evil.test)", "[pay@bank.test (evil.test)](mailto:me@evil.test)"},
		{show, "[www.bank.test/login](https://bank.test/x)", "[www.bank.test/login](https://bank.test/x)"},
		{show, "[doc](javascript:alert(1)) [x](JaVa&#115;cript:x) [y](data:text/html,x) [z](vbscript:x)", "[doc]\u2060(javascript:alert(1)) [x]\u2060(JaVa&#115;cript:x) [y]\u2060(data:text/html,x) [z]\u2060(vbscript:x)"},
		{show, "[x](javascript:1/alert(1)) [y](tel:0900) [z](data:0/html,x) [a](JAVASCRIPT&colon;0?alert)", "[x]\u2060(javascript:1/alert(1)) [y]\u2060(tel:0900) [z]\u2060(data:0/html,x) [a]\u2060(JAVASCRIPT&colon;0?alert)"},
		{show, "[x](a.test:8080/y)", "[x](a.test:8080/y)"},
		{show, "[192.168.0.1](https://evil.test) [bank\u2024test](https://evil.test) [(10.0.0.1)](http://10.0.0.1/)", "[192.168.0.1 (evil.test)](https://evil.test) [bank\u2024test (evil.test)](https://evil.test) [(10.0.0.1)](http://10.0.0.1/)"},
		{show, "<javascript://x> <https://a.test>", "&lt;javascript://x> https://a.test"},
		{show, "[a]: https://evil.test\n[b][a]", "[a]\u2060: https://evil.test\n[b][a]"},
		{show, "[bank.test\n](https://evil.test)", "[bank.test\n]\u2060(https://evil.test)"},

		{defang, "see https://evil.test/x_y, www.evil.test; evil.test/p and me@evil.test.", "see `https://evil.test/x_y`, `www.evil.test`; `evil.test/p` and `me@evil.test`."},
		{defang, "[text](https://evil.test) ![pic](https://evil.test/p.png) [https://evil.test](https://evil.test)", "text (`https://evil.test`) pic (`https://evil.test/p.png`) `https://evil.test`"},
		{defang, "<https://evil.test> <me@evil.test> mailto:me@evil.test", "`https://evil.test` `me@evil.test` `mailto:me@evil.test`"},
		{defang, "[a]: https://evil.test\n[b][a]", "[a]\u2060: `https://evil.test`\n[b][a]"},
		{defang, "**https://evil.test** (https://evil.test)", "**\u2060`https://evil.test`** (\u2060`https://evil.test`)"},
		{defang, "a ` b https://evil.test", "a \\` b `https://evil.test`"},
		{defang, "`https://evil.test`", "`https://evil.test`"},
		{defang, "```\nhttps://evil.test\n```", "```\nhttps://evil.test\n```"},
		{defang, "| a | b |\n|---|---|\n| https://evil.test | [x](https://evil.test) |", "| a | b |\n|---|---|\n| `https://evil.test` | x (`https://evil.test`) |"},
		{defang, "no address. e.g. 3.14, v1.2.3 and so on...", "no address. e.g. 3.14, v1.2.3 and so on..."},
		{defang, "https&#58;//evil.test", "https&amp;#58;//\u2060`evil.test`"},

		{show, "a&#x202e;b &zwj; c&#8203;d &nbsp;e", "a&amp;#x202e;b &amp;zwj; c&amp;#8203;d &nbsp;e"},
		{defang, "evil.c&#111;m/x 5 &lt; 6 &mdash; x", "evil.c&amp;#111;m/x 5 &lt; 6 &mdash; x"},
		{defang, "好。Python很好。 wait...evil.test/x", "好。Python很好。 wait...\u2060`evil.test/x`"},

		{allow, "<https://bank.test>.zip/x https://bank.test\\.zip/x <me@bank.test>", "[https://bank.test](https://bank.test).zip/x `https://bank.test`\\.\u2060zip/x [me@bank.test](mailto:me@bank.test)"},
		{allow, "https://bank.test/*evil.test* https://bank.test/my_file.pdf?a=1&b=2 https://bank.test/~bob/index.html", "`https://bank.test/*evil.test`* https://bank.test/my_file.pdf?a=1&b=2 https://bank.test/~bob/index.html"},
		{allow, "https://bank.test/a https://my.bank.test https://notbank.test https://bank.test.evil.test", "https://bank.test/a https://my.bank.test `https://notbank.test` `https://bank.test.evil.test`"},
		{allow, "[a](https://bank.test) [b](https://evil.test) [c](https://bank.test@evil.test)", "[a](https://bank.test) b (`https://evil.test`) c (`https://bank.test@evil.test`)"},
		{allow, "[a](https://evil.test\uff0f.bank.test) [b](https://evil.test;.bank.test)", "a (`https://evil.test\uff0f.bank.test`) b (`https://evil.test;.bank.test`)"},
		{allow, "[evil.test](https://bank.test) me@bank.test javascript://bank.test", "[`evil.test` (bank.test)](https://bank.test) me@bank.test `javascript://bank.test`"},
	} {
		var got []string
		for _, p := range New(MessageLimits(), WithLinks(tc.links)).Set(tc.text, true) {
			got = append(got, p.Markdown)
		}
		if s := strings.Join(got, "|"); s != tc.want {
			t.Errorf("%+v %q\nis   %q\nwant %q", tc.links, tc.text, s, tc.want)
		}
		every := make([]int, len(tc.text))
		for i := range every {
			every[i] = i
		}
		if strings.Contains(tc.text, "[https://evil.test](https://evil.test)") {
			continue // shown once
		}
		if err := checkWith(tc.links, tc.text, MessageLimits(), every); err != "" {
			t.Errorf("%q: %s", tc.text, err)
		}
	}
}

// TestLinksInTexts says the same of what goes into a text argument.
func TestLinksInTexts(t *testing.T) {
	links := WithLinks(Links{Defang: true})
	text := "See [x](https://evil.test/a) and https://evil.test,\u202e `https://evil.test` `\n```\nhttps://evil.test\n```\nwww.evil.test"
	if got, want := Fallback(text, links), "See x and `https://evil.test`, `https://evil.test` ˋ\n`https://evil.test`\n`www.evil.test`"; got != want {
		t.Errorf("%q\nwant %q", got, want)
	}
	if got, want := strings.Join(Plain(text, links), "|"), "See [x](`https://evil.test/a`) and `https://evil.test`, `https://evil.test` ˋ\n```\nhttps://evil.test\n```\n`www.evil.test`"; got != want {
		t.Errorf("%q\nwant %q", got, want)
	}
}
