package render

import (
	"strings"
	"testing"
	"unicode"

	"llmbot/bot/slacksim"
)

// TestControlCharacters says that line ends and control characters are settled before anything is
// decided, however the text arrives.
func TestControlCharacters(t *testing.T) {
	for _, between := range []string{"\r", "\x00", "\x0b", "\x1b", "\x7f", "\u0085", "\u009b", "\r\r", "\x00\r\x01"} {
		for _, tc := range []string{
			"```\n<¦!channel> <¦@U0BOB00001> <!¦subteam^S1> <¦https://evil.test/x|https://bank.test>\n```",
			"> ```\n> <¦!channel>\n> ```", "prose\n        ```\n<¦!channel> as prose\n        ```", "`<¦!channel>` and `<@¦U0BOB00001>`",
			"@¦channel @h¦ere @everyon¦e", "&#60;¦!channel> &l¦t;!here> &¦#60;!channel>", "<¦!channel> <!cha¦nnel>", "| a | `<¦!here>` |\n|---|---|\n| <¦!here> | @¦here |\n",
			"[x¦](https://e.test) [<¦!here>](https://e.test/<¦!here>)",
		} {
			text := strings.ReplaceAll(tc, "¦", between)
			d := New(MessageLimits())
			for n := range len(text) + 1 {
				for _, p := range d.Set(text[:n], n == len(text)) {
					if tokens, pings := slacksim.Resolve(p.Markdown); len(tokens)+len(pings) > 0 || strings.ContainsFunc(p.Markdown, control) {
						t.Fatalf("%q shows %q: %q, %q", text[:n], p.Markdown, tokens, pings)
					}
					if strings.Contains(p.Markdown, "@channel") || strings.Contains(p.Markdown, "@here") {
						t.Fatalf("%q shows %q", text[:n], p.Markdown)
					}
				}
			}
		}
	}
}

