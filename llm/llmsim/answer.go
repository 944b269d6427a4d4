package llmsim

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What a question may ask of the answer's length, and which words choose its parts.
var (
	reWords  = regexp.MustCompile(`(?i)\bin (\d+|one|two|three|four|five|six|seven|eight|nine|ten) words?\b`)
	reTokens = regexp.MustCompile(`(?i)\b(\d[\d,]*) tokens?\b`)
	reSay    = regexp.MustCompile(`(?is)^(?:say|echo|repeat)(?: exactly)?: ?(.+)$`)
	// Slack's display names are often in small letters.
	reName = regexp.MustCompile(`^(\p{Lu}[\p{L}\p{N} .'_-]{0,40}|[\p{Ll}\p{N}][\p{L}\p{N}._-]{0,40}): `)
)

const maxAskedTokens = 100_000

// thread is what the model noticed about a chat.
type thread struct {
	question string   // the last one, without the name before it
	name     string   // who asked it
	before   []string // earlier questions, oldest first
	people   []string // all who asked, in the order they came
	system   bool
}

func readThread(c *Chat) thread {
	var t thread
	for _, m := range c.Messages {
		switch m.Role {
		case "user":
			name, text := m.Name, m.Content
			if found := reName.FindStringSubmatch(text); found != nil && name == "" && !reSay.MatchString(text) {
				name, text = found[1], text[len(found[0]):]
			}
			if name != "" && !slices.Contains(t.people, name) {
				t.people = append(t.people, name)
			}
			if t.question != "" {
				t.before = append(t.before, t.question)
			}
			t.question, t.name = strings.TrimSpace(text), name
		case "system", "developer":
			t.system = true
		}
	}
	return t
}

// DefaultAnswer returns what the simulated model says. It is Markdown that takes up the question,
// and says who asked and what was asked before, so that a test can see which context arrived. The
// same chat gives the same answer.
//
// "in 5 words" gives five words, "600 tokens" an answer of exactly 600 completion tokens (the end
// token included), "say: X" gives X. Words like "table", "code" and "list" choose what is in it.
func DefaultAnswer(c *Chat) string {
	t := readThread(c)
	if m := reSay.FindStringSubmatch(t.question); m != nil {
		return m[1]
	}
	if m := reWords.FindStringSubmatch(t.question); m != nil {
		return words(m[1], t)
	}
	if m := reTokens.FindStringSubmatch(t.question); m != nil {
		if n, err := strconv.Atoi(strings.ReplaceAll(m[1], ",", "")); err == nil && n > 0 {
			return sized(t, min(n, maxAskedTokens)-1)
		}
	}
	if t.question == "" {
		return "I got no question. What would you like to know?"
	}
	parts := []string{opening(t)}
	for _, f := range choose(t.question) {
		parts = append(parts, f(t))
	}
	return strings.Join(parts, "\n\n")
}

// words answers in so many words.
func words(number string, t thread) string {
	n := slices.Index([]string{"", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"}, strings.ToLower(number))
	if n < 0 {
		n, _ = strconv.Atoi(number) // the expression matched digits
	}
	n = min(max(n, 1), maxAskedTokens)
	list := strings.Fields("Yes measure first then change one thing and measure again because numbers settle what opinions cannot")
	off := int(hash(t.question) % uint32(len(list)))
	out := make([]string, n)
	for i := range out {
		out[i] = strings.ToLower(list[(off+i)%len(list)])
	}
	out[0] = strings.ToUpper(out[0][:1]) + out[0][1:]
	return strings.Join(out, " ") + "."
}

// sized fills an answer up to exactly n tokens.
func sized(t thread, n int) string {
	parts := sections()
	text := opening(t)
	for i := 0; ; i++ {
		part := parts[(int(hash(t.question)%64)+i)%len(parts)](t)
		next := text + "\n\n" + part
		if CountTokens(next) > n-12 { // leave room for a closing sentence
			break
		}
		text = next
	}
	toks := Tokens(text + "\n\nIn short:")
	for i := 0; len(toks) < n-1; i++ {
		toks = append(toks, filler(i))
	}
	toks = toks[:max(n-1, 0)]
	if n > 0 {
		toks = append(toks, ".")
	}
	out := strings.Join(toks, "")
	for i := 0; CountTokens(out) < n && i < n; i++ { // a cut may have merged two tokens at the seam
		out += filler(i)
	}
	return out
}

// filler returns an endless supply of one-token words.
func filler(i int) string {
	list := strings.Fields("it works best when each part is small and can be tested on its own then the whole holds up under load too so")
	return " " + list[i%len(list)]
}

func opening(t thread) string {
	var b strings.Builder
	if t.name != "" {
		fmt.Fprintf(&b, "**%s**, you asked: %s", t.name, quote(t.question))
	} else {
		fmt.Fprintf(&b, "You asked: %s", quote(t.question))
	}
	if n := len(t.before); n > 0 {
		fmt.Fprintf(&b, "\n\nYou asked before: %s", quote(t.before[n-1]))
		noun := "questions"
		if n == 1 {
			noun = "question"
		}
		fmt.Fprintf(&b, " (%d earlier %s in this thread", n, noun)
		if len(t.people) > 0 {
			fmt.Fprintf(&b, ", with %s", strings.Join(t.people, ", "))
		}
		b.WriteString(")")
	}
	return b.String()
}

// quote shortens a question for the opening, on runes.
func quote(s string) string {
	const most = 200
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return "“" + s + "”"
}

type section func(thread) string

// choose picks the parts of an answer by the words of the question, else by its hash.
func choose(q string) []section {
	low := strings.ToLower(q)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(low, w) })
	}
	var out []section
	if has("hello", "hi there", "good morning", "thank") && len(low) < 40 {
		return []section{greeting}
	}
	if has("table", "compare", " vs ", "versus", "difference") {
		out = append(out, tableSection)
	}
	if has("code", "function", "example", "golang", "python", "script", "write a") {
		out = append(out, codeSection)
	}
	if has("list", "steps", "how do", "how to", "how can", "plan") {
		out = append(out, stepSection)
	}
	if len(out) == 0 {
		all := sections()
		h := int(hash(q) % 64)
		out = append(out, all[h%len(all)], all[(h+1)%len(all)])
	}
	return append([]section{summarySection}, out...)
}

