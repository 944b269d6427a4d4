package render

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"llmbot/bot/slacksim"
)

var anyScheme = regexp.MustCompile(`^<[a-zA-Z][a-zA-Z0-9+.-]*://[^<>|\s]+\|[^<>]*>`)

// resolved reports whether Slack would resolve a token that begins s: the emulator says so, or it is a link with a label
// and any scheme, which facts leave open.
func resolved(s string) bool {
	tokens, _ := slacksim.Resolve(s)
	return len(tokens) > 0 && strings.HasPrefix(s, tokens[0]) || anyScheme.MatchString(s)
}

// deadCode is text of which all is code, with a word joiner where the emulator resolves something, and nowhere else.
func deadCode(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if b.WriteByte(text[i]); text[i] == '<' && resolved(text[i:]) {
			b.WriteString(joiner)
		}
	}
	return b.String()
}

// tokenParts are what tokens are made of, and what looks like them.
func tokenParts() []string {
	return []string{
		"<", "<", "<", ">", ">", "|", "|", "@", "#", "!", "^", ":", "//", "/", " ", " ", "\n", "\n \n", "\n    \n", "\n\t\n", "\n\n", "a", "U", "W1", "C", "D2", "u1", "U0BOB00001", "here", "channel", "everyone", "subteam^", "date^", "S1",
		"https://", "http:", "mailto:", "tel:", "HTTPS://", "git://", "slack://", "std::", "x.test", "bank.test", "string", "null", "Promise<string|null>", "React.Node", "sort <in.txt|uniq -c", "&lt;", "&lt;!here>", "&#60;", "&amp;", "&",
		"<!here>", "<!here|x>", "<@U1>", "<@U1|n>", "<#C1|n>", "<!subteam^S1>", "<!date^1^{date}|x>", "<https://x.test|bank>", "<https://x.test>", "<mailto:a@b.test|c>", "<!--", "<!DOCTYPE html>", "<![CDATA[", "<!ELEMENT a (b)>", "a<!b", "<br>", "List<@NonNull T>",
		"x <!HERE>", "<@u1>", "#include <https>", "漢字", "é", "f(x: Map<string, A|B>)", "<-ch", "a << b", "cat <<EOF", "x://y", "<ssh://host/x>", "<redis://a|b>", "*", "_", "~", "\\<",
	}
}

func randomTokens(r *rand.Rand, most int) string {
	parts := tokenParts()
	var b strings.Builder
	for range 1 + r.IntN(most) {
		b.WriteString(parts[r.IntN(len(parts))])
	}
	return b.String()
}

func checkTokens(t *testing.T, r *rand.Rand) {
	t.Helper()
	code := randomTokens(r, 30)
	line := strings.ReplaceAll(code, "\n", "")
	for _, text := range []string{"```go\n" + code + "\n```", "`" + strings.TrimSpace(line) + "`", "Words `" + line + "` and more.", "~~~\n" + code + "\n~~~\n\nMore -> words.", "- an item\n  ```\n  x" + line + "\n  ```", "- an item\n  ```\n  x" + line + "\n   \n     \n  y\n  ```"} {
		want := deadCode(text)
		if p := New(MessageLimits()).Set(text, true); len(p) != 1 || p[0].Markdown != want {
			t.Fatalf("%q\nis   %q\nwant %q", text, show(p), want)
		}
		if err := check(text, MessageLimits(), steps(r, len(text), 1+r.IntN(20))); err != "" {
			t.Fatal(err)
		}
	}
}

// TestCodeByTheResolver compares code with what the emulator's resolver makes of it: what it resolves is dead, all else is what it was.
func TestCodeByTheResolver(t *testing.T) {
	if raceDetector {
		t.Skip("one goroutine: there is nothing to race, and it takes ten times as long")
	}
	for i := range 2_000 {
		checkTokens(t, rand.New(rand.NewPCG(uint64(i), 21)))
	}
}

func FuzzCodeByTheResolver(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) { checkTokens(t, rand.New(rand.NewPCG(a, b))) })
}

// TestMixedByTheResolver renders answers in which code and prose take turns in mid-token, with Breaks and small pages: nothing is live.
func TestMixedByTheResolver(t *testing.T) {
	for i := range 1_500 {
		r := rand.New(rand.NewPCG(uint64(i), 22))
		var b strings.Builder
		for range 1 + r.IntN(12) {
			b.WriteString(randomTokens(r, 6))
			b.WriteString([]string{"`", "`", "\n```\n", "\n\n", "\n> ", "\n> ```\n> ", "\n| ", " | ", "\n- "}[r.IntN(9)])
		}
		text := b.String()
		h := hostile{text: text, lim: hostileLimits(r), at: steps(r, len(text), 1+r.IntN(20)), ops: randomOps(r, text)}
		md := commonMark()
		if err, _ := h.judge(md); err != "" {
			h, err = h.smaller(err, md)
			t.Fatalf("%d: %.1000s\nops %v, text %q", i, err, h.ops, h.text)
		}
	}
}

// TestLongTokens says what becomes of a < whose token has no end in sight.
func TestLongTokens(t *testing.T) {
	long := strings.Repeat("x", 2*tokenMax)
	for text, want := range map[string]string{
		"```\n<https://x.test|" + long + "\n```": "```\n<\u2060https://x.test|" + long + "\n```",
		"```\n<https://x.test|short\n```":        "```\n<https://x.test|short\n```",
		"```\n<b " + long + ">\n```":             "```\n<b " + long + ">\n```",
	} {
		if p := New(MessageLimits()).Set(text, true); len(p) != 1 || p[0].Markdown != want {
			t.Errorf("%.40q is %.60q", text, show(p))
		}
		if err := check(text, MessageLimits(), steps(rand.New(rand.NewPCG(1, 1)), len(text), 40)); err != "" {
			t.Error(err)
		}
	}
}
