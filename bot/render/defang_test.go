package render

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// linkParts are what somebody writes to get an address past Links: whole ones, halves, and what may stand in or beside them.
func linkParts() []string {
	return []string{
		"evil.com/steal?q=SECRET ", "evil.", "com/steal", "me@", "me@evil.com", "@evil.com ", "https://evil.test", "https", "://", "//", "www.", "www", "good.test", "https://good.test", "https://good.test/a", ".zip/x ", ".zip", "zip/x", "sub.",
		strings.Repeat(",", 380), strings.Repeat(",", 395), strings.Repeat("a", 390), strings.Repeat("漢", 130), strings.Repeat("a.", 190), strings.Repeat(".", 390), strings.Repeat("(", 120), ",", "漢", "a", " ", "\n",
		"&#111;", "&#x6f;", "&#0099;", "&#X63;om", "&fjlig;", "&oacute;", "&period;", "&#46;", "&#12290;", "&#xFF0E;", "&#65381;", "&shy;", "&ZeroWidthSpace;", "&#8288;", "&zwj;", "&#45;", "&commat;", "&colon;", "&sol;", "&bsol;", "&#111", "&#x6f", "&amp;", "&lowbar;",
		"evil.c&#111;m/x ", "evil.&#99;om/x ", "evil&#x2024;com", "www&#46;evil.com", "&#104;ttps://localhost/x ", "https&#58;//localhost/x ", "evil.c&oacute;m/x ", "&#119;ww.x",
		"\u200b", "\u00ad", "\u2060", "\ufeff", "\u200d", "\ufe0f", "\u3164", "\u0301", "evil.\u200bcom ", "ev\u00adil.com ", "evil1\ufe0f.com/x ", "i\u2764.ws/x ", "evilक\u200d.com/x ", "evi\u0301l.com ",
		"evil。com/x ", "evil．com/x ", "evil｡com/x ", "evil\u2024com/x ", "good.test。zip/x ", "ｅｖｉｌ．ｃｏｍ ", "ｅｖｉｌ.ｃｏｍ/x ", "https://good.test。zip/x ", "xn--e1afmkfd.xn--80akhbyknj4f/x ", "пример.com/x ", "。", "．",
		"\\", "\\.", "evil\\.com/x ", "evil.\\com ", "https:\\/\\/localhost/x ", "https\\://evil.test ", "me\\@evil.com ", "https://good.test\\.zip/x ", "good.test\\.zip/x ", "<https://good.test>.zip/x ", "<https://good.test>", "<", ">", "<me@good.test>.zip ",
		"evil%2ecom ", "https://good.test%2ezip/x ", "good.test%2ezip/x ", "hxxp://evil.com ", "https://good.test:80@evil.zip/ ", "good.test:80@evil.zip/x ", "wait...evil.com/x ", "a.b..evil.com/x ", "evil.com...zip/x ", "evil.com:// ", "good.test/(http://evil.com", "good.test/~bob/*evil.com/x* ", "é[good.test](/)", "1️⃣[.test](/)", "http://good.test./https://evil.com ", "http://good.test:/s://t ", "good.test/*evil.com/x* ", "https://good.test/_evil.com_ ", "https://good.test/漢evil.com ", "https://good.test/~~evil.com~~ ", "a.漢www.evil.c/x ", "evil.com://", "evil.com@ ", "me@evil.com..zip ", "漢字www.evil.c/x ", "https://good.test....", "good.test---", "https://good.test'",
		"evil.[com/steal](https://x.test) ", "[evil.](https://x.test)com/x ", "evil.![com/x](https://x.test)", "[evil](https://good.test).com/x ", "evil.[com/steal](https://good.test) ", "[evil.com](https://good.test)", "[", "](https://good.test)", "](https://evil.test)", "[x](", ")",
		"| evil.com | evil.c&#111;m |\n|---|---|\n| evil.|com |\n", "|", "evil.`com`/x ", "`evil.com` ", "`", "**", "*", "_", "~~", "<br>", "evil.<br>com ", "> ", "- ", "# ",
	}
}

