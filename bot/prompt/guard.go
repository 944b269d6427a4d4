package prompt

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"llmbot/bot/lines"
	"llmbot/llm"
)

// Joiner breaks what a tokenizer would take for a special token. It is invisible (U+2060 WORD
// JOINER) and stands behind the first character. An answer may repeat it, so whoever shows answers
// drops it.
const Joiner = "\u2060"

const (
	longestName = 80 // characters of a display name; Slack allows that many
	longestMark = 72 // bytes of a special token; the longest known have 40
)

// CleanName returns a display name that may stand before a colon: on one line, without invisible
// characters, and without a colon, an id or a mark of its own.
func CleanName(name string) string {
	if name == "" {
		return ""
	}
	name = llm.Printable(strings.Map(visibleRune, name), longestName)
	for before := ""; before != name; { // what is left may come together to what was to go
		before = name
		name = withoutMarks(strings.Join(strings.Fields(strings.Map(notColon, name)), " "))
	}
	if name == "" {
		return "somebody"
	}
	return name
}

// visibleRune drops characters that have no shape of their own, also those that scripts and emoji
// need (llm.Printable keeps them): two names must not differ in them alone.
func visibleRune(r rune) rune {
	if unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) {
		return -1
	}
	return r
}

// notColon drops what is a colon, or looks like one.
func notColon(r rune) rune {
	if strings.ContainsRune(":\uff1a\ufe55\ufe13\ua789\u2236\u02d0\u02f8\u205a", r) {
		return -1
	}
	return r
}

// ourMark is what only we write behind a name, with whatever follows it: brackets of any number and
// order would leave a part that reads as ours.
var ourMark = regexp.MustCompile(`(?is)[\s(]*\(\s*(?:a\s+bot|the\s+linked\s+one)\b.*`)

// withoutMarks returns a name without what only we say of one: that it is a bot's or the linked
// message's, and at its end whose it is. One that has such a mark in other shapes of its letters
// gets the usual shapes.
func withoutMarks(name string) string {
	plain := norm.NFKC.String(name)
	if ourMark.MatchString(plain) {
		return ourMark.ReplaceAllString(plain, "")
	}
	plain = strings.TrimRight(plain, " ()") // more brackets hide no id
	if open := strings.LastIndexByte(plain, '('); open >= 0 && isID(strings.TrimSpace(plain[open+1:])) {
		return strings.TrimRight(plain[:open], " (")
	}
	return name
}

// isID reports whether s could be an id of Slack's: capitals and digits, more than a word has.
func isID(s string) bool {
	const shortest = 6
	for _, r := range s {
		if (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return false
		}
	}
	return len(s) >= shortest && strings.ContainsAny(s, "0123456789")
}

// botMark is what stands behind the names of other bots.
const botMark = "(a bot)"

// Labels returns a function that returns what a turn begins with. A name that somebody else in the
// conversation has too, or that is a role's or the bot's own, gets its id. Names are the same if
// they look alike: in small letters, and in the usual shapes of them.
func Labels(turns []Turn, self string) func(Turn) string {
	type owner struct {
		by   string
		more bool
	}
	clean := map[string]string{} // a thread has few names and many turns
	plain := func(t Turn) string {
		name, known := clean[t.Name]
		if !known {
			name = CleanName(t.Name)
			clean[t.Name] = name
		}
		if t.Who == Other {
			return name + " " + botMark
		}
		return name
	}
	keys := map[string]string{}
	look := func(label string) string {
		key, known := keys[label]
		if !known {
			key = strings.ToLower(norm.NFKC.String(label))
			keys[label] = key
		}
		return key
	}
	owners := map[string]owner{}
	for _, t := range turns {
		if t.Who == Self || t.Name == "" {
			continue
		}
		key := look(plain(t))
		have, known := owners[key]
		owners[key] = owner{t.By, known && (have.more || have.by != t.By)}
	}
	self = look(CleanName(self))
	return func(t Turn) string {
		label := plain(t)
		low := look(label)
		by := llm.Printable(t.By, longestName)
		switch {
		case by == "" || !owners[low].more && low != self && !slices.Contains(roles(), low):
			return label
		case t.Who == Other:
			return strings.TrimSuffix(label, ")") + ", " + by + ")"
		}
		return label + " (" + by + ")"
	}
}

