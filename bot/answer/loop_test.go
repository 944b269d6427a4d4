package answer

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"llmbot/llm"
	"llmbot/llm/llmsim"
)

// taken is how many characters of a text come until it is noticed as a loop, token after token; -1: it is not.
func taken(text string, delta func(string) llm.Delta) int {
	var l Loops
	chars := 0
	for _, tok := range llmsim.Tokens(text) {
		chars += utf8.RuneCountInString(tok)
		if _, err := l.Take(delta(tok)); err != nil {
			return chars
		}
	}
	return -1
}

func noticed(l *Loops, text string) bool {
	_, err := l.Take(asText(text))
	return err != nil
}

func asText(s string) llm.Delta    { return llm.Delta{Text: s} }
func asThought(s string) llm.Delta { return llm.Delta{Reasoning: s} }

func TestLoops(t *testing.T) {
	varied := strings.Repeat("x", 199) + "y"
	for name, tt := range map[string]struct {
		before, piece string
		times         int
		once          string // what is left of it
	}{
		"sentences":        {"", "I am done. ", 5000, "I am done. "},
		"a letter":         {"Well, ", "a", 9000, "Well, a"},
		"line ends":        {"Well.", "\n", 9000, "Well.\n"},
		"spaces":           {"Well.", " ", 9000, "Well. "},
		"the longest":      {"Well. ", varied, 100, "Well. " + varied},
		"cjk":              {"はい。", "終わりました。", 1000, "はい。終わりました"},
		"emoji":            {"Yes ", "😀👍", 3000, "Yes 😀👍"},
		"behind much text": {llmsim.Honest(7) + "\n\nAnd ", "so on and so on, then ", 400, ""},
		"paragraphs":       {"", "First do this.\n\nThen do that.\n\n", 300, "First do this.\n\nThen do that.\n\n"},
		"list items":       {"# Steps\n\n", "- Look again.\n", 900, "# Steps\n\n- Look again."},
		"many rows":        {"| a |\n|---|\n", "| 0 |\n", 4000, ""},
		"exclamations":     {"Well", "!", 9000, "Well!"},
		"zeros":            {"It is ", "0", 9000, "It is 0"},
		"numbers":          {"It is ", "1 ", 5000, "It is 1"},
		"numbered items":   {"", "1. Look again.\n", 900, "1. Look again.\n"},
		"steps":            {"", "Step 1: look again. ", 900, "Step 1: look again. "},
		"boxes":            {"", "- [ ] Look again.\n", 900, "- [ ] Look again.\n"},
		"commas":           {"Well: ", "no, no, never, ", 900, "Well: no, no, never,"},
		"cjk with commas":  {"", "我知道了,我看看,", 900, "我知道了,我看看,"},
		"quotations":       {"> ", "I am done. ", 900, "> I am done."},
		"links":            {"", "See [it](http://a.b) again. ", 900, "See [it](http://a.b) again. "},
		"lines with faces": {"", "I am done 😀\n", 900, "I am done 😀\n"},
		"many boards":      {"", "+---+---+\n|   |   |\n", 3000, ""},
		"many emoji":       {"", "😀😀😀😀😀😀😀😀\n", 3000, ""},
		"many paths":       {"", "See /etc/hosts again.\n", 3000, ""},
		"questions":        {"", "**User:** And now?\n\n**Bot:** I am done.\n\n", 300, "**User:** And now?\n\n**Bot:** I am done.\n\n"},
		"blank lines":      {"Well.", "\n    ", 900, "Well.\n    "},
		"many data lines":  {"a,b\n", "0,0\n", 6000, ""},
		"endless array":    {"x = [", "0, ", 12_000, ""},
		"endless json":     {`{"a": "`, "I am done. ", 3_000, ""},
		"indented prose":   {"So:\n\n", "    I am done.\n", 900, ""},
		"many lines":       {"```\n", "x = 1\n", 4000, ""},
		"a long constant":  {"```\nkey = \"", "A", 30_000, ""},
	} {
		for kind, delta := range map[string]func(string) llm.Delta{"text": asText, "thoughts": asThought} {
			text := tt.before + strings.Repeat(tt.piece, tt.times)
			at, begun := taken(text, delta), utf8.RuneCountInString(tt.before)
			most := begun + leastLoop + 2*lookEvery + longestPeriod
			if tt.once == "" && begun < 100 { // a table, code, data
				most = begun + sureLoop + 2*lookEvery
			}
			if at < begun+leastLoop-longestPeriod || at > most {
				t.Errorf("%s as %s: noticed after %d characters, want from %d to %d", name, kind, at, begun+leastLoop, most)
			}
			if got := Once(text); tt.once != "" && got != tt.once {
				t.Errorf("%s: %q is left, want %q", name, got, tt.once)
			} else if len(got) >= len(text) || !strings.HasPrefix(text, got) {
				t.Errorf("%s: %d bytes of %d are left", name, len(got), len(text))
			}
		}
	}
}

