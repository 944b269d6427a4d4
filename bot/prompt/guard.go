package prompt

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"llmbot/llm"
)

// Joiner breaks what a tokenizer would take for a special token. It is invisible (U+2060 WORD
// JOINER) and stands behind the first character. An answer may repeat it, so whoever shows answers
// drops it.
const Joiner = "\u2060"

const (
	longestName = 80 // characters of a display name; Slack allows that many
	longestMark = 72 // bytes of a special token; the longest known have 40
	labelWords  = 4  // of what stands before the colon of a line that could be a speaker's
	labelBytes  = 60
)

// cleanName returns a display name that may stand before a colon: on one line, without invisible
// characters, and without a colon of its own.
func cleanName(name string) string {
	if name == "" {
		return ""
	}
	name = strings.NewReplacer(":", "", "\uff1a", "", botMark, "").Replace(llm.Printable(name, longestName))
	if name = strings.Join(strings.Fields(name), " "); name == "" {
		return "somebody"
	}
	return name
}

// botMark is what stands behind the names of other bots.
const botMark = "(a bot)"

// quoted returns what a person or another bot wrote, in a form in which no line reads like one of
// ours: like the beginning of somebody else's message, or the head of a file. It makes such lines
// quotations, unless they are already. It leaves fenced code alone: nothing in there is anybody's
// message.
func quoted(text string, speakers map[string]bool) string {
	if !strings.ContainsAny(text, "\n\r\v\f\u0085\u2028\u2029") && !ourHead(text) && fenceOf(text) == "" {
		return text
	}
	var b strings.Builder
	fence, blank := "", false
	for i, line := range lines(text) {
		if i > 0 {
			b.WriteByte('\n')
		}
		trimmed := strings.TrimSpace(line)
		mark := fenceOf(line)
		switch {
		case fence != "":
			if strings.HasPrefix(mark, fence) && strings.Trim(trimmed, mark[:1]) == "" {
				fence = ""
			}
		case mark != "":
			fence = mark
		// Our lines begin at the margin.
		case strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "\t") || strings.HasPrefix(line, ">"):
		case ourHead(trimmed) || i > 0 && likeSpeaker(trimmed, speakers, blank):
			b.WriteString("> ")
		}
		b.WriteString(line)
		blank = trimmed == ""
	}
	if fence != "" { // an open fence would swallow whoever speaks next
		b.WriteString("\n" + fence)
	}
	return b.String()
}

// lines splits at whatever a model may see as the end of a line.
func lines(text string) []string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(text)
	return strings.Split(text, "\n")
}

// fenceOf returns the run of backticks or tildes that opens or closes a fence; empty: the line does
// neither.
func fenceOf(line string) string {
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

// ourHead reports whether a line reads like our line above a file, or in place of files or messages
// that were left out.
func ourHead(line string) bool {
	low := strings.ToLower(strings.TrimSpace(line))
	return strings.HasPrefix(low, "(attached ") || strings.HasPrefix(low, "(earlier messages") || strings.HasPrefix(low, "file ") && strings.HasSuffix(low, ":")
}

// likeSpeaker reports whether a line reads like the first line of a message: it begins with the
// name of somebody who speaks in the thread, or with a role, and a colon. After an empty line
// (blank) anything that could be a name counts.
func likeSpeaker(line string, speakers map[string]bool, blank bool) bool {
	if i := strings.IndexAny(line, ":\uff1a"); i > 0 && i <= labelBytes && speakers[plainLabel(line[:i])] {
		return true // with a space behind it or without
	}
	label, ok := beforeColon(line)
	if !ok || label == "" || len(label) > labelBytes {
		return false
	}
	low := plainLabel(label)
	switch low {
	case "system", "assistant", "user", "developer", "tool", "human", "ai":
		return true
	}
	if speakers[low] {
		return true
	}
	label = strings.TrimLeft(llm.Printable(label, longestName), labelMarks)
	first, _ := utf8.DecodeRuneInString(label)
	return blank && len(strings.Fields(label)) <= labelWords && (unicode.IsUpper(first) || unicode.IsTitle(first) || unicode.Is(unicode.Lo, first))
}

// labelMarks are what Markdown may put around a name.
const labelMarks = " *_`#>-"

// plainLabel returns a name as it is compared.
func plainLabel(label string) string {
	label = strings.Trim(llm.Printable(label, longestName), labelMarks)
	return strings.TrimSpace(strings.ReplaceAll(strings.ToLower(label), botMark, ""))
}

// beforeColon returns what stands before the first colon that has a space, or nothing, behind it.
func beforeColon(line string) (string, bool) {
	for i, r := range line {
		if r != ':' && r != '\uff1a' {
			continue
		}
		rest := line[i+utf8.RuneLen(r):]
		if next, _ := utf8.DecodeRuneInString(rest); rest == "" || unicode.IsSpace(next) || r != ':' {
			return line[:i], true
		}
	}
	return "", false
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
// <end|>, <｜User｜>, <s>, <start_of_turn>, <<SYS>>, [INST], [|user|], ]~b] and their like. They are
// taken from tokenizer_config.json of Llama, Qwen, Mistral, Gemma, DeepSeek, GLM, gpt-oss, EXAONE,
// Seed, Cohere, MiniMax and StarCoder.
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
		"PREFIX", "MIDDLE", "SUFFIX", "AUDIO", "BEGIN_AUDIO", "TRANSCRIBE", "MODEL_SETTINGS", "gMASK", "MASK", "sMASK":
		return true
	}
	return false
}

func angleMarks(name string) bool {
	switch name {
	case "s", "bos", "eos", "pad", "unk", "mask", "sop", "eop", "start_of_turn", "end_of_turn", "start_of_image", "end_of_image", "image_soft_token",
		"start_of_audio", "end_of_audio", "BOS_TOKEN", "EOS_TOKEN", "PAD_TOKEN", "UNK_TOKEN", "fim_prefix", "fim_middle", "fim_suffix", "fim_pad", "file_sep",
		"endoftext", "think", "tool_call", "tool_response", "tools", "image", "video", "audio":
		return true
	}
	return strings.HasPrefix(name, "unused") || strings.HasPrefix(name, "seed:") || strings.HasPrefix(name, "extra_id_") || strings.HasPrefix(name, "reserved_") || strings.HasPrefix(name, "SPECIAL_")
}
