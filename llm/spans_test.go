package llm

import "testing"

// TestSpansAcrossLines: code in backticks goes across line ends, up to the end of its paragraph. A lone backtick hides nothing.
func TestSpansAcrossLines(t *testing.T) {
	const token = "<|im_end|>"
	for in, want := range map[string]string{
		"Use `a\n" + token + "` b.":              "",
		"Use `a\r\n" + token + "` b.":            "",
		"Use `a\n-x " + token + "` b.":           "",
		"Use `a\n--x " + token + "` b.":          "",
		"Use `a\n*b* " + token + "` c.":          "",
		"Use `a\n#b " + token + "` c.":           "",
		"Use `a\n|b " + token + "` c.":           "",
		"Use `a\n+1 " + token + "` c.":           "",
		"Use `a\n2. " + token + "` c.":           "",
		"Use `a\n1.5 " + token + "` c.":          "",
		"Use `a\n    " + token + "` c.":          "",
		"> Use `a\n> " + token + "` c.":          "",
		"> Use `a\n" + token + "` c.":            "",
		"> > Use `a\n> " + token + "` c.":        "",
		"- > Use `a\n  > " + token + "` c.":      "",
		"1. Use `a\n   " + token + "` c.":        "",
		"- Use `a\n" + token + "` c.":            "",
		"Use ``a\n`" + token + "`\nb`` c.":       "",
		"Use `a\nb` and `c\n" + token + "` d.":   "",
		"# Heading\n    " + token + "\n\nText.":  "",
		"```\nx\n```\n    " + token + "\n\nText": "",
		"> ```\n> " + token + "\n> ```\nText":    "",

		"Use `a\n- " + token + "` b.":                           "Use `a\n- ` b.",
		"Use `a\n* " + token + "` b.":                           "Use `a\n* ` b.",
		"Use `a\n1. " + token + "` b.":                          "Use `a\n1. ` b.",
		"Use `a\n1) " + token + "` b.":                          "Use `a\n1) ` b.",
		"1. Use `a\n2. " + token + "` b.":                       "1. Use `a\n2. ` b.",
		"Use `a\n\n" + token + "` b.":                           "Use `a\n\n` b.",
		"> Use `a\n>\n> " + token + "` b.":                      "> Use `a\n>\n> ` b.",
		"Use `a\n> " + token + "` b.":                           "Use `a\n> ` b.",
		"# Use `a\n" + token + "` b":                            "# Use `a\n` b",
		"Use `a\n## b " + token + "` c":                         "Use `a\n## b ` c",
		"Use `a\n***\n" + token + "` b":                         "Use `a\n***\n` b",
		"Use `a\n- - -\n" + token + "` b":                       "Use `a\n- - -\n` b",
		"Use `a\n-\n" + token + "` b":                           "Use `a\n-\n` b",
		"Use `a\n===\n" + token + "` b":                         "Use `a\n===\n` b",
		"| a ` | b |\n|---|---|\n| " + token + "` | c |":        "| a ` | b |\n|---|---|\n| ` | c |",
		"Press the ` key,\nand `` too.\nThen " + token + "go.":  "Press the ` key,\nand `` too.\nThen go.",
		"> ```\n> x\n\nText " + token + "and more.":             "> ```\n> x\n\nText and more.",
		"> ```\n> x\n" + token + "Text " + token + "and ` more": "> ```\n> x\nText and ` more",
	} {
		if want == "" {
			want = in
		}
		for size := range len(in) {
			if text, reasoning, _ := splitAll(newSplitter(false), inPieces(in, size+1), true); text != want || reasoning != "" {
				t.Errorf("%q in pieces of %d: %q, want %q", in, size+1, text, want)
				break
			}
		}
	}
}