// TestNoLoops: honest answers, and all captures of servers, are none.
func TestNoLoops(t *testing.T) {
	const answers = 10_000
	for seed := range uint64(answers) {
		var l Loops
		if text := llmsim.Honest(seed); noticed(&l, text) {
			t.Fatalf("answer %d is stopped after %d characters:\n%s", seed, taken(text, asText), text)
		}
	}
	for name, text := range map[string]string{
		"1,900 of a kind":   strings.Repeat("I am done. ", 172),
		"a longer period":   strings.Repeat(strings.Repeat("z", 120)+strings.Repeat("y", 120), 40),
		"counting":          counting(3000),
		"a table of zeros":  "| a | b |\n|---|---|\n" + strings.Repeat("| 0 | 0 |\n", 190),
		"a constant":        "```\nkey = \"" + strings.Repeat("A", 15_000) + "\"\n```\n",
		"a padded cell":     "| a" + strings.Repeat(" ", 5000) + "| b |\n",
		"code with a loop":  "```\n" + strings.Repeat("        0, 0, 0, 0, 0, 0, 0, 0,\n", 150) + "```\n",
		"code in an item":   "- ```\n" + strings.Repeat("  0, 0, 0, 0, 0, 0, 0, 0,\n", 150) + "  ```\n",
		"in a numbered one": "12. ```csv\n" + strings.Repeat("    0, 0, 0, 0, 0, 0, 0, 0,\n", 150) + "    ```\n",
		"indented code":     "Zeros:\n\n" + strings.Repeat("    0, 0, 0, 0, 0, 0, 0, 0,\n", 150) + "\nDone.",
		"indented by a tab": "So:\n\n" + strings.Repeat("\tfmt.Println(not done yet)\n", 120),
		"csv without fence": "a,b,c\n" + strings.Repeat("0,0,0,0,0,0,0,0\n", 150),
		"csv of words":      "a,b,c\n" + strings.Repeat("NaN,NaN,NaN,NaN\n", 150),
		"csv of sentences":  "a,b\n" + strings.Repeat("not set,not done yet\n", 150),
		"quoted csv":        strings.Repeat(`"N/A","N/A","N/A"`+"\n", 150),
		"csv by semicolons": strings.Repeat("0,0;0,0;1,5\n", 190),
		"tsv of words":      strings.Repeat("not set\tnot set\tnot set\n", 150),
		"rows without bars": "a | b\n--|--\n" + strings.Repeat("not set | not set\n", 150),
		"a grid of digits":  strings.Repeat("0 0 0 0 0 0 0 0 0 0\n", 150),
		"minified json":     `{"rows":[` + strings.Repeat("[0,0,0,0],", 1_500) + `[1]],"name":"x"}`,
		"a string in json":  `{"img":"` + strings.Repeat("A", 15_000) + `","n":1}`,
		"json in a line":    "It is [" + strings.Repeat("null, ", 2_000) + "null], as you see.",
		"objects in a line": `The list: [` + strings.Repeat(`{"msg": "not set yet"}, `, 500) + `{}].`,
		"ndjson":            strings.Repeat(`{"msg":"not found here","n":0}`+"\n", 150),
		"json over lines":   "[\n" + strings.Repeat("  {\n    \"msg\": \"not set yet\"\n  },\n", 45) + "  {}\n]\n",
		"xml":               "<rows>\n" + strings.Repeat("  <row><cell>not set yet</cell></row>\n", 100) + "</rows>\n",
		"yaml":              strings.Repeat("- name: x\n  value: 0\n", 95),
		"a span of code":    "The key is `" + strings.Repeat("A", 6_000) + "`.",
		"an array in prose": "The first row is " + strings.Repeat("0, ", 3_000) + "and so on.",
		"a grid of emoji":   strings.Repeat(strings.Repeat("🟩", 50)+"\n", 50),
		"a log":             strings.Repeat("GET /health 200\n", 140),
		"a log with times":  strings.Repeat("12:00:01 INFO the service is up\n", 140),
		"a crontab":         strings.Repeat("* * * * * /usr/bin/backup --all --quiet --and-then-some\n", 40),
		"a board":           strings.Repeat(strings.Repeat("+---", 20)+"+\n"+strings.Repeat("|   ", 20)+"|\n", 30),
		"a board of lines":  strings.Repeat(strings.Repeat("├───", 20)+"┤\n", 40),
		"a poem's refrains": strings.Repeat("Row, row, row your boat,\n", 70) + "gently down the stream.",
	} {
		if at := taken(text, asText); at >= 0 {
			t.Errorf("%s is stopped after %d characters", name, at)
		}
	}
	files, err := filepath.Glob("../../llm/testdata/real/*")
	if err != nil || len(files) < 138 {
		t.Fatalf("%d captures, %v", len(files), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if at := taken(string(raw), asText); at >= 0 {
			t.Errorf("%s is stopped after %d characters", file, at)
		}
	}
}

func counting(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d, ", i)
	}
	return b.String()
}