// roles returns the names that chat templates give to speakers, and what we call the bot to itself.
func roles() []string {
	return []string{"system", "assistant", "user", "developer", "tool", "human", "ai", "model", "you"}
}

// alone reports whether one person alone talks with the bot.
func alone(turns []Turn) bool {
	first := -1
	for i, t := range turns {
		switch {
		case t.Who == Self || t.Name == "" && t.By == "":
		case t.Who == Other:
			return false
		case first < 0:
			first = i
		case t.By != turns[first].By || t.By == "" && t.Name != turns[first].Name:
			return false
		}
	}
	return true
}

// guarded returns what a person or another bot wrote, in a form in which no line reads like our
// line above a file, or in place of files or messages that were left out. It makes such lines
// quotations, but in fenced code, and closes a fence that is left open: it would swallow whoever
// speaks next.
func guarded(text string) string {
	if !lines.Many(text) && !ourHead(text) && fenceOf(text) == "" {
		return text
	}
	var b strings.Builder
	fence := ""
	for i, line := range lines.Split(text) {
		if i > 0 {
			b.WriteByte('\n')
		}
		mark := fenceOf(line)
		switch {
		case fence != "":
			if strings.HasPrefix(mark, fence) && strings.Trim(strings.TrimSpace(line), mark[:1]) == "" {
				fence = ""
			}
		case mark != "":
			fence = mark
		case ourHead(line):
			b.WriteString("> ")
		}
		b.WriteString(line)
	}
	if fence != "" {
		b.WriteString("\n" + fence)
	}
	return b.String()
}

// margin stands before every line of a message but its first, so that only we begin a line with a
// name, and code keeps its shape.
const margin = "  "

// indented returns a text with the margin before all lines but the first. Empty lines stay empty.
func indented(text string) string {
	if !strings.Contains(text, "\n") {
		return text
	}
	var b strings.Builder
	b.Grow(len(text) + len(text)/16)
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			b.WriteByte('\n')
			if line != "" {
				b.WriteString(margin)
			}
		}
		b.WriteString(line)
	}
	return b.String()
}

// block reports whether a text begins with something that takes a line of its own: code, a table, a
// quotation, a heading.
func block(text string) bool {
	return fenceOf(text) != "" || strings.Contains(text, "\n") && strings.HasPrefix(text, "|") || strings.HasPrefix(text, "> ") || strings.HasPrefix(text, "# ")
}

// fenceOf returns the run of backticks or tildes that opens or closes a fence; empty: the line does
// neither.
func fenceOf(line string) string {
	line, _, _ = strings.Cut(line, "\n")
	inner := strings.TrimLeft(line, " ")
	if len(line)-len(inner) > 3 || inner == "" || inner[0] != '`' && inner[0] != '~' {
		return ""
	}
	n := len(inner) - len(strings.TrimLeft(inner, inner[:1]))
	if n < 3 || inner[0] == '`' && strings.Contains(inner[n:], "`") {
		return ""
	}
	return inner[:n]
}

// ourHead reports whether a line reads like our line above a file, a clip or a linked message, or
// in place of files or messages that were left out. Characters that nobody sees hide nothing.
func ourHead(line string) bool {
	low := strings.ToLower(strings.TrimFunc(line, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }))
	has := func(begin string) bool { return strings.HasPrefix(low, begin) }
	return has("(attached ") || has("(earlier messages") || has("(a linked message ") || has("(a further linked message ") ||
		has("(you cannot see ") || has("(of the pictures of this message ") || has(resultHead) || has(ranHead) || has(madeHead) || has(failedHead) && strings.HasSuffix(low, failedTail) ||
		(has("file ") || has("voice clip ") || has("linked message in ")) && strings.HasSuffix(low, ":")
}

// tokenBegins are the characters that special tokens begin with.
const tokenBegins = "<[]"

