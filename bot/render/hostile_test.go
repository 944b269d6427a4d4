package render

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark/parser"
)

var (
	hostileAnswers = flag.Int("hostile.answers", 2_000, "how many hostile answers are rendered")
	hostileFirst   = flag.Int("hostile.first", 0, "the number of the first of them")
)

// hostileParts are what hostile answers are made of, besides the snippets of any other.
func hostileParts() []string {
	return append(snippets(),
		// Control characters in what could be a token.
		"\r", "\x00", "\x0b", "\x0c", "\x1b[31m", "\x08", "\x7f", "\u0085", "\u009b", "\xff", "\xc3", "\xf0\x9f",
		"<\r!channel>", "<\r@U0BOB00001>", "<\r!subteam^S1>", "<\rhttps://evil.test|https://bank.test>", "<\x00!here>", "<\x1b@U0BOB00001>", "<!\rhere>", "<@\x0bU012>",
		"@\rchannel", "@h\rere", "@\x00everyone", "&#60;\r!channel>", "&\rlt;!here>", "&#60;!here&#62;", "&#x3C;@U012>", "```\n<\r!channel> <\r@U0BOB00001>\n```\n", "> ```\n> <\r!here>\n> ```\n",
		"`<\r!channel>`", "[x](https://e.test/&#60;!here>)", "[a](https://x @here)", "x://@channel", "http://x.test/,@everyone",
		// What shows nothing.
		"\u202e", "\u202c", "\u2066", "\u2069", "\u200e", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\U000e0061", "\U000e007f", "\ufe0f", "\U000e0101", "@\u200bchannel",
		"<\u200b!channel>", "<\u2060@U012>", "👨‍👩‍👧", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "می\u200cخواهم", "क\u094d\u200dष", "1️⃣",
		// Links.
		"[https://bank.test](https://evil.test/?q=SECRET)", "[bank.test](https://bank.test@evil.test/)", "![pic](https://evil.test/p.png?q=SECRET)", "[doc](javascript:alert(1))",
		"[doc](JaVaScRiPt&colon;alert(1))", "[x](data:text/html,hi)", "[x](vbscript:x)", "[![b](https://i.test)](https://evil.test)", "[a]: https://evil.test\n", "[a][a]", "[bank.test]",
		"www.evil.test ", "evil@mail.test ", "mailto:evil@mail.test", "https://evil.test/`x`", "[x](<https://evil.test/a b>)", "[x](https://evil.test \"t\")", "[a\nb](https://evil.test)", "](https://evil.test)",
		// Fences and blocks that not everybody sees.
		"        ```\n", "prose\n        ```\n# x\n        ```\n", "999999999. ```\n", "1. ```\n# x\n---\n", "- ```py\nprint(1)\n# x\n  ```\n", "      ```\n", "~~~\n# x\n", "- - - - - - - - - ```\n",
		"> - ```\n> # x\n", "- > ```\n", "-      ```\n# x\n", "2. ```\nx\n", "#\n", "a\n-\n", "a\n--\n", "a\n=\n", "a\n- \n", "- ***\n", "    code\n\n", "\t```\n", "# h\n", "- # h\n", "> # h\n", "***\n", "x\n    # y\n",
		// Tables.
		strings.Repeat("|", 30)+"\n"+strings.Repeat("|-", 29)+"|\n", strings.Repeat("| a ", 25)+"|\n"+strings.Repeat("|---", 25)+"|\n", "- | a | b |\n  |---|---|\n  | 1 | 2 |\n", "> | a | b |\n> |---|---|\n",
		"|-|\n", "|:-\n", "a\n:-\n", "x | y\n", ":-:|-\n", "| a `|` b |\n", "text without a pipe\n",
		// Long ones.
		strings.Repeat("`", 300), strings.Repeat("*", 300), strings.Repeat("> ", 30), strings.Repeat("- ", 30), strings.Repeat("1. ", 30), strings.Repeat("[a", 60), strings.Repeat("\u0301", 80), strings.Repeat("# h\n", 20),
		strings.Repeat(" ", 120), strings.Repeat("|\n", 20), strings.Repeat("&", 60), strings.Repeat("<!here>", 9), strings.Repeat("\n", 30), "Promise<string|null> ",
		// What readers take for something else: breaks of HTML, single tildes, marks beside punctuation.
		"<br>", "<br/>", "</br>", "<BR />\n", "a<br># x", "<br>- x<br>1. y", "a<br>\n", "<br>\n", "- a<br>b\n", "> a<br>b\n", "# a<br>b\n", "**a<br>b**", "a<br>```\n", "x<br>a | b\n", "a | b<br>c\n---|---\n",
		"<b", "| a<br>b | |\n", "|<br>||\n", "a<br>===\n", "a<br>---\n", "~3~5 ", "~", "3~5", "**注意：**正文", "含**「重点」**内容", "~~删除。~~正文", "***注。***文", "**「",
		// Tokens without an end.
		"<!date^", "<!date^1|", "<https://x.test|", "`<https://x.test|a` ", "`<!date^` ", "> ```\n> <https://x.test|a\n",
	)
}