func TestRetractForgetsTheText(t *testing.T) {
	var l Loops
	if _, err := l.Take(asText(strings.Repeat("ab", 900))); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Take(llm.Delta{Retract: true, Text: strings.Repeat("ab", 900)}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Take(asText(strings.Repeat("ab", 200))); !errors.Is(err, ErrLoop) {
		t.Fatal(err)
	}
}

// BenchmarkLoops is what a token costs: honest text, and text with a period that never fills enough.
func BenchmarkLoops(b *testing.B) {
	var honest strings.Builder
	for seed := range uint64(50) {
		honest.WriteString(llmsim.Honest(seed) + "\n\n")
	}
	nearly := strings.Repeat(strings.Repeat("I am done. ", 150)+"Yet not quite! ", 30)
	for name, text := range map[string]string{"honest": honest.String(), "nearly": nearly, "letters": strings.Repeat(strings.Repeat("a", 399)+"b", 200)} {
		b.Run(name, func(b *testing.B) {
			tokens := llmsim.Tokens(text)
			for b.Loop() {
				var l Loops
				for _, tok := range tokens {
					if _, err := l.Take(asText(tok)); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(tokens)), "ns/token")
		})
	}
}

// TestResumedCodeIsCode: the fence in which an answer goes on may have begun long before.
func TestResumedCodeIsCode(t *testing.T) {
	var l Loops
	l.seed("```csv\n" + counting(3_000))
	if _, err := l.Take(asText(strings.Repeat("0, 0, 0, 0, 0, 0, 0, 0,\n", 150))); err != nil {
		t.Error(err)
	}
	l = Loops{} // somebody asked for a line many times, and then for more
	l.seed(strings.Repeat("I am done. ", 300) + counting(300))
	if _, err := l.Take(asText("I am done. ")); err != nil {
		t.Error(err)
	}
}

// TestContinueTakenOverIsNotStopped: a person saw the loop and asked for more; another process goes on.
func TestContinueTakenOverIsNotStopped(t *testing.T) {
	s := &scripted{owner: "vllm", steps: []step{writes(strings.Repeat("I am done. ", 400))}}
	from := Partial{Text: strings.Repeat("I am done. ", 100), Tokens: 300, Before: 200}
	out, _ := trial{shared: with(s, Hooks{}, slog.DiscardHandler), from: from}.write(t.Context())
	if out.Err != nil {
		t.Error(out.Err)
	}
}

// TestLoopInOneDelta: of a delta with a loop and a text behind it only what came until the loop was noticed is shown, and of that one period.
func TestLoopInOneDelta(t *testing.T) {
	for _, before := range []string{"", "Well: "} {
		var l Loops
		d, err := l.Take(asText(before + strings.Repeat("I am done. ", 5000) + "Bye"))
		if !errors.Is(err, ErrLoop) || len(d.Text) > 3*leastLoop || strings.TrimSpace(Once(d.Text)) != before+"I am done." {
			t.Errorf("%d bytes of it are left, %q, %v", len(d.Text), Once(d.Text), err)
		}
		l = Loops{}
		if d, err = l.Take(asThought(before + strings.Repeat("終わり。", 5000) + "Bye")); !errors.Is(err, errThoughtsLoop) || !strings.HasSuffix(d.Reasoning, "。") && !utf8.ValidString(d.Reasoning) || len(d.Reasoning) > 12*leastLoop {
			t.Errorf("%d bytes of thoughts are left, %v", len(d.Reasoning), err)
		}
	}
	s := &scripted{owner: "vllm", steps: []step{writes(strings.Repeat("I am done. ", 5000) + "Bye")}}
	out, _ := write(t.Context(), s, Hooks{})
	if !errors.Is(out.Err, ErrLoop) || len(out.Answer.Text) > 100 {
		t.Errorf("%d bytes, %v", len(out.Answer.Text), out.Err)
	}
}
