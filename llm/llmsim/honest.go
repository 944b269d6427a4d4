package llmsim

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Honest returns an answer in which nothing is wrong, though some of it looks as if: tables of many
// equal cells, code of many equal lines, in fences, indented or without either, data on one line,
// lists, poems with refrains, logs, drawings, talk about tags and operators. The same seed gives
// the same answer.
func Honest(seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 15))
	kinds := []func(*rand.Rand) string{
		honestTable, honestWideTable, honestCode, honestData, honestList, honestPoem, honestLog, honestDrawing, honestTalk, honestProse,
		honestIndented, honestRows, honestJSON, honestTags, honestTokens, honestBoard, honestSpans,
	}
	var parts []string
	for range 1 + r.IntN(5) {
		parts = append(parts, kinds[r.IntN(len(kinds))](r))
	}
	return strings.Join(parts, "\n\n")
}

func honestTable(r *rand.Rand) string {
	var b strings.Builder
	columns := 2 + r.IntN(6)
	b.WriteString("|" + strings.Repeat(" name |", columns) + "\n|" + strings.Repeat("---|", columns) + "\n")
	for range 3 + r.IntN(60) { // rows that are all alike
		b.WriteString("|" + strings.Repeat(" 0 |", columns) + "\n")
	}
	return b.String()
}

func honestWideTable(r *rand.Rand) string {
	wide := 20 + r.IntN(3000)
	return fmt.Sprintf("| id | text%s |\n|----|%s|\n| %d | x%s |\n", strings.Repeat(" ", wide), strings.Repeat("-", wide), r.IntN(99), strings.Repeat(" ", wide))
}

func honestCode(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString("```go\nfunc main() {\n")
	for i := range 2 + r.IntN(80) {
		switch r.IntN(4) {
		case 0:
			fmt.Fprintf(&b, "\tif x <| y[%d] { return \"<|im_end|>\" }\n", i)
		case 1:
			b.WriteString("\t}\n")
		default:
			b.WriteString("\tfmt.Println()\n")
		}
	}
	return b.String() + "}\n```"
}

func honestData(r *rand.Rand) string {
	row := strings.Repeat("0, ", 4+r.IntN(16))
	return "```python\nzeros = [\n" + strings.Repeat("    "+row+"\n", 4+r.IntN(150)) + "]\nkey = \"" + strings.Repeat("A", r.IntN(4000)) + "\"\n```"
}

// honestIndented returns code by indentation, in which some speak of the tokens of models.
func honestIndented(r *rand.Rand) string {
	margin := []string{"    ", "\t", "      "}[r.IntN(3)]
	line := []string{"0, 0, 0, 0, 0, 0, 0, 0,", "print(not done yet)", "<think>x</think>", "<reason>out of stock</reason>", "return \"<|im_end|>\""}[r.IntN(5)]
	return "So:\n\n" + strings.Repeat(margin+line+"\n", 4+r.IntN(150)) + "\nThat is all."
}

// honestRows returns data that nothing marks as such.
func honestRows(r *rand.Rand) string {
	row := []string{
		"0,0,0,0,0,0", "NaN,NaN,NaN", `"N/A","N/A"`, "0,0;0,0;0,0", "not set\tnot set", "0 0 0 0 0 0 0 0", "none | none | none", "not set,not set",
		`{"msg":"not found","n":0}`, "<row><cell>not set</cell></row>", "x: 0", "[0, 0, 0, 0]",
	}[r.IntN(12)]
	return "The rows:\n\n" + strings.Repeat(row+"\n", 4+r.IntN(150))
}

// honestJSON returns JSON without a fence, on one line or on many.
func honestJSON(r *rand.Rand) string {
	item := []string{"0,", "null, ", `"",`, "[0,0,0],", `{"msg": "not set yet"}, `, `"not set",`}[r.IntN(6)]
	if n := 10 + r.IntN(15_000/len(item)); r.IntN(2) == 0 {
		return `{"data":[` + strings.Repeat(item, n) + "1]}"
	}
	if r.IntN(2) == 0 {
		return `{"key":"` + strings.Repeat("A", r.IntN(15_000)) + `"}`
	}
	return "[\n" + strings.Repeat("  {\n    \"msg\": \"not set yet\",\n    \"n\": 0\n  },\n", 1+r.IntN(38)) + "  1\n]"
}

// honestTags returns documents whose tags are those of thoughts and calls elsewhere.
func honestTags(r *rand.Rand) string {
	name := []string{"reason", "thought", "reasoning", "think", "thinking", "function"}[r.IntN(6)]
	return fmt.Sprintf("The form is:\n\n<answer>\n  <%s>%s</%[1]s>\n  <%[1]s lang=\"en\">%s</%[1]s>\n</answer>\n\nA cat says <|o_o|> or <|^_^|>, and %[3]s.", name, word(r), word(r))
}

