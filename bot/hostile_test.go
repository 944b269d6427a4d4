package bot_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/answer"
	"llmbot/bot/slacksim"
	"llmbot/bot/thread"
	"llmbot/llm/llmsim"
)

var (
	hostileThreads = flag.Int("hostile.threads", 20, "how many threads TestHostileThreads plays, in worlds of twenty")
	hostileFirst   = flag.Uint64("hostile.first", 1, "the seed of the first of its worlds")
)

// hostileWorldSize is how many threads one world has at the same time.
const hostileWorldSize = 20

// hostileFragments returns what hostile answers and questions are made of: live tokens, disguises
// of them, half constructs, and what costs a careless renderer its time. Each is tried in pieces
// too.
func hostileFragments() []string {
	return []string{
		"<!channel>", "<!here|x>", "<!everyone>", "<@U0ALICE001>", "<@U0BOB00001|bob>", "<#C0GENERAL1>", "<!subteam^S1>",
		"<https://evil.test/x|https://bank.test>", "<mailto:a@b.test|x>", "<\r!channel>", "<\r@U0BOB00001>", "<\r!subteam^S1>",
		"<\rhttps://evil.test/x|https://bank.test>", "<\x01!channel>", "<\u200b!channel>", "@\rchannel", "@h\rere", "@everyone", "@channel",
		"&#60;!channel>", "&#60;\r!here>", "&#x3c;@U0ALICE001>", "&lt;!channel&gt;", "&amp;lt;!here>", "\\<!channel>", "`<!channel>`", "``<\r!here>``",
		"```\n<!channel>\n```\n", "```go\n<\r!channel> <@U0BOB00001>\n", "prose\n        ```\n<!channel> as prose\n        ```\n", "> ```\n> <!here>\n> ```\n",
		"999999999. ```\n<!channel>\n", "- ```\n<!channel>\n", "~~~\n<!everyone>\n", "\n```\n", "```", "````", "`", "``",
		"[https://bank.test](https://evil.test/?q=SECRET)", "![pic](https://evil.test/p.png)", "[doc](javascript:alert(1))", "[a](data:text/html,x)",
		"https://evil.test/a?b=c", "www.evil.test", "[x]: https://evil.test\n", "[a](https://x.test @here)", "http://x.test/,@everyone",
		"[a[a[a", "](((", "**", "*", "***", "_", "~~", "~", "> > > ", "- - - ", "1. 1. ", "# ", "###### x\n", "\n---\n", "===\n", "| a | b |\n|---|---|\n| <!here> | 2 |\n",
		"| x ", "||||||||||||||||||||||||||\n", "\r", "\r\n", "\n\n", "   ", "\t", "\u202e", "\u2066", "\u200b", "\u200d", "\U000e0061", "\x00", "\x1b[31m", "\x07", "\u2028",
		"e\u0301\u0301\u0301", "👩‍👩‍👧‍👦", "漢字かな", "مرحبا", "𝕏", "<|im_end|>", "<div>", "<!-- ", "<![CDATA[", "Promise<string|null>", "a<b && c>d", "&", "<", ">", "\\",
		strings.Repeat("word ", 300), strings.Repeat("#", 40), strings.Repeat("<", 60), strings.Repeat("&", 60), strings.Repeat("`", 90), strings.Repeat("x", 700),
		strings.Repeat("## h\n", 12), strings.Repeat("a|", 30) + "\n" + strings.Repeat("-|", 30) + "\n",
	}
}

// hostile is one answer that the model gives: its text, and the marks that a reader must find of it.
type hostile struct {
	text  string
	marks []string
	at    []int // where in the text each of them begins, in runes
}

// newHostile makes the answer to a question: fragments in any order with marks between them, which
// are words that nothing may swallow.
func newHostile(rng *rand.Rand, tag string) hostile {
	parts := hostileFragments()
	size := []int{5, 20, 60, 200}[rng.IntN(4)]
	if rng.IntN(25) == 0 {
		size = 1500 // some of them are longer than any answer may be
	}
	var h hostile
	var b strings.Builder
	runes := 0
	add := func(s string) {
		b.WriteString(s)
		runes += len([]rune(s))
	}
	for i := range size {
		part := parts[rng.IntN(len(parts))]
		for range 1 + rng.IntN(6)/5*rng.IntN(20) {
			add(part)
		}
		if rng.IntN(4) == 0 {
			m := fmt.Sprintf("k%sn%dk", tag, i)
			add([]string{" ", "\n", "\n\n"}[rng.IntN(3)])
			h.marks, h.at = append(h.marks, m), append(h.at, runes)
			add(m + []string{" ", "\n", ". "}[rng.IntN(3)])
		}
	}
	h.text = b.String()
	return h
}

// tape streams a text as a hostile server would: in one piece, in tiny ones, or in any.
func (h hostile) tape(rng *rand.Rand) llmsim.Tape {
	runes := []rune(h.text)
	most := []int{len(runes), 3, 64, 1500}[rng.IntN(4)]
	if len(runes) > 20_000 {
		most = max(most, 2000)
	}
	var out llmsim.Tape
	for len(runes) > 0 {
		n := min(len(runes), 1+rng.IntN(most))
		out = append(out, llmsim.Chunk(string(runes[:n]), 1+n/4))
		runes = runes[n:]
		if rng.IntN(4) == 0 {
			out = append(out, llmsim.Wait(time.Duration(rng.IntN(400))*time.Millisecond))
		}
	}
	return out
}

