// Package prompt turns a Slack thread into the messages of one model request. It is pure: values
// in, values out.
//
// # Promises
//
//   - The roles alternate: system, then user and assistant in turn, the last one user. Strict chat
//     templates demand that.
//   - The same thread gives the same bytes, so that the server's prefix cache holds from turn to
//     turn.
//   - Nobody speaks for others. Only we begin a line with a name: every further line of a message
//     has a margin, but where one person alone talks with the bot in a direct message. A name that
//     somebody else has too gets its id. In what people and other bots write, no line reads like
//     the head of a file, and no special token of a tokenizer is left.
//   - The bot's own answers stay as they were, byte for byte, but for space around them.
//   - When the thread is too long for the window, whole old turns leave, in big steps, and never
//     the newest.
package prompt

import (
	"slices"
	"strings"
	"time"

	"llmbot/bot/lines"
	"llmbot/llm"
)

// Speaker is who wrote a turn, as the model sees it.
type Speaker int

// The speakers.
const (
	Person Speaker = iota // a human: user role, with the name in front
	Other                 // another bot or app: a third party in the user role, never the assistant
	Self                  // this bot: assistant role, the exact Markdown it wrote
)

// Turn is one message of the thread.
type Turn struct {
	ID     string // of the message, so that the caller finds it again
	Who    Speaker
	Name   string // display name; not used for Self
	By     string // id of who speaks, to tell people of one name apart; empty: not known
	Text   string // unescaped, mentions as names
	Files  string // what stands for the attached files, with heads of ours; follows Text
	Images []llm.Image
}

// Input is all that a prompt depends on.
type Input struct {
	System  string    // the operator's system prompt
	Bot     string    // the bot's display name; empty: not told
	Channel string    // name without #; empty: a direct message
	Date    time.Time // only the day is used: the prefix must not change within it
	Turns   []Turn    // oldest first; the last is what is asked
	// First is how many of the oldest turns have left before and stay away: the beginning must not
	// move back and forth.
	First  int
	Budget int     // tokens that the prompt may take; 0: no limit known, mostTokens
	Ratio  float64 // bytes of text in a token, measured; 0: BytesPerToken
	Tools  bool    // the model may call tools: it is told what their results are
}

// Output is the prompt and what it cost.
type Output struct {
	Messages []llm.Message
	LeftOut  int // turns that had to leave
	Tokens   int // estimated
}

const (
	// BytesPerToken is the first estimate, before the server's usage has taught a better one. English
	// prose has about 4 bytes in a token, code and other languages less (facts/vllm.md §3 shows 3 to
	// 4). A value that is too low costs an old turn; one that is too high, a refused request.
	BytesPerToken = 3.0
	// overhead is what a chat template adds to a message: role, begin and end marks.
	overhead = 8
	// mostTokens is the budget when nobody knows the window: no model that people run themselves reads
	// more.
	mostTokens = 1_000_000
	// steps is the number of steps into which the window is cut. Old turns leave a whole step at a
	// time: that makes room for many more turns, and the prefix stays as it is meanwhile.
	steps = 3
)

// Build makes the prompt.
func Build(in Input) Output {
	system := systemText(in)
	first := min(max(in.First, 0), max(len(in.Turns)-1, 0))
	costs := make([]int, len(in.Turns)-first)
	total := Estimate(system, in.Ratio)
	most := in.Budget
	if most <= 0 {
		most = mostTokens
	}
	line := lineOf(in)
	texts := make([]string, len(costs))
	for i, t := range slices.Backward(in.Turns[first:]) {
		if total > most && i < len(costs)-1 { // it leaves: a thread may be far longer than any window
			costs[i] = estimate(t.size(), in.Ratio)
		} else {
			texts[i] = line(t)
			costs[i] = Estimate(texts[i], in.Ratio)
		}
		total += costs[i]
	}
	if total > most {
		gone := cut(costs, total-most, max(most/steps, 1))
		first, texts = first+gone, texts[gone:]
	}
	out := Output{LeftOut: first}
	out.Messages = append(out.Messages, llm.Message{Role: llm.RoleSystem})
	parts := [][]string{{system}}
	for i, t := range in.Turns[first:] {
		parts = out.add(parts, t, texts[i])
	}
	for i := range out.Messages {
		out.Messages[i].Content = strings.Join(parts[i], "\n\n")
		out.Tokens += Estimate(out.Messages[i].Content, in.Ratio)
	}
	return out
}