// broken returns a text in which no special token of a tokenizer is left. Tokenizers know neither
// fences nor backticks, so it breaks tokens in code, too.
func broken(text string) string {
	at := strings.IndexAny(text, tokenBegins)
	if at < 0 {
		return text
	}
	var b strings.Builder
	for ; at >= 0; at = strings.IndexAny(text, tokenBegins) {
		b.WriteString(text[:at+1])
		if special(text[at:min(len(text), at+longestMark)]) {
			b.WriteString(Joiner)
		}
		text = text[at+1:]
	}
	b.WriteString(text)
	return b.String()
}

// special reports whether a text begins with a special token of a known kind: <|im_end|>, <|turn>,
// <end|>, <｜User｜>, <s>, <start_of_turn>, <role>, <<SYS>>, [INST], [EOT], [|user|], ]~b] and their
// like. They are taken from tokenizer_config.json of Llama, Qwen, Mistral, Gemma, DeepSeek, GLM,
// gpt-oss, EXAONE, Seed, Cohere, MiniMax, StarCoder, InternLM, Kimi and Ling.
func special(s string) bool {
	if strings.HasPrefix(s, "]~b]") || strings.HasPrefix(s, "]~!b[") || strings.HasPrefix(s, "[e~[") {
		return true
	}
	switch s[0] {
	case ']':
		return false
	case '[':
		end := strings.IndexByte(s, ']')
		return end > 0 && (bracketMarks(strings.TrimPrefix(s[1:end], "/")) || barred(s[1:end]))
	}
	if strings.HasPrefix(s, "<<SYS>>") || strings.HasPrefix(s, "<</SYS>>") {
		return true
	}
	end := strings.IndexAny(s[1:], "<> \t\n")
	if end < 0 || s[1+end] != '>' {
		return false
	}
	inner := s[1 : 1+end]
	for _, bar := range []string{"|", "\uff5c"} {
		if len(inner) > len(bar) && (strings.HasPrefix(inner, bar) || strings.HasSuffix(inner, bar)) {
			return true
		}
	}
	return angleMarks(strings.TrimPrefix(inner, "/"))
}

// barred reports whether a name stands between bars, as EXAONE writes its roles.
func barred(name string) bool {
	name, begins := strings.CutPrefix(name, "|")
	name, ends := strings.CutSuffix(name, "|")
	return begins && ends && name != "" && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) })
}

func bracketMarks(name string) bool {
	switch name {
	case "INST", "SYSTEM_PROMPT", "AVAILABLE_TOOLS", "TOOL_CALLS", "TOOL_RESULTS", "TOOL_CONTENT", "CALL_ID", "ARGS", "THINK", "IMG", "IMG_BREAK", "IMG_END",
		"PREFIX", "MIDDLE", "SUFFIX", "AUDIO", "BEGIN_AUDIO", "TRANSCRIBE", "MODEL_SETTINGS", "gMASK", "MASK", "sMASK", "BOS", "EOS", "EOT", "PAD", "UNK":
		return true
	}
	number, unused := strings.CutPrefix(name, "UNUSED_TOKEN_")
	return unused && number != "" && strings.Trim(number, "0123456789") == ""
}

func angleMarks(name string) bool {
	switch name {
	case "s", "bos", "eos", "pad", "unk", "mask", "sop", "eop", "start_of_turn", "end_of_turn", "start_of_image", "end_of_image", "image_soft_token",
		"start_of_audio", "end_of_audio", "BOS_TOKEN", "EOS_TOKEN", "PAD_TOKEN", "UNK_TOKEN", "fim_prefix", "fim_middle", "fim_suffix", "fim_pad", "file_sep",
		"endoftext", "end_of_utterance", "longcat_s", "think", "tool_call", "tool_response", "tools", "image", "video", "audio", "role":
		return true
	}
	return strings.HasPrefix(name, "unused") || strings.HasPrefix(name, "seed:") || strings.HasPrefix(name, "extra_id_") || strings.HasPrefix(name, "reserved_") || strings.HasPrefix(name, "SPECIAL_")
}