// honestTokens returns prose about the tokens of models that has no backticks.
func honestTokens(r *rand.Rand) string {
	tag := []string{"<tool_call>", "[TOOL_CALLS]", "<function_call>", "[TOOL_REQUEST]"}[r.IntN(4)]
	return fmt.Sprintf([]string{
		"Hermes marks a call with %s.\n\nThen it writes JSON (a name and its arguments), which %s.",
		"Some models write %s:\n\nWhat follows is a list, and %s.",
		"The call stands between %s tags\nand %s.",
		"There is a %s form\nwith a name before the [arguments], as %s.",
		"Which is better, %s (or another token) or {none}? It %s.",
		"%s is a token, and what follows it %s.",
		"It is written as %sname(arguments) here and there, and %s.",
		"| Token | Note |\n|---|---|\n| %s | %s |",
		"- %s\n- [INST] and more, which %s",
		"In %s and </tool_call> tags it %s.",
	}[r.IntN(10)], tag, word(r))
}

func honestList(r *rand.Rand) string {
	var b strings.Builder
	for i := range 5 + r.IntN(80) {
		fmt.Fprintf(&b, "%d. Restart the service, then look at its log.\n", i+1)
	}
	return b.String()
}

func honestPoem(r *rand.Rand) string {
	var b strings.Builder
	for i := range 3 + r.IntN(12) {
		fmt.Fprintf(&b, "The wind goes %s, the wind goes round,\n%s and never a sound.\n\nRow, row, row,\nrow, row, row.\n\n", word(r), word(r))
		if i%3 == 0 {
			b.WriteString(strings.Repeat("La ", 20+r.IntN(40)) + "\n\n")
		}
	}
	return b.String()
}

func honestLog(r *rand.Rand) string {
	var b strings.Builder
	for i := range 20 + r.IntN(100) {
		fmt.Fprintf(&b, "2026-11-30T12:%02d:%02d level=info msg=\"retry\" attempt=%d host=<%s>\n", i/60, i%60, i, word(r))
	}
	return b.String()
}

func honestDrawing(r *rand.Rand) string {
	wide := 5 + r.IntN(60)
	line := "+" + strings.Repeat("-", wide) + "+\n"
	return "```\n" + line + strings.Repeat("|"+strings.Repeat(" ", wide)+"|\n", 2+r.IntN(30)) + line + "```"
}

// honestSpans returns code in backticks that goes across line ends, and what is struck out in HTML.
func honestSpans(r *rand.Rand) string {
	token := []string{"<|im_end|>", "<think>", "</think>", "<tool_call>", "[TOOL_CALLS]", "<s>", "<bos>", "assistantfinal"}[r.IntN(8)]
	return fmt.Sprintf([]string{
		"It ends with `%s\n%s` and %[1]s.",
		"> It ends with `%s\n> %s`.",
		"- It ends with ``a ` %s\n  %s`` here.",
		"1. Run `git log\n   --grep=%[2]s`, which %[1]s.",
		"Run `git log\n--grep=%[2]s\n*%[1]s* |x` then.",
		"<s>%[1]s</s> it costs <s>5</s>",
		"In F# [|%[1]s|] and [|user|] are arrays.",
		"~~~~ md\n```\n%[2]s\n```\n%[2]s %[1]s\n~~~~\nSo.",
	}[r.IntN(8)], word(r), token)
}

// honestBoard returns drawings and rows that stand in no fence: boards, grids of emoji, crontabs, logs.
func honestBoard(r *rand.Rand) string {
	wide := 3 + r.IntN(48)
	rows := []string{
		strings.Repeat("🟩", wide) + "\n", strings.Repeat("♜ ", wide) + "\n", strings.Repeat("░", wide) + "\n", strings.Repeat("├──", wide) + "┤\n",
		strings.Repeat("+---", wide) + "+\n" + strings.Repeat("|   ", wide) + "|\n", strings.Repeat("+", wide) + "\n",
		"* * * * * /usr/bin/backup --all --quiet --and-then-some\n", "GET /health 200\n", "12:00:01 INFO the service is up\n", "level=info msg=ok\n",
	}
	return "So:\n\n" + strings.Repeat(rows[r.IntN(len(rows))], 4+r.IntN(90))
}

func honestTalk(r *rand.Rand) string {
	lines := []string{
		"Use `<think>x</think>` here, and `<|im_end|>` there.", "In F# `f <| x` is `f x`, and x <| y too; a <b> c and i < j.",
		"See [T](https://example.com/a) and [TODO] or [x], [INFO] and [1].", "The HTML `<s>old</s>` strikes out; <s>this</s> too.",
		"``` is a fence, and ` alone is a backtick.", "An array `a[i]` with a[i] < a[j] || a[j] <= 0.", "Press the ` key, then <Enter>.",
		"A generic List<String> and Map<K, V>, std::vector<int> and <div class=\"x\">.", "~~gone~~ and ~3 days; a | b | c.", "The set {x | x < 3} [sic].",
	}
	var b strings.Builder
	for range 2 + r.IntN(12) {
		b.WriteString(lines[r.IntN(len(lines))] + "\n\n")
	}
	return b.String()
}

func honestProse(r *rand.Rand) string {
	var b strings.Builder
	for range 20 + r.IntN(300) {
		b.WriteString(word(r) + " ")
		if r.IntN(12) == 0 {
			b.WriteString("— “quoted” 漢字、かな。😀 ")
		}
	}
	return b.String()
}

func word(r *rand.Rand) string {
	words := strings.Fields("it works best when each part is small and can be tested on its own then the whole holds up under load too so measure first")
	return words[r.IntN(len(words))]
}