func control(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

// TestSettled says what a text is for the scanner.
func TestSettled(t *testing.T) {
	for text, want := range map[string]string{
		"a\r\nb\rc\r\r\nd\r": "a\nb\nc\n\nd\n", "a\tb\x00c\x1b[31m\x7f\u0085": "a\tbc[31m", "\xff漢\xe6": "\uFFFD漢\uFFFD",
		"a\u202eb\u2066c\u200ed\u061c": "abcd", "a\U000e0061\U000e007fb": "ab", "a\u200bb\u2060c\ufeffd\u00ade": "abcde", "x\ufe0f\ufe0f\U000e0101": "x",
		"👩‍👩‍👧‍👦 ❤️‍🔥 1️⃣ 🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f": "👩‍👩‍👧‍👦 ❤️‍🔥 1️⃣ 🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
		"می\u200cخواهم PDF\u200cها": "می\u200cخواهم PDF\u200cها", "क्\u200dष ه\u200d": "क्\u200dष ه\u200d", "ไทย\u200bไทย": "ไทย\u200bไทย", "葛\U000e0100": "葛\U000e0100",
		// Fillers go, but for those of Korean letters that are written in their parts, and blanks
		// of braille.
		"a\u115fb\u1160c\u3164d\uffa0e\u2800f \u115f\u1160\u115f\u1160": "abcdef ", "\u1100\u1160 \u115f\u1161 \u1160\u11a8 \u1100\u1161\u11a8": "\u1100\u1160 \u115f\u1161 \u1160\u11a8 \u1100\u1161\u11a8",
		"\u1100\u1160\u1160\u1160 \u115f\u1160\u11a8": "\u1100\u1160 \u1160\u11a8", "⠓⠊\u2800\u2800⠞ \u2800\u2800⠞": "⠓⠊\u2800\u2800⠞ \u2800⠞", "한국어 글 ㄱㅏ": "한국어 글 ㄱㅏ", "`a\u3164b`": "`a\u3164b`",
		"a\u200db 1\u200d2 👩\u200da": "ab 12 👩a", "🏴\U000e0067\U000e0062": "🏴",
		"```\na\u202e\u200b\x1bb\r\n```\na\u202eb": "```\na\u202e\u200bb\n```\nab", "`a\u200bb` \u200b`c\u200b": "`a\u200bb` `c", "``a`\u200b`` x\u200b": "``a`\u200b`` x",
	} {
		if got := settle(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
		var s source
		before := ""
		for n := range len(text) + 1 {
			got := s.take(text[:n], n == len(text))
			if !strings.HasPrefix(got, before) {
				t.Fatalf("%q: %q, then %q", text[:n], before, got)
			}
			for at := range len(got) + 1 {
				if o := s.offset(at); o < 0 || o > n || at > 0 && o < s.offset(at-1) {
					t.Fatalf("%q: offset %d is %d", text[:n], at, o)
				}
			}
			before = got
		}
		if before != want {
			t.Errorf("%q growing is %q, want %q", text, before, want)
		}
	}
}

// TestCodeIsCopied says that code which Slack resolves to nothing stays as it is written.
func TestCodeIsCopied(t *testing.T) {
	const code = "Promise<string|null> Map<a.B|c> List<@NonNull String> <#if x> a<b && c>d &lt;div> <T extends {a: 1}> \"\\u202e\" \u202e\u200b\ttab  \n\n  x := <-ch | <br/> `tick` <!-- c -->"
	for _, text := range []string{"```ts\n" + code + "\n```", "`Promise<string|null>` `List<@NonNull String>`", "```ts\nfunction f(x: Promise<string|null>) {}\nsort <in.txt|uniq -c\n```", "`function f(x: Promise<string|null>) {}` and `sort <in.txt|uniq -c`", "```\n<!ELEMENT a (b)>\na<!b && c<@d|e> &lt;!here> <ssh://x>\n```"} {
		if p := New(MessageLimits()).Set(text, true); len(p) != 1 || p[0].Markdown != text {
			t.Errorf("%q\nis %q", text, show(p))
		}
	}
}

// TestCodeOfSeveralLinesIsCopied: nobody knows whether Slack decodes entities in code, so whoever
// copies code from a page gets what was written, also where it goes across line ends or is
// indented.
func TestCodeOfSeveralLinesIsCopied(t *testing.T) {
	for _, text := range []string{
		"Run `make <target>\nCC=<cc> && x > y` now.",
		"Run ``a `<b>`\n<c>`` and `<d>` and `e\n<f>` now.",
		"A ` stray, ``<x>\n<y>`` z",
		"> see `<a>\n> <b>` here",
		"- see `<a>\n  <b>` here\n- and `<c>`",
		"Like this:\n\n    if a < b && <br> {\n    <br>\n    \\<T> &amp; &zwj; &lt;x> <div>\n\n    <p>\n\nDone.",
		"- item\n\n      <p> a < b\n\n  text",
		"So:\n\n    spec:\n      - name: <x>\n        key: <y>\n      - <z>\n\n    1. <a>\n\nDone.",
		"So:\n\n    >>> a < b\n    True\n    > cat <x>\n\nDone.",
		"    # <x>\n    - <y>\n    <z>",
		"    <tab>\n    <br/> x",
		"`Promise<string|null>\nList<@NonNull String>`",
	} {
		var p []Page
		for d, i := New(MessageLimits()), 0; i <= len(text); i++ {
			p = d.Set(text[:i], i == len(text))
		}
		if len(p) != 1 || p[0].Markdown != text {
			t.Errorf("%q\nis %q", text, show(p))
		}
	}
	// Where there is no code, a < is escaped as ever.
	for text, want := range map[string]string{
		"a ` b <c>\nd <e>":                               "a ` b &lt;c>\nd &lt;e>",
		"a ` b <c>\n\nd <e> ` f":                         "a ` b &lt;c>\n\nd &lt;e> ` f",
		"a ` b <c>\n- d <e> ` f":                         "a ` b &lt;c>\n- d &lt;e> ` f",
		"a ` b <c>\n# d <e> ` f":                         "a ` b &lt;c>\n# d &lt;e> ` f",
		"text\n    <x> goes on":                          "text\n    &lt;x> goes on",
		"`a\n<b>` <c>":                                   "`a\n<b>` &lt;c>",
		"`<!channel>\n<@U012>` <!here>":                  "`<\u2060!channel>\n<\u2060@U012>` &lt;!here>",
		"    <!channel> <@U012>\n    <https://x.test|y>": "    <\u2060!channel> <\u2060@U012>\n    <\u2060https://x.test|y>",
		"`<https://x.test|a\n-> b` c":                    "`<\u2060https://x.test|a\n-> b` c",
		"\t<tab>":                                        "    <tab>",
	} {
		if p := New(MessageLimits()).Set(text, true); len(p) != 1 || p[0].Markdown != want {
			t.Errorf("%q\nis %q, want %q", text, show(p), want)
		}
	}
}

// TestCodeOfSeveralLinesStaysWhole: a page does not end in it, for half of it would be no code.
func TestCodeOfSeveralLinesStaysWhole(t *testing.T) {
	const code = "`make <target>\nCC=<cc> && x > y`"
	for n := range 460 {
		text := strings.Repeat("word ", n) + code + " now."
		var all []string
		for _, p := range New(Limits{Chars: 2_200}).Set(text, true) {
			all = append(all, p.Markdown)
		}
		if s := strings.Join(all, "\n"); !strings.Contains(s, code) {
			t.Fatalf("%d words: %q", n, all)
		}
	}
}

// TestLastLook says that a page has no live token whatever was decided before.
func TestLastLook(t *testing.T) {
	for page, want := range map[string]string{
		"a <b> <c|d>": "a <b> <c|d>", "x <!here> <@U1> <#C1|n> <https://a.test|b>": "x <\u2060!here> <\u2060@U1> <\u2060#C1|n> <\u2060https://a.test|b>", "<": "<", "<!": "<!", "<ssh://a|b> <ssh://a>": "<\u2060ssh://a|b> <ssh://a>",
	} {
		if got := lastLook(page); got != want {
			t.Errorf("%q is %q", page, got)
		}
	}
}

// TestManyMarks says that runs of marks that are larger than a page are cut like everything else.
func TestManyMarks(t *testing.T) {
	if raceDetector {
		t.Skip("one goroutine: there is nothing to race, and it takes ten times as long")
	}
	for _, text := range []string{strings.Repeat("`", 3_000), strings.Repeat("`", 13_000), strings.Repeat("`", 30_000), strings.Repeat("*", 30_000), strings.Repeat("~", 30_000)} {
		for _, text := range []string{text, "word " + text, "**a " + text + " b**", "- " + text, "`" + text + " ` x"} {
			for _, lim := range []Limits{{Chars: 2_200, Bytes: 2_200}, {Chars: MinLimit}, MessageLimits()} {
				var at []int
				for n := 7; n < len(text); n += 7 {
					at = append(at, n)
				}
				if err := check(text, lim, at); err != "" {
					t.Fatalf("%.20q and %d more, %v: %.400s", text, len(text), lim, err)
				}
			}
		}
	}
}