func hostileText(r *rand.Rand, parts []string, most int) string {
	var b strings.Builder
	for range 1 + r.IntN(most) {
		part := parts[r.IntN(len(parts))]
		b.WriteString(part)
		for r.IntN(5) == 0 {
			b.WriteString(part)
		}
	}
	text := b.String()
	if r.IntN(8) == 0 { // until a page is full
		text = strings.Repeat(text, 1+r.IntN(1+14_000/(1+len(text))))
	}
	return text[:min(len(text), 30_000)]
}

func hostileLimits(r *rand.Rand) Limits {
	return []Limits{MessageLimits(), StreamLimits(), {Chars: 2_200, Bytes: 2_200}, {Chars: 700, Blocks: 12}}[r.IntN(4)]
}

// A hostile answer is rendered at once and growing, and what comes out is judged by the emulator's resolver and by a reader of CommonMark.
type hostile struct {
	text  string
	lim   Limits
	links Links
	at    []int
	ops   []op
}

func randomHostile(r *rand.Rand, parts []string) hostile {
	h := hostile{text: hostileText(r, parts, 40), lim: hostileLimits(r)}
	h.links = []Links{{}, {}, {Defang: true}, {Defang: true, Hosts: []string{"bank.test"}}}[r.IntN(4)]
	if r.IntN(3) == 0 {
		h.ops = randomOps(r, h.text)
	}
	h.at = steps(r, len(h.text), 1+r.IntN(40))
	return h
}

// judge says what is wrong with the pages, and how many there are.
func (h hostile) judge(md parser.Parser) (err string, pages int) {
	if err = checkWith(h.links, h.text, h.lim, h.at, h.ops...); err != "" {
		return err, 0
	}
	l := &life{doc: New(h.lim, WithLinks(h.links)), lims: []Limits{h.lim}}
	l.run(h.text, nil, h.ops)
	for _, p := range l.pages {
		checkWitnesses(&l.probe, md, p, h.links)
	}
	return l.err, len(l.pages)
}

// growing says what can be clicked on a page while the answer grows.
func (h hostile) growing(md parser.Parser) string {
	var p probe
	d := New(h.lim, WithLinks(h.links))
	for _, n := range h.at {
		for _, page := range d.Set(h.text[:n], false) {
			if checkClickable(&p, md, page.Markdown, h.links); p.err != "" {
				return fmt.Sprintf("%.60s\n ... %.80q\nof %q", p.err, page.Markdown[max(0, len(page.Markdown)-80):], h.text[max(0, n-80):n])
			}
		}
	}
	return ""
}

// TestHostileAnswers renders answers that are made to break something, with Breaks and Shrinks. Many more: -hostile.answers 200000.
func TestHostileAnswers(t *testing.T) {
	md, parts, pages, failed := commonMark(), hostileParts(), 0, 0
	rounds := *hostileAnswers
	if testing.Short() || raceDetector {
		rounds = min(rounds, 30)
	}
	for i := *hostileFirst; i < *hostileFirst+rounds; i++ {
		h := randomHostile(rand.New(rand.NewPCG(uint64(i), 12)), parts)
		if i%4 == 3 {
			h = randomAddresses(rand.New(rand.NewPCG(uint64(i), 12)))
		}
		err, n := h.judge(md)
		if pages += n; err == "" {
			continue
		}
		h, err = h.smaller(err, md)
		t.Errorf("answer %d: %.1000s\nlimits %v, links %v, ops %v, text %q", i, err, h.lim, h.links, h.ops, h.text)
		if failed++; failed == 20 {
			break
		}
	}
	t.Logf("%d answers, %d pages, %d failed", rounds, pages, failed)
}