// TestNothingToClick says that no address can be clicked that Links does not let through, for readers that take what a person sees.
func TestNothingToClick(t *testing.T) {
	md := commonMark()
	try := func(text string) {
		t.Helper()
		for _, links := range []Links{{Defang: true}, {Defang: true, Hosts: []string{"good.test"}}} {
			var p probe
			d := New(MessageLimits(), WithLinks(links))
			for _, page := range d.Set(text, true) {
				checkWitnesses(&p, md, page, links)
			}
			if p.err != "" {
				t.Errorf("%d bytes %q, %v: %.300s", len(text), text[max(0, len(text)-60):], links.Hosts, p.err)
			}
		}
	}
	for _, part := range linkParts() {
		try(part)
		try("a " + part)
		try("| a |\n|---|\n| " + strings.TrimRight(part, "\n ") + " |\n")
		try("- > " + part)
	}
	// Addresses beside the bound of a look.
	for _, pad := range []string{",", "a", "漢", "(", "漢字、", "a,", "-", "a.", ".", "@", "/", "é", "://", "*", "_", "\\.", "&#44;", "&amp;", "[x](y)", "a&#46;"} {
		for _, tail := range []string{
			"evil.com/steal?q=1", "me@evil.com", "https://good.test.zip/x", "good.test.zip/x", "https://localhost.zip/x", "www.evil.zip/x", "https://good.test:80@evil.zip/x", "evil.c&#111;m/x", "evil。com/x",
			"https://good.test" + strings.Repeat(".", 30) + "zip/x", "https://good.test/a,b.evil.com", "<https://good.test>.zip/x", "good.test" + strings.Repeat("-", 20) + ".zip/x",
		} {
			for n := wholeWord - len(tail) - 5; n <= wholeWord+2; n++ {
				front := strings.Repeat(pad, n/len(pad)+1)
				front = wholeRunes(front[:n])
				try(front + tail)
				if n%7 == 0 {
					try("x " + front + front + tail)
					try("[" + front + tail + "](https://x.test)")
					try("| " + front + tail + " |\n|---|\n| " + front + tail + " |\n")
				}
			}
		}
	}
}

// TestNothingToClickInTexts says the same of text arguments, and that no link's text hides an address behind a long word.
func TestNothingToClickInTexts(t *testing.T) {
	for _, links := range []Links{{Defang: true}, {Defang: true, Hosts: []string{"good.test"}}} {
		for _, pad := range []string{",", "漢", "a", ".", "-", "漢字、"} {
			for n := wholeWord - 40; n <= wholeWord+2; n++ {
				front := wholeRunes(strings.Repeat(pad, n/len(pad)+1)[:n])
				for _, tail := range []string{"evil.com/steal", "me@evil.com", "https://good.test.zip/x", "https://good.test...zip/x", "evil\\.com/x"} {
					for _, s := range append(Plain(front+tail, WithLinks(links)), Fallback(front+tail, WithLinks(links))) {
						var shown strings.Builder
						for i, part := range strings.Split(s, "`") {
							if i%2 == 0 {
								shown.WriteString(part + "`")
							}
						}
						for _, found := range reSeen.FindAllString(strings.ReplaceAll(shown.String(), "\\", " "), -1) {
							if host := leadsTo(found); len(links.Hosts) == 0 || host != "good.test" {
								t.Fatalf("%d %q: %q can be clicked: %q", n, tail, found, s)
							}
						}
					}
				}
			}
		}
	}
	for n := 380; n < 402; n++ {
		text := fmt.Sprintf("[%sbank.test](https://evil.test)", strings.Repeat(",", n))
		if page := New(MessageLimits()).Set(text, true)[0].Markdown; !strings.Contains(page, "bank.test (evil.test)]") {
			t.Errorf("%d: %q", n, page)
		}
	}
}

// randomAddresses is a hostile answer of parts of addresses, under Links that let none or one host through.
func randomAddresses(r *rand.Rand) hostile {
	const enough = 3_000 // some looks of a word; each step is read as CommonMark
	h := randomHostile(r, linkParts())
	h.text = h.text[:min(len(h.text), enough)]
	h.at = steps(r, len(h.text), 1+r.IntN(20))
	h.ops = slices.DeleteFunc(h.ops, func(o op) bool { return o.at > len(h.text) })
	h.links = []Links{{Defang: true}, {Defang: true, Hosts: []string{"good.test"}}}[r.IntN(2)]
	return h
}

// TestAddressesGrowing says that none can be clicked while an answer grows, either.
func TestAddressesGrowing(t *testing.T) {
	md := commonMark()
	rounds := 80
	if testing.Short() || raceDetector {
		rounds = 30
	}
	for i := range rounds {
		h := randomAddresses(rand.New(rand.NewPCG(uint64(i), 21)))
		if err := h.growing(md); err != "" {
			t.Fatalf("answer %d: %.1200s", i, err)
		}
	}
}

func FuzzAddresses(f *testing.F) {
	if raceDetector {
		f.Skip("one goroutine: there is nothing to race, and it takes ten times as long")
	}
	f.Add(uint64(1), uint64(21))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		md := commonMark()
		h := randomAddresses(rand.New(rand.NewPCG(a, b)))
		err, _ := h.judge(md)
		if err == "" {
			err = h.growing(md)
		} else {
			h, err = h.smaller(err, md)
		}
		if err != "" {
			t.Errorf("%.1000s\nlimits %v, links %v, ops %v, text %q", err, h.lim, h.links, h.ops, h.text)
		}
	})
}