// size returns about how many bytes a turn takes in the prompt.
func (t Turn) size() int { return len(t.Name) + len(t.Text) + len(t.Files) }

// Estimate returns about how many tokens a message of this text takes. A measured ratio (bytes per
// token) includes the template's own tokens; without one (0) Estimate adds them.
func Estimate(text string, ratio float64) int { return estimate(len(text), ratio) }

func estimate(size int, ratio float64) int {
	if ratio <= 0 {
		return int(float64(size)/BytesPerToken) + overhead
	}
	return int(float64(size)/ratio) + 1
}

// cut returns how many of the oldest turns leave so that at least over tokens go. It rounds over up
// to a multiple of step, so that the next turns find the same beginning for long. The newest turn
// always stays.
func cut(costs []int, over, step int) int {
	goal := (over + step - 1) / step * step
	gone, first := 0, 0
	for first < len(costs)-1 && gone < goal {
		gone += costs[first]
		first++
	}
	return first
}

// add appends a turn. Turns of the same role that follow each other become one message, and parts
// are the texts of which the messages are made.
func (out *Output) add(parts [][]string, t Turn, text string) [][]string {
	role := llm.RoleUser
	if t.Who == Self {
		role = llm.RoleAssistant
	}
	last := &out.Messages[len(out.Messages)-1]
	switch {
	case last.Role == role:
		parts[len(parts)-1] = append(parts[len(parts)-1], text)
		last.Images = append(last.Images, t.Images...)
	case last.Role == llm.RoleSystem && role == llm.RoleAssistant:
		// Strict templates want a user message first: what the answer answered has left.
		out.Messages = append(out.Messages, llm.Message{Role: llm.RoleUser}, llm.Message{Role: role})
		parts = append(parts, []string{"(earlier messages)"}, []string{text})
	default:
		out.Messages = append(out.Messages, llm.Message{Role: role, Images: t.Images})
		parts = append(parts, []string{text})
	}
	return parts
}

// lineOf returns a function that writes a turn of this thread.
func lineOf(in Input) func(Turn) string {
	label, flat := Labels(in.Turns, in.Bot), in.Channel == "" && alone(in.Turns)
	return func(t Turn) string {
		if t.Who == Self {
			return strings.TrimSpace(t.Text)
		}
		text := guarded(strings.TrimSpace(t.Text))
		if files := strings.TrimSpace(t.Files); files != "" {
			text = strings.TrimSpace(text + "\n\n" + lines.OneEnd(files))
		}
		if t.Name != "" {
			text = named(label(t), text)
		}
		if !flat {
			text = indented(text)
		}
		return broken(text)
	}
}

// named returns what somebody says behind their label.
func named(label, text string) string {
	if block(text) {
		return label + ":\n" + text
	}
	return label + ": " + text
}

// Spoken returns what somebody says elsewhere, for a quotation: behind their label, with a margin
// before every further line, and without lines that read like ours, as in the prompt itself.
func Spoken(label, text string) string {
	return indented(named(label, guarded(strings.TrimSpace(text))))
}

func systemText(in Input) string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(in.System))
	if b.Len() > 0 {
		b.WriteString("\n\n")
	}
	b.WriteString("You are answering in a Slack ")
	if in.Channel == "" {
		b.WriteString("direct message")
	} else {
		b.WriteString("thread in the channel #" + broken(CleanName(in.Channel)))
	}
	if in.Bot != "" {
		b.WriteString("; your name there is " + broken(CleanName(in.Bot)))
	}
	b.WriteString(". Messages of people begin with their name; do not begin yours with a name. Write Markdown.")
	if in.Tools {
		b.WriteString(" " + toolsText)
	}
	if !in.Date.IsZero() {
		b.WriteString(" Today is " + in.Date.Format("Monday, 2 January 2006") + ".")
	}
	return b.String()
}