func sections() []section {
	return []section{stepSection, codeSection, tableSection, proseSection, listSection}
}

func greeting(t thread) string {
	who := ""
	if t.name != "" {
		who = ", " + t.name
	}
	return "Hello" + who + "! I am a simulated model: I can stream *Markdown* of any length, but I know nothing."
}

func summarySection(t thread) string {
	return "## Short answer\n\n" + "It depends on **" + topic(t.question) + "**, but there is a good default: start small, measure, and change one thing at a time."
}

func proseSection(t thread) string {
	return "### Background\n\nThe word *" + topic(t.question) + "* means different things to different people. For some it is about speed, for others about " +
		"cost, and for most about not being woken up at night.\n\n> What is not measured is guessed.\n\nSo it is worth writing down what you expect " +
		"before you look at the numbers; see [the notes](https://example.com/notes) for a longer discussion."
}

func listSection(t thread) string {
	return "### What to keep in mind\n\n- **Scope**: only " + topic(t.question) + ", nothing else\n- **Limits**: about `50` requests a minute\n" +
		"  - more of them wait in a queue\n  - none is lost\n- **Owner**: one person who decides\n- ~~Hope~~ is not a plan"
}

func stepSection(t thread) string {
	return "### Steps\n\n1. Write down what **" + topic(t.question) + "** should do.\n2. Build the smallest version that does it.\n" +
		"3. Run it with `go test -race ./...` and read the output.\n4. Ask someone else to try it.\n5. Only then make it faster."
}

func codeSection(t thread) string {
	return "### Example\n\n```go\n// answer streams tokens until the context ends.\nfunc answer(ctx context.Context, tokens <-chan string) error {\n" +
		"\tfor {\n\t\tselect {\n\t\tcase <-ctx.Done():\n\t\t\treturn ctx.Err()\n\t\tcase tok, ok := <-tokens:\n\t\t\tif !ok {\n\t\t\t\treturn nil\n\t\t\t}\n" +
		"\t\t\tfmt.Print(tok) // " + topic(t.question) + "\n\t\t}\n\t}\n}\n```\n\nThe `select` makes it stop as soon as nobody listens any more."
}

func tableSection(t thread) string {
	return "### Comparison\n\n| Option | Speed | Effort | Fits " + topic(t.question) + " |\n|---|---:|---:|---|\n| Simple | 37.1 tok/s | 1 day | yes |\n" +
		"| Fast | 875 tok/s | 2 weeks | for batches |\n| Exotic | ? | ? | not yet |\n\nThe first row is right for *one* reader, the second for *many* at once."
}

// topic returns the longest word of the question.
func topic(q string) string {
	best := "this"
	for w := range strings.FieldsFuncSeq(q, func(r rune) bool { return classOf(r) != classLetter }) {
		if len(w) > len(best) && len(w) < 30 {
			best = w
		}
	}
	return strings.ToLower(best)
}

func hash(s string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s))
	return h.Sum32()
}

// thought returns what a reasoning model thinks before the answer.
func thought(c *Chat) string {
	t := readThread(c)
	out := "The user asks about " + topic(t.question) + ". "
	if n := len(t.before); n > 0 {
		out += fmt.Sprintf("There were %d questions before. ", n)
	}
	return out + "I should answer briefly, with an example, and not claim more than I know."
}