// codeParts are what hostile code in lines of text is made of: across line ends, by indentation.
func codeParts() []string {
	return []string{
		"`", "`", "``", "\n", "\n", "\n\n", "\n    ", "\n\n    ", "\n> ", "\n- ", "\n      ", "    ", "\t", "x ", "word ", "a < b && c > d ", "<", ">", "&", "\\", "\\<", "<br>", "\n<br>\n", "\n    <br>\n",
		"<!channel>", "<!here|x>", "<@U012>", "<#C1|n>", "<https://e.test|bank.test>", "<https://e.test|", "<!date^", "<!date^1|", "<\r!channel>", "@channel", "&#60;!here>", "&lt;!here>", "&#x200b;", "&amp;", "<!", "<@", "|",
		"[bank.test](https://evil.test)", "[x", "](https://evil.test)", "www.evil.test ", "evil.c&#111;m/x ", "**", "_", "~", "# h\n", "---\n", "===\n", "a | b\n---|---\n", "```\n", strings.Repeat("x ", 90), strings.Repeat("<b> ", 40), "漢字。",
	}
}

// TestHostileCode does the same with code that readers of Markdown see in lines of text.
func TestHostileCode(t *testing.T) {
	md, parts, failed := commonMark(), codeParts(), 0
	rounds := *hostileAnswers
	if testing.Short() || raceDetector {
		rounds = min(rounds, 30)
	}
	for i := *hostileFirst; i < *hostileFirst+rounds; i++ {
		h := randomHostile(rand.New(rand.NewPCG(uint64(i), 13)), parts)
		err, _ := h.judge(md)
		if strings.Contains(err, " said) by CommonMark") {
			continue // known: of empty quotes and items beside such code fewer blocks are counted
		}
		if err == "" {
			err = h.growing(md)
		}
		if err == "" {
			continue
		}
		t.Errorf("answer %d: %.1000s\nlimits %v, links %v, ops %v, text %q", i, err, h.lim, h.links, h.ops, h.text)
		if failed++; failed == 5 {
			break
		}
	}
}

func FuzzHostile(f *testing.F) {
	if raceDetector {
		f.Skip("one goroutine: there is nothing to race, and it takes ten times as long")
	}
	for _, found := range []uint64{1, 143, 303, 787, 1115, 1871, 2734, 2795, 3368, 4496, 5981, 6342, 6675, 6742, 7249, 9125, 12596, 13839, 17545, 22891, 27036, 63675, 64205, 81560, 88602, 99699, 121462, 141097, 154081, 164563, 174500, 181529, 189403} { // these found something
		f.Add(found, uint64(12))
	}
	f.Fuzz(func(t *testing.T, a, b uint64) {
		md := commonMark()
		h := randomHostile(rand.New(rand.NewPCG(a, b)), hostileParts())
		if err, _ := h.judge(md); err != "" {
			h, err = h.smaller(err, md)
			t.Errorf("%.1000s\nlimits %v, links %v, ops %v, text %q", err, h.lim, h.links, h.ops, h.text)
		}
	})
}

// FuzzHostileText is any text, with any links, for the same judges.
func FuzzHostileText(f *testing.F) {
	if raceDetector {
		f.Skip("one goroutine: there is nothing to race, and it takes ten times as long")
	}
	for i, s := range hostileParts() {
		f.Add(s+s, uint64(i))
	}
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		md := commonMark()
		r := rand.New(rand.NewPCG(seed, 4))
		h := randomHostile(r, []string{text})
		if err, _ := h.judge(md); err != "" {
			h, err = h.smaller(err, md)
			t.Errorf("%.1000s\nlimits %v, links %v, ops %v, text %q", err, h.lim, h.links, h.ops, h.text)
		}
	})
}

// smaller finds a smaller text that fails too.
func (h hostile) smaller(err string, md parser.Parser) (hostile, string) {
	for i := 0; i < len(h.ops); {
		less := h
		less.ops = slices.Delete(slices.Clone(h.ops), i, i+1)
		if e, _ := less.judge(md); e != "" {
			h, err = less, e
		} else {
			i++
		}
	}
	for size, tries := len(h.text)/2, 0; size > 0 && tries < 600; {
		found := false
		for i := 0; i+size <= len(h.text); tries++ {
			less := h
			less.text, less.ops, less.at = h.text[:i]+h.text[i+size:], slices.Clone(h.ops), nil
			for j, o := range less.ops {
				if o.at > i {
					less.ops[j].at = max(i, o.at-size)
				}
			}
			for j := 0; j < len(less.text) && len(less.text) <= 300; j++ {
				less.at = append(less.at, j)
			}
			if e, _ := less.judge(md); e != "" {
				h, err, found = less, e, true
			} else {
				i += size
			}
		}
		if !found {
			size /= 2
		}
	}
	return h, err
}