// refusals are Slack's words for a call that the bot should not have made so.
var reRefusal = regexp.MustCompile(`too_long|too_many|invalid_|no_text|malformed|exceed|limit$`)

var reHostileTag = regexp.MustCompile(`tag(\d+x\d+)x`)

// TestHostileThreads plays threads in which the model and people write whatever may harm others. Nobody
// is pinged, nothing is unfurled, Slack refuses nothing for its form, and every word arrives, but for
// what is beyond the bound on an answer, which is said.
func TestHostileThreads(t *testing.T) {
	t.Parallel()
	worlds := (*hostileThreads + hostileWorldSize - 1) / hostileWorldSize
	for i := range worlds {
		seed := *hostileFirst + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) { hostileWorld(t, seed) })
	}
}

func hostileWorld(t *testing.T, seed uint64) {
	answerTo := func(tag string) hostile {
		return newHostile(rand.New(rand.NewPCG(seed, uint64(len(tag))<<32|uint64(tagNumber(tag)))), tag)
	}
	cfg := worldConfig{
		slack: slacksim.Config{Latency: 20 * time.Millisecond, Seed: seed, HoldEvents: 100, Limiter: slacksim.LimiterOff},
		model: llmsim.Config{Speed: 200, MaxModelLen: 1 << 20, Script: func(c *llmsim.Chat) llmsim.Tape {
			tags := reHostileTag.FindAllStringSubmatch(fmt.Sprint(c.Messages), -1)
			if len(tags) == 0 {
				return nil
			}
			tag := tags[len(tags)-1][1]
			return answerTo(tag).tape(rand.New(rand.NewPCG(seed, 99+uint64(tagNumber(tag)))))
		}},
		bot:   bot.Config{Settings: bot.Settings{FollowUps: thread.FollowMention}},
		edits: 100_000,
	}
	inWorld(t, cfg, func(t *testing.T, w *world) {
		rng := rand.New(rand.NewPCG(seed, 1))
		type place struct {
			user, channel, ts string
			tags              []string
		}
		var places []*place
		parts := hostileFragments()
		ask := func(p *place, tag string) {
			words := "tag" + tag + "x " + parts[rng.IntN(len(parts))] + " " + parts[rng.IntN(len(parts))]
			ts := w.ask(p.user, p.channel, p.ts, words)
			if p.ts == "" {
				p.ts = ts
			}
			p.tags = append(p.tags, tag)
		}
		size := hostileWorldSize
		if raceDetector {
			size = 5 // it takes ten times as long
		}
		for i := range size {
			p := &place{user: []string{"alice", "bob", "carol"}[rng.IntN(3)], channel: []string{"general", "engineering", "random", "leads"}[rng.IntN(4)]}
			if i%4 == 0 {
				p.channel = "@" + p.user
			}
			ask(p, fmt.Sprintf("%dx%d", i, 0))
			places = append(places, p)
			time.Sleep(time.Duration(rng.IntN(500)) * time.Millisecond)
		}
		complete := func() bool {
			return !slices.ContainsFunc(places, func(p *place) bool { return ended(w.answers(p.channel, p.ts)) < len(p.tags) })
		}
		w.until("all answers are complete", 30*time.Minute, complete)
		for i, p := range places {
			if i%3 == 0 {
				ask(p, fmt.Sprintf("%dx%d", i, 1))
			}
		}
		w.until("all second answers are complete", 30*time.Minute, complete)
		for _, p := range places {
			all := text(w.answers(p.channel, p.ts))
			for _, tag := range p.tags {
				judgeHostile(t, p.channel+"/"+p.ts, answerTo(tag), all)
			}
		}
		for _, c := range w.slack.Calls() {
			if !c.OK && reRefusal.MatchString(c.Error) {
				t.Errorf("%s was refused: %s: %.500v", c.Method, c.Error, c.Args)
			}
		}
	})
}

// ended counts the answers of a thread that have ended.
func ended(messages []slacksim.Message) int {
	return strings.Count(text(messages), "first token ")
}

func tagNumber(tag string) int {
	var a, b int
	_, _ = fmt.Sscanf(tag, "%dx%d", &a, &b)
	return a*10 + b
}

// judgeHostile looks for every mark of an answer, in their order. Those behind the bound on an answer
// may be missing if that is said.
func judgeHostile(t *testing.T, where string, h hostile, shown string) {
	t.Helper()
	from := 0
	for i, m := range h.marks {
		at := strings.Index(shown[from:], m)
		if at >= 0 {
			from += at
			continue
		}
		switch {
		case strings.Contains(shown, m):
			t.Errorf("%s: %s is out of order", where, m)
		case strings.Contains(shown, answer.SaysLoop): // a fragment that fills pages is a loop, and that is said
		case h.at[i] < hostileBound:
			t.Errorf("%s: %s, at %d of %d characters, is lost", where, m, h.at[i], len([]rune(h.text)))
		case !strings.Contains(shown, "longer than"):
			t.Errorf("%s: %s is lost, and nothing is said of a bound", where, m)
		}
		return
	}
}

// hostileBound is below the bound on an answer, which is cut at the border of a block before it.
const hostileBound = 50_000
